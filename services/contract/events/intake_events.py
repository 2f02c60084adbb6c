"""What intake says of each request: accepted, deferred, refused, cancelled, held."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from services.contract.events.shared import Channel, FieldError, Language, RefusalCode, StaffMember
from services.contract.types import AnyDay, ClinicId, Count, Day, Event, Moment, Ordinal, Part, Uuid


class PatientFacts(Part):
    """The patient as our own events show them: no IIN, no documents."""

    full_name: str | None = None
    birth_date: Day | None = None
    sex: Literal["male", "female"] | None = None
    phone: str | None = None
    language: Language | None = None
    sms: bool | None = None
    age_years: Count | None = None


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
    register_number: Ordinal
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
    register_number: Ordinal | None = None
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
