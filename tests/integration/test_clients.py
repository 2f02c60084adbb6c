"""What clinics and the portal are offered to send with: a request goes in and its answer is read, in two languages."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from homecall.cli.main import app
from homecall.contract.envelope import Record, read
from homecall.contract.topics import REQUESTS, STATUS
from homecall.demo.embedded import embedded_broker
from homecall.operations.kafka import read_to_end
from homecall.runtime.kafka.senders import SENDER, Senders
from homecall.runtime.settings import Settings
from homecall_client import Homecall, NoAnswerError
from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster
from tests.infrastructure import stack
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld

SOURCE = "/clinics/samal-1"
NOBODY = "0f1d3c52-0a6e-4b8e-9c57-2f1f0c4f5a11"


@pytest.fixture(scope="module")
def world(new_world: NewWorld) -> Iterator[World]:
    with new_world(at=MONDAY) as world:
        world.publish("clinic.published", a_clinic("samal-1"))
        world.publish("roster.published", a_roster("samal-1", MONDAY.date(), [a_doctor("one"), a_doctor("two")]))
        world.start("intake", "scheduler", "notifier")
        yield world


async def test_a_request_is_sent_and_followed_to_its_end(world: World) -> None:
    request = a_request("samal-1", 1, MONDAY)
    request_id = request["request_id"]
    async with Homecall(world.kafka, source=SOURCE) as homecall:
        place = await homecall.publish("request.submitted", request)
        assert await homecall.publish("request.submitted", request) != place  # sent twice, and the same event
        answer = await homecall.answer(request_id, within=60)
        assert (answer.status, answer.data["register_number"]) == ("scheduled", 1)
        assert answer.answers
        assert not answer.final
        at = (MONDAY + timedelta(minutes=1)).isoformat()
        withdrawal = {"request_id": request_id, "clinic_id": "samal-1", "at": at, "reason": "recovered"}
        await homecall.publish("request.withdrawn", withdrawal)
        followed = [each async for each in homecall.follow(request_id, within=60)]
    assert [(each.sequence, each.status) for each in followed] == [
        (1, "registered"),
        (2, "scheduled"),
        (3, "withdrawn"),
    ]


async def test_who_listens_from_now_on_hears_what_comes_and_nothing_of_before(world: World) -> None:
    before = a_request("samal-1", 2, MONDAY)["request_id"]
    async with Homecall(world.kafka, source=SOURCE) as homecall:
        await homecall.publish("request.submitted", a_request("samal-1", 2, MONDAY))
        await homecall.answer(before, within=60)
        async with aclosing(homecall.statuses()) as statuses:
            first = asyncio.ensure_future(anext(statuses))
            number = 2
            while not first.done():
                # It listens from when the end was asked for, some moment soon: one request after the other is sent.
                number += 1
                await homecall.publish("request.submitted", a_request("samal-1", number, MONDAY))
                await asyncio.wait([first], timeout=1)
    assert first.result().request_id in {a_request("samal-1", each, MONDAY)["request_id"] for each in range(3, 99)}


async def test_an_answer_that_does_not_come_is_said(world: World) -> None:
    async with Homecall(world.kafka, source=SOURCE) as homecall:
        with pytest.raises(NoAnswerError, match=NOBODY):
            await homecall.answer(NOBODY, within=0.5)


JAVA = stack.ROOT / "clients" / "java"
PROGRAM = JAVA / "FirstRequest.java"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The program, compiled: the compiler works longer than it does."""
    return stack.java_compiled(PROGRAM, tmp_path_factory.mktemp("classes"))


def java(command: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("wrapped", [False, True])
def test_java_needs_nothing_but_kafkas_client(world: World, program: list[str], tmp_path: Path, wrapped: bool) -> None:
    request = tmp_path / "request.json"
    data = a_request("samal-1", 91 if wrapped else 90, MONDAY)
    # As homecall example prints it, or the data alone.
    request.write_text(json.dumps({"type": "request.submitted", "data": data} if wrapped else data), "utf-8")
    # Once as its page says: from the source, with no step before.
    done = java(program if wrapped else stack.java_source(PROGRAM), world.kafka, str(request))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["1 registered", "2 scheduled"]


def test_java_signs_as_the_operator_asks(world: World, program: list[str], tmp_path: Path) -> None:
    """Its signature is held against the list of senders, as the services do it."""
    listed, private = tmp_path / "senders.json", tmp_path / "samal-1.pem"
    made = ["senders", "new", "samal-1", "--file", str(listed), "--private", str(private)]
    assert CliRunner().invoke(app, made).exit_code == 0
    request = tmp_path / "request.json"
    request.write_text(json.dumps(a_request("samal-1", 93, MONDAY), ensure_ascii=False), "utf-8")
    done = java(program, world.kafka, str(request), "samal-1", str(private))
    assert done.returncode == 0, done.stderr
    found = [each for each in read_requests(world.kafka) if any(name == SENDER for name, _ in each.headers)]
    assert len(found) == 1
    Senders(listed).check(read(found[0]))


def read_requests(kafka: str) -> list[Record]:
    """All records of the requests' topic."""
    settings = Settings(_env_file=None, env="development", signatures="off", kafka_bootstrap=kafka)  # type: ignore[call-arg]  # pydantic-settings' own argument
    return asyncio.run(read_to_end(settings, REQUESTS.name))


def test_java_says_how_it_is_called_and_what_cannot_be_read(program: list[str], tmp_path: Path) -> None:
    no_request = tmp_path / "clinic.json"
    no_request.write_text("{}", "utf-8")
    for arguments, said in (
        ((), "usage: "),
        (("127.0.0.1:1", "nowhere.json"), "nowhere.json: cannot be read"),
        (("127.0.0.1:1", str(no_request)), "the file has no request_id"),
    ):
        done = java(program, *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(said)
        assert "homecall example request > request.json" in done.stderr


def test_java_says_within_seconds_that_the_embedded_broker_is_not_for_it(program: list[str], tmp_path: Path) -> None:
    request = tmp_path / "request.json"
    request.write_text(json.dumps(a_request("samal-1", 92, MONDAY)), "utf-8")
    child, address = embedded_broker(tmp_path, {REQUESTS.name: 1, STATUS.name: 1})
    child.start()
    try:
        began = time.monotonic()
        done = java(program, address(), str(request))
        took = time.monotonic() - began
    finally:
        child.stop()
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Kafka at {address()} did not answer")
    assert "embedded broker of homecall up does not work with Java's client: start a Kafka" in line
    assert took < 30, "ten seconds, and what the compiler takes on a busy machine"


@pytest.mark.long
def test_the_jars_of_the_java_client_are_those_that_its_pom_names(tmp_path: Path) -> None:
    stack.java_source(PROGRAM)  # skips where there is no Maven
    command = ["mvn", "-B", "-q", "dependency:copy-dependencies", f"-DoutputDirectory={tmp_path / 'jars'}"]
    assert " ".join(command[:4]) in (JAVA / "README.md").read_text("utf-8")
    subprocess.run(command, cwd=JAVA, check=True, timeout=300)
    run = ["java", "-cp", f"{tmp_path}/jars/*", str(PROGRAM)]
    done = subprocess.run(run, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: "), "compiled with these jars, and with no complaint of a logger"
