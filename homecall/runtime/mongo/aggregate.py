"""An aggregate: a state, the events each processed record led to, and what is still to be sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from homecall.contract.envelope import OutgoingRecord
from homecall.contract.topics import TOPIC_OF_TYPE
from homecall.runtime.engine.decision import Dead, Measure
from homecall.runtime.mongo.moments import millis, moment_of

S = TypeVar("S")

Place = tuple[str, int, int]
"""Where a record stands: topic, partition, offset."""


@dataclass(slots=True)
class Parked:
    """An event whose subject is not known yet."""

    causation_id: str
    until: datetime
    """When it becomes a dead letter."""
    record: dict[str, Any]
    """The event as it came, encrypted where its engine has a vault."""
    dead: Dead | None = None
    """Why it became a dead letter although its subject came."""


@dataclass(slots=True)
class Aggregate(Generic[S]):
    """One document: a state, and by causation id the events that each processed event led to."""

    id: str
    version: int = 0
    """0: not stored yet."""
    state: S | None = None
    processed: dict[str, list[OutgoingRecord]] = field(default_factory=dict)
    """By causation id, the events it led to, as stored."""
    parked: list[Parked] = field(default_factory=list)
    outbox: list[str] = field(default_factory=list)
    """The outbox: causation ids whose events are not known to be sent, in the order to send them. First those of timers
    and of other aggregates, which no record of the log would bring back; then those of records in flight."""
    places: dict[str, Place] = field(default_factory=dict)
    """By causation id, the places of the records of this batch."""
    fresh: dict[str, list[OutgoingRecord]] = field(default_factory=dict)
    """As ``processed``, but not stored yet."""
    resting: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By causation id, of what its service makes the events again with what another aggregate holds: a register number.
    Without personal data, which stand in the state: nothing erases them here."""
    resting_changed: set[str] = field(default_factory=set)
    """The causation ids of which ``resting`` is not stored as it is here."""
    filled: dict[str, list[OutgoingRecord]] = field(default_factory=dict)
    """The resting events that are to be sent now, with what they lack. Never stored: a replay fills in the same."""
    measures: list[Measure] = field(default_factory=list)
    changed: bool = False
    timer_at: datetime | None = None
    changed_at: datetime | None = None
    """When it was last stored, by the real clock; None where an earlier release stored it."""

    def is_processed(self, causation_id: str) -> bool:
        """Whether this event has been processed."""
        return causation_id in self.processed or causation_id in self.fresh or causation_id in self.resting

    def said(self, causation_id: str) -> list[OutgoingRecord]:
        """The events that a processed one led to; those that rest only where they are filled in."""
        said = self.fresh.get(causation_id) or self.processed.get(causation_id) or []
        return said + self.filled[causation_id] if causation_id in self.filled else said

    def outbox_events(self) -> list[OutgoingRecord]:
        """The events in the outbox, in the order to send them."""
        # Not in the order of ``processed``: a server may add the fields of one update by their names.
        return [event for causation_id in self.outbox for event in self.said(causation_id)]

    def enqueue(self, causation_id: str) -> None:
        """Append to the outbox what a causation id led to."""
        if causation_id not in self.outbox:
            self.outbox.append(causation_id)

    def add(self, causation_id: str, events: Iterable[OutgoingRecord]) -> None:
        """Note events that a causation id led to, after those noted before."""
        self.fresh.setdefault(causation_id, list(self.processed.get(causation_id, ()))).extend(events)

    def rest(self, causation_id: str, kept: dict[str, Any]) -> None:
        """Keep of what its completion makes the events of a causation id."""
        self.resting[causation_id] = kept
        self.resting_changed.add(causation_id)

    def wake(self, causation_id: str) -> None:
        """Keep this no longer: the events of this causation id are stored with what they lacked."""
        if self.resting.pop(causation_id, None) is not None:
            self.resting_changed.add(causation_id)


_STORED: Final = ("type", "id", "key", "subject", "source", "time")
"""The fields of an event that its document has as they are."""


def event_to_doc(event: OutgoingRecord) -> dict[str, Any]:
    doc = {name: getattr(event, name) for name in _STORED} | {"value": event.value.decode()}
    return {**doc, "traceparent": event.traceparent} if event.traceparent else doc


def event_from_doc(doc: Mapping[str, Any]) -> OutgoingRecord:
    fields = {name: doc[name] for name in _STORED}
    topic = TOPIC_OF_TYPE[doc["type"]].name
    return OutgoingRecord(topic=topic, value=doc["value"].encode(), traceparent=doc.get("traceparent"), **fields)


def parked_to_doc(kept: Parked) -> dict[str, Any]:
    doc = {"cause": kept.causation_id, "until": millis(kept.until), "record": kept.record}
    if kept.dead is not None:
        doc["dead"] = {"reason": kept.dead.reason, "detail": kept.dead.detail}
    return doc


def parked_from_doc(doc: Mapping[str, Any]) -> Parked:
    dead = Dead(**doc["dead"]) if doc.get("dead") else None
    return Parked(doc["cause"], moment_of(doc["until"]), doc["record"], dead)
