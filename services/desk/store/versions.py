"""Which calls stand on a board and in which version: what is asked of the store before rows are drawn."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from services.desk.store.stores import Calls


class Versions:
    """The versions of calls as they are stored."""

    def __init__(self, calls: Calls) -> None:
        self._collection = calls.collection

    async def of_day(self, clinic_id: str, on: date) -> dict[str, int]:
        """The calls in the clinic's register of a day, and those to be visited on it: their versions by id."""
        found: dict[str, int] = {}
        for name in ("day", "visit_day"):
            found |= await self._read({"clinic": clinic_id, name: on.toordinal()})
        return found

    async def of(self, ids: Collection[str]) -> dict[str, int]:
        """The versions of these calls by id, of those that exist."""
        return await self._read({"_id": {"$in": list(ids)}})

    async def changed(self, clinic_id: str, since: int) -> list[tuple[str, int, set[int | None]]]:
        """The clinic's calls stored since a moment (milliseconds): id, version, ordinals of the days it stands on."""
        query = {"clinic": clinic_id, "changed_at": {"$gte": since}}
        docs = await self._collection.find(query, projection={"v": 1, "day": 1, "visit_day": 1})
        return [(doc["_id"], doc["v"], {doc.get("day"), doc.get("visit_day")}) for doc in docs]

    async def _read(self, query: Mapping[str, Any]) -> dict[str, int]:
        return {doc["_id"]: doc["v"] for doc in await self._collection.find(query, projection={"v": 1})}
