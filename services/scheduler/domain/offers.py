"""Windows that a call could have, before it is made: what if it were placed now. Nothing is booked. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.scheduler.domain.bookings import Booking, Call
from services.scheduler.domain.insertion import what_if
from services.scheduler.domain.moments import seconds_of
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.roster import NamedDoctor

MOST: Final = 3
"""More windows than one can remember while they are read out help nobody."""


@dataclass(frozen=True)
class Offer:
    """A window, the doctor who would come, and the minutes of travel that it adds to that doctor's day."""

    arrives_from: datetime
    arrives_to: datetime
    doctor: NamedDoctor
    extra_travel_minutes: float


def offers(plan: DayPlan, call: Call, now: datetime) -> list[Offer]:
    """Up to three windows in the order of their times: the one that the call would get, and the two that cost least.

    Empty where the day has no roster or no room.
    """
    found = {booking.arrives_from: booking for booking in _candidates(plan, call, now)}
    first, *others = found.values() if found else (None,)
    if first is None:
        return []
    cheapest = sorted(others, key=lambda each: (_extra(each), each.arrives_from))[: MOST - 1]
    return [_offer(plan, each) for each in sorted([first, *cheapest], key=lambda each: each.arrives_from)]


def _candidates(plan: DayPlan, call: Call, now: datetime) -> Iterator[Booking]:
    """What the call would get, then the best in each window of the rest of the day."""
    usual = what_if(plan, call, now)
    if usual is None:
        return
    yield usual
    width = plan.dispatch.window * 60
    opens = seconds_of(usual.arrives_to)
    ends = max(route.until for route in plan.routes.values())
    while opens < ends:
        later = what_if(plan, call, now, (opens, width))
        if later is not None:
            yield later
        opens += width


def _offer(plan: DayPlan, booking: Booking) -> Offer:
    doctor = plan.doctors[booking.doctor_id].named
    return Offer(booking.arrives_from, booking.arrives_to, doctor, _extra(booking))


def _extra(booking: Booking) -> float:
    return float((booking.why or {}).get("extra_travel_minutes", 0.0))
