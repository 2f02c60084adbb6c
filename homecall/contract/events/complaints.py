"""The topic `complaints`: a complaint, and the commands of its life."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from homecall.contract.events.shared import (
    AnswerBy,
    ComplaintStage,
    Language,
    Official,
    Signature,
    required_part,
    when_channel_is,
)
from homecall.contract.types import ClinicId, Event, Iin, Line, LongText, Moment, Name, OptionalPhone, Part, Uuid


class Complainant(Part):
    """Who complains, and where the answer can reach them."""

    full_name: Name = Field(description="Full name of the person who complains.", examples=["Сейітқали Дана Ерланқызы"])
    iin: Iin | None = Field(
        default=None,
        description=(
            "IIN of the person who complains. Through the portal the complaint must be signed with this person's key."
        ),
        examples=["890315200000"],
    )
    phone: OptionalPhone = Field(
        default=None, description="Phone number to reach the person who complains.", examples=["+7 700 000 04 56"]
    )
    postal_address: Line | None = Field(
        default=None,
        description="Where the answer is sent when `answer_by` is `post`.",
        examples=["Алматы, Шыршалы көшесі, 5, 2-пәтер"],
    )
    language: Language = Field(description="Language of the messages about this complaint.")


class ComplaintSubmitted(Event):
    """A complaint about decisions, acts or omissions of the clinic or its officials (C10.1, C10.8)."""

    model_config = ConfigDict(
        json_schema_extra=when_channel_is("portal", "signature", otherwise=required_part("received_by"))
    )

    TYPE: ClassVar[str] = "complaint.submitted"
    SUBJECT: ClassVar[str] = "complaint_id"

    complaint_id: Uuid = Field(
        description="Id of the complaint, made by the sender. Key of the record; the same id again changes nothing.",
        examples=["b7a6c5d4-e3f2-4a1b-8c9d-0e1f2a3b4c5d"],
    )
    addressed_to: ComplaintStage = Field(
        description=(
            "Who is to consider the complaint (C10.1, C10.8). It decides the term: 5 working days, 15 at the quality "
            "authority."
        ),
    )
    clinic_id: ClinicId = Field(
        description="The clinic that the complaint is about. Its calendar counts the working days."
    )
    request_id: Uuid | None = Field(
        default=None, description="The request that the complaint is about, if there is one."
    )
    channel: Literal["post", "in_person", "portal"] = Field(
        description=(
            "How the complaint came in. By post or in person `received_by` is required, through the portal `signature`."
        ),
    )
    submitted_at: Moment = Field(
        description=(
            "When the complaint was handed in. Outside working hours it is registered at the next opening (R9a)."
        ),
        examples=["2026-11-24T09:40:00+05:00"],
    )
    complainant: Complainant = Field(description="The person who complains, with what is needed to answer.")
    text: LongText = Field(
        description="What the complaint is about, in the complainant's words.",
        examples=["Дәрігер уәде етілген уақытта келмеді."],
    )
    received_by: Official | None = Field(
        default=None, description="Who accepted the complaint; named in the confirmation of registration (C10.2)."
    )
    answer_by: AnswerBy = Field(
        description=(
            "How the complainant wants the answer (C10.5). By post it needs an address, through the portal a complaint "
            "from there; else it is given in the nearest way that there is, and that is said."
        )
    )
    answer_place: Line | None = Field(
        default=None,
        description=(
            "Where the answer can be collected, when `answer_by` is `by_hand` (C10.2). Without it, at the addressee's "
            "own office."
        ),
        examples=["Алматы, Тал көшесі, 14, 2-кабинет"],
    )
    signature: Signature | None = Field(
        default=None, description="The complainant's electronic signature. Required when `channel` is `portal` (C9.2)."
    )

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

    complaint_id: Uuid = Field(
        description="The complaint that this is about. Key of the record.",
        examples=["b7a6c5d4-e3f2-4a1b-8c9d-0e1f2a3b4c5d"],
    )
    clinic_id: ClinicId = Field(description="The clinic that the complaint is about.")
    at: Moment = Field(
        description="When this was done, by the addressee's clock.", examples=["2026-11-24T11:00:00+05:00"]
    )


class ComplaintAssigned(ComplaintCommand):
    """The head has named the responsible executor (C10.3)."""

    TYPE: ClassVar[str] = "complaint.assigned"

    executor: Official = Field(description="The executor who is responsible for the answer (C10.3).")
    assigned_by: Official = Field(description="The head who named the executor (C10.3).")


class ComplaintExecuted(ComplaintCommand):
    """Measures have been taken (C10.3, C10.6)."""

    TYPE: ClassVar[str] = "complaint.executed"

    measures: LongText = Field(
        description="The measures that were taken, as the mark of execution records them (C10.6).",
        examples=["Дәрігермен әңгіме жүргізілді."],
    )


class ComplaintAnswered(ComplaintCommand):
    """The reasoned answer has been sent or handed over (C10.5)."""

    TYPE: ClassVar[str] = "complaint.answered"

    text: LongText = Field(
        description="The reasoned answer in full (C10.5). The cabinet shows it.",
        examples=["Шағымыңыз негізді деп танылды."],
    )
    decision: Literal["upheld", "partly_upheld", "not_upheld"] = Field(
        description="The result: the complaint is upheld, partly upheld, or not upheld."
    )
    sent_by: AnswerBy = Field(
        description=(
            "How the answer was sent or handed over (C10.5): by post with an address, through the portal for a "
            "complaint from there."
        )
    )


class ComplaintRefused(ComplaintCommand):
    """The complaint is not considered, on these grounds (C10.6)."""

    TYPE: ClassVar[str] = "complaint.refused"

    grounds: LongText = Field(
        description="Why the complaint is not considered (C10.6). The cabinet shows it.",
        examples=["Шағым басқа ұйымға қатысты."],
    )


class ComplaintEscalated(ComplaintCommand):
    """Opens the stage at the quality authority (C10.8)."""

    TYPE: ClassVar[str] = "complaint.escalated"

    grounds: LongText = Field(
        description=(
            "Why the complainant disagrees. The stage `quality_authority` opens, with a term of 15 working days "
            "(C10.8)."
        ),
        examples=["Жауаппен келіспеймін."],
    )
