"""The doctors of a clinic's day, and which of them may visit whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from homecall.contract.events import RosterPublished
from homecall.standard.places import located

Specialty = Literal["gp", "therapist", "paediatrician"]
Basis = Literal["district", "specialty", "least_loaded", "duty", "dispatcher"]

# The preferred first. A therapist never visits a child, nor a paediatrician an adult.
_FOR_CHILD: dict[str, int] = {"paediatrician": 0, "gp": 1}
_FOR_ADULT: dict[str, int] = {"gp": 0, "therapist": 0}


@dataclass(frozen=True)
class NamedDoctor:
    doctor_id: str
    full_name: str
    specialty: Specialty


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
    """Where the day begins and ends: latitude and longitude."""
    breaks: tuple[tuple[datetime, datetime], ...] = ()
    """In order, within the shift, none overlapping another."""

    @property
    def named(self) -> NamedDoctor:
        return NamedDoctor(self.doctor_id, self.full_name, self.specialty)


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


def suitable(is_child: bool) -> dict[str, int]:
    """The specialties that may visit such a patient; the lower number is preferred."""
    return _FOR_CHILD if is_child else _FOR_ADULT


def basis_of(doctor: Doctor, district_id: str | None, is_child: bool | None) -> Basis:
    """On what grounds this doctor visits a patient of that district."""
    if district_id in doctor.districts:
        return "district"
    if doctor.on_duty:
        return "duty"
    return "specialty" if is_child else "least_loaded"


def is_overflow(doctor: Doctor, district_id: str | None) -> bool:
    """Whether the doctor is on duty and the patient not of the own district: such calls come last."""
    return doctor.on_duty and district_id not in doctor.districts


def roster_of(published: RosterPublished, day: date, zone: ZoneInfo) -> Roster:
    """A published roster with its shifts as moments of that day."""
    return Roster(
        revision=published.revision,
        doctors=tuple(
            Doctor(
                doctor_id=each.doctor_id,
                full_name=each.full_name,
                specialty=each.specialty,
                districts=frozenset(each.districts),
                shift_from=datetime.combine(day, each.shift.frm, zone),
                shift_to=datetime.combine(day, each.shift.to, zone),
                max_visits=each.max_visits,
                on_duty=each.on_duty,
                start=located(each.start.lat, each.start.lon) if each.start is not None else None,
                breaks=tuple(
                    (datetime.combine(day, pause.frm, zone), datetime.combine(day, pause.to, zone))
                    for pause in each.breaks
                ),
            )
            for each in published.doctors
        ),
        visit_minutes=published.visit_minutes,
        travel_minutes=published.travel_minutes,
    )
