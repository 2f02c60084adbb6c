"""What our code presumes of Kafka and of its client, a behaviour each: on a real broker, with aiokafka.

The simulated one holds the same: tests/simulation/test_kafka.py.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, Protocol

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, ConsumerStoppedError, IllegalStateError
from confluent_kafka import TopicPartition as OfAdmin
from confluent_kafka.admin import AdminClient, NewTopic

from homecall.runtime.kafka.connection import connection
from homecall.runtime.kafka.consuming import ToEnd, consumer_options
from homecall.runtime.kafka.fetching import high_watermark, position_at_rest
from homecall.runtime.settings import load_settings
from tests.infrastructure import stack

PARTITIONS = 2
_SESSION_MS = 1_000


class Transaction(Protocol):
    """What somebody else writes together."""

    async def write(self, topic: str, partition: int, *values: bytes) -> None: ...
    async def end(self, *, committed: bool) -> None: ...


class Broker(Protocol):
    """A broker, and the clients that our code has for it, not started."""

    async def topic(self, *, compacted: bool = False) -> str:
        """A new topic with ``PARTITIONS`` partitions; its name."""

    def consumer(self, group: str | None = None) -> Any: ...
    def producer(self) -> Any: ...
    async def begin(self) -> Transaction: ...

    async def compact(self, topic: str) -> None:
        """Compact what is there; its last record may stay as it is."""

    async def delete_before(self, place: TopicPartition, offset: int) -> None: ...

    async def expel(self, consumer: Any) -> None:
        """Let a member be silent until it is put out of its group."""


class Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """What a member was told of its partitions."""

    def __init__(self) -> None:
        self.told: list[tuple[str, set[TopicPartition]]] = []

    async def on_partitions_revoked(self, revoked: Any) -> None:
        self.told.append(("revoked", set(revoked)))

    async def on_partitions_assigned(self, assigned: Any) -> None:
        self.told.append(("assigned", set(assigned)))


class Clients:
    """Clients of a test, started; stopped at its end."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._started: list[Any] = []

    async def producer(self) -> Any:
        producer = self._broker.producer()
        await producer.start()
        self._started.append(producer)
        return producer

    async def reader(self, *places: TopicPartition) -> Any:
        """A consumer without a group that holds these partitions, at their beginning."""
        consumer = self._broker.consumer()
        await consumer.start()
        self._started.append(consumer)
        consumer.assign(places)
        await consumer.seek_to_beginning()
        return consumer

    async def member(self, group: str, topic: str, listener: Listener | None = None) -> Any:
        """A member of a group, once it has been assigned partitions."""
        consumer = self._broker.consumer(group)
        told = listener or Listener()
        consumer.subscribe([topic], listener=told)
        await consumer.start()
        self._started.append(consumer)
        await until(lambda: bool(consumer.assignment()))
        return consumer

    async def stop(self) -> None:
        await asyncio.gather(*(each.stop() for each in self._started), return_exceptions=True)


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 20) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.05)


async def send(producer: Any, topic: str, *values: bytes, key: bytes | None = b"k") -> int:
    """Send values in this order, and await that all are there; the partition of their key."""
    sent = [await producer.send(topic, value, key=key, headers=[("n", b"1")]) for value in values]
    found = await asyncio.gather(*sent)
    return 0 if found[0] is None else int(found[0].partition)


async def read(consumer: Any, count: int) -> list[Any]:
    """The next records, in the order in which they came; fails if these do not come."""
    found: list[Any] = []

    async def more() -> bool:
        for records in (await consumer.getmany(timeout_ms=200)).values():
            found.extend(records)
        return len(found) >= count

    await until(more)
    assert len(found) == count, found
    return found


async def nothing(consumer: Any) -> None:
    """Fails if a record comes within a moment."""
    assert await consumer.getmany(timeout_ms=600) == {}


def values(records: Sequence[Any]) -> list[bytes]:
    return [each.value for each in records]


@pytest.fixture
async def clients(broker: Broker) -> AsyncIterator[Clients]:
    found = Clients(broker)
    yield found
    await found.stop()


@pytest.fixture
async def topic(broker: Broker) -> str:
    return await broker.topic()


@pytest.fixture
def group() -> str:
    return f"group-{uuid.uuid4().hex[:12]}"


class KafkaBehaviours:
    """Held by every broker that gives its ``broker`` fixture."""

    # ---- records

    async def test_records_of_a_key_come_in_the_order_sent_whatever_the_cuts(
        self, clients: Clients, topic: str
    ) -> None:
        producer = await clients.producer()
        sent = [f"{number}".encode() for number in range(300)]
        await send(producer, topic, *sent)
        reader = await clients.reader(*(TopicPartition(topic, number) for number in range(PARTITIONS)))
        found = await read(reader, 300)
        assert values(found) == sent
        assert [each.offset for each in found] == list(range(300))
        assert len({each.partition for each in found}) == 1
        assert (found[0].topic, found[0].key, [*found[0].headers]) == (topic, b"k", [("n", b"1")])
        assert found[0].timestamp <= found[-1].timestamp

    async def test_a_record_may_lack_its_key_or_its_value_and_the_value_of_a_header(
        self, clients: Clients, topic: str
    ) -> None:
        producer = await clients.producer()
        await (await producer.send(topic, None, key=b"k", headers=[("empty", None)]))
        await (await producer.send(topic, b"v", key=None, headers=[]))
        with pytest.raises(AssertionError):
            await producer.send(topic, None, key=None)
        reader = await clients.reader(*(TopicPartition(topic, number) for number in range(PARTITIONS)))
        found = {(each.key, each.value, *each.headers) for each in await read(reader, 2)}
        assert found == {(b"k", None, ("empty", None)), (None, b"v")}

    async def test_a_reader_waits_no_longer_than_it_was_told_to(self, clients: Clients, topic: str) -> None:
        reader = await clients.reader(TopicPartition(topic, 0))
        assert await reader.getmany(timeout_ms=50) == {}

    async def test_no_more_records_come_than_were_asked_for(self, clients: Clients, topic: str) -> None:
        await send(await clients.producer(), topic, *[b"x"] * 20)
        reader = await clients.reader(*(TopicPartition(topic, number) for number in range(PARTITIONS)))
        got: list[int] = []

        async def more() -> bool:
            found = await reader.getmany(timeout_ms=200, max_records=3)
            got.append(sum(map(len, found.values())))
            return sum(got) == 20

        await until(more)
        assert max(got) <= 3

    async def test_positions_ends_and_beginnings_are_told(self, clients: Clients, topic: str) -> None:
        partition = (await read_all_of(clients, topic, b"a", b"b"))[0].partition
        place = TopicPartition(topic, partition)
        reader = await clients.reader(place)
        assert await reader.position(place) == 0
        assert await reader.end_offsets([place]) == {place: 2}
        assert await reader.beginning_offsets([place]) == {place: 0}
        await read(reader, 2)
        assert await reader.position(place) == 2
        reader.seek(place, 1)
        assert values(await read(reader, 1)) == [b"b"]
        with pytest.raises(IllegalStateError):
            await reader.position(TopicPartition(topic, 1 - partition))

    async def test_a_paused_partition_gives_nothing_until_it_goes_on(self, clients: Clients, topic: str) -> None:
        place = TopicPartition(topic, (await read_all_of(clients, topic, b"a"))[0].partition)
        reader = await clients.reader(place)
        reader.pause(place)
        assert reader.paused() == {place}
        await nothing(reader)
        reader.resume(place)
        assert values(await read(reader, 1)) == [b"a"]

    async def test_a_stopped_reader_says_so(self, clients: Clients, topic: str) -> None:
        reader = await clients.reader(TopicPartition(topic, 0))
        await reader.stop()
        with pytest.raises(ConsumerStoppedError):
            await reader.getmany(timeout_ms=10)

    # ---- groups

    async def test_a_member_begins_at_the_earliest_record_and_then_at_what_was_committed(
        self, clients: Clients, topic: str, group: str
    ) -> None:
        place = TopicPartition(topic, (await read_all_of(clients, topic, b"a", b"b", b"c"))[0].partition)
        first = await clients.member(group, topic)
        assert values(await read(first, 3)) == [b"a", b"b", b"c"]
        assert await first.committed(place) is None
        await first.commit({place: 2})
        assert await first.committed(place) == 2
        found = await first._coordinator.fetch_committed_offsets([place, TopicPartition(topic, 1 - place.partition)])
        assert {at: each.offset for at, each in found.items() if each.offset >= 0} == {place: 2}
        await first.stop()
        assert values(await read(await clients.member(group, topic), 1)) == [b"c"]

    async def test_a_partition_that_is_not_held_cannot_be_committed(
        self, clients: Clients, topic: str, group: str
    ) -> None:
        member = await clients.member(group, topic)
        with pytest.raises(IllegalStateError):
            await member.commit({TopicPartition(topic, PARTITIONS): 1})

    async def test_a_rebalance_does_not_wait_for_a_handler_and_what_was_not_committed_comes_again(
        self, clients: Clients, topic: str, group: str
    ) -> None:
        told = Listener()
        first = await clients.member(group, topic, told)
        place = TopicPartition(topic, (await read_all_of(clients, topic, b"a", b"b"))[0].partition)
        assert values(await read(first, 2)) == [b"a", b"b"]  # and now its handler takes long
        second = await clients.member(group, topic)
        await until(lambda: len(first.assignment()) == len(second.assignment()) == 1)
        await until(lambda: told.told[-1] == ("assigned", first.assignment()))
        assert first.assignment() | second.assignment() == {TopicPartition(topic, each) for each in range(PARTITIONS)}
        both = {TopicPartition(topic, number) for number in range(PARTITIONS)}
        assert told.told[-2] == ("revoked", both)
        holder, other = (first, second) if place in first.assignment() else (second, first)
        assert values(await read(holder, 2)) == [b"a", b"b"]
        with pytest.raises(IllegalStateError):
            await other.commit({place: 2})
        await holder.commit({place: 2})

    async def test_who_was_put_out_of_its_group_reads_on_and_cannot_commit(
        self, clients: Clients, broker: Broker, topic: str, group: str
    ) -> None:
        zombie = await clients.member(group, topic)
        producer = await clients.producer()
        await send(producer, topic, b"a")
        (found,) = await read(zombie, 1)
        place = TopicPartition(topic, found.partition)
        await broker.expel(zombie)
        await send(producer, topic, b"b")
        assert values(await read(zombie, 1)) == [b"b"]
        with pytest.raises(CommitFailedError):
            await zombie.commit({place: 2})
        heir = await clients.member(group, topic)
        await until(lambda: len(heir.assignment()) == PARTITIONS)
        assert values(await read(heir, 2)) == [b"a", b"b"]

    # ---- transactions

    async def test_what_was_aborted_is_passed_over_with_its_marker(
        self, clients: Clients, broker: Broker, topic: str
    ) -> None:
        place = TopicPartition(topic, 0)
        for committed, value in ((True, b"a"), (False, b"never"), (True, b"b"), (False, b"never")):
            writing = await broker.begin()
            await writing.write(topic, 0, value)
            await writing.end(committed=committed)
        reader = await clients.reader(place)
        found = await read(reader, 2)
        assert values(found) == [b"a", b"b"]
        assert [each.offset for each in found] == [0, 4]
        assert await reader.end_offsets([place]) == {place: 8}
        reading = ToEnd(reader, {place: 8})

        async def at_the_end() -> bool:
            assert await reader.getmany(timeout_ms=100) == {}
            return not await reading.left()

        await until(at_the_end)
        assert await reader.position(place) == 8
        assert position_at_rest(reader, place, 5) == 8
        assert position_at_rest(reader, place, 4) is None, "a record was handed out behind it"

    async def test_an_open_transaction_holds_back_what_comes_after_it(
        self, clients: Clients, broker: Broker, topic: str
    ) -> None:
        place = TopicPartition(topic, 0)
        reader = await clients.reader(place)
        writing, other = await broker.begin(), await broker.begin()
        await writing.write(topic, 0, b"a")
        await other.write(topic, 0, b"b")
        await other.end(committed=True)
        await nothing(reader)
        assert await reader.end_offsets([place]) == {place: 0}
        await until(lambda: high_watermark(reader, place) == 3)
        await writing.end(committed=True)
        found = await read(reader, 2)
        assert [(each.value, each.offset) for each in found] == [(b"a", 0), (b"b", 1)]

    # ---- what the broker removes

    async def test_of_a_compacted_topic_the_newest_of_a_key_is_left_at_its_offset(
        self, clients: Clients, broker: Broker
    ) -> None:
        topic = await broker.topic(compacted=True)
        producer = await clients.producer()
        for key, value in ((b"k", b"1"), (b"l", b"1"), (b"k", b"2"), (b"k", b"3"), (b"l", None)):
            await (await producer.send(topic, value, key=key, headers=[]))
        places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        before = {each.value: each for each in await read(await clients.reader(*places), 5) if each.key == b"k"}
        await broker.compact(topic)
        reader = await clients.reader(*places)
        found: list[Any] = []

        async def newest() -> bool:
            for records in (await reader.getmany(timeout_ms=200)).values():
                found.extend(each for each in records if each.key == b"k")
            return bool(found)

        await until(newest)
        assert [(each.value, each.offset) for each in found] == [(b"3", before[b"3"].offset)]
        # Who stood before a record that is gone gets the next one.
        place = TopicPartition(topic, found[0].partition)
        reader.seek(place, before[b"1"].offset)
        found.clear()
        await until(newest)
        assert found[0].value == b"3"

    async def test_who_stands_before_what_was_deleted_goes_on_at_the_earliest_record(
        self, clients: Clients, broker: Broker, topic: str, group: str
    ) -> None:
        place = TopicPartition(topic, (await read_all_of(clients, topic, b"a", b"b", b"c"))[0].partition)
        member = await clients.member(group, topic)
        await read(member, 3)
        await member.commit({place: 1})
        await member.stop()
        reader = await clients.reader(place)
        await broker.delete_before(place, 2)
        assert await reader.beginning_offsets([place]) == {place: 2}
        assert await reader.end_offsets([place]) == {place: 3}
        reader.seek(place, 0)
        assert values(await read(reader, 1)) == [b"c"]
        assert values(await read(await clients.member(group, topic), 1)) == [b"c"]


async def read_all_of(clients: Clients, topic: str, *sent: bytes) -> list[Any]:
    """Send these under one key, and read them back."""
    await send(await clients.producer(), topic, *sent)
    reader = await clients.reader(*(TopicPartition(topic, number) for number in range(PARTITIONS)))
    return await read(reader, len(sent))


# ---------------------------------------------------------------- real Kafka

_PROPERTIES = {
    "group.min.session.timeout.ms": "300",
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.backoff.ms": "100",
    "log.initial.task.delay.ms": "100",
}
_COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": "60000",
}


class _RealTransaction:
    def __init__(self, producer: Any) -> None:
        self._producer = producer

    async def write(self, topic: str, partition: int, *values: bytes) -> None:
        for value in values:
            await self._producer.send_and_wait(topic, value, key=b"k", partition=partition)

    async def end(self, *, committed: bool) -> None:
        await (self._producer.commit_transaction() if committed else self._producer.abort_transaction())
        await self._producer.stop()


class RealBroker:
    """Apache Kafka with the clients as our code makes them, but for short sessions."""

    def __init__(self, address: str) -> None:
        self._settings = load_settings(_env_file=None, kafka_bootstrap=address)
        self._admin = AdminClient({"bootstrap.servers": address, "log_level": 2})
        self._numbers = itertools.count()

    async def topic(self, *, compacted: bool = False) -> str:
        name = f"topic-{next(self._numbers)}"
        new = NewTopic(name, PARTITIONS, 1, config=_COMPACTED if compacted else {})
        for future in self._admin.create_topics([new]).values():
            future.result(30)
        return name

    def consumer(self, group: str | None = None) -> Any:
        options = consumer_options(self._settings, "behaviours")
        if group is not None:
            options |= {
                "group_id": group,
                "partition_assignment_strategy": (RangePartitionAssignor,),
                "session_timeout_ms": _SESSION_MS,
                "heartbeat_interval_ms": _SESSION_MS // 4,
                "rebalance_timeout_ms": 10_000,
            }
        return AIOKafkaConsumer(**options, fetch_max_wait_ms=100, metadata_max_age_ms=1_000)

    def producer(self) -> Any:
        return AIOKafkaProducer(**connection(self._settings), acks="all", enable_idempotence=True)

    async def begin(self) -> Transaction:
        producer = AIOKafkaProducer(**connection(self._settings), transactional_id=uuid.uuid4().hex)
        await producer.start()
        await producer.begin_transaction()
        return _RealTransaction(producer)

    async def compact(self, topic: str) -> None:
        reader, producer = self.consumer(), self.producer()
        places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        await asyncio.gather(reader.start(), producer.start())
        try:
            reader.assign(places)

            async def compacted() -> bool:
                # A segment is closed, and can be compacted, once a record comes when it is old.
                for place in places:
                    await producer.send_and_wait(topic, b"", key=b"filler", partition=place.partition)
                await reader.seek_to_beginning()
                ends = await reader.end_offsets(places)
                keys: list[bytes | None] = []

                async def read_to_end() -> bool:
                    for records in (await reader.getmany(timeout_ms=100)).values():
                        keys.extend(each.key for each in records)
                    return all([await reader.position(place) >= ends[place] for place in places])

                await until(read_to_end)
                return keys.count(b"k") == 1

            await until(compacted, 40)
        finally:
            await asyncio.gather(reader.stop(), producer.stop())

    async def delete_before(self, place: TopicPartition, offset: int) -> None:
        deleting = self._admin.delete_records([OfAdmin(place.topic, place.partition, offset)])
        for future in deleting.values():
            future.result(30)

    async def expel(self, consumer: Any) -> None:
        coordinator = consumer._coordinator

        async def unsent() -> bool:
            return True

        coordinator._do_heartbeat = unsent
        group = coordinator.group_id

        async def empty() -> bool:
            (asked,) = self._admin.describe_consumer_groups([group]).values()
            return not asked.result(10).members

        await until(empty)


@pytest.fixture(scope="module")
def real_kafka() -> Iterator[stack.Server]:
    """A broker with short sessions that compacts at once."""
    with stack.own_kafka(properties=_PROPERTIES) as server:
        yield server


class TestKafka(KafkaBehaviours):
    """On a real broker."""

    @pytest.fixture(scope="class")
    @classmethod
    def broker(cls, real_kafka: stack.Server) -> RealBroker:
        return RealBroker(real_kafka.address)
