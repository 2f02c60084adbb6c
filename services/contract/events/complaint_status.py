"""How a complaint moves, for the cabinet."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from services.contract.events.shared import AnswerBy, ComplaintStage, ComplaintStatus, FieldError, Official, Trilingual
from services.contract.types import ClinicId, Day, Event, Moment, Ordinal, Part, Uuid


class NextStep(Part):
    """Where to go if not satisfied (C10.7, C10.8, C11)."""

    kind: Literal["quality_authority", "court", "contact_centre"]
    text: Trilingual


class ComplaintAnswer(Part):
    """The reasoned answer (C10.5)."""

    text: str
    decision: Literal["upheld", "partly_upheld", "not_upheld"]
    sent_by: AnswerBy
    at: Moment


class ComplaintRefusal(Part):
    """Why the complaint is not considered: the fields that broke the schema, or the addressee's grounds."""

    code: str | None = None
    grounds: str | None = None
    fields: list[FieldError] = Field(default_factory=list)


class ComplaintStatusChanged(Event):
    """How a complaint moves, for the cabinet (C10.6)."""

    TYPE: ClassVar[str] = "complaint.status-changed"
    SUBJECT: ClassVar[str] = "complaint_id"

    complaint_id: Uuid
    clinic_id: ClinicId
    sequence: Ordinal
    stage: ComplaintStage
    status: ComplaintStatus
    occurred_at: Moment
    incoming_number: str | None = None
    received_by: Official | None = None
    answer_due_on: Day | None = None
    answer_due_at: Moment | None = None
    answer_by: AnswerBy | None = None
    answer_place: str | None = None
    executor: Official | None = None
    answer: ComplaintAnswer | None = None
    refusal: ComplaintRefusal | None = None
    linked_complaints: list[Uuid] | None = None
    next_steps: list[NextStep] = Field(default_factory=list)
    text: Trilingual
