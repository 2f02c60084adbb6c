"""``homecall retire``: take a clinic out of the list of clinics, with a record that has its key and no value."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from homecall.contract.events import ClinicPublished
from homecall.contract.topics import CLINICS, TYPE_PREFIX
from homecall.contract.types import CLINIC_ID, in_zone
from homecall.operations.failure import Failure
from homecall.operations.kafka import Message, Sent, send
from homecall.operations.publish import SOURCE, signing
from homecall.operations.terminal import settings


def retire(clinic_id: str, *, source: str = SOURCE, sender: str | None = None, key: Path | None = None) -> None:
    """Send the clinic's tombstone; ``Failure`` with code 1 where it was not sent."""
    if not CLINIC_ID.fullmatch(clinic_id):
        raise Failure(f"{clinic_id}: a clinic's id is lower-case letters, digits and hyphens, at most 40")
    sign: Callable[[Message], Message] = signing(sender, key)
    message = sign(tombstone(clinic_id, source=source, now=datetime.now(UTC)))
    (place,) = asyncio.run(send(settings(), [message]))
    if not isinstance(place, Sent):
        raise Failure(f"{clinic_id}: {place}", code=1)
    print(f"{clinic_id}: retired, partition {place.partition}, offset {place.offset}")


def tombstone(clinic_id: str, *, source: str, now: datetime) -> Message:
    """The record that deletes a clinic's key. Its headers say when, which is signed and decides what is newer."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid4()),
        "ce_source": source,
        "ce_type": TYPE_PREFIX + ClinicPublished.TYPE,
        "ce_time": in_zone(now),
        "ce_subject": clinic_id,
    }
    return Message(
        CLINICS.name, clinic_id.encode(), None, tuple((name, text.encode()) for name, text in headers.items())
    )
