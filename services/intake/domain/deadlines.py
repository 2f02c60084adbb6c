"""The deadlines that intake watches: the queue's (C4.2), and the answer's while a request cannot be decided (C4.4)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from homecall.contract.types import can_be_said, in_zone
from homecall.runtime.engine.decision import Ended, Measure, OutgoingEvent, Took, replace
from homecall.standard.deadlines import Clock, deadline_event, due_notice, queue_clock
from homecall.standard.rules import RuleSet
from homecall.standard.stated_times import QUEUE_TIME_IMPLAUSIBLE
from services.intake.domain import events
from services.intake.domain.state import RequestState, answer_deadline, written


def queue_ended(
    state: RequestState, queued_at: datetime | None, submitted_at: datetime, rules: RuleSet
) -> tuple[list[Measure], list[OutgoingEvent]]:
    """The wait to hand in the documents ends with the application, whatever is decided: met, or missed (C4.2).

    A time that cannot be true is flagged, and not counted (R21).
    """
    if queued_at is None or QUEUE_TIME_IMPLAUSIBLE in state.request["flags"]:
        return [], []
    clock = queue_clock(channel=state.channel, queued_at=queued_at, rules=rules)
    if clock is None or not can_be_said(clock.due_at):
        return [], []
    verdict = clock.verdict(submitted_at)
    took = (submitted_at - queued_at).total_seconds()
    measures: list[Measure] = [Took(state.channel, "queue", took), Ended("queue", state.channel, verdict)]
    if verdict == "met":
        return measures, []
    missed = deadline_event("missed", clock, subject_id=state.request_id, clinic_id=state.clinic_id, stage="submitted")
    return measures, [OutgoingEvent(missed, sibling="queue missed", time=in_zone(clock.due_at))]


def with_clock(state: RequestState, clock: Clock) -> RequestState:
    return replace(
        state,
        clock_started_at=clock.started_at,
        due_at=clock.due_at,
        approaching_at=clock.approaching_at,
        limit_seconds=clock.limit_seconds,
    )


def answer_awaited(
    state: RequestState, waits_for: Literal["signature", "opening"], now: datetime
) -> tuple[RequestState, list[OutgoingEvent], list[Measure]]:
    """Publish where the answer's deadline of a request that cannot be decided stands, each once (C4.1, C4.4)."""
    clock = answer_deadline(state)
    notice = due_notice(clock, now)
    if notice is None and state.said:
        return state, [], []
    says: list[OutgoingEvent] = []
    at = ""
    if notice is not None:
        at = written(clock.notice_at(notice))
        ids = {"subject_id": state.request_id, "clinic_id": state.clinic_id}
        event = deadline_event(notice, clock, **ids, stage=state.status)
        says.append(OutgoingEvent(event, sibling=f"answer {event.TYPE}", time=at))
    measures: list[Measure] = [Ended("answer", state.channel, "missed")] if notice == "missed" else []
    state = replace(state, said=notice or "running")
    return state, [*says, events.held(state, waits_for, at)], measures
