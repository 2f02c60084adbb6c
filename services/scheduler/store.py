"""Where the scheduler keeps calls, and each clinic's day: its roster with the bookings in it."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from pymongo import InsertOne, UpdateOne

from homecall.contract.events import RosterPublished
from homecall.contract.types import in_zone
from homecall.gateways.osrm import LONGEST_SECONDS
from homecall.runtime.mongo.mongo import Aggregate, Database, Index, MongoCollection, Repository, millis, moment_of
from homecall.runtime.mongo.schema import Migration, Schema
from homecall.standard.places import LOCATION_IMPLAUSIBLE, located, straight_km
from services.scheduler.domain import CallState, Placed, day_key, timer_at
from services.scheduler.improve import Problem, adopt
from services.scheduler.retention import over_on
from services.scheduler.routing import Booking, Call, Day, Dispatch, Doctor, Roster
from services.scheduler.travel import Location

_DAYS_HELD = 512
_BOOKINGS_HELD = 6_000
"""Of all days that are kept in memory, where the operator says nothing else."""


def _indexed(state: CallState) -> dict[str, Any]:
    open_visit = state.status in {"waiting", "booked"} and state.due_at is not None and not state.missed_said
    return {
        "waiting_for": day_key(state.clinic_id, state.day) if state.status == "waiting" else None,
        "unplaced": state.cause if state.status == "waiting" else None,
        "visit_open_since": millis(datetime.fromisoformat(state.accepted_at)) if open_visit else None,
        "channel": state.channel or None,
        "day": date.fromisoformat(state.day).toordinal(),
        "clinic": state.clinic_id,
    }


@dataclass
class ClinicDay:
    """A clinic's day: the roster, who dropped out of it, and the bookings. One document, so no place is given twice.

    ``dirty`` means that the day is to be settled: calls may be waiting for room, or bookings may no longer hold.
    ``moved`` are the calls whose place was changed by the day and who have not been told: id to (cause, reason).
    ``routed`` is what a router said of the ways to a visit: id to [key of another spot, seconds there, seconds back].
    """

    clinic_id: str
    date: str
    version: int = 0
    roster: dict[str, Any] | None = None
    unavailable: list[list[str]] = field(default_factory=list)
    bookings: dict[str, dict[str, Any]] = field(default_factory=dict)
    moved: dict[str, list[str]] = field(default_factory=dict)
    dirty: list[str] | None = None
    trace: str | None = None
    """The traceparent of what marked it, for what is said of that."""
    changed_at: datetime | None = None
    """When it was last stored, by the real clock."""
    routed: dict[str, list[list[Any]]] = field(default_factory=dict)
    places: str | None = None
    """The day's date while it holds coordinates of patients' homes; None once they are erased, or where none came."""
    dispatch: Dispatch = field(default_factory=Dispatch)
    _set: dict[str, Any] = field(default_factory=dict)
    _unset: dict[str, str] = field(default_factory=dict)
    _plan: Day | None = None

    @property
    def key(self) -> str:
        return day_key(self.clinic_id, self.date)

    @property
    def changed(self) -> bool:
        return bool(self._set or self._unset)

    # -------------------------------------------------------- roster

    def take_roster(self, event: RosterPublished, causation_id: str, traceparent: str | None = None) -> None:
        """Take a roster with a higher revision; bookings survive. A lower or equal one is history."""
        if self.roster is not None and event.revision <= self.roster["revision"]:
            return
        self.roster = event.model_dump(mode="json", by_alias=True, exclude_none=True)
        self._put("roster", self.roster)
        self._plan = None
        self.mark_dirty(causation_id, "roster_changed", traceparent)

    def take_unavailable(
        self, doctor_id: str, since: datetime, causation_id: str, traceparent: str | None = None
    ) -> bool:
        """From ``since`` on the doctor makes no more visits that day; the earliest such time holds.

        Whether it was taken: not where more doctors have dropped out than a roster has.
        """
        known = {each[0]: each[1] for each in self.unavailable}
        if doctor_id not in known and len(known) >= MOST_UNAVAILABLE:
            return False
        if doctor_id in known and datetime.fromisoformat(known[doctor_id]) <= since:
            return True
        known[doctor_id] = in_zone(since)
        self.unavailable = [[each, at] for each, at in known.items()]
        self._put("unavailable", self.unavailable)
        self._plan = None
        self.mark_dirty(causation_id, "doctor_unavailable", traceparent)
        return True

    def mark_dirty(self, causation_id: str, reason: str, traceparent: str | None = None) -> None:
        """Have the day settled, because of this cause."""
        self.dirty = [causation_id, reason]
        self._put("dirty", self.dirty)
        self._trace(traceparent)

    def _trace(self, traceparent: str | None) -> None:
        if traceparent is not None:
            self._put("trace", traceparent)
        elif self.trace is not None:
            self._drop("trace")
        self.trace = traceparent

    def clean(self) -> None:
        """The day is settled and everybody has been told."""
        self.dirty = None
        self.moved = {}
        self._drop("dirty")
        self._trace(None)
        self._put("moved", self.moved)

    # -------------------------------------------------------- places

    @property
    def plan(self) -> Day:
        """The day as routing sees it: made once, then kept up with every change."""
        if self._plan is None:
            roster = _roster(self.roster, self.date, self.dispatch.zone) if self.roster is not None else None
            travel_minutes = roster.travel_minutes if roster is not None else 0
            self._plan = Day(
                roster,
                bookings=[_booking(request_id, kept, travel_minutes) for request_id, kept in self.bookings.items()],
                unavailable={doctor_id: datetime.fromisoformat(at) for doctor_id, at in self.unavailable},
                dispatch=self.dispatch,
                routed=_pairs(self.routed),
            )
        return self._plan

    def place(self, call: Call, now: datetime) -> Placed | None:
        """A place for the call: the one it has, or a new one. None when the day has none."""
        if call.request_id not in self.bookings:
            implausible = [call.lat, call.lon] if self.out_of_reach(call) else None
            if implausible:
                call = replace(call, lat=None, lon=None)
            if not isinstance(self.plan.place(call, now), Booking):
                return None
            self._keep({call.request_id: call})
            if implausible:
                # Nobody drives by them. They are kept to judge the next call: it may be the others that are wrong.
                self.bookings[call.request_id]["implausible"] = implausible
                self._put(f"bookings.{call.request_id}.implausible", implausible)
                self._holds_places()
        return self.placed(call.request_id)

    def out_of_reach(self, call: Call) -> bool:
        """Whether a call's coordinates are too far from most places of the day to be true."""
        flagged = {each: kept["implausible"] for each, kept in self.bookings.items() if "implausible" in kept}
        return self.plan.out_of_reach(call.spot, [Location(each, lat, lon) for each, (lat, lon) in flagged.items()])

    def placed(self, request_id: str) -> Placed | None:
        """The place that a call has."""
        kept = self.bookings.get(request_id)
        if kept is None:
            return None
        return Placed(
            datetime.fromisoformat(kept["from"]),
            datetime.fromisoformat(kept["to"]),
            kept["doctor"],
            kept["basis"],
            kept.get("why"),
            (LOCATION_IMPLAUSIBLE,) if kept.get("implausible") else (),
        )

    def book(self, call: Call, placed: Placed) -> None:
        """Book a call where it was told, whatever the plan would say; after a restore, before ``plan_promises``."""
        told: dict[str, Any] = {
            "from": in_zone(placed.arrives_from),
            "to": in_zone(placed.arrives_to),
            "planned_at": in_zone(placed.arrives_from),
            "ends_at": in_zone(placed.arrives_from + timedelta(minutes=_visit_minutes(self.roster))),
            "latest_at": None,
            "doctor": placed.doctor,
            "basis": placed.basis,
            "why": placed.why,
        }
        self._enter(call, told)
        self._plan = None

    def plan_promises(self) -> None:
        """Plan each doctor's visits anew in the order in which their windows close, as early as these allow."""
        minutes = timedelta(minutes=_visit_minutes(self.roster))
        way = timedelta(minutes=(self.roster or {}).get("travel_minutes", 10))
        ready: dict[str, datetime] = {}
        for request_id, kept in sorted(
            self.bookings.items(), key=lambda each: (each[1]["to"], each[1]["from"], each[0])
        ):
            opens, closes = datetime.fromisoformat(kept["from"]), datetime.fromisoformat(kept["to"])
            doctor_id = kept["doctor"]["doctor_id"]
            planned = min(max(opens, ready.get(doctor_id, opens)), closes)
            ready[doctor_id] = planned + minutes + way
            for name, value in (("planned_at", in_zone(planned)), ("ends_at", in_zone(planned + minutes))):
                if kept.get(name) != value:
                    kept[name] = value
                    self._put(f"bookings.{request_id}.{name}", value)
        self._plan = None

    def free(self, request_id: str, now: datetime) -> bool:
        """Give a place back; whether there was one."""
        if request_id not in self.bookings:
            return False
        # The plan is made with the booking in it, if it has to be made.
        self.plan.free(request_id, now)
        del self.bookings[request_id]
        self._drop(f"bookings.{request_id}")
        if self.routed.pop(request_id, None) is not None:
            self._drop(f"routed.{request_id}")
        self._keep({})
        return True

    def over(self, request_id: str, outcome: str, at: datetime, now: datetime) -> bool:
        """The clinic has reported the visit; whether that made room.

        Whoever is in hospital, or wants no visit, before the doctor has set out is not visited. Any other visit was
        made, and counts.
        """
        if request_id not in self.bookings:
            return False
        if outcome in {"hospitalised", "declined"} and not self.plan.begun(request_id, min(at, now)):
            return self.free(request_id, now)
        changed = self.plan.over(request_id, at, now)
        self._keep({})
        return changed

    def repair(self, now: datetime) -> list[str]:
        """Place again what no longer holds, with as few changed promises as can be; whose place changed."""
        calls = {request_id: self.call(request_id) for request_id in self.bookings}
        gone = self.plan.repair(calls, now)
        for booking in gone:
            if booking.request_id not in self.plan.bookings:
                del self.bookings[booking.request_id]
                self._drop(f"bookings.{booking.request_id}")
        self._keep(calls)
        return [booking.request_id for booking in gone]

    def improve(self, problem: Problem, routes: Sequence[Sequence[int]], now: datetime) -> list[str] | None:
        """Put a better plan in place; whose doctor changed. None where it is stale, or no better: nothing changes."""
        changed = adopt(self.plan, problem, routes, now)
        if changed is not None:
            self._keep({request_id: self.call(request_id) for request_id in changed})
        return changed

    def take_routed(self, request_id: str, ways: Mapping[str, Sequence[int]]) -> None:
        """Keep what a router said of the ways between a call and other spots, so that it is never decided otherwise."""
        kept: list[list[Any]] = [[key, int(there), int(back)] for key, (there, back) in ways.items()]
        self.routed[request_id] = kept
        self._put(f"routed.{request_id}", kept)
        if self._plan is not None:
            self._plan.take_routed(_pairs({request_id: kept}))

    def around(self, call: Call) -> tuple[tuple[float, float], dict[str, tuple[float, float]]]:
        """Where a call is, and by key the places of the day with coordinates, the nearest first."""
        lat, lon = call.lat or 0.0, call.lon or 0.0
        known = {
            spot.key: (spot.lat, spot.lon)
            for spot in self.plan.spots()
            if spot.lat is not None and spot.lon is not None and not self.plan.travel.too_far(call.spot, spot)
        }
        nearest = sorted(known, key=lambda key: (straight_km(lat, lon, *known[key]), key))
        return (lat, lon), {key: known[key] for key in nearest}

    def forget_places(self) -> None:
        """Keep no coordinates: the day is long over."""
        for request_id, kept in self.bookings.items():
            for name in ("lat", "lon", "implausible"):
                if kept.pop(name, None) is not None:
                    self._drop(f"bookings.{request_id}.{name}")
        self.routed, self.places, self._plan = {}, None, None
        self._put("routed", {})
        self._drop("places")

    def tell(self, request_id: str, causation_id: str, reason: str) -> None:
        """Remember that a call is to be told of its new place, or of having none."""
        self.moved[request_id] = [causation_id, reason]
        self._put(f"moved.{request_id}", [causation_id, reason])

    def _keep(self, calls: Mapping[str, Call]) -> None:
        """Write down what changed in the plan: whole bookings that are new, and of the others the paths."""
        for request_id in sorted(self.plan.touched()):
            booking = self.plan.bookings[request_id]
            kept = self.bookings.get(request_id)
            told = self._told(booking)
            if kept is None:
                self._enter(calls[request_id], told)
                continue
            for name, value in told.items():
                if kept.get(name) != value:
                    kept[name] = value
                    self._put(f"bookings.{request_id}.{name}", value)

    def _enter(self, call: Call, told: Mapping[str, Any]) -> None:
        """Write down a new booking: what was told of it, and what of its call the plan goes by."""
        kept: dict[str, Any] = {
            **told,
            "child": call.is_child,
            "district": call.district_id,
            "urgency": call.urgency,
            "red_flag": call.red_flag,
            "accepted_at": in_zone(call.accepted_at),
            "rank": call.rank,
        }
        if call.spot.known:
            kept |= {"lat": call.lat, "lon": call.lon}
            self._holds_places()
        self.bookings[call.request_id] = kept
        self._put(f"bookings.{call.request_id}", kept)

    def _holds_places(self) -> None:
        """Note that the day holds coordinates of patients' homes, to be erased one day."""
        if self.places is None:
            self.places = self.date
            self._put("places", self.places)

    def _told(self, booking: Booking) -> dict[str, Any]:
        known = self.bookings.get(booking.request_id)
        if known is not None and known["doctor"]["doctor_id"] == booking.doctor_id:
            doctor = known["doctor"]
        else:
            of_roster = self.plan.doctors[booking.doctor_id]
            doctor = {
                "doctor_id": of_roster.doctor_id,
                "full_name": of_roster.full_name,
                "specialty": of_roster.specialty,
            }
        return {
            "from": in_zone(booking.arrives_from),
            "to": in_zone(booking.arrives_to),
            "planned_at": in_zone(booking.planned_at),
            "ends_at": in_zone(booking.ends_at),
            "latest_at": in_zone(booking.latest_at) if booking.latest_at is not None else None,
            "doctor": doctor,
            "basis": booking.basis,
            "why": dict(booking.why) if booking.why is not None else None,
        }

    def _put(self, path: str, value: Any) -> None:
        above = path.rpartition(".")[0]
        if above and above in self._set:
            return  # what is set whole holds it already
        self._unset.pop(path, None)
        self._set[path] = value

    def _drop(self, path: str) -> None:
        for below in [each for each in self._set if each == path or each.startswith(f"{path}.")]:
            del self._set[below]
        self._unset[path] = ""

    def call(self, request_id: str) -> Call:
        """A booked call, as routing takes it."""
        kept = self.bookings[request_id]
        return Call(
            request_id=request_id,
            is_child=kept["child"],
            district_id=kept["district"],
            urgency=kept["urgency"],
            red_flag=kept["red_flag"],
            accepted_at=datetime.fromisoformat(kept["accepted_at"]),
            lat=kept.get("lat"),
            lon=kept.get("lon"),
            rank=kept.get("rank", 0),
        )

    def load(self) -> dict[str, int]:
        """How full the day is: visits placed, visits that the doctors can make, doctors by how full theirs is.

        Stored beside the bookings, so that a clinic's load is read without them.
        """
        held = Counter(booking["doctor"]["doctor_id"] for booking in self.bookings.values())
        gone = {doctor_id for doctor_id, _ in self.unavailable}
        rostered = {each["doctor_id"]: each["max_visits"] for each in (self.roster or {}).get("doctors", ())}
        found = {"placed": len(self.bookings), "capacity": 0, "light": 0, "busy": 0, "full": 0}
        for doctor_id, at_most in rostered.items():
            if doctor_id in gone:
                found["capacity"] += held[doctor_id]  # what was made before the doctor left
                continue
            found["capacity"] += at_most
            how = "full" if held[doctor_id] >= at_most else "busy" if 2 * held[doctor_id] >= at_most else "light"
            found[how] += 1
        return found

    # -------------------------------------------------------- storage

    def operation(self, token: str) -> InsertOne[Any] | UpdateOne:
        """The write that stores what changed, if nobody else changed the day."""
        if self.version == 0:
            doc = {
                "_id": self.key,
                "clinic_id": self.clinic_id,
                "date": self.date,
                "v": 1,
                "w": token,
                "changed_at": millis(datetime.now(UTC)),
                "roster": self.roster,
                "unavailable": self.unavailable,
                "bookings": self.bookings,
                "moved": self.moved,
                "load": self.load(),
                "routed": self.routed,
            }
            if self.places is not None:
                doc["places"] = self.places
            if self.dirty is not None:
                doc["dirty"] = self.dirty
            if self.trace is not None:
                doc["trace"] = self.trace
            return InsertOne(doc)
        stored = {"w": token, "changed_at": millis(datetime.now(UTC))}
        change: dict[str, Any] = {"$set": self._paths() | stored, "$inc": {"v": 1}}
        if self._unset:
            change["$unset"] = self._unset
        return UpdateOne({"_id": self.key, "v": self.version}, change)

    def _paths(self) -> dict[str, Any]:
        # A path under one that is set whole would clash with it.
        whole = {path for path in self._set if "." not in path}
        paths = {path: value for path, value in self._set.items() if path in whole or path.split(".")[0] not in whole}
        if _COUNTED & {path.split(".")[0] for path in (*self._set, *self._unset)}:
            paths["load"] = self.load()
        return paths

    def stored(self) -> None:
        """What changed is in the store."""
        self.version += 1
        self._set, self._unset = {}, {}


MOST_UNAVAILABLE = 1_000
"""Doctors of one day that may have dropped out: as many as a roster has at most."""
_COUNTED = {"roster", "unavailable", "bookings"}
"""What a day's load is reckoned from."""


def _booking(request_id: str, kept: Mapping[str, Any], travel_minutes: int) -> Booking:
    """A booking as it is kept. One of before there were routes is a fixed slot, from setting out to the visit's end."""
    arrives_from, arrives_to = datetime.fromisoformat(kept["from"]), datetime.fromisoformat(kept["to"])
    if "planned_at" in kept:
        planned_at, ends_at = datetime.fromisoformat(kept["planned_at"]), datetime.fromisoformat(kept["ends_at"])
        latest_at = datetime.fromisoformat(kept["latest_at"]) if kept.get("latest_at") else None
    else:
        planned_at = latest_at = min(arrives_from + timedelta(minutes=travel_minutes), arrives_to)
        ends_at = arrives_to
    return Booking(
        request_id=request_id,
        doctor_id=kept["doctor"]["doctor_id"],
        arrives_from=arrives_from,
        arrives_to=arrives_to,
        planned_at=planned_at,
        ends_at=ends_at,
        urgent=kept["urgency"] == "urgent",
        basis=kept["basis"],
        is_child=kept["child"],
        spot=Location.of(request_id, kept.get("lat"), kept.get("lon"), kept["district"]),
        latest_at=latest_at,
        why=kept.get("why"),
    )


def _visit_minutes(roster: Mapping[str, Any] | None) -> int:
    minutes: int = (roster or {}).get("visit_minutes", 20)
    return minutes


def _pairs(routed: Mapping[str, Sequence[Sequence[Any]]]) -> dict[tuple[str, str], int]:
    pairs: dict[tuple[str, str], int] = {}
    for request_id, ways in routed.items():
        for key, there, back in ways:
            # An earlier release kept whatever the router had said.
            if min(there, back) >= 0 and max(there, back) <= LONGEST_SECONDS:
                pairs[request_id, key], pairs[key, request_id] = there, back
    return pairs


def _roster(kept: dict[str, Any], day: str, zone: ZoneInfo) -> Roster:
    roster = RosterPublished.model_validate(kept)
    on = date.fromisoformat(day)
    return Roster(
        revision=roster.revision,
        doctors=tuple(
            Doctor(
                doctor_id=each.doctor_id,
                full_name=each.full_name,
                specialty=each.specialty,
                districts=frozenset(each.districts),
                shift_from=datetime.combine(on, each.shift.frm, zone),
                shift_to=datetime.combine(on, each.shift.to, zone),
                max_visits=each.max_visits,
                on_duty=each.on_duty,
                start=located(each.start.lat, each.start.lon) if each.start is not None else None,
            )
            for each in roster.doctors
        ),
        visit_minutes=roster.visit_minutes,
        travel_minutes=roster.travel_minutes,
    )


def _day(doc: Mapping[str, Any], dispatch: Dispatch) -> ClinicDay:
    return ClinicDay(
        clinic_id=doc["clinic_id"],
        date=doc["date"],
        version=doc["v"],
        roster=doc.get("roster"),
        unavailable=doc.get("unavailable") or [],
        bookings=doc.get("bookings") or {},
        moved=doc.get("moved") or {},
        dirty=doc.get("dirty"),
        trace=doc.get("trace"),
        routed=doc.get("routed") or {},
        places=doc.get("places"),
        dispatch=dispatch,
        changed_at=moment_of(doc["changed_at"]) if "changed_at" in doc else None,
    )


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
        self.calls: Repository[CallState] = Repository(
            database.collection("calls"),
            CallState,
            timer_at=timer_at,
            indexed=_indexed,
            indexes=[
                ("waiting_for", False),
                ("unplaced", False),
                ("visit_open_since", False),
                (("day", "clinic"), False),
            ],
            over_on=over_on,
        )
        self._days: MongoCollection = database.collection("days")
        self._dispatch = dispatch
        self._bookings_held = bookings_held
        self._kept: OrderedDict[str, ClinicDay] = OrderedDict()

    async def prepare(self) -> None:
        """Create the indexes; safe to run again."""
        await self.calls.prepare()
        await self._days.ensure_indexes(_DAY_INDEXES)

    @property
    def day_schema(self) -> tuple[MongoCollection, Sequence[Index]]:
        """The days' collection, with the indexes that it is to have."""
        return self._days, _DAY_INDEXES

    async def load_days(self, keys: Collection[str], *, trusted: bool = False) -> dict[str, ClinicDay]:
        """The days of these keys, in one query; new ones for those that do not exist.

        Those in memory that are ``trusted`` are not asked for: whoever does not change them cannot rely on them.
        """
        held: dict[str, ClinicDay] = {}
        for key in keys:
            day = self._kept.pop(key, None)
            if day is not None and day.dispatch == self._dispatch(day.clinic_id):
                held[key] = day
        unknown = [key for key in keys if key not in held]
        asked: list[dict[str, Any]] = [{"_id": {"$in": unknown}}] if unknown else []
        if not trusted:
            asked += [{"_id": key, "v": {"$ne": day.version}} for key, day in held.items()]
        query = asked[0] if len(asked) == 1 else {"$or": asked}
        docs = await self._days.find(query) if asked else []
        found = {doc["_id"]: _day(doc, self._dispatch(doc["clinic_id"])) for doc in docs}
        for key in keys:
            clinic_id, _, day_of = key.rpartition("|")
            found.setdefault(key, held.get(key) or ClinicDay(clinic_id, day_of, dispatch=self._dispatch(clinic_id)))
        return found

    def _hold(self, day: ClinicDay) -> None:
        self._kept[day.key] = day
        self._kept.move_to_end(day.key)
        bookings = sum(len(each.bookings) for each in self._kept.values())
        while len(self._kept) > 1 and (len(self._kept) > _DAYS_HELD or bookings > self._bookings_held):
            bookings -= len(self._kept.popitem(last=False)[1].bookings)

    async def save_days(self, days: Sequence[ClinicDay], *, hold: bool = True) -> set[str]:
        """Store the days that changed, each by compare-and-set, in one bulk write. The keys of those that lost.

        Who goes on with these very days afterwards says so by ``hold`` False: then nobody else gets them from memory.
        """
        changed = [day for day in days if day.changed]
        for day in days:
            if hold and not day.changed and day.version:
                self._hold(day)
        if not changed:
            return set()
        token = uuid4().hex
        written = await self._days.write([day.operation(token) for day in changed])
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

    async def dirty_days(self, limit: int = 10) -> list[str]:
        """The keys of the days that are to be settled: not too many at once, since each is loaded whole."""
        return [
            doc["_id"] for doc in await self._days.find({"dirty": {"$exists": True}}, limit=limit, projection={"v": 1})
        ]

    async def forget_places(self, last_day: date, at_once: int = 50) -> int:
        """Erase the coordinates of patients' homes from the days up to that one; from how many days.

        By compare-and-set: what a service changes meanwhile is found again.
        """
        erased = 0
        while docs := await self._days.find({"places": {"$lte": last_day.isoformat()}}, limit=at_once):
            days = [_day(doc, self._dispatch(doc["clinic_id"])) for doc in docs]
            for day in days:
                day.forget_places()
            lost = await self.save_days(days)
            erased += len(days) - len(lost)
        return erased

    async def waiting(self, keys: Collection[str]) -> list[Aggregate[CallState]]:
        """The calls that wait for a place in these days, in one query."""
        return await self.calls.find({"waiting_for": {"$in": list(keys)}})

    async def open_visits(self) -> list[tuple[str, int, Any]]:
        """Visits that are due, by channel: (channel, number, earliest acceptance)."""
        return await self.calls.group({"visit_open_since": {"$exists": True}}, "channel", "visit_open_since")

    async def loads(self, on: date) -> dict[str, dict[str, int]]:
        """By clinic, how full a day is (``ClinicDay.load``), and how many calls wait for a place in it."""
        days = await self._days.find({"date": on.isoformat()}, projection={"clinic_id": 1, "load": 1})
        found = {doc["clinic_id"]: {"waiting": 0, **doc.get("load", {})} for doc in days}
        waiting = {"waiting_for": {"$exists": True}}
        for key, number, _ in await self.calls.group(waiting, "waiting_for", "v"):
            clinic_id, _, day = key.rpartition("|")
            if day == on.isoformat():
                found.setdefault(clinic_id, {})["waiting"] = number
        return found

    async def unplaced(self) -> dict[str, int]:
        """Calls without a place, by cause."""
        rows = await self.calls.group({"unplaced": {"$exists": True}}, "unplaced", "v")
        return {causation_id: number for causation_id, number, _ in rows}

    # -------------------------------------------------------- to be compared with other stores

    async def clinics_on(self, day: date) -> dict[str, int]:
        """The clinics with calls that are to be placed on that day, or were, and how many each has."""
        rows = await self.calls.group({"day": day.toordinal()}, "clinic", "v")
        return {clinic_id: number for clinic_id, number, _ in rows}

    async def days(self, first: date, last: date) -> set[date]:
        """The days, among these, that have calls."""
        rows = await self.calls.group({"day": {"$gte": first.toordinal(), "$lte": last.toordinal()}}, "day", "v")
        return {date.fromordinal(day) for day, _, _ in rows}

    async def on(self, day: date, clinics: Collection[str]) -> list[Aggregate[CallState]]:
        """The calls of these clinics' day, to look at, without anything personal."""
        return await self.calls.look({"day": day.toordinal(), "clinic": {"$in": list(clinics)}}, ["cancel_reason"])

    async def of(self, ids: Collection[str]) -> list[Aggregate[CallState]]:
        """The same for calls by their requests' ids."""
        return await self.calls.look({"_id": {"$in": list(ids)}}, ["cancel_reason"]) if ids else []

    async def bookings_on(self, keys: Collection[str]) -> dict[str, ClinicDay]:
        """Those of these clinics' days that exist, to look at, without their rosters."""
        found = await self._days.find({"_id": {"$in": list(keys)}}, projection={"roster": 0, "moved": 0})
        return {doc["_id"]: _day(doc, self._dispatch(doc["clinic_id"])) for doc in found}

    async def day_keys(self) -> list[str]:
        """Every clinic's day that exists: its key alone."""
        return [doc["_id"] for doc in await self._days.find({}, projection={"v": 1})]


def schema(database: Database) -> Schema:
    """What the scheduler's database is to have."""
    store = SchedulerStore(database)
    (calls, of_calls), (days, of_days) = store.calls.schema, store.day_schema
    by_day = "calls are found by their day and clinic, and by what they wait for"
    over = "calls are known to be over, so that homecall erase finds them"
    load = "days say how full they are, and whether they hold the places of patients' homes"
    return Schema(
        database,
        [(calls, of_calls), (days, of_days)],
        [
            Migration("0001-calls-by-day", by_day, calls, store.calls.derived),
            Migration("0002-calls-over", over, calls, store.calls.derived_over),
            # A day may be a megabyte.
            Migration("0003-days-load", load, days, _day_derived, without=("moved",), at_once=20),
        ],
    )


def _day_derived(doc: Mapping[str, Any]) -> Mapping[str, Any]:
    day = _day(doc, Dispatch())
    placed = bool(day.routed) or any(each.get("lat") is not None for each in day.bookings.values())
    found: dict[str, Any] = {} if "load" in doc else {"load": day.load()}
    return found | ({"places": day.date} if placed and "places" not in doc else {})
