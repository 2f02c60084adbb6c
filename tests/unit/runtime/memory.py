"""A database in memory behind the runtime's own stores. It passes the store contract: tests/contract/test_stores.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import bson
from pymongo import InsertOne, UpdateOne

from homecall.runtime.mongo.client import Database, MongoCollection
from tests.simulation.mongo import applied, matches

Operation = InsertOne[Any] | UpdateOne


class MemoryDatabase:
    """Collections by name. ``commands`` counts as the real one does."""

    def __init__(self) -> None:
        self.commands = 0
        self.collections: dict[str, MemoryCollection] = {}

    def collection(self, name: str) -> MemoryCollection:
        return self.collections.setdefault(name, MemoryCollection(self))

    @property
    def as_database(self) -> Database:
        return cast(Database, self)


class MemoryCollection:
    """Documents as BSON keeps them; the operations that `MongoCollection` has.

    ``before_write`` is called ahead of each write, ``after_write`` behind it: there tests race, and crash.
    """

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self._unique: list[tuple[str, ...]] = []
        self.docs: dict[Any, dict[str, Any]] = {}
        self.before_write: Callable[[], None] | None = None
        self.after_write: Callable[[], None] | None = None

    @property
    def as_collected(self) -> MongoCollection:
        return cast(MongoCollection, self)

    async def ensure_indexes(self, indexes: Iterable[tuple[str | Sequence[str], bool]]) -> None:
        for names, unique in indexes:
            if unique:
                self._unique.append((names,) if isinstance(names, str) else tuple(names))

    async def find(
        self,
        query: Mapping[str, Any],
        *,
        limit: int = 0,
        sort: str | None = None,
        projection: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        del projection  # more than was asked for does no harm
        self._database.commands += 1
        found = [_copy(doc) for doc in self._among(query) if matches(doc, query)]
        if sort:
            found.sort(key=lambda doc: doc[sort])
        return found[:limit] if limit else found

    async def write(self, operations: Sequence[Operation]) -> int | None:
        if not operations:
            return 0
        self._database.commands += 1
        if self.before_write is not None:
            self.before_write()
        written, duplicates = 0, 0
        for operation in operations:
            # pymongo's operations show what they hold to nobody but the driver.
            held: Any = operation
            if isinstance(operation, InsertOne):
                doc = _copy(held._doc)
                if doc["_id"] in self.docs or self._clashes(doc):
                    duplicates += 1
                    continue
                self.docs[doc["_id"]] = doc
                written += 1
                continue
            old = self.docs.get(held._filter["_id"])
            if old is None or not matches(old, held._filter):
                continue
            new = _copy(applied(old, held._doc))
            if self._clashes(new):
                duplicates += 1
                continue
            self.docs[new["_id"]] = new
            written += 1
        if self.after_write is not None:
            self.after_write()
        return None if duplicates else written

    async def delete_all(self) -> None:
        self._database.commands += 1
        self.docs.clear()

    async def group(self, match: Mapping[str, Any], by: str, oldest: str) -> list[tuple[str, int, Any]]:
        self._database.commands += 1
        groups: dict[str, list[Any]] = {}
        for doc in self.docs.values():
            if matches(doc, match):
                groups.setdefault(doc.get(by), []).append(doc.get(oldest))
        return [(value, len(least), min(least)) for value, least in groups.items()]

    def _among(self, query: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
        """The documents that a query may find: where it names ids, those alone."""
        asked = query.get("_id")
        if isinstance(asked, dict):
            if "$in" not in asked:
                return self.docs.values()
            wanted = {*asked["$in"]}
            return [doc for id_, doc in self.docs.items() if id_ in wanted]
        if asked is None:
            return self.docs.values()
        return [self.docs[asked]] if asked in self.docs else []

    def _clashes(self, doc: Mapping[str, Any]) -> bool:
        for names in self._unique:
            if all(name in doc for name in names):
                first, *others = names
                value = doc[first]
                for other in self.docs.values():
                    alike = other.get(first) == value and all(other.get(name) == doc[name] for name in others)
                    if alike and other["_id"] != doc["_id"]:
                        return True
        return False


def _copy(doc: Mapping[str, Any]) -> dict[str, Any]:
    """What a database would give back: a value that BSON cannot hold fails here."""
    copy: dict[str, Any] = bson.decode(bson.encode(doc))
    return copy
