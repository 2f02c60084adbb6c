"""What was written last, kept in memory: register pages and aggregates.

What it saves: a read in each batch, and a little processor time: with claims that are calculated once a batch, intake's
fell from 0.42 to 0.41 ms per record, the scheduler's from 0.47 to 0.46 (docs/performance.md).

It is safe since each later write is a compare-and-set on what was cached: one that fails drops it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """The values put last, by key, up to a total size of ``most``; each counts for 1 unless ``size`` says otherwise."""

    def __init__(self, most: int, size: Callable[[T], int] = lambda _: 1) -> None:
        self._most = most
        self._size = size
        self._values: OrderedDict[str, T] = OrderedDict()
        self._total = 0

    def get(self, key: str) -> T | None:
        """The value of a key."""
        return self._values.get(key)

    def put(self, key: str, value: T) -> None:
        """Keep a value as the newest; the oldest ones go."""
        self.take(key)
        self._values[key] = value
        self._total += self._size(value)
        while self._total > self._most:
            self.take(next(iter(self._values)))

    def take(self, key: str) -> T | None:
        """Remove a value and return it."""
        value = self._values.pop(key, None)
        if value is not None:
            self._total -= self._size(value)
        return value

    def forget(self, keys: Iterable[str]) -> None:
        """Remove the values of these keys."""
        for key in keys:
            self.take(key)
