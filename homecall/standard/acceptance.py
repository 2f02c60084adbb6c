"""Whether an application is accepted at once, deferred or refused (C4.5, C4.6, C8.1, C8.2, R1 to R7, R16, R17)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from homecall.standard.calendar import ClinicCalendar, ClinicDay, NeverOpenError, after, local
from homecall.standard.rules import NotCoveredError, RuleSet
from homecall.standard.rulings import Ruling, days_used, ruling, written, zone_used

CLOCK_AHEAD = "clock_ahead"


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
    """A portal request that is taken up at ``opens_at``: its clock starts and its visit is then (C8.2, R6)."""

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


class ClockAheadError(ValueError):
    """``submitted_at`` lies further ahead of the record's time than R17 bears with."""


def held_against_record(
    submitted_at: datetime, record_time: datetime | None, rules: RuleSet
) -> tuple[datetime, tuple[str, ...]]:
    """The moment to decide by, and the flags that go with it (R17).

    A time ahead of the Kafka record's is taken as the record's, with the flag ``clock_ahead``; without a record it is
    not judged. Records count whole milliseconds, and so does the comparison. ``ClockAheadError`` beyond the tolerance.
    """
    if record_time is None:
        return submitted_at, ()
    stated = local(submitted_at).astimezone(UTC)
    ahead = stated.replace(microsecond=stated.microsecond // 1000 * 1000) - record_time.astimezone(UTC)
    allowed = rules.clock_tolerance.seconds
    if ahead > timedelta(seconds=allowed):
        raise ClockAheadError(
            f"submitted_at is {ahead.total_seconds():.1f} s later than the record that carries it, and at most "
            f"{allowed} s are borne with (R17): set the publisher's clock"
        )
    return (record_time, (CLOCK_AHEAD,)) if ahead > timedelta(0) else (submitted_at, ())


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
    Raises ``ValueError`` for a time without an offset or a channel that is none.
    """
    rules.answer_limit(channel)  # names a wrong channel before anything else is looked at
    inputs: dict[str, object] = {"channel": channel}
    clauses = ["R1"]
    try:
        zone = calendar.zone
        inputs["submitted_at"] = written(local(submitted_at, zone), zone)
        inputs.update(zone_used(calendar))
        if record_time is not None:
            clauses.append(rules.clock_tolerance.clause)
            inputs["record_time"] = written(record_time, zone)
        moment, flags = held_against_record(submitted_at, record_time, rules)
        moment = local(moment, zone)
        inputs["decided_by"] = written(moment, zone)
        return _decide(channel, moment, calendar, rules, flags, clauses, inputs)
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


def _decide(
    channel: str,
    moment: datetime,
    calendar: ClinicCalendar,
    rules: RuleSet,
    flags: tuple[str, ...],
    clauses: list[str],
    inputs: Mapping[str, object],
) -> Accepted | Deferred | Refused:
    day = calendar.day_of(moment)
    if day.accepts(moment):
        return _accepted(
            channel, moment, day, calendar, rules, flags, [rules.cut_off_clause(channel), *clauses], inputs
        )
    reasons = [*_why_not_now(day, moment, channel, rules), *clauses]
    opening: datetime | None = None
    try:
        if channel == "portal":
            opening = calendar.next_opening(moment)
            return _deferred(channel, opening, day, calendar, rules, flags, reasons, inputs)
        opening = calendar.next_acceptance(moment)
    except NeverOpenError:
        # Nothing to defer to: the applicant is told so rather than left waiting.
        reasons.append("C8.1")
    days = days_used(calendar, day.date, opening.date() if opening else day.date)
    return Refused(
        code="outside_acceptance_hours",
        fields=(),
        next_acceptance_at=opening,
        flags=flags,
        ruling=ruling(rules, [*reasons, "R3", *_calendar_clauses(days)], {**inputs, "days": days}),
    )


def take_up(
    *,
    channel: str = "portal",
    opening: datetime,
    calendar: ClinicCalendar,
    rules: RuleSet,
    submitted_at: datetime | None = None,
    record_time: str | None = None,
    flags: tuple[str, ...] = (),
) -> Accepted | Deferred:
    """Decide again on a deferred request whose opening has come (C8.2, R6).

    Accepted at the opening; deferred once more when that day has meanwhile turned out closed, or opens later (R16).
    ``rules`` are still those of the date of the application; ``submitted_at``, ``record_time`` as its ruling has it,
    and ``flags``, where given, go on from the first decision. ``NeverOpenError`` when the clinic has no opening left,
    ``NotCoveredError`` after 2100.
    """
    zone = calendar.zone
    opening = local(opening, zone)
    inputs: dict[str, object] = {"channel": channel}
    if submitted_at is not None:
        inputs["submitted_at"] = written(submitted_at, zone)
    if record_time is not None:
        inputs["record_time"] = record_time
    inputs["opening"] = written(opening, zone)
    inputs.update(zone_used(calendar))
    day = calendar.day_of(opening)
    if opening == day.opens_at or day.accepts(opening):
        return _accepted(channel, opening, day, calendar, rules, flags, ["C8.2", "R6", "R1"], inputs)
    next_opening = calendar.next_opening(opening)
    return _deferred(channel, next_opening, day, calendar, rules, flags, ["C8.2", "R16", "R1"], inputs)


def _accepted(
    channel: str,
    moment: datetime,
    day: ClinicDay,
    calendar: ClinicCalendar,
    rules: RuleSet,
    flags: tuple[str, ...],
    clauses: list[str],
    inputs: Mapping[str, object],
) -> Accepted:
    limit = rules.answer_limit(channel)
    days = days_used(calendar, day.date, day.date)
    return Accepted(
        visit_date=day.date,
        clock_starts_at=moment,
        due_at=after(moment, timedelta(seconds=limit.seconds)),
        flags=flags,
        ruling=ruling(
            rules, ["C8.1", *clauses, *_calendar_clauses(days), limit.clause, "R13"], {**inputs, "days": days}
        ),
    )


def _deferred(
    channel: str,
    opening: datetime,
    asked_on: ClinicDay,
    calendar: ClinicCalendar,
    rules: RuleSet,
    flags: tuple[str, ...],
    clauses: list[str],
    inputs: Mapping[str, object],
) -> Deferred:
    limit = rules.answer_limit(channel)
    days = days_used(calendar, asked_on.date, opening.date())
    return Deferred(
        opens_at=opening,
        visit_date=opening.date(),
        clock_starts_at=opening,
        due_at=after(opening, timedelta(seconds=limit.seconds)),
        flags=flags,
        ruling=ruling(rules, [*clauses, "R6", *_calendar_clauses(days), limit.clause, "R13"], {**inputs, "days": days}),
    )


def _calendar_clauses(days: list[dict[str, object]]) -> list[str]:
    """R8 where a holiday or a swapped day had a part in it, R7 where the day it came to is a Saturday."""
    moved = any(day.get("closed") == "holiday" or "swapped" in (day.get("closed"), day.get("basis")) for day in days)
    return [*(["R8"] if moved else []), *(["R7"] if days[-1]["weekday"] == "sat" and "hours" in days[-1] else [])]


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
