"""Windows that a call could have, before it is made: what if it were placed now. Nothing is booked. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from services.scheduler.domain.bookings import Booking, Call, Preferred
from services.scheduler.domain.insertion import what_if
from services.scheduler.domain.moments import seconds_of
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.roster import NamedDoctor

MOST: Final = 3
"""More windows than one can remember while they are read out help nobody."""
_TURNS: Final = 3
"""A window that was asked for is often promised as it is, and else a little shorter: that one stands."""


@dataclass(frozen=True)
class Offer:
    """A window, the doctor who would come, and the minutes of travel that it adds to that doctor's day."""

    arrives_from: datetime
    arrives_to: datetime
    doctor: NamedDoctor
    extra_travel_minutes: float


def offers(plan: DayPlan, call: Call, now: datetime) -> list[Offer]:
    """Up to three windows in the order of their times: the one that the call would get, and the two that cost least.

    Each is what the call gets if it is made at once with that window as the preferred one. Empty where the day has no
    roster or no room. Nothing changes in ``plan``.
    """
    plan = plan.to_look_at()
    usual = what_if(plan, call, now)
    if usual is None:
        return []
    found = {_window(each): each for each in _later(plan, call, now, usual)}
    found.pop(_window(usual), None)
    cheapest = sorted(found.values(), key=lambda each: (_extra(each), each.arrives_from))[: MOST - 1]
    return [_offer(plan, each) for each in sorted([usual, *cheapest], key=_window)]


def _later(plan: DayPlan, call: Call, now: datetime, usual: Booking) -> Iterator[Booking]:
    """What the call would get in each window of the rest of the day, if it asked for that one."""
    width = plan.dispatch.window * 60
    opens = seconds_of(usual.arrives_to)
    ends = max(route.until for route in plan.routes.values())
    while opens < ends:
        later = what_if(plan, call, now, (opens, width))
        promised = None if later is None else _asked_for(plan, call, now, later)
        if promised is not None:
            yield promised
        opens += width


def _asked_for(plan: DayPlan, call: Call, now: datetime, offered: Booking) -> Booking | None:
    """What the call gets if it asks for this window: this one, or one that stands when asked for in its turn."""
    for _ in range(_TURNS):
        got = what_if(plan, replace(call, preferred=Preferred.of(offered.arrives_from, offered.arrives_to)), now)
        if got is None or (_window(got), got.doctor_id) == (_window(offered), offered.doctor_id):
            return got
        offered = got
    return None


def _window(booking: Booking) -> tuple[datetime, datetime]:
    return booking.arrives_from, booking.arrives_to


def _offer(plan: DayPlan, booking: Booking) -> Offer:
    doctor = plan.doctors[booking.doctor_id].named
    return Offer(booking.arrives_from, booking.arrives_to, doctor, _extra(booking))


def _extra(booking: Booking) -> float:
    return float((booking.why or {}).get("extra_travel_minutes", 0.0))
