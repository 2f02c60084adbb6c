"""Finding a call or a complaint by its number or a phone, and how the desks are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from homecall.runtime.mongo.aggregate import Aggregate
from services.desk.domain.board import Row, row_of
from services.desk.domain.call import Call
from services.desk.domain.complaint import Complaint
from services.desk.domain.search import asked_prefix, finds, phone_digits
from services.desk.web.calls import UUID
from services.desk.web.site import Form, Page, Site, Visitor, html

S = TypeVar("S")
_INCOMING: Final = re.compile(r"\d{4}-\d+\Z", re.ASCII)
_NUMBER: Final = re.compile(r"(?:№|No\.?)?\s*(\d{1,5})\Z", re.ASCII | re.IGNORECASE)
_DAYS_OF_A_NUMBER: Final = 7
"""Numbers of the register begin again each day: those of the last week are shown."""
_MOST: Final = 50
_MOST_OF_A_NAME: Final = 300
_LONGEST: Final = 200


async def page(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """Calls and complaints by id, number, phone or name; and where to complain (C10.7).

    A query may hold a phone or a name: the page sends it as a form, so that it stands in no address, no history and no
    proxy's log. In the address, as ``q``, it is taken too.
    """
    asked = " ".join((form.get("q") or [request.query_params.get("q", "")])[0].split())[:_LONGEST]
    rows: list[Row] = []
    complaints: list[Complaint] = []
    if asked:
        calls = [each for each in await _calls(site, visitor, asked) if visitor.user.sees(each.clinic_id)]
        rows = [row_of(each) for each in calls]
        rows.sort(key=lambda row: (row.on or date.min, row.number or 0), reverse=True)
        if visitor.user.may("see_complaints"):
            complaints = [each for each in await _complaints(site, visitor, asked) if visitor.user.sees(each.clinic_id)]
    return html(site, visitor, "find.html", q=asked, rows=rows[:_MOST], complaints=complaints[:_MOST])


async def _calls(site: Site, visitor: Visitor, asked: str) -> list[Call]:
    stores, clinic_id = site.stores.calls, visitor.user.clinic_id
    if UUID.match(asked.lower()):
        return _states((await stores.load([asked.lower()])).values())
    if digits := phone_digits(asked):
        return _states(await stores.by_phone(digits))
    if number := _NUMBER.match(asked):
        today = visitor.today.toordinal()
        days = {"$gte": today - _DAYS_OF_A_NUMBER, "$lte": today + 1}
        query = {"number": int(number[1]), "day": days} | ({"clinic": clinic_id} if clinic_id else {})
        return _states(await stores.find(query, limit=_MOST * 4))
    if clinic_id and (prefix := asked_prefix(asked)):
        found = _states(await stores.find({"clinic": clinic_id, "names": prefix}, limit=_MOST_OF_A_NAME))
        return [call for call in found if finds(asked, row_of(call).search)]
    return []


async def _complaints(site: Site, visitor: Visitor, asked: str) -> list[Complaint]:
    stores, clinic_id = site.stores.complaints, visitor.user.clinic_id
    if UUID.match(asked.lower()):
        return _states((await stores.load([asked.lower()])).values())
    if _INCOMING.match(asked):
        return _states(await stores.find({"number": asked}, limit=_MOST * 4))
    if digits := phone_digits(asked):
        return _states(await stores.find({"phones": digits}, limit=_MOST * 4))
    if clinic_id and (prefix := asked_prefix(asked)):
        found = _states(await stores.find({"clinic": clinic_id, "names": prefix}, limit=_MOST_OF_A_NAME))
        return [each for each in found if each.submitted and finds(asked, each.submitted.complainant.full_name)]
    return []


def _states(found: Iterable[Aggregate[S]]) -> list[S]:
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
    Page("/find", "find", "find", page, "POST"),
    Page("/health", "health", "see_health", health),
)
