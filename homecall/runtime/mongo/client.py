"""The MongoDB client: a service's database and its collections. The only file that names motor or its successor.

Uses only what every MongoDB deployment can do: no transactions, change streams, upserts or partial indexes.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from typing import Any, Final, Self, TypeVar

from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import ASCENDING, AsyncMongoClient, IndexModel, InsertOne, UpdateOne
from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError

from homecall.runtime.failures import Awaited
from homecall.runtime.mongo.errors import DUPLICATE_KEY, caused_by_document, only_duplicates, outage, place_of
from homecall.runtime.settings import MongoClientName, Settings, SettingsError

T = TypeVar("T")

Index = tuple[str | Sequence[str], bool]
"""A field or several, and whether no two documents may have the same there."""

CONCERNS: Final[Mapping[str, Any]] = {"w": "majority", "readConcernLevel": "majority", "readPreference": "primary"}
"""What is written and what is read survives a step-down of the primary; these win over the URL. See decision 2.

Without a majority's read, the events of another replica's write could be published and the write then rolled back.
"""

OPTIONS: Final[Mapping[str, Any]] = {
    # retryWrites needs sessions, which not every deployment has. After a lost answer the aggregate is reloaded.
    "retryWrites": False,
    "retryReads": False,
    "tz_aware": True,
    # How long a try waits for a server: the start tries again, see `homecall.runtime.startup`.
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
    "socketTimeoutMS": 30_000,
    "maxPoolSize": 20,
}
_CLOSE_SECONDS = 2.0
_RAW_AT_ONCE = 200
"""Documents in one answer: a clinic's day may be a megabyte."""


class Database:
    """A service's own database, over the client of that name. Raises ``SettingsError`` if the URL cannot be read.

    It belongs to the event loop that it is first used in, and is closed there.
    """

    def __init__(self, url: str, name: str, client: MongoClientName = "motor") -> None:
        try:
            self._client = _client(client, url)
        except (PyMongoError, ValueError):
            # The driver's message may quote the URL, and with it a password.
            raise SettingsError(
                "HOMECALL_MONGO_URL is no address of a database: it must be as in mongodb://127.0.0.1:27017"
            ) from None
        self._database = self._client[name]
        self.name = name
        self.place = place_of(url)
        """Hosts and ports, without user and password, and the setting that names them."""
        self.commands = 0
        """Queries and bulk writes sent so far."""

    @classmethod
    def of(cls, settings: Settings, service: str) -> Self:
        """The database of a service, as the settings have it."""
        return cls(settings.mongo_url, f"{settings.mongo_prefix}_{service}", settings.mongo_client)

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
        """An error of a call that writes no document: every error of the database is an outage."""
        return outage(error, self.place) if isinstance(error, PyMongoError) else error

    async def ping(self) -> bool:
        """Whether a server answers within 2 s. It may still refuse writes: see ``Probe``."""
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
        """Drop every collection: unlike ``drop``, a user with readWrite may do that."""
        for name in await self.attempt(self._database.list_collection_names()):
            await self.attempt(self._database.drop_collection(name))

    async def drop(self) -> None:
        """Drop the database: for tests and the demo."""
        await self.attempt(self._client.drop_database(self._database.name))

    async def close(self) -> None:
        """Close the connections, within 2 s also where the server hangs."""
        closing: Awaitable[None] | None = self._client.close()
        if closing is not None:  # motor's has closed by now
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(closing, _CLOSE_SECONDS)


def _client(name: MongoClientName, url: str) -> Any:
    # The two are called alike, but for ``close`` and ``aggregate``. See decision 139.
    if name == "pymongo":
        return AsyncMongoClient(url, **CONCERNS, **OPTIONS)
    return AsyncIOMotorClient(url, **CONCERNS, **OPTIONS)


class MongoCollection:
    """A collection, with the few operations that MongoDB and its stand-ins do alike."""

    def __init__(self, database: Database, raw: Any) -> None:
        self._database = database
        self._raw = raw
        self.name: str = raw.name

    async def index_keys(self) -> set[tuple[str, ...]]:
        """The fields of each index."""
        # By fields: not every server keeps the names it was given.
        found = await self._database.attempt(self._raw.index_information())
        return {tuple(name for name, _ in each["key"]) for each in found.values()}

    async def ensure_indexes(self, indexes: Iterable[Index]) -> None:
        """Create the indexes that are missing, all of them sparse.

        Raises ``Awaited`` if documents in the collection violate a unique one.
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
        """Every document as stored, in the order of the ids."""
        options = self._raw.codec_options.with_options(document_class=RawBSONDocument)
        # Paged by id: a server closes a cursor that stays open for long, and a stand-in answers in one piece.
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

    async def delete_all(self) -> None:
        """Delete every document; the indexes stay."""
        self._database.commands += 1
        await self._database.attempt(self._raw.delete_many({}))

    async def insert_all(self, docs: Sequence[RawBSONDocument]) -> None:
        """Insert documents as they are."""
        self._database.commands += 1
        await self._database.attempt(self._raw.insert_many(docs, ordered=False))

    async def write(self, operations: Sequence[InsertOne[Any] | UpdateOne]) -> int | None:
        """One unordered bulk write. The number inserted or matched; None if a key existed already."""
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
        """Count the documents that match by a field, with the minimum of another: (value, count, minimum)."""
        self._database.commands += 1
        pipeline = [
            {"$match": dict(match)},
            {"$group": {"_id": f"${by}", "count": {"$sum": 1}, "oldest": {"$min": f"${oldest}"}}},
        ]
        found = await self._database.attempt(_listed(self._raw.aggregate(pipeline)))
        return [(row["_id"], int(row["count"]), row["oldest"]) for row in found]


async def _listed(aggregated: Any) -> list[dict[str, Any]]:
    """All that an aggregation found. PyMongo's client gives a cursor once it is awaited, motor's at once."""
    cursor = await aggregated if inspect.isawaitable(aggregated) else aggregated
    found: list[dict[str, Any]] = await cursor.to_list(length=None)
    return found
