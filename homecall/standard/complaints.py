"""When a complaint is registered and until when it is answered (C10.2, C10.4, C10.8, R9, R9a, R10)."""

from dataclasses import dataclass
from datetime import date, datetime

from homecall.standard.acceptance import held_against_record
from homecall.standard.calendar import ClinicCalendar, local
from homecall.standard.rules import ComplaintTerm, RuleSet, Week
from homecall.standard.rulings import Ruling, days_used, ruling, written, zone_used


@dataclass(frozen=True)
class Term:
    """A complaint's registration, and the last day and moment of its answer."""

    registered_at: datetime
    registered_on: date
    answer_due_on: date
    answer_due_at: datetime
    week: Week
    flags: tuple[str, ...]
    ruling: Ruling


def complaint_term(
    *,
    addressed_to: str,
    channel: str,
    submitted_at: datetime,
    calendar: ClinicCalendar,
    rules: RuleSet,
    record_time: datetime | None = None,
) -> Term:
    """The term of a complaint to ``clinic``, ``ministry`` or ``quality_authority``, by the clinic's calendar.

    Registered at once while the clinic is open, else at its next opening (R9a); day 1 is the first working day after
    that day, and the last day ends at closing time (R9). ``record_time``, where there is one, is held against
    ``submitted_at`` as for requests (R17). Raises ``ClockAheadError`` when that is too far ahead, ``NotCoveredError``
    for a date outside the calendar, ``NeverOpenError`` for a clinic that never opens, ``ValueError`` for an addressee
    that is none.
    """
    term = rules.complaint_term(addressed_to)
    zone = calendar.zone
    stated = local(submitted_at, zone)
    moment, flags = held_against_record(submitted_at, record_time, rules)
    moment = local(moment, zone)
    day = calendar.day_of(moment)
    at_once = day.works_at(moment)
    registered_at = moment if at_once else calendar.next_opening(moment)
    registered_on = registered_at.date()
    due_on = calendar.working_day_after(registered_on, term.working_days, term.week)
    inputs: dict[str, object] = {
        "addressed_to": addressed_to,
        "channel": channel,
        "submitted_at": written(stated, zone),
        **({} if record_time is None else {"record_time": written(record_time, zone)}),
        "registered_at": written(registered_at, zone),
        "working_days": term.working_days,
        "week": term.week,
        **zone_used(calendar),
        "days": days_used(calendar, day.date, due_on),
    }
    clauses = _clauses(term, rules, at_once=at_once, held_against_record=record_time is not None)
    return Term(
        registered_at=registered_at,
        registered_on=registered_on,
        answer_due_on=due_on,
        answer_due_at=calendar.closing_on(due_on),
        week=term.week,
        flags=flags,
        ruling=ruling(rules, clauses, inputs),
    )


def _clauses(term: ComplaintTerm, rules: RuleSet, *, at_once: bool, held_against_record: bool) -> list[str]:
    return [
        "C10.2",
        *([] if at_once else ["R9a"]),
        term.clause,
        term.week_clause,
        "R8",
        *([rules.clock_tolerance.clause] if held_against_record else []),
        "R1",
    ]
