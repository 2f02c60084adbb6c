"""A place for a new call: which doctor, where in the route, and the promised window, never in the past (R14)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from services.scheduler.domain.bookings import Booking, Call, NoPlace
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.moments import grid_down, grid_up, moment_of, seconds_of
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.roster import Doctor, basis_of, is_overflow, suitable
from services.scheduler.domain.route import Insertion, Route

_ALTERNATIVES = 3


class _Option(NamedTuple):
    """A place that a call can have, by what it costs: seconds, everything weighed as travel."""

    cost: float
    arrives: int
    doctor_id: str
    insertion: Insertion
    load: float


def place(plan: DayPlan, call: Call, now: datetime) -> Booking | NoPlace:
    """Find the call a doctor and a place in the route, promise a window, book it. A call that has a place keeps it.

    The doctors on duty take what the others have no room for, and the calls of their own district. Among the doctors
    asked together the least extra travel decides, with the weights of ``Dispatch``; for an urgent call the earliest
    arrival.
    """
    if (booked := plan.bookings.get(call.request_id)) is not None:
        return booked
    if plan.roster is None:
        return NoPlace("no_roster")
    at = seconds_of(now)
    soonest = grid_up(at)
    opens = soonest if call.urgency == "urgent" else grid_up(at + plan.dispatch.lead * 60)
    asked = plan.suitable_doctors(call.is_child)
    for on_duty in (False, True):
        doctors = [doctor for doctor in asked if is_overflow(doctor, call.district_id) == on_duty]
        # A window that opens at the same time for all lets the next calls nearby be served together with this one.
        # Only where nobody can come within it does it open later; and at the end of the day, earlier.
        for earliest, width in ((opens, plan.dispatch.window * 60), (opens, None), (soonest, None)):
            options = sorted(_options(plan, doctors, call, at, (earliest, width)))
            if options:
                return _promise(plan, call, options, at, earliest)
    return NoPlace("no_capacity")


def _options(
    plan: DayPlan, doctors: Sequence[Doctor], call: Call, at: int, window: tuple[int, int | None]
) -> Iterator[_Option]:
    """The cheapest place with each doctor; ``window`` is when it opens and how wide it is, None: to the shift's end."""
    service, location, urgent, rules = plan.visit_seconds, call.location, call.urgency == "urgent", plan.dispatch
    earliest, width = window
    for doctor in doctors:
        route = plan.routes[doctor.doctor_id]
        route.advance(at)
        if len(route.stops) >= doctor.max_visits:
            continue
        load = len(route.stops) / doctor.max_visits
        fixed = 60 * (reluctance(rules, doctor, call) + rules.load_weight * load)
        best: _Option | None = None
        latest = route.until if width is None else earliest + width
        for each in route.insertions(location, service, earliest, latest, at):
            waits = each.arrives - at
            cost = waits + each.extra * 0.1 + fixed if urgent else each.extra + waits * rules.wait_weight + fixed
            if best is None or cost < best.cost:
                best = _Option(cost, each.arrives, doctor.doctor_id, each, load)
        if best is not None:
            yield best


def reluctance(rules: Dispatch, doctor: Doctor, call: Call) -> float:
    """How many minutes better this doctor must be than others to be sent to the call."""
    weight = 0.0
    if call.district_id is not None and call.district_id not in doctor.districts:
        weight += rules.district_weight
    return weight + rules.specialty_weight * suitable(call.is_child)[doctor.specialty]


def _promise(plan: DayPlan, call: Call, options: Sequence[_Option], at: int, earliest: int) -> Booking:
    best, service = options[0], plan.visit_seconds
    doctor, route = plan.doctors[best.doctor_id], plan.routes[best.doctor_id]
    opens = _opens(plan.dispatch, call, best, route, earliest)
    opens, closes = window(plan.dispatch, opens, route.until - service, max(at, route.begins))
    urgent = call.urgency == "urgent"
    latest = min(closes, best.arrives + plan.dispatch.urgent_within * 60) if urgent else closes
    zone = doctor.shift_from.tzinfo
    booking = Booking(
        request_id=call.request_id,
        doctor_id=doctor.doctor_id,
        arrives_from=moment_of(opens, zone),
        arrives_to=moment_of(closes, zone),
        planned_at=moment_of(best.arrives, zone),
        ends_at=moment_of(best.arrives + service, zone),
        urgent=urgent,
        basis=basis_of(doctor, call.district_id, call.is_child),
        is_child=call.is_child,
        location=call.location,
        latest_at=moment_of(latest, zone) if latest != closes else None,
        why=_why(plan, call, options, at),
    )
    plan.enter(booking, best.insertion.position, at)
    return plan.bookings[call.request_id]


def _opens(rules: Dispatch, call: Call, best: _Option, route: Route, earliest: int) -> int:
    """When the window opens: at the earliest, if the doctor arrives within it; else halfway before the arrival."""
    if call.urgency == "urgent":
        return min(max(grid_down(best.arrives), earliest), best.arrives)
    soonest = max(earliest, min(grid_up(route.begins), best.arrives))
    if best.arrives <= soonest + rules.window * 60:
        return soonest
    return max(soonest, grid_down(best.arrives - rules.window * 30))


def window(rules: Dispatch, opens: int, last: int, floor: int) -> tuple[int, int]:
    """The promise that opens then: as wide as the clinic has it, no later than ``last``; earlier if it must."""
    width = rules.window * 60
    if opens + width > last:
        opens = min(opens, max(grid_up(floor), grid_up(last - width)))
    return opens, min(opens + width, last)


def _why(plan: DayPlan, call: Call, options: Sequence[_Option], at: int) -> dict[str, Any]:
    """Why this doctor and time: plain values, kept with the booking and shown."""

    def described(option: _Option) -> dict[str, Any]:
        return {
            "doctor_id": option.doctor_id,
            "basis": basis_of(plan.doctors[option.doctor_id], call.district_id, call.is_child),
            "wait_minutes": (option.arrives - at) // 60,
            "extra_travel_minutes": round(option.insertion.extra / 60, 1),
            "load": round(option.load, 2),
            "cost_minutes": round(option.cost / 60, 1),
        }

    chosen = described(options[0])
    del chosen["doctor_id"]
    return {
        **chosen,
        "by": "earliest arrival" if call.urgency == "urgent" else "least travel",
        "over": [described(each) for each in islice(options, 1, 1 + _ALTERNATIVES)],
    }
