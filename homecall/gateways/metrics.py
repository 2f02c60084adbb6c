"""What the gateways' adapters measure."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

SMS_GATEWAY_SECONDS = Histogram(
    "homecall_sms_gateway_seconds",
    "Seconds a call of the SMS gateway took, by how it ended",
    ["outcome"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60),
)
SMS_GATEWAY_RESTING = Gauge(
    "homecall_sms_gateway_resting", "1 while this replica tries the SMS gateway with one message only"
)
OFFERS_GATEWAY_SECONDS = Histogram(
    "homecall_offers_gateway_seconds",
    "Seconds the desk waited for the scheduler's windows, by how it ended: answered, refused, failed, given_up",
    ["outcome"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5),
)
OFFERS_GATEWAY_RESTING = Gauge(
    "homecall_offers_gateway_resting",
    "1 while the desk does not ask the scheduler for windows, after failures in a row",
)
IDENTITY_GATEWAY_SECONDS = Histogram(
    "homecall_identity_gateway_seconds",
    "Seconds a call of the e-government gateway took, by how it ended: answered, given_up, or why there was no answer",
    ["outcome"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30),
)
IDENTITY_UNTRUSTED = Counter(
    "homecall_identity_untrusted_total",
    "Answers of the e-government gateway that were not used: not signed as they must be, or not to our question",
    ["cause"],
)
