"""The clock that HOMECALL_CLOCK asks for, and the demo's that steps."""

from datetime import UTC, datetime, timedelta

import pytest

from homecall.runtime import clock as module
from homecall.runtime.clock import AcceleratedClock, SteppedClock, SystemClock, clock_from

START = datetime.fromisoformat("2026-11-23T07:55:00+05:00")


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The machine's monotonic seconds, which the test moves."""
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(("speed", "later"), [(1, 60), (120, 7200), (0.5, 30)])
def test_it_starts_there_and_runs_as_fast(seconds: list[float], speed: float, later: float) -> None:
    clock = AcceleratedClock(START, speed)
    assert clock.now() == START
    assert clock.now().tzinfo is UTC
    seconds[0] += 60
    assert clock.now() == START + timedelta(seconds=later)


@pytest.mark.usefixtures("seconds")
def test_processes_with_one_anchor_share_one_clock() -> None:
    anchor = datetime.now(UTC) - timedelta(seconds=100)
    first = AcceleratedClock(START, 120, anchor)
    second = AcceleratedClock(START, 120, anchor)
    assert abs(first.now() - second.now()) < timedelta(seconds=120)
    assert abs(first.now() - (START + timedelta(seconds=12_000))) < timedelta(seconds=120)


def test_a_stepped_clock_goes_on_from_there_and_never_back(seconds: list[float]) -> None:
    clock = SteppedClock(START, 60)
    clock.step_to(START + timedelta(hours=3))
    assert clock.now() == START + timedelta(hours=3)
    clock.step_to(START)
    assert clock.now() == START + timedelta(hours=3)
    seconds[0] += 1
    assert clock.now() == START + timedelta(hours=3, minutes=1)


@pytest.mark.parametrize("setting", [None, ""])
def test_without_a_setting_it_is_the_machines(setting: str | None) -> None:
    clock = clock_from(setting)
    assert isinstance(clock, SystemClock)
    assert (clock.speed, abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)) == (1.0, True)


@pytest.mark.parametrize(
    ("setting", "speed"),
    [
        ("2026-11-23T07:55:00+05:00", 1),
        ("2026-11-23T07:55:00+05:00@120", 120),
        ("2026-11-23T02:55:00Z@0.5", 0.5),
    ],
)
@pytest.mark.usefixtures("seconds")
def test_a_start_and_a_speed(setting: str, speed: float) -> None:
    clock = clock_from(setting)
    assert (clock.now(), clock.speed) == (START, speed)


def test_an_anchor_is_when_it_started() -> None:
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    clock = clock_from(f"2026-11-23T07:55:00+05:00@2@{an_hour_ago}")
    assert abs(clock.now() - START - timedelta(hours=2)) < timedelta(seconds=30)


@pytest.mark.parametrize(
    "setting",
    [
        "yesterday",
        "2026-11-23T07:55:00",
        "2026-11-23T07:55:00@120",
        "2026-11-23T07:55:00+05:00@fast",
        "2026-11-23T07:55:00+05:00@-1",
        "2026-11-23T07:55:00+05:00@0",
        "2026-11-23T07:55:00+05:00@0.0",
        "2026-11-23T07:55:00+05:00@",
        "2026-11-23T07:55:00+05:00@2@soon",
        "2026-11-23T07:55:00+05:00@2@2026-11-23T07:55:00",
        "2026-11-23T07:55:00+05:00@2@2026-11-23T07:55:00Z@3",
        "@120",
    ],
)
def test_anything_else_is_refused_in_one_line_that_names_it(setting: str) -> None:
    with pytest.raises(ValueError, match=r"\AHOMECALL_CLOCK must be [^\n]+2026-11-23T07:55:00\+05:00@120\Z"):
        clock_from(setting)
