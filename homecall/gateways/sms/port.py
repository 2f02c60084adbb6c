"""The port to an SMS gateway.

A gateway does not recognise a message that is sent twice. So each call ends in one of four ways that must not be mixed
up: the gateway took the message; it said that it did not; it was not called; or nobody knows, and the message is not
sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Reported = Literal["sent", "delivered", "failed"]


@dataclass(frozen=True, slots=True, repr=False)
class Sms:
    """A message to one phone. Personal data: no repr, so that no log line shows it."""

    to: str
    """E.164."""
    text: str
    reference: str
    """Our own id of the message."""
    may_begin: Callable[[], bool] = field(default=lambda: True, compare=False)
    """Asked at the last moment; False once the sender's lease is over, since a newer message may have been sent."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The gateway took it, under this id."""

    id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The gateway said that it did not take it; ``again``: it may take it later."""

    code: str
    again: bool


@dataclass(frozen=True, slots=True)
class Untried:
    """The gateway was not called: no connection, circuit breaker open (``resting``), no free call (``busy``), or the
    lease was over (``late``)."""

    reason: Literal["unreachable", "resting", "busy", "late"]


UnknownReason = Literal["timeout", "cut_off", "failing", "unreadable"]


@dataclass(frozen=True, slots=True)
class Unknown:
    """The gateway may have taken it, or not."""

    reason: UnknownReason


Verdict = Taken | Refused | Untried | Unknown


class Gateway(Protocol):
    """The port."""

    longest_seconds: float
    """The most real seconds that ``send`` takes."""

    def room(self) -> int:
        """How many messages ``send`` takes now; 0 while the circuit breaker is open."""

    async def send(self, messages: Sequence[Sms]) -> list[Verdict]:
        """Try each message once; the results in order. Never raises."""

    async def close(self) -> None:
        """Close the connections."""


@dataclass(frozen=True, slots=True)
class Report:
    """A delivery report of the message that ``id`` or ``reference`` names."""

    id: str | None
    reference: str | None
    said: Reported
