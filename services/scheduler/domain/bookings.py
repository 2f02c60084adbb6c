"""Calls and bookings: as a plan takes them, and as a clinic's day keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal, NamedTuple

from cattrs import override

from homecall.standard.places import LOCATION_IMPLAUSIBLE
from services.scheduler.domain.roster import Basis, NamedDoctor
from services.scheduler.domain.travel import Location

Urgency = Literal["urgent", "same_day"]
UnplacedCause = Literal["no_roster", "no_capacity"]
PREFERENCE_NOT_KEPT: Final = "preferred_window_not_kept"
BY_HAND: Final = "dispatcher"
"""The basis of a visit that a dispatcher placed: no plan gives it to another doctor while this one can come."""


class Preferred(NamedTuple):
    """When the applicant would like the doctor to arrive: minutes since the day's midnight, by the clinic's clock."""

    frm: int
    to: int

    @classmethod
    def of(cls, arrives_from: datetime, arrives_to: datetime) -> Preferred:
        """A promised window as an applicant asks for it: by the clock, in whole minutes."""
        return cls(arrives_from.hour * 60 + arrives_from.minute, arrives_to.hour * 60 + arrives_to.minute)

    def holds(self, arrives_from: datetime, arrives_to: datetime) -> bool:
        """Whether a promised window lies in it."""
        begins = arrives_from.hour * 60 + arrives_from.minute
        return self.frm <= begins and begins + (arrives_to - arrives_from) / timedelta(minutes=1) <= self.to


@dataclass(frozen=True, slots=True)
class Booking:
    """A promise: this doctor, who arrives between ``arrives_from`` and ``arrives_to``.

    ``planned_at`` is the arrival as now planned, ``ends_at`` the visit's end; neither is promised. ``latest_at`` limits
    the arrival of an urgent visit more tightly than its promise. ``is_child`` None means that it is not known, and the
    specialty is not checked again. ``why`` says on what grounds, and over whom, the doctor was chosen.
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
    location: Location | None = None
    latest_at: datetime | None = None
    why: Mapping[str, Any] | None = None
    last_doctor: str | None = None

    @property
    def by_hand(self) -> bool:
        """Whether a dispatcher placed the visit, and has not released it."""
        return self.basis == BY_HAND


@dataclass(frozen=True, slots=True)
class Call:
    """An accepted request, as far as placing it needs to know. A child is a patient under 18.

    ``rank`` is its place in the waiting order, the lowest first; see ``waiting``. ``referred`` is 0, or the place of a
    call that the ambulance service (103) handed on among such calls: they go after all others of their rank.
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
    preferred: Preferred | None = None
    referred: int = 0
    last_doctor: str | None = None
    """Who visited the patient last time, where that is not long ago."""

    @property
    def location(self) -> Location:
        return Location.of(self.request_id, self.lat, self.lon, self.district_id)

    @property
    def priority(self) -> tuple[int, bool, int, bool, datetime, str]:
        """Who is placed first as room appears, the lowest first: by rank, then by time of acceptance."""
        pressing = self.urgency == "urgent"
        return self.rank, not self.red_flag, self.referred, not pressing, self.accepted_at, self.request_id


@dataclass(frozen=True, slots=True)
class NoPlace:
    """The call has no place: no roster has come yet, or no suitable doctor has room."""

    cause: UnplacedCause


# ---------------------------------------------------------------- as a day keeps them

Coordinates = tuple[float, float]
"""Latitude and longitude in degrees."""


@dataclass(frozen=True, kw_only=True)
class BookedVisit:
    """A booking as the day keeps it: the promise, the planned times, and what of the call the plan goes by.

    ``planned_at`` and ``ends_at`` are None in a fixed slot that a release without routes stored. ``implausible`` are
    coordinates that are not believed: nobody drives by them, but they count when the next call is judged.
    """

    arrives_from: Annotated[datetime, override(rename="from")]
    arrives_to: Annotated[datetime, override(rename="to")]
    planned_at: datetime | None = None
    ends_at: datetime | None = None
    latest_at: datetime | None = None
    doctor: NamedDoctor
    basis: Basis
    why: Mapping[str, Any] | None = None
    is_child: Annotated[bool, override(rename="child")]
    district_id: Annotated[str | None, override(rename="district")]
    urgency: Urgency
    red_flag: bool
    accepted_at: datetime
    rank: int = 0
    lat: Annotated[float | None, override(omit_if_default=True)] = None
    lon: Annotated[float | None, override(omit_if_default=True)] = None
    implausible: Annotated[Coordinates | None, override(omit_if_default=True)] = None
    preferred: Annotated[Preferred | None, override(omit_if_default=True)] = None
    referred: Annotated[int, override(omit_if_default=True)] = 0
    last_doctor: Annotated[str | None, override(omit_if_default=True)] = None

    @property
    def flags(self) -> list[str]:
        """What was noticed in planning, as the visit's events say it."""
        missed = self.preferred is not None and not self.preferred.holds(self.arrives_from, self.arrives_to)
        return [LOCATION_IMPLAUSIBLE] * bool(self.implausible) + [PREFERENCE_NOT_KEPT] * missed

    @property
    def has_coordinates(self) -> bool:
        return self.lat is not None or self.lon is not None or self.implausible is not None


def new_visit(call: Call, told: Mapping[str, Any]) -> BookedVisit:
    """A new booking: the promise, and what of its call the plan goes by, without coordinates that cannot be true."""
    facts = {name: getattr(call, name) for name in _OF_CALL}
    if not call.location.known:
        facts |= {"lat": None, "lon": None}
    return BookedVisit(**told, **facts)


def booking_of(request_id: str, visit: BookedVisit, travel: timedelta) -> Booking:
    """A booking as the plan takes it. A fixed slot begins with setting out, and lasts to the visit's end."""
    planned_at, ends_at, latest_at = visit.planned_at, visit.ends_at, visit.latest_at
    if planned_at is None or ends_at is None:
        planned_at = latest_at = min(visit.arrives_from + travel, visit.arrives_to)
        ends_at = visit.arrives_to
    return Booking(
        request_id=request_id,
        doctor_id=visit.doctor.doctor_id,
        arrives_from=visit.arrives_from,
        arrives_to=visit.arrives_to,
        planned_at=planned_at,
        ends_at=ends_at,
        urgent=visit.urgency == "urgent",
        basis=visit.basis,
        is_child=visit.is_child,
        location=Location.of(request_id, visit.lat, visit.lon, visit.district_id),
        latest_at=latest_at,
        why=visit.why,
        last_doctor=visit.last_doctor,
    )


def call_of(request_id: str, visit: BookedVisit) -> Call:
    return Call(request_id, **{name: getattr(visit, name) for name in _OF_CALL})


_OF_CALL = tuple(each.name for each in fields(Call) if each.name != "request_id")
