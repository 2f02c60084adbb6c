"""``homecall migrate`` on every database at hand: twice, by two at once, killed in the middle, beside a writer; and
what older releases stored is found by the commands that look for it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Mapping
from datetime import date
from typing import Any

import pytest
from pymongo import MongoClient
from typer.testing import CliRunner

from homecall.cli.main import app
from homecall.contract.topics import SERVICES
from homecall.operations.failure import Failure
from homecall.operations.migrate import SCHEMAS, look_at
from homecall.runtime.failures import Awaited, TooNew
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.mongo.client import Database, MongoCollection
from homecall.runtime.mongo.schema import MARKS, Migration, Schema
from services.complaints.domain.state import ComplaintState
from services.complaints.store import ComplaintStore
from services.intake.domain.state import RequestState
from services.intake.store import IntakeStore
from services.intake.store import schema as intake_schema
from tests.contract.test_reconcile import CLINIC, FRIDAY, Services
from tests.infrastructure import stack
from tests.unit.intake import office as desk

OLD = {
    "intake": {"requests": ("day", "clinic", "held", "held_since", "over_on", "sealed", "changed_at")},
    "scheduler": {
        "calls": ("day", "clinic", "channel", "unplaced", "over_on", "changed_at"),
        "days": ("load", "places"),
    },
    "notifier": {"requests": ("day", "clinic", "open_channel", "over_on", "changed_at")},
    "complaints": {"complaints": ("clinic", "about", "matter_iin", "matter_name", "over_on")},
}
"""What documents did not have when the project began: the fields that the migrations give."""
_FACTS = {"reasons": ["other"], "patient": {"full_name": "Сынақ Серік"}}


@pytest.fixture
async def database(every_mongo: stack.Server) -> AsyncIterator[Database]:
    found = Database(every_mongo.address, f"test_{uuid.uuid4().hex[:12]}")
    yield found
    await found.drop()
    await found.close()


@pytest.fixture
def shell(every_mongo: stack.Server, mongo_prefix: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The settings of an operator's shell; the prefix."""
    for name, value in {"ENV": "development", "MONGO_URL": every_mongo.address, "MONGO_PREFIX": mongo_prefix}.items():
        monkeypatch.setenv(f"HOMECALL_{name}", value)
    return mongo_prefix


def homecall(*arguments: str) -> tuple[int, str]:
    """A command's exit code and what it printed."""
    result = CliRunner().invoke(app, list(arguments))
    if isinstance(result.exception, Failure):
        return result.exception.code, f"{result.stdout}homecall: {result.exception}"
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def an_old_request(number: int, day: date = FRIDAY) -> dict[str, Any]:
    """A request as the first release stored it: nothing to find it by but its id and its claim."""
    state = RequestState(desk.request_id(number), CLINIC, "accepted", "phone", _FACTS)
    facts = vars(state) | {"register_date": day.isoformat(), "register_number": number, "visit_date": day.isoformat()}
    return {"_id": state.request_id, "v": 1, "w": "t", "s": facts, "p": [], "o": {}}


def insert(address: str, name: str, docs: list[dict[str, Any]]) -> None:
    with MongoClient[dict[str, Any]](address) as client:
        client[name]["requests"].insert_many(docs)


def strip(address: str, prefix: str) -> int:
    """Take from every document what its first release did not give it; from how many."""
    changed = 0
    with MongoClient[dict[str, Any]](address) as client:
        for service, collections in OLD.items():
            for collection, fields in collections.items():
                docs = client[f"{prefix}_{service}"][collection]
                for doc in list(docs.find({}, {"_id": 1})):
                    docs.update_one({"_id": doc["_id"]}, {"$unset": dict.fromkeys(fields, "")})
                    changed += 1
            client[f"{prefix}_{service}"][MARKS].delete_many({})
    return changed


# ---- what an operator sees


@pytest.mark.usefixtures("shell")
def test_a_new_installation_has_nothing_to_migrate() -> None:
    code, said = homecall("migrate", "--check", "--service", "intake")
    assert code == 1
    assert said.splitlines()[0].startswith("intake: no index on requests: ")
    code, said = homecall("migrate")
    assert code == 0, said
    assert "intake: index made on requests: day, clinic" in said
    assert homecall("migrate", "--check") == (0, "".join(f"{name}: up to date\n" for name in SERVICES))
    assert homecall("migrate") == (0, "".join(f"{name}: up to date\n" for name in SERVICES))


def test_what_is_missing_is_said_counted_and_made_good(every_mongo: stack.Server, shell: str) -> None:
    assert homecall("migrate")[0] == 0
    insert(every_mongo.address, f"{shell}_intake", [an_old_request(number) for number in range(1, 8)])
    with MongoClient[dict[str, Any]](every_mongo.address) as client:
        client[f"{shell}_intake"][MARKS].delete_many({})
    code, said = homecall("migrate", "--check", "--service", "intake")
    assert (code, [line.split(":")[1].split()[0] for line in said.splitlines()[:-1]]) == (
        1,
        ["0001-requests-by-day", "0002-requests-over"],
    )
    assert said.splitlines()[-1] == "homecall: 2 missing: run homecall migrate"
    code, said = homecall("migrate", "--dry-run", "--json", "--service", "intake")
    found = json.loads(said)["services"]["intake"]
    assert (code, found["wanting"]) == (0, 2)
    assert [(each["looked"], each["changed"], each["finished"]) for each in found["migrations"]] == [(7, 7, False)] * 2
    code, said = homecall("migrate", "--service", "intake")
    assert (code, said) == (
        0,
        "intake: 0001-requests-by-day: 7 looked at, 7 changed\nintake: 0002-requests-over: 7 looked at, 7 changed\n",
    )
    assert homecall("migrate", "--service", "intake") == (0, "intake: up to date\n")
    # A replica of the old release that was still running has stored one more.
    insert(every_mongo.address, f"{shell}_intake", [an_old_request(9)])
    code, said = homecall("migrate", "--service", "intake", "--again")
    assert (code, said.splitlines()[0]) == (0, "intake: 0001-requests-by-day: 8 looked at, 1 changed")


# ---- an upgrade


def test_what_an_older_release_stored_is_found_by_every_command(every_mongo: stack.Server, shell: str) -> None:
    complaint = ComplaintState(
        complaint_id="b7a6c5d4-e3f2-4a1b-8c9d-0e1f2a3b4c5d",
        clinic_id=CLINIC,
        request_id=desk.request_id(1),
        status="invalid",
        channel="in_person",
    )

    async def a_day() -> None:
        services = Services(every_mongo.address, shell)
        await services.play()
        database = Database(every_mongo.address, f"{shell}_complaints")
        await ComplaintStore(database).complaints.save([Aggregate(complaint.complaint_id, state=complaint)])
        await database.close()

    async def found() -> tuple[int, list[Any], int, int]:
        services = Services(every_mongo.address, shell)
        judged = await services.judged()
        database = Database(every_mongo.address, f"{shell}_complaints")
        about = await ComplaintStore(database).about(desk.request_id(1))
        of_clinic = await ComplaintStore(database).of_clinic(CLINIC)
        await database.close()
        loads = await services.stores.scheduler.loads(FRIDAY)
        differences = [each for judgement in judged for each in judgement.differences]
        return sum(each.counts.requests for each in judged), differences, len(about) + len(of_clinic), len(loads)

    def over() -> list[str]:
        # On a day long after: all that was over.
        code, said = homecall("erase", "--older-than", "100", "--dry-run")
        assert code == 0
        return [line.split()[1] for line in said.splitlines()]

    asyncio.run(a_day())
    os.environ["HOMECALL_CLOCK"] = "2030-01-01T12:00:00+05:00"
    try:
        as_new, over_as_new = asyncio.run(found()), over()
        assert (as_new[1:3], over_as_new[0] != "0") == (([], 2), True)
        assert strip(every_mongo.address, shell) > 15
        before = asyncio.run(found())
        assert (before[0], before[2]) != (as_new[0], as_new[2])
        assert over() == ["0"] * len(SERVICES)
        code, said = homecall("migrate", "--json")
        assert (code, json.loads(said)["wanting"]) == (0, 0)
        assert asyncio.run(found()) == as_new
        assert over() == over_as_new
    finally:
        del os.environ["HOMECALL_CLOCK"]


# ---- broken off, by two, and beside a writer


def by_day(schema: Schema, at_once: int = 5, **over: Any) -> Migration:
    first = schema.migrations[0]
    return Migration(first.name, first.about, first.collection, first.derive, at_once=at_once, **over)


async def days(database: Database) -> list[int | None]:
    return [doc.get("day") for doc in await database.collection("requests").find({}, sort="_id")]


_KILLED = """
import asyncio, os, signal, sys
from services.intake.store import schema
from homecall.runtime.mongo.client import MongoCollection, Database
from tests.contract.test_migrate import by_day

written = MongoCollection.write
left = int(sys.argv[3])

async def write(self, operations):
    global left
    done = await written(self, operations)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return done

MongoCollection.write = write

async def main():
    found = schema(Database(sys.argv[1], sys.argv[2]))
    async for _ in found.run(by_day(found)):
        pass

asyncio.run(main())
"""


async def test_killed_after_any_write_it_goes_on_where_it_was(every_mongo: stack.Server, database: Database) -> None:
    """Of 23 in portions of 5: killed after the first portion, then between a portion and its note, then whole."""
    await database.ping()
    insert(every_mongo.address, database.name, [an_old_request(number) for number in range(23)])
    for after, at_least in ((2, 5), (3, 10)):
        arguments = [sys.executable, "-c", _KILLED, every_mongo.address, database.name, str(after)]
        done = await asyncio.to_thread(subprocess.run, arguments, timeout=60, cwd=stack.ROOT, check=False)
        assert done.returncode == -9
        assert sum(day is not None for day in await days(database)) >= at_least
    schema = intake_schema(database)
    progress = [each async for each in schema.run(by_day(schema))][-1]
    assert 0 < progress.looked < 23, "what was done is not done again"
    assert set(await days(database)) == {FRIDAY.toordinal()}
    assert [each async for each in schema.run(by_day(schema))] == []


async def test_two_at_once_and_a_writer_beside_them(every_mongo: stack.Server, database: Database) -> None:
    """The writer moves requests to another day meanwhile: its word stands, and none is left without."""
    store = IntakeStore(database)
    await store.prepare()
    insert(every_mongo.address, database.name, [an_old_request(number) for number in range(60)])
    ids = [desk.request_id(number) for number in range(60)]
    moved_to = date(2026, 11, 23)
    schema = intake_schema(database)

    async def move() -> None:
        for request_id in ids[::2]:
            left = {request_id}
            while left:
                found = (await store.requests.load(left))[request_id]
                assert found.state is not None
                found.state.register_date = moved_to
                found.state.visit_date = moved_to
                left = await store.requests.save([found])

    async def run() -> int:
        return [each async for each in schema.run(by_day(schema))][-1].looked

    *_, one, other = await asyncio.gather(move(), run(), run())
    assert one + other >= 60
    found = {doc["_id"]: doc for doc in await database.collection("requests").find({})}
    assert [found[each]["day"] for each in ids] == [moved_to.toordinal(), FRIDAY.toordinal()] * 30
    # The writer lost to nobody: what a migration writes is no version of its own.
    assert {found[each]["v"] for each in ids} == {1, 2}


async def test_a_document_that_cannot_be_read_keeps_no_other_from_its_fields(
    every_mongo: stack.Server, database: Database
) -> None:
    await database.ping()
    broken = an_old_request(3) | {"s": {"request_id": desk.request_id(3), "visit_date": "no day"}}
    insert(every_mongo.address, database.name, [*(an_old_request(number) for number in (1, 2, 4)), broken])
    found = await look_at(intake_schema(database))
    assert [each.failed for each in found.migrations] == [[desk.request_id(3)]] * 2
    assert found.wanting == 2
    assert sorted(str(day) for day in await days(database)) == [*[str(FRIDAY.toordinal())] * 3, "None"]


async def test_the_commands_stay_within_bounds(every_mongo: stack.Server, database: Database) -> None:
    """One query, one bulk write and one note for each portion."""
    await database.ping()
    insert(every_mongo.address, database.name, [an_old_request(number) for number in range(20)])
    schema = intake_schema(database)
    before = database.commands
    async for _ in schema.run(by_day(schema, at_once=10)):
        pass
    # What has been run; two portions (with the note's insert and update), and the look that finds no more.
    assert database.commands - before <= 14


# ---- what a service makes of it


async def test_a_service_says_what_is_missing_and_waits_for_what_it_needs(
    every_mongo: stack.Server, database: Database
) -> None:
    await database.ping()
    insert(every_mongo.address, database.name, [an_old_request(1)])
    schema = intake_schema(database)
    assert [each.name for each in (await schema.admit()).missing] == [each.name for each in schema.migrations]
    needing = Schema(database, schema.indexes, [by_day(schema, needed=True)])
    with pytest.raises(Awaited, match="lacks 0001-requests-by-day: run homecall migrate"):
        await needing.admit()
    async for _ in needing.run(needing.migrations[0]):
        pass
    assert (await needing.admit()).missing == []


async def test_a_service_does_not_start_on_what_a_newer_release_has_changed(database: Database) -> None:
    await database.ping()
    schema = intake_schema(database)
    collection: MongoCollection = database.collection("requests")

    def nothing(_: Mapping[str, Any]) -> Mapping[str, Any]:
        return {}

    added = Migration("0099-more", "a newer release adds a field", collection, nothing)
    changed = Migration("0100-other", "a newer release changes what a field means", collection, nothing, breaking=True)
    newer = Schema(database, schema.indexes, [*schema.migrations, added])
    await newer.admit()
    assert (await schema.admit()).newer == ["0099-more"]
    await Schema(database, schema.indexes, [*newer.migrations, changed]).admit()
    with pytest.raises(TooNew, match="0100-other"):
        await schema.admit()
    found = await look_at(schema)
    assert (found.breaking, found.wanting > 0) == (["0100-other"], True)


def test_every_store_has_a_schema() -> None:
    assert tuple(SCHEMAS) == SERVICES


async def test_names_are_numbered_and_none_comes_twice() -> None:
    for of in SCHEMAS.values():
        database = Database("mongodb://127.0.0.1:1", "none")
        names = [each.name for each in of(database).migrations]
        assert [name[:4] for name in names] == [f"{number:04d}" for number in range(1, len(names) + 1)]
        await database.close()
