"""Every event of the wire contract, one model per type.

``frm`` stands for the wire's ``from``, a word that Python keeps for itself.
"""

from __future__ import annotations

import itertools
from datetime import time
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import BeforeValidator, ConfigDict, FailFast, Field, WithJsonSchema, field_validator, model_validator
from pydantic_core import PydanticCustomError

from services.contract.types import (
    AnyDay,
    ClinicId,
    ClockTime,
    Code,
    Day,
    Event,
    Id,
    Iin,
    Latitude,
    Line,
    Longitude,
    LongText,
    Moment,
    Name,
    Part,
    Phone,
    Uuid,
)

Channel = Literal["desk", "phone", "portal"]
Language = Literal["kk", "ru", "en"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Specialty = Literal["gp", "therapist", "paediatrician"]
Basis = Literal["district", "specialty", "least_loaded", "duty"]
Outcome = Literal["served", "not_at_home", "false_call", "hospitalised", "declined"]
RefusalCode = Literal[
    "invalid_request",
    "unknown_clinic",
    "outside_acceptance_hours",
    "identity_not_confirmed",
    "authority_invalid",
    "signature_invalid",
    "not_attached",
    "duplicate",
]
RequestStatus = Literal[
    "registered",
    "deferred",
    "scheduled",
    "rescheduled",
    "delayed",
    "refused",
    "withdrawn",
    "completed",
    "not_completed",
]
ComplaintStage = Literal["clinic", "ministry", "quality_authority"]
ComplaintStatus = Literal[
    "delivered", "registered", "assigned", "executed", "answered", "refused", "escalated", "overdue"
]
AnswerBy = Literal["post", "by_hand", "portal"]
DeadlineName = Literal["queue", "service", "answer", "visit", "complaint"]

# ---------------------------------------------------------------- shared parts


class Trilingual(Part):
    """The same text in Kazakh, Russian and English."""

    kk: str
    ru: str
    en: str


class FieldError(Part):
    """What is wrong with one field: its dotted path and a message that says the way out."""

    path: str
    message: str


_ENDS_TOO_EARLY = "must end later than it begins, on the same day; midnight is written 24:00"


class Interval(Part):
    """From a local time to a later one, on one day."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    frm: ClockTime = Field(alias="from")
    to: ClockTime

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.frm >= self.to:
            raise PydanticCustomError("interval_order", _ENDS_TOO_EARLY)
        return self


class Official(Part):
    """A named official of a clinic or an authority."""

    full_name: Name
    position: Name


class StaffMember(Part):
    """Who served the applicant."""

    id: Id
    full_name: Name


class Signature(Part):
    """A detached CMS over the RFC 8785 form of the data without this field."""

    format: Literal["cms"]
    value: Annotated[str, Field(min_length=1, max_length=100_000)]


# ---------------------------------------------------------------- clinics


class ClinicName(Part):
    """The clinic's name as people know it, in Kazakh and Russian."""

    kk: Name
    ru: Name


class Head(Part):
    """The head of the clinic, to whom complaints go (C10.1)."""

    full_name: Name


class District(Part):
    """A part of the clinic's area: addresses that begin with one of ``addresses`` belong to it."""

    district_id: Id
    kind: Literal["adult", "child", "mixed"]
    addresses: Annotated[list[Line], Field(max_length=10_000), FailFast()] = Field(default_factory=list)


Pair = tuple[ClockTime, ClockTime]
Pairs = Annotated[list[Pair], Field(max_length=24)]


def _pairs_in_order(pairs: list[tuple[time, time]], where: str) -> list[tuple[time, time]]:
    ordered = sorted(pairs)
    for begins, ends in ordered:
        if begins >= ends:
            raise PydanticCustomError(where, _ENDS_TOO_EARLY)
    for (_, ends), (begins, _) in itertools.pairwise(ordered):
        if begins < ends:
            raise PydanticCustomError(where, "must have intervals that do not overlap: join them into one")
    return ordered


class WorkingDate(Part):
    """A date on which the clinic works beside its week; without hours, Saturday's."""

    date: Day
    hours: Pairs | None = None

    @field_validator("hours")
    @classmethod
    def _ordered(cls, hours: list[tuple[time, time]] | None) -> list[tuple[time, time]] | None:
        return _pairs_in_order(hours, "intervals") if hours is not None else None


class DistrictTravel(Part):
    """How long the way takes between two districts; it serves for the way back too, unless that is given."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    frm: Id = Field(alias="from")
    to: Id
    minutes: int = Field(ge=0, le=480)


class Dispatch(Part):
    """How the clinic's visits are dispatched; what is absent is the scheduler's default.

    ``window_minutes`` is the width of a promise, ``lead_minutes`` how long after the answer its window opens at the
    earliest, where the call is not urgent. Travel is the straight line times ``road_factor`` at ``speed_kmh``; or what
    ``travel_table`` has between two districts. The weights are minutes of travel that another doctor must save: than
    the district's own, and than the one who was named.
    """

    window_minutes: int | None = Field(default=None, ge=15, le=480)
    lead_minutes: int | None = Field(default=None, ge=0, le=240)
    urgent_within_minutes: int | None = Field(default=None, ge=0, le=240)
    road_factor: float | None = Field(default=None, ge=1, le=5)
    speed_kmh: float | None = Field(default=None, ge=1, le=150)
    district_weight_minutes: float | None = Field(default=None, ge=0, le=240)
    change_weight_minutes: float | None = Field(default=None, ge=0, le=240)
    travel_table: Annotated[list[DistrictTravel], Field(max_length=10_000)] = Field(default_factory=list)


class ClinicPublished(Event):
    """A clinic as it is from now on; the newest per ``clinic_id`` holds."""

    TYPE: ClassVar[str] = "clinic.published"
    SUBJECT: ClassVar[str] = "clinic_id"

    clinic_id: ClinicId
    name: ClinicName
    region: Line
    address: Line
    phone: Phone
    head: Head
    hours: dict[Weekday, Pairs] | None = None
    closed_dates: Annotated[list[Day], Field(max_length=1000)] = Field(default_factory=list)
    working_dates: Annotated[list[WorkingDate], Field(max_length=1000)] = Field(default_factory=list)
    districts: Annotated[list[District], Field(max_length=1000)] = Field(default_factory=list)
    attachment_required: bool = False
    oral_confirmation: bool = False
    dispatch: Dispatch | None = None

    @field_validator("hours", mode="before")
    @classmethod
    def _weekdays(cls, hours: Any) -> Any:
        # Before the values are looked at, so that no path of an error repeats a key that was sent.
        if isinstance(hours, dict) and not hours.keys() <= set(get_args(Weekday)):
            raise PydanticCustomError(
                "weekday", "must have no keys but mon, tue, wed, thu, fri, sat, sun; leave out a day that is closed"
            )
        return hours

    @field_validator("hours")
    @classmethod
    def _ordered(cls, hours: dict[str, list[tuple[time, time]]] | None) -> dict[str, list[tuple[time, time]]] | None:
        if hours is None:
            return None
        return {weekday: _pairs_in_order(pairs, f"at:{weekday}") for weekday, pairs in hours.items()}


# ---------------------------------------------------------------- rosters


class Place(Part):
    """A point on the map: WGS 84, in degrees."""

    lat: Latitude
    lon: Longitude


class RosterDoctor(Part):
    """A doctor's day: where they serve, when, and how many visits at most."""

    doctor_id: Id
    full_name: Name
    specialty: Specialty
    districts: Annotated[list[Id], Field(max_length=1000), FailFast()] = Field(default_factory=list)
    shift: Interval
    max_visits: int = Field(ge=0, le=500)
    on_duty: bool = False
    start: Place | None = None


class RosterPublished(Event):
    """The doctors of a clinic on a date; a higher ``revision`` replaces a lower."""

    TYPE: ClassVar[str] = "roster.published"
    SUBJECT: ClassVar[str] = "clinic_id"

    clinic_id: ClinicId
    date: Day
    revision: int = Field(ge=0)
    doctors: list[RosterDoctor] = Field(max_length=1000)
    visit_minutes: int = Field(default=20, ge=1, le=480)
    travel_minutes: int = Field(default=10, ge=0, le=480)

    @field_validator("doctors")
    @classmethod
    def _each_once(cls, doctors: list[RosterDoctor]) -> list[RosterDoctor]:
        seen: set[str] = set()
        for place, doctor in enumerate(doctors):
            if doctor.doctor_id in seen:
                raise PydanticCustomError(
                    f"at:{place}.doctor_id", "stands twice in this roster: give each doctor one entry"
                )
            seen.add(doctor.doctor_id)
        return doctors


class DoctorUnavailable(Event):
    """From ``from`` on the doctor makes no more visits that day."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    TYPE: ClassVar[str] = "doctor.unavailable"
    SUBJECT: ClassVar[str] = "doctor_id"

    clinic_id: ClinicId
    date: Day
    doctor_id: Id
    frm: ClockTime = Field(alias="from")
    reason: Line


# ---------------------------------------------------------------- requests


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


def _when_channel_is(channel: dict[str, Any], required: str) -> dict[str, Any]:
    """A rule of the channel in JSON Schema, for those who check before they send."""
    return {
        "if": {"properties": {"channel": channel}, "required": ["channel"]},
        "then": {"properties": {required: {"type": "object"}}, "required": [required]},
    }


class RequestSubmitted(Event):
    """An application for a doctor's visit at home, by desk, phone or portal (C3)."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                _when_channel_is({"const": "desk"}, "identity_document"),
                _when_channel_is({"const": "portal"}, "signature"),
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


class VisitReported(Event):
    """How the visit ended, as the clinic says."""

    TYPE: ClassVar[str] = "visit.reported"
    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid
    clinic_id: ClinicId
    at: Moment
    outcome: Outcome
    note: Annotated[str, Field(max_length=5000)] | None = None


class AnswerGiven(Event):
    """The oral answer was given at the desk or on the phone (C6.1)."""

    TYPE: ClassVar[str] = "answer.given"
    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid
    clinic_id: ClinicId
    at: Moment
    given_by: StaffMember


# ---------------------------------------------------------------- complaints


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
                _when_channel_is({"enum": ["post", "in_person"]}, "received_by"),
                _when_channel_is({"const": "portal"}, "signature"),
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


# ---------------------------------------------------------------- between the services


class PatientFacts(Part):
    """The patient as our own events show them: no IIN, no documents."""

    full_name: str | None = None
    birth_date: Day | None = None
    sex: Literal["male", "female"] | None = None
    phone: str | None = None
    language: Language | None = None
    sms: bool | None = None
    age_years: int | None = None


class AuthorityFacts(Part):
    """By what right the applicant acts; the document's number is left out."""

    kind: str | None = None
    valid_until: AnyDay | None = None


class ApplicantFacts(Part):
    """The applicant as our own events show them: no IIN, no documents."""

    full_name: str | None = None
    phone: str | None = None
    authority: AuthorityFacts | None = None


class AddressFacts(Part):
    """The address as far as it could be read."""

    text: str | None = None
    district_id: str | None = None
    lat: float | None = None
    lon: float | None = None
    entrance: str | None = None
    floor: str | None = None
    flat: str | None = None
    intercom: str | None = None


class Ruling(Part):
    """Why a decision is as it is, so that it can be checked years later."""

    rule_set: str
    clauses: list[str]
    calendar: str
    inputs: dict[str, Any]


class RequestEvent(Event):
    """What every ``request.*`` event of intake carries: the request as far as it could be read.

    IINs, documents and the signature are left out. A field that broke the schema is absent.
    """

    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid
    clinic_id: ClinicId
    channel: Channel | None = None
    queued_at: Moment | None = None
    service_started_at: Moment | None = None
    submitted_at: Moment | None = None
    patient: PatientFacts | None = None
    applicant: ApplicantFacts | None = None
    address: AddressFacts | None = None
    reasons: list[str] | None = None
    note: str | None = None
    temperature_c: float | None = None
    registrar: StaffMember | None = None
    urgency: Literal["urgent", "same_day"] | None = None
    red_flags: list[str] = Field(default_factory=list)
    flags: list[str] = Field(default_factory=list)
    ruling: Ruling | None = None


class RequestAccepted(RequestEvent):
    """Accepted, with its number in the clinic's register of that day; the visit is on ``visit_date`` (C4.5, R13)."""

    TYPE: ClassVar[str] = "request.accepted"

    register_date: Day
    register_number: int = Field(ge=1)
    accepted_at: Moment
    clock_started_at: Moment
    due_at: Moment
    visit_date: Day


class RequestDeferred(RequestEvent):
    """A portal request that is taken up at the opening ``opens_at``: its clock starts then (C8.2, R4 to R6)."""

    TYPE: ClassVar[str] = "request.deferred"

    opens_at: Moment
    due_at: Moment


class RequestRefused(RequestEvent):
    """Not accepted: ``code`` says why, ``fields`` and the rest what to do next."""

    TYPE: ClassVar[str] = "request.refused"

    code: RefusalCode
    fields: list[FieldError] = Field(default_factory=list)
    existing_request_id: Uuid | None = None
    next_acceptance_at: Moment | None = None
    due_at: Moment | None = None


class RequestCancelled(RequestEvent):
    """Withdrawn by the applicant. A register number that it had stays with it."""

    TYPE: ClassVar[str] = "request.cancelled"

    register_date: Day | None = None
    register_number: int | None = None
    at: Moment
    reason: str


class RequestHeld(RequestEvent):
    """A request that intake cannot decide yet: its signature cannot be checked, or its clinic has no opening left.

    ``deadline`` is where its answer's time stands; said once for each, since nothing else is said meanwhile.
    """

    TYPE: ClassVar[str] = "request.held"

    waits_for: Literal["signature", "opening"]
    deadline: Literal["running", "approaching", "missed"] = "missed"
    clock_started_at: Moment
    due_at: Moment


class RequestIdentityChecked(Event):
    """What the state register said later of a patient accepted as ``identity_unconfirmed``; it takes nothing back."""

    TYPE: ClassVar[str] = "request.identity-checked"
    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid
    clinic_id: ClinicId
    outcome: Literal["confirmed", "not_found"]
    at: Moment


class VisitDoctor(Part):
    """Who comes."""

    doctor_id: str
    full_name: str
    specialty: Specialty


class OtherDoctor(Part):
    """A doctor who was not chosen, and what the visit would have been there."""

    doctor_id: str
    basis: Basis
    wait_minutes: int
    extra_travel_minutes: float
    load: float
    cost_minutes: float


class VisitChoice(Part):
    """Why this doctor and this time: what counted, what it came to, and over whom the doctor was chosen.

    ``extra_travel_minutes`` is what the visit adds to the doctor's route, ``load`` the share of the doctor's visits
    that were taken, ``cost_minutes`` all of it weighed as travel: the least was chosen.
    """

    by: str
    basis: Basis
    wait_minutes: int | None = None
    extra_travel_minutes: float | None = None
    load: float | None = None
    cost_minutes: float | None = None
    over: list[OtherDoctor] = Field(default_factory=list)


class VisitEvent(Event):
    """What every ``visit.*`` event of the scheduler carries; ``revision`` orders those of one request."""

    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid
    clinic_id: ClinicId
    visit_id: Uuid | None = None
    revision: int = Field(ge=1)


class VisitScheduled(VisitEvent):
    """The day, the time and the doctor of the visit, and on what basis that doctor."""

    TYPE: ClassVar[str] = "visit.scheduled"

    visit_id: Uuid
    visit_date: Day
    arrives_from: Moment
    arrives_to: Moment
    doctor: VisitDoctor
    basis: Basis
    reason: str | None = None
    why: VisitChoice | None = None


class VisitRescheduled(VisitScheduled):
    """Another day, time or doctor than was said before; ``reason`` says why."""

    TYPE: ClassVar[str] = "visit.rescheduled"


class VisitUnplaced(VisitEvent):
    """No place for the visit yet; it is looked for again with each roster and each place that becomes free."""

    TYPE: ClassVar[str] = "visit.unplaced"

    cause: Literal["no_roster", "no_capacity"]
    since: Moment


class VisitCancelled(VisitEvent):
    """The visit is not made, and its place is free."""

    TYPE: ClassVar[str] = "visit.cancelled"

    reason: str


class VisitClosed(VisitEvent):
    """How the visit ended."""

    TYPE: ClassVar[str] = "visit.closed"

    outcome: Outcome
    at: Moment


class DeadlineEvent(Event):
    """A statutory time of a request or a complaint, and where it stands."""

    SUBJECT: ClassVar[str] = "subject_id"

    subject_kind: Literal["request", "complaint"]
    subject_id: Uuid
    clinic_id: ClinicId
    deadline: DeadlineName
    channel: str
    started_at: Moment
    due_at: Moment
    limit_seconds: int
    stage: str


class DeadlineApproaching(DeadlineEvent):
    """80 % of the limit has passed without the result."""

    TYPE: ClassVar[str] = "deadline.approaching"


class DeadlineMissed(DeadlineEvent):
    """The limit has passed without the result."""

    TYPE: ClassVar[str] = "deadline.missed"


# ---------------------------------------------------------------- what goes out


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
    sequence: int = Field(ge=1)
    status: RequestStatus
    occurred_at: Moment
    text: Trilingual
    register_number: int | None = None
    due_at: Moment | None = None
    visit: VisitTimes | None = None
    refusal: Refusal | None = None
    on_time: bool | None = None
    emergency: bool


class RefusalCodeOnly(Part):
    """Why the call was refused."""

    code: str


class JournalEntry(Event):
    """One line of the register of calls as it now stands (C6.1); the highest ``revision`` holds."""

    TYPE: ClassVar[str] = "journal.entry"
    SUBJECT: ClassVar[str] = "request_id"

    clinic_id: ClinicId
    register_date: Day
    register_number: int | None = None
    revision: int = Field(ge=1)
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
    sequence: int = Field(ge=1)
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


MODELS: dict[str, type[Event]] = {
    model.TYPE: model
    for model in (
        ClinicPublished,
        RosterPublished,
        DoctorUnavailable,
        RequestSubmitted,
        RequestWithdrawn,
        VisitReported,
        AnswerGiven,
        ComplaintSubmitted,
        ComplaintAssigned,
        ComplaintExecuted,
        ComplaintAnswered,
        ComplaintRefused,
        ComplaintEscalated,
        RequestAccepted,
        RequestDeferred,
        RequestRefused,
        RequestCancelled,
        RequestHeld,
        RequestIdentityChecked,
        VisitScheduled,
        VisitRescheduled,
        VisitUnplaced,
        VisitCancelled,
        VisitClosed,
        DeadlineApproaching,
        DeadlineMissed,
        StatusChanged,
        JournalEntry,
        ComplaintStatusChanged,
    )
}
"""Type (without its prefix) to model."""
