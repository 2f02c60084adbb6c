"""Complaints whose signature cannot be checked yet: delivered, neither registered nor refused; their term runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from homecall.contract.events import ComplaintStage, FieldError
from homecall.contract.ids import cause_id
from homecall.runtime.engine.decision import Decision, Ended, Measure, OutgoingEvent, replace
from homecall.standard.deadlines import Clock, deadline_event, due_notice, next_notice
from homecall.standard.rules import RuleSet
from services.complaints.domain.refusal import refused
from services.complaints.domain.state import ComplaintState, Held, Sealed, kept
from services.complaints.domain.statuses import overdue_of_held

_FIRST_TRY: Final = timedelta(seconds=15)
_LONGEST_TRY: Final = timedelta(minutes=15)
"""How soon a signature that could not be checked is tried again, and how rarely at most."""
_UNCHECKED: Final = FieldError(
    path="signature.value",
    message="unchecked: the signature could not be checked in time: bring the complaint to the clinic or post it, or "
    "sign it and send it again under a new complaint_id",
)


def hold(
    state: ComplaintState, stage: ComplaintStage, event: Sealed, clock: Clock | None, rules: RuleSet, now: datetime
) -> ComplaintState:
    """The complaint as it is held. ``clock`` is its term; None while the clinic has no opening.

    Nothing of what it says is kept but the event itself, sealed: nobody has been found to have said it yet.
    """
    due_at = kept(clock.due_at) if clock else None
    held = Held(
        kept=event,
        try_again_at=kept(now + _FIRST_TRY),
        stage=stage,
        started_at=kept(clock.started_at) if clock else None,
        approaching_at=kept(clock.approaching_at) if clock else None,
        due_at=due_at,
        limit_seconds=clock.limit_seconds if clock else 0,
        held_until=_held_until(due_at, rules, now),
    )
    ids = (state.complaint_id, state.clinic_id)
    return ComplaintState(*ids, "held", state.channel, sequence=1, answer_by=state.answer_by, held=held)


def timer_at(held: Held, channel: str) -> datetime:
    """When the next thing is due: another try, or what is to be said of the term."""
    clock = held.deadline(channel)
    notice = next_notice(clock) if clock is not None else None
    return held.try_again_at if notice is None else min(held.try_again_at, notice[1])


def tries_now(state: ComplaintState, now: datetime) -> bool:
    """Whether the signature of a held complaint is to be checked again."""
    return state.held is not None and state.held.try_again_at <= now


def still_held(state: ComplaintState, held: Held, rules: RuleSet, now: datetime) -> Decision[ComplaintState]:
    """The signature still cannot be checked: try later, and say where the term stands, each once.

    When it has been held for as long as the rules allow, it is refused (R24).
    """
    # A release before R24 left none.
    until = held.held_until or _held_until(held.due_at, rules, now)
    said, says, measures = _told_of_term(replace(state, held=replace(held, held_until=until)), rules, now)
    if until <= now:
        refusal = refused(said, held.stage, [_UNCHECKED], rules, until)
        return Decision(
            refusal.state,
            [*says, *refusal.says],
            [*measures, *refusal.measures],
            causation_id=(cause_id("/homecall/complaints", state.complaint_id, "unchecked"), None),
            unpark=True,
        )
    assert said.held is not None
    if held.try_again_at <= now:
        tries = held.tries + 1
        wait = min(_FIRST_TRY * 2 ** min(tries, 10), _LONGEST_TRY)
        said = replace(said, held=replace(said.held, tries=tries, try_again_at=kept(min(now + wait, until))))
    return Decision(said, says, measures)


def _told_of_term(
    state: ComplaintState, rules: RuleSet, now: datetime
) -> tuple[ComplaintState, list[OutgoingEvent], list[Measure]]:
    """Say that the term is near its end or over. That it is overdue is said to whom the delivery was said."""
    held = state.held
    assert held is not None
    clock = held.deadline(state.channel)
    notice = due_notice(clock, now) if clock is not None else None
    if clock is None or notice is None:
        return state, [], []
    event = deadline_event(notice, clock, subject_id=state.complaint_id, clinic_id=state.clinic_id, stage="held")
    says = [OutgoingEvent(event, sibling="complaint held", time=clock.notice_at(notice).isoformat())]
    told = replace(state, held=replace(held, said=notice))
    if notice == "approaching":
        return told, says, []
    if state.sequence:
        told = replace(told, sequence=state.sequence + 1)
        says.append(overdue_of_held(told, held.stage, clock.due_at, rules))
    return told, says, [Ended("complaint", state.channel, "missed")]


def _held_until(due_at: datetime | None, rules: RuleSet, now: datetime) -> datetime:
    """When a held complaint is refused (R24): the rules' limit after the end of its term, which is said first."""
    return kept((now if due_at is None else max(now, due_at)) + timedelta(seconds=rules.held.seconds))
