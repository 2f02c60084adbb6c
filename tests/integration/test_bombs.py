"""Small batches that unpack to hundreds of megabytes: a service with little memory tells of them and goes on."""

from __future__ import annotations

import json
import resource
import signal
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import cramjam
import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.util import calc_crc32c, encode_varint

from homecall.contract.topics import CLINICS, DEAD_LETTERS, INTAKE_EVENTS, REQUESTS, STATUS, Topic
from homecall_client import Homecall
from tests.factories import MONDAY, a_clinic, a_request
from tests.infrastructure.reader import Heard
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld

MIB = 1024 * 1024
ROOM = 192 * MIB
"""What the service may take beside what it has when it is ready."""
PLAIN, GZIP, SNAPPY, LZ4, ZSTD = range(5)
SIZES = {"gzip": (GZIP, 256), "snappy": (SNAPPY, 18), "lz4": (LZ4, 224), "zstd": (ZSTD, 600)}
"""By codec, about how many MiB it brings through a broker that takes one: of snappy that is less than the limit."""
LEAST_ROOM = sys.platform == "linux"


@pytest.fixture(scope="module")
def world(new_world: NewWorld) -> Iterator[World]:
    if not LEAST_ROOM:
        pytest.skip("a running process is given a limit of memory on Linux only")
    # The test's own reader stays away from what it could not read itself.
    # The limit counts addresses: the allocator must not reserve 64 MiB of them for each thread.
    extra = {"MALLOC_ARENA_MAX": "1"}
    with new_world(reads=[INTAKE_EVENTS.name, DEAD_LETTERS.name], extra=extra) as world:
        (service,) = world.start("intake")
        world.publish("clinic.published", *(a_clinic(f"clinic-{number}") for number in range(12)))
        before = [a_request(f"clinic-{number}", 1, MONDAY) for number in range(12)]
        world.publish("request.submitted", *before)
        accepted(world, before)
        used = int(Path(f"/proc/{service.pid}/statm").read_text().split()[0]) * resource.getpagesize()
        resource.prlimit(service.pid, resource.RLIMIT_AS, (used + ROOM, used + ROOM))
        yield world
        assert service.running


def accepted(world: World, requests: list[dict[str, object]]) -> None:
    wanted = {request["request_id"] for request in requests}
    world.wait(
        lambda: wanted <= {each.data["request_id"] for each in world.heard("request.accepted")}, "acceptance", 90
    )


@pytest.mark.parametrize("codec", SIZES)
async def test_what_unpacks_to_more_than_there_is_room_for_is_skipped_and_told_of(world: World, codec: str) -> None:
    number, size = SIZES[codec]
    packed = compressed(number, [size * MIB])
    assert len(packed) < MIB
    places = [
        (topic, partition, await produce(world, topic, partition, number, packed, 1))
        for topic, partition in ((REQUESTS, 3), (CLINICS, 3))
    ]
    after = [a_request(f"clinic-{each}", 10 + number, MONDAY) for each in range(12)]
    world.publish("request.submitted", *after)
    accepted(world, after)
    for topic, partition, offset in places:
        letter = dead_letter(world, topic, partition, offset)
        assert letter.headers["homecall-dead-reason"] == "schema"
        detail = letter.headers["homecall-dead-detail"]
        if number == SNAPPY:
            assert "the record is too large: its value may have 5,242,880 bytes" in detail
        else:
            assert f"the batch at offsets {offset} to {offset} was skipped as a whole" in detail
            assert "unpacks to more than 33,554,432 bytes: send its records again, in smaller batches" in detail
        assert letter.value == b""
        assert letter.key == ""


async def test_many_that_fit_each_by_itself_do_not_come_together(world: World) -> None:
    packed = compressed(ZSTD, [4 * MIB] * 7)
    (service,) = world.processes
    # Whatever it reads next, it finds all of it.
    service.signal(signal.SIGSTOP)
    try:
        places = [(each % 6, await produce(world, REQUESTS, each % 6, ZSTD, packed, 7)) for each in range(12)]
    finally:
        service.signal(signal.SIGCONT)
    after = [a_request(f"clinic-{each}", 20, MONDAY) for each in range(12)]
    world.publish("request.submitted", *after)
    accepted(world, after)
    for partition, offset in places:
        letters = [dead_letter(world, REQUESTS, partition, offset + place) for place in range(7)]
        assert {letter.headers["homecall-dead-reason"] for letter in letters} == {"not_json"}


async def test_a_clinics_own_reader_skips_it_too(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await produce(world, STATUS, 0, ZSTD, compressed(ZSTD, [600 * MIB]), 1)
    status = {"request_id": "r", "clinic_id": "c", "sequence": 1, "status": "accepted", "text": {"kk": "…", "ru": "…"}}
    named = {"ce_type": "kz.homecall.status.changed", "ce_id": "1", "ce_source": "/homecall/notifier"}
    world.send(STATUS.name, json.dumps(status).encode(), "c", named, partition=0)
    world.flush()
    async with Homecall(world.kafka, source="/test") as homecall, aclosing(homecall.follow("r", within=30)) as statuses:
        assert (await anext(statuses)).sequence == 1
    assert "offsets 0 to 0 was skipped" in caplog.text


def dead_letter(world: World, topic: Topic, partition: int, offset: int) -> Heard:
    place = (topic.name, str(partition), str(offset))
    names = ("homecall-dead-topic", "homecall-dead-partition", "homecall-dead-offset")

    def found() -> Heard | None:
        return next((each for each in world.dead() if tuple(each.headers[name] for name in names) == place), None)

    world.wait(found, f"a dead letter of {place}")
    letter = found()
    assert letter is not None
    return letter


def varint(number: int) -> bytes:
    written = bytearray()
    encode_varint(number, written.append)
    return bytes(written)


def pieces(sizes: list[int]) -> Iterator[bytes]:
    """Records with values of these sizes, a bit at a time."""
    for place, size in enumerate(sizes):
        head = b"\0" + varint(0) + varint(place) + varint(1) + b"k" + varint(size)
        yield varint(len(head) + size + 1) + head
        for _ in range(size // MIB):
            yield b" " * MIB
        yield varint(0)  # headers


def compressed(codec: int, sizes: list[int]) -> bytes:
    if codec == SNAPPY:
        blocks = [bytes(cramjam.snappy.compress_raw(piece)) for piece in pieces(sizes)]
        framed = b"".join(struct.pack(">i", len(block)) + block for block in blocks)
        return b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1) + framed
    if codec == GZIP:
        gzip = zlib.compressobj(9, wbits=31)
        return b"".join([*map(gzip.compress, pieces(sizes)), gzip.flush()])
    stream = cramjam.zstd.Compressor() if codec == ZSTD else cramjam.lz4.Compressor(block_linked=False)
    for piece in pieces(sizes):
        stream.compress(piece)
    return bytes(stream.finish())


async def produce(world: World, topic: Topic, partition: int, codec: int, packed: bytes, count: int) -> int:
    """Send a batch as it is; the offset of its first record."""
    fields = (
        struct.pack(">hiqqqhii", codec, count - 1, 1_790_000_000_000, 1_790_000_000_000, -1, -1, -1, count) + packed
    )
    made = struct.pack(">qiibI", 0, len(fields) + 9, -1, 2, calc_crc32c(fields)) + fields
    client = AIOKafkaClient(bootstrap_servers=world.kafka, request_timeout_ms=60_000)
    await client.bootstrap()
    try:
        await client.set_topics([topic.name])
        leader = client.cluster.leader_for_partition(TopicPartition(topic.name, partition))
        answer = await client.send(leader, ProduceRequest(None, -1, 60_000, [(topic.name, [(partition, made)])]))
        ((_, ((_, code, offset, *_),)),) = answer.topics
        assert code == 0
        return int(offset)
    finally:
        await client.close()
