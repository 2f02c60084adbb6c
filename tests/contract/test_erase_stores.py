"""``homecall erase`` and ``homecall keys reseal`` on every database at hand: what is found, in bulk, once, and beside
services that go on writing."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from homecall.cli.main import app
from homecall.contract.topics import SERVICES
from homecall.operations.erase import ERASURES, erase_from
from homecall.operations.failure import Failure
from homecall.operations.reseal import SEALED_STATES, reseal_in
from homecall.runtime.encryption import KeyRing, Unreadable, Vault
from homecall.runtime.engine.parking import parked_place
from homecall.runtime.mongo.aggregate import Aggregate, Parked
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.moments import millis
from services.intake.domain.state import Cause, RequestState
from services.intake.store import IntakeStore, sealed_place
from tests.infrastructure import stack
from tests.unit.intake import office as desk

VISIT = date(2030, 5, 6)
"""Long after the machine's own day: what was over then was over by its visit, not by its last change."""
FIRST = Vault(KeyRing(b"l" * 32, {"2026-1": b"a" * 32}, "2026-1"))
BOTH = Vault(KeyRing(b"l" * 32, {"2026-1": b"a" * 32, "2026-2": b"b" * 32}, "2026-2"))
SECOND = Vault(KeyRing(b"l" * 32, {"2026-2": b"b" * 32}, "2026-2"))
NAME = "Сынақ Серік"


@pytest.fixture
async def database(every_mongo: stack.Server) -> AsyncIterator[Database]:
    """Intake's own database, empty."""
    found = Database(every_mongo.address, f"test_{uuid.uuid4().hex[:12]}")
    yield found
    await found.drop()
    await found.close()


def request(number: int, visit: date = VISIT, **over: Any) -> Aggregate[RequestState]:
    """An accepted request with a patient, not stored yet."""
    facts = {"reasons": ["other"], "patient": {"full_name": NAME, "age_years": 41}}
    state = RequestState(desk.request_id(number), "samal-3", "accepted", "phone", facts, visit_date=visit)
    return Aggregate(state.request_id, state=replace(state, **over), changed=True)


async def names(store: IntakeStore, numbers: int) -> list[bool]:
    """Whether the patient's name is still there, by request."""
    found = await store.requests.load([desk.request_id(each) for each in range(numbers)])
    states = [found[desk.request_id(each)].state for each in range(numbers)]
    return [state is not None and "full_name" in state.request["patient"] for state in states]


# ---- erase


async def test_all_that_was_over_by_that_day_and_nothing_else(database: Database) -> None:
    store = IntakeStore(database)
    await store.prepare()
    stored = [request(each, VISIT + timedelta(days=each - 5), claim=f"c{each}") for each in range(10)]
    stored.append(request(10, status="deferred"))
    assert await store.requests.save(stored) == set()
    assert await store.requests.count_over(VISIT) == 6
    commands = database.commands
    assert await erase_from(store.requests, ERASURES["intake"], VISIT, at_once=4) == (6, 0)
    # Two queries and two bulk writes for six, and a query that finds nothing more.
    assert database.commands - commands == 5
    assert await names(store, 11) == [False] * 6 + [True] * 5
    assert await store.requests.count_over(VISIT) == 0
    assert await erase_from(store.requests, ERASURES["intake"], VISIT) == (0, 0)
    # The claim is free again: the index that R11 rests on has let it go.
    assert await store.holding(["c0", "c9"]) == (await store.holding(["c9"]))


async def test_the_events_that_were_said_lose_it_as_well(database: Database) -> None:
    store = IntakeStore(database)
    office = await desk.Office(database=database).prepared()
    await office.hear(desk.submitted("Fri 2026-11-20 22:00", note="қызуы"), now="Fri 2026-11-20 22:00")
    assert await erase_from(store.requests, ERASURES["intake"], VISIT) == (1, 0)
    (document,) = await database.collection("requests").find({})
    assert "Сынақ" not in str(document)
    assert "қызуы" not in str(document)
    assert '"code":"outside_acceptance_hours"' in str(document)
    assert "over_on" not in document


async def test_many_that_must_wait_do_not_hide_the_others(database: Database) -> None:
    store = IntakeStore(database)
    waiting = [request(each, VISIT - timedelta(days=1)) for each in range(5)]
    for each in waiting:
        each.outbox = ["a" * 32]
    await store.requests.save([*waiting, *[request(each) for each in range(5, 8)]])
    assert await erase_from(store.requests, ERASURES["intake"], VISIT, at_once=2) == (3, 5)
    assert await names(store, 8) == [True] * 5 + [False] * 3


async def test_two_at_once_erase_each_once(database: Database) -> None:
    store = IntakeStore(database)
    await store.prepare()
    await store.requests.save([request(each) for each in range(40)])
    runs = [erase_from(store.requests, ERASURES["intake"], VISIT, at_once=7) for _ in range(2)]
    (one, _), (other, _) = await asyncio.gather(*runs)
    assert one + other == 40
    assert not any(await names(store, 40))
    assert {each.version for each in await store.requests.find({})} == {2}


# ---- reseal


def held(number: int, vault: Vault, **over: Any) -> Aggregate[RequestState]:
    """A request whose event is kept sealed."""
    place = sealed_place(desk.request_id(number), "kept")
    due_at = datetime.fromisoformat("2030-05-06T10:00:00+05:00")
    clock = dict.fromkeys(("clock_started_at", "approaching_at", "due_at"), due_at)
    return request(number, status="held", kept=vault.seal(b"event %d" % number, place), **clock, **over)


async def test_what_is_sealed_opens_with_the_new_key_alone(database: Database) -> None:
    store = IntakeStore(database)
    await store.prepare()
    causation_id = "p" * 32
    waiting: Aggregate[RequestState] = Aggregate("nobody-knows-it", changed=True)
    record = FIRST.seal(b"record", parked_place(waiting.id, causation_id))
    waiting.parked = [Parked(causation_id, datetime(2030, 1, 1, tzinfo=UTC), record)]
    asked = request(5, unconfirmed=FIRST.seal(b"iin", sealed_place(desk.request_id(5), "unconfirmed")))
    await store.requests.save([*[held(each, FIRST) for each in range(4)], asked, waiting, request(6)])
    assert await reseal_in(store.requests, FIRST, SEALED_STATES["intake"]) == (0, 0)
    await store.requests.save([held(4, BOTH)])
    assert await reseal_in(store.requests, BOTH, SEALED_STATES["intake"], at_once=2) == (6, 0)
    assert await reseal_in(store.requests, BOTH, SEALED_STATES["intake"]) == (0, 0)
    found = {each.id: each for each in await store.requests.find({})}
    for number in range(5):
        state = found[desk.request_id(number)].state
        assert state is not None
        assert state.kept is not None
        place = sealed_place(state.request_id, "kept")
        assert SECOND.open(state.kept, place) == b"event %d" % number
        with pytest.raises(Unreadable):
            FIRST.open(state.kept, place)
    state = found[desk.request_id(5)].state
    assert state is not None
    assert state.unconfirmed is not None
    assert SECOND.open(state.unconfirmed, sealed_place(state.request_id, "unconfirmed")) == b"iin"
    (kept,) = found["nobody-knows-it"].parked
    assert SECOND.open(kept.record, parked_place("nobody-knows-it", causation_id)) == b"record"


async def test_timers_stay_as_they_are(database: Database) -> None:
    """A request that waits for its number has a timer that its state does not tell."""
    store = IntakeStore(database)
    unfinished = held(1, FIRST, pending=[Cause("cause", None)])
    unfinished.timer_at = datetime(2030, 1, 1, tzinfo=UTC)
    await store.requests.save([unfinished])
    assert await reseal_in(store.requests, BOTH, SEALED_STATES["intake"]) == (1, 0)
    (document,) = await database.collection("requests").find({})
    assert (document["timer_at"], document["sealed"]) == (millis(unfinished.timer_at), "2026-2")


async def test_what_cannot_be_opened_is_counted_and_left(database: Database) -> None:
    store = IntakeStore(database)
    await store.requests.save([held(each, FIRST) for each in range(3)] + [held(each, BOTH) for each in range(3, 5)])
    third = Vault(KeyRing(b"l" * 32, {"2026-2": b"b" * 32, "2026-3": b"c" * 32}, "2026-3"))
    assert await reseal_in(store.requests, third, SEALED_STATES["intake"], at_once=2) == (2, 3)
    sealed = [each["sealed"] for each in await database.collection("requests").find({}, sort="sealed")]
    assert sealed == ["2026-1"] * 3 + ["2026-3"] * 2


# ---- the commands, and a rotation as docs/security.md tells it


@pytest.fixture
def settings(
    every_mongo: stack.Server, mongo_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, str, Path]:
    """The settings of an operator's shell: address, prefix, keys file."""
    monkeypatch.chdir(tmp_path)
    keys = tmp_path / "keys.json"
    for name, value in {
        "ENV": "development",
        "MONGO_URL": every_mongo.address,
        "MONGO_PREFIX": mongo_prefix,
        "KEYS_FILE": str(keys),
        "CLOCK": f"{VISIT.isoformat()}T12:00:00+05:00",
    }.items():
        monkeypatch.setenv(f"HOMECALL_{name}", value)
    return every_mongo.address, mongo_prefix, keys


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None:
        raise result.exception
    return result.output


def test_a_rotation_from_key_to_key(settings: tuple[str, str, Path]) -> None:
    address, prefix, file = settings

    def vault() -> Vault:
        from homecall.runtime.settings import load_settings

        return Vault.from_settings(load_settings())

    async def stored() -> None:
        database = Database(address, f"{prefix}_intake")
        store = IntakeStore(database)
        await store.prepare()
        await store.requests.save([held(each, vault()) for each in range(3)])
        await database.close()

    run("keys", "new")
    first = vault().current
    asyncio.run(stored())
    run("keys", "new", "--standby")
    assert f"intake: 0 resealed with {first}" in run("keys", "reseal")
    run("keys", "use", f"{first[:-1]}2")
    said = run("keys", "reseal")
    assert f"intake: 3 resealed with {first[:-1]}2" in said
    assert [line.split(":")[0] for line in said.splitlines()] == list(SERVICES)
    # With a file that has lost the key, nothing is resealed, and that is said.
    file.unlink()
    run("keys", "new")
    run("keys", "new")
    run("keys", "new")
    with pytest.raises(Failure, match="3 do not open") as failure:
        run("keys", "reseal")
    assert failure.value.code == 1


def test_erase_from_the_command_line(settings: tuple[str, str, Path]) -> None:
    address, prefix, _ = settings

    async def stored() -> None:
        database = Database(address, f"{prefix}_intake")
        await IntakeStore(database).requests.save(
            [request(each, VISIT - timedelta(days=days)) for each, days in enumerate((99, 100, 101, 200))]
        )
        await database.close()

    asyncio.run(stored())
    run("keys", "new")
    # Over for more than a hundred days: by the hundred-and-first day before today.
    dry = run("erase", "--older-than", "100", "--dry-run")
    assert dry.splitlines()[0] == "intake: 2 requests over by 2030-01-25 to be erased"
    assert "intake: 2 requests over by 2030-01-25 erased" in run("erase", "--older-than", "100", "--yes")
    assert run("erase", "--older-than", "100", "--yes", "--service", "intake").splitlines() == [
        "intake: 0 requests over by 2030-01-25 erased"
    ]


# ---- what rests without its number


async def test_what_rests_is_erased_in_its_acceptance_too_and_still_finds_its_number(database: Database) -> None:
    intake = await desk.Office(database=database).prepared()
    event = desk.submitted("Fri 2026-11-20 10:00", note="Екі күннен бері")
    (accepted,) = await intake.hear(event)
    assert await erase_from(intake.store.requests, ERASURES["intake"], date(2026, 11, 20)) == (0, 0), "it is new"
    assert await erase_from(intake.store.requests, ERASURES["intake"], datetime.now(UTC).date()) == (1, 0)
    (document,) = await database.collection("requests").find({})
    assert "Серік" not in str(document)
    assert "Екі" not in str(document)
    (again,) = await desk.Office(database=database).hear(event)
    assert (again.id, again.data["register_number"]) == (accepted.id, 1)
    assert "full_name" not in str(again.data)


async def test_an_erasure_of_the_release_before_reaches_what_rests(database: Database) -> None:
    """In a rolling update, or after a way back: it does not know what rests, and leaves it as it is."""
    intake = await desk.Office(database=database).prepared()
    event = desk.submitted("Fri 2026-11-20 10:00", note="Екі күннен бері")
    (accepted,) = await intake.hear(event)
    (before,) = await database.collection("requests").find({})
    older = desk.Office(database=database).store.requests
    read = older._from_doc
    older._from_doc = lambda doc: read({name: each for name, each in doc.items() if name != "r"})  # type: ignore[method-assign]
    assert await erase_from(older, ERASURES["intake"], datetime.now(UTC).date()) == (1, 0)
    (document,) = await database.collection("requests").find({})
    assert document["r"] == before["r"]
    assert "Серік" not in str(document)
    assert "Екі" not in str(document)
    (again,) = await desk.Office(database=database).hear(event)
    assert (again.id, again.data["register_number"]) == (accepted.id, 1)
    assert "full_name" not in str(again.data)


async def test_a_rotation_leaves_what_rests_and_it_says_the_same_bytes(database: Database) -> None:
    """Nothing in it is sealed; what is, the IIN of a patient who is not confirmed yet, stands in the state."""
    intake = await desk.Office(database=database).prepared()
    record = desk.submitted("Fri 2026-11-20 10:00")
    (accepted,) = (await intake.handle(record)).events
    (stored,) = (await intake.store.requests.load([desk.request_id(1)])).values()
    assert stored.state is not None
    sealed = FIRST.seal(b"iin", sealed_place(stored.id, "unconfirmed"))
    stored.state = replace(stored.state, unconfirmed=sealed)
    await intake.store.requests.save([stored])
    (before,) = await database.collection("requests").find({})
    assert await reseal_in(intake.store.requests, BOTH, SEALED_STATES["intake"]) == (1, 0)
    (document,) = await database.collection("requests").find({})
    assert (document["r"], document["sealed"]) == (before["r"], "2026-2")
    (again,) = (await desk.Office(database=database).handle(record)).events
    assert again == accepted
