"""A dispatcher's cases, through the engine: one place for many, large batches, reports, plans in the background."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from homecall.contract.envelope import Incoming, OutgoingRecord
from services.scheduler.domain.booked_visit import call_of
from services.scheduler.domain.improvement import Problem
from services.scheduler.improver import Improver
from services.scheduler.planning import Planner
from services.scheduler.solver import solve
from tests.unit.runtime.memory import MemoryDatabase
from tests.unit.scheduler.office import (
    CLINIC,
    FRIDAY,
    Office,
    accepted,
    cancelled,
    clinic,
    doctor,
    incoming,
    known,
    reported,
    request_id,
    roster,
    said,
)
from tests.unit.standard.local_times import at

NOW = "Fri 2026-11-20 10:00"
DAY = f"{CLINIC}|{FRIDAY}"


class Twin(Office):
    """Another replica over the same database."""

    def __init__(self, memory: MemoryDatabase) -> None:
        super().__init__(database=memory.as_database)
        self.memory = memory


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


# ---- reports


@pytest.mark.parametrize(
    ("outcome", "frees"),
    [("hospitalised", True), ("declined", True), ("served", False), ("not_at_home", False), ("false_call", False)],
)
async def test_who_needs_no_visit_any_more_leaves_the_place_to_the_next(outcome: str, frees: bool) -> None:
    office = Office()
    all_day = doctor(max_visits=1, shift={"from": "09:00", "to": "20:00"})
    await office.hear(roster(all_day), accepted(number=1), accepted(number=2))
    told = await office.hear(reported("Fri 2026-11-20 10:01", number=1, outcome=outcome), now="Fri 2026-11-20 10:01")
    assert [event_type for event_type, _, _ in told] == ["visit.closed"] + ["visit.scheduled"] * frees


async def test_a_report_that_is_heard_again_says_the_same() -> None:
    office = Office()
    report = reported("Fri 2026-11-20 10:01", number=1, outcome="declined")
    await office.hear(roster(doctor(max_visits=1)), accepted(number=1))
    first = await office.handle(report)
    assert (await office.handle(report)).events == first.events


# ---- planning again

SPOTS = [(43.22, 76.87), (43.28, 76.93), (43.22, 76.93), (43.28, 76.87)]


async def a_town(office: Office, calls: int = 16) -> None:
    start = {"lat": 43.25, "lon": 76.9}
    shift = {"from": "09:00", "to": "20:00"}
    await office.hear(roster(*(doctor(each, shift=shift, start=start) for each in "ab")))
    for number in range(1, calls + 1):
        lat, lon = SPOTS[number % 4]
        address = {"text": "Тал көшесі, 27", "lat": lat + number / 5000, "lon": lon}
        await office.hear(accepted(number=number, address=address))


def planner(office: Office, improver: Improver) -> Planner:
    return Planner(office.store, office.engine.changes, office.engine.settle, office.engine.lock, improver)


class Here(Improver):
    """PyVRP in this process, so that a test need not wait for one; ``meanwhile`` happens while it plans."""

    def __init__(self, meanwhile: Any = None) -> None:
        super().__init__(1)
        self.meanwhile = meanwhile

    async def improve(self, problem: Problem) -> list[list[int]] | None:
        if self.meanwhile is not None:
            await self.meanwhile()
        return solve(problem, 5, 300)


def promises(office: Office) -> dict[str, tuple[str, str, str]]:
    last: dict[str, tuple[int, tuple[str, str, str]]] = {}
    for _, subject, data in said(office.published):
        if "arrives_from" in data:
            promise = (data["arrives_from"], data["arrives_to"], data["doctor"]["doctor_id"])
            last[subject] = max(last.get(subject, (0, promise)), (data["revision"], promise))
    return {subject: promise for subject, (_, promise) in last.items()}


async def test_a_plan_moves_no_window_and_a_change_of_doctor_is_told_once() -> None:
    office = Office()
    await a_town(office)
    before = promises(office)
    assert office.engine.changes.worth_planning() == DAY

    async def send(events: list[OutgoingRecord]) -> None:
        office.published += events

    result = await planner(office, Here()).plan(DAY, At(NOW), send)
    assert result in {"taken", "not taken"}
    after = promises(office)
    assert {each: promise[:2] for each, promise in after.items()} == {each: one[:2] for each, one in before.items()}
    day = (await office.store.load_days([DAY]))[DAY]
    assert {each: kept.doctor.doctor_id for each, kept in day.bookings.items()} == {
        each: promise[2] for each, promise in after.items()
    }
    await office.store.save_days([day])
    assert await office.tick(NOW) == []
    assert office.engine.changes.worth_planning() is None


async def test_a_plan_that_is_stale_is_thrown_away() -> None:
    office = Office()
    await a_town(office)
    sent: list[OutgoingRecord] = []

    async def send(events: list[OutgoingRecord]) -> None:
        sent.extend(events)

    async def withdrawn() -> None:
        await office.hear(cancelled(7))

    assert await planner(office, Here(withdrawn)).plan(DAY, At(NOW), send) == "not taken"
    assert sent == []
    assert await office.tick(NOW) == []


class At:
    """A clock that stands."""

    speed = 1.0

    def __init__(self, when: str) -> None:
        self._now = at(when) + timedelta(seconds=1)

    def now(self) -> Any:
        return self._now


async def test_a_router_is_asked_before_a_call_is_placed_and_its_answer_is_kept() -> None:
    class Roads:
        asked = 0

        async def ways(self, of: Any, others: Any) -> dict[str, tuple[int, int]]:
            assert of not in others
            Roads.asked += 1
            return dict.fromkeys(others, (300, 330))

    office = Office(router=Roads())
    await a_town(office, 4)
    assert Roads.asked == 4
    day = (await Twin(office.memory).store.load_days([DAY]))[DAY]
    assert {key: (there, back) for key, there, back in day.routed[request_id(3)]}[request_id(1)] == (300, 330)
    assert (
        day.plan.travel.seconds(
            *(call_of(each, day.bookings[each]).location for each in (request_id(1), request_id(3)))
        )
        == 330
    )


async def test_coordinates_are_erased_from_days_that_are_long_over() -> None:
    office = Office()
    await a_town(office, 2)
    assert await office.store.forget_places(at(NOW).date() - timedelta(days=1)) == 0
    assert await office.store.forget_places(at(NOW).date()) == 1
    (doc,) = [each for each in office.memory.collection("days").docs.values() if each["_id"] == DAY]
    assert not any({"lat", "lon"} & kept.keys() for kept in doc["bookings"].values())
    assert doc["routed"] == {}
    assert await office.store.forget_places(at(NOW).date()) == 0
