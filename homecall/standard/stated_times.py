"""Times stated by a clinic, compared with the record's time and with each other (R21). Pure.

An impossible time is not counted: it neither meets nor misses a deadline, and no duration is measured from it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from homecall.standard.rules import RuleSets

QUEUE_TIME_IMPLAUSIBLE: Final = "queue_time_implausible"
SERVICE_TIME_IMPLAUSIBLE: Final = "service_time_implausible"
ANSWER_TIME_IMPLAUSIBLE: Final = "answer_time_implausible"

LONGEST_VISIT_TO_A_CLINIC: Final = timedelta(days=1)
"""The longest plausible queue or service: a clinic closes at night."""

Tolerance = Callable[[datetime], timedelta]
"""How far ahead of the record the stated time may be."""


def tolerance_by(rule_sets: RuleSets) -> Tolerance:
    """The tolerance of R17 by the rules of the stated time's date, or of the nearest."""

    def allowed(stated: datetime) -> timedelta:
        return timedelta(seconds=rule_sets.nearest(stated.date()).clock_tolerance.seconds)

    return allowed


def ahead_by(stated: datetime, record_time: datetime) -> timedelta:
    """By how much a stated time is later than its record. Records count whole milliseconds, and so does this."""
    utc = stated.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000) - record_time.astimezone(UTC)


def implausible_times(
    *,
    queued_at: datetime | None,
    service_started_at: datetime | None,
    submitted_at: datetime,
    known_by: datetime | None,
    tolerance: timedelta,
) -> list[str]:
    """The flags of a request's impossible times.

    Nobody queues after handing in the documents, is served before queueing, or for longer than a day. Nothing is stated
    before it happens: ``known_by`` is the record's time, or any later one; None if it is not checked.
    """

    def ahead(moment: datetime) -> bool:
        return known_by is not None and ahead_by(moment, known_by) > tolerance

    flags: list[str] = []
    queued = queued_at
    if queued is not None and (ahead(submitted_at) or not _within(submitted_at - queued)):
        flags.append(QUEUE_TIME_IMPLAUSIBLE)
        queued = None
    if service_started_at is not None and (
        ahead(service_started_at)
        or not _within(abs(submitted_at - service_started_at))
        or (queued is not None and service_started_at < queued)
    ):
        flags.append(SERVICE_TIME_IMPLAUSIBLE)
    return flags


def _within(took: timedelta) -> bool:
    return timedelta(0) <= took <= LONGEST_VISIT_TO_A_CLINIC


def before_request(event_type: str, asked_at: datetime) -> str:
    """What is wrong with a time that lies before the request it is about, and the way out."""
    return (
        f"at: lies before the request, which was made at {asked_at.isoformat()} (R21): correct it, and send "
        f"{event_type} as a new event"
    )


def ahead_of_record(event_type: str, ahead: timedelta, tolerance: timedelta) -> str:
    """What is wrong with a time that lies after the record that carries it, and the way out."""
    return (
        f"at: is {ahead.total_seconds():.1f} s later than the record that carries it, and at most "
        f"{tolerance.total_seconds():.0f} s are allowed (R21): set the sender's clock, correct it, and send "
        f"{event_type} as a new event"
    )
