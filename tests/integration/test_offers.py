"""Windows at the desk as it runs: any replica of the scheduler answers, and what is chosen is what comes."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from homecall.contract.topics import DESK, SCHEDULE_EVENTS
from tests.factories import MONDAY, a_clinic, a_doctor, a_roster
from tests.infrastructure import stack
from tests.infrastructure.desk import Person, a_call, users_and_secret
from tests.infrastructure.process import Process
from tests.infrastructure.world import World
from tests.integration.conftest import fresh_world

CLINIC = "samal-1"
REGISTRAR = {"name": "registrar", "role": "registrar", "clinic_id": CLINIC}


@pytest.fixture
def world(module_kafka: stack.Server, mongo: stack.Server, tmp_path: Path) -> Iterator[World]:
    extra = users_and_secret(tmp_path, [REGISTRAR])
    with fresh_world(module_kafka, mongo, extra=extra, reads=[SCHEDULE_EVENTS.name]) as world:
        yield world


def offered(scheduler: Process) -> list[dict[str, Any]]:
    """What a replica answers for a call at the clinic."""
    answer = httpx.get(f"http://127.0.0.1:{scheduler.port}/offers", params={"clinic_id": CLINIC}, timeout=30)
    return list(answer.json().get("offers", ()))


def windows(offers: list[dict[str, Any]]) -> list[str]:
    return [f"{each['arrives_from'][11:16]}-{each['arrives_to'][11:16]}" for each in offers]


def test_any_replica_offers_and_what_is_chosen_at_the_desk_is_what_comes(world: World) -> None:
    doctors = [a_doctor("doctor-1", on_duty=True, max_visits=70)]
    world.publish("clinic.published", a_clinic(CLINIC))
    world.publish("roster.published", a_roster(CLINIC, MONDAY.date(), doctors))
    _, *schedulers, _ = world.start("intake", "scheduler", "scheduler", "notifier")
    world.wait(lambda: all(len(offered(each)) > 1 for each in schedulers), "both replicas to know the roster")
    world.extra = {**world.extra, "HOMECALL_OFFERS_URL": f"http://127.0.0.1:{schedulers[0].port}"}
    (desk,) = world.start(DESK)
    registrar = Person("registrar")
    request_id = str(uuid.uuid4())
    # Between two questions the clock goes on, and with it the windows: the one that is chosen is the desk's own.
    shown: list[str] = []

    def asked() -> bool:
        """Whether there is something to choose: on a busy machine the answer may come too late."""
        part = registrar.post(desk.port, "/calls/new/offers", {"reasons": "fever_above_38"}).text
        shown[:] = re.findall(r'name="preferred_window"[^>]* value="([\d:-]+)"', part)
        return len(shown) > 1

    world.wait(asked, "windows to be offered")
    form = a_call(1, request_id) | {"preferred_window": shown[-1]}
    assert registrar.post(desk.port, "/calls/new", form).status_code == 303

    def scheduled() -> list[dict[str, Any]]:
        return [each.data for each in world.heard("visit.scheduled") if each.data["request_id"] == request_id]

    world.wait(lambda: bool(scheduled()), "the visit")
    visit = scheduled()[0]
    assert (windows([visit]), visit["flags"]) == ([shown[-1]], [])
    world.wait(lambda: "назначено" in registrar.get(desk.port, f"/calls/{request_id}").text, "the page to say so")
    # One of the two holds the clinic's day, the other reads what that one has stored since.
    found = [[each["doctor"] for each in offered(scheduler)] for scheduler in schedulers]
    assert found[0] == found[1] != []
    registrar.close()
