"""Rules that every account of a clinic's day is judged by, the demo's and that of the fault tests. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

Day = TypeVar("Day", bound=Hashable)
"""A doctor's day, by whatever names it."""


class Overload(NamedTuple):
    """So many visits that are promised to begin within a stretch of time, and cannot."""

    begins: datetime
    ends: datetime
    visits: int


def overloaded(
    promises: Iterable[tuple[Day, datetime, datetime]], visit: Callable[[Day], timedelta]
) -> Iterator[tuple[Day, Overload]]:
    """Where a doctor's day has more promises than visits can be begun; ``visit`` is what one takes on that day."""
    by_day: dict[Day, list[tuple[datetime, datetime]]] = defaultdict(list)
    for day, begins, ends in promises:
        by_day[day].append((begins, ends))
    for day, windows in by_day.items():
        yield from ((day, each) for each in overloads(windows, visit(day)))


def overloads(windows: Iterable[tuple[datetime, datetime]], visit: timedelta) -> Iterator[Overload]:
    """Where one doctor has promised more visits than can be begun, by the windows (from, to) of the arrivals.

    ``visit`` is what each takes. Within any stretch the first arrival is not before its beginning, and the last not
    after its end.
    """
    promised = sorted(windows)
    for first, (begins, _) in enumerate(promised):
        for count, ends in enumerate(sorted(closes for _, closes in promised[first:])):
            if begins + count * visit > ends:
                yield Overload(begins, ends, count + 1)
                break


def twice(holders: Mapping[int, Collection[object]]) -> list[int]:
    """Which numbers were given more than once, by who holds each."""
    return sorted(number for number, each in holders.items() if len(each) > 1)


def missing(numbers: Iterable[int]) -> list[int]:
    """Which numbers from 1 to the highest are not there."""
    there = set(numbers)
    return sorted(set(range(1, max(there, default=0) + 1)) - there)
