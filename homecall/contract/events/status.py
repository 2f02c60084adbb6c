"""The status of a request, for the cabinet and the contact centre."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from homecall.contract.events.shared import CallAt, FieldError, RequestStatus, Trilingual
from homecall.contract.types import ClinicId, Day, Event, Moment, Ordinal, Part, Uuid


class VisitTimes(Part):
    """When the doctor comes, and who it is."""

    visit_date: Day = Field(description="The day of the visit, in the clinic's zone.", examples=["2026-11-23"])
    arrives_from: Moment = Field(
        description="Start of the arrival window that the patient is promised.", examples=["2026-11-23T11:30:00+05:00"]
    )
    arrives_to: Moment = Field(
        description="End of the arrival window that the patient is promised.", examples=["2026-11-23T13:30:00+05:00"]
    )
    doctor_name: str = Field(description="Full name of the doctor who comes.", examples=["Әбдіхалық Айнұр Сәкенқызы"])


class Refusal(Part):
    """Why the request was refused, and what to do next."""

    code: str = Field(
        description=(
            "Why the request was refused: one of the codes of `request.refused`. More may come with a later law."
        ),
        examples=["outside_acceptance_hours"],
    )
    fields: list[FieldError] = Field(
        default_factory=list, description="The fields to correct, each with the rule and the way out."
    )
    existing_request_id: Uuid | None = Field(
        default=None, description="The open request of the same patient, when the code is `duplicate`."
    )
    next_acceptance_at: Moment | None = Field(
        default=None,
        description="When the clinic accepts requests again, where there is such a time.",
        examples=["2026-11-24T08:00:00+05:00"],
    )


class StatusChanged(Event):
    """The status of a request, for the cabinet and the contact centre (C6.2, C14)."""

    TYPE: ClassVar[str] = "status.changed"
    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid = Field(description="The request whose status changed. Key of the record.")
    clinic_id: ClinicId = Field(description="The clinic of the request.")
    channel: str = Field(
        description="How the application came in: `desk`, `phone` or `portal`. Empty if it could not be read.",
        examples=["desk"],
    )
    sequence: Ordinal = Field(
        description=(
            "Position among the statuses of one request: 1, 2, 3… Show the highest; a lower one that comes late is "
            "history."
        ),
        examples=[1],
    )
    status: RequestStatus = Field(description="The new status of the request (C6.2, C14).")
    occurred_at: Moment = Field(description="When the status changed.", examples=["2026-11-23T09:14:05.980000+05:00"])
    text: Trilingual = Field(description="What to show or read out to the applicant, in three languages.")
    register_number: Ordinal | None = Field(
        default=None,
        description="Number of the call in the clinic's register of its day, once accepted.",
        examples=[17],
    )
    due_at: Moment | None = Field(
        default=None,
        description="When the answer is due at the latest. Present until there is one.",
        examples=["2026-11-23T09:24:05+05:00"],
    )
    visit: VisitTimes | None = Field(
        default=None, description="When the doctor comes, and who. Present once the visit has a time."
    )
    refusal: Refusal | None = Field(
        default=None, description="Why the request was refused, and what to do next. Present with the status `refused`."
    )
    transferred_to: CallAt | None = Field(
        default=None,
        description=(
            "Where the call goes on, and under which request, once it was handed on to another clinic (R25): its "
            "status is then `withdrawn`, and the statuses of that request follow."
        ),
    )
    transferred_from: CallAt | None = Field(
        default=None, description="The call that another clinic handed on, and that this one goes on with (R25)."
    )
    on_time: bool | None = Field(
        default=None,
        description="Whether the answer was given within its limit (C4.1, C4.4). Present on the answer only.",
        examples=[True],
    )
    emergency: bool = Field(
        description="True: show first of all that the applicant should call 103 now.", examples=[False]
    )
