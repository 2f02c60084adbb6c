"""Asks a register about several persons at once: within a time, with retries, and by a circuit breaker.

What is asked, and how, is the register's: ``http.HttpRegister``, or ``shep.client.ShepRegister``.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

from homecall.gateways.breaker import Breaker
from homecall.gateways.identity.port import (
    Attachment,
    Consent,
    Found,
    NoConsent,
    NotFound,
    Person,
    Reason,
    Result,
    Unavailable,
)
from homecall.gateways.metrics import IDENTITY_GATEWAY_SECONDS, IDENTITY_UNTRUSTED
from homecall.gateways.retry import BreakerOpen, Limits, NoAnswer, retried
from homecall.runtime.logs import log

T = TypeVar("T")


@dataclass(frozen=True, slots=True, repr=False)
class Asked:
    """Whom a register is asked about. Personal data: no repr."""

    iin: str
    consent: Consent | None = None


class Register(Protocol):
    """The registers of one gateway; a method makes one call, and raises ``NoAnswer`` where that told nothing.

    ``…_without_call`` is what is known before any call; None: ask.
    """

    def person_without_call(self, asked: Asked) -> NoConsent | None: ...

    def attachment_without_call(self, asked: Asked) -> Unavailable | None: ...

    async def person(self, asked: Asked) -> Person | NotFound | NoConsent: ...

    async def attachment(self, asked: Asked) -> Attachment | Unavailable | None: ...

    async def close(self) -> None: ...


class _Round:
    """One look-up in progress: its results, and whether the gateway has answered any of its calls."""

    def __init__(self) -> None:
        self.results: dict[str, Result] = {}
        self.in_flight = 0
        self.answered = False
        self.over = False


class AskedInRounds:
    """The port over a register. One instance per process and event loop."""

    def __init__(
        self,
        register: Register,
        limits: Limits,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._register = register
        self._limits = limits
        self._draw = draw
        self._breaker = Breaker(failures=limits.failures, rest_seconds=limits.rest_seconds, clock=clock)
        self._free = asyncio.Semaphore(limits.at_once)
        self._given_up: set[asyncio.Task[None]] = set()
        self._trouble: frozenset[Reason] = frozenset()

    async def look_up(
        self, iins: Sequence[str], *, within: float, consents: Mapping[str, Consent] | None = None
    ) -> list[Result]:
        round_ = _Round()
        if within > 0:
            given = consents or {}
            tasks = [asyncio.create_task(self._one(Asked(iin, given.get(iin)), round_)) for iin in dict.fromkeys(iins)]
            late = False
            try:
                if tasks:
                    await asyncio.wait(tasks, timeout=within)
                late = True
            finally:
                self._give_up(round_, tasks, late=late)
        results = [round_.results.get(iin, Unavailable("timeout")) for iin in iins]
        self._tell(results)
        return results

    async def close(self) -> None:
        for task in self._given_up:
            task.cancel()
        await asyncio.gather(*self._given_up, return_exceptions=True)
        await self._register.close()

    def _give_up(self, round_: _Round, tasks: Sequence[asyncio.Task[None]], *, late: bool) -> None:
        """Cancel what is not done yet, without waiting for its connections to close."""
        round_.over = True
        for _ in range(round_.in_flight):
            # Our own time limit ended it. If the gateway answered no other call either, it counts as hanging:
            # otherwise every look-up with a short limit would wait until its limit for nothing.
            if late and not round_.answered:
                self._breaker.failed()
            else:
                self._breaker.dropped()
        for task in tasks:
            if not task.done():
                task.cancel()
                self._given_up.add(task)
                task.add_done_callback(self._given_up.discard)

    async def _one(self, asked: Asked, round_: _Round) -> None:
        try:
            round_.results[asked.iin] = await self._person(asked, round_)
        except Exception as error:  # the port never raises: an error of ours leaves one identity unconfirmed
            log("identity").error("look-up broke", error=type(error).__name__)
            round_.results.setdefault(asked.iin, Unavailable("broken"))

    async def _person(self, asked: Asked, round_: _Round) -> Result:
        known = self._register.person_without_call(asked)
        if known is not None:
            return known
        try:
            person = await self._ask(lambda: self._register.person(asked), round_)
        except NoAnswer as failure:
            return _unavailable(failure)
        if not isinstance(person, Person):
            return person
        # If time runs out now, the person is known and the attachment is not.
        round_.results[asked.iin] = Found(person, Unavailable("timeout"))
        return Found(person, await self._attachment(asked, round_))

    async def _attachment(self, asked: Asked, round_: _Round) -> Attachment | Unavailable | None:
        known = self._register.attachment_without_call(asked)
        if known is not None:
            return known
        try:
            return await self._ask(lambda: self._register.attachment(asked), round_)
        except NoAnswer as failure:
            return _unavailable(failure)

    async def _ask(self, question: Callable[[], Awaitable[T]], round_: _Round) -> T:
        """The answer to one question, in as many calls as the limits allow. Raises ``NoAnswer``."""
        return await retried(lambda: self._call(question, round_), self._limits, self._draw)

    async def _call(self, question: Callable[[], Awaitable[T]], round_: _Round) -> T:
        """One call, counted by the breaker: any answer other than the gateway's own errors is a success."""
        async with self._free:
            if not self._breaker.admits():
                raise BreakerOpen("resting")
            round_.in_flight += 1
            answered: bool | None = None
            started, outcome = time.monotonic(), "given_up"
            try:
                answer = await question()
                answered, outcome = True, "answered"
            except NoAnswer as failure:
                answered, outcome = not failure.again, str(failure)
                if outcome == "untrusted":
                    IDENTITY_UNTRUSTED.labels(failure.cause).inc()
                raise
            finally:
                self._settle(round_, answered)
                IDENTITY_GATEWAY_SECONDS.labels(outcome).observe(time.monotonic() - started)
            return answer

    def _settle(self, round_: _Round, answered: bool | None) -> None:
        """Tell the breaker how a call ended; None: it was cancelled."""
        if round_.over:
            return  # _give_up told it
        round_.in_flight -= 1
        if answered is None:
            self._breaker.dropped()
        elif answered:
            round_.answered = True
            self._breaker.succeeded()
        else:
            self._breaker.failed()

    def _tell(self, results: Sequence[Result]) -> None:
        """Log when the reasons for failures change: not at every look-up, and nothing about persons."""
        failures = list(_failures(results))
        trouble = frozenset(each.reason for each in failures) - {"no_consent", "not_asked"}
        if results and trouble != self._trouble:
            causes = sorted({each.cause for each in failures if each.cause})
            told = {"causes": causes} if causes else {}
            if "untrusted" in trouble - self._trouble:
                log("identity").error("answer of the e-government gateway not trusted", **told)
            if trouble:
                log("identity").warning("the e-government gateway is away", reasons=sorted(trouble), **told)
            else:
                log("identity").info("the e-government gateway answers again")
            self._trouble = trouble


def _unavailable(failure: NoAnswer) -> Unavailable:
    return Unavailable(cast(Reason, str(failure)), failure.cause)


def _failures(results: Sequence[Result]) -> Iterator[Unavailable]:
    for result in results:
        told = result.attachment if isinstance(result, Found) else result
        if isinstance(told, Unavailable):
            yield told
