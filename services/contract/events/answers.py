"""The topic `answers`: the oral answer that the clinic gave."""

from __future__ import annotations

from typing import ClassVar

from services.contract.events.shared import StaffMember
from services.contract.types import ClinicId, Event, Moment, Uuid


class AnswerGiven(Event):
    """The oral answer was given at the desk or on the phone (C6.1)."""

    TYPE: ClassVar[str] = "answer.given"
    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid
    clinic_id: ClinicId
    at: Moment
    given_by: StaffMember
