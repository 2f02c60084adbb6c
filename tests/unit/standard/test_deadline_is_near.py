"""R18: when a term is near its end. In working time, in working hours, and early enough to act."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from homecall.standard.calendar import ClinicCalendar, NeverOpenError
from homecall.standard.complaints import Term, complaint_term
from homecall.standard.deadlines import answer_clock, complaint_clock, near_at, service_clock, visit_clock
from homecall.standard.rules import NotCoveredError
from tests.unit.standard.local_times import RULES, STANDARD, at, hours, on
from tests.unit.standard.test_calendar_properties import calendar_of, clinics

WITH_A_BREAK = ClinicCalendar(
    RULES, hours={day: hours("08:00-13:00", "14:00-20:00") for day in ("mon", "tue", "wed", "thu", "fri")}
)
NEVER = ClinicCalendar(RULES, hours={})


def term_of(submitted: datetime, calendar: ClinicCalendar = STANDARD, to: str = "clinic") -> Term:
    return complaint_term(addressed_to=to, channel="in_person", submitted_at=submitted, calendar=calendar, rules=RULES)


def near_of(term: Term, calendar: ClinicCalendar = STANDARD) -> datetime:
    return complaint_clock(channel="in_person", term=term, rules=RULES, calendar=calendar).approaching_at


@pytest.mark.parametrize(
    ("submitted", "due", "near"),
    [
        pytest.param("Tue 2026-11-24 10:00", "Mon 2026-11-30 20:00", "Sat 2026-11-28 13:24", id="over a Sunday"),
        pytest.param("Wed 2026-12-30 10:00", "Fri 2027-01-08 20:00", "Wed 2027-01-06 18:00", id="over holidays"),
        pytest.param("Mon 2026-11-23 10:00", "Sat 2026-11-28 14:00", "Fri 2026-11-27 12:24", id="due on a Saturday"),
        pytest.param("Tue 2026-11-24 19:59", "Mon 2026-11-30 20:00", "Sat 2026-11-28 13:30", id="no later than a day"),
        pytest.param("Mon 2026-11-23 19:59", "Sat 2026-11-28 14:00", "Fri 2026-11-27 14:00", id="by the clock, too"),
        pytest.param("Sun 2026-11-22 10:00", "Sat 2026-11-28 14:00", "Fri 2026-11-27 12:00", id="registered later"),
    ],
)
def test_r18_a_complaint_is_near_its_end_in_working_time_and_a_working_day_before_it(
    submitted: str, due: str, near: str
) -> None:
    term = term_of(at(submitted))
    assert term.answer_due_at == at(due)
    assert near_of(term) == at(near)


@pytest.mark.parametrize(
    ("calendar", "near"),
    [
        pytest.param(STANDARD, "Sat 2026-11-28 13:24", id="as it is"),
        pytest.param(
            ClinicCalendar(RULES, closed_dates=[on("Sat 2026-11-28")]),
            "Mon 2026-11-30 18:00",
            id="closed that Saturday",
        ),
        pytest.param(
            ClinicCalendar(RULES, working_dates=[(on("Sun 2026-11-29"), None)]),
            "Fri 2026-11-27 18:48",
            id="open that Sunday",
        ),
    ],
)
def test_r18_the_clinics_own_days_count(calendar: ClinicCalendar, near: str) -> None:
    assert near_of(term_of(at("Tue 2026-11-24 10:00"), calendar), calendar) == at(near)


@pytest.mark.parametrize(
    ("accepted", "visit", "near"),
    [
        pytest.param("Sat 2026-11-28 11:00", "Mon 2026-11-30", "Mon 2026-11-30 17:00", id="from Saturday to Monday"),
        pytest.param("Fri 2026-11-27 10:00", "Fri 2026-11-27", "Fri 2026-11-27 18:00", id="of the day"),
        pytest.param("Fri 2026-11-27 19:00", "Sat 2026-11-28", "Sat 2026-11-28 12:48", id="overnight"),
        pytest.param("Thu 2026-12-31 19:00", "Mon 2027-01-04", "Mon 2027-01-04 17:24", id="over holidays"),
    ],
)
def test_r18_a_visit_is_near_its_end_in_working_time(accepted: str, visit: str, near: str) -> None:
    clock = visit_clock(channel="desk", accepted_at=at(accepted), visit_date=on(visit), calendar=STANDARD, rules=RULES)
    assert clock.approaching_at == at(near)


@pytest.mark.parametrize(
    ("start", "calendar", "near"),
    [
        pytest.param("Fri 2026-11-20 10:00", STANDARD, "Fri 2026-11-20 10:08", id="within hours"),
        pytest.param("Mon 2026-11-23 13:10", WITH_A_BREAK, "Mon 2026-11-23 13:18", id="a break counts as open"),
        pytest.param("Fri 2026-11-20 19:55", STANDARD, "Fri 2026-11-20 19:59", id="over closing time"),
        pytest.param("Fri 2026-11-20 19:50", STANDARD, "Fri 2026-11-20 19:58", id="until closing time"),
        pytest.param("Fri 2026-11-20 20:00", STANDARD, "Fri 2026-11-20 20:08", id="in closed time alone"),
        pytest.param("Sun 2026-11-22 10:00", STANDARD, "Sun 2026-11-22 10:08", id="on a day off"),
        pytest.param("Mon 2026-11-23 07:55", STANDARD, "Mon 2026-11-23 08:04", id="over the opening"),
        pytest.param("Fri 2026-11-20 10:00", NEVER, "Fri 2026-11-20 10:08", id="a clinic that never opens"),
        pytest.param("Fri 2026-11-20 10:00", None, "Fri 2026-11-20 10:08", id="no calendar known"),
    ],
)
def test_r18_short_terms(start: str, calendar: ClinicCalendar | None, near: str) -> None:
    answer = answer_clock(channel="desk", clock_starts_at=at(start), rules=RULES, calendar=calendar)
    service = service_clock(channel="desk", service_started_at=at(start), rules=RULES, calendar=calendar)
    assert service is not None
    assert answer.approaching_at == service.approaching_at == at(near)


def test_r18_a_share_that_ends_with_the_day_warns_at_the_next_opening() -> None:
    """80 % of Friday 12:00 to Saturday 11:00 is over as the clinic closes: nobody would hear it then."""
    near = near_at(at("Fri 2026-11-20 12:00"), at("Sat 2026-11-21 11:00"), 0.8, STANDARD)
    assert near == at("Sat 2026-11-21 09:00")


def test_r18_a_term_of_one_working_day_is_near_on_its_first() -> None:
    start, due = at("Mon 2026-11-23 19:45"), at("Tue 2026-11-24 20:00")
    assert near_at(start, due, 0.8, STANDARD, in_working_days="six-day") == start


def test_r18_a_term_that_leaves_the_calendar_is_measured_in_elapsed_time() -> None:
    start, due = at("Fri 2100-12-31 19:00"), at("Sat 2101-01-01 05:00")
    assert near_at(start, due, 0.8, STANDARD) == at("Sat 2101-01-01 03:00")


# ---------------------------------------------------------------- whatever the clinic and the term

STARTS = st.datetimes(datetime(2026, 1, 2), datetime(2026, 12, 20)).map(lambda at_: at_.replace(tzinfo=UTC))  # noqa: DTZ001  # the zone is added
SPANS = st.one_of(
    st.timedeltas(timedelta(seconds=1), timedelta(hours=2)), st.timedeltas(timedelta(hours=1), timedelta(days=15))
)


def _open_for(calendar: ClinicCalendar, start: datetime, end: datetime) -> timedelta:
    """The open time between two moments, day by day in the plainest way."""
    total = timedelta(0)
    day = start.astimezone(calendar.zone).date()
    while day <= end.astimezone(calendar.zone).date():
        found = calendar.day(day)
        if found.opens_at is not None and found.closes_at is not None:
            opens = max(start, found.opens_at.astimezone(UTC))
            closes = min(end, found.closes_at.astimezone(UTC))
            total += max(closes - opens, timedelta(0))
        day += timedelta(days=1)
    return total


@given(clinics(), STARTS, SPANS)
def test_r18_a_warning_lies_in_working_hours_between_start_and_end(
    clinic: Mapping[str, Any], start: datetime, span: timedelta
) -> None:
    calendar = calendar_of(dict(clinic))
    due = start + span
    near = near_at(start, due, 0.8, calendar).astimezone(UTC)
    assert start <= near < due
    whole = _open_for(calendar, start, due)
    if whole:
        assert calendar.day_of(near).works_at(near)
        assert abs(_open_for(calendar, start, near) - whole * 0.8) <= timedelta(microseconds=1)
    else:
        assert near == start + span * 0.8


@given(clinics(), STARTS, SPANS, st.timedeltas(timedelta(0), timedelta(days=2)))
def test_r18_a_later_term_is_not_near_its_end_earlier(
    clinic: Mapping[str, Any], start: datetime, span: timedelta, later: timedelta
) -> None:
    calendar = calendar_of(dict(clinic))
    near = near_at(start, start + span, 0.8, calendar)
    assert near_at(start, start + span + later, 0.8, calendar) >= near or not _open_for(calendar, start, start + span)


@given(clinics(), STARTS, st.sampled_from(["clinic", "ministry", "quality_authority"]))
@example({"hours": None, "closed_dates": set(), "working_dates": []}, at("Wed 2026-12-16 10:00"), "clinic")
def test_r18_a_complaint_is_near_its_end_on_an_earlier_working_day(
    clinic: Mapping[str, Any], submitted: datetime, to: str
) -> None:
    calendar = calendar_of(dict(clinic))
    try:
        term = term_of(submitted, calendar, to)
    except (NeverOpenError, NotCoveredError):
        return
    near = near_of(term, calendar)
    assert term.registered_at <= near < term.answer_due_at
    assert near.date() < term.answer_due_on
    assert calendar.day_of(near).works_at(near)
    assert calendar.working_days_between(near.date(), term.answer_due_on, term.week) >= 1


@pytest.mark.parametrize("day", [date(2026, 5, 4), date(2026, 3, 24), date(2027, 1, 4)])
def test_r18_a_decrees_days_count(day: date) -> None:
    """Around the country's moved days, whatever they are: in working hours, before the last working day."""
    for back in range(12):
        submitted = datetime(day.year, day.month, day.day, 5, tzinfo=UTC) - timedelta(days=back)
        term = term_of(submitted)
        near = near_of(term)
        assert STANDARD.day_of(near).works_at(near), submitted
        assert near.date() < term.answer_due_on, submitted
