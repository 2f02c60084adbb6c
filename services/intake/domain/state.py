"""A request as intake keeps it, and what can be told from its state alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timezone
from typing import Annotated, Any, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from cattrs import override

from homecall.contract.types import ZONE, in_zone
from homecall.standard.deadlines import Clock, earliest, next_notice_at
from homecall.standard.handing_on import TRANSFER_UNCONFIRMED

Status = Literal["held", "deferred", "accepted", "refused", "cancelled", "closed"]
Stage = Literal["", "running", "approaching", "missed"]


_OMIT: Final = override(omit_if_default=True)


class Cause(NamedTuple):
    """The event that led to something: its causation id and trace."""

    causation_id: str
    traceparent: str | None


@dataclass(frozen=True)
class HandedOn:
    """Where a call was handed on to, by whom, and under which request it goes on there (R25)."""

    clinic_id: str
    request_id: str
    by_id: str
    by_name: str


@dataclass
class RequestState:
    """A request. ``request`` holds its facts as events show them, without personal ids; ``ruling`` why it was decided.

    ``claim`` is a keyed hash of clinic and patient (R11): it exists only while the request is open. ``pending`` lists
    the causes whose events wait for the register number; while a request rests they stay, and its page has the number
    (`services.intake.register_numbers`). ``handed_on`` is a cancelled one's that goes on at another clinic; until its
    successor is stored, ``successor_claim`` is the claim that it is to have there.
    """

    request_id: str
    clinic_id: str
    status: Status
    channel: str = ""
    request: dict[str, Any] = field(default_factory=dict)
    ruling: dict[str, Any] = field(default_factory=dict)
    claim: str | None = None
    visit_date: date | None = None
    register_date: date | None = None
    register_number: int | None = None
    accepted_at: datetime | None = None
    clock_started_at: datetime | None = None
    due_at: datetime | None = None
    opens_at: datetime | None = None
    look_again_at: datetime | None = None
    traceparent: str | None = None
    pending: list[Cause] = field(default_factory=list)
    cancelled_by: Cause | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    visit_revision: int = 0
    # A request whose signature cannot be checked yet: the event as it came, sealed, and when to try again.
    kept: dict[str, Any] | None = None
    try_again_at: datetime | None = None
    tries: int = 0
    held_until: datetime | None = None
    approaching_at: datetime | None = None
    limit_seconds: int = 0
    # Which stage of its answer's deadline was published while it could not be decided.
    said: Stage = ""
    # An accepted request whose patient could not be confirmed: the IIN, sealed, and when to ask again.
    unconfirmed: dict[str, Any] | None = None
    ask_again_at: datetime | None = None
    asked: int = 0
    handed_on: Annotated[HandedOn | None, _OMIT] = None
    successor_claim: Annotated[str | None, _OMIT] = None

    @property
    def submitted_at(self) -> datetime | None:
        """When the application was made, as stated; None where that could not be read."""
        stated = self.request.get("submitted_at")
        return None if stated is None else datetime.fromisoformat(stated)


def timer_at(state: RequestState) -> datetime | None:
    """The next of: a deferred request's opening, another try of a check, the answer's deadline while it waits."""
    moments = [state.ask_again_at]
    if state.status == "deferred":
        moments.append(state.look_again_at or state.opens_at)
    if state.status == "held":
        moments.append(state.try_again_at)
        moments.append(None if state.due_at is None else next_notice_at(answer_deadline(state)))
    return earliest(moments)


def answer_deadline(state: RequestState) -> Clock:
    """The deadline of a request that cannot be decided yet, and what has been published of it."""
    assert state.clock_started_at is not None
    assert state.due_at is not None
    assert state.approaching_at is not None
    return Clock(
        deadline="answer",
        channel=state.channel,
        started_at=state.clock_started_at,
        due_at=state.due_at,
        limit_seconds=state.limit_seconds,
        approaching_at=state.approaching_at,
        said=None if state.said == "" or state.said == "running" else state.said,
    )


def is_due(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now


def awaits_number(state: RequestState) -> bool:
    """Whether the request has been accepted and has no register number yet."""
    return bool(state.pending)


def rests(state: RequestState) -> bool:
    """Whether a request may stay without its number: its page has that, and no event but the acceptance says it."""
    return awaits_number(state) and state.status in {"accepted", "closed"}


def awaits_successor(state: RequestState) -> bool:
    """Whether the call was handed on, and the request by which it goes on may not be stored yet."""
    return state.successor_claim is not None


def takes_over(state: RequestState) -> bool:
    """Whether the request goes on with a call that another clinic handed on, with its clock (R25)."""
    return "transferred_from" in state.request and TRANSFER_UNCONFIRMED not in state.request.get("flags", ())


def day_of(state: RequestState) -> date | None:
    """The register's day; of a deferred request, the opening's; else that of the application, if it can be read."""
    if state.register_date is not None:
        return state.register_date
    if state.opens_at is not None:
        return state.opens_at.date()
    return None if state.submitted_at is None else local_date(state.submitted_at, ZONE)


def local_date(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


def written(moment: datetime) -> str:
    """RFC 3339 as the document has it, for ids of events: a moment that was read keeps the offset that it had."""
    fixed = type(moment.tzinfo) is timezone and moment.tzinfo is not UTC
    return moment.isoformat() if fixed else in_zone(moment)
