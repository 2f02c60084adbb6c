"""The identity port over HTTP.

The gateway itself speaks signed SOAP (``SendMessage``): ``shep`` has the same port. This one speaks a small protocol of
its own, for development, or to an intermediary at the operator's that holds the gateway's certificate:

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
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from homecall.contract.types import AnyDay, Id
from homecall.gateways.http import TooLong, body_of, client, wrong_address
from homecall.gateways.identity.port import (
    Attachment,
    Identity,
    NoConsent,
    NotFound,
    Person,
    Unavailable,
)
from homecall.gateways.identity.rounds import Asked, AskedInRounds
from homecall.gateways.retry import Limits, NoAnswer
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


class HttpRegister:
    """One call at a time, in this protocol."""

    def __init__(self, url: str, limits: Limits, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._limits = limits
        self._client = client(at_once=limits.at_once, base_url=url, transport=transport)

    def person_without_call(self, asked: Asked) -> None:
        del asked

    def attachment_without_call(self, asked: Asked) -> None:
        del asked

    async def person(self, asked: Asked) -> Person | NotFound | NoConsent:
        answer = await self._ask("persons", asked.iin, _PersonAnswer)
        if answer.status != "found":
            return NotFound() if answer.status == "not_found" else NoConsent()
        if answer.person is None or answer.person.birth_date is None:
            raise NoAnswer("unreadable")
        return answer.person

    async def attachment(self, asked: Asked) -> Attachment | Unavailable | None:
        answer = await self._ask("attachments", asked.iin, _AttachmentAnswer)
        if answer.status == "no_consent":
            return Unavailable("no_consent")
        if answer.status == "not_found":
            return None
        if answer.attachment is None:
            raise NoAnswer("unreadable")
        return Attachment(**dict(answer.attachment))

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(self, path: str, iin: str, shape: type[A]) -> A:
        """The answer to one question. Raises ``NoAnswer``."""
        try:
            return shape.model_validate_json(await self._exchange(path, iin))
        except ValidationError:
            raise NoAnswer("unreadable") from None

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


class HttpIdentity(AskedInRounds):
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
        super().__init__(HttpRegister(url, limits, transport), limits, clock=clock, draw=draw)


SHEP = "shep+"
"""What the address begins with where the gateway is asked in its own form."""
_WAY_OUT = "set off, or an address as in https://gateway.example.kz/registers"


def identity_from(settings: Settings) -> Identity | None:
    """The port of ``HOMECALL_IDENTITY``; None when it is off.

    In production the address must be ``https`` or this machine: IINs and names are sent to it. Raises ``SettingsError``
    in one line, which never repeats the address (it may contain a password).
    """
    if settings.identity == "off":
        return None
    if settings.identity.startswith(SHEP):
        from homecall.gateways.identity.shep.client import shep_from  # loads lxml and what signs

        return shep_from(settings, settings.identity.removeprefix(SHEP))
    wrong = wrong_address(settings.identity, encrypted=settings.env == "production")
    if wrong:
        raise SettingsError(f"HOMECALL_IDENTITY: {wrong}: {_WAY_OUT}")
    return HttpIdentity(settings.identity)
