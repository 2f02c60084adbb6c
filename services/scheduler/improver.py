"""PyVRP and sampling in a process of its own, with a time limit. Days stay as they are when it fails."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from functools import partial
from typing import TypeVar

from homecall.runtime.logs import log
from homecall.runtime.workers import begin_worker
from services.scheduler.domain.forecast import Forecast
from services.scheduler.domain.improvement import Problem
from services.scheduler.domain.sampling import Question, forecast_of

Routes = list[list[int]]
T = TypeVar("T")

_IDLE_SECONDS = 120
"""The process ends after so long without work: it holds some 120 MiB."""
_REST_SECONDS = 300
"""The pause after a failure: a library that is absent does not come back within seconds."""
_GRACE_SECONDS = 20
"""Allowed beyond its budget, to start the process and load the library. A process that takes longer is ended."""


def solve(problem: Problem, seconds: float) -> Routes | None:
    """In the worker: better routes, or None."""
    from services.scheduler.solver import solve as with_pyvrp  # loads PyVRP, which the scheduler itself never does

    return with_pyvrp(problem, seconds)


class Improver:
    """Finds better routes with ``seconds`` of one core for each problem; never with 0."""

    def __init__(self, seconds: float, work: Callable[[Problem, float], Routes | None] = solve) -> None:
        self.seconds = seconds
        self._work = work
        self._pool: ProcessPoolExecutor | None = None
        self._used_at = 0.0
        self._rests_until = 0.0
        self._closed = False
        self._log = log("scheduler")

    @property
    def available(self) -> bool:
        """Whether the process can be asked: it is neither closed, nor rests after a failure."""
        return not self._closed and time.monotonic() >= self._rests_until

    @property
    def ready(self) -> bool:
        return self.seconds > 0 and self.available

    async def improve(self, problem: Problem) -> Routes | None:
        """Better routes; None where there are none, and where the process failed or took too long."""
        if self.seconds <= 0:
            return None
        return await self._apart(self.seconds, partial(self._work, problem, self.seconds))

    async def forecast(self, asked: Question) -> Forecast | None:
        """What sampled days say; None where they say nothing, and where the process failed or took too long."""
        return await self._apart(0, partial(forecast_of, asked))

    async def _apart(self, seconds: float, work: Callable[[], T]) -> T | None:
        """Work that may take so long in the other process; None where that failed, and while it rests."""
        if not self.available:
            return None
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                1,
                # Not forked: this process has threads and open connections.
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin,
            )
        pool, self._used_at = self._pool, time.monotonic()
        try:
            return await asyncio.wait_for(
                asyncio.get_running_loop().run_in_executor(pool, work),
                seconds + _GRACE_SECONDS,
            )
        except (BrokenExecutor, OSError, TimeoutError, ImportError, RuntimeError, ValueError, TypeError) as error:
            self._rests_until = time.monotonic() + _REST_SECONDS
            self._end()
            self._log.warning("planning again has failed: days stay as insertion made them", error=type(error).__name__)
            return None

    def tidy(self) -> None:
        """End a process that has been idle for long."""
        if self._pool is not None and time.monotonic() - self._used_at > _IDLE_SECONDS:
            self._end()

    async def close(self) -> None:
        self._closed = True
        self._end()

    def _end(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            workers = list((pool._processes or {}).values())
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.terminate()


def _begin() -> None:
    begin_worker()
    os.nice(10)  # promises come first, on a machine with few cores too
