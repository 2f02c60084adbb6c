"""The scheduler after a restore: places are taken as patients were told them, and not looked for again."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from homecall.contract.envelope import OutgoingRecord
from homecall.runtime.engine.completion import Completion
from homecall.runtime.engine.decision import replace
from homecall.runtime.engine.published_events import PublishedEvents
from homecall.runtime.mongo.aggregate import Aggregate
from services.scheduler.domain.bookings import BookedVisit
from services.scheduler.domain.clinic_day import ClinicDay
from services.scheduler.domain.pending import carry_out
from services.scheduler.domain.promises import Unplaced, told
from services.scheduler.domain.roster import NamedDoctor
from services.scheduler.domain.state import CallState, Promise, call_of, day_key, key_of
from services.scheduler.handler import SchedulerEngine
from services.scheduler.settler import Settled

_PLACES = {"visit.scheduled", "visit.rescheduled"}


class RecoveringEngine(SchedulerEngine):
    """A scheduler that decides on no place. Made of the one that runs, before it has handled anything."""

    published: PublishedEvents

    def __init__(self, of: SchedulerEngine, published: PublishedEvents) -> None:
        self.__dict__.update(of.__dict__)
        self.published = published
        self.touched: set[str] = set()
        """Days in which a place was taken or given back: the service that runs next plans and settles them."""

    async def settle(self, keys: Collection[str], now: datetime) -> Settled:
        """The calls that a roster moved were told: their places are taken from there."""
        del now
        self.touched |= set(keys)
        return Settled(self.days)

    async def complete_pending(
        self, aggregates: Sequence[Aggregate[CallState]], now: datetime
    ) -> dict[str, Completion[CallState]]:
        """Give the places that were told; a call that was told of none yet is left waiting."""
        states = {each.id: each.state for each in aggregates if each.state is not None}
        days = await self.days.load_days({key_of(state) for state in states.values()})
        completed = {}
        for request_id, state in states.items():
            day = days[key_of(state)]
            completed[request_id] = Completion(*carry_out(state, day, now, self._as_told))
            self.touched.add(day.key)
        # Nobody else writes them now.
        await self.days.save_days(list(days.values()))
        return completed

    def _as_told(self, state: CallState, day: ClinicDay, now: datetime) -> BookedVisit | Unplaced | None:
        del now
        record = self.published.of(state.request_id, "visit", str(state.revision + 1))
        if record is None:
            return None
        data = json.loads(record.value)
        if record.type == "visit.unplaced":
            return Unplaced(data["cause"])
        if record.type not in _PLACES or data["visit_date"] != day.date.isoformat():
            return None
        return _take(state, day, data)

    async def adopt(self, published: Sequence[OutgoingRecord], now: datetime) -> None:
        """Take what a settling of days, or another plan, had told: no record brings it back."""
        by_call: dict[str, list[OutgoingRecord]] = {}
        for each in published:
            by_call.setdefault(each.subject, []).append(each)
        calls = await self.store.load(list(by_call))
        changed: list[Aggregate[CallState]] = []
        for request_id, aggregate in calls.items():
            for event in by_call[request_id]:
                if await self._adopted(aggregate, event, now):
                    changed.append(aggregate)
        await self._save(list({each.id: each for each in changed}.values()))

    async def _adopted(self, aggregate: Aggregate[CallState], event: OutgoingRecord, now: datetime) -> bool:
        state, data = aggregate.state, json.loads(event.value)
        if state is None or state.revision >= data["revision"] or event.type not in _PLACES | {"visit.unplaced"}:
            return False
        if state.status in {"cancelled", "closed"} or self.domain.pending(state):
            return False  # the record that comes next says what became of it
        new_day = date.fromisoformat(data["visit_date"]) if "visit_date" in data else state.day
        new_key = day_key(state.clinic_id, new_day)
        keys = {key_of(state), new_key}
        days = await self.days.load_days(keys)
        days[key_of(state)].free(state.request_id, now)
        before = replace(state, day=new_day, revision=data["revision"] - 1)
        place: BookedVisit | Unplaced
        if event.type in _PLACES:
            place = _take(before, days[new_key], data)
            before = replace(before, booking=None)
        else:
            place = Unplaced(data["cause"])
            before = replace(before, unplaced_since=None)
        after, says = told(before, place, now=self._then(state.request_id, now), reason=data.get("reason"))
        await self.days.save_days(list(days.values()))
        self.touched |= keys
        aggregate.state = after
        aggregate.changed = True
        # No record of this call led to it: its own id stands for the cause.
        aggregate.add(event.id.replace("-", ""), self.say(event.id, None, says, now))
        return True

    async def finish_recovery(self, causation_id: str) -> int:
        """Plan the visits of the touched days by what was promised, and mark the days to be settled; how many."""
        keys = sorted(self.touched)
        for key in keys:
            (day,) = (await self.days.load_days([key])).values()
            day.plan_promises()
            day.mark_dirty(causation_id, "room")
            await self.days.save_days([day], hold=False)
        return len(keys)


def _take(state: CallState, day: ClinicDay, data: Mapping[str, Any]) -> BookedVisit:
    """Book a call where it was told."""
    promise = Promise(
        datetime.fromisoformat(data["arrives_from"]),
        datetime.fromisoformat(data["arrives_to"]),
        NamedDoctor(**{name: data["doctor"][name] for name in ("doctor_id", "full_name", "specialty")}),
        data["basis"],
        day.date,
    )
    return day.book(call_of(state), promise, data.get("why"))
