"""Where the scheduler keeps calls, and each clinic's day: its roster with the bookings in it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import uuid4

from cattrs import override
from pymongo import InsertOne, UpdateOne

from homecall.contract.events import RosterPublished
from homecall.runtime.failures import Transient
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.mongo.by_day import ByDay
from homecall.runtime.mongo.client import Database, Index, MongoCollection
from homecall.runtime.mongo.codec import Codec
from homecall.runtime.mongo.moments import millis, moment_of
from homecall.runtime.mongo.schema import Migration, Schema
from services.scheduler.domain.bookings import BookedVisit
from services.scheduler.domain.clinic_day import Absence, ClinicDay, Mark
from services.scheduler.domain.continuity import visited
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.forecast import Forecast
from services.scheduler.domain.retention import over_on
from services.scheduler.domain.state import CallState, day_of, key_of, timer_at
from services.scheduler.domain.travel import Leg

Date = date
_DAYS_HELD = 512
_DAYS_LOOKED_AT = 32
_DECODED_AT_ONCE = 50
"""Bookings of earlier days, which take some 2 ms."""
_BOOKINGS_HELD = 6_000
"""Of all days that are kept in memory, where the operator says nothing else."""


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


# ---------------------------------------------------------------- days as documents


@dataclass
class _DayDocument:
    """What a day's document holds of a ``ClinicDay``; the roster stands in it as it was published."""

    clinic_id: str
    date: Date
    roster: dict[str, Any] | None = None
    unavailable: list[Absence] = field(default_factory=list)
    bookings: dict[str, BookedVisit] = field(default_factory=dict)
    moved: dict[str, Mark] = field(default_factory=dict)
    load: dict[str, int] = field(default_factory=dict)
    routed: dict[str, list[Leg]] = field(default_factory=dict)
    places: Annotated[Date | None, override(omit_if_default=True)] = None
    forecast: Annotated[Forecast | None, override(omit_if_default=True)] = None
    dirty: Annotated[Mark | None, override(omit_if_default=True)] = None
    trace: Annotated[str | None, override(omit_if_default=True)] = None


_CODEC = Codec(_DayDocument)
_ENTRIES: Mapping[str, Codec[Any]] = {
    "bookings": Codec(BookedVisit),
    "moved": Codec(Mark),
    "routed": Codec(list[Leg]),
}
_COUNTED = ("roster", "unavailable", "bookings")
"""What a day's load depends on."""
_FIELDS = ("roster", "unavailable", "bookings", "moved", "routed", "places", "forecast", "dirty", "trace")


def _from_document(doc: Mapping[str, Any], dispatch: Dispatch) -> ClinicDay:
    # What an earlier release stored as null counts as empty.
    found = _CODEC.decode({name: value for name, value in doc.items() if value is not None})
    return ClinicDay(
        clinic_id=found.clinic_id,
        date=found.date,
        version=doc["v"],
        roster=RosterPublished.model_validate(found.roster) if found.roster is not None else None,
        unavailable=found.unavailable,
        bookings=found.bookings,
        moved=found.moved,
        dirty=found.dirty,
        trace=found.trace,
        changed_at=moment_of(doc["changed_at"]) if "changed_at" in doc else None,
        routed=found.routed,
        places=found.places,
        forecast=found.forecast,
        dispatch=dispatch,
    )


def _to_document(day: ClinicDay, names: Collection[str]) -> dict[str, Any]:
    """The document of a day with these fields alone; what is None is left out, or null."""
    values = {name: getattr(day, name) for name in names}
    if (roster := values.get("roster")) is not None:
        values["roster"] = roster.model_dump(mode="json", by_alias=True, exclude_none=True)
    return _CODEC.encode(_DayDocument(day.clinic_id, day.date, **values))


def _operation(day: ClinicDay, token: str) -> InsertOne[Any] | UpdateOne:
    """The write that stores what changed of a day, if nobody else changed the day."""
    stored = {"w": token, "changed_at": millis(datetime.now(UTC))}
    if day.version == 0:
        doc = _to_document(day, _FIELDS)
        first = {"_id": day.key, "clinic_id": doc.pop("clinic_id"), "date": doc.pop("date"), "v": 1}
        return InsertOne(first | stored | doc | {"load": day.load()})
    found, gone = _changed_paths(day)
    change: dict[str, Any] = {"$set": found | stored, "$inc": {"v": 1}}
    if gone:
        change["$unset"] = dict.fromkeys(gone, "")
    return UpdateOne({"_id": day.key, "v": day.version}, change)


def _changed_paths(day: ClinicDay) -> tuple[dict[str, Any], list[str]]:
    """What of a day's document changed: values by path, and the paths that are gone."""
    fields = sorted(day.changes.fields)
    doc = _to_document(day, fields)
    found = {name: doc[name] for name in fields if doc.get(name) is not None}
    gone = [name for name in fields if name not in found]
    for (name, key), stored in day.changes.entries.items():
        # Of a map that is written whole no path below may be written as well.
        if name not in fields:
            _changed_entry(f"{name}.{key}", _ENTRIES[name], (stored, getattr(day, name).get(key)), found, gone)
    if day.changes.touches(*_COUNTED):
        found["load"] = day.load()
    return found, gone


def _changed_entry(
    path: str, codec: Codec[Any], entry: tuple[Any, Any], found: dict[str, Any], gone: list[str]
) -> None:
    """Add what changed of an entry, given as it is stored and as it is now; None where there is none."""
    before, now = (None if each is None else codec.encode(each) for each in entry)
    if now is None:
        if before is not None:
            gone.append(path)
    elif isinstance(before, dict):
        found |= {f"{path}.{name}": value for name, value in now.items() if name not in before or before[name] != value}
        gone += [f"{path}.{name}" for name in before if name not in now]
    else:
        found[path] = now


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

        self._looked: OrderedDict[str, ClinicDay] = OrderedDict()
        """Days that were looked at and are nobody's here: for the next question about the same call."""

    async def prepare(self) -> None:
        await self.calls.prepare()
        await self._days.ensure_indexes(_DAY_INDEXES)

    @property
    def day_schema(self) -> tuple[MongoCollection, Sequence[Index]]:
        """The days' collection, with the indexes that it is to have."""
        return self._days, _DAY_INDEXES

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
        found = {doc["_id"]: _from_document(doc, self._dispatch(doc["clinic_id"])) for doc in docs}
        for key in keys:
            clinic_id, day = day_of(key)
            found.setdefault(key, held.get(key) or ClinicDay(clinic_id, day, dispatch=self._dispatch(clinic_id)))
        return found

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
        found = _from_document(docs[0], dispatch)
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
            days = [_from_document(doc, self._dispatch(doc["clinic_id"])) for doc in docs]
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
        return {doc["_id"]: _from_document(doc, self._dispatch(doc["clinic_id"])) for doc in found}

    async def past_visits(self, key: str) -> list[BookedVisit]:
        """The bookings of a day that is over. Whatever else is to be done goes on meanwhile."""
        found: list[BookedVisit] = []
        for doc in await self._days.find({"_id": key}, projection={"bookings": 1}):
            for booking in doc.get("bookings", {}).values():
                found.append(_ENTRIES["bookings"].decode(booking))
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
    day = _from_document(doc, Dispatch())
    placed = bool(day.routed) or any(each.lat is not None for each in day.bookings.values())
    found: dict[str, Any] = {} if "load" in doc else {"load": day.load()}
    return found | ({"places": day.date.isoformat()} if placed and "places" not in doc else {})
