"""The topic `rosters`: the doctors of a clinic on a date, and a doctor who stops early."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, FailFast, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from homecall.contract.events.shared import Interval, Specialty
from homecall.contract.types import (
    ClinicId,
    ClockTime,
    Count,
    Day,
    Event,
    Id,
    Latitude,
    Line,
    Longitude,
    Name,
    Part,
    PlainId,
)


class Place(Part):
    """A point on the map: WGS 84, in degrees. One that cannot be true counts as none (``standard.places``)."""

    lat: Latitude | None = Field(default=None, description="Latitude of the place.", examples=[43.2389])
    lon: Longitude | None = Field(default=None, description="Longitude of the place.", examples=[76.8897])


def _readable_place(value: Any) -> Any:
    # Optional, and no reason to be without a roster.
    return value if isinstance(value, dict | Place) else None


class RosterDoctor(Part):
    """A doctor's day: where they serve, when, and how many visits at most."""

    doctor_id: PlainId = Field(
        description=(
            "The clinic's own id of the doctor, the same on every date. One that holds an IIN is replaced by an alias."
        ),
        examples=["gp-07"],
    )
    full_name: Name = Field(
        description="Full name of the doctor, as patients are told it.", examples=["Әбдіхалық Айнұр Сәкенқызы"]
    )
    specialty: Specialty = Field(
        description="Specialty of the doctor. Children are given to a paediatrician or a general practitioner."
    )
    districts: Annotated[list[Id], Field(max_length=1000), FailFast()] = Field(
        default_factory=list,
        description="Districts that the doctor serves that day: `district_id` values of the clinic.",
        examples=[["3-01"]],
    )
    shift: Interval = Field(
        description="When the doctor makes visits that day, in local time. No visit starts outside it."
    )
    breaks: Annotated[list[Interval], Field(max_length=10), FailFast()] = Field(
        default_factory=list,
        exclude_if=lambda breaks: not breaks,
        description=(
            "Breaks of the doctor, in local time, within the shift, none overlapping another. No visit reaches into "
            "one, and nobody drives in it: the doctor spends it where the visit before ended."
        ),
        examples=[[{"from": "12:00", "to": "12:30"}]],
    )
    max_visits: int = Field(
        ge=0, le=500, description="Largest number of visits for that day. 0: the doctor makes none.", examples=[12]
    )
    on_duty: bool = Field(
        default=False,
        description="Whether the doctor also takes calls of other districts when their own doctors are full.",
        examples=[False],
    )
    start: Annotated[Place | None, BeforeValidator(_readable_place)] = Field(
        default=None,
        description=(
            "Where the doctor's route starts, and where it must end by the end of the shift. Absent, or coordinates "
            "that cannot be true: the first journey takes `travel_minutes`, and no time is kept for the way back."
        ),
    )

    @field_validator("breaks")
    @classmethod
    def _within_the_shift(cls, breaks: list[Interval], info: ValidationInfo) -> list[Interval]:
        """The breaks in order. What is wrong is told of a break by its number in the list, from 1."""
        shift = info.data.get("shift")
        numbered = sorted(enumerate(breaks, start=1), key=lambda each: (each[1].frm, each[1].to))
        for number, each in numbered:
            if isinstance(shift, Interval) and not shift.frm <= each.frm < each.to <= shift.to:
                raise PydanticCustomError(
                    "break_outside_shift",
                    f"must lie within the shift: move or shorten break {number}, or leave it out",
                )
        for (number, earlier), (other, later) in pairwise(numbered):
            if later.frm < earlier.to:
                raise PydanticCustomError(
                    "breaks_overlap",
                    f"must not overlap: send breaks {min(number, other)} and {max(number, other)} as one, or apart",
                )
        return [each for _, each in numbered]


class RosterPublished(Event):
    """The doctors of a clinic on a date; a higher ``revision`` replaces a lower."""

    TYPE: ClassVar[str] = "roster.published"
    SUBJECT: ClassVar[str] = "clinic_id"

    clinic_id: ClinicId = Field(description="The clinic whose roster this is. Key of the record.")
    date: Day = Field(
        description="The date of the roster; visits of that date are planned with it.", examples=["2026-11-23"]
    )
    revision: Count = Field(
        description=(
            "Version of the roster of that date. A higher one replaces a lower; a lower or equal one is ignored."
        ),
        examples=[1],
    )
    doctors: list[RosterDoctor] = Field(max_length=1000, description="The doctors who make visits that day, each once.")
    visit_minutes: int = Field(
        default=20,
        ge=1,
        le=480,
        description="Planned length of a visit in minutes, for every doctor of the roster.",
        examples=[20],
    )
    travel_minutes: int = Field(
        default=10,
        ge=0,
        le=480,
        description="Minutes between two visits where a place has no coordinates and no travel time is known.",
        examples=[10],
    )

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

    clinic_id: ClinicId = Field(description="The clinic of the doctor. Key of the record.")
    date: Day = Field(description="The date on which the doctor stops.", examples=["2026-11-23"])
    doctor_id: PlainId = Field(
        description="The doctor who stops: a `doctor_id` of that date's roster.", examples=["gp-07"]
    )
    frm: ClockTime = Field(
        alias="from",
        description=(
            "Local time from which the doctor makes no visits. Later visits go to other doctors, and the patients are "
            "told."
        ),
        examples=["12:30"],
    )
    reason: Line = Field(
        description="Why the doctor stops, in a few words for the clinic's own records. Patients do not see it.",
        examples=["sick leave"],
    )
