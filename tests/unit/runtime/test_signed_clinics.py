"""Signed clinics: nobody else deletes a clinic, and nothing that was sent before comes back."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from homecall.contract.envelope import Incoming, Record
from homecall.contract.topics import CLINICS
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.kafka.senders import signature_headers
from homecall.runtime.mongo.last_known_good import LastKnownGood
from homecall.runtime.settings import Settings
from tests.contract.goldens import headers
from tests.unit.intake.office import clinic
from tests.unit.runtime.memory import MemoryDatabase

OWN, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
KEYS = {"samal-3": OWN, "samal-4": OTHER}


def at(offset: int, record: Record) -> Record:
    """The record once more, at another place of the topic."""
    return replace(record, offset=offset)


def signed(plain: Record, sender: str) -> Record:
    made = signature_headers(sender, KEYS[sender].sign, plain.topic, plain.key, plain.headers, plain.value)
    return replace(plain, headers=plain.headers + made)


def published(
    offset: int, phone: str, time: str, *, revision: int | None = None, sender: str | None = "samal-3"
) -> Record:
    data = json.loads(clinic("samal-3").to_json()) | {"phone": phone}
    data |= {} if revision is None else {"revision": revision}
    plain = Record(
        CLINICS.name,
        0,
        offset,
        b"samal-3",
        json.dumps(data).encode(),
        headers("clinic.published", ce_id=f"{phone} {time} {revision}", ce_time=f"2026-11-23T{time}:00+05:00"),
        1_700_000_000_000 + offset,
    )
    return plain if sender is None else signed(plain, sender)


def tombstone(offset: int, time: str, *, sender: str | None = "samal-3") -> Record:
    plain = Record(
        CLINICS.name,
        0,
        offset,
        b"samal-3",
        None,
        headers("clinic.published", ce_id=f"gone {time}", ce_time=f"2026-11-23T{time}:00+05:00"),
        1_700_000_000_000 + offset,
    )
    return plain if sender is None else signed(plain, sender)


@pytest.fixture
def senders(tmp_path: Path) -> Path:
    entries = {
        name: {
            "keys": [base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()],
            "clinics": [name],
        }
        for name, key in KEYS.items()
    }
    path = tmp_path / "senders.json"
    path.write_text(json.dumps({"senders": entries}), "utf-8")
    return path


class Replica:
    """Intake's table of clinics over a database that outlives it."""

    def __init__(self, memory: MemoryDatabase, senders: Path | None) -> None:
        self.known: dict[str, str] = {}
        settings = Settings(_env_file=None, env="development", signatures="off", senders_file=senders)  # type: ignore[call-arg]  # pydantic-settings' own argument
        self.last_known_good = LastKnownGood(memory.collection("clinics").as_collected)
        self.table = GlobalTable(
            settings, "intake", CLINICS, self._take, self.last_known_good, writes_dead_letters=True
        )

    def _take(self, event: Incoming) -> None:
        data: Any = event.data
        self.known[event.subject] = data.phone

    async def start(self, *topic: Record) -> Replica:
        await self.last_known_good.look()
        self.table._know(self.last_known_good.versions)
        for each in topic:
            self.table._one(each)
        await self.table.keep(None)  # type: ignore[arg-type]  # the time does not matter to it
        await self.table.fill()
        return self

    @property
    def buried(self) -> list[tuple[int, str]]:
        return [(record.offset, reason) for record, reason, _ in self.table.bad]


@pytest.mark.parametrize("sender", [None, "samal-4"], ids=["unsigned", "another clinic's"])
async def test_nobody_else_deletes_a_clinic(senders: Path, sender: str | None) -> None:
    memory = MemoryDatabase()
    topic = [published(1, "+7 1", "09:00"), tombstone(2, "10:00", sender=sender)]
    replica = await Replica(memory, senders).start(*topic)
    assert (replica.known, replica.buried) == ({"samal-3": "+7 1"}, [(2, "unauthorised")])
    # Compacted: only the forged tombstone is left, and then not even that.
    assert (await Replica(memory, senders).start(topic[1])).known == {"samal-3": "+7 1"}
    assert (await Replica(memory, senders).start()).known == {"samal-3": "+7 1"}


async def test_its_own_tombstone_deletes_it_and_an_old_record_does_not_bring_it_back(senders: Path) -> None:
    memory = MemoryDatabase()
    old, gone = published(1, "+7 1", "09:00", revision=5), tombstone(2, "10:00")
    replica = await Replica(memory, senders).start(old, gone, at(3, old))
    assert replica.buried == []
    assert (await Replica(memory, senders).start(gone, at(3, old))).known == {}
    assert (await Replica(memory, senders).start(at(3, old))).known == {}
    # What the clinic publishes after it counts, whatever its revision.
    new = published(4, "+7 4", "11:00", revision=1)
    assert (await Replica(memory, senders).start(at(3, old), new)).known == {"samal-3": "+7 4"}


async def test_a_tombstone_that_is_sent_again_does_not_delete_what_came_after_it(senders: Path) -> None:
    memory = MemoryDatabase()
    gone, new = tombstone(1, "09:00"), published(2, "+7 2", "10:00")
    await Replica(memory, senders).start(gone, new, at(3, gone))
    assert (await Replica(memory, senders).start(at(3, gone))).known == {"samal-3": "+7 2"}


@pytest.mark.parametrize("revisions", [(None, None), (1, 2), (None, 1), (1, None)])
async def test_an_old_record_that_is_sent_again_rolls_nothing_back(
    senders: Path, revisions: tuple[int | None, int | None]
) -> None:
    memory = MemoryDatabase()
    old = published(1, "+7 1", "09:00", revision=revisions[0])
    new = published(2, "+7 2", "10:00", revision=revisions[1])
    replica = await Replica(memory, senders).start(old, new, at(3, old))
    assert (replica.known, replica.buried) == ({"samal-3": "+7 2"}, [])
    # Compacted: the topic has the old one only.
    assert (await Replica(memory, senders).start(at(3, old))).known == {"samal-3": "+7 2"}


async def test_of_two_with_one_revision_and_time_the_first_holds_and_the_other_is_told(senders: Path) -> None:
    memory = MemoryDatabase()
    first, second = published(1, "+7 1", "09:00"), published(2, "+7 2", "09:00")
    replica = await Replica(memory, senders).start(first, second, at(3, first))
    assert (replica.known, replica.buried) == ({"samal-3": "+7 1"}, [(2, "unauthorised")])
    assert "raise the revision" in replica.table.bad[0][2]


async def test_the_same_record_again_changes_nothing(senders: Path) -> None:
    record = published(1, "+7 1", "09:00", revision=1)
    replica = await Replica(MemoryDatabase(), senders).start(record, at(2, record), at(3, record))
    assert (replica.known, replica.buried) == ({"samal-3": "+7 1"}, [])


async def test_without_a_list_a_tombstone_and_the_offset_count_as_before() -> None:
    memory = MemoryDatabase()
    first, second = published(1, "+7 1", "09:00", sender=None), published(2, "+7 2", "09:00", sender=None)
    assert (await Replica(memory, None).start(first, second)).known == {"samal-3": "+7 2"}
    await Replica(memory, None).start(tombstone(3, "08:00", sender=None))
    assert (await Replica(memory, None).start()).known == {}
