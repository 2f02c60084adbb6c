"""All that topics hold, read from their beginning."""

from __future__ import annotations

import functools
import json
import threading
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    Consumer,
    KafkaError,
    TopicPartition,
)

from homecall.contract.topics import TYPE_PREFIX


@dataclass
class Heard:
    """An event read from a topic."""

    topic: str
    partition: int
    offset: int
    key: str
    headers: dict[str, str]
    value: bytes
    original: Any = None
    """The record as the client gave it: key, value and headers in bytes, or None."""

    @property
    def type(self) -> str:
        return self.headers.get("ce_type", "").removeprefix(TYPE_PREFIX)

    @property
    def id(self) -> str:
        return self.headers.get("ce_id", "")

    @property
    def dead(self) -> bool:
        """Whether it is a dead letter."""
        return "homecall-dead-reason" in self.headers

    @functools.cached_property
    def data(self) -> dict[str, Any]:
        """What it says; read once, and not to be changed."""
        data: dict[str, Any] = json.loads(self.value)
        return data


class Reader(threading.Thread):
    """Reads topics from their beginning, without a group that anybody shares."""

    def __init__(self, bootstrap: str, topics: Iterable[str]) -> None:
        super().__init__(daemon=True)
        self.heard: list[Heard] = []
        self.read_to: dict[tuple[str, int], int] = {}
        """By topic and partition, the offset after the last record that was read."""
        self._ending = threading.Event()
        self._ended: set[tuple[str, int]] = set()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"reader-{uuid.uuid4().hex}",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "topic.metadata.refresh.interval.ms": 2000,
                "log_level": 2,
            }
        )
        known = self._consumer.list_topics(timeout=10).topics
        self._places = [TopicPartition(name, number, 0) for name in topics for number in known[name].partitions]
        self._consumer.assign(self._places)

    def run(self) -> None:
        while not self._ending.is_set():
            for message in self._consumer.consume(1000, 0.2):
                place = (message.topic(), message.partition())
                if message.error() is not None:
                    if message.error().code() == KafkaError._PARTITION_EOF:
                        self._ended.add(place)
                    continue
                self._ended.discard(place)
                self.heard.append(
                    Heard(
                        message.topic(),
                        message.partition(),
                        message.offset(),
                        (message.key() or b"").decode("utf-8", "replace"),
                        {name: (value or b"").decode("utf-8", "replace") for name, value in message.headers() or ()},
                        message.value() or b"",
                        message,
                    )
                )
                self.read_to[place] = message.offset() + 1
        self._consumer.close()

    def at_end(self) -> bool:
        """Whether all that the topics held a moment ago has been read."""
        return len(self._ended) == len(self._places)

    def end(self) -> None:
        self._ending.set()
        self.join(10)
