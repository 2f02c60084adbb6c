"""The working calendar: the state's weeks, and a clinic's own days on top of them (C4.5, C4.6, C8.1, R7, R8).

All times that come out are aware, in the clinic's zone (R20); moments that go in may have any offset.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import metadata
from zoneinfo import ZoneInfo

from homecall.contract.types import clock_text
from homecall.standard.decrees import packaged_decrees
from homecall.standard.rules import WEEKDAYS, Interval, NotCoveredError, RuleSet, Week

ALMATY = ZoneInfo("Asia/Almaty")
"""The zone of a clinic that names none (R20)."""

FIRST_YEAR, LAST_YEAR = 2015, 2100

# A clinic that is closed for longer than this is taken as never open.
_SEARCH_DAYS = 400
# Days kept per clinic; far more than a clinic's requests name at one time.
_KEPT_DAYS = 1000

_DAY = timedelta(days=1)


class NeverOpenError(ValueError):
    """No day within reach on which the clinic is open."""


def local(moment: datetime, zone: ZoneInfo = ALMATY) -> datetime:
    """The moment in the clinic's zone. ``ValueError`` without an offset, ``NotCoveredError`` outside the calendar."""
    if moment.utcoffset() is None:
        raise ValueError("a time without an offset names no moment")
    try:
        here = moment.astimezone(UTC).astimezone(zone)
    except OverflowError as error:
        raise _not_covered(moment.date()) from error
    if not FIRST_YEAR <= here.year <= LAST_YEAR:
        raise _not_covered(here.date())
    return here


def after(moment: datetime, span: timedelta, zone: ZoneInfo | None = None) -> datetime:
    """The moment that much later, in ``zone``: elapsed time, whatever the zone's offset does meanwhile.

    Without ``zone``: in the zone of a moment that a calendar made, else in Asia/Almaty.
    """
    own = moment.tzinfo if isinstance(moment.tzinfo, ZoneInfo) else ALMATY
    return (moment.astimezone(UTC) + span).astimezone(zone or own)


@cache
def calendar_version() -> str:
    """The version of the calendar's sources, for rulings: the package's, and a digest of our table of decrees."""
    return f"holidays {metadata.version('holidays')}, decrees {packaged_decrees().digest}"


def decrees_missing(year: int) -> bool:
    """Whether the year's government resolutions have not been read yet, so that its swapped days are unknown."""
    return year not in packaged_decrees().years


def _not_covered(day: date | int) -> NotCoveredError:
    return NotCoveredError(f"{day} is outside the calendar, which has the years {FIRST_YEAR} to {LAST_YEAR}")


# The state's weeks


@dataclass(frozen=True)
class StateDay:
    """A day on which the state's calendar departs from the plain week.

    ``hours_of`` names the day whose hours a swapped-in working day has; none: it is a day of rest, for ``reason``
    (``holiday`` or ``swapped``), by ``name``.
    """

    reason: str
    name: str
    hours_of: date | None = None


@cache
def state_days(year: int, week: Week) -> Mapping[date, StateDay]:
    """The public holidays and swapped days of a year. ``NotCoveredError`` outside 2015 to 2100."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise _not_covered(year)
    # Imported on first use: the package loads slowly, and a service must start fast.
    from homecall.standard import public_holidays

    rest = public_holidays.holidays_of(week, year)
    decrees = packaged_decrees()
    for correction in decrees.corrections:
        if correction.off and correction.date.year == year:
            rest[correction.date] = correction.name
        elif not correction.off:
            rest.pop(correction.date, None)
    days = {day: StateDay("holiday", name) for day, name in rest.items()}
    for swap in decrees.swaps:
        if swap.off.year != year and swap.works.year != year:
            continue
        # A week in which the day was not free has nothing to swap.
        if swap.works not in rest and not _weekly_rest(swap.works, week):
            continue
        if swap.off.year == year:
            days[swap.off] = StateDay("swapped", f"day of rest moved from {swap.works}")
        if swap.works.year == year:
            days[swap.works] = StateDay("swapped", f"working day moved from {swap.off}", hours_of=swap.off)
    return days


def _weekly_rest(day: date, week: Week) -> bool:
    return day.weekday() == 6 or (week == "five-day" and day.weekday() == 5)


def state_works(day: date, week: Week) -> bool:
    """Whether the state's calendar has a working day then. ``NotCoveredError`` outside 2015 to 2100."""
    special = state_days(day.year, week).get(day)
    return special.hours_of is not None if special else not _weekly_rest(day, week)


# A clinic's days


@dataclass(frozen=True)
class ClinicDay:
    """A day of a clinic: open from ``opens_at`` to ``closes_at``, accepting until ``cut_off``; or closed, and why.

    Breaks between ``intervals`` count as open. ``basis`` says whose hours they are: ``standard``, ``clinic``,
    ``swapped`` or ``extra``; on a closed day, why it is closed: ``day off``, ``holiday``, ``swapped`` or ``clinic``.
    """

    date: date
    basis: str
    intervals: tuple[Interval, ...] = ()
    name: str = ""
    opens_at: datetime | None = None
    cut_off: datetime | None = None
    closes_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether the clinic works on this day at all."""
        return self.opens_at is not None

    @property
    def never_accepts(self) -> bool:
        """Closed, or open for so short a time that the cut-off is no later than the opening."""
        return self.opens_at is None or self.cut_off is None or self.cut_off <= self.opens_at

    def accepts(self, moment: datetime) -> bool:
        """Whether an application made then is accepted at once: from the opening, before the cut-off (R2)."""
        return _within(self.opens_at, moment, self.cut_off)

    def works_at(self, moment: datetime) -> bool:
        """Whether the clinic is open then: from the opening, before closing."""
        return _within(self.opens_at, moment, self.closes_at)

    def as_dict(self) -> dict[str, object]:
        """The day as a ruling keeps it, in values that JSON has."""
        told: dict[str, object] = {"date": self.date.isoformat(), "weekday": WEEKDAYS[self.date.weekday()]}
        if self.cut_off is None:
            told["closed"] = self.basis
        else:
            told["hours"] = [[f"{start:%H:%M}", clock_text(end)] for start, end in self.intervals]
            told["cut_off"] = f"{self.cut_off:%H:%M}"
            told["basis"] = self.basis
        if self.name:
            told["name"] = self.name
        return told


def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """A clock time of a day; 24:00, which is kept as the day's last microsecond, is the next day's first moment.

    A time that the clock skips (its offset changes) is the moment at which the clock would have shown it before.
    """
    moment = datetime.combine(day + _DAY, time.min, zone) if clock == time.max else datetime.combine(day, clock, zone)
    return moment.astimezone(UTC).astimezone(zone)


def _within(start: datetime | None, moment: datetime, end: datetime | None) -> bool:
    # In UTC: two local times of one zone would be compared by the clock, which repeats when the offset changes.
    return start is not None and end is not None and start <= moment.astimezone(UTC) < end


class ClinicCalendar:
    """The days of one clinic under one rule set.

    ``hours``: weekday (``mon`` to ``sun``) to intervals of local time, a day that is absent is closed; the rule set's
    when none are given. ``closed_dates`` are closed whatever else holds. ``working_dates`` are open, with the hours
    given or Saturday's (the clinic's own, or the rule set's where it has none). ``ValueError`` names hours that are
    wrong. ``zone`` is the clinic's (R20).
    """

    def __init__(
        self,
        rules: RuleSet,
        *,
        zone: ZoneInfo = ALMATY,
        hours: Mapping[str, Sequence[Interval]] | None = None,
        closed_dates: Iterable[date] = (),
        working_dates: Iterable[tuple[date, Sequence[Interval] | None]] = (),
    ) -> None:
        self.rules = rules
        self.zone = zone
        self._week: Week = rules.calls.week
        self._cut_off = timedelta(minutes=rules.cut_off.minutes_before_closing)
        self._basis = "standard" if hours is None else "clinic"
        self._hours = rules.hours.by_weekday if hours is None else _by_weekday(hours)
        saturday = self._hours[5] or rules.hours.sat
        self._closed = frozenset(closed_dates)
        self._extra = {
            day: _ordered(f"working_dates.{day}", intervals) if intervals else saturday
            for day, intervals in working_dates
        }
        self._days: dict[date, ClinicDay] = {}

    def day(self, day: date) -> ClinicDay:
        """The clinic's day of that local date. ``NotCoveredError`` outside 2015 to 2100."""
        kept = self._days.get(day)
        if kept is None:
            if len(self._days) >= _KEPT_DAYS:
                self._days.clear()
            kept = self._days[day] = self._make(day)
        return kept

    def day_of(self, moment: datetime) -> ClinicDay:
        """The clinic's day in which the moment lies. ``NotCoveredError`` outside 2015 to 2100."""
        return self.day(local(moment, self.zone).date())

    def next_opening(self, moment: datetime) -> datetime:
        """The first opening later than the moment. ``NeverOpenError`` when there is none within 400 days."""
        return self._first_opening(moment, accepting=False)

    def next_acceptance(self, moment: datetime) -> datetime:
        """The first moment, this one included, at which an application at the clinic is accepted (R3).

        That is an opening, or the moment itself; days whose cut-off is no later than their opening accept nothing.
        ``NeverOpenError`` when there is none within 400 days.
        """
        if self.day_of(moment).accepts(moment):
            return local(moment, self.zone)
        return self._first_opening(moment, accepting=True)

    def next_working_day(self, day: date) -> date:
        """The first date after this one on which the clinic is open. ``NeverOpenError`` as above."""
        return next(self._open_days_after(day)).date

    def working_day_after(self, day: date, n: int, week: Week = "six-day") -> date:
        """The n-th working day after the date, which itself is not counted (R9).

        Counted are the clinic's open days; where ``week`` is another than that of its calls, those that the state's
        calendar of that week also has as working days. ``NeverOpenError`` as above.
        """
        if n < 1:
            raise ValueError(f"a term of {n} working days has no last day")
        for _ in range(n):
            day = next(later.date for later in self._open_days_after(day) if self._counts(later, week))
        return day

    def working_days_between(self, day: date, until: date, week: Week = "six-day") -> int:
        """How many working days are later than ``day`` and not later than ``until``, counted as above (R9).

        Less than none where ``until`` is the earlier one.
        """
        first, last, sign = (day, until, 1) if day <= until else (until, day, -1)
        days = (first + _DAY * n for n in range(1, (last - first).days + 1))
        return sign * sum(self._counts(self.day(each), week) for each in days)

    def _counts(self, day: ClinicDay, week: Week) -> bool:
        return day.is_open and (week == self._week or state_works(day.date, week))

    def closing_on(self, day: date) -> datetime:
        """When the clinic closes on that date; where it is closed then, when it closes on its next open day."""
        closes_at = self.day(day).closes_at or next(self._open_days_after(day)).closes_at
        assert closes_at is not None  # the search yields open days only
        return closes_at

    def last_working_day_before(self, day: date, since: date, week: Week = "six-day") -> ClinicDay | None:
        """The last working day, counted as above, that is earlier than ``day`` and not earlier than ``since``."""
        days = (self.day(day - _DAY * n) for n in range(1, (day - since).days + 1))
        return next((each for each in days if self._counts(each, week)), None)

    def open_spans(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """When the clinic is open between two moments, in order; breaks between intervals count as open."""
        begins, ends = start.astimezone(UTC), end.astimezone(UTC)
        date_, last = local(start, self.zone).date(), local(end, self.zone).date()
        while date_ <= last:
            day = self.day(date_)
            if day.opens_at is not None and day.closes_at is not None:
                opens = max(begins, day.opens_at.astimezone(UTC))
                closes = min(ends, day.closes_at.astimezone(UTC))
                if opens < closes:
                    yield opens.astimezone(self.zone), closes.astimezone(self.zone)
            date_ += _DAY

    def _first_opening(self, moment: datetime, *, accepting: bool) -> datetime:
        yesterday = local(moment, self.zone).date() - _DAY
        return next(
            day.opens_at
            for day in self._open_days_after(yesterday)
            if day.opens_at is not None
            and moment.astimezone(UTC) < day.opens_at
            and not (accepting and day.never_accepts)
        )

    def _open_days_after(self, start: date) -> Iterator[ClinicDay]:
        """The open days later than the date, as far as the search goes; then ``NeverOpenError``."""
        day = start
        for _ in range(_SEARCH_DAYS):
            day += _DAY
            found = self.day(day)
            if found.is_open:
                yield found
        raise NeverOpenError(
            f"the clinic has no fitting day among the {_SEARCH_DAYS} after {start}; see its hours and closed_dates"
        )

    def _make(self, day: date) -> ClinicDay:
        special = state_days(day.year, self._week).get(day)
        if day in self._closed:
            return ClinicDay(day, "clinic")
        if day in self._extra:
            return self._open(day, "extra", self._extra[day])
        if special is None:
            intervals = self._hours[day.weekday()]
            return self._open(day, self._basis, intervals) if intervals else ClinicDay(day, "day off")
        if special.hours_of is None:
            return ClinicDay(day, special.reason, name=special.name)
        intervals = self._hours[special.hours_of.weekday()]
        if not intervals:
            return ClinicDay(day, "day off", name=special.name)
        return self._open(day, special.reason, intervals, special.name)

    def _open(self, day: date, basis: str, intervals: tuple[Interval, ...], name: str = "") -> ClinicDay:
        if not intervals:
            return ClinicDay(day, "day off", name=name)
        last = max(end for _, end in intervals)
        closes_at = _at(day, last, self.zone)
        return ClinicDay(
            date=day,
            basis=basis,
            intervals=intervals,
            name=name,
            opens_at=_at(day, intervals[0][0], self.zone),
            cut_off=after(closes_at, -self._cut_off),
            closes_at=closes_at,
        )


def _by_weekday(hours: Mapping[str, Sequence[Interval]]) -> tuple[tuple[Interval, ...], ...]:
    unknown = sorted(set(hours) - set(WEEKDAYS))
    if unknown:
        raise ValueError(f"hours.{unknown[0]}: is no weekday; the weekdays are {', '.join(WEEKDAYS)}")
    return tuple(_ordered(f"hours.{weekday}", hours.get(weekday, ())) for weekday in WEEKDAYS)


def _ordered(field: str, intervals: Sequence[Interval]) -> tuple[Interval, ...]:
    for start, end in intervals:
        if start >= end:
            raise ValueError(f"{field}: {end:%H:%M} is not after {start:%H:%M}")
    return tuple(sorted((start, end) for start, end in intervals))
