"""The identity port over HTTP.

The gateway itself speaks signed SOAP (``SendMessage``); an adapter for it has the same port. This one speaks a small
protocol of its own, to an intermediary at the operator's that holds the gateway's certificate:

- ``POST {url}/persons`` with ``{"iin": "…"}`` answers ``{"status": "found", "person": {"full_name", "birth_date",
  "sex"?: "male" | "female", "address"?}}``, or ``{"status": "not_found"}``, or ``{"status": "no_consent"}``.
- ``POST {url}/attachments`` with the same body answers ``{"status": "found", "attachment": {"clinic_id", "territory"?,
  "attached_from", "attached_until"?}}``, or the other two. It is called only for a person who was found.

Dates are ``YYYY-MM-DD``. Status 200 and at most 64 KiB; anything else counts as no answer. Both only read, so repeating
a call is harmless. The IIN is in the body, never in a URL, which proxies and servers log.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from homecall.contract.types import AnyDay, Id
from homecall.gateways.breaker import Breaker
from homecall.gateways.http import TooLong, body_of, client, wrong_address
from homecall.gateways.identity.port import (
    Attachment,
    Found,
    Identity,
    NoConsent,
    NotFound,
    Person,
    Reason,
    Result,
    Unavailable,
)
from homecall.gateways.retry import BreakerOpen, Limits, NoAnswer, retried
from homecall.runtime.logs import log
from homecall.runtime.settings import Settings, SettingsError

if TYPE_CHECKING:
    import httpx

_MOST_BYTES = 64 * 1024
_LIMITS = Limits()


class _Answer(BaseModel):
    """What both addresses answer; unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    status: Literal["found", "not_found", "no_consent"]


class _PersonAnswer(_Answer):
    person: Person | None = None


class _AttachmentPart(BaseModel):
    clinic_id: Id
    territory: Id | None = None
    attached_from: AnyDay
    attached_until: AnyDay | None = None


class _AttachmentAnswer(_Answer):
    attachment: _AttachmentPart | None = None


A = TypeVar("A", bound=_Answer)


class _Round:
    """One look-up in progress: its results, and whether the gateway has answered any of its calls."""

    def __init__(self) -> None:
        self.results: dict[str, Result] = {}
        self.in_flight = 0
        self.answered = False
        self.over = False


class HttpIdentity:
    """The port over HTTP. One instance per process and event loop."""

    def __init__(
        self,
        url: str,
        limits: Limits = _LIMITS,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[float, float], float] = random.uniform,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._limits = limits
        self._draw = draw
        self._breaker = Breaker(failures=limits.failures, rest_seconds=limits.rest_seconds, clock=clock)
        self._free = asyncio.Semaphore(limits.at_once)
        self._given_up: set[asyncio.Task[None]] = set()
        self._trouble: frozenset[Reason] = frozenset()
        self._client = client(at_once=limits.at_once, base_url=url, transport=transport)

    async def look_up(self, iins: Sequence[str], *, within: float) -> list[Result]:
        round_ = _Round()
        if within > 0:
            tasks = [asyncio.create_task(self._one(iin, round_)) for iin in dict.fromkeys(iins)]
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
        await self._client.aclose()

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

    async def _one(self, iin: str, round_: _Round) -> None:
        try:
            round_.results[iin] = await self._person(iin, round_)
        except Exception as error:  # the port never raises: an error of ours leaves one identity unconfirmed
            log("identity").error("look-up broke", error=type(error).__name__)
            round_.results.setdefault(iin, Unavailable("broken"))

    async def _person(self, iin: str, round_: _Round) -> Result:
        try:
            answer = await self._ask("persons", iin, _PersonAnswer, round_)
        except NoAnswer as failure:
            return _unavailable(failure)
        if answer.status != "found":
            return NotFound() if answer.status == "not_found" else NoConsent()
        if answer.person is None:
            return Unavailable("unreadable")
        # If time runs out now, the person is known and the attachment is not.
        round_.results[iin] = Found(answer.person, Unavailable("timeout"))
        return Found(answer.person, await self._attachment(iin, round_))

    async def _attachment(self, iin: str, round_: _Round) -> Attachment | Unavailable | None:
        try:
            answer = await self._ask("attachments", iin, _AttachmentAnswer, round_)
        except NoAnswer as failure:
            return _unavailable(failure)
        if answer.status == "no_consent":
            return Unavailable("no_consent")
        if answer.status == "not_found":
            return None
        return Unavailable("unreadable") if answer.attachment is None else Attachment(**dict(answer.attachment))

    async def _ask(self, path: str, iin: str, shape: type[A], round_: _Round) -> A:
        """The answer to one question. Raises ``NoAnswer``."""

        async def call() -> A:
            try:
                return shape.model_validate_json(await self._call(path, iin, round_))
            except ValidationError:
                raise NoAnswer("unreadable") from None

        return await retried(call, self._limits, self._draw)

    async def _call(self, path: str, iin: str, round_: _Round) -> bytes:
        """One call, counted by the breaker: any answer other than the gateway's own errors is a success."""
        async with self._free:
            if not self._breaker.admits():
                raise BreakerOpen("resting")
            round_.in_flight += 1
            answered: bool | None = None
            try:
                body = await self._exchange(path, iin)
                answered = True
            except NoAnswer as failure:
                answered = not failure.again
                raise
            finally:
                self._settle(round_, answered)
            return body

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

    async def _exchange(self, path: str, iin: str) -> bytes:
        """The body of an answer with status 200. Raises ``NoAnswer``."""
        import httpx

        try:
            async with (
                asyncio.timeout(self._limits.request_seconds),
                self._client.stream("POST", path, json={"iin": iin}) as response,
            ):
                if response.status_code >= 500 or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                    raise NoAnswer("failing", again=True)
                if response.status_code != httpx.codes.OK:
                    raise NoAnswer("refused")
                return await body_of(response, _MOST_BYTES)
        except TooLong:
            raise NoAnswer("unreadable") from None
        except TimeoutError:
            raise NoAnswer("timeout", again=True) from None
        except httpx.TransportError:
            raise NoAnswer("unreachable", again=True) from None

    def _tell(self, results: Sequence[Result]) -> None:
        """Log when the reasons for failures change: not at every look-up, and nothing about persons."""
        trouble = frozenset(_reasons(results)) - {"no_consent"}
        if results and trouble != self._trouble:
            if trouble:
                log("identity").warning("the e-government gateway is away", reasons=sorted(trouble))
            else:
                log("identity").info("the e-government gateway answers again")
            self._trouble = trouble


def _unavailable(failure: NoAnswer) -> Unavailable:
    return Unavailable(cast(Reason, str(failure)))


def _reasons(results: Sequence[Result]) -> Iterator[Reason]:
    for result in results:
        told = result.attachment if isinstance(result, Found) else result
        if isinstance(told, Unavailable):
            yield told.reason


_WAY_OUT = "set off, or an address as in https://gateway.example.kz/registers"


def identity_from(settings: Settings) -> Identity | None:
    """The port of ``HOMECALL_IDENTITY``; None when it is off.

    In production the address must be ``https`` or this machine: IINs and names are sent to it. Raises ``SettingsError``
    in one line, which never repeats the address (it may contain a password).
    """
    if settings.identity == "off":
        return None
    wrong = wrong_address(settings.identity, encrypted=settings.env == "production")
    if wrong:
        raise SettingsError(f"HOMECALL_IDENTITY: {wrong}: {_WAY_OUT}")
    return HttpIdentity(settings.identity)
