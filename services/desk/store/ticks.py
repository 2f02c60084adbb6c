"""Who has phoned whom about a moved visit, for all browsers of the clinic. Not heard, so no part of the view."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from pymongo import InsertOne, UpdateOne

from homecall.contract.types import ZONE
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.moments import millis

_ERASED_AT_ONCE: Final = 500


class Ticks:
    """Ticks by the move that they are about. Of two people who tick at once the last counts."""

    def __init__(self, database: Database) -> None:
        self.collection = database.collection("ticks")

    async def prepare(self) -> None:
        """Create the index; safe to run again."""
        await self.collection.ensure_indexes(self.schema[1])

    @property
    def schema(self) -> tuple[Any, list[tuple[str | Sequence[str], bool]]]:
        """The collection and its index."""
        return self.collection, [("changed_at", False)]

    async def put(self, key: str, clinic_id: str, user: str, *, told: bool) -> None:
        """Tick a move off, or take the tick back."""
        fields = {"by": user, "told": told, "changed_at": millis(datetime.now(UTC))}
        if await self.collection.write([InsertOne({"_id": key, "clinic": clinic_id, "v": 1, **fields})]) is None:
            await self.collection.write([UpdateOne({"_id": key}, {"$set": fields, "$inc": {"v": 1}})])

    async def of(self, keys: Collection[str]) -> dict[str, str]:
        """Who ticked, by move: those only that are ticked off."""
        if not keys:
            return {}
        found = await self.collection.find({"_id": {"$in": list(keys)}})
        return {doc["_id"]: doc["by"] for doc in found if doc["told"]}


async def forget_ticks(database: Database, last_day: date) -> int:
    """Erase who ticked on that day or before; how many. That somebody was phoned stays."""
    collection = database.collection("ticks")
    before = millis(datetime.combine(last_day + timedelta(days=1), time.min, ZONE))
    query = {"changed_at": {"$lt": before}, "by": {"$ne": ""}}
    erased = 0
    while found := await collection.find(query, limit=_ERASED_AT_ONCE, projection={"v": 1}):
        await collection.write([UpdateOne({"_id": doc["_id"], "v": doc["v"]}, {"$set": {"by": ""}}) for doc in found])
        erased += len(found)
    return erased
