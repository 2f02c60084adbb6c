"""A complaint and its call for the letters, from the events that a listener heard rather than from the store. Pure.

The verdicts on a call's deadlines are those of the complaints service: the same lines, the same function.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from homecall.contract.events import ClinicPublished, ComplaintExecuted, ComplaintStatusChanged, ComplaintSubmitted
from homecall.contract.events import Official as SentOfficial
from homecall.documents.letters.letters import NotThere
from homecall.standard.rules import RuleSet
from services.complaints.domain.answer_ways import contacts, office
from services.complaints.domain.call_verdicts import verdicts
from services.complaints.domain.state import (
    Answer,
    Complainant,
    ComplaintState,
    Executor,
    Grounds,
    Judged,
    KeptCall,
    Measures,
    Official,
    Stage,
    Status,
    named,
)

__all__ = ["Heard", "Judged", "judged", "state_of"]

_STATUS: dict[str, Status] = {"delivered": "delivered", "escalated": "escalated", "overdue": "registered"}


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What was heard of a complaint: as it came in, where it now stands, and what was done in its present stage.

    ``came_at`` and ``registered_at`` are those of the present stage. ``lines`` are the call's events as `judged` takes
    them; none where the call is not the complainant's.
    """

    submitted: ComplaintSubmitted | None
    told: ComplaintStatusChanged
    came_at: datetime
    registered_at: datetime | None
    executed: ComplaintExecuted | None = None
    lines: Sequence[dict[str, Any]] = field(default_factory=tuple)


def judged(lines: Sequence[dict[str, Any]], as_of: datetime, rules: RuleSet | None) -> list[Judged]:
    """The verdict on each deadline of a call (C4.1 to C4.4, R13).

    A line is the data of an event with its ``type`` and ``time``; lines stand in the order of their times.
    """
    return verdicts(lines, as_of, rules)


def state_of(
    heard: Heard, clinic: ClinicPublished | None, rules: RuleSet, as_of: datetime
) -> tuple[ComplaintState, int]:
    """The complaint as the letters take it, and the place of its present stage.

    ``NotThere`` where the complaint itself was not heard of, or its personal data was erased.
    """
    submitted, told = heard.submitted, heard.told
    if submitted is None:
        raise NotThere("the complaint's personal data was erased, or it was not heard of yet")
    stages: Iterable[Stage] = (_stage(heard, clinic, rules),)
    if told.stage != submitted.addressed_to:
        stages = (_before(submitted, rules), *stages)
    person = submitted.complainant
    state = ComplaintState(
        submitted.complaint_id,
        submitted.clinic_id,
        status="invalid" if told.refusal and told.refusal.code else _STATUS.get(told.status, "registered"),
        channel=submitted.channel,
        request_id=submitted.request_id,
        complainant=Complainant(
            full_name=person.full_name,
            phone=person.phone,
            postal_address=person.postal_address,
            language=person.language,
        ),
        text=submitted.text,
        received_by=_official(submitted.received_by),
        answer_by=told.answer_by or submitted.answer_by,
        answer_place=submitted.answer_place,
        stages=tuple(stages),
        call=_call(heard, rules, as_of),
    )
    return state, len(state.stages) - 1


def _stage(heard: Heard, clinic: ClinicPublished | None, rules: RuleSet) -> Stage:
    told, executed = heard.told, heard.executed
    executors: tuple[Executor, ...] = ()
    if told.executor is not None:
        who = named(told.executor)
        executors = (Executor(full_name=who.full_name, position=who.position, at=told.occurred_at, assigned_by=who),)
    answer, refusal = told.answer, told.refusal
    return Stage(
        stage=told.stage,
        came_at=heard.came_at,
        registered_at=heard.registered_at if told.incoming_number else None,
        answer_due_on=told.answer_due_on,
        answer_due_at=told.answer_due_at,
        term_days=rules.complaint_term(told.stage).working_days,
        quality_authority_days=rules.complaint_term("quality_authority").working_days,
        number=told.incoming_number,
        executors=executors,
        measures=(Measures(measures=executed.measures, at=executed.at),) if executed else (),
        answer=Answer(text=answer.text, decision=answer.decision, sent_by=answer.sent_by, at=answer.at)
        if answer
        else None,
        refusal=Grounds(grounds=refusal.grounds, at=told.occurred_at) if refusal and refusal.grounds else None,
        office=office(told.stage, clinic, rules),
        contacts=contacts(rules),
        received_by=_official(told.received_by),
    )


def _before(submitted: ComplaintSubmitted, rules: RuleSet) -> Stage:
    """The stage before the present one, of which nothing is told any more."""
    return Stage(
        stage=submitted.addressed_to,
        came_at=submitted.submitted_at,
        term_days=rules.complaint_term(submitted.addressed_to).working_days,
        quality_authority_days=rules.complaint_term("quality_authority").working_days,
    )


def _call(heard: Heard, rules: RuleSet, as_of: datetime) -> KeptCall | None:
    submitted = heard.submitted
    if submitted is None or submitted.request_id is None or not heard.lines:
        return None
    return KeptCall(
        request_id=submitted.request_id,
        clinic_id=submitted.clinic_id,
        as_of=as_of,
        lines=list(heard.lines),
        deadlines=tuple(judged(heard.lines, as_of, rules)),
        look_again_at=None,
    )


def _official(of: SentOfficial | None) -> Official | None:
    return None if of is None else named(of)
