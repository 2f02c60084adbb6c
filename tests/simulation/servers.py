"""What simulated servers share: requests that travel, and are lost where a process ends."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVar

from tests.simulation.loop import NODE

T = TypeVar("T")


class Later:
    """An answer that a server has and gives later, or an error instead of it."""

    def __init__(self, result: Any) -> None:
        self.result = result
        self._then: Callable[[Exception | None], None] = lambda _: None

    def then(self, call: Callable[[Exception | None], None]) -> None:
        self._then = call

    def done(self, error: Exception | None) -> None:
        """Give it, or the error."""
        self._then(error)


class Network:
    """Carries requests to servers and answers back, each after a time that the seed draws.

    ``errors`` is, by server, the share of requests that fail: of these a half never gets there, and of the other half
    the answer is lost after the work was done. ``away`` says until when a server is away. ``slow`` is the share of
    requests that take seconds.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.errors: dict[str, float] = defaultdict(float)
        self.away: dict[str, float] = {}
        self.slow = 0.0
        self._world = Context()

    def heal(self) -> None:
        """From now on everything answers, and soon."""
        self.errors.clear()
        self.away.clear()
        self.slow = 0.0

    def is_away(self, server: str) -> bool:
        """Whether a server does not answer now."""
        return server in self.away and self.away[server] > asyncio.get_running_loop().time()

    async def call(self, server: str, work: Callable[[], T], failure: Callable[[], Exception]) -> T:
        """Have a server do work; the answer. Raises ``failure()`` where the request or its answer is lost.

        The work is done in one step, at a time of its own; also where the process that asked has ended meanwhile.
        """
        node = NODE.get()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        # A process that was killed in the middle of a callback comes this far: nothing of it leaves any more.
        if node is None or not node.dead:
            loop.call_later(self._delay(), self._arrive, server, work, failure, answer, context=self._world)
        return await answer

    def _delay(self) -> float:
        if self.slow and self.rng.random() < self.slow:
            return self.rng.uniform(0.5, 4.0)
        return 0.0005 + (0.01 - 0.0005) * self.rng.random()  # as ``uniform``, twice for each request

    def _arrive(
        self, server: str, work: Callable[[], T], failure: Callable[[], Exception], answer: asyncio.Future[T]
    ) -> None:
        share = self.errors[server]
        fails = bool(share) and self.rng.random() < share
        error: Exception | None = None
        if self.is_away(server) or (fails and self.rng.random() < 0.5):
            error = failure()
        else:
            try:
                result = work()
            except Exception as of_work:
                error = of_work
            else:
                error = failure() if fails else None
        if error is not None:
            self._reply(answer, None, error)
        elif isinstance(result, Later):
            later = result
            later.then(lambda error: self._reply(answer, later.result, error))
        else:
            self._reply(answer, result, None)

    def _reply(self, answer: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
        loop = asyncio.get_running_loop()
        if error is not None:
            loop.call_later(self._delay(), _fail, answer, error, context=self._world)
        else:
            loop.call_later(self._delay(), _succeed, answer, result, context=self._world)


def _succeed(answer: asyncio.Future[T], result: T) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: asyncio.Future[T], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
        answer.exception()  # seen, also where the process that asked has ended
