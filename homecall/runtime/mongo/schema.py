"""The schema of a service's database: its indexes, and the migrations of documents that older releases stored.

A migration adds fields to older documents. It may run twice, concurrently, and beside services of this release and the
last; it continues where it was interrupted. The collection ``migrations`` says which have been run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from pymongo import InsertOne, UpdateOne

from homecall.runtime.failures import Awaited, TooNew
from homecall.runtime.mongo.client import Database, Index, MongoCollection

MARKS: Final = "migrations"
"""The collection that says which migrations have been run."""


@dataclass(frozen=True)
class Migration:
    """Fields to be set in the documents of a collection.

    ``derive`` maps one document to fields and values, None for a field to remove; others stay. Documents are read in
    portions of ``at_once``, leaving out the fields ``without``. A service waits for one that is ``needed``; a release
    that does not know one that is ``breaking`` does not start.
    """

    name: str
    about: str
    collection: MongoCollection
    derive: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    needed: bool = False
    breaking: bool = False
    without: Sequence[str] = ("o", "r", "p")
    at_once: int = 500


@dataclass
class Progress:
    """The progress of a run: documents read and changed, ids of unreadable ones."""

    looked: int = 0
    changed: int = 0
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Standing:
    """A database compared with this release: unfinished migrations, and those that only a newer release knows."""

    missing: Sequence[Migration]
    newer: Sequence[str]
    breaking: Sequence[str]
    """Those of the newer ones that this release cannot work with."""


@dataclass(frozen=True)
class Schema:
    """A service's database: collections with their indexes, and migrations in their order."""

    database: Database
    indexes: Sequence[tuple[MongoCollection, Sequence[Index]]]
    migrations: Sequence[Migration] = ()

    # ------------------------------------------------------------ indexes

    async def missing_indexes(self) -> list[tuple[MongoCollection, Index]]:
        """The indexes that are not there."""
        missing = []
        for collection, wanted in self.indexes:
            there = await collection.index_keys()
            missing += [(collection, index) for index in wanted if names_of(index) not in there]
        return missing

    async def make_indexes(self) -> None:
        """Make the indexes that are missing; safe to run again."""
        for collection, wanted in self.indexes:
            await collection.ensure_indexes(wanted)

    # ------------------------------------------------------------ how it stands

    async def standing(self, *, read_only: bool = False) -> Standing:
        """Find out what has been run. On an empty collection every migration counts as run."""
        marks = await self._marks()
        known = {each.name for each in self.migrations}
        missing = [each for each in self.migrations if "finished_at" not in marks.get(each.name, {})]
        newer = sorted(marks.keys() - known)
        fresh = [each for each in missing if not await each.collection.find({}, limit=1, projection={"_id": 1})]
        for each in () if read_only else fresh:
            await self._finish(each)
        return Standing(
            [each for each in missing if each not in fresh],
            newer,
            [name for name in newer if marks[name].get("breaking")],
        )

    async def admit(self) -> Standing:
        """Whether a service of this release may start on it.

        Raises ``TooNew`` where a newer release has changed what this one reads, and ``Awaited`` while a migration that
        it needs has not been run.
        """
        found = await self.standing()
        if found.breaking:
            raise TooNew(
                f"the database {self.database.name} was migrated by a newer release ({', '.join(found.breaking)}): "
                "start that one, or restore the backup from before"
            )
        needed = [each.name for each in found.missing if each.needed]
        if needed:
            raise Awaited(f"the database lacks {', '.join(needed)}: run homecall migrate")
        return found

    async def _marks(self) -> dict[str, dict[str, Any]]:
        return {doc["_id"]: doc for doc in await self.database.collection(MARKS).find({})}

    async def _mark(self, migration: Migration, change: Mapping[str, Any]) -> None:
        marks = self.database.collection(MARKS)
        first = {"_id": migration.name, "breaking": migration.breaking, "began_at": _now(), **change}
        if await marks.write([InsertOne(first)]) is None:
            await marks.write([UpdateOne({"_id": migration.name}, {"$set": dict(change)})])

    async def _finish(self, migration: Migration) -> None:
        await self._mark(migration, {"finished_at": _now()})

    # ------------------------------------------------------------ running

    async def run(
        self, migration: Migration, *, again: bool = False, dry: bool = False
    ) -> AsyncGenerator[Progress, None]:
        """Carry a migration out, a portion at a time; after each, how far this run has come.

        A finished one is not run, unless ``again``: for when services of the last release ran meanwhile. ``dry`` counts
        and writes nothing. It is finished only if every document could be read.
        """
        mark = (await self._marks()).get(migration.name, {})
        if "finished_at" in mark and not again:
            return
        # Another run notes its place, too; each has done all that comes before the place that it notes.
        after = None if again or dry else mark.get("after")
        progress = Progress()
        while docs := await self._portion(migration, after):
            await self._carry_out(migration, docs, progress, dry=dry)
            after = docs[-1]["_id"]
            if not (dry or again or progress.failed):
                await self._mark(migration, {"after": after})
            yield progress
        if not dry and not progress.failed:
            await self._finish(migration)
        yield progress

    async def _portion(self, migration: Migration, after: Any) -> list[dict[str, Any]]:
        query = {} if after is None else {"_id": {"$gt": after}}
        return await migration.collection.find(
            query, limit=migration.at_once, sort="_id", projection=_left_out(migration)
        )

    async def _carry_out(
        self, migration: Migration, docs: list[dict[str, Any]], progress: Progress, *, dry: bool
    ) -> None:
        progress.looked += len(docs)
        versions, changes = _to_write(migration, docs, progress)
        progress.changed += len(changes)
        while changes and not dry:
            # The version stays: a service that is changing this document still wins, and writes these fields itself.
            operations = [UpdateOne({"_id": name, "v": versions[name]}, change) for name, change in changes.items()]
            if await migration.collection.write(operations) == len(operations):
                return
            # Some were changed meanwhile: read them again.
            await asyncio.sleep(0)
            query = {"_id": {"$in": list(changes)}}
            again = await migration.collection.find(query, projection=_left_out(migration))
            seen, left = _to_write(migration, again, progress)
            refused = [name for name in left if seen[name] == versions[name]]
            progress.failed += refused  # nobody changed it, and it does not take the change
            versions, changes = seen, {name: change for name, change in left.items() if name not in refused}


def _left_out(migration: Migration) -> dict[str, int] | None:
    return dict.fromkeys(migration.without, 0) or None


def _to_write(
    migration: Migration, docs: Sequence[Mapping[str, Any]], progress: Progress
) -> tuple[dict[str, int], dict[str, dict[str, Any]]]:
    """The versions of these documents, and the updates of those that need one."""
    wanted = {doc["_id"]: _wanted(migration, doc, progress) for doc in docs}
    return {doc["_id"]: doc["v"] for doc in docs}, {name: change for name, change in wanted.items() if change}


def _wanted(migration: Migration, doc: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """The update that gives a document what it is to have; empty where it has it."""
    try:
        fields = migration.derive(doc)
    except Exception:
        # A document that no release wrote must not keep the others from theirs.
        if doc["_id"] not in progress.failed:
            progress.failed.append(doc["_id"])
        return {}
    put = {name: value for name, value in fields.items() if value is not None and doc.get(name) != value}
    gone = {name: "" for name, value in fields.items() if value is None and name in doc}
    return ({"$set": put} if put else {}) | ({"$unset": gone} if gone else {})


def names_of(index: Index) -> tuple[str, ...]:
    """The fields of an index."""
    names, _ = index
    return (names,) if isinstance(names, str) else tuple(names)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
