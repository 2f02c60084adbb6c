"""What a call is told of its place in the day: a visit scheduled, moved, without a place, cancelled. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from homecall.contract.events import (
    VisitAssignmentRefused,
    VisitCancelled,
    VisitRescheduled,
    VisitScheduled,
    VisitUnplaced,
)
from homecall.contract.ids import visit_id
from homecall.contract.types import Event
from homecall.runtime.engine.decision import OutgoingEvent, replace
from services.scheduler.domain.assignment import Impossible
from services.scheduler.domain.bookings import BookedVisit, UnplacedCause
from services.scheduler.domain.state import CallState, Promise


@dataclass(frozen=True)
class Unplaced:
    cause: UnplacedCause


def visit_event(model: type[Event], state: CallState, *, promised: bool = True, **fields: Any) -> OutgoingEvent:
    """The next event about a call's visit, which has an id once it was ``promised``."""
    revision = state.revision + 1
    ids = {
        "request_id": state.request_id,
        "clinic_id": state.clinic_id,
        "visit_id": visit_id(state.request_id) if promised else None,
        "revision": revision,
    }
    return OutgoingEvent(model.model_validate(ids | fields), sibling=str(revision))


def told(
    state: CallState, place: BookedVisit | Unplaced | None, *, now: datetime, reason: str | None = None
) -> tuple[CallState, list[OutgoingEvent]]:
    """What a call is told once its place in the day is known; nothing where it was told the same before.

    ``place`` None: its place has been given back. ``reason`` is why a promise moved.
    """
    if state.status in {"cancelled", "closed"}:
        return state, []
    if isinstance(place, BookedVisit):
        return _placed(state, place, reason or "no_capacity")
    return _unplaced(state, place.cause if place is not None else "no_capacity", now)


def _placed(state: CallState, place: BookedVisit, reason: str) -> tuple[CallState, list[OutgoingEvent]]:
    promise = Promise(place.arrives_from, place.arrives_to, place.doctor, place.basis, state.day)
    if state.booking is not None and state.status == "booked" and _same_promise(state.booking, promise):
        # Only on what grounds may differ: nobody is told.
        return (state if state.booking == promise else replace(state, booking=promise)), []
    event = visit_event(
        VisitRescheduled if state.promised else VisitScheduled,
        state,
        visit_date=state.day,
        arrives_from=promise.arrives_from,
        arrives_to=promise.arrives_to,
        doctor=asdict(promise.doctor),
        basis=promise.basis,
        reason=reason if state.promised else None,
        why=None if place.why is None else dict(place.why),
        flags=place.flags,
    )
    next_revision = state.revision + 1
    booked = replace(
        state, status="booked", booking=promise, revision=next_revision, promised=True, cause=None, unplaced_since=None
    )
    return booked, [event]


def _same_promise(one: Promise, other: Promise) -> bool:
    """Whether a patient would be told the same: the day, the window, who comes."""
    return all(getattr(one, name) == getattr(other, name) for name in ("arrives_from", "arrives_to", "doctor", "day"))


def _unplaced(state: CallState, cause: UnplacedCause, now: datetime) -> tuple[CallState, list[OutgoingEvent]]:
    if state.status == "waiting" and state.unplaced_since is not None:
        return replace(state, cause=cause), []
    event = visit_event(VisitUnplaced, state, promised=state.promised, cause=cause, since=now)
    revision = state.revision + 1
    waiting = replace(state, status="waiting", booking=None, revision=revision, cause=cause, unplaced_since=now)
    return waiting, [event]


def assignment_refused(state: CallState, why: Impossible) -> tuple[CallState, list[OutgoingEvent]]:
    """What a dispatcher is told whose choice cannot be; the visit stays where it was."""
    event = visit_event(
        VisitAssignmentRefused,
        state,
        promised=state.promised,
        cause=why.cause,
        nearest=None if why.nearest is None else asdict(why.nearest),
    )
    return replace(state, revision=state.revision + 1), [event]


def given_back(state: CallState) -> tuple[CallState, list[OutgoingEvent]]:
    """What a withdrawn call is told once its place is free."""
    event = visit_event(VisitCancelled, state, promised=state.promised, reason=state.cancel_reason or "")
    return replace(state, booking=None, revision=state.revision + 1), [event]
