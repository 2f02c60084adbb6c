"""Clients whose partitioner is not Kafka's own: a replica has a request, and another what came of it."""

from __future__ import annotations

from collections import Counter

from homecall.contract.topics import REQUESTS
from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster
from tests.integration.conftest import NewWorld

CLINIC = "elsewhere"


def test_what_another_replica_has_said_is_not_said_again_without_end(new_world: NewWorld) -> None:
    """Half of the partitions are another replica's than the clinic's own: those requests are answered as others are."""
    with new_world(at=MONDAY) as world:
        world.publish("clinic.published", a_clinic(CLINIC))
        world.publish("roster.published", a_roster(CLINIC, MONDAY.date(), [a_doctor("doctor-1", max_visits=60)]))
        world.start("intake", "intake", "scheduler", "notifier")
        requests = [a_request(CLINIC, number, MONDAY) for number in range(REQUESTS.partitions)]
        for partition, request in enumerate(requests):
            world.publish_one("request.submitted", request, partition=partition)
        world.flush()
        # Others, one after the other: time enough for what would never end.
        requests += [a_request(CLINIC, number, MONDAY) for number in range(100, 110)]
        for number, request in enumerate(requests):
            if number >= REQUESTS.partitions:
                world.publish("request.submitted", request)
            answered = ["registered", "scheduled"]
            world.wait(lambda: world.statuses(request["request_id"])[:2] == answered, "its answer")  # noqa: B023  # called before the loop goes on
        world.settle("intake", "scheduler", "notifier")
        said = Counter(each.id for each in world.heard("request.accepted", "visit.scheduled"))
        assert len(said) == 2 * len(requests)
        # Once more at most: until it knows how far its group has come, a replica would rather repeat.
        assert max(said.values()) <= 2, said.most_common(3)
