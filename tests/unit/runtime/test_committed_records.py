"""Consumers read committed records only, and know the end of a partition whose last offsets hold none."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from homecall.runtime.kafka.consuming import ToEnd, consumer_options
from homecall.runtime.settings import Settings
from tests.unit.runtime.fetched import CODECS, Answer, Consumer, marker, records

HERE, BESIDE = TopicPartition("requests", 0), TopicPartition("requests", 1)
ROOT = Path(__file__).parents[3]


# ---------------------------------------------------------------- no consumer is forgotten


def consumers_in(source: str) -> Iterator[tuple[int, bool]]:
    """Each place where Python code makes a consumer, by line, and whether that one reads committed records only."""
    if "onsumer" not in source and "subscriber" not in source:
        return  # which is quicker than to parse it
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        subscribes = isinstance(call.func, ast.Attribute) and name == "subscriber"
        if not subscribes and name not in {"AIOKafkaConsumer", "KafkaConsumer", "Consumer", "DeserializingConsumer"}:
            continue
        said = [ast.unparse(each.value) for each in call.keywords if each.arg == "isolation_level"]
        shared = any(each.arg is None and "consumer_options(" in ast.unparse(each.value) for each in call.keywords)
        yield call.lineno, shared if not said else said[0] in {"ISOLATION", "'read_committed'"}


def test_every_consumer_in_the_source_reads_committed_records_only() -> None:
    sources = [each for part in ("homecall", "services", "clients") for each in (ROOT / part).rglob("*.py")]
    found = {
        f"{path.relative_to(ROOT)}:{line}": good for path in sources for line, good in consumers_in(path.read_text())
    }
    assert len(found) >= 6, "the scan finds them"
    assert [place for place, good in found.items() if not good] == []


def test_every_java_consumer_reads_committed_records_only() -> None:
    sources = [each.read_text() for each in (ROOT / "clients").rglob("*.java")]
    consuming = [each for each in sources if "new KafkaConsumer" in each]
    assert consuming
    assert all('ISOLATION_LEVEL_CONFIG, "read_committed"' in each for each in consuming)


@pytest.mark.parametrize(
    ("call", "good"),
    [
        ("AIOKafkaConsumer(bootstrap_servers=x)", False),
        ("aiokafka.AIOKafkaConsumer(**options)", False),
        ("broker.subscriber('t', batch=True)", False),
        ("AIOKafkaConsumer(isolation_level='read_uncommitted')", False),
        ("AIOKafkaConsumer(**consumer_options(settings, 'x'), isolation_level='read_uncommitted')", False),
        ("AIOKafkaConsumer(**consumer_options(settings, 'x'))", True),
        ("broker.subscriber('t', isolation_level=ISOLATION)", True),
    ],
)
def test_the_scan_tells_a_consumer_that_does_not(call: str, good: bool) -> None:
    assert [found for _, found in consumers_in(call)] == [good]


def test_the_shared_options_say_so() -> None:
    assert consumer_options(Settings(), "test")["isolation_level"] == "read_committed"


# ---------------------------------------------------------------- what is handed out


@pytest.mark.parametrize("codec", CODECS)
async def test_what_was_aborted_is_not_handed_out(monkeypatch: pytest.MonkeyPatch, codec: str) -> None:
    """Two producers' transactions, one inside the other, a plain batch between them, and the first one's next."""
    consumer = Consumer(monkeypatch, HERE)
    raw = b"".join(
        [
            records(0, b"aborted 0", b"aborted 1", codec=codec, producer=7),
            records(2, b"plain", codec=codec),
            records(3, b"committed", codec=codec, producer=8),
            marker(4, 7, aborts=True),
            records(5, b"next of the same producer", codec=codec, producer=7),
            marker(6, 8, aborts=False),
            marker(7, 7, aborts=False),
            records(8, b"aborted 2", codec=codec, producer=8),
            marker(9, 8, aborts=True),
        ]
    )
    await consumer.fetch({HERE: Answer(raw, 10, aborted=[(7, 0), (8, 8)])})
    found = (await consumer.getmany())[HERE]
    assert [each.value.rstrip() for each in found] == [b"plain", b"committed", b"next of the same producer"]
    assert await consumer.position(HERE) == 10


# ---------------------------------------------------------------- the end


async def test_a_marker_at_the_end_is_no_record_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = Consumer(monkeypatch, HERE)
    reading = ToEnd(consumer, {HERE: 3})
    raw = records(0, b"a", b"b", producer=7) + marker(2, 7, aborts=True)
    await consumer.fetch({HERE: Answer(raw, 3, aborted=[(7, 0)])})
    assert await reading.left() == {HERE}
    assert await consumer.getmany() == {}
    assert await reading.left() == set()


async def test_what_compaction_removed_at_the_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = Consumer(monkeypatch, HERE)
    reading = ToEnd(consumer, {HERE: 5})
    await consumer.fetch({HERE: Answer(records(0, b"a"), 5)})
    assert len((await consumer.getmany())[HERE]) == 1
    assert await reading.left() == {HERE}, "the last response had data"
    await consumer.fetch({HERE: Answer(b"", 5)})
    assert await reading.left() == set()


async def test_an_empty_answer_means_nothing_where_another_partition_filled_the_response(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumer = Consumer(monkeypatch, HERE, BESIDE)
    reading = ToEnd(consumer, {HERE: 5, BESIDE: 9})
    await consumer.fetch({HERE: Answer(b"", 5), BESIDE: Answer(records(0, b"large"), 9)})
    await consumer.getmany()
    assert await reading.left() == {HERE, BESIDE}
    await consumer.fetch({HERE: Answer(b"", 5), BESIDE: Answer(records(1, b"large"), 9)})
    await consumer.getmany()
    assert await reading.left() == {HERE, BESIDE}
    await consumer.fetch({HERE: Answer(records(0, b"there after all"), 5), BESIDE: Answer(b"", 9)})
    assert await reading.left() == {HERE, BESIDE}
    assert len((await consumer.getmany())[HERE]) == 1


async def test_an_end_that_the_leader_does_not_know_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new leader's high watermark may lag behind for a moment, and so may the last stable offset."""
    consumer = Consumer(monkeypatch, HERE)
    reading = ToEnd(consumer, {HERE: 5})
    for _ in range(3):
        await consumer.fetch({HERE: Answer(b"", 5, stable=4)})
        assert await reading.left() == {HERE}
    await consumer.fetch({HERE: Answer(b"", 6, stable=5)})
    assert await reading.left() == set()


async def test_an_answer_of_before_the_position_was_set_means_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = Consumer(monkeypatch, HERE)
    consumer.held.state_value(HERE).seek(5)
    await consumer.fetch({HERE: Answer(b"", 5)})
    consumer.held.state_value(HERE).seek(0)
    reading = ToEnd(consumer, {HERE: 5})
    for _ in range(3):
        assert await reading.left() == {HERE}
    await consumer.fetch({HERE: Answer(b"", 5)})
    assert await reading.left() == set()
