"""Carries the settling of days out: loads, stores and clears what ``domain.settling`` decides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from homecall.contract.envelope import OutgoingRecord
from homecall.runtime.engine.decision import OutgoingEvent
from homecall.runtime.failpoint import failpoint
from homecall.runtime.failures import Transient
from homecall.runtime.logs import log
from homecall.runtime.mongo.aggregate import Aggregate
from services.scheduler.domain.settling import Settling, State
from services.scheduler.domain.state import CallState, key_of
from services.scheduler.store import SchedulerStore

Say = Callable[[str, str | None, Sequence[OutgoingEvent], datetime], list[OutgoingRecord]]
"""Turns what a decision says into records: causation id, traceparent, events, the moment of the decision."""


@dataclass(frozen=True)
class Settled:
    """Days that were replanned and whose calls were told: ``events`` are to be sent, then ``finish`` to be called."""

    store: SchedulerStore
    settlings: Sequence[Settling] = ()
    calls: Sequence[Aggregate[CallState]] = ()

    @property
    def events(self) -> list[OutgoingRecord]:
        return [event for each in self.calls for event in each.outbox_events()]

    async def finish(self) -> None:
        """The events were acknowledged: clear the marks. Called again after an outage, it goes on where it stopped."""
        await self.store.calls.sent(self.calls)
        failpoint("settle.sent")
        for each in self.settlings:
            if each.state is State.REPLANNED:
                each.published()
                each.clear()
        # A day that somebody changed meanwhile stays marked, and is settled again with the next tick.
        await self.store.save_days([each.day for each in self.settlings])
        failpoint("settle.cleaned")


@dataclass
class Settler:
    """Settles days. The caller sees to it that nothing else changes them meanwhile in this process."""

    store: SchedulerStore
    say: Say

    async def settle(self, keys: Collection[str], now: datetime) -> Settled:
        """Place again what no longer holds, and the waiting calls; tell those whose place changed."""
        settlings = await self.replan(keys, now)
        calls = await self._tell(settlings, now)
        failpoint("settle.told")
        return Settled(self.store, settlings, calls)

    async def tick(self, now: datetime) -> AsyncIterator[Settled]:
        """Settle the days that a crash, or a timer, left marked; where that fails, each by itself."""
        keys = await self.store.dirty_days()
        together = [set(keys)] if keys else []
        while together:
            days = together.pop()
            try:
                settled = await self.settle(days, now)
            except Transient:
                raise
            except Exception as error:
                if len(days) == 1:
                    why = type(error).__name__
                    log("scheduler").error("a day cannot be settled", day=min(days), error=why, exc_info=error)
                else:
                    together += [{key} for key in sorted(days, reverse=True)]
            else:
                yield settled

    async def replan(self, keys: Collection[str], now: datetime) -> list[Settling]:
        """Store each day with its new places and with the calls that are to be told."""
        settled: list[Settling] = []
        open_keys = set(keys)
        while open_keys:
            days = await self.store.load_days(open_keys)
            waiting: dict[str, list[CallState]] = {}
            for each in await self.store.waiting(open_keys):
                if each.state is not None and not each.state.pending:
                    waiting.setdefault(key_of(each.state), []).append(each.state)
            settlings = {key: Settling(day) for key, day in days.items()}
            for key, settling in settlings.items():
                settling.replan(waiting.get(key, []), now)
            failpoint("settle.read")
            open_keys = await self.store.save_days(list(days.values()), hold=False)
            failpoint("settle.written")
            settled += [settling for key, settling in settlings.items() if key not in open_keys]
        return settled

    async def _tell(self, settlings: Sequence[Settling], now: datetime) -> list[Aggregate[CallState]]:
        moved = {request_id: each for each in settlings for request_id in each.day.moved}
        told: list[Aggregate[CallState]] = []
        open_ids = set(moved)
        while open_ids:
            calls = await self.store.calls.load(open_ids)
            for request_id, call in calls.items():
                if call.state is not None:
                    self._tell_one(call, call.state, moved[request_id], now)
            open_ids = await self.store.calls.save([each for each in calls.values() if each.changed])
            told.extend(each for each in calls.values() if each.id not in open_ids and each.outbox)
        return told

    def _tell_one(self, call: Aggregate[CallState], before: CallState, settling: Settling, now: datetime) -> None:
        state, says = settling.tell(before, now)
        if state == before:
            return
        call.state = state
        call.changed = True
        if says:
            causation_id = settling.mark_of(call.id).causation_id
            call.add(causation_id, self.say(causation_id, settling.day.trace, says, now))
            call.enqueue(causation_id)
