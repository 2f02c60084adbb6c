"""The topic `answers`: the oral answer that the clinic gave."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from homecall.contract.events.shared import StaffMember
from homecall.contract.types import ClinicId, Event, Moment, Uuid


class AnswerGiven(Event):
    """The oral answer was given at the desk or on the phone (C6.1)."""

    TYPE: ClassVar[str] = "answer.given"
    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid = Field(description="The request that was answered.")
    clinic_id: ClinicId = Field(description="The clinic of the request. Key of the record.")
    at: Moment = Field(
        description=(
            "When the applicant was told the day and time of the visit (C6.1). It ends the deadline `service`, and "
            "`answer` where the clinic has `oral_confirmation`."
        ),
        examples=["2026-11-23T09:17:40+05:00"],
    )
    given_by: StaffMember = Field(description="The staff member who gave the answer; the register shows the name.")
