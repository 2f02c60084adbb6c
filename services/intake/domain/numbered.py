"""Accepted requests once the register has numbered them."""

from __future__ import annotations

from homecall.runtime.engine.decision import OutgoingEvent, replace
from services.intake.domain import events
from services.intake.domain.state import Cause, RequestState, awaits_successor


def with_number(state: RequestState, number: int) -> tuple[RequestState, list[tuple[Cause, list[OutgoingEvent]]]]:
    """The request with its number, and what each cause that waited for it publishes: the acceptance, a withdrawal."""
    causes = state.pending
    state = replace(state, register_number=number, pending=[])
    accepted = events.accepted(state)
    said = [(cause, [accepted]) for cause in causes]
    if state.cancelled_by is not None and not awaits_successor(state):
        said.append((state.cancelled_by, [events.cancelled(state)]))
    return state, said
