"""What clinics and the portal are offered to send with: a request goes in and its answer is read, in two languages."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import pytest

from homecall_client import Homecall, NoAnswerError
from tests import stack
from tests.integration.conftest import NewWorld
from tests.world import MONDAY, World, a_clinic, a_doctor, a_request, a_roster

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


def test_java_needs_nothing_but_kafkas_client(world: World, tmp_path: Path) -> None:
    program = stack.ROOT / "clients" / "java" / "FirstRequest.java"
    request = tmp_path / "request.json"
    request.write_text(json.dumps(a_request("samal-1", 90, MONDAY)), "utf-8")
    command = stack.java_source(program, world.kafka, str(request))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["1 registered", "2 scheduled"]
