"""The stand-in of the gateway: what it refuses, and that each answer is what its name says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest

from homecall.demo.shep.answers import Reply
from homecall.demo.shep.gateway import ATTACHMENTS, PERSONS_BY_TOKEN, Access, Gateway
from homecall.demo.shep.markup import ATTACHMENT, PERSONS, SOAP, WSSE, WSU, NotXml, parsed, written
from homecall.demo.shep.register import Attached, Register
from homecall.demo.shep.says import Says
from homecall.demo.shep.schema import wrong_answer
from homecall.demo.shep.wsse import BadSignature, KeyInfo, sign, verified
from tests.unit.demo.shep.messages import IIN, OTHER_IIN, body_of, edited, golden, keys, register, request

AT = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(keys(), register())


def take(gateway: Gateway, text: bytes) -> Reply:
    return gateway.take("SendMessage", text)


def status_of(reply: Reply) -> str:
    [code] = parsed(reply.body).iter("code", "errorCode")
    return str(code.text)


def first(reply: Reply, name: str) -> Any:
    return next(parsed(reply.body).iter(name), None)


# ---- what it refuses


def tampered(change: Callable[[Any], None]) -> bytes:
    envelope = parsed(request())
    change(envelope)
    return written(envelope)


def without_signature(envelope: Any) -> None:
    [security] = envelope.iter(f"{{{WSSE}}}Security")
    security.getparent().remove(security)


def another_iin(envelope: Any) -> None:
    for iin in envelope.iter("iin"):
        iin.text = OTHER_IIN


def second_body(envelope: Any) -> None:
    envelope.append(edited(golden()).find(f"{{{SOAP}}}Body"))


def moved_body(envelope: Any) -> None:
    body = envelope.find(f"{{{SOAP}}}Body")
    envelope.find(f"{{{SOAP}}}Header").append(body)
    envelope.append(edited(golden()).find(f"{{{SOAP}}}Body"))


def same_id(envelope: Any) -> None:
    [body] = envelope.iter(f"{{{SOAP}}}Body")
    moved_body(envelope)
    envelope[-1].set(f"{{{WSU}}}Id", body.get(f"{{{WSU}}}Id"))


REFUSED: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "no XML": (lambda: b"iin=1", "VAL-2 the request cannot be parsed"),
    "a DTD": (lambda: golden().replace(b"?>", b"?><!DOCTYPE x>", 1), "VAL-2 the request has a DTD"),
    "too long": (lambda: golden() + b" " * 70_000, "VAL-2 the request is longer than 64 KiB"),
    "no envelope": (lambda: b"<SendMessage/>", "VAL-2 the request is no SOAP 1.1 envelope"),
    "no signature": (lambda: tampered(without_signature), "SBF-SIG-1 there is not exactly one Security header"),
    "changed after signing": (lambda: tampered(another_iin), "SBF-SIG-1 the Body was changed after it was signed"),
    "a second Body": (lambda: tampered(second_body), "SBF-SIG-1 the envelope has not exactly one Body"),
    "the signed Body elsewhere": (lambda: tampered(moved_body), "SBF-SIG-1 what is signed is not the Body"),
    "an id twice": (lambda: tampered(same_id), "SBF-SIG-1 an id stands twice"),
    "another authority's certificate": (
        lambda: request(signer=keys().of_another_authority),
        "SBF-SIG-1 the certificate is of an authority that is not trusted",
    ),
    "an expired certificate": (
        lambda: request(signer=keys().expired),
        "SBF-SIG-1 the certificate is not valid now",
    ),
    "a citizen's certificate": (
        lambda: request(signer=keys().citizen),
        "SBF-SIG-2 the certificate is of no organisation",
    ),
    "an unknown service": (lambda: request(serviceId="GBDFL"), "FAULT-015 there is no such service"),
    "no messageId": (lambda: request(messageId=None), "VAL-R-004"),
    "a messageId that is no UUID": (lambda: request(messageId="1"), "VAL-R-004"),
    "a date without an offset": (lambda: request(messageDate="2026-11-23T08:00:00.123"), "VAL-R-004"),
    "a date without milliseconds": (lambda: request(messageDate="2026-11-23T08:00:00+05:00"), "VAL-R-004"),
    "an IIN of eleven digits": (lambda: request(iin=IIN[:-1]), "VAL-R-004"),
    "no sender code": (lambda: request(senderCode=None), "VAL-R-004"),
    "a field that nobody knows": (lambda: request_with_more(), "VAL-R-004"),
    "the data of another service": (
        lambda: request(name="request_by_token", serviceId="GBDFL_UniversalServiceSync"),
        "VAL-R-004 data are of another type than Request",
    ),
    "no token for the service that wants one": (
        lambda: request(name="request_by_token", kdpToken=None),
        "VAL-R-004",
    ),
    "another sender": (lambda: request(senderId="somebody"), "SBF-AD-1 the sender or its password is wrong"),
    "another password": (lambda: request(password="guessed"), "SBF-AD-1 the sender or its password is wrong"),
}


def request_with_more() -> bytes:
    return request_from(golden().replace(b"<iin>", b"<phone>1</phone><iin>"))


def request_from(text: bytes) -> bytes:
    return signed(edited(text))


def signed(envelope: Any) -> bytes:
    sign(envelope, keys().client)
    return written(envelope)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_and_why(gateway: Gateway, name: str) -> None:
    make, why = REFUSED[name]
    reply = take(gateway, make())
    assert (reply.status, status_of(reply)) == (500, why.split()[0])
    [told] = gateway.refused
    assert told.startswith(why)
    assert IIN not in told
    assert not gateway.asked


def test_another_action_is_refused(gateway: Gateway) -> None:
    assert gateway.take("", request()).status == 500
    assert gateway.take('"SendMessage"', request()).status == 200


def test_a_message_id_is_taken_once(gateway: Gateway) -> None:
    message_id = "5f0c6d0e-5d0e-4b1e-9a52-6a8f5e3b1c01"
    assert take(gateway, request(messageId=message_id)).status == 200
    # Signed again, and about somebody else: it is still the same message.
    again = take(gateway, request(messageId=message_id.upper(), iin=OTHER_IIN))
    assert status_of(again) == "SBF-VE-8"
    assert [each.iin for each in gateway.asked] == [IIN]


def test_a_refused_request_does_not_use_up_its_message_id(gateway: Gateway) -> None:
    message_id = "5f0c6d0e-5d0e-4b1e-9a52-6a8f5e3b1c01"
    assert take(gateway, request(messageId=message_id, password="guessed")).status == 500
    assert take(gateway, request(messageId=message_id)).status == 200


@pytest.mark.parametrize("how", KeyInfo)
def test_a_certificate_may_be_carried_in_each_way(gateway: Gateway, how: KeyInfo) -> None:
    assert take(gateway, request(how=how)).status == 200


def test_data_may_leave_their_type_out(gateway: Gateway) -> None:
    assert take(gateway, request_from(golden().replace(b'xsi:type="cs:Request"', b""))).status == 200


def test_what_was_asked_is_kept_for_tests(gateway: Gateway) -> None:
    gateway.access = Access("clinic", "secret")
    take(gateway, request(senderId="clinic", password="secret"))
    [asked] = gateway.asked
    assert (asked.iin, asked.route_id, asked.sender_code) == (IIN, "GBDFL", "HOMECALL")
    assert asked.properties == {"CONNECTOR_CLIENT": "true"}


# ---- consent


def by_token(gateway: Gateway, iin: str, of: str) -> Reply:
    token, key = gateway.consent(of)
    return take(gateway, request(name="request_by_token", iin=iin, kdpToken=token, publicKey=key))


def test_who_agreed_is_told_of_and_who_did_not_is_not(gateway: Gateway) -> None:
    found = by_token(gateway, IIN, of=IIN)
    assert (first(found, "surname") is not None, [each.service_id for each in gateway.asked]) == (
        True,
        [PERSONS_BY_TOKEN],
    )
    for reply in (by_token(gateway, IIN, of=OTHER_IIN), take(gateway, request(name="request_by_token"))):
        assert status_of(reply) == "SCSE001"
        assert "согласие" in first(reply, "message").text
        assert first(reply, "person") is None


# ---- attachment


def test_the_made_up_service_tells_of_attachments_by_its_schema(gateway: Gateway) -> None:
    gateway.register = Register(otherwise=[Attached("samal-1", date(2020, 1, 1)), Attached("b", date(2015, 1, 1))])
    text = golden().replace(b"GBDFL_UniversalServiceSync", ATTACHMENTS.encode())
    text = text.replace(PERSONS.encode(), ATTACHMENT.encode())
    sent = edited(text, senderCode=None)
    for data in sent.iter("data"):
        data.remove(data.find("messageDate"))
    reply = take(gateway, signed(sent))
    assert wrong_answer(body_of(reply.body)[0], ATTACHMENT) is None
    assert [each.text for each in parsed(reply.body).findall(".//organization/code")] == ["samal-1", "b"]
    # A person is not what this service is asked for.
    assert status_of(take(gateway, request(serviceId=ATTACHMENTS))) == "VAL-R-004"


# ---- what it answers

SIGNED = (
    *(Says.FOUND, Says.NOT_FOUND, Says.NOBODY_LISTED, Says.NO_CONSENT, Says.DEAD, Says.SEVERAL, Says.TWICE),
    *(Says.NIL, Says.ABSENT, Says.ZONED, Says.MORE_FIELDS, Says.SERVICE_ERROR, Says.RESULT_ERROR, Says.FAULT),
    *(Says.SBF, Says.VAL, Says.UNKNOWN_CODE, Says.SLOW, Says.HANG, Says.OTHER_MESSAGE, Says.OTHER_PERSON),
    Says.REPLAY,
)
UNSOUND = {
    Says.UNSIGNED: "exactly one Security",
    Says.WRONG_SIGNATURE: "changed after it was signed",
    Says.OTHER_AUTHORITY: "authority that is not trusted",
    Says.EXPIRED: "not valid now",
    Says.WRAPPED: "exactly one Body",
    Says.MOVED: "what is signed is not the Body",
    Says.DOUBLE_ID: "an id stands twice",
    Says.SOAP_FAULT: "exactly one Security",
}
NO_XML = {
    Says.HTML: "DTD|cannot be parsed",
    Says.NOT_XML: "cannot be parsed",
    Says.EMPTY: "cannot be parsed",
    Says.BOMB: "cannot be parsed|DTD",
    Says.DTD: "has a DTD",
    Says.DEEP: "longer than|cannot be parsed",
    Says.LONG: "longer than",
}
ELSEWHERE = {Says.CUT, Says.HALF, Says.CITIZEN}
"""Two are of the connection; the third is rightly signed, by whom it must not."""


def test_every_answer_is_tried() -> None:
    assert {*SIGNED, *UNSOUND, *NO_XML, *ELSEWHERE} == set(Says)


@pytest.mark.parametrize("says", SIGNED)
def test_signed_answers_hold_and_keep_to_the_schema(gateway: Gateway, says: Says) -> None:
    gateway.otherwise = says
    reply = take(gateway, request())
    envelope = parsed(reply.body)
    assert verified(envelope, [keys().authority.certificate], AT) == keys().gateway.certificate
    wrong = wrong_answer(body_of(reply.body)[0])
    assert (wrong is None) == (says is not Says.MORE_FIELDS)


@pytest.mark.parametrize("says", UNSOUND)
def test_unsound_answers_are_unsound_for_their_reason(gateway: Gateway, says: Says) -> None:
    gateway.otherwise = says
    with pytest.raises(BadSignature, match=UNSOUND[says]):
        verified(parsed(take(gateway, request()).body), [keys().authority.certificate], AT)


@pytest.mark.parametrize("says", NO_XML)
def test_what_is_no_xml_is_not_read(gateway: Gateway, says: Says) -> None:
    gateway.otherwise = says
    with pytest.raises(NotXml, match=NO_XML[says]):
        parsed(take(gateway, request()).body)


def test_a_citizens_signature_is_of_the_right_authority(gateway: Gateway) -> None:
    gateway.otherwise = Says.CITIZEN
    signed_by = verified(parsed(take(gateway, request()).body), [keys().authority.certificate], AT)
    assert signed_by == keys().citizen.certificate


@pytest.mark.parametrize(
    ("says", "code", "people"),
    [
        (Says.FOUND, "SCSS001", [IIN]),
        (Says.NOT_FOUND, "SCSE001", []),
        (Says.NOBODY_LISTED, "SCSS001", []),
        (Says.NO_CONSENT, "SCSE001", []),
        (Says.SEVERAL, "SCSS001", [OTHER_IIN, IIN]),
        (Says.TWICE, "SCSS001", [IIN, IIN]),
        (Says.OTHER_PERSON, "SCSS001", [OTHER_IIN]),
        (Says.FAULT, "FAULT-015", []),
        (Says.SBF, "SBF-AD-1", []),
        (Says.VAL, "VAL-R-004", []),
    ],
)
def test_the_status_and_the_people_of_an_answer(gateway: Gateway, says: Says, code: str, people: list[str]) -> None:
    gateway.says = {IIN: says}
    answer = parsed(take(gateway, request()).body)
    assert answer.find(".//status/code").text == code
    assert [each.text for each in answer.findall(".//person/iin")] == people


def test_nobody_is_found_in_a_closed_register(gateway: Gateway) -> None:
    gateway.register = Register(closed=True)
    assert status_of(take(gateway, request())) == "SCSE001"


def test_an_answer_names_the_message_that_it_answers(gateway: Gateway) -> None:
    sent = request()
    asked = parsed(sent).findtext(".//requestInfo/messageId")
    assert first(take(gateway, sent), "messageId").text == asked
    gateway.otherwise = Says.OTHER_MESSAGE
    assert first(take(gateway, request()), "messageId").text not in (None, asked)


def test_a_replay_is_the_last_answer_byte_for_byte(gateway: Gateway) -> None:
    gateway.says = {OTHER_IIN: Says.REPLAY}
    before = take(gateway, request()).body
    assert take(gateway, request(iin=OTHER_IIN)).body == before


def test_who_is_dead_and_who_lives(gateway: Gateway) -> None:
    gateway.says = {OTHER_IIN: Says.DEAD}
    codes = [parsed(take(gateway, request(iin=iin)).body).findtext(".//lifeStatus/code") for iin in (IIN, OTHER_IIN)]
    assert codes == ["0", "1"]


@pytest.mark.parametrize(
    ("iin", "born", "female"),
    [
        (IIN, None, False),
        (OTHER_IIN, None, True),
        ("850715300000", date(1985, 7, 15), False),
        ("150505600000", date(2015, 5, 5), True),
        ("991399300000", None, False),
    ],
)
def test_invented_people_are_as_their_iin_says(iin: str, born: date | None, female: bool) -> None:
    one, again = Register().of(iin), Register().of(iin)
    assert one is not None
    assert one == again
    assert (one.birth_date, one.female) == (born, female)
