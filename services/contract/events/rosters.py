"""The topic `rosters`: the doctors of a clinic on a date, and a doctor who stops early."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import ConfigDict, FailFast, Field, field_validator
from pydantic_core import PydanticCustomError

from services.contract.events.shared import Interval, Specialty
from services.contract.types import ClinicId, ClockTime, Count, Day, Event, Id, Latitude, Line, Longitude, Name, Part


class Place(Part):
    """A point on the map: WGS 84, in degrees."""

    lat: Latitude
    lon: Longitude


class RosterDoctor(Part):
    """A doctor's day: where they serve, when, and how many visits at most."""

    doctor_id: Id
    full_name: Name
    specialty: Specialty
    districts: Annotated[list[Id], Field(max_length=1000), FailFast()] = Field(default_factory=list)
    shift: Interval
    max_visits: int = Field(ge=0, le=500)
    on_duty: bool = False
    start: Place | None = None


class RosterPublished(Event):
    """The doctors of a clinic on a date; a higher ``revision`` replaces a lower."""

    TYPE: ClassVar[str] = "roster.published"
    SUBJECT: ClassVar[str] = "clinic_id"

    clinic_id: ClinicId
    date: Day
    revision: Count
    doctors: list[RosterDoctor] = Field(max_length=1000)
    visit_minutes: int = Field(default=20, ge=1, le=480)
    travel_minutes: int = Field(default=10, ge=0, le=480)

    @field_validator("doctors")
    @classmethod
    def _each_once(cls, doctors: list[RosterDoctor]) -> list[RosterDoctor]:
        seen: set[str] = set()
        for place, doctor in enumerate(doctors):
            if doctor.doctor_id in seen:
                raise PydanticCustomError(
                    f"at:{place}.doctor_id", "stands twice in this roster: give each doctor one entry"
                )
            seen.add(doctor.doctor_id)
        return doctors


class DoctorUnavailable(Event):
    """From ``from`` on the doctor makes no more visits that day."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    TYPE: ClassVar[str] = "doctor.unavailable"
    SUBJECT: ClassVar[str] = "doctor_id"

    clinic_id: ClinicId
    date: Day
    doctor_id: Id
    frm: ClockTime = Field(alias="from")
    reason: Line
