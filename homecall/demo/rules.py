"""Rules that every account of a clinic's day is judged by, the demo's and that of the fault tests. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple


class Overload(NamedTuple):
    """So many visits that are promised to begin within a stretch of time, and cannot."""

    begins: datetime
    ends: datetime
    visits: int


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


def missing(numbers: Iterable[int]) -> list[int]:
    """Which numbers from 1 to the highest are not there."""
    there = set(numbers)
    return sorted(set(range(1, max(there, default=0) + 1)) - there)
