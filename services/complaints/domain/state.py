"""A complaint as its service keeps it: no IIN, and no signature.

It goes through one stage, or two: the second is the quality authority's (C10.8). Each stage has its own incoming
number, term, executors and outcome. A command is for the stage that is the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from cattrs import override

from homecall.contract.events import AnswerBy, ComplaintStage, ComplaintStatus, Language
from homecall.contract.events import Official as SentOfficial
from homecall.contract.iins import without_iins
from homecall.contract.types import in_zone
from homecall.standard.deadlines import Clock, Notice
from homecall.texts.language import Text

CHANNELS: Final = ("post", "in_person", "portal")
OPEN: Final = ("registered", "assigned", "executed")
"""The statuses in which the clock of the last stage runs."""

_LEFT_OUT: Final = override(omit_if_default=True)

Status = Literal[
    "delivered", "escalated", "held", "registered", "assigned", "executed", "answered", "refused", "invalid"
]


@dataclass(frozen=True, kw_only=True)
class Official:
    full_name: str
    position: str


@dataclass(frozen=True, kw_only=True)
class Executor(Official):
    """Who is responsible for the answer (C10.3): since when, and who named them."""

    at: datetime
    assigned_by: Official


@dataclass(frozen=True, kw_only=True)
class Measures:
    measures: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Answer:
    text: str
    decision: Literal["upheld", "partly_upheld", "not_upheld"]
    sent_by: AnswerBy
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """Why a complaint is not considered (C10.6). ``at`` is missing where an earlier release stored it."""

    grounds: str
    at: Annotated[datetime | None, _LEFT_OUT] = None


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A complaint at one addressee. What is not known yet is None or empty.

    ``came_at`` is when it was submitted or escalated, ``registers_at`` the opening that registers it when that was
    outside working hours (R9a). ``flags`` and ``ruling`` say how its term came about. ``office`` is where its addressee
    hands answers over; ``contacts`` the addresses that the next steps name; ``received_by`` who answers for a
    registration by the system. An earlier release stored none of the three.
    """

    stage: ComplaintStage
    grounds: str | None = None
    came_at: datetime
    registers_at: datetime | None = None
    look_again_at: datetime | None = None
    registered_at: datetime | None = None
    answer_due_on: date | None = None
    answer_due_at: datetime | None = None
    approaching_at: datetime | None = None
    limit_seconds: int = 0
    term_days: int
    quality_authority_days: int
    flags: tuple[str, ...] = ()
    ruling: Mapping[str, Any] = field(default_factory=dict)
    number: str | None = None
    executors: tuple[Executor, ...] = ()
    measures: tuple[Measures, ...] = ()
    answer: Answer | None = None
    refusal: Grounds | None = None
    approaching_said: bool = False
    missed_said: bool = False
    office: Text | None = None
    contacts: Mapping[str, Text] = field(default_factory=dict)
    received_by: Annotated[Official | None, _LEFT_OUT] = None

    def deadline(self, channel: str) -> Clock:
        """The deadline of its answer once it is registered (C10.4, C10.8), and what was said of it."""
        assert self.registered_at is not None
        assert self.answer_due_at is not None
        assert self.approaching_at is not None
        said: Notice | None = "missed" if self.missed_said else "approaching" if self.approaching_said else None
        return Clock(
            "complaint", channel, self.registered_at, self.answer_due_at, self.limit_seconds, self.approaching_at, said
        )


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """The event of a complaint as it came, sealed by the engine, and the causation id that it is sealed for."""

    cause: str
    record: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Held:
    """A complaint whose signature cannot be checked yet: the event, when to try again, and its term meanwhile.

    The times of the term are None while the clinic has no opening; ``said`` is what was said of it. ``held_until``,
    when the complaint is refused (R24), is missing where an earlier release held it.
    """

    kept: Sealed
    try_again_at: datetime
    tries: int = 0
    stage: ComplaintStage
    started_at: datetime | None = None
    approaching_at: datetime | None = None
    due_at: datetime | None = None
    limit_seconds: int = 0
    said: Notice | Literal[""] = ""
    held_until: Annotated[datetime | None, _LEFT_OUT] = None

    def deadline(self, channel: str) -> Clock | None:
        """The deadline of its answer; None while the clinic has no opening."""
        if self.started_at is None or self.due_at is None or self.approaching_at is None:
            return None
        said = self.said or None
        return Clock("complaint", channel, self.started_at, self.due_at, self.limit_seconds, self.approaching_at, said)


@dataclass(frozen=True)
class Told:
    """What a status says, but for what its stage knows."""

    sequence: int
    status: ComplaintStatus
    occurred_at: datetime
    executor: Official | None
    refusal: Annotated[Grounds | None, _LEFT_OUT] = None
    answer: Annotated[Answer | None, _LEFT_OUT] = None


@dataclass(frozen=True)
class Draft:
    """What is to be said of a stage, complete but for the incoming number.

    ``stage`` is its place, from 0. ``numbered``: the number and the term are part of it. ``time`` is ``ce_time`` as
    RFC 3339; empty for the moment of the decision.
    """

    says: Notice | Literal["status"]
    stage: int
    numbered: bool
    time: str
    status: Annotated[Told | None, _LEFT_OUT] = None


@dataclass(frozen=True, kw_only=True)
class Unsaid:
    """The drafts of one cause that wait for a number."""

    cause: str
    traceparent: str | None
    drafts: tuple[Draft, ...]


@dataclass(frozen=True, kw_only=True)
class Complainant:
    """Who complains, as far as it is kept: the language alone once it was erased, nothing of one that was refused."""

    full_name: Annotated[str | None, _LEFT_OUT] = None
    phone: Annotated[str | None, _LEFT_OUT] = None
    postal_address: Annotated[str | None, _LEFT_OUT] = None
    language: Annotated[Language | None, _LEFT_OUT] = None


@dataclass(frozen=True, kw_only=True)
class WrongField:
    path: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a complaint was not registered at all."""

    code: str
    fields: tuple[WrongField, ...]


Verdict = Literal["met", "missed", "open", "withdrawn", "transferred", "unknown"]
"""``open``: not over yet; ``withdrawn``, and ``transferred`` to another clinic: neither met nor missed; ``unknown``:
over, its end not heard of."""


@dataclass(frozen=True)
class Judged:
    """A deadline of a call and its verdict. Times are None where they are not known."""

    deadline: str
    clause: str
    verdict: Verdict
    started_at: datetime | None
    due_at: datetime | None
    ended_at: datetime | None


Note = Literal["another_clinic", "another_person", "person_unchecked"]
UNLINKED: Final[tuple[Note, ...]] = ("another_clinic", "another_person")
"""What keeps a call out of a complaint's file: it is not of the complaint's clinic, or not the complainant's."""


@dataclass(frozen=True, kw_only=True)
class KeptCall:
    """A call as a complaint's file keeps it: the lines that were known at ``as_of``, and a verdict on each deadline.

    ``note`` is what the officer is told of it; what is not the complainant's has no lines. ``clinic_id`` is None while
    nothing was heard of the call. ``look_again_at`` is when to look for lines that were under way then; None once the
    file is closed.
    """

    request_id: str
    clinic_id: str | None
    as_of: datetime
    lines: list[dict[str, Any]]
    deadlines: tuple[Judged, ...]
    look_again_at: datetime | None
    note: Note | None = None


@dataclass(frozen=True)
class ComplaintState:
    """A complaint.

    ``status`` is where the last stage stands: ``delivered`` or ``escalated`` until it is registered. One that was
    refused as ``invalid_complaint`` is ``invalid`` for good; ``held`` is one whose signature cannot be checked yet, and
    its commands wait. Neither has a stage.

    ``matter`` stands for the person and the call, as keyed indexes by ``iin`` and by ``name`` with phone: complaints
    that share one are about one matter. ``linked`` are those that were there when this one was registered. ``call`` is
    the call that it names, as it was known that day. ``answer_asked``: how the answer was asked for, where it cannot
    go so.
    """

    complaint_id: str
    clinic_id: str
    status: Status
    channel: str = ""
    sequence: int = 0
    request_id: str | None = None
    complainant: Complainant = Complainant()
    text: str = ""
    received_by: Official | None = None
    answer_by: AnswerBy | None = None
    answer_asked: AnswerBy | None = None
    answer_place: str | None = None
    refusal: Refusal | None = None
    stages: tuple[Stage, ...] = ()
    unsaid: tuple[Unsaid, ...] = ()
    held: Held | None = None
    matter: Mapping[str, str] = field(default_factory=dict)
    linked: tuple[str, ...] = ()
    call: KeptCall | None = None


def kept(moment: datetime, zone: ZoneInfo | None = None) -> datetime:
    """A moment as a state keeps it: with the offset of ``zone``, or else of the zone that ``in_zone`` takes.

    A fixed offset, as a stored one has: two moments in one zone would be compared by what its clock shows.
    """
    moment = datetime.fromisoformat(in_zone(moment, zone))
    # The codec takes the UTC object for a clock's.
    return moment.replace(tzinfo=ZoneInfo("UTC")) if moment.tzinfo is UTC else moment


def named(official: SentOfficial) -> Official:
    """An official as an event names them; an IIN that was typed into it goes no further."""
    return Official(full_name=without_iins(official.full_name), position=without_iins(official.position))


def awaits_number(state: ComplaintState) -> bool:
    """Whether a stage is registered and has no incoming number yet."""
    return bool(state.unsaid)


def open_since(state: ComplaintState) -> datetime | None:
    """Since when the clock runs that has not been answered; None when none runs."""
    if state.held is not None:
        return state.held.started_at
    return state.stages[-1].registered_at if state.status in OPEN and state.stages else None
