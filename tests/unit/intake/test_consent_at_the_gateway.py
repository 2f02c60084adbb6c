"""Requests with and without consent, decided on what the gateway's service by consent says: all but Kafka is real."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from homecall.demo.shep.gateway import PERSONS_BY_TOKEN, Gateway
from homecall.demo.shep.says import Says
from homecall.demo.shep.server import serving
from homecall.gateways.identity.port import Consent, Identity, Result
from tests.unit.demo.shep.messages import keys
from tests.unit.gateways.test_shep_stand_in import port_to
from tests.unit.intake.office import DINARA, SERIK, Office, submitted

MADE, HEARD = "Fri 2026-11-20 10:00", "Fri 2026-11-20 10:00:01"


class Unhurried:
    """The port with half a minute for each look-up: what is tried here is no time limit."""

    def __init__(self, port: Identity) -> None:
        self._port = port

    async def look_up(
        self, iins: Sequence[str], *, within: float, consents: Mapping[str, Consent] | None = None
    ) -> list[Result]:
        del within
        return await self._port.look_up(iins, within=30, consents=consents)

    async def close(self) -> None:
        return


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(keys())


@pytest.fixture
async def intake(gateway: Gateway, tmp_path: Path) -> AsyncIterator[Office]:
    with serving(gateway) as server:
        async with port_to(server, tmp_path, by_token=True) as port:
            yield await Office(identity=Unhurried(port)).prepared()


def consent(gateway: Gateway, iin: str) -> dict[str, str]:
    token, key = gateway.consent(iin)
    return {"kdp_token": token, "public_key": key}


async def flags_of(intake: Office, **over: Any) -> list[str]:
    (accepted,) = await intake.hear(submitted(MADE, "desk", **over), now=HEARD)
    assert accepted.type == "request.accepted"
    flags: list[str] = accepted.data["flags"]
    return flags


async def test_with_consent_the_patient_is_confirmed_and_the_token_is_gone(intake: Office, gateway: Gateway) -> None:
    given = consent(gateway, SERIK)
    assert "identity_unconfirmed" not in await flags_of(intake, identity=given)
    [asked] = gateway.asked
    assert (asked.service_id, asked.iin) == (PERSONS_BY_TOKEN, SERIK)
    kept = str(intake.memory.collection("requests").docs)
    assert kept
    assert not [each for each in given.values() if each in kept]


@pytest.mark.parametrize("whose", ["nobody's", "somebody else's"])
async def test_without_the_patients_own_the_request_goes_on_unconfirmed(
    intake: Office, gateway: Gateway, whose: str
) -> None:
    over = {"identity": consent(gateway, DINARA)} if whose == "somebody else's" else {}
    assert "identity_unconfirmed" in await flags_of(intake, **over)
    assert [each.iin for each in gateway.asked] == ([SERIK] if over else [])


async def test_who_is_dead_by_the_register_is_a_flag(intake: Office, gateway: Gateway) -> None:
    gateway.otherwise = Says.DEAD
    assert "patient_registered_dead" in await flags_of(intake, identity=consent(gateway, SERIK))


async def test_who_is_not_found_is_refused(intake: Office, gateway: Gateway) -> None:
    gateway.otherwise = Says.NOT_FOUND
    (refused,) = await intake.hear(submitted(MADE, "desk", identity=consent(gateway, SERIK)), now=HEARD)
    assert (refused.type, refused.data["code"]) == ("request.refused", "identity_not_confirmed")
