"""A visit placed by hand: with the doctor, and at the time, that a dispatcher wants, if the day bears it. Pure.

A place by hand breaks no promise: it must lie in the doctor's shift, with time for the way back, and room, and every
visit after it stays in its window. What does not fit is refused with its cause, and with the nearest place that would
do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from homecall.contract.events import AssignmentRefusal, ChosenBy
from services.scheduler.domain.bookings import BY_HAND, Booking, Call
from services.scheduler.domain.moments import grid_down, grid_up, moment_of, seconds_of
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.roster import basis_of
from services.scheduler.domain.route import Insertion, Route
from services.scheduler.domain.state import Assignment


@dataclass(frozen=True)
class NearestPlace:
    """A place that would do: the doctor, and the window."""

    doctor_id: str
    arrives_from: datetime
    arrives_to: datetime


@dataclass(frozen=True)
class Impossible:
    """A visit cannot be placed as wanted: why, and the nearest place that would do."""

    cause: AssignmentRefusal
    nearest: NearestPlace | None = None


def assign(plan: DayPlan, call: Call, wanted: Assignment, assignment_id: str, now: datetime) -> Booking | Impossible:
    """Place the call as wanted, taking it from where it stands; or say why not, and change nothing."""
    at = seconds_of(now)
    if plan.roster is None:
        return Impossible("unknown_doctor")
    standing = plan.bookings.get(call.request_id)
    if standing is not None and plan.begun(call.request_id, now):
        return Impossible("closed")
    search = _Search(plan, call, standing, at)
    found = search.place(wanted)
    if isinstance(found, str):
        opens = at if wanted.arrives_from is None else max(at, seconds_of(wanted.arrives_from))
        return Impossible(found, search.nearest(wanted.doctor_id, opens))
    booking = _booking(search, found, wanted, assignment_id)
    plan.free(call.request_id, now)
    plan.enter(booking, found.insertion.position, at)
    return plan.bookings[call.request_id]


@dataclass(frozen=True)
class _Place:
    """Where in the doctor's route the visit goes, and the window that is promised: seconds since 1970."""

    doctor_id: str
    insertion: Insertion
    opens: int
    closes: int


class _Search:
    """The routes of those who may visit the patient, without the call, as of ``at``."""

    def __init__(self, plan: DayPlan, call: Call, standing: Booking | None, at: int) -> None:
        self.plan, self.call, self.standing, self.at = plan, call, standing, at
        self.routes: dict[str, Route] = {}
        for doctor in plan.suitable_doctors(call.is_child):
            plan.routes[doctor.doctor_id].advance(at)
            route = plan.routes[doctor.doctor_id].copy()
            if standing is not None:
                route.remove(call.request_id, at)
            self.routes[doctor.doctor_id] = route

    def place(self, wanted: Assignment) -> _Place | AssignmentRefusal:
        """The place that is wanted, or why there is none."""
        route = self.routes.get(wanted.doctor_id)
        if route is None:
            return "unknown_doctor"
        opens = None if wanted.arrives_from is None else seconds_of(wanted.arrives_from)
        latest_begin = route.last_arrival(self.call.location, self.plan.visit_seconds)
        if max(self.at, route.begins) > latest_begin:
            return "outside_shift"
        if opens is not None and not max(self.at, route.begins) <= opens <= latest_begin:
            return "outside_shift"
        if len(route.stops) >= self.plan.doctors[wanted.doctor_id].max_visits:
            return "no_room"
        for first, last in self._windows(route, opens):
            options = route.insertions(self.call.location, self.plan.visit_seconds, max(first, self.at), last, self.at)
            if options:
                best = min(options, key=lambda each: (each.extra, each.arrives))
                if opens is None and last == route.until:
                    return self._around(wanted.doctor_id, best)
                return _Place(wanted.doctor_id, best, first, min(last, latest_begin))
        return "outside_shift" if self._in_a_break(route, opens) else "breaks_promise"

    def _in_a_break(self, route: Route, opens: int | None) -> bool:
        """Whether the doctor's breaks leave no time in that window, even if there were no other visit."""
        if opens is None or not route.shift.breaks:
            return False
        alone, last = Route(route.start, route.shift, route.travel), opens + self.plan.dispatch.window * 60
        return not alone.insertions(self.call.location, self.plan.visit_seconds, max(opens, self.at), last, self.at)

    def _windows(self, route: Route, opens: int | None) -> Iterator[tuple[int, int]]:
        """The windows to be tried: the one that is wanted; else the one that was promised, then as for a new call."""
        width, standing = self.plan.dispatch.window * 60, self.standing
        if opens is not None:
            yield opens, opens + width
            return
        if standing is not None:
            yield seconds_of(standing.arrives_from), seconds_of(standing.arrives_to)
        lead = 0 if self.call.urgency == "urgent" else self.plan.dispatch.lead * 60
        soonest = max(grid_up(self.at + lead), grid_up(route.begins))
        yield soonest, soonest + width
        yield grid_up(self.at), route.until

    def _around(self, doctor_id: str, insertion: Insertion) -> _Place:
        """A place with a window of its own, that opens shortly before the arrival."""
        route = self.routes[doctor_id]
        floor = max(self.at, route.begins)
        opens = grid_down(insertion.arrives)
        opens = insertion.arrives if opens < floor else opens
        return _Place(doctor_id, insertion, opens, self._closes(route, opens))

    def _closes(self, route: Route, opens: int) -> int:
        last = route.last_arrival(self.call.location, self.plan.visit_seconds)
        return min(opens + self.plan.dispatch.window * 60, last)

    def nearest(self, doctor_id: str, opens: int) -> NearestPlace | None:
        """The place nearest in time to a window that opens then; of equals the same doctor's, then the least travel."""
        places = [
            (abs(arrives - opens), each_id != doctor_id, insertion.extra, each_id, insertion._replace(arrives=arrives))
            for each_id, route in self.routes.items()
            if len(route.stops) < self.plan.doctors[each_id].max_visits
            for insertion in self._insertions(route)
            for arrives in [route.arriving(insertion, min(opens, insertion.bound), self.plan.visit_seconds)]
        ]
        if not places:
            return None
        *_, found_id, insertion = min(places)
        return NearestPlace(found_id, *self.promise(self._around(found_id, insertion)))

    def promise(self, found: _Place) -> tuple[datetime, datetime]:
        """The window that is said of a place. One that opens as the promise does that stands is that promise, to the
        second and in the words in which it was given."""
        zone, standing = self.plan.doctors[found.doctor_id].shift_from.tzinfo, self.standing
        if standing is not None and seconds_of(standing.arrives_from) == found.opens:
            return standing.arrives_from, max(standing.arrives_to, moment_of(found.insertion.arrives, zone))
        return moment_of(found.opens, zone), moment_of(found.closes, zone)

    def _insertions(self, route: Route) -> list[Insertion]:
        first = max(self.at, route.begins)
        return route.insertions(self.call.location, self.plan.visit_seconds, first, route.until, self.at)


def _booking(search: _Search, found: _Place, wanted: Assignment, assignment_id: str) -> Booking:
    plan, call = search.plan, search.call
    zone = plan.doctors[found.doctor_id].shift_from.tzinfo
    arrives, urgent = found.insertion.arrives, call.urgency == "urgent"
    opens, closes = search.promise(found)
    latest = min(seconds_of(closes), arrives + plan.dispatch.urgent_within * 60)
    return Booking(
        request_id=call.request_id,
        doctor_id=found.doctor_id,
        arrives_from=opens,
        arrives_to=closes,
        planned_at=moment_of(arrives, zone),
        ends_at=moment_of(arrives + plan.visit_seconds, zone),
        urgent=urgent,
        basis=BY_HAND,
        is_child=call.is_child,
        location=call.location,
        last_doctor=call.last_doctor,
        latest_at=moment_of(latest, zone) if urgent and latest != seconds_of(closes) else None,
        why=_why(found, wanted, assignment_id, search.at),
    )


def _why(found: _Place, wanted: Assignment, assignment_id: str, at: int) -> Mapping[str, Any]:
    by: ChosenBy = BY_HAND
    return {
        "basis": BY_HAND,
        "by": by,
        "wait_minutes": (found.insertion.arrives - at) // 60,
        "extra_travel_minutes": round(found.insertion.extra / 60, 1),
        "over": [],
        "assigned_by": wanted.assigned_by,
        "reason": wanted.reason,
        "assignment": assignment_id,
    }


def released(plan: DayPlan, request_id: str) -> Booking | None:
    """The visit as one that may be planned like any other; it stays with its doctor for now.

    None where it was not placed by hand, or its doctor left the roster, which takes it from there anyhow.
    """
    booking = plan.bookings.get(request_id)
    doctor = None if booking is None else plan.doctors.get(booking.doctor_id)
    if booking is None or doctor is None or not booking.by_hand:
        return None
    district_id = booking.location.district_id if booking.location else None
    basis = basis_of(doctor, district_id, booking.is_child)
    return replace(booking, basis=basis, why={**(booking.why or {}), "basis": basis})
