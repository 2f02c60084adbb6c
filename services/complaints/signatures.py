"""Checks who signed the complaints from the portal (C9.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Checked:
    """What came of a check: by causation id, what is wrong; and the events that cannot be checked now."""

    bad: Mapping[str, FieldError] = field(default_factory=dict)
    unchecked: Sequence[Incoming] = ()


async def check(verifier: Verifier, events: Sequence[Incoming], *, judge_record_time: bool) -> Checked:
    """Check the signatures of those events that are complaints from the portal, in one call."""
    signed = {event.causation_id: each for event in events if (each := _signed(event, judge_record_time)) is not None}
    if not signed:
        return Checked()
    verdicts = dict(zip(signed, await verifier.verify(list(signed.values())), strict=True))
    bad: dict[str, FieldError] = {}
    reasons: dict[str, str] = {}
    for causation_id, verdict in verdicts.items():
        if isinstance(verdict, Invalid):
            bad[causation_id] = FieldError(path=verdict.path, message=f"{verdict.check}: {verdict.message}")
        elif isinstance(verdict, Unavailable) and verdict.for_good:
            bad[causation_id] = EXPIRED_UNCHECKED
        elif isinstance(verdict, Unavailable):
            reasons[causation_id] = verdict.reason
    unchecked = [event for event in events if event.causation_id in reasons]
    if unchecked:
        reason = reasons[unchecked[0].causation_id]
        log(COMPLAINTS).warning("signatures cannot be checked", held=len(unchecked), reason=reason)
    return Checked(bad, unchecked)


def _signed(event: Incoming, judge_record_time: bool) -> Signed | None:
    data = event.data
    if not isinstance(data, ComplaintSubmitted) or data.channel not in SIGNED or data.signature is None:
        return None
    heard_at = event.record.recorded_at if judge_record_time else None
    return Signed(event.value, data.signature.value, data.complainant.iin or "", data.submitted_at, heard_at)
