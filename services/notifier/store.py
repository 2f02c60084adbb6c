"""Where calls and messages are kept: a document each per request. The only file here that touches Mongo."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pymongo import InsertOne, UpdateOne

from homecall.gateways.sms.port import Reported
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.mongo.by_day import ByDay
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.moments import millis
from homecall.runtime.mongo.repository import Repository
from homecall.runtime.mongo.schema import Schema
from homecall.standard.deadlines import counted_by
from services.notifier.domain import messages
from services.notifier.domain.deadlines import answer_waits, open_since, timer_at
from services.notifier.domain.messages import Mailing
from services.notifier.domain.state import Call, day_of
from services.notifier.retention import over_on

WATCHED: Final = counted_by("notifier")
"""The deadlines that are watched here, and the channels that have them."""


_REMEMBERED = 250
"""Calls that are kept in memory as they were stored, with what was said of them: some 20 KB each."""


class Calls(ByDay[Call]):
    """Calls by ``request_id``."""

    def __init__(self, database: Database) -> None:
        super().__init__(
            database.collection("requests"),
            Call,
            timer_at=timer_at,
            indexed=_indexed,
            indexes=[
                ("notices_at", False),
                *((_since(deadline), False) for deadline in WATCHED),
                ("answer_half_at", False),
                (("day", "clinic"), False),
            ],
            over_on=over_on,
            # Of nearly every call a second event follows the first at once: its visit.
            remember=_REMEMBERED,
            personal=["person", "reader", "notices", "oral_answer", "answered_by", "clocks", "early"],
        )

    async def open(self, deadline: str, now: datetime) -> list[tuple[str, int, int | None]]:
        """The calls whose clock for this deadline runs: (channel, how many, start of the oldest as ``millis``).

        One that is held at night has a clock that starts with the opening.
        """
        return await self.group({_since(deadline): {"$lte": millis(now)}}, "open_channel", _since(deadline))

    async def near_limit(self, now: datetime) -> dict[tuple[str, str], int]:
        """How many open answers have used half of their time and not all of it, by channel and what they wait for."""
        near = {"answer_half_at": {"$lte": millis(now)}, "answer_due_at": {"$gt": millis(now)}}
        rows = await self.group(near, "answer_waits", "answer_half_at")
        return {(told.partition(" ")[0], told.partition(" ")[2]): count for told, count, _ in rows}

    # -------------------------------------------------------- to be told by SMS

    async def to_notify(self, limit: int) -> list[Aggregate[Call]]:
        """Those with notices that may not have been taken up as messages yet, the oldest first."""
        return await self.find({"notices_at": {"$exists": True}}, limit=limit, sort="notices_at")

    async def notified(self, calls: Sequence[Aggregate[Call]]) -> None:
        """Their notices have been taken up, unless they have changed since: then they are looked at once more."""
        await self.collection.write(
            [UpdateOne({"_id": each.id, "v": each.version}, {"$unset": {"notices_at": ""}}) for each in calls]
        )


class Mailings(Repository[Mailing]):
    """Messages by ``request_id``: their states. Phones and texts stay with the call."""

    def __init__(self, database: Database) -> None:
        super().__init__(
            database.collection("messages"),
            Mailing,
            timer_at=messages.timer_at,
            indexed=_waiting,
            indexes=[("waiting_since", False)],
        )

    async def waiting(self) -> tuple[int, int | None]:
        """How many requests have a message that is not with the gateway, and since when one could go (``millis``)."""
        rows = await self.group({"waiting_since": {"$exists": True}}, "waiting", "waiting_since")
        return sum(count for _, count, _ in rows), min((oldest for _, _, oldest in rows), default=None)


def _waiting(mailing: Mailing) -> dict[str, Any]:
    since = messages.waiting_since(mailing)
    return {"waiting": None if since is None else True, "waiting_since": None if since is None else millis(since)}


class Receipts:
    """Which message a gateway's id names, and what was reported of ids that are not known yet."""

    def __init__(self, database: Database) -> None:
        self._collection = database.collection("receipts")

    async def name(self, taken: Mapping[str, tuple[str, int]], now: datetime) -> dict[str, Reported]:
        """Keep (request, sequence) of each gateway's id; what was reported of them before, by gateway's id."""
        new = {
            gateway_id: {"request_id": request_id, "sequence": sequence, "at": millis(now)}
            for gateway_id, (request_id, sequence) in taken.items()
        }
        there = await self._insert(new)
        if not there:
            return {}
        # First named, then read: a report in between finds the name, or was written before the read.
        await self._collection.write([UpdateOne({"_id": key}, {"$set": new[key]}) for key in there])
        found = await self._collection.find({"_id": {"$in": there}})
        return {doc["_id"]: doc["said"] for doc in found if "said" in doc}

    async def named(self, gateway_ids: Collection[str]) -> dict[str, tuple[str, int]]:
        found = await self._collection.find({"_id": {"$in": list(gateway_ids)}}) if gateway_ids else []
        return {doc["_id"]: (doc["request_id"], doc["sequence"]) for doc in found if "request_id" in doc}

    async def early(self, said: Mapping[str, Reported], now: datetime) -> None:
        """Keep what was reported of gateway's ids that are not known; of several reports the one that says most."""
        there = await self._insert({key: {"said": what, "at": millis(now)} for key, what in said.items()})
        await self._collection.write(
            [
                UpdateOne({"_id": key, "said": {"$in": [*_SAYS_LESS[said[key]]]}}, {"$set": {"said": said[key]}})
                for key in there
                if _SAYS_LESS[said[key]]
            ]
        )

    async def _insert(self, new: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Insert those that are not there yet; the ids of those that were."""
        wanted, found = set(new), set[str]()
        # Not every server goes on after the first key that is there: what is missing follows.
        while wanted and await self._collection.write([InsertOne({"_id": key, **new[key]}) for key in wanted]) is None:
            there = await self._collection.find({"_id": {"$in": list(wanted)}}, projection={"_id": 1, "at": 1})
            mine = {doc["_id"] for doc in there}
            found |= mine
            wanted -= mine
        return sorted(found)


_SAYS_LESS: Final[Mapping[str, tuple[str, ...]]] = {"sent": (), "failed": ("sent",), "delivered": ("sent", "failed")}


class OptOuts:
    """Numbers that are not to be written to, by their keyed hash."""

    def __init__(self, database: Database) -> None:
        self._collection = database.collection("sms_opt_outs")

    async def among(self, hashes: Collection[str]) -> set[str]:
        found = await self._collection.find({"_id": {"$in": list(hashes)}}) if hashes else []
        return {doc["_id"] for doc in found if doc["stopped"]}

    async def change(self, hashed: str, now: datetime, *, stopped: bool) -> None:
        """From now on this number is not to be written to, or may be again."""
        change = {"stopped": stopped, "at": millis(now)}
        if await self._collection.write([InsertOne({"_id": hashed} | change)]) is None:
            await self._collection.write([UpdateOne({"_id": hashed}, {"$set": change})])


def schema(database: Database) -> Schema:
    calls = Calls(database)
    migrations = calls.migrations("calls", "by the clocks that run")
    return Schema(database, [calls.schema, Mailings(database).schema], migrations)


def _since(deadline: str) -> str:
    return f"open_{deadline}_since"


def _indexed(call: Call) -> dict[str, Any]:
    starts = {deadline: open_since(call, deadline) for deadline in WATCHED}
    day = day_of(call)
    half_at, due_at, waits_for = answer_waits(call) or (None, None, None)
    return {
        "answer_half_at": None if half_at is None else millis(half_at),
        "answer_due_at": None if due_at is None else millis(due_at),
        "answer_waits": None if waits_for is None else f"{call.channel} {waits_for}",
        "day": None if day is None else day.toordinal(),
        "clinic": call.clinic_id,
        "open_channel": call.channel if call.clocks else None,
        "notices_at": millis(call.notices[-1].at) if call.notices else None,
        **{_since(deadline): None if start is None else millis(start) for deadline, start in starts.items()},
    }
