"""The port to an SMS gateway, its HTTP adapter, and how its delivery reports are read.

The adapter speaks the JSON that such gateways have in common: a POST with login, recipients and text for each message,
answered with the gateway's id of it or an error code. How a gateway names these is a profile (``data/sms.toml``).

No gateway knows the same message again when it is sent twice. So each call ends in one of four ways that must not be
mixed up: the gateway took it; it said that it did not; it was never asked; or nobody knows, and it is not sent again.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, get_args

from homecall.contract.encoding import NotUtf8, decoded
from homecall.gateways import metrics
from homecall.gateways.breaker import Breaker
from homecall.gateways.http import TooLong, body_of, client, wrong_address
from homecall.runtime.logs import log
from homecall.runtime.settings import Settings, SettingsError

if TYPE_CHECKING:
    import httpx

Meaning = Literal["again", "never", "unknown"]
Reported = Literal["sent", "delivered", "failed"]

_MOST_BYTES: Final = 64 * 1024
_MOST_REPORTS: Final = 1000
_LONGEST_NAME: Final = 100
"""Of a message, the gateway's or ours: longer is none of either."""
_CODE = re.compile(r"[^A-Za-z0-9_.-]")
_NO_ERROR: Final = ("0", "", "False")


@dataclass(frozen=True, slots=True, repr=False)
class Sms:
    """A message to one phone. Personal data: it has no repr, so that no log line shows it.

    ``to`` is E.164, ``reference`` our own name of it, told to the gateway. ``may_begin`` is asked at the last moment:
    False when whoever sends it has lost the right to (its lease is over), since a newer message may have gone.
    """

    to: str
    text: str
    reference: str
    may_begin: Callable[[], bool] = field(default=lambda: True, compare=False)


@dataclass(frozen=True, slots=True)
class Taken:
    """The gateway has taken it, and calls it by this id."""

    id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The gateway said that it has not taken it; ``again``: it may take it later."""

    code: str
    again: bool


@dataclass(frozen=True, slots=True)
class Untried:
    """The gateway was not asked: no connection, it is left in peace, or the right to send was over (``late``)."""

    reason: Literal["unreachable", "resting", "busy", "late"]


UnknownReason = Literal["timeout", "cut_off", "failing", "unreadable"]


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been taken, or not."""

    reason: UnknownReason


Verdict = Taken | Refused | Untried | Unknown


class Gateway(Protocol):
    """The port."""

    longest_seconds: float
    """A call of ``send`` ends within so many real seconds."""

    def room(self) -> int:
        """How many messages may be given to ``send`` now; 0 while the gateway is left in peace."""

    async def send(self, messages: Sequence[Sms]) -> list[Verdict]:
        """Try each message once, and say how that ended, in their order. Never raises."""

    async def close(self) -> None:
        """Give up the connections."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a delivery report says of a message; ``id`` or ``reference`` names it."""

    id: str | None
    reference: str | None
    said: Reported


# ---------------------------------------------------------------- the profile


@dataclass(frozen=True)
class Profile:
    """How a gateway names things, as ``data/sms.toml`` explains."""

    send: Mapping[str, str]
    answer: Mapping[str, str]
    errors: Mapping[str, Meaning]
    http: Mapping[str, Meaning]
    report: Mapping[str, str]
    statuses: Mapping[str, Reported]

    @classmethod
    def packaged(cls) -> Profile:
        """The one that the adapter goes by unless another is named."""
        return cls(**_sections())

    @classmethod
    def read(cls, file: Path) -> Profile:
        """The packaged one with what the file has in place of it. Raises ``SettingsError`` with one line."""
        try:
            given = tomllib.loads(decoded(file.read_bytes()))
        except NotUtf8 as error:
            raise SettingsError(f"HOMECALL_SMS_PROFILE {error}") from None
        except (OSError, tomllib.TOMLDecodeError):
            raise SettingsError("HOMECALL_SMS_PROFILE names a file that is no TOML, or cannot be read") from None
        found: dict[str, Any] = {name: dict(section) for name, section in _sections().items()}
        for name, section in given.items():
            if name not in found or not isinstance(section, dict):
                raise SettingsError(f"HOMECALL_SMS_PROFILE: there are only the sections {', '.join(found)}")
            allowed = {"statuses": get_args(Reported), "errors": get_args(Meaning), "http": get_args(Meaning)}.get(name)
            for key, value in section.items():
                if not isinstance(value, str) or (allowed is not None and value not in allowed):
                    form = f"one of {', '.join(allowed)}" if allowed else "a name in quotes"
                    raise SettingsError(f"HOMECALL_SMS_PROFILE: {name}: each value must be {form}")
                if allowed is None and key not in found[name]:
                    raise SettingsError(f"HOMECALL_SMS_PROFILE: {name}: there are only {', '.join(found[name])}")
            found[name] |= section
        return cls(**found)

    def message(self, sms: Sms, *, login: str | None, password: str | None, sender: str | None) -> dict[str, Any]:
        """The body that is posted."""
        values = {"login": login, "password": password, "to": sms.to, "text": sms.text}
        values |= {"sender": sender, "reference": sms.reference}
        body: dict[str, Any] = {}
        for name, value in values.items():
            place = self.send.get(name, "")
            if place and value is not None:
                _put(body, place, value)
        return body

    def verdict(self, status: int, body: bytes) -> Verdict:
        """What an answer means."""
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        error = _text(found, self.answer["error"])
        if error is not None and error not in _NO_ERROR:
            return _meant(error, self.errors.get(error, "never"))
        if 200 <= status < 300:
            taken = _text(found, self.answer["id"])
            return Taken(taken[:_LONGEST_NAME]) if taken and _is_text(taken) else Unknown("unreadable")
        otherwise: Meaning = "never" if 400 <= status < 500 else "unknown"
        return _meant(f"http_{status}", self.http.get(str(status), otherwise))

    def reports(self, body: bytes) -> list[Report]:
        """The reports in what was posted; of a status that is not listed, none. Raises ValueError where it is none."""
        try:
            found = json.loads(body)
        except RecursionError:
            raise ValueError("nests too deep") from None
        several = found if isinstance(found, list) else [found]
        if len(several) > _MOST_REPORTS or not all(isinstance(each, dict) for each in several):
            raise ValueError("no report")
        reports = []
        for each in several:
            name, reference = _text(each, self.report["id"]), _text(each, self.report["reference"])
            said = self.statuses.get((_text(each, self.report["status"]) or "").lower())
            if not (name or reference):
                raise ValueError("names no message")
            if reference is not None and len(reference) > _LONGEST_NAME:
                raise ValueError("a reference is too long")
            if not _is_text(f"{name}{reference}"):
                raise ValueError("a name is no text")
            if said is not None:
                reports.append(Report(name[:_LONGEST_NAME] if name else None, reference, said))
        return reports


def _sections() -> dict[str, Any]:
    return tomllib.loads(resources.files("homecall.gateways").joinpath("data/sms.toml").read_text("utf-8"))


def _meant(code: str, meaning: Meaning) -> Verdict:
    if meaning == "unknown":
        return Unknown("failing")
    # It goes into the store and the log: only what a code is made of.
    return Refused(_CODE.sub("", code)[:40] or "other", again=meaning == "again")


def _is_text(text: str) -> bool:
    """Whether it can be stored: no half of a surrogate pair, as JSON's escapes allow."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _put(body: dict[str, Any], place: str, value: str) -> None:
    *above, last = place.split(".")
    for name in above:
        body = body.setdefault(name, {})
    body[last.removesuffix("[]")] = [value] if last.endswith("[]") else value


def _text(found: Any, place: str) -> str | None:
    """What stands at a place, as text; None where it is absent, or no plain value. Of a list, the first counts."""
    for name in place.split(".") if place else ():
        found = found.get(name.removesuffix("[]")) if isinstance(found, dict) else None
        if name.endswith("[]"):
            found = found[0] if isinstance(found, list) and found else None
    return str(found) if place and isinstance(found, str | int | float) else None


# ---------------------------------------------------------------- the adapter


@dataclass(frozen=True)
class Limits:
    """How hard the gateway is called, and for how long. Seconds are of real time."""

    wait_seconds: float = 10.0
    """A single call, from connecting to the last byte."""
    connect_seconds: float = 3.0
    """Of it, until there is a connection: whatever ends before was certainly not sent."""
    at_once: int = 16
    """Calls under way at one moment."""
    failures: int = 20
    """Failed calls in a row after which the gateway is left in peace: more than are under way at one moment."""
    rest_seconds: float = 30.0
    """For how long."""


class _TooLate(Exception):
    """The right to send a message was over before its first byte went out."""


class HttpSms:
    """The port over HTTP, as the module says. One instance per process and event loop."""

    def __init__(
        self,
        url: str,
        *,
        login: str | None = None,
        password: str | None = None,
        sender: str | None = None,
        profile: Profile | None = None,
        limits: Limits = Limits(),
        clock: Callable[[], float] = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:

        self._url = url
        self._who = {"login": login, "password": password, "sender": sender}
        self._profile = profile or Profile.packaged()
        self._limits = limits
        self._breaker = Breaker(failures=limits.failures, rest_seconds=limits.rest_seconds, clock=clock)
        self._free = asyncio.Semaphore(limits.at_once)
        self._trouble: frozenset[str] = frozenset()
        # A message is begun within one wait of the round's start, and ends within another.
        self.longest_seconds = 2 * limits.wait_seconds
        self._client = client(
            at_once=limits.at_once,
            # A connection that the gateway closes as we write on it leaves a message unknown: old ones go.
            idle_seconds=2.0,
            connect_seconds=min(limits.connect_seconds, limits.wait_seconds),
            transport=transport,
        )

    def room(self) -> int:
        standing = self._breaker.standing
        metrics.SMS_GATEWAY_RESTING.set(standing == "resting")
        return {"closed": 4 * self._limits.at_once, "trying": 1, "resting": 0}[standing]

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
                # Whatever is said in so many words came from a gateway that is there.
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

        body = json.dumps(self._profile.message(sms, **self._who), ensure_ascii=False).encode()
        # The length is stated since the body comes from a generator: with a body that is cut off nothing was sent.
        headers = {"content-type": "application/json", "content-length": str(len(body))}

        async def at_the_last_moment() -> AsyncIterator[bytes]:
            # Connecting takes its time, and this process may have stood still meanwhile.
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
        except Exception as error:  # after the connection, whatever happens leaves it open whether it was taken
            if not isinstance(error, httpx.TransportError):
                log("sms").error("a call broke", error=type(error).__name__)
            return Unknown("cut_off")

    def _tell(self, verdicts: Sequence[Verdict]) -> None:
        """Log when what keeps messages from going changes: not at every round, and never about whom."""
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
    """The port that ``HOMECALL_SMS`` asks for; None when it is off.

    In production an address other than this machine's must be ``https``. Raises ``SettingsError`` with one line.
    """
    if settings.sms == "off":
        return None
    wrong = wrong_address(settings.sms, encrypted=settings.env == "production")
    if wrong:
        raise SettingsError(f"HOMECALL_SMS: {wrong}: set off, or an address as in https://sms.example.kz/v1/messages")
    return HttpSms(
        settings.sms,
        login=settings.sms_login,
        password=settings.secret("sms_password"),
        sender=settings.sms_sender,
        profile=profile,
        limits=Limits(
            wait_seconds=settings.sms_wait_seconds,
            at_once=settings.sms_at_once,
            failures=settings.sms_at_once + 4,
            rest_seconds=settings.sms_rest_seconds,
        ),
    )


def profile_from(settings: Settings) -> Profile:
    """The profile that ``HOMECALL_SMS_PROFILE`` names, or the packaged one."""
    return Profile.packaged() if settings.sms_profile is None else Profile.read(settings.sms_profile)
