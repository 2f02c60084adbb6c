"""Where the scheduler keeps calls, and each clinic's day: its roster with the bookings in it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

from pymongo import InsertOne, UpdateOne

from homecall.runtime.failures import Transient
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.mongo.by_day import ByDay
from homecall.runtime.mongo.client import Database, Index, MongoCollection
from homecall.runtime.mongo.moments import millis
from homecall.runtime.mongo.schema import Migration, Schema
from services.scheduler.day_document import ENTRIES, FIELDS, changed_paths, from_document, pack, to_document
from services.scheduler.domain.bookings import BookedVisit
from services.scheduler.domain.clinic_day import ClinicDay
from services.scheduler.domain.continuity import visited
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.retention import over_on
from services.scheduler.domain.state import CallState, day_of, key_of, timer_at

_DAYS_HELD = 512
_DAYS_LOOKED_AT = 32
_DECODED_AT_ONCE = 50
"""Bookings of earlier days, which take some 2 ms."""
_BOOKINGS_HELD = 6_000
"""Of all days that are kept in memory, where the operator says nothing else."""
_BOOKINGS_AT_ONCE = 500
"""And doctors, of the days that are read together, unless one has more: a batch may be about 250 clinics' days."""
_BOOKINGS_OF_A_DAY = 100
"""And doctors, of a day of which nothing is known yet."""
_SIZES_KNOWN = 4_096


def _indexed(state: CallState) -> dict[str, Any]:
    open_visit = state.status in {"waiting", "booked"} and state.due_at is not None and not state.missed_said
    return {
        "waiting_for": key_of(state) if state.status == "waiting" else None,
        "unplaced": state.cause if state.status == "waiting" else None,
        "visit_open_since": millis(state.accepted_at) if open_visit else None,
        "channel": state.channel or None,
        "day": state.day.toordinal(),
        "clinic": state.clinic_id,
        "visited": visited(state),
    }


def _operation(day: ClinicDay, token: str) -> InsertOne[Any] | UpdateOne:
    """The write that stores what changed of a day, if nobody else changed the day."""
    stored = {"w": token, "changed_at": millis(datetime.now(UTC))}
    if day.version == 0:
        doc = to_document(day, FIELDS)
        first = {"_id": day.key, "clinic_id": doc.pop("clinic_id"), "date": doc.pop("date"), "v": 1}
        return InsertOne(first | stored | doc | {"load": day.load()})
    found, gone = changed_paths(day)
    change: dict[str, Any] = {"$set": found | stored, "$inc": {"v": 1}}
    if gone:
        change["$unset"] = dict.fromkeys(gone, "")
    return UpdateOne({"_id": day.key, "v": day.version}, change)


_DAY_INDEXES: Sequence[Index] = [("places", False), ("dirty", False), ("date", False)]


class SchedulerStore:
    """Calls by ``request_id``, and days by clinic and date.

    Days are kept in memory between batches, with their plans: a query then brings only those that somebody else has
    changed. Who loads days has them alone until they are saved, changed or not; what is never saved is forgotten.
    ``dispatch`` says how a clinic dispatches, ``bookings_held`` how many bookings the days in memory may have.
    """

    def __init__(
        self,
        database: Database,
        dispatch: Callable[[str], Dispatch] = lambda _: Dispatch(),
        bookings_held: int = _BOOKINGS_HELD,
    ) -> None:
        self.calls: ByDay[CallState] = ByDay(
            database.collection("calls"),
            CallState,
            timer_at=timer_at,
            indexed=_indexed,
            indexes=[
                ("waiting_for", False),
                ("unplaced", False),
                ("visit_open_since", False),
                (("day", "clinic"), False),
                ("visited", False),
            ],
            over_on=over_on,
            personal=["cancel_reason"],
        )
        self._days: MongoCollection = database.collection("days")
        self._dispatch = dispatch
        self._bookings_held = bookings_held
        self._kept: OrderedDict[str, tuple[ClinicDay, int]] = OrderedDict()
        """The days in memory, each with the bookings that it had when it was put there."""
        self._bookings = 0
        """Of all of them: a sum over 1,000 clinics' days for each day that is put there would cost 20 ms a batch."""

        self._sizes: OrderedDict[str, int] = OrderedDict()
        """Bookings and doctors of the days that were loaded or saved last, held or not."""
        self._looked: OrderedDict[str, ClinicDay] = OrderedDict()
        """Days that were looked at and are nobody's here: for the next question about the same call."""

    async def prepare(self) -> None:
        await self.calls.prepare()
        await self._days.ensure_indexes(_DAY_INDEXES)

    @property
    def day_schema(self) -> tuple[MongoCollection, Sequence[Index]]:
        """The days' collection, with the indexes that it is to have."""
        return self._days, _DAY_INDEXES

    def portions(self, keys: Collection[str]) -> Iterator[list[str]]:
        """These days in portions to be loaded, changed and saved one after the other; those in memory come first.

        All days of a large batch, read at once, would be many times what is held between batches.
        """
        portion: list[str] = []
        bookings = 0
        for key in sorted(keys, key=lambda key: (key not in self._kept, key)):
            size = 0 if key in self._kept else self._sizes.get(key, _BOOKINGS_OF_A_DAY)
            if portion and bookings + size > _BOOKINGS_AT_ONCE:
                yield portion
                portion, bookings = [], 0
            portion.append(key)
            bookings += size
        if portion:
            yield portion

    async def load_days(self, keys: Collection[str], *, cached: bool = False) -> dict[str, ClinicDay]:
        """The days of these keys, in one query; new ones for those that do not exist.

        With ``cached`` those in memory are not read again: each is validated by its own versioned write.
        """
        held: dict[str, ClinicDay] = {}
        for key in keys:
            kept = self._take(key)
            if kept is not None and kept.dispatch == self._dispatch(kept.clinic_id):
                held[key] = kept
        unknown = [key for key in keys if key not in held]
        asked: list[dict[str, Any]] = [{"_id": {"$in": unknown}}] if unknown else []
        if not cached:
            asked += [{"_id": key, "v": {"$ne": day.version}} for key, day in held.items()]
        query = asked[0] if len(asked) == 1 else {"$or": asked}
        docs = await self._days.find(query) if asked else []
        found = {doc["_id"]: from_document(doc, self._dispatch(doc["clinic_id"])) for doc in docs}
        for key in keys:
            clinic_id, day = day_of(key)
            found.setdefault(key, held.get(key) or ClinicDay(clinic_id, day, dispatch=self._dispatch(clinic_id)))
        self._note_sizes(found.values())
        return found

    def _note_sizes(self, days: Iterable[ClinicDay]) -> None:
        for day in days:
            self._sizes.pop(day.key, None)
            # A doctor with an empty route takes about as much as a booking.
            self._sizes[day.key] = len(day.bookings) + (0 if day.roster is None else len(day.roster.doctors))
        while len(self._sizes) > _SIZES_KNOWN:
            self._sizes.popitem(last=False)

    async def look_at_day(self, key: str) -> ClinicDay:
        """A day to be looked at, and not changed: as it is stored; as it was here last, while the database is away.

        One query, which brings nothing where the day in memory is the stored one: the clinic may be another replica's
        by now, and that one has changed it since.
        """
        clinic_id, on = day_of(key)
        dispatch, (known, _) = self._dispatch(clinic_id), self._kept.get(key, (None, 0))
        known = known or self._looked.get(key)
        query: dict[str, Any] = {"_id": key}
        if known is not None and known.dispatch == dispatch:
            query["v"] = {"$ne": known.version}
        else:
            known = None
        try:
            docs = await self._days.find(query)
        except Transient:
            if known is None:
                raise
            return known
        if not docs:
            return known or ClinicDay(clinic_id, on, dispatch=dispatch)
        found = from_document(docs[0], dispatch)
        if key not in self._kept:
            self._remember(found)
        return found

    def _remember(self, day: ClinicDay) -> None:
        """Keep a day that was only looked at, beside those in memory: a tenth of their bookings at most."""
        self._looked[day.key] = day
        self._looked.move_to_end(day.key)
        while len(self._looked) > 1 and (
            len(self._looked) > _DAYS_LOOKED_AT
            or sum(len(each.bookings) for each in self._looked.values()) > self._bookings_held // 10
        ):
            self._looked.popitem(last=False)

    def _hold(self, day: ClinicDay) -> None:
        self._take(day.key)
        self._looked.pop(day.key, None)
        self._kept[day.key] = day, len(day.bookings)
        self._bookings += len(day.bookings)
        while len(self._kept) > 1 and (len(self._kept) > _DAYS_HELD or self._bookings > self._bookings_held):
            self._take(next(iter(self._kept)))

    def _take(self, key: str) -> ClinicDay | None:
        """A day out of memory."""
        day, bookings = self._kept.pop(key, (None, 0))
        self._bookings -= bookings
        return day

    async def save_days(self, days: Sequence[ClinicDay], *, hold: bool = True) -> set[str]:
        """Store the days that changed, each by compare-and-set, in one bulk write. The keys of those that lost.

        ``hold`` False keeps them out of memory: for a caller that goes on changing these very objects.
        """
        changed = [day for day in days if day.changed]
        self._note_sizes(changed)
        for day in days:
            if hold and not day.changed and day.version:
                self._hold(day)
        if not changed:
            return set()
        token = uuid4().hex
        written = await self._days.write([_operation(day, token) for day in changed])
        lost: set[str] = set()
        if written != len(changed):
            mine = await self._days.find({"_id": {"$in": [day.key for day in changed]}}, projection={"w": 1})
            lost = {day.key for day in changed} - {doc["_id"] for doc in mine if doc.get("w") == token}
        for day in changed:
            if day.key not in lost:
                pack(day)
                day.stored()
                if hold:
                    self._hold(day)
        return lost

    def remembers_doctors(self, clinic_id: str) -> bool:
        """Whether the clinic would rather send the doctor who visited a patient last time."""
        return self._dispatch(clinic_id).continuity_weight > 0

    async def dirty_days(self, limit: int = 10) -> list[str]:
        """The keys of the days that are to be settled: not too many at once, since each is loaded whole."""
        return [
            doc["_id"] for doc in await self._days.find({"dirty": {"$exists": True}}, limit=limit, projection={"v": 1})
        ]

    async def forget_places(self, last_day: date, at_once: int = 50) -> int:
        """Erase the coordinates of patients' homes from the days up to that one; from how many days."""
        erased = 0
        while docs := await self._days.find({"places": {"$lte": last_day.isoformat()}}, limit=at_once):
            days = [from_document(doc, self._dispatch(doc["clinic_id"])) for doc in docs]
            for day in days:
                day.forget_places()
            lost = await self.save_days(days)
            erased += len(days) - len(lost)
        return erased

    async def waiting(self, keys: Collection[str]) -> list[Aggregate[CallState]]:
        """The calls that wait for a place in these days, in one query."""
        return await self.calls.find({"waiting_for": {"$in": list(keys)}})

    async def visits_of(self, patients: Collection[str]) -> dict[str, list[CallState]]:
        """The calls in which these patients were visited, in one query; see ``continuity``."""
        found: dict[str, list[CallState]] = {}
        for each in await self.calls.look({"visited": {"$in": list(patients)}}, without=["assignments"]):
            if each.state is not None and each.state.patient is not None:
                found.setdefault(each.state.patient, []).append(each.state)
        return found

    async def open_visits(self) -> list[tuple[str, int, Any]]:
        """Visits that are due, by channel: (channel, number, earliest acceptance)."""
        return await self.calls.group({"visit_open_since": {"$exists": True}}, "channel", "visit_open_since")

    async def loads(self, on: date) -> dict[str, dict[str, int]]:
        """By clinic, how full a day is (``ClinicDay.load``), and how many calls wait for a place in it."""
        days = await self._days.find({"date": on.isoformat()}, projection={"clinic_id": 1, "load": 1})
        found = {doc["clinic_id"]: {"waiting": 0, **doc.get("load", {})} for doc in days}
        waiting = {"waiting_for": {"$exists": True}}
        for key, number, _ in await self.calls.group(waiting, "waiting_for", "v"):
            clinic_id, day = day_of(key)
            if day == on:
                found.setdefault(clinic_id, {})["waiting"] = number
        return found

    async def unplaced(self) -> dict[str, int]:
        rows = await self.calls.group({"unplaced": {"$exists": True}}, "unplaced", "v")
        return {cause: number for cause, number, _ in rows}

    async def bookings_on(self, keys: Collection[str]) -> dict[str, ClinicDay]:
        """Those of these clinics' days that exist, to look at, without their rosters."""
        found = await self._days.find({"_id": {"$in": list(keys)}}, projection={"roster": 0, "moved": 0})
        return {doc["_id"]: from_document(doc, self._dispatch(doc["clinic_id"])) for doc in found}

    async def past_visits(self, key: str) -> list[BookedVisit]:
        """The bookings of a day that is over. Whatever else is to be done goes on meanwhile."""
        found: list[BookedVisit] = []
        for doc in await self._days.find({"_id": key}, projection={"bookings": 1}):
            for booking in doc.get("bookings", {}).values():
                found.append(ENTRIES["bookings"].decode(booking))
                if len(found) % _DECODED_AT_ONCE == 0:
                    await asyncio.sleep(0)
        return found

    async def day_keys(self) -> list[str]:
        return [doc["_id"] for doc in await self._days.find({}, projection={"v": 1})]


def schema(database: Database) -> Schema:
    store = SchedulerStore(database)
    load = "days say how full they are, and whether they hold the places of patients' homes"
    days, indexes = store.day_schema
    # A day may be a megabyte.
    of_days = Migration("0003-days-load", load, days, _day_derived, without=("moved",), at_once=20)
    of_calls = store.calls.migrations("calls", "by what they wait for")
    return Schema(database, [store.calls.schema, (days, indexes)], [*of_calls, of_days])


def _day_derived(doc: Mapping[str, Any]) -> Mapping[str, Any]:
    day = from_document(doc, Dispatch())
    placed = bool(day.routed) or any(each.lat is not None for each in day.bookings.values())
    found: dict[str, Any] = {} if "load" in doc else {"load": day.load()}
    return found | ({"places": day.date.isoformat()} if placed and "places" not in doc else {})
