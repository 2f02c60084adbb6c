"""A circuit breaker: calls to a gateway that does not answer are rejected for a while, so that nothing waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal


class Breaker:
    """Opens after so many failures in a row; after ``rest_seconds`` it is half-open and one trial call decides.

    What counts as a failure is the caller's to say. For one event loop: nothing here waits or locks.
    """

    def __init__(self, *, failures: int, rest_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = failures
        self._rest = rest_seconds
        self._clock = clock
        self._in_a_row = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> Literal["closed", "open", "half-open"]:
        """Whether calls are allowed, rejected, or one trial call is. Reading it changes nothing."""
        if self._opened_at is None:
            return "closed"
        return "open" if self._probing or self._clock() - self._opened_at < self._rest else "half-open"

    def admits(self) -> bool:
        """Whether a call may be made now. Each admitted call ends in ``succeeded``, ``failed`` or ``dropped``."""
        state = self.state
        self._probing |= state == "half-open"
        return state != "open"

    def succeeded(self) -> None:
        """The gateway answered: close."""
        self._in_a_row = 0
        self._opened_at = None
        self._probing = False

    def failed(self) -> None:
        """The gateway did not answer."""
        self._in_a_row += 1
        if self._opened_at is not None and not self._probing:
            return  # a call from before it opened does not keep it open for longer
        if self._probing or self._in_a_row >= self._limit:
            self._opened_at = self._clock()
            self._probing = False

    def dropped(self) -> None:
        """The call was cancelled without a result: if it was the trial call, the next one is."""
        self._probing = False
