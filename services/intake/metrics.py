"""What only intake measures."""

from __future__ import annotations

from prometheus_client import Gauge

DECREES_MISSING = Gauge(
    "homecall_decree_table_missing",
    "1 where the table of government decrees for this or the next year is missing",
    ["year"],
)
HELD = Gauge("homecall_held", "Requests whose signature cannot be checked for now", ["channel"])
OLDEST_HELD_SECONDS = Gauge(
    "homecall_oldest_held_seconds", "Age of the oldest of these by the statutory clock", ["channel"]
)
