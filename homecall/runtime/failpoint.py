"""Places where a test kills or stops a process: one between any two steps that a crash could separate.

Off unless ``HOMECALL_FAILPOINT`` names one, in development only. A place that is off costs one comparison per batch or
tick; none is in the work on a single record.
"""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass

PLACES = (
    # A batch, in the order of the pipeline's steps.
    "batch.taken",
    "batch.decoded",
    "batch.loaded",
    "batch.decided",
    "batch.stored",
    "stage.settled",
    "stage.stored",
    "batch.handled",
    "publish.queued",
    "batch.published",
    "batch.followed",
    "batch.committed",
    # A call that goes on at another clinic: before and after its new request is stored.
    "successor.read",
    "successor.stored",
    # Pages that give numbers; a clinic's day with its roster and its bookings.
    "page.read",
    "page.written",
    "roster.read",
    "roster.written",
    "day.read",
    "day.written",
    "settle.read",
    "settle.written",
    "settle.told",
    "settle.sent",
    "settle.cleaned",
    # Timers, and what they owe.
    "timer.found",
    "timer.decided",
    "timer.stored",
    "timer.concluded",
    "timer.published",
    "timer.cleared",
    "letter.published",
    # A text message: stored as ``sending``, and not yet given to the gateway.
    "sms.marked",
    # What a person did at the desk: stored, acknowledged by the broker, marked as sent.
    "desk.stored",
    "desk.sent",
    "desk.marked",
)
"""Every place, by its name in ``HOMECALL_FAILPOINT``."""

_FORM = re.compile(r"(?P<place>[a-z.]+):(?P<what>kill|stop)(@(?P<at>[1-9]\d{0,5}))?\Z")
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


@dataclass
class _Armed:
    place: str
    signal: signal.Signals
    left: int


_armed: _Armed | None = None


def arm(setting: str | None) -> None:
    """Set ``HOMECALL_FAILPOINT``: at a place, the n-th time it is reached, ``kill`` or ``stop`` this process.

    ``kill`` is SIGKILL; ``stop`` is SIGSTOP, once, until somebody sends SIGCONT. None arms nothing. Raises ValueError
    as ``check`` does.
    """
    global _armed
    _armed = None
    if setting:
        place, what, at = check(setting)
        _armed = _Armed(place, _SIGNALS[what], at)


def check(setting: str) -> tuple[str, str, int]:
    """The place, what to do there, and at which time it is reached. Raises ValueError in one line for a wrong value."""
    match = _FORM.match(setting)
    if match is None or match["place"] not in PLACES:
        raise ValueError(
            "HOMECALL_FAILPOINT must be a place of homecall/runtime/failpoint.py, what to do there, kill or stop, and "
            "if wished the how manieth time, as in batch.stored:kill@3"
        )
    return match["place"], match["what"], int(match["at"] or 1)


def failpoint(place: str) -> None:
    """This place has been reached."""
    if _armed is not None and _armed.place == place:
        _armed.left -= 1
        if _armed.left == 0:
            os.kill(os.getpid(), _armed.signal)
