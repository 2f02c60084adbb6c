"""A call as the notifier keeps it: what was heard of a request, and what was told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from cattrs import override

from homecall.contract.events import DeadlineApproaching, DeadlineMissed, DeadlineName, RequestStatus
from homecall.runtime.mongo.codec import EMPTY_IF_NONE
from homecall.standard.deadlines import Clock, Notice, earliest

UNKNOWN_CHANNEL: Final = "unknown"
"""The channel of a refused request that named none that could be read."""
MOST_NOTICES: Final = 50
"""SMS notices kept of one request: a visit that is moved more often tells the patient of the last times only."""
FINISHED: Final = frozenset({"completed", "not_completed"})
WITH_VISIT: Final = frozenset({"scheduled", "rescheduled", *FINISHED})

NOTICE_TYPES: Final[dict[Notice, str]] = {"approaching": DeadlineApproaching.TYPE, "missed": DeadlineMissed.TYPE}
_NOTICES: Final[dict[str, Notice]] = {event_type: notice for notice, event_type in NOTICE_TYPES.items()}
_OMIT: Final = override(omit_if_default=True)


@dataclass(frozen=True, slots=True)
class Staff:
    id: str
    full_name: str


@dataclass(frozen=True, slots=True)
class OtherCall:
    """The other end of a handing on: the request and its clinic."""

    request_id: str
    clinic_id: str


@dataclass(frozen=True, slots=True)
class Person:
    """The personal part of the register's line (C6.1), as far as it was heard."""

    patient_name: Annotated[str | None, _OMIT] = None
    phone: Annotated[str | None, _OMIT] = None
    """Whom to ring at the door: the patient, or else the applicant."""
    address: Annotated[dict[str, Any] | None, _OMIT] = None
    """As the event has it; it goes out again as it came."""
    reasons: Annotated[list[str] | None, _OMIT] = None
    flags: Annotated[list[str] | None, _OMIT] = None
    registrar: Annotated[Staff | None, _OMIT] = None
    referral: Annotated[dict[str, Any] | None, _OMIT] = None
    """The ambulance service's card, as the event has it."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who is told by SMS. ``sms`` False: nobody."""

    phones: Annotated[list[str] | None, _OMIT] = None
    """The patient's, then the applicant's."""
    language: Annotated[Literal["kk", "ru", "en"] | None, _OMIT] = None
    sms: Annotated[bool | None, _OMIT] = None
    asked_at: Annotated[datetime | None, _OMIT] = None
    """When the request was made."""


@dataclass(frozen=True, slots=True)
class FieldToCorrect:
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request was refused, as its status says it."""

    code: str
    fields: list[FieldToCorrect]
    existing_request_id: Annotated[str | None, _OMIT] = None
    next_acceptance_at: Annotated[datetime | None, _OMIT] = None


@dataclass(frozen=True, slots=True)
class Doctor:
    doctor_id: str
    full_name: str
    specialty: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit as the scheduler last said it."""

    visit_date: date
    arrives_from: datetime
    arrives_to: datetime
    doctor: Doctor


@dataclass(frozen=True, slots=True)
class Deadline:
    started_at: datetime
    due_at: datetime
    approaching_at: datetime
    limit_seconds: int
    said: str = ""
    """The type of the last event that was said of it."""
    held: Annotated[bool, _OMIT] = False
    """Intake has not decided yet, and watches it itself."""

    def clock(self, name: DeadlineName, channel: str) -> Clock:
        return Clock(
            name,
            channel,
            self.started_at,
            self.due_at,
            self.limit_seconds,
            self.approaching_at,
            _NOTICES.get(self.said),
        )


@dataclass(frozen=True, slots=True)
class SmsNotice:
    """What is to be told by SMS about one status. It becomes a message, see `messages`."""

    sequence: int
    status: RequestStatus
    at: datetime
    text: str
    urgent: bool
    use_until: datetime
    """Later it is not sent any more."""
    needed_by: datetime
    """What would come after this is sent in the quiet hours."""
    asked_at: datetime | None
    zone: Annotated[ZoneInfo | None, _OMIT] = None
    """The clinic's zone; None for Asia/Almaty."""


@dataclass(frozen=True, slots=True)
class EarlyEvent:
    """A visit or an answer heard before intake's decision: the event's type and data."""

    type: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A request as it was last told of. Moments are in the clinic's zone."""

    request_id: str
    clinic_id: str
    channel: str = UNKNOWN_CHANNEL
    emergency: bool = False
    status: RequestStatus | Literal[""] = ""
    sequence: int = 0
    occurred_at: Annotated[datetime | None, EMPTY_IF_NONE] = None
    opens_at: datetime | None = None
    due_at: datetime | None = None
    clock_started_at: datetime | None = None
    """When the answer's clock started, also after it has ended."""
    on_time: bool | None = None
    """Whether the answer came in time; None while there is none."""
    answer_confirmed: bool = False
    """The answer counts once it was given aloud: the clinic has ``oral_confirmation``, as it stood at acceptance."""
    refusal: Refused | None = None
    # The register's line (C6.1); there is one as soon as there is a ``register_date``.
    register_date: date | None = None
    register_number: int | None = None
    accepted_at: datetime | None = None
    person: Person = Person()
    oral_answer: dict[str, str] = field(default_factory=dict)
    """By language."""
    answered_at: datetime | None = None
    answered_by: Staff | None = None
    outcome: str | None = None
    revision: int = 0
    visit: Visit | None = None
    """None while, or since, there is none."""
    visit_revision: int = 0
    visit_told: bool = False
    """A day and a time have been told at least once."""
    unplaced: bool = False
    clocks: dict[DeadlineName, Deadline] = field(default_factory=dict)
    """The deadlines that run."""
    reader: Reader = Reader()
    notices: list[SmsNotice] = field(default_factory=list)
    """The last that are to be told by SMS. Empty where SMS is off."""
    early: list[EarlyEvent] = field(default_factory=list)
    transferred_to: Annotated[OtherCall | None, _OMIT] = None
    transferred_from: Annotated[OtherCall | None, _OMIT] = None

    @property
    def undecided(self) -> bool:
        """Whether intake has not decided yet, as far as was heard: nothing, a deferral, or that it is held up."""
        return self.status in {"", "deferred"} or (self.status == "delayed" and self.accepted_at is None)

    @property
    def asked_at(self) -> datetime | None:
        """When the request was made, as far as that is known: no answer was given before (R21)."""
        return earliest([self.reader.asked_at, self.clock_started_at])

    @property
    def stage(self) -> str:
        """Where the call stands, as deadline events have it."""
        if self.refusal is not None:
            return "refused"
        if self.visit is not None:
            return "scheduled"
        return "unplaced" if self.unplaced else "registered"

    def missed(self, name: DeadlineName) -> bool:
        return name in self.clocks and self.clocks[name].said == DeadlineMissed.TYPE


def day_of(call: Call) -> date | None:
    """The day in whose register the call stands, or will stand by what is known; None before anything is."""
    return call.register_date or (call.opens_at.date() if call.opens_at else None)
