"""Whether an application is accepted at once, deferred or refused (C4.5, C4.6, C8.1, C8.2, R1 to R7, R16, R17)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from homecall.standard.calendar import ClinicCalendar, ClinicDay, NeverOpenError, after, local
from homecall.standard.rules import NotCoveredError, RuleSet
from homecall.standard.rulings import Ruling, days_used, ruling, written, zone_used
from homecall.standard.stated_times import ahead_by

CLOCK_AHEAD = "clock_ahead"


def decide_acceptance(
    *,
    channel: str,
    submitted_at: datetime,
    calendar: ClinicCalendar,
    rules: RuleSet,
    record_time: datetime | None = None,
) -> Accepted | Deferred | Refused:
    """Decide on an application by the moment it was made, and by no clock of ours (R1).

    ``channel`` is ``desk``, ``phone`` or ``portal``; ``rules`` are those of the local date of ``submitted_at``, and
    ``calendar`` is the clinic's under them. ``record_time`` is the Kafka record's, where there is one (R17).
    Raises ``ValueError`` for a time without an offset or an unknown channel.
    """
    rules.answer_limit(channel)  # names a wrong channel before anything else is looked at
    zone = calendar.zone
    inputs: dict[str, object] = {"channel": channel}
    clauses = ["R1"]
    try:
        inputs["submitted_at"] = written(local(submitted_at, zone), zone)
        inputs.update(zone_used(calendar))
        if record_time is not None:
            clauses.append(rules.clock_tolerance.clause)
            inputs["record_time"] = written(record_time, zone)
        moment, flags = held_against_record(submitted_at, record_time, rules)
        moment = local(moment, zone)
        inputs["decided_by"] = written(moment, zone)
        return _decide(_Application(channel, moment, calendar, rules, flags, inputs), clauses)
    except ClockAheadError as error:
        wrong = f"{error}, and send the request again under a new request_id"
    except NotCoveredError as error:
        wrong = f"{error}: correct submitted_at, and send the request again under a new request_id"
    return Refused(
        code="invalid_request",
        fields=(FieldError("submitted_at", wrong),),
        next_acceptance_at=None,
        flags=(),
        ruling=ruling(rules, clauses, inputs),
    )


def _decide(application: _Application, clauses: list[str]) -> Accepted | Deferred | Refused:
    """Accept while the clinic takes calls (C4.5, C4.6, C8.1); else defer one of the portal (C8.2), refuse others."""
    channel, moment, day = application.channel, application.moment, application.day
    if day.accepts(moment):
        return _accepted(application, [application.rules.cut_off_clause(channel), *clauses])
    clauses = [*_why_not_now(day, moment, channel, application.rules), *clauses]
    try:
        if channel == "portal":
            return _deferred(application, clauses)
        return _refused(application, clauses, application.calendar.next_acceptance(moment))
    except NeverOpenError:
        # There is nothing to defer to, so the applicant is told at once.
        return _refused(application, [*clauses, "C8.1"], None)


def _why_not_now(day: ClinicDay, moment: datetime, channel: str, rules: RuleSet) -> list[str]:
    """The clauses by which the day does not accept at that moment."""
    portal = channel == "portal"
    if day.opens_at is None or day.closes_at is None:
        return ["C8.2", "C8.1"] if portal else ["C8.1"]
    if moment.astimezone(UTC) < day.opens_at:
        return ["C8.1", *(["R4"] if portal else [])]
    cut_off = rules.cut_off_clause(channel)
    if moment.astimezone(UTC) < day.closes_at:
        return [cut_off, "R2", *(["R5"] if portal else [])]
    return ["C8.2" if portal else cut_off, "C8.1"]


def held_against_record(
    submitted_at: datetime, record_time: datetime | None, rules: RuleSet
) -> tuple[datetime, tuple[str, ...]]:
    """The moment to decide by, and the flags that go with it (R17).

    A time ahead of the Kafka record's counts as the record's, with the flag ``clock_ahead``; without a record it is not
    checked. Raises ``ClockAheadError`` beyond the tolerance.
    """
    if record_time is None:
        return submitted_at, ()
    ahead = ahead_by(local(submitted_at), record_time)
    allowed = rules.clock_tolerance.seconds
    if ahead > timedelta(seconds=allowed):
        raise ClockAheadError(
            f"submitted_at is {ahead.total_seconds():.1f} s later than the record that carries it, and at most "
            f"{allowed} s are allowed (R17): set the publisher's clock"
        )
    return (record_time, (CLOCK_AHEAD,)) if ahead > timedelta(0) else (submitted_at, ())


def take_up(
    *,
    channel: str = "portal",
    opening: datetime,
    calendar: ClinicCalendar,
    rules: RuleSet,
    first: FirstRuling | None = None,
) -> Accepted | Deferred:
    """Decide again on a deferred request whose opening has come (C8.2, R6).

    Accepted at the opening; deferred once more when that day has meanwhile turned out closed, or opens later (R16).
    ``rules`` are still those of the date of the application. Raises ``NeverOpenError`` when the clinic has no opening
    left, ``NotCoveredError`` after 2100.
    """
    first = first or FirstRuling()
    zone = calendar.zone
    opening = local(opening, zone)
    inputs: dict[str, object] = {"channel": channel}
    if first.submitted_at is not None:
        inputs["submitted_at"] = written(first.submitted_at, zone)
    if first.record_time is not None:
        inputs["record_time"] = first.record_time
    inputs["opening"] = written(opening, zone)
    inputs.update(zone_used(calendar))
    application = _Application(channel, opening, calendar, rules, first.flags, inputs)
    if opening == application.day.opens_at or application.day.accepts(opening):
        return _accepted(application, ["C8.2", "R6", "R1"])
    return _deferred(application, ["C8.2", "R16", "R1"])


class ClockAheadError(ValueError):
    """``submitted_at`` is further ahead of the record's time than R17 allows."""


# What a decision gives back


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field of the event: its dotted path, and what to do."""

    path: str
    message: str


@dataclass(frozen=True)
class Accepted:
    """Accepted on the day of the application (or of the opening it was deferred to): the visit is on that day (R13)."""

    visit_date: date
    clock_starts_at: datetime
    due_at: datetime
    flags: tuple[str, ...]
    ruling: Ruling


@dataclass(frozen=True)
class Deferred:
    """A portal request that is decided on again at ``opens_at``, where its clock starts (C8.2, R6)."""

    opens_at: datetime
    visit_date: date
    clock_starts_at: datetime
    due_at: datetime
    flags: tuple[str, ...]
    ruling: Ruling


@dataclass(frozen=True)
class Refused:
    """Refused, with the code, the fields that are wrong, and when the clinic accepts next, if it does (R3)."""

    code: str
    fields: tuple[FieldError, ...]
    next_acceptance_at: datetime | None
    flags: tuple[str, ...]
    ruling: Ruling


@dataclass(frozen=True)
class FirstRuling:
    """What a second decision on a request takes over from the first: its times as that ruling has them, its flags."""

    submitted_at: datetime | None = None
    record_time: str | None = None
    flags: tuple[str, ...] = ()


# How it is made


@dataclass(frozen=True)
class _Application:
    """An application at the moment that decides on it, with the calendar and the rules of that moment."""

    channel: str
    moment: datetime
    calendar: ClinicCalendar
    rules: RuleSet
    flags: tuple[str, ...]
    inputs: Mapping[str, object]
    """The inputs of the ruling, but for the days."""

    @property
    def day(self) -> ClinicDay:
        return self.calendar.day_of(self.moment)

    def due_at(self, start: datetime) -> datetime:
        return after(start, timedelta(seconds=self.rules.answer_limit(self.channel).seconds))

    def ruling(self, clauses: Iterable[str], until: date, then: Iterable[str] = ()) -> Ruling:
        """The ruling on the days up to ``until``; ``then`` are the clauses after the calendar's."""
        days = days_used(self.calendar, self.day.date, until)
        return ruling(self.rules, [*clauses, *_calendar_clauses(days), *then], {**self.inputs, "days": days})


def _accepted(application: _Application, clauses: list[str]) -> Accepted:
    date_, limit = application.day.date, application.rules.answer_limit(application.channel)
    return Accepted(
        visit_date=date_,
        clock_starts_at=application.moment,
        due_at=application.due_at(application.moment),
        flags=application.flags,
        ruling=application.ruling(["C8.1", *clauses], date_, [limit.clause, "R13"]),
    )


def _deferred(application: _Application, clauses: list[str]) -> Deferred:
    opening = application.calendar.next_opening(application.moment)
    limit = application.rules.answer_limit(application.channel)
    return Deferred(
        opens_at=opening,
        visit_date=opening.date(),
        clock_starts_at=opening,
        due_at=application.due_at(opening),
        flags=application.flags,
        ruling=application.ruling([*clauses, "R6"], opening.date(), [limit.clause, "R13"]),
    )


def _refused(application: _Application, clauses: list[str], accepts_at: datetime | None) -> Refused:
    until = application.day.date if accepts_at is None else accepts_at.date()
    return Refused(
        code="outside_acceptance_hours",
        fields=(),
        next_acceptance_at=accepts_at,
        flags=application.flags,
        ruling=application.ruling([*clauses, "R3"], until),
    )


def _calendar_clauses(days: list[dict[str, object]]) -> list[str]:
    """R8 if a holiday or a swapped day took part, R7 if the last day is a Saturday."""
    moved = any(day.get("closed") == "holiday" or "swapped" in (day.get("closed"), day.get("basis")) for day in days)
    return [*(["R8"] if moved else []), *(["R7"] if days[-1]["weekday"] == "sat" and "hours" in days[-1] else [])]
