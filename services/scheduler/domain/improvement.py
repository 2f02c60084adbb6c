"""Planning the rest of a day again: what a solver is asked, and what of its answer is applied. Pure.

Its answer is not trusted: the plan's own rules check it. Visits that have begun, and windows, are not in the problem.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import atan2
from statistics import median
from typing import NamedTuple

from services.scheduler.domain.moments import seconds_of
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.roster import is_overflow, suitable
from services.scheduler.domain.route import Route, Stop
from services.scheduler.domain.travel import Location, Travel

FORBIDDEN = 10_000_000
"""The cost, in seconds, of a visit by a doctor who must not make it: more than any day's travel."""
DOCTORS_AT_ONCE = 12
"""Larger clinics are planned part by part, neighbours together: a solver has little time."""
LEAST_SAVING = 60
"""Seconds that a new plan must save: a list that changes for less only disturbs the drivers."""


class Pause(NamedTuple):
    """A break that is still to come: whose, from when to when, and at which of the problem's locations it is spent.

    That is where the visit before it in the present route ends. In another order it is spent elsewhere; then the way by
    that place is a longer one than is driven, so that what is found holds.
    """

    doctor: int
    begins: int
    ends: int
    location: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Routes to be improved: plain values, so that they can be sent to another process. Times are seconds.

    ``locations`` are first the places where the doctors are, then the visits; ``travel`` gives the times between them.
    ``extra[d][v]`` is what visit ``v`` costs beyond its travel when doctor ``d`` makes it. ``routes`` are as they are.
    ``back[d][v]`` is how long before ``until[d]`` visit ``v`` must be over if it is the last, for the way back.
    ``pauses`` are the doctors' breaks.
    """

    doctors: tuple[str, ...]
    free_from: tuple[int, ...]
    until: tuple[int, ...]
    room: tuple[int, ...]
    visits: tuple[str, ...]
    earliest: tuple[int, ...]
    latest: tuple[int, ...]
    service: tuple[int, ...]
    locations: tuple[Location, ...]
    travel: Travel
    extra: tuple[tuple[int, ...], ...]
    routes: tuple[tuple[int, ...], ...]
    back: tuple[tuple[int, ...], ...]
    pauses: tuple[Pause, ...] = ()

    def seconds(self, one: int, other: int) -> int:
        return self.travel.seconds(self.locations[one], self.locations[other])


def problem_of(plan: DayPlan, now: datetime, *, part: int = 0) -> Problem | None:
    """The visits that have not begun by ``now``, as a problem; None where no order could be better than another.

    ``part`` goes through the parts of a large clinic, one by one.
    """
    if plan.roster is None:
        return None
    at = seconds_of(now)
    with_visits: list[str] = []
    for doctor_id, route in plan.routes.items():
        route.advance(at)
        if doctor_id in plan.doctors and at < route.until:
            with_visits.append(doctor_id)
    doctors = _part(plan, with_visits, part)
    stops = [stop for doctor_id in doctors for stop in plan.routes[doctor_id].open]
    if len(stops) < 2 or not any(stop.location.known or stop.location.district_id for stop in stops):
        return None
    free_from = tuple(plan.routes[each].shift.from_on(plan.routes[each].free_from(at), 1) for each in doctors)
    numbers = {stop.request_id: number for number, stop in enumerate(stops)}
    locations: list[Location] = [plan.routes[each].free_at() for each in doctors] + [stop.location for stop in stops]
    return Problem(
        doctors=tuple(doctors),
        free_from=free_from,
        # Where what stands leaves too little time for the way back, no other order need leave more.
        until=tuple(plan.routes[each].until + plan.routes[each].overrun for each in doctors),
        room=tuple(max(0, plan.doctors[each].max_visits - plan.routes[each].begun) for each in doctors),
        visits=tuple(numbers),
        earliest=tuple(stop.earliest for stop in stops),
        latest=tuple(stop.latest for stop in stops),
        service=tuple(stop.service for stop in stops),
        locations=tuple(locations),
        travel=plan.travel,
        extra=tuple(tuple(_extra(plan, each, stop) for stop in stops) for each in doctors),
        routes=tuple(tuple(numbers[stop.request_id] for stop in plan.routes[each].open) for each in doctors),
        back=tuple(tuple(_back(plan.routes[each], stop) for stop in stops) for each in doctors),
        pauses=tuple(
            Pause(number, begins, ends, _spent_at(plan.routes[each], begins, number, numbers, len(doctors)))
            for number, each in enumerate(doctors)
            for begins, ends in plan.routes[each].shift.breaks
            if begins >= free_from[number]
        ),
    )


def _spent_at(route: Route, begins: int, here: int, numbers: Mapping[str, int], first: int) -> int:
    """The location at which a break is spent: where the doctor is, ``here``, or that of the last visit before it."""
    before = [stop.request_id for stop in route.open if stop.planned < begins]
    return first + numbers[before[-1]] if before else here


def _back(route: Route, last: Stop) -> int:
    return route.until - route.last_arrival(last.location, 0)


def _part(plan: DayPlan, doctors: Sequence[str], part: int) -> list[str]:
    if len(doctors) <= DOCTORS_AT_ONCE:
        return list(doctors)
    centres = {each: _centre([stop.location for stop in plan.routes[each].open]) for each in doctors}
    known = [centre for centre in centres.values() if centre is not None]
    # The middle one, not the mean: a single place far away would put all others into one direction.
    lat, lon = (median(each[axis] for each in known) if known else 0.0 for axis in (0, 1))

    def around(doctor_id: str) -> tuple[bool, float, str]:
        centre = centres[doctor_id]
        return centre is None, atan2(centre[0] - lat, centre[1] - lon) if centre else 0.0, doctor_id

    ordered = sorted(doctors, key=around)
    # Each part shares half of its doctors with the next, so that visits can pass all around the clinic.
    begin = part * DOCTORS_AT_ONCE // 2 % len(ordered)
    return (ordered + ordered)[begin : begin + DOCTORS_AT_ONCE]


def _centre(locations: Sequence[Location]) -> tuple[float, float] | None:
    known = [
        (location.lat, location.lon) for location in locations if location.lat is not None and location.lon is not None
    ]
    if not known:
        return None
    return median(lat for lat, _ in known), median(lon for _, lon in known)


def _extra(plan: DayPlan, doctor_id: str, stop: Stop) -> int:
    doctor, booking = plan.doctors[doctor_id], plan.bookings[stop.request_id]
    rules = plan.dispatch
    if booking.by_hand and booking.doctor_id != doctor_id:
        return FORBIDDEN
    minutes = 0.0
    if booking.is_child is not None:
        specialties = suitable(booking.is_child)
        if doctor.specialty not in specialties:
            return FORBIDDEN
        minutes += rules.change_weight * specialties[doctor.specialty]
    if stop.location.district_id is not None and stop.location.district_id not in doctor.districts:
        minutes += rules.change_weight
    if is_overflow(doctor, stop.location.district_id):
        minutes += 60.0
    if booking.doctor_id != doctor_id:
        minutes += rules.change_weight
    if booking.last_doctor is not None and booking.last_doctor != doctor_id:
        minutes += rules.continuity_weight
    return round(minutes * 60)


def cost(problem: Problem, routes: Sequence[Sequence[int]]) -> int:
    """Travel and what is weighed as travel, in seconds."""
    count = len(problem.doctors)
    total = 0
    for doctor, route in enumerate(routes):
        before = doctor
        for visit in route:
            total += problem.seconds(before, count + visit) + problem.extra[doctor][visit]
            before = count + visit
    return total


def apply_if_better(
    plan: DayPlan, problem: Problem, routes: Sequence[Sequence[int]], now: datetime
) -> list[str] | None:
    """Put the solver's routes in place of those of the day; the visits whose doctor changed.

    None, and nothing is changed, where the day has moved on since, a rule would be broken, or too little is saved.
    """
    if len(routes) != len(problem.routes) or sorted(v for route in routes for v in route) != list(
        range(len(problem.visits))
    ):
        return None
    at = seconds_of(now)
    for doctor_id, route in zip(problem.doctors, problem.routes, strict=True):
        standing = plan.routes.get(doctor_id)
        if standing is None or doctor_id not in plan.doctors:
            return None
        standing.advance(at)
        if [stop.request_id for stop in standing.open] != [problem.visits[visit] for visit in route]:
            return None
    if cost(problem, routes) > cost(problem, problem.routes) - LEAST_SAVING:
        return None
    stops = {
        stop.request_id: stop
        for doctor_id in problem.doctors
        for stop in (replace(each) for each in plan.routes[doctor_id].open)
    }
    ordered: dict[str, list[Stop]] = {}
    for number, (doctor_id, wanted) in enumerate(zip(problem.doctors, routes, strict=True)):
        order = [stops[problem.visits[visit]] for visit in wanted]
        if any(problem.extra[number][visit] >= FORBIDDEN for visit in wanted):
            return None
        if order and len(order) + plan.routes[doctor_id].begun > plan.doctors[doctor_id].max_visits:
            return None
        if plan.routes[doctor_id].holding(order, at)[1]:
            return None
        ordered[doctor_id] = order
    return plan.rearrange(ordered, now)
