"""Where ``/`` leads, signing out, and the language."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from homecall.runtime.failures import Transient
from services.desk.domain.roles import HOME
from services.desk.sessions import COOKIE
from services.desk.web.site import LANGUAGE_COOKIE, Form, Page, Site, Visitor

_YEAR_SECONDS: Final = 365 * 24 * 3600


async def home(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """To the page of the role."""
    del site, request, form
    return RedirectResponse(HOME[visitor.user.role], 303)


async def language(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """Keep the language that the user chose, and go back."""
    del site, visitor
    chosen = (form.get("language") or ["ru"])[0]
    response = RedirectResponse(back_to((form.get("back") or ["/"])[0]), 303)
    if chosen in ("kk", "ru", "en"):
        response.set_cookie(
            LANGUAGE_COOKIE, chosen, max_age=_YEAR_SECONDS, path="/", secure=True, httponly=True, samesite="lax"
        )
    del request
    return response


async def logout(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """End the session, also for copies of its cookie; without a database, in this browser alone."""
    del request, form
    with suppress(Transient):
        await site.stores.signed_in.end(visitor.user.name, visitor.session.nonce, datetime.now().astimezone())
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response


def back_to(target: str) -> str:
    """A path of this site to go to; ``/`` for anything else."""
    if not target.startswith("/") or target.startswith("//") or not target.isprintable() or "\\" in target:
        return "/"
    try:
        parts = urlsplit(target)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc or _leads_out(parts.query) else target


def _leads_out(query: str) -> bool:
    return any("://" in value for values in parse_qs(query).values() for value in values)


PAGES: Final = (
    Page("/", "home", None, home),
    Page("/logout", "logout", None, logout, "POST"),
    Page("/language", "language", None, language, "POST"),
)
