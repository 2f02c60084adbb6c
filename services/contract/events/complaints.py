"""The topic `complaints`: a complaint, and the commands of its life."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from services.contract.events.shared import AnswerBy, ComplaintStage, Language, Official, Signature, when_channel_is
from services.contract.types import ClinicId, Event, Iin, Line, LongText, Moment, Name, Part, Phone, Uuid


class Complainant(Part):
    """Who complains, and where the answer can reach them."""

    full_name: Name
    iin: Iin | None = None
    phone: Phone | None = None
    postal_address: Line | None = None
    language: Language


class ComplaintSubmitted(Event):
    """A complaint about decisions, acts or omissions of the clinic or its officials (C10.1, C10.8)."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                when_channel_is({"enum": ["post", "in_person"]}, "received_by"),
                when_channel_is({"const": "portal"}, "signature"),
            ]
        }
    )

    TYPE: ClassVar[str] = "complaint.submitted"
    SUBJECT: ClassVar[str] = "complaint_id"

    complaint_id: Uuid
    addressed_to: ComplaintStage
    clinic_id: ClinicId
    request_id: Uuid | None = None
    channel: Literal["post", "in_person", "portal"]
    submitted_at: Moment
    complainant: Complainant
    text: LongText
    received_by: Official | None = None
    answer_by: AnswerBy
    answer_place: Line | None = None
    signature: Signature | None = None

    @model_validator(mode="after")
    def _what_the_channel_asks_for(self) -> Self:
        if self.channel != "portal" and self.received_by is None:
            raise PydanticCustomError(
                "at:received_by", "is required unless the channel is portal (C10.2): send the name and position"
            )
        if self.channel == "portal" and self.signature is None:
            raise PydanticCustomError(
                "at:signature", "is required from the portal (C9.2): sign the complaint and send the CMS"
            )
        return self


class ComplaintCommand(Event):
    """What the four commands of a complaint's life have in common."""

    SUBJECT: ClassVar[str] = "complaint_id"

    complaint_id: Uuid
    clinic_id: ClinicId
    at: Moment


class ComplaintAssigned(ComplaintCommand):
    """The head has named the responsible executor (C10.3)."""

    TYPE: ClassVar[str] = "complaint.assigned"

    executor: Official
    assigned_by: Official


class ComplaintExecuted(ComplaintCommand):
    """Measures have been taken (C10.3, C10.6)."""

    TYPE: ClassVar[str] = "complaint.executed"

    measures: LongText


class ComplaintAnswered(ComplaintCommand):
    """The reasoned answer has been sent or handed over (C10.5)."""

    TYPE: ClassVar[str] = "complaint.answered"

    text: LongText
    decision: Literal["upheld", "partly_upheld", "not_upheld"]
    sent_by: AnswerBy


class ComplaintRefused(ComplaintCommand):
    """The complaint is not considered, on these grounds (C10.6)."""

    TYPE: ClassVar[str] = "complaint.refused"

    grounds: LongText


class ComplaintEscalated(ComplaintCommand):
    """Opens the stage at the quality authority (C10.8)."""

    TYPE: ClassVar[str] = "complaint.escalated"

    grounds: LongText
