"""What only complaints measures."""

from __future__ import annotations

from datetime import datetime
from typing import get_args

from prometheus_client import Gauge

from homecall.contract import topics
from homecall.contract.events import Channel
from homecall.runtime import metrics
from homecall.runtime.service import refresh_open, refresh_waiting
from homecall.standard.calendar import local
from homecall.standard.deadlines import counted_by
from services.complaints.domain.state import CHANNELS
from services.complaints.signatures import SIGNED
from services.complaints.store import ComplaintStore

HELD_COMPLAINTS = Gauge("homecall_held_complaints", "Complaints whose signature cannot be checked for now", ["channel"])
OLDEST_HELD_COMPLAINT_SECONDS = Gauge(
    "homecall_oldest_held_complaint_seconds", "Age of the oldest of these, from when its term began", ["channel"]
)
ANSWERS_MISSED = Gauge(
    "homecall_answers_missed_this_month",
    "Calls whose answer did not come in time, by the month in which it was due; the same on every replica",
    ["channel"],
)


def expect_all() -> None:
    """Show at zero what has not happened yet."""
    metrics.expect_outcomes(counted_by(topics.COMPLAINTS))
    metrics.expect_decisions("complaint", CHANNELS, ["invalid_complaint"])


async def refresh(store: ComplaintStore, now: datetime) -> None:
    """Set the gauges to what the store has."""
    refresh_open("complaint", await store.open(now), CHANNELS, now)
    missed = await store.answers_missed_in(local(now).strftime("%Y-%m"))
    for channel in get_args(Channel):
        ANSWERS_MISSED.labels(channel).set(missed.get(channel, 0))
    refresh_waiting((HELD_COMPLAINTS, OLDEST_HELD_COMPLAINT_SECONDS), await store.held(), SIGNED, now)
