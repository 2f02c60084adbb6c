"""aiokafka's own fetcher, fed with responses of a broker that a test writes down, and batches to put into them."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from homecall.runtime.kafka import fetching

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
_CONTROL = 0x20


def records(first: int, *values: bytes, codec: str = "none", producer: int = -1) -> bytes:
    """A batch from this offset on; of a transaction where a ``producer`` is named."""
    builder = DefaultRecordBatchBuilder(2, CODECS[codec], int(producer >= 0), producer, 0, 0, 100_000)
    for place, value in enumerate(values):
        builder.append(place, 1_700_000_000_000 + place, b"key", value + b" " * 200, [])
    return _sealed(bytearray(builder.build()), first)


def marker(offset: int, producer: int, *, aborts: bool) -> bytes:
    """The end of a producer's transaction."""
    builder = DefaultRecordBatchBuilder(2, 0, 1, producer, 0, -1, 1_000)
    builder.append(0, 1_700_000_000_000, struct.pack(">HH", 0, 0 if aborts else 1), b"\0" * 6, [])
    made = bytearray(builder.build())
    made[22] |= _CONTROL
    return _sealed(made, offset)


def _sealed(made: bytearray, first: int) -> bytes:
    made[17:21] = struct.pack(">I", calc_crc32c(memoryview(made)[21:]))
    made[0:8] = struct.pack(">q", first)
    return bytes(made)


@dataclass(frozen=True)
class Answer:
    """What a broker says of one partition: its batches, its end, and up to where transactions are decided."""

    raw: bytes = b""
    high_watermark: int = 0
    stable: int | None = None
    """The last stable offset; None: the high watermark."""
    aborted: Sequence[tuple[int, int]] = ()
    """Of each aborted transaction the producer and its first offset."""


class Consumer:
    """A consumer of these partitions, read committed, that stands at their beginning."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *places: TopicPartition) -> None:
        fetching.make_safe()
        self.held = Assignment(list(places))
        for place in places:
            self.held.state_value(place).seek(0)
        self._subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=self.held))
        self._now = 1_800_000_000.0
        self._buffered: dict[TopicPartition, Any] = {}
        self._answers: Mapping[TopicPartition, Answer] = {}
        monkeypatch.setattr("time.time", lambda: self._now)
        self._fetcher = SimpleNamespace(
            _client=SimpleNamespace(send=self._send),
            _subscriptions=SimpleNamespace(reassignment_in_progress=False),
            _records=self._buffered,
            _notify=lambda _: None,
            _wait_consume_future=None,
            _client_rack=None,
            _rack_warning_logged=False,
            _key_deserializer=None,
            _value_deserializer=None,
            _check_crcs=True,
            _isolation_level=fetcher.READ_COMMITTED,
            _prefetch_backoff=0,
        )

    async def fetch(self, answers: Mapping[TopicPartition, Answer]) -> None:
        """Ask for these partitions from where the consumer stands; this is what a broker answers a moment later."""
        self._now += 0.1
        self._answers = answers
        asked: dict[str, list[tuple[int, int, int]]] = {}
        for place in answers:
            asked.setdefault(place.topic, []).append((place.partition, self.held.state_value(place).position, 1_000))
        request = FetchRequest(100, 1, 1_000, 1, list(asked.items()))
        await fetcher.Fetcher._proc_fetch_request(self._fetcher, self.held, 1, request)

    async def _send(self, _node: int, request: Any) -> Any:
        topics = []
        for topic, partitions in request.topics:
            found = []
            for partition, *_ in partitions:
                answer = self._answers[TopicPartition(topic, partition)]
                stable = answer.high_watermark if answer.stable is None else answer.stable
                found.append((partition, 0, answer.high_watermark, stable, list(answer.aborted), answer.raw))
            topics.append((topic, found))
        return SimpleNamespace(API_VERSION=4, topics=topics)

    async def getmany(self, most: int | None = None) -> dict[TopicPartition, list[Any]]:
        """What was fetched and not handed out yet."""
        found: dict[TopicPartition, list[Any]] = await fetcher.Fetcher.fetched_records(self._fetcher, (), 0, most)
        return found

    async def position(self, place: TopicPartition) -> int:
        return int(self.held.state_value(place).position)
