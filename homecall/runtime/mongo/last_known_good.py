"""The newest good record of each key of a compacted topic, stored in the service's own database.

Compaction keeps the newest record of a key, good or bad. If that one cannot be read, the good one before it is gone
from the topic, and a service that starts then would not know the key.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pymongo import InsertOne, UpdateOne

from homecall.contract.envelope import Record
from homecall.contract.versions import Version, version_from
from homecall.runtime.mongo.client import MongoCollection

_AT_ONCE = 200
"""Records in one write: each may be near Kafka's limit of 1 MiB, and most are a few KiB."""


class LastKnownGood:
    """Records by key. Every replica stores the same ones; one that lags stores an older one first, then the newer."""

    def __init__(self, collection: MongoCollection) -> None:
        self._collection = collection
        self._kept: dict[str, list[int]] = {}
        self._waiting: dict[str, tuple[Record, Version | None]] = {}
        self.versions: dict[str, Version] = {}
        """The versions of the stored records, to compare newer ones with."""

    async def look(self) -> None:
        """Read what is stored, before the topic is read. Raises ``Transient`` while the database is unavailable."""
        found = await self._collection.find({}, projection={"place": 1, "version": 1})
        self._kept = {doc["_id"]: doc["place"] for doc in found}
        # Records stored by an earlier release have none.
        self.versions = {doc["_id"]: version_from(doc["version"]) for doc in found if doc.get("version")}

    async def kept(self, key: str) -> Record | None:
        """The stored record of one key."""
        found = await self._collection.find({"_id": key})
        return next((_from_doc(doc) for doc in found if not doc["gone"]), None)

    async def missing(self, seen: Collection[str]) -> list[Record]:
        """The stored records of the keys without a good record in the topic."""
        lost = sorted(self._kept.keys() - set(seen))
        found: list[Record] = []
        for start in range(0, len(lost), _AT_ONCE):
            some = lost[start : start + _AT_ONCE]
            found += [_from_doc(doc) for doc in await self._collection.find({"_id": {"$in": some}}) if not doc["gone"]]
        return found

    def put(self, key: str, record: Record, version: Version | None = None) -> None:
        """Store a record with the next ``store``; a tombstone frees its key, and has no version."""
        if self._kept.get(key) != _place(record) or self.versions.get(key) != version:
            self._waiting[key] = record, version
        else:
            # The topic has older ones too: the stored one is newer.
            self._waiting.pop(key, None)

    async def store(self) -> None:
        """Store what was put since. Raises ``Transient``; the next call stores the rest."""
        while self._waiting:
            some = dict(list(self._waiting.items())[:_AT_ONCE])
            there = await self._collection.find({"_id": {"$in": list(some)}}, projection={"_id": 1})
            known = {doc["_id"] for doc in there}
            writes: list[InsertOne[Any] | UpdateOne] = []
            for key, (record, version) in some.items():
                doc = _to_doc(record) | {"version": version and version.as_doc()}
                writes.append(
                    UpdateOne({"_id": key}, {"$set": doc}) if key in known else InsertOne({"_id": key, **doc})
                )
            if await self._collection.write(writes) is None:
                continue  # another replica was first with one of them: look again
            for key, (record, version) in some.items():
                self._kept[key] = _place(record)
                self.versions.pop(key, None)
                if version is not None:
                    self.versions[key] = version
                if self._waiting.get(key) == (record, version):
                    del self._waiting[key]


def _place(record: Record) -> list[int]:
    # The time too: in a topic that was recreated the offsets start again.
    return [record.partition, record.offset, record.timestamp]


def _to_doc(record: Record) -> dict[str, Any]:
    return {
        "topic": record.topic,
        "place": _place(record),
        "key": record.key,
        "value": record.value,
        "headers": [[name, value] for name, value in record.headers],
        "gone": record.value is None,
    }


def _from_doc(doc: dict[str, Any]) -> Record:
    partition, offset, timestamp = doc["place"]
    headers = tuple((name, value) for name, value in doc["headers"])
    return Record(doc["topic"], partition, offset, doc["key"], doc["value"], headers, timestamp)
