"""Whether the database works: a small write and a read, since a recovering server answers pings but refuses writes."""

from __future__ import annotations

import asyncio
import time
from typing import Final
from uuid import uuid4

from pymongo import InsertOne, UpdateOne

from homecall.runtime.failures import Transient
from homecall.runtime.mongo.client import Database

COLLECTION: Final = "readiness"
"""One document, which every replica overwrites."""
_ID = "probe"
_PATIENCE_SECONDS = 2.0


class Probe:
    """Writes and reads one document. Concurrent callers share one attempt, and its result for a second."""

    def __init__(self, database: Database, *, patience: float = _PATIENCE_SECONDS, fresh: float = 1.0) -> None:
        self._database = database
        self._collection = database.collection(COLLECTION)
        self._patience = patience
        self._fresh = fresh
        self._running: asyncio.Task[str | None] | None = None
        self._ended_at = 0.0

    async def problem(self) -> str | None:
        """Why the database does not work, with a code; None if it works. Returns within ``patience`` seconds."""
        task = self._running
        if task is None or (task.done() and time.monotonic() - self._ended_at >= self._fresh):
            # A hanging attempt is not repeated: they would pile up in the driver's threads.
            task = self._running = asyncio.create_task(self._attempt(), name="readiness of the database")
        done, _ = await asyncio.wait([task], timeout=self._patience)
        if not done:
            return f"no answer within {self._patience:g} s ({self._database.place})"
        return task.result()

    async def check(self) -> None:
        """Raises ``Transient`` while the database does not work. Always a new attempt."""
        try:
            async with asyncio.timeout(10 * self._patience):
                await self._exchange()
        except TimeoutError as error:
            raise Transient("database", error, self._database.place) from error
        except Exception as error:
            raise self._database.unavailable(error) from error

    def close(self) -> None:
        if self._running is not None:
            self._running.cancel()

    async def _attempt(self) -> str | None:
        try:
            await self._exchange()
        except Exception as error:
            found = self._database.unavailable(error)
            return str(found) if isinstance(found, Transient) else type(error).__name__
        finally:
            self._ended_at = time.monotonic()
        return None

    async def _exchange(self) -> None:
        """Write, then read what was written, here or by another replica since."""
        token = uuid4().hex
        change = {"w": token, "at": int(time.time() * 1000)}
        if not await self._collection.write([UpdateOne({"_id": _ID}, {"$set": change})]):
            # The first write ever. A duplicate key means that another replica was first, which is fine.
            await self._collection.write([InsertOne({"_id": _ID, **change})])
        if not await self._collection.find({"_id": _ID}):
            raise Transient("database", LookupError(), f"what was written is not there; {self._database.place}")
