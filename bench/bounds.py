"""What could be, were all calls of a day known in advance: the bound, and the same with the windows that we promised.

Between the two lies what the promise costs; between the second and planning again, what the dispatch behind it costs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from bench.clinic_days import ClinicDay
from bench.contenders import SUITABLE, replanned, travel_of
from bench.results import Interval, Result
from services.scheduler import solver
from services.scheduler.domain import improvement
from services.scheduler.domain.improvement import Problem
from services.scheduler.domain.travel import Location

BOUND_ITERATIONS = 6_000
_LONGEST_WAIT = 4 * 3600


def bound(day: ClinicDay) -> Result:
    """PyVRP on the whole day known in advance: no visit before its call, nor more than four hours after it."""
    return _known_in_advance(day, {})


def windowed(day: ClinicDay, promised: Result | None = None) -> Result:
    """PyVRP on the whole day known in advance, each visit in the window that planning again promised for its call.

    A call that was promised nothing is as in ``bound``. ``promised`` is what planning again came to on this day.
    """
    return _known_in_advance(day, (promised or replanned(day)).windows)


def _known_in_advance(day: ClinicDay, windows: Mapping[str, Interval]) -> Result:
    problem = _problem(day, windows)
    started = time.thread_time()
    routes = solver.solve(problem, 30, BOUND_ITERATIONS, optional=True) or []
    result = Result(decisions_ms=[(time.thread_time() - started) * 1000])
    for number, route in enumerate(routes):
        before, leave = number, problem.free_from[number]
        for visit in route:
            place = len(problem.doctors) + visit
            seconds = problem.seconds(before, place)
            arrives = max(leave + seconds, problem.earliest[visit])
            result.placed += 1
            result.travel_seconds += seconds
            call = day.calls[visit]
            result.waited(call.district_id, (arrives + _zero(day) - call.accepted_at.timestamp()) / 60)
            result.kept += arrives <= problem.latest[visit]
            before, leave = place, arrives + problem.service[visit]
    result.unplaced = len(day.calls) - result.placed
    return result


def _zero(day: ClinicDay) -> int:
    return int(day.roster.doctors[0].shift_from.timestamp())


def _problem(day: ClinicDay, windows: Mapping[str, Interval]) -> Problem:
    zero, gone = _zero(day), dict(day.drops)
    doctors = [
        replace(each, shift_to=min(each.shift_to, gone.get(each.doctor_id, each.shift_to)))
        for each in day.roster.doctors
    ]
    service = day.roster.visit_minutes * 60
    locations = [Location("@", *(doctor.start or (None, None))) for doctor in doctors] + [
        call.location for call in day.calls
    ]
    travel = travel_of(day)
    called = [int(call.accepted_at.timestamp()) for call in day.calls]
    bounds = [
        windows.get(call.request_id, (at, at + _LONGEST_WAIT)) for call, at in zip(day.calls, called, strict=True)
    ]
    return Problem(
        doctors=tuple(doctor.doctor_id for doctor in doctors),
        free_from=tuple(0 for _ in doctors),
        until=tuple(int(doctor.shift_to.timestamp() - zero) for doctor in doctors),
        room=tuple(doctor.max_visits for doctor in doctors),
        visits=tuple(call.request_id for call in day.calls),
        earliest=tuple(int(opens) - zero for opens, _ in bounds),
        latest=tuple(int(closes) - zero for _, closes in bounds),
        service=tuple(service for _ in day.calls),
        locations=tuple(locations),
        travel=travel,
        extra=tuple(
            tuple(0 if doctor.specialty in SUITABLE[call.is_child] else improvement.FORBIDDEN for call in day.calls)
            for doctor in doctors
        ),
        routes=tuple(() for _ in doctors),
        back=tuple(
            tuple(
                # Who drops out makes no more visits, and drives back in what would have been the shift.
                max(0, travel.seconds(place, start) - int((whole.shift_to - left.shift_to).total_seconds()))
                for place in locations[len(doctors) :]
            )
            for whole, left, start in zip(day.roster.doctors, doctors, locations, strict=False)
        ),
    )
