"""Accepted requests once the register has numbered them."""

from __future__ import annotations

from collections.abc import Collection

from homecall.runtime.engine.decision import OutgoingEvent, replace
from services.intake.domain import events
from services.intake.domain.state import Cause, RequestState, awaits_successor


def with_number(
    state: RequestState, number: int, resting: Collection[str] = ()
) -> tuple[RequestState, list[tuple[Cause, list[OutgoingEvent]]]]:
    """The request with its number, and what each cause that waited for it publishes: the acceptance, a withdrawal.

    Of the causes in ``resting`` the acceptance is stored, and is not made here.
    """
    causes = state.pending
    state = replace(state, register_number=number, pending=[])
    said = [(cause, [] if cause.causation_id in resting else [events.accepted(state)]) for cause in causes]
    if state.cancelled_by is not None and not awaits_successor(state):
        said.append((state.cancelled_by, [events.cancelled(state)]))
    return state, said


def acceptance(state: RequestState, number: int = 1) -> OutgoingEvent:
    """The acceptance with some number, before the page has given it one."""
    return events.accepted(replace(state, register_number=number))
