"""Breaks in a doctor's shift: nobody visits or drives in one, whoever or whatever makes the plan."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from homecall.contract.errors import field_errors
from homecall.contract.events import RosterPublished
from services.scheduler.domain import insertion
from services.scheduler.domain.assignment import Impossible, assign
from services.scheduler.domain.bookings import Booking, Call, Preferred
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.improvement import LEAST_SAVING, apply_if_better, cost, problem_of
from services.scheduler.domain.offers import offers
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.repair import displaced, repair
from services.scheduler.domain.roster import Doctor, Roster
from services.scheduler.domain.shift import Shift
from services.scheduler.domain.state import Assignment
from services.scheduler.solver import solve
from tests.unit.scheduler.office import doctor, roster

ALMATY = ZoneInfo("Asia/Almaty")
START = (43.25, 76.9)
FAR = (43.25, 77.02345)
"""39 minutes from the start."""


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-23T{clock}").replace(tzinfo=ALMATY)


def a_doctor(doctor_id: str = "a", breaks: str = "12:00-12:30", **over: Any) -> Doctor:
    whole = Doctor(doctor_id, "Дәрігер", "gp", frozenset({"d1"}), at("08:00"), at("18:00"), 30, False, START)
    pauses = [each.split("-") for each in breaks.split()]
    return replace(whole, breaks=tuple((at(begins), at(ends)) for begins, ends in pauses), **over)


def a_day(*doctors: Doctor, **dispatch: Any) -> DayPlan:
    return DayPlan(Roster(1, doctors or (a_doctor(),)), dispatch=Dispatch(**{"lead": 0, **dispatch}))


def a_call(request_id: str = "call", spot: tuple[float, float] = FAR, urgency: Any = "same_day") -> Call:
    return Call(request_id, False, "d1", urgency, False, at("08:00"), *spot)


@pytest.mark.parametrize(
    ("now", "arrives"),
    [
        ("11:00", "11:39"),  # over at 11:59
        ("11:01", "11:40"),  # over at noon
        ("11:02", "13:09"),  # would reach into the break: so the doctor sets out after it
        ("12:10", "13:09"),
        ("12:30", "13:09"),
        ("12:31", "13:10"),
    ],
)
def test_a_journey_and_its_visit_are_before_the_break_or_after_it(now: str, arrives: str) -> None:
    booked = insertion.place(a_day(), a_call(urgency="urgent"), at(now))
    assert isinstance(booked, Booking)
    assert booked.planned_at == at(arrives)


def test_the_last_moment_before_a_break_is_the_mirror_of_the_first_after_it() -> None:
    shift = Shift(0, 1000, breaks=((100, 130), (200, 220)))
    for moment in range(300):
        for length in (1, 30, 70, 71, 100):
            first, last = shift.from_on(moment, length), shift.not_after(moment, length)
            free = [each for each in range(-200, 400) if all(each + length <= b or each >= e for b, e in shift.breaks)]
            assert first == min(each for each in free if each >= moment)
            assert last == max(each for each in free if each <= moment)


def test_where_a_visit_can_go_is_what_driving_the_whole_route_says() -> None:
    """The costs of insertions are known without a walk; a walk says the same, to the second."""
    dice, places, at_breaks = Random(5), 0, 0
    for seed in range(150):
        day = a_day(a_doctor(breaks="10:00-10:20 12:00-13:00 15:30-15:45"))
        for number in range(5):
            opens = dice.randrange(9 * 60, 15 * 60)
            wanted = replace(a_call(f"{seed} {number}", _somewhere(dice)), preferred=Preferred(opens, opens + 120))
            insertion.place(day, wanted, at("08:00"))
        route, now = day.routes["a"], int(at("09:10").timestamp())
        route.advance(now)
        new = a_call("new", _somewhere(dice)).location
        earliest = max(now, now + dice.randrange(-3_600, 18_000))
        latest = earliest + dice.randrange(3_600, 10_800)
        found = {each.position: each for each in route.insertions(new, 1200, earliest, latest, now)}
        for position in range(route.begun, len(route.stops) + 1):
            arrivals = [each for each in range(earliest, latest + 1, 60) if _drives(route, position, new, each, now)]
            place = found.get(position)
            if place is None:
                assert not arrivals
                continue
            assert all(place.arrives <= each <= place.bound for each in arrivals)
            assert _drives(route, position, new, place.arrives, now)
            assert _drives(route, position, new, place.bound, now)
            assert place.bound == latest or not _drives(route, position, new, place.bound + 1, now)
            places += 1
            at_breaks += any(place.bound + 1200 == begins for begins, _ in route.shift.breaks)
    assert places > 40
    assert at_breaks > 0


def _somewhere(dice: Random) -> tuple[float, float]:
    return START[0] + dice.uniform(-0.05, 0.05), START[1] + dice.uniform(-0.07, 0.07)


def _drives(route: Any, position: int, location: Any, arrives: int, now: int) -> bool:
    """Whether the doctor can arrive there at that very moment, and all others in their windows."""
    legs = [(stop.location, stop.earliest, stop.latest, stop.service) for stop in route.stops]
    legs.insert(position, (location, arrives, arrives, 1200))
    leave, before = route.free_from(now), route.free_at()
    for place, opens, closes, service in legs[route.begun :]:
        way = route.travel.seconds(before, place)
        there = max(leave + way, opens)
        for begins, ends in route.shift.breaks:
            if there - way < ends and there + service > begins:
                there = ends + way
        if there > closes or there + service > route.until:
            return False
        leave, before = there + service, place
    way = route.travel.seconds(before, route.start)
    for begins, ends in route.shift.breaks:
        if leave < ends and leave + way > begins:
            leave = ends
    return bool(leave + way <= route.shift.back_by)


def test_a_place_by_hand_in_a_break_is_outside_the_shift() -> None:
    day = a_day(a_doctor(breaks="12:00-15:00"))
    refused = assign(day, a_call(), Assignment("a", at("12:30"), "near", "Dispatcher"), "an assignment", at("09:00"))
    assert isinstance(refused, Impossible)
    assert refused.cause == "outside_shift"
    assert refused.nearest is not None
    assert refused.nearest.arrives_to <= at("12:00") or refused.nearest.arrives_from >= at("15:00")
    taken = assign(day, a_call(), Assignment("a", at("14:00"), "near", "Dispatcher"), "an assignment", at("09:00"))
    assert isinstance(taken, Booking), "the window reaches beyond the break"
    assert taken.planned_at == at("15:39")


def test_an_offer_is_kept_by_the_break() -> None:
    day = a_day(a_doctor(breaks="10:00-11:00 13:00-14:00"), window=60)
    found = offers(day, a_call(), at("09:00"))
    assert len(found) == 3
    for each in found:
        closes = each.arrives_to + timedelta(minutes=20)
        assert any(closes > ends or each.arrives_from < begins for begins, ends in a_doctor().breaks)


def test_a_roster_that_brings_a_break_keeps_the_windows_that_it_can() -> None:
    """The visit at noon cannot be made before half past; its window is open until two, so nobody is told anything."""
    before = a_day(a_doctor(breaks=""))
    booked = insertion.place(before, a_call(spot=START), at("11:50"))
    assert isinstance(booked, Booking)
    after = DayPlan(Roster(2, (a_doctor(),)), [replace(booked, planned_at=at("12:10"), ends_at=at("12:30"))])
    assert displaced(after, at("11:55")) == []
    repair(after, lambda _: a_call(spot=START), at("11:55"))
    after.advance(int(at("11:55").timestamp()))
    assert after.bookings["call"].planned_at == at("12:30")
    assert (after.bookings["call"].arrives_from, after.bookings["call"].arrives_to) == (
        booked.arrives_from,
        booked.arrives_to,
    )
    whole = DayPlan(Roster(2, (a_doctor(breaks="12:00-14:00"), a_doctor("b"))), [booked])
    assert [each.request_id for each in repair(whole, lambda _: a_call(spot=START), at("11:45"))] == ["call"]
    assert whole.bookings["call"].doctor_id == "b"


@pytest.mark.parametrize("seed", [0, 1, 4])
def test_planning_again_saves_travel_around_the_breaks(seed: int) -> None:
    dice = Random(seed)
    day = a_day(a_doctor(), a_doctor("b", "12:30-13:00 15:00-15:15"), lead=72)
    now, took = at("08:00"), 0
    for number in range(34):
        now += timedelta(minutes=14)
        insertion.place(day, a_call(f"call {number}", _somewhere(dice)), now)
        windows = {each: (one.arrives_from, one.arrives_to) for each, one in day.bookings.items()}
        problem = problem_of(day, now) if number % 3 == 2 else None
        if problem is not None:
            routes = solve(problem, 5, 150)
            assert routes is not None
            saves = cost(problem, routes) <= cost(problem, problem.routes) - LEAST_SAVING
            assert (apply_if_better(day, problem, routes, now) is not None) == saves, "what is found can be driven"
            took += saves
            assert {each: (one.arrives_from, one.arrives_to) for each, one in day.bookings.items()} == windows
        assert displaced(day, now) == []
        for doctor_id, route in day.routes.items():
            for stop in route.stops:
                for begins, ends in day.doctors[doctor_id].breaks:
                    assert stop.ends <= begins.timestamp() or stop.planned - stop.leg >= ends.timestamp()
    assert took > 0, "breaks must not keep the plan from getting better"


def test_a_break_of_a_published_roster_is_one_of_the_doctors() -> None:
    published = roster(doctor(breaks=[{"from": "11:00", "to": "11:15"}, {"from": "10:00", "to": "10:15"}])).data
    assert isinstance(published, RosterPublished)
    breaks = [(each.frm.hour, each.to.minute) for each in published.doctors[0].breaks]
    assert breaks == [(10, 15), (11, 15)]
    without = roster(doctor()).data
    assert isinstance(without, RosterPublished)
    assert "breaks" not in without.model_dump(mode="json")["doctors"][0], "stored and sent as before"


_OUTSIDE = "must lie within the shift: move or shorten break {}, or leave it out"


@pytest.mark.parametrize(
    ("breaks", "message"),
    [
        ([("08:30", "09:30")], _OUTSIDE.format(1)),
        ([("09:00", "09:20"), ("11:30", "12:30")], _OUTSIDE.format(2)),
        ([("10:30", "11:00"), ("10:00", "10:40")], "must not overlap: send breaks 1 and 2 as one, or apart"),
    ],
)
def test_a_break_that_cannot_be_is_named(breaks: list[tuple[str, str]], message: str) -> None:
    pauses = [{"from": begins, "to": ends} for begins, ends in breaks]
    with pytest.raises(ValidationError) as refused:
        RosterPublished.model_validate(
            {"clinic_id": "samal-3", "date": "2026-11-20", "revision": 1, "doctors": [doctor(breaks=pauses)]}
        )
    (error,) = field_errors(refused.value)
    assert (error.path, error.message) == ("doctors.0.breaks", message)


def test_breaks_may_touch_the_shift_and_each_other() -> None:
    pauses = [("09:00", "09:30"), ("09:30", "10:00"), ("11:30", "12:00")]
    published = roster(doctor(breaks=[{"from": begins, "to": ends} for begins, ends in pauses])).data
    assert isinstance(published, RosterPublished)
    ordered = published.doctors[0].breaks
    assert all(one.to <= other.frm for one, other in pairwise(ordered))
