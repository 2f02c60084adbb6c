"""Places where a test ends or holds a process: one between each two steps that a crash could come between.

Off unless ``HOMECALL_FAILPOINT`` names one, which only development allows; off, a place costs one comparison, and it
stands once in a batch or a tick, never in the work on a record.
"""

from __future__ import annotations

import os
import re
import signal

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
)
"""Every place, by its name in ``HOMECALL_FAILPOINT``."""

_FORM = re.compile(r"(?P<place>[a-z.]+):(?P<what>kill|stop)(@(?P<at>[1-9]\d{0,5}))?\Z")
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class _Armed:
    def __init__(self, place: str, what: str, at: int) -> None:
        self.place = place
        self._signal = _SIGNALS[what]
        self._left = at

    def reached(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._signal)


_armed: _Armed | None = None


def arm(setting: str | None) -> None:
    """Do as ``HOMECALL_FAILPOINT`` says: at a place, the n-th time it is reached, ``kill`` or ``stop`` this process.

    ``kill`` is SIGKILL; ``stop`` is SIGSTOP, once, until somebody sends SIGCONT. None arms nothing. Raises ValueError
    as ``check`` does.
    """
    global _armed
    _armed = _Armed(*check(setting)) if setting else None


def check(setting: str) -> tuple[str, str, int]:
    """Place, what to do there, and the how manieth time. Raises ValueError with one line on a wrong value."""
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
        _armed.reached()
