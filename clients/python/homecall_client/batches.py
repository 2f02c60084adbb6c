"""Batches of statuses, read with a limit: one that unpacks to more than Homecall ever sends is skipped."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Iterator
from contextvars import ContextVar, copy_context
from typing import Any, Final

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch

from homecall_client.unpacking import Damaged, TooLarge, unpack

LARGEST_BATCH: Final = 2 * 1024 * 1024
"""Twice what the topic takes in one piece; Homecall's own batches have 256 KiB."""
MOST_HEADERS: Final = 1_000
MOST_RECORDS: Final = 25
"""Handed out together: large ones of many batches must not come together."""

# Of Kafka's record batch, version 2: where its fields stand, and what of it is compressed.
_FRAME, _MAGIC, _OLD_ATTRIBUTES, _ATTRIBUTES, _RECORDS = 12, 16, 17, 21, 61
_CODEC_BITS = 0x07

_limited: ContextVar[bool] = ContextVar("limited", default=False)
_log = logging.getLogger("homecall_client")


async def start_limited(consumer: Any) -> None:
    """Start a consumer of aiokafka's that reads within the limits; other consumers of the process read as before."""
    if not isinstance(fetcher.MemoryRecords, _Factory):
        fetcher.MemoryRecords = _Factory(fetcher.MemoryRecords)
    context = copy_context()
    context.run(_limited.set, True)
    # The tasks that fetch are made in here, and inherit the context.
    await asyncio.create_task(consumer.start(), context=context)


class _Factory:
    """Makes the batches of a fetch response, in place of aiokafka's class of them."""

    def __init__(self, before: Any) -> None:
        self._before = before

    def __call__(self, raw: bytes) -> Any:
        records = self._before(raw)
        return _Records(raw, records) if _limited.get() else records


class _Records:
    def __init__(self, raw: bytes, records: Any) -> None:
        self._raw = raw
        self._records = records
        self._next = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

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

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            source = self._plain()
        except (TooLarge, Damaged) as error:
            _log.warning(
                "the batch at offsets %d to %d was skipped: %s",
                self._batch.base_offset,
                self._batch.next_offset - 1,
                f"it unpacks to more than {LARGEST_BATCH:,} bytes" if isinstance(error, TooLarge) else error,
            )
            return
        for record in source:
            if len(record.headers) <= MOST_HEADERS:
                yield record

    def _plain(self) -> Any:
        if self._raw[_MAGIC] < 2:
            if self._raw[_OLD_ATTRIBUTES] & _CODEC_BITS:
                raise Damaged("it is compressed in a format from before Kafka 0.11")
            return self._batch
        codec = self._raw[_ATTRIBUTES + 1] & _CODEC_BITS
        if not codec:
            return self._batch
        head = bytearray(self._raw[:_RECORDS])
        head[_ATTRIBUTES + 1] &= ~_CODEC_BITS & 0xFF
        return DefaultRecordBatch(bytes(head) + unpack(codec, self._raw[_RECORDS:], LARGEST_BATCH))
