"""Messages to patients through real services and a gateway's stand-in: sent, reported, unknown, and in nobody's way."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster
from tests.infrastructure.forked import homecall, homecall_text
from tests.infrastructure.process import Process
from tests.infrastructure.sms_gateway import ACCEPT, HANG, SECRET, SmsGateway, post_report
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld

CLINIC = "clinic-1"
SETTINGS = {
    "HOMECALL_SMS_LOGIN": "clinic",
    "HOMECALL_SMS_PASSWORD": "s3cret-of-the-gateway",
    "HOMECALL_SMS_REPORT_SECRET": SECRET,
    "HOMECALL_SMS_SETTLE_SECONDS": "0",
    "HOMECALL_SMS_WAIT_SECONDS": "2",
    "HOMECALL_SMS_AT_ONCE": "4",
    "HOMECALL_SMS_REST_SECONDS": "3",
}


@pytest.fixture(scope="module")
def gateway() -> Iterator[SmsGateway]:
    stand_in = SmsGateway()
    yield stand_in
    stand_in.close()


@pytest.fixture(scope="module")
def world(new_world: NewWorld, gateway: SmsGateway) -> Iterator[World]:
    with new_world(extra=SETTINGS | {"HOMECALL_SMS": gateway.url}) as world:
        world.publish("clinic.published", a_clinic(CLINIC))
        doctors = [a_doctor(f"doc-{number}", on_duty=number == 0) for number in range(9)]
        world.publish("roster.published", a_roster(CLINIC, MONDAY.date(), doctors))
        world.start("intake", "scheduler", "notifier", "notifier")
        yield world


def notifiers(world: World) -> list[Process]:
    return [each for each in world.processes if each.name == "notifier"]


def request(number: int, phone: str | None = None, **patient: Any) -> dict[str, Any]:
    data = a_request(CLINIC, number, MONDAY, "phone", request_id=str(uuid.uuid4()))
    data["patient"] |= {"phone": phone or f"+7 701 {number:03} 00 17"} | patient
    return data


def messages(world: World, request_id: str) -> dict[str, tuple[str, str]]:
    """State and reason of each message of a request, by its status."""
    client: MongoClient[dict[str, Any]] = MongoClient(world.mongo, serverSelectionTimeoutMS=5000)
    with client:
        doc = client[f"{world.prefix}_notifier"]["messages"].find_one({"_id": request_id})
    return {each["status"]: (each["state"], each["reason"]) for each in doc["s"]["messages"]} if doc else {}


def settled(world: World, request_id: str, status: str, state: str) -> Callable[[], bool]:
    return lambda: messages(world, request_id).get(status, ("", ""))[0] == state


def report(world: World, *reports: dict[str, Any], secret: str | None = SECRET, replica: int = 0) -> int:
    return post_report(f"http://127.0.0.1:{notifiers(world)[replica].port}/sms/reports", *reports, secret=secret)


def test_the_patient_is_written_to_and_the_report_is_taken_by_either_replica(world: World, gateway: SmsGateway) -> None:
    data = request(1)
    world.publish("request.submitted", data)
    request_id = data["request_id"]
    world.wait(settled(world, request_id, "scheduled", "sent"), "the message to be sent")
    mine = [each for each in gateway.entries() if each.reference.startswith(request_id)]
    assert {each.to for each in mine} == {"+77010010017"}
    assert mine[-1].text.startswith("Дәрігер келеді: 23.11, ")
    body = gateway.calls[-1][1]
    assert (body["login"], body["password"]) == ("clinic", "s3cret-of-the-gateway")
    assert report(world, {"id": mine[-1].id, "status": "delivered"}) == 200
    assert messages(world, request_id)["scheduled"] == ("delivered", "")
    late = {"reference": mine[-1].reference, "status": "sent"}
    assert report(world, late, {"id": mine[-1].id, "status": "failed"}, replica=1) == 200
    assert messages(world, request_id)["scheduled"] == ("delivered", "")


def test_explain_shows_them_and_the_metrics_count_them(world: World) -> None:
    data = request(2, sms=False)
    world.publish("request.submitted", data)
    world.wait(settled(world, data["request_id"], "scheduled", "failed"), "the message to be dropped")
    assert messages(world, data["request_id"])["scheduled"] == ("failed", "opted_out")
    shown = homecall("explain", "--request", data["request_id"], "--json", env=world.env)
    assert shown.returncode == 0, shown.stderr
    steps = [json.loads(line) for line in shown.stdout.splitlines()]
    assert ("sms.failed", "scheduled", "opted_out") in [
        (each["step"], each.get("status"), each.get("reason")) for each in steps
    ]
    # Whole, however it is spaced: three digits of it stand in many a time and id.
    assert "7010020017" not in re.sub(r"[\s-]", "", shown.stdout.decode())
    pages = "".join(each.get("/metrics")[1] for each in notifiers(world))
    assert 'homecall_sms_total{reason="opted_out",state="failed"}' in pages
    assert "homecall_sms_oldest_waiting_seconds" in pages
    assert "homecall_sms_gateway_seconds_bucket" in pages


def test_a_number_that_opted_out_by_the_command_gets_none(world: World, gateway: SmsGateway) -> None:
    def sms(action: str, *numbers: str) -> subprocess.CompletedProcess[str]:
        return homecall_text("sms", action, env=world.env, stdin="\n".join(numbers))

    done = sms("stop", "8 701 003 00 17", "+7 727 250 00 00")
    assert (done.returncode, done.stdout) == (1, "1 number gets no messages any more\n")
    assert done.stderr == "homecall: line 2: no mobile number of Kazakhstan; write one a line, as +7 701 …\n"
    first = request(3)
    world.publish("request.submitted", first)
    world.wait(settled(world, first["request_id"], "scheduled", "failed"), "the message to be dropped")
    assert sms("allow", "8 701 003 00 17").stdout == "1 number may get messages\n"
    second = request(4, phone="8 701 003 00 17")
    world.publish("request.submitted", second)
    world.wait(settled(world, second["request_id"], "scheduled", "sent"), "the message to be sent")
    assert not any(each.reference.startswith(first["request_id"]) for each in gateway.entries())


def test_a_time_out_after_accepting_is_unknown_until_a_report_clears_it_up(world: World, gateway: SmsGateway) -> None:
    data = request(5)
    gateway.behaves = lambda _: HANG
    try:
        world.publish("request.submitted", data)
        world.wait(settled(world, data["request_id"], "scheduled", "unknown"), "the message to be unknown")
    finally:
        gateway.behaves = lambda _: ACCEPT
    (name, times) = next(each for each in gateway.taken().items() if each[0].startswith(data["request_id"]))
    assert times == 1
    assert report(world, {"reference": name, "id": "g-late", "status": "delivered"}) == 200
    last = messages(world, data["request_id"])
    assert "delivered" in {state for state, _ in last.values()}
    assert all(times == 1 for times in gateway.taken().values())


def test_who_may_report_what(world: World) -> None:
    notifier = notifiers(world)[0]
    url = f"http://127.0.0.1:{notifier.port}/sms/reports"
    sound = {"id": "nobody's", "status": "delivered"}
    assert post_report(url, sound) == 200
    assert post_report(url, sound, secret=None) == 401
    assert post_report(url, sound, secret="another one") == 401
    assert post_report(url, {"status": "delivered"}) == 400
    assert post_report(url, {"id": "x" * 300_000, "status": "delivered"}) in (413, 0)
    assert notifier.get("/sms/reports")[0] == 405
    assert notifier.get("/readyz")[0] == 200


def test_a_gateway_that_is_away_costs_nothing_else(
    world: World, gateway: SmsGateway, figure: Callable[[str], None]
) -> None:
    """Answers come as ever, services are ready, and when it is back, what is still of use goes out, each once."""
    gateway.behaves = lambda _: HANG
    sent = [request(number) for number in range(100, 220)]
    try:
        before = world.now()
        world.publish("request.submitted", *sent)
        world.wait(
            lambda: all(world.statuses(each["request_id"])[-1:] == ["scheduled"] for each in sent), "the answers"
        )
        took = world.now() - before
        figure(f"{len(sent)} requests are answered in {took.total_seconds():.1f} s while the SMS gateway hangs")
        assert took < timedelta(seconds=20)
        world.wait(
            lambda: any("homecall_sms_gateway_resting 1.0" in each.get("/metrics")[1] for each in notifiers(world)),
            "the gateway to be left in peace",
            60,
        )
        assert all(each.get("/readyz")[0] == 200 for each in world.processes)
        assert all(each.get("/livez")[0] == 200 for each in world.processes)
    finally:
        gateway.behaves = lambda _: ACCEPT
    world.wait(
        lambda: all(
            messages(world, each["request_id"]).get("scheduled", ("",))[0] in ("sent", "unknown") for each in sent
        ),
        "what waited to be sent",
        120,
    )
    ended = [messages(world, each["request_id"])["scheduled"][0] for each in sent]
    assert ended.count("sent") > len(sent) / 2
    assert max(gateway.taken().values()) == 1
    assert world.dead() == []


def test_sigterm_waits_for_what_the_gateway_has_in_hand(world: World, gateway: SmsGateway) -> None:
    asked, go = threading.Event(), threading.Event()

    def when_told(_: Any) -> str:
        asked.set()
        go.wait(10)
        return ACCEPT

    data = request(300)
    gateway.behaves = when_told
    try:
        world.publish("request.submitted", data)
        assert asked.wait(30)
        for each in notifiers(world):
            each.signal(signal.SIGTERM)
        go.set()
        assert [each.stop() for each in notifiers(world)] == [0, 0]
    finally:
        go.set()
        gateway.behaves = lambda _: ACCEPT
    states = [state for state, _ in messages(world, data["request_id"]).values()]
    assert "sent" in states
    assert not {"sending", "unknown"} & set(states)
