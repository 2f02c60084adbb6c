"""Topics read once, all partitions together in the order of their times."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import TopicPartition

from homecall.contract.envelope import Record
from homecall.contract.topics import TOPICS
from homecall.operations.failure import Failure
from homecall.operations.kafka import reading
from homecall.runtime.kafka.consuming import ToEnd
from homecall.runtime.kafka.global_table import record_of
from homecall.runtime.settings import Settings

Place = tuple[str, int]
"""A topic and a partition."""


@dataclass(eq=False)
class Reading:
    """Topics read once, from given places to what was their end, all partitions together in the order of their times.

    ``start`` are offsets (of a partition that it does not name, the beginning), ``since`` is a time in milliseconds;
    with neither from the beginning. Raises ``Failure`` where the topic does not reach back so far any more.
    """

    asked: Settings
    topics: Sequence[str]
    start: Mapping[Place, int] | None = None
    since: int | None = None
    heads: dict[Place, deque[Record]] = field(default_factory=dict)
    left: set[Place] = field(default_factory=set)
    ends: dict[Place, int] = field(default_factory=dict)

    async def __aenter__(self) -> Reading:
        async with AsyncExitStack() as stack:
            opening = reading(self.asked, self.topics, from_beginning=True)
            self._consumer: Any = await stack.enter_async_context(opening)
            await self._begin()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _begin(self) -> None:
        places = sorted(self._consumer.assignment())
        ends = await self._consumer.end_offsets(places)
        at = await self._consumer.beginning_offsets(places)
        if self.since is not None:
            found = await self._consumer.offsets_for_times(dict.fromkeys(places, self.since))
            at = {place: found[place].offset if found.get(place) else ends[place] for place in places}
        elif self.start is not None:
            for place in places:
                wanted = self.start.get((place.topic, place.partition))
                if wanted is not None and wanted < at[place]:
                    raise Failure(
                        f"{place.topic}/{place.partition} reaches back to {at[place]} only, and the backup is of "
                        f"{wanted}: it is older than topics keep, take a newer one"
                    )
                at[place] = at[place] if wanted is None else wanted
        for place in places:
            self._consumer.seek(place, at[place])
            key = (place.topic, place.partition)
            self.heads[key] = deque()
            self.ends[key] = ends[place]
            if at[place] < ends[place]:
                self.left.add(key)
        self._to_end = ToEnd(self._consumer, {place: ends[place] for place in places})

    async def _fill(self) -> None:
        """Have a record of each partition that has any left: only then is it known which came first."""
        silent_since = time.monotonic()
        while lacking := [key for key in self.left if not self.heads[key]]:
            found = await self._consumer.getmany(*(TopicPartition(*key) for key in lacking), timeout_ms=200)
            for place, raws in found.items():
                key = (place.topic, place.partition)
                self.heads[key].extend(record_of(raw) for raw in raws if raw.offset < self.ends[key])
                silent_since = time.monotonic()
            self.left &= {(place.topic, place.partition) for place in await self._to_end.left()}
            if time.monotonic() - silent_since > _SILENCE_SECONDS:
                raise Failure("the broker has fallen silent: begin again", code=1)

    async def peek(self) -> Record | None:
        """The next record; None at the end."""
        await self._fill()
        heads = [records[0] for records in self.heads.values() if records]
        return min(heads, key=_order, default=None)

    async def next(self) -> Record | None:
        record = await self.peek()
        if record is not None:
            self.heads[record.topic, record.partition].popleft()
        return record


def _order(record: Record) -> tuple[int, int, int, int]:
    # What caused another came before it, where both have one time.
    return record.timestamp, _RANK.get(record.topic, 0), record.partition, record.offset


_RANK: Final = {topic.name: place for place, topic in enumerate(TOPICS)}
_SILENCE_SECONDS: Final = 30.0
