"""Events that wait for their subject: kept with its aggregate, encrypted, until it is known or may be changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import bson

from homecall.contract.envelope import Incoming, Record
from homecall.runtime.encryption import Vault

PARKED_FOR: Final = timedelta(hours=24)
"""How long an event waits for its subject before it becomes a dead letter."""
WHILE_HELD: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Until when it waits for a subject that is known and may not be changed yet: as long as that takes."""

_STORED: Final = ("topic", "partition", "offset", "key", "value", "headers", "timestamp")
"""The fields of a record in its document."""


class Parking:
    """Encrypts and decrypts parked events. Without a ``vault``, which is for tests, they are kept as they came."""

    def __init__(self, vault: Vault | None) -> None:
        self.vault = vault

    def keep(self, aggregate_id: str, event: Incoming) -> dict[str, Any]:
        """An event as it is stored with its aggregate."""
        if self.vault is None:
            return _record_to_doc(event.record)
        return self.vault.seal(as_bytes(event.record), parked_place(aggregate_id, event.causation_id))

    def kept(self, aggregate_id: str, causation_id: str, stored: Mapping[str, Any]) -> Record:
        """The record of an event that ``keep`` gave. Raises ``Unreadable`` where its key is missing."""
        if self.vault is None:
            return _record_from_doc(stored)
        return from_bytes(self.vault.open(stored, parked_place(aggregate_id, causation_id)))


def parked_place(aggregate_id: str, causation_id: str) -> str:
    """The place that a parked event is encrypted for: it can be decrypted for no other."""
    return f"parked/{aggregate_id}/{causation_id}"


def as_bytes(record: Record) -> bytes:
    """A record as one piece, to be encrypted."""
    return bson.encode(_record_to_doc(record))


def from_bytes(kept: bytes) -> Record:
    """The record that ``as_bytes`` gave."""
    return _record_from_doc(bson.decode(kept))


def _record_to_doc(record: Record) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _STORED} | {"headers": [list(each) for each in record.headers]}


def _record_from_doc(doc: Mapping[str, Any]) -> Record:
    return Record(**{**doc, "headers": tuple((name, value) for name, value in doc["headers"])})
