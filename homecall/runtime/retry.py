"""Retry until a dependency is available again, or the service stops.

By hand rather than with stamina or tenacity: their sleep ends only by cancellation, and readiness reports what blocks
and since when, which would have to be tracked separately.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from homecall.runtime import metrics
from homecall.runtime.failures import RetryForever, Stopped, Transient
from homecall.runtime.logs import log

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 10.0
"""Seconds."""

T = TypeVar("T")


class Retry:
    """Does work until it succeeds, with capped exponential backoff and jitter."""

    def __init__(self, service: str) -> None:
        self.stopping = asyncio.Event()
        self._service = service
        self._blocked: dict[object, tuple[float, str]] = {}
        self._log = log(service)

    async def __call__(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do work until nothing that it depends on is unavailable. Raises ``Stopped`` when the service stops."""
        tried = 0
        this = object()
        try:
            while True:
                try:
                    return await work()
                except (Transient, RetryForever) as error:
                    tried += 1
                    metrics.RETRIES.labels(self._service).inc()
                    since, _ = self._blocked.get(this, (time.monotonic(), ""))
                    self._blocked[this] = since, str(error)
                    if tried in {1, 5} or tried % 20 == 0:
                        # Its cause is not an outage: only the log shows it.
                        why = error if isinstance(error, RetryForever) else None
                        self._log.warning(
                            "dependency unavailable, retrying", tried=tried, reason=str(error), exc_info=why
                        )
                    await self.pause(tried)
        finally:
            self._blocked.pop(this, None)

    @property
    def blocked_since(self) -> float | None:
        """Monotonic seconds since when a dependency is unavailable; None while work goes on."""
        return min((since for since, _ in self._blocked.values()), default=None)

    @property
    def blocked_by(self) -> str:
        """The error of the work that has waited longest; empty while nothing waits."""
        return min(self._blocked.values(), default=(0.0, ""))[1]

    async def pause(self, tried: int) -> None:
        """Wait before the next try. Raises ``Stopped`` when the service stops meanwhile."""
        seconds = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(tried, 10)) * random.uniform(0.5, 1)
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return
        raise Stopped
