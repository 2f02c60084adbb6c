"""A day that is settled: after a roster, a drop-out, a withdrawal; promises first, then waiting calls by priority."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.scheduler.domain.clinic_day import ClinicDay, Mark
from services.scheduler.domain.dispatch import dispatch_of
from services.scheduler.domain.settling import Settling
from services.scheduler.domain.state import CallState
from services.scheduler.planning import DayChanges
from tests.unit.scheduler.office import (
    CLINIC,
    FRIDAY,
    SATURDAY,
    Office,
    accepted,
    cancelled,
    clinic,
    doctor,
    known,
    reported,
    request_id,
    roster,
    roster_event,
    take,
    unavailable,
)
from tests.unit.standard.local_times import at

NOW = "Fri 2026-11-20 10:00"
ROSTER = roster(doctor("a", max_visits=1), doctor("b", max_visits=1))
CALLS = [accepted(number=1), accepted(number=2), accepted(number=3)]
DROP_OUT = unavailable("a", "09:00")


def names(said: list[tuple[str, str, Any]]) -> list[tuple[str, str]]:
    numbers = {request_id(number): f"call {number}" for number in range(30)}
    return [(type_, numbers[subject]) for type_, subject, _ in said]


def _replan(day: ClinicDay, waiting: Sequence[CallState], now: datetime) -> None:
    Settling(day).replan(waiting, now)


def waiting(number: int, when: str, **over: Any) -> CallState:
    return take(accepted(when, number, **over), NOW)


def test_who_is_placed_first_as_room_appears() -> None:
    day = ClinicDay(CLINIC, date.fromisoformat(FRIDAY))
    day.take_roster(roster_event(doctor()), "cause-1")
    calls = [
        waiting(1, "Fri 2026-11-20 08:00"),
        waiting(2, "Fri 2026-11-20 09:00", urgency="urgent"),
        waiting(3, "Fri 2026-11-20 09:30", urgency="urgent", red_flags=["seizures"]),
        waiting(4, "Fri 2026-11-20 08:30", urgency="urgent"),
        waiting(5, "Fri 2026-11-20 07:59:59"),
    ]
    _replan(day, calls, at(NOW))
    by_time = sorted(day.bookings, key=lambda each: day.bookings[each].arrives_from)
    assert by_time == [request_id(number) for number in (3, 4, 2, 5)]  # 10:00 to 12:00 holds four
    assert set(day.moved) == set(by_time)


def test_promises_come_before_waiting_calls() -> None:
    day = ClinicDay(CLINIC, date.fromisoformat(FRIDAY))
    day.take_roster(roster_event(doctor("a"), doctor("b", districts=[])), "cause-1")
    promised = waiting(1, "Fri 2026-11-20 09:00")
    _replan(day, [promised], at(NOW))
    assert day.bookings[request_id(1)].doctor.doctor_id == "a"
    day.clean()
    day.take_unavailable("a", at(NOW), "cause-2")
    day.take_roster(roster_event(doctor("a"), doctor("b", max_visits=1), revision=2), "cause-3")
    _replan(day, [waiting(2, "Fri 2026-11-20 08:00", urgency="urgent", red_flags=["seizures"])], at(NOW))
    assert {each: kept.doctor.doctor_id for each, kept in day.bookings.items()} == {request_id(1): "b"}
    assert day.moved == {request_id(1): Mark("cause-3", "roster_changed")}


def test_a_promise_without_room_is_told_too() -> None:
    day = ClinicDay(CLINIC, date.fromisoformat(FRIDAY))
    day.take_roster(roster_event(doctor("a")), "cause-1")
    _replan(day, [waiting(1, "Fri 2026-11-20 09:00")], at(NOW))
    day.clean()
    day.take_unavailable("a", at(NOW), "cause-2")
    _replan(day, [], at(NOW))
    assert day.bookings == {}
    assert day.moved == {request_id(1): Mark("cause-2", "doctor_unavailable")}


def test_a_day_that_holds_is_left_alone() -> None:
    day = ClinicDay(CLINIC, date.fromisoformat(FRIDAY))
    day.take_roster(roster_event(doctor("a")), "cause-1")
    _replan(day, [waiting(1, "Fri 2026-11-20 09:00")], at(NOW))
    day.clean()
    day.stored()
    _replan(day, [], at(NOW))
    assert (day.changed, day.moved, day.dirty) == (False, {}, None)


# ---- through the engine


async def test_without_a_roster_a_call_waits_and_the_roster_places_it() -> None:
    office = Office()
    assert names(await office.hear(accepted())) == [("visit.unplaced", "call 1")]
    assert (await office.state()).cause == "no_roster"
    (scheduled,) = await office.hear(roster(doctor()))
    assert scheduled[0] == "visit.scheduled"
    assert scheduled[2]["revision"] == 2
    assert await office.tick(NOW) == []


@pytest.mark.parametrize("first", ["roster", "call"])
async def test_a_roster_and_a_call_in_one_batch(first: str) -> None:
    office = Office()
    batch = [roster(doctor()), accepted()] if first == "roster" else [accepted(), roster(doctor())]
    assert names(await office.hear(*batch)) == [("visit.scheduled", "call 1")]


@pytest.mark.parametrize("killed", [False, True])
async def test_what_a_roster_or_a_drop_out_moves_goes_on_with_its_trace(killed: bool) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    office = Office()
    await office.handle(roster(doctor("a"), doctor("b", districts=[])), accepted())
    dropped = replace(unavailable("a", "09:00"), traceparent=trace)
    if killed:
        # The day is marked, and nobody is told before another process finds it.
        await office.engine.take_rosters({0: dropped})
        office = Office(database=office.memory.as_database)
        await office.tick(NOW)
    else:
        await office.handle(dropped)
    assert [(each.type, each.traceparent) for each in office.published][-1] == ("visit.rescheduled", trace)
    # Settled, it is over: what moves the day next is not of that trace.
    (day,) = (await office.store.load_days([f"{CLINIC}|{FRIDAY}"])).values()
    assert (day.dirty, day.trace) == (None, None)


async def test_a_doctor_drops_out_and_the_visits_move() -> None:
    office = Office()
    await office.hear(roster(doctor("a"), doctor("b", districts=[])), accepted())
    (moved,) = await office.hear(unavailable("a", "09:00"))
    assert (moved[0], moved[2]["doctor"]["doctor_id"], moved[2]["reason"]) == (
        "visit.rescheduled",
        "b",
        "doctor_unavailable",
    )


async def test_a_withdrawal_gives_its_place_to_a_waiting_call() -> None:
    office = Office()
    await office.hear(roster(doctor(max_visits=1)), accepted(number=1), accepted(number=2))
    assert (await office.state(2)).cause == "no_capacity"
    said = await office.hear(cancelled(1))
    assert names(said) == [("visit.cancelled", "call 1"), ("visit.scheduled", "call 2")]


async def test_a_withdrawal_before_its_call_and_one_that_never_came_here() -> None:
    office = Office()
    assert await office.hear(roster(doctor()), cancelled(1), cancelled(2, register_number=None)) == []
    assert names(await office.hear(accepted())) == [("visit.cancelled", "call 1")]
    assert (await office.store.load_days([f"{CLINIC}|{FRIDAY}"]))[f"{CLINIC}|{FRIDAY}"].bookings == {}
    assert await office.store.calls.load([request_id(2)]) == {}
    assert await office.store.calls.unsent(datetime.now(UTC) + timedelta(minutes=1), 10) == []


async def test_r14_a_waiting_call_goes_to_the_next_day_when_this_one_is_over() -> None:
    office = Office()
    await office.hear(roster(doctor(shift={"from": "09:00", "to": "12:00"}), day=SATURDAY), accepted())
    assert (await office.state()).status == "waiting"
    said = await office.tick("Fri 2026-11-20 20:00")
    assert {each[0] for each in said} == {"deadline.missed", "visit.scheduled"}
    assert [data["visit_date"] for _, _, data in said if "visit_date" in data] == [SATURDAY]


@pytest.mark.parametrize("event", [roster(doctor("a"), doctor("b", districts=[])), unavailable("a", "11:00")])
async def test_the_same_again_says_nothing_new(event: Any) -> None:
    office = Office()
    await office.hear(roster(doctor("a")), accepted())
    first = await office.hear(event)
    assert await office.hear(event) == []
    assert len(first) <= 1


async def test_a_call_heard_again_is_said_again_with_the_same_ids() -> None:
    office = Office()
    batch = [roster(doctor()), accepted()]
    first = await office.handle(*batch)
    assert (await office.handle(*batch, now="Fri 2026-11-20 11:00")).events == first.events


async def test_a_closed_visit_keeps_its_place_and_counts() -> None:
    office = Office()
    await office.hear(roster(doctor(max_visits=1)), accepted(number=1))
    await office.hear(reported("Fri 2026-11-20 10:20", number=1))
    assert names(await office.hear(accepted(number=2))) == [("visit.unplaced", "call 2")]


@pytest.mark.parametrize("collection", ["days", "calls"])
@pytest.mark.parametrize("writes", [1, 2, 3, 4])
async def test_a_crash_after_any_write_ends_in_the_same_place(collection: str, writes: int) -> None:
    def crash() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise RuntimeError("killed")

    async def run(office: Office) -> None:
        await office.hear(ROSTER, *CALLS)
        await office.hear(DROP_OUT)

    undisturbed, office = Office(), Office()
    await run(undisturbed)
    assert len(undisturbed.published) == 4
    left = writes
    office.memory.collection(collection).after_write = crash
    for _ in range(3):
        try:
            await run(office)
        except Exception:
            left = 0  # a new process, that hears its batch again
    assert left <= 0, "there are fewer writes than that"
    await office.tick(NOW)
    assert {(each.type, each.subject) for each in office.published} == {
        (each.type, each.subject) for each in undisturbed.published
    }
    for number in (1, 2, 3):
        there, here = await undisturbed.state(number), await office.state(number)
        assert (here.status, here.booking, here.pending) == (there.status, there.booking, there.pending)
    assert await office.tick(NOW) == []
    assert await office.store.dirty_days() == []


async def test_a_day_that_nobody_marked_and_that_holds_no_longer() -> None:
    """The clinic publishes a lower speed, and its roster as it was: moved calls are told, under a cause."""
    office = Office(known(clinic(dispatch={"speed_kmh": 60})))
    office.store._dispatch = lambda clinic_id: dispatch_of(office.clinics.get(clinic_id))
    doctors = [doctor(each, shift={"from": "09:00", "to": "18:00"}) for each in "ab"]
    await office.handle(roster(*doctors), now="Fri 2026-11-20 08:30")
    for number in range(1, 25):
        place = {"lat": 43.2 + 0.03 * (number % 6), "lon": 76.9 + 0.05 * (number // 6)}
        address = {"text": "Тал көшесі, 27", "district_id": "d1"} | place
        await office.handle(accepted("Fri 2026-11-20 08:30", number, address=address), now="Fri 2026-11-20 08:40")
    office.clinics.take(clinic(dispatch={"speed_kmh": 15}))
    told = await office.hear(roster(*doctors), now="Fri 2026-11-20 08:50")
    assert {type_ for type_, _, _ in told} & {"visit.rescheduled", "visit.unplaced"}
    assert await office.store.dirty_days() == []
    assert await office.tick("Fri 2026-11-20 08:51") == []


async def test_a_day_that_cannot_be_settled_keeps_no_other_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Office()
    for day in (FRIDAY, SATURDAY):
        await before.handle(roster(doctor("a"), day=day))
    for doc in before.memory.collection("days").docs.values():
        doc["dirty"] = ["cause-1", "room"]
    office = Office(database=before.memory.as_database)
    sound = office.engine.settler.replan

    async def replan(keys: Collection[str], now: datetime) -> list[Settling]:
        if f"{CLINIC}|{FRIDAY}" in keys:
            raise ValueError("a day of another release")
        return await sound(keys, now)

    monkeypatch.setattr(office.engine.settler, "replan", replan)
    await office.tick(NOW)
    assert await office.store.dirty_days() == [f"{CLINIC}|{FRIDAY}"]


def test_days_that_nobody_plans_again_are_not_remembered_without_end() -> None:
    changes = DayChanges(most=1)
    changes.note([changed_day(FRIDAY), changed_day(SATURDAY)])
    assert list(changes._days) == [f"{CLINIC}|{SATURDAY}"]


def changed_day(day: str) -> ClinicDay:
    found = ClinicDay(CLINIC, date.fromisoformat(day))
    found.mark_dirty("cause-1", "room")
    return found
