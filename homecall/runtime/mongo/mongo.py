"""MongoDB: aggregates stored by compare-and-set, and pages that give numbers. The only file that names motor.

Only what every MongoDB deployment can do is used: no transactions, no change streams, no upserts, no partial indexes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar
from uuid import uuid4

import bson
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import ASCENDING, IndexModel, InsertOne, UpdateOne
from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError

from homecall.contract.envelope import OutgoingRecord
from homecall.contract.topics import TOPIC_OF_TYPE
from homecall.runtime.engine.decision import Dead, Measure
from homecall.runtime.failpoint import failpoint
from homecall.runtime.failures import Awaited
from homecall.runtime.mongo.codec import Codec
from homecall.runtime.mongo.errors import DUPLICATE_KEY, caused_by_document, only_duplicates, outage, place_of
from homecall.runtime.settings import SettingsError

S = TypeVar("S")
T = TypeVar("T")

Index = tuple[str | Sequence[str], bool]
"""A field or several, and whether no two documents may have the same there."""

_RAW_AT_ONCE = 200
"""Documents in one answer: a clinic's day may be a megabyte."""


def millis(moment: datetime) -> int:
    """A moment as stores compare it: whole milliseconds since 1970, UTC, rounded up.

    Not a date of BSON: a stand-in compares those by whole seconds.
    """
    return -int(-moment.timestamp() * 1000 // 1)


def moment_of(milliseconds: int) -> datetime:
    """The moment that ``millis`` gave."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


class Database:
    """A service's own database. Raises ``SettingsError`` for an address that is none."""

    def __init__(self, url: str, name: str) -> None:
        # retryWrites needs sessions, which not every deployment has; a write whose answer was lost is healed by reload.
        try:
            self._client: Any = AsyncIOMotorClient(
                url,
                w="majority",
                retryWrites=False,
                retryReads=False,
                tz_aware=True,
                serverSelectionTimeoutMS=5_000,
                connectTimeoutMS=5_000,
                socketTimeoutMS=30_000,
                maxPoolSize=20,
            )
        except (PyMongoError, ValueError):
            # The driver's own words may quote the address, and with it a password.
            raise SettingsError(
                "HOMECALL_MONGO_URL is no address of a database: it must be as in mongodb://127.0.0.1:27017"
            ) from None
        self._database = self._client[name]
        self.name = name
        self.place = place_of(url)
        """Its address without user and password, and the setting it stands in."""
        self.commands = 0
        """Commands sent so far: one query or one bulk write each."""

    def collection(self, name: str) -> MongoCollection:
        """A collection of this database."""
        return MongoCollection(self, self._database[name])

    async def attempt(self, call: Awaitable[T]) -> T:
        """Await a call of the driver.

        Raises ``Transient`` for an error to retry, ``Refused`` where the server rejects us, and the driver's own error
        where a document caused it.
        """
        try:
            return await call
        except PyMongoError as error:
            if caused_by_document(error):
                raise
            raise outage(error, self.place) from error

    def unavailable(self, error: Exception) -> Exception:
        """An error as it counts where no document was written: every error of the database is an outage."""
        return outage(error, self.place) if isinstance(error, PyMongoError) else error

    async def ping(self) -> bool:
        """Whether a server answers within 2 s. It may still refuse all work: see ``Probe``."""
        try:
            await asyncio.wait_for(self._database.command("ping"), 2)
        except (PyMongoError, TimeoutError):
            return False
        return True

    async def filled(self) -> bool:
        """Whether any collection has a document."""
        names = await self.attempt(self._database.list_collection_names())
        return any([await self.attempt(self._database[name].find_one({}, {"_id": 1})) for name in names])

    async def clear(self) -> None:
        """Remove every collection: what a user with readWrite may do, and with it is an empty database."""
        for name in await self.attempt(self._database.list_collection_names()):
            await self.attempt(self._database.drop_collection(name))

    async def drop(self) -> None:
        """Remove the database: for tests and the demo."""
        await self.attempt(self._client.drop_database(self._database.name))

    def close(self) -> None:
        self._client.close()


class MongoCollection:
    """A collection, with the few operations that every MongoDB and stand-in does alike."""

    def __init__(self, database: Database, raw: Any) -> None:
        self._database = database
        self._raw = raw
        self.name: str = raw.name

    async def index_keys(self) -> set[tuple[str, ...]]:
        """The fields of each index that is there."""
        # By what they are on: not every server keeps the names that it was given.
        found = await self._database.attempt(self._raw.index_information())
        return {tuple(name for name, _ in each["key"]) for each in found.values()}

    async def ensure_indexes(self, indexes: Iterable[Index]) -> None:
        """Create the indexes that are missing: (field or fields, unique). All are sparse.

        Raises ``Awaited`` where documents that are there do not allow a unique one.
        """
        models = [
            IndexModel(
                [(name, ASCENDING) for name in ([names] if isinstance(names, str) else names)],
                unique=unique,
                sparse=True,
                name="_".join([names] if isinstance(names, str) else names),
            )
            for names, unique in indexes
        ]
        if not models:
            return
        try:
            await self._database.attempt(self._raw.create_indexes(models))
        except OperationFailure as error:
            if error.code in DUPLICATE_KEY:
                raise Awaited(
                    f"an index of {self._database.name}.{self.name} cannot be made, since documents there have the "
                    f"same key: restore a backup, or ask for help ({self._database.place})"
                ) from error
            raise self._database.unavailable(error) from error

    async def find(
        self,
        query: Mapping[str, Any],
        *,
        limit: int = 0,
        sort: str | None = None,
        projection: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """The documents that match, in one query."""
        self._database.commands += 1
        cursor = self._raw.find(query, projection)
        if sort:
            cursor = cursor.sort(sort, ASCENDING)
        if limit:
            cursor = cursor.limit(limit)
        return await self._database.attempt(cursor.to_list(length=None))

    async def raw(self) -> AsyncIterator[RawBSONDocument]:
        """Every document as the database has it, in the order of their ids."""
        options = self._raw.codec_options.with_options(document_class=RawBSONDocument)
        # In portions by id: a cursor left open for long is closed by the server, and a stand-in answers in one piece.
        after: Any = None
        while True:
            query = {} if after is None else {"_id": {"$gt": after}}
            self._database.commands += 1
            cursor = self._raw.with_options(options).find(query).sort("_id", ASCENDING).limit(_RAW_AT_ONCE)
            found = await self._database.attempt(cursor.to_list(length=None))
            for doc in found:
                yield doc
            if len(found) < _RAW_AT_ONCE:
                return
            after = found[-1]["_id"]

    async def insert_all(self, docs: Sequence[RawBSONDocument]) -> None:
        """Insert documents as they are."""
        self._database.commands += 1
        await self._database.attempt(self._raw.insert_many(docs, ordered=False))

    async def write(self, operations: Sequence[InsertOne[Any] | UpdateOne]) -> int | None:
        """One unordered bulk write. The number inserted or matched; None when a key was there already."""
        if not operations:
            return 0
        self._database.commands += 1
        try:
            result = await self._database.attempt(self._raw.bulk_write(list(operations), ordered=False))
        except BulkWriteError as error:
            if only_duplicates(error):
                return None
            raise
        return int(result.inserted_count + result.matched_count)

    async def group(self, match: Mapping[str, Any], by: str, oldest: str) -> list[tuple[Any, int, Any]]:
        """Count the documents that match by a field, with the least of another, a number: (value, count, least)."""
        self._database.commands += 1
        pipeline = [
            {"$match": dict(match)},
            {"$group": {"_id": f"${by}", "count": {"$sum": 1}, "oldest": {"$min": f"${oldest}"}}},
        ]
        found = await self._database.attempt(self._raw.aggregate(pipeline).to_list(length=None))
        return [(row["_id"], int(row["count"]), row["oldest"]) for row in found]


Place = tuple[str, int, int]
"""Where a record stands: topic, partition, offset."""


@dataclass(slots=True)
class Parked:
    """An event whose subject is not known yet; ``until`` is when it becomes a dead letter.

    ``record`` is the event as it came, sealed where its engine has a vault. ``dead`` says why, once its subject has
    come and it could not take effect.
    """

    causation_id: str
    until: datetime
    record: dict[str, Any]
    dead: Dead | None = None


@dataclass(slots=True)
class Aggregate(Generic[S]):
    """One document: a state, and which cause led to which events.

    ``version`` 0 has not been stored. ``fresh`` are the outcomes that are not stored yet, ``unsent`` the causes whose
    events are not known to have been sent, in the order in which they are to be: those of timers and of other
    aggregates' work, which no record of the log would bring back, then those of records that somebody took and did not
    get to the end with. ``places`` says where the records of the causes in hand stand.
    """

    id: str
    version: int = 0
    state: S | None = None
    outcomes: dict[str, list[OutgoingRecord]] = field(default_factory=dict)
    parked: list[Parked] = field(default_factory=list)
    unsent: list[str] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    fresh: dict[str, list[OutgoingRecord]] = field(default_factory=dict)
    measures: list[Measure] = field(default_factory=list)
    changed: bool = False
    timer_at: datetime | None = None
    changed_at: datetime | None = None
    """When it was last stored, by the real clock; None where an earlier release stored it."""

    def heard(self, causation_id: str) -> bool:
        """Whether this cause has led to its outcome already."""
        return causation_id in self.outcomes or causation_id in self.fresh

    def said(self, causation_id: str) -> list[OutgoingRecord]:
        """The events that a cause led to."""
        return self.fresh.get(causation_id) or self.outcomes.get(causation_id) or []

    def owed(self) -> list[OutgoingRecord]:
        """The events that are stored and not known to have been sent, in the order in which they were decided."""
        # The marks keep that order; the outcomes do not: a server may add the fields of one update by their names.
        return [event for causation_id in self.unsent for event in self.said(causation_id)]

    def owe(self, causation_id: str) -> None:
        """Mark a cause unsent, after those that are."""
        if causation_id not in self.unsent:
            self.unsent.append(causation_id)

    def add(self, causation_id: str, events: Iterable[OutgoingRecord]) -> None:
        """Remember what a cause led to, after what it has led to before."""
        self.fresh.setdefault(causation_id, list(self.outcomes.get(causation_id, ()))).extend(events)


def _event_to_doc(event: OutgoingRecord) -> dict[str, Any]:
    doc = {
        "type": event.type,
        "id": event.id,
        "key": event.key,
        "subject": event.subject,
        "source": event.source,
        "time": event.time,
        "value": event.value.decode(),
    }
    if event.traceparent:
        doc["traceparent"] = event.traceparent
    return doc


def _event_from_doc(doc: Mapping[str, Any]) -> OutgoingRecord:
    return OutgoingRecord(
        topic=TOPIC_OF_TYPE[doc["type"]].name,
        key=doc["key"],
        type=doc["type"],
        id=doc["id"],
        source=doc["source"],
        subject=doc["subject"],
        time=doc["time"],
        value=doc["value"].encode(),
        traceparent=doc.get("traceparent"),
    )


def _parked_to_doc(kept: Parked) -> dict[str, Any]:
    doc = {"cause": kept.causation_id, "until": millis(kept.until), "record": kept.record}
    if kept.dead is not None:
        doc["dead"] = {"reason": kept.dead.reason, "detail": kept.dead.detail}
    return doc


def _parked_from_doc(doc: Mapping[str, Any]) -> Parked:
    dead = Dead(**doc["dead"]) if doc.get("dead") else None
    return Parked(doc["cause"], moment_of(doc["until"]), doc["record"], dead)


class Repository(Generic[S]):
    """The aggregates of one kind in one collection.

    ``timer_at`` says when a state's next timer is due, ``indexed`` gives the fields it is found by. Both look at the
    state alone. ``indexes`` are (field, unique): a unique one holds only while the field exists. ``over_on`` is the day
    since when a state's personal data serve nothing any more; None while it is open, or holds none. ``sealed`` are the
    parts of a state that a vault sealed. So many as ``remember`` says are kept in memory as they were stored last.
    """

    def __init__(
        self,
        collection: MongoCollection,
        state_type: type[S],
        *,
        timer_at: Callable[[S], datetime | None],
        indexed: Callable[[S], Mapping[str, Any]] = lambda _: {},
        indexes: Sequence[Index] = (),
        over_on: Callable[[S], date | None] = lambda _: None,
        sealed: Callable[[S], list[Mapping[str, Any]]] = lambda _: [],
        remember: int = 0,
    ) -> None:
        self._collection = collection
        self._codec = Codec(state_type)
        self._timer_at = timer_at
        self._indexed = indexed
        self._indexes = indexes
        self._over_on = over_on
        self._sealed = sealed
        self._remember = remember
        self._remembered: OrderedDict[str, Aggregate[S]] = OrderedDict()
        self.passed: Callable[[str, int], int] | None = None
        """By topic and partition, the offset below which all that records led to is known to have been sent. What was
        stored for a record beyond it is owed by whoever finds it. None for who sends nothing."""
        self.learn_passed: Callable[[Collection[tuple[str, int]]], Awaitable[None]] | None = None
        """Asks the broker for what ``passed`` does not know of these partitions. Raises ``Transient``."""

    @property
    def schema(self) -> tuple[MongoCollection, Sequence[Index]]:
        """The collection, with all the indexes that it is to have."""
        always = ("timer_at", "unsent_at", "over_on", "sealed")
        return self._collection, [*((name, False) for name in always), *self._indexes]

    async def prepare(self) -> None:
        """Create the indexes; safe to run again."""
        await self._collection.ensure_indexes(self.schema[1])

    def size(self, state: S) -> int:
        """How many bytes the document of a state has."""
        return len(bson.encode(self._codec.encode(state)))

    def derived(self, doc: Mapping[str, Any]) -> Mapping[str, Any]:
        """The fields that a document is found by, as this release stores them; None for what it is to be without."""
        state = self._state_of(doc)
        return {} if state is None else self._indexed(state)

    def derived_over(self, doc: Mapping[str, Any]) -> Mapping[str, Any]:
        """Since when it is over, for a document of before that was stored: not before its last change."""
        state = self._state_of(doc)
        since = None if state is None else self._over_on(state)
        if state is None or (since is not None and "over_on" in doc):
            return {}
        changed_at = moment_of(doc["changed_at"]) if "changed_at" in doc else datetime.now(UTC)
        return {"over_on": None if since is None else max(since, changed_at.date()).toordinal()}

    async def load(self, ids: Collection[str]) -> dict[str, Aggregate[S]]:
        """Those that exist, by id, in one query."""
        return {each.id: each for each in await self.find({"_id": {"$in": list(ids)}})} if ids else {}

    async def find(self, query: Mapping[str, Any], *, limit: int = 0, sort: str | None = None) -> list[Aggregate[S]]:
        """Those that match a query on ``_id`` or an indexed field."""
        found = await self._collection.find(query, limit=limit, sort=sort)
        # After the query: what is committed by then was sent before it was read here.
        await self._learn_passed(found)
        return [self._from_doc(doc) for doc in found]

    async def _learn_passed(self, docs: Iterable[Mapping[str, Any]]) -> None:
        """Find out whether events that seem unsent were sent by another replica: one request for all documents."""
        if self.passed is None or self.learn_passed is None:
            return
        marks = (mark for doc in docs for mark in _marks(doc.get("hot", ())))
        doubtful = {
            (topic, partition) for topic, partition, offset, _ in marks if offset >= self.passed(topic, partition)
        }
        if doubtful:
            await self.learn_passed(doubtful)

    async def look(self, query: Mapping[str, Any], without: Sequence[str]) -> list[Aggregate[S]]:
        """The same for who only looks: without what was said, what is parked, and these fields of the state.

        They must have defaults. What comes so must not be saved.
        """
        left_out = {"o": 0, "p": 0} | {f"s.{name}": 0 for name in without}
        return [self._from_doc(doc) for doc in await self._collection.find(query, projection=left_out)]

    async def due(self, now: datetime, limit: int) -> list[Aggregate[S]]:
        """Those whose timer is due, the oldest first."""
        return await self.find({"timer_at": {"$lte": millis(now)}}, limit=limit, sort="timer_at")

    async def unsent(self, before: datetime, limit: int) -> list[Aggregate[S]]:
        """Those whose timer's events were stored before ``before`` and are not known to have been sent."""
        return await self.find({"unsent_at": {"$lte": millis(before)}}, limit=limit, sort="unsent_at")

    async def sent(self, aggregates: Sequence[Aggregate[S]]) -> None:
        """Clear the marks of those whose events were sent, unless they have changed since.

        Also what it was stored for: who loads it next must not find it owing once more. Two services would else go on
        telling each other the same for ever.
        """
        sent = {"$unset": {"unsent_at": "", "unsent": "", "hot": ""}}
        await self._collection.write([UpdateOne({"_id": each.id, "v": each.version}, sent) for each in aggregates])

    async def over(self, last_day: date, limit: int) -> list[Aggregate[S]]:
        """Those that were over, and last changed, on that day or before, the oldest first."""
        return await self.find(_over_by(last_day), limit=limit, sort="over_on")

    async def count_over(self, last_day: date) -> int:
        """How many those are."""
        return sum(count for _, count, _ in await self.group(_over_by(last_day), "over_on", "over_on"))

    async def sealed_but(self, current: str, limit: int) -> list[Aggregate[S]]:
        """Those that hold something sealed under another key than that, in their states or among what is parked."""
        keys = [found for found, _, _ in await self.group({"sealed": {"$exists": True}}, "sealed", "v")]
        older = [each for each in keys if each != current]
        return await self.find({"sealed": {"$in": older}}, limit=limit) if older else []

    async def group(self, match: Mapping[str, Any], by: str, oldest: str) -> list[tuple[Any, int, Any]]:
        """See ``MongoCollection.group``."""
        return await self._collection.group(match, by, oldest)

    async def save(self, aggregates: Sequence[Aggregate[S]], *, timers: bool = True) -> set[str]:
        """Store what changed, each by compare-and-set, in one bulk write. The ids of those that lost.

        Without ``timers`` those stay as they are: for who cannot know what an unfinished aggregate waits for.
        """
        if not aggregates:
            return set()
        token = uuid4().hex
        operations = [self._operation(each, token, timers=timers) for each in aggregates]
        done = await self._collection.write(operations)
        lost: set[str] = set()
        if done != len(aggregates):
            # Which of them it was is asked for: the numbers that servers give back do not tell.
            mine = await self._collection.find(
                {"_id": {"$in": [each.id for each in aggregates]}}, projection={"w": 1, "v": 1}
            )
            won = {doc["_id"] for doc in mine if doc.get("w") == token}
            lost = {each.id for each in aggregates} - won
        for each in aggregates:
            if each.id not in lost:
                each.version += 1
                each.outcomes.update(each.fresh)
                each.fresh = {}
                each.changed = False
                self._keep(each)
        return lost

    def _keep(self, aggregate: Aggregate[S]) -> None:
        if not self._remember:
            return
        self._remembered.pop(aggregate.id, None)
        if not aggregate.unsent:
            self._remembered[aggregate.id] = aggregate
            if len(self._remembered) > self._remember:
                self._remembered.popitem(last=False)

    def remembered(self, key: str) -> Aggregate[S] | None:
        """What was stored under this id of late, as far as is known here; whoever gets it has it alone.

        Somebody else may have changed it since: only a write tells.
        """
        kept = self._remembered.pop(key, None)
        if kept is None or kept.changed or kept.fresh:
            return None  # it was not stored as it stands here
        kept.places = {}
        return kept

    def _operation(self, each: Aggregate[S], token: str, *, timers: bool) -> InsertOne[Any] | UpdateOne:
        found: dict[str, Any] = {"w": token, "changed_at": millis(datetime.now(UTC))}
        gone: dict[str, str] = {}
        moments = [parked.until for parked in each.parked]
        if each.state is not None:
            found["s"] = self._codec.encode(each.state)
            timer_at = each.timer_at or self._timer_at(each.state)
            if timer_at is not None:
                moments.append(timer_at)
            over_on = self._over_on(each.state)
            # Not before its last change: until then a record may come again, and must find what it said.
            over = None if over_on is None else max(over_on, datetime.now(UTC).date()).toordinal()
            for name, value in {**self._indexed(each.state), "over_on": over}.items():
                (gone if value is None else found)[name] = "" if value is None else value
        if timers and moments:
            found["timer_at"] = millis(min(moments))
        elif timers:
            gone["timer_at"] = ""
        parts = [kept.record for kept in each.parked] + (self._sealed(each.state) if each.state is not None else [])
        keys = {part["k"] for part in parts if "k" in part}
        if keys:
            found["sealed"] = " ".join(sorted(keys))
        else:
            gone["sealed"] = ""
        hot = [
            f"{topic} {partition} {offset} {causation_id}"
            for causation_id, (topic, partition, offset) in each.places.items()
            if each.said(causation_id)
        ]
        if hot:
            found["hot"] = hot
        elif timers:
            # What was there before has been sent by now, or is among the unsent.
            gone["hot"] = ""
        if each.unsent:
            found["unsent_at"] = millis(datetime.now(UTC))
            found["unsent"] = list(each.unsent)
        parked_docs = [_parked_to_doc(kept) for kept in each.parked]
        outcomes = {
            causation_id: [_event_to_doc(event) for event in events] for causation_id, events in each.fresh.items()
        }
        if each.version == 0:
            return InsertOne({"_id": each.id, "v": 1, **found, "p": parked_docs, "o": outcomes})
        found["p"] = parked_docs
        found.update({f"o.{causation_id}": events for causation_id, events in outcomes.items()})
        change: dict[str, Any] = {"$set": found, "$inc": {"v": 1}}
        if gone:
            change["$unset"] = gone
        return UpdateOne({"_id": each.id, "v": each.version}, change)

    def _state_of(self, doc: Mapping[str, Any]) -> S | None:
        stored = doc.get("s")
        if stored is None:
            return None
        return self._codec.decode(stored)

    def _from_doc(self, doc: Mapping[str, Any]) -> Aggregate[S]:
        unsent = list(doc.get("unsent", ()))
        if self.passed is not None:
            unsent += [
                causation_id for causation_id in _hot(doc.get("hot", ()), self.passed) if causation_id not in unsent
            ]
        return Aggregate(
            id=doc["_id"],
            version=doc["v"],
            state=self._state_of(doc),
            outcomes={
                causation_id: [_event_from_doc(each) for each in events]
                for causation_id, events in doc.get("o", {}).items()
            },
            parked=[_parked_from_doc(each) for each in doc.get("p", ())],
            unsent=unsent,
            changed_at=moment_of(doc["changed_at"]) if "changed_at" in doc else None,
        )


def _hot(kept: Iterable[str], passed: Callable[[str, int], int]) -> Iterator[str]:
    """The causes, of those that were last stored, whose records nobody is known to have come to the end with."""
    for topic, partition, offset, causation_id in _marks(kept):
        if offset >= passed(topic, partition):
            yield causation_id


def _marks(kept: Iterable[str]) -> Iterator[tuple[str, int, int, str]]:
    """Where the records of what was last stored stand, and their causes."""
    for each in kept:
        topic, partition, offset, causation_id = each.split(" ")
        yield topic, int(partition), int(offset), causation_id


def _over_by(last_day: date) -> dict[str, Any]:
    return {"over_on": {"$lte": last_day.toordinal()}}


class Sequences:
    """Pages that give numbers 1, 2, 3… to subjects, without gap or double, also after a crash.

    A page is one document: a map from subject to number. Asking again finds the number that was given. The pages that
    were written last are kept in memory as they were written, up to ``keep`` numbers: each write of a page bears a
    token, and changes it only where the last one is still ours.
    """

    def __init__(self, collection: MongoCollection, *, keep: int = 50_000) -> None:
        self._collection = collection
        self._keep = keep
        self._kept: OrderedDict[str, _Written] = OrderedDict()

    async def allocate(self, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """The number of each (page, subject); new subjects of a page are numbered in the order they stand here."""
        subjects: dict[str, list[str]] = {}
        for page, subject in wanted:
            subjects.setdefault(page, []).append(subject)
        given: dict[tuple[str, str], int] = {}
        open_pages = set(subjects)
        while open_pages:
            pages = await self._read(open_pages)
            failpoint("page.read")
            token = uuid4().hex
            operations: list[InsertOne[Any] | UpdateOne] = []
            tried: dict[str, _Written] = {}
            for page in sorted(open_pages):
                before = pages.get(page)
                numbers = before.numbers if before is not None else {}
                count = before.count if before is not None else 0
                new: dict[str, int] = {}
                for subject in subjects[page]:
                    if subject not in numbers and subject not in new:
                        count += 1
                        new[subject] = count
                if before is not None and not new:
                    tried[page] = before
                    continue
                if before is None:
                    tried[page] = _Written(1, token, count, new)
                    operations.append(InsertOne({"_id": page, "v": 1, "w": token, "count": count, "numbers": new}))
                else:
                    tried[page] = _Written(before.version + 1, token, count, numbers | new)
                    change = {"w": token, "count": count} | {f"numbers.{key}": number for key, number in new.items()}
                    as_read = {"_id": page, "v": before.version, "w": before.token}
                    operations.append(UpdateOne(as_read, {"$set": change, "$inc": {"v": 1}}))
            try:
                written = await self._collection.write(operations)
            except BaseException:
                # It may have been written all the same.
                self._forget(open_pages)
                raise
            failpoint("page.written")
            lost: set[str] = set()
            if written != len(operations):
                ours = [page for page in tried if tried[page].token == token]
                found = await self._collection.find({"_id": {"$in": ours}}, projection={"w": 1})
                lost = set(ours) - {doc["_id"] for doc in found if doc.get("w") == token}
            self._forget(lost)
            for page in open_pages - lost:
                self._remember(page, tried[page])
                given.update({(page, subject): tried[page].numbers[subject] for subject in subjects[page]})
            open_pages = lost
        return given

    async def _read(self, names: Collection[str]) -> dict[str, _Written]:
        """These pages as they are known, or as they stand; one query for all that are not known."""
        pages = {name: self._kept[name] for name in names if name in self._kept}
        unknown = sorted(set(names) - pages.keys())
        for doc in await self._collection.find({"_id": {"$in": unknown}}) if unknown else []:
            pages[doc["_id"]] = _Written(doc["v"], doc["w"], int(doc["count"]), dict(doc.get("numbers") or {}))
        return pages

    def _remember(self, name: str, page: _Written) -> None:
        self._kept[name] = page
        self._kept.move_to_end(name)
        kept = sum(len(each.numbers) for each in self._kept.values())
        while kept > self._keep:
            kept -= len(self._kept.popitem(last=False)[1].numbers)

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._kept.pop(name, None)

    async def published(self, told: Mapping[str, Mapping[str, int]]) -> int:
        """Put numbers that were told into their pages, by page and subject; how many were not there.

        For a store that was restored: nothing else may use it meanwhile. A number that is missing below the last one is
        left out for good unless its subject asks for it: whoever has it is not known.
        """
        put = 0
        there = await self._read(told)
        operations: list[InsertOne[Any] | UpdateOne] = []
        for page, numbers in told.items():
            before = there.get(page)
            known = before.numbers if before is not None else {}
            new = {subject: number for subject, number in numbers.items() if known.get(subject) != number}
            if not new:
                continue
            # What a batch was given and nobody was told is given anew: here a number stands for what was told alone.
            untold = [subject for subject, number in known.items() if number in new.values() and subject not in new]
            put += len(new)
            count = max([*numbers.values(), *(number for name, number in known.items() if name not in untold)])
            token = uuid4().hex
            if before is None:
                operations.append(InsertOne({"_id": page, "v": 1, "w": token, "count": count, "numbers": new}))
                continue
            change: dict[str, Any] = {
                "$set": {"w": token, "count": count} | {f"numbers.{name}": number for name, number in new.items()},
                "$inc": {"v": 1},
            }
            if untold:
                change["$unset"] = {f"numbers.{name}": "" for name in untold}
            operations.append(UpdateOne({"_id": page, "v": before.version}, change))
        self._forget(told)
        await self._collection.write(operations)
        return put

    async def look(self, pages: Collection[str]) -> dict[str, Page]:
        """Those of these pages that exist, in one query."""
        found = await self._collection.find({"_id": {"$in": list(pages)}}) if pages else []
        return {doc["_id"]: Page(int(doc["count"]), dict(doc.get("numbers") or {})) for doc in found}

    async def names(self) -> list[str]:
        """Every page that exists: its name alone."""
        return [doc["_id"] for doc in await self._collection.find({}, projection={"v": 1})]


@dataclass(frozen=True, slots=True)
class _Written:
    """A page as somebody wrote it: ``token`` is that write's, and no other's."""

    version: int
    token: str
    count: int
    numbers: dict[str, int]


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it stands: the last number that it counts, and the number of each subject."""

    count: int
    numbers: Mapping[str, int]
