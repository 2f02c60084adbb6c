"""A place for a new call: which doctor, where in the route, and the promised window, never in the past (R14)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from homecall.contract.events import ChosenBy
from services.scheduler.domain.bookings import Booking, Call, NoPlace
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.forecast import SOON_ARRIVAL
from services.scheduler.domain.moments import grid_down, grid_up, moment_of, seconds_of
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.roster import Doctor, basis_of, is_overflow, suitable
from services.scheduler.domain.route import Insertion, Route
from services.scheduler.domain.travel import Ways

_ALTERNATIVES = 3
Windows = tuple[tuple[int, int | None], ...]
"""When a window opens, and how wide it is: seconds; None: to the end of the shift."""


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
    found = _found(plan, call, seconds_of(now))
    if found is None:
        return NoPlace("no_capacity")
    plan.enter(*found, seconds_of(now))
    return plan.bookings[call.request_id]


def what_if(plan: DayPlan, call: Call, now: datetime, only: tuple[int, int] | None = None) -> Booking | None:
    """What a new call would be promised now, or in one window alone (when it opens and its width, seconds).

    None where there is no place. Nothing is booked.
    """
    found = None if plan.roster is None else _found(plan, call, seconds_of(now), only)
    return None if found is None else found[0]


def _found(plan: DayPlan, call: Call, at: int, only: tuple[int, int] | None = None) -> tuple[Booking, int] | None:
    ways = Ways(plan.travel, call.location)
    if only is not None:
        return _within(plan, call, at, (only,), ways)
    wanted = call.preferred
    unasked = call if wanted is None else replace(call, preferred=None)
    usual = _by_forecast(plan, unasked, at, ways) or _within(plan, unasked, at, _usual(plan, call, at), ways)
    if wanted is None or usual is None or wanted.holds(usual[0].arrives_from, usual[0].arrives_to):
        return usual  # what the applicant would like is what comes by itself
    return _within(plan, call, at, _preferred(plan, call, grid_up(at)), ways) or usual


def _by_forecast(plan: DayPlan, call: Call, at: int, ways: Ways) -> tuple[Booking, int] | None:
    """The place that the day's forecast chooses: at once with a doctor who is near by, else after the hour's lead.

    None without a forecast for the hour, for an urgent call, and where it has no place.
    """
    zone = plan.dispatch.zone
    outlook = None if plan.forecast is None else plan.forecast.outlook(at, zone, ways.location, plan.travel)
    if plan.forecast is None or outlook is None or call.urgency == "urgent":
        return None
    soonest, width = grid_up(at), plan.dispatch.window * 60
    chosen: dict[str, Any] = {"days": plan.forecast.days, "near_minutes": round(outlook.near / 60, 1)}
    # Who is on duty takes what the others have no room for, however near.
    asked = next(_in_turn(plan, call))
    near = sorted(
        (
            each
            for each in _options(plan, asked, call, at, (soonest, width), ways)
            if each.insertion.extra <= outlook.near and each.arrives <= at + SOON_ARRIVAL
        ),
        key=lambda each: (each.insertion.extra + 60 * _changing(plan, each.doctor_id, call), each),
    )
    if near:
        found, position = _promised(plan, call, near, at, soonest)
        return _sampled(found, {**chosen, "lead_minutes": 0}), position
    # Where nothing tells places apart, no other call comes to be near by.
    apart = ways.uniform is None
    lead = outlook.lead if apart else min(outlook.lead, plan.dispatch.lead)
    later = _within(plan, call, at, _after(at, lead, width), ways)
    return None if later is None else (_sampled(later[0], {**chosen, "lead_minutes": lead}), later[1])


def _sampled(booking: Booking, by: Mapping[str, Any]) -> Booking:
    """The booking, with the sampled days among its grounds."""
    chosen: ChosenBy = "sampled days"
    return replace(booking, why={**(booking.why or {}), "by": chosen, "sampled": by})


def _usual(plan: DayPlan, call: Call, at: int) -> Windows:
    """When the visit may be, the best first."""
    return _after(at, 0 if call.urgency == "urgent" else plan.dispatch.lead, plan.dispatch.window * 60)


def _after(at: int, lead: int, width: int) -> Windows:
    """Windows of so many seconds from so many minutes on, the best first."""
    soonest, opens = grid_up(at), grid_up(at + lead * 60)
    # A window that opens at the same time for all lets the next calls nearby be served together with this one.
    # Only where nobody can come within it does it open later; and at the end of the day, earlier.
    return ((opens, width), (opens, None), (soonest, None))


def _within(plan: DayPlan, call: Call, at: int, windows: Windows, ways: Ways) -> tuple[Booking, int] | None:
    """The best place in the first of these windows in which there is one."""
    for doctors in _in_turn(plan, call):
        for earliest, width in windows:
            options = sorted(_options(plan, doctors, call, at, (earliest, width), ways))
            if options:
                return _promised(plan, call, options, at, earliest)
    return None


def _in_turn(plan: DayPlan, call: Call) -> Iterator[list[Doctor]]:
    """Who may visit the patient: those who are asked first, then those on duty, who take what these cannot."""
    asked = plan.suitable_doctors(call.is_child)
    for on_duty in (False, True):
        yield [doctor for doctor in asked if is_overflow(doctor, call.district_id) == on_duty]


def _preferred(plan: DayPlan, call: Call, soonest: int) -> Windows:
    """The window that the applicant would like, as far as it is not over."""
    if call.preferred is None or not plan.doctors:
        return ()
    day = next(iter(plan.doctors.values())).shift_from
    midnight = seconds_of(day.replace(hour=0, minute=0))
    opens, closes = (midnight + minutes * 60 for minutes in call.preferred)
    opens = max(opens, soonest)
    return ((opens, closes - opens),) if opens < closes else ()


def _options(
    plan: DayPlan, doctors: Sequence[Doctor], call: Call, at: int, window: tuple[int, int | None], ways: Ways
) -> Iterator[_Option]:
    """The cheapest place with each doctor; ``window`` is when it opens and how wide it is, None: to the shift's end."""
    service, location, urgent, rules = plan.visit_seconds, ways.location, call.urgency == "urgent", plan.dispatch
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
        for each in route.insertions(location, service, earliest, latest, at, ways):
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
    if call.last_doctor is not None and doctor.doctor_id != call.last_doctor and call.urgency != "urgent":
        weight += rules.continuity_weight
    return weight + rules.specialty_weight * suitable(call.is_child)[doctor.specialty]


def _changing(plan: DayPlan, doctor_id: str, call: Call) -> float:
    """How many minutes better a doctor who is near by must be: as planning again, which follows, weighs it."""
    rules, doctor = plan.dispatch, plan.doctors[doctor_id]
    weight = rules.change_weight * suitable(call.is_child)[doctor.specialty]
    if call.district_id is not None and call.district_id not in doctor.districts:
        weight += rules.change_weight
    if call.last_doctor is not None and call.last_doctor != doctor_id:
        weight += rules.continuity_weight
    return weight


def _promised(plan: DayPlan, call: Call, options: Sequence[_Option], at: int, earliest: int) -> tuple[Booking, int]:
    """The booking that the best option comes to, and its position in the doctor's route."""
    best, service = options[0], plan.visit_seconds
    doctor, route = plan.doctors[best.doctor_id], plan.routes[best.doctor_id]
    opens = _opens(plan.dispatch, call, best, route, earliest)
    opens, closes = window(plan.dispatch, opens, route.last_arrival(call.location, service), max(at, route.begins))
    for wanted, width in _preferred(plan, call, earliest):
        if width is not None and wanted <= best.arrives <= wanted + width:
            # What fits is promised within what was asked for.
            opens, closes = max(opens, wanted), min(closes, wanted + width)
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
        last_doctor=call.last_doctor,
        latest_at=moment_of(latest, zone) if latest != closes else None,
        why=_why(plan, call, options, at),
    )
    return booking, best.insertion.position


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

    by: ChosenBy = "earliest arrival" if call.urgency == "urgent" else "least travel"
    chosen = described(options[0])
    del chosen["doctor_id"]
    return {
        **chosen,
        "by": by,
        "over": [described(each) for each in islice(options, 1, 1 + _ALTERNATIVES)],
    }
