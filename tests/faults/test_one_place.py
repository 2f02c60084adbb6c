"""200 requests at once for one free place, two replicas of the scheduler, one of them killed midway: one booking."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster
from tests.infrastructure import stack
from tests.infrastructure.world import World
from tests.integration.conftest import fresh_world

REQUESTS = 200


def outcomes(world: World) -> dict[str, str]:
    """The newest word of the scheduler on each request, by its revision: scheduled, or the cause of having no place."""
    newest: dict[str, tuple[int, str]] = {}
    for each in world.heard("visit.scheduled", "visit.rescheduled", "visit.unplaced"):
        data = each.data
        word = "scheduled" if each.type != "visit.unplaced" else data["cause"]
        newest[data["request_id"]] = max(newest.get(data["request_id"], (0, "")), (data["revision"], word))
    return {request_id: word for request_id, (_, word) in newest.items()}


@pytest.mark.parametrize(
    "killed",
    # In make test the simulated schedulers are killed, and no place is given twice there either.
    [pytest.param(False, id="left alone"), pytest.param(True, id="killed midway", marks=pytest.mark.long)],
)
def test_one_place_is_given_once(kafka: stack.Server, mongo: stack.Server, killed: bool) -> None:
    """The others are told that there is no room, each once, and nobody is told twice of the place."""
    with fresh_world(kafka, mongo, at=MONDAY) as world:
        world.publish("clinic.published", a_clinic("full-1"))
        world.publish("roster.published", a_roster("full-1", MONDAY.date(), [a_doctor("only", max_visits=1)]))
        world.start("intake")
        first, _ = world.start("scheduler", "scheduler")
        for number in range(REQUESTS):
            world.publish_one("request.submitted", a_request("full-1", number, MONDAY))
        world.flush()
        if killed:
            # Whoever has the clinic in hand dies in the midst of it, and so does the other a moment later.
            for process in world.processes[1:]:
                world.wait(lambda: world.heard("request.accepted"), "the first to be accepted")
                process.kill()
                process.start()
            first.wait_ready()
        world.wait(lambda: len(outcomes(world)) == REQUESTS, "each request to have its word", 120)
        world.settle()
        told = Counter(outcomes(world).values())
        assert told == {"scheduled": 1, "no_capacity": REQUESTS - 1}
        ever = {each.data["request_id"] for each in world.heard("visit.scheduled", "visit.rescheduled")}
        assert len(ever) == 1, "a second one was once told of the place"
