"""The engine: a batch of events, or the timers that are due, change aggregates.

A batch goes through load, decide, save until won, complete, collect. The steps around it, decode before and publish and
commit after, are the pipeline's. The parts stand in modules of their own:

- ``protocols``, ``decision``: what a service brings, and what its decisions give back.
- ``deciding``: how one event changes an aggregate in memory; ``parking``: events that wait for their subject.
- ``completion``: numbers and places from another aggregate; ``timers``; ``outbox``: in which order events go out.
- ``cached_reads``: less waiting, with what it saves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from homecall.contract.envelope import Incoming
from homecall.runtime.engine.batch import BatchResult, BatchWork
from homecall.runtime.engine.protocols import Scope
from homecall.runtime.engine.timers import Timers
from homecall.runtime.failpoint import failpoint
from homecall.runtime.metrics import step
from homecall.runtime.mongo.aggregate import Aggregate

S = TypeVar("S")
F = TypeVar("F")


class Engine(Timers[S, F]):
    """Carries a batch through load, decide and store, and the timers through decide and store.

    What decisions need besides the state and the event are the facts ``F``: one value for all that is decided together,
    best a frozen dataclass. A service loads them in ``facts_for`` (a batch) and ``facts_for_due`` (timers), where it
    may ask others. The decisions follow without any await, and are given the facts as an argument. Where a decision
    changes what a later one goes by (who holds a claim, say), ``facts_after`` gives the facts as they are then. A
    service whose decisions need none has ``Engine[State, None]`` and overrides nothing.

    A service with a second aggregate (a register page, a roster) overrides ``complete_pending``.
    """

    async def handle(self, batch: Sequence[Incoming], now: datetime) -> BatchResult:
        """Decide and store a batch. Handling it again gives the same events, whatever was stored before."""
        work = BatchWork(batch, self.domain)
        cached = self.reads.choose(work.firsts(), self.store, self.likely_new)
        while work.undecided:
            scope = await self._load(work, cached, now)
            self._decide_all(work, scope)
            refusing = [each for each in work.refusing(scope.aggregates) if each.id not in cached]
            lost = await self._save_changed(scope, cached)
            if refusing:
                lost |= await self.store.confirm(refusing)
            work.stored(scope.aggregates, lost)
            cached = {}
        settled = await self._complete(work.touched, now, {event.causation_id for event in batch}, work.result)
        return work.collect(settled, self.store)

    def likely_new(self, firsts: Mapping[str, Incoming]) -> Collection[str]:
        """Which aggregates most likely do not exist yet, by the first event of each in the batch."""
        del firsts
        return ()

    async def load(
        self, targets: Collection[str], batch: Sequence[Incoming], cached: Mapping[str, Aggregate[S]]
    ) -> dict[str, Aggregate[S]]:
        """The aggregates that a batch is about, with those that are ``cached``.

        A service whose decisions change others loads those too.
        """
        del batch
        return {**await self.store.load(targets), **cached}

    async def _load(self, work: BatchWork[S], cached: Mapping[str, Aggregate[S]], now: datetime) -> Scope[S, F]:
        with step("load"):
            loaded = await self.load(set(work.undecided.values()) - cached.keys(), work.events, cached)
            facts = await self.facts_for([work.events[index] for index in work.undecided], loaded)
            failpoint("batch.loaded")
        for target in work.undecided.values():
            loaded.setdefault(target, Aggregate(target))
        return Scope(loaded, facts, now)

    def _decide_all(self, work: BatchWork[S], scope: Scope[S, F]) -> None:
        with step("decide"):
            for index, target in work.undecided.items():
                work.decided(index, self.decide(scope, scope.aggregates[target], work.events[index]))
        failpoint("batch.decided")

    async def _save_changed(self, scope: Scope[S, F], cached: Mapping[str, Aggregate[S]]) -> set[str]:
        """Store what changed; the ids of those to be loaded and decided again."""
        with step("store"):
            unvalidated = {key for key in cached if not scope.aggregates[key].changed}
            lost = unvalidated | await self._save([each for each in scope.aggregates.values() if each.changed])
            if lost & cached.keys():
                self.reads.mispredicted()
        failpoint("batch.stored")
        return lost
