"""Consent to be looked up (C9.3): it goes with the question to the register of persons, and is kept nowhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from homecall.contract.envelope import Record
from homecall.gateways.identity.port import Consent, Found, NoConsent, Person, Result
from homecall.runtime.kafka.dead_letters import bury
from tests.unit.intake.asked import SILENT, Register, found
from tests.unit.intake.office import DINARA, SERIK, Office, request, submitted

MADE, HEARD = "Fri 2026-11-20 10:00", "Fri 2026-11-20 10:00:01"
TOKEN, KEY = "S2RwLWNhbmFyeS10b2tlbg==", "S2RwLWNhbmFyeS1rZXk="
IDENTITY = {"kdp_token": TOKEN, "public_key": KEY}


async def office(register: Register) -> Office:
    return await Office(identity=register).prepared()


def kept(intake: Office) -> str:
    """All that the store holds."""
    documents = intake.memory.collection("requests").docs
    assert documents
    return str(documents)


def dead(born: str = "1885-07-15") -> Found:
    alive = found(born)
    assert isinstance(alive, Found)
    person = alive.person
    return Found(Person(person.full_name, person.birth_date, person.sex, person.address, alive=False), alive.attachment)


async def test_it_goes_with_the_question_and_no_further() -> None:
    register = Register({SERIK: found()})
    intake = await office(register)
    (accepted,) = await intake.hear(submitted(MADE, "desk", identity=IDENTITY), now=HEARD)
    (given,) = register.consents.values()
    assert (given.kdp_token, given.public_key) == (TOKEN, KEY)
    assert "identity" not in accepted.data
    everything = f"{accepted} {kept(intake)}"
    assert TOKEN not in everything
    assert KEY not in everything
    assert TOKEN not in repr(given)


async def test_each_patient_has_their_own() -> None:
    register = Register(rest=found())
    intake = await office(register)
    await intake.hear(
        submitted(MADE, identity=IDENTITY),
        submitted(MADE, number=2, patient={"iin": DINARA}),
        now=HEARD,
    )
    assert list(register.consents) == [SERIK]


@pytest.mark.parametrize("answer", [NoConsent(), SILENT])
async def test_without_one_the_request_goes_on(answer: Result) -> None:
    intake = await office(Register({SERIK: answer}))
    (accepted,) = await intake.hear(submitted(MADE), now=HEARD)
    assert (accepted.type, accepted.data["flags"]) == ("request.accepted", ["identity_unconfirmed"])


async def test_a_later_question_comes_without_it() -> None:
    """The register was away: the token is not kept for the next time."""
    register = Register({SERIK: SILENT})
    intake = await office(register)
    await intake.hear(submitted(MADE, identity=IDENTITY), now=HEARD)
    assert TOKEN not in kept(intake)
    register.consents.clear()
    register.people[SERIK] = NoConsent()
    await intake.tick("Fri 2026-11-20 10:02")
    assert register.calls == 2
    assert register.consents == {}


async def test_a_request_that_breaks_its_schema_is_refused_without_it() -> None:
    intake = await office(Register())
    broken = submitted(MADE, identity=IDENTITY, temperature_c="hot")
    (refused,) = await intake.hear(broken, now=HEARD)
    assert refused.type == "request.refused"
    assert TOKEN not in f"{refused} {kept(intake)}"


async def test_the_same_request_again_is_the_same_whatever_its_token() -> None:
    intake = await office(Register({SERIK: found()}))
    assert len(await intake.hear(submitted(MADE, identity=IDENTITY), now=HEARD)) == 1
    assert await intake.hear(submitted(MADE, identity={"kdp_token": "b3RoZXI="}), now=HEARD) == []


class Letters:
    """What a producer was given."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, dict[str, bytes]]] = []

    async def send(self, topic: str, value: Any, *, key: Any, headers: list[tuple[str, bytes]]) -> None:
        del topic, key
        self.sent.append((value, dict(headers)))


async def test_a_dead_letter_does_not_hold_it() -> None:
    value = json.dumps(request(MADE, identity=IDENTITY)).encode()
    letters = Letters()
    await bury(letters, Record("homecall.requests.v1", 0, 7, b"samal-3", value), "handler_failed", "broke", "intake")
    ((kept, headers),) = letters.sent
    assert json.loads(kept) == {**json.loads(value), "identity": {"kdp_token": "", "public_key": ""}}
    assert headers["homecall-dead-detail"] == b"broke; the consent token in it is not kept"


# ---------------------------------------------------------------- somebody who died by the register


async def test_somebody_dead_by_the_register_is_a_flag_and_no_refusal() -> None:
    intake = await office(Register({SERIK: dead()}))
    (accepted,) = await intake.hear(submitted(MADE), now=HEARD)
    assert (accepted.type, accepted.data["flags"]) == ("request.accepted", ["patient_registered_dead"])


async def test_whoever_is_alive_or_not_told_of_has_no_flag() -> None:
    for answer in (found(), found("1885-07-15")):
        intake = await office(Register({SERIK: answer}))
        (accepted,) = await intake.hear(submitted(MADE), now=HEARD)
        assert "patient_registered_dead" not in accepted.data["flags"]


@pytest.mark.parametrize(("answer", "flags"), [(dead(), ["patient_registered_dead"]), (found(), None)])
async def test_what_the_register_says_later_is_told_with_its_flag(answer: Result, flags: list[str] | None) -> None:
    register = Register({SERIK: SILENT})
    intake = await office(register)
    await intake.hear(submitted(MADE), now=HEARD)
    register.people[SERIK] = answer
    (checked,) = await intake.tick("Fri 2026-11-20 10:02")
    assert (checked.type, checked.data["outcome"]) == ("request.identity-checked", "confirmed")
    assert checked.data.get("added_flags") == flags


def test_consent_shows_nothing_of_itself() -> None:
    assert TOKEN not in f"{Consent(TOKEN, KEY)!r} {Consent(TOKEN, KEY)}"
