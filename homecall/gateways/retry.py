"""How a gateway is called: its limits, and retries with exponential backoff and full jitter.

By hand rather than with tenacity: if the breaker opens meanwhile, the failure before it is reported.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


class NoAnswer(Exception):
    """A call without a usable answer; ``again``: another call may bring one. ``cause`` tells more than the reason."""

    def __init__(self, reason: str, *, again: bool = False, cause: str = "") -> None:
        super().__init__(reason)
        self.again = again
        self.cause = cause


class BreakerOpen(NoAnswer):
    """No call was made: the circuit breaker is open."""


@dataclass(frozen=True)
class Limits:
    """How a gateway is called. Seconds are of real time."""

    request_seconds: float = 2.0
    """For one call, from connecting to the last byte."""
    attempts: int = 3
    """Calls for one question, including the first."""
    backoff_seconds: float = 0.1
    """The wait before the second call is drawn from 0 to this; twice as much before each further one."""
    at_once: int = 8
    """Concurrent calls."""
    failures: int = 10
    """Consecutive failures that open the circuit breaker: more than ``at_once``, so one cut connection does not."""
    rest_seconds: float = 15.0
    """How long it stays open."""


async def retried(call: Callable[[], Awaitable[T]], limits: Limits, draw: Callable[[float, float], float]) -> T:
    """The result of ``call``, repeated while its failure says ``again``. Raises the last ``NoAnswer``."""
    failure: NoAnswer | None = None
    for attempt in range(limits.attempts):
        if attempt:
            await asyncio.sleep(draw(0.0, limits.backoff_seconds * 2 ** (attempt - 1)))
        try:
            return await call()
        except BreakerOpen as latest:
            raise failure or latest from None
        except NoAnswer as latest:
            failure = latest
            if not latest.again:
                break
    raise failure or NoAnswer("not asked")
