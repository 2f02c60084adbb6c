"""What the scheduler says of each visit: when, by which doctor, and why."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from homecall.contract.events.shared import AssignmentRefusal, Basis, Outcome, Specialty
from homecall.contract.types import ClinicId, Day, Event, Moment, Ordinal, Part, Uuid, Whole


class VisitDoctor(Part):
    """The doctor of a visit, as the roster names them."""

    doctor_id: str = Field(description="The clinic's own id of the doctor, as in the roster.", examples=["gp-07"])
    full_name: str = Field(
        description="Full name of the doctor, as the patient is told it.", examples=["Әбдіхалық Айнұр Сәкенқызы"]
    )
    specialty: Specialty = Field(description="Specialty of the doctor who comes.")


class OtherDoctor(Part):
    """A doctor who was not chosen, and what the visit would have been there."""

    doctor_id: str = Field(description="A doctor of the roster who was not chosen.", examples=["gp-02"])
    basis: Basis = Field(description="On what basis that doctor could have been chosen.")
    wait_minutes: Whole = Field(description="Minutes until that doctor would have arrived.", examples=[30])
    extra_travel_minutes: float = Field(
        description="Minutes of travel that the visit would have added to that doctor's route.", examples=[11.0]
    )
    load: float = Field(
        description="Share of that doctor's visits that were taken, from 0 (none) to 1 (full).", examples=[0.2]
    )
    cost_minutes: float = Field(
        description="All of it weighed as minutes of travel; a smaller cost is better.", examples=[29.5]
    )


class SampledChoice(Part):
    """How days sampled from the clinic's history chose the window: at once, or after a lead."""

    days: Whole = Field(description="How many days were sampled.", examples=[20])
    lead_minutes: Whole = Field(
        description="Minutes from the answer to the window's start by these days; 0: a doctor was near by.",
        examples=[108],
    )
    near_minutes: float = Field(
        description="Up to so many minutes of extra travel a doctor was sent at once: later it would be no less.",
        examples=[4.6],
    )


class VisitChoice(Part):
    """Why this doctor and this time: what counted, what it came to, and over whom the doctor was chosen.

    ``extra_travel_minutes`` is what the visit adds to the doctor's route, ``load`` the share of the doctor's visits
    that were taken, ``cost_minutes`` all of it weighed as travel: the least was chosen.
    """

    by: str = Field(
        description=(
            "What counted: `least travel`, or `earliest arrival` for an urgent call; `less travel` in planning again; "
            "`window kept` or `least change` where the place before was lost; `dispatcher`; `sampled days`. More may "
            "come."
        ),
        examples=["least travel"],
    )
    basis: Basis = Field(description="On what basis the doctor was chosen.")
    wait_minutes: Whole | None = Field(
        default=None, description="Minutes from the planning to the planned arrival.", examples=[38]
    )
    extra_travel_minutes: float | None = Field(
        default=None, description="Minutes of travel that the visit adds to the doctor's route.", examples=[6.5]
    )
    load: float | None = Field(
        default=None,
        description="Share of the doctor's visits that were taken, from 0 (none) to 1 (full).",
        examples=[0.25],
    )
    cost_minutes: float | None = Field(
        default=None, description="All of it weighed as minutes of travel: the least was chosen.", examples=[17.2]
    )
    over: list[OtherDoctor] = Field(
        default_factory=list,
        description="The next best doctors, best first, with what the visit would have cost there.",
    )
    sampled: SampledChoice | None = Field(
        default=None, description="How days sampled from the clinic's history chose the window, where they did."
    )
    assigned_by: str | None = Field(
        default=None, description="Who placed the visit by hand.", examples=["Тұрсынова Әсел Маратқызы"]
    )
    reason: str | None = Field(
        default=None,
        description="Why it was placed by hand, as `visit.assigned` says.",
        examples=["speaks sign language"],
    )
    assignment: str | None = Field(
        default=None,
        description="The `visit.assigned` by which it was placed: what `ce_causationid` says of it.",
        examples=["5b0c7a44-2f0e-5c1a-8f0b-3d8e2a7c9b10"],
    )


class VisitEvent(Event):
    """What every ``visit.*`` event of the scheduler carries; ``revision`` orders those of one request."""

    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid = Field(description="The request that the visit belongs to. It is also `ce_subject`.")
    clinic_id: ClinicId = Field(description="The clinic of the request. Key of the record.")
    visit_id: Uuid | None = Field(
        default=None,
        description="Id of the visit. It stays the same when the visit is moved; absent if none was planned yet.",
        examples=["a7e6f2bd-60e9-50b7-8757-572098c0f6d1"],
    )
    revision: Ordinal = Field(
        description=(
            "Position of this event among the visit events of one request: 1, 2, 3… Keep the highest; a lower one that "
            "comes late is history."
        ),
        examples=[1],
    )


class VisitScheduled(VisitEvent):
    """The day, the time and the doctor of the visit, and on what basis that doctor."""

    TYPE: ClassVar[str] = "visit.scheduled"

    visit_id: Uuid = Field(
        description="Id of the visit. It stays the same when the visit is moved.",
        examples=["a7e6f2bd-60e9-50b7-8757-572098c0f6d1"],
    )
    visit_date: Day = Field(description="The day of the visit, in the clinic's zone.", examples=["2026-11-23"])
    arrives_from: Moment = Field(
        description="Start of the arrival window that the patient is promised.", examples=["2026-11-23T11:30:00+05:00"]
    )
    arrives_to: Moment = Field(
        description="End of the arrival window that the patient is promised.", examples=["2026-11-23T13:30:00+05:00"]
    )
    doctor: VisitDoctor = Field(description="The doctor who comes.")
    basis: Basis = Field(description="On what basis this doctor was chosen.")
    reason: str | None = Field(
        default=None,
        description="Why the visit was moved, as a code. Absent on the first planning.",
        examples=["doctor_unavailable"],
    )
    why: VisitChoice | None = Field(
        default=None, description="What the choice of doctor and time rests on, to be checked and explained."
    )
    flags: list[str] = Field(
        default_factory=list,
        description=(
            "What was noticed in planning: `location_implausible`, the coordinates are too far away to be reached in a "
            "shift, and the visit is planned without them; `preferred_window_not_kept`, the doctor comes at another "
            "time than the applicant would have liked. More may come; ignore unknown ones."
        ),
        examples=[[]],
    )


class VisitRescheduled(VisitScheduled):
    """Another day, time or doctor than was said before; ``reason`` says why."""

    TYPE: ClassVar[str] = "visit.rescheduled"


class VisitUnplaced(VisitEvent):
    """No place for the visit yet; it is looked for again with each roster and each place that becomes free."""

    TYPE: ClassVar[str] = "visit.unplaced"

    cause: Literal["no_roster", "no_capacity"] = Field(
        description=(
            "Why there is no place: the date has no roster, or its doctors are full. The status becomes `delayed`."
        ),
    )
    since: Moment = Field(description="Since when the visit has had no place.", examples=["2026-11-23T09:14:06+05:00"])


class NearestPlace(Part):
    """A place that the visit could have: `visit.assigned` with it would be taken as things stand."""

    doctor_id: str = Field(description="The doctor who could come.", examples=["gp-02"])
    arrives_from: Moment = Field(description="Start of the window.", examples=["2026-11-23T14:30:00+05:00"])
    arrives_to: Moment = Field(description="End of the window.", examples=["2026-11-23T16:30:00+05:00"])


class VisitAssignmentRefused(VisitEvent):
    """A visit could not be placed as a dispatcher wanted. It stays where it was."""

    TYPE: ClassVar[str] = "visit.assignment-refused"

    cause: AssignmentRefusal = Field(
        description=(
            "Why not. `unknown_doctor`: the day's roster has no such doctor who may visit this patient. "
            "`outside_shift`: the time is over, or outside the doctor's shift, in a break, or leaves no time for "
            "the way back. `no_room`: the doctor has as many "
            "visits as the roster allows. `breaks_promise`: the doctor would come too late there, or to a patient who "
            "was promised a time. `closed`: the call is over, or its doctor is on the way."
        ),
    )
    nearest: NearestPlace | None = Field(
        default=None, description="The nearest place that would do; absent where there is none that day."
    )


class VisitCancelled(VisitEvent):
    """The visit is not made, and its place is free."""

    TYPE: ClassVar[str] = "visit.cancelled"

    reason: str = Field(
        description="Why the visit is not made, in the applicant's words, with IINs masked.",
        examples=["the patient feels better"],
    )


class VisitClosed(VisitEvent):
    """How the visit ended."""

    TYPE: ClassVar[str] = "visit.closed"

    outcome: Outcome = Field(description="How the visit ended, as the clinic reported it.")
    at: Moment = Field(
        description="When the visit ended, as the clinic reported it.", examples=["2026-11-23T12:05:00+05:00"]
    )
