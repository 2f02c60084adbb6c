"""Signing in and out, the language, and where ``/`` leads."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from homecall.runtime.failures import Transient
from services.desk import metrics
from services.desk.domain.roles import HOME, User
from services.desk.sessions import COOKIE
from services.desk.web.site import (
    LANGUAGE_COOKIE,
    Form,
    Page,
    Refuse,
    Site,
    Visitor,
    error_page,
    form_of,
    guarded,
    language_of,
    same_site,
    set_session,
    visitor_of,
)

_YEAR_SECONDS: Final = 365 * 24 * 3600


async def home(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """To the page of the role."""
    del site, request, form
    return RedirectResponse(HOME[visitor.user.role], 303)


async def language(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """Keep the language that the user chose, and go back."""
    del site, visitor
    chosen = (form.get("language") or ["ru"])[0]
    response = RedirectResponse(_back((form.get("back") or ["/"])[0]), 303)
    if chosen in ("kk", "ru", "en"):
        response.set_cookie(
            LANGUAGE_COOKIE, chosen, max_age=_YEAR_SECONDS, path="/", secure=True, httponly=True, samesite="lax"
        )
    del request
    return response


async def logout(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """End the session in this browser."""
    del site, request, visitor, form
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response


async def login(site: Site, request: Request) -> Response:
    """The form to sign in, and what it sends. ``next`` leads back to where the user came from."""
    target = _back(request.query_params.get("next", "/"))
    if request.method == "GET":
        if visitor_of(site, request) is not None:
            return guarded(site, RedirectResponse(target, 303))
        return guarded(site, _login_page(site, request, target))
    try:
        form = await form_of(request)
        _from_here(request)
        name, password = ((form.get(field) or [""])[0] for field in ("username", "password"))
        target = _back((form.get("next") or [target])[0])
        user = await _checked(site, name.strip().lower(), password)
    except Refuse as refusal:
        if refusal.key in ("wrong_login", "login_locked"):
            return guarded(site, _login_page(site, request, target, refusal))
        return guarded(site, error_page(site, request, None, refusal.status, refusal.key))
    except Transient:
        return guarded(site, error_page(site, request, None, 503, "database_away"))
    return signed_in(site, user, target)


def signed_in(site: Site, user: User, target: str) -> Response:
    """To the page, with a session of its own: the one from before the login is not taken over."""
    response = RedirectResponse(target, 303)
    set_session(response, site.sessions.new(user.name, datetime.now().astimezone()))
    return guarded(site, response)


async def _checked(site: Site, name: str, password: str) -> User:
    """The user of a name and a password. Raises ``Refuse``; five failures lock the name for five minutes."""
    now = datetime.now().astimezone()
    locked = await site.stores.locks.locked_until(name, now)
    if locked is not None:
        metrics.LOGINS.labels("locked").inc()
        raise Refuse(429, "login_locked", minutes=str(max(1, round((locked - now).total_seconds() / 60))))
    user = await asyncio.to_thread(site.users.check, name, password)
    if user is None:
        metrics.LOGINS.labels("refused").inc()
        await site.stores.locks.failed(name, now)
        raise Refuse(401, "wrong_login")
    metrics.LOGINS.labels("ok").inc()
    await site.stores.locks.succeeded(name)
    return user


def _from_here(request: Request) -> None:
    if not same_site(request):
        raise Refuse(403, "form_of_another_session")


def _login_page(site: Site, request: Request, target: str, refusal: Refuse | None = None) -> Response:
    values = {"target": target, "refusal": refusal.key if refusal else "", "values": refusal.values if refusal else {}}
    text = site.render("login.html", None, language_of(request), **values)
    return HTMLResponse(text, refusal.status if refusal else 200)


async def demo_login(site: Site, request: Request) -> Response:
    """Sign in by a link, in the demo only: ``/demo/NAME?key=…``."""
    name, key = request.path_params["name"], request.query_params.get("key", "")
    user = site.users.get(name)
    if not site.demo or user is None or key != site.sessions.sign("demo", name):
        return guarded(site, error_page(site, request, None, 404, "no_such_page"))
    return signed_in(site, user, "/")


def _back(target: str) -> str:
    """A path of this site to go to; ``/`` for anything else."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or not target.startswith("/") or target.startswith(("//", "/\\")):
        return "/"
    return target if "\\" not in target and not _leads_out(parts.query) else "/"


def _leads_out(query: str) -> bool:
    return any("://" in value for values in parse_qs(query).values() for value in values)


PAGES: Final = (
    Page("/", "home", None, home),
    Page("/logout", "logout", None, logout, "POST"),
    Page("/language", "language", None, language, "POST"),
)
