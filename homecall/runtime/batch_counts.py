"""Metrics and log lines of a batch that is through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from homecall.contract.envelope import DeadReason, Incoming, Record
from homecall.contract.topics import BY_NAME
from homecall.runtime import metrics
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.handling import about
from homecall.runtime.logs import log, logs_debug


class Decoded(NamedTuple):
    """The records of a batch: the events among them, and those that cannot be read, with the reason and why."""

    records: Sequence[Record]
    events: Sequence[Incoming]
    unreadable: Sequence[tuple[Record, DeadReason, str]]


class BatchCounts:
    """Counts events, dead letters and their age; names each dead letter in the log."""

    def __init__(self, service: str) -> None:
        self._log = log(service)
        self._each = logs_debug()

    def add(self, batch: Decoded, handled: BatchResult) -> None:
        """Count a batch that was published and committed."""
        for record, reason, _ in batch.unreadable:
            metrics.EVENTS.labels(record.topic, "unreadable", "dead").inc()
            metrics.DEAD_LETTERS.labels(record.topic, reason).inc()
            self._log.warning("dead letter", reason=reason, **record.place)
        for event, death in handled.dead:
            metrics.DEAD_LETTERS.labels(event.record.topic, death.reason).inc()
            self._log.warning(
                "dead letter", reason=death.reason, clinic=event.clinic_id, **event.record.place, **about(event)
            )
        if self._each:
            for index, event in enumerate(batch.events):
                self._log.debug(handled.results[index], type=event.type, **about(event))
        counts = Counter(
            (event.record.topic, event.type, handled.results[index]) for index, event in enumerate(batch.events)
        )
        for labels, number in counts.items():
            metrics.EVENTS.labels(*labels).inc(number)
        _ages(batch.records)


def _ages(records: Sequence[Record]) -> None:
    now = datetime.now(UTC).timestamp()
    newest: dict[str, int] = {}
    for record in records:
        newest[record.topic] = max(newest.get(record.topic, 0), record.timestamp)
    for topic, timestamp in newest.items():
        if topic in BY_NAME:
            metrics.EVENT_AGE_SECONDS.labels(topic).set(max(0.0, now - timestamp / 1000))
