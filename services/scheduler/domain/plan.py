"""The plan of a clinic's day in memory: its doctors, their routes, and the bookings in them.

A promise is a window in which the doctor arrives. Once made, the visit may move in its route, or to another route, but
the arrival stays within the window. So what is checked is the route: every arrival within its window, travel and visits
one after the other and none of it in a break, all within the shift and back at its end where the day began, at most
``max_visits`` visits.

``insertion`` finds a place for a new call, ``repair`` puts a changed day right, ``improvement`` saves travel. All of it
depends only on its arguments: the same day, call and time give the same place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime

from homecall.contract.events import ChosenBy
from services.scheduler.domain.bookings import Booking
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.forecast import Forecast
from services.scheduler.domain.moments import moment_of, seconds_of
from services.scheduler.domain.roster import Doctor, Roster, basis_of, suitable
from services.scheduler.domain.route import Route, Stop
from services.scheduler.domain.shift import Shift
from services.scheduler.domain.travel import Location, RememberedTravel, Travel

_DAY = 86_400


class DayPlan:
    """One clinic's day: the roster, the bookings in their routes, and who is unavailable from when.

    Only the methods here change its attributes. Times are aware datetimes (ValueError otherwise).
    """

    def __init__(
        self,
        roster: Roster | None = None,
        bookings: Iterable[Booking] = (),
        unavailable: Mapping[str, datetime] | None = None,
        dispatch: Dispatch | None = None,
        routed: Mapping[tuple[str, str], int] | None = None,
        forecast: Forecast | None = None,
    ) -> None:
        self.roster = roster
        self.forecast = forecast
        self.doctors = {doctor.doctor_id: doctor for doctor in roster.doctors} if roster else {}
        self.bookings = {booking.request_id: booking for booking in bookings}
        self.unavailable = {doctor_id: seconds_of(since) for doctor_id, since in (unavailable or {}).items()}
        """Since when each doctor is unavailable, in seconds since 1970."""
        self.dispatch = rules = dispatch or Dispatch()
        self._routed = dict(routed or {})
        flat = (roster.travel_minutes if roster else 10) * 60
        farthest = _longest_drive(roster) if roster else _DAY
        self.travel = Travel(flat, rules.road_factor, rules.speed_kmh, rules.table, self._routed, farthest)
        stops: dict[str, list[Stop]] = {doctor_id: [] for doctor_id in self.doctors}
        for booking in self.bookings.values():
            stops.setdefault(booking.doctor_id, []).append(stop_of(booking))
        self.routes = {doctor_id: self._route(doctor_id, each) for doctor_id, each in stops.items()}
        """By doctor; also of those who left the roster with visits."""
        self._touched: set[str] = set()

    def _route(self, doctor_id: str, stops: Iterable[Stop]) -> Route:
        doctor = self.doctors.get(doctor_id)
        lat, lon = (doctor.start if doctor else None) or (None, None)
        start = Location.of(start_key(doctor_id), lat, lon)
        return Route(
            start,
            self._shift(doctor, start) if doctor else Shift(0, 0),
            self.travel,
            sorted(stops, key=lambda stop: (stop.planned, stop.request_id)),
            self.dispatch.buffer * 60,
        )

    def _shift(self, doctor: Doctor, start: Location) -> Shift:
        ends = seconds_of(doctor.shift_to)
        return Shift(
            begins=seconds_of(doctor.shift_from),
            until=min(ends, self.unavailable.get(doctor.doctor_id, ends)),
            back_by=ends if start.known else None,
            breaks=[(seconds_of(begins), seconds_of(over)) for begins, over in doctor.breaks],
        )

    # ------------------------------------------------------------ what is there

    @property
    def visit_seconds(self) -> int:
        """How long a visit takes. Only where there is a roster."""
        assert self.roster is not None
        return self.roster.visit_minutes * 60

    def suitable_doctors(self, is_child: bool) -> list[Doctor]:
        specialties = suitable(is_child)
        return [doctor for doctor in self.doctors.values() if doctor.specialty in specialties]

    def take_touched(self) -> set[str]:
        """The bookings that were made, or whose times changed, since the last call."""
        touched, self._touched = self._touched, set()
        return {request_id for request_id in touched if request_id in self.bookings}

    def locations(self) -> list[Location]:
        """Every place of the day: the doctors' starts and the visits."""
        return [route.start for route in self.routes.values()] + [
            stop.location for route in self.routes.values() for stop in route.stops
        ]

    def out_of_reach(self, location: Location, others: Iterable[Location] = ()) -> bool:
        """Whether coordinates are too far from the day's places, and from these other visits, to be true.

        Near a doctor's start they are true. Far from all starts they are not, unless most visits, and two at least, are
        near them: then the starts are wrong. Without starts most visits decide, of two or more.
        """
        if not location.known:
            return False
        starts = [route.start for route in self.routes.values() if route.start.known]
        if not all(self.travel.too_far(each, location) for each in starts):
            return False
        visits = [stop.location for route in self.routes.values() for stop in route.stops]
        known = [each for each in (*visits, *others) if each.known and each.key != location.key]
        far = sum(self.travel.too_far(each, location) for each in known)
        near = len(known) - far
        if starts:
            return near < 2 or near <= far
        return len(known) >= 2 and far > near

    def to_look_at(self) -> DayPlan:
        """The same day for a question: time may pass in it, which this one does not notice. Nothing may be booked."""
        seen = copy(self)
        seen.travel = RememberedTravel.of(self.travel)
        seen.routes = {}
        for doctor_id, route in self.routes.items():
            seen.routes[doctor_id] = looked_at = copy(route)
            looked_at.travel = seen.travel
        return seen

    # ------------------------------------------------------------ what changes it

    def take_routed(self, seconds: Mapping[tuple[str, str], int]) -> None:
        """Take a router's travel times between pairs of places, before the call that they are about is placed."""
        self._routed.update(seconds)

    def enter(self, booking: Booking, position: int, at: int) -> None:
        """Put a booking into its doctor's route, before the stop at ``position``."""
        self.bookings[booking.request_id] = booking
        self._touched.add(booking.request_id)
        self._follow(self.routes[booking.doctor_id].insert(stop_of(booking), position, at))

    def free(self, request_id: str, now: datetime) -> Booking | None:
        """Give the request's place back; the booking that went, or None where there was none."""
        booking = self.bookings.pop(request_id, None)
        if booking is not None:
            route = self.routes[booking.doctor_id]
            at = seconds_of(now)
            route.advance(at)
            self._follow(route.remove(request_id, at))
        return booking

    def put(self, booking: Booking) -> None:
        """Put a booking in place of the one that stands there with the same doctor and times."""
        self.bookings[booking.request_id] = booking
        self._touched.add(booking.request_id)

    def over(self, request_id: str, at: datetime, now: datetime) -> bool:
        """The visit was over at ``at``, which only counts if earlier than planned; whether anything changed."""
        booking = self.bookings.get(request_id)
        if booking is None:
            return False
        route = self.routes[booking.doctor_id]
        moment = seconds_of(now)
        route.advance(moment)
        changed = route.over(request_id, min(seconds_of(at), moment), moment)
        self._follow(changed)
        return bool(changed)

    def begun(self, request_id: str, now: datetime) -> bool:
        """Whether the doctor has set out for the visit by ``now``."""
        booking = self.bookings[request_id]
        stop = next(each for each in self.routes[booking.doctor_id].stops if each.request_id == request_id)
        return stop.planned - stop.leg <= seconds_of(now)

    def advance(self, at: int) -> None:
        """Plan all open visits again as of that moment, each route in its order."""
        for route in self.routes.values():
            route.advance(at)
            self._follow(route.reorder(route.open, at))

    def rearrange(self, ordered: Mapping[str, Sequence[Stop]], now: datetime) -> list[str]:
        """Put these stops, in this order, in place of the open ones of these doctors; those whose doctor changed.

        Windows stay as they were promised. The caller has checked that every rule holds.
        """
        at = seconds_of(now)
        by: ChosenBy = "less travel"
        changed: list[str] = []
        for doctor_id, order in ordered.items():
            for stop in order:
                booking = self.bookings[stop.request_id]
                if booking.doctor_id != doctor_id:
                    basis = basis_of(self.doctors[doctor_id], stop.location.district_id, booking.is_child)
                    why = {**(booking.why or {}), "basis": basis, "by": by}
                    self.bookings[stop.request_id] = replace(booking, doctor_id=doctor_id, basis=basis, why=why)
                    self._touched.add(stop.request_id)
                    changed.append(stop.request_id)
        for doctor_id, order in ordered.items():
            self._follow(self.routes[doctor_id].reorder(order, at))
        return changed

    def _follow(self, stops: Iterable[Stop]) -> None:
        for stop in stops:
            booking = self.bookings[stop.request_id]
            zone = booking.arrives_from.tzinfo
            self.bookings[stop.request_id] = replace(
                booking, planned_at=moment_of(stop.planned, zone), ends_at=moment_of(stop.ends, zone)
            )
            self._touched.add(stop.request_id)


def start_key(doctor_id: str) -> str:
    """The key of the place where a doctor's day begins: no request has such an id."""
    return f"@{doctor_id}"


def stop_of(booking: Booking) -> Stop:
    planned, ends = seconds_of(booking.planned_at), seconds_of(booking.ends_at)
    return Stop(
        request_id=booking.request_id,
        location=booking.location or Location(booking.request_id),
        earliest=seconds_of(booking.arrives_from),
        latest=seconds_of(booking.latest_at or booking.arrives_to),
        service=ends - planned,
        planned=planned,
        ends=ends,
    )


def _longest_drive(roster: Roster) -> int:
    """What can be driven within a shift with time left for a visit: seconds, by the roster's longest shift."""
    longest = max((seconds_of(each.shift_to) - seconds_of(each.shift_from) for each in roster.doctors), default=_DAY)
    return max(0, longest - roster.visit_minutes * 60)
