"""A call that another clinic handed on: when this one takes it up, and for which day (C4.1, C4.4, R1, R13, R25).

It comes from a clinic, and not from the patient, who applied in time: neither the hours nor the cut-off are asked for
again. The answer's limit runs from the first clinic's start, and is not extended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from homecall.standard.acceptance import Accepted, Deferred
from homecall.standard.calendar import ClinicCalendar, local
from homecall.standard.rules import RuleSet
from homecall.standard.rulings import days_used, ruling, written, zone_used

TRANSFER_UNCONFIRMED: Final = "transfer_unconfirmed"
"""The flag of a request that names a call that was handed on, and does not go on with its clock."""
HANDED_ON_AT: Final = "handed_on_at"
"""The input of a ruling that tells it from that on an application."""


@dataclass(frozen=True, slots=True)
class FirstClock:
    """The answer's clock of the call that was handed on, as its clinic started it."""

    submitted_at: datetime
    starts_at: datetime
    due_at: datetime


def take_over(
    *,
    channel: str,
    at: datetime,
    first: FirstClock,
    calendar: ClinicCalendar,
    rules: RuleSet,
    flags: Sequence[str] = (),
) -> Accepted | Deferred:
    """Decide on a call that was handed on at ``at``, by the calendar of the clinic that takes it up.

    Accepted for the day of ``at``, or the next working day where the clinic does not work any more or at all on that
    one. Deferred to the first's start where that is still to come; at that moment it is accepted, by this function once
    more. Raises ``NeverOpenError`` when the clinic has no opening left, ``NotCoveredError`` after 2100.
    """
    zone = calendar.zone
    waits = first.starts_at.astimezone(UTC) > at.astimezone(UTC)
    moment = local(first.starts_at if waits else at, zone)
    today = calendar.day_of(moment)
    works_still = today.closes_at is not None and moment.astimezone(UTC) < today.closes_at
    visit_date = today.date if works_still else calendar.next_working_day(today.date)
    limit = rules.answer_limit(channel)
    starts_at, due_at = local(first.starts_at, zone), local(first.due_at, zone)
    inputs = {
        "channel": channel,
        "submitted_at": written(first.submitted_at, zone),
        HANDED_ON_AT: written(at, zone),
        "clock_starts_at": written(starts_at, zone),
        "due_at": written(due_at, zone),
        **zone_used(calendar),
        "days": days_used(calendar, today.date, visit_date),
    }
    why = ruling(rules, ["R25", "R1", *(["R6"] if waits else []), "C8.1", limit.clause, "R13"], inputs)
    if waits:
        return Deferred(starts_at, visit_date, starts_at, due_at, tuple(flags), why)
    return Accepted(visit_date, starts_at, due_at, tuple(flags), why)
