"""Windows to choose from, shown while a call is typed. They are a help: a call is sent with or without them."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response

from homecall.gateways.offers.port import Offer
from homecall.standard.calendar import NeverOpenError
from homecall.standard.rules import NotCoveredError
from services.desk.domain import windows
from services.desk.web.site import Form, Page, Refuse, Site, Visitor, html

State = Literal["asked", "offered", "none", "closed", "away"]


async def offers(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """The part of the form of a call with the windows that it could have, as far as it is typed.

    A POST, so that no address of a patient stands in one of ours. Always the user's own clinic.
    """
    del request
    if site.offers is None:
        raise Refuse(404, "no_such_page")
    state, found = await _asked(site, visitor, form)
    chosen = windows.chosen_of((form.get("preferred_window") or [""])[0])
    return html(
        site,
        visitor,
        "offers_part.html",
        state=state,
        windows=windows.to_choose(found, chosen),
        chosen=windows.written(chosen) if chosen else "",
        count=len(found),
        other_day=_other_day(found, visitor.today),
    )


async def _asked(site: Site, visitor: Visitor, form: Form) -> tuple[State, tuple[Offer, ...]]:
    clinic = site.clinics.get(visitor.clinic_id)
    if clinic is None or site.offers is None:
        return "away", ()
    rules = site.rule_sets.on(visitor.today)
    calendar = site.clinics.calendar(visitor.clinic_id, rules)
    with suppress(NeverOpenError, NotCoveredError):
        if calendar is not None and not calendar.day(visitor.today).accepts(visitor.now):
            return "closed", ()  # no window for a call that would be refused
    found = await site.offers.windows(windows.question(clinic, rules, form, visitor.now, visitor.zone))
    if found is None:
        return "away", ()
    return ("offered" if found else "none"), found


def _other_day(found: tuple[Offer, ...], today: date) -> date | None:
    """The day of the windows, where it is not today."""
    day = found[0].arrives_from.date() if found else today
    return None if day == today else day


PAGES: Final = (Page("/calls/new/offers", "offers", "take_calls", offers, "POST"),)
