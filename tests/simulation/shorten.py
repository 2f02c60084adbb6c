"""A failing history made shorter: faults and requests are left out while it still fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from tests.simulation.crowd import Crowd
from tests.simulation.history import Result, play

T = TypeVar("T")
_TRIES = 40


def shortened(
    result: Result,
    requests: int,
    *,
    tries: int = _TRIES,
    mutant: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Result:
    """A result with the fewest faults and subjects found in so many tries, which fails as the given one does.

    Each try plays the seed once more with some of them left out: first halves, then ever smaller parts.
    """
    best = result
    faults = [*result.faults]
    subjects = Crowd(result.seed, requests).subjects()
    left = tries

    def fails(with_faults: Sequence[object], with_subjects: Sequence[str]) -> bool:
        nonlocal best, left
        left -= 1
        out = frozenset(subjects) - frozenset(with_subjects)
        found = play(result.seed, requests, faults=with_faults, left_out=out, mutant=mutant)
        if found.findings.keys() & result.findings.keys():
            best = found
            return True
        return False

    fewer = _fewest(faults, lambda some: left > tries // 2 and fails(some, subjects))
    _fewest(subjects, lambda some: left > 0 and fails(fewer, some))
    return best


def _fewest(all_of: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """The smallest part found that still fails, by leaving out ever smaller runs."""
    kept = [*all_of]
    size = (len(kept) + 1) // 2
    while size:
        at = 0
        while at < len(kept):
            without = kept[:at] + kept[at + size :]
            if len(without) < len(kept) and fails(without):
                kept = without
            else:
                at += size
        size //= 2
    return kept
