"""A service's life: its start, its health, what it holds, its end, and a database that goes away."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from homecall.contract.topics import DESK, SERVICES, TOPICS
from homecall.demo.ports import free_port
from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster
from tests.infrastructure import stack
from tests.infrastructure.forked import homecall
from tests.infrastructure.process import Process
from tests.infrastructure.sms_gateway import SmsGateway
from tests.infrastructure.world import World, a_world, contract_configs, contract_topics
from tests.integration.conftest import NewWorld, fresh_world

START_SECONDS = 3.0
STOP_SECONDS = 10.0
RSS_MIB = 150
MESSAGES = 20_000
DECIDED = ("request.accepted", "request.refused")


def clinics(number: int) -> list[str]:
    return [f"clinic-{each}" for each in range(number)]


def requests(clinic_ids: list[str], number: int, first: int = 0) -> list[dict[str, Any]]:
    """So many requests, spread over the clinics."""
    return [a_request(clinic_ids[each % len(clinic_ids)], each, MONDAY) for each in range(first, first + number)]


def decided(world: World) -> Counter[str]:
    """How often each decision of intake was said, by ``ce_id``."""
    return Counter(each.id for each in world.heard(*DECIDED))


def events(process: Process) -> int:
    """How many records a service says it has handled, whatever came of them."""
    found = re.findall(r"^homecall_events_total{.*} (\S+)$", process.get("/metrics")[1], re.M)
    return int(sum(float(each) for each in found))


# ---- Start and health ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(new_world: NewWorld) -> Iterator[World]:
    with new_world() as world:
        world.publish("clinic.published", a_clinic("clinic-0"))
        yield world


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_ready_soon_and_says_how_it_is(world: World, service: str, figure: Callable[[str], None]) -> None:
    taken: list[float] = []
    # The best of three: on a machine that is busy with other work, one start says little.
    while len(taken) < 3 and min(taken, default=START_SECONDS) >= START_SECONDS:
        (process,) = world.start(service, ready=False, forked=False)
        taken.append(process.wait_ready())
        assert process.get("/livez") == (200, f"{service}: alive\n")
        status, told = process.get("/readyz")
        assert (status, told.split(";")[0].strip()) == (200, f"{service}: ready")
        status, page = process.get("/metrics")
        assert (status, "homecall_events_total" in page) == (200, True)
        status, told = process.get("/nowhere")
        # The desk says it as a page.
        assert (status, told.startswith("<!doctype html>" if service == DESK else "there are /livez,")) == (404, True)
        stopping = time.monotonic()
        assert process.stop() == 0
        assert time.monotonic() - stopping < STOP_SECONDS
    figure(f"{service} is ready {', '.join(f'{each:.2f}' for each in taken)} s after its start")
    assert min(taken) < START_SECONDS


def test_all_run_in_one_process(world: World) -> None:
    (process,) = world.start("all")
    told = [line.split(";")[0] for line in process.get("/readyz")[1].splitlines()]
    assert told == [f"{service}: ready" for service in SERVICES]
    (request,) = requests(["clinic-0"], 1)
    world.publish("request.submitted", request)
    world.wait(lambda: world.statuses(request["request_id"]) == ["registered", "delayed"], "its statuses")
    assert process.stop() == 0


# ---- Settings --------------------------------------------------------------------------------------------------------

WRONG = {
    "a host that is none": ("scheduler", {"HOMECALL_HTTP_HOST": "999.1.1.1"}, "HOMECALL_HTTP_HOST"),
    "no environment": ("intake", {"HOMECALL_ENV": "staging"}, "HOMECALL_ENV"),
    "rsa without authorities, intake": ("intake", {"HOMECALL_SIGNATURES": "rsa"}, "HOMECALL_TRUST_STORE"),
    "rsa by default, complaints": ("complaints", {"HOMECALL_SIGNATURES": None}, "HOMECALL_TRUST_STORE"),
    "ncanode, intake": ("intake", {"HOMECALL_SIGNATURES": "ncanode"}, "HOMECALL_NCANODE_URL"),
    "ncanode, complaints": ("complaints", {"HOMECALL_SIGNATURES": "ncanode"}, "HOMECALL_NCANODE_URL"),
    "off in production": ("intake", {"HOMECALL_ENV": None, "HOMECALL_CLOCK": None}, "HOMECALL_SIGNATURES"),
    "rsa, all in one": ("all", {"HOMECALL_SIGNATURES": "rsa"}, "HOMECALL_TRUST_STORE"),
    "a clock in production": ("scheduler", {"HOMECALL_ENV": None, "HOMECALL_SIGNATURES": None}, "HOMECALL_CLOCK"),
    "a clock that is none": ("scheduler", {"HOMECALL_CLOCK": "tomorrow"}, "HOMECALL_CLOCK"),
    "a port that is none": ("notifier", {"HOMECALL_HTTP_PORT": "70000"}, "HOMECALL_HTTP_PORT"),
    "a prefix that is none": ("notifier", {"HOMECALL_MONGO_PREFIX": "a b"}, "HOMECALL_MONGO_PREFIX"),
    "no database address": ("notifier", {"HOMECALL_MONGO_URL": "http://127.0.0.1:27017"}, "HOMECALL_MONGO_URL"),
    "an empty broker address": ("notifier", {"HOMECALL_KAFKA_BOOTSTRAP": ""}, "HOMECALL_KAFKA_BOOTSTRAP"),
    "a broker's port that is none": (
        "notifier",
        {"HOMECALL_KAFKA_BOOTSTRAP": "broker:nine"},
        "HOMECALL_KAFKA_BOOTSTRAP",
    ),
    "SASL without a name": ("notifier", {"HOMECALL_KAFKA_SECURITY": "SASL_SSL"}, "HOMECALL_KAFKA_USERNAME"),
    "a file that is not there": ("notifier", {"HOMECALL_KAFKA_CA_FILE": "no/such.pem"}, "HOMECALL_KAFKA_CA_FILE"),
    "rules that are not there": ("scheduler", {"HOMECALL_RULES": "no/such/directory"}, "HOMECALL_RULES"),
    "an SMS gateway that is no address": ("notifier", {"HOMECALL_SMS": "sms.example"}, "HOMECALL_SMS"),
    "quiet hours that are none": (
        "notifier",
        {"HOMECALL_SMS": "http://127.0.0.1:9", "HOMECALL_SMS_QUIET_HOURS": "at night"},
        "HOMECALL_SMS_QUIET_HOURS",
    ),
    "a gateway that is no address": ("intake", {"HOMECALL_IDENTITY": "gateway.example"}, "HOMECALL_IDENTITY"),
}


@pytest.mark.parametrize(("service", "wrong", "named"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_setting_stops_the_start_with_one_line_that_names_it(
    world: World, service: str, wrong: dict[str, str | None], named: str
) -> None:
    env = world.env | {"HOMECALL_HTTP_PORT": str(free_port())} | wrong
    done = homecall("serve", service, env={name: value for name, value in env.items() if value is not None})
    assert done.returncode != 0
    lines = (done.stdout + done.stderr).decode().splitlines()
    assert len(lines) == 1, done.stderr.decode()[-2000:]
    assert named in lines[0]


# ---- Topics ----------------------------------------------------------------------------------------------------------


def test_no_topic_is_made_in_passing(mongo: stack.Server, mongo_prefix: str) -> None:
    """A broker that makes what it is asked for by name is not asked: the service waits, and says what for."""
    with stack.own_kafka(properties={"auto.create.topics.enable": "true"}) as kafka:
        admin = AdminClient({"bootstrap.servers": kafka.address, "log_level": 2})
        named = [topic.name for topic in TOPICS]
        with a_world(kafka.address, mongo.address, mongo_prefix, reads=()) as world:
            processes = world.start(*SERVICES, ready=False)
            told = "is not there, or this user may not see it: run homecall topics create"
            world.wait(lambda: all(told in each.get("/readyz")[1] for each in processes), "all to say so")
            assert admin.list_topics(timeout=10).topics.keys().isdisjoint(named)
            stack.recreate_topics(kafka.address, contract_topics(), contract_configs())
            for process in processes:
                process.wait_ready()
            assert world.stop() == [0] * len(SERVICES)


# ---- The end ---------------------------------------------------------------------------------------------------------


def test_sigterm_finishes_the_batch_and_leaves_at_once(new_world: NewWorld, figure: Callable[[str], None]) -> None:
    # With a session timeout beyond the test's patience: whoever takes over has not waited for it.
    with new_world(extra={"HOMECALL_KAFKA_SESSION_TIMEOUT_MS": "60000", "HOMECALL_BATCH_MAX": "100"}) as world:
        ids = clinics(12)
        world.publish("clinic.published", *(a_clinic(each) for each in ids))
        (first,) = world.start("intake")
        world.publish("request.submitted", *requests(ids, 2000))
        world.wait(lambda: decided(world), "the first decisions")
        began = time.monotonic()
        assert first.stop() == 0
        took = time.monotonic() - began
        assert took < STOP_SECONDS
        world.wait_quiet()
        # What was decided is what was committed, to the record: nothing lost, nothing for another to repeat.
        in_hand = decided(world)
        assert 0 < len(in_hand) < 2000, "the stop was to come in the middle"
        assert sum(world.committed("intake").values()) == len(in_hand)

        (second,) = world.start("intake")
        world.wait(lambda: len(decided(world)) == 2000, "all decisions")
        assert set(decided(world).values()) == {1}
        # A replica comes, both have a part of the partitions, then one leaves.
        (third,) = world.start("intake")
        world.settle("intake")
        assert second.stop() == 0
        began = time.monotonic()
        world.publish("request.submitted", *requests(ids, 120, first=2000))
        world.wait(lambda: len(decided(world)) == 2120, "decisions in every partition")
        figure(f"SIGTERM under load: ended in {took:.2f} s; taken over {time.monotonic() - began:.2f} s after")
        assert third.stop() == 0
        assert sum(world.committed("intake").values()) == 2120


# ---- What it holds ---------------------------------------------------------------------------------------------------


def rss_mib(process: Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.M)
    assert found is not None
    return int(found[1]) / 1024


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory in use from /proc")
def test_memory_after_twenty_thousand_messages(new_world: NewWorld, figure: Callable[[str], None]) -> None:
    gateway = SmsGateway()
    with contextlib.closing(gateway), new_world(extra={"HOMECALL_SMS": gateway.url}) as world:
        world.reader.end()  # nobody looks at what is said here, and reading it takes time from who says it
        ids = clinics(40)
        world.publish("clinic.published", *(a_clinic(each) for each in ids))
        for each in ids:
            doctors = [a_doctor(f"doc-{number}") for number in range(3)]
            world.publish("roster.published", a_roster(each, MONDAY.date(), doctors))
        # Each tenth is new, the others come again: what that leads to is said again, and is the next service's input.
        sent = requests(ids, MESSAGES // 10)
        for number, each in enumerate(sent):
            each["patient"]["phone"] = f"+7 701 {number:07}"
        for _ in range(10):
            world.publish("request.submitted", *sent)
        held: dict[str, float] = {}
        for service in SERVICES:
            (process,) = world.start(service, forked=False)
            at_start = rss_mib(process)
            world.wait(lambda process=process: events(process) >= MESSAGES, f"{service} to handle {MESSAGES:,}", 60)
            if service == "notifier":
                world.wait(lambda: len(gateway.log) >= MESSAGES // 20, "messages to patients", 60)
            held[service] = rss_mib(process)
            figure(f"{service} holds {held[service]:.0f} MiB after {events(process):,} messages, {at_start:.0f} before")
            assert process.stop() == 0
        assert {service: mib for service, mib in held.items() if mib >= RSS_MIB} == {}


# ---- The database goes away ------------------------------------------------------------------------------------------


def test_a_database_that_is_away_is_waited_for(new_world: NewWorld, fresh_mongo: stack.Server) -> None:
    with new_world(mongo=fresh_mongo) as world:
        ids = clinics(3)
        world.publish("clinic.published", *(a_clinic(each) for each in ids))
        for each in ids:
            world.publish("roster.published", a_roster(each, MONDAY.date(), [a_doctor("a"), a_doctor("b")]))
        fresh_mongo.stop()
        processes = world.start("intake", "scheduler", "notifier", ready=False)
        for process in processes:
            world.wait(lambda process=process: process.get("/livez")[0] == 200, "a live process")
            world.wait(lambda process=process: "database" in process.get("/readyz")[1], "what it waits for")
            assert process.get("/readyz")[0] == 503
        fresh_mongo.start()
        for process in processes:
            process.wait_ready()

        sent = requests(ids, 60)
        world.publish("request.submitted", *sent)
        world.wait(lambda: decided(world), "the first decisions")
        fresh_mongo.kill()
        more = requests(ids, 30, first=60)
        world.publish("request.submitted", *more)
        for process in processes:
            world.wait(lambda process=process: process.get("/readyz")[0] == 503, "503 without a database")
            assert "database" in process.get("/readyz")[1]
            assert process.get("/livez")[0] == 200
        fresh_mongo.start()
        for process in processes:
            process.wait_ready()
        everybody = [each["request_id"] for each in sent + more]
        world.wait(lambda: all(len(world.statuses(each)) >= 2 for each in everybody), "an answer for everybody")
        world.settle()
        for clinic_id in ids:
            accepted = {each.id: each.data for each in world.heard("request.accepted") if each.key == clinic_id}
            assert sorted(each["register_number"] for each in accepted.values()) == list(range(1, 31))
        copies: dict[tuple[str, str], set[bytes]] = {}
        for each in list(world.reader.heard):
            copies.setdefault((each.topic, each.id), set()).add(each.value)
        assert all(len(different) == 1 for different in copies.values())
        assert world.dead() == []
        assert [process.stop() for process in processes] == [0, 0, 0]


def test_a_database_that_hangs_is_waited_for(new_world: NewWorld, fresh_mongo: stack.Server) -> None:
    with new_world(mongo=fresh_mongo) as world:
        world.publish("clinic.published", a_clinic("clinic-0"))
        (intake,) = world.start("intake")
        fresh_mongo.pause()
        try:
            (request,) = requests(["clinic-0"], 1)
            world.publish("request.submitted", request)
            world.wait(lambda: intake.get("/readyz")[0] == 503, "503 while the database hangs")
            assert "database" in intake.get("/readyz")[1]
        finally:
            fresh_mongo.resume()
        world.wait(lambda: len(decided(world)) == 1, "the decision")
        intake.wait_ready()
        assert json.loads(world.heard("request.accepted")[0].value)["register_number"] == 1


# ---- A broker that goes away -----------------------------------------------------------------------------------------


def test_an_idle_service_says_that_the_broker_is_away_and_that_it_is_back(
    fresh_kafka: stack.Server, mongo: stack.Server
) -> None:
    with fresh_world(fresh_kafka, mongo) as world:
        (process,) = world.start("notifier")
        fresh_kafka.stop()
        try:
            world.wait(lambda: "broker has not answered" in process.get("/readyz")[1], "it to say so", 60)
            assert process.get("/readyz")[0] == 503
            assert process.get("/livez")[0] == 200, "a restart would mend nothing"
        finally:
            fresh_kafka.start()
        world.wait(lambda: process.get("/readyz")[0] == 200, "it to be ready again", 60)
        assert process.stop() == 0


def test_a_broker_that_hangs_does_not_keep_a_service_from_ending(
    fresh_kafka: stack.Server, mongo: stack.Server
) -> None:
    """Its connections stay open and nothing answers on them: leaving the group is not waited for."""
    with fresh_world(fresh_kafka, mongo) as world:
        processes = world.start("intake", "scheduler")
        fresh_kafka.pause()
        try:
            stopping = time.monotonic()
            assert world.stop() == [0, 0]
            assert time.monotonic() - stopping < STOP_SECONDS
        finally:
            fresh_kafka.resume()
        logs = [process.log.read_text() for process in processes]
        assert all("did not close in time" in each for each in logs), "\n".join(each[-2_000:] for each in logs)


_HELD_UP = """
import concurrent.futures, threading
from homecall.operations import serve
serve._END_SECONDS = 1.0
freeze, held = serve.gc.freeze, concurrent.futures.ThreadPoolExecutor()
serve.gc.freeze = lambda: (held.submit(threading.Event().wait), freeze())
serve.serve("notifier")
"""


def test_a_thread_that_never_ends_does_not_keep_the_process(world: World) -> None:
    """It ends by itself all the same, as failed, and says where each thread was."""
    service = Process("notifier", world.env, world.directory / "held-up.log", free_port())
    with service.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _HELD_UP],
            env={**world.env, "HOMECALL_HTTP_PORT": str(service.port)},
            stdout=log,
            stderr=log,
        )
    try:
        stack.wait_until(lambda: service.get("/readyz")[0] == 200, "it to be ready")
        process.terminate()
        assert process.wait(STOP_SECONDS) == 1
    finally:
        process.kill()
        process.wait()
    said = service.log.read_text()
    assert '"event": "stopped"' in said, "its connections were closed in order"
    assert "most recent call first" in said
