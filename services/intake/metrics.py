"""What only intake measures."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import get_args

from prometheus_client import Gauge

from homecall.contract import topics
from homecall.contract.events import RefusalCode
from homecall.runtime import metrics
from homecall.standard.deadlines import counted_by

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


def expect_all() -> None:
    """Show at zero what has not happened yet."""
    metrics.expect_outcomes(counted_by(topics.INTAKE))
    metrics.expect_stages({"queue": QUEUED, "intake": CHANNELS})
    metrics.expect_decisions("request", CHANNELS, get_args(RefusalCode), taken=("accepted", "deferred"))


def show_held(held: Iterable[tuple[str, int, datetime]], now: datetime) -> None:
    """Held requests by channel: how many, and since when the oldest one's clock runs."""
    found = {channel: (number, oldest) for channel, number, oldest in held}
    for channel in SIGNED:
        number, oldest = found.get(channel, (0, now))
        HELD.labels(channel).set(number)
        OLDEST_HELD_SECONDS.labels(channel).set(max(0.0, (now - oldest).total_seconds()))
