"""What ``homecall reconcile`` measures: at its own ``/metrics``, since it reads the stores of all services."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

RECONCILE = CollectorRegistry()
RECONCILE_DRIFT = Gauge(
    "homecall_reconcile_drift",
    "Differences between the stores that the last whole run of homecall reconcile found",
    ["kind"],
    registry=RECONCILE,
)
RECONCILE_REQUESTS = Gauge(
    "homecall_reconcile_requests",
    "Requests that the last whole run compared (judged), and those too young for it (settling)",
    ["state"],
    registry=RECONCILE,
)
RECONCILE_SECONDS = Gauge("homecall_reconcile_seconds", "Seconds that the last whole run took", registry=RECONCILE)
RECONCILE_AT = Gauge(
    "homecall_reconcile_last_run_timestamp_seconds",
    "When the last whole run ended; one that could not reach a database does not count",
    registry=RECONCILE,
)
RECONCILE_FAILURES = Counter(
    "homecall_reconcile_failures_total", "Runs that broke off since a database was unavailable", registry=RECONCILE
)
