"""What every page has in common: who asks, in which language, what is refused, and how an answer is made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from homecall.contract.types import ZONE
from homecall.gateways.offers.port import Offers
from homecall.runtime.clock import Clock
from homecall.runtime.encryption import Vault
from homecall.runtime.failures import Transient
from homecall.runtime.logs import log
from homecall.standard.clinics import Clinics
from homecall.standard.rules import RuleSets
from homecall.texts.documents import PageLanguage
from services.desk import metrics
from services.desk.domain.roles import Right, User
from services.desk.live import Live, now_ms
from services.desk.oidc import Provider
from services.desk.outbox import Outbox
from services.desk.sessions import COOKIE, SHIFT, Session, Sessions, user_of_claims
from services.desk.store.stores import Stores
from services.desk.users import Users
from services.desk.web import words

LANGUAGE_COOKIE: Final = "homecall_language"
LARGEST_FORM: Final = 256 * 1024
MOST_FIELDS: Final = 2_000
FORM_SECONDS: Final = 20.0
"""How long a browser may take to send a form: a connection that trickles is given up."""
_HERE: Final = Path(__file__).parent
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'{tiles}; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


@cache
def _templates() -> Environment:
    """The templates, compiled once for a process."""
    found = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(words.FILTERS)
    return found


@dataclass
class Site:
    """What the pages are made from."""

    stores: Stores
    outbox: Outbox
    live: Live
    users: Users
    sessions: Sessions
    clinics: Clinics
    rule_sets: RuleSets
    clock: Clock
    vault: Vault
    tiles: str | None = None
    """The address of a tile server, with {z}, {x} and {y}; None: maps have no background."""
    demo: bool = False
    """Whether links sign in: in the demo only."""
    oidc: Provider | None = None
    proxies: int = 0
    """How many proxies of the operator stand in front: each adds the address it was asked from to a header."""
    sms_statuses: Collection[str] = ()
    """The statuses of which patients get an SMS; none where the notifier sends none."""
    offers: Offers | None = None
    """Who says which windows a call could have; None: none are offered."""
    cache: dict[str, Any] = field(default_factory=dict)
    """What pages keep between requests: see each."""

    def __post_init__(self) -> None:
        self._templates = _templates()
        tiles = "" if self.tiles is None else f" {'/'.join(self.tiles.split('/')[:3])}"
        self.policy = _POLICY.format(tiles=tiles)

    async def close(self) -> None:
        """End what is kept open to others."""
        if self.offers is not None:
            await self.offers.close()

    def render(self, template: str, visitor: Visitor | None, language: PageLanguage, **values: Any) -> str:
        """A template as text."""
        words_of = words.Words(language)
        template_of = self._templates.get_template(template)
        return template_of.render(
            t=words_of.say,
            coded=words_of.coded,
            clause=words_of.clause,
            lang=language,
            visitor=visitor,
            user=visitor.user if visitor else None,
            csrf=self.sessions.form_token(visitor.session) if visitor else "",
            speed=self.clock.speed,
            now_ms=int(self.clock.now().timestamp() * 1000),
            drawn_ms=now_ms(),
            demo=self.demo,
            **values,
        )


@dataclass(frozen=True)
class Visitor:
    """Who asks for a page."""

    user: User
    session: Session
    language: PageLanguage
    zone: ZoneInfo
    now: datetime

    @property
    def today(self) -> date:
        """The day by the clinic's clock."""
        return self.now.astimezone(self.zone).date()

    @property
    def clinic_id(self) -> str:
        """The user's clinic; empty for who looks at all."""
        return self.user.clinic_id or ""


class Refuse(Exception):
    """An answer other than the page: a status and what to say."""

    def __init__(self, status: int, key: str, **values: str) -> None:
        super().__init__(key)
        self.status = status
        self.key = key
        self.values = values


class RefuseFields(Refuse):
    """What is wrong with a small form on a page: by field, the kind of the error. It is said in words."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(422, "field_missing")
        self.fields = dict(fields)


Form = dict[str, list[str]]
Handler = Callable[[Site, Request, Visitor, Form], Awaitable[Response]]


@dataclass(frozen=True)
class Page:
    """An address. ``right``: what the user must have the right to; None: to be signed in is enough."""

    path: str
    name: str
    right: Right | None
    handler: Handler
    method: str = "GET"


def page_of(site: Site, page: Page) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of a page: session, rights and form token first, then the page, and every error as a page too."""

    async def endpoint(request: Request) -> Response:
        started = time.perf_counter()
        response = await _answer(site, page, request)
        metrics.PAGE_SECONDS.labels(page.name).observe(time.perf_counter() - started)
        if response.status_code >= 500:
            metrics.ERRORS.labels(page.name).inc()
        return guarded(site, response)

    return endpoint


async def _answer(site: Site, page: Page, request: Request) -> Response:
    visitor = visitor_of(site, request)
    if visitor is None:
        return sign_in_first(site, request)
    form: Form = {}
    try:
        form = await _admitted(site, page, request, visitor)
        return await page.handler(site, request, visitor, form)
    except Refuse as refusal:
        return error_page(site, request, visitor, refusal, form)
    except Transient as error:
        log("desk").warning("dependency unavailable, page not answered", page=page.name, reason=str(error))
        return error_page(site, request, visitor, Refuse(503, "database_away"), form)
    except ClientDisconnect:
        return Response(status_code=400)
    except Exception as error:
        log("desk").error("page failed", page=page.name, error=type(error).__name__, exc_info=error)
        return error_page(site, request, visitor, Refuse(500, "our_fault"))


async def _admitted(site: Site, page: Page, request: Request, visitor: Visitor) -> Form:
    """The fields that were sent. Raises ``Refuse`` where the user may not, or the form is none of this session."""
    if page.right is not None and not visitor.user.may(page.right):
        raise Refuse(403, "not_your_role")
    if page.method != "POST":
        return {}
    form = await form_of(request)
    check_form(site, visitor.session, request, form)
    return form


def visitor_of(site: Site, request: Request) -> Visitor | None:
    """Who asks, by the session's cookie; None where nobody is signed in, or the user is no more among the users."""
    now = site.clock.now()
    session = site.sessions.read(request.cookies.get(COOKIE, ""), datetime.now().astimezone())
    user = None if session is None else _user_of(site, session)
    if session is None or user is None:
        return None
    zone = site.clinics.zone(user.clinic_id) if user.clinic_id else ZONE
    return Visitor(user, session, language_of(request), zone, now)


def still(site: Site, visitor: Visitor) -> bool:
    """Whether the visitor's session and user are as they were: cheap, for streams that last."""
    return _user_of(site, visitor.session) == visitor.user


def _user_of(site: Site, session: Session) -> User | None:
    """The user of a session: of the file, as it has them now, or of the provider, as it said at the login."""
    if session.nonce in site.stores.signed_in.ended:
        return None
    if session.claims:
        return user_of_claims(session.name, session.claims, site.oidc.issuer) if site.oidc else None
    return site.users.get(session.name)


def language_of(request: Request) -> PageLanguage:
    """The language that the browser's user chose; Russian else."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "ru")
    return cast(PageLanguage, chosen if chosen in ("kk", "ru", "en") else "ru")


async def form_of(request: Request) -> Form:
    """The fields of a form. Raises ``Refuse`` where it is too large, or of another kind."""
    kind = request.headers.get("content-type", "").split(";")[0].strip()
    if kind not in ("application/x-www-form-urlencoded", ""):
        raise Refuse(415, "form_of_another_kind")
    try:
        async with asyncio.timeout(FORM_SECONDS):
            body = await _body(request)
    except TimeoutError:
        raise Refuse(408, "form_too_slow") from None
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except (ValueError, UnicodeDecodeError):
        raise Refuse(400, "form_unreadable") from None


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_FORM:
            raise Refuse(413, "form_too_large")
        parts.append(part)
    return b"".join(parts)


def check_form(site: Site, session: Session, request: Request, form: Form) -> None:
    """Raises ``Refuse`` for a form that was not drawn in this session, or that another site sends."""
    if not same_site(request) or not site.sessions.is_form_token(session, (form.get("csrf") or [""])[0]):
        raise Refuse(403, "form_of_another_session")


def same_site(request: Request) -> bool:
    """Whether a request comes from our own pages, as far as the browser says.

    All browsers of today say it in ``Sec-Fetch-Site``, which no page can set; an older one in ``Origin``.
    """
    said = request.headers.get("sec-fetch-site")
    if said is not None:
        return said in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def sign_in_first(site: Site, request: Request) -> Response:
    """Where nobody is signed in: to the login, and from there back to a page that was asked for."""
    if wants_part(request):
        return guarded(site, Response(status_code=401))
    # Not with what was searched for: a phone or a name would stand in one more address.
    query = urlencode([(name, value) for name, value in request.query_params.multi_items() if name != "q"])
    back = request.scope["path"] + (f"?{query}" if query else "") if request.method == "GET" else "/"
    target = "/login" if back == "/" else f"/login?next={quote(back, safe='/')}"
    return guarded(site, RedirectResponse(target, 303))


def wants_part(request: Request) -> bool:
    """Whether a script asks, which takes a part of a page or a status rather than a page."""
    return "x-part" in request.headers


def error_page(
    site: Site, request: Request, visitor: Visitor | None, refusal: Refuse, again: Form | None = None
) -> Response:
    """A page that says what is wrong, and what to do. ``again``: a form of ours, to be sent once more as typed."""
    language = visitor.language if visitor else language_of(request)
    said = words.Words(language)
    values = refusal.values | ({"fields": said.fields(refusal.fields)} if isinstance(refusal, RefuseFields) else {})
    message = said.say(refusal.key, **values)
    if wants_part(request):
        return HTMLResponse(message, refusal.status)
    text = site.render(
        "error.html",
        visitor,
        language,
        status=refusal.status,
        message=message,
        path=request.url.path,
        again=[(name, value) for name, found in (again or {}).items() for value in found if name != "csrf"],
    )
    return HTMLResponse(text, refusal.status)


def html(site: Site, visitor: Visitor, template: str, *, status: int = 200, **values: Any) -> Response:
    """A page for this visitor."""
    return HTMLResponse(site.render(template, visitor, visitor.language, **values), status)


def as_typed(values: Form, wrong: Mapping[str, str] | None, status: int) -> dict[str, Any]:
    """What a page with a form shows: what was typed, the fields that are wrong, and whether the database is away."""
    return {
        "values": values,
        "value": lambda name: (values.get(name) or [""])[0],
        "wrong": wrong or {},
        "away": status == 503,
    }


_GUARDS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(self)",
}


def guarded(site: Site, response: Response) -> Response:
    """The response with the headers that keep what is in it to this browser and this site."""
    response.headers.setdefault("Content-Security-Policy", site.policy)
    response.headers.setdefault("Cache-Control", "no-store")
    for name, value in _GUARDS.items():
        response.headers[name] = value
    return response


def set_session(response: Response, cookie: str) -> None:
    """Give the browser the cookie of a session."""
    response.set_cookie(
        COOKIE, cookie, max_age=int(SHIFT.total_seconds()), path="/", secure=True, httponly=True, samesite="lax"
    )
