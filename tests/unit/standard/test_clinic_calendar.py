"""A clinic's own days (C4.5, C8.1): hours, breaks, closed dates, extra working dates, swapped Sundays."""

from datetime import UTC, date, datetime, time

import pytest

from homecall.standard.calendar import ClinicCalendar, NeverOpenError
from homecall.standard.rules import NotCoveredError
from tests.unit.standard.local_times import ALMATY, RULES, STANDARD, at, hours, on

WORKDAY = hours("08:00-20:00")


def told(calendar: ClinicCalendar, day: str) -> str:
    found = calendar.day(on(day))
    if found.opens_at is None or found.cut_off is None or found.closes_at is None:
        return f"closed: {found.basis}"
    return f"{found.opens_at:%H:%M} {found.cut_off:%H:%M} {found.closes_at:%H:%M} {found.basis}"


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("Mon 2026-11-23", "08:00 18:00 20:00 standard"),
        ("Fri 2026-11-20", "08:00 18:00 20:00 standard"),
        ("Sat 2026-11-21", "09:00 12:00 14:00 standard"),
        ("Sun 2026-11-22", "closed: day off"),
        ("Mon 2026-03-09", "closed: holiday"),
        ("Fri 2025-01-03", "closed: swapped"),
        ("Sun 2025-01-05", "08:00 18:00 20:00 swapped"),
        ("Wed 2024-05-08", "08:00 18:00 20:00 standard"),
        ("Sat 2024-05-04", "09:00 12:00 14:00 standard"),
    ],
)
def test_c8_1_c4_5_the_standard_hours(day: str, expected: str) -> None:
    assert told(STANDARD, day) == expected


def test_c4_5_the_cut_off_is_two_hours_before_the_last_interval_and_breaks_are_open() -> None:
    calendar = ClinicCalendar(RULES, hours={"mon": hours("14:00-19:30", "08:30-13:00")})
    assert told(calendar, "Mon 2026-11-23") == "08:30 17:30 19:30 clinic"
    day = calendar.day(on("Mon 2026-11-23"))
    assert day.accepts(at("Mon 2026-11-23 13:30"))
    assert day.works_at(at("Mon 2026-11-23 13:30"))


def test_c4_5_a_day_that_ends_at_24_00_ends_at_the_next_ones_first_moment() -> None:
    calendar = ClinicCalendar(RULES, hours={"mon": [(time(8), time.max)], "thu": [(time(8), time.max)]})
    day = calendar.day(on("Mon 2026-11-23"))
    assert day.as_dict()["hours"] == [["08:00", "24:00"]]
    assert day.as_dict()["cut_off"] == "22:00"
    assert day.accepts(at("Mon 2026-11-23 21:59:59.999999"))
    assert not day.accepts(at("Mon 2026-11-23 22:00"))
    assert calendar.closing_on(on("Mon 2026-11-23")) == at("Tue 2026-11-24 00:00")
    # On 29 February 2024 that was an hour later than the clock face says: local time went back at 24:00.
    assert calendar.closing_on(on("Thu 2024-02-29")).astimezone(UTC) == datetime(2024, 2, 29, 19, tzinfo=UTC)


def test_c8_1_a_day_absent_from_the_clinics_hours_is_closed() -> None:
    calendar = ClinicCalendar(RULES, hours={"mon": WORKDAY})
    assert told(calendar, "Tue 2026-11-24") == "closed: day off"


def test_r8_a_holiday_closes_a_clinic_of_any_hours() -> None:
    every_day = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), WORKDAY)
    calendar = ClinicCalendar(RULES, hours=every_day)
    assert told(calendar, "Wed 2026-12-16") == "closed: holiday"
    assert told(calendar, "Sun 2026-11-22") == "08:00 18:00 20:00 clinic"


def test_r8_a_swapped_in_sunday_has_the_clinics_hours_of_the_day_it_was_swapped_with() -> None:
    calendar = ClinicCalendar(RULES, hours={"thu": WORKDAY, "fri": hours("09:00-17:00")})
    assert told(calendar, "Sun 2025-01-05") == "09:00 15:00 17:00 swapped"


def test_r8_a_swapped_in_sunday_is_closed_where_the_clinic_does_not_work_on_that_weekday() -> None:
    assert told(ClinicCalendar(RULES, hours={"mon": WORKDAY}), "Sun 2025-01-05") == "closed: day off"


@pytest.mark.parametrize(
    ("own_hours", "extra", "expected"),
    [
        (None, None, "09:00 12:00 14:00 extra"),
        ({"mon": WORKDAY, "sat": hours("10:00-15:00")}, None, "10:00 13:00 15:00 extra"),
        ({"mon": WORKDAY}, None, "09:00 12:00 14:00 extra"),
        (None, hours("12:00-18:00"), "12:00 16:00 18:00 extra"),
    ],
)
@pytest.mark.parametrize("day", ["Sun 2026-11-22", "Wed 2026-12-16"])
def test_extra_working_dates_have_their_hours_or_saturdays(own_hours, extra, expected: str, day: str) -> None:  # type: ignore[no-untyped-def]  # the table above has the types
    calendar = ClinicCalendar(RULES, hours=own_hours, working_dates=[(on(day), extra)])
    assert told(calendar, day) == expected


def test_closed_dates_are_closed_whatever_else_holds() -> None:
    day = on("Mon 2026-11-23")
    calendar = ClinicCalendar(RULES, closed_dates=[day], working_dates=[(day, WORKDAY)])
    assert told(calendar, "Mon 2026-11-23") == "closed: clinic"


@pytest.mark.parametrize(
    ("own_hours", "said"),
    [
        ({"monday": WORKDAY}, "hours.monday: is no weekday"),
        ({"mon": hours("20:00-08:00")}, "hours.mon: 08:00 is not after 20:00"),
        ({"mon": hours("08:00-08:00")}, "hours.mon: 08:00 is not after 08:00"),
    ],
)
def test_hours_that_are_wrong_are_named(own_hours, said: str) -> None:  # type: ignore[no-untyped-def]  # the table above has the types
    with pytest.raises(ValueError, match=said):
        ClinicCalendar(RULES, hours=own_hours)


@pytest.mark.parametrize(
    ("moment", "opening"),
    [
        ("Fri 2026-11-20 07:59:59.999999", "Fri 2026-11-20 08:00"),
        ("Fri 2026-11-20 08:00", "Sat 2026-11-21 09:00"),
        ("Fri 2026-11-20 19:00", "Sat 2026-11-21 09:00"),
        ("Sat 2026-11-21 12:00", "Mon 2026-11-23 08:00"),
        ("Sun 2026-11-22 00:00", "Mon 2026-11-23 08:00"),
        ("Sat 2026-10-24 13:00", "Tue 2026-10-27 08:00"),
        ("Fri 2026-03-20 18:00", "Wed 2026-03-25 08:00"),
        ("Sat 2026-03-07 12:00", "Tue 2026-03-10 08:00"),
        ("Wed 2025-12-31 18:00", "Sat 2026-01-03 09:00"),
        ("Thu 2025-01-02 10:00", "Sat 2025-01-04 09:00"),
        ("Sat 2025-01-04 20:00", "Sun 2025-01-05 08:00"),
        ("Thu 2024-02-29 23:30", "Fri 2024-03-01 08:00"),
    ],
)
def test_c8_2_the_next_opening(moment: str, opening: str) -> None:
    assert STANDARD.next_opening(at(moment)) == at(opening)


@pytest.mark.parametrize(
    ("moment", "accepted"),
    [
        ("Fri 2026-11-20 17:59:59", "Fri 2026-11-20 17:59:59"),
        ("Fri 2026-11-20 18:00", "Sat 2026-11-21 09:00"),
        ("Fri 2026-11-20 07:00", "Fri 2026-11-20 08:00"),
    ],
)
def test_r3_the_next_acceptance(moment: str, accepted: str) -> None:
    assert STANDARD.next_acceptance(at(moment)) == at(accepted)


def test_r3_a_day_too_short_for_its_cut_off_accepts_nothing_though_it_is_open() -> None:
    calendar = ClinicCalendar(RULES, hours={"fri": WORKDAY, "sat": hours("09:00-11:00")})
    assert calendar.next_opening(at("Fri 2026-11-20 18:00")) == at("Sat 2026-11-21 09:00")
    assert calendar.next_acceptance(at("Fri 2026-11-20 18:00")) == at("Fri 2026-11-27 08:00")


@pytest.mark.parametrize(
    ("day", "following"),
    [
        ("Fri 2026-11-20", "Sat 2026-11-21"),
        ("Sat 2026-11-21", "Mon 2026-11-23"),
        ("Sat 2026-03-07", "Tue 2026-03-10"),
        ("Sat 2025-01-04", "Sun 2025-01-05"),
    ],
)
def test_r8_the_next_working_day(day: str, following: str) -> None:
    assert STANDARD.next_working_day(on(day)) == on(following)


def test_a_clinic_that_never_opens_is_told_rather_than_searched_for_ever() -> None:
    calendar = ClinicCalendar(RULES, hours={})
    with pytest.raises(NeverOpenError, match="hours and closed_dates"):
        calendar.next_opening(at("Fri 2026-11-20 18:00"))
    with pytest.raises(NeverOpenError):
        calendar.next_working_day(on("Fri 2026-11-20"))


def test_openings_before_1_march_2024_were_at_plus_six() -> None:
    assert STANDARD.next_opening(at("Wed 2024-02-28 19:00")) == datetime(2024, 2, 29, 2, tzinfo=UTC)
    assert STANDARD.next_opening(at("Thu 2024-02-29 19:00")) == datetime(2024, 3, 1, 3, tzinfo=UTC)


def test_the_hour_that_came_twice_is_told_apart() -> None:
    """On 29 February 2024 local time went from 24:00 back to 23:00."""
    calendar = ClinicCalendar(RULES, hours={"thu": hours("20:00-23:30")})
    first = datetime(2024, 2, 29, 23, 15, tzinfo=ALMATY)
    assert calendar.day_of(first).works_at(first)
    again = first.replace(fold=1)
    assert calendar.day_of(again).date == date(2024, 2, 29)
    assert not calendar.day_of(again).works_at(again)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(2014, 12, 31, 17, 59, tzinfo=UTC),
        datetime(2100, 12, 31, 19, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, tzinfo=UTC),
    ],
)
def test_moments_outside_the_calendar_are_said_to_be(moment: datetime) -> None:
    with pytest.raises(NotCoveredError, match="2015 to 2100"):
        STANDARD.day_of(moment)


def test_the_calendar_ends_with_2100() -> None:
    assert STANDARD.next_opening(at("Thu 2100-12-30 20:00")) == at("Fri 2100-12-31 08:00")
    with pytest.raises(NotCoveredError):
        STANDARD.next_opening(at("Fri 2100-12-31 20:00"))


def test_a_moment_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        STANDARD.day_of(datetime(2026, 11, 20, 12))  # noqa: DTZ001  # it is what is tested


def test_the_calendar_forgets_days_rather_than_growing_without_end() -> None:
    calendar = ClinicCalendar(RULES)
    first = calendar.day(date(2015, 1, 5))
    for ordinal in range(date(2016, 1, 1).toordinal(), date(2020, 1, 1).toordinal()):
        calendar.day(date.fromordinal(ordinal))
    assert len(calendar._days) <= 1000
    assert calendar.day(date(2015, 1, 5)) == first
