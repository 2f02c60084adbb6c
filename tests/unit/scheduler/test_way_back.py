"""A doctor's day ends where it began: the last visit leaves time for the way back, and no promise is moved for it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.scheduler.domain import insertion
from services.scheduler.domain.assignment import Impossible, assign
from services.scheduler.domain.bookings import Booking, Call
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.improvement import apply_if_better, problem_of
from services.scheduler.domain.offers import offers
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.repair import displaced
from services.scheduler.domain.roster import Doctor, Roster
from services.scheduler.domain.state import Assignment
from services.scheduler.solver import solve

ALMATY = ZoneInfo("Asia/Almaty")
START = (43.25, 76.9)
FAR = (43.25, 77.0231)
"""Ten kilometres east: 39 minutes at 20 km/h by streets a third longer than the line."""
WAY = timedelta(minutes=39)


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-23T{clock}").replace(tzinfo=ALMATY)


def a_doctor(doctor_id: str = "a", **over: Any) -> Doctor:
    whole = Doctor(doctor_id, "Дәрігер", "gp", frozenset({"d1"}), at("08:00"), at("12:00"), 20, False, START)
    return replace(whole, **over)


def a_day(*doctors: Doctor, bookings: tuple[Booking, ...] = (), **dispatch: Any) -> DayPlan:
    return DayPlan(Roster(1, doctors or (a_doctor(),)), bookings, dispatch=Dispatch(lead=0, **dispatch))


def a_call(request_id: str = "call", spot: tuple[float, float] = FAR) -> Call:
    return Call(request_id, False, "d1", "same_day", False, at("08:00"), *spot)


@pytest.mark.parametrize(("now", "there_is"), [("10:20", True), ("10:22", True), ("10:23", False), ("11:00", False)])
def test_the_last_visit_leaves_time_for_the_way_back(now: str, there_is: bool) -> None:
    """39 minutes there, 20 with the patient, 39 back: whoever asks at 10:22 is the last to be visited by noon."""
    booked = insertion.place(a_day(), a_call(), at(now))
    assert isinstance(booked, Booking) == there_is
    if isinstance(booked, Booking):
        assert booked.ends_at + WAY <= at("12:00")
        assert booked.arrives_to + timedelta(minutes=20) + WAY <= at("12:00"), "no time is promised that cannot be kept"


def test_without_a_start_the_whole_shift_is_there_for_visits() -> None:
    day = a_day(a_doctor(start=None))
    booked = insertion.place(day, a_call(), at("11:20"))
    assert isinstance(booked, Booking)
    assert booked.ends_at > at("12:00") - WAY


def test_a_doctor_who_drops_out_makes_visits_until_then_and_drives_back_within_the_shift() -> None:
    day = DayPlan(Roster(1, (a_doctor(),)), (), {"a": at("11:00")}, Dispatch(lead=0))
    booked = insertion.place(day, a_call(), at("10:00"))
    assert isinstance(booked, Booking)
    assert booked.ends_at <= at("11:00")


def test_a_place_by_hand_must_leave_time_for_the_way_back() -> None:
    day = a_day()
    wanted = Assignment("a", at("11:20"), "knows the family", "Dispatcher")
    refused = assign(day, a_call(), wanted, "an assignment", at("09:00"))
    assert isinstance(refused, Impossible)
    assert refused.cause == "outside_shift"
    assert refused.nearest is not None
    assert refused.nearest.arrives_to + timedelta(minutes=20) + WAY <= at("12:00")
    near = assign(day, a_call(spot=START), wanted, "an assignment", at("09:00"))
    assert isinstance(near, Booking), "who lives next door can be visited then"


def test_no_window_is_offered_from_which_the_doctor_is_back_too_late() -> None:
    found = offers(a_day(window=60), a_call(), at("08:10"))
    assert found
    assert all(each.arrives_to + timedelta(minutes=20) + WAY <= at("12:00") for each in found)


def promised(request_id: str, begins: str, spot: tuple[float, float] = FAR) -> Booking:
    """As a release without the way back stored it."""
    begin, location = at(begins), a_call(request_id, spot).location
    ends = begin + timedelta(minutes=20)
    return Booking(request_id, "a", begin, begin + timedelta(hours=1), begin, ends, False, "district", False, location)


def test_a_promise_from_before_stays_and_is_as_late_as_it_was() -> None:
    day = a_day(a_doctor(), a_doctor("b"), bookings=(promised("late", "11:30"),))
    assert displaced(day, at("09:00")) == []
    before = day.bookings["late"]
    first = insertion.place(day, a_call("near", START), at("09:00"))
    assert isinstance(first, Booking)
    assert first.arrives_from < at("10:00")
    assert day.bookings["late"] == before
    after = day.routes["a"].insertions(a_call("after").location, 1200, 0, 2**40, int(at("09:00").timestamp()))
    assert all(each.position < len(day.routes["a"].stops) for each in after), "nothing new behind it"


def test_planning_again_leaves_time_for_the_way_back() -> None:
    """Near first, then far, is the shorter way, and would be chosen; but it ends far from home at 10:19."""
    stored = (promised("far", "09:00"), replace(promised("near", "09:59", START), arrives_from=at("09:00")))
    now = at("08:05")
    found = {}
    for ends in ("10:57", "10:58"):
        day = a_day(a_doctor(shift_to=at(ends)), bookings=stored)
        day.advance(int(now.timestamp()))
        problem = problem_of(day, now)
        assert problem is not None
        assert [problem.visits[each] for each in problem.routes[0]] == ["far", "near"]
        routes = solve(problem, 5, 100)
        assert routes is not None
        taken = apply_if_better(day, problem, [[*problem.routes[0]][::-1]], now)
        found[ends] = routes == [[*problem.routes[0]][::-1]], taken is not None
    assert found == {"10:57": (False, False), "10:58": (True, True)}
