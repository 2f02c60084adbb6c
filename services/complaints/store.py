"""Where complaints and their incoming numbers are kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from homecall.runtime.encryption import Vault
from homecall.runtime.engine.decision import replace
from homecall.runtime.engine.parking import parked_place
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.moments import millis
from homecall.runtime.mongo.repository import Repository
from homecall.runtime.mongo.schema import Migration, Schema
from homecall.runtime.mongo.sequence import Sequences
from homecall.standard.calendar import local
from services.complaints.domain.call_timeline import CallTimeline, answer_missed
from services.complaints.domain.retention import over_on
from services.complaints.domain.state import ComplaintState, open_since
from services.complaints.domain.timers import timer_at


def _indexed(state: ComplaintState) -> dict[str, Any]:
    since = open_since(state)
    # One that has no term yet is as old as its next try: no age at all.
    held_since = None if state.held is None else since or state.held.try_again_at
    return {
        "open_channel": state.channel if since else None,
        "open_since": millis(since) if since else None,
        "held": state.channel if held_since else None,
        "held_since": millis(held_since) if held_since else None,
        "clinic": state.clinic_id,
        "about": state.request_id,
        "matter_iin": state.matter.get("iin"),
        "matter_name": state.matter.get("name"),
    }


def _call_indexed(timeline: CallTimeline) -> dict[str, Any]:
    missed = answer_missed(timeline)
    if missed is None:
        return {}
    return {
        "answer_missed_at": timeline.clinic_id,
        "answer_missed_in": local(datetime.fromisoformat(missed["due_at"])).strftime("%Y-%m"),
        "answer_missed_by": missed["channel"],
    }


def _sealed(state: ComplaintState) -> list[Mapping[str, Any]]:
    return [state.held.kept.record] if state.held else []


def resealed(state: ComplaintState, vault: Vault) -> ComplaintState:
    """The complaint with what is sealed in it under the current key. Raises ``Unreadable``."""
    if state.held is None:
        return state
    kept = state.held.kept
    record = vault.reseal(kept.record, parked_place(state.complaint_id, kept.cause))
    return replace(state, held=replace(state.held, kept=replace(kept, record=record)))


class ComplaintStore:
    """Complaints and timelines of calls by their ids; pages of incoming numbers by clinic and year."""

    def __init__(self, database: Database) -> None:
        self.complaints: Repository[ComplaintState] = Repository(
            database.collection("complaints"),
            ComplaintState,
            timer_at=timer_at,
            indexed=_indexed,
            indexes=[(each, False) for each in ("open_since", "held", "clinic", "about", "matter_iin", "matter_name")],
            over_on=over_on,
            sealed=_sealed,
        )
        self.calls: Repository[CallTimeline] = Repository(
            database.collection("calls"),
            CallTimeline,
            timer_at=lambda _: None,
            indexed=_call_indexed,
            indexes=[("answer_missed_at", False), ("answer_missed_in", False)],
        )
        self.pages = Sequences(database.collection("pages"))

    async def prepare(self) -> None:
        """Create the indexes; safe to run again."""
        await self.complaints.prepare()
        await self.calls.prepare()

    async def open(self, now: datetime) -> list[tuple[str, int, int | None]]:
        """The complaints whose clock runs: (channel, how many, start of the oldest as ``millis``)."""
        return await self.complaints.group({"open_since": {"$lte": millis(now)}}, "open_channel", "open_since")

    async def held(self) -> list[tuple[str, int, int]]:
        """Complaints whose signature cannot be checked yet: (channel, number, start of the oldest term, ``millis``)."""
        return await self.complaints.group({"held": {"$exists": True}}, "held", "held_since")

    async def of_clinic(self, clinic_id: str) -> list[ComplaintState]:
        """All complaints of a clinic that are known to the database."""
        return _states(await self.complaints.find({"clinic": clinic_id}))

    async def about(self, request_id: str) -> list[ComplaintState]:
        """The complaints that name a request."""
        return _states(await self.complaints.find({"about": request_id}))

    async def of_matters(self, matters: Collection[Mapping[str, str]]) -> list[ComplaintState]:
        """The complaints that share an index with one of these matters, each once; two queries for all of them."""
        found: dict[str, ComplaintState] = {}
        for by in ("iin", "name"):
            values = sorted({each[by] for each in matters if by in each})
            if values:
                states = _states(await self.complaints.find({f"matter_{by}": {"$in": values}}))
                found.update({each.complaint_id: each for each in states})
        return list(found.values())

    async def timelines(self, request_ids: Collection[str]) -> dict[str, CallTimeline]:
        """The timelines of these calls, of those that were heard of."""
        loaded = await self.calls.load(request_ids)
        return {key: each.state for key, each in loaded.items() if each.state is not None}

    async def answers_missed(self, clinic_id: str) -> dict[str, int]:
        """By month (``2026-11``), in how many calls of a clinic the time of the answer passed without one."""
        rows = await self.calls.group({"answer_missed_at": clinic_id}, "answer_missed_in", "v")
        return {month: count for month, count, _ in sorted(rows)}

    async def answers_missed_in(self, month: str) -> dict[str, int]:
        """By channel, in how many calls of all clinics that was so in a month."""
        rows = await self.calls.group({"answer_missed_in": month}, "answer_missed_by", "v")
        return {channel: count for channel, count, _ in rows}


def schema(database: Database) -> Schema:
    """What the database of complaints is to have."""
    store = ComplaintStore(database)
    (complaints, of_complaints), (calls, of_calls) = store.complaints.schema, store.calls.schema
    about = "complaints are found by clinic, by the request they are about and by their matter"
    over = "complaints are known to be over, so that homecall erase finds them"
    held = "held complaints are found by their channel"
    missed = "calls whose answer was missed are counted by clinic and month"
    return Schema(
        database,
        [(complaints, of_complaints), (calls, of_calls)],
        [
            Migration("0001-complaints-by-request", about, complaints, store.complaints.derived),
            Migration("0002-complaints-over", over, complaints, store.complaints.derived_over),
            Migration("0003-calls-missed", missed, calls, store.calls.derived),
            Migration("0004-complaints-held", held, complaints, store.complaints.derived),
        ],
    )


def _states(aggregates: Sequence[Aggregate[ComplaintState]]) -> list[ComplaintState]:
    return [each.state for each in aggregates if each.state is not None]
