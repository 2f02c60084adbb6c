"""The events that intake publishes about a request, built from its state."""

from __future__ import annotations

from typing import Any, Literal

from homecall.contract.events import (
    RequestAccepted,
    RequestCancelled,
    RequestDeferred,
    RequestHeld,
)
from homecall.runtime.engine.decision import OutgoingEvent
from services.intake.domain.state import RequestState, written


def facts_of(state: RequestState) -> dict[str, Any]:
    """What every event about a request carries."""
    return {**state.request, "request_id": state.request_id, "clinic_id": state.clinic_id}


def accepted(state: RequestState) -> OutgoingEvent:
    """``request.accepted``, once the register number is known. Its time is that of the acceptance."""
    assert state.accepted_at is not None
    event = RequestAccepted.model_validate(
        facts_of(state)
        | {
            "register_date": state.register_date,
            "register_number": state.register_number,
            "accepted_at": state.accepted_at,
            "clock_started_at": state.clock_started_at,
            "due_at": state.due_at,
            "visit_date": state.register_date,
            "ruling": state.ruling,
        }
    )
    return OutgoingEvent(event, time=written(state.accepted_at))


def deferred(state: RequestState, time: str = "") -> OutgoingEvent:
    """``request.deferred``: one for each opening that was promised."""
    assert state.opens_at is not None
    event = RequestDeferred.model_validate(
        facts_of(state) | {"opens_at": state.opens_at, "due_at": state.due_at, "ruling": state.ruling}
    )
    return OutgoingEvent(event, sibling=written(state.opens_at), time=time)


def cancelled(state: RequestState) -> OutgoingEvent:
    """``request.cancelled``, with the register number if one was given."""
    event = RequestCancelled.model_validate(
        facts_of(state)
        | {
            "register_date": state.register_date,
            "register_number": state.register_number,
            "at": state.cancelled_at,
            "reason": state.cancel_reason,
            "ruling": state.ruling,
        }
    )
    return OutgoingEvent(event)


def held(state: RequestState, waits_for: Literal["signature", "opening"], time: str) -> OutgoingEvent:
    """``request.held``: one for each stage of the answer's deadline, with the time when that stage began."""
    event = RequestHeld.model_validate(
        facts_of(state)
        | {
            "waits_for": waits_for,
            "deadline": state.said,
            "clock_started_at": state.clock_started_at,
            "due_at": state.due_at,
            "ruling": state.ruling,
        }
    )
    return OutgoingEvent(event, sibling=state.said, time=time)
