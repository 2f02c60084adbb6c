"""What others say of a request before it is decided: who signed it, who the patient is. Plain values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True)
class BadSignature:
    """The check of the signature that failed, and what the sender is told: no personal data."""

    check: str
    path: str
    message: str


@dataclass(frozen=True)
class Checks:
    """The answers from outside, as the decision takes them.

    ``signature``: None where none is asked for, or it is sound; ``away`` while it cannot be checked (C9.2); ``never``
    when it cannot be checked and no later answer could tell, ``too_late`` when it could not be checked in time (R24).
    ``identity``: what the state register of persons says (C9.3); ``off`` where nobody is asked. ``birth_date`` is the
    register's. ``attached``: whether the patient is attached to this clinic; None where that is not known. ``minor``:
    whether the register's birth date makes the patient a minor, where a ruling kept that and not the date (R23).
    """

    signature: BadSignature | Literal["away", "never", "too_late"] | None = None
    identity: Literal["off", "confirmed", "not_found", "no_consent", "away"] = "off"
    birth_date: date | None = None
    attached: bool | None = None
    minor: bool | None = None

    @property
    def unconfirmed(self) -> bool:
        """Whether the request goes on with the patient's identity not confirmed."""
        return self.identity in {"no_consent", "away"}


UNASKED = Checks()
"""Nobody was asked: no gateway, no signature to check."""
UNCHECKED = Checks(signature="away")
"""Nobody was asked, and somebody should have been: it waits."""
