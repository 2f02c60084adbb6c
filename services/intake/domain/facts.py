"""What intake looks up before it decides: plain values that the handler loads and passes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from homecall.standard.clinics import Clinics
from homecall.standard.rules import RuleSets
from services.intake.domain.state import RequestState

Identity = Literal["off", "confirmed", "not_found", "no_consent", "away"]


@dataclass(frozen=True)
class BadSignature:
    """The check of the signature that failed, and what the sender is told: no personal data."""

    check: str
    path: str
    message: str


@dataclass(frozen=True)
class Checks:
    """The gateways' answers about one request.

    ``signature``: None where none is asked for, or it is sound; ``away`` while it cannot be checked (C9.2); ``never``
    when it cannot be checked and no later answer could tell, ``too_late`` when it could not be checked in time (R24).
    ``identity``: what the state register of persons says (C9.3); ``off`` where nobody is asked. ``birth_date`` is the
    register's. ``attached``: whether the patient is attached to this clinic; None where that is not known. ``minor``:
    whether the register's birth date makes the patient a minor, where a ruling kept that and not the date (R23).
    ``dead``: whether the patient is not alive by the register, which refuses nobody.
    """

    signature: BadSignature | Literal["away", "never", "too_late"] | None = None
    identity: Identity = "off"
    birth_date: date | None = None
    attached: bool | None = None
    minor: bool | None = None
    dead: bool = False

    @property
    def unconfirmed(self) -> bool:
        """Whether the request goes on with the patient's identity not confirmed."""
        return self.identity in {"no_consent", "away"}


UNASKED = Checks()
"""Nobody was asked: no gateway, no signature to check."""
UNANSWERED = Checks(identity="away")
"""The register was asked, and did not answer."""
UNCHECKED = Checks(signature="away")
"""Nobody was asked, and somebody should have been: it waits."""


@dataclass(frozen=True)
class Facts:
    """What a request is decided by, besides what it says itself.

    ``record_time`` is the Kafka record's time, or None where it is not judged (R17). ``claim`` stands for the patient
    at the clinic; ``holder`` is the open request that has it (R11). ``persons`` stands for patient and applicant in our
    events. ``first`` is the call that the application says was handed on, if it is this patient's (R25).
    """

    rule_sets: RuleSets
    clinics: Clinics
    record_time: datetime | None = None
    checks: Checks = UNASKED
    claim: str | None = None
    holder: RequestState | None = None
    persons: Sequence[str] = ()
    first: RequestState | None = None
