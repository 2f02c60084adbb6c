"""Who signed a request or a complaint from the portal (C9.2, C13, R15): the port, its verdicts, and ``off``.

A signature is a detached CMS over the RFC 8785 form of the data (``canonical``). Every verifier requires:

- exactly one signer, with its certificate included: a request has one applicant, and a second signature is refused;
- our content: detached, or included and equal to ours byte by byte;
- a signature by the certificate's key, with SHA-256 or stronger;
- a certificate from a trusted authority, valid at ``Signed.at``, not revoked when the signature was first seen, for
  signing, and of an individual, not an organisation;
- the applicant's IIN in it.

What cannot be checked is never accepted: it is ``Invalid``, with the failed check, if that is the signature's fault,
and ``Unavailable`` if it is the verifier's; then the request waits.

This module is light: the process that consumes never loads what parses signatures (``rsa_pool``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

Check = Literal[
    "canonical",  # the data have an RFC 8785 form
    "form",  # base64 of a CMS SignedData
    "signer",  # exactly one, with its certificate
    "algorithm",  # strong enough, and one that this verifier knows
    "content",  # the data that were signed are these
    "signature",  # it was made with the certificate's key
    "validity",  # the certificate is valid at the time
    "chain",  # and comes from an authority in the trust store
    "revocation",  # and is not revoked
    "usage",  # and is for signing
    "individual",  # and is a natural person's
    "iin",  # namely the applicant's
]
"""Which check failed."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Data with their signature. Personal data: the repr shows only the time."""

    value: bytes = field(repr=False)
    """The event's data as received: JSON, ``signature`` included or not."""
    cms: str = field(repr=False)
    """``signature.value``: base64."""
    signer_iin: str = field(repr=False)
    """The applicant's IIN: the representative's where there is one (R15)."""
    at: datetime
    """The moment for which the certificate must be valid: ``submitted_at`` (R1)."""
    heard_at: datetime | None = None
    """The time of its record, where that is checked (R17)."""

    @property
    def unrevoked_until(self) -> datetime:
        """Until when the certificate must not have been revoked. Not ``at`` alone: with a stolen key a request can be
        backdated, but its record cannot.
        """
        return self.at if self.heard_at is None else max(self.at, self.heard_at)


@dataclass(frozen=True, slots=True)
class Valid:
    """Every check passed."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """A check failed: the refusal is ``signature_invalid`` with this field and message. No personal data in them."""

    check: Check
    message: str
    path: str = "signature.value"


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The check could not be made, through no fault of the applicant: retry later. ``reason`` is for the log.

    ``for_good``: a retry cannot help, since the certificate has expired meanwhile (R24).
    """

    reason: str
    for_good: bool = False


Verdict = Valid | Invalid | Unavailable


class Verifier(Protocol):
    """The port. One instance per process and event loop."""

    async def start(self) -> None:
        """Prepare ahead of the first ``verify``, which else does it. Never raises."""

    async def verify(self, batch: Sequence[Signed]) -> list[Verdict]:
        """A verdict for each, in order, independent of the others. Never raises."""

    async def close(self) -> None:
        """Cancel what is still running."""


class Unchecked:
    """``off``, in development only: a portal request must carry a signature, which is not checked."""

    async def start(self) -> None:
        return

    async def verify(self, batch: Sequence[Signed]) -> list[Verdict]:
        return [
            Valid() if each.cms.strip() else Invalid("form", "is empty: sign the data and send the CMS")
            for each in batch
        ]

    async def close(self) -> None:
        return
