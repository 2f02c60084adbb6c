"""How a clinic's day is settled after something changed it: a state machine. Pure.

| state         | in the day's document | what follows                                                           |
|---------------|-----------------------|------------------------------------------------------------------------|
| ``clean``     | no marks              | something happens: a roster, a doctor who drops out, room that appears |
| ``marked``    | ``dirty``             | visits that no longer hold are placed again, then the waiting calls    |
| ``replanned`` | ``dirty``, ``moved``  | each call in ``moved`` is told: its event is stored with it, and sent  |
| ``published`` | ``dirty``, ``moved``  | the events are acknowledged: the marks are cleared                     |

Only the marks are stored. After a kill the next process finds them and begins at ``marked``: replanning finds every
place as it is, a call that was told has nothing more to say, and what it said is sent again from its own document. So a
kill between any two states ends in the same places, with the same events. A call that was withdrawn while it was being
told gives its place back: then the day goes from ``published`` to ``marked``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from homecall.contract.ids import cause_id
from homecall.runtime.engine.decision import OutgoingEvent
from services.scheduler.domain.clinic_day import ClinicDay, Mark
from services.scheduler.domain.promises import Unplaced, told
from services.scheduler.domain.state import CallState, call_of, key_of
from services.scheduler.domain.waiting import order_of_waiting


class State(StrEnum):
    CLEAN = "clean"
    MARKED = "marked"
    REPLANNED = "replanned"
    PUBLISHED = "published"


TRANSITIONS = {
    State.CLEAN: {State.MARKED},
    State.MARKED: {State.REPLANNED},
    State.REPLANNED: {State.PUBLISHED},
    State.PUBLISHED: {State.CLEAN, State.MARKED},
}


@dataclass
class Settling:
    """One settling of a day, from ``marked`` on. Raises ValueError for a step out of turn."""

    day: ClinicDay
    state: State = State.MARKED
    freed: Mark | None = field(default=None, init=False)
    """Why the day is to be settled once more."""

    def replan(self, waiting: Sequence[CallState], now: datetime) -> None:
        """Place again what no longer holds, then the waiting calls: promises first, then by priority."""
        self._go(State.REPLANNED)
        day = self.day
        mark = day.dirty or Mark("", "room")
        if not mark.causation_id:
            # Nobody marked the day, and it no longer holds: its clinic has published other travel times, for example.
            mark = Mark(cause_id("/homecall/scheduler", f"{day.key} {day.version}", "settled"), mark.reason)
        for request_id in day.repair(now):
            day.tell(request_id, mark)
        for call in order_of_waiting(call_of(state) for state in waiting):
            # One that has a place already was not told of it before a crash.
            if day.place(call, now) is not None:
                day.tell(call.request_id, mark)
        if day.changed and day.dirty is None:
            day.mark_dirty(mark.causation_id, mark.reason)

    def mark_of(self, request_id: str) -> Mark:
        causation_id, reason = self.day.moved[request_id]
        # An earlier release may have left the cause empty, and no document can have a field of no name.
        return Mark(causation_id or request_id, reason)

    def tell(self, call: CallState, now: datetime) -> tuple[CallState, list[OutgoingEvent]]:
        """What a moved call is told; nothing where it was told before, or goes to another day by now."""
        if key_of(call) != self.day.key:
            return call, []
        mark = self.mark_of(call.request_id)
        if call.status == "cancelled" and self.day.free(call.request_id, now):
            self.freed = mark
        place = self.day.bookings.get(call.request_id) or Unplaced(self.day.unplaced_cause)
        return told(call, place, now=now, reason=mark.reason)

    def published(self) -> None:
        self._go(State.PUBLISHED)

    def clear(self) -> None:
        """Clear the marks; a day in which a place was given back meanwhile is marked again."""
        self._go(State.CLEAN if self.freed is None else State.MARKED)
        day = self.day
        if day.dirty is not None or day.moved or day.changed:
            day.clean()
        if self.freed is not None:
            day.mark_dirty(self.freed.causation_id, "room")

    def _go(self, to: State) -> None:
        if to not in TRANSITIONS[self.state]:
            raise ValueError(f"a day that is {self.state} cannot become {to}")
        self.state = to
