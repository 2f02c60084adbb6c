"""What only intake measures."""

from __future__ import annotations

from datetime import datetime
from typing import get_args

from prometheus_client import Counter, Gauge

from homecall.contract import topics
from homecall.contract.events import RefusalCode
from homecall.runtime import metrics
from homecall.runtime.service import refresh_waiting
from homecall.standard.deadlines import counted_by
from homecall.standard.referrals import LABELS
from services.intake.domain.measures import Referred, Transferred
from services.intake.store import IntakeStore

CHANNELS = ("desk", "phone", "portal")
QUEUED = ("desk", "phone")
"""The channels whose wait to hand in the documents is measured (C4.2)."""
SIGNED = ("portal",)
"""The channels whose requests are signed, and held while that cannot be checked."""

DECREES_MISSING = Gauge(
    "homecall_decree_table_missing",
    "1 where the table of government decrees for this or the next year is missing",
    ["year"],
)
HELD = Gauge("homecall_held", "Requests whose signature cannot be checked for now", ["channel"])
OLDEST_HELD_SECONDS = Gauge(
    "homecall_oldest_held_seconds", "Age of the oldest of these by the statutory clock", ["channel"]
)
HANDED_ON = Counter("homecall_handed_on_total", "Calls that were handed on to another clinic", ["channel"])
FROM_103 = Counter(
    "homecall_from_103_total",
    "Requests taken that the ambulance service (103) handed on, by its category: 1 to 4, other, none without a card",
    ["category"],
)


def count_own() -> None:
    """Say how what intake alone measures is counted; safe to run again."""
    metrics.count_own(Transferred, lambda measure: HANDED_ON.labels(measure.channel).inc())
    metrics.count_own(Referred, lambda measure: FROM_103.labels(measure.category).inc())


def expect_all() -> None:
    metrics.expect_outcomes(counted_by(topics.INTAKE))
    metrics.expect_stages({"queue": QUEUED, "intake": CHANNELS})
    for channel in CHANNELS:
        HANDED_ON.labels(channel)
    for category in LABELS:
        FROM_103.labels(category)
    metrics.expect_decisions("request", CHANNELS, get_args(RefusalCode), taken=("accepted", "deferred"))


async def refresh(store: IntakeStore, now: datetime) -> None:
    """Set the gauges of held requests to what the store has."""
    refresh_waiting((HELD, OLDEST_HELD_SECONDS), await store.held(), SIGNED, now)
