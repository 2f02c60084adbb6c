"""Accepted requests once the register has numbered them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Final

from homecall.contract.envelope import OutgoingRecord
from homecall.runtime.engine.decision import OutgoingEvent, replace
from services.intake.domain import events
from services.intake.domain.state import Cause, RequestState, awaits_successor

# In a text of the JSON the quotes are escaped: this is the field itself, the first of the event's.
_FIELD: Final = b'"register_number":'
_NO_NUMBER: Final = 0
_ANY_NUMBER: Final = 1


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


def acceptance(state: RequestState) -> OutgoingEvent:
    """The acceptance with some number: to be stored as ``unnumbered``."""
    return events.accepted(replace(state, register_number=_ANY_NUMBER))


def unnumbered(event: OutgoingRecord) -> OutgoingRecord:
    """An acceptance whose number is still to be filled in: it says 0, which is nobody's."""
    return filled_in(event, _NO_NUMBER)


def filled_in(event: OutgoingRecord, number: int) -> OutgoingRecord:
    """The acceptance with this number: the same bytes whenever it is filled in."""
    before, field, after = event.value.partition(_FIELD)
    value = b"%b%b%d%b" % (before, field, number, after.lstrip(b"0123456789"))
    return dataclasses.replace(event, value=value)
