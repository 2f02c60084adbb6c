"""Signing in by name and password (desk: five failed logins lock a name for five minutes)."""

from __future__ import annotations

import asyncio
import hmac
import os
import re
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from homecall.runtime.failures import Transient
from homecall.runtime.logs import log
from services.desk import metrics
from services.desk.domain.roles import User
from services.desk.store.locks import Counter, of_address, of_browser, of_name
from services.desk.users import NAME
from services.desk.web.entry import back_to
from services.desk.web.site import (
    Refuse,
    Site,
    error_page,
    form_of,
    guarded,
    language_of,
    same_site,
    set_session,
    visitor_of,
)

KNOWN_COOKIE: Final = "homecall_known"
_BROWSER: Final = re.compile(r"[0-9a-f]{24}\Z", re.ASCII)
_KNOWN_SECONDS: Final = 90 * 24 * 3600
_MOST_KNOWN: Final = 20
"""People who share a browser and are known in it, the last who signed in first."""
_MOST_WAITING: Final = 50
"""Logins that wait for their turn; more are told to come again."""


class Turns:
    """One password is checked at a time: each check takes 64 MiB and some 50 ms."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting = 0

    async def __aenter__(self) -> None:
        if self._waiting >= _MOST_WAITING:
            raise Refuse(429, "login_locked", minutes="1")
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


async def login(site: Site, request: Request) -> Response:
    """The form to sign in, and what it sends. ``next`` leads back to where the user came from."""
    target = back_to(request.query_params.get("next", "/"))
    if request.method != "POST":
        if visitor_of(site, request) is not None:
            return guarded(site, RedirectResponse(target, 303))
        return guarded(site, login_page(site, request, target))
    try:
        form = await form_of(request)
        _from_here(request)
        name, password = ((form.get(field) or [""])[0] for field in ("username", "password"))
        target = back_to((form.get("next") or [target])[0])
        async with site.cache.setdefault("turns", Turns()):
            user = await _checked(site, request, name.strip().lower(), password)
    except Refuse as refusal:
        if refusal.key in ("wrong_login", "login_locked"):
            return guarded(site, login_page(site, request, target, refusal))
        return guarded(site, error_page(site, request, None, refusal))
    except Transient:
        return guarded(site, error_page(site, request, None, Refuse(503, "database_away")))
    response = signed_in(site, user, target)
    _remember(site, request, response, user.name)
    return response


def _from_here(request: Request) -> None:
    if not same_site(request):
        raise Refuse(403, "form_of_another_session")


def signed_in(site: Site, user: User, target: str) -> Response:
    """To the page, with a session of its own: the one from before the login is not taken over."""
    response = RedirectResponse(target, 303)
    set_session(response, site.sessions.new(user.name, datetime.now().astimezone()))
    return guarded(site, response)


async def _checked(site: Site, request: Request, name: str, password: str) -> User:
    """The user of a name and a password. Raises ``Refuse``; what is locked is not looked at."""
    now, locks = datetime.now().astimezone(), site.stores.locks
    counters = _counters(site, request, name)
    locked = await locks.locked_until(counters, now)
    if locked is not None:
        metrics.LOGINS.labels("locked").inc()
        raise Refuse(429, "login_locked", minutes=str(max(1, round((locked - now).total_seconds() / 60))))
    user = await asyncio.to_thread(site.users.check, name, password) if NAME.match(name) else None
    if user is None:
        metrics.LOGINS.labels("refused").inc()
        for kind in await locks.failed(counters, now):
            # The name of a user only: what was typed in its place may be a password.
            known = name if site.users.get(name) else "nobody's"
            log("desk").warning("login locked", by=kind, user=known, minutes=locks.SECONDS // 60)
        raise Refuse(401, "wrong_login")
    metrics.LOGINS.labels("ok").inc()
    await locks.succeeded(counters[0])
    return user


def _counters(site: Site, request: Request, name: str) -> list[Counter]:
    """What a failure is counted by. In a browser that knows the name, neither others' failures nor their address."""
    browser, known = _known(request)
    if _tag(site, browser, name) in known:
        return [of_browser(name, browser)]
    address = address_of(site, request)
    return [of_name(name), *([of_address(address)] if address else [])]


def address_of(site: Site, request: Request) -> str:
    """The address that asks, of IPv6 its network; empty where a proxy stands in front that the settings do not name.

    With ``proxies`` it is what the outermost of them wrote: what stands before that in the header anybody may write.
    """
    forwarded = [each.strip() for line in request.headers.getlist("x-forwarded-for") for each in line.split(",")]
    if site.proxies:
        text = forwarded[-site.proxies] if len(forwarded) >= site.proxies else ""
    else:
        text = request.client.host if request.client and not forwarded else ""
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    return str(ip_network(f"{address}/64", strict=False)) if isinstance(address, IPv6Address) else str(address)


# -------------------------------------------------------------------------------- browsers in which users signed in


def _known(request: Request) -> tuple[str, list[str]]:
    """The random name of this browser, a new one where it has none, and the tags of who is known in it."""
    browser, *tags = request.cookies.get(KNOWN_COOKIE, "").split(".")
    return (browser, tags[:_MOST_KNOWN]) if _BROWSER.match(browser) else (os.urandom(12).hex(), [])


def _tag(site: Site, browser: str, name: str) -> str:
    """What only the desk can write: that this user signed in in this browser."""
    return site.sessions.sign("known", f"{browser}\n{name}")[:32]


def _remember(site: Site, request: Request, response: Response, name: str) -> None:
    browser, tags = _known(request)
    mine = _tag(site, browser, name)
    value = ".".join([browser, mine, *(tag for tag in tags if tag != mine)][: _MOST_KNOWN + 1])
    response.set_cookie(
        KNOWN_COOKIE, value, max_age=_KNOWN_SECONDS, path="/login", secure=True, httponly=True, samesite="lax"
    )


# -------------------------------------------------------------------------------------------------------- the page


def login_page(site: Site, request: Request, target: str, refusal: Refuse | None = None) -> Response:
    """The ways to sign in, and why one was refused."""
    text = site.render(
        "login.html",
        None,
        language_of(request),
        target=target,
        refusal=refusal.key if refusal else "",
        values=refusal.values if refusal else {},
        provider=f"/login/oidc?next={quote(target, safe='/')}" if site.oidc else "",
        passwords=site.users.any or not site.oidc,
    )
    return HTMLResponse(text, refusal.status if refusal else 200)


async def demo_login(site: Site, request: Request) -> Response:
    """Sign in by a link, in the demo only: ``/demo/NAME?key=…``."""
    name, key = request.path_params["name"], request.query_params.get("key", "")
    user = site.users.get(name)
    if (
        not site.demo
        or user is None
        or not hmac.compare_digest(key.encode(), site.sessions.sign("demo", name).encode())
    ):
        return guarded(site, error_page(site, request, None, Refuse(404, "no_such_page")))
    return signed_in(site, user, "/")
