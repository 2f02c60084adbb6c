"""Completions that are stored while their events are published, rather than before.

Not measured separately: this removes the wait for one of the three writes of a request, and no CPU time. It is safe if
the pending state and the page, both stored, lead to the same bytes again: a crash may come before or after this write,
and the offsets wait for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homecall.runtime.mongo.aggregate import Aggregate

if TYPE_CHECKING:
    from homecall.runtime.engine.completion import Completion


def can_store_late(aggregate: Aggregate[Any], end: Completion[Any]) -> bool:
    """Whether a completion may be stored late: not with events in the outbox, which only the store has."""
    return end.certain and not aggregate.outbox
