"""A circuit breaker: a gateway that does not answer is left in peace for a while, and nobody waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal


class Breaker:
    """Opens after so many failures in a row; after a rest lets one call through, whose outcome decides.

    What counts as a failure is the caller's to say. For one event loop: nothing here waits, and nothing locks.
    """

    def __init__(self, *, failures: int, rest_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = failures
        self._rest = rest_seconds
        self._clock = clock
        self._in_a_row = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def standing(self) -> Literal["closed", "resting", "trying"]:
        """Whether calls go through, none does, or one may be tried. Asking changes nothing."""
        if self._opened_at is None:
            return "closed"
        return "resting" if self._probing or self._clock() - self._opened_at < self._rest else "trying"

    def admits(self) -> bool:
        """Whether a call may be made now. Each that was admitted ends in ``succeeded``, ``failed`` or ``dropped``."""
        if self._opened_at is None:
            return True
        if self._probing or self._clock() - self._opened_at < self._rest:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """The gateway answered: closed, whatever was before."""
        self._in_a_row = 0
        self._opened_at = None
        self._probing = False

    def failed(self) -> None:
        """The gateway did not answer."""
        self._in_a_row += 1
        if self._opened_at is not None and not self._probing:
            return  # a call from before it opened: the rest is not made longer by it
        if self._probing or self._in_a_row >= self._limit:
            self._opened_at = self._clock()
            self._probing = False

    def dropped(self) -> None:
        """The call was given up before it told anything: if it was the one let through, the next one is."""
        self._probing = False
