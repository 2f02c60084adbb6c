"""The order in which a subject's events go out: what is still in its outbox goes first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from homecall.contract.envelope import OutgoingRecord
from homecall.runtime.mongo.aggregate import Aggregate

S = TypeVar("S")


class Outbox(Generic[S]):
    """What one aggregate has to send in a batch: first what was in its outbox, then what was ``completed`` now.

    Nothing of a subject may go out before its earlier events that are not known to be sent: a withdrawal before the
    acceptance, for example, which a timer or another process decided and a crash held back.
    """

    def __init__(self, aggregate: Aggregate[S], completed: Sequence[str]) -> None:
        self.aggregate = aggregate
        earlier = [causation_id for causation_id in aggregate.outbox if causation_id not in completed]
        self._order = [*earlier, *completed]
        self._earlier = len(earlier)
        self._sent: set[str] = set()

    def up_to(self, causation_id: str) -> list[OutgoingRecord]:
        """What goes out before the events of this causation id, and these; each only once."""
        end = self._order.index(causation_id) if causation_id in self._order else self._earlier
        return self._events([*self._take(end), causation_id])

    def rest(self) -> list[OutgoingRecord]:
        """What is left to go out."""
        return self._events(self._take(len(self._order)))

    def _take(self, end: int) -> list[str]:
        now, self._order[:end] = self._order[:end], []
        self._earlier = max(0, self._earlier - end)
        # A completion of a record of this batch is not in the outbox: it goes out with that record.
        return [causation_id for causation_id in now if causation_id in self.aggregate.outbox]

    def _events(self, causation_ids: Sequence[str]) -> list[OutgoingRecord]:
        new = [causation_id for causation_id in causation_ids if causation_id not in self._sent]
        self._sent.update(new)
        return [event for causation_id in new for event in self.aggregate.said(causation_id)]
