"""One place for many calls, two replicas, large batches: through the engine."""

import asyncio
from typing import Any

import pytest

from homecall.contract.envelope import Incoming
from tests.unit.scheduler.office import (
    CLINIC,
    FRIDAY,
    Office,
    Twin,
    accepted,
    cancelled,
    clinic,
    doctor,
    incoming,
    known,
    request_id,
    roster,
    said,
)
from tests.unit.standard.local_times import at

NOW = "Fri 2026-11-20 10:00"
DAY = f"{CLINIC}|{FRIDAY}"


def outcomes(said_of: list[tuple[str, str, Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for event_type, subject, data in said_of:
        found.setdefault(subject, set()).add(data.get("cause") or event_type)
    return found


@pytest.mark.parametrize("killed_after", [None, 1, 2, 3, 5])
async def test_200_requests_at_once_for_one_place_from_two_replicas(killed_after: int | None) -> None:
    """One booking, 199 with a cause; also when a replica dies midway and another hears its batch again."""
    office = Office()
    await office.hear(roster(doctor(max_visits=1)))
    twin = Twin(office.memory)
    calls = [accepted(number=number + 1) for number in range(200)]
    left = killed_after or 0

    def crash() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise RuntimeError("killed")

    if killed_after is not None:
        office.memory.collection("calls").after_write = crash
        office.memory.collection("days").after_write = crash

    async def hear(who: Office, batch: list[Incoming]) -> None:
        for _ in range(5):
            try:
                await who.hear(*batch)
            except Exception:
                continue  # a new process hears its batch again
            return
        raise AssertionError("never done")

    await asyncio.gather(
        *(
            hear(who, calls[start : start + 25])
            for who, first in ((office, 0), (twin, 100))
            for start in range(first, first + 100, 25)
        )
    )
    await office.tick(NOW)
    told = outcomes(said(office.published + twin.published))
    assert sorted("".join(sorted(each)) for each in told.values()) == ["no_capacity"] * 199 + ["visit.scheduled"]
    day = (await office.store.load_days([DAY]))[DAY]
    assert len(day.bookings) == 1


async def test_200_requests_of_different_clinics_are_one_bulk_write_of_days_that_are_in_memory() -> None:
    ids = [f"clinic-{number}" for number in range(200)]
    office = Office(known(*(clinic(clinic_id=each) for each in ids)))
    line = doctor()
    rosters = [
        incoming("roster.published", {"clinic_id": each, "date": FRIDAY, "revision": 1, "doctors": [line]})
        for each in ids
    ]
    await office.handle(*rosters)
    days = office.memory.collection("days")
    asked: list[str] = []
    find, write = days.find, days.write

    async def counted_find(*args: Any, **options: Any) -> Any:
        asked.append("load")
        return await find(*args, **options)

    async def counted_write(*args: Any, **options: Any) -> Any:
        asked.append("write")
        return await write(*args, **options)

    days.find, days.write = counted_find, counted_write  # type: ignore[method-assign]  # a double in its place
    calls = [accepted(number=number, clinic_id=each) for number, each in enumerate(ids, 1)]
    told = await office.hear(*calls)
    assert [event_type for event_type, _, _ in told] == ["visit.scheduled"] * 200
    assert asked == ["write"]


async def test_what_another_replica_has_changed_is_seen_though_the_day_is_held_in_memory() -> None:
    office = Office()
    await office.hear(roster(doctor(max_visits=2)), accepted(number=1))
    twin = Twin(office.memory)
    await twin.hear(accepted(number=2))
    (told,) = await office.hear(accepted(number=3))
    assert told[2].get("cause") == "no_capacity"


async def test_what_is_booked_while_a_settled_day_is_still_being_told_is_not_lost() -> None:
    """The marks of a settled day are cleared once its events are out: by then others may have changed the day."""
    office = Office()
    await office.hear(roster(doctor(max_visits=3)), accepted(number=1))
    settled = await office.engine.handle([cancelled(1)], at(NOW))
    days = office.memory.collection("days")
    write = days.write

    async def meanwhile(operations: Any) -> Any:
        days.write = write  # type: ignore[method-assign]  # a double in its place
        await office.hear(accepted(number=2))
        return await write(operations)

    days.write = meanwhile  # type: ignore[method-assign]  # a double in its place
    for done in settled.after:
        await done()
    await office.tick(NOW)
    (doc,) = days.docs.values()
    assert list(doc["bookings"]) == [request_id(2)]
    again = await Twin(office.memory).hear(accepted(number=3), accepted(number=4))
    assert [event_type for event_type, _, _ in again] == ["visit.scheduled", "visit.scheduled"]
