"""What only complaints measures."""

from __future__ import annotations

from prometheus_client import Gauge

HELD_COMPLAINTS = Gauge("homecall_held_complaints", "Complaints whose signature cannot be checked for now", ["channel"])
OLDEST_HELD_COMPLAINT_SECONDS = Gauge(
    "homecall_oldest_held_complaint_seconds", "Age of the oldest of these, from when its term began", ["channel"]
)
ANSWERS_MISSED = Gauge(
    "homecall_answers_missed_this_month",
    "Calls whose answer did not come in time, by the month in which it was due; the same on every replica",
    ["channel"],
)
