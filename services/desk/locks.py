"""Names that are locked after failed logins."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pymongo import InsertOne, UpdateOne

from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.moments import millis, moment_of


class Locks:
    """Failed logins by name: five in a row lock the name for five minutes."""

    FAILURES: Final = 5
    SECONDS: Final = 300

    def __init__(self, database: Database) -> None:
        self._collection = database.collection("logins")

    async def prepare(self) -> None:
        """No index but that of the names."""

    async def locked_until(self, name: str, now: datetime) -> datetime | None:
        """Until when the name is locked; None where it is not."""
        found = await self._collection.find({"_id": name})
        until = moment_of(found[0]["until"]) if found and "until" in found[0] else None
        return until if until is not None and until > now else None

    async def failed(self, name: str, now: datetime) -> None:
        """Count a failed login."""
        if await self._collection.write([InsertOne({"_id": name, "failures": 1})]) is not None:
            return
        await self._collection.write([UpdateOne({"_id": name}, {"$inc": {"failures": 1}})])
        found = await self._collection.find({"_id": name})
        if found and found[0]["failures"] >= self.FAILURES:
            until = millis(now) + self.SECONDS * 1000
            await self._collection.write([UpdateOne({"_id": name}, {"$set": {"failures": 0, "until": until}})])

    async def succeeded(self, name: str) -> None:
        """Forget the failures of a name."""
        await self._collection.write([UpdateOne({"_id": name}, {"$set": {"failures": 0}})])
