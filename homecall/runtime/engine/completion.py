"""Completion: a pending aggregate gets a number or a place from another aggregate."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Generic, TypeVar

from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.engine.deciding import Deciding
from homecall.runtime.engine.decision import Measure, OutgoingEvent
from homecall.runtime.engine.late_store import can_store_late
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
    certain: bool = False
    """Whether what is already stored leads to the same bytes in any replica."""
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
        would repeat them. ``result`` gets what is to be stored while its events are published.
        """
        with self._retried_forever():
            return await self._complete_all(self._pending(touched), touched, now, in_hand, result)

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
            for each in done:
                self._end(each, ends[each.id], now, in_hand)
                settled[each.id] = [causation_id for causation_id, _, _ in ends[each.id].said]
            late: list[Aggregate[S]] = []
            first: list[Aggregate[S]] = []
            for each in done:
                (late if result is not None and can_store_late(each, ends[each.id]) else first).append(each)
            if late and result is not None:
                result.beside.append(partial(self._store_late, late, now, in_hand))
            pending = await self._store(first, touched)
        return settled

    def _end(self, aggregate: Aggregate[S], end: Completion[S], now: datetime, in_hand: Collection[str]) -> None:
        aggregate.state = end.state
        aggregate.timer_at = None
        aggregate.changed = True
        aggregate.measures.extend(end.measures)
        for causation_id, traceparent, says in end.said:
            aggregate.add(causation_id, self.say(causation_id, traceparent, says, now))
            if says and causation_id not in in_hand:
                aggregate.enqueue(causation_id)

    async def _store(self, done: Sequence[Aggregate[S]], touched: dict[str, Aggregate[S]]) -> list[Aggregate[S]]:
        """Store completions. Returns those that another write changed and that are still pending, as they are now."""
        if not done:
            return []
        with step("store"):
            lost = await self._save(done)
        failpoint("stage.stored")
        again = await self.store.load(lost)
        touched.update(again)
        return self._pending(again)

    async def _store_late(self, late: Sequence[Aggregate[S]], now: datetime, in_hand: Collection[str]) -> None:
        """Store what is published at this moment. Run again, it stores what is not stored yet."""
        touched: dict[str, Aggregate[S]] = {}
        with self._retried_forever():
            pending = await self._store([each for each in late if each.changed], touched)
            await self._complete_all(pending, touched, now, in_hand)

    def _pending(self, among: Mapping[str, Aggregate[S]]) -> list[Aggregate[S]]:
        return [each for each in among.values() if each.state is not None and self.domain.pending(each.state)]

    @contextmanager
    def _retried_forever(self) -> Iterator[None]:
        try:
            yield
        except (Transient, RetryForever):
            raise
        except Exception as error:
            raise RetryForever(f"the second stage of {self.service} failed: {type(error).__name__}") from error
