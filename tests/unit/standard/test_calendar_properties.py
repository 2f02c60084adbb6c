"""What holds of every clinic and every moment (C8.2, R1, R4 to R9)."""

import json
from datetime import UTC, date, datetime, time, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from homecall.standard.acceptance import Accepted, Deferred, Refused, decide_acceptance, take_up
from homecall.standard.calendar import ClinicCalendar, state_days, state_works
from homecall.standard.complaints import complaint_term
from homecall.standard.rules import WEEKDAYS, Week
from tests.unit.standard.local_times import ALMATY, RULES

DAYS = st.dates(date(2015, 1, 10), date(2098, 12, 31))
MOMENTS = st.datetimes(
    datetime(2015, 1, 10),  # noqa: DTZ001  # the strategy adds the zone
    datetime(2098, 12, 31),  # noqa: DTZ001  # the strategy adds the zone
    timezones=st.sampled_from([UTC, ALMATY, timezone(timedelta(hours=-9)), timezone(timedelta(hours=14))]),
)
CHANNELS = st.sampled_from(["desk", "phone", "portal"])
ADDRESSEES = st.sampled_from(["clinic", "ministry", "quality_authority"])


@st.composite
def intervals(draw: st.DrawFn) -> list[tuple[time, time]]:
    minutes = sorted(draw(st.sets(st.integers(0, 24 * 60 - 1), min_size=2, max_size=4)))
    ends = [time(minute // 60, minute % 60) for minute in minutes[: len(minutes) // 2 * 2]]
    return list(zip(ends[::2], ends[1::2], strict=True))


@st.composite
def clinics(draw: st.DrawFn) -> dict[str, object]:
    hours = draw(st.none() | st.dictionaries(st.sampled_from(WEEKDAYS), intervals(), min_size=1))
    near = st.dates(date(2026, 1, 1), date(2026, 12, 31))
    return {
        "hours": hours,
        "closed_dates": draw(st.sets(near, max_size=5)),
        "working_dates": draw(st.lists(st.tuples(near, st.none() | intervals()), max_size=3)),
    }


def calendar_of(clinic: dict[str, object], *, also_closed: set[date] = frozenset()) -> ClinicCalendar:  # type: ignore[assignment]  # a frozen set is one
    return ClinicCalendar(RULES, **{**clinic, "closed_dates": {*clinic["closed_dates"], *also_closed}})  # type: ignore[misc, arg-type]  # made-up parts of a clinic


MOMENTS_2026 = MOMENTS.map(lambda moment: moment.replace(year=2026, day=min(moment.day, 28)))


@given(clinics(), MOMENTS | MOMENTS_2026)
def test_c8_2_the_next_opening_is_open_and_later_and_none_is_before_it(
    clinic: dict[str, object], moment: datetime
) -> None:
    calendar = calendar_of(clinic)
    opening = calendar.next_opening(moment)
    day = calendar.day_of(opening)
    assert opening > moment
    assert opening == day.opens_at
    assert day.works_at(opening)
    between = moment.astimezone(ALMATY).date()
    while between < opening.date():
        skipped = calendar.day(between)
        assert skipped.opens_at is None or skipped.opens_at <= moment
        between += timedelta(days=1)


@given(clinics(), MOMENTS | MOMENTS_2026, CHANNELS)
def test_c4_5_c4_6_r3_every_decision_keeps_to_the_clinics_day(
    clinic: dict[str, object], moment: datetime, channel: str
) -> None:
    calendar = calendar_of(clinic)
    decision = decide_acceptance(channel=channel, submitted_at=moment, calendar=calendar, rules=RULES)
    day = calendar.day_of(moment)
    if day.accepts(moment):
        assert isinstance(decision, Accepted)
        assert decision.visit_date == day.date
        assert decision.clock_starts_at == moment
    elif channel == "portal":
        assert isinstance(decision, Deferred)
        assert decision.clock_starts_at == decision.opens_at == calendar.next_opening(moment)
        assert isinstance(take_up(opening=decision.opens_at, calendar=calendar, rules=RULES), Accepted)
    else:
        assert isinstance(decision, Refused)
        again = decision.next_acceptance_at
        assert again is None or again > moment
        if again is not None:
            then = decide_acceptance(channel=channel, submitted_at=again, calendar=calendar, rules=RULES)
            assert isinstance(then, Accepted)


@given(clinics(), MOMENTS | MOMENTS_2026, CHANNELS)
def test_r1_deciding_twice_gives_the_same(clinic: dict[str, object], moment: datetime, channel: str) -> None:
    one, two = (
        decide_acceptance(channel=channel, submitted_at=stated, calendar=calendar_of(clinic), rules=RULES)
        for stated in (moment, moment.astimezone(UTC))
    )
    assert one == two
    assert json.dumps(one.ruling.as_dict()) == json.dumps(two.ruling.as_dict())


@given(clinics(), MOMENTS | MOMENTS_2026, ADDRESSEES)
@settings(max_examples=50)
def test_r9_a_term_never_ends_on_a_day_off(clinic: dict[str, object], moment: datetime, addressed_to: str) -> None:
    calendar = calendar_of(clinic)
    term = complaint_term(
        addressed_to=addressed_to, channel="post", submitted_at=moment, calendar=calendar, rules=RULES
    )
    last = calendar.day(term.answer_due_on)
    assert last.is_open
    assert last.closes_at == term.answer_due_at
    assert moment <= term.registered_at < term.answer_due_at
    counted = sum(
        calendar.day(term.registered_on + timedelta(days=n)).is_open
        for n in range(1, (term.answer_due_on - term.registered_on).days + 1)
    )
    assert counted == RULES.complaint_term(addressed_to).working_days


@given(
    clinics(),
    MOMENTS | MOMENTS_2026,
    ADDRESSEES,
    st.sets(st.integers(0, 40), min_size=1, max_size=8),
)
@settings(max_examples=50)
def test_r8_r9_adding_a_holiday_never_makes_a_term_or_an_opening_earlier(
    clinic: dict[str, object], moment: datetime, addressed_to: str, holidays: set[int]
) -> None:
    today = moment.astimezone(ALMATY).date()
    before = calendar_of(clinic)
    after = calendar_of(clinic, also_closed={today + timedelta(days=n) for n in holidays})
    assert before.next_opening(moment) <= after.next_opening(moment)
    one, two = (
        complaint_term(addressed_to=addressed_to, channel="post", submitted_at=moment, calendar=calendar, rules=RULES)
        for calendar in (before, after)
    )
    assert one.registered_at <= two.registered_at
    assert one.answer_due_at <= two.answer_due_at


@given(DAYS)
def test_c8_1_r8_a_day_of_the_six_day_week_is_sunday_or_has_a_reason_to_be_free(day: date) -> None:
    free = not state_works(day, "six-day")
    special = state_days(day.year, "six-day").get(day)
    assert free == (special.hours_of is None if special else day.weekday() == 6)


@given(DAYS)
def test_r9_the_six_day_week_gives_the_earlier_date(day: date) -> None:
    calendar = ClinicCalendar(RULES)
    assert calendar.working_day_after(day, 5, "six-day") <= calendar.working_day_after(day, 5, "five-day")


@given(DAYS, st.integers(1, 30), st.sampled_from(["five-day", "six-day"]))
def test_r9_the_nth_working_day_is_n_working_days_away(day: date, n: int, week: Week) -> None:
    calendar = ClinicCalendar(RULES)
    last = calendar.working_day_after(day, n, week)
    assert calendar.working_days_between(day, last, week) == n
    assert calendar.working_days_between(last, day, week) == -n
    assert calendar.working_days_between(day, day, week) == 0
