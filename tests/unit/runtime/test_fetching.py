"""What the Kafka client cannot unpack: read all the same, or kept from the partitions beside it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import aiokafka.codec
import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from homecall.runtime.kafka import fetching

SOUND, OTHER = TopicPartition("requests", 0), TopicPartition("requests", 1)
CP1251 = "Мир".encode("cp1251")
PADDING = b" " * 200
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


@pytest.fixture(autouse=True)
def _safe() -> None:
    fetching.make_safe()


def batch(names: Sequence[bytes], codec: str = "none", first: int = 0) -> bytes:
    """A batch of records, each with a header of that name, as a client in C might send it."""
    builder = DefaultRecordBatchBuilder(2, CODECS[codec], 0, -1, -1, -1, 100_000)
    for place in range(len(names)):
        headers = [("x" * 9, b"1"), ("n", None)]
        builder.append(place, 1_700_000_000_000 + place, b"key", b"value-%d" % place + PADDING, headers)
    made = bytearray(builder.build())
    assert made[22] & 0x07 == CODECS[codec], "it was not worth compressing"
    if codec == "none":
        for name in names:
            made = made.replace(b"x" * 9, name.ljust(9, b"-"), 1)
    made[17:21] = struct.pack(">I", calc_crc32c(memoryview(made)[21:]))
    made[0:8] = struct.pack(">q", first)
    return bytes(made)


def compressed(plain: bytes, codec: str) -> bytes:
    """An uncompressed batch, as it is after compression."""
    encode = {
        "gzip": aiokafka.codec.gzip_encode,
        "snappy": aiokafka.codec.snappy_encode,
        "lz4": aiokafka.codec.lz4_encode,
        "zstd": aiokafka.codec.zstd_encode,
    }[codec]
    made = bytearray(plain[:61] + encode(plain[61:]))
    made[22] |= CODECS[codec]
    made[8:12] = struct.pack(">i", len(made) - 12)
    made[17:21] = struct.pack(">I", calc_crc32c(memoryview(made)[21:]))
    return bytes(made)


class Partition:
    """Where a consumer stands in a partition."""

    def __init__(self) -> None:
        self.position = 0
        self.paused = False
        self.timestamp: int | None = None

    def consumed_to(self, position: int) -> None:
        self.position = position


class Client:
    """aiokafka's own fetcher with what it has fetched, and no broker."""

    def __init__(self) -> None:
        self.places = {SOUND: Partition(), OTHER: Partition()}
        self.buffered: dict[TopicPartition, Any] = {}

    def fetch(self, place: TopicPartition, raw: bytes) -> None:
        records = fetcher.MemoryRecords(raw)
        assert records.has_next()
        assert records.size_in_bytes() == len(raw)
        found = fetcher.PartitionRecords(place, records, [], self.places[place].position, None, None, True, 0)
        assignment = SimpleNamespace(active=True, state_value=lambda place: self.places[place])
        self.buffered[place] = fetcher.FetchResult(place, assignment=assignment, partition_records=found, backoff=0)

    async def poll(self, most: int | None = 250) -> dict[TopicPartition, list[Any]]:
        me = SimpleNamespace(
            _subscriptions=SimpleNamespace(reassignment_in_progress=False),
            _records=self.buffered,
            _notify=lambda _: None,
            _wait_consume_future=None,
        )
        found: dict[TopicPartition, list[Any]] = await fetcher.Fetcher.fetched_records(me, (), 0, most)
        return found


@pytest.mark.parametrize("codec", CODECS)
async def test_every_codec_is_read(codec: str) -> None:
    client = Client()
    client.fetch(OTHER, batch([b"x"] * 3, codec))
    (records,) = (await client.poll()).values()
    assert [record.value.rstrip() for record in records] == [b"value-0", b"value-1", b"value-2"]


async def test_a_header_name_that_is_no_utf8_is_made_legible_and_all_else_is_as_it_came() -> None:
    client = Client()
    client.fetch(OTHER, batch([b"first", CP1251, "үш".encode()], first=7) + batch([b"last"], first=10))
    (records,) = (await client.poll()).values()
    assert [(each.offset, each.key, each.value.rstrip(), each.timestamp % 10) for each in records] == [
        (7, b"key", b"value-0", 0),
        (8, b"key", b"value-1", 1),
        (9, b"key", b"value-2", 2),
        (10, b"key", b"value-0", 0),
    ]
    assert [each.headers[0][0].rstrip("-") for each in records] == ["first", "???", "үш", "last"]
    assert {each.headers[0][1:] + each.headers[1] for each in records} == {(b"1", "n", None)}
    assert client.places[OTHER].position == 11


@pytest.mark.parametrize("codec", CODECS)
async def test_what_is_compressed_is_made_legible_too(codec: str) -> None:
    plain = batch([CP1251, b"last"])
    client = Client()
    client.fetch(OTHER, compressed(plain, codec) if codec != "none" else plain)
    (records,) = (await client.poll()).values()
    assert [(each.offset, each.value.rstrip(), each.headers[0][0].rstrip("-")) for each in records] == [
        (0, b"value-0", "???"),
        (1, b"value-1", "last"),
    ]


async def test_what_cannot_be_unpacked_holds_up_its_partition_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(fetching.time, "monotonic", lambda: clock[0])
    client = Client()
    broken = bytearray(batch([b"x"], first=2))
    broken[-1] ^= 1
    client.fetch(SOUND, batch([b"x"] * 3))
    client.fetch(OTHER, batch([b"x"] * 2) + bytes(broken))
    # What stands beside it and before it is handed out, and the position is behind that alone.
    found = await client.poll()
    assert {place: len(records) for place, records in found.items()} == {SOUND: 3, OTHER: 2}
    assert (client.places[SOUND].position, client.places[OTHER].position) == (3, 2)
    client.fetch(SOUND, batch([b"x"], first=3))
    assert {place: len(records) for place, records in (await client.poll()).items()} == {SOUND: 1}
    assert OTHER in client.buffered, "nobody asks for it again at once"
    clock[0] += 11
    assert await client.poll() == {}
    assert OTHER not in client.buffered, "it is fetched again"
    client.fetch(OTHER, batch([b"x"], first=2))
    assert {place: len(records) for place, records in (await client.poll()).items()} == {OTHER: 1}


async def test_at_most_so_many_are_handed_out_and_the_rest_next_time() -> None:
    client = Client()
    client.fetch(SOUND, batch([b"x"] * 3))
    assert [len(records) for records in (await client.poll(2)).values()] == [2]
    assert client.places[SOUND].position == 2
    assert [len(records) for records in (await client.poll(2)).values()] == [1]
    assert (client.places[SOUND].position, client.buffered) == (3, {})


async def test_the_client_alone_throws_away_what_stood_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why it is replaced: once this fails, the client has been mended, and the page may go."""
    plain = type.mro(fetching._Result)[1]
    monkeypatch.setattr(fetcher, "FetchResult", plain)
    client = Client()
    broken = bytearray(batch([b"x"]))
    broken[-1] ^= 1
    client.fetch(SOUND, batch([b"x"] * 3))
    client.fetch(OTHER, bytes(broken))
    with pytest.raises(Exception, match="CRC"):
        await client.poll()
    assert client.places[SOUND].position == 3
    assert await client.poll() == {}
