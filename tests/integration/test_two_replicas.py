"""Two replicas: one is held between store and publication, and the other's timers come upon what it has stored."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest

from homecall.contract.topics import INTAKE_EVENTS, REQUESTS, STATUS
from tests.factories import MONDAY, a_clinic, a_request
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld

CLINICS = [f"clinic-{number}" for number in range(12)]


@pytest.fixture
def world(new_world: NewWorld) -> Iterator[World]:
    with new_world(reads=[INTAKE_EVENTS.name, STATUS.name]) as world:
        yield world


def said_of(world: World) -> dict[str, list[str]]:
    """By request, what was said, each event when it came first."""
    found: dict[str, dict[str, str]] = {}
    for each in world.heard("request.deferred", "request.accepted"):
        found.setdefault(each.data["request_id"], {}).setdefault(each.id, each.type)
    return {request_id: list(types.values()) for request_id, types in found.items()}


def test_a_request_read_after_its_opening_is_deferred_before_it_is_accepted(world: World) -> None:
    """Submitted in the night and read in the morning: the timer that takes it up is due as soon as it is stored."""
    world.publish("clinic.published", *(a_clinic(clinic) for clinic in CLINICS))
    world.start("intake", "notifier")
    (held,) = world.start("intake", failpoints={"intake": "batch.stored:stop"})
    world.wait(lambda: world.members("intake") == 2, "both to share the partitions")
    night = [a_request(clinic, 1, MONDAY - timedelta(hours=6), "portal") for clinic in CLINICS]
    for number, request in enumerate(night):
        world.publish_one("request.submitted", request, partition=number % REQUESTS.partitions)
    world.flush()

    def taken_over() -> bool:
        """Whether the other is through with its half, and has accepted something of the half that is held."""
        committed = world.committed("intake")
        each = len(night) // REQUESTS.partitions
        left = [number for number in range(REQUESTS.partitions) if committed.get((REQUESTS.name, number), 0) < each]
        of_these = {
            request["request_id"] for number, request in enumerate(night) if number % REQUESTS.partitions in left
        }
        accepted = {found.data["request_id"] for found in world.heard("request.accepted")}
        return len(left) == REQUESTS.partitions // 2 and bool(of_these & accepted)

    world.wait(taken_over, "a timer of the other to take up what is stored")
    held.signal(signal.SIGCONT)
    wanted = {request["request_id"] for request in night}
    world.wait(lambda: set(said_of(world)) == wanted, "something of every request")
    world.wait(lambda: all(len(said) == 2 for said in said_of(world).values()), "both events of every request")
    assert said_of(world) == {each: ["request.deferred", "request.accepted"] for each in wanted}
    world.wait(lambda: all(len(world.statuses(each)) >= 2 for each in wanted), "the statuses of every request")
    assert {tuple(world.statuses(each)[:2]) for each in wanted} == {("deferred", "registered")}
