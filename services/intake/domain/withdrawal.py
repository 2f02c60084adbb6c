"""Decide on ``request.withdrawn``."""

from __future__ import annotations

from homecall.contract.envelope import Incoming
from homecall.contract.events import RequestWithdrawn
from homecall.contract.iins import without_iins
from homecall.runtime.engine.decision import Dead, Decision, replace
from homecall.standard.deadlines import earliest
from homecall.standard.stated_times import before_request
from services.intake.domain import events
from services.intake.domain.state import Cause, RequestState, awaits_number


def decide(state: RequestState | None, event: Incoming) -> Decision[RequestState]:
    """Cancel a request; a register number that was given stays."""
    data = event.data
    assert isinstance(data, RequestWithdrawn)
    if state is None:
        return Decision(park=True)
    if state.handed_on is not None:
        there = state.handed_on
        detail = (
            f"the call was handed on to {there.clinic_id}, where it goes on as request {there.request_id}: withdraw "
            "that one, under that clinic_id"
        )
        return Decision(dead=Dead("invalid_transition", detail))
    if state.status == "cancelled":
        return Decision()
    if state.status in {"refused", "closed"}:
        why = "was refused" if state.status == "refused" else "has had its visit"
        return Decision(dead=Dead("invalid_transition", f"the request {why}: there is nothing left to withdraw"))
    # As stated, or as its record has it where the sender's clock was ahead (R17).
    asked_at = earliest([state.submitted_at, state.clock_started_at])
    if asked_at is not None and data.at < asked_at:
        return Decision(dead=Dead("invalid_transition", before_request(data.TYPE, asked_at)))
    state = replace(
        state,
        status="cancelled",
        claim=None,
        look_again_at=None,
        kept=None,
        try_again_at=None,
        unconfirmed=None,
        ask_again_at=None,
        cancelled_by=Cause(event.causation_id, event.traceparent),
        cancelled_at=data.at,
        cancel_reason=without_iins(data.reason),
    )
    # Where the number is still to come, the withdrawal is published after the acceptance: see ``numbered``.
    return Decision(state) if awaits_number(state) else Decision(state, [events.cancelled(state)])
