"""Where a call goes on a clinic's day: which doctor, in which place of the route, and what is promised.

A promise is a window, ``arrives_from`` to ``arrives_to``, in which the doctor arrives. It is made at once, by putting
the call into the best route of a suitable doctor; from then on the visit may move in its route, or to another route,
but the arrival stays within the window. So what is checked is the route: every arrival within its window, travel and
visits one after the other, all within the shift, at most ``max_visits``. No window begins in the past (R14).

Everything here is a function of what is passed in: the same day, call and time give the same place.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from itertools import islice
from types import MappingProxyType
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from homecall.contract.types import ZONE
from services.scheduler.route import Insertion, Route, Stop
from services.scheduler.travel import Location, Travel

Specialty = Literal["gp", "therapist", "paediatrician"]
Urgency = Literal["urgent", "same_day"]
Basis = Literal["district", "specialty", "least_loaded", "duty"]
Cause = Literal["no_roster", "no_capacity"]
DistrictKind = Literal["adult", "child", "mixed"]

# Who may go to whom, the preferred first. A therapist never goes to a child, nor a paediatrician to an adult.
_FOR_CHILD: dict[str, int] = {"paediatrician": 0, "gp": 1}
_FOR_ADULT: dict[str, int] = {"gp": 0, "therapist": 0}

_GRID = 300
_ALTERNATIVES = 3


@dataclass(frozen=True, slots=True)
class Doctor:
    """A doctor's line in a roster; ``max_visits`` counts every visit of the day, those already made included."""

    doctor_id: str
    full_name: str
    specialty: Specialty
    districts: frozenset[str]
    shift_from: datetime
    shift_to: datetime
    max_visits: int
    on_duty: bool
    start: tuple[float, float] | None = None
    """Where the day begins: latitude and longitude."""


@dataclass(frozen=True, slots=True)
class Roster:
    """One revision of a clinic's day. A doctor listed twice counts once, as last listed."""

    revision: int
    doctors: tuple[Doctor, ...]
    visit_minutes: int = 20
    travel_minutes: int = 10

    def __post_init__(self) -> None:
        """Raise ValueError for a visit that takes no time: any number of calls would fit into it."""
        if self.visit_minutes < 1 or self.travel_minutes < 0:
            raise ValueError(
                "roster: visit_minutes must be 1 or more and travel_minutes 0 or more; publish a corrected one"
            )


@dataclass(frozen=True, slots=True)
class Dispatch:
    """How a clinic dispatches. Minutes, unless it says otherwise.

    ``window`` is the width of a promise, and ``lead`` how long after the answer it opens, unless the call is urgent:
    what is known before the doctor sets out can be driven in a better order. ``urgent_within`` bounds by how much
    others may push an urgent visit, ``buffer`` how long before the last moment a doctor with time sets out at the
    earliest. ``district_weight`` is what another doctor must save, when the promise is made, to be sent instead of the
    district's own; ``specialty_weight`` instead of a child's own kind of doctor. ``change_weight`` is what planning
    again must save to send another doctor than was named, and again if it is not the district's. ``wait_weight`` is
    what a minute of waiting costs in minutes of travel, ``load_weight`` what a doctor's whole day of visits does.
    ``zone`` is that of the shifts' clock times.
    """

    window: int = 120
    lead: int = 72
    buffer: int = 1440
    urgent_within: int = 30
    road_factor: float = 1.3
    speed_kmh: float = 20.0
    district_weight: float = 10.0
    specialty_weight: float = 20.0
    change_weight: float = 1.0
    wait_weight: float = 0.15
    load_weight: float = 20.0
    table: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Seconds between districts."""
    zone: ZoneInfo = ZONE


@dataclass(frozen=True, slots=True)
class Booking:
    """A promise: this doctor, who arrives between ``arrives_from`` and ``arrives_to``.

    ``planned_at`` is the arrival as now planned, ``ends_at`` the visit's end; neither is promised. ``latest_at`` bounds
    the arrival of an urgent visit more tightly than its promise. ``is_child`` None means that it is not known, and the
    specialty is not judged again. ``why`` says on what grounds, and over whom, the doctor was chosen.
    """

    request_id: str
    doctor_id: str
    arrives_from: datetime
    arrives_to: datetime
    planned_at: datetime
    ends_at: datetime
    urgent: bool
    basis: Basis
    is_child: bool | None = None
    spot: Location | None = None
    latest_at: datetime | None = None
    why: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """An accepted request, as far as placing it needs to know. A child is a patient under 18.

    ``rank`` is its place in the waiting order, the lowest first; see ``waiting``.
    """

    request_id: str
    is_child: bool
    district_id: str | None
    urgency: Urgency
    red_flag: bool
    accepted_at: datetime
    lat: float | None = None
    lon: float | None = None
    rank: int = 0

    @property
    def spot(self) -> Location:
        """Where it is."""
        return Location.of(self.request_id, self.lat, self.lon, self.district_id)


@dataclass(frozen=True, slots=True)
class NoPlace:
    """The call has no place: no roster has come yet, or no suitable doctor has room."""

    cause: Cause


class _Option(NamedTuple):
    """A place that a call can have, by what it costs: seconds, everything weighed as travel."""

    cost: float
    arrives: int
    doctor_id: str
    insertion: Insertion
    load: float


class Day:
    """One clinic's day in memory: the roster, the bookings in their routes, and who is unavailable from when.

    Times are aware datetimes (ValueError otherwise). Windows given by ``place`` are in the zone of the doctor's shift.
    """

    def __init__(
        self,
        roster: Roster | None = None,
        bookings: Iterable[Booking] = (),
        unavailable: Mapping[str, datetime] | None = None,
        dispatch: Dispatch | None = None,
        routed: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        self.dispatch = dispatch or Dispatch()
        self._routed = dict(routed or {})
        self._unavailable = {doctor_id: _seconds(since) for doctor_id, since in (unavailable or {}).items()}
        self._bookings: dict[str, Booking] = {}
        self._roster: Roster | None = None
        self._doctors: dict[str, Doctor] = {}
        self._routes: dict[str, Route] = {}
        self._touched: set[str] = set()
        by_doctor: dict[str, list[Stop]] = {}
        for booking in bookings:
            self._bookings[booking.request_id] = booking
            by_doctor.setdefault(booking.doctor_id, []).append(_stop(booking))
        self._found(roster, by_doctor)

    def _found(self, roster: Roster | None, stops: Mapping[str, Sequence[Stop]]) -> None:
        """Make the routes of a roster, with the stops that there are; doctors who left it keep theirs."""
        self._roster = roster
        self._doctors = {doctor.doctor_id: doctor for doctor in roster.doctors} if roster else {}
        flat = (roster.travel_minutes if roster else 10) * 60
        rules = self.dispatch
        farthest = _longest_way(roster) if roster else _DAY
        self.travel = Travel(flat, rules.road_factor, rules.speed_kmh, rules.table, self._routed, farthest)
        self._routes = {}
        for doctor_id in [*self._doctors, *(each for each in stops if each not in self._doctors)]:
            doctor = self._doctors.get(doctor_id)
            lat, lon = (doctor.start if doctor and doctor.start else None) or (None, None)
            self._routes[doctor_id] = Route(
                Location.of(start_key(doctor_id), lat, lon),
                _seconds(doctor.shift_from) if doctor else 0,
                self._until(doctor) if doctor else 0,
                self.travel,
                sorted(stops.get(doctor_id, ()), key=lambda stop: (stop.planned, stop.request_id)),
                rules.buffer * 60,
            )

    def _until(self, doctor: Doctor) -> int:
        until = _seconds(doctor.shift_to)
        return min(until, self._unavailable.get(doctor.doctor_id, until))

    # ------------------------------------------------------------ what is there

    @property
    def roster(self) -> Roster | None:
        """The roster in force."""
        return self._roster

    @property
    def bookings(self) -> Mapping[str, Booking]:
        """The bookings by request, read-only."""
        return MappingProxyType(self._bookings)

    @property
    def routes(self) -> Mapping[str, Route]:
        """The routes by doctor, read-only; also of doctors who left the roster with visits."""
        return MappingProxyType(self._routes)

    @property
    def doctors(self) -> Mapping[str, Doctor]:
        """The roster's doctors by id, read-only."""
        return MappingProxyType(self._doctors)

    def touched(self) -> set[str]:
        """The bookings that were made or whose planned times changed since this was last asked."""
        touched, self._touched = self._touched, set()
        return {request_id for request_id in touched if request_id in self._bookings}

    def spots(self) -> list[Location]:
        """Every place of the day: the doctors' starts and the visits."""
        return [route.start for route in self._routes.values()] + [
            stop.spot for route in self._routes.values() for stop in route.stops
        ]

    def out_of_reach(self, spot: Location, others: Sequence[Location] = ()) -> bool:
        """Whether a spot's coordinates are too far from the day's places, and from these visits, to be true.

        Near a doctor's start they are true. Far from all starts they are not, unless most visits, and two at least, are
        near them: then it is the starts that are wrong. Without starts most visits decide, of two or more: of one
        nobody knows whether it is the wrong one.
        """
        if not spot.known:
            return False
        starts = [route.start for route in self._routes.values() if route.start.known]
        if not all(self.travel.too_far(each, spot) for each in starts):
            return False
        visits = [stop.spot for route in self._routes.values() for stop in route.stops]
        known = [each for each in (*visits, *others) if each.known and each.key != spot.key]
        far = sum(self.travel.too_far(each, spot) for each in known)
        near = len(known) - far
        if starts:
            return near < 2 or near <= far
        return len(known) >= 2 and far > near

    # ------------------------------------------------------------ what changes it

    def take_roster(self, roster: Roster) -> None:
        """Put a roster in force, whatever its revision. Bookings survive; ask ``displaced`` which no longer hold."""
        self._found(roster, {doctor_id: route.stops for doctor_id, route in self._routes.items() if route.stops})

    def take_unavailable(self, doctor_id: str, since: datetime) -> None:
        """The doctor is not there from ``since`` to the day's end. Replaces what was said of the doctor before."""
        self._unavailable[doctor_id] = _seconds(since)
        self._found(self._roster, {each: route.stops for each, route in self._routes.items() if route.stops})

    def take_routed(self, seconds: Mapping[tuple[str, str], int]) -> None:
        """Take what a router said of pairs of spots, before the call that they are about is placed."""
        self._routed.update(seconds)
        if not self.travel.routed:
            self._found(self._roster, {each: route.stops for each, route in self._routes.items() if route.stops})

    def free(self, request_id: str, now: datetime) -> Booking | None:
        """Give the request's place back; the booking that went, or None where there was none."""
        booking = self._bookings.pop(request_id, None)
        if booking is not None:
            route = self._routes[booking.doctor_id]
            at = _seconds(now)
            route.advance(at)
            self._note(route.remove(request_id, at))
        return booking

    def over(self, request_id: str, at: datetime, now: datetime) -> bool:
        """The visit was over at ``at``. Earlier than planned, the next may begin earlier; whether anything changed.

        A report that comes later than planned pushes nobody: reports are often written long after the visit.
        """
        booking = self._bookings.get(request_id)
        if booking is None:
            return False
        route = self._routes[booking.doctor_id]
        moment = _seconds(now)
        route.advance(moment)
        changed = route.over(request_id, min(_seconds(at), moment), moment)
        self._note(changed)
        return bool(changed)

    def begun(self, request_id: str, now: datetime) -> bool:
        """Whether the doctor has set out for the visit by ``now``."""
        booking = self._bookings[request_id]
        stop = next(each for each in self._routes[booking.doctor_id].stops if each.request_id == request_id)
        return stop.planned - stop.leg <= _seconds(now)

    # ------------------------------------------------------------ a place for a call

    def place(self, call: Call, now: datetime) -> Booking | NoPlace:
        """Find the call a doctor and a place in the route, promise a window, book it. One that has a place keeps it.

        The doctors on duty take what the others have no room for, and the calls of their own district. Among those who
        are asked together the least extra travel decides, with the weights of ``Dispatch``; for an urgent call the
        earliest arrival.
        """
        if (booked := self._bookings.get(call.request_id)) is not None:
            return booked
        if self._roster is None:
            return NoPlace("no_roster")
        at = _seconds(now)
        soonest = _grid_up(at)
        opens = soonest if call.urgency == "urgent" else _grid_up(at + self.dispatch.lead * 60)
        for on_duty in (False, True):
            doctors = [doctor for doctor in self._asked(call) if self._serves(doctor, call, on_duty=on_duty)]
            # A window that opens alike for all lets the next calls nearby be served with this one. Only where nobody
            # can come within it does it open later; and at the end of the day, earlier.
            for earliest, width in ((opens, self.dispatch.window * 60), (opens, None), (soonest, None)):
                options = sorted(self._options(doctors, call, at, earliest, width))
                if options:
                    return self._promise(call, options, at, earliest)
        return NoPlace("no_capacity")

    def _asked(self, call: Call) -> list[Doctor]:
        suitable = _suitable(call.is_child)
        return [doctor for doctor in self._doctors.values() if doctor.specialty in suitable]

    @staticmethod
    def _serves(doctor: Doctor, call: Call, *, on_duty: bool) -> bool:
        overflow = doctor.on_duty and call.district_id not in doctor.districts
        return overflow == on_duty

    def _options(
        self, doctors: Sequence[Doctor], call: Call, at: int, earliest: int, width: int | None
    ) -> Iterator[_Option]:
        assert self._roster is not None
        service, spot, urgent = self._roster.visit_minutes * 60, call.spot, call.urgency == "urgent"
        for doctor in doctors:
            route = self._routes[doctor.doctor_id]
            route.advance(at)
            if len(route.stops) >= doctor.max_visits:
                continue
            load = len(route.stops) / doctor.max_visits
            fixed = 60 * (self._dislike(doctor, call) + self.dispatch.load_weight * load)
            best: _Option | None = None
            for each in route.insertions(
                spot, service, earliest, route.until if width is None else earliest + width, at
            ):
                waits = each.arrives - at
                cost = (
                    waits + each.extra * 0.1 + fixed
                    if urgent
                    else each.extra + waits * self.dispatch.wait_weight + fixed
                )
                if best is None or cost < best.cost:
                    best = _Option(cost, each.arrives, doctor.doctor_id, each, load)
            if best is not None:
                yield best

    def _dislike(self, doctor: Doctor, call: Call) -> float:
        """What another doctor would have to lose by, to be sent all the same: minutes."""
        weight = 0.0
        if call.district_id is not None and call.district_id not in doctor.districts:
            weight += self.dispatch.district_weight
        return weight + self.dispatch.specialty_weight * _suitable(call.is_child)[doctor.specialty]

    def _promise(self, call: Call, options: Sequence[_Option], at: int, earliest: int) -> Booking:
        assert self._roster is not None
        best = options[0]
        service = self._roster.visit_minutes * 60
        doctor, route = self._doctors[best.doctor_id], self._routes[best.doctor_id]
        opens = self._opens(call, best, route, earliest)
        opens, closes = self._window(opens, route.until - service, max(at, route.begins))
        latest = min(closes, best.arrives + self.dispatch.urgent_within * 60) if call.urgency == "urgent" else closes
        zone = doctor.shift_from.tzinfo
        booking = Booking(
            request_id=call.request_id,
            doctor_id=doctor.doctor_id,
            arrives_from=_moment(opens, zone),
            arrives_to=_moment(closes, zone),
            planned_at=_moment(best.arrives, zone),
            ends_at=_moment(best.arrives + service, zone),
            urgent=call.urgency == "urgent",
            basis=self._basis(doctor, call),
            is_child=call.is_child,
            spot=call.spot,
            latest_at=_moment(latest, zone) if latest != closes else None,
            why=self._why(call, options, at),
        )
        self._enter(booking, best.insertion.position, at)
        return self._bookings[call.request_id]

    def _opens(self, call: Call, best: _Option, route: Route, earliest: int) -> int:
        """When the window opens: at the earliest, if the doctor arrives within it; else halfway before the arrival."""
        if call.urgency == "urgent":
            return min(max(_grid_down(best.arrives), earliest), best.arrives)
        soonest = max(earliest, min(_grid_up(route.begins), best.arrives))
        if best.arrives <= soonest + self.dispatch.window * 60:
            return soonest
        return max(soonest, _grid_down(best.arrives - self.dispatch.window * 30))

    def _window(self, opens: int, last: int, floor: int) -> tuple[int, int]:
        """The promise that opens then: as wide as the clinic has it, no later than ``last``; earlier if it must."""
        width = self.dispatch.window * 60
        if opens + width > last:
            opens = min(opens, max(_grid_up(floor), _grid_up(last - width)))
        return opens, min(opens + width, last)

    def _basis(self, doctor: Doctor, call: Call) -> Basis:
        if call.district_id in doctor.districts:
            return "district"
        if doctor.on_duty:
            return "duty"
        return "specialty" if call.is_child else "least_loaded"

    def _why(self, call: Call, options: Sequence[_Option], at: int) -> dict[str, Any]:
        """Why this doctor and time: plain values, to be kept with the booking and shown."""

        def told(option: _Option) -> dict[str, Any]:
            doctor = self._doctors[option.doctor_id]
            return {
                "doctor_id": option.doctor_id,
                "basis": self._basis(doctor, call),
                "wait_minutes": (option.arrives - at) // 60,
                "extra_travel_minutes": round(option.insertion.extra / 60, 1),
                "load": round(option.load, 2),
                "cost_minutes": round(option.cost / 60, 1),
            }

        chosen = told(options[0])
        del chosen["doctor_id"]
        return {
            **chosen,
            "by": "earliest arrival" if call.urgency == "urgent" else "least travel",
            "over": [told(each) for each in islice(options, 1, 1 + _ALTERNATIVES)],
        }

    def _enter(self, booking: Booking, position: int, at: int) -> None:
        self._bookings[booking.request_id] = booking
        self._touched.add(booking.request_id)
        self._note(self._routes[booking.doctor_id].insert(_stop(booking), position, at))

    def _note(self, stops: Iterable[Stop]) -> None:
        """Hold the bookings to the planned times of their stops."""
        for stop in stops:
            booking = self._bookings[stop.request_id]
            zone = booking.arrives_from.tzinfo
            self._bookings[stop.request_id] = replace(
                booking, planned_at=_moment(stop.planned, zone), ends_at=_moment(stop.ends, zone)
            )
            self._touched.add(stop.request_id)

    def rearrange(self, ordered: Mapping[str, Sequence[Stop]], now: datetime) -> list[str]:
        """Put these stops, in this order, in place of the open ones of these doctors; those whose doctor changed.

        Windows stay as they were promised. Whoever asks has seen that every rule holds.
        """
        at = _seconds(now)
        changed: list[str] = []
        for doctor_id, order in ordered.items():
            for stop in order:
                booking = self._bookings[stop.request_id]
                if booking.doctor_id != doctor_id:
                    doctor = self._doctors[doctor_id]
                    basis: Basis = (
                        "district"
                        if stop.spot.district_id in doctor.districts
                        else "duty"
                        if doctor.on_duty
                        else "specialty"
                        if booking.is_child
                        else "least_loaded"
                    )
                    why = {**(booking.why or {}), "basis": basis, "by": "less travel"}
                    self._bookings[stop.request_id] = replace(booking, doctor_id=doctor_id, basis=basis, why=why)
                    self._touched.add(stop.request_id)
                    changed.append(stop.request_id)
        for doctor_id, order in ordered.items():
            self._note(self._routes[doctor_id].reorder(order, at))
        return changed

    # ------------------------------------------------------------ when it changes

    def displaced(self, now: datetime) -> list[Booking]:
        """The bookings that do not hold any more, urgent first, then by time: to be freed, then placed again.

        A visit that is over is left alone. One for which the doctor has set out stays, unless the doctor is no longer
        in the roster or becomes unavailable before its end: then nobody would come. One that has not begun must be
        reached in its window and be over within the shift, by a suitable doctor; past ``max_visits`` the latest go.
        Empty while there is no roster.
        """
        if self._roster is None:
            return []
        at = _seconds(now)
        gone = [
            self._bookings[request_id] for doctor_id in self._routes for request_id in self._no_longer(doctor_id, at)
        ]
        return sorted(gone, key=lambda booking: (not booking.urgent, booking.planned_at, booking.request_id))

    def _no_longer(self, doctor_id: str, now: int) -> Iterator[str]:
        doctor, route = self._doctors.get(doctor_id), self._routes[doctor_id]
        absent_from = self._unavailable.get(doctor_id)
        route.advance(now)
        held = 0
        leave, before = route.begins, route.start
        for index, stop in enumerate(route.stops):
            if stop.ends <= now:
                holds = True
            elif doctor is None or (absent_from is not None and stop.ends > absent_from):
                holds = False
            elif index < route.begun:
                holds = True
            else:
                arrives = max(max(leave, now) + self.travel.seconds(before, stop.spot), stop.earliest)
                is_child = self._bookings[stop.request_id].is_child
                holds = (
                    arrives <= stop.latest
                    and arrives + stop.service <= route.until
                    and held < doctor.max_visits
                    and (is_child is None or doctor.specialty in _suitable(is_child))
                )
                if holds:
                    leave, before = arrives + stop.service, stop.spot
            if holds:
                held += 1
                if index < route.begun:
                    leave, before = max(stop.ends, route.begins), stop.spot
            else:
                yield stop.request_id

    def repair(self, calls: Mapping[str, Call], now: datetime) -> list[Booking]:
        """Take out what no longer holds, and place it again with as few changed promises as can be.

        First as many windows as possible are kept, with whichever doctor; then the sum of what the others are moved by
        is kept small; who has no place at all is left without. The bookings that were taken out, as they were.
        """
        if self._roster is None:
            return []
        gone = self.displaced(now)
        at = _seconds(now)
        for booking in gone:
            self.free(booking.request_id, now)
        for route in self._routes.values():
            route.advance(at)
            self._note(route.reorder(route.open, at))
        if not gone:
            return []
        again = [(booking, calls[booking.request_id]) for booking in gone]
        orders = [sorted(again, key=key) for key in (_by_end, _by_rank, _by_room)]
        if len(again) > _MANY:
            orders = orders[1:2]
        tried = [self._tried(order, at) for order in orders]
        best = min(range(len(tried)), key=lambda index: tried[index][0])
        for booking, position in tried[best][1]:
            self._enter(booking, position, at)
        return gone

    def _tried(
        self, again: Sequence[tuple[Booking, Call]], at: int
    ) -> tuple[tuple[int, int, int, int], list[tuple[Booking, int]]]:
        """What placing again in this order comes to: (without a place, moved, by how much, travel), and the places."""
        assert self._roster is not None
        routes = {doctor_id: _copy(self._routes[doctor_id]) for doctor_id in self._doctors}
        placed: list[tuple[Booking, int]] = []
        left: list[tuple[Booking, Call]] = []
        extra = moved = moved_by = 0

        def enter(booking: Booking, insertion: Insertion) -> None:
            nonlocal extra
            routes[booking.doctor_id].insert(_stop(booking), insertion.position, at)
            placed.append((booking, insertion.position))
            extra += insertion.extra

        for booking, call in again:
            found = self._keeping(booking, call, routes, at)
            if found is None:
                left.append((booking, call))
            else:
                enter(*found)
        without = 0
        for booking, call in sorted(left, key=_by_rank):
            shifted = self._moving(booking, call, routes, at)
            if shifted is None:
                without += 1
            else:
                moved += 1
                moved_by += shifted[2]
                enter(shifted[0], shifted[1])
        return (without, moved, moved_by, extra), placed

    def _keeping(
        self, booking: Booking, call: Call, routes: Mapping[str, Route], at: int
    ) -> tuple[Booking, Insertion] | None:
        """The cheapest place with the same window, and the booking there."""
        opens, closes = _seconds(booking.arrives_from), _seconds(booking.latest_at or booking.arrives_to)
        best: tuple[float, str, Insertion] | None = None
        for doctor, route, service in self._with_room(call, routes):
            fixed = 60 * self._dislike(doctor, call) + (_DUTY if not self._serves(doctor, call, on_duty=False) else 0)
            for each in route.insertions(call.spot, service, max(opens, at), closes, at):
                option = (each.extra + fixed, doctor.doctor_id, each)
                if best is None or option[:2] < best[:2]:
                    best = option
        if best is None:
            return None
        return self._moved_to(booking, call, best[1], opens, _seconds(booking.arrives_to), best[2], kept=True), best[2]

    def _moving(
        self, booking: Booking, call: Call, routes: Mapping[str, Route], at: int
    ) -> tuple[Booking, Insertion, int] | None:
        """The place whose window is moved by the least, the booking there, and by how many seconds it is moved."""
        opens, closes = _seconds(booking.arrives_from), _seconds(booking.arrives_to)
        best: tuple[float, float, str, Insertion] | None = None
        for doctor, route, service in self._with_room(call, routes):
            fixed = 60 * self._dislike(doctor, call) + (_DUTY if not self._serves(doctor, call, on_duty=False) else 0)
            for each in route.insertions(call.spot, service, _grid_up(at), route.until, at):
                by = max(each.arrives - closes, opens - each.bound, 0)
                option = (by, each.extra + fixed, doctor.doctor_id, each)
                if best is None or option[:3] < best[:3]:
                    best = option
        if best is None:
            return None
        _, _, doctor_id, insertion = best
        route, service = routes[doctor_id], self._roster.visit_minutes * 60 if self._roster else 0
        if insertion.arrives > closes:
            new_from = opens + _grid_up(insertion.arrives - closes)
        else:
            new_from = opens - _grid_up(max(0, opens - insertion.bound))
        new_from = min(max(new_from, _grid_up(at)), max(insertion.bound, insertion.arrives))
        insertion = insertion._replace(arrives=max(insertion.arrives, min(new_from, insertion.bound)))
        new_from, new_to = self._window(min(new_from, insertion.arrives), route.until - service, max(at, route.begins))
        return (
            self._moved_to(booking, call, doctor_id, new_from, max(new_to, insertion.arrives), insertion, kept=False),
            insertion,
            abs(new_from - opens),
        )

    def _with_room(self, call: Call, routes: Mapping[str, Route]) -> Iterator[tuple[Doctor, Route, int]]:
        assert self._roster is not None
        for doctor in self._asked(call):
            route = routes[doctor.doctor_id]
            if len(route.stops) < doctor.max_visits:
                yield doctor, route, self._roster.visit_minutes * 60

    def _moved_to(
        self, booking: Booking, call: Call, doctor_id: str, opens: int, closes: int, insertion: Insertion, *, kept: bool
    ) -> Booking:
        assert self._roster is not None
        doctor = self._doctors[doctor_id]
        zone = doctor.shift_from.tzinfo
        within = insertion.arrives + self.dispatch.urgent_within * 60
        latest_at = (
            booking.latest_at if kept else _moment(min(closes, within), zone) if call.urgency == "urgent" else None
        )
        return replace(
            booking,
            doctor_id=doctor_id,
            arrives_from=_moment(opens, zone),
            arrives_to=_moment(closes, zone),
            planned_at=_moment(insertion.arrives, zone),
            ends_at=_moment(insertion.arrives + self._roster.visit_minutes * 60, zone),
            basis=self._basis(doctor, call),
            latest_at=latest_at,
            spot=call.spot,
            why={
                "basis": self._basis(doctor, call),
                "by": "window kept" if kept else "least change",
                "extra_travel_minutes": round(insertion.extra / 60, 1),
                "over": [],
            },
        )


_DAY = 86_400


def _longest_way(roster: Roster) -> int:
    """What can be driven within a shift, with time left for a visit: seconds, by the roster's longest shift."""
    longest = max((_seconds(each.shift_to) - _seconds(each.shift_from) for each in roster.doctors), default=_DAY)
    return max(0, longest - roster.visit_minutes * 60)


def start_key(doctor_id: str) -> str:
    """The key of the spot where a doctor's day begins: no request has such an id."""
    return f"@{doctor_id}"


_MANY = 80
"""Beyond so many displaced visits one order of placing them again is tried, not several."""
_DUTY = 3600
"""What sending a doctor on duty costs against any other, where a promise is to be kept: seconds."""


def _by_end(each: tuple[Booking, Call]) -> Any:
    return each[0].arrives_to, each[1].rank, each[0].request_id


def _by_rank(each: tuple[Booking, Call]) -> Any:
    return _first(each[1])


def _by_room(each: tuple[Booking, Call]) -> Any:
    return not each[1].is_child, each[0].arrives_to - each[0].arrives_from, each[0].arrives_to, each[0].request_id


def _first(call: Call) -> Any:
    return call.rank, not call.red_flag, call.urgency != "urgent", call.accepted_at, call.request_id


def order_of_waiting(calls: Iterable[Call]) -> list[Call]:
    """Who is placed first as room appears: by rank, as the waiting order has it, then by time of acceptance."""
    return sorted(calls, key=_first)


def district_of(
    address_text: str, districts: Iterable[tuple[str, DistrictKind, Sequence[str]]], *, is_child: bool
) -> str | None:
    """The ``district_id`` whose address prefix the address begins with, or None.

    ``districts`` are (district_id, kind, address prefixes). Case and spacing do not count; a prefix ends where a word
    does ("Abai 1" is not "Abai 12", nor "Abai 1A"). The longest prefix wins, then the district of the patient's own
    kind before a mixed one, then the lower id. An adult is never matched to a child district, nor a child to an adult
    one.
    """
    own: DistrictKind = "child" if is_child else "adult"
    address = _plain(address_text)
    matches = [
        (-len(prefix), kind != own, district_id)
        for district_id, kind, prefixes in districts
        if kind in (own, "mixed")
        for prefix in map(_plain, prefixes)
        if _begins_with(address, prefix)
    ]
    return min(matches)[2] if matches else None


def _suitable(is_child: bool) -> dict[str, int]:
    return _FOR_CHILD if is_child else _FOR_ADULT


def _stop(booking: Booking) -> Stop:
    planned, ends = _seconds(booking.planned_at), _seconds(booking.ends_at)
    return Stop(
        request_id=booking.request_id,
        spot=booking.spot or Location(booking.request_id),
        earliest=_seconds(booking.arrives_from),
        latest=_seconds(booking.latest_at or booking.arrives_to),
        service=ends - planned,
        planned=planned,
        ends=ends,
    )


def _copy(route: Route) -> Route:
    copied = Route(
        route.start, route.begins, route.until, route.travel, [replace(stop) for stop in route.stops], route.buffer
    )
    copied.begun = route.begun
    copied._reckon_latest()
    return copied


def _seconds(moment: datetime) -> int:
    """Whole seconds since 1970, rounded up: nothing is given before the moment."""
    if moment.utcoffset() is None:
        raise ValueError("time without an offset: pass an aware datetime")
    return -int(-moment.timestamp() // 1)


def _moment(seconds: int, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(seconds, zone or UTC)


def _down(seconds: int, step: int) -> int:
    return seconds // step * step


def _grid_up(seconds: int) -> int:
    return -(-seconds // _GRID) * _GRID


def _grid_down(seconds: int) -> int:
    return seconds // _GRID * _GRID


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _begins_with(address: str, prefix: str) -> bool:
    if not prefix or not address.startswith(prefix):
        return False
    rest = address[len(prefix) :]
    return not (rest and rest[0].isalnum() and prefix[-1].isalnum())
