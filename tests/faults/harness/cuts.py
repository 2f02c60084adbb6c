"""A service's subscription, pipeline and producer on a real broker, whose connections close during commits.

In one process and on uvloop, as in production. What the records say does not matter: each becomes one dead letter.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from homecall.contract.envelope import Incoming
from homecall.contract.topics import DEAD_LETTERS, REQUESTS
from homecall.runtime.clock import SystemClock
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.kafka.errors import ended
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.kafka.subscription import Subscription
from homecall.runtime.pipeline import Pipeline
from homecall.runtime.settings import Settings
from tests.infrastructure import stack


class Nothing:
    """A handler that nothing reaches: no record can be read."""

    async def handle(self, batch: Sequence[Incoming], now: datetime) -> BatchResult:
        raise AssertionError((len(batch), now))


def cut(client: Any) -> int:
    """Close the transport of each connection, as a broker's end does, and leave the client to find out."""
    connections = list(client._conns.values())
    for each in connections:
        if each._writer is not None:
            each._writer.transport.close()
    return len(connections)


class Bench:
    """A service's subscription, pipeline and producer."""

    def __init__(self, bootstrap: str) -> None:
        settings = Settings(kafka_bootstrap=bootstrap, kafka_session_timeout_ms=6_000)
        self.failures: list[Exception] = []
        self.producer = Producer(settings, "cut")
        self.line = Pipeline(
            "intake", Nothing(), self.producer, SystemClock(), overlap=True, failed=self.failures.append
        )
        self.subscription = Subscription(settings, "intake", (REQUESTS,), self.line.on_batch)
        self.committed: dict[TopicPartition, int] = {}
        self.cuts = 0

    @property
    def consumer(self) -> Any:
        return self.subscription._subscriber.consumer

    def cut_at_commits(self, number: int) -> None:
        """From now on so many commits are on their way when the connections close."""
        commit = self.consumer.commit

        async def cutting(offsets: Mapping[TopicPartition, int]) -> None:
            if self.cuts < number:
                self.cuts += 1
                loop = asyncio.get_running_loop()
                # Before the request is written, and after it: by turns.
                if self.cuts % 2:
                    cut(self.consumer._client)
                else:
                    loop.call_soon(cut, self.consumer._client)
                if self.cuts % 5 == 0 and self.producer._producer is not None:
                    cut(self.producer._producer.client)
            await commit(offsets)
            self.committed.update(offsets)

        self.consumer.commit = cutting


async def carry_out(broker: stack.Server, cuts: int, *, kill_every: int = 0) -> None:
    """Publish until so many commits have lost their connection. Every so many of them the broker itself is killed.

    Raises what is wrong in the end: a record without its dead letter, an offset that is not committed, an end.
    """
    bootstrap = broker.address
    bench = Bench(bootstrap)
    await bench.producer.start()
    await bench.subscription.start()
    publisher = AIOKafkaProducer(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    await publisher.start()
    sent: list[tuple[int, int]] = []

    async def publish() -> None:
        while True:
            try:
                found = await publisher.send_and_wait(REQUESTS.name, b"{", key=str(len(sent)).encode())
            except KafkaError:
                continue  # the broker was killed: perhaps it was kept, which makes one letter more
            sent.append((found.partition, found.offset))
            return

    async def publish_soon() -> None:
        """So that a commit is on its way when the broker ends."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(publish(), 0.05)

    letters = AIOKafkaConsumer(DEAD_LETTERS.name, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await letters.start()
    buried: set[tuple[int, int]] = set()

    async def all_buried() -> None:
        while not set(sent) <= buried:
            for records in (await letters.getmany(timeout_ms=100)).values():
                for record in records:
                    headers = dict(record.headers)
                    buried.add((int(headers["homecall-dead-partition"]), int(headers["homecall-dead-offset"])))

    try:
        async with asyncio.timeout(60 + 3 * cuts):
            await publish()
            await all_buried()
            bench.cut_at_commits(cuts)
            killed = 0
            while bench.cuts < cuts:
                if kill_every and bench.cuts // kill_every > killed:
                    killed += 1
                    await asyncio.gather(asyncio.to_thread(broker.kill), publish_soon())
                    await asyncio.to_thread(broker.start)
                await publish()
            await all_buried()
            await bench.line.settled()
            ends = {TopicPartition(REQUESTS.name, place): offset + 1 for place, offset in sorted(sent)}
            assert {place: max(bench.committed.get(place, 0), end) for place, end in ends.items()} == {
                place: await bench.consumer.committed(place) for place in ends
            }

            # A client whose background has ended, each in turn, is replaced, and goes on where it stood.
            for part, task in (("_coordinator", "_coordination_task"), ("_fetcher", "_fetch_task")):
                getattr(getattr(bench.consumer, part), task).cancel()
                await asyncio.wait([getattr(getattr(bench.consumer, part), task)])
                assert ended(bench.consumer) == task.strip("_")
                await bench.subscription.look()
                assert ended(bench.consumer) is None
                await publish()
                await all_buried()
            bench.producer._producer._sender._sender_task.cancel()
            await publish()
            await all_buried()
        assert bench.failures == []
        assert not bench.line.stopping.is_set()
    finally:
        await bench.line.finish(5)
        await bench.subscription.stop()
        await bench.producer.stop()
        await publisher.stop()
        await letters.stop()


def run(broker: stack.Server, cuts: int, *, kill_every: int = 0) -> None:
    """See ``carry_out``."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(carry_out(broker, cuts, kill_every=kill_every))
