"""What the Kafka client does with a batch that it cannot unpack, kept from harming anybody else.

aiokafka 0.14 hands out the records of several partitions together. Where one of them holds what it cannot read, it
throws away what it has taken from the others by then, and goes on behind it: what nobody saw would be committed. Two
things of its insides are replaced here, with a test for each; a release that mends them makes this page needless.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any
from weakref import WeakKeyDictionary

from aiokafka import codec
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

from services.runtime.logs import log

_AGAIN_SECONDS = 10.0
# Of Kafka's record batch, version 2: where its fields stand, and what of it is compressed.
_FRAME, _ATTRIBUTES, _COUNT, _RECORDS = 12, 21, 57, 61
_CODEC_BITS = 0x07
_DECODERS = {1: codec.gzip_decode, 2: codec.snappy_decode, 3: codec.lz4_decode, 4: codec.zstd_decode}

_ANSWERS_KEPT = 256
_answers_with_data: WeakKeyDictionary[Any, deque[int]] = WeakKeyDictionary()
"""By assignment, when the newest fetch responses with data came, as aiokafka stamps them (milliseconds)."""
_handed_out: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
"""By aiokafka's state of a partition, the offset after the last record that the application got from it."""


class _Records:
    """The batches of a partition; one whose header names are no UTF-8 is read with ``?`` in place of such bytes."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._records = MemoryRecords(raw)
        self._next = 0

    def has_next(self) -> bool:
        return bool(self._records.has_next())

    def size_in_bytes(self) -> int:
        return int(self._records.size_in_bytes())

    def next_batch(self) -> _Batch:
        begins = self._next
        self._next += _FRAME + struct.unpack_from(">i", self._raw, begins + 8)[0]
        return _Batch(self._records.next_batch(), memoryview(self._raw)[begins : self._next])


class _Batch:
    def __init__(self, batch: Any, raw: memoryview) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        read = 0
        try:
            for record in self._batch:
                read += 1
                yield record
        except UnicodeDecodeError:
            yield from islice(DefaultRecordBatch(legible(self._raw)), read, None)

    def __next__(self) -> Any:
        return next(self._batch)


def legible(batch: bytes | memoryview) -> bytes:
    """A record batch, uncompressed, whose header names are UTF-8: in one that was not, what is not ASCII is ``?``.

    Its checksum is not made anew.
    """
    head, body = bytearray(batch[:_RECORDS]), bytearray(batch[_RECORDS:])
    decode = _DECODERS.get(head[_ATTRIBUTES + 1] & _CODEC_BITS)
    if decode is not None:
        body = bytearray(decode(bytes(body)))
        head[_ATTRIBUTES + 1] &= ~_CODEC_BITS & 0xFF
    at = 0
    for _ in range(struct.unpack_from(">i", head, _COUNT)[0]):
        length, at = decode_varint(body, at)
        ends = at + length
        at += 1  # the record's attributes
        for _ in range(2):  # how much later than the first one, in time and in offset
            _, at = decode_varint(body, at)
        for _ in range(2):  # key and value
            at = _after(body, at)
        headers, at = decode_varint(body, at)
        for _ in range(headers):
            length, begins = decode_varint(body, at)
            at = begins + length
            try:
                body[begins:at].decode()
            except UnicodeDecodeError:
                body[begins:at] = bytes(byte if byte < 0x80 else ord("?") for byte in body[begins:at])
            at = _after(body, at)
        at = ends
    return bytes(head + body)


def _after(body: bytearray, at: int) -> int:
    """Behind bytes with their length before them; of nothing the length is -1."""
    length, at = decode_varint(body, at)
    return int(at + max(0, length))


class _Result(fetcher.FetchResult):  # type: ignore[misc]  # aiokafka has no types
    """What was fetched of a partition. What cannot be unpacked holds up this partition alone, and is fetched again."""

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
            # In one step with the position: whoever looks at both must not find one without the other.
            _handed_out[self._assignment.state_value(self._topic_partition)] = records[-1].offset + 1
        return records

    def _unpacked(self, max_records: int | None) -> list[Any]:
        if self._again_at:
            if time.monotonic() >= self._again_at:
                self._partition_records = None  # fetched again from where it stands
            return []
        place = self._topic_partition
        if not self.check_assignment(place) or not self.has_more():
            return []
        records: list[Any] = []
        try:
            record: Any
            for record in self._partition_records or ():
                records.append(record)
                if len(records) == max_records:
                    self._update_position()
                    return records
        except Exception as error:
            self._update_position()  # behind what was good before it
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


def make_safe() -> None:
    """Put both in their places; needed once in a process, before the first consumer fetches."""
    fetcher.MemoryRecords = _Records
    fetcher.FetchResult = _Result


def _state(consumer: Any, place: Any) -> Any:
    """aiokafka's state of a partition that a consumer holds; None while it has no position there."""
    subscription = consumer._subscription.subscription
    assignment = None if subscription is None else subscription.assignment
    state = None if assignment is None else assignment.state_value(place)
    return None if state is None or not state.has_valid_position else state


def position_at_rest(consumer: Any, place: Any, committed: int) -> int | None:
    """Where a consumer stands that has handed out no record beyond ``committed``; None while one is on its way.

    aiokafka moves its position when it hands records out, so it tells what is handled only at rest. Then what lies
    between ``committed`` and the position is no record: a transaction's marker, aborted records, deleted ones.
    """
    state = _state(consumer, place)
    if state is None or _handed_out.get(state, 0) > committed:
        return None
    return int(state.position)


def high_watermark(consumer: Any, place: Any) -> int:
    """The partition's end as of the last fetch, with records of transactions still open; 0 before the first."""
    state = _state(consumer, place)
    return 0 if state is None else int(state.highwater or 0)


class Silences:
    """Finds where nothing is left to read although the end lies ahead: compaction may remove a topic's last records.

    A fetch that brings nothing does not tell by itself, since another partition may have used up the response. Only a
    response without any data does, of a fetch from where the consumer still stands.
    """

    def __init__(self) -> None:
        self._seen: dict[Any, tuple[int, int]] = {}
        """By partition, where the consumer stood when it was looked at, and the time of the last response then."""

    def reach(self, consumer: Any, place: Any) -> int:
        """The offset below which there is nothing left to read; 0 where that is not known."""
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
        # Brokers of before transactions, and stand-ins, give no last stable offset.
        return int(state.highwater if state.lso in (None, -1) else state.lso)
