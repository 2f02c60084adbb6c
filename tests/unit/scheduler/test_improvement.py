"""Planning again: what PyVRP finds is driven through by our own rules, and no promise is moved for it."""

import asyncio
import os
import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.scheduler.domain import insertion
from services.scheduler.domain.bookings import Call
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.improvement import Problem, apply_if_better, cost, problem_of
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.repair import displaced
from services.scheduler.domain.roster import Doctor, Roster
from services.scheduler.improver import Improver
from services.scheduler.solver import solve

ALMATY = ZoneInfo("Asia/Almaty")
NINE = datetime(2026, 11, 23, 9, tzinfo=ALMATY)


def a_day(calls: int = 16, dispatch: Dispatch | None = None, **over: Any) -> DayPlan:
    """Two doctors at the centre; calls in turn from four corners of the town, so that insertion drives to and fro."""
    doctors = tuple(
        Doctor(
            each,
            f"Doctor {each}",
            "gp",
            frozenset({f"d-{each}"}),
            NINE.replace(hour=8),
            NINE.replace(hour=20),
            30,
            False,
            (43.25, 76.9),
        )
        for each in "ab"
    )
    day = DayPlan(Roster(1, tuple(replace(each, **over) for each in doctors)), dispatch=dispatch)
    for number in range(calls):
        lat, lon = [(43.22, 76.87), (43.28, 76.93), (43.22, 76.93), (43.28, 76.87)][number % 4]
        facts = Call(f"call {number}", False, None, "same_day", False, NINE, lat + number / 5000, lon)
        insertion.place(day, facts, NINE + timedelta(minutes=number))
    return day


def test_a_better_order_keeps_every_window() -> None:
    day, now = a_day(), NINE + timedelta(minutes=20)
    before = {each: (b.arrives_from, b.arrives_to) for each, b in day.bookings.items()}
    problem = problem_of(day, now)
    assert problem is not None
    routes = solve(problem, 5, 300)
    assert routes is not None
    assert cost(problem, routes) <= cost(problem, problem.routes)
    took = apply_if_better(day, problem, routes, now)
    assert {each: (b.arrives_from, b.arrives_to) for each, b in day.bookings.items()} == before
    assert displaced(day, now) == []
    if took is not None:
        assert sum(stop.leg for route in day.routes.values() for stop in route.stops) < cost(problem, problem.routes)


def test_another_doctor_must_save_more_than_the_weight() -> None:
    day, now = a_day(dispatch=Dispatch(change_weight=240)), NINE + timedelta(minutes=20)
    problem = problem_of(day, now)
    assert problem is not None
    routes = solve(problem, 5, 300)
    assert routes is None or not apply_if_better(day, problem, routes, now)


def swapped(problem: Problem) -> list[list[int]]:
    return [list(reversed(route)) for route in problem.routes]


@pytest.mark.parametrize("what", ["late", "twice", "missing", "begun", "a new call", "withdrawn"])
def test_what_is_stale_or_breaks_a_rule_is_not_taken(what: str) -> None:
    day, now = a_day(), NINE + timedelta(minutes=20)
    problem = problem_of(day, now)
    assert problem is not None
    routes = [list(route) for route in problem.routes]
    if what == "late":
        routes = [[], sorted(visit for route in routes for visit in route)]
    elif what == "twice":
        routes[0].append(routes[0][0])
    elif what == "missing":
        routes[0].pop()
    else:
        routes = solve(problem, 5, 300) or routes
        if what == "begun":
            now += timedelta(hours=2)
        elif what == "a new call":
            insertion.place(day, Call("new", False, None, "same_day", False, NINE, 43.25, 76.9), now)
        else:
            day.free("call 7", now)
    before = dict(day.bookings)
    assert apply_if_better(day, problem, routes, now) is None
    assert dict(day.bookings) == before


def test_where_nothing_is_known_of_the_ways_there_is_nothing_to_improve() -> None:
    day = a_day(0)
    for number in range(4):
        insertion.place(day, Call(f"call {number}", False, None, "same_day", False, NINE), NINE)
    assert problem_of(day, NINE) is None


def test_a_large_clinic_is_planned_part_by_part_and_every_doctor_has_a_turn() -> None:
    doctors = tuple(
        Doctor(f"{n:02}", "D", "gp", frozenset(), NINE, NINE.replace(hour=20), 30, False, (43.2 + n / 500, 76.9))
        for n in range(40)
    )
    day = DayPlan(Roster(1, doctors))
    for number in range(200):
        place = (43.2 + number % 40 / 500, 76.9 + number // 40 / 100)
        insertion.place(day, Call(f"call {number}", False, None, "same_day", False, NINE, *place), NINE)
    parts = [problem_of(day, NINE, part=part) for part in range(8)]
    assert {doctor for problem in parts if problem for doctor in problem.doctors} == {
        each.doctor_id for each in doctors
    }
    assert all(problem is not None and len(problem.doctors) == 12 for problem in parts)


# ---- the process


def _fails(problem: Problem, seconds: float) -> Any:
    raise ImportError(f"no such library for {problem} in {seconds}")


def _dies(problem: Problem, seconds: float) -> Any:
    os._exit(9 if problem and seconds else 8)


@pytest.mark.parametrize("work", [_fails, _dies])
async def test_a_failing_solver_is_left_in_peace_and_nobody_hears_of_it(work: Any) -> None:
    problem = problem_of(a_day(4), NINE + timedelta(minutes=20))
    assert problem is not None
    improver = Improver(0.05, work)
    try:
        assert await improver.improve(problem) is None
        assert not improver.ready
        started = time.monotonic()
        assert await improver.improve(problem) is None  # at once
        assert time.monotonic() - started < 0.5
    finally:
        await improver.close()


async def test_the_process_answers_while_the_loop_goes_on() -> None:
    problem = problem_of(a_day(), NINE + timedelta(minutes=20))
    assert problem is not None
    improver = Improver(0.2)
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0)
            beats += 1

    beating = asyncio.create_task(beat())
    try:
        routes = await improver.improve(problem)
        assert routes is not None
        assert sorted(visit for route in routes for visit in route) == list(range(len(problem.visits)))
        assert beats > 100
    finally:
        beating.cancel()
        await improver.close()
