"""One open request of a patient at a clinic (R11): who holds the claim on the patient, and how it passes on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from homecall.runtime.engine.decision import replace
from services.intake.domain.state import RequestState


def still_holds(holder: RequestState, asked_on: date) -> bool:
    """Whether the visit of the open request is still to come on the day of a newer application."""
    return holder.visit_date is not None and holder.visit_date >= asked_on


def passed_on(holder: RequestState | None) -> dict[str, RequestState]:
    """The change of another request when a newer one takes its claim: the visit of the holder is over."""
    return {} if holder is None else {holder.request_id: replace(holder, claim=None)}


class Holders:
    """The open requests by the claim they hold. Each batch has its own, kept up with every decision."""

    def __init__(self, states: Iterable[RequestState | None]) -> None:
        self._by_claim = {each.claim: each for each in states if each and each.claim}

    def of(self, claim: str | None) -> RequestState | None:
        return None if claim is None else self._by_claim.get(claim)

    def changed(self, before: RequestState | None, after: RequestState) -> None:
        """A request may have given up its claim, or taken one."""
        given_up = None if before is None else before.claim
        held = self.of(given_up)
        if given_up and held and held.request_id == after.request_id:
            del self._by_claim[given_up]
        if after.claim is not None:
            self._by_claim[after.claim] = after
