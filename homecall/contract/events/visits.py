"""The topic `visits`: how a visit ended, and where a dispatcher wants it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from homecall.contract.events.shared import Outcome, StaffMember
from homecall.contract.types import ClinicId, Event, Line, Moment, Note, PlainId, Uuid


class VisitReported(Event):
    """How the visit ended, as the clinic says."""

    TYPE: ClassVar[str] = "visit.reported"
    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid = Field(description="The request whose visit ended.")
    clinic_id: ClinicId = Field(description="The clinic of the request. Key of the record.")
    at: Moment = Field(
        description="When the visit ended. It meets the deadline `visit`.", examples=["2026-11-23T12:05:00+05:00"]
    )
    outcome: Outcome = Field(
        description="How the visit ended. The status becomes `completed` or `not_completed` accordingly."
    )
    note: Note | None = Field(
        default=None,
        description="Free text of the doctor for the clinic. IINs in it are masked.",
        examples=["Дәрі тағайындалды"],
    )


class VisitAssigned(Event):
    """A dispatcher chooses the doctor of a visit, and its time where that matters.

    The scheduler says ``visit.scheduled`` or ``visit.rescheduled`` with the basis ``dispatcher``, and plans the visit
    away no more; where it cannot be, ``visit.assignment-refused``. With the doctor that the visit has and without
    ``arrives_from`` it only fixes the visit where it stands, and nobody is told.
    """

    TYPE: ClassVar[str] = "visit.assigned"
    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid = Field(description="The request whose visit is placed by hand.")
    clinic_id: ClinicId = Field(description="The clinic of the request. Key of the record.")
    at: Moment = Field(description="When the dispatcher chose.", examples=["2026-11-23T10:05:00+05:00"])
    doctor_id: PlainId = Field(
        description="The doctor who is to come: a `doctor_id` of the day's roster.", examples=["gp-02"]
    )
    arrives_from: Moment | None = Field(
        default=None,
        description=(
            "Start of the arrival window that the patient is to be promised. Absent: the window stays if that doctor "
            "can keep it, else it is the first that the doctor has room for."
        ),
        examples=["2026-11-23T14:00:00+05:00"],
    )
    reason: Line = Field(
        description="Why, in a few words for the clinic's own records. Patients do not see it.",
        examples=["speaks sign language"],
    )
    assigned_by: StaffMember = Field(description="The dispatcher; `explain --request` and the desk show the name.")


class VisitReleased(Event):
    """A visit that was placed by hand may be planned like any other again. Its doctor and time stay for now."""

    TYPE: ClassVar[str] = "visit.released"
    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid = Field(description="The request whose visit may be planned again.")
    clinic_id: ClinicId = Field(description="The clinic of the request. Key of the record.")
    at: Moment = Field(description="When the dispatcher released it.", examples=["2026-11-23T11:40:00+05:00"])
    released_by: StaffMember = Field(description="The dispatcher.")
