"""The events that intake publishes about a request, built from its state."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from homecall.contract.events import (
    CallAt,
    RequestAccepted,
    RequestCancelled,
    RequestDeferred,
    RequestHeld,
    StaffMember,
)
from homecall.contract.types import Event
from homecall.runtime.engine.decision import OutgoingEvent
from services.intake.domain.state import RequestState, written

E = TypeVar("E", bound=Event)


def event_of(model: type[E], state: RequestState, **fields: Any) -> E:
    """An event with the facts of the request, its ruling, and these fields."""
    ids = {"request_id": state.request_id, "clinic_id": state.clinic_id}
    return model.model_validate({**state.request, **ids, "ruling": state.ruling, **fields})


def accepted(state: RequestState) -> OutgoingEvent:
    """``request.accepted``, once the register number is known. Its time is that of the acceptance."""
    assert state.accepted_at is not None
    event = event_of(
        RequestAccepted,
        state,
        register_date=state.register_date,
        register_number=state.register_number,
        accepted_at=state.accepted_at,
        clock_started_at=state.clock_started_at,
        due_at=state.due_at,
        visit_date=state.register_date,
    )
    return OutgoingEvent(event, time=written(state.accepted_at))


def deferred(state: RequestState, time: str = "") -> OutgoingEvent:
    """``request.deferred``: one for each opening that was promised."""
    assert state.opens_at is not None
    event = event_of(RequestDeferred, state, opens_at=state.opens_at, due_at=state.due_at)
    return OutgoingEvent(event, sibling=written(state.opens_at), time=time)


def cancelled(state: RequestState) -> OutgoingEvent:
    """``request.cancelled``, with the register number if one was given, and where it was handed on to."""
    event = event_of(
        RequestCancelled,
        state,
        register_date=state.register_date,
        register_number=state.register_number,
        at=state.cancelled_at,
        reason=state.cancel_reason,
        **_handed_on(state),
    )
    return OutgoingEvent(event)


def _handed_on(state: RequestState) -> dict[str, Any]:
    there = state.handed_on
    if there is None:
        return {}
    return {
        "outcome": "transferred",
        "transferred_to": CallAt(request_id=there.request_id, clinic_id=there.clinic_id),
        "transferred_by": StaffMember(id=there.by_id, full_name=there.by_name),
    }


def held(state: RequestState, waits_for: Literal["signature", "opening"], time: str) -> OutgoingEvent:
    """``request.held``: one for each stage of the answer's deadline, with the time when that stage began."""
    event = event_of(
        RequestHeld,
        state,
        waits_for=waits_for,
        deadline=state.said,
        clock_started_at=state.clock_started_at,
        due_at=state.due_at,
    )
    return OutgoingEvent(event, sibling=state.said, time=time)
