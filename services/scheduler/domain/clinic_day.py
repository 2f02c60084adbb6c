"""A clinic's day: its roster, who dropped out, the bookings, which calls are still to be told. Pure.

One day is one document, so no place is given twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from homecall.contract.events import RosterPublished
from homecall.standard.places import straight_km
from services.scheduler.domain.assignment import Impossible, assign, released
from services.scheduler.domain.bookings import (
    BookedVisit,
    Booking,
    Call,
    Coordinates,
    UnplacedCause,
    booking_of,
    call_of,
    new_visit,
)
from services.scheduler.domain.changes import Changes
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.forecast import Forecast
from services.scheduler.domain.improvement import Problem, apply_if_better
from services.scheduler.domain.insertion import place
from services.scheduler.domain.offers import Offer, offers
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.repair import repair
from services.scheduler.domain.roster import roster_of
from services.scheduler.domain.state import Assignment, Promise, day_key
from services.scheduler.domain.travel import Leg, Location, pairs_of

Date = date
MOST_UNAVAILABLE = 1_000
"""Doctors of one day that may have dropped out: as many as a roster has at most."""
_OF_PLAN = ("arrives_from", "arrives_to", "planned_at", "ends_at", "latest_at", "basis")


class Mark(NamedTuple):
    """Why a day has to be settled, or why a call's place changed: the event that caused it, and a reason code."""

    causation_id: str
    reason: str


class Absence(NamedTuple):
    """A doctor who makes no more visits that day, and since when."""

    doctor_id: str
    since: datetime


@dataclass
class ClinicDay:
    """A clinic's day.

    ``dirty`` means that the day is to be settled: calls may be waiting for room, or bookings may no longer hold.
    ``moved`` are the calls whose place was changed by the day and who have not been told.
    ``routed`` are a router's travel times by visit. ``places`` is the day's date while it holds coordinates of
    patients' homes. ``trace`` is the traceparent of what marked the day; ``changed_at`` when it was last stored, by
    the real clock.
    """

    clinic_id: str
    date: Date
    version: int = 0
    roster: RosterPublished | None = None
    unavailable: list[Absence] = field(default_factory=list)
    bookings: dict[str, BookedVisit] = field(default_factory=dict)
    moved: dict[str, Mark] = field(default_factory=dict)
    dirty: Mark | None = None
    trace: str | None = None
    changed_at: datetime | None = None
    routed: dict[str, list[Leg]] = field(default_factory=dict)
    places: Date | None = None
    forecast: Forecast | None = None
    dispatch: Dispatch = field(default_factory=Dispatch)
    changes: Changes = field(default_factory=Changes)
    _plan: DayPlan | None = None

    @property
    def key(self) -> str:
        return day_key(self.clinic_id, self.date)

    @property
    def changed(self) -> bool:
        return bool(self.changes)

    def stored(self) -> None:
        self.version += 1
        self.changes = Changes()

    @property
    def unplaced_cause(self) -> UnplacedCause:
        return "no_roster" if self.roster is None else "no_capacity"

    # -------------------------------------------------------- roster

    def take_roster(self, event: RosterPublished, causation_id: str, traceparent: str | None = None) -> None:
        """Take a roster with a higher revision; bookings survive. A lower or equal one is history."""
        if self.roster is not None and event.revision <= self.roster.revision:
            return
        self.roster = event
        self.changes.fields.add("roster")
        self._plan = None
        self.mark_dirty(causation_id, "roster_changed", traceparent)

    def take_unavailable(
        self, doctor_id: str, since: datetime, causation_id: str, traceparent: str | None = None
    ) -> bool:
        """From ``since`` on the doctor makes no more visits that day; the earliest such time holds.

        Whether it was taken: not where more doctors have dropped out than a roster has.
        """
        known = dict(self.unavailable)
        if doctor_id not in known and len(known) >= MOST_UNAVAILABLE:
            return False
        if doctor_id in known and known[doctor_id] <= since:
            return True
        known[doctor_id] = since
        self.unavailable = [Absence(each, at) for each, at in known.items()]
        self.changes.fields.add("unavailable")
        self._plan = None
        self.mark_dirty(causation_id, "doctor_unavailable", traceparent)
        return True

    def take_forecast(self, forecast: Forecast) -> None:
        """Choose the windows of the next calls by it; those that were promised stay."""
        if forecast != self.forecast:
            self.forecast = self.plan.forecast = forecast
            self.changes.fields.add("forecast")

    # -------------------------------------------------------- to be settled

    def mark_dirty(self, causation_id: str, reason: str, traceparent: str | None = None) -> None:
        """Have the day settled, because of this event."""
        self.dirty = Mark(causation_id, reason)
        self.changes.fields.add("dirty")
        self._set_trace(traceparent)

    def tell(self, request_id: str, mark: Mark) -> None:
        """Remember that a call is to be told of its new place, or of having none."""
        self.changes.entries.setdefault(("moved", request_id), self.moved.get(request_id))
        self.moved[request_id] = mark

    def clean(self) -> None:
        """The day is settled and everybody has been told."""
        self.dirty = None
        self.moved = {}
        self.changes.fields |= {"dirty", "moved"}
        self._set_trace(None)

    def _set_trace(self, traceparent: str | None) -> None:
        if traceparent is not None or self.trace is not None:
            self.changes.fields.add("trace")
        self.trace = traceparent

    # -------------------------------------------------------- places

    @property
    def plan(self) -> DayPlan:
        """The day as it is planned: made once, then kept up with every change."""
        if self._plan is None:
            roster = roster_of(self.roster, self.date, self.dispatch.zone) if self.roster is not None else None
            travel = timedelta(minutes=roster.travel_minutes if roster is not None else 0)
            self._plan = DayPlan(
                roster,
                bookings=[booking_of(request_id, visit, travel) for request_id, visit in self.bookings.items()],
                unavailable=dict(self.unavailable),
                dispatch=self.dispatch,
                routed=pairs_of(self.routed),
                forecast=self.forecast,
            )
        return self._plan

    def place(self, call: Call, now: datetime) -> BookedVisit | None:
        """A place for the call: the one it has, or a new one. None when the day has none."""
        if call.request_id not in self.bookings:
            believed = self._believed(call)
            if not isinstance(place(self.plan, believed, now), Booking):
                return None
            self._keep_call(call, believed)
        return self.bookings[call.request_id]

    def offers(self, call: Call, now: datetime) -> list[Offer]:
        """Windows that the call could have if it were made now; nothing changes. See ``offers``."""
        return offers(self.plan, self._believed(call), now)

    def assign(self, call: Call, wanted: Assignment, assignment_id: str, now: datetime) -> BookedVisit | Impossible:
        """Place the call by hand; where that was done before a crash, the place that it has."""
        standing = self.bookings.get(call.request_id)
        if standing is None or (standing.why or {}).get("assignment") != assignment_id:
            believed = self._believed(call)
            found = assign(self.plan, believed, wanted, assignment_id, now)
            if isinstance(found, Impossible):
                return found
            self._keep_call(call, believed)
        return self.bookings[call.request_id]

    def release(self, request_id: str) -> BookedVisit | None:
        """Let a visit that was placed by hand be planned like any other; None where there is no such visit."""
        booking = released(self.plan, request_id)
        if booking is None:
            return None
        self.plan.put(booking)
        self._keep({})
        return self.bookings[request_id]

    def _believed(self, call: Call) -> Call:
        """The call without coordinates that cannot be true. A call with a place was judged when it got it."""
        standing = self.bookings.get(call.request_id)
        doubted = self.out_of_reach(call) if standing is None else standing.implausible is not None
        return replace(call, lat=None, lon=None) if doubted else call

    def _keep_call(self, call: Call, believed: Call) -> None:
        """Write down the call's new place."""
        self._keep({call.request_id: believed})
        if believed is not call and call.lat is not None and call.lon is not None:
            visit = replace(self.bookings[call.request_id], implausible=(call.lat, call.lon))
            self._put_visit(call.request_id, visit)

    def out_of_reach(self, call: Call) -> bool:
        """Whether a call's coordinates are too far from most places of the day to be true."""
        location = call.location
        if not location.known:
            return False
        implausible = (Location(each, *visit.implausible) for each, visit in self.bookings.items() if visit.implausible)
        return self.plan.out_of_reach(location, implausible)

    def book(self, call: Call, promise: Promise, why: dict[str, Any] | None) -> BookedVisit:
        """Book a call where it was told, whatever the plan would say; after a restore, before ``plan_promises``."""
        minutes = self.roster.visit_minutes if self.roster is not None else 20
        told = {
            "arrives_from": promise.arrives_from,
            "arrives_to": promise.arrives_to,
            "planned_at": promise.arrives_from,
            "ends_at": promise.arrives_from + timedelta(minutes=minutes),
            "doctor": promise.doctor,
            "basis": promise.basis,
            "why": why,
        }
        self._put_visit(call.request_id, new_visit(call, told))
        self._plan = None
        return self.bookings[call.request_id]

    def plan_promises(self) -> None:
        """Plan each doctor's visits in the order in which their windows close, as early as these allow."""
        roster = self.roster
        minutes = timedelta(minutes=roster.visit_minutes if roster is not None else 20)
        travel = timedelta(minutes=roster.travel_minutes if roster is not None else 10)
        ready: dict[str, datetime] = {}
        in_order = sorted(self.bookings.items(), key=lambda each: (each[1].arrives_to, each[1].arrives_from, each[0]))
        for request_id, visit in in_order:
            opens, doctor_id = visit.arrives_from, visit.doctor.doctor_id
            planned = min(max(opens, ready.get(doctor_id, opens)), visit.arrives_to)
            ready[doctor_id] = planned + minutes + travel
            self._put_visit(request_id, replace(visit, planned_at=planned, ends_at=planned + minutes))
        self._plan = None

    def free(self, request_id: str, now: datetime) -> bool:
        if request_id not in self.bookings:
            return False
        # The plan is made with the booking in it, if it has to be made.
        self.plan.free(request_id, now)
        self._drop("bookings", request_id)
        self._drop("routed", request_id)
        self._keep({})
        return True

    def over(self, request_id: str, outcome: str, at: datetime, now: datetime) -> bool:
        """The clinic has reported the visit; whether that made room."""
        if request_id not in self.bookings:
            return False
        # Nobody set out for a patient who was in hospital, or wanted no visit. Any other visit was made, and counts.
        if outcome in {"hospitalised", "declined"} and not self.plan.begun(request_id, min(at, now)):
            return self.free(request_id, now)
        changed = self.plan.over(request_id, at, now)
        self._keep({})
        return changed

    def repair(self, now: datetime) -> list[str]:
        """Place again what no longer holds, with as few changed promises as possible; whose place changed."""
        gone = [booking.request_id for booking in repair(self.plan, self._call, now)]
        for request_id in gone:
            if request_id not in self.plan.bookings:
                self._drop("bookings", request_id)
        self._keep({})
        return gone

    def apply_if_better(self, problem: Problem, routes: Sequence[Sequence[int]], now: datetime) -> list[str] | None:
        """Put a better plan in place; whose doctor changed. None where it is stale, or no better: nothing changes."""
        changed = apply_if_better(self.plan, problem, routes, now)
        if changed is not None:
            self._keep({})
        return changed

    def _call(self, request_id: str) -> Call:
        return call_of(request_id, self.bookings[request_id])

    # -------------------------------------------------------- travel times and coordinates

    def wants_travel_times(self, call: Call) -> bool:
        """Whether a router is to be asked about the call before it is placed."""
        return (
            call.location.known
            and call.request_id not in self.bookings
            and call.request_id not in self.routed
            and not self.out_of_reach(call)
        )

    def take_routed(self, request_id: str, travel_times: Mapping[str, tuple[int, int]]) -> None:
        """Keep a router's travel times between a call and other places, so that no decision ever uses two answers."""
        self.changes.entries.setdefault(("routed", request_id), self.routed.get(request_id))
        self.routed[request_id] = [Leg(key, int(there), int(back)) for key, (there, back) in travel_times.items()]
        if self._plan is not None:
            self._plan.take_routed(pairs_of({request_id: self.routed[request_id]}))

    def around(self, call: Call) -> tuple[Coordinates, dict[str, Coordinates]]:
        """Where a call is, and by key the places of the day with coordinates, the nearest first."""
        lat, lon = call.lat or 0.0, call.lon or 0.0
        known = {
            each.key: (each.lat, each.lon)
            for each in self.plan.locations()
            if each.lat is not None and each.lon is not None and not self.plan.travel.too_far(call.location, each)
        }
        nearest = sorted(known, key=lambda key: (straight_km(lat, lon, *known[key]), key))
        return (lat, lon), {key: known[key] for key in nearest}

    def forget_places(self) -> None:
        """Keep no coordinates: the day is long over."""
        for request_id, visit in self.bookings.items():
            if visit.has_coordinates:
                self._put("bookings", request_id, replace(visit, lat=None, lon=None, implausible=None))
        self.routed, self.places, self._plan = {}, None, None
        self.changes.fields |= {"routed", "places"}

    # -------------------------------------------------------- what is kept

    def _keep(self, calls: Mapping[str, Call]) -> None:
        """Write down what changed in the plan; ``calls`` are those of new bookings."""
        for request_id in sorted(self.plan.take_touched()):
            told = self._told(self.plan.bookings[request_id])
            visit = self.bookings.get(request_id)
            self._put_visit(request_id, new_visit(calls[request_id], told) if visit is None else replace(visit, **told))

    def keep_reasons(self, request_id: str, why: Mapping[str, Any]) -> None:
        """Keep the same reasons in another form, with the visit and in the plan; the day does not change."""
        self.bookings[request_id] = replace(self.bookings[request_id], why=why)
        if self._plan is not None:
            self._plan.bookings[request_id] = replace(self._plan.bookings[request_id], why=why)

    def _told(self, booking: Booking) -> dict[str, Any]:
        """What the plan says of a booking. A doctor who stays keeps the name that was told."""
        visit = self.bookings.get(booking.request_id)
        same_doctor = visit is not None and visit.doctor.doctor_id == booking.doctor_id
        return {
            **{name: getattr(booking, name) for name in _OF_PLAN},
            "doctor": visit.doctor if visit and same_doctor else self.plan.doctors[booking.doctor_id].named,
            "why": booking.why,
        }

    def _put_visit(self, request_id: str, visit: BookedVisit) -> None:
        if visit.has_coordinates and self.places is None:
            self.places = self.date
            self.changes.fields.add("places")
        self._put("bookings", request_id, visit)

    def _put(self, name: str, key: str, value: Any) -> None:
        entries: dict[str, Any] = getattr(self, name)
        before = entries.get(key)
        if before != value:
            self.changes.entries.setdefault((name, key), before)
            entries[key] = value

    def _drop(self, name: str, key: str) -> None:
        entries: dict[str, Any] = getattr(self, name)
        if key in entries:
            self.changes.entries.setdefault((name, key), entries.pop(key))

    def load(self) -> dict[str, int]:
        """How full the day is: visits placed, visits that the doctors can make, doctors by how full their day is."""
        held = Counter(visit.doctor.doctor_id for visit in self.bookings.values())
        gone = {doctor_id for doctor_id, _ in self.unavailable}
        found = {"placed": len(self.bookings), "capacity": 0, "light": 0, "busy": 0, "full": 0}
        rostered = {each.doctor_id: each.max_visits for each in self.roster.doctors} if self.roster else {}
        for doctor_id, most in rostered.items():
            if doctor_id in gone:
                found["capacity"] += held[doctor_id]  # what was made before the doctor left
                continue
            found["capacity"] += most
            how = "full" if held[doctor_id] >= most else "busy" if 2 * held[doctor_id] >= most else "light"
            found[how] += 1
        return found
