"""What every service measures; what only one does stands in ``services/<name>/metrics.py``.

Labels never hold an id of a person or of a request; that of a clinic only where ``HOMECALL_CLINIC_METRICS`` is on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any, TypeVar, get_args

from prometheus_client import Counter, Gauge, Histogram

from homecall.contract.envelope import DeadReason
from homecall.contract.events import DeadlineName
from homecall.runtime.engine.decision import Decided, Ended, Measure, OwnMeasure, Stage, Took
from homecall.runtime.logs import log

_CLOCKS_DIFFER_SECONDS = 120.0
LAG_LABELS = ("service", "topic", "partition")

# The statutory times: 600 s at the clinic (C4.1 to C4.3), 1800 s through the portal (C4.4); both are bucket edges.
# From which start each stage is measured: services/notifier/domain/processing_seconds.py.
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
    "homecall_retries_total", "Batches tried again while the database or the broker was unavailable", ["service"]
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


class step:  # noqa: N801  # used as a function
    """Observe how long a step of a batch takes; not if it fails."""

    __slots__ = ("_name", "_started")

    def __init__(self, name: str) -> None:
        self._name = name
        self._started = math.nan

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure is None:
            STEP_SECONDS.labels(self._name).observe(time.perf_counter() - self._started)


def record(measures: Iterable[Measure]) -> None:
    """Count what a decision measured, once it is stored."""
    for measure in measures:
        if isinstance(measure, Ended):
            DEADLINE_OUTCOMES.labels(measure.deadline, measure.channel, measure.outcome).inc()
        elif isinstance(measure, Decided):
            DECISIONS.labels(measure.kind, measure.channel or "unknown", measure.decision, measure.code).inc()
            for reason in measure.reasons:
                REASONS.labels(reason).inc()
        elif isinstance(measure, Took):
            _observe(measure)
        else:
            _COUNT_OWN[type(measure)](measure)


_COUNT_OWN: dict[type[OwnMeasure], Callable[[Any], None]] = {}
M = TypeVar("M", bound=OwnMeasure)


def count_own(kind: type[M], count: Callable[[M], None]) -> None:
    """Say how a measure is counted that one service alone has."""
    _COUNT_OWN[kind] = count


def _observe(took: Took) -> None:
    """Observe a duration. A last check: decisions measure nothing from impossible times (R21).

    Two machines' clocks may differ slightly, which counts as 0. A longer negative duration, or one that is no number,
    is left out and logged: counted as 0 it would make an impossible time a punctual one.
    """
    if not (math.isfinite(took.seconds) and took.seconds >= -_CLOCKS_DIFFER_SECONDS):
        log("metrics").warning("a duration cannot be true", stage=took.stage, channel=took.channel)
        return
    PROCESSING_SECONDS.labels(took.channel, took.stage).observe(max(0.0, took.seconds))


@cache
def _release() -> str:
    return version("homecall")  # read from files


def start_at_zero(service: str, topics: Iterable[str]) -> None:
    """Show a service's counters from its start: the first increase of a new series would be invisible."""
    INFO.labels(service, _release()).set(1)
    READY.labels(service).set(0)
    RETRIES.labels(service)
    for name in ("decode", "load", "decide", "store", "publish", "commit"):
        STEP_SECONDS.labels(name)
    for topic in topics:
        COMMIT_FAILURES.labels(topic)
        for reason in get_args(DeadReason):
            DEAD_LETTERS.labels(topic, reason)


def expect_outcomes(channels: Mapping[DeadlineName, Iterable[str]]) -> None:
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
