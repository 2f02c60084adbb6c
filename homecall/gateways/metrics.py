"""What the gateways' adapters measure."""

from __future__ import annotations

from prometheus_client import Gauge, Histogram

SMS_GATEWAY_SECONDS = Histogram(
    "homecall_sms_gateway_seconds",
    "Seconds a call of the SMS gateway took, by how it ended",
    ["outcome"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60),
)
SMS_GATEWAY_RESTING = Gauge(
    "homecall_sms_gateway_resting", "1 while this replica tries the SMS gateway with one message only"
)
