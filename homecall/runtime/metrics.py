"""Every metric, as the contract names it.

Labels never hold an id of a person or of a request; that of a clinic only where ``HOMECALL_CLINIC_METRICS`` is on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from homecall.contract.envelope import DeadReason
from homecall.runtime.engine.decision import Decided, Ended, Measure, Stage, Took
from homecall.runtime.logs import log

_CLOCKS_DIFFER_SECONDS = 120.0
LAG_LABELS = ("service", "topic", "partition")

# The statutory times: 600 s at the clinic (C4.1 to C4.3), 1800 s through the portal (C4.4); both are bucket edges.
PROCESSING_SECONDS = Histogram(
    "homecall_processing_seconds",
    "Seconds a stage took; answer is the statutory time, from the start of the clock to the result; entry and "
    "oral_answer are both of its ends by desk and phone, whichever counts there",
    ["channel", "stage"],
    buckets=(1, 5, 15, 30, 60, 120, 300, 480, 600, 900, 1200, 1500, 1800, 2700, 3600),
)
DEADLINE_OUTCOMES = Counter(
    "homecall_deadline_outcomes_total",
    "Deadlines by outcome, counted where the outcome is first stored",
    ["deadline", "channel", "outcome"],
)
OPEN = Gauge(
    "homecall_open", "Not answered yet; the same on every replica: aggregate with max", ["deadline", "channel"]
)
OLDEST_OPEN_SECONDS = Gauge(
    "homecall_oldest_open_seconds", "Age of the oldest open one by the statutory clock", ["deadline", "channel"]
)
OPEN_NEAR_LIMIT = Gauge(
    "homecall_open_near_limit",
    "Open answers that have used half of their time and not all of it, by what they wait for: decision (of intake), "
    "schedule, place (in a doctor's day), clinic (who gives it aloud); the same on every replica",
    ["deadline", "channel", "waits_for"],
)
EVENTS = Counter("homecall_events_total", "Records by what became of them", ["topic", "type", "result"])
EVENT_AGE_SECONDS = Gauge("homecall_event_age_seconds", "Age of the newest record handled", ["topic"])
DEAD_LETTERS = Counter("homecall_dead_letters_total", "Records sent to the dead letters", ["topic", "reason"])
COMMIT_FAILURES = Counter(
    "homecall_commit_failures_total", "Offset commits that failed; the batch comes again", ["topic"]
)
REBALANCES = Counter("homecall_rebalances_total", "Times that partitions were assigned again", ["topic"])
STEP_SECONDS = Histogram(
    "homecall_step_seconds",
    "Seconds a step of the pipeline took, per batch",
    ["step"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
# Beyond the contract: what an operator needs to see that has no other sign.
RETRIES = Counter(
    "homecall_retries_total", "Batches tried again while the database or the broker was away", ["service"]
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
SMS_GATEWAY_SECONDS = Histogram(
    "homecall_sms_gateway_seconds",
    "Seconds a call of the SMS gateway took, by how it ended",
    ["outcome"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60),
)
SMS_GATEWAY_RESTING = Gauge(
    "homecall_sms_gateway_resting", "1 while this replica leaves the SMS gateway in peace, since it did not answer"
)
SMS_REPORTS = Counter(
    "homecall_sms_reports_total", "Delivery reports by what became of them: taken, early, repeated, refused", ["result"]
)
PLANS = Counter(
    "homecall_plans_total", "Times that the rest of a clinic's day was planned again, by what came of it", ["result"]
)
DECREES_MISSING = Gauge(
    "homecall_decree_table_missing",
    "1 where the table of government decrees for this or the next year is missing",
    ["year"],
)
UNPLACED = Gauge("homecall_unplaced", "Accepted calls without a place in a doctor's day", ["cause"])
HELD = Gauge("homecall_held", "Requests whose signature cannot be checked for now", ["channel"])
OLDEST_HELD_SECONDS = Gauge(
    "homecall_oldest_held_seconds", "Age of the oldest of these by the statutory clock", ["channel"]
)
HELD_COMPLAINTS = Gauge("homecall_held_complaints", "Complaints whose signature cannot be checked for now", ["channel"])
OLDEST_HELD_COMPLAINT_SECONDS = Gauge(
    "homecall_oldest_held_complaint_seconds", "Age of the oldest of these, from when its term began", ["channel"]
)
DECISIONS = Counter(
    "homecall_decisions_total",
    "Requests by the first decision on them, and complaints turned away; code is the refusal's",
    ["kind", "channel", "decision", "code"],
)
REASONS = Counter(
    "homecall_reasons_total", "Requests taken, by each of the reasons they name; codes of the rule set", ["reason"]
)
# What each process says of itself. The service stands in a label since four may run in one process.
INFO = Gauge("homecall_info", "Always 1: the services of a process, and their release", ["service", "version"])
READY = Gauge("homecall_ready", "1 while /readyz would answer 200", ["service"])
LAST_COMMIT = Gauge(
    "homecall_last_commit_timestamp_seconds",
    "When offsets were last committed, or the service started; seconds since 1970",
    ["service"],
)
LAST_READ = Gauge(
    "homecall_last_read_timestamp_seconds",
    "When the gauges that are read from the store, or from the broker, were last read; seconds since 1970",
    ["service", "source"],
)
CERTIFICATE_EXPIRES = Gauge(
    "homecall_certificate_expires_timestamp_seconds",
    "When what a replica's files hold expires, seconds since 1970. Kind: trust, crl (of each authority the newest full "
    "list), broker_ca, database_ca, client_cert, database_cert; name: the authority, or the file",
    ["kind", "name"],
)
CERTIFICATE_ISSUED = Gauge(
    "homecall_certificate_issued_timestamp_seconds",
    "From when it is valid, or when the list was issued; seconds since 1970",
    ["kind", "name"],
)
CERTIFICATES_UNREADABLE = Gauge(
    "homecall_certificate_unreadable_files", "Files among these that cannot be read", ["kind"]
)
# Of the partitions that this replica holds: sum or max over replicas.
LAG_RECORDS = Gauge(
    "homecall_lag_records", "Records that are not committed yet, of the replica's own partitions", LAG_LABELS
)
LAG_SECONDS = Gauge("homecall_lag_seconds", "Age of the oldest of these, at most; 0 where there is none", LAG_LABELS)
# Only where HOMECALL_CLINIC_METRICS is on; of today, read from the scheduler's store once a minute.
CLINIC_CALLS = Gauge(
    "homecall_clinic_calls", "Calls of today by clinic: placed with a doctor, or waiting", ["clinic", "state"]
)
CLINIC_CAPACITY = Gauge("homecall_clinic_capacity", "Visits that a clinic's doctors can make today", ["clinic"])
CLINIC_DOCTORS = Gauge(
    "homecall_clinic_doctors",
    "Doctors of a clinic today, by how full their day is: light (below half), busy, full",
    ["clinic", "load"],
)

ANSWERS_MISSED = Gauge(
    "homecall_answers_missed_this_month",
    "Calls whose answer did not come in time, by the month in which it was due; the same on every replica",
    ["channel"],
)

# Of homecall reconcile, which looks into several services' stores and so belongs to none: not at their /metrics.
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
    "homecall_reconcile_failures_total", "Runs that broke off since a database was away", registry=RECONCILE
)


def record(measures: Iterable[Measure]) -> None:
    """Count what a decision measured, once it is stored."""
    for measure in measures:
        if isinstance(measure, Ended):
            DEADLINE_OUTCOMES.labels(measure.deadline, measure.channel, measure.outcome).inc()
        elif isinstance(measure, Decided):
            DECISIONS.labels(measure.kind, measure.channel or "unknown", measure.decision, measure.code).inc()
            for reason in measure.reasons:
                REASONS.labels(reason).inc()
        else:
            _observe(measure)


def _observe(took: Took) -> None:
    """Observe a duration. The last guard: decisions measure nothing from times that cannot be true (R21).

    Two machines' clocks may differ by a moment, which is no time at all. A longer negative duration, or one that is no
    number, is left out and logged: counted as 0 it would make an impossible time a punctual one.
    """
    if not (math.isfinite(took.seconds) and took.seconds >= -_CLOCKS_DIFFER_SECONDS):
        log("metrics").warning("a duration cannot be true", stage=took.stage, channel=took.channel)
        return
    PROCESSING_SECONDS.labels(took.channel, took.stage).observe(max(0.0, took.seconds))


def start_at_zero(service: str, topics: Iterable[str]) -> None:
    """Show a service's own counters from its start: of a series that begins with its first count, nobody sees it."""
    INFO.labels(service, version("homecall")).set(1)
    READY.labels(service).set(0)
    RETRIES.labels(service)
    for step in ("decode", "load", "decide", "store", "publish", "commit"):
        STEP_SECONDS.labels(step)
    for topic in topics:
        COMMIT_FAILURES.labels(topic)
        for reason in get_args(DeadReason):
            DEAD_LETTERS.labels(topic, reason)


def expect_outcomes(channels: Mapping[str, Iterable[str]]) -> None:
    """Show the outcomes of deadlines, by the channels that have them, from the start."""
    for deadline, names in channels.items():
        for channel in names:
            for outcome in ("met", "missed"):
                DEADLINE_OUTCOMES.labels(deadline, channel, outcome)


def expect_stages(channels: Mapping[Stage, Iterable[str]]) -> None:
    """Show the stages that a service measures, by the channels that have them, from the start."""
    for stage, names in channels.items():
        for channel in names:
            PROCESSING_SECONDS.labels(channel, stage)


def expect_decisions(kind: str, channels: Iterable[str], codes: Iterable[str], taken: Iterable[str] = ()) -> None:
    """Show the decisions on requests, or on complaints, from the start."""
    codes = tuple(codes)
    for channel in channels:
        for decision in taken:
            DECISIONS.labels(kind, channel, decision, "")
        for code in codes:
            DECISIONS.labels(kind, channel, "refused", code)
