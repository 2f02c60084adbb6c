"""The register's page of a day, on the screen and as the documents that are printed and signed (C6.1)."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from homecall.contract.events import JournalEntry
from homecall.documents.register.page import printed
from homecall.documents.register.register import Heard, Register, register_of
from services.desk.web.calls import day_asked
from services.desk.web.site import Form, Page, Refuse, Site, Visitor, html


async def page(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """The register on the screen, in the words of the printed page."""
    del form
    on, kind = _asked(request, visitor)
    found = await _register(site, visitor, on)
    if kind and found is None:
        raise Refuse(404, "register_empty")
    if kind and found is not None:
        content = await asyncio.to_thread(_written, found, kind, visitor)
        name = f"register-{visitor.clinic_id}-{on.isoformat()}.{kind}"
        headers = {"Content-Disposition": f'{"inline" if kind == "pdf" else "attachment"}; filename="{name}"'}
        return Response(content, media_type=_MEDIA[kind], headers=headers)
    return html(
        site,
        visitor,
        "register.html",
        on=on,
        before=on - timedelta(days=1),
        after=on + timedelta(days=1),
        page=printed(found, visitor.language) if found else None,
    )


_MEDIA: Final = {"pdf": "application/pdf", "csv": "text/csv; charset=utf-8"}


def _asked(request: Request, visitor: Visitor) -> tuple[date, str]:
    text = request.path_params["date"]
    day, _, kind = text.partition(".")
    if kind not in ("", *_MEDIA):
        raise Refuse(404, "no_such_page")
    return day_asked(day, visitor.today), kind


async def _register(site: Site, visitor: Visitor, on: date) -> Register | None:
    found = await site.stores.calls.find({"clinic": visitor.clinic_id, "day": on.toordinal()})
    heard = [
        Heard(JournalEntry.model_validate(line.data), line.at)
        for each in found
        if each.state
        for line in each.state.lines
    ]
    return register_of(visitor.clinic_id, site.clinics.get(visitor.clinic_id), on, heard)


def _written(found: Register, kind: str, visitor: Visitor) -> bytes:
    # What draws is imported where it is asked for: ReportLab takes 30 MiB.
    if kind == "csv":
        from homecall.documents.register import as_csv

        return as_csv.write(found, visitor.language)
    from homecall.documents.register import as_pdf

    return as_pdf.write(printed(found, visitor.language), found.as_of)


PAGES: Final = (Page("/register/{date}", "register", "see_register", page),)
