"""The states that the settling of a day goes through, and a kill between any two of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from homecall.runtime.failures import Transient
from services.scheduler import settler
from services.scheduler.domain.clinic_day import ClinicDay, Mark
from services.scheduler.domain.settling import TRANSITIONS, Settling, State
from tests.unit.scheduler.office import (
    CLINIC,
    FRIDAY,
    Office,
    accepted,
    doctor,
    roster,
    roster_event,
    take,
    unavailable,
)
from tests.unit.standard.local_times import at

TEN = "Fri 2026-11-20 10:00"
NOW = at(TEN)
STEPS: dict[str, tuple[State, Callable[[Settling], None]]] = {
    "replan": (State.REPLANNED, lambda settling: settling.replan([], NOW)),
    "published": (State.PUBLISHED, Settling.published),
    "clear": (State.CLEAN, Settling.clear),
}


def a_day() -> ClinicDay:
    day = ClinicDay(CLINIC, date.fromisoformat(FRIDAY))
    day.take_roster(roster_event(doctor("a")), "cause-1")
    return day


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("state", State)
def test_each_step_is_taken_in_its_turn_only(state: State, step: str) -> None:
    settling = Settling(a_day(), state)
    to, take_step = STEPS[step]
    if to in TRANSITIONS[state]:
        take_step(settling)
        assert settling.state == to
    else:
        with pytest.raises(ValueError, match=f"a day that is {state} cannot become {to}"):
            take_step(settling)
        assert settling.state == state


def test_what_each_state_leaves_in_the_day() -> None:
    day, call = a_day(), take(accepted(), TEN)
    settling = Settling(day)
    assert (day.dirty, day.moved) == (Mark("cause-1", "roster_changed"), {})
    settling.replan([call], NOW)
    assert (day.dirty, day.moved) == (Mark("cause-1", "roster_changed"), {call.request_id: day.dirty})
    booked, says = settling.tell(call, NOW)
    assert [each.data.TYPE for each in says] == ["visit.scheduled"]
    assert settling.tell(booked, NOW) == (booked, [])
    settling.published()
    assert day.moved
    settling.clear()
    assert (day.dirty, day.moved) == (None, {})


def test_a_call_that_is_withdrawn_while_it_is_told_has_the_day_settled_once_more() -> None:
    day, call = a_day(), take(accepted(), TEN)
    settling = Settling(day)
    settling.replan([call], NOW)
    call.status = "cancelled"
    assert settling.tell(call, NOW) == (call, [])
    assert day.bookings == {}
    settling.published()
    settling.clear()
    assert (settling.state, day.dirty, day.moved) == (State.MARKED, Mark("cause-1", "room"), {})


def kept(office: Office) -> dict[str, Any]:
    """What is stored, without versions, tokens and the real clock."""
    passing = {"v", "w", "changed_at", "unsent", "unsent_at", "hot"}
    return {
        key: {name: value for name, value in doc.items() if name not in passing}
        for collection in ("days", "calls")
        for key, doc in office.memory.collection(collection).docs.items()
    }


@pytest.mark.parametrize("point", ["read", "written", "told", "sent", "cleaned"])
async def test_a_kill_between_any_two_states_ends_in_the_same_places(
    monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """``read``: marked; ``written``: replanned; ``told``: published or not; ``sent``: published; ``cleaned``: clean."""

    def killed(name: str) -> None:
        if name == f"settle.{point}":
            raise RuntimeError("killed")

    doctors = roster(doctor("a", max_visits=2), doctor("b", max_visits=1))
    calls = [accepted(number=number) for number in (1, 2, 3, 4)]
    drop_out = unavailable("a", "09:00")

    async def until_the_drop_out(office: Office) -> None:
        await office.hear(doctors)
        await office.hear(*calls)

    undisturbed, office = Office(), Office()
    await until_the_drop_out(undisturbed)
    await undisturbed.hear(drop_out)
    await until_the_drop_out(office)
    with monkeypatch.context() as patched:
        patched.setattr(settler, "failpoint", killed)
        with pytest.raises(RuntimeError, match="killed"):
            await office.hear(drop_out)
    marked = await office.store.dirty_days()
    assert marked == ([] if point == "cleaned" else [f"{CLINIC}|{FRIDAY}"])
    after = Office(database=office.memory.as_database)
    after.memory = office.memory
    await after.tick(TEN)
    assert await after.store.dirty_days() == []
    assert kept(after) == kept(undisturbed)
    events = {event.id: event for event in office.published + after.published + await unsent_of(after)}
    assert events == {event.id: event for event in undisturbed.published}


async def test_an_outage_while_the_marks_are_cleared_is_waited_out() -> None:
    office = Office()
    await office.hear(accepted())
    handled = await office.engine.handle([roster(doctor())], NOW)
    (finish,) = handled.after
    days = office.memory.collection("days")
    write = days.write

    async def out_once(_: Any) -> Any:
        days.write = write  # type: ignore[method-assign]  # a double in its place
        raise Transient("the database", TimeoutError())

    days.write = out_once  # type: ignore[method-assign]  # a double in its place
    with pytest.raises(Transient):
        await finish()
    assert await office.store.dirty_days() == [f"{CLINIC}|{FRIDAY}"]
    await finish()
    assert await office.store.dirty_days() == []


async def unsent_of(office: Office) -> list[Any]:
    """What was stored, and is not known to have been sent: the next process sends it."""
    return (await office.engine.unsent(seconds=-1)).events
