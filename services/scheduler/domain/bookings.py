"""Calls as a plan takes them, and the promises made to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from services.scheduler.domain.roster import Basis
from services.scheduler.domain.travel import Location

Urgency = Literal["urgent", "same_day"]
UnplacedCause = Literal["no_roster", "no_capacity"]


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
    def location(self) -> Location:
        """Where the patient is."""
        return Location.of(self.request_id, self.lat, self.lon, self.district_id)

    @property
    def priority(self) -> tuple[int, bool, bool, datetime, str]:
        """Who is placed first as room appears, the lowest first: by rank, then by time of acceptance."""
        return self.rank, not self.red_flag, self.urgency != "urgent", self.accepted_at, self.request_id


@dataclass(frozen=True, slots=True)
class NoPlace:
    """The call has no place: no roster has come yet, or no suitable doctor has room."""

    cause: UnplacedCause
