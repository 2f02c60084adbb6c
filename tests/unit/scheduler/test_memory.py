"""How much memory days take: what is kept of a booking, and how many days are worked on together."""

from __future__ import annotations

import gc
import json
import tracemalloc
from typing import Any

import pytest

from services.scheduler import store as stores
from services.scheduler.packed import Packed
from services.scheduler.store import SchedulerStore
from tests.unit.runtime.memory import MemoryDatabase
from tests.unit.scheduler.office import CLINIC, FRIDAY, Office, accepted, clinic, doctor, incoming, known, roster

DAY = f"{CLINIC}|{FRIDAY}"
CLINICS = [f"samal-{number}" for number in range(1, 6)]
WHY = {"basis": "district", "wait_minutes": 74, "load": 0.5, "over": [{"doctor_id": "b", "cost_minutes": 21.2}]}


# ---- what is kept packed


def test_a_packed_document_is_read_like_the_one_that_was_packed() -> None:
    packed = Packed(WHY)
    assert packed == WHY
    assert packed == WHY
    assert packed == Packed(WHY)
    assert packed != Packed(WHY | {"load": 0.6})
    assert packed != {**WHY, "load": 0.6}
    assert {**packed} == dict(packed) == WHY
    assert (packed["over"], packed.get("nothing"), len(packed), list(packed)) == (WHY["over"], None, 4, list(WHY))
    assert json.dumps(dict(packed)) == json.dumps(WHY), "plain dicts and lists, all the way down"


async def test_what_a_reader_changes_of_it_is_not_changed_in_it() -> None:
    packed = Packed(WHY)
    packed["over"].append("more")
    assert packed == WHY


async def full_day(office: Office, calls: int = 200) -> None:
    doctors = [
        doctor(f"doctor {number}", max_visits=60, shift={"from": "09:00", "to": "20:00"}) for number in range(12)
    ]
    await office.hear(roster(*doctors))
    await office.hear(*(accepted(number=number) for number in range(1, calls + 1)))


async def test_a_loaded_day_is_as_it_was_saved_and_a_change_writes_nothing_else() -> None:
    office = Office()
    await full_day(office, 20)
    kept = (await office.store.load_days([DAY]))[DAY]
    loaded = (await SchedulerStore(office.memory.as_database).load_days([DAY]))[DAY]
    assert loaded.bookings == kept.bookings
    assert all(isinstance(each.why, Packed) for each in loaded.bookings.values())
    stored = office.memory.collection("days").docs[DAY]
    twin = Office(database=office.memory.as_database)
    await twin.hear(accepted(number=21))
    again = office.memory.collection("days").docs[DAY]
    assert {name: each["why"] for name, each in again["bookings"].items() if name in stored["bookings"]} == {
        name: each["why"] for name, each in stored["bookings"].items()
    }


async def test_a_booking_takes_three_kilobytes_at_most() -> None:
    """Of a day that was loaded, with its plan. 5.5 KB were kept before why it was given to its doctor was packed."""
    office = Office()
    await full_day(office)
    other = SchedulerStore(office.memory.as_database)
    gc.collect()
    tracemalloc.start()
    try:
        day = (await other.load_days([DAY]))[DAY]
        assert day.plan.bookings
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(day.bookings) == 200
    assert taken / 200 < 3_000


async def test_why_is_packed_in_the_replica_that_made_the_booking_too() -> None:
    """It takes 2.4 KB there instead of 3.3."""
    office = Office()
    await full_day(office, 20)
    kept = (await office.store.load_days([DAY], cached=True))[DAY]
    assert len(kept.bookings) == 20
    for request_id, visit in kept.bookings.items():
        assert isinstance(visit.why, Packed)
        assert kept.plan.bookings[request_id].why is visit.why
    await office.store.save_days([kept])
    before = office.memory.commands
    assert await office.store.save_days([kept]) == set()
    assert office.memory.commands == before, "nothing of it counts as a change"


# ---- days that are worked on together


def in_clinics(number: int) -> list[Any]:
    """A call for each clinic, and each clinic's roster."""
    return [accepted(number=10 * number + place, clinic_id=name) for place, name in enumerate(CLINICS)]


def rosters() -> list[Any]:
    doctors = [doctor(each) for each in "ab"]
    return [
        incoming("roster.published", {"clinic_id": name, "date": FRIDAY, "revision": 1, "doctors": doctors})
        for name in CLINICS
    ]


def an_office() -> Office:
    return Office(known(*(clinic(clinic_id=name) for name in CLINICS)))


def stored(office: Office) -> dict[str, Any]:
    """Calls and days, without what differs from write to write."""
    return {
        f"{name} {key}": {field: value for field, value in doc.items() if field not in {"w", "changed_at"}}
        for name in ("calls", "days")
        for key, doc in office.memory.collection(name).docs.items()
    }


async def test_a_batch_in_portions_says_and_stores_what_it_does_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [rosters(), in_clinics(1), in_clinics(2) + in_clinics(3)]

    async def played() -> tuple[list[Any], dict[str, Any], int]:
        office = an_office()
        said = []
        for batch in made:
            office.store._kept.clear()  # what is in memory needs no portions
            said.append(await office.hear(*batch))
        return said, stored(office), office.memory.commands

    at_once = await played()
    monkeypatch.setattr(stores, "_BOOKINGS_AT_ONCE", 1)
    in_portions = await played()
    assert in_portions[:2] == at_once[:2]
    assert in_portions[2] > at_once[2] + 10, "each portion has its own query and its own write"


async def test_a_portion_holds_so_many_bookings_unless_one_day_has_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_BOOKINGS_AT_ONCE", 250)
    store = SchedulerStore(MemoryDatabase().as_database)
    for key, bookings in {"a": 100, "b": 150, "c": 1, "d": 900, "e": 20}.items():
        store._sizes[key] = bookings
    assert list(store.portions({"e", "d", "c", "b", "a"})) == [["a", "b"], ["c"], ["d"], ["e"]]
    assert list(store.portions({"new 1", "new 2", "new 3"})) == [["new 1", "new 2"], ["new 3"]], "100 each, as it seems"
    assert list(store.portions(())) == []


async def test_days_in_memory_come_first_and_count_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_BOOKINGS_AT_ONCE", 100)
    office = Office()
    await full_day(office, 30)
    assert list(office.store.portions({DAY, "a", "b"})) == [[DAY, "a"], ["b"]]


async def test_the_size_of_a_day_is_known_once_it_was_loaded_or_saved() -> None:
    office = Office()
    await full_day(office, 30)
    assert office.store._sizes[DAY] == 30 + 12
    office.store._sizes.clear()
    await office.store.load_days([DAY])
    assert office.store._sizes[DAY] == 30 + 12
