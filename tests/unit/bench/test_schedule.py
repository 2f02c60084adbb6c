"""The benchmark of the schedule: the same days for all, fair accounts, and the line that others read."""

import json

import pytest

from bench import contenders, schedule
from bench.clinic_days import KINDS, Kind, Shape, clinic_day
from services.scheduler.domain import insertion
from services.scheduler.domain.bookings import Booking
from services.scheduler.domain.plan import DayPlan

SMALL = Shape(calls=24, doctors=4, side_km=6, speed_kmh=20, travel_minutes=15)
KEYS = {
    "placed",
    "unplaced",
    "travel_minutes",
    "wait_mean_minutes",
    "wait_p95_minutes",
    "promises_kept",
    "promises_changed",
    "decision_ms_p99",
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few calls and little search: what is tested here is the account, not the plan."""
    monkeypatch.setattr("bench.clinic_days.SHAPES", dict.fromkeys(KINDS, SMALL))
    monkeypatch.setattr(contenders, "REPLAN_ITERATIONS", 20)
    monkeypatch.setattr(contenders, "BOUND_ITERATIONS", 200)


def test_the_last_line_is_the_five_contenders_with_their_figures(capsys: pytest.CaptureFixture[str]) -> None:
    schedule.main(["--seed", "5", "--days", "1", "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(told) == ["first_free", "least_loaded", "insertion", "replanned", "bound"]
    assert all(figures.keys() == KEYS for figures in told.values())
    assert all(figures["placed"] + figures["unplaced"] == SMALL.calls for figures in told.values())
    assert told["replanned"]["promises_kept"] == told["replanned"]["placed"]
    assert told["replanned"]["promises_changed"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_makes_the_same_day(kind: Kind) -> None:
    assert clinic_day(3, 2, kind) == clinic_day(3, 2, kind)
    assert clinic_day(3, 2, kind) != clinic_day(4, 2, kind)


def test_a_sick_doctor_leaves_promises_that_are_kept_or_counted_as_changed() -> None:
    result = contenders.replanned(clinic_day(3, 0, "sick_doctor"))
    assert result.kept + result.changed >= result.placed


def test_the_roads_are_the_same_for_all() -> None:
    """Insertion's travel, added up once more from the routes that it made."""
    day = clinic_day(3, 1)
    plan = DayPlan(day.roster, dispatch=contenders.dispatch_of(day))
    assert all(isinstance(insertion.place(plan, call, call.accepted_at), Booking) for call in day.calls)
    travel, total = contenders.travel_of(day), 0
    for route in plan.routes.values():
        before = route.start
        for stop in route.stops:
            total += travel.seconds(before, stop.location)
            before = stop.location
    assert contenders.insertion(day).travel_seconds == total
