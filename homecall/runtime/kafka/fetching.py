"""Keeps a batch that the Kafka client cannot unpack, or that is too large, from harming other partitions.

aiokafka 0.14 returns the records of several partitions together. If it cannot read one of them, it drops the records
already taken from the others and continues past them, so they would be committed unseen. And it decompresses without
a limit. Three of its internals are replaced here, with a test for each.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from aiokafka.consumer import fetcher

from homecall.contract.strict_json import parts_of
from homecall.runtime.kafka.batches import NotRead, Records
from homecall.runtime.logs import log

_AGAIN_SECONDS = 10.0
_AT_ONCE = 4 * 1024 * 1024
"""Roughly how many bytes of memory are returned together; the record that exceeds it is included."""
_PER_RECORD, _PER_HEADER, _PER_PART = 300, 100, 32
_LARGE_VALUE = 64 * 1024
"""Only for larger values is the memory after parsing estimated."""
_REREAD_FROM = 1024 * 1024
"""A batch of this size is not kept in memory for its remaining records: it is fetched again."""

_ANSWERS_KEPT = 256
_answers_with_data: WeakKeyDictionary[Any, deque[int]] = WeakKeyDictionary()
"""By assignment, the times of the newest fetch responses with data, as aiokafka stamps them (milliseconds)."""
_handed_out: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
"""By aiokafka's state of a partition, the offset after the last record returned to the application."""
_spent: ContextVar[list[int] | None] = ContextVar("spent", default=None)
"""The bytes returned together so far, of all partitions."""


class _Result(fetcher.FetchResult):  # type: ignore[misc]  # aiokafka has no types
    """Fetched records of a partition. A batch that cannot be unpacked stops this partition alone, until a retry."""

    def __init__(self, tp: Any, **parts: Any) -> None:
        super().__init__(tp, **parts)
        self._again_at = 0.0
        came_at = self._assignment.state_value(tp).timestamp
        if came_at is not None:
            _answers_with_data.setdefault(self._assignment, deque(maxlen=_ANSWERS_KEPT)).append(came_at)

    def getall(self, max_records: int | None = None) -> list[Any]:
        """The next records, up to so many."""
        records = self._unpacked(max_records)
        if records:
            # Without an await after the position: readers must see both change together.
            _handed_out[self._assignment.state_value(self._topic_partition)] = records[-1].offset + 1
        return records

    def _unpacked(self, max_records: int | None) -> list[Any]:
        if self._again_at:
            if time.monotonic() >= self._again_at:
                self._partition_records = None  # fetched again from the position
            return []
        place = self._topic_partition
        source: Any = self._partition_records
        if not self.has_more() or not self.check_assignment(place):
            _let_go(source)
            return []
        spent = _spent.get() or [0]
        if spent[0] >= _AT_ONCE:
            return []  # after these were handled
        records: list[Any] = []
        try:
            for record in source:
                records.append(record)
                spent[0] += _memory_of(record)
                if len(records) == max_records:
                    self._update_position()
                    return records
                if spent[0] >= _AT_ONCE:
                    self._update_position()
                    if source._records.unpacked >= _REREAD_FROM:
                        self._partition_records = None
                        _let_go(source)
                    return records
        except Exception as error:
            self._update_position()  # past the good records before it
            self._again_at = time.monotonic() + _AGAIN_SECONDS
            log("kafka").error(
                "a batch cannot be unpacked; its partition stands still",
                topic=place.topic,
                partition=place.partition,
                offset=self._assignment.state_value(place).position,
                error=type(error).__name__,
            )
            return records
        self._update_position()
        self._partition_records = None
        return records


def _let_go(source: Any) -> None:
    """Free remaining fetched records at once: aiokafka's object and its iterator reference each other."""
    if source is not None and source._records_iterator is not None:
        source._records_iterator.close()
        source._records_iterator = None


def _memory_of(record: Any) -> int:
    if isinstance(record.value, NotRead):
        return _AT_ONCE // 4  # unpacking took a while: give others their turn
    value = record.value or b""
    parsed = _PER_PART * parts_of(value) if len(value) > _LARGE_VALUE else 0
    headers = sum(len(value or b"") for _, value in record.headers) + _PER_HEADER * len(record.headers)
    return _PER_RECORD + len(record.key or b"") + len(value) + parsed + headers


def _together(fetched_records: Callable[..., Any]) -> Callable[..., Any]:
    """aiokafka's method that returns records, with a new count of their bytes."""

    @wraps(fetched_records)
    async def counted(*arguments: Any, **options: Any) -> Any:
        _spent.set([0])
        return await fetched_records(*arguments, **options)

    return counted


def make_safe() -> None:
    """Replace all three; needed once in a process, before the first consumer fetches."""
    fetcher.MemoryRecords = Records
    fetcher.FetchResult = _Result
    if not hasattr(fetcher.Fetcher.fetched_records, "__wrapped__"):
        fetcher.Fetcher.fetched_records = _together(fetcher.Fetcher.fetched_records)


def _state(consumer: Any, place: Any) -> Any:
    """aiokafka's state of a partition that a consumer holds; None while it has no position."""
    subscription = consumer._subscription.subscription
    assignment = None if subscription is None else subscription.assignment
    state = None if assignment is None else assignment.state_value(place)
    return None if state is None or not state.has_valid_position else state


def position_at_rest(consumer: Any, place: Any, committed: int) -> int | None:
    """The position of a consumer that has returned no record beyond ``committed``; None if it has.

    Between ``committed`` and this position lie no records: transaction markers, aborted or deleted records.
    """
    state = _state(consumer, place)
    if state is None or _handed_out.get(state, 0) > committed:
        return None
    return int(state.position)


def high_watermark(consumer: Any, place: Any) -> int:
    """The partition's end as of the last fetch, including open transactions; 0 before the first."""
    state = _state(consumer, place)
    return 0 if state is None else int(state.highwater or 0)


def more_waits(consumer: Any, place: Any) -> bool:
    """Whether the last fetch showed records of the partition that have not been taken yet."""
    state = _state(consumer, place)
    return state is not None and int(state.highwater or 0) > state.position


class Silences:
    """Finds partitions with nothing left to read before their end: compaction may have removed the last records.

    A fetch without records of a partition does not show it, since another partition may have filled the response. Only
    a response without any data does, to a fetch from the present position.
    """

    def __init__(self) -> None:
        self._seen: dict[Any, tuple[int, int]] = {}
        """By partition, the position when last checked, and the time of the last response then."""

    def reach(self, consumer: Any, place: Any) -> int:
        """The offset below which nothing is left to read; 0 if not known."""
        state = _state(consumer, place)
        if state is None or state.timestamp is None:
            return 0
        position, seen_at = self._seen.setdefault(place, (state.position, state.timestamp))
        if position != state.position:
            self._seen[place] = state.position, state.timestamp
            return 0
        full = _answers_with_data.get(consumer._subscription.subscription.assignment, deque[int]())
        forgotten = len(full) == _ANSWERS_KEPT and state.timestamp < full[0]
        if state.timestamp == seen_at or state.timestamp in full or forgotten:
            return 0
        # Brokers older than transactions, and stand-ins, give no last stable offset.
        return int(state.highwater if state.lso in (None, -1) else state.lso)
