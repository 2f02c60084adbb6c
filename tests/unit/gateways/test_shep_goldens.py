"""Answers of the register of persons as files that were signed once: what the client makes of each, and other readers.

``make_shep_goldens`` made them, with keys that nobody has any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest
import xmlsec
from cryptography import x509
from lxml import etree

from homecall.demo.shep.client_files import write_client_files
from homecall.demo.shep.gateway import Access
from homecall.demo.shep.keys import GATEWAY_BIN
from homecall.demo.shep.says import Says
from homecall.gateways.identity.port import IdentityDocument, NoConsent, NotFound, Person
from homecall.gateways.identity.rounds import Asked
from homecall.gateways.identity.shep.client import ShepRegister
from homecall.gateways.identity.shep.profile import read_profile
from homecall.gateways.identity.shep.signing import rsa_signer
from homecall.gateways.identity.shep.verifying import RsaVerifier
from homecall.gateways.retry import NoAnswer
from tests.unit.demo.shep.messages import keys
from tests.unit.demo.shep.test_second_library import Zeep, verified_by_xmlsec
from tests.unit.gateways.answering import answering
from tests.unit.gateways.make_shep_goldens import ANSWERS, AT, IIN, MESSAGE_ID, OF_THE_CONNECTION

AUTHORITY = x509.load_pem_x509_certificate((ANSWERS / "authority.pem").read_bytes())
FOUND = Person(
    full_name="Көрініс Арман Үлгіұлы",
    birth_date=date(1985, 7, 15),
    sex="male",
    address="АЛМАТЫ, БОСТАНДЫКСКИЙ РАЙОН, УЛИЦА Тал, 44, 48",
    alive=True,
    address_code="0201000000000000",
    document=IdentityDocument("identity_card", "715100000", date(2030, 3, 1)),
)
BARE = Person(full_name="Көрініс Арман", birth_date=date(1985, 7, 15))
PEOPLE: Mapping[str, Person] = {
    **dict.fromkeys(("found", "found_x509_data", "found_token", "several", "zoned", "more_fields"), FOUND),
    **dict.fromkeys(("nil", "absent"), BARE),
}
OTHERWISE = {"not_found": NotFound, "nobody_listed": NotFound, "no_consent": NoConsent}
NO_ANSWER = {
    "service_error": ("failing", "scse"),
    "result_error": ("failing", "result"),
    "fault": ("failing", "fault"),
    "soap_fault": ("failing", "fault"),
    "unknown_code": ("failing", "other"),
    "sbf": ("refused", "sbf"),
    "val": ("refused", "val"),
    "twice": ("unreadable", "several_persons"),
    "other_person": ("unreadable", "other_person"),
    "html": ("unreadable", "doctype"),
    "not_xml": ("unreadable", "malformed"),
    "empty": ("unreadable", "malformed"),
    "bomb": ("unreadable", "doctype"),
    "dtd": ("unreadable", "doctype"),
    "unsigned": ("untrusted", "unsigned"),
    "wrong_signature": ("untrusted", "digest"),
    "other_authority": ("untrusted", "authority"),
    "citizen": ("untrusted", "owner"),
    "expired": ("untrusted", "expired"),
    "other_message": ("untrusted", "other_message"),
    "wrapped": ("untrusted", "structure"),
    "moved": ("untrusted", "structure"),
    "double_id": ("untrusted", "structure"),
}
SIGNED = [*PEOPLE, *OTHERWISE, "dead", "service_error", "result_error", "fault", "unknown_code", "sbf", "val"]


def golden(name: str) -> bytes:
    return (ANSWERS / f"{name}.xml").read_bytes()


async def told(
    name: str, directory: Path, *, later: timedelta = timedelta(), message_id: str = MESSAGE_ID
) -> Person | NotFound | NoConsent:
    """What the client makes of a golden answer to this message, so much later."""
    read = read_profile(write_client_files(directory, keys(), Access()))
    register = ShepRegister(
        "http://gateway",
        read,
        rsa_signer(read.key_file, read.key_password),
        RsaVerifier([AUTHORITY], GATEWAY_BIN),
        now=lambda: AT + later,
        transport=answering(golden(name)),
    )
    register.new_id = lambda: message_id
    try:
        return await register.person(Asked(IIN))
    finally:
        await register.close()


def test_every_golden_answer_is_read() -> None:
    names = {each.stem for each in ANSWERS.glob("*.xml")}
    assert names == {*PEOPLE, *OTHERWISE, *NO_ANSWER, "dead"}
    assert {each.value for each in set(Says) - OF_THE_CONNECTION} <= names


@pytest.mark.parametrize("name", PEOPLE)
async def test_the_person_of_an_answer(name: str, tmp_path: Path) -> None:
    assert await told(name, tmp_path) == PEOPLE[name]


async def test_who_died_is_found_all_the_same(tmp_path: Path) -> None:
    person = await told("dead", tmp_path)
    assert isinstance(person, Person)
    assert (person.full_name, person.alive) == (FOUND.full_name, False)


@pytest.mark.parametrize("name", OTHERWISE)
async def test_no_person(name: str, tmp_path: Path) -> None:
    assert isinstance(await told(name, tmp_path), OTHERWISE[name])


@pytest.mark.parametrize("name", NO_ANSWER)
async def test_no_answer_and_why(name: str, tmp_path: Path) -> None:
    with pytest.raises(NoAnswer) as failure:
        await told(name, tmp_path)
    assert (str(failure.value), failure.value.cause) == NO_ANSWER[name]


@pytest.mark.parametrize(
    ("late", "other", "cause"),
    [
        ({"later": timedelta(minutes=6)}, {}, "stale"),
        ({"later": -timedelta(minutes=6)}, {}, "stale"),
        ({}, {"message_id": MESSAGE_ID.replace("5", "6")}, "other_message"),
    ],
)
async def test_a_replay_is_not_believed(
    late: dict[str, timedelta], other: dict[str, str], cause: str, tmp_path: Path
) -> None:
    with pytest.raises(NoAnswer) as failure:
        await told("found", tmp_path, **late, **other)
    assert (str(failure.value), failure.value.cause) == ("untrusted", cause)


@pytest.mark.parametrize("name", SIGNED)
def test_xmlsec_verifies_the_goldens_and_zeep_reads_them(name: str) -> None:
    envelope = etree.fromstring(golden(name))
    # Any change of a text of the Body is seen.
    verified_by_xmlsec(envelope)
    client = Zeep()
    operation = client.client.service._binding.get("SendMessage")
    if name != "more_fields":  # which are in no schema
        response = operation.process_reply(envelope)
        assert response.responseInfo.messageId == MESSAGE_ID
        if name in PEOPLE:
            person = [each for each in response.responseData.data.persons.person if each.iin == IIN]
            names = f"{person[0].surname} {person[0].name}"
            assert PEOPLE[name].full_name.startswith(names)
    envelope.find(".//code").text = "SCSS001x"
    with pytest.raises(xmlsec.Error):
        verified_by_xmlsec(envelope)
