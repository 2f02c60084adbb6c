"""What the scheduler says of each visit: when, by which doctor, and why."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from services.contract.events.shared import Basis, Outcome, Specialty
from services.contract.types import ClinicId, Day, Event, Moment, Ordinal, Part, Uuid, Whole


class VisitDoctor(Part):
    """Who comes."""

    doctor_id: str
    full_name: str
    specialty: Specialty


class OtherDoctor(Part):
    """A doctor who was not chosen, and what the visit would have been there."""

    doctor_id: str
    basis: Basis
    wait_minutes: Whole
    extra_travel_minutes: float
    load: float
    cost_minutes: float


class VisitChoice(Part):
    """Why this doctor and this time: what counted, what it came to, and over whom the doctor was chosen.

    ``extra_travel_minutes`` is what the visit adds to the doctor's route, ``load`` the share of the doctor's visits
    that were taken, ``cost_minutes`` all of it weighed as travel: the least was chosen.
    """

    by: str
    basis: Basis
    wait_minutes: Whole | None = None
    extra_travel_minutes: float | None = None
    load: float | None = None
    cost_minutes: float | None = None
    over: list[OtherDoctor] = Field(default_factory=list)


class VisitEvent(Event):
    """What every ``visit.*`` event of the scheduler carries; ``revision`` orders those of one request."""

    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid
    clinic_id: ClinicId
    visit_id: Uuid | None = None
    revision: Ordinal


class VisitScheduled(VisitEvent):
    """The day, the time and the doctor of the visit, and on what basis that doctor."""

    TYPE: ClassVar[str] = "visit.scheduled"

    visit_id: Uuid
    visit_date: Day
    arrives_from: Moment
    arrives_to: Moment
    doctor: VisitDoctor
    basis: Basis
    reason: str | None = None
    why: VisitChoice | None = None


class VisitRescheduled(VisitScheduled):
    """Another day, time or doctor than was said before; ``reason`` says why."""

    TYPE: ClassVar[str] = "visit.rescheduled"


class VisitUnplaced(VisitEvent):
    """No place for the visit yet; it is looked for again with each roster and each place that becomes free."""

    TYPE: ClassVar[str] = "visit.unplaced"

    cause: Literal["no_roster", "no_capacity"]
    since: Moment


class VisitCancelled(VisitEvent):
    """The visit is not made, and its place is free."""

    TYPE: ClassVar[str] = "visit.cancelled"

    reason: str


class VisitClosed(VisitEvent):
    """How the visit ended."""

    TYPE: ClassVar[str] = "visit.closed"

    outcome: Outcome
    at: Moment
