"""The events that a complaint says: its statuses (C10.6), and that its term is near its end or over (C10.4, R18)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from homecall.contract.events import ComplaintStage, ComplaintStatus, ComplaintStatusChanged
from homecall.runtime.engine.decision import OutgoingEvent
from homecall.standard.deadlines import Notice, deadline_event
from homecall.standard.rules import RuleSet
from homecall.texts.complaints import ComplaintFacts, NextStep, complaint_text, next_steps
from homecall.texts.language import Text
from services.complaints.domain.answer_ways import contacts
from services.complaints.domain.state import ComplaintState, Draft, Official, Refusal, Stage, Told


def event_of(state: ComplaintState, draft: Draft) -> OutgoingEvent:
    """What a draft says, with the number that its stage has by now."""
    stage, told = state.stages[draft.stage], draft.status
    if told is not None:
        event = _status(state, stage, draft, told)
        return OutgoingEvent(event, sibling=f"{told.status} {told.sequence}", time=draft.time)
    notice: Notice = "approaching" if draft.says == "approaching" else "missed"
    clock, ids = stage.deadline(state.channel), {"subject_id": state.complaint_id, "clinic_id": state.clinic_id}
    deadline = deadline_event(notice, clock, **ids, stage=stage.stage)
    return OutgoingEvent(deadline, sibling=f"complaint {notice} {draft.stage + 1}", time=draft.time)


def overdue_of_held(state: ComplaintState, stage: ComplaintStage, due_at: datetime, rules: RuleSet) -> OutgoingEvent:
    """The status that a complaint that is held is overdue."""
    facts = ComplaintFacts(stage=stage, answer_due_on=due_at.date())
    said = _changed(state, "overdue", facts, _steps(stage, rules), sequence=state.sequence, occurred_at=due_at)
    return OutgoingEvent(said, sibling=f"overdue {state.sequence}", time=due_at.isoformat())


def invalid_status(
    state: ComplaintState, stage: ComplaintStage, refusal: Refusal, at: datetime, rules: RuleSet
) -> OutgoingEvent:
    """The status of a complaint that was refused as ``invalid_complaint``."""
    fields = [each.path for each in refusal.fields]
    facts = ComplaintFacts(stage=stage, refusal_code=refusal.code, refusal_fields=fields)
    why = {"code": refusal.code, "fields": [vars(each) for each in refusal.fields]}
    steps = _steps(stage, rules)
    said = _changed(state, "refused", facts, steps, sequence=state.sequence, occurred_at=at, refusal=why)
    return OutgoingEvent(said, sibling=f"refused {state.sequence}")


def _steps(stage: ComplaintStage, rules: RuleSet) -> Sequence[NextStep]:
    return next_steps(stage, rules.complaint_term("quality_authority").working_days, contacts(rules))


def _changed(
    state: ComplaintState, status: ComplaintStatus, facts: ComplaintFacts, steps: Sequence[NextStep], **more: Any
) -> ComplaintStatusChanged:
    return ComplaintStatusChanged.model_validate(
        {
            "complaint_id": state.complaint_id,
            "clinic_id": state.clinic_id,
            "stage": facts.stage,
            "status": status,
            "answer_by": state.answer_by,
            "next_steps": steps,
            "text": complaint_text(status, facts).as_dict(),
            **more,
        }
    )


def place_by_hand(state: ComplaintState, place: int) -> Text | None:
    """Where the answer of the stage at ``place`` (from 0) is handed over: the place that was named for the first, or
    the addressee's office. None where that is not known."""
    if place == 0 and state.answer_by == "by_hand" and state.answer_place:
        return Text(state.answer_place, state.answer_place, state.answer_place)
    return state.stages[place].office


def _status(state: ComplaintState, stage: Stage, draft: Draft, told: Told) -> ComplaintStatusChanged:
    registration: dict[str, Any] = {}
    if draft.numbered:
        received_by = _received_by(state, draft)
        registration = {
            "incoming_number": stage.number,
            "received_by": received_by and vars(received_by),
            "answer_due_on": stage.answer_due_on,
            "answer_due_at": stage.answer_due_at,
            "linked_complaints": list(state.linked) or None,
        }
    return _changed(
        state,
        told.status,
        _text_facts(state, stage, draft, told),
        next_steps(stage.stage, stage.quality_authority_days, stage.contacts),
        sequence=told.sequence,
        occurred_at=told.occurred_at,
        executor=told.executor and vars(told.executor),
        answer=told.answer and vars(told.answer),
        refusal=told.refusal and {"grounds": told.refusal.grounds},
        answer_place=_answer_place(state, draft),
        **registration,
    )


def _text_facts(state: ComplaintState, stage: Stage, draft: Draft, told: Told) -> ComplaintFacts:
    numbered, answer, executor = draft.numbered, told.answer, told.executor
    received_by = _received_by(state, draft) if numbered else None
    return ComplaintFacts(
        stage=stage.stage,
        incoming_number=stage.number if numbered else None,
        registered_on=stage.registered_at.date() if numbered and stage.registered_at else None,
        received_by=received_by.full_name if received_by else None,
        received_by_position=received_by.position if received_by else None,
        term_days=stage.term_days,
        answer_due_on=stage.answer_due_on if numbered else None,
        by_system=numbered and not (draft.stage == 0 and state.received_by),
        answer_by=answer.sent_by if answer else state.answer_by,
        answer_asked=state.answer_asked,
        # A place that was named for an answer by post may be somebody's home: it is none to fetch it.
        answer_place=place_by_hand(state, draft.stage),
        executor=executor.full_name if executor else None,
        executor_position=executor.position if executor else None,
        decision=answer.decision if answer else None,
        linked=bool(numbered and state.linked),
    )


def _received_by(state: ComplaintState, draft: Draft) -> Official | None:
    """Who accepted it (C10.2): by hand, or who is on duty for what the system accepts by itself."""
    by_hand = state.received_by if draft.stage == 0 else None
    return by_hand or state.stages[draft.stage].received_by


def _answer_place(state: ComplaintState, draft: Draft) -> str | None:
    if state.answer_by != "by_hand":
        return state.answer_place
    place = place_by_hand(state, draft.stage)
    return None if place is None else place.as_dict()[state.complainant.language or "ru"]
