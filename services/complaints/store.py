"""Where complaints and their incoming numbers are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.complaints.calls import CallTimeline
from services.complaints.domain import ComplaintState, Held, open_since, timer_at
from services.complaints.retention import over_on
from services.runtime.engine import parked_place
from services.runtime.mongo import Aggregates, Database, Pages, millis
from services.runtime.personal import Vault


def _indexed(state: ComplaintState) -> dict[str, Any]:
    since = open_since(state)
    return {"open_channel": state.channel if since else None, "open_since": millis(since) if since else None}


def _sealed(state: ComplaintState) -> list[Mapping[str, Any]]:
    return [state.held["kept"]["record"]] if state.held else []


def resealed(state: ComplaintState, vault: Vault) -> ComplaintState:
    """The complaint with what is sealed in it under the current key. Raises ``Unreadable``."""
    if state.held is None:
        return state
    kept = state.held["kept"]
    record = vault.reseal(kept["record"], parked_place(state.complaint_id, kept["cause"]))
    return replace(state, held=Held(**{**state.held, "kept": {**kept, "record": record}}))


class ComplaintStore:
    """Complaints and timelines of calls by their ids; pages of incoming numbers by clinic and year."""

    def __init__(self, database: Database) -> None:
        self.complaints: Aggregates[ComplaintState] = Aggregates(
            database.collection("complaints"),
            ComplaintState,
            timer_at=timer_at,
            indexed=_indexed,
            indexes=[("open_since", False)],
            over_on=over_on,
            sealed=_sealed,
        )
        self.calls: Aggregates[CallTimeline] = Aggregates(
            database.collection("calls"), CallTimeline, timer_at=lambda _: None
        )
        self.pages = Pages(database.collection("pages"))

    async def prepare(self) -> None:
        """Create the indexes; safe to run again."""
        await self.complaints.prepare()
        await self.calls.prepare()

    async def open(self, now: datetime) -> list[tuple[str, int, int | None]]:
        """The complaints whose clock runs: (channel, how many, start of the oldest as ``millis``)."""
        return await self.complaints.group({"open_since": {"$lte": millis(now)}}, "open_channel", "open_since")
