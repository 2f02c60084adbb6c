"""The topic `requests`: an application for a doctor's visit, and its withdrawal."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from services.contract.events.shared import Channel, Language, Signature, StaffMember, when_channel_is
from services.contract.types import (
    AnyDay,
    ClinicId,
    Code,
    Day,
    Event,
    Id,
    Iin,
    Latitude,
    Line,
    Longitude,
    Moment,
    Name,
    Part,
    Phone,
    Uuid,
)


class Patient(Part):
    """Who is to be visited. A sex or a birth date that the IIN does not hint at is a flag, never a refusal."""

    iin: Iin
    full_name: Name
    birth_date: Day | None = None
    sex: Literal["male", "female"] | None = None
    phone: Phone | None = None
    language: Language
    sms: bool | None = None
    """False: no text messages about this request. Absent, they may be sent."""


class Authority(Part):
    """By what right the applicant acts for the patient (R15)."""

    kind: Literal["power_of_attorney", "parent", "guardian"]
    number: Id | None = None
    valid_until: AnyDay | None = None


class Applicant(Part):
    """Who applies for the patient (R15); absent: the patient."""

    iin: Iin
    full_name: Name
    phone: Phone | None = None
    authority: Authority


class IdentityDocument(Part):
    """The document that was shown at the desk (C9.1)."""

    kind: Id
    number: Id


def _number_as_text(value: Any) -> Any:
    # Clinic systems keep a floor or a flat as a number as often as a text.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


DoorLabel = Annotated[
    str,
    Field(max_length=40),
    BeforeValidator(_number_as_text),
    WithJsonSchema({"type": ["string", "integer"], "maxLength": 40}, mode="validation"),
]


class Address(Part):
    """Where the doctor is to come: a line of text, and what helps to find the door."""

    text: Line
    district_id: Id | None = None
    lat: Latitude | None = None
    lon: Longitude | None = None
    entrance: DoorLabel | None = None
    floor: DoorLabel | None = None
    flat: DoorLabel | None = None
    intercom: DoorLabel | None = None


class RequestSubmitted(Event):
    """An application for a doctor's visit at home, by desk, phone or portal (C3)."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                when_channel_is({"const": "desk"}, "identity_document"),
                when_channel_is({"const": "portal"}, "signature"),
            ]
        }
    )

    TYPE: ClassVar[str] = "request.submitted"
    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid
    clinic_id: ClinicId
    channel: Channel
    queued_at: Moment | None = None
    service_started_at: Moment | None = None
    submitted_at: Moment
    patient: Patient
    applicant: Applicant | None = None
    identity_document: IdentityDocument | None = None
    address: Address
    reasons: list[Code] = Field(min_length=1, max_length=50)
    note: Annotated[str, Field(max_length=5000)] | None = None
    temperature_c: Annotated[float, Field(ge=25, le=45, allow_inf_nan=False)] | None = None
    registrar: StaffMember | None = None
    signature: Signature | None = None

    @model_validator(mode="after")
    def _what_the_channel_asks_for(self) -> Self:
        if self.channel == "desk" and self.identity_document is None:
            raise PydanticCustomError(
                "at:identity_document",
                "is required at the desk (C9.1): send the kind and number of the document that was shown",
            )
        if self.channel == "portal" and self.signature is None:
            raise PydanticCustomError(
                "at:signature",
                "is required from the portal (C9.2): sign the request with the applicant's EDS and send the CMS",
            )
        return self


class RequestWithdrawn(Event):
    """The applicant takes the request back: nobody comes."""

    TYPE: ClassVar[str] = "request.withdrawn"
    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid
    clinic_id: ClinicId
    at: Moment
    reason: Line
