"""Signing in through an OpenID Connect provider: to it and back. ``state`` and ``nonce`` are bound to the browser."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from homecall.runtime.failures import Transient
from homecall.runtime.logs import log
from services.desk import metrics
from services.desk.oidc import NotSignedIn, Provider, ProviderAway, SignedIn
from services.desk.sessions import SHIFT, claims_of, random_text
from services.desk.web.entry import back_to
from services.desk.web.login import login_page
from services.desk.web.site import Refuse, Site, error_page, guarded, set_session, visitor_of

COOKIE: Final = "homecall_oidc"
_KIND: Final = "oidc"
_PATH: Final = "/login/oidc"
_MINUTES: Final = 10
WITHOUT_REFRESH: Final = timedelta(hours=1)
"""How long a session lasts whose user the provider cannot be asked about again."""


async def begin(site: Site, request: Request) -> Response:
    """To the provider. What ties its answer to this browser goes along in a cookie."""
    target = back_to(request.query_params.get("next", "/"))
    if visitor_of(site, request) is not None:
        return guarded(site, RedirectResponse(target, 303))
    if site.oidc is None:
        return guarded(site, error_page(site, request, None, Refuse(404, "no_such_page")))
    kept = {"state": random_text(), "nonce": random_text(), "verifier": random_text() + random_text()}
    try:
        address = await site.oidc.address(state=kept["state"], nonce=kept["nonce"], verifier=kept["verifier"])
    except ProviderAway as error:
        return _away(site, request, target, error)
    response = RedirectResponse(address, 303)
    cookie = site.sessions.signed(_KIND, {**kept, "next": target}, _now())
    response.set_cookie(COOKIE, cookie, max_age=_MINUTES * 60, path=_PATH, secure=True, httponly=True, samesite="lax")
    return guarded(site, response)


async def callback(site: Site, request: Request) -> Response:
    """What the provider answers. Each login is finished once: its cookie goes, whatever comes of it."""
    response = await _finished(site, request)
    response.delete_cookie(COOKIE, path=_PATH, secure=True, httponly=True, samesite="lax")
    return guarded(site, response)


async def _finished(site: Site, request: Request) -> Response:
    kept = site.sessions.content(_KIND, request.cookies.get(COOKIE, ""), _now(), timedelta(minutes=_MINUTES))
    target = back_to(kept["next"]) if kept else "/"
    if site.oidc is None:
        return error_page(site, request, None, Refuse(404, "no_such_page"))
    try:
        signed_in = await _signed_in(site.oidc, request, kept)
        return await _session(site, site.oidc, signed_in, target)
    except NotSignedIn as refusal:
        metrics.LOGINS.labels("refused").inc()
        log("desk").info("the provider's user is not let in", reason=refusal.key)
        return login_page(site, request, target, Refuse(403, refusal.key, **refusal.values))
    except ProviderAway as error:
        return _away(site, request, target, error)
    except Transient:
        return error_page(site, request, None, Refuse(503, "database_away"))


async def _signed_in(provider: Provider, request: Request, kept: dict[str, Any] | None) -> SignedIn:
    """The user of an answer that belongs to a login begun in this browser. Raises ``NotSignedIn``, ``ProviderAway``."""
    answer = request.query_params
    if kept is None or not hmac.compare_digest(answer.get("state", "").encode(), kept["state"].encode()):
        raise NotSignedIn("oidc_again")
    if answer.get("iss", provider.issuer) != provider.issuer or not answer.get("code"):
        raise NotSignedIn("oidc_refused")
    return await provider.user_of_code(answer["code"], nonce=kept["nonce"], verifier=kept["verifier"])


async def _session(site: Site, provider: Provider, signed_in: SignedIn, target: str) -> Response:
    user, token, now = signed_in.user, signed_in.refresh_token, _now()
    claims = claims_of(user, provider.issuer)
    cookie = site.sessions.new(user.name, now, claims, SHIFT if token else WITHOUT_REFRESH)
    session = site.sessions.read(cookie, now)
    if token and session is not None:
        await site.stores.signed_in.open(user.name, session.nonce, claims, token, now)
    metrics.LOGINS.labels("ok").inc()
    response = RedirectResponse(target, 303)
    set_session(response, cookie)
    return response


def _away(site: Site, request: Request, target: str, error: ProviderAway) -> Response:
    log("desk").warning("the sign-in provider is away", reason=str(error))
    return guarded(site, login_page(site, request, target, Refuse(503, "oidc_away")))


def _now() -> datetime:
    return datetime.now().astimezone()
