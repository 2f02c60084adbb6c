"""The benchmark of the schedule: the same days for all, fair accounts, and the line that others read."""

import json

import pytest

from bench import bounds, contenders, schedule
from bench.clinic_days import KINDS, Kind, Shape, clinic_day
from bench.results import Result, interval, together, travel_ratio
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
    "doctors_changed",
    "returning",
    "same_doctor",
    "districts",
    "intervals",
    "of_bound",
    "interval",
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few calls and little search: what is tested here is the account, not the plan."""
    monkeypatch.setattr("bench.clinic_days.SHAPES", dict.fromkeys(KINDS, SMALL))
    monkeypatch.setattr(contenders, "REPLAN_ITERATIONS", 20)
    monkeypatch.setattr(bounds, "BOUND_ITERATIONS", 200)


def test_the_last_line_is_the_contenders_with_their_figures(capsys: pytest.CaptureFixture[str]) -> None:
    schedule.main(["--seed", "5", "--days", "1", "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(told) == [
        "first_free",
        "least_loaded",
        "insertion",
        "replanned",
        "sampled",
        "windowed",
        "windowed_sampled",
        "bound",
    ]
    assert all(figures.keys() == KEYS for figures in told.values())
    assert all(figures["placed"] + figures["unplaced"] == SMALL.calls for figures in told.values())
    assert told["replanned"]["promises_kept"] == told["replanned"]["placed"]
    assert told["replanned"]["promises_changed"] == 0
    for figures in told.values():
        assert sum(each["calls"] for each in figures["districts"].values()) == figures["placed"]
    assert told["bound"]["of_bound"] == 1
    assert told["bound"]["interval"] is None, "one day says nothing of how days differ"


def test_what_it_costs_to_keep_the_doctor_who_was_named_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    schedule.main(["--seed", "5", "--days", "1", "--changes", "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(told) == ["0", "1", "3", "10", "30"]
    assert told["0"]["doctors_changed"] > told["30"]["doctors_changed"]
    assert all(figures["promises_kept"] == figures["placed"] for figures in told.values())


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


def test_what_it_costs_to_send_the_last_doctor_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    schedule.main(["--seed", "5", "--days", "2", "--continuity", "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(told) == ["0", "2", "5", "10", "20"]
    assert told["0"]["returning"] == told["20"]["returning"] > 0
    assert told["0"]["same_doctor"] < told["20"]["same_doctor"] <= told["20"]["returning"]


def test_all_known_in_advance_keeps_the_windows_that_were_promised() -> None:
    day = clinic_day(3, 1)
    promised = contenders.replanned(day)
    assert promised.windows.keys() == {call.request_id for call in day.calls}
    known = bounds.windowed(day, promised)
    assert (known.placed, known.kept) == (len(day.calls), len(day.calls))
    assert known.travel_seconds <= promised.travel_seconds


@pytest.mark.parametrize("kind", KINDS)
def test_days_unlike_the_profile_differ_in_hours_and_places(kind: Kind) -> None:
    usual, unlike = clinic_day(3, 2, kind), clinic_day(3, 2, kind, unlike=True)
    assert usual.roster == unlike.roster
    for axis in ("lat", "lon"):
        assert sum(getattr(each, axis) for each in unlike.calls) < sum(getattr(each, axis) for each in usual.calls)
    assert unlike.calls[len(unlike.calls) // 2].accepted_at > usual.calls[len(usual.calls) // 2].accepted_at


def test_the_worst_district_is_shown_against_the_best() -> None:
    result = Result()
    for district, minutes in [("near", 10), ("near", 30), ("far", 90), ("far", 50)]:
        result.waited(district, minutes)
    assert result.extremes("wait_mean_minutes") == (("near", 20.0), ("far", 70.0))
    assert "20 (near) | 70 (far)" in schedule.by_district({"insertion": result})


def test_an_interval_holds_the_figure_and_narrows_with_more_days() -> None:
    def days(many: int) -> list[tuple[Result, Result]]:
        return [(Result(travel_seconds=100 + 10 * (each % 5)), Result(travel_seconds=100)) for each in range(many)]

    few, many = interval(days(5), travel_ratio), interval(days(50), travel_ratio)
    assert few is not None
    assert many is not None
    assert few[0] < many[0] < 1.2 < many[1] < few[1]
    assert interval(days(1), travel_ratio) is None
    assert together([one for one, _ in days(5)]).travel_seconds == 600
