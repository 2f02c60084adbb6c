"""Ways to plan the same clinic day, side by side. Insertion and planning again are the scheduler's own code."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bench.clinic_days import ClinicDay
from bench.results import Result
from services.scheduler import solver
from services.scheduler.domain import improvement
from services.scheduler.domain.bookings import Booking, Call
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.forecast import Forecast
from services.scheduler.domain.insertion import place
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.repair import repair
from services.scheduler.domain.roster import Doctor
from services.scheduler.domain.travel import Location, Travel

EVERY = 3
"""After so many calls the rest of the day is planned again."""
REPLAN_ITERATIONS = 600
SUITABLE = {True: ("paediatrician", "gp"), False: ("gp", "therapist")}


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


def replanned(day: ClinicDay, dispatch: Dispatch | None = None) -> Result:
    """Insertion, and the rest of the day planned again after every third call; with other settings where given."""
    return _dispatched(day, again=True, dispatch=dispatch)


def sampled(day: ClinicDay, forecast: Forecast | None) -> Result:
    """The same, with windows chosen by sampled days."""
    return _dispatched(day, again=True, forecast=forecast)


def _dispatched(
    day: ClinicDay, *, again: bool, dispatch: Dispatch | None = None, forecast: Forecast | None = None
) -> Result:
    plan = DayPlan(day.roster, dispatch=dispatch or dispatch_of(day), forecast=forecast)
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
            plan = DayPlan(day.roster, plan.bookings.values(), gone, plan.dispatch, forecast=forecast)
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
    result.windows = {
        request_id: (first.arrives_from.timestamp(), first.arrives_to.timestamp())
        for request_id, first in promised.items()
    }
    for request_id, first in promised.items():
        booking = plan.bookings.get(request_id)
        if booking is None:
            result.changed += 1
            result.unplaced += 1
            continue
        result.placed += 1
        _reached(result, calls[request_id], booking.planned_at)
        result.kept += first.arrives_from <= booking.planned_at <= first.arrives_to
        result.changed += (first.arrives_from, first.arrives_to) != (booking.arrives_from, booking.arrives_to)
        result.other_doctor += first.doctor_id != booking.doctor_id
        last = calls[request_id].last_doctor
        result.returning += last is not None
        result.same_doctor += last == booking.doctor_id
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
        kinds = SUITABLE[call.is_child]
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
            if doctor.specialty in SUITABLE[call.is_child]
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
            _reached(result, call, arrives)
            result.kept += arrives <= slot + length
            before, free_at = call.location, arrives + timedelta(minutes=day.roster.visit_minutes)
    return result


def _reached(result: Result, call: Call, arrives: datetime) -> None:
    result.waited(call.district_id, (arrives - call.accepted_at).total_seconds() / 60)


CONTENDERS: Mapping[str, Callable[[ClinicDay], Result]] = {
    "first_free": first_free,
    "least_loaded": least_loaded,
    "insertion": insertion,
    "replanned": replanned,
}
