"""Planning the rest of a day again: what a solver is asked, and what of its answer is taken. Pure.

The solver may be anything that orders visits in routes: its answer is never trusted, but driven through once more by
``routing``'s own rules before a visit moves. What it may not touch is not in the problem: what has begun, and windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import atan2
from statistics import median

from services.scheduler.route import Stop
from services.scheduler.routing import Day, _seconds, _suitable
from services.scheduler.travel import Location, Travel

FORBIDDEN = 10_000_000
"""The cost, in seconds, of a visit by a doctor who must not make it: more than any day's travel."""
DOCTORS_AT_ONCE = 12
"""Larger clinics are planned part by part, neighbours together: what a solver can do in its time is bounded."""
LEAST_SAVING = 60
"""Seconds that a new plan must save: a list that changes for less is only a nuisance to who drives it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Routes to be improved: plain values, so that they can be sent to another process. Times are seconds.

    ``spots`` are first the places from which the doctors go on, then the visits, ``travel`` the ways between them.
    ``extra[d][v]`` is what visit ``v`` costs beyond its travel when doctor ``d`` makes it. ``routes`` is how it stands.
    """

    doctors: tuple[str, ...]
    free_from: tuple[int, ...]
    until: tuple[int, ...]
    room: tuple[int, ...]
    visits: tuple[str, ...]
    earliest: tuple[int, ...]
    latest: tuple[int, ...]
    service: tuple[int, ...]
    spots: tuple[Location, ...]
    travel: Travel
    extra: tuple[tuple[int, ...], ...]
    routes: tuple[tuple[int, ...], ...]

    def seconds(self, one: int, other: int) -> int:
        """The way from one spot to another."""
        return self.travel.seconds(self.spots[one], self.spots[other])


def problem_of(day: Day, now: datetime, *, part: int = 0, keep_doctors: bool = False) -> Problem | None:
    """What of the day has not begun by ``now``, as a problem; None where no order could be better than another.

    ``part`` goes through the parts of a large clinic, one by one.
    """
    if day.roster is None:
        return None
    at = _seconds(now)
    with_visits: list[str] = []
    for doctor_id, route in day.routes.items():
        route.advance(at)
        if doctor_id in day.doctors and at < route.until:
            with_visits.append(doctor_id)
    doctors = _part(day, with_visits, part)
    stops = [stop for doctor_id in doctors for stop in day.routes[doctor_id].open]
    if len(stops) < 2 or not any(stop.spot.known or stop.spot.district_id for stop in stops):
        return None
    numbers = {stop.request_id: number for number, stop in enumerate(stops)}
    spots: list[Location] = [day.routes[each].free_at() for each in doctors] + [stop.spot for stop in stops]
    return Problem(
        doctors=tuple(doctors),
        free_from=tuple(day.routes[each].free_from(at) for each in doctors),
        until=tuple(day.routes[each].until for each in doctors),
        room=tuple(max(0, day.doctors[each].max_visits - day.routes[each].begun) for each in doctors),
        visits=tuple(numbers),
        earliest=tuple(stop.earliest for stop in stops),
        latest=tuple(stop.latest for stop in stops),
        service=tuple(stop.service for stop in stops),
        spots=tuple(spots),
        travel=day.travel,
        extra=tuple(tuple(_extra(day, each, stop, keep_doctors) for stop in stops) for each in doctors),
        routes=tuple(tuple(numbers[stop.request_id] for stop in day.routes[each].open) for each in doctors),
    )


def _part(day: Day, doctors: Sequence[str], part: int) -> list[str]:
    if len(doctors) <= DOCTORS_AT_ONCE:
        return list(doctors)
    centres = {each: _centre([stop.spot for stop in day.routes[each].open]) for each in doctors}
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


def _centre(spots: Sequence[Location]) -> tuple[float, float] | None:
    known = [(spot.lat, spot.lon) for spot in spots if spot.lat is not None and spot.lon is not None]
    if not known:
        return None
    return median(lat for lat, _ in known), median(lon for _, lon in known)


def _extra(day: Day, doctor_id: str, stop: Stop, keep_doctors: bool) -> int:
    doctor, booking = day.doctors[doctor_id], day.bookings[stop.request_id]
    rules = day.dispatch
    if booking.doctor_id != doctor_id and keep_doctors:
        return FORBIDDEN
    minutes = 0.0
    if booking.is_child is not None:
        suitable = _suitable(booking.is_child)
        if doctor.specialty not in suitable:
            return FORBIDDEN
        minutes += rules.change_weight * suitable[doctor.specialty]
    if stop.spot.district_id is not None and stop.spot.district_id not in doctor.districts:
        minutes += rules.change_weight
    if doctor.on_duty and stop.spot.district_id not in doctor.districts:
        minutes += 60.0
    if booking.doctor_id != doctor_id:
        minutes += rules.change_weight
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


def adopt(day: Day, problem: Problem, routes: Sequence[Sequence[int]], now: datetime) -> list[str] | None:
    """Put the solver's routes in place of those of the day; the visits whose doctor changed.

    None, and nothing is changed, where the day has moved on since, a rule would be broken, or too little is saved.
    """
    if len(routes) != len(problem.routes) or sorted(v for route in routes for v in route) != list(
        range(len(problem.visits))
    ):
        return None
    at = _seconds(now)
    for doctor_id, route in zip(problem.doctors, problem.routes, strict=True):
        standing = day.routes.get(doctor_id)
        if standing is None or doctor_id not in day.doctors:
            return None
        standing.advance(at)
        if [stop.request_id for stop in standing.open] != [problem.visits[visit] for visit in route]:
            return None
    if cost(problem, routes) > cost(problem, problem.routes) - LEAST_SAVING:
        return None
    stops = {
        stop.request_id: stop
        for doctor_id in problem.doctors
        for stop in (replace(each) for each in day.routes[doctor_id].open)
    }
    ordered: dict[str, list[Stop]] = {}
    for number, (doctor_id, wanted) in enumerate(zip(problem.doctors, routes, strict=True)):
        order = [stops[problem.visits[visit]] for visit in wanted]
        if any(problem.extra[number][visit] >= FORBIDDEN for visit in wanted):
            return None
        if order and len(order) + day.routes[doctor_id].begun > day.doctors[doctor_id].max_visits:
            return None
        if day.routes[doctor_id].holding(order, at)[1]:
            return None
        ordered[doctor_id] = order
    return day.rearrange(ordered, now)
