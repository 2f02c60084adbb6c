"""Whether a call kept its deadlines, by the lines of its timeline (C4.1 to C4.4, R13)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, get_args

from homecall.contract import events
from homecall.runtime.mongo.codec import Codec
from homecall.standard.deadlines import Clock, answer_clock, clause_of, queue_clock, service_clock
from homecall.standard.rules import RuleSet
from homecall.standard.stated_times import (
    QUEUE_TIME_IMPLAUSIBLE,
    SERVICE_TIME_IMPLAUSIBLE,
    before_request,
    implausible_times,
)
from services.complaints.domain.state import Judged, Verdict, kept

_FIRST_DECISIONS: Final = (events.RequestAccepted.TYPE, events.RequestDeferred.TYPE, events.RequestRefused.TYPE)


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A line of a timeline, as far as verdicts look at it."""

    type: str
    time: datetime
    channel: str | None = None
    on_time: bool | None = None
    submitted_at: datetime | None = None
    accepted_at: datetime | None = None
    clock_started_at: datetime | None = None
    due_at: datetime | None = None
    queued_at: datetime | None = None
    service_started_at: datetime | None = None
    occurred_at: datetime | None = None
    opens_at: datetime | None = None
    deadline: str | None = None
    at: datetime | None = None
    outcome: str | None = None


_LINE: Final = Codec(_Line)


def verdicts(lines: Sequence[Mapping[str, Any]], as_of: datetime, rules: RuleSet | None) -> list[Judged]:
    """What the lines of a call say on each of its deadlines, in the order in which their clocks start.

    A deadline that the call never had (no queue, no visit of one that was refused) is left out. ``rules`` give the
    limits of queue and service, which no event tells unless they were missed.
    """
    read = [_LINE.decode(each) for each in lines]
    asked = [each for each in read if each.type in _FIRST_DECISIONS]
    if not asked:
        return []
    # Of a deferred request the acceptance tells more than the deferral, and comes later.
    call = _Call(read, asked[-1], as_of, rules)
    return [judged for judge in (_queue, _service, _answer, _visit) if (judged := judge(call)) is not None]


def answer_too_early(lines: Sequence[Mapping[str, Any]], answer: events.AnswerGiven) -> str | None:
    """What is wrong with an answer that states a time before its request (R21); None where it is in order."""
    asked_at = _asked_at([_LINE.decode(each) for each in lines])
    return before_request(answer.TYPE, asked_at) if asked_at is not None and answer.at < asked_at else None


def _asked_at(lines: Sequence[_Line]) -> datetime | None:
    """When the request was made, as far as that is known."""
    stated = (moment for each in lines for moment in (each.submitted_at, each.clock_started_at))
    return min((each for each in stated if each is not None), default=None)


@dataclass(frozen=True)
class _Call:
    """A call that was decided on: its lines, the last that decides on it, and the moment it is judged at."""

    lines: Sequence[_Line]
    request: _Line
    as_of: datetime
    rules: RuleSet | None

    def of(self, event_type: str) -> Iterator[_Line]:
        return (each for each in self.lines if each.type == event_type)

    def missed(self, deadline: str) -> _Line | None:
        return next((each for each in self.of(events.DeadlineMissed.TYPE) if each.deadline == deadline), None)

    def times_of(self, event_type: str) -> Iterator[datetime]:
        """The times that events of this type state. One before its request counts for nothing (R21)."""
        asked_at = _asked_at(self.lines)
        stated = (each.at for each in self.of(event_type))
        return (at for at in stated if at is not None and (asked_at is None or at >= asked_at))

    def answered_at(self) -> datetime | None:
        """When the result was there: told aloud where the clinic confirms that, else the status that says it.

        A status that carries no ``on_time`` did not end the clock: the oral answer is to follow. Who was visited has
        been answered, at the latest by the visit.
        """
        for each in self.of(events.StatusChanged.TYPE):
            if each.on_time is not None:
                return each.occurred_at or each.time
        types = () if self.request.channel == "portal" else (events.AnswerGiven.TYPE, events.VisitClosed.TYPE)
        return next((at for each in types for at in self.times_of(each)), None)

    def verdict(self, missed: _Line | None, ended_at: datetime | None, due_at: datetime | None) -> Verdict:
        if missed is not None:
            return "missed"
        if ended_at is not None:
            return "met" if due_at is None or ended_at <= due_at else "missed"
        for each in self.of(events.RequestCancelled.TYPE):
            return "transferred" if each.outcome == "transferred" else "withdrawn"
        return "unknown" if due_at is not None and self.as_of > due_at else "open"

    def measures(self, flag: str) -> bool:
        """Whether the wait at the clinic is measured: not for the portal, nor where this flag is on its times (R21)."""
        request = self.request
        if request.channel == "portal":
            return False
        if request.submitted_at is None or self.rules is None:
            return True
        return flag not in implausible_times(
            queued_at=request.queued_at,
            service_started_at=request.service_started_at,
            submitted_at=request.submitted_at,
            known_by=request.time,
            tolerance=timedelta(seconds=self.rules.clock_tolerance.seconds),
        )

    def judged(
        self,
        deadline: events.DeadlineName,
        verdict: Verdict,
        started_at: datetime | None,
        due_at: datetime | None,
        ended_at: datetime | None,
    ) -> Judged:
        return Judged(deadline, clause_of(deadline, self.request.channel), verdict, started_at, due_at, ended_at)


def _queue(call: _Call) -> Judged | None:
    request, missed, clock = call.request, call.missed("queue"), None
    if request.queued_at is None or (missed is None and not call.measures(QUEUE_TIME_IMPLAUSIBLE)):
        return None
    if call.rules and request.channel:
        clock = queue_clock(channel=request.channel, queued_at=request.queued_at, rules=call.rules)
    ended_at = request.submitted_at
    late = clock is not None and ended_at is not None and ended_at > clock.due_at
    return call.judged(
        "queue", "missed" if missed or late else "met", request.queued_at, _due_at(missed, clock), ended_at
    )


def _service(call: _Call) -> Judged | None:
    request, missed, clock = call.request, call.missed("service"), None
    started_at, ended_at = request.service_started_at, call.answered_at()
    if started_at is None or (missed is None and not call.measures(SERVICE_TIME_IMPLAUSIBLE)):
        return None
    if missed is None and ended_at is not None and ended_at < started_at:
        return None  # answered before anybody was served: one of the two times is wrong (R21)
    if call.rules and request.channel:
        clock = service_clock(channel=request.channel, service_started_at=started_at, rules=call.rules)
    verdict = call.verdict(missed, ended_at, clock.due_at if clock else None)
    return call.judged("service", verdict, started_at, _due_at(missed, clock), ended_at)


def _answer(call: _Call) -> Judged:
    request, missed, ended_at = call.request, call.missed("answer"), call.answered_at()
    started_at = request.clock_started_at or request.opens_at or request.submitted_at
    due_at = request.due_at
    if due_at is None and call.rules and started_at and request.channel in get_args(events.Channel):
        assert request.channel is not None
        clock = answer_clock(channel=request.channel, clock_starts_at=started_at, rules=call.rules)
        due_at = kept(clock.due_at)
    verdict = call.verdict(missed, ended_at, due_at)
    on_time = next((each.on_time for each in call.lines if each.on_time is not None), None)
    if on_time is not None and missed is None:
        verdict = "met" if on_time else "missed"
    return call.judged("answer", verdict, started_at, _due_at(missed, None) or due_at, ended_at)


def _visit(call: _Call) -> Judged | None:
    if call.request.type != events.RequestAccepted.TYPE:
        return None
    missed = call.missed("visit")
    near = (each for each in call.of(events.DeadlineApproaching.TYPE) if each.deadline == "visit")
    due_at = _due_at(missed or next(near, None), None)
    ended_at = next(call.times_of(events.VisitClosed.TYPE), None)
    verdict = call.verdict(missed, ended_at, due_at)
    return call.judged("visit", verdict, call.request.accepted_at, due_at, ended_at)


def _due_at(told: _Line | None, clock: Clock | None) -> datetime | None:
    return told.due_at if told is not None else kept(clock.due_at) if clock is not None else None
