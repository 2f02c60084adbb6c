"""Visits placed by hand: taken where the day bears it, refused with the nearest that would do, kept from planning."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.scheduler.domain import calls
from services.scheduler.domain.assignment import Impossible
from services.scheduler.domain.clinic_day import ClinicDay
from services.scheduler.domain.improvement import FORBIDDEN, problem_of
from services.scheduler.domain.pending import carry_out
from services.scheduler.domain.state import Assignment, call_of, day_key
from tests.unit.scheduler.office import (
    CLINIC,
    FRIDAY,
    Office,
    Twin,
    accepted,
    assigned,
    cancelled,
    doctor,
    incoming,
    released,
    reported,
    request_id,
    roster,
    roster_event,
    take,
    unavailable,
)
from tests.unit.standard.local_times import at

NOON = {"from": "09:00", "to": "18:00"}
TEN = "Fri 2026-11-20 10:00"


def both(**over: Any) -> Any:
    return roster(doctor("a", shift=NOON), doctor("b", shift=NOON, districts=[], **over))


async def test_a_call_goes_to_the_doctor_and_time_that_the_dispatcher_wants() -> None:
    office = Office()
    await office.hear(both(), accepted())
    ((event_type, subject, data),) = await office.hear(assigned("b", frm="Fri 2026-11-20 14:00"))
    assert (event_type, subject) == ("visit.rescheduled", request_id(1))
    assert (data["doctor"]["doctor_id"], data["basis"], data["reason"]) == ("b", "dispatcher", "assigned")
    assert data["arrives_from"] == "2026-11-20T14:00:00+05:00"
    assert data["arrives_to"] == "2026-11-20T16:00:00+05:00"
    why = data["why"]
    assert (why["by"], why["assigned_by"], why["reason"]) == ("dispatcher", "Диспетчер Сынақ", "knows the family")


async def test_a_call_without_a_place_gets_one_by_hand() -> None:
    office = Office()
    await office.hear(accepted())
    told = await office.hear(both(), assigned("b", frm="Fri 2026-11-20 14:00"))
    assert (await office.state()).status == "booked"
    assert told[-1][2]["basis"] == "dispatcher"


async def test_without_a_time_the_promised_window_stays() -> None:
    office = Office()
    ((_, _, before),) = await office.hear(both(), accepted())
    ((_, _, after),) = await office.hear(assigned("b"))
    assert (after["arrives_from"], after["arrives_to"]) == (before["arrives_from"], before["arrives_to"])


async def test_a_visit_that_is_fixed_where_it_stands_tells_nobody() -> None:
    office = Office()
    await office.hear(both(), accepted())
    assert await office.hear(assigned("a")) == []
    booking = (await office.state()).booking
    assert booking is not None
    assert booking.basis == "dispatcher"


REFUSED = {
    "a doctor whom the roster does not have": (assigned("zz"), "unknown_doctor"),
    "a doctor who may not visit the patient": (assigned("paed"), "unknown_doctor"),
    "before the shift": (assigned("late", frm="Fri 2026-11-20 12:00"), "outside_shift"),
    "after the shift": (assigned("b", frm="Fri 2026-11-20 17:50"), "outside_shift"),
    "another day": (assigned("b", frm="Sat 2026-11-21 12:00"), "outside_shift"),
    "a time that is over": (assigned("b", frm="Fri 2026-11-20 09:30"), "outside_shift"),
    "a doctor who has dropped out": (assigned("gone"), "outside_shift"),
    "a doctor who has enough visits": (assigned("full"), "no_room"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_the_day_does_not_bear_is_refused_with_its_cause_and_the_nearest_that_would_do(case: str) -> None:
    wanted, cause = REFUSED[case]
    office = Office()
    doctors = (
        doctor("a", shift=NOON),
        doctor("b", shift=NOON, districts=[]),
        doctor("late", shift={"from": "15:00", "to": "18:00"}, districts=[]),
        doctor("paed", specialty="paediatrician", shift=NOON),
        doctor("full", max_visits=0, shift=NOON),
        doctor("gone", shift=NOON, districts=[]),
    )
    ((_, _, before),) = await office.hear(roster(*doctors), accepted())
    await office.hear(unavailable("gone", "09:00"))
    ((event_type, _, data),) = await office.hear(wanted)
    assert (event_type, data["cause"]) == ("visit.assignment-refused", cause)
    booking = (await office.state()).booking
    assert booking is not None
    assert booking.arrives_from == datetime.fromisoformat(before["arrives_from"])
    # The nearest is taken as it is said.
    nearest = data["nearest"]
    frm = datetime.fromisoformat(nearest["arrives_from"])
    told = await office.hear(assigned(nearest["doctor_id"], arrives_from=frm.isoformat()))
    assert "visit.assignment-refused" not in [event_type for event_type, _, _ in told]


async def test_a_place_that_would_break_another_promise_is_refused() -> None:
    office = Office()
    data = {"clinic_id": CLINIC, "date": FRIDAY, "revision": 1, "doctors": [doctor("a", shift=NOON)]}
    # Two hours bear two visits of an hour with half an hour between them.
    await office.hear(incoming("roster.published", data | {"visit_minutes": 60, "travel_minutes": 30}))
    noon = "Fri 2026-11-20 13:00"
    for number in (1, 2):
        await office.hear(accepted(number=number))
        told = await office.hear(assigned("a", number=number, frm=noon))
        assert "visit.assignment-refused" not in [event_type for event_type, _, _ in told]
    await office.hear(accepted(number=3))
    ((event_type, subject, told_of),) = await office.hear(assigned("a", number=3, frm=noon))
    assert (event_type, subject, told_of["cause"]) == ("visit.assignment-refused", request_id(3), "breaks_promise")


@pytest.mark.parametrize("over", ["cancelled", "closed"])
async def test_a_call_that_is_over_is_refused(over: str) -> None:
    office = Office()
    await office.hear(both(), accepted())
    end = cancelled() if over == "cancelled" else reported("Fri 2026-11-20 10:00")
    await office.hear(end)
    ((event_type, _, data),) = await office.hear(assigned("b"))
    assert (event_type, data["cause"]) == ("visit.assignment-refused", "closed")
    assert "nearest" not in data


async def test_a_visit_that_its_doctor_has_set_out_for_stays() -> None:
    office = Office()
    ((_, _, data),) = await office.hear(both(), accepted(urgency="urgent"))
    when = datetime.fromisoformat(data["arrives_to"]).strftime("Fri %Y-%m-%d %H:%M")
    told = await office.hear(assigned("b", when=when), now=when)
    assert [(event_type, data["cause"]) for event_type, _, data in told] == [("visit.assignment-refused", "closed")]


async def test_an_assignment_before_its_call_waits_for_it() -> None:
    office = Office()
    await office.hear(both())
    assert await office.hear(assigned("b")) == []
    told = await office.hear(accepted())
    assert [event_type for event_type, _, _ in told][-1] in {"visit.rescheduled", "visit.scheduled"}
    booking = (await office.state()).booking
    assert booking is not None
    assert booking.doctor.doctor_id == "b"


async def test_one_that_is_heard_again_changes_and_says_nothing_new() -> None:
    office = Office()
    await office.hear(both(), accepted())
    wanted = assigned("b", frm="Fri 2026-11-20 14:00")
    first = await office.handle(wanted)
    again = await Twin(office.memory).handle(wanted, now="Fri 2026-11-20 10:30")
    assert again.events == first.events


async def test_a_crash_between_day_and_call_ends_in_the_same_place() -> None:
    office = Office()
    await office.hear(both(), accepted())
    wanted = assigned("b")
    day = (await office.store.load_days([day_key(CLINIC, FRIDAY)]))[day_key(CLINIC, FRIDAY)]
    state = await office.state()
    hand = Assignment("b", None, "knows the family", "Диспетчер Сынақ")
    booked = day.assign(call_of(state), hand, wanted.causation_id, at(TEN))
    assert not isinstance(booked, Impossible)
    await office.store.save_days([day])
    # The call's own document was not written: the event comes again, later.
    ((_, _, told),) = await Twin(office.memory).hear(wanted, now="Fri 2026-11-20 10:40")
    assert datetime.fromisoformat(told["arrives_from"]) == booked.arrives_from


async def test_one_that_comes_again_before_it_is_carried_out_is_carried_out_once() -> None:
    """A crash in between, then the same record: the errand is noted already."""
    office = Office()
    await office.hear(both(), accepted())
    wanted = assigned("b", frm="Fri 2026-11-20 14:00")
    noted = calls.assigned(await office.state(), wanted).state
    again = calls.assigned(noted, wanted).state
    assert again == noted
    assert again is not None
    assert [each.errand for each in again.pending] == ["assign"]


async def test_an_errand_that_an_earlier_release_noted_twice_is_carried_out_once() -> None:
    office = Office()
    await office.hear(both(), accepted())
    noted = calls.assigned(await office.state(), assigned("b", frm="Fri 2026-11-20 14:00")).state
    assert noted is not None
    twice = replace(noted, pending=noted.pending * 2)
    day = (await office.store.load_days([day_key(CLINIC, FRIDAY)]))[day_key(CLINIC, FRIDAY)]
    after, said = carry_out(twice, day, at(TEN))
    assert after.pending == []
    assert [len(says) for _, _, says in said] == [1, 0]


async def test_room_that_it_leaves_goes_to_a_waiting_call() -> None:
    office = Office()
    paediatrician = doctor("paed", specialty="paediatrician", max_visits=1, shift=NOON)
    child = {"patient": {"full_name": "Сынақ Бала", "language": "kk", "age_years": 5}}
    await office.hear(roster(doctor("a", max_visits=1, shift=NOON), paediatrician), accepted(number=1, **child))
    await office.hear(assigned("a", number=1))
    await office.hear(accepted(number=2))
    assert (await office.state(2)).status == "waiting"
    told = await office.hear(assigned("paed", number=1))
    assert [(event_type, subject) for event_type, subject, _ in told] == [
        ("visit.rescheduled", request_id(1)),
        ("visit.scheduled", request_id(2)),
    ]


async def test_a_new_plan_leaves_it_with_its_doctor_until_it_is_released() -> None:
    office = Office()
    await office.hear(both(), accepted(number=1), accepted(number=2))
    await office.hear(assigned("b", number=1))
    key = day_key(CLINIC, FRIDAY)

    async def costs() -> list[int]:
        day = (await office.store.load_days([key]))[key]
        problem = problem_of(day.plan, at(TEN))
        assert problem is not None
        return [extra[problem.visits.index(request_id(1))] for extra in problem.extra]

    doctors = ["a", "b"]
    assert [cost == FORBIDDEN for cost in await costs()] == [each != "b" for each in doctors]
    assert await office.hear(released(number=1)) == []
    assert FORBIDDEN not in await costs()


async def test_it_goes_to_another_doctor_when_its_own_drops_out() -> None:
    office = Office()
    await office.hear(both(), accepted())
    await office.hear(assigned("b"))
    ((event_type, _, data),) = await office.hear(unavailable("b", "10:00"))
    assert (event_type, data["doctor"]["doctor_id"]) == ("visit.rescheduled", "a")
    assert data["basis"] != "dispatcher"


@settings(max_examples=150, deadline=None)
@example(shifts=[(8, 2, 1), (8, 2, 1), (11, 2, 1), (11, 3, 1)], calls=1, choices=[(0, 0, None), (0, 3, 0)])
@example(shifts=[(12, 2, 1), (8, 3, 2), (8, 5, 3)], calls=5, choices=[(0, 0, None), (1, 0, None)])
@given(
    shifts=st.lists(st.tuples(st.integers(8, 13), st.integers(2, 8), st.integers(1, 6)), min_size=1, max_size=4),
    calls=st.integers(1, 12),
    choices=st.lists(
        st.tuples(st.integers(0, 11), st.integers(0, 4), st.none() | st.integers(-60, 600)), min_size=1, max_size=12
    ),
)
def test_no_choice_breaks_a_promise_and_each_nearest_would_do(
    shifts: list[tuple[int, int, int]], calls: int, choices: list[tuple[int, int, int | None]]
) -> None:
    now = at(TEN)
    day = ClinicDay(CLINIC, now.date())
    doctors = [
        doctor(f"d{place}", shift={"from": f"{begins:02}:00", "to": f"{begins + hours:02}:00"}, max_visits=most)
        for place, (begins, hours, most) in enumerate(shifts)
    ]
    day.take_roster(roster_event(*doctors), "cause")
    states = [take(accepted(number=number), TEN) for number in range(1, calls + 1)]
    for state in states:
        day.place(call_of(state), now)
    for step, (number, wanted_doctor, minutes) in enumerate(choices):
        call = call_of(states[number % calls])
        frm = None if minutes is None else now + timedelta(minutes=minutes)
        before = {each: visit for each, visit in day.bookings.items() if each != call.request_id}
        found = day.assign(call, Assignment(f"d{wanted_doctor}", frm, "why", "who"), f"cause {step}", now)
        if isinstance(found, Impossible):
            assert {each: visit for each, visit in day.bookings.items() if each != call.request_id} == before
            if found.nearest is not None:
                nearest = Assignment(found.nearest.doctor_id, found.nearest.arrives_from, "why", "who")
                taken = day.assign(call, nearest, f"nearest {step}", now)
                assert not isinstance(taken, Impossible)
                assert taken.arrives_to == found.nearest.arrives_to
                found = taken
        if not isinstance(found, Impossible):
            assert frm is None or found.arrives_from >= now
            assert found.planned_at is not None
            assert found.arrives_from <= found.planned_at <= found.arrives_to
        for request, visit in day.bookings.items():
            assert visit.planned_at is not None
            assert visit.arrives_from <= visit.planned_at <= visit.arrives_to
            if request in before:
                assert (visit.arrives_from, visit.doctor) == (before[request].arrives_from, before[request].doctor)
        assert day.repair(now) == []
