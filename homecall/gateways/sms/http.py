"""The SMS port over HTTP."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from homecall.gateways import metrics
from homecall.gateways.breaker import Breaker
from homecall.gateways.http import TooLong, body_of, client, wrong_address
from homecall.gateways.sms.port import Gateway, Refused, Sms, Taken, Unknown, Untried, Verdict
from homecall.gateways.sms.profile import Account, Profile
from homecall.runtime.logs import log
from homecall.runtime.settings import Settings, SettingsError

if TYPE_CHECKING:
    import httpx

_MOST_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class Limits:
    """How the gateway is called. Seconds are of real time."""

    wait_seconds: float = 10.0
    """For one call, from connecting to the last byte."""
    connect_seconds: float = 3.0
    """Of these, for connecting: before that, nothing was sent."""
    at_once: int = 16
    """Concurrent calls."""
    failures: int = 20
    """Consecutive failures that open the circuit breaker: more than ``at_once``."""
    rest_seconds: float = 30.0
    """How long it stays open."""


class _TooLate(Exception):
    """The lease was over before the first byte of a message was sent."""


class HttpSms:
    """The port over HTTP. One instance per process and event loop."""

    def __init__(
        self,
        url: str,
        account: Account | None = None,
        *,
        profile: Profile | None = None,
        limits: Limits = Limits(),
        clock: Callable[[], float] = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url
        self._account = account or Account()
        self._profile = profile or Profile.packaged()
        self._limits = limits
        self._breaker = Breaker(failures=limits.failures, rest_seconds=limits.rest_seconds, clock=clock)
        self._free = asyncio.Semaphore(limits.at_once)
        self._trouble: frozenset[str] = frozenset()
        # A message starts within one wait of the call, and ends within another.
        self.longest_seconds = 2 * limits.wait_seconds
        self._client = client(
            at_once=limits.at_once,
            # Idle connections are closed early: one that the gateway closes as we write leaves a message unknown.
            idle_seconds=2.0,
            connect_seconds=min(limits.connect_seconds, limits.wait_seconds),
            transport=transport,
        )

    def room(self) -> int:
        state = self._breaker.state
        metrics.SMS_GATEWAY_RESTING.set(state == "open")
        return {"closed": 4 * self._limits.at_once, "half-open": 1, "open": 0}[state]

    async def send(self, messages: Sequence[Sms]) -> list[Verdict]:
        begin_until = asyncio.get_running_loop().time() + self._limits.wait_seconds
        verdicts = list(await asyncio.gather(*(self._one(each, begin_until) for each in messages)))
        self._tell(verdicts)
        return verdicts

    async def close(self) -> None:
        await self._client.aclose()

    async def _one(self, sms: Sms, begin_until: float) -> Verdict:
        async with self._free:
            if asyncio.get_running_loop().time() >= begin_until:
                return Untried("busy")
            if not sms.may_begin():
                return Untried("late")
            if not self._breaker.admits():
                return Untried("resting")
            began, outcome = time.monotonic(), "given_up"
            try:
                verdict = await self._call(sms)
                outcome = "given_up" if verdict == Untried("late") else type(verdict).__name__.lower()
            finally:
                # A refusal, too, comes from a gateway that works.
                if outcome in ("taken", "refused"):
                    self._breaker.succeeded()
                elif outcome == "given_up":
                    self._breaker.dropped()
                else:
                    self._breaker.failed()
                metrics.SMS_GATEWAY_SECONDS.labels(outcome).observe(time.monotonic() - began)
            return verdict

    async def _call(self, sms: Sms) -> Verdict:
        import httpx

        body = json.dumps(self._profile.message(sms, self._account), ensure_ascii=False).encode()
        # The body comes from a generator; with its length stated, a body that is cut off counts as not sent.
        headers = {"content-type": "application/json", "content-length": str(len(body))}

        async def at_the_last_moment() -> AsyncIterator[bytes]:
            # Connecting takes time, and the process may have been paused meanwhile.
            if not sms.may_begin():
                raise _TooLate
            yield body

        try:
            async with (
                asyncio.timeout(self._limits.wait_seconds),
                self._client.stream("POST", self._url, content=at_the_last_moment(), headers=headers) as response,
            ):
                return self._profile.verdict(response.status_code, await body_of(response, _MOST_BYTES))
        except _TooLate:
            return Untried("late")
        except TooLong:
            return Unknown("unreadable")
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return Untried("unreachable")
        except TimeoutError:
            return Unknown("timeout")
        except Exception as error:  # once connected, an error does not tell whether it was taken
            if not isinstance(error, httpx.TransportError):
                log("sms").error("a call broke", error=type(error).__name__)
            return Unknown("cut_off")

    def _tell(self, verdicts: Sequence[Verdict]) -> None:
        """Log when the reasons for failures change: not for every call, and nothing about persons."""
        trouble = frozenset(
            each.code if isinstance(each, Refused) else each.reason for each in verdicts if not isinstance(each, Taken)
        ) - {"busy"}
        if verdicts and trouble != self._trouble:
            if trouble:
                log("sms").warning("the SMS gateway does not take all", reasons=sorted(trouble))
            else:
                log("sms").info("the SMS gateway takes messages again")
            self._trouble = trouble


def gateway_from(settings: Settings, profile: Profile) -> Gateway | None:
    """The port of ``HOMECALL_SMS``; None when it is off.

    In production the address must be ``https`` or this machine. Raises ``SettingsError`` in one line.
    """
    if settings.sms == "off":
        return None
    wrong = wrong_address(settings.sms, encrypted=settings.env == "production")
    if wrong:
        raise SettingsError(f"HOMECALL_SMS: {wrong}: set off, or an address as in https://sms.example.kz/v1/messages")
    return HttpSms(
        settings.sms,
        Account(settings.sms_login, settings.secret("sms_password"), settings.sms_sender),
        profile=profile,
        limits=Limits(
            wait_seconds=settings.sms_wait_seconds,
            at_once=settings.sms_at_once,
            failures=settings.sms_at_once + 4,
            rest_seconds=settings.sms_rest_seconds,
        ),
    )
