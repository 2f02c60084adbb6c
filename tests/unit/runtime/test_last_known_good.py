"""A compacted topic whose newest record is bad: the good one before it is kept, and known after a restart."""

from __future__ import annotations

import json
from typing import Any

import pytest

from homecall.contract.envelope import Incoming, Record
from homecall.contract.topics import CLINICS, TYPE_PREFIX
from homecall.operations.clinics import clinic_among
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.mongo.last_known_good import LastKnownGood
from homecall.runtime.settings import Settings
from tests.unit.intake.office import clinic
from tests.unit.runtime.memory import MemoryDatabase


def record(offset: int, phone: str | None = "+7 700 000 00 01", clinic_id: str = "samal-3", **over: Any) -> Record:
    """A clinic as published; without a phone one that breaks the schema."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": f"e{offset}",
        "ce_source": "/t",
        "ce_type": TYPE_PREFIX + CLINICS.types[0],
    }
    data = json.loads(clinic(clinic_id).to_json()) | {"phone": phone} | over
    value = json.dumps({name: item for name, item in data.items() if item is not None}).encode()
    pairs = tuple((name, text.encode()) for name, text in headers.items())
    return Record(CLINICS.name, 0, offset, clinic_id.encode(), value, pairs, 1_700_000_000_000 + offset)


def tombstone(offset: int) -> Record:
    return Record(CLINICS.name, 0, offset, b"samal-3", None, (), 1_700_000_000_000 + offset)


class Replica:
    """A service that reads the topic as it stands, over a database of its own that outlives it."""

    def __init__(self, memory: MemoryDatabase, *, writes_dead_letters: bool = True) -> None:
        self.known: dict[str, str] = {}
        self.memory = memory
        settings = Settings(_env_file=None, env="development", signatures="off")  # type: ignore[call-arg]  # pydantic-settings' own argument
        last_known_good = LastKnownGood(memory.collection("clinics").as_collected)
        self.last_known_good = last_known_good
        self.table = GlobalTable(
            settings, "intake", CLINICS, self._take, last_known_good, writes_dead_letters=writes_dead_letters
        )

    def _take(self, event: Incoming) -> None:
        data: Any = event.data
        self.known[event.subject] = data.phone

    async def start(self, *topic: Record) -> Replica:
        await self.last_known_good.look()
        self.table._know(self.last_known_good.versions)
        await self.hear(*topic)
        await self.table.fill()
        return self

    async def hear(self, *topic: Record) -> Replica:
        for each in topic:
            self.table._one(each)
        await self.table.keep(None)  # type: ignore[arg-type]  # the time does not matter to it
        return self


async def test_a_restart_after_compaction_knows_the_last_good_one() -> None:
    memory = MemoryDatabase()
    first = await Replica(memory).start(record(1, "+7 1"), record(2, "+7 2"), record(3, None))
    assert (first.known, len(first.table.bad)) == ({"samal-3": "+7 2"}, 1)
    # Compacted: only the bad one is left.
    again = await Replica(memory).start(record(3, None))
    assert again.known == {"samal-3": "+7 2"}
    # What the topic has counts before what was kept, and replaces it.
    third = await Replica(memory).start(record(3, None), record(4, "+7 4"))
    assert third.known == {"samal-3": "+7 4"}
    assert (await Replica(memory).start()).known == {"samal-3": "+7 4"}


async def test_reading_the_topic_again_writes_nothing_and_falls_back_to_nothing_older() -> None:
    memory = MemoryDatabase()
    topic = [record(1, "+7 1"), record(2, "+7 2"), record(3, clinic_id="samal-4")]
    await Replica(memory).start(*topic)
    writes: list[int] = []
    memory.collection("clinics").before_write = lambda: writes.append(1)
    await Replica(memory).start(*topic)
    assert writes == []
    assert (await Replica(memory).start()).known == {"samal-3": "+7 2", "samal-4": "+7 700 000 00 01"}


async def test_two_replicas_that_keep_the_same_do_not_stand_in_each_others_way() -> None:
    memory = MemoryDatabase()
    one, two = await Replica(memory).start(), await Replica(memory).start()
    collection = memory.collection("clinics")

    def other_first() -> None:
        collection.before_write = None
        collection.docs["samal-3"] = {"_id": "samal-3", "place": [0, 1, 0], "gone": False}

    collection.before_write = other_first
    await one.hear(record(1, "+7 1"))
    await two.hear(record(1, "+7 1"), record(2, "+7 2"))
    assert (await Replica(memory).start()).known == {"samal-3": "+7 2"}


async def test_what_could_not_be_stored_is_stored_with_the_next_tick() -> None:
    memory = MemoryDatabase()
    replica = await Replica(memory).start()

    def away() -> None:
        memory.collection("clinics").before_write = None
        raise ConnectionError

    memory.collection("clinics").before_write = away
    try:
        await replica.hear(record(1, "+7 1"))
    except ConnectionError:
        await replica.hear()
    assert (await Replica(memory).start()).known == {"samal-3": "+7 1"}


async def test_a_clinic_that_was_taken_back_is_gone_after_a_restart() -> None:
    memory = MemoryDatabase()
    replica = await Replica(memory).start(record(1), tombstone(2))
    assert list(replica.known) == ["samal-3"]
    assert (await Replica(memory).start(tombstone(2))).known == {}
    assert list((await Replica(memory).start(tombstone(2), record(3))).known) == ["samal-3"]
    assert list((await Replica(memory).start()).known) == ["samal-3"]


# ---------------------------------------------------------------- revisions


def timed(offset: int, at: str | None, revision: int | None) -> Record:
    """A record whose phone says what it is."""
    each = record(offset, f"+7 {offset}", revision=revision)
    headers = (*each.headers, *([] if at is None else [("ce_time", f"2026-11-23T{at}:00+05:00".encode())]))
    return Record(each.topic, each.partition, each.offset, each.key, each.value, headers, each.timestamp)


Line = tuple[str | None, int | None]

ORDERS: dict[str, tuple[list[Line], int]] = {
    "a higher revision replaces a lower": ([("09:00", 1), ("10:00", 2)], 2),
    "whatever its time is": ([("10:00", 1), ("09:00", 2)], 2),
    "a lower one that comes late is history": ([("09:00", 2), ("10:00", 1)], 1),
    "of one revision the later time holds": ([("10:00", 2), ("09:00", 2)], 1),
    "of one revision and time the later record": ([("09:00", 2), ("09:00", 2)], 2),
    "revision 0 is one": ([("10:00", 0), ("09:00", 1)], 2),
    "without one the time decides": ([("09:00", None), ("10:00", None)], 2),
    "and an older one is history": ([("10:00", None), ("09:00", None)], 1),
    "of one time the later record": ([("09:00", None), ("09:00", None)], 2),
    "without a time the record's": ([(None, None), (None, None)], 2),
    "where one has none, the time decides": ([("09:00", 5), ("10:00", None)], 2),
    "either way round": ([("10:00", 5), ("09:00", None)], 1),
    "a first revision replaces an older record": ([("09:00", None), ("10:00", 1)], 2),
    "and no newer one": ([("10:00", None), ("09:00", 1)], 1),
    "what had none lets no lower revision in": ([("09:00", 5), ("10:00", None), ("11:00", 4)], 2),
    "and a higher one with a later time": ([("09:00", 5), ("10:00", None), ("11:00", 6)], 3),
}


@pytest.mark.parametrize(("lines", "holds"), ORDERS.values(), ids=ORDERS)
async def test_which_of_a_clinics_records_holds(lines: list[Line], holds: int) -> None:
    memory = MemoryDatabase()
    topic = [timed(place, *line) for place, line in enumerate(lines, start=1)]
    expected = {"samal-3": f"+7 {holds}"}
    assert (await Replica(memory).start(*topic)).known == expected
    # After a restart that reads it all; one after compaction, which keeps the last; one of which nothing is left.
    for left in (topic, topic[-1:], []):
        assert (await Replica(memory).start(*left)).known == expected
    # A service that begins with no store of its own, while the topic is whole.
    assert (await Replica(MemoryDatabase()).start(*topic)).known == expected


async def test_a_tombstone_forgets_the_version() -> None:
    """The way out where a wrong clock or a wrong revision blocks all that is newer."""
    memory = MemoryDatabase()
    topic = [timed(1, "23:00", 900), tombstone(2), timed(3, "09:00", 1)]
    assert (await Replica(memory).start(*topic)).known == {"samal-3": "+7 3"}
    for left in (topic, topic[-1:], []):
        assert (await Replica(memory).start(*left)).known == {"samal-3": "+7 3"}


async def test_what_an_earlier_release_kept_has_no_version_and_gives_way() -> None:
    memory = MemoryDatabase()
    await Replica(memory).start(timed(1, "10:00", 3))
    del memory.collection("clinics").docs["samal-3"]["version"]
    assert (await Replica(memory).start()).known == {"samal-3": "+7 1"}
    assert (await Replica(memory).start(timed(1, "10:00", 3), timed(2, "11:00", 2))).known == {"samal-3": "+7 1"}
    assert memory.collection("clinics").docs["samal-3"]["version"][:2] == [3, 3]


def test_printed_pages_take_the_same_record() -> None:
    topic = [timed(1, "09:00", 2), timed(2, "10:00", 1)]
    found = clinic_among(topic, "samal-3")
    assert found is not None
    assert found.phone == "+7 1"


async def test_who_writes_no_dead_letters_keeps_nothing_of_what_is_bad() -> None:
    """Three services of four: a clinic that sends the same bad record every hour must not fill their memory."""
    replica = await Replica(MemoryDatabase(), writes_dead_letters=False).start(
        record(1, "+7 1"), record(2, None), record(3, None)
    )
    assert (replica.known, replica.table.bad) == ({"samal-3": "+7 1"}, [])
