"""What a call has pending in its day: a place to be found, given back, or a visit that is over. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from homecall.runtime.engine.decision import OutgoingEvent, replace
from services.scheduler.domain.assignment import Impossible
from services.scheduler.domain.bookings import BookedVisit
from services.scheduler.domain.clinic_day import ClinicDay, Mark
from services.scheduler.domain.promises import Unplaced, assignment_refused, given_back, told
from services.scheduler.domain.state import CallState, call_of

Said = tuple[str, str | None, Sequence[OutgoingEvent]]
"""(causation id, traceparent, what it says)"""


def find_place(state: CallState, day: ClinicDay, now: datetime) -> BookedVisit | Unplaced:
    return day.place(call_of(state), now) or Unplaced(day.unplaced_cause)


def carry_out(
    state: CallState,
    day: ClinicDay,
    now: datetime,
    place_of: Callable[[CallState, ClinicDay, datetime], BookedVisit | Unplaced | None] = find_place,
) -> tuple[CallState, list[Said]]:
    """Do what a call has pending in its day, and say what became of it.

    Where ``place_of`` gives None the call goes on waiting, and says nothing.
    """
    withdrawn = any(each.errand == "free" for each in state.pending)
    said: list[Said] = []
    pending, state = state.pending, replace(state, pending=[])
    for causation_id, traceparent, errand in pending:
        says: list[OutgoingEvent] = []
        if errand == "free":
            if day.free(state.request_id, now):
                # Room has appeared: the waiting calls are looked at once this is stored.
                day.mark_dirty(causation_id, "room", traceparent)
            state, says = given_back(state)
        elif errand == "over":
            assert state.reported_at is not None
            if day.over(state.request_id, state.outcome or "", state.reported_at, now):
                day.mark_dirty(causation_id, "room", traceparent)
        elif errand == "assign":
            state, says = _assign(state, day, Mark(causation_id, "room"), traceparent, now)
        elif errand == "release":
            visit = day.release(state.request_id)
            if visit is not None and state.booking is not None:
                state = replace(state, booking=replace(state.booking, basis=visit.basis))
        elif not withdrawn and state.status == "waiting":
            place = place_of(state, day, now)
            if place is not None:
                state, says = told(state, place, now=now, reason="no_capacity")
        said.append((causation_id, traceparent, says))
    return state, said


def _assign(
    state: CallState, day: ClinicDay, mark: Mark, traceparent: str | None, now: datetime
) -> tuple[CallState, list[OutgoingEvent]]:
    """Place a call by hand, or say why that cannot be. What was its place may be room for a waiting call."""
    wanted = state.assignments.get(mark.causation_id)
    if wanted is None:
        return state, []  # an earlier release noted the errand twice, and it has been carried out
    state = replace(
        state, assignments={each: one for each, one in state.assignments.items() if each != mark.causation_id}
    )
    if state.status in {"cancelled", "closed"}:
        return assignment_refused(state, Impossible("closed"))
    had_place = state.request_id in day.bookings
    found = day.assign(call_of(state), wanted, mark.causation_id, now)
    if isinstance(found, Impossible):
        return assignment_refused(state, found)
    if had_place:
        day.mark_dirty(mark.causation_id, mark.reason, traceparent)
    return told(state, found, now=now, reason="assigned")
