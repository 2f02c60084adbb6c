"""One open request of a patient at a clinic (R11): who holds the claim on the patient, and how it passes on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from homecall.runtime.engine.decision import replace
from services.intake.domain.state import RequestState


def still_holds(holder: RequestState, asked_on: date) -> bool:
    """Whether the visit of the open request is still to come on the day of a newer application."""
    return holder.visit_date is not None and holder.visit_date >= asked_on


def passed_on(holder: RequestState | None) -> dict[str, RequestState]:
    """The change of another request when a newer one takes its claim: the visit of the holder is over."""
    return {} if holder is None else {holder.request_id: replace(holder, claim=None)}


def holders_after(
    holders: Mapping[str, RequestState], before: RequestState | None, state: RequestState
) -> Mapping[str, RequestState]:
    """The holders by claim, once a request has become ``state``: it may have given up a claim, or taken one."""
    claim = None if before is None else before.claim
    if claim is None and state.claim is None:
        return holders
    found = dict(holders)
    if claim is not None and claim in found and found[claim].request_id == state.request_id:
        del found[claim]
    if state.claim is not None:
        found[state.claim] = state
    return found
