"""The stacks the tests and the demo run on do what all else builds on."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient, UpdateOne
from pymongo.errors import DuplicateKeyError

from homecall.demo.embedded import Child, DidNotStartError, embedded_stack, until
from tests.infrastructure import stack

TOPIC, WHOLE = "homecall.stack-test.v1", "homecall.stack-test-whole.v1"
TOPICS = {TOPIC: 6, WHOLE: 1}
SENT_AT = 1_795_405_800_123
# The embedded broker lets a group's second consumer wait that long, less 1 s; Kafka by default allows no less than 6 s.
SESSION_MS = 6000 if stack.kafka_way() == "environment" else 2000


@pytest.fixture(scope="module", params=["embedded", "chosen"])
def bootstrap(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "chosen":
        address = request.getfixturevalue("kafka").address
        if stack.kafka_way() == "pip":
            pytest.skip("the same as embedded in this run")
        stack.recreate_topics(address, TOPICS)
        yield address
        return
    with embedded_stack(topics=TOPICS) as pair:
        yield pair.bootstrap


@asynccontextmanager
async def producing(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, acks="all")
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def consuming(bootstrap: str, group: str | None, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=SESSION_MS // 3,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def take(consumer: AIOKafkaConsumer, count: int) -> list[ConsumerRecord]:
    records: list[ConsumerRecord] = []
    async with asyncio.timeout(30):
        while len(records) < count:
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records.extend(batch)
    return records


async def test_a_group_goes_on_from_what_it_committed(bootstrap: str, group_prefix: str) -> None:
    first, second = [f"{group_prefix}-{n}".encode() for n in (1, 2)]
    async with producing(bootstrap) as producer:
        headers = [("ce_id", b"1"), ("empty", b"")]
        await producer.send_and_wait(TOPIC, first, key=b"k", headers=headers, timestamp_ms=SENT_AT)
        async with consuming(bootstrap, group_prefix, TOPIC) as consumer:
            got = next(r for r in await take(consumer, 1) if r.value == first)
            await consumer.commit()
        assert (got.key, got.headers, got.timestamp) == (b"k", tuple(headers), SENT_AT)
        await producer.send_and_wait(TOPIC, second, key=b"k")
    async with consuming(bootstrap, group_prefix, TOPIC) as consumer:
        assert [r.value for r in await take(consumer, 1)] == [second]


async def test_two_groups_each_hear_everything(bootstrap: str, group_prefix: str) -> None:
    mine = {f"{group_prefix}-{n}".encode() for n in range(20)}
    async with (
        producing(bootstrap) as producer,
        consuming(bootstrap, f"{group_prefix}-a", TOPIC) as one,
        consuming(bootstrap, f"{group_prefix}-b", TOPIC) as other,
    ):
        await asyncio.gather(*[producer.send_and_wait(TOPIC, value, key=value) for value in mine])
        ends = sum((await one.end_offsets([TopicPartition(TOPIC, p) for p in range(6)])).values())
        for heard in await asyncio.gather(take(one, ends), take(other, ends)):
            assert mine <= {record.value for record in heard}


async def test_a_topic_is_read_whole_without_a_group(bootstrap: str) -> None:
    partition = TopicPartition(WHOLE, 0)
    async with producing(bootstrap) as producer, consuming(bootstrap, None) as reader:
        await asyncio.gather(*[producer.send_and_wait(WHOLE, b"%d" % n, key=b"k%d" % (n % 3)) for n in range(9)])
        reader.assign([partition])
        await reader.seek_to_beginning(partition)
        end = (await reader.end_offsets([partition]))[partition]
        records = await take(reader, 9)
        assert await reader.position(partition) == end
        assert {record.key: record.value for record in records} == {b"k0": b"6", b"k1": b"7", b"k2": b"8"}


def partitions(bootstrap: str, names: Iterable[str]) -> dict[str, int]:
    """How many each topic has: the embedded broker makes a topic that it is asked for."""
    client = AdminClient({"bootstrap.servers": bootstrap})
    return {name: len(client.list_topics(name, timeout=10).topics[name].partitions) for name in names}


def test_topics_have_the_partitions_asked_for(bootstrap: str) -> None:
    assert partitions(bootstrap, TOPICS) == TOPICS


def test_the_embedded_broker_makes_a_topic_when_it_is_touched() -> None:
    with embedded_stack() as pair:
        assert partitions(pair.bootstrap, ["homecall.new.v1"]) == {"homecall.new.v1": 4}


async def test_kafka_keeps_its_log_when_it_is_killed(fresh_kafka: stack.Server, group_prefix: str) -> None:
    if not fresh_kafka.keeps:
        pytest.skip("the embedded broker keeps nothing over a restart: needs real Kafka")
    stack.recreate_topics(fresh_kafka.address, {TOPIC: 1})
    async with producing(fresh_kafka.address) as producer:
        await producer.send_and_wait(TOPIC, b"kept")
    fresh_kafka.kill()
    fresh_kafka.start()
    async with consuming(fresh_kafka.address, group_prefix, TOPIC) as consumer:
        assert [record.value for record in await take(consumer, 1)] == [b"kept"]
    stack.recreate_topics(fresh_kafka.address, {TOPIC: 2})
    async with consuming(fresh_kafka.address, None) as consumer:
        ends = await consumer.end_offsets([TopicPartition(TOPIC, p) for p in range(2)])
        assert list(ends.values()) == [0, 0]


def test_a_database_does_what_the_stores_keep_to(every_mongo: stack.Server, mongo_prefix: str) -> None:
    with MongoClient[dict[str, Any]](every_mongo.address) as client:
        requests = client[f"{mongo_prefix}_intake"].requests
        requests.create_index("open", unique=True, sparse=True)
        requests.insert_many([{"_id": n, "version": 1, "n": 0, "tags": [], "state": {"a": 1}} for n in range(4)])
        result = requests.bulk_write(
            [
                UpdateOne(
                    {"_id": n, "version": 1 if n else 9},
                    {"$set": {"state.b": {"at": n}, "version": 2}, "$unset": {"state.a": ""}, "$inc": {"n": 2}},
                )
                for n in range(4)
            ],
            ordered=False,
        )
        assert (result.matched_count, result.modified_count) == (3, 3)
        assert requests.find_one({"_id": 1}) == {"_id": 1, "version": 2, "n": 2, "tags": [], "state": {"b": {"at": 1}}}
        assert requests.count_documents({"version": 1}) == 1

        requests.insert_one({"_id": "x", "open": "one"})
        with pytest.raises(DuplicateKeyError):
            requests.insert_one({"_id": "y", "open": "one"})
        requests.update_one({"_id": "x"}, {"$unset": {"open": ""}})
        requests.insert_one({"_id": "y", "open": "one"})

        counted = requests.aggregate(
            [{"$match": {"n": {"$gte": 0}}}, {"$group": {"_id": "$version", "c": {"$sum": 1}, "m": {"$max": "$n"}}}]
        )
        assert {d["_id"]: (d["c"], d["m"]) for d in counted} == {1: (1, 0), 2: (3, 2)}
        assert client[f"{mongo_prefix}_scheduler"].requests.find_one({}) is None


def test_a_database_keeps_what_it_was_told_when_it_is_killed(fresh_mongo: stack.Server, mongo_prefix: str) -> None:
    with MongoClient[dict[str, Any]](fresh_mongo.address) as client:
        client[mongo_prefix].kept.insert_one({"_id": 1})
        fresh_mongo.kill()
        fresh_mongo.start()
        assert client[mongo_prefix].kept.find_one({}) == {"_id": 1}


def test_a_child_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    """The embedded pair leaves nothing running, whatever ends the demo."""
    program = (
        "import os, signal\n"
        "from homecall.demo.embedded import embedded_stack\n"
        "from pathlib import Path\n"
        f"with embedded_stack(Path({str(tmp_path)!r})) as pair:\n"
        "    print(pair.bootstrap.split(':')[1], pair.mongo_url.split(':')[2], flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    for port in done.stdout.split():
        assert until(lambda port=int(port): not listens(port), 15), f"somebody still listens on port {port}"


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_child_that_does_not_start_says_why_in_one_line(tmp_path: Path) -> None:
    child = Child("The thing", [sys.executable, "-c", "raise SystemExit('no room')"], tmp_path / "log", lambda: False)
    with pytest.raises(DidNotStartError, match=r"^The thing ended at once with code 1: no room$"):
        child.start()


def test_a_paused_child_can_be_stopped(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    program = f"open({str(ready)!r}, 'w').close(); input()"
    child = Child("The thing", [sys.executable, "-c", program], tmp_path / "log", ready.exists)
    child.start()
    pid = child.pid
    child.pause()
    child.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
