"""When messages wait for the end of the quiet hours, and which statuses are told by SMS at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from homecall.contract.types import ZONE

JUST_ASKED: Final = timedelta(minutes=30)
"""A person who applied so short a time ago is awake, and waits for the answer: quiet hours do not hold it up."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Which statuses are told by SMS, and when messages wait."""

    statuses: frozenset[str]
    quiet: tuple[time, time] | None = None
    """From when to when, by the clinics' clock, messages wait that can."""
    settle: timedelta = timedelta(0)
    """How long ``registered`` waits for the answer to replace it: mostly that comes within seconds."""

    def may_go_at(
        self, at: datetime, *, zone: ZoneInfo | None, urgent: bool, needed_by: datetime, asked_at: datetime | None
    ) -> datetime:
        """The first moment from ``at`` on at which a message may go.

        Quiet hours hold up nothing that is urgent (call 103 now), nothing that a person who has just applied waits
        for, and nothing that would come too late after them, as a visit before their end.
        """
        until = self.quiet_until(at, zone or ZONE)
        if until is None or urgent or needed_by <= until:
            return at
        if asked_at is not None and at - asked_at <= JUST_ASKED:
            return at
        return until

    def quiet_until(self, at: datetime, zone: ZoneInfo = ZONE) -> datetime | None:
        """When the quiet hours in which ``at`` falls by the zone's clock are over; None where it falls in none."""
        if self.quiet is None:
            return None
        local = at.astimezone(zone)
        begins, ends = self.quiet
        clock = local.time()
        inside = begins <= clock < ends if begins < ends else clock >= begins or clock < ends
        if not inside:
            return None
        end = datetime.combine(local.date(), ends, zone)
        return end if end > local else end + timedelta(days=1)


def policy_of(statuses: str, quiet_hours: str, settle_seconds: float, known: Sequence[str]) -> Policy:
    """The policy that the settings name. Raises ValueError with one line."""
    named = [each.strip() for each in statuses.split(",") if each.strip()]
    strange = [each for each in named if each not in known]
    if strange or not named:
        raise ValueError(f"HOMECALL_SMS_STATUSES: must be some of {', '.join(known)}, comma-separated")
    return Policy(frozenset(named), _hours(quiet_hours), timedelta(seconds=settle_seconds))


def _hours(text: str) -> tuple[time, time] | None:
    if text == "off":
        return None
    try:
        begins, ends = (time.fromisoformat(each) for each in text.split("-"))
    except ValueError:
        begins = ends = time()
    if begins == ends or begins.tzinfo or ends.tzinfo:
        raise ValueError("HOMECALL_SMS_QUIET_HOURS: must be off, or two times as in 22:00-08:00")
    return begins, ends


def of_use_until(status: str, at: datetime, *, visit_until: datetime | None, due_at: datetime | None) -> datetime:
    """Until when a message about a status is of use: later it is not sent any more.

    A visit's time until the visit is over, a promise of an answer until that is due, what has ended for a day.
    """
    if status in {"scheduled", "rescheduled"} and visit_until is not None:
        return visit_until
    if status in {"registered", "deferred"}:
        return max(due_at or at, at + JUST_ASKED)
    return at + timedelta(hours=6 if status == "delayed" else 24)
