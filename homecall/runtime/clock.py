"""The clocks of the services: the system's, an accelerated one, one that is stepped, one for replays."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Service time, by which deadlines, openings and placements are decided."""

    speed: float
    """Seconds of service time in a second of real time."""

    def now(self) -> datetime:
        """The present moment, in UTC."""


class SystemClock:
    """The machine's clock."""

    speed = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)


class AcceleratedClock:
    """Starts at ``start`` and runs ``speed`` times as fast; development only.

    ``anchor`` is the real moment at which it started, so that several processes share one clock.
    """

    def __init__(self, start: datetime, speed: float, anchor: datetime | None = None) -> None:
        self._start = start.astimezone(UTC)
        self.speed = speed
        elapsed = (datetime.now(UTC) - anchor).total_seconds() if anchor else 0.0
        # Monotonic from here on: a step of the machine's clock moves nothing.
        self._zero = time.monotonic() - elapsed

    def at(self, real: datetime) -> datetime:
        """What it showed at a real moment."""
        ago = (datetime.now(UTC) - real).total_seconds()
        return self.now() - timedelta(seconds=ago * self.speed)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=(time.monotonic() - self._zero) * self.speed)


class SteppedClock(AcceleratedClock):
    """An accelerated clock that may also step forward over hours in which nothing is due: the demo's."""

    def step_to(self, moment: datetime) -> None:
        """Go on from ``moment``; never back."""
        ahead = (moment - self.now()).total_seconds()
        if ahead > 0:
            self._zero -= ahead / self.speed


class ReplayClock:
    """Shows the time it was set to last: for records that are handled again, at the time they came."""

    def __init__(self, of: Clock) -> None:
        self._of = of
        self.speed = of.speed
        self._now = datetime.fromtimestamp(0, UTC)

    def at(self, real: datetime) -> datetime:
        """What the service's own clock showed at a real moment."""
        return self._of.at(real) if isinstance(self._of, AcceleratedClock) else real

    def set_to(self, moment: datetime) -> None:
        """Go on to a moment; never back."""
        self._now = max(self._now, moment.astimezone(UTC))

    def now(self) -> datetime:
        return self._now


_FORM = re.compile(r"(?P<start>[^@]+)(@(?P<speed>\d+(\.\d+)?)(@(?P<anchor>[^@]+))?)?\Z")


def clock_from(setting: str | None) -> Clock:
    """The clock that ``HOMECALL_CLOCK`` asks for. Raises ValueError with one line on a wrong value."""
    if not setting:
        return SystemClock()
    match = _FORM.match(setting)
    start = _moment(match["start"]) if match else None
    anchor = _moment(match["anchor"]) if match and match["anchor"] else None
    speed = float(match["speed"] or 1) if match else 0.0
    if start is None or not speed > 0 or (match and match["anchor"] and anchor is None):
        raise ValueError(
            "HOMECALL_CLOCK must be a time with an offset, @ a speed above 0 and, if wished, @ the real time of its "
            "start, as in 2026-11-23T07:55:00+05:00@120"
        )
    return AcceleratedClock(start, speed, anchor)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
