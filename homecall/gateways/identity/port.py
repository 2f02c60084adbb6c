"""Who a person is, by the state registers behind the e-government gateway (C9.3): the port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol

from homecall.contract.types import Day, Line, Name

Reason = Literal[
    "timeout",
    "unreachable",
    "failing",
    "resting",
    "refused",
    "unreadable",
    "untrusted",
    "no_consent",
    "not_asked",
    "broken",
]
"""Why there is no answer: not in time; no connection; an error of the gateway; circuit breaker open; our call refused
(wrong address or credentials); an answer of unknown form; one that is not signed as it must be, or not to our question;
no consent of the person; no register is configured that could tell; an error of ours."""


@dataclass(frozen=True, slots=True, repr=False)
class Consent:
    """The person's consent to the disclosure of their data, as the access control of personal data gives it.

    Used for the call alone: no repr, and nothing of it is logged or kept.
    """

    kdp_token: str
    public_key: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class IdentityDocument:
    """A valid identity document; ``valid_until`` None: without an end."""

    kind: str
    number: str
    valid_until: date | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """An entry of the register of physical persons. Personal data: no repr, so that no log line shows it.

    None is what the register does not tell. ``alive`` is False for somebody who died by the register. ``address`` is
    the registered one, which may hint at the district; ``address_code`` its code in the register of addresses.
    """

    full_name: Name
    birth_date: Day | None
    sex: Literal["male", "female"] | None = None
    address: Line | None = None
    alive: bool | None = None
    address_code: str | None = None
    document: IdentityDocument | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """The clinic to which a person is attached, by the register of attached population."""

    clinic_id: str
    territory: str | None
    attached_from: date
    attached_until: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether the person is attached on that date; both ends included."""
        return self.attached_from <= day and (self.attached_until is None or day <= self.attached_until)


@dataclass(frozen=True, slots=True)
class NotFound:
    """The register knows no such person."""


@dataclass(frozen=True, slots=True)
class NoConsent:
    """The person has not consented to disclosure."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """No answer: the identity stays unconfirmed, and is checked later. ``cause``: more exactly why, for the log."""

    reason: Reason
    cause: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Found:
    """The person, and the clinic they are attached to.

    ``attachment`` is None if the register says that there is none; ``Unavailable`` if there was no answer, which is no
    ground for a refusal.
    """

    person: Person
    attachment: Attachment | Unavailable | None


Result = Found | NotFound | NoConsent | Unavailable


class Identity(Protocol):
    """The port."""

    async def look_up(
        self, iins: Sequence[str], *, within: float, consents: Mapping[str, Consent] | None = None
    ) -> list[Result]:
        """One result for each IIN, in order; a repeated IIN is looked up once. ``consents``: by IIN, where given.

        Never raises, and returns within ``within`` seconds of real time: what was not answered by then is
        ``Unavailable("timeout")``.
        """

    async def close(self) -> None:
        """Cancel calls in progress and close the connections."""


class KnownPeople:
    """The port over a mapping, for tests and development."""

    def __init__(self, people: Mapping[str, Result]) -> None:
        self._people = people

    async def look_up(
        self, iins: Sequence[str], *, within: float, consents: Mapping[str, Consent] | None = None
    ) -> list[Result]:
        del consents
        if not within > 0:
            return [Unavailable("timeout") for _ in iins]
        return [self._people.get(iin, NotFound()) for iin in iins]

    async def close(self) -> None:
        return
