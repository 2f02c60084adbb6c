"""What only the scheduler measures."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

PLANS = Counter(
    "homecall_plans_total", "Times that the rest of a clinic's day was planned again, by what came of it", ["result"]
)
UNPLACED = Gauge("homecall_unplaced", "Accepted calls without a place in a doctor's day", ["cause"])
# Only where HOMECALL_CLINIC_METRICS is on; of today, read from the store once a minute.
CLINIC_CALLS = Gauge(
    "homecall_clinic_calls", "Calls of today by clinic: placed with a doctor, or waiting", ["clinic", "state"]
)
CLINIC_CAPACITY = Gauge("homecall_clinic_capacity", "Visits that a clinic's doctors can make today", ["clinic"])
CLINIC_DOCTORS = Gauge(
    "homecall_clinic_doctors",
    "Doctors of a clinic today, by how full their day is: light (below half), busy, full",
    ["clinic", "load"],
)
