"""Batches beyond a limit: what stands in their place, and what is read beside them."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

import aiokafka.codec
import pytest
from aiokafka import TopicPartition
from aiokafka.record.util import calc_crc32c, encode_varint

from homecall.contract.envelope import Record, Unreadable, read
from homecall.contract.topics import DEAD_LETTERS, LARGEST_VALUE
from homecall.runtime.kafka import batches, fetching
from homecall.runtime.kafka.global_table import record_of
from homecall.runtime.kafka.lag import Lag
from tests.unit.runtime.fetched import CODECS, Answer, Consumer, marker, records
from tests.unit.runtime.memory import MemoryDatabase
from tests.unit.runtime.test_last_known_good import Replica
from tests.unit.runtime.test_last_known_good import record as clinic_record

HERE, THERE = TopicPartition("homecall.requests.v1", 0), TopicPartition("homecall.requests.v1", 1)
MIB = 1024 * 1024
USUAL = DEAD_LETTERS.max_message_bytes
ENCODE = {
    "none": bytes,
    "gzip": lambda body: aiokafka.codec.gzip_encode(body, 1),
    "snappy": aiokafka.codec.snappy_encode,
    "lz4": aiokafka.codec.lz4_encode,
    "zstd": aiokafka.codec.zstd_encode,
}


def varint(number: int) -> bytes:
    written = bytearray()
    encode_varint(number, written.append)
    return bytes(written)


def record(place: int, value: bytes | None, headers: Sequence[tuple[bytes, bytes]] = (), key: bytes = b"key") -> bytes:
    body = b"\0" + varint(place) + varint(place) + varint(len(key)) + key
    body += varint(-1) if value is None else varint(len(value)) + value
    body += varint(len(headers)) + b"".join(
        varint(len(name)) + name + varint(len(text)) + text for name, text in headers
    )
    return varint(len(body)) + body


def batch(first: int, *its: bytes, codec: str = "zstd", count: int | None = None, producer: int = -1) -> bytes:
    """A batch with these records; ``count`` is what its header says of their number."""
    return made_of(first, ENCODE[codec](b"".join(its)), len(its) if count is None else count, codec, producer)


def made_of(first: int, packed: bytes, count: int, codec: str = "zstd", producer: int = -1) -> bytes:
    time = 1_700_000_000_000
    attributes = CODECS[codec] | (0x10 if producer >= 0 else 0)
    fields = struct.pack(">hiqqqhii", attributes, count - 1, time, time + 5, producer, 0, 0, count) + packed
    return struct.pack(">qiibI", first, len(fields) + 9, -1, 2, calc_crc32c(fields)) + fields


async def read_all(monkeypatch: pytest.MonkeyPatch, raw: bytes, **more: Any) -> tuple[Consumer, list[Any]]:
    consumer = Consumer(monkeypatch, HERE)
    found: list[Any] = []
    while left := from_there(raw, await consumer.position(HERE)):
        await consumer.fetch({HERE: Answer(left, high_watermark=100, **more)})
        while HERE in consumer._buffered:
            taken = (await consumer.getmany(2)).get(HERE, [])
            if not taken and HERE in consumer._buffered:
                return consumer, found  # it stands still
            found += taken
    return consumer, found


def from_there(raw: bytes, position: int) -> bytes:
    """The batches as a broker gives them: from the one that holds this offset."""
    at = 0
    while at < len(raw):
        (first, length), (last,) = struct.unpack_from(">qi", raw, at), struct.unpack_from(">i", raw, at + 23)
        if first + last >= position:
            break
        at += 12 + length
    return raw[at:]


def why(raw: Any) -> str:
    """The detail of the dead letter that a record leads to."""
    taken = record_of(raw)
    assert (taken.key, taken.value, taken.headers) == (None, b"", ())
    with pytest.raises(Unreadable) as error:
        read(taken)
    assert error.value.reason == "schema"
    return error.value.detail


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits with which a test is quick."""
    monkeypatch.setattr(batches, "LARGEST_BATCH", 3 * MIB)
    monkeypatch.setattr(batches, "MOST_RECORDS", 2_000)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "none"])
async def test_what_stands_beside_a_bomb_is_read_and_its_place_is_told(
    codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = batch(12, *(record(place, b" " * MIB) for place in range(4)), codec=codec)
    consumer, found = await read_all(monkeypatch, records(10, b"a", b"b") + bomb + records(16, b"c"))
    assert [each.offset for each in found] == [10, 11, 15, 16]
    assert [each.value[:1] for each in found] == [b"a", b"b", b"", b"c"]
    assert why(found[2]) == (
        "the batch at offsets 12 to 15 was skipped as a whole: it unpacks to more than 3,145,728 bytes: send its "
        "records again, in smaller batches"
    )
    assert found[2].timestamp == 1_700_000_000_005
    assert await consumer.position(HERE) == 17


@pytest.mark.usefixtures("small")
async def test_a_batch_as_large_as_the_limit_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [b" " * (MIB - 64)] * 2
    around = len(record(2, b" " * MIB)) - MIB
    values.append(b" " * (3 * MIB - around - sum(len(record(place, value)) for place, value in enumerate(values))))
    its = [record(place, value) for place, value in enumerate(values)]
    assert sum(map(len, its)) == 3 * MIB
    _, found = await read_all(monkeypatch, batch(5, *its))
    assert [(each.offset, each.value) for each in found] == [(5 + place, value) for place, value in enumerate(values)]
    _, found = await read_all(monkeypatch, batch(5, *its[:2], record(2, values[2] + b" ")))
    assert "offsets 5 to 7" in why(*found)


@pytest.mark.usefixtures("small")
async def test_wherever_in_a_bomb_a_consumer_stands_it_comes_past_it(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = Consumer(monkeypatch, HERE)
    consumer.held.state_value(HERE).seek(14)
    bomb = batch(12, *(record(place, b" " * MIB) for place in range(4)))
    await consumer.fetch({HERE: Answer(bomb, high_watermark=16)})
    ((skipped,),) = (await consumer.getmany()).values()
    assert (skipped.offset, await consumer.position(HERE)) == (15, 16)


@pytest.mark.usefixtures("small")
async def test_nothing_is_committed_past_a_bomb_before_its_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    place = (HERE.topic, HERE.partition)
    lag = Lag("intake")
    lag.assigned({place})
    lag.committed({place: 0}, {place: 0})
    consumer, found = await read_all(monkeypatch, batch(0, *(record(each, b" " * MIB) for each in range(4))))
    assert [each.offset for each in found] == [3]
    assert lag.beyond(consumer) == {}, "it is on its way"
    lag.committed({place: 4}, {place: 0})
    assert lag.beyond(consumer) == {}


@pytest.mark.usefixtures("small")
async def test_a_bomb_in_an_aborted_transaction_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = batch(0, *(record(place, b" " * MIB) for place in range(4)), producer=7)
    raw = bomb + marker(4, 7, aborts=True) + records(5, b"a")
    consumer, found = await read_all(monkeypatch, raw, aborted=[(7, 0)])
    assert [each.offset for each in found] == [5]
    assert await consumer.position(HERE) == 6
    _, found = await read_all(monkeypatch, bomb + marker(4, 7, aborts=False) + records(5, b"a"))
    assert [each.offset for each in found] == [3, 5]


@pytest.mark.usefixtures("small")
async def test_a_large_batch_has_so_many_records_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    its = [record(place, b" " * 600) for place in range(2_001)]
    _, found = await read_all(monkeypatch, batch(0, *its[:2_000]))
    assert len(found) == 2_000
    _, found = await read_all(monkeypatch, batch(0, *its))
    assert "holds 2,001 records in 1,2" in why(*found)
    tiny = [record(place, b"") for place in range(2_001)]
    _, found = await read_all(monkeypatch, batch(0, *tiny))
    assert len(found) == 2_001, "many in a small one harm nobody"


async def test_a_record_that_is_too_large_stands_for_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    largest = b" " * LARGEST_VALUE
    many = [(b"h", b"x" * 1_000)] * 900
    its = [
        record(0, b"before"),
        record(1, largest),
        record(2, largest + b" "),
        record(3, b"between"),
        record(4, b"value", [(b"h", b"x" * USUAL)]),
        record(5, None, key=b"k" * USUAL),
        record(6, largest, many),
        record(7, None),
    ]
    _, found = await read_all(monkeypatch, batch(20, *its))
    assert [each.offset for each in found] == list(range(20, 28))
    assert [each.timestamp - 1_700_000_000_000 for each in found] == list(range(8))
    for place in (2, 4, 5):
        assert why(found[place]) == (
            "the record is too large: its value may have 5,242,880 bytes, key and headers 1,114,124: send a smaller "
            "one; it was not read, and is not kept here"
        )
    assert [found[place].value for place in (0, 1, 3, 6, 7)] == [b"before", largest, b"between", largest, None]
    assert found[6].headers == tuple((name.decode(), text) for name, text in many)


@pytest.mark.parametrize("codec", CODECS)
async def test_a_record_has_so_many_headers_and_no_more(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    its = [record(place, b"value", [(b"h", b"")] * (1_000 + place)) for place in range(2)]
    _, found = await read_all(monkeypatch, batch(0, *its, codec=codec))
    assert len(found[0].headers) == 1_000
    assert why(found[1]) == ("the record has 1,001 headers: send at most 1,000; it was not read, and is not kept here")


@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "none"])
async def test_what_nobody_can_decompress_is_skipped(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, found = await read_all(monkeypatch, made_of(3, b"garbage, and no more", 2, codec) + records(5, b"a"))
    assert [each.offset for each in found] == [4, 5]
    assert "the batch at offsets 3 to 4 was skipped as a whole: it cannot be decompressed (" in why(found[0])


async def test_a_checksum_that_is_wrong_or_a_lack_of_memory_holds_the_partition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    damaged = bytearray(made_of(3, b"garbage, and no more", 2))
    damaged[-1] ^= 1
    consumer, found = await read_all(monkeypatch, records(0, b"a") + bytes(damaged))
    assert [each.offset for each in found] == [0]
    assert await consumer.position(HERE) == 1

    def fails(*_: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(batches, "unpack", fails)
    consumer, found = await read_all(monkeypatch, records(0, b"a", codec="zstd"))
    assert (found, await consumer.position(HERE)) == ([], 0)


async def test_names_in_another_encoding_are_looked_for_in_batches_of_some_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "_LEGIBLE", 10_000)
    its = [record(0, b"a"), record(1, b"b" * 9_000, [("Мир".encode("cp1251"), b"1")])]
    _, found = await read_all(monkeypatch, batch(0, *its))
    assert found[1].headers == (("???", b"1"),)
    _, found = await read_all(monkeypatch, batch(0, *its, record(2, b"c" * 1_000)))
    assert [each.offset for each in found] == [0, 2]
    assert "offsets 0 to 2 was skipped as a whole: it has header names that are no UTF-8" in why(found[1])


async def test_no_more_is_handed_out_together_than_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all partitions together; each has its turn, and nothing comes twice."""
    consumer = Consumer(monkeypatch, HERE, THERE)
    raw = b"".join(batch(8 * each, *(record(place, b" " * MIB) for place in range(8))) for each in range(2))
    seen: dict[TopicPartition, list[int]] = {HERE: [], THERE: []}
    while any(len(offsets) < 16 for offsets in seen.values()):
        left = {place: from_there(raw, await consumer.position(place)) for place in seen}
        await consumer.fetch(
            {place: Answer(left[place], 16) for place in seen if left[place] and place not in consumer._buffered}
        )
        found = await consumer.getmany()
        assert 0 < sum(map(len, found.values())) <= 4
        for place, taken in found.items():
            seen[place] += [each.offset for each in taken]
    assert seen == {HERE: list(range(16)), THERE: list(range(16))}


async def test_a_table_takes_a_skipped_batch_for_no_tombstone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "LARGEST_BATCH", MIB)
    replica = await Replica(MemoryDatabase()).start(clinic_record(1))
    _, (skipped,) = await read_all(monkeypatch, batch(2, record(0, b" " * MIB)))
    await replica.hear(record_of(skipped))
    assert list(replica.known) == ["samal-3"]
    ((_, reason, detail),) = replica.table.bad
    assert (reason, detail) == ("schema", why(skipped))


@pytest.mark.parametrize("structured", [False, True])
def test_a_large_value_is_one_long_text_or_refused(structured: bool) -> None:
    """Parsed, so many lists would take some hundred megabytes."""

    def value(padding: str, size: int) -> bytes:
        data = json.dumps({"clinic_id": "samal-3", "padding": json.loads(padding)})
        text = f'{{"specversion":"1.0","id":"1","source":"/t","type":"t","data":{data}}}' if structured else data
        return text.encode() + b" " * (size - len(text))

    def detail(value: bytes) -> str:
        headers = {"content-type": "application/cloudevents+json" if structured else "application/json"}
        with pytest.raises(Unreadable) as error:
            read(Record(HERE.topic, 0, 0, None, value, tuple((name, text.encode()) for name, text in headers.items())))
        return error.value.detail

    refused = "a value of more than 1,048,588 bytes has more than 100,000 fields and items"
    lists = "[" + ",".join(["[]"] * 60_000) + "]"
    assert detail(value(lists, 1_048_589)) == refused
    assert detail(value(lists, 1_048_588)) != refused
    assert detail(value('"' + "x" * 1_500_000 + '"', 2_000_000)) != refused


async def test_what_takes_much_memory_once_it_is_parsed_comes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = Consumer(monkeypatch, HERE)
    lists = b"[" + b"[]," * 100_000 + b"[]]"
    await consumer.fetch({HERE: Answer(batch(0, *(record(place, lists) for place in range(3)), codec="gzip"), 3)})
    counts = []
    while await consumer.position(HERE) < 3:
        counts.append(len((await consumer.getmany())[HERE]))
    assert counts == [1, 1, 1]
    text = b'"' + b"x" * len(lists) + b'"'
    await consumer.fetch({HERE: Answer(batch(3, *(record(place, text) for place in range(3)), codec="gzip"), 6)})
    assert len((await consumer.getmany())[HERE]) == 3


def test_the_largest_record_that_comes_uncompressed_is_within_the_usual_size() -> None:
    assert DEAD_LETTERS.max_message_bytes <= batches._USUAL
    assert batches.LARGEST_BATCH >= LARGEST_VALUE + batches._USUAL
    assert fetching._REREAD_FROM < fetching._AT_ONCE
