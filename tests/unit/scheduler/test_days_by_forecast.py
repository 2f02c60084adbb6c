"""Whole made-up days with windows by sampled days, choices by hand, calls handed on, and planning again among them."""

from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

import pytest

from bench.clinic_days import ClinicDay, Shape, clinic_day
from bench.contenders import dispatch_of
from bench.history import forecast_for
from services.scheduler import solver
from services.scheduler.domain.assignment import Impossible, assign
from services.scheduler.domain.bookings import Booking, Call
from services.scheduler.domain.improvement import apply_if_better, problem_of
from services.scheduler.domain.insertion import place
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.state import Assignment

SMALL = Shape(calls=50, doctors=6, side_km=8, speed_kmh=20, travel_minutes=15)
Window = tuple[datetime, datetime]


class Played:
    """A day played to its end: what was promised of each call that is still this clinic's."""

    def __init__(self, day: ClinicDay, dice: Random) -> None:
        self.plan = DayPlan(day.roster, dispatch=dispatch_of(day), forecast=forecast_for(day, history=4, days=4))
        self.dice = dice
        self.promised: dict[str, Window] = {}
        self.without: list[str] = []
        self.chosen: set[str] = set()
        """On what grounds calls were placed."""
        for number, call in enumerate(day.calls):
            self.take(call, call.accepted_at)
            if number % 2 == 0:
                self.by_hand(dice.choice(day.calls[max(0, number - 8) : number + 1]), call.accepted_at)
            if number % 7 == 0:
                self.hand_on(call.accepted_at)
            if number % 10 == 9:
                self.plan_again(call.accepted_at)

    def take(self, call: Call, now: datetime) -> None:
        booking = place(self.plan, call, now)
        if not isinstance(booking, Booking):
            self.without.append(call.request_id)
            return
        self.promised[call.request_id] = booking.arrives_from, booking.arrives_to
        self.chosen.add((booking.why or {})["by"])

    def by_hand(self, call: Call, now: datetime) -> None:
        """A dispatcher wants another doctor, mostly within the promise."""
        if call.request_id not in self.promised:
            return
        wanted = Assignment(self.dice.choice(sorted(self.plan.doctors)), None, "knows the family", "Dispatcher")
        found = assign(self.plan, call, wanted, "an assignment", now)
        if not isinstance(found, Impossible):
            self.promised[call.request_id] = found.arrives_from, found.arrives_to
            self.chosen.add("dispatcher")

    def hand_on(self, now: datetime) -> None:
        """A visit that has not begun goes to another clinic."""
        request_id = self.dice.choice(sorted(self.promised))
        if not self.plan.begun(request_id, now):
            self.plan.free(request_id, now)
            del self.promised[request_id]

    def plan_again(self, now: datetime) -> None:
        problem = problem_of(self.plan, now)
        routes = None if problem is None else solver.solve(problem, 5, 30)
        if problem is not None and routes is not None:
            apply_if_better(self.plan, problem, routes, now)


@pytest.mark.parametrize("unlike", [False, True])
@pytest.mark.parametrize("seed", range(50))
def test_every_promise_is_kept_and_no_doctor_is_in_two_places(seed: int, unlike: bool) -> None:
    day = clinic_day(seed, seed % 5, shape=SMALL, unlike=unlike)
    played = Played(day, Random(f"days by forecast {seed}"))
    plan = played.plan
    assert set(plan.bookings) == set(played.promised)
    # Where most call in the evening, the last of them may find no room.
    assert not played.without or unlike
    assert len(played.without) <= 3
    for request_id, (opens, closes) in played.promised.items():
        booking = plan.bookings[request_id]
        assert (booking.arrives_from, booking.arrives_to) == (opens, closes)
        assert opens <= booking.planned_at <= closes
    for route in plan.routes.values():
        visits = [plan.bookings[stop.request_id] for stop in route.stops]
        for before, after in pairwise(visits):
            assert before.location is not None
            assert after.location is not None
            way = timedelta(seconds=plan.travel.seconds(before.location, after.location))
            assert before.ends_at + way <= after.planned_at
    assert {"sampled days", "dispatcher"} <= played.chosen
