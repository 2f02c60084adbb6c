"""Finding a call or a complaint by its number or a phone, and how the desks are."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from services.desk.domain.board import Row, row_of
from services.desk.domain.call import Call
from services.desk.domain.complaint import Complaint
from services.desk.domain.search import finds, phone_digits
from services.desk.web.calls import UUID
from services.desk.web.site import Form, Page, Site, Visitor, html

_INCOMING: Final = re.compile(r"\d{4}-\d+\Z", re.ASCII)
_MOST: Final = 50


async def page(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """Calls and complaints by id, number, phone or name; and where to complain (C10.7).

    A query may hold a phone or a name. It comes as ``q`` in the address, as the page's address is fixed; no log has it.
    """
    del form
    asked = " ".join(request.query_params.get("q", "").split())
    rows: list[Row] = []
    complaints: list[Complaint] = []
    if asked:
        calls = [each for each in await _calls(site, visitor, asked) if visitor.user.sees(each.clinic_id)]
        rows = [row_of(each) for each in calls][:_MOST]
        if visitor.user.may("see_complaints"):
            complaints = [each for each in await _complaints(site, asked) if visitor.user.sees(each.clinic_id)][:_MOST]
    return html(site, visitor, "find.html", q=asked, rows=rows, complaints=complaints)


async def _calls(site: Site, visitor: Visitor, asked: str) -> list[Call]:
    stores = site.stores.calls
    if UUID.match(asked.lower()):
        found = list((await stores.load([asked.lower()])).values())
    elif digits := phone_digits(asked):
        found = await stores.by_phone(digits)
    elif visitor.user.clinic_id:
        today = visitor.today.toordinal()
        found = await stores.find({"clinic": visitor.clinic_id, "day": {"$gte": today - 7, "$lte": today + 1}})
        return [each.state for each in found if each.state and finds(asked, row_of(each.state).search)]
    else:
        found = []
    return [each.state for each in found if each.state is not None]


async def _complaints(site: Site, asked: str) -> list[Complaint]:
    stores = site.stores.complaints
    if UUID.match(asked.lower()):
        found = list((await stores.load([asked.lower()])).values())
    elif _INCOMING.match(asked):
        found = await stores.find({"number": asked}, limit=_MOST)
    elif digits := phone_digits(asked):
        found = await stores.find({"phones": digits}, limit=_MOST)
    else:
        found = []
    return [each.state for each in found if each.state is not None]


async def health(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """How the desk is, in plain words: what waits to be sent, and whether changes are heard."""
    del request, form
    count, oldest = await site.stores.actions.count_unsent()
    age = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0
    return html(
        site,
        visitor,
        "health.html",
        unsent=count,
        age=int(age),
        live=site.live.connected,
        streams=site.live.count,
        clinics=sorted(site.clinics.ids()),
        problem=site.users.problem,
    )


PAGES: Final = (
    Page("/find", "find", "find", page),
    Page("/health", "health", "see_health", health),
)
