"""The port over HTTP: ``GET /offers`` of the scheduler, inside the cluster, which any of its replicas answers.

What is asked holds no name and no IIN: clinic, district, coordinates, whether it is a child, whether it is urgent.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from homecall.gateways import metrics
from homecall.gateways.breaker import Breaker
from homecall.gateways.http import body_of, client, wrong_address
from homecall.gateways.offers.port import SECONDS, Offer, Question
from homecall.runtime.logs import log
from homecall.runtime.settings import Settings, SettingsError

if TYPE_CHECKING:
    import httpx

_AT_ONCE: Final = 16
_FAILURES: Final = 5
_REST_SECONDS: Final = 10.0
_IDLE_SECONDS: Final = 4.0
"""Below the 5 s after which the scheduler's server closes an idle connection."""
_MOST_BYTES: Final = 64 * 1024


class _Unusable(Exception):
    """An answer without windows; the text says why, for a log line."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    offers: Annotated[tuple[Offer, ...], Field(max_length=20)]


class SchedulerOffers:
    """The port over HTTP, as in ``http://scheduler:8102``. One instance per process and event loop."""

    def __init__(
        self, url: str, seconds: float = SECONDS, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._url = url.rstrip("/")
        self._seconds = seconds
        # Made at the start: the first who types waits for no certificates to be read.
        self._client = client(at_once=_AT_ONCE, idle_seconds=_IDLE_SECONDS, transport=transport)
        self._breaker = Breaker(failures=_FAILURES, rest_seconds=_REST_SECONDS)
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._away = False

    async def windows(self, question: Question) -> tuple[Offer, ...] | None:
        if not self._breaker.admits():
            return None
        began, outcome, reason = time.monotonic(), "given_up", ""
        found: tuple[Offer, ...] | None = None
        try:
            async with asyncio.timeout(self._seconds), self._free:
                status, body = await self._asked(question)
            found = _read(status, body)
            outcome = "refused" if found is None else "answered"
        except Exception as error:  # slow, absent or odd: the call is typed and sent without it
            outcome, reason = "failed", str(error) if isinstance(error, _Unusable) else type(error).__name__
        finally:
            self._settle(outcome, reason)
            metrics.OFFERS_GATEWAY_SECONDS.labels(outcome).observe(time.monotonic() - began)
        return found

    async def close(self) -> None:
        await self._client.aclose()

    async def _asked(self, question: Question) -> tuple[int, bytes]:
        asked = {
            "clinic_id": question.clinic_id,
            "district_id": question.district_id,
            "lat": question.lat,
            "lon": question.lon,
            "child": question.child,
            "urgent": question.urgent,
        }
        params = {name: value for name, value in asked.items() if value is not None}
        async with self._client.stream("GET", f"{self._url}/offers", params=params) as response:
            return response.status_code, await body_of(response, _MOST_BYTES)

    def _settle(self, outcome: str, reason: str) -> None:
        if outcome == "given_up":
            self._breaker.dropped()
        elif outcome == "failed":
            self._breaker.failed()
        else:
            self._breaker.succeeded()
        metrics.OFFERS_GATEWAY_RESTING.set(self._breaker.state == "open")
        if outcome != "given_up" and bool(reason) != self._away:
            # When answers end, and when they come again; not at each.
            self._away = bool(reason)
            if reason:
                log("desk").warning("no windows are offered, the scheduler does not answer", reason=reason)
            else:
                log("desk").info("windows are offered again")


def _read(status: int, body: bytes) -> tuple[Offer, ...] | None:
    """The windows of an answer; None where it refuses our question, which a scheduler does that works.

    Raises ``_Unusable`` for anything else.
    """
    if status == 422:
        return None
    if status != 200:
        raise _Unusable(f"status {status}")
    try:
        return _Answer.model_validate_json(body).offers
    except ValidationError:
        raise _Unusable("no windows in the answer") from None


def offers_from(settings: Settings) -> SchedulerOffers | None:
    """The scheduler at ``HOMECALL_OFFERS_URL``; None where it names none.

    Plain HTTP is enough: it is inside the cluster, as ``/metrics`` is. Raises ``SettingsError`` with one line.
    """
    if not settings.offers_url:
        return None
    wrong = wrong_address(settings.offers_url, encrypted=False)
    if wrong:
        raise SettingsError(f"HOMECALL_OFFERS_URL: {wrong}: leave it out, or set one as in http://scheduler:8102")
    return SchedulerOffers(settings.offers_url)
