"""Refusals: what a check finds wrong, and the ``request.refused`` that comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from homecall.contract.events import FieldError, RefusalCode, RequestRefused
from homecall.contract.types import can_be_said
from homecall.runtime.engine.decision import Decided, Decision, OutgoingEvent, replace
from homecall.standard.deadlines import answer_clock
from homecall.standard.rules import RuleSet
from services.intake.domain.events import event_of
from services.intake.domain.rulings import extended
from services.intake.domain.state import RequestState

UNCHECKED_IN_TIME = (
    "unchecked: the signature could not be checked in time: call the clinic, or sign the request and send it again "
    "under a new request_id"
)
EXPIRED_UNCHECKED = (
    "unchecked: the certificate expired before it could be checked whether it had been revoked: sign the request with "
    "a valid one and send it again under a new request_id, or call the clinic"
)


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused. ``clauses`` and ``inputs`` are added to the ruling made so far."""

    code: RefusalCode
    fields: Sequence[FieldError] = ()
    clauses: Sequence[str] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    existing_request_id: str | None = None
    next_acceptance_at: datetime | None = None


def wrong_field(code: RefusalCode, path: str, message: str, *clauses: str) -> Refusal:
    return Refusal(code, [FieldError(path=path, message=message)], clauses)


def unchecked(message: str, rules: RuleSet, held_until: str | None = None) -> Refusal:
    """The refusal of a request whose signature nobody can check, with the way out (R24)."""
    inputs = {"check": "unchecked"} | ({"held_until": held_until} if held_until else {})
    fields = [FieldError(path="signature.value", message=message)]
    return Refusal("signature_invalid", fields, ("C9.2", rules.held.clause), inputs)


def refuse(
    state: RequestState, refusal: Refusal, rules: RuleSet | None = None, *, time: str = ""
) -> Decision[RequestState]:
    """Refuse a request. The ruling is the state's with what the refusal adds; ``time`` is that of the event."""
    ruling = extended(state.ruling, refusal.clauses, refusal.inputs) if state.ruling else None
    refused = event_of(
        RequestRefused,
        state,
        code=refusal.code,
        fields=[each.model_dump() for each in refusal.fields],
        existing_request_id=refusal.existing_request_id,
        next_acceptance_at=refusal.next_acceptance_at,
        due_at=_answer_due_at(state, rules),
        ruling=ruling,
    )
    counted = Decided("request", state.channel, "refused", refusal.code)
    # Nothing sealed is kept of a refused request.
    state = replace(state, status="refused", ruling=ruling or {}, kept=None, try_again_at=None)
    return Decision(state, [OutgoingEvent(refused, time=time)], [counted])


def _answer_due_at(state: RequestState, rules: RuleSet | None) -> datetime | None:
    """When the answer was due: the refusal is the answer."""
    started_at = state.clock_started_at or state.submitted_at
    if rules is None or not state.channel or started_at is None:
        return None
    due_at = answer_clock(channel=state.channel, clock_starts_at=started_at, rules=rules).due_at
    return due_at if can_be_said(due_at) else None
