"""Statuses in batches beyond a limit are skipped; what else the process reads is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.memory_records import MemoryRecords

from homecall_client.batches import LARGEST_BATCH, MOST_HEADERS, start_limited
from tests.unit.runtime.fetched import CODECS
from tests.unit.runtime.test_batches import batch, made_of, record

COMPRESSED = [codec for codec in CODECS if codec != "none"]
LARGE = b" " * (LARGEST_BATCH // 2)


class Fetches:
    """Unpacks a response in the task that fetches, as aiokafka does, and hands its batches out elsewhere."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.records: Any = None

    async def start(self) -> None:
        self.records = fetcher.MemoryRecords(self._raw)

    def values(self) -> list[bytes]:
        found: list[bytes] = []
        while self.records.has_next():
            batch = self.records.next_batch()
            assert batch.validate_crc()
            found += [each.value for each in batch]
        return found


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)


@pytest.mark.parametrize("codec", COMPRESSED)
async def test_what_unpacks_to_too_much_or_to_nothing_is_skipped(codec: str, caplog: pytest.LogCaptureFixture) -> None:
    bomb = batch(1, record(0, LARGE), record(1, LARGE), codec=codec)
    garbage = made_of(3, b"garbage, and no more", 2, codec)
    raw = batch(0, record(0, b"a"), codec=codec) + bomb + garbage + batch(5, record(0, LARGE), codec=codec)
    client = Fetches(raw)
    await start_limited(client)
    assert client.values() == [b"a", LARGE]
    assert "offsets 1 to 2 was skipped: it unpacks to more than 2,097,152 bytes" in caplog.text
    assert "offsets 3 to 4 was skipped" in caplog.text


@pytest.mark.parametrize("codec", CODECS)
async def test_a_record_with_very_many_headers_is_left_out(codec: str) -> None:
    its = [record(place, b"%d" % place, [(b"h", b"")] * (MOST_HEADERS + place)) for place in range(2)]
    client = Fetches(batch(0, *its, codec=codec))
    await start_limited(client)
    assert client.values() == [b"0"]


async def test_other_consumers_of_the_process_read_as_before() -> None:
    raw = batch(0, record(0, LARGE), record(1, LARGE))
    await start_limited(Fetches(raw))
    await start_limited(Fetches(raw))
    other = Fetches(raw)
    await other.start()
    assert type(other.records) is MemoryRecords
    assert other.values() == [LARGE, LARGE]
