"""Calls that are handed on, on real Kafka: a kill between any two of intake's writes loses and doubles none (R25)."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from homecall.contract.ids import successor_id
from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld

HERE, THERE = "samal-1", "tal-2"
PLACES = (
    # The first is stored as handed on, and its successor is not.
    "batch.stored",
    "successor.read",
    # The successor is stored: without its number, with it, and the first still waits.
    "successor.stored",
    "page.written",
    "stage.settled",
    # Both are stored, and nothing is said.
    "stage.stored",
    "publish.queued",
)
SHORT = ("batch.stored", "stage.stored")
"""Those tried in ``make test``: nothing is there of the successor, or all of it and nothing is said."""
REQUESTS = [a_request(HERE, number, MONDAY) for number in range(len(PLACES))]


@pytest.fixture
def world(new_world: NewWorld) -> Iterator[World]:
    with new_world(at=MONDAY) as world:
        yield world


def ids(world: World, event_type: str, request_id: str) -> set[str]:
    """The ids of the events of a type about a request: one, however often it was sent."""
    return {each.id for each in world.heard(event_type) if each.data["request_id"] == request_id}


@pytest.mark.parametrize("places", [SHORT, pytest.param(PLACES, marks=pytest.mark.long)], ids=["some", "all"])
def test_a_kill_between_any_two_writes_loses_and_doubles_no_call(world: World, places: tuple[str, ...]) -> None:
    requests = REQUESTS[: len(places)]
    world.publish("clinic.published", a_clinic(HERE), a_clinic(THERE))
    world.publish("roster.published", a_roster(THERE, MONDAY.date(), [a_doctor("there", max_visits=20)]))
    (intake, *_) = world.start("intake", "scheduler", "notifier")
    world.publish("request.submitted", *requests)
    firsts = [request["request_id"] for request in requests]
    world.wait(lambda: len(world.heard("request.accepted")) >= len(firsts), "all to be accepted")
    world.settle("intake")
    intake.stop()
    for place, first in zip(places, firsts, strict=True):
        _handed_on_and_killed(world, place, first)
    (intake,) = world.start("intake")
    goes_on = [successor_id(first, THERE) for first in firsts]
    world.wait(lambda: all("withdrawn" in world.statuses(each) for each in firsts), "the firsts' patients to be told")
    world.wait(lambda: all("scheduled" in world.statuses(each) for each in goes_on), "a doctor for each")
    world.settle()
    _each_once(world, firsts, goes_on)


@pytest.mark.parametrize(
    "place",
    [
        "successor.stored",
        *(pytest.param(at, marks=pytest.mark.long) for at in ("batch.stored", "successor.read", "stage.settled")),
    ],
)
def test_a_replica_that_was_held_there_finds_what_the_other_has_done(world: World, place: str) -> None:
    """It goes on where it stood, with what it had read, long after another has carried all of it on."""
    world.publish("clinic.published", a_clinic(HERE), a_clinic(THERE))
    (first_one,) = world.start("intake")
    world.publish("request.submitted", REQUESTS[0])
    first = REQUESTS[0]["request_id"]
    world.wait(lambda: ids(world, "request.accepted", first), "it to be accepted")
    world.settle("intake")
    first_one.stop()
    (held,) = world.start("intake", failpoints={"intake": f"{place}:stop"})
    world.publish("request.transferred", transferred(first))
    world.start("intake", ready=False)
    successor = successor_id(first, THERE)
    world.wait(lambda: ids(world, "request.cancelled", first), "the other to carry it on", 90)
    world.wait(lambda: ids(world, "request.accepted", successor), "it to go on", 90)
    held.signal(signal.SIGCONT)
    world.wait(lambda: world.members("intake") == 2, "the one that was held to be back", 90)
    world.settle("intake")
    assert world.dead() == []
    assert len(ids(world, "request.cancelled", first)) == len(ids(world, "request.accepted", successor)) == 1
    accepted = {(each.data["request_id"], each.data["register_number"]) for each in world.heard("request.accepted")}
    assert accepted == {(first, 1), (successor, 1)}


def transferred(first: str) -> dict[str, Any]:
    return {
        "request_id": first,
        "clinic_id": HERE,
        "to_clinic_id": THERE,
        "at": (MONDAY + timedelta(minutes=1)).isoformat(),
        "reason": "Сонда тіркелген",
        "by": {"id": "d-2", "full_name": "Диспетчер Жанар"},
    }


def _handed_on_and_killed(world: World, place: str, first: str) -> None:
    """Intake is killed at that place while it handles the transfer, and another process carries it on."""
    (doomed,) = world.start("intake", failpoints={"intake": f"{place}:kill"})
    world.publish("request.transferred", transferred(first))
    world.wait(lambda: doomed.exit_code is not None, f"intake to be killed at {place}")
    assert doomed.exit_code == -signal.SIGKILL
    (other,) = world.start("intake")
    world.wait(lambda: ids(world, "request.cancelled", first), f"what was left at {place} to be carried on")
    world.wait(lambda: ids(world, "request.accepted", successor_id(first, THERE)), f"it to go on after {place}")
    world.settle("intake")
    other.stop()


def _each_once(world: World, firsts: list[str], goes_on: list[str]) -> None:
    assert world.dead() == []
    for first, successor in zip(firsts, goes_on, strict=True):
        assert len(ids(world, "request.cancelled", first)) == 1
        assert len(ids(world, "request.accepted", successor)) == 1
    accepted = {each.data["request_id"]: each.data for each in world.heard("request.accepted")}
    assert accepted.keys() == {*firsts, *goes_on}, "somebody else goes on with a call"
    for of in (firsts, goes_on):
        numbers = [accepted[each]["register_number"] for each in of]
        assert sorted(numbers) == list(range(1, len(of) + 1))
    for first, successor in zip(firsts, goes_on, strict=True):
        for name in ("clock_started_at", "due_at", "submitted_at"):
            assert accepted[successor][name] == accepted[first][name]
    lines = {each.data["request_id"]: each.data for each in world.heard("journal.entry")}
    assert {lines[each]["outcome"] for each in firsts} == {"transferred"}
    assert {lines[each].get("outcome") for each in goes_on} == {None}
