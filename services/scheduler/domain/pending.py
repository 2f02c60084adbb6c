"""What a call has pending in its day: a place to be found, given back, or a visit that is over. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from homecall.runtime.engine.decision import OutgoingEvent, replace
from services.scheduler.domain.bookings import BookedVisit
from services.scheduler.domain.clinic_day import ClinicDay
from services.scheduler.domain.promises import Unplaced, given_back, told
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
        elif not withdrawn and state.status == "waiting":
            place = place_of(state, day, now)
            if place is not None:
                state, says = told(state, place, now=now, reason="no_capacity")
        said.append((causation_id, traceparent, says))
    return state, said
