"""The scheduler after a restore: places are taken as patients were told them, and not looked for again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from homecall.contract.envelope import OutgoingRecord
from homecall.runtime.engine.decision import replace
from homecall.runtime.engine.engine import Completion
from homecall.runtime.engine.published_events import PublishedEvents
from homecall.runtime.mongo.mongo import Aggregate
from services.scheduler import domain
from services.scheduler.app import Moved, SchedulerEngine, in_the_day
from services.scheduler.domain import CallState, Placed, Unplaced, day_key
from services.scheduler.store import ClinicDay

_PLACES = {"visit.scheduled", "visit.rescheduled"}


class RecoveringEngine(SchedulerEngine):
    """A scheduler that decides on no place. Made of the one that runs, before it has handled anything."""

    published: PublishedEvents

    def __init__(self, of: SchedulerEngine, published: PublishedEvents) -> None:
        self.__dict__.update(of.__dict__)
        self.published = published
        self.touched: set[str] = set()
        """Days in which a place was taken or given back: they are planned and settled by whoever runs next."""

    async def settle(self, keys: set[str], now: datetime) -> Moved:
        """What a roster moved was told, and is taken from there."""
        del now
        self.touched |= keys
        return Moved(self, {}, [])

    async def complete_pending(
        self, aggregates: Sequence[Aggregate[CallState]], now: datetime
    ) -> dict[str, Completion[CallState]]:
        """Give the places that were told; who was told of none yet is left waiting."""
        states = {each.id: each.state for each in aggregates if each.state is not None}
        days = await self._days.load_days({day_key(state.clinic_id, state.day) for state in states.values()})
        concluded = {}
        for request_id, state in states.items():
            day = days[day_key(state.clinic_id, state.day)]
            concluded[request_id] = in_the_day(state, day, now, self._as_told)
            self.touched.add(day.key)
        # Nobody else writes them now.
        await self._days.save_days(list(days.values()))
        return concluded

    def _as_told(self, state: CallState, day: ClinicDay, now: datetime) -> Placed | Unplaced | None:
        del now
        told = self.published.of(state.request_id, "visit", str(state.revision + 1))
        if told is None:
            return None
        data = json.loads(told.value)
        if told.type == "visit.unplaced":
            return Unplaced(data["cause"])
        if told.type not in _PLACES or data["visit_date"] != day.date:
            return None
        return _take(state, day, data)

    async def adopt(self, told: Sequence[OutgoingRecord], now: datetime) -> None:
        """Take what a settling of days, or another plan, had told: whatever no record brings back."""
        by_call: dict[str, list[OutgoingRecord]] = {}
        for each in told:
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
        day_of = data.get("visit_date", state.day)
        keys = {day_key(state.clinic_id, each) for each in (state.day, day_of)}
        days = await self._days.load_days(keys)
        days[day_key(state.clinic_id, state.day)].free(state.request_id, now)
        before = replace(state, day=day_of, revision=data["revision"] - 1)
        place: Placed | Unplaced
        if event.type in _PLACES:
            place = _take(before, days[day_key(state.clinic_id, day_of)], data)
            before = replace(before, booking=None)
        else:
            place = Unplaced(data["cause"])
            before = replace(before, unplaced_since=None)
        after, says = domain.settled(before, place, now=self._then(state.request_id, now), reason=data.get("reason"))
        await self._days.save_days(list(days.values()))
        self.touched |= keys
        aggregate.state = after
        aggregate.changed = True
        # No record of this call led to it: its own id stands for the cause.
        aggregate.add(event.id.replace("-", ""), self.say(event.id, None, says, now))
        return True

    async def finish_recovery(self, cause: str) -> int:
        """Plan the visits of the days that were touched by what was promised, and have each settled; how many."""
        keys = sorted(self.touched)
        for key in keys:
            (day,) = (await self._days.load_days([key])).values()
            day.plan_promises()
            day.mark_dirty(cause, "room")
            await self._days.save_days([day], hold=False)
        return len(keys)


def _take(state: CallState, day: ClinicDay, data: Mapping[str, Any]) -> Placed:
    """Book a call where it was told."""
    placed = Placed(
        datetime.fromisoformat(data["arrives_from"]),
        datetime.fromisoformat(data["arrives_to"]),
        data["doctor"],
        data["basis"],
        data.get("why"),
    )
    day.book(domain.call_of(state), placed)
    return placed
