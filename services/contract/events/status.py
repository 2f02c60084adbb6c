"""The status of a request, for the cabinet and the contact centre."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from services.contract.events.shared import FieldError, RequestStatus, Trilingual
from services.contract.types import ClinicId, Day, Event, Moment, Ordinal, Part, Uuid


class VisitTimes(Part):
    """When the doctor comes, and who it is."""

    visit_date: Day
    arrives_from: Moment
    arrives_to: Moment
    doctor_name: str


class Refusal(Part):
    """Why the request was refused, and what to do next."""

    code: str
    fields: list[FieldError] = Field(default_factory=list)
    existing_request_id: Uuid | None = None
    next_acceptance_at: Moment | None = None


class StatusChanged(Event):
    """The status of a request, for the cabinet and the contact centre (C6.2, C14)."""

    TYPE: ClassVar[str] = "status.changed"
    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid
    clinic_id: ClinicId
    channel: str
    sequence: Ordinal
    status: RequestStatus
    occurred_at: Moment
    text: Trilingual
    register_number: Ordinal | None = None
    due_at: Moment | None = None
    visit: VisitTimes | None = None
    refusal: Refusal | None = None
    on_time: bool | None = None
    emergency: bool
