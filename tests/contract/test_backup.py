"""``homecall backup`` and ``homecall restore`` on every database at hand: all comes back as it was, or nothing does."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pytest
from pymongo import MongoClient

from homecall.contract.envelope import Incoming, OutgoingRecord
from homecall.operations.backup import COLLECTIONS
from homecall.runtime.mongo.client import Database
from tests.contract.test_migrate import homecall
from tests.contract.test_reconcile import Services
from tests.factories import iin
from tests.infrastructure import stack
from tests.unit.intake import office as desk

Dump = dict[str, list[bytes]]


@pytest.fixture
def shell(every_mongo: stack.Server, mongo_prefix: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The settings of an operator's shell, with keys of its own; the prefix."""
    found = {"ENV": "production", "MONGO_URL": every_mongo.address, "MONGO_PREFIX": mongo_prefix}
    for name, value in (found | {"KEYS_FILE": str(tmp_path / "keys.json")}).items():
        monkeypatch.setenv(f"HOMECALL_{name}", value)
    assert homecall("keys", "new")[0] == 0
    return mongo_prefix


def dump(address: str, prefix: str) -> Dump:
    """Every document there is, by collection, in bytes."""
    with MongoClient[dict[str, Any]](address) as client:
        return {
            f"{service}.{collection}": [
                bson.encode(doc) for doc in client[f"{prefix}_{service}"][collection].find({}).sort("_id", 1)
            ]
            for service in COLLECTIONS
            for collection in client[f"{prefix}_{service}"].list_collection_names()
        }


def drop(address: str, prefix: str) -> None:
    with MongoClient[dict[str, Any]](address) as client:
        for service in COLLECTIONS:
            client.drop_database(f"{prefix}_{service}")


def a_day(address: str, prefix: str) -> None:
    """A clinic's day in the stores; and that it is migrated."""
    asyncio.run(Services(address, prefix).play())
    assert homecall("migrate")[0] == 0


def test_what_was_lost_comes_back_as_it_was(every_mongo: stack.Server, shell: str, tmp_path: Path) -> None:
    a_day(every_mongo.address, shell)
    before = dump(every_mongo.address, shell)
    assert sum(map(len, before.values())) > 20
    file = tmp_path / "day.backup"
    code, said = homecall("backup", "--out", str(file), "--no-offsets", "--json")
    assert code == 0, said
    made = json.loads(said)
    assert made["documents"] == sum(map(len, before.values())), "a collection is not in the backup"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "Сынақ".encode() not in file.read_bytes(), "what is in it is sealed"
    code, said = homecall("restore", str(file), "--check", "--json")
    assert (code, json.loads(said)) == (0, made)

    assert homecall("restore", str(file))[0] == 2, "not into databases that hold something"
    assert dump(every_mongo.address, shell) == before
    drop(every_mongo.address, shell)
    assert homecall("restore", str(file), "--json") == (0, said)
    assert {name: docs for name, docs in dump(every_mongo.address, shell).items() if docs} == {
        name: docs for name, docs in before.items() if docs
    }
    code, said = homecall("migrate", "--check")
    assert code == 1, "indexes are made anew"
    assert "has not been run" not in said
    assert homecall("migrate")[0] == 0
    assert homecall("restore", str(file), "--replace")[0] == 0


def test_what_rests_without_its_number_is_said_as_it_was_after_a_restore(
    every_mongo: stack.Server, shell: str, tmp_path: Path
) -> None:
    records = [desk.submitted("Fri 2026-11-20 10:00", number=each, patient={"iin": iin(each)}) for each in (1, 2, 3)]

    async def said(*batch: Incoming) -> list[OutgoingRecord]:
        database = Database(every_mongo.address, f"{shell}_intake")
        office = await desk.Office(database=database).prepared()
        found = (await office.handle(*batch)).events
        await database.close()
        return found

    before = asyncio.run(said(*records))
    (first, *_) = (bson.decode(each) for each in dump(every_mongo.address, shell)["intake.requests"])
    assert (first["s"]["register_number"], len(first["r"])) == (None, 1)
    assert homecall("migrate")[0] == 0
    file = tmp_path / "day.backup"
    assert homecall("backup", "--out", str(file), "--no-offsets")[0] == 0
    drop(every_mongo.address, shell)
    assert homecall("restore", str(file))[0] == 0
    assert asyncio.run(said(*records[::-1])) == before[::-1]


def _cut(content: bytes) -> bytes:
    return content[:-40]


def _cut_at_a_frame(content: bytes) -> bytes:
    place = 0
    frames = []
    while place < len(content):
        frames.append(content[place : place + int.from_bytes(content[place : place + 4], "little")])
        place += len(frames[-1])
    return b"".join(frames[:-1])


def _swapped(content: bytes) -> bytes:
    first = _cut_at_a_frame(_cut_at_a_frame(content))
    second = _cut_at_a_frame(content)[len(first) :]
    return first + content[len(first) + len(second) :] + second


def _altered(content: bytes) -> bytes:
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("spoilt", [_cut, _cut_at_a_frame, _swapped, _altered, lambda content: content + b"x"])
def test_a_file_that_is_not_whole_touches_nothing(
    mongo: stack.Server,
    mongo_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoilt: Callable[[bytes], bytes],
) -> None:
    for name, value in {"ENV": "development", "MONGO_URL": mongo.address, "MONGO_PREFIX": mongo_prefix}.items():
        monkeypatch.setenv(f"HOMECALL_{name}", value)
    a_day(mongo.address, mongo_prefix)
    before = dump(mongo.address, mongo_prefix)
    file = tmp_path / "day.backup"
    assert homecall("backup", "--out", str(file), "--no-offsets")[0] == 0
    file.write_bytes(spoilt(file.read_bytes()))
    code, said = homecall("restore", str(file), "--replace")
    assert code == 2, said
    assert str(file) in said
    assert dump(mongo.address, mongo_prefix) == before


def test_without_its_keys_it_is_nothing(mongo: stack.Server, shell: str, tmp_path: Path) -> None:
    del mongo, shell
    file = tmp_path / "day.backup"
    assert homecall("backup", "--out", str(file), "--no-offsets")[0] == 0
    assert homecall("backup", "--out", str(file), "--no-offsets")[0] == 2, "a backup is never written over"
    (tmp_path / "keys.json").unlink()
    assert homecall("keys", "new")[0] == 0
    code, said = homecall("restore", str(file), "--check")
    assert (code, "does not open with key" in said) == (2, True)


def test_a_directory_keeps_the_newest(mongo: stack.Server, shell: str, tmp_path: Path) -> None:
    del mongo, shell
    directory = tmp_path / "backups"
    directory.mkdir()
    foreign, forsaken, in_hand = (
        directory / name
        for name in (
            "before-upgrade.backup",
            "homecall-20260101T000000Z.backup.unfinished",
            "homecall-20260102T000000Z.backup.unfinished",
        )
    )
    older = [directory / f"homecall-2026010{day}T020000Z.backup" for day in (1, 2)]
    for each in (foreign, forsaken, in_hand, *older):
        each.write_bytes(b"")
    os.utime(forsaken, (0, 0))
    code, said = homecall("backup", "--out", str(directory), "--keep", "2", "--no-offsets", "--json")
    assert code == 0, said
    new = Path(json.loads(said)["file"])
    assert re.fullmatch(r"homecall-\d{8}T\d{6}Z\.backup", new.name)
    assert set(directory.iterdir()) == {foreign, in_hand, older[1], new}
    assert homecall("restore", str(new), "--check")[0] == 0


def test_older_ones_stay_where_the_new_one_cannot_be_read_back(
    mongo: stack.Server, shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_day(mongo.address, shell)
    older = tmp_path / "homecall-20260101T020000Z.backup"
    older.write_bytes(b"")
    synced = os.fsync

    def a_disk_that_lies(number: int) -> None:
        os.pwrite(number, b"x" * 40, 2_000)
        synced(number)

    monkeypatch.setattr(os, "fsync", a_disk_that_lies)
    code, said = homecall("backup", "--out", str(tmp_path), "--keep", "1", "--no-offsets")
    assert code != 0, said
    assert older.exists()


def test_only_a_directory_keeps(mongo: stack.Server, shell: str, tmp_path: Path) -> None:
    del mongo, shell
    code, said = homecall("backup", "--out", str(tmp_path / "no" / "directory"), "--keep", "3", "--no-offsets")
    assert (code, "--keep N is for a directory" in said) == (2, True)
