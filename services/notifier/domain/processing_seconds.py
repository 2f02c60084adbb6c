"""``homecall_processing_seconds``: from which start the stages of a call are measured.

``queue`` and ``intake`` are measured by intake (`services/intake/domain/deadlines.py`, `acceptance.py`).
"""

from __future__ import annotations

from datetime import datetime

from homecall.runtime.engine.decision import Stage, Took
from services.notifier.domain.deadlines import seconds
from services.notifier.domain.state import Call, Deadline


def scheduling(call: Call, at: datetime) -> Took | None:
    """From acceptance to the first day and time."""
    return None if call.accepted_at is None else _took(call, "scheduling", call.accepted_at, at)


def spoken(call: Call, stage: Stage, at: datetime) -> Took | None:
    """From the start of the clock to one of the two ends that an answer by desk and phone has (C6.1)."""
    return None if call.clock_started_at is None else _took(call, stage, call.clock_started_at, at)


def statutory(call: Call, name: str, deadline: Deadline, at: datetime) -> Took:
    """The statutory time (C4.1, C4.3, C4.4): from the start of the deadline's clock to the result."""
    return _took(call, "service" if name == "service" else "answer", deadline.started_at, at)


def _took(call: Call, stage: Stage, started_at: datetime, at: datetime) -> Took:
    # What was deferred may be answered before its opening: that took no time of the answer's.
    return Took(call.channel, stage, max(0.0, seconds(started_at, at)))
