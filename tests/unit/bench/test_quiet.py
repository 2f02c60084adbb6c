"""Whether the machine is quiet, and how far two runs of the same are apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from bench.quiet import apart, busy_by_others


def looks(*shares: float) -> tuple[Callable[[], tuple[int, int]], list[float]]:
    """A machine that others keep so busy, second by second, and the seconds that were waited."""

    def ticks() -> Iterator[tuple[int, int]]:
        worked = had = 0
        for share in shares:
            yield worked, had
            worked, had = worked + round(200 * share), had + 200
            yield worked, had

    return ticks().__next__, []


def test_what_ends_within_some_seconds_does_not_count() -> None:
    ticks, waited = looks(0.9, 0.5, 0.02)
    assert busy_by_others(ticks, waited.append) == 0.02
    assert waited == [1.0, 1.0, 1.0]


def test_of_a_busy_machine_the_least_is_told_after_five_looks() -> None:
    ticks, waited = looks(0.9, 0.5, 0.4, 0.8, 0.9)
    assert busy_by_others(ticks, waited.append) == 0.4
    assert len(waited) == 5


def test_the_machine_itself_can_be_asked() -> None:
    assert 0 <= busy_by_others(wait=lambda _: None) <= 1


def test_two_of_the_same_are_apart_by_their_worst_pair() -> None:
    assert apart([(100.0, 110.0), (120.0, 100.0)]) == pytest.approx(0.2)
    assert apart([]) is None
