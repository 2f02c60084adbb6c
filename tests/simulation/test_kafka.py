"""The simulated Kafka does what the real one does: the same behaviours."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from aiokafka import TopicPartition

from tests.contract.test_kafka_behaviours import PARTITIONS, KafkaBehaviours, clients, group, topic
from tests.simulation import kafka as simulated
from tests.simulation.kafka import Kafka
from tests.simulation.servers import Network

__all__ = ["clients", "group", "topic"]


class _Transaction:
    def __init__(self, transaction: simulated.Transaction) -> None:
        self._transaction = transaction

    async def write(self, topic: str, partition: int, *values: bytes) -> None:
        for value in values:
            self._transaction.append(topic, b"k", value, (), partition)

    async def end(self, *, committed: bool) -> None:
        self._transaction.end(committed=committed)


class SimulatedBroker:
    """The simulated Kafka and its clients."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        names = {"plain": PARTITIONS, "compacted": PARTITIONS}
        self._kafka = Kafka(Network(rng), rng, lambda: asyncio.get_running_loop().time(), names)

    async def topic(self, *, compacted: bool = False) -> str:
        return "compacted" if compacted else "plain"

    def consumer(self, group: str | None = None) -> Any:
        return self._kafka.consumer(group_id=group)

    def producer(self) -> Any:
        return self._kafka.producer()

    async def begin(self) -> _Transaction:
        return _Transaction(self._kafka.begin())

    async def compact(self, topic: str) -> None:
        self._kafka.compact(topic, 0, tombstones=True)

    async def delete_before(self, place: TopicPartition, offset: int) -> None:
        self._kafka.logs[place].delete_before(offset)

    async def expel(self, consumer: Any) -> None:
        consumer._task.cancel()
        consumer._group.leave(consumer)


@pytest.mark.parametrize("seed", range(3))
class TestSimulated(KafkaBehaviours):
    """With several orders and cuts."""

    @pytest.fixture
    def broker(self, seed: int) -> SimulatedBroker:
        return SimulatedBroker(seed)
