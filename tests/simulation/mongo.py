"""A MongoDB as the stores see it, behind motor's own names: answers lost after the write, bulks that fail in part."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import bson
from bson.codec_options import CodecOptions
from pymongo import InsertOne
from pymongo.errors import AutoReconnect, BulkWriteError, NetworkTimeout

from tests.simulation.servers import Network

SERVER = "mongo"
Document = dict[str, Any]
_OPTIONS: CodecOptions[Document] = CodecOptions(tz_aware=True)


class Mongo:
    """The server: databases by name, each a mapping of collections. It outlives the processes that use it."""

    def __init__(self, network: Network, rng: random.Random) -> None:
        self.network = network
        self.rng = rng
        self.databases: dict[str, dict[str, Store]] = defaultdict(dict)

    def client(self, *_: Any, **__: Any) -> Client:
        return Client(self)

    async def ask(self, work: Callable[[], Any]) -> Any:
        def failure() -> Exception:
            return self.rng.choice((AutoReconnect, NetworkTimeout))("the connection was closed")

        return await self.network.call(SERVER, work, failure)


class Store:
    """The documents of one collection, found by id or by the top-level field that a query asks for."""

    def __init__(self) -> None:
        self.docs: dict[Any, bytes] = {}
        self._unique: list[tuple[str, ...]] = []
        self.indexes: dict[str, Any] = {"_id_": {"key": [("_id", 1)]}}
        self._having: dict[str, set[Any]] = defaultdict(set)
        """By indexed field, the ids of the documents that have it."""
        self._fields: set[str] = set()
        self._keys: dict[tuple[str, ...], dict[Any, Any]] = {}

    def add_index(self, names: Sequence[str], unique: bool) -> None:
        key = tuple(names)
        if "_".join(key) in self.indexes:
            return
        self.indexes["_".join(key)] = {"key": [(name, 1) for name in key]}
        if key[0] not in self._fields:
            self._fields.add(key[0])
            for id_ in self.docs:
                if key[0] in self._doc(id_):
                    self._having[key[0]].add(id_)
        if unique:
            self._unique.append(key)
            self._keys[key] = {}
            for id_ in self.docs:
                self._claim(key, self._doc(id_))

    def _doc(self, id_: Any) -> Document:
        return bson.decode(self.docs[id_], _OPTIONS)

    def _claim(self, names: tuple[str, ...], doc: Mapping[str, Any]) -> None:
        if all(name in doc for name in names):
            self._keys[names][tuple(map(str, (doc[name] for name in names)))] = doc["_id"]

    def _put(self, doc: Document, old: Document | None) -> bool:
        """Store a document; False where a unique key is another's."""
        for names in self._unique:
            if all(name in doc for name in names):
                holder = self._keys[names].get(tuple(map(str, (doc[name] for name in names))))
                if holder is not None and holder != doc["_id"]:
                    return False
        if old is not None:
            self._forget(old)
        self.docs[doc["_id"]] = bson.encode(doc)
        for name in self._fields:
            if name in doc:
                self._having[name].add(doc["_id"])
        for names in self._unique:
            self._claim(names, doc)
        return True

    def _forget(self, doc: Mapping[str, Any]) -> None:
        for name in self._fields:
            self._having[name].discard(doc["_id"])
        for names in self._unique:
            key = tuple(map(str, (doc.get(name) for name in names)))
            if self._keys[names].get(key) == doc["_id"]:
                del self._keys[names][key]

    def find(self, query: Mapping[str, Any]) -> list[Document]:
        asked = query.get("_id")
        if isinstance(asked, Mapping) and "$in" in asked:
            ids: Iterable[Any] = dict.fromkeys(asked["$in"])
        elif asked is not None and not isinstance(asked, Mapping):
            ids = [asked]
        else:
            fields = [name for name in query if name in self._fields and not _asks_absence(query[name])]
            ids = sorted(self._having[fields[0]], key=str) if fields else [*self.docs]
        found = (self._doc(each) for each in ids if each in self.docs)
        return [doc for doc in found if matches(doc, query)]

    def write(self, operations: Sequence[Any]) -> tuple[int, int, list[Document]]:
        """Inserted, matched, and the errors of single writes."""
        inserted, matched, errors = 0, 0, []
        for place, operation in enumerate(operations):
            if isinstance(operation, InsertOne):
                doc = bson.decode(bson.encode(operation._doc), _OPTIONS)
                if doc["_id"] in self.docs or not self._put(doc, None):
                    errors.append({"index": place, "code": 11000, "errmsg": "duplicate key"})
                else:
                    inserted += 1
                continue
            held: Any = operation
            old = self._doc(held._filter["_id"]) if held._filter["_id"] in self.docs else None
            if old is None or not matches(old, held._filter):
                continue
            if self._put(changed(old, held._doc), old):
                matched += 1
            else:
                errors.append({"index": place, "code": 11000, "errmsg": "duplicate key"})
        return inserted, matched, errors


class Client:
    """motor's client."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    def __getitem__(self, name: str) -> Database:
        return Database(self._mongo, name)

    def close(self) -> None:
        return


class Database:
    """motor's database."""

    def __init__(self, mongo: Mongo, name: str) -> None:
        self._mongo = mongo
        self.name = name

    def __getitem__(self, name: str) -> Collection:
        return Collection(self._mongo, self.name, name)

    async def command(self, _: str) -> Document:
        await self._mongo.ask(lambda: None)
        return {"ok": 1}

    async def list_collection_names(self) -> list[str]:
        found: list[str] = await self._mongo.ask(lambda: sorted(self._mongo.databases[self.name]))
        return found


class Collection:
    """motor's collection."""

    def __init__(self, mongo: Mongo, database: str, name: str) -> None:
        self._mongo = mongo
        self._database = database
        self.name = name

    @property
    def _store(self) -> Store:
        return self._mongo.databases[self._database].setdefault(self.name, Store())

    async def index_information(self) -> dict[str, Any]:
        found: dict[str, Any] = await self._mongo.ask(lambda: dict(self._store.indexes))
        return found

    async def create_indexes(self, models: Sequence[Any]) -> None:
        def create() -> None:
            for model in models:
                document = model.document
                self._store.add_index([*document["key"]], bool(document.get("unique")))

        await self._mongo.ask(create)

    def find(self, query: Mapping[str, Any] | None = None, projection: Any = None) -> Cursor:
        del projection  # more than was asked for does no harm
        return Cursor(self._mongo, lambda: self._store.find(query or {}))

    async def find_one(self, query: Mapping[str, Any], projection: Any = None) -> Document | None:
        del projection
        found: list[Document] = await self._mongo.ask(lambda: self._store.find(query))
        return found[0] if found else None

    def aggregate(self, pipeline: Sequence[Mapping[str, Any]]) -> Cursor:
        match, group = pipeline[0]["$match"], pipeline[1]["$group"]
        by, oldest = group["_id"][1:], group["oldest"]["$min"][1:]

        def work() -> list[Document]:
            groups: dict[Any, list[Any]] = defaultdict(list)
            for doc in self._store.find(match):
                groups[doc.get(by)].append(doc.get(oldest))
            return [
                {
                    "_id": value,
                    "count": len(found),
                    "oldest": min((one for one in found if one is not None), default=None),
                }
                for value, found in groups.items()
            ]

        return Cursor(self._mongo, work)

    async def bulk_write(self, operations: Sequence[Any], ordered: bool = True) -> Any:
        assert not ordered, "the stores write unordered bulks only"

        def write() -> Any:
            some = [*operations]
            share = self._mongo.network.errors[SERVER]
            broken = bool(share) and self._mongo.rng.random() < share / 2
            if broken:
                some = [each for each in some if self._mongo.rng.random() < 0.5]
            inserted, matched, errors = self._store.write(some)
            if broken:
                raise AutoReconnect("the connection was closed in the middle of a bulk write")
            if errors:
                raise BulkWriteError({"writeErrors": errors, "writeConcernErrors": []})
            return SimpleNamespace(inserted_count=inserted, matched_count=matched)

        return await self._mongo.ask(write)


class Cursor:
    """motor's cursor: sorted and limited before it is asked."""

    def __init__(self, mongo: Mongo, work: Callable[[], list[Document]]) -> None:
        self._mongo = mongo
        self._work = work
        self._sort: str | None = None
        self._limit = 0

    def sort(self, name: str, _direction: int) -> Cursor:
        self._sort = name
        return self

    def limit(self, number: int) -> Cursor:
        self._limit = number
        return self

    async def to_list(self, length: int | None = None) -> list[Document]:
        del length

        def work() -> list[Document]:
            found = self._work()
            if self._sort is not None:
                name = self._sort
                found.sort(key=lambda doc: doc[name])
            return found[: self._limit] if self._limit else found

        found: list[Document] = await self._mongo.ask(work)
        return found


def _asks_absence(asked: Any) -> bool:
    return asked is None or (isinstance(asked, Mapping) and asked.get("$exists") is False)


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
    value: Any = doc
    there = True
    for part in name.split("."):
        there = isinstance(value, Mapping) and part in value
        value = value[part] if there else None
        if not there:
            break
    if not isinstance(asked, Mapping):
        return there and bool(value == asked)
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


def changed(old: Document, change: Mapping[str, Any]) -> Document:
    """A document after an update; a clash of paths is an error, as on a server."""
    doc = old
    doc = bson.decode(bson.encode(doc), _OPTIONS)
    paths = [*change.get("$set", {}), *change.get("$unset", {})]
    for path in paths:
        assert all(path.split(".")), f"a field of no name in {path}"
        assert not any(other != path and other.startswith(f"{path}.") for other in paths), f"paths clash at {path}"
    for path, value in change.get("$set", {}).items():
        *above, last = path.split(".")
        part = doc
        for name in above:
            part = part.setdefault(name, {})
        part[last] = value
    for path in change.get("$unset", {}):
        *above, last = path.split(".")
        part = doc
        for name in above:
            part = part.get(name, {})
        part.pop(last, None)
    for name, number in change.get("$inc", {}).items():
        doc[name] = doc.get(name, 0) + number
    return doc
