"""What intake keeps of persons, and only through the vault: sealed events, sealed IINs, keyed hashes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from homecall.contract import topics
from homecall.contract.envelope import Incoming, read
from homecall.contract.envelope import Unreadable as NoEvent
from homecall.contract.events import RequestSubmitted
from homecall.runtime.encryption import Unreadable, Vault
from homecall.runtime.engine.decision import Decision
from homecall.runtime.engine.parking import as_bytes, from_bytes
from homecall.runtime.logs import log
from services.intake.domain.identity import FIRST_ASK
from services.intake.domain.state import RequestState
from services.intake.store import sealed_place


class PersonalData:
    """Seals, opens and hashes personal data of requests."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault

    def claim(self, event: Incoming) -> str | None:
        """What stands for the patient at the clinic: a keyed hash, so that the store holds no IIN (R11)."""
        if not isinstance(event.data, RequestSubmitted):
            return None
        return f"{event.clinic_id}|{self.vault.index('patient', event.data.patient.iin)}"

    def persons(self, event: Incoming) -> list[str]:
        """What stands for the patient and the applicant in the events about this request, and nowhere else."""
        data = event.data
        if not isinstance(data, RequestSubmitted):
            return []
        iins = [data.patient.iin, *([data.applicant.iin] if data.applicant else [])]
        return [self.vault.of_call(data.request_id, iin) for iin in dict.fromkeys(iins)]

    def sealed(self, decision: Decision[RequestState], event: Incoming) -> Decision[RequestState]:
        """The decision with what a later check needs: a held request's event, an unconfirmed patient's IIN."""
        state = decision.state
        if state is None or not isinstance(event.data, RequestSubmitted):
            return decision
        if state.status == "held" and state.kept is None:
            kept = self.vault.seal(as_bytes(event.record), sealed_place(state.request_id, "kept"))
            return replace(decision, state=replace(state, kept=kept))
        if state.ask_again_at is not None and state.unconfirmed is None:
            iin = event.data.patient.iin.encode()
            unconfirmed = self.vault.seal(iin, sealed_place(state.request_id, "unconfirmed"))
            return replace(decision, state=replace(state, unconfirmed=unconfirmed))
        return decision

    def is_patient_of(self, first: RequestState, event: Incoming) -> bool:
        """Whether the patient of a request is one of the persons of another."""
        data = event.data
        if not isinstance(data, RequestSubmitted):
            return False
        return self.vault.of_call(first.request_id, data.patient.iin) in first.request.get("persons", ())

    def asked_on(self, decision: Decision[RequestState], first: RequestState, now: datetime) -> Decision[RequestState]:
        """The decision on a successor; a patient who could not be confirmed is asked about still."""
        state = decision.state
        if state is None or state.claim is None or first.unconfirmed is None:
            return decision
        iin = self.unconfirmed_iin(first)
        if iin is None:
            return decision
        unconfirmed = self.vault.seal(iin.encode(), sealed_place(state.request_id, "unconfirmed"))
        again_at = now + FIRST_ASK
        return replace(
            decision, state=replace(state, unconfirmed=unconfirmed, ask_again_at=again_at, asked=first.asked)
        )

    def kept_event(self, state: RequestState) -> Incoming | None:
        """The event of a held request, as it came; None where it cannot be opened."""
        kept = self._opened(state, "kept", state.kept)
        try:
            return None if kept is None else read(from_bytes(kept))
        except NoEvent as error:  # for this release, which reads more strictly than the one that kept it
            log(topics.INTAKE).error("a check waits", subject=state.request_id, reason=str(error))
            return None

    def unconfirmed_iin(self, state: RequestState) -> str | None:
        """The IIN of a patient who is to be asked about again; None where it cannot be opened."""
        iin = self._opened(state, "unconfirmed", state.unconfirmed)
        return None if iin is None else iin.decode()

    def _opened(self, state: RequestState, name: str, sealed: Mapping[str, Any] | None) -> bytes | None:
        if sealed is None:
            return None
        try:
            return self.vault.open(sealed, sealed_place(state.request_id, name))
        except Unreadable as error:
            # It must not keep the others from their time; it is tried again, in case the key is put back.
            log(topics.INTAKE).error("a check waits", subject=state.request_id, reason=str(error))
            return None
