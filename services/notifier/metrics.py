"""What only the notifier measures."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

OPEN_NEAR_LIMIT = Gauge(
    "homecall_open_near_limit",
    "Open answers that have used half of their time and not all of it, by what they wait for: decision (of intake), "
    "schedule, place (in a doctor's day), clinic (who gives it aloud); the same on every replica",
    ["deadline", "channel", "waits_for"],
)
SMS = Counter(
    "homecall_sms_total",
    "Messages to patients by the state they came to, and why: see docs/operations.md",
    ["state", "reason"],
)
SMS_WAITING = Gauge(
    "homecall_sms_waiting", "Messages that are not at the gateway yet, or on their way; the same on every replica"
)
SMS_OLDEST_WAITING_SECONDS = Gauge(
    "homecall_sms_oldest_waiting_seconds", "How long the oldest of them could have gone already; 0 while it must wait"
)
SMS_REPORTS = Counter(
    "homecall_sms_reports_total", "Delivery reports by what became of them: taken, early, repeated, refused", ["result"]
)
