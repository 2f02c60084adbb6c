"""Aggregates that a batch can skip the read for: those cached in memory, and those that are likely new.

Not measured separately: this reduces latency, not CPU time. Per batch intake sends three commands instead of five, the
scheduler three instead of six, the notifier one instead of two (docs/performance.md).

It is safe since each guess is validated by its own versioned write: an insert fails for an aggregate that exists, a
compare-and-set for one that was changed. Those that lost, and those without a write, are loaded and decided again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final, Generic, TypeVar

from homecall.contract.envelope import Incoming
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.mongo.repository import Repository

S = TypeVar("S")

_UNCACHED_BATCHES: Final = 5
"""Number of batches to run uncached after a misprediction."""


class CachedReads(Generic[S]):
    """Chooses which reads to skip; for some batches none, after one in which that was wrong."""

    def __init__(self) -> None:
        self._uncached_batches = 0

    def choose(
        self,
        firsts: Mapping[str, Incoming],
        store: Repository[S],
        likely_new: Callable[[Mapping[str, Incoming]], Collection[str]],
    ) -> dict[str, Aggregate[S]]:
        """The aggregates that need no read, by id. ``firsts`` has the first event of each aggregate of the batch."""
        if self._uncached_batches:
            self._uncached_batches -= 1
            return {}
        cached = {target: kept for target in firsts if (kept := store.remembered(target)) is not None}
        for target in likely_new({key: each for key, each in firsts.items() if key not in cached}):
            cached[target] = Aggregate(target)
        return cached

    def mispredicted(self) -> None:
        """A write did not validate what was cached: read everything for a while."""
        self._uncached_batches = _UNCACHED_BATCHES
