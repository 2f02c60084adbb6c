"""The law once more, read plainly: days are looked through one by one, in UTC, and the decisions held against that.

What is shared with the code is the state's calendar alone, which has tables of its own (test_calendar_state).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from random import Random

import pytest

from homecall.standard.acceptance import Accepted, Deferred, Refused, decide_acceptance, take_up
from homecall.standard.calendar import ClinicCalendar, state_days
from homecall.standard.complaints import complaint_term
from tests.unit.standard.local_times import ALMATY, RULES

Hours = dict[str, list[tuple[time, time]]]

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
STANDARD: Hours = {day: [(time(8), time(20))] for day in WEEK[:5]} | {"sat": [(time(9), time(14))]}
YEARS = (2015, 2016, 2020, 2024, 2025, 2026, 2027, 2028, 2060, 2099)
DAY = timedelta(days=1)


@dataclass
class Clinic:
    hours: Hours | None
    closed: set[date]
    extra: dict[date, list[tuple[time, time]] | None]

    def calendar(self) -> ClinicCalendar:
        return ClinicCalendar(RULES, hours=self.hours, closed_dates=self.closed, working_dates=list(self.extra.items()))

    def day(self, day: date) -> tuple[datetime, datetime, datetime] | None:
        """Opening, cut-off and closing; None on a closed day (C4.5, C8.1, R8)."""
        hours = STANDARD if self.hours is None else self.hours
        special = state_days(day.year, "six-day").get(day)
        found: Sequence[tuple[time, time]] | None
        if day in self.closed:
            found = None
        elif day in self.extra:
            found = self.extra[day] or hours.get("sat") or STANDARD["sat"]
        elif special is not None and special.hours_of is None:
            found = None
        else:
            found = hours.get(WEEK[(special.hours_of if special and special.hours_of else day).weekday()])
        if not found:
            return None
        last = max(end for _, end in found)
        closes = datetime.combine(day + DAY, time.min, ALMATY) if last == time.max else moment(day, last)
        return moment(day, min(start for start, _ in found)), closes.astimezone(UTC) - timedelta(hours=2), closes

    def after(self, day: date) -> Iterator[tuple[date, tuple[datetime, datetime, datetime]]]:
        """The open days from this one on, for a year."""
        for number in range(366):
            found = self.day(day + number * DAY)
            if found is not None:
                yield day + number * DAY, found


def moment(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, ALMATY)


def drawn(draw: Random) -> tuple[Clinic, datetime]:
    """A clinic, and a moment near its edges, around a holiday as often as not."""
    hours: Hours | None = None
    if draw.random() < 0.6:
        hours = {}
        for weekday in WEEK:
            opens = draw.randrange(20 * 60)
            closes = min(24 * 60, draw.choice([draw.randrange(opens + 1, 24 * 60 + 1), opens + 120, opens + 121]))
            middle = (opens + closes) // 2
            pairs = [(opens, closes)] if closes - opens < 200 else [(middle + 10, closes), (opens, middle)]
            if draw.random() < 0.75:
                hours[weekday] = [(clock(start), clock(end)) for start, end in pairs]
    year = draw.choice(YEARS)
    day = date(year, 1, 5) + draw.randrange(355) * DAY
    if draw.random() < 0.5:
        day = draw.choice([each for each in state_days(year, "six-day") if each > date(year, 1, 4)])
    day += draw.randrange(-3, 3) * DAY
    near = [day + draw.randrange(-3, 12) * DAY for _ in range(4)]
    clinic = Clinic(hours, set(near[: draw.randrange(3)]), {each: draw.choice([None, _SHORT]) for each in near[2:]})
    asked = [moment(day, time(draw.randrange(24), draw.randrange(60), draw.randrange(60))).astimezone(UTC)]
    for edge in clinic.day(day) or ():
        asked += [edge.astimezone(UTC) + timedelta(microseconds=apart) for apart in (-1, 0, 1)]
    offset = draw.choice([UTC, timezone(timedelta(hours=5)), timezone(-timedelta(hours=9, minutes=30)), ALMATY])
    return clinic, draw.choice(asked).astimezone(offset)


_SHORT = [(time(10), time(15))]


def clock(minutes: int) -> time:
    return time.max if minutes == 24 * 60 else time(minutes // 60, minutes % 60)


@pytest.mark.parametrize("seed", range(4))
def test_c4_c8_r1_to_r7_each_decision_is_what_the_text_says(seed: int) -> None:
    draw = Random(seed)
    for _ in range(150):
        clinic, asked = drawn(draw)
        channel = draw.choice(["desk", "phone", "portal"])
        calendar = clinic.calendar()
        verdict = decide_acceptance(channel=channel, submitted_at=asked, calendar=calendar, rules=RULES)
        today = asked.astimezone(UTC).astimezone(ALMATY).date()
        limit = timedelta(minutes=30 if channel == "portal" else 10)
        now, this = asked.astimezone(UTC), clinic.day(today)
        context = (asked, channel, clinic)
        if this is not None and this[0] <= now < this[1]:
            assert isinstance(verdict, Accepted), context
            assert (verdict.visit_date, verdict.clock_starts_at) == (today, asked), context
            assert verdict.due_at.astimezone(UTC) == now + limit, context
            continue
        later = [(opens, cut_off) for _, (opens, cut_off, _) in clinic.after(today) if opens > now]
        if channel == "portal" and later:
            assert isinstance(verdict, Deferred), context
            assert verdict.opens_at == verdict.clock_starts_at == later[0][0], context
            assert verdict.visit_date == later[0][0].date(), context
            assert verdict.due_at.astimezone(UTC) == later[0][0].astimezone(UTC) + limit, context
            taken = take_up(opening=verdict.opens_at, calendar=calendar, rules=RULES)
            assert isinstance(taken, Accepted), context
            assert (taken.due_at, taken.visit_date) == (verdict.due_at, verdict.visit_date), context
        else:
            accepting = [opens for opens, cut_off in later if opens < cut_off]
            assert isinstance(verdict, Refused), context
            assert verdict.code == "outside_acceptance_hours", context
            assert verdict.next_acceptance_at == (accepting[0] if accepting else None), context


@pytest.mark.parametrize("seed", range(4, 6))
def test_c10_r9_r9a_each_term_is_what_the_text_says(seed: int) -> None:
    draw = Random(seed)
    for _ in range(120):
        clinic, asked = drawn(draw)
        today = asked.astimezone(UTC).astimezone(ALMATY).date()
        days = list(clinic.after(today))
        if len(days) < 20:
            continue
        addressed_to, working_days = draw.choice([("clinic", 5), ("ministry", 5), ("quality_authority", 15)])
        term = complaint_term(
            addressed_to=addressed_to, channel="post", submitted_at=asked, calendar=clinic.calendar(), rules=RULES
        )
        this = clinic.day(today)
        at_once = this is not None and this[0] <= asked.astimezone(UTC) < this[2]
        registered_at = asked if at_once else next(opens for _, (opens, _, _) in days if opens > asked)
        registered_on = registered_at.astimezone(UTC).astimezone(ALMATY).date()
        last, (_, _, closes) = [each for each in days if each[0] > registered_on][working_days - 1]
        told = (term.registered_at, term.registered_on, term.answer_due_on, term.answer_due_at)
        assert told == (registered_at, registered_on, last, closes), (asked, clinic)
