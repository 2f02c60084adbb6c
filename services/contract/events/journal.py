"""The register of calls, line by line."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from services.contract.events.intake_events import AddressFacts
from services.contract.events.schedule_events import VisitDoctor
from services.contract.events.shared import StaffMember, Trilingual
from services.contract.types import ClinicId, Day, Event, Moment, Ordinal, Part, Uuid


class RefusalCodeOnly(Part):
    """Why the call was refused."""

    code: str


class JournalEntry(Event):
    """One line of the register of calls as it now stands (C6.1); the highest ``revision`` holds."""

    TYPE: ClassVar[str] = "journal.entry"
    SUBJECT: ClassVar[str] = "request_id"

    clinic_id: ClinicId
    register_date: Day
    register_number: Ordinal | None = None
    revision: Ordinal
    request_id: Uuid
    channel: str
    patient_name: str
    phone: str | None = None
    address: AddressFacts | None = None
    reasons: list[str] | None = None
    accepted_at: Moment | None = None
    flags: list[str] = Field(default_factory=list)
    doctor: VisitDoctor | None = None
    arrives_from: Moment | None = None
    arrives_to: Moment | None = None
    oral_answer: Trilingual
    answered_at: Moment | None = None
    answered_by: StaffMember | None = None
    registrar: StaffMember | None = None
    outcome: str | None = None
    refusal: RefusalCodeOnly | None = None
