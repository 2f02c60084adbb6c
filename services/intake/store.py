"""Where intake keeps requests and register pages."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pymongo import InsertOne

from services.intake.domain import RequestState, awaits_number, timer_at
from services.runtime.mongo import Aggregate, Aggregates, Database, Pages


def _indexed(state: RequestState) -> dict[str, Any]:
    # The claim is there only while the request is open: its unique index is what R11 rests on.
    return {"claim": state.claim}


class IntakeStore:
    """Requests by ``request_id``; register pages by clinic and day."""

    def __init__(self, database: Database) -> None:
        self.requests: Aggregates[RequestState] = Aggregates(
            database.collection("requests"),
            RequestState,
            timer_at=timer_at,
            indexed=_indexed,
            indexes=[("claim", True)],
        )
        self.pages = Pages(database.collection("register_pages"))
        self._buried = database.collection("buried_clinic_records")

    async def prepare(self) -> None:
        """Create the indexes; safe to run again."""
        await self.requests.prepare()

    async def holding(self, claims: Collection[str]) -> list[Aggregate[RequestState]]:
        """The open requests that hold these claims, in one query."""
        return await self.requests.find({"claim": {"$in": list(claims)}}) if claims else []

    async def not_buried(self, places: Collection[str]) -> set[str]:
        """Which of these unreadable clinic records have no dead letter yet."""
        found = await self._buried.find({"_id": {"$in": list(places)}})
        return set(places) - {doc["_id"] for doc in found}

    async def bury(self, places: Collection[str]) -> None:
        """Remember that these have their dead letter."""
        await self._buried.write([InsertOne({"_id": place}) for place in places])


def page_of(state: RequestState) -> str:
    """The register page that numbers a request: its clinic's day."""
    assert awaits_number(state)
    return f"{state.clinic_id}|{state.register_date}"
