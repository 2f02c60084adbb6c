"""Accepted requests whose patient the register of persons could not confirm: asked again for about a day (C9.3)."""

from __future__ import annotations

from datetime import datetime, timedelta

from homecall.contract.events import RequestIdentityChecked
from homecall.runtime.engine.decision import Decision, OutgoingEvent, replace
from services.intake.domain.assessment import PATIENT_REGISTERED_DEAD
from services.intake.domain.facts import Checks
from services.intake.domain.state import RequestState

FIRST_ASK = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=1)
_MOST_ASKS = 30
"""With the last one about a day has passed."""


def asked_again(state: RequestState, said: Checks, now: datetime) -> Decision[RequestState]:
    """What the register says later is published, and nothing is taken back."""
    done = replace(state, unconfirmed=None, ask_again_at=None)
    found = said.identity
    if found == "confirmed" or found == "not_found":
        checked = RequestIdentityChecked(
            request_id=state.request_id,
            clinic_id=state.clinic_id,
            outcome=found,
            added_flags=[PATIENT_REGISTERED_DEAD] if said.dead else None,
            at=now,
        )
        return Decision(done, [OutgoingEvent(checked)])
    if found == "no_consent" or state.asked >= _MOST_ASKS:
        return Decision(done)
    wait = min(FIRST_ASK * 2 ** (state.asked + 1), _LONGEST_WAIT)
    return Decision(replace(state, asked=state.asked + 1, ask_again_at=now + wait))
