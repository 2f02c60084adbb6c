"""Services on a database that answers with errors: nothing is given up for it, and readiness tells the code."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster
from tests.faults.harness.proxy import Proxy
from tests.infrastructure import stack
from tests.infrastructure.process import Process
from tests.integration.conftest import NewWorld

WORK = {"find", "aggregate", "insert", "update", "createIndexes", "listIndexes", "listCollections"}
WRITES = {"insert", "update"}


@pytest.fixture
def proxy(mongo: stack.Server) -> Iterator[Proxy]:
    found = Proxy(mongo.address, seed=1)
    yield found
    found.close()


def failing(proxy: Proxy, commands: set[str], code: int) -> None:
    """From now on these commands get an error with this code; everything else, a ping too, is answered."""
    reply = {"ok": 0.0, "errmsg": "by the test", "code": code, "codeName": "ByTheTest"}
    proxy.instead = lambda command: reply if command in commands else None


def told(process: Process, text: str) -> bool:
    status, body = process.get("/readyz")
    return status == 503 and text in body


def test_no_error_of_the_server_makes_a_request_a_dead_letter(new_world: NewWorld, proxy: Proxy) -> None:
    """At the start, in its work, and with a code that a document could have caused but that everything gets."""
    database: Any = SimpleNamespace(address=proxy.url)
    with new_world(mongo=database) as world:
        failing(proxy, WORK, 50463173)
        processes = world.start("intake", "scheduler", "notifier", ready=False)
        for each in processes:
            world.wait(lambda each=each: told(each, "code 50463173"), "it to say what it waits for")
            assert proxy.url.removeprefix("mongodb://") in each.get("/readyz")[1]
            assert "HOMECALL_MONGO_URL" in each.get("/readyz")[1]
            assert each.get("/livez")[0] == 200
        proxy.instead = lambda _: None
        for each in processes:
            each.wait_ready()

        world.publish("clinic.published", a_clinic("clinic-0"))
        world.publish("roster.published", a_roster("clinic-0", MONDAY.date(), [a_doctor("a"), a_doctor("b")]))
        sent = [a_request("clinic-0", number, MONDAY) for number in range(20)]
        (intake, *_) = processes

        failing(proxy, WRITES, 133)
        for each in processes:  # idle ones too
            world.wait(lambda each=each: told(each, "code 133 ByTheTest"), "it to say the code")
        world.publish("request.submitted", *sent[:10])
        # Five tries took 2.4 s: after that records were given up.
        world.wait(lambda: '"tried": 5' in intake.log.read_text("utf-8"), "the fifth try")
        failing(proxy, WORK, 2)
        world.publish("request.submitted", *sent[10:])
        world.wait(lambda: "record kept" in intake.log.read_text("utf-8"), "records to be kept")
        assert world.dead() == []
        assert all(each.running for each in processes)
        proxy.instead = lambda _: None

        for each in processes:
            each.wait_ready()
        ids = [each["request_id"] for each in sent]
        world.wait(lambda: all(world.statuses(each) == ["registered", "scheduled"] for each in ids), "every answer")
        world.settle()
        assert world.dead() == []
        numbers = {each.data["request_id"]: each.data["register_number"] for each in world.heard("request.accepted")}
        assert sorted(numbers.values()) == list(range(1, 21))
