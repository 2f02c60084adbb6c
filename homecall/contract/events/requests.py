"""The topic `requests`: an application for a doctor's visit, its withdrawal, its handing on to another clinic."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AliasChoices, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from homecall.contract.consent import readable_token
from homecall.contract.events.shared import (
    CallAt,
    Channel,
    Language,
    PreferredWindow,
    Referral,
    ShortLabel,
    Signature,
    StaffMember,
    when_channel_is,
)
from homecall.contract.types import (
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
    Note,
    OptionalPhone,
    Part,
    PlainId,
    Uuid,
)


class Patient(Part):
    """Who is to be visited. A sex or a birth date that the IIN does not hint at is a flag, never a refusal."""

    iin: Iin = Field(
        description="The patient's IIN. Two open requests of one IIN at one clinic are a duplicate (R11).",
        examples=["850715100000"],
    )
    full_name: Name = Field(
        description="Full name of the patient, as in the identity document.", examples=["Оспанбеков Сәбит Нұрланұлы"]
    )
    birth_date: Day | None = Field(
        default=None,
        description=(
            "Date of birth of the patient. It decides between a child's and an adult's doctor; absent, the patient "
            "counts as an adult. Where the state register of persons answers, its date decides (R23)."
        ),
        examples=["1885-07-15"],
    )
    sex: Literal["male", "female"] | None = Field(
        default=None,
        description=(
            "Sex of the patient. A value that the IIN contradicts gives the flag `iin_mismatch`, never a refusal."
        ),
    )
    phone: OptionalPhone = Field(
        default=None, description="Phone number for the doctor and for text messages.", examples=["+7 700 000 01 23"]
    )
    language: Language = Field(description="Language of the messages and documents for this patient.")
    sms: bool | None = Field(
        default=None,
        description="False: send no text messages about this request. Absent or true: they may be sent.",
        examples=[True],
    )


class Authority(Part):
    """By what right the applicant acts for the patient (R15)."""

    kind: Literal["power_of_attorney", "parent", "guardian"] = Field(
        description=(
            "By what right the applicant acts. A parent or guardian may act only for a minor, and never for themselves "
            "(R15)."
        )
    )
    number: PlainId | None = Field(
        default=None,
        description="Number of the document that gives the right, such as a power of attorney.",
        examples=["ДВ-000-118"],
    )
    valid_until: AnyDay | None = Field(
        default=None,
        description=(
            "Last day on which the right holds. If it ends before the application, the request is refused as "
            "`authority_invalid`."
        ),
        examples=["2027-12-31"],
    )


class Applicant(Part):
    """Who applies for the patient (R15); absent: the patient."""

    iin: Iin = Field(
        description="The applicant's IIN. A portal request must be signed with this person's key (C9.2).",
        examples=["860101200000"],
    )
    full_name: Name = Field(
        description="Full name of the applicant, as in the identity document.",
        examples=["Оспанбекова Раушан Қайратқызы"],
    )
    phone: OptionalPhone = Field(
        default=None,
        description="Phone number of the applicant, used where the patient has none.",
        examples=["+7 700 000 01 24"],
    )
    authority: Authority = Field(description="The right by which the applicant acts for the patient (R15).")


class IdentityDocument(Part):
    """The document that was shown at the desk (C9.1)."""

    kind: PlainId = Field(
        description="Kind of the document that was shown, in the clinic's own words.", examples=["identity_card"]
    )
    number: PlainId = Field(
        description="Number of the document that was shown. It leaves intake in no event.", examples=["000000017"]
    )


ConsentText = Annotated[str | None, BeforeValidator(readable_token)]


class IdentityConsent(Part):
    """The patient's consent that the register of persons tells about them, as the access control of personal data
    (КДП) gives it once the person agreed. Used for that one question, and kept nowhere."""

    kdp_token: ConsentText = Field(
        default=None,
        validation_alias=AliasChoices("kdp_token", "kdpToken"),
        description=(
            "The token. Also taken as `kdpToken`. One that cannot be read counts as none: the request goes on as "
            "`identity_unconfirmed`."
        ),
        examples=["ZXhhbXBsZS1jb25zZW50LXRva2Vu"],
    )
    public_key: ConsentText = Field(
        default=None,
        validation_alias=AliasChoices("public_key", "publicKey"),
        description="The public key that came with the token. Also taken as `publicKey`.",
        examples=["ZXhhbXBsZS1wdWJsaWMta2V5"],
    )


DoorLabel = ShortLabel
"""What helps to find a door: a floor, a flat, a code."""


class Address(Part):
    """Where the doctor is to come: a line of text, and what helps to find the door."""

    text: Line = Field(
        description="The address in one line, as the doctor reads it.", examples=["Алматы, Тал көшесі, 27, 14-пәтер"]
    )
    district_id: Id | None = Field(
        default=None,
        description=(
            "District of the address: a `district_id` of the clinic. Absent: found by the districts' `addresses`."
        ),
        examples=["3-01"],
    )
    lat: Latitude | None = Field(
        default=None,
        description=(
            "Latitude of the address. With `lon` it gives the travel time; absent, or where it cannot be true, the "
            "district or a flat time is used."
        ),
        examples=[43.2401],
    )
    lon: Longitude | None = Field(
        default=None, description="Longitude of the address. Used only together with `lat`.", examples=[76.8912]
    )
    entrance: DoorLabel | None = Field(
        default=None, description="Entrance of the building. A number is accepted and kept as text.", examples=["1"]
    )
    floor: DoorLabel | None = Field(
        default=None, description="Floor of the flat. A number is accepted and kept as text.", examples=["4"]
    )
    flat: DoorLabel | None = Field(
        default=None, description="Number of the flat. A number is accepted and kept as text.", examples=["14"]
    )
    intercom: DoorLabel | None = Field(
        default=None, description="Code of the intercom. A number is accepted and kept as text.", examples=["14K"]
    )


class RequestSubmitted(Event):
    """An application for a doctor's visit at home, by desk, phone or portal (C3)."""

    model_config = ConfigDict(
        json_schema_extra=when_channel_is(
            "desk", "identity_document", otherwise=when_channel_is("portal", "signature", otherwise={})
        )
    )

    TYPE: ClassVar[str] = "request.submitted"
    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid = Field(
        description=(
            "Id of the request, made by the sender. Sending the same id again changes nothing; a corrected request "
            "needs a new one. It is also `ce_subject`."
        ),
        examples=["5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"],
    )
    clinic_id: ClinicId = Field(
        description=(
            "The clinic that is asked for the visit. Key of the record. If unknown, the request is refused as "
            "`unknown_clinic`."
        ),
    )
    channel: Channel = Field(
        description=(
            "How the application came in (C3). It decides the time limits: 10 minutes at the desk or by phone (C4.1), "
            "30 through the portal (C4.4)."
        ),
    )
    queued_at: Moment | None = Field(
        default=None,
        description=(
            "When the applicant joined the queue at the clinic. From here to `submitted_at` at most 10 minutes (C4.2)."
        ),
        examples=["2026-11-23T09:06:30+05:00"],
    )
    service_started_at: Moment | None = Field(
        default=None,
        description=(
            "When the registrar began to serve the applicant. From here to the answer at most 10 minutes (C4.3)."
        ),
        examples=["2026-11-23T09:12:10+05:00"],
    )
    submitted_at: Moment = Field(
        description=(
            "When the application was handed in. It alone decides whether the request is accepted, deferred or refused "
            "(R1), and the answer's limit runs from it."
        ),
        examples=["2026-11-23T09:14:05+05:00"],
    )
    patient: Patient = Field(description="The patient who is to be visited at home.")
    applicant: Applicant | None = Field(
        default=None, description="The person who applies for the patient (R15). Absent: the patient applies."
    )
    identity_document: IdentityDocument | None = Field(
        default=None, description="The document that was shown. Required when `channel` is `desk` (C9.1)."
    )
    identity: IdentityConsent | None = Field(
        default=None,
        description=(
            "The patient's consent to be looked up, where the register asks for one; from a clinic's system or the "
            "desk, not from the portal. It leaves intake in no event and is not kept."
        ),
    )
    address: Address = Field(description="Where the doctor is to come.")
    reasons: list[Code] = Field(
        min_length=1,
        max_length=50,
        description=(
            "Codes of the reasons for the call, as the rule set lists them. A red flag makes the call urgent, and "
            "every text says to call 103."
        ),
        examples=[["fever_above_38", "acute_back_or_joint_pain"]],
    )
    note: Note | None = Field(
        default=None,
        description="Free text for the doctor. IINs in it are masked before it goes anywhere.",
        examples=["Екі күннен бері қызуы түспейді"],
    )
    temperature_c: Annotated[float, Field(ge=25, le=45, allow_inf_nan=False)] | None = Field(
        default=None, description="Body temperature in degrees Celsius, as the applicant states it.", examples=[38.7]
    )
    preferred_window: PreferredWindow | None = Field(
        default=None,
        description=(
            "When the doctor would best arrive, by the clinic's clock on the day of the visit. It is kept where it can "
            "be; where not, the visit has the flag `preferred_window_not_kept`."
        ),
    )
    referral: Referral | None = Field(
        default=None,
        description=(
            "How the ambulance service handed the call on; sent with the reason `passed_on_by_ambulance`. Neither asks "
            "for the other."
        ),
    )
    transferred_from: CallAt | None = Field(
        default=None,
        description=(
            "The call that another clinic handed on, where the clinic's own system takes it up. If that call is known, "
            "is this patient's and has been taken, the answer's limit runs from its start, and neither hours nor "
            "attachment are asked for again (R25); if not, the request is judged as any other, with the flag "
            "`transfer_unconfirmed`. After `request.transferred` the services make this request themselves."
        ),
    )
    registrar: StaffMember | None = Field(
        default=None,
        description="The staff member who took the call at the desk or by phone; the register shows the name (C6.1).",
    )
    signature: Signature | None = Field(
        default=None, description="The applicant's electronic signature. Required when `channel` is `portal` (C9.2)."
    )

    @model_validator(mode="after")
    def _what_the_channel_asks_for(self) -> Self:
        if self.channel == "desk" and self.identity_document is None:
            raise PydanticCustomError(
                "at:identity_document",
                "is required at the desk (C9.1): send the kind and number of the document that was shown",
            )
        if self.channel == "portal" and self.identity is not None:
            raise PydanticCustomError(
                "at:identity",
                "is not taken from the portal: a signed request may have to be kept as it came until its signature can "
                "be checked, and the token may not. Send the request without it",
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

    request_id: Uuid = Field(description="The request that is taken back.")
    clinic_id: ClinicId = Field(description="The clinic of the request. Key of the record.")
    at: Moment = Field(description="When the applicant took the request back.", examples=["2026-11-23T10:20:00+05:00"])
    reason: Line = Field(description="Why, in a few words for the register.", examples=["the patient feels better"])


class RequestTransferred(Event):
    """A person hands a call on to another clinic. It ends here as ``transferred``, and is taken up there (R25).

    The services make the new request themselves, once, with an id of their own, which ``request.cancelled`` and
    ``status.changed`` of the first name. Its clock runs from the first's start. Where the other clinic is not known,
    is the same one, or has no opening left, or the call is over already, this is a dead letter, and nothing changes.
    """

    TYPE: ClassVar[str] = "request.transferred"
    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid = Field(description="The request that is handed on.")
    clinic_id: ClinicId = Field(description="The clinic that hands it on: that of the request. Key of the record.")
    to_clinic_id: ClinicId = Field(
        description="The clinic that takes it up: another one, which has been published.", examples=["tal-2"]
    )
    at: Moment = Field(description="When it was handed on.", examples=["2026-11-23T10:20:00+05:00"])
    reason: Line = Field(
        description="Why, in a few words for the clinic's own records. Patients do not see it.",
        examples=["attached to the other clinic since last week"],
    )
    by: StaffMember = Field(description="The staff member who handed the call on.")

    @model_validator(mode="after")
    def _to_another_clinic(self) -> Self:
        if self.to_clinic_id == self.clinic_id:
            raise PydanticCustomError(
                "at:to_clinic_id", "is the clinic that the call is at: name the one that is to take it up"
            )
        return self
