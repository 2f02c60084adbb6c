"""Who a person is, by the state registers behind the e-government gateway (C9.3): the port and its HTTP adapter.

The gateway itself speaks signed SOAP (``SendMessage``); an adapter for it has the same port. The one here speaks a
small protocol of its own, for a go-between at the operator's that holds the gateway's certificate:

- ``POST {url}/persons`` with ``{"iin": "…"}`` answers ``{"status": "found", "person": {"full_name", "birth_date",
  "sex"?: "male" | "female", "address"?}}``, or ``{"status": "not_found"}``, or ``{"status": "no_consent"}``.
- ``POST {url}/attachments`` with the same answers ``{"status": "found", "attachment": {"clinic_id", "territory"?,
  "attached_from", "attached_until"?}}``, or the other two. It is asked only about a person who was found.

Dates are ``YYYY-MM-DD``. Status 200 and at most 64 KiB; anything else is no answer. Both only read, so that asking
again is harmless. The IIN stands in the body, never in an address, which proxies and servers write to their logs.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from homecall.contract.types import AnyDay, Day, Id, Line, Name
from homecall.gateways.breaker import Breaker
from homecall.gateways.http import TooLong, body_of, client, wrong_address
from homecall.runtime.logs import log
from homecall.runtime.settings import Settings, SettingsError

if TYPE_CHECKING:
    import httpx

Reason = Literal["timeout", "unreachable", "failing", "resting", "refused", "unreadable", "no_consent", "broken"]
"""Why the gateway told nothing: no answer in time; no connection; its own error; left in peace by the breaker; our
call refused (an address or an access that is wrong); an answer of no known shape; no consent to tell; our own fault."""


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """What the register of physical persons holds. Personal data: it has no repr, so that no log line shows it."""

    full_name: str
    birth_date: date
    sex: Literal["male", "female"] | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A clinic to which a person is attached, by the register of attached population."""

    clinic_id: str
    territory: str | None
    attached_from: date
    attached_until: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether the person is attached on that date; both ends count."""
        return self.attached_from <= day and (self.attached_until is None or day <= self.attached_until)


@dataclass(frozen=True, slots=True)
class NotFound:
    """The register knows no such person."""


@dataclass(frozen=True, slots=True)
class NoConsent:
    """The person has not consented to being told about."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Nothing could be learned: the identity stays unconfirmed, and the check is made later."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Found:
    """The person, and the clinic they are attached to.

    ``attachment`` is None when the register says that there is none; ``Unavailable`` when it could not be learned,
    which is no ground for a refusal.
    """

    person: Person
    attachment: Attachment | Unavailable | None


Result = Found | NotFound | NoConsent | Unavailable


class Identity(Protocol):
    """The port."""

    async def look_up(self, iins: Sequence[str], *, within: float) -> list[Result]:
        """One result for each IIN, in their order; an IIN that comes twice is asked about once.

        Never raises, and never takes longer than ``within`` seconds of real time: what was not answered by then is
        ``Unavailable("timeout")``.
        """

    async def close(self) -> None:
        """Give up what is still under way, and the connections."""


class KnownPeople:
    """The port over a mapping, for tests and development: who is not in it is not found."""

    def __init__(self, people: Mapping[str, Result]) -> None:
        self._people = people

    async def look_up(self, iins: Sequence[str], *, within: float) -> list[Result]:
        if not within > 0:
            return [Unavailable("timeout") for _ in iins]
        return [self._people.get(iin, NotFound()) for iin in iins]

    async def close(self) -> None:
        return


@dataclass(frozen=True)
class Limits:
    """How long the adapter tries, and how hard. Seconds are of real time."""

    request_seconds: float = 2.0
    """A single call, from connecting to the last byte."""
    attempts: int = 3
    """Calls for one question, the first one counted; repeated after a failure of the gateway or the way to it."""
    backoff_seconds: float = 0.1
    """The longest wait before the second call; twice as long before each further one. Drawn from 0 to that."""
    at_once: int = 8
    """Calls under way at one moment."""
    failures: int = 10
    """Failed calls in a row after which the gateway is left in peace: more than are under way at one moment, so that
    one cut connection does not do it."""
    rest_seconds: float = 15.0
    """For how long."""


_MOST_BYTES = 64 * 1024


class _Answer(BaseModel):
    """What both addresses answer; fields that we do not know are ignored."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    status: Literal["found", "not_found", "no_consent"]


class _PersonPart(BaseModel):
    full_name: Name
    birth_date: Day
    sex: Literal["male", "female"] | None = None
    address: Line | None = None


class _AttachmentPart(BaseModel):
    clinic_id: Id
    territory: Id | None = None
    attached_from: AnyDay
    attached_until: AnyDay | None = None


class _PersonAnswer(_Answer):
    person: _PersonPart | None = None

    @model_validator(mode="after")
    def _whole(self) -> _PersonAnswer:
        if self.status == "found" and self.person is None:
            raise ValueError("found, and nobody in it")
        return self


class _AttachmentAnswer(_Answer):
    attachment: _AttachmentPart | None = None

    @model_validator(mode="after")
    def _whole(self) -> _AttachmentAnswer:
        if self.status == "found" and self.attachment is None:
            raise ValueError("found, and no clinic in it")
        return self


A = TypeVar("A", bound=_Answer)


class _NoAnswer(Exception):
    """A call that brought nothing; ``again`` when the next one may."""

    def __init__(self, reason: Reason, *, again: bool = False) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.again = again


class _Round:
    """One look-up under way: what it has learned, and whether the gateway has answered it at all."""

    def __init__(self) -> None:
        self.results: dict[str, Result] = {}
        self.in_flight = 0
        self.answered = False
        self.over = False


class HttpIdentity:
    """The port over HTTP, as the module says. One instance per process and event loop."""

    def __init__(
        self,
        url: str,
        limits: Limits = Limits(),
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
        """Leave what is not done yet; closing its connections is not waited for, it might take a while."""
        round_.over = True
        for _ in range(round_.in_flight):
            # Cut off by our own time, not the gateway's. If it has answered nothing else either, it is taken as one
            # that hangs: otherwise every look-up with a short time would wait for it in vain, for ever.
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
        except _NoAnswer as failure:
            return Unavailable(failure.reason)
        if answer.status != "found" or answer.person is None:
            return NotFound() if answer.status == "not_found" else NoConsent()
        person = Person(**dict(answer.person))
        # From here on the person is known, also when the time is over before the attachment is.
        round_.results[iin] = Found(person, Unavailable("timeout"))
        return Found(person, await self._attachment(iin, round_))

    async def _attachment(self, iin: str, round_: _Round) -> Attachment | Unavailable | None:
        try:
            answer = await self._ask("attachments", iin, _AttachmentAnswer, round_)
        except _NoAnswer as failure:
            return Unavailable(failure.reason)
        if answer.status == "no_consent":
            return Unavailable("no_consent")
        return Attachment(**dict(answer.attachment)) if answer.status == "found" and answer.attachment else None

    async def _ask(self, path: str, iin: str, shape: type[A], round_: _Round) -> A:
        """The answer to one question, asked a few times if need be. Raises ``_NoAnswer`` with the last reason."""
        failure = _NoAnswer("resting")
        for attempt in range(self._limits.attempts):
            if attempt:
                await asyncio.sleep(self._draw(0.0, self._limits.backoff_seconds * 2 ** (attempt - 1)))
            try:
                return shape.model_validate_json(await self._call(path, iin, round_))
            except ValidationError:
                raise _NoAnswer("unreadable") from None
            except _NoAnswer as latest:
                # That the breaker stopped the second call says less than why the first one failed.
                failure = failure if latest.reason == "resting" else latest
                if not latest.again:
                    break
        raise failure

    async def _call(self, path: str, iin: str, round_: _Round) -> bytes:
        """One call, its outcome told to the breaker: whatever the gateway answers but its own errors, it is there."""
        async with self._free:
            if not self._breaker.admits():
                raise _NoAnswer("resting")
            round_.in_flight += 1
            answered: bool | None = None
            try:
                body = await self._exchange(path, iin)
                answered = True
            except _NoAnswer as failure:
                answered = not failure.again
                raise
            finally:
                self._settle(round_, answered)
            return body

    def _settle(self, round_: _Round, answered: bool | None) -> None:
        """Tell the breaker how a call ended; None: it was given up."""
        if round_.over:
            return  # _give_up has told it
        round_.in_flight -= 1
        if answered is None:
            self._breaker.dropped()
        elif answered:
            round_.answered = True
            self._breaker.succeeded()
        else:
            self._breaker.failed()

    async def _exchange(self, path: str, iin: str) -> bytes:
        """The body of an answer with status 200. Raises ``_NoAnswer``."""
        import httpx

        try:
            async with (
                asyncio.timeout(self._limits.request_seconds),
                self._client.stream("POST", path, json={"iin": iin}) as response,
            ):
                if response.status_code >= 500 or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                    raise _NoAnswer("failing", again=True)
                if response.status_code != httpx.codes.OK:
                    raise _NoAnswer("refused")
                return await body_of(response, _MOST_BYTES)
        except TooLong:
            raise _NoAnswer("unreadable") from None
        except TimeoutError:
            raise _NoAnswer("timeout", again=True) from None
        except httpx.TransportError:
            raise _NoAnswer("unreachable", again=True) from None

    def _tell(self, results: Sequence[Result]) -> None:
        """Log when what keeps the gateway from telling changes: not at every look-up, and never about whom."""
        trouble = frozenset(_reasons(results)) - {"no_consent"}
        if results and trouble != self._trouble:
            if trouble:
                log("identity").warning("the e-government gateway is away", reasons=sorted(trouble))
            else:
                log("identity").info("the e-government gateway answers again")
            self._trouble = trouble


def _reasons(results: Sequence[Result]) -> Iterator[Reason]:
    for result in results:
        told = result.attachment if isinstance(result, Found) else result
        if isinstance(told, Unavailable):
            yield told.reason


_WAY_OUT = "set off, or an address as in https://gateway.example.kz/registers"


def identity_from(settings: Settings) -> Identity | None:
    """The port that ``HOMECALL_IDENTITY`` asks for; None when it is off.

    In production an address other than this machine's must be ``https``: IINs and names go over it. Raises
    ``SettingsError`` with one line, which never repeats the address (it may hold a password).
    """
    if settings.identity == "off":
        return None
    wrong = wrong_address(settings.identity, encrypted=settings.env == "production")
    if wrong:
        raise SettingsError(f"HOMECALL_IDENTITY: {wrong}: {_WAY_OUT}")
    return HttpIdentity(settings.identity)
