"""A call as the scheduler keeps it: its own document."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Literal, NamedTuple

from cattrs import override

from homecall.standard.deadlines import Clock, earliest, next_notice_at
from services.scheduler.domain.bookings import Call, Preferred, UnplacedCause, Urgency
from services.scheduler.domain.roster import Basis, NamedDoctor

Errand = Literal["place", "free", "over", "assign", "release"]
"""What a call has to do in its day: find a place, give it back, say that the visit is over, be placed by hand, be
planned like any other again."""


class Pending(NamedTuple):
    """An errand that is not done yet, and the event that asked for it."""

    causation_id: str
    traceparent: str | None
    errand: Errand


@dataclass(frozen=True)
class CallFacts:
    """What of the application the plan goes by. Coordinates are degrees, absent where they are not believed."""

    is_child: bool
    district_id: str | None
    urgency: Urgency
    red_flag: bool
    rank: int = 0
    lat: Annotated[float | None, override(omit_if_default=True)] = None
    lon: Annotated[float | None, override(omit_if_default=True)] = None
    preferred: Annotated[Preferred | None, override(omit_if_default=True)] = None
    referred: Annotated[int, override(omit_if_default=True)] = 0
    """The place of a call that the ambulance service handed on among such calls; 0 for any other."""
    last_doctor: Annotated[str | None, override(omit_if_default=True)] = None
    """Who visited the patient last time, where that is not long ago."""


@dataclass(frozen=True)
class Promise:
    """The place that the patient was last told."""

    arrives_from: datetime
    arrives_to: datetime
    doctor: NamedDoctor
    basis: Basis
    day: date


@dataclass(frozen=True)
class Assignment:
    """Where a dispatcher wants a visit. ``arrives_from`` None: at the time that was promised, or the first there is."""

    doctor_id: str
    arrives_from: datetime | None
    reason: str
    assigned_by: str


_DAY_OR_EMPTY = override(
    struct_hook=lambda text, _: date.fromisoformat(text) if text else None,
    unstruct_hook=lambda day: day.isoformat() if day else "",
)
"""A date that is stored as an empty text while it is not known."""


@dataclass
class CallState:
    """A call's own document.

    ``day`` is the date it is to be placed on, recorded before it is booked there. ``asked_on`` is the date of the
    application, which chooses the rules (R12), None where an earlier release stored it; ``asked_at`` its moment: no
    visit was made before (R21).
    """

    request_id: str
    clinic_id: str
    channel: str
    status: Literal["waiting", "booked", "cancelled", "closed"]
    day: date
    call: CallFacts
    accepted_at: datetime
    asked_on: Annotated[date | None, _DAY_OR_EMPTY] = None
    asked_at: datetime | None = None
    due_at: datetime | None = None
    approaching_at: datetime | None = None
    limit_seconds: int = 0
    approaching_said: bool = False
    missed_said: bool = False
    pending: list[Pending] = field(default_factory=list)
    booking: Promise | None = None
    revision: int = 0
    promised: bool = False
    cause: UnplacedCause | None = None
    unplaced_since: datetime | None = None
    day_over_at: datetime | None = None
    cancel_reason: str | None = None
    outcome: str | None = None
    reported_at: datetime | None = None
    patient: Annotated[str | None, override(omit_if_default=True)] = None
    """What stands for the patient at this clinic (``continuity``): a keyed hash."""
    assignments: Annotated[dict[str, Assignment], override(omit_if_default=True)] = field(default_factory=dict)
    """What the errands "assign" are about, by their causation ids."""


def day_key(clinic_id: str, day: date | str) -> str:
    """The id of a clinic's day; a text is an ISO date."""
    return f"{clinic_id}|{day}"


def day_of(key: str) -> tuple[str, date]:
    clinic_id, _, day = key.rpartition("|")
    return clinic_id, date.fromisoformat(day)


def key_of(state: CallState) -> str:
    return day_key(state.clinic_id, state.day)


def visit_deadline(state: CallState) -> Clock | None:
    """The visit's deadline and what has been said of it; None for a call without one."""
    if state.due_at is None:
        return None
    return Clock(
        deadline="visit",
        channel=state.channel,
        started_at=state.accepted_at,
        due_at=state.due_at,
        limit_seconds=state.limit_seconds,
        approaching_at=state.approaching_at or state.due_at,
        said="missed" if state.missed_said else "approaching" if state.approaching_said else None,
    )


def timer_at(state: CallState) -> datetime | None:
    """The next of: the visit's deadline coming near, its being missed, the day of a waiting call being over."""
    if state.status not in {"waiting", "booked"}:
        return None
    clock = visit_deadline(state)
    return earliest(
        [next_notice_at(clock) if clock else None, state.day_over_at if state.status == "waiting" else None]
    )


def is_pending(state: CallState) -> bool:
    return bool(state.pending)


def call_of(state: CallState) -> Call:
    return Call(request_id=state.request_id, accepted_at=state.accepted_at, **vars(state.call))
