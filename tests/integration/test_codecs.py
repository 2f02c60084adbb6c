"""What other clients may send and ours would not: each codec, and header names that are no UTF-8."""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from confluent_kafka import Producer

from homecall.contract.topics import CLINICS, INTAKE_EVENTS, REQUESTS, TYPE_PREFIX, Topic
from tests.factories import MONDAY, a_clinic, a_request
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld

CODECS = ("gzip", "snappy", "lz4", "zstd")
CP1251 = "Клиника".encode("cp1251")


@pytest.fixture(scope="module")
def world(new_world: NewWorld) -> Iterator[World]:
    # The test's own reader stays away from what it could not read itself.
    with new_world(reads=[INTAKE_EVENTS.name]) as world:
        world.start("intake")
        yield world


def headers(event_type: str) -> dict[str, str]:
    return {
        "ce_specversion": "1.0",
        "ce_id": str(uuid.uuid4()),
        "ce_source": "/test",
        "ce_type": TYPE_PREFIX + event_type,
        "content-type": "application/json",
    }


def value(data: Mapping[str, Any]) -> bytes:
    # Worth compressing; an unknown field is ignored.
    return json.dumps({**data, "padding": " " * 2_000}, ensure_ascii=False).encode()


def accepted(world: World, *requests: Mapping[str, Any]) -> None:
    """Wait until each is accepted."""
    wanted = {request["request_id"] for request in requests}
    world.wait(lambda: wanted <= {each.data["request_id"] for each in world.heard("request.accepted")}, "acceptance")


@pytest.mark.parametrize("codec", CODECS)
def test_a_publisher_may_use_any_codec(world: World, codec: str) -> None:
    producer = Producer({"bootstrap.servers": world.kafka, "compression.type": codec, "partitioner": "murmur2_random"})
    clinic = f"clinic-{codec}"
    request = a_request(clinic, 1, MONDAY)
    for topic, event_type, data in (
        (CLINICS, "clinic.published", a_clinic(clinic)),
        (REQUESTS, "request.submitted", request),
    ):
        producer.produce(topic.name, value(data), clinic, headers=list(headers(event_type).items()))
        assert producer.flush(30) == 0
    accepted(world, request)


async def test_a_header_name_that_is_no_utf8_harms_nobody(world: World) -> None:
    """Neither the record that has it, nor its neighbours in the batch and on the other partitions."""
    await produce_illegible(world, CLINICS, 0, "clinic.published", [a_clinic("clinic-1"), a_clinic("clinic-2")])
    world.publish("clinic.published", *(a_clinic(f"clinic-{number}") for number in range(3, 9)))
    beside = [a_request(f"clinic-{number}", 1, MONDAY) for number in range(1, 9)]
    within = [a_request("clinic-1", number, MONDAY) for number in (2, 3, 4)]
    await produce_illegible(world, REQUESTS, 0, "request.submitted", within)
    world.publish("request.submitted", *beside)
    accepted(world, *beside, *within)
    # Who starts reads the clinics' topic from its beginning.
    assert world.stop() == [0]
    world.start("intake")
    after = a_request("clinic-2", 9, MONDAY)
    world.publish("request.submitted", after)
    accepted(world, after)


async def produce_illegible(
    world: World, topic: Topic, partition: int, event_type: str, events: list[dict[str, Any]]
) -> None:
    """Send a batch whose second record has a header with a name in another encoding, as a client in C may."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1_000_000)
    for place, data in enumerate(events):
        more = [("X-" + "N" * len(CP1251), b"1")] if place == 1 else []
        key = str(data["clinic_id"]).encode()
        its = [*((name, text.encode()) for name, text in headers(event_type).items()), *more]
        builder.append(place, 1_790_000_000_000, key, value(data), its)
    made = bytearray(builder.build()).replace(b"N" * len(CP1251), CP1251)
    made[17:21] = struct.pack(">I", calc_crc32c(memoryview(made)[21:]))
    client = AIOKafkaClient(bootstrap_servers=world.kafka)
    await client.bootstrap()
    try:
        await client.set_topics([topic.name])
        leader = client.cluster.leader_for_partition(TopicPartition(topic.name, partition))
        answer = await client.send(leader, ProduceRequest(None, -1, 10_000, [(topic.name, [(partition, bytes(made))])]))
        ((_, ((_, code, *_),)),) = answer.topics
        assert code == 0
    finally:
        await client.close()
