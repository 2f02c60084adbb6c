"""A MongoDB as the stores see it, behind motor's own names: a primary, what a majority has, and step-downs.

Answers are lost after the write, and unordered bulks fail in part. A write is acknowledged to ``w="majority"`` once a
majority has it, a while after the primary; a step-down rolls back what no majority has. Reads see the primary's own
state, or with ``readConcernLevel="majority"`` what a majority has; a secondary, and a former primary that does not
know yet, are behind.
"""

from __future__ import annotations

import asyncio
import random
from collections import ChainMap, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
)

from tests.simulation.loop import NODE, Node
from tests.simulation.servers import Later, Network

SERVER = "mongo"
FORMER: Final = "former primary"
"""The server that a process reads from which does not know of the step-down yet."""
Document = dict[str, Any]
View = Mapping[Any, bytes | None]
"""By id, documents as they are read where that is not as the primary has them now; None for one that is not there."""
_OPTIONS: CodecOptions[Document] = CodecOptions(tz_aware=True)
_NO_VIEW: Final[View] = {}
_MOST_LOOKED_AT: Final = 2_000
_BEHIND_AT_MOST = 3.0
"""Seconds: how far a secondary or a former primary is behind."""


@dataclass(slots=True)
class _Change:
    """A change of a document on the primary, and when a majority has it."""

    id: Any
    old: bytes | None
    new: bytes | None
    majority_at: float


@dataclass(frozen=True)
class Concerns:
    """What a client asks for: as the options of the same names of the driver."""

    w: Any = 1
    read: str = "local"
    preference: str = "primary"


class Mongo:
    """The servers: databases by name, each a mapping of collections. They outlive the processes that use them."""

    def __init__(self, network: Network, rng: random.Random) -> None:
        self.network = network
        self.rng = rng
        self.databases: dict[str, dict[str, Store]] = defaultdict(dict)
        self.slowest = 0.0
        """Seconds until a majority has a write, at most."""
        self.rolled_back = 0
        """Changes that a step-down undid."""
        self._halted = False
        self._majority_at = 0.0
        """When a majority will have the newest change."""
        self._waiting: list[_Acknowledged] = []
        self._misled: set[Node] = set()
        self._misled_until = 0.0
        self._stepped_down_at = 0.0

    def client(self, *_: Any, **options: Any) -> Client:
        return Client(
            self,
            Concerns(
                options.get("w", 1), options.get("readConcernLevel", "local"), options.get("readPreference", "primary")
            ),
        )

    async def ask(self, work: Callable[[], Any], server: str = SERVER) -> Any:
        return await self.network.call(server, work, self._failure)

    def _failure(self) -> Exception:
        return self.rng.choice((AutoReconnect, NetworkTimeout))("the connection was closed")

    # ------------------------------------------------------------ replication

    @property
    def halted(self) -> bool:
        """Whether no majority gets what is written."""
        return self._halted

    def halt(self) -> None:
        """From now on no majority gets what is written, until ``go_on`` or ``step_down``."""
        self._halted = True

    def go_on(self) -> None:
        """A majority has all that was written, and will have what is written from now on."""
        self._settle(durable=True)

    def step_down(self, seconds: float, misled: Iterable[Node] = ()) -> None:
        """Another server becomes primary within ``seconds``. What no majority had it has in part, or not at all.

        Those ``misled`` read from the former primary for a while.
        """
        now = _now()
        uncommitted = sorted(
            {each.majority_at for store in self._stores() for each in store.log if each.majority_at > now}
        )
        kept = self.rng.choice([now, *uncommitted]) if self.rng.random() < 0.5 else now
        for store in self._stores():
            self.rolled_back += store.roll_back(kept)
        self._settle(durable=False)
        self.network.away[SERVER] = now + seconds
        self._misled = set(misled)
        self._misled_until = now + min(seconds + 1.0, _BEHIND_AT_MOST - 0.1)
        self._stepped_down_at = now

    def _settle(self, *, durable: bool) -> None:
        """A majority has all changes that are left; who waits for it hears so, or that the primary stepped down."""
        now = _now()
        for store in self._stores():
            store.settle(now)
        self._halted = False
        self._majority_at = min(self._majority_at, now)
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.settle(durable=durable)

    def _stores(self) -> Iterable[Store]:
        return (store for collections in self.databases.values() for store in collections.values())

    def next_majority(self) -> float:
        """When a majority will have a change made now; in the order of changes."""
        if self._halted:
            # Later than any time, and still one after the other.
            self._majority_at = max(self._majority_at, 1e9) + 1
        else:
            self._majority_at = max(self._majority_at, _now() + self.rng.random() * self.slowest)
        return self._majority_at

    def acknowledged(self, result: Any, concerns: Concerns) -> Any:
        """The answer to a write. One that changed nothing waits too, for what it saw."""
        if concerns.w != "majority" or self._majority_at <= _now():
            return result
        later = _Acknowledged(self.rng, result)
        self._waiting.append(later)
        if self._majority_at < 1e9:
            asyncio.get_running_loop().call_at(self._majority_at, self._has_majority, later)
        return later

    def _has_majority(self, later: _Acknowledged) -> None:
        if later in self._waiting:
            self._waiting.remove(later)
            later.settle(durable=True)

    # ------------------------------------------------------------ reading

    def reads_from(self) -> str:
        """The server that the running process reads from, where it wants a primary."""
        if self._misled and _now() < self._misled_until and NODE.get() in self._misled:
            return FORMER
        return SERVER

    def learn_of_step_down(self) -> None:
        """What is written to the former primary reaches no majority; who tried hears of the new one."""
        self._misled.clear()
        raise NotPrimaryError("not primary", {"code": 10107, "codeName": "NotWritablePrimary"})

    def view(self, store: Store, concerns: Concerns, server: str) -> View:
        """What a reader sees that is not as the primary has it now."""
        now = _now()
        if concerns.preference != "primary":
            return store.before(now - self.rng.random() * _BEHIND_AT_MOST)
        if server == FORMER:
            # Its own branch lies over what both have.
            seen = store.before(self._stepped_down_at)
            return seen if concerns.read == "majority" else ChainMap(store.branch, dict(seen))
        if concerns.read == "majority" and self._majority_at > now:
            return store.before(now)
        return _NO_VIEW


class _Acknowledged(Later):
    """The answer to a write that a majority is to have."""

    def __init__(self, rng: random.Random, result: Any) -> None:
        super().__init__(result)
        self._rng = rng

    def settle(self, *, durable: bool) -> None:
        """Say that a majority has it, or else that nobody knows."""
        if durable:
            self.done(None)
            return
        told = {"code": 189, "codeName": "PrimarySteppedDown", "errmsg": "the primary stepped down"}
        errors: list[PyMongoError] = [
            AutoReconnect("the connection was closed"),
            NotPrimaryError("the primary stepped down", told),
            BulkWriteError({"writeErrors": [], "writeConcernErrors": [told]}),
        ]
        self.done(self._rng.choice(errors))


class Store:
    """The documents of one collection, found by id or by the top-level field that a query asks for."""

    def __init__(self, next_majority: Callable[[], float]) -> None:
        self._next_majority = next_majority
        self.docs: dict[Any, bytes] = {}
        self._looked_at: dict[bytes, Document] = {}
        """Documents as they were decoded. Readers get these, and must not change them: see ``altered``."""
        self.log: deque[_Change] = deque()
        """The last changes."""
        self.branch: dict[Any, bytes | None] = {}
        """What the last step-down undid."""
        self._unique: list[tuple[str, ...]] = []
        self.indexes: dict[str, Any] = {"_id_": {"key": [("_id", 1)]}}
        self._having: dict[str, set[Any]] = defaultdict(set)
        """By indexed field, the ids of the documents that have it."""
        self._in_order: dict[str, list[Any]] = {}
        """The same ids in their order, where these have been asked for since they last changed."""
        self._fields: set[str] = set()
        self._keys: dict[tuple[str, ...], dict[Any, Any]] = {}

    # ------------------------------------------------------------ changes

    def before(self, moment: float) -> View:
        """What was otherwise when a majority had what it was to have by this moment."""
        found: dict[Any, bytes | None] = {}
        for change in reversed(self.log):
            if change.majority_at <= moment:
                break
            found[change.id] = change.old
        return found

    def roll_back(self, kept: float) -> int:
        """Undo what a majority was to have only later."""
        self.branch = {}
        count = 0
        while self.log and self.log[-1].majority_at > kept:
            change = self.log.pop()
            count += 1
            self.branch.setdefault(change.id, change.new)
            now = self.docs.get(change.id)
            was = None if now is None else _decoded(now)
            if was is not None:
                del self.docs[change.id]
            if change.old is not None:
                self._keep(_decoded(change.old), change.old, was)
            elif was is not None:
                self._index({"_id": change.id}, was)
        return count

    def settle(self, now: float) -> None:
        """A majority has all changes."""
        for change in self.log:
            change.majority_at = min(change.majority_at, now)

    def _note(self, id_: Any, old: bytes | None, new: bytes | None) -> None:
        at = self._next_majority()
        self.log.append(_Change(id_, old, new, at))
        now = _now()
        while self.log[0].majority_at < now - _BEHIND_AT_MOST:
            self.log.popleft()

    # ------------------------------------------------------------ indexes

    def add_index(self, names: Sequence[str], unique: bool) -> None:
        key = tuple(names)
        if "_".join(key) in self.indexes:
            return
        self.indexes["_".join(key)] = {"key": [(name, 1) for name in key]}
        if key[0] not in self._fields:
            self._fields.add(key[0])
            self._in_order.pop(key[0], None)
            for id_ in self.docs:
                if key[0] in self._doc(id_):
                    self._having[key[0]].add(id_)
        if unique:
            self._unique.append(key)
            self._keys[key] = {}
            for id_ in self.docs:
                self._claim(key, self._doc(id_))

    def has_twice(self, names: Sequence[str]) -> bool:
        """Whether two documents have the same in these fields."""
        keys = [_key(names, doc) for doc in map(self._doc, self.docs) if _is_in(names, doc)]
        return len(keys) > len(set(keys))

    def _doc(self, id_: Any) -> Document:
        return _decoded(self.docs[id_])

    def _claim(self, names: tuple[str, ...], doc: Mapping[str, Any]) -> None:
        if _is_in(names, doc):
            self._keys[names][_key(names, doc)] = doc["_id"]

    def _put(self, doc: Document, old: Document | None) -> bool:
        """Store a document; False where a unique key is another's."""
        for names in self._unique:
            if _is_in(names, doc):
                holder = self._keys[names].get(_key(names, doc))
                if holder is not None and holder != doc["_id"]:
                    return False
        stored = bson.encode(doc)
        self._note(doc["_id"], self.docs.get(doc["_id"]), stored)
        self._keep(doc, stored, old)
        return True

    def _keep(self, doc: Document, stored: bytes, old: Mapping[str, Any] | None) -> None:
        self.docs[doc["_id"]] = stored
        self._index(doc, old)

    def _index(self, doc: Mapping[str, Any], old: Mapping[str, Any] | None) -> None:
        """Find a document by what it has now, and no longer by what it had."""
        id_ = doc["_id"]
        for name in self._fields:
            had = old is not None and name in old
            if had != (name in doc):
                (self._having[name].discard if had else self._having[name].add)(id_)
                self._in_order.pop(name, None)
        for names in self._unique:
            if old is not None:
                key = _key(names, old)
                if self._keys[names].get(key) == id_:
                    del self._keys[names][key]
            self._claim(names, doc)

    # ------------------------------------------------------------ commands

    def find(self, query: Mapping[str, Any], view: View = _NO_VIEW) -> list[Document]:
        """The documents that match, as the primary has them but for those of ``view``. They are not to be changed."""
        asked = query.get("_id")
        if isinstance(asked, dict) and "$in" in asked:
            ids: Iterable[Any] = dict.fromkeys(asked["$in"])
        elif asked is not None and not isinstance(asked, dict):
            ids = [asked]
        else:
            fields = [name for name in query if name in self._fields and not _asks_absence(query[name])]
            ids = self._ids_having(fields[0]) if fields else [*self.docs]
            if view:
                ids = dict.fromkeys([*ids, *view])
        stored = [view[each] if each in view else self.docs.get(each) for each in ids]
        every = len(query) == 1 and _names(asked)  # those of these ids, and nothing else is asked
        found = [self._look(each) for each in stored if each is not None]
        return found if every else [each for each in found if matches(each, query)]

    def _ids_having(self, name: str) -> list[Any]:
        if name not in self._in_order:
            self._in_order[name] = sorted(self._having[name], key=str)
        return self._in_order[name]

    def _look(self, stored: bytes) -> Document:
        """The document, decoded once: decoding was an eighth of what a history took."""
        doc = self._looked_at.get(stored)
        if doc is None:
            if len(self._looked_at) >= _MOST_LOOKED_AT:
                self._looked_at.clear()
            doc = self._looked_at[stored] = _decoded(stored)
        return doc

    def altered(self) -> list[Document]:
        """The documents that a reader has changed in memory."""
        return [doc for stored, doc in self._looked_at.items() if bson.encode(doc) != stored]

    def write(self, operations: Sequence[Any]) -> tuple[int, int, list[Document]]:
        """Inserted, matched, and the errors of single writes."""
        inserted, matched, errors = 0, 0, []
        for place, operation in enumerate(operations):
            if isinstance(operation, InsertOne):
                doc = _decoded(bson.encode(operation._doc))
                if doc["_id"] in self.docs or not self._put(doc, None):
                    errors.append({"index": place, "code": 11000, "errmsg": "duplicate key"})
                else:
                    inserted += 1
                continue
            held: Any = operation
            stored = self.docs.get(held._filter["_id"])
            old = None if stored is None else self._look(stored)
            if stored is None or old is None or not matches(old, held._filter):
                continue
            if self._put(applied(old, held._doc), old):
                matched += 1
            else:
                errors.append({"index": place, "code": 11000, "errmsg": "duplicate key"})
        return inserted, matched, errors


class Client:
    """motor's client."""

    def __init__(self, mongo: Mongo, concerns: Concerns) -> None:
        self._mongo = mongo
        self._concerns = concerns

    def __getitem__(self, name: str) -> Database:
        return Database(self._mongo, name, self._concerns)

    async def drop_database(self, name: str) -> None:
        await self._mongo.ask(lambda: self._mongo.databases.pop(name, None))

    def close(self) -> None:
        return


class Database:
    """motor's database."""

    def __init__(self, mongo: Mongo, name: str, concerns: Concerns) -> None:
        self._mongo = mongo
        self.name = name
        self._concerns = concerns

    def __getitem__(self, name: str) -> Collection:
        return Collection(self._mongo, self.name, name, self._concerns)

    async def command(self, _: str) -> Document:
        await self._mongo.ask(lambda: None)
        return {"ok": 1}

    async def list_collection_names(self) -> list[str]:
        found: list[str] = await self._mongo.ask(lambda: sorted(self._mongo.databases[self.name]))
        return found

    async def drop_collection(self, name: str) -> None:
        await self._mongo.ask(lambda: self._mongo.databases[self.name].pop(name, None))


class Collection:
    """motor's collection."""

    def __init__(
        self, mongo: Mongo, database: str, name: str, concerns: Concerns, options: CodecOptions[Any] = _OPTIONS
    ) -> None:
        self._mongo = mongo
        self._database = database
        self.name = name
        self._concerns = concerns
        self.codec_options = options

    def with_options(self, options: CodecOptions[Any]) -> Collection:
        return Collection(self._mongo, self._database, self.name, self._concerns, options)

    @property
    def _store(self) -> Store:
        collections = self._mongo.databases[self._database]
        if self.name not in collections:
            collections[self.name] = Store(self._mongo.next_majority)
        return collections[self.name]

    def _found(self, query: Mapping[str, Any], server: str) -> list[Document]:
        return self._store.find(query, self._mongo.view(self._store, self._concerns, server))

    async def index_information(self) -> dict[str, Any]:
        found: dict[str, Any] = await self._mongo.ask(lambda: dict(self._store.indexes))
        return found

    async def create_indexes(self, models: Sequence[Any]) -> None:
        def create() -> None:
            for model in models:
                names, unique = [*model.document["key"]], bool(model.document.get("unique"))
                if unique and self._store.has_twice(names):
                    raise OperationFailure("duplicate key", 11000)
                self._store.add_index(names, unique)

        await self._mongo.ask(create)

    def find(self, query: Mapping[str, Any] | None = None, projection: Mapping[str, Any] | None = None) -> Cursor:
        def shaped(doc: Document) -> Any:
            part = projected(doc, projection) if projection else doc
            raw = self.codec_options.document_class is RawBSONDocument
            return RawBSONDocument(bson.encode(part)) if raw else part

        return Cursor(self._mongo, lambda server: self._found(query or {}, server), shaped)

    async def find_one(self, query: Mapping[str, Any], projection: Mapping[str, Any] | None = None) -> Any:
        found = await self.find(query, projection).limit(1).to_list()
        return found[0] if found else None

    def aggregate(self, pipeline: Sequence[Mapping[str, Any]]) -> Cursor:
        match, group = pipeline[0]["$match"], pipeline[1]["$group"]
        by, oldest = group["_id"][1:], group["oldest"]["$min"][1:]

        def work(server: str) -> list[Document]:
            groups: dict[Any, list[Any]] = defaultdict(list)
            for doc in self._found(match, server):
                groups[doc.get(by)].append(doc.get(oldest))
            return [
                {
                    "_id": value,
                    "count": len(found),
                    "oldest": min((one for one in found if one is not None), default=None),
                }
                for value, found in groups.items()
            ]

        return Cursor(self._mongo, work, lambda doc: doc)

    async def insert_many(self, docs: Sequence[Any], ordered: bool = True) -> None:
        await self.bulk_write([InsertOne(bson.decode(bson.encode(doc))) for doc in docs], ordered)

    async def bulk_write(self, operations: Sequence[Any], ordered: bool = True) -> Any:
        assert not ordered, "the stores write unordered bulks only"
        if self._mongo.reads_from() == FORMER:
            await self._mongo.ask(self._mongo.learn_of_step_down, FORMER)

        def write() -> Any:
            some = [*operations]
            share = self._mongo.network.errors[SERVER]
            broken = bool(share) and self._mongo.rng.random() < share / 2
            if broken:
                some = [each for each in some if self._mongo.rng.random() < 0.5]
            written = self._store.write(some)
            if broken:
                raise AutoReconnect("the connection was closed in the middle of a bulk write")
            return self._mongo.acknowledged(written, self._concerns)

        inserted, matched, errors = await self._mongo.ask(write)
        if errors:
            raise BulkWriteError({"writeErrors": errors, "writeConcernErrors": []})
        return SimpleNamespace(inserted_count=inserted, matched_count=matched)


class Cursor:
    """motor's cursor: sorted and limited before it is asked."""

    def __init__(self, mongo: Mongo, work: Callable[[str], list[Document]], shaped: Callable[[Document], Any]) -> None:
        self._mongo = mongo
        self._work = work
        self._shaped = shaped
        self._sort: str | None = None
        self._limit = 0

    def sort(self, name: str, _direction: int) -> Cursor:
        self._sort = name
        return self

    def limit(self, number: int) -> Cursor:
        self._limit = number
        return self

    async def to_list(self, length: int | None = None) -> list[Any]:
        del length
        server = self._mongo.reads_from()

        def work() -> list[Any]:
            found = self._work(server)
            if self._sort is not None:
                name = self._sort
                found.sort(key=lambda doc: (name in doc, doc.get(name)))
            return [self._shaped(doc) for doc in (found[: self._limit] if self._limit else found)]

        found: list[Any] = await self._mongo.ask(work, server)
        return found


def _now() -> float:
    return asyncio.get_running_loop().time()


def _decoded(stored: bytes) -> Document:
    return bson.decode(stored, _OPTIONS)


def _is_in(names: Sequence[str], doc: Mapping[str, Any]) -> bool:
    """Whether a sparse index has a document: with any of its fields."""
    return any(name in doc for name in names)


def _key(names: Sequence[str], doc: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(repr(doc.get(name)) for name in names)


def projected(doc: Document, projection: Mapping[str, Any]) -> Document:
    """What a projection leaves of a document: fields that are named, or all others."""
    if not any(projection.values()):
        for path in projection:
            doc = _but(doc, path.split("."))
        return doc
    wanted = {name.split(".")[0] for name, value in projection.items() if value} | {"_id"}
    return {name: value for name, value in doc.items() if name in wanted}


def _but(doc: Document, path: Sequence[str]) -> Document:
    """A document without a field, which shares all else with the one that has it."""
    name, *below = path
    if name not in doc:
        return doc
    if not below:
        return {each: value for each, value in doc.items() if each != name}
    return doc | {name: _but(doc[name], below)}


def _names(asked: Any) -> bool:
    """Whether a query of ``_id`` names ids."""
    return asked is not None and (not isinstance(asked, dict) or [*asked] == ["$in"])


def _asks_absence(asked: Any) -> bool:
    return asked is None or (isinstance(asked, dict) and asked.get("$exists") is False)


def matches(doc: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    """Whether a document fits a query of the stores' kind."""
    for name, asked in query.items():
        if name == "$or":
            if not any(matches(doc, each) for each in asked):
                return False
        elif not _fits(doc, name, asked):
            return False
    return True


def _fits(doc: Mapping[str, Any], name: str, asked: Any) -> bool:
    value: Any
    if "." in name:
        value, there = doc, True
        for part in name.split("."):
            there = isinstance(value, dict) and part in value
            value = value[part] if there else None
            if not there:
                break
    else:
        there = name in doc
        value = doc[name] if there else None
    if not isinstance(asked, dict):
        return there and bool(value == asked or (isinstance(value, list) and asked in value))
    return all(_holds(value, there, operator, operand) for operator, operand in asked.items())


def _holds(value: Any, there: bool, operator: str, operand: Any) -> bool:
    match operator:
        case "$in":
            return there and value in operand
        case "$gte":
            return there and bool(value >= operand)
        case "$gt":
            return there and bool(value > operand)
        case "$lt":
            return there and bool(value < operand)
        case "$lte":
            return there and bool(value <= operand)
        case "$exists":
            return there is bool(operand)
        case "$ne":
            return bool(value != operand)
    raise NotImplementedError(f"{operator} of a query")


def applied(old: Document, change: Mapping[str, Any]) -> Document:
    """A document after an update; a clash of paths is an error, as on a server.

    It shares with the old one what was not changed.
    """
    sets, unsets = change.get("$set", {}), change.get("$unset", {})
    known = sets.keys() | unsets.keys()
    for path in known:
        parts = path.split(".")
        assert all(parts), f"a field of no name in {path}"
        if len(parts) > 1:
            above = [".".join(parts[:length]) for length in range(1, len(parts))]
            assert known.isdisjoint(above), f"paths clash above {path}"
    doc = {**old}
    own = {"": doc}
    """Parts of the new document that are not shared, by their paths."""
    for path, value in sets.items():
        above, _, last = path.rpartition(".")
        _own_part(own, above)[last] = value
    for path in unsets:
        above, _, last = path.rpartition(".")
        if not above or _has(doc, above):
            _own_part(own, above).pop(last, None)
    for name, number in change.get("$inc", {}).items():
        doc[name] = doc.get(name, 0) + number
    return doc


def _own_part(own: dict[str, Document], path: str) -> Document:
    """The part of a document at a path, a copy that may be changed; empty where there was none."""
    if path not in own:
        above, _, last = path.rpartition(".")
        part = _own_part(own, above)
        own[path] = part[last] = {**part.get(last, {})}
    return own[path]


def _has(doc: Document, path: str) -> bool:
    part: Any = doc
    for name in path.split("."):
        if name not in part:
            return False
        part = part[name]
    return True
