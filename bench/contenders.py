"""Five ways to plan the same clinic day, side by side. Insertion and planning again are the scheduler's own code."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bench.clinic_days import ClinicDay
from services.scheduler import solver
from services.scheduler.domain import improvement
from services.scheduler.domain.bookings import Booking, Call
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.improvement import Problem
from services.scheduler.domain.insertion import place
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.repair import repair
from services.scheduler.domain.roster import Doctor
from services.scheduler.domain.travel import Location, Travel

EVERY = 3
"""After so many calls the rest of the day is planned again."""
REPLAN_ITERATIONS = 600
BOUND_ITERATIONS = 6_000
_SUITABLE = {True: ("paediatrician", "gp"), False: ("gp", "therapist")}


@dataclass
class Result:
    """What became of the calls of a day, or of several days together."""

    placed: int = 0
    unplaced: int = 0
    travel_seconds: int = 0
    waits: list[float] = field(default_factory=list)
    kept: int = 0
    changed: int = 0
    other_doctor: int = 0
    decisions_ms: list[float] = field(default_factory=list)

    def add(self, other: Result) -> None:
        """Count another day in."""
        self.placed += other.placed
        self.unplaced += other.unplaced
        self.travel_seconds += other.travel_seconds
        self.waits += other.waits
        self.kept += other.kept
        self.changed += other.changed
        self.other_doctor += other.other_doctor
        self.decisions_ms += other.decisions_ms

    def figures(self) -> dict[str, float]:
        """The figures, as ``--json`` gives them."""
        waits, spent = sorted(self.waits), sorted(self.decisions_ms)
        return {
            "placed": self.placed,
            "unplaced": self.unplaced,
            "travel_minutes": round(self.travel_seconds / 60, 1),
            "wait_mean_minutes": round(sum(waits) / len(waits), 1) if waits else 0.0,
            "wait_p95_minutes": round(_share(waits, 0.95), 1),
            "promises_kept": self.kept,
            "promises_changed": self.changed,
            "decision_ms_p99": round(_share(spent, 0.99), 2),
        }


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def dispatch_of(day: ClinicDay) -> Dispatch:
    """The clinic's settings on such a day: the defaults, with the roads' own factor and speed."""
    return replace(Dispatch(), road_factor=day.road_factor, speed_kmh=day.speed_kmh)


def travel_of(day: ClinicDay) -> Travel:
    """The same roads for every contender."""
    return Travel(day.roster.travel_minutes * 60, day.road_factor, day.speed_kmh)


# ---------------------------------------------------------------- what the scheduler does


def insertion(day: ClinicDay) -> Result:
    """Each call into the best route, and nothing after that."""
    return _dispatched(day, again=False)


def replanned(day: ClinicDay) -> Result:
    """Insertion, and the rest of the day planned again after every third call."""
    return _dispatched(day, again=True)


def _dispatched(day: ClinicDay, *, again: bool) -> Result:
    plan = DayPlan(day.roster, dispatch=dispatch_of(day))
    calls = {call.request_id: call for call in day.calls}
    result = Result()
    promised: dict[str, Booking] = {}
    waiting: list[Call] = []
    drops = list(day.drops)
    gone: dict[str, datetime] = {}
    for number, call in enumerate(day.calls):
        now = call.accepted_at
        while drops and drops[0][1] <= now:
            doctor_id, since = drops.pop(0)
            gone[doctor_id] = since
            plan = DayPlan(day.roster, plan.bookings.values(), gone, plan.dispatch)
            repair(plan, calls.__getitem__, since)
        started = time.thread_time()
        booked = place(plan, call, now)
        result.decisions_ms.append((time.thread_time() - started) * 1000)
        if isinstance(booked, Booking):
            promised[call.request_id] = booked
        else:
            waiting.append(call)
        if again and number % EVERY == EVERY - 1:
            problem = improvement.problem_of(plan, now, part=number // EVERY)
            found = solver.solve(problem, 5, REPLAN_ITERATIONS) if problem is not None else None
            if problem is not None and found is not None:
                improvement.apply_if_better(plan, problem, found, now)
    for request_id, first in promised.items():
        booking = plan.bookings.get(request_id)
        if booking is None:
            result.changed += 1
            result.unplaced += 1
            continue
        result.placed += 1
        result.waits.append(_minutes(calls[request_id].accepted_at, booking.planned_at))
        result.kept += first.arrives_from <= booking.planned_at <= first.arrives_to
        result.changed += (first.arrives_from, first.arrives_to) != (booking.arrives_from, booking.arrives_to)
        result.other_doctor += first.doctor_id != booking.doctor_id
    result.unplaced += len(waiting)
    result.travel_seconds = sum(stop.leg for route in plan.routes.values() for stop in route.stops)
    return result


# ---------------------------------------------------------------- what it replaces


def first_free(day: ClinicDay) -> Result:
    """The first free fixed slot of any suitable doctor, wherever the doctor is."""

    def chosen(call: Call, doctors: Sequence[Doctor], load: Any, start: Callable[[Doctor], datetime]) -> Doctor:
        del call, load
        return min(doctors, key=lambda each: (start(each), each.doctor_id))

    return _fixed(day, chosen)


def least_loaded(day: ClinicDay) -> Result:
    """The district's doctor, then the least loaded, each in the first free fixed slot: what insertion replaces."""

    def chosen(
        call: Call, doctors: Sequence[Doctor], load: Callable[[Doctor], float], start: Callable[[Doctor], datetime]
    ) -> Doctor:
        own = [each for each in doctors if call.district_id in each.districts]
        kinds = _SUITABLE[call.is_child]
        if call.urgency == "urgent":
            return min(own or doctors, key=lambda each: (start(each), load(each), each.doctor_id))
        return min(
            own or doctors,
            key=lambda each: (
                kinds.index(each.specialty) if call.is_child else 0,
                load(each),
                start(each),
                each.doctor_id,
            ),
        )

    return _fixed(day, chosen)


def _fixed(day: ClinicDay, choose: Any) -> Result:
    """Slots of travel and visit, one after the other; then they are driven as they were given."""
    result = Result()
    length = timedelta(minutes=day.roster.travel_minutes + day.roster.visit_minutes)
    given: dict[str, list[tuple[datetime, Call]]] = {doctor.doctor_id: [] for doctor in day.roster.doctors}
    gone = dict(day.drops)

    def until(doctor: Doctor) -> datetime:
        return min(doctor.shift_to, gone.get(doctor.doctor_id, doctor.shift_to))

    for call in day.calls:
        started = time.thread_time()

        def start(doctor: Doctor, now: datetime = call.accepted_at) -> datetime:
            return max([now, doctor.shift_from, *(begin + length for begin, _ in given[doctor.doctor_id][-1:])])

        def load(doctor: Doctor) -> float:
            return len(given[doctor.doctor_id]) / doctor.max_visits

        free = [
            doctor
            for doctor in day.roster.doctors
            if doctor.specialty in _SUITABLE[call.is_child]
            and len(given[doctor.doctor_id]) < doctor.max_visits
            and start(doctor) + length <= until(doctor)
        ]
        if free:
            doctor = choose(call, free, load, start)
            given[doctor.doctor_id].append((start(doctor), call))
        else:
            result.unplaced += 1
        result.decisions_ms.append((time.thread_time() - started) * 1000)
    travel = travel_of(day)
    for doctor in day.roster.doctors:
        before, free_at = Location("@", *(doctor.start or (None, None))), doctor.shift_from
        for slot, call in given[doctor.doctor_id]:
            seconds = travel.seconds(before, call.location)
            arrives = max(free_at, slot) + timedelta(seconds=seconds)
            result.placed += 1
            result.travel_seconds += seconds
            result.waits.append(_minutes(call.accepted_at, arrives))
            result.kept += arrives <= slot + length
            before, free_at = call.location, arrives + timedelta(minutes=day.roster.visit_minutes)
    return result


# ---------------------------------------------------------------- what could be, were all known


def bound(day: ClinicDay) -> Result:
    """PyVRP on the whole day known in advance: no visit before its call, nor more than four hours after it."""
    result = Result()
    zero = day.roster.doctors[0].shift_from.timestamp()
    doctors = [
        replace(each, shift_to=min(each.shift_to, dict(day.drops).get(each.doctor_id, each.shift_to)))
        for each in day.roster.doctors
    ]
    service = day.roster.visit_minutes * 60
    locations = [Location("@", *(doctor.start or (None, None))) for doctor in doctors] + [
        call.location for call in day.calls
    ]
    called = [int(call.accepted_at.timestamp() - zero) for call in day.calls]
    started = time.thread_time()
    problem = Problem(
        doctors=tuple(doctor.doctor_id for doctor in doctors),
        free_from=tuple(0 for _ in doctors),
        until=tuple(int(doctor.shift_to.timestamp() - zero) for doctor in doctors),
        room=tuple(doctor.max_visits for doctor in doctors),
        visits=tuple(call.request_id for call in day.calls),
        earliest=tuple(called),
        latest=tuple(each + 4 * 3600 for each in called),
        service=tuple(service for _ in day.calls),
        locations=tuple(locations),
        travel=travel_of(day),
        extra=tuple(
            tuple(0 if doctor.specialty in _SUITABLE[call.is_child] else improvement.FORBIDDEN for call in day.calls)
            for doctor in doctors
        ),
        routes=tuple(() for _ in doctors),
    )
    routes = solver.solve(problem, 30, BOUND_ITERATIONS, optional=True) or []
    result.decisions_ms.append((time.thread_time() - started) * 1000)
    for number, route in enumerate(routes):
        before, leave = number, problem.free_from[number]
        for visit in route:
            place = len(doctors) + visit
            seconds = problem.seconds(before, place)
            arrives = max(leave + seconds, problem.earliest[visit])
            result.placed += 1
            result.travel_seconds += seconds
            result.waits.append((arrives - called[visit]) / 60)
            result.kept += arrives <= problem.latest[visit]
            before, leave = place, arrives + service
    result.unplaced = len(day.calls) - result.placed
    return result


def _minutes(begin: datetime, end: datetime) -> float:
    return (end - begin).total_seconds() / 60


CONTENDERS: Mapping[str, Callable[[ClinicDay], Result]] = {
    "first_free": first_free,
    "least_loaded": least_loaded,
    "insertion": insertion,
    "replanned": replanned,
    "bound": bound,
}
