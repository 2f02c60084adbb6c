"""A day that changed: which bookings no longer hold, and new places for them, with few changed promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import itemgetter
from typing import Any

from homecall.contract.events import ChosenBy
from services.scheduler.domain.bookings import BY_HAND, Booking, Call
from services.scheduler.domain.insertion import reluctance, window
from services.scheduler.domain.moments import grid_up, moment_of, seconds_of
from services.scheduler.domain.plan import DayPlan, stop_of
from services.scheduler.domain.roster import Doctor, basis_of, is_overflow, suitable
from services.scheduler.domain.route import Insertion, Route, Stop

_MANY = 80
"""Beyond so many displaced visits only one order of placing them again is tried."""
_DUTY = 3600
"""What sending a doctor on duty costs against any other, where a promise is to be kept: seconds."""

_Displaced = tuple[Booking, Call]


def displaced(plan: DayPlan, now: datetime) -> list[Booking]:
    """The bookings that no longer hold, urgent first, then by time: to be freed, then placed again.

    A visit that is over is left alone. One for which the doctor has set out stays, unless the doctor is no longer in
    the roster or becomes unavailable before its end: then nobody would come. One that has not begun must be reached in
    its window and be over within the shift, by a suitable doctor; beyond ``max_visits`` the latest go. The way back
    takes no visit from its doctor: only new places are chosen by it. Empty while there is no roster.
    """
    if plan.roster is None:
        return []
    at = seconds_of(now)
    gone = [plan.bookings[stop.request_id] for doctor_id in plan.routes for stop in _not_held(plan, doctor_id, at)]
    return sorted(gone, key=lambda booking: (not booking.urgent, booking.planned_at, booking.request_id))


def _not_held(plan: DayPlan, doctor_id: str, now: int) -> Iterator[Stop]:
    """Drive the doctor's route from now on; the stops that are not reached as promised."""
    doctor, route = plan.doctors.get(doctor_id), plan.routes[doctor_id]
    absent_from = plan.unavailable.get(doctor_id)
    route.advance(now)
    held = 0
    leave, before = route.begins, route.start
    for index, stop in enumerate(route.stops):
        begun = index < route.begun
        if stop.ends <= now:
            holds = True
        elif doctor is None or (absent_from is not None and stop.ends > absent_from):
            holds = False
        elif begun:
            holds = True
        else:
            leg = plan.travel.seconds(before, stop.location)
            arrives = route.shift.arrival(max(max(leave, now) + leg, stop.earliest), leg, stop.service)
            holds = (
                arrives <= stop.latest
                and arrives + stop.service <= route.until
                and held < doctor.max_visits
                and _may_visit(doctor, plan.bookings[stop.request_id])
            )
            if holds:
                leave, before = arrives + stop.service, stop.location
        if not holds:
            yield stop
            continue
        held += 1
        if begun:
            leave, before = max(stop.ends, route.begins), stop.location


def _may_visit(doctor: Doctor, booking: Booking) -> bool:
    return booking.is_child is None or doctor.specialty in suitable(booking.is_child)


def repair(plan: DayPlan, call_of: Callable[[str], Call], now: datetime) -> list[Booking]:
    """Take out the bookings that no longer hold, and place them again with as few changed promises as possible.

    First as many windows as possible are kept, then the others are moved by as little as possible; a call with no place
    is left without. Returns the bookings that were taken out, as they were.
    """
    if plan.roster is None:
        return []
    gone = displaced(plan, now)
    at = seconds_of(now)
    for booking in gone:
        plan.free(booking.request_id, now)
    plan.advance(at)
    if not gone:
        return []
    again = [(booking, call_of(booking.request_id)) for booking in gone]
    orders = [sorted(again, key=key) for key in _ORDERS]
    if len(again) > _MANY:
        orders = orders[1:2]
    attempts = [_attempt(plan, order, at) for order in orders]
    best = min(attempts, key=lambda each: each.score)
    for booking, position in best.placed:
        plan.enter(booking, position, at)
    return gone


def _by_priority(each: _Displaced) -> Any:
    return each[1].priority


_ORDERS: tuple[Callable[[_Displaced], Any], ...] = (
    lambda each: (each[0].arrives_to, each[1].rank, each[0].request_id),
    _by_priority,
    lambda each: (
        not each[1].is_child,
        each[0].arrives_to - each[0].arrives_from,
        each[0].arrives_to,
        each[0].request_id,
    ),
)
"""Orders in which displaced visits are placed again; the best attempt counts."""


@dataclass
class _Attempt:
    """What placing the displaced visits in one order comes to, on copies of the routes."""

    routes: dict[str, Route]
    at: int
    placed: list[tuple[Booking, int]] = field(default_factory=list)
    without: int = 0
    moved: int = 0
    moved_by: int = 0
    extra: int = 0

    @property
    def score(self) -> tuple[int, int, int, int]:
        """The lower the better: calls without a place, promises moved, by how much, extra travel."""
        return self.without, self.moved, self.moved_by, self.extra

    def enter(self, booking: Booking, insertion: Insertion) -> None:
        self.routes[booking.doctor_id].insert(stop_of(booking), insertion.position, self.at)
        self.placed.append((booking, insertion.position))
        self.extra += insertion.extra


def _attempt(plan: DayPlan, again: Sequence[_Displaced], at: int) -> _Attempt:
    attempt = _Attempt({doctor_id: plan.routes[doctor_id].copy() for doctor_id in plan.doctors}, at)
    left: list[_Displaced] = []
    for booking, call in again:
        kept = _keeping(plan, booking, call, attempt)
        if kept is None:
            left.append((booking, call))
        else:
            attempt.enter(*kept)
    for booking, call in sorted(left, key=_by_priority):
        shifted = _moving(plan, booking, call, attempt)
        if shifted is None:
            attempt.without += 1
            continue
        moved, insertion, moved_by = shifted
        attempt.moved += 1
        attempt.moved_by += moved_by
        attempt.enter(moved, insertion)
    return attempt


def _keeping(plan: DayPlan, booking: Booking, call: Call, attempt: _Attempt) -> tuple[Booking, Insertion] | None:
    """The cheapest place with the same window, and the booking there."""
    opens, closes = seconds_of(booking.arrives_from), seconds_of(booking.latest_at or booking.arrives_to)
    options = [
        # Where a dispatcher chose the doctor, others are asked only if that one cannot come.
        (booking.by_hand and doctor.doctor_id != booking.doctor_id, each.extra + fixed, doctor.doctor_id, each)
        for doctor, route, fixed in _with_room(plan, call, attempt.routes)
        for each in route.insertions(call.location, plan.visit_seconds, max(opens, attempt.at), closes, attempt.at)
    ]
    if not options:
        return None
    *_, doctor_id, insertion = min(options, key=itemgetter(0, 1, 2))
    zone = plan.doctors[doctor_id].shift_from.tzinfo
    kept = replace(
        booking,
        **_rebooked(plan, call, (booking, doctor_id), insertion, "window kept"),
        arrives_from=moment_of(opens, zone),
        arrives_to=moment_of(seconds_of(booking.arrives_to), zone),
    )
    return kept, insertion


def _moving(plan: DayPlan, booking: Booking, call: Call, attempt: _Attempt) -> tuple[Booking, Insertion, int] | None:
    """The place whose window is moved by the least, the booking there, and by how many seconds it is moved."""
    at, service = attempt.at, plan.visit_seconds
    opens, closes = seconds_of(booking.arrives_from), seconds_of(booking.arrives_to)
    options = [
        (max(each.arrives - closes, opens - each.bound, 0), each.extra + fixed, doctor.doctor_id, each)
        for doctor, route, fixed in _with_room(plan, call, attempt.routes)
        for each in route.insertions(call.location, service, grid_up(at), route.until, at)
    ]
    if not options:
        return None
    _, _, doctor_id, insertion = min(options, key=itemgetter(0, 1, 2))
    if insertion.arrives > closes:
        new_from = opens + grid_up(insertion.arrives - closes)
    else:
        new_from = opens - grid_up(max(0, opens - insertion.bound))
    new_from = min(max(new_from, grid_up(at)), max(insertion.bound, insertion.arrives))
    route = attempt.routes[doctor_id]
    insertion = insertion._replace(arrives=route.arriving(insertion, min(new_from, insertion.bound), service))
    new_from, new_to = window(
        plan.dispatch,
        min(new_from, insertion.arrives),
        route.last_arrival(call.location, service),
        max(at, route.begins),
    )
    new_to = max(new_to, insertion.arrives)
    zone = plan.doctors[doctor_id].shift_from.tzinfo
    latest = moment_of(min(new_to, insertion.arrives + plan.dispatch.urgent_within * 60), zone)
    moved = replace(
        booking,
        **_rebooked(plan, call, (booking, doctor_id), insertion, "least change"),
        arrives_from=moment_of(new_from, zone),
        arrives_to=moment_of(new_to, zone),
        latest_at=latest if call.urgency == "urgent" else None,
    )
    return moved, insertion, abs(new_from - opens)


def _with_room(plan: DayPlan, call: Call, routes: Mapping[str, Route]) -> Iterator[tuple[Doctor, Route, float]]:
    """Each suitable doctor with room, the route, and what sending this doctor costs beside travel: seconds."""
    for doctor in plan.suitable_doctors(call.is_child):
        route = routes[doctor.doctor_id]
        if len(route.stops) < doctor.max_visits:
            duty = _DUTY if is_overflow(doctor, call.district_id) else 0
            yield doctor, route, 60 * reluctance(plan.dispatch, doctor, call) + duty


def _rebooked(
    plan: DayPlan, call: Call, moved: tuple[Booking, str], insertion: Insertion, by: ChosenBy
) -> dict[str, Any]:
    """What of a booking is new at another place, or with another doctor, but for its window."""
    booking, doctor_id = moved
    doctor = plan.doctors[doctor_id]
    zone, basis = doctor.shift_from.tzinfo, basis_of(doctor, call.district_id, call.is_child)
    why: dict[str, Any] = {"by": by, "extra_travel_minutes": round(insertion.extra / 60, 1), "over": []}
    if booking.by_hand and doctor_id == booking.doctor_id:
        basis, why = BY_HAND, {**(booking.why or {})}
    return {
        "doctor_id": doctor_id,
        "planned_at": moment_of(insertion.arrives, zone),
        "ends_at": moment_of(insertion.arrives + plan.visit_seconds, zone),
        "basis": basis,
        "location": call.location,
        "why": {"basis": basis, **why},
    }
