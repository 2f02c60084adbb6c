"""The five clocks: queue, service, answer, visit and complaint (C4.1 to C4.4, C10.4, C10.8, R13)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from services.standard.calendar import ClinicCalendar, after
from services.standard.complaints import Term
from services.standard.rules import ClinicLimits, Limit, RuleSet

Deadline = Literal["queue", "service", "answer", "visit", "complaint"]
Verdict = Literal["met", "missed"]


@dataclass(frozen=True)
class Clock:
    """A limit that runs: what for, from when, until when. Times are in the clinic's zone."""

    deadline: Deadline
    channel: str
    started_at: datetime
    due_at: datetime
    limit_seconds: int
    approaching_share: float = 0.8

    @property
    def approaching_at(self) -> datetime:
        """When the deadline is near: at the rule set's share (80 %) of the time between start and due."""
        span = self.due_at.astimezone(UTC) - self.started_at.astimezone(UTC)
        # A clock that was due before it started is near at once.
        return after(self.started_at, span * self.approaching_share) if span > timedelta(0) else self.due_at

    def verdict(self, ended_at: datetime) -> Verdict:
        """``met`` when it ended at the due time at the latest ("at most"), else ``missed``."""
        return "met" if ended_at.astimezone(UTC) <= self.due_at else "missed"


def queue_clock(*, channel: str, queued_at: datetime, rules: RuleSet) -> Clock | None:
    """The wait to hand in the documents, from ``queued_at`` to ``submitted_at`` (C4.2); none for the portal."""
    limit = _clinic_limit(rules.limits.queue, channel)
    return _limited("queue", channel, queued_at, limit, rules) if limit else None


def service_clock(*, channel: str, service_started_at: datetime, rules: RuleSet) -> Clock | None:
    """Being served, from ``service_started_at`` to the answer (C4.3); none for the portal."""
    limit = _clinic_limit(rules.limits.service, channel)
    return _limited("service", channel, service_started_at, limit, rules) if limit else None


def answer_clock(*, channel: str, clock_starts_at: datetime, rules: RuleSet) -> Clock:
    """To the result: from ``submitted_at``, or from the opening when deferred (C4.1, C4.4, R6)."""
    return _limited("answer", channel, clock_starts_at, rules.answer_limit(channel), rules)


def visit_clock(
    *, channel: str, accepted_at: datetime, visit_date: date, calendar: ClinicCalendar, rules: RuleSet
) -> Clock:
    """The visit: from acceptance to closing time on the visit date (R13).

    Where the clinic has since closed that date: to closing time of its next open day.
    """
    return _until("visit", channel, accepted_at, calendar.closing_on(visit_date), rules)


def complaint_clock(*, channel: str, term: Term, rules: RuleSet) -> Clock:
    """The answer to a complaint: from its registration to closing time on the term's last day (C10.4, C10.8, R9)."""
    return _until("complaint", channel, term.registered_at, term.answer_due_at, rules)


def _clinic_limit(limits: ClinicLimits, channel: str) -> Limit | None:
    return {"desk": limits.desk, "phone": limits.phone}.get(channel)


def _limited(deadline: Deadline, channel: str, started_at: datetime, limit: Limit, rules: RuleSet) -> Clock:
    return _until(deadline, channel, started_at, after(started_at, timedelta(seconds=limit.seconds)), rules)


def _until(deadline: Deadline, channel: str, started_at: datetime, due_at: datetime, rules: RuleSet) -> Clock:
    span = due_at.astimezone(UTC) - started_at.astimezone(UTC)
    return Clock(
        deadline=deadline,
        channel=channel,
        started_at=after(started_at, timedelta(0)),
        due_at=due_at,
        limit_seconds=max(0, int(span.total_seconds())),
        approaching_share=rules.approaching.share,
    )
