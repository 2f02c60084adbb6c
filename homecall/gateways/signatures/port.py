"""Who signed a request or a complaint from the portal (C9.2, C13, R15): the port, its verdicts, and ``off``.

A signature is a detached CMS over the RFC 8785 form of the data (``canonical``). What every verifier requires:

- exactly one signer, whose certificate comes along: a request has one applicant. A second signature is refused rather
  than passed over;
- the content is ours: detached, or carried along and equal to ours to the byte;
- the signature is the certificate's, made with nothing weaker than SHA-256;
- the certificate comes from an authority that we trust, is valid at ``Signed.at``, was not revoked when the signature
  was first seen, is for signing, and is an individual's, not an organisation's;
- its IIN is that of the applicant.

What cannot be checked is never accepted. If that is the signature's own fault it is ``Invalid``, with the check that
failed; if it is the verifier's it is ``Unavailable``, and the request waits.

Light on purpose: the process that consumes never loads what parses signatures (``rsa_pool``).
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
    """Data with their signature. Personal data: its repr shows the time alone."""

    value: bytes = field(repr=False)
    """The event's data as received: JSON, ``signature`` included or not."""
    cms: str = field(repr=False)
    """``signature.value``: base64."""
    signer_iin: str = field(repr=False)
    """The applicant's IIN: the representative's where there is one (R15)."""
    at: datetime
    """The moment for which the certificate must be valid: ``submitted_at`` (R1)."""
    heard_at: datetime | None = None
    """The time of the record that brought it, where that is judged (R17)."""

    @property
    def unrevoked_until(self) -> datetime:
        """Until when the certificate must not have been revoked: the holder of a stolen key can date a request back,
        and before its record nobody had seen it.
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
    """The check could not be made, and not by the applicant's fault: try again later. ``reason`` is for the log.

    ``for_good``: no later answer can tell either, since the certificate has expired meanwhile (R24).
    """

    reason: str
    for_good: bool = False


Verdict = Valid | Invalid | Unavailable


class Verifier(Protocol):
    """The port. One instance per process and event loop."""

    async def start(self) -> None:
        """Get ready what takes a while. May be left out: the first ``verify`` does it then. Never raises."""

    async def verify(self, batch: Sequence[Signed]) -> list[Verdict]:
        """A verdict for each, in their order, independent of its neighbours'. Never raises."""

    async def close(self) -> None:
        """Give up what is still under way."""


class Unchecked:
    """``off``, in development only: a portal request must carry a signature, and it is not looked at."""

    async def start(self) -> None:
        return

    async def verify(self, batch: Sequence[Signed]) -> list[Verdict]:
        return [
            Valid() if each.cms.strip() else Invalid("form", "is empty: sign the data and send the CMS")
            for each in batch
        ]

    async def close(self) -> None:
        return
