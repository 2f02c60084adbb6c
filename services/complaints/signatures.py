"""Checks who signed the complaints from the portal (C9.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from homecall.contract.envelope import Incoming
from homecall.contract.events import ComplaintSubmitted, FieldError
from homecall.contract.topics import COMPLAINTS
from homecall.gateways.signatures.port import Invalid, Signed, Unavailable, Verifier
from homecall.runtime.logs import log

SIGNED: Final = ("portal",)
"""The channels whose complaints are signed, and held while that cannot be checked."""
EXPIRED_UNCHECKED: Final = FieldError(
    path="signature.value",
    message="unchecked: the certificate expired before it could be checked whether it had been revoked: sign the "
    "complaint with a valid one and send it again under a new complaint_id, or bring or post it",
)
"""What is wrong with a signature that no later check can tell about (R24)."""


async def check(
    verifier: Verifier, events: Sequence[Incoming], *, judge_record_time: bool
) -> dict[str, FieldError | None]:
    """By causation id, what is wrong with the signatures of complaints from the portal, checked in one call.

    None where that cannot be checked now; those that are sound are left out.
    """
    signed = {event.causation_id: each for event in events if (each := _signed(event, judge_record_time)) is not None}
    verdicts = await verifier.verify(list(signed.values())) if signed else []
    found: dict[str, FieldError | None] = {}
    for causation_id, verdict in zip(signed, verdicts, strict=True):
        if isinstance(verdict, Invalid):
            found[causation_id] = FieldError(path=verdict.path, message=f"{verdict.check}: {verdict.message}")
        elif isinstance(verdict, Unavailable):
            found[causation_id] = EXPIRED_UNCHECKED if verdict.for_good else None
    reasons = [each.reason for each in verdicts if isinstance(each, Unavailable) and not each.for_good]
    if reasons:
        log(COMPLAINTS).warning("signatures cannot be checked", held=len(reasons), reason=reasons[0])
    return found


def _signed(event: Incoming, judge_record_time: bool) -> Signed | None:
    data = event.data
    if not isinstance(data, ComplaintSubmitted) or data.channel not in SIGNED or data.signature is None:
        return None
    heard_at = event.record.recorded_at if judge_record_time else None
    return Signed(event.value, data.signature.value, data.complainant.iin or "", data.submitted_at, heard_at)
