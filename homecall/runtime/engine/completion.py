"""Completion: a pending aggregate gets a number or a place from another aggregate."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from homecall.contract.envelope import OutgoingRecord
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.engine.deciding import Deciding
from homecall.runtime.engine.decision import Measure, OutgoingEvent
from homecall.runtime.failpoint import failpoint
from homecall.runtime.failures import RetryForever, Transient
from homecall.runtime.metrics import step
from homecall.runtime.mongo.aggregate import Aggregate

S = TypeVar("S")
F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Completion(Generic[S]):
    """How the completion of one aggregate ended: its state, and what each pending event says."""

    state: S
    said: Sequence[tuple[str, str | None, Sequence[OutgoingEvent]]]
    """(causation id, traceparent, events)"""
    measures: Sequence[Measure] = ()
    filled: Mapping[str, list[OutgoingRecord]] = field(default_factory=dict)
    """By causation id, the events that rested, filled in: they are said in place of what ``said`` has for it."""
    unsettled: Collection[str] = ()
    """Ids of other aggregates (days) that changed with it and that the service has still to settle."""


class Completing(Deciding[S, F]):
    """The part of an engine that completes pending aggregates.

    From here on a number may be given: any failure is retried forever, and never dead-lettered.
    """

    async def complete_pending(self, aggregates: Sequence[Aggregate[S]], now: datetime) -> dict[str, Completion[S]]:
        """Complete pending aggregates, by id. One that is left out stays pending."""
        raise NotImplementedError  # only reached by a domain with pending states, which overrides it

    async def _complete(
        self,
        touched: dict[str, Aggregate[S]],
        now: datetime,
        in_hand: Collection[str] = (),
        result: BatchResult | None = None,
    ) -> dict[str, list[str]]:
        """Complete what is pending among these. By id, the causation ids that this settled, in their order.

        Events whose causation id is not ``in_hand`` (a timer's, or a parked event's) go into the outbox: no record
        would repeat them. What rests is filled in where its events are to be sent, and not stored.
        """
        with self._retried_forever():
            return await self._complete_all(self._pending(touched, in_hand), touched, now, in_hand, result)

    async def _complete_all(
        self,
        pending: list[Aggregate[S]],
        touched: dict[str, Aggregate[S]],
        now: datetime,
        in_hand: Collection[str],
        result: BatchResult | None = None,
    ) -> dict[str, list[str]]:
        settled: dict[str, list[str]] = {}
        while pending:
            ends = await self.complete_pending(pending, now)
            failpoint("stage.settled")
            if result is not None:
                result.unsettled.update(*(each.unsettled for each in ends.values()))
            done = [each for each in pending if each.id in ends]
            ended = [each for each in done if not self.rests(each)]
            for each in done:
                end = ends[each.id]
                # What rested is no news: if it is not known to be sent, it has its place in the outbox.
                settled[each.id] = [cause for cause, _, _ in end.said if cause not in end.filled]
                each.filled = dict(end.filled)
            for each in ended:
                self._end(each, ends[each.id], now, in_hand)
            pending = await self._store(ended, touched, in_hand)
        return settled

    def _end(self, aggregate: Aggregate[S], end: Completion[S], now: datetime, in_hand: Collection[str]) -> None:
        aggregate.state = end.state
        aggregate.timer_at = None
        aggregate.changed = True
        aggregate.measures.extend(end.measures)
        aggregate.filled = {}
        for causation_id, traceparent, says in end.said:
            if causation_id in end.filled:
                # Its record was handled before: what is not known to be sent of it stands in the outbox.
                aggregate.add(causation_id, end.filled[causation_id])
                aggregate.wake(causation_id)
                continue
            aggregate.add(causation_id, self.say(causation_id, traceparent, says, now))
            if says and causation_id not in in_hand:
                aggregate.enqueue(causation_id)

    async def _store(
        self, done: Sequence[Aggregate[S]], touched: dict[str, Aggregate[S]], in_hand: Collection[str]
    ) -> list[Aggregate[S]]:
        """Store completions. Returns those that another write changed and that are still pending, as they are now."""
        if not done:
            return []
        with step("store"):
            lost = await self._save(done)
        failpoint("stage.stored")
        again = await self.store.load(lost)
        touched.update(again)
        return self._pending(again, in_hand)

    def _pending(self, among: Mapping[str, Aggregate[S]], in_hand: Collection[str]) -> list[Aggregate[S]]:
        """Those to be completed: the unfinished; of those that rest, the ones with events to be sent now."""
        return [each for each in among.values() if self.unfinished(each) or self._wanted(each, in_hand)]

    def _wanted(self, each: Aggregate[S], in_hand: Collection[str]) -> bool:
        return self.rests(each) and any(cause in in_hand or cause in each.outbox for cause in each.resting)

    async def fill_in(self, found: Sequence[Aggregate[S]]) -> None:
        """Show what rests as if it were stored with what it lacks. For readers: not to be saved."""
        del found

    @contextmanager
    def _retried_forever(self) -> Iterator[None]:
        try:
            yield
        except (Transient, RetryForever):
            raise
        except Exception as error:
            raise RetryForever(f"the second stage of {self.service} failed: {type(error).__name__}") from error
