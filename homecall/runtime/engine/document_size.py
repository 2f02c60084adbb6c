"""How large a document may grow by the events of one subject: far below the 16 MiB that a database refuses.

An event beyond that becomes a dead letter; what is stored stays. Sizes are in bytes, slightly overestimated.
"""

from __future__ import annotations

from typing import Any, Final

import bson

from homecall.contract.envelope import Incoming
from homecall.contract.topics import TOPIC_OF_TYPE
from homecall.runtime.engine.decision import Dead, Decision
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.mongo.repository import Repository

MOST_FROM_OUTSIDE: Final = 512 * 1024
"""A document that has reached it takes no more events from outside."""
MOST_OF_OURS: Final = 4 * 1024 * 1024
"""Nor, beyond this, events of our own services, as for a visit that is moved thousands of times."""
MOST_PARKED, MOST_BYTES_PARKED = 100, 384 * 1024
"""So many events may wait for one subject."""
_FEW: Final = 8
"""With fewer causation ids, as nearly every subject, nothing is measured."""
_OVERHEAD: Final = 300
"""Of a stored event besides its value: ids, names, times."""

_WAY_OUT: Final = "look for what sends them, and send the last one again under a new id once it has ended"


def beyond(aggregate: Aggregate[Any], event: Incoming, decision: Decision[Any], store: Repository[Any]) -> Dead | None:
    """The dead letter of an event that would make the document too large; None if it fits."""
    if len(aggregate.processed) + len(aggregate.fresh) < _FEW or decision.state is None:
        return None
    most = MOST_OF_OURS if TOPIC_OF_TYPE[event.type].ours else MOST_FROM_OUTSIDE
    said = sum(len(say.data.to_json()) + _OVERHEAD for say in decision.says)
    if _said_so_far(aggregate) + said + store.size(decision.state) <= most:
        return None
    return Dead(
        "invalid_transition",
        f"too many events about {event.subject}: what is kept of it has reached {most // 1024} KiB, and this one "
        f"changes nothing: {_WAY_OUT}",
    )


def no_room_to_wait(aggregate: Aggregate[Any], event: Incoming) -> Dead | None:
    """The dead letter of an event to be parked where too many are parked already; None if it fits."""
    waiting = sum(len(bson.encode(kept.record)) for kept in aggregate.parked)
    came = len(event.record.value or b"") + sum(len(value or b"") for _, value in event.record.headers) + _OVERHEAD
    if len(aggregate.parked) < MOST_PARKED and waiting + came <= MOST_BYTES_PARKED:
        return None
    return Dead(
        "unknown_subject" if aggregate.state is None else "invalid_transition",
        f"too many events wait for {event.subject}: at most {MOST_PARKED} of {MOST_BYTES_PARKED // 1024} KiB together "
        f"are kept until it can be decided on: {_WAY_OUT}",
    )


def _said_so_far(aggregate: Aggregate[Any]) -> int:
    stored = {**aggregate.processed, **aggregate.fresh}
    said = sum(
        len(causation_id) + _OVERHEAD // 3 + sum(len(event.value) + _OVERHEAD for event in events)
        for causation_id, events in stored.items()
    )
    return said + (len(bson.encode(aggregate.resting)) if aggregate.resting else 0)
