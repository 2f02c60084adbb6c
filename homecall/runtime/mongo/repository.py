"""Repositories: the aggregates of one kind, stored by compare-and-set."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar
from uuid import uuid4

import bson
from pymongo import InsertOne, UpdateOne

from homecall.runtime.mongo.aggregate import Aggregate, event_from_doc, event_to_doc, parked_from_doc, parked_to_doc
from homecall.runtime.mongo.client import Index, MongoCollection
from homecall.runtime.mongo.codec import Codec
from homecall.runtime.mongo.moments import millis, moment_of
from homecall.runtime.mongo.recent import Recent

S = TypeVar("S")


@dataclass(eq=False)
class Repository(Generic[S]):
    """The aggregates of one kind in one collection. The functions given to it look at the state alone."""

    collection: MongoCollection
    state_type: type[S]
    _: KW_ONLY
    timer_at: Callable[[S], datetime | None]
    """When a state's next timer is due."""
    indexed: Callable[[S], Mapping[str, Any]] = lambda _: {}
    """The fields that a document is found by; None for a field that it must not have."""
    indexes: Sequence[Index] = ()
    """A unique one holds only for documents that have the field."""
    over_on: Callable[[S], date | None] = lambda _: None
    """From which day a state's personal data are no longer needed; None while it is open, or holds none."""
    sealed: Callable[[S], list[Mapping[str, Any]]] = lambda _: []
    """The encrypted parts of a state."""
    remember: int = 0
    """How many aggregates are cached as they were last stored."""
    first_version: Callable[[], int] = lambda: 1
    """The version of a document that is inserted. Where documents are deleted and made again, one that no earlier
    document of the id had: what was cached of that one must not pass for the new one."""
    passed: Callable[[str, int], int] | None = None
    """By topic and partition, the offset below which the events of all records are known to be sent. Events stored for
    a later record are sent by the replica that loads them. None for a repository that sends nothing."""
    learn_passed: Callable[[Collection[tuple[str, int]]], Awaitable[None]] | None = None
    """Asks the broker what ``passed`` does not know of these partitions. Raises ``Transient``."""

    def __post_init__(self) -> None:
        self._codec = Codec(self.state_type)
        self._recent = Recent[Aggregate[S]](self.remember)

    # ------------------------------------------------------------ schema

    @property
    def schema(self) -> tuple[MongoCollection, Sequence[Index]]:
        """The collection and all its indexes."""
        always = ("timer_at", "unsent_at", "over_on", "sealed")
        return self.collection, [*((name, False) for name in always), *self.indexes]

    async def prepare(self) -> None:
        """Create the indexes; safe to run again."""
        await self.collection.ensure_indexes(self.schema[1])

    def size(self, state: S) -> int:
        """How many bytes the document of a state has."""
        return len(bson.encode(self._codec.encode(state)))

    def derived(self, doc: Mapping[str, Any]) -> Mapping[str, Any]:
        """For a migration: the indexed fields of a document as this release stores them; None for one to remove."""
        state = self._state_of(doc)
        return {} if state is None else self.indexed(state)

    def derived_over(self, doc: Mapping[str, Any]) -> Mapping[str, Any]:
        """For a migration: ``over_on`` of a document stored without it, at the earliest the day it last changed."""
        state = self._state_of(doc)
        since = None if state is None else self.over_on(state)
        if state is None or (since is not None and "over_on" in doc):
            return {}
        changed_at = moment_of(doc["changed_at"]) if "changed_at" in doc else datetime.now(UTC)
        return {"over_on": None if since is None else max(since, changed_at.date()).toordinal()}

    # ------------------------------------------------------------ reading

    async def load(self, ids: Collection[str]) -> dict[str, Aggregate[S]]:
        """Those that exist, by id, in one query."""
        return {each.id: each for each in await self.find({"_id": {"$in": list(ids)}})} if ids else {}

    async def find(self, query: Mapping[str, Any], *, limit: int = 0, sort: str | None = None) -> list[Aggregate[S]]:
        """Those that match a query on ``_id`` or an indexed field."""
        found = await self.collection.find(query, limit=limit, sort=sort)
        # After the query: an offset committed by now was committed after its events were sent.
        await self._learn_passed(found)
        return [self._from_doc(doc) for doc in found]

    async def look(self, query: Mapping[str, Any], without: Sequence[str]) -> list[Aggregate[S]]:
        """Read-only: without processed and parked events, and without these fields of the state, which have defaults.

        What this returns must not be saved.
        """
        left_out = {"o": 0, "r": 0, "p": 0} | {f"s.{name}": 0 for name in without}
        return [self._from_doc(doc) for doc in await self.collection.find(query, projection=left_out)]

    async def due(self, now: datetime, limit: int) -> list[Aggregate[S]]:
        """Those whose timer is due, the oldest first."""
        return await self.find({"timer_at": {"$lte": millis(now)}}, limit=limit, sort="timer_at")

    async def unsent(self, before: datetime, limit: int) -> list[Aggregate[S]]:
        """Those with events of timers that were stored before ``before`` and are not known to be sent."""
        return await self.find({"unsent_at": {"$lte": millis(before)}}, limit=limit, sort="unsent_at")

    async def over(self, last_day: date, limit: int) -> list[Aggregate[S]]:
        """Those over, and last changed, on that day or before, the oldest first."""
        return await self.find(_over_by(last_day), limit=limit, sort="over_on")

    async def count_over(self, last_day: date) -> int:
        """How many ``over`` would find."""
        return sum(count for _, count, _ in await self.group(_over_by(last_day), "over_on", "over_on"))

    async def sealed_but(self, current: str, limit: int) -> list[Aggregate[S]]:
        """Those with a part, of the state or a parked event, that is encrypted under another key than ``current``."""
        keys = [found for found, _, _ in await self.group({"sealed": {"$exists": True}}, "sealed", "v")]
        older = [each for each in keys if each != current]
        return await self.find({"sealed": {"$in": older}}, limit=limit) if older else []

    async def group(self, match: Mapping[str, Any], by: str, oldest: str) -> list[tuple[Any, int, Any]]:
        """See ``MongoCollection.group``."""
        return await self.collection.group(match, by, oldest)

    def remembered(self, key: str) -> Aggregate[S] | None:
        """Take the cached aggregate of this id out of the cache; None if there is none.

        Another replica may have changed the stored one since: only a write tells.
        """
        cached = self._recent.take(key)
        if cached is None or cached.changed or cached.fresh:
            return None  # changed here since it was stored
        cached.places = {}
        return cached

    async def _learn_passed(self, docs: Iterable[Mapping[str, Any]]) -> None:
        """Find out, in one request, whether events that seem unsent were sent by another replica."""
        if self.passed is None or self.learn_passed is None:
            return
        marks = (mark for doc in docs for mark in _marks(doc))
        unknown = {
            (topic, partition) for topic, partition, offset, _ in marks if offset >= self.passed(topic, partition)
        }
        if unknown:
            await self.learn_passed(unknown)

    # ------------------------------------------------------------ writing

    async def save(self, aggregates: Sequence[Aggregate[S]], *, timers: bool = True) -> set[str]:
        """Store what changed, each by compare-and-set, in one bulk write; the ids of those that lost.

        Without ``timers`` those stay as they are: for a caller that does not know what an aggregate waits for.
        """
        if not aggregates:
            return set()
        token, first = uuid4().hex, self.first_version()
        operations = [self._operation(each, token, first, timers=timers) for each in aggregates]
        lost = await self._write(operations, [each.id for each in aggregates], token)
        for each in aggregates:
            if each.id not in lost:
                each.version = each.version + 1 if each.version else _inserted(each, first)
                each.processed.update(each.fresh)
                each.fresh = {}
                each.resting_changed = set()
                each.changed = False
                self._recent.take(each.id)
                if not each.outbox:
                    self._recent.put(each.id, each)
        return lost

    async def confirm(self, aggregates: Sequence[Aggregate[S]]) -> set[str]:
        """The ids of those that somebody else has changed since they were read, for decisions that store nothing.

        Asked by a write, since a read may be answered by a server that does not know yet that it is no longer primary.
        """
        token = uuid4().hex
        writes = [UpdateOne({"_id": each.id, "v": each.version}, {"$set": {"w": token}}) for each in aggregates]
        return await self._write(writes, [each.id for each in aggregates], token)

    async def _write(self, operations: Sequence[InsertOne[Any] | UpdateOne], ids: list[str], token: str) -> set[str]:
        """Write these; the ids of those that lost. Each winner has the token."""
        if await self.collection.write(operations) == len(operations):
            return set()
        # Read back which writes won: the counts that servers return do not tell.
        stored = await self.collection.find({"_id": {"$in": ids}}, projection={"w": 1, "v": 1})
        return set(ids) - {doc["_id"] for doc in stored if doc.get("w") == token}

    async def sent(self, aggregates: Sequence[Aggregate[S]]) -> None:
        """Clear the outbox marks of those whose events were sent, unless they changed since.

        That includes the marks of records: another service that loads them would send the events once more, and two
        services would answer each other for ever.
        """
        sent = {"$unset": {"unsent_at": "", "unsent": "", "hot": ""}}
        await self.collection.write([UpdateOne({"_id": each.id, "v": each.version}, sent) for each in aggregates])

    # ------------------------------------------------------------ documents

    def _operation(self, each: Aggregate[S], token: str, first: int, *, timers: bool) -> InsertOne[Any] | UpdateOne:
        now = datetime.now(UTC)
        fields = {"w": token, "changed_at": millis(now)} | self._state_fields(each, now)
        if timers:
            fields["timer_at"] = self._timer_of(each)
        fields["sealed"] = self._keys_of(each)
        in_flight = [
            f"{topic} {partition} {offset} {causation_id}"
            for causation_id, (topic, partition, offset) in each.places.items()
            if each.said(causation_id) or causation_id in each.resting
        ]
        if in_flight or timers:
            # With ``timers``, earlier marks go: their events have been sent by now, or are among the unsent.
            fields["hot"] = in_flight or None
        if each.outbox:
            fields |= {"unsent_at": millis(now), "unsent": list(each.outbox)}
        put = {name: value for name, value in fields.items() if value is not None}
        parked = [parked_to_doc(kept) for kept in each.parked]
        events = {cause: [event_to_doc(event) for event in events] for cause, events in each.fresh.items()}
        resting = {cause: kept for cause, kept in each.resting.items() if cause in each.resting_changed}
        if each.version == 0:
            rests = {"r": resting} if resting else {}
            return InsertOne({"_id": each.id, "v": _inserted(each, first), **put, "p": parked, "o": events, **rests})
        put |= {"p": parked} | {f"o.{cause}": found for cause, found in events.items()}
        put |= {f"r.{cause}": found for cause, found in resting.items()}
        change: dict[str, Any] = {"$set": put, "$inc": {"v": 1}}
        gone = {name: "" for name, value in fields.items() if value is None}
        if woken := sorted(each.resting_changed - resting.keys()):
            gone |= {f"r.{cause}": "" for cause in woken} if each.resting else {"r": ""}
        if gone:
            change["$unset"] = gone
        return UpdateOne({"_id": each.id, "v": each.version}, change)

    def _state_fields(self, each: Aggregate[S], now: datetime) -> dict[str, Any]:
        """The state and the fields it is found by; None for one to remove."""
        if each.state is None:
            return {}
        over_on = self.over_on(each.state)
        # Not before its last change: until then a record may come again, and must find its events.
        over = None if over_on is None else max(over_on, now.date()).toordinal()
        return {"s": self._codec.encode(each.state), **self.indexed(each.state), "over_on": over}

    def _timer_of(self, each: Aggregate[S]) -> int | None:
        moments = [parked.until for parked in each.parked]
        if each.state is not None and (timer_at := each.timer_at or self.timer_at(each.state)) is not None:
            moments.append(timer_at)
        return millis(min(moments)) if moments else None

    def _keys_of(self, each: Aggregate[S]) -> str | None:
        """The keys under which its parts are encrypted."""
        parts = [parked.record for parked in each.parked] + ([] if each.state is None else self.sealed(each.state))
        return " ".join(sorted({part["k"] for part in parts if "k" in part})) or None

    def _state_of(self, doc: Mapping[str, Any]) -> S | None:
        stored = doc.get("s")
        return None if stored is None else self._codec.decode(stored)

    def _from_doc(self, doc: Mapping[str, Any]) -> Aggregate[S]:
        unsent = list(doc.get("unsent", ()))
        if self.passed is not None:
            for topic, partition, offset, cause in _marks(doc):
                if offset >= self.passed(topic, partition) and cause not in unsent:
                    unsent.append(cause)
        return Aggregate(
            id=doc["_id"],
            version=doc["v"],
            state=self._state_of(doc),
            processed={cause: [event_from_doc(each) for each in events] for cause, events in doc.get("o", {}).items()},
            resting=dict(doc.get("r", {})),
            parked=[parked_from_doc(each) for each in doc.get("p", ())],
            outbox=unsent,
            changed_at=moment_of(doc["changed_at"]) if "changed_at" in doc else None,
        )


def _inserted(each: Aggregate[Any], first: int) -> int:
    """The version of a new document. One that rests is ahead by the write that it does without: the ids of its timers'
    events go by the version, and are those that they would be with that write."""
    return first + 1 if each.resting else first


def _marks(doc: Mapping[str, Any]) -> Iterator[tuple[str, int, int, str]]:
    """Topic, partition, offset and causation id of the records that a document was last stored for."""
    for each in doc.get("hot", ()):
        topic, partition, offset, causation_id = each.split(" ")
        yield topic, int(partition), int(offset), causation_id


def _over_by(last_day: date) -> dict[str, Any]:
    return {"over_on": {"$lte": last_day.toordinal()}}
