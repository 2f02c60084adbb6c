"""Where intake keeps requests and register pages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from pymongo import InsertOne

from homecall.runtime.encryption import Vault
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.mongo.by_day import ByDay
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.moments import millis
from homecall.runtime.mongo.schema import Schema
from homecall.runtime.mongo.sequence import Sequences
from services.intake.domain.retention import over_on
from services.intake.domain.state import RequestState, day_of, timer_at
from services.intake.register_numbers import look_up


def _indexed(state: RequestState) -> dict[str, Any]:
    day = day_of(state)
    held_since = state.clock_started_at if state.status == "held" else None
    return {
        # The claim is there only while the request is open: its unique index is what R11 rests on.
        "claim": state.claim,
        "day": None if day is None else day.toordinal(),
        "clinic": state.clinic_id,
        "held": None if held_since is None else state.channel,
        "held_since": None if held_since is None else millis(held_since),
    }


def _sealed(state: RequestState) -> list[Mapping[str, Any]]:
    return [each for each in (state.kept, state.unconfirmed) if each is not None]


class IntakeStore:
    """Requests by ``request_id``; register pages by clinic and day."""

    def __init__(self, database: Database) -> None:
        self.requests: ByDay[RequestState] = ByDay(
            database.collection("requests"),
            RequestState,
            timer_at=timer_at,
            indexed=_indexed,
            indexes=[("claim", True), (("day", "clinic"), False), ("held", False)],
            over_on=over_on,
            sealed=_sealed,
            personal=["request", "ruling", "kept", "unconfirmed", "cancel_reason"],
        )
        self.pages = Sequences(database.collection("register_pages"))
        self._buried = database.collection("buried_clinic_records")

    async def prepare(self) -> None:
        await self.requests.prepare()

    async def read(self, ids: Collection[str]) -> dict[str, Aggregate[RequestState]]:
        """Those that exist, by id, with the numbers that only their pages have. For readers: not to be saved."""
        found = await self.requests.load(ids)
        await look_up(self.pages, list(found.values()))
        return found

    async def holding(self, claims: Collection[str]) -> list[Aggregate[RequestState]]:
        """The open requests that hold these claims, in one query."""
        return await self.requests.find({"claim": {"$in": list(claims)}}) if claims else []

    async def held(self) -> list[tuple[str, int, int]]:
        """Requests whose signature cannot be checked yet: (channel, number, start of the oldest clock, ``millis``)."""
        return await self.requests.group({"held": {"$exists": True}}, "held", "held_since")

    async def not_buried(self, places: Collection[str]) -> set[str]:
        """Which of these unreadable clinic records have no dead letter yet."""
        found = await self._buried.find({"_id": {"$in": list(places)}})
        return set(places) - {doc["_id"] for doc in found}

    async def bury(self, places: Collection[str]) -> None:
        await self._buried.write([InsertOne({"_id": place}) for place in places])


def schema(database: Database) -> Schema:
    requests = IntakeStore(database).requests

    def derived(doc: Mapping[str, Any]) -> dict[str, Any]:
        # Only the replica that decides on a request changes its claim.
        return {name: value for name, value in requests.derived(doc).items() if name != "claim"}

    return Schema(
        database,
        [requests.schema],
        requests.migrations("requests", "held ones by their channel", derived),
    )


def sealed_place(request_id: str, name: str) -> str:
    """The place that a sealed field is bound to: it cannot be decrypted anywhere else."""
    return f"requests/{request_id}/{name}"


def resealed(state: RequestState, vault: Vault) -> RequestState:
    """The request with its sealed fields encrypted under the current key. Raises ``Unreadable``."""
    kept = state.kept and vault.reseal(state.kept, sealed_place(state.request_id, "kept"))
    unconfirmed = state.unconfirmed and vault.reseal(state.unconfirmed, sealed_place(state.request_id, "unconfirmed"))
    return replace(state, kept=kept, unconfirmed=unconfirmed)
