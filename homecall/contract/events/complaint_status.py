"""How a complaint moves, for the cabinet."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from homecall.contract.events.shared import AnswerBy, ComplaintStage, ComplaintStatus, FieldError, Official, Trilingual
from homecall.contract.types import ClinicId, Day, Event, Moment, Ordinal, Part, Uuid


class NextStep(Part):
    """Where to go if not satisfied (C10.7, C10.8, C11)."""

    kind: Literal["quality_authority", "court", "contact_centre"] = Field(
        description="Where the complainant can go next."
    )
    text: Trilingual = Field(description="How to go there, ready to be shown, in three languages.")


class ComplaintAnswer(Part):
    """The reasoned answer (C10.5)."""

    text: str = Field(description="The reasoned answer in full (C10.5).", examples=["Шағымыңыз негізді деп танылды."])
    decision: Literal["upheld", "partly_upheld", "not_upheld"] = Field(
        description="The result: upheld, partly upheld, or not upheld."
    )
    sent_by: AnswerBy = Field(description="How the answer was sent or handed over.")
    at: Moment = Field(description="When the answer was sent or handed over.", examples=["2026-11-27T15:30:00+05:00"])


class ComplaintRefusal(Part):
    """Why the complaint is not considered: the fields that broke the schema, or the addressee's grounds."""

    code: str | None = Field(
        default=None,
        description="Why the complaint could not be read: `invalid_complaint`. Absent where the addressee refused it.",
        examples=["invalid_complaint"],
    )
    grounds: str | None = Field(
        default=None,
        description="The addressee's grounds for not considering the complaint (C10.6).",
        examples=["Шағым басқа ұйымға қатысты."],
    )
    fields: list[FieldError] = Field(
        default_factory=list, description="The fields that broke the schema, each with the rule and the way out."
    )


class ComplaintStatusChanged(Event):
    """How a complaint moves, for the cabinet (C10.6)."""

    TYPE: ClassVar[str] = "complaint.status-changed"
    SUBJECT: ClassVar[str] = "complaint_id"

    complaint_id: Uuid = Field(
        description="The complaint whose status changed. Key of the record.",
        examples=["b7a6c5d4-e3f2-4a1b-8c9d-0e1f2a3b4c5d"],
    )
    clinic_id: ClinicId = Field(description="The clinic that the complaint is about.")
    sequence: Ordinal = Field(
        description=(
            "Position among the statuses of one complaint: 1, 2, 3… Show the highest; a lower one that comes late is "
            "history."
        ),
        examples=[1],
    )
    stage: ComplaintStage = Field(description="Who considers the complaint in this stage.")
    status: ComplaintStatus = Field(description="The new status of the complaint (C10.6).")
    occurred_at: Moment = Field(description="When the status changed.", examples=["2026-11-24T09:40:00+05:00"])
    incoming_number: str | None = Field(
        default=None,
        description=(
            "Incoming number of the stage, `YYYY-N`, one sequence for each clinic and year (C10.2). Present from "
            "registration on."
        ),
        examples=["2026-12"],
    )
    received_by: Official | None = Field(
        default=None,
        description=(
            "Who accepted the complaint (C10.2). Of one from the portal, and of a further stage: who is on duty for "
            "what the system accepts."
        ),
    )
    answer_due_on: Day | None = Field(
        default=None,
        description="Last day for the answer, by the clinic's calendar of working days (C10.4, R9).",
        examples=["2026-11-30"],
    )
    answer_due_at: Moment | None = Field(
        default=None,
        description="Closing time of that last day: the moment after which the answer is overdue.",
        examples=["2026-11-30T20:00:00+05:00"],
    )
    answer_by: AnswerBy | None = Field(
        default=None,
        description=(
            "How the answer is given (C10.5): as the complainant asked, or in the nearest way that there is, which the "
            "text says."
        ),
    )
    answer_place: str | None = Field(
        default=None,
        description="Where the answer can be collected, when it is handed over: at the stage's addressee (C10.2).",
        examples=["Алматы, Тал көшесі, 14, 2-кабинет"],
    )
    executor: Official | None = Field(
        default=None, description="The executor who is responsible for the answer (C10.3)."
    )
    answer: ComplaintAnswer | None = Field(
        default=None, description="The reasoned answer. Present once it has been given."
    )
    refusal: ComplaintRefusal | None = Field(
        default=None, description="Why the complaint is not considered. Present with the status `refused`."
    )
    linked_complaints: list[Uuid] | None = Field(
        default=None,
        description="Other complaints about the same request, by their `complaint_id`.",
        examples=[["0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"]],
    )
    next_steps: list[NextStep] = Field(
        default_factory=list, description="Where to go if not satisfied (C10.7, C10.8, C11)."
    )
    text: Trilingual = Field(description="What to show to the complainant, in three languages.")
