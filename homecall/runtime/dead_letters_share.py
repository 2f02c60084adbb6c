"""Stops a service that would make dead letters of a topic rather than say that something is wrong."""

from __future__ import annotations

from collections import deque
from typing import Final

from homecall.runtime.failures import TooManyDeadLetters

_WINDOW: Final = 1_000
"""Records."""


class DeadLettersShare:
    """The share of dead letters among the last 1,000 records; at most ``most``, from 0 to 1, is let pass."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._recent: deque[bool] = deque(maxlen=_WINDOW)

    def add(self, records: int, dead: int) -> None:
        """Count a batch. Raises ``TooManyDeadLetters`` where the share becomes too large."""
        self._recent.extend([True] * dead + [False] * (records - dead))
        if len(self._recent) == _WINDOW and sum(self._recent) > self._most * _WINDOW:
            raise TooManyDeadLetters(
                f"more than {self._most:.0%} of the last {_WINDOW} records would be dead letters: "
                "look at homecall dead-letters list, then mend the publisher or this release, or raise "
                "HOMECALL_DEAD_LETTER_MAX_SHARE"
            )
