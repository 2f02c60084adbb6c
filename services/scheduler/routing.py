"""Where a call goes on a clinic's day: which doctor, and when.

A place of a doctor is the stretch from setting out to the visit's end (travel, then visit), and the window that the
patient is promised is exactly that place. So the windows of one doctor never overlap, lie inside the shift and number
at most ``max_visits``; none is given in the past (R14).

Everything here is a function of what is passed in: the same day, call and time give the same place.
"""

import unicodedata
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from types import MappingProxyType
from typing import Literal

Specialty = Literal["gp", "therapist", "paediatrician"]
Urgency = Literal["urgent", "same_day"]
Basis = Literal["district", "specialty", "least_loaded", "duty"]
Cause = Literal["no_roster", "no_capacity"]
DistrictKind = Literal["adult", "child", "mixed"]

# Who may go to whom, the preferred first. A therapist never goes to a child, nor a paediatrician to an adult.
_FOR_CHILD: dict[str, int] = {"paediatrician": 0, "gp": 1}
_FOR_ADULT: dict[str, int] = {"gp": 0, "therapist": 0}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GRID = timedelta(minutes=5)


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


@dataclass(frozen=True, slots=True)
class Roster:
    """One revision of a clinic's day. A doctor listed twice counts once, as last listed."""

    revision: int
    doctors: tuple[Doctor, ...]
    visit_minutes: int = 20
    travel_minutes: int = 10

    def __post_init__(self) -> None:
        """Raise ValueError for a place that takes no time: any number of calls would fit into it."""
        if self.visit_minutes < 1 or self.travel_minutes < 0:
            raise ValueError(
                "roster: visit_minutes must be 1 or more and travel_minutes 0 or more; publish a corrected one"
            )


@dataclass(frozen=True, slots=True)
class Booking:
    """A promise: this doctor, from ``arrives_from`` to ``arrives_to``.

    ``is_child`` is kept so that a roster that changes a doctor's specialty can be held against the patient; None means
    that it is not known, and the specialty is not judged again.
    """

    request_id: str
    doctor_id: str
    arrives_from: datetime
    arrives_to: datetime
    urgent: bool
    basis: Basis
    is_child: bool | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """An accepted request, as far as placing it needs to know. A child is a patient under 18."""

    request_id: str
    is_child: bool
    district_id: str | None
    urgency: Urgency
    red_flag: bool
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class NoPlace:
    """The call has no place: no roster has come yet, or no suitable doctor has room."""

    cause: Cause


class Day:
    """One clinic's day in memory: the roster, the bookings, and who is unavailable from when.

    Times are aware datetimes (ValueError otherwise). Windows given by ``place`` are in the zone of the doctor's shift;
    bookings that were restored keep their own times and lengths, and places are found in the gaps between them.
    """

    def __init__(
        self,
        roster: Roster | None = None,
        bookings: Iterable[Booking] = (),
        unavailable: Mapping[str, datetime] | None = None,
    ) -> None:
        self._bookings: dict[str, Booking] = {}
        # Per doctor, in order of time, in UTC: (from, to, request_id). Doctors who left the roster keep theirs.
        self._busy: dict[str, list[tuple[datetime, datetime, str]]] = {}
        self._unavailable = {doctor_id: _utc(since) for doctor_id, since in (unavailable or {}).items()}
        self._roster: Roster | None = None
        self._doctors: dict[str, Doctor] = {}
        self._shifts: dict[str, tuple[datetime, datetime]] = {}
        if roster is not None:
            self.take_roster(roster)
        for booking in bookings:
            self.book(booking)

    @property
    def roster(self) -> Roster | None:
        """The roster in force."""
        return self._roster

    @property
    def bookings(self) -> Mapping[str, Booking]:
        """The bookings by request, read-only."""
        return MappingProxyType(self._bookings)

    def take_roster(self, roster: Roster) -> None:
        """Put a roster in force, whatever its revision. Bookings survive; ask ``displaced`` which no longer hold."""
        self._roster = roster
        self._doctors = {doctor.doctor_id: doctor for doctor in roster.doctors}
        self._shifts = {
            doctor.doctor_id: (_utc(doctor.shift_from), _utc(doctor.shift_to)) for doctor in self._doctors.values()
        }

    def take_unavailable(self, doctor_id: str, since: datetime) -> None:
        """The doctor is not there from ``since`` to the day's end. Replaces what was said of the doctor before."""
        self._unavailable[doctor_id] = _utc(since)

    def book(self, booking: Booking) -> None:
        """Enter a booking as it is, in place of an earlier one of the same request."""
        window = (_utc(booking.arrives_from), _utc(booking.arrives_to), booking.request_id)
        self.free(booking.request_id)
        self._bookings[booking.request_id] = booking
        insort(self._busy.setdefault(booking.doctor_id, []), window)

    def free(self, request_id: str) -> Booking | None:
        """Give the request's place back; the booking that went, or None where there was none."""
        booking = self._bookings.pop(request_id, None)
        if booking is not None:
            busy = self._busy[booking.doctor_id]
            del busy[bisect_left(busy, (_utc(booking.arrives_from), _utc(booking.arrives_to), request_id))]
        return booking

    def place(self, call: Call, now: datetime) -> Booking | NoPlace:
        """Find the call a doctor and a time, and book it. A call that has its booking keeps it.

        The district's doctors come first, then the others by load, then those on duty; the first step in which
        somebody suitable has room decides. No place starts before ``now``, rounded up to whole five minutes.
        """
        if (booked := self._bookings.get(call.request_id)) is not None:
            return booked
        if self._roster is None:
            return NoPlace("no_roster")
        earliest = _on_grid(_utc(now))
        length = timedelta(minutes=self._roster.travel_minutes + self._roster.visit_minutes)
        for basis, doctors in self._steps(call):
            if (found := self._best(doctors, call, earliest, length)) is not None:
                start, doctor = found
                local = start.astimezone(doctor.shift_from.tzinfo)
                booking = Booking(
                    request_id=call.request_id,
                    doctor_id=doctor.doctor_id,
                    arrives_from=local,
                    arrives_to=(start + length).astimezone(local.tzinfo),
                    urgent=call.urgency == "urgent",
                    basis=basis,
                    is_child=call.is_child,
                )
                self.book(booking)
                return booking
        return NoPlace("no_capacity")

    def displaced(self, now: datetime) -> list[Booking]:
        """The bookings that do not hold any more, urgent first, then by time: to be freed, then placed again.

        A visit whose window is over is left alone. One that has begun stays with its doctor, unless the doctor is no
        longer in the roster or becomes unavailable before its end: then nobody would come. One that has not begun must
        lie within the shift, clear of earlier windows, with a suitable doctor; past ``max_visits`` the latest go.
        Free them all before placing any, or they stand in each other's way. Empty while there is no roster.
        """
        if self._roster is None:
            return []
        at = _utc(now)
        gone = [self._bookings[request_id] for doctor_id in self._busy for request_id in self._no_longer(doctor_id, at)]
        return sorted(gone, key=lambda booking: (not booking.urgent, booking.arrives_from, booking.request_id))

    def _no_longer(self, doctor_id: str, now: datetime) -> Iterator[str]:
        doctor = self._doctors.get(doctor_id)
        absent_from = self._unavailable.get(doctor_id)
        held = 0
        clear_from = _EPOCH
        # In order of time, so that what is over or has begun is counted before what can still move.
        for start, end, request_id in self._busy[doctor_id]:
            if end <= now:
                holds = True
            elif doctor is None or (absent_from is not None and end > absent_from):
                holds = False
            elif start <= now:
                holds = True
            else:
                shift_from, shift_to = self._shifts[doctor_id]
                is_child = self._bookings[request_id].is_child
                holds = (
                    shift_from <= start
                    and end <= shift_to
                    and start >= clear_from
                    and held < doctor.max_visits
                    and (is_child is None or doctor.specialty in _suitable(is_child))
                )
            if holds:
                held += 1
                clear_from = max(clear_from, end)
            else:
                yield request_id

    def _steps(self, call: Call) -> Iterator[tuple[Basis, list[Doctor]]]:
        """The doctors to ask, step by step. Those on duty take the overflow, and the calls of their own district."""
        suitable = [doctor for doctor in self._doctors.values() if doctor.specialty in _suitable(call.is_child)]
        yield "district", [doctor for doctor in suitable if call.district_id in doctor.districts]
        yield "specialty" if call.is_child else "least_loaded", [doctor for doctor in suitable if not doctor.on_duty]
        yield "duty", [doctor for doctor in suitable if doctor.on_duty]

    def _best(
        self, doctors: list[Doctor], call: Call, earliest: datetime, length: timedelta
    ) -> tuple[datetime, Doctor] | None:
        """The doctor of a step, and the start: by specialty and load, or for an urgent call by specialty and start."""
        preference = _suitable(call.is_child)

        def load(doctor: Doctor) -> tuple[float, int]:
            count = len(self._busy.get(doctor.doctor_id, ()))
            return count / doctor.max_visits, count

        def rank(doctor: Doctor) -> tuple[float, ...]:
            first = preference[doctor.specialty]
            return (first,) if call.urgency == "urgent" else (first, *load(doctor))

        with_room = [d for d in doctors if len(self._busy.get(d.doctor_id, ())) < d.max_visits]
        # Gaps are looked for only among equals, the best first: most calls need a few doctors' days read, not all.
        for _, equals in groupby(sorted(with_room, key=rank), key=rank):
            free = [
                (start, *load(doctor), doctor.doctor_id)
                for doctor in equals
                if (start := self._first_free(doctor, earliest, length)) is not None
            ]
            if free:
                start, _, _, doctor_id = min(free)
                return start, self._doctors[doctor_id]
        return None

    def _first_free(self, doctor: Doctor, earliest: datetime, length: timedelta) -> datetime | None:
        """The first start, not before ``earliest``, with ``length`` free before the doctor leaves."""
        shift_from, until = self._shifts[doctor.doctor_id]
        until = min(until, self._unavailable.get(doctor.doctor_id, until))
        start = max(shift_from, earliest)
        for busy_from, busy_to, _ in self._busy.get(doctor.doctor_id, ()):
            if busy_from >= start + length:
                break
            start = max(start, busy_to)
        return start if start + length <= until else None


def order_of_waiting(calls: Iterable[Call]) -> list[Call]:
    """Who is placed first as room appears: red flags, then urgent, then by time of acceptance."""
    return sorted(
        calls, key=lambda call: (not call.red_flag, call.urgency != "urgent", call.accepted_at, call.request_id)
    )


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


def _utc(moment: datetime) -> datetime:
    # One zone inside: comparing datetimes of two zones costs ten times as much, and a day compares many.
    if moment.tzinfo is UTC:
        return moment
    if moment.utcoffset() is None:
        raise ValueError("time without an offset: pass an aware datetime")
    return moment.astimezone(UTC)


def _on_grid(moment: datetime) -> datetime:
    return moment + (_EPOCH - moment) % _GRID


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _begins_with(address: str, prefix: str) -> bool:
    if not prefix or not address.startswith(prefix):
        return False
    rest = address[len(prefix) :]
    return not (rest and rest[0].isalnum() and prefix[-1].isalnum())
