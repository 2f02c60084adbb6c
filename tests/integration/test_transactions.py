"""Publishers that write in transactions: what is aborted or still open has no effect, and lag tells which it is."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from confluent_kafka import Producer

from homecall.contract.topics import CLINICS, INTAKE_EVENTS, REQUESTS, TOPIC_OF_TYPE, TYPE_PREFIX
from homecall.operations.kafka import read_to_end
from homecall.runtime.settings import load_settings
from tests.factories import MONDAY, a_clinic, a_request
from tests.infrastructure.process import Process
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld


@pytest.fixture(scope="module")
def world(new_world: NewWorld) -> Iterator[World]:
    with new_world(reads=[INTAKE_EVENTS.name]) as world:
        yield world


class Outbox:
    """A publisher with a transactional producer."""

    def __init__(self, world: World, name: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": world.kafka,
                "partitioner": "murmur2_random",
                "transactional.id": name,
                "log_level": 2,
            }
        )
        self._producer.init_transactions(30)

    def write(self, event_type: str, *events: Mapping[str, Any]) -> Outbox:
        """Begin a transaction with these."""
        self._producer.begin_transaction()
        topic = TOPIC_OF_TYPE[event_type]
        for place, data in enumerate(events):
            headers: list[tuple[str, str | bytes | None]] = [
                ("ce_specversion", "1.0"),
                ("ce_id", f"{event_type} {data.get('request_id', data['clinic_id'])} {place}"),
                ("ce_source", "/outbox"),
                ("ce_type", TYPE_PREFIX + event_type),
            ]
            self._producer.produce(topic.name, json.dumps(data).encode(), str(data["clinic_id"]), headers=headers)
        assert self._producer.flush(30) == 0
        return self

    def commit(self) -> None:
        self._producer.commit_transaction(30)

    def abort(self) -> None:
        self._producer.abort_transaction(30)


def lag(process: Process) -> float:
    """Of the requests' topic, as the service shows it."""
    shown = re.findall(
        rf'^homecall_lag_records{{[^}}]*topic="{REQUESTS.name}"[^}}]*}} (\S+)$', process.get("/metrics")[1], re.M
    )
    return sum(map(float, shown))


def test_only_what_was_committed_takes_effect_and_lag_returns_to_zero(world: World) -> None:
    clinic = "clinic-1"
    aborted, plain, held_up = (a_request(clinic, number, MONDAY) for number in (1, 2, 3))
    outbox, other = Outbox(world, "outbox"), Outbox(world, "other")
    outbox.write("clinic.published", a_clinic(clinic)).commit()
    other.write("clinic.published", a_clinic(clinic, name={"kk": "жоқ", "ru": "нет"}), a_clinic("clinic-2")).abort()
    (intake,) = world.start("intake")  # the clinics' topic ends with an aborted transaction

    outbox.write("request.submitted", aborted).abort()
    world.publish("request.submitted", plain)
    outbox.write("request.submitted", held_up)
    numbers: dict[str, int] = {}

    def accepted(request: Mapping[str, Any]) -> bool:
        numbers.update(
            {each.data["request_id"]: each.data["register_number"] for each in world.heard("request.accepted")}
        )
        return request["request_id"] in numbers

    world.wait(lambda: accepted(plain), "the plain request")
    assert numbers == {plain["request_id"]: 1}
    world.wait(lambda: lag(intake) == 1, "the open transaction to count as lag")

    settings = load_settings(_env_file=None, kafka_bootstrap=world.kafka)
    for topic, field, committed in ((REQUESTS, "request_id", [plain["request_id"]]), (CLINICS, "clinic_id", [clinic])):
        found = asyncio.run(read_to_end(settings, topic.name))
        assert [json.loads(each.value or b"")[field] for each in found] == committed

    assert numbers == {plain["request_id"]: 1}
    outbox.commit()
    world.wait(lambda: accepted(held_up), "the request whose transaction is committed now")
    other.write("request.submitted", aborted).abort()
    world.wait(lambda: world.lag("intake") == 0, "the group to stand behind the last marker")
    world.wait(lambda: lag(intake) == 0, "the lag that is shown to be zero")
    assert numbers == {plain["request_id"]: 1, held_up["request_id"]: 2}
