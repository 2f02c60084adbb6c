"""Whether figures may be trusted: what else the machine does, and how far apart two runs of the same thing are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from bench.running import machine_ticks

MOST_BY_OTHERS = 0.10
"""The share of all cores that others may take on a quiet machine; idle servers of ours take 2 % themselves."""
_SECONDS = 1.0
_LOOKS = 5


def busy_by_others(
    ticks: Callable[[], tuple[int, int]] = machine_ticks, wait: Callable[[float], None] = time.sleep
) -> float:
    """The share of all cores that is taken while nothing of ours works, 0 to 1: the least of up to five seconds.

    What a part before left behind, as topics that are being deleted, is over within that time; another's work is not.
    """
    least = 1.0
    for _ in range(_LOOKS):
        worked, had = ticks()
        wait(_SECONDS)
        worked_since, had_since = ticks()
        least = min(least, (worked_since - worked) / max(1, had_since - had))
        if least <= MOST_BY_OTHERS:
            break
    return least


def apart(pairs: Sequence[tuple[float, float]]) -> float | None:
    """How far apart two runs of the same thing were at most, in parts of the smaller one; None without pairs."""
    return max((max(pair) / max(1e-9, min(pair)) - 1 for pair in pairs), default=None)
