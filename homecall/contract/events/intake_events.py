"""What intake says of each request: accepted, deferred, refused, cancelled, held."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from homecall.contract.events.shared import (
    CallAt,
    Channel,
    FieldError,
    Language,
    PreferredWindow,
    RefusalCode,
    StaffMember,
)
from homecall.contract.types import AnyDay, ClinicId, Count, Day, Event, Moment, Ordinal, Part, Uuid


class PatientFacts(Part):
    """The patient as our own events show them: no IIN, no documents."""

    full_name: str | None = Field(
        default=None,
        description="Full name of the patient. Absent where it could not be read.",
        examples=["Оспанбеков Сәбит Нұрланұлы"],
    )
    birth_date: Day | None = Field(
        default=None,
        description="Date of birth of the patient, as stated. Absent where the state register contradicts it (R23).",
        examples=["1885-07-15"],
    )
    sex: Literal["male", "female"] | None = Field(
        default=None, description="Sex of the patient, where the sender stated it."
    )
    phone: str | None = Field(
        default=None, description="Phone number of the patient, as it was sent.", examples=["+7 700 000 01 23"]
    )
    language: Language | None = Field(
        default=None, description="Language of the messages and documents for this patient."
    )
    sms: bool | None = Field(
        default=None, description="False: the patient wants no text messages about this request.", examples=[True]
    )
    age_years: Count | None = Field(
        default=None,
        description=(
            "Age in whole years on the day of the application. Absent without a birth date: the patient counts as an "
            "adult."
        ),
        examples=[34],
    )


class AuthorityFacts(Part):
    """By what right the applicant acts; the document's number is left out."""

    kind: str | None = Field(
        default=None,
        description="By what right the applicant acts for the patient, as it was sent (R15).",
        examples=["power_of_attorney"],
    )
    valid_until: AnyDay | None = Field(
        default=None, description="Last day on which that right holds.", examples=["2027-12-31"]
    )


class ApplicantFacts(Part):
    """The applicant as our own events show them: no IIN, no documents."""

    full_name: str | None = Field(
        default=None,
        description="Full name of the applicant. Absent where it could not be read.",
        examples=["Оспанбекова Раушан Қайратқызы"],
    )
    phone: str | None = Field(
        default=None, description="Phone number of the applicant, as it was sent.", examples=["+7 700 000 01 24"]
    )
    authority: AuthorityFacts | None = Field(
        default=None, description="By what right the applicant acts, without the document's number."
    )


class AddressFacts(Part):
    """The address as far as it could be read."""

    text: str | None = Field(
        default=None,
        description="The address in one line, as the doctor reads it.",
        examples=["Алматы, Тал көшесі, 27, 14-пәтер"],
    )
    district_id: str | None = Field(
        default=None, description="District of the address: a `district_id` of the clinic.", examples=["3-01"]
    )
    lat: float | None = Field(
        default=None, description="Latitude of the address in degrees north, WGS 84.", examples=[43.2401]
    )
    lon: float | None = Field(
        default=None, description="Longitude of the address in degrees east, WGS 84.", examples=[76.8912]
    )
    entrance: str | None = Field(default=None, description="Entrance of the building, for the doctor.", examples=["1"])
    floor: str | None = Field(default=None, description="Floor of the flat, for the doctor.", examples=["4"])
    flat: str | None = Field(default=None, description="Number of the flat, for the doctor.", examples=["14"])
    intercom: str | None = Field(default=None, description="Code of the intercom, for the doctor.", examples=["14K"])


class ReferralFacts(Part):
    """How the ambulance service (103) handed a call on, as our own events show it."""

    card_number: str = Field(description="Number of the ambulance service's call card.", examples=["103-2026-118842"])
    handed_over_at: Moment = Field(
        description="When the ambulance service handed the call over.", examples=["2026-11-23T09:05:00+05:00"]
    )
    category: str = Field(description="The ambulance service's urgency category, as it was sent.", examples=["4"])


class Ruling(Part):
    """Why a decision is as it is, so that it can be checked years later."""

    rule_set: str = Field(
        description="Id of the rule set that decided, chosen by the date of the application (R12).",
        examples=["kz-2015"],
    )
    clauses: list[str] = Field(
        description=(
            "Clauses that the decision rests on: C… of the standard, R… of our readings, in the order they were "
            "applied."
        ),
        examples=[["C8.1", "C4.5", "C4.1"]],
    )
    calendar: str = Field(
        description="Version of the calendar of holidays and decrees that was used.",
        examples=["holidays 0.109, decrees e1a4bf086f89"],
    )
    inputs: dict[str, Any] = Field(
        description=(
            "Everything that the decision looked at: the channel, the times, the clinic's hours of each day. Its "
            "content depends on the rule."
        ),
        examples=[{"channel": "desk", "submitted_at": "2026-11-23T09:14:05+05:00"}],
    )


class RequestEvent(Event):
    """What every ``request.*`` event of intake carries: the request as far as it could be read.

    IINs, documents and the signature are left out. A field that broke the schema is absent.
    """

    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid = Field(description="The request, by the id that its sender gave it. It is also `ce_subject`.")
    clinic_id: ClinicId = Field(description="The clinic of the request. Key of the record.")
    channel: Channel | None = Field(default=None, description="How the application came in (C3).")
    queued_at: Moment | None = Field(
        default=None,
        description="When the applicant joined the queue at the clinic, as the clinic states it.",
        examples=["2026-11-23T09:06:30+05:00"],
    )
    service_started_at: Moment | None = Field(
        default=None,
        description="When the registrar began to serve the applicant, as the clinic states it.",
        examples=["2026-11-23T09:12:10+05:00"],
    )
    submitted_at: Moment | None = Field(
        default=None,
        description="When the application was handed in; it decided the request (R1).",
        examples=["2026-11-23T09:14:05+05:00"],
    )
    patient: PatientFacts | None = Field(default=None, description="The patient without IIN and documents.")
    applicant: ApplicantFacts | None = Field(
        default=None, description="The applicant without IIN and documents. Absent: the patient applied."
    )
    address: AddressFacts | None = Field(
        default=None, description="Where the doctor is to come, as far as it could be read."
    )
    reasons: list[str] | None = Field(
        default=None,
        description="Codes of the reasons for the call, as they were sent.",
        examples=[["fever_above_38", "acute_back_or_joint_pain"]],
    )
    note: str | None = Field(
        default=None,
        description="Free text for the doctor, with IINs masked.",
        examples=["Екі күннен бері қызуы түспейді"],
    )
    temperature_c: float | None = Field(
        default=None, description="Body temperature in degrees Celsius, as the applicant stated it.", examples=[38.7]
    )
    preferred_window: PreferredWindow | None = Field(
        default=None, description="When the doctor would best arrive, by the clinic's clock on the day of the visit."
    )
    referral: ReferralFacts | None = Field(
        default=None, description="How the ambulance service (103) handed the call on, where it did."
    )
    transferred_from: CallAt | None = Field(
        default=None,
        description=(
            "The call that another clinic handed on, and that this one goes on with: its clock runs from that one's "
            "start (R25)."
        ),
    )
    registrar: StaffMember | None = Field(default=None, description="The staff member who took the call.")
    urgency: Literal["urgent", "same_day"] | None = Field(
        default=None, description="How soon the visit is due: `urgent` goes before all `same_day` calls."
    )
    red_flags: list[str] = Field(
        default_factory=list,
        description="Those of the reasons that are red flags. Not empty: every text says first to call 103.",
        examples=[[]],
    )
    flags: list[str] = Field(
        default_factory=list,
        description=(
            "What was noticed and did not lead to a refusal: `clock_ahead`, `identity_unconfirmed`, `iin_mismatch`, "
            "`location_implausible` (coordinates that cannot be true: shown as sent, and planned without), "
            "`phone_unreadable` (nobody can ring it: kept as text), `queue_time_implausible` and "
            "`service_time_implausible` (a time that cannot be true: shown as sent, and not counted), "
            "`transfer_unconfirmed` (the call that was handed on is not known, or not this patient's: judged as any "
            "other request), `patient_registered_dead` (not alive by the state register of persons: look at the call "
            "again). More may come; ignore unknown ones."
        ),
        examples=[["iin_mismatch"]],
    )
    persons: list[str] | None = Field(
        default=None,
        description=(
            "What stands for the patient and the applicant: keyed hashes of their IINs with `request_id`, in letters. "
            "Only the services can make them; they tell who complains about this call, and nothing about other calls."
        ),
        examples=[["efmkbhnaigdfolpjcbaemhgnkidflopjebcamhgnkidfoplpjcbaemhgnkidflop"]],
    )
    ruling: Ruling | None = Field(
        default=None, description="Why the request was decided so, to be checked years later."
    )


class RequestAccepted(RequestEvent):
    """Accepted, with its number in the clinic's register of that day; the visit is on ``visit_date`` (C4.5, R13)."""

    TYPE: ClassVar[str] = "request.accepted"

    register_date: Day = Field(
        description="Date of the clinic's register in which the call is entered (R1).", examples=["2026-11-23"]
    )
    register_number: Ordinal = Field(
        description="Number of the call in the clinic's register of that date: 1, 2, 3… without gaps or doubles.",
        examples=[17],
    )
    accepted_at: Moment = Field(
        description="When the service accepted the request.", examples=["2026-11-23T09:14:05.980000+05:00"]
    )
    clock_started_at: Moment = Field(
        description=(
            "When the answer's limit began to run: at `submitted_at`, or at the opening for a deferred request (R6)."
        ),
        examples=["2026-11-23T09:14:05+05:00"],
    )
    due_at: Moment = Field(
        description="When the answer is due at the latest (C4.1, C4.4).", examples=["2026-11-23T09:24:05+05:00"]
    )
    visit_date: Day = Field(
        description="The day of the visit by the rules (R13). Only `visit.scheduled` can move it.",
        examples=["2026-11-23"],
    )


class RequestDeferred(RequestEvent):
    """A portal request that is taken up at the opening ``opens_at``: its clock starts then (C8.2, R4 to R6)."""

    TYPE: ClassVar[str] = "request.deferred"

    opens_at: Moment = Field(
        description="The opening at which the request is taken up and its clock starts (R4 to R6).",
        examples=["2026-11-24T08:00:00+05:00"],
    )
    due_at: Moment = Field(
        description="When the answer is due at the latest: 30 minutes after `opens_at` (C4.4).",
        examples=["2026-11-24T08:30:00+05:00"],
    )


class RequestRefused(RequestEvent):
    """Not accepted: ``code`` says why, ``fields`` and the rest what to do next."""

    TYPE: ClassVar[str] = "request.refused"

    code: RefusalCode = Field(
        description=(
            "Why the request was refused. Act on this code; the texts in `status.changed` explain it to the patient."
        ),
    )
    fields: list[FieldError] = Field(
        default_factory=list,
        description="The fields to correct, each with the rule and the way out. Empty where no field is at fault.",
    )
    existing_request_id: Uuid | None = Field(
        default=None, description="The open request of the same patient, when the code is `duplicate` (R11)."
    )
    next_acceptance_at: Moment | None = Field(
        default=None,
        description="When the clinic accepts requests again, when the code is `outside_acceptance_hours` (R3).",
        examples=["2026-11-24T08:00:00+05:00"],
    )
    due_at: Moment | None = Field(
        default=None,
        description="When the answer was due; the refusal is the answer. Absent where no clock ran.",
        examples=["2026-11-23T09:24:05+05:00"],
    )


class RequestCancelled(RequestEvent):
    """Withdrawn by the applicant, or handed on to another clinic. A register number that it had stays with it."""

    TYPE: ClassVar[str] = "request.cancelled"

    register_date: Day | None = Field(
        default=None, description="Date of the register entry, if the call had been accepted.", examples=["2026-11-23"]
    )
    register_number: Ordinal | None = Field(
        default=None,
        description="Number in the register, if the call had been accepted. It is not given out again.",
        examples=[17],
    )
    at: Moment = Field(
        description="When the applicant took the request back, or it was handed on.",
        examples=["2026-11-23T10:20:00+05:00"],
    )
    reason: str = Field(
        description="Why, in the words of the person who ended it, with IINs masked.",
        examples=["the patient feels better"],
    )
    outcome: Literal["transferred"] | None = Field(
        default=None, description="`transferred`: handed on to another clinic (R25). Absent: withdrawn."
    )
    transferred_to: CallAt | None = Field(
        default=None, description="Where the call goes on, and under which request. Present if it was handed on."
    )
    transferred_by: StaffMember | None = Field(
        default=None, description="The staff member who handed the call on. Present if it was handed on."
    )


class RequestHeld(RequestEvent):
    """A request that intake cannot decide yet: its signature cannot be checked, or its clinic has no opening left.

    ``deadline`` is where its answer's time stands; said once for each, since nothing else is said meanwhile.
    """

    TYPE: ClassVar[str] = "request.held"

    waits_for: Literal["signature", "opening"] = Field(
        description="What the decision waits for: a check of the signature, or an opening in the clinic's calendar."
    )
    deadline: Literal["running", "approaching", "missed"] = Field(
        default="missed", description="Where the answer's time stands while the request is held. One event for each."
    )
    clock_started_at: Moment = Field(
        description="When the answer's limit began to run.", examples=["2026-11-23T09:14:05+05:00"]
    )
    due_at: Moment = Field(description="When the answer is due at the latest.", examples=["2026-11-23T09:44:05+05:00"])


class RequestIdentityChecked(Event):
    """What the state register said later of a patient accepted as ``identity_unconfirmed``; it takes nothing back."""

    TYPE: ClassVar[str] = "request.identity-checked"
    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid = Field(description="The request that had been accepted with the flag `identity_unconfirmed`.")
    clinic_id: ClinicId = Field(description="The clinic of the request. Key of the record.")
    outcome: Literal["confirmed", "not_found"] = Field(
        description="What the state register of persons answered. It changes nothing that was decided (C9.3)."
    )
    added_flags: list[str] | None = Field(
        default=None,
        description="Flags that the answer adds to those of the request: `patient_registered_dead`. Absent: none.",
        examples=[["patient_registered_dead"]],
    )
    at: Moment = Field(description="When the register answered.", examples=["2026-11-23T11:02:00+05:00"])
