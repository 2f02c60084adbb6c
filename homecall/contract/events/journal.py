"""The register of calls, line by line."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from homecall.contract.events.intake_events import AddressFacts, ReferralFacts
from homecall.contract.events.schedule_events import VisitDoctor
from homecall.contract.events.shared import CallAt, StaffMember, Trilingual
from homecall.contract.types import ClinicId, Day, Event, Moment, Ordinal, Part, Uuid


class RefusalCodeOnly(Part):
    """Why the call was refused."""

    code: str = Field(
        description="Why the call was refused: one of the codes of `request.refused`.", examples=["duplicate"]
    )


class JournalEntry(Event):
    """One line of the register of calls as it now stands (C6.1); the highest ``revision`` holds."""

    TYPE: ClassVar[str] = "journal.entry"
    SUBJECT: ClassVar[str] = "request_id"

    clinic_id: ClinicId = Field(description="The clinic whose register this is. Key of the record.")
    register_date: Day = Field(
        description="Date of the register; a page holds the calls of one date.", examples=["2026-11-23"]
    )
    register_number: Ordinal | None = Field(
        default=None, description="Number of the call in that date's register. A refused call has none.", examples=[17]
    )
    revision: Ordinal = Field(
        description=(
            "Version of this line. Replace a lower one of the same `request_id`; ignore a lower one that comes late."
        ),
        examples=[2],
    )
    request_id: Uuid = Field(description="The request that the line is about.")
    channel: str = Field(
        description="How the call came in: `desk`, `phone` or `portal`. Empty if it could not be read.",
        examples=["desk"],
    )
    patient_name: str = Field(
        description="Full name of the patient. Empty if it could not be read.", examples=["Оспанбеков Сәбит Нұрланұлы"]
    )
    phone: str | None = Field(
        default=None,
        description="Phone number of the patient, or of the applicant where the patient has none.",
        examples=["+7 700 000 01 23"],
    )
    address: AddressFacts | None = Field(default=None, description="Where the doctor is to come.")
    reasons: list[str] | None = Field(
        default=None, description="Codes of the reasons for the call.", examples=[["fever_above_38"]]
    )
    accepted_at: Moment | None = Field(
        default=None,
        description="When the call was accepted. Absent for a refused call.",
        examples=["2026-11-23T09:14:05.980000+05:00"],
    )
    flags: list[str] = Field(
        default_factory=list,
        description="What was noticed about the request, as in `request.accepted`.",
        examples=[["iin_mismatch"]],
    )
    doctor: VisitDoctor | None = Field(
        default=None, description="The doctor who comes. Present once the visit has a time."
    )
    arrives_from: Moment | None = Field(
        default=None,
        description="Start of the arrival window that the patient is promised.",
        examples=["2026-11-23T11:30:00+05:00"],
    )
    arrives_to: Moment | None = Field(
        default=None,
        description="End of the arrival window that the patient is promised.",
        examples=["2026-11-23T13:30:00+05:00"],
    )
    oral_answer: Trilingual = Field(description="The answer that the registrar reads out (C6.1), in three languages.")
    answered_at: Moment | None = Field(
        default=None, description="When the oral answer was given.", examples=["2026-11-23T09:17:40+05:00"]
    )
    answered_by: StaffMember | None = Field(default=None, description="The staff member who gave the oral answer.")
    registrar: StaffMember | None = Field(default=None, description="The staff member who took the call.")
    outcome: str | None = Field(
        default=None,
        description=(
            "How the call ended: an outcome of `visit.reported`, `withdrawn`, or `transferred` (to another clinic). "
            "Absent while it is open."
        ),
        examples=["served"],
    )
    referral: ReferralFacts | None = Field(
        default=None, description="How the ambulance service (103) handed the call on, where it did."
    )
    transferred_to: CallAt | None = Field(
        default=None, description="Where the call goes on. Present with the outcome `transferred` (R25)."
    )
    transferred_from: CallAt | None = Field(
        default=None, description="The call that another clinic handed on, and that this one goes on with (R25)."
    )
    refusal: RefusalCodeOnly | None = Field(
        default=None, description="Why the call was refused. Present for a refused call only."
    )
