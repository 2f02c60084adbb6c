"""Kafka's record batches, read with limits. A placeholder record replaces what exceeds them.

A publisher's compressed batch may unpack to any size, and the broker takes it. The placeholder becomes a dead letter,
so that the partition continues and the operator learns of it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

from homecall.contract.topics import DEAD_LETTERS, LARGEST_VALUE
from homecall_client.unpacking import Damaged, TooLarge, unpack

LARGEST_BATCH: Final = 32 * 1024 * 1024
"""What a compressed batch may unpack to: 32 times the largest record of a topic."""
MOST_RECORDS: Final = 100_000
"""In a batch larger than ``_USUAL``."""
MOST_HEADERS: Final = 1_000
"""Of one record."""
_USUAL: Final = DEAD_LETTERS.max_message_bytes
"""The size of the largest uncompressed record: batches up to this size need no closer look."""
_LEGIBLE: Final = 4 * 1024 * 1024
"""Repairing header names takes time: only in batches up to this size."""

# Of Kafka's record batch, version 2: the offsets of its fields, and of its compressed part.
_FRAME, _MAGIC, _OLD_ATTRIBUTES, _ATTRIBUTES, _LAST, _NEWEST, _COUNT, _RECORDS = 12, 16, 17, 21, 23, 35, 57, 61
_CODEC_BITS, _APPENDED_BIT = 0x07, 0x08
_NOTHING: Final = b"\x01\x01\x00"
"""No key, no value, no headers."""


class NotRead(bytes):
    """An empty value in place of one that was not read; ``why`` says why, and where it is."""

    why: str = ""


def not_read(why: str) -> NotRead:
    value = NotRead()
    value.why = why
    return value


class _Beyond(Exception):
    """Why a whole batch is not read."""


@dataclass(frozen=True, slots=True)
class _InPlace:
    """A placeholder record."""

    offset: int
    timestamp: int
    timestamp_type: int
    value: NotRead
    key: None = None
    checksum: None = None
    headers: tuple[()] = ()


class Records:
    """The batches of a partition, in place of aiokafka's class of them."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._records = MemoryRecords(raw)
        self._next = 0
        self.unpacked = 0
        """The unpacked size of the current batch, in bytes."""

    def has_next(self) -> bool:
        return bool(self._records.has_next())

    def size_in_bytes(self) -> int:
        return int(self._records.size_in_bytes())

    def next_batch(self) -> Batch:
        begins = self._next
        self._next += _FRAME + struct.unpack_from(">i", self._raw, begins + 8)[0]
        self.unpacked = 0
        return Batch(self._records.next_batch(), memoryview(self._raw)[begins : self._next], self)


class Batch:
    """A batch whose records are read within the limits. In header names, bytes that are not UTF-8 become ``?``."""

    def __init__(self, batch: Any, raw: memoryview, records: Records) -> None:
        self._batch = batch
        self._raw = raw
        self._records = records

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            plain, cut = self._plain()
            self._records.unpacked = 0 if plain is None else len(plain)
            source = self._batch if plain is None else DefaultRecordBatch(plain)
            read = 0
            try:
                for record in source:
                    read += 1
                    yield self._within(record, cut)
            except UnicodeDecodeError:
                size = len(self._raw) if plain is None else len(plain)
                if size > _LEGIBLE:
                    raise _Beyond("has header names that are no UTF-8: name headers in ASCII") from None
                again = DefaultRecordBatch(legible(self._raw if plain is None else plain))
                for record in islice(again, read, None):
                    yield self._within(record, cut)
        except _Beyond as error:
            # At the last offset, so that a consumer anywhere in the batch still gets it.
            last = self._batch.next_offset - 1
            why = f"the batch at offsets {self._batch.base_offset} to {last} was skipped as a whole: it {error}"
            yield self._in_place(last, struct.unpack_from(">q", self._raw, _NEWEST)[0], why)

    def _plain(self) -> tuple[bytes | None, frozenset[int]]:
        """The uncompressed batch, None if it came so, and the offsets of the records cut out of it."""
        if self._raw[_MAGIC] < 2:
            if self._raw[_OLD_ATTRIBUTES] & _CODEC_BITS:
                raise _Beyond("is compressed in a format from before Kafka 0.11: use a newer client")
            return None, frozenset()
        codec = self._raw[_ATTRIBUTES + 1] & _CODEC_BITS
        if not codec:
            return None, frozenset()
        packed = self._raw[_RECORDS:]
        try:
            body = unpack(codec, packed, LARGEST_BATCH)
        except TooLarge:
            raise _Beyond(
                f"unpacks to more than {LARGEST_BATCH:,} bytes: send its records again, in smaller batches"
            ) from None
        except Damaged as error:
            # Its checksum is right, so fetching it again does not help.
            raise _Beyond(
                f"cannot be decompressed ({error}): send its records again, compressed another way or not at all"
            ) from error
        head = bytearray(self._raw[:_RECORDS])
        head[_ATTRIBUTES + 1] &= ~_CODEC_BITS & 0xFF
        (count,) = struct.unpack_from(">i", head, _COUNT)
        if len(body) <= _USUAL:
            return bytes(head) + body, frozenset()
        if count > MOST_RECORDS:
            raise _Beyond(
                f"holds {count:,} records in {len(body):,} bytes, where {MOST_RECORDS:,} are allowed: send its records "
                "again, in smaller batches"
            )
        parts, cut = _without_giants(body, count)
        base = self._batch.base_offset
        return b"".join((head, *parts)), frozenset(base + delta for delta in cut)

    def _within(self, record: Any, cut: frozenset[int]) -> Any:
        if record.offset in cut:
            why = (
                f"the record is too large: its value may have {LARGEST_VALUE:,} bytes, key and headers "
                f"{_USUAL:,}: send a smaller one"
            )
        elif len(record.headers) > MOST_HEADERS:
            why = f"the record has {len(record.headers):,} headers: send at most {MOST_HEADERS:,}"
        else:
            return record
        return self._in_place(record.offset, record.timestamp, f"{why}; it was not read, and is not kept here")

    def _in_place(self, offset: int, timestamp: int, why: str) -> _InPlace:
        kind = int(bool(self._raw[_ATTRIBUTES + 1] & _APPENDED_BIT))
        return _InPlace(offset, timestamp, kind, not_read(why))


def _without_giants(body: bytes, count: int) -> tuple[list[memoryview | bytes], list[int]]:
    """The records in pieces, those that are too large emptied, and the offsets of these within the batch."""
    parts: list[memoryview | bytes] = []
    cut: list[int] = []
    at = kept = 0
    for _ in range(count):
        begins = at
        length, at = decode_varint(body, at)
        ends = at + length
        if length < 0 or ends > len(body):
            break  # malformed, as reading the records will show
        if length > _USUAL:
            inside = at + 1  # the record's attributes
            _, inside = decode_varint(body, inside)  # how much later than the first one
            delta, inside = decode_varint(body, inside)
            key, after_key = decode_varint(body, inside)
            value, _ = decode_varint(body, after_key + max(0, key)) if after_key + key < ends else (0, 0)
            if value > LARGEST_VALUE or length - max(0, value) > _USUAL:
                short = body[at:inside] + _NOTHING
                parts += [memoryview(body)[kept:begins], bytes([2 * len(short)]), short]
                cut.append(delta)
                kept = ends
        at = ends
    return [*parts, memoryview(body)[kept:]], cut


def legible(batch: bytes | memoryview) -> bytearray:
    """An uncompressed record batch whose header names are UTF-8: in those that were not, non-ASCII bytes become ``?``.

    The checksum is not updated.
    """
    body = bytearray(batch)
    at = _RECORDS
    for _ in range(struct.unpack_from(">i", body, _COUNT)[0]):
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
    return body


def _after(body: bytearray, at: int) -> int:
    """The position after length-prefixed bytes; a length of -1 stands for none."""
    length, at = decode_varint(body, at)
    return int(at + max(0, length))
