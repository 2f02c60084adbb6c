"""When a call that was handed on is taken up, and for which day, by the other clinic's calendar (R25)."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.standard.acceptance import Accepted, Deferred
from homecall.standard.calendar import ClinicCalendar, NeverOpenError
from homecall.standard.handing_on import FirstClock, take_over
from tests.unit.standard.local_times import RULES, STANDARD, at

DAYTIME = FirstClock(at("Fri 2026-11-20 10:00"), at("Fri 2026-11-20 10:00"), at("Fri 2026-11-20 10:10"))
OVERNIGHT = FirstClock(at("Fri 2026-11-20 22:00"), at("Sat 2026-11-21 09:00"), at("Sat 2026-11-21 09:30"))


def taken(when: datetime, first: FirstClock = DAYTIME, calendar: ClinicCalendar = STANDARD) -> Accepted | Deferred:
    return take_over(channel="portal", at=when, first=first, calendar=calendar, rules=RULES)


TABLE = [
    ("Fri 2026-11-20 10:30", DAYTIME, "2026-11-20"),
    ("Fri 2026-11-20 19:59:59", DAYTIME, "2026-11-20"),
    ("Fri 2026-11-20 20:00", DAYTIME, "2026-11-21"),
    ("Sat 2026-11-21 07:00", DAYTIME, "2026-11-21"),
    ("Sat 2026-11-21 14:00", DAYTIME, "2026-11-23"),
    ("Sun 2026-11-22 12:00", DAYTIME, "2026-11-23"),
    # 16 December is a holiday.
    ("Tue 2026-12-15 21:00", DAYTIME, "2026-12-17"),
    # The first's start has come: nothing is left to wait for.
    ("Sat 2026-11-21 09:00", OVERNIGHT, "2026-11-21"),
]


@pytest.mark.parametrize(("when", "first", "day"), TABLE, ids=[row[0] for row in TABLE])
def test_it_is_accepted_for_the_day_on_which_it_comes_or_the_next(when: str, first: FirstClock, day: str) -> None:
    verdict = taken(at(when), first)
    assert isinstance(verdict, Accepted)
    assert verdict.visit_date.isoformat() == day
    assert (verdict.clock_starts_at, verdict.due_at) == (first.starts_at, first.due_at)
    assert verdict.ruling.clauses[0] == "R25"


def test_before_the_first_start_it_is_deferred_to_it() -> None:
    verdict = taken(at("Fri 2026-11-20 23:00"), OVERNIGHT)
    assert isinstance(verdict, Deferred)
    assert (verdict.opens_at, verdict.due_at) == (OVERNIGHT.starts_at, OVERNIGHT.due_at)
    assert verdict.visit_date.isoformat() == "2026-11-21"
    # At that moment it is taken up, by the same function.
    assert isinstance(taken(OVERNIGHT.starts_at, OVERNIGHT), Accepted)


def test_the_day_is_by_the_other_clinics_clock() -> None:
    """Before 2024-03-01 the west of the country was an hour behind (R20)."""
    west = ClinicCalendar(RULES, zone=ZoneInfo("Asia/Aqtobe"))
    when = datetime.fromisoformat("2024-02-20T20:30:00+06:00")
    first = FirstClock(when, when, when)
    here, there = taken(when, first), taken(when, first, west)
    assert (here.visit_date.isoformat(), there.visit_date.isoformat()) == ("2024-02-21", "2024-02-20")
    assert there.clock_starts_at == here.clock_starts_at
    assert there.ruling.inputs["zone"] == "Asia/Aqtobe"


def test_a_clinic_with_no_opening_left_takes_nothing_up() -> None:
    with pytest.raises(NeverOpenError):
        taken(at("Fri 2026-11-20 10:30"), calendar=ClinicCalendar(RULES, hours={}))


@given(st.timedeltas(timedelta(0), timedelta(days=700)))
def test_no_moment_of_handing_on_moves_the_clock_or_sets_a_day_in_the_past(later: timedelta) -> None:
    moment = at("Thu 2026-01-01 00:00") + later
    verdict = taken(moment)
    assert (verdict.clock_starts_at, verdict.due_at) == (DAYTIME.starts_at, DAYTIME.due_at)
    day = STANDARD.day(verdict.visit_date)
    assert day.closes_at is not None
    assert day.closes_at > max(moment, DAYTIME.starts_at)
    assert taken(moment).ruling == verdict.ruling
