"""Intake on real Kafka with the register of persons asked in signed SOAP (C9.3): slow, wrong, away, and back.

The gateway is the stand-in of ``homecall.demo.shep``, on a port of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from homecall.demo.ports import free_port
from homecall.demo.shep.client_files import write_client_files
from homecall.demo.shep.gateway import Access, Gateway
from homecall.demo.shep.keys import Keys
from homecall.demo.shep.register import Register, invented
from homecall.demo.shep.says import Says
from homecall.demo.shep.server import PATH, ShepServer
from homecall.gateways.signatures.dev_authority import DevAuthority
from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster, iin
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld

CLINIC = "samal-3"
WAIT_SECONDS = 2.0
SPEED = 20
"""A minute of the services takes three seconds: they ask the register again after one, and answer within ten."""
LONG_SECONDS = 60
"""How long one call may take by the client's own file: only ``HOMECALL_IDENTITY_WAIT_SECONDS`` ends it before."""
MARGIN_SECONDS = 8.0
"""What a busy machine may add to the wait."""
WRONG = (
    *(Says.HANG, Says.SERVICE_ERROR, Says.SOAP_FAULT, Says.HTML, Says.CUT, Says.HALF, Says.UNSIGNED),
    *(Says.WRONG_SIGNATURE, Says.OTHER_AUTHORITY, Says.OTHER_MESSAGE, Says.WRAPPED, Says.BOMB),
)


class SwitchedGateway:
    """A gateway that is up and down as the test wants, always at the same address."""

    def __init__(self) -> None:
        self.gateway = Gateway(Keys(DevAuthority.new()))
        self._port = free_port()
        self._server: ShepServer | None = None
        self.address = f"shep+http://127.0.0.1:{self._port}{PATH}"

    def up(self) -> None:
        self._server = ShepServer(self.gateway, port=self._port)
        self._server.start()

    def down(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None


@pytest.fixture
def switched() -> Iterator[SwitchedGateway]:
    switched = SwitchedGateway()
    switched.up()
    yield switched
    switched.down()


@pytest.fixture
def world(new_world: NewWorld, switched: SwitchedGateway, tmp_path: Path) -> Iterator[World]:
    file = write_client_files(tmp_path, switched.gateway.keys, Access())
    # A setting of the whole file stands before its sections.
    file.write_text(f"time_limit_seconds = {LONG_SECONDS}\n{file.read_text('utf-8')}", encoding="utf-8")
    extra = {
        "HOMECALL_IDENTITY": switched.address,
        "HOMECALL_IDENTITY_SHEP_FILE": str(file),
        "HOMECALL_IDENTITY_WAIT_SECONDS": f"{WAIT_SECONDS:g}",
    }
    with new_world(extra=extra, speed=SPEED) as world:
        world.publish("clinic.published", a_clinic(CLINIC))
        world.publish("roster.published", a_roster(CLINIC, MONDAY.date(), [a_doctor("owl", max_visits=60)]))
        world.start("intake", "scheduler", "notifier")
        yield world


def submit(world: World, *numbers: int) -> dict[int, str]:
    """Publish a request of each patient now, by the service's clock; their ids."""
    requests = {number: a_request(CLINIC, number, world.now(), "phone") for number in numbers}
    world.publish("request.submitted", *requests.values())
    return {number: str(each["request_id"]) for number, each in requests.items()}


def accepted(world: World) -> dict[str, dict[str, Any]]:
    return {each.data["request_id"]: each.data for each in world.heard("request.accepted")}


def decided(world: World) -> set[str]:
    return {each.data["request_id"] for each in world.heard("request.accepted", "request.refused")}


def waited(world: World, request_id: str) -> float:
    """Real seconds from the request to the decision on it."""
    data = accepted(world)[request_id]
    since = datetime.fromisoformat(data["accepted_at"]) - datetime.fromisoformat(data["submitted_at"])
    return since / timedelta(seconds=1) / SPEED


def checked(world: World) -> dict[str, str]:
    """What the register said later, by request."""
    return {each.data["request_id"]: each.data["outcome"] for each in world.heard("request.identity-checked")}


def test_slow_wrong_or_away_the_gateway_holds_up_nobody_and_loses_nothing(
    world: World, switched: SwitchedGateway
) -> None:
    gateway = switched.gateway

    # Away: the request goes on, and nothing is taken back of what the register says later.
    switched.down()
    away, unknown_later = 1, 2
    ids = submit(world, away, unknown_later)
    world.wait(lambda: decided(world) == set(ids.values()), "them to be decided without the gateway")
    assert [accepted(world)[each]["flags"] for each in ids.values()] == [["identity_unconfirmed"]] * 2
    gateway.says = {iin(unknown_later): Says.NOT_FOUND}
    switched.up()
    later = {ids[away]: "confirmed", ids[unknown_later]: "not_found"}
    world.wait(lambda: checked(world) == later, "the register to be asked again")

    # Slow and wrong, in one batch with what is right.
    found, unknown, slow = 3, 4, 5
    wrong = dict(enumerate(WRONG, 6))
    born = date(2020, 5, 5)  # which no IIN of a test says
    gateway.register = Register({iin(found): replace(invented(iin(found)), birth_date=born)})
    gateway.slow_seconds = WAIT_SECONDS / 4
    gateway.says = {iin(unknown): Says.NOT_FOUND, iin(slow): Says.SLOW} | {iin(n): says for n, says in wrong.items()}
    ids |= submit(world, found, unknown, slow, *wrong)
    world.wait(lambda: decided(world) == set(ids.values()), "all to be decided")
    [refused] = [each.data for each in world.heard("request.refused")]
    assert (refused["request_id"], refused["code"]) == (ids[unknown], "identity_not_confirmed")
    said = {number: accepted(world)[ids[number]] for number in ids if number != unknown}
    assert {number: said[number]["flags"] for number in (found, slow)} == {found: ["iin_mismatch"], slow: []}
    assert said[found]["patient"]["age_years"] == 6
    assert {tuple(said[number]["flags"]) for number in wrong} == {("identity_unconfirmed",)}

    # The wait holds for each, ten minutes too, and nobody has two answers.
    assert max(waited(world, ids[number]) for number in said) <= WAIT_SECONDS + MARGIN_SECONDS
    for number, request_id in ids.items():
        last = "refused" if number == unknown else "scheduled"
        world.wait(lambda each=request_id, last=last: last in world.statuses(each), f"the answer to {number}")
    world.settle()
    answers = [each.data for each in world.heard("status.changed") if each.data["status"] in ("scheduled", "refused")]
    assert sorted(each["request_id"] for each in answers) == sorted(ids.values())
    assert all(each["on_time"] for each in answers)
    assert not [each.data for each in world.heard("deadline.missed") if each.data["deadline"] == "answer"]
    assert not world.dead()
    assert not gateway.refused, "each try has a messageId of its own"
