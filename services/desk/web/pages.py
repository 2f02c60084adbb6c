"""Every address of the desk in one table, and the application that answers them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from services.desk.web import (
    assign,
    calls,
    complaints,
    days,
    entry,
    events,
    find,
    letters,
    login,
    new_call,
    offers,
    provider,
    register,
    transfer,
)
from services.desk.web.site import Page, Refuse, Site, error_page, guarded, page_of, visitor_of

PAGES: Final[tuple[Page, ...]] = (
    *entry.PAGES,
    *new_call.PAGES,
    *offers.PAGES,
    *calls.PAGES,
    *assign.PAGES,
    *transfer.PAGES,
    *register.PAGES,
    *days.PAGES,
    *complaints.PAGES,
    *letters.PAGES,
    *find.PAGES,
    *events.PAGES,
)
"""All pages that need a session; ``/login`` and the static files need none."""
_STATIC: Final = Path(__file__).parent / "static"
_STATIC_SECONDS: Final = 3600


class _Static(StaticFiles):
    """Our own scripts and styles, which a browser keeps for an hour and then asks about."""

    async def get_response(self, path: str, scope: object) -> Response:
        response = await super().get_response(path, scope)  # type: ignore[arg-type]  # Starlette's own dictionary
        response.headers["Cache-Control"] = f"public, max-age={_STATIC_SECONDS}"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def routes(site: Site) -> list[BaseRoute]:
    """What the desk answers."""
    return [
        Mount("/static", _Static(directory=_STATIC)),
        Route("/login", partial(login.login, site), methods=["GET", "POST"]),
        Route("/login/oidc", partial(provider.begin, site)),
        Route("/login/oidc/callback", partial(provider.callback, site)),
        *([Route("/demo/{name}", partial(login.demo_login, site))] if site.demo else []),
        *(Route(page.path, page_of(site, page), methods=[page.method]) for page in PAGES),
    ]


async def no_such_page(site: Site, request: Request, error: Exception) -> Response:
    """What is at no address, or with another method than it takes."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    return guarded(site, error_page(site, request, visitor_of(site, request), Refuse(status, "no_such_page")))
