"""Who sent a record: only a sender of the list, for its own clinics, over exactly what was sent."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from homecall.contract.envelope import Record, Unreadable, read
from homecall.contract.topics import DEAD_LETTERS, TOPIC_OF_TYPE
from homecall.operations.dead_letters import letter_of
from homecall.runtime.kafka import senders as module
from homecall.runtime.kafka.dead_letters import dead_letter_headers
from homecall.runtime.kafka.senders import STAGES, BadSenders, Senders, read_senders, signature_headers
from homecall_client import record_of
from homecall_client import signed as signed_by_client
from tests.contract.goldens import INBOUND, compact, examples, record
from tests.factories import MONDAY, a_request

SAMAL, PORTAL, STRANGER = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2, 3))


def public(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


LIST: Mapping[str, Any] = {
    "senders": {
        "samal-3": {"keys": [public(SAMAL)], "clinics": ["samal-3"]},
        "portal": {"keys": [public(PORTAL)], "clinics": ["*"], "types": ["request.submitted", "request.withdrawn"]},
    }
}


@pytest.fixture
def known(tmp_path: Path) -> Senders:
    return Senders(listed(tmp_path, LIST))


def listed(tmp_path: Path, senders: Mapping[str, Any]) -> Path:
    path = tmp_path / "senders.json"
    path.write_text(json.dumps(senders), "utf-8")
    return path


def signed(plain: Record, sender: str = "samal-3", key: Ed25519PrivateKey = SAMAL) -> Record:
    made = signature_headers(sender, key.sign, plain.topic, plain.key, plain.headers, plain.value)
    return replace(plain, headers=plain.headers + made)


def plain_of(event_type: str, data: Any, key: str = "samal-3", **headers: str | None) -> Record:
    return replace(record(event_type, compact(data), **headers), key=key.encode())


def sent(clinic_id: str = "samal-3", sender: str = "samal-3", key: Ed25519PrivateKey = SAMAL, **over: Any) -> Record:
    return signed(plain_of("request.submitted", a_request(clinic_id, 1, MONDAY) | over, clinic_id), sender, key)


def with_header(of: Record, name: str, value: bytes) -> Record:
    return replace(of, headers=tuple((each, value if each == name else text) for each, text in of.headers))


def verdict(senders: Senders, of: Record) -> str:
    event = read(of)
    try:
        senders.check(event)
    except Unreadable as error:
        return error.detail if error.reason == "unauthorised" else f"not {error.reason}"
    return ""


def test_a_clinic_sends_its_own_and_the_portal_for_every_clinic(known: Senders) -> None:
    assert verdict(known, sent()) == ""
    assert verdict(known, sent("any-1", "portal", PORTAL)) == ""


def test_a_clinic_that_writes_for_another_is_turned_away(known: Senders) -> None:
    assert "another clinic's" in verdict(known, sent("samal-4"))


@pytest.mark.parametrize(
    ("of", "told"),
    [
        (record("request.submitted", compact(a_request("samal-3", 1, MONDAY))), "are asked for"),
        (sent(sender="nobody"), "names nobody"),
        (sent(key=STRANGER), "not by a key of the sender"),
        (sent(sender="portal"), "not by a key of the sender"),
        (replace(sent(), value=compact(a_request("samal-3", 2, MONDAY))), "not by a key of the sender"),
        (with_header(sent(), "ce_source", b"urn:x"), "not by a key"),
        (with_header(sent(), "ce_time", b"2027-01-01T00:00:00+05:00"), "not by a key"),
        (with_header(sent(), "ce_id", b"another"), "not by a key"),
        (with_header(sent(), "homecall-signature", b"2:%"), "not by"),
        (with_header(sent(), "homecall-signature", b"3:AAAA"), "form of another release"),
        (with_header(sent(), "homecall-signature", base64.b64encode(bytes(64))), "form of another release"),
        (replace(sent(), key=b"samal-4"), "not by a key of the sender"),
        (replace(sent(), key=None), "not by a key of the sender"),
        (signed(plain_of("request.submitted", a_request("samal-3", 1, MONDAY), "samal-4")), "key is not its clinic_id"),
        (signed(plain_of("request.submitted", a_request("samal-3", 1, MONDAY), "SAMAL-3")), "key is not its clinic_id"),
        (signed(plain_of("request.submitted", a_request("samal-3", 1, MONDAY), ce_time=None)), "ce_time is asked for"),
        (signed(plain_of("request.submitted", a_request("samal-3", 1, MONDAY), ce_time="now")), "ce_time is asked for"),
        (replace(sent(), headers=(*sent().headers, ("CE_id", b"01J9"))), "stands twice"),
        (with_header(sent(), "ce_id", b"01J9\nce_kind: x"), "line break"),
    ],
)
def test_what_is_not_as_its_sender_sent_it_is_turned_away(known: Senders, of: Record, told: str) -> None:
    assert told in verdict(known, of)


def test_a_sender_sends_what_it_may(known: Senders) -> None:
    (roster, *_) = examples("valid", ("roster.published",))
    plain = plain_of("roster.published", roster.data)
    assert "may not send roster.published" in verdict(known, signed(plain, "portal", PORTAL))
    assert verdict(known, signed(plain)) == ""


@pytest.mark.parametrize("event_type", INBOUND)
def test_every_type_from_outside_is_signed_with_its_topic_and_its_key(known: Senders, event_type: str) -> None:
    """Neither another topic nor another key: the first would replay a record, the second delete another's."""
    (example, *_) = examples("valid", (event_type,))
    topic = TOPIC_OF_TYPE[event_type]
    data = example.data | {"clinic_id": "samal-3"}
    plain = plain_of(event_type, data, str(data[topic.key]))
    assert verdict(known, signed(plain)) == ""
    assert "are asked for" in verdict(known, plain)
    elsewhere = signed(replace(plain, topic="homecall.elsewhere.v1"))
    assert "not by a key" in verdict(known, replace(elsewhere, topic=plain.topic))
    assert "key is not its" in verdict(known, signed(replace(plain, key=b"samal-4")))
    assert "not by a key" in verdict(known, replace(signed(plain), key=b"samal-4"))


def test_a_complaints_key_is_its_id_however_it_is_written(known: Senders) -> None:
    (example, *_) = examples("valid", ("complaint.answered",))
    data = example.data | {"clinic_id": "samal-3"}
    upper = str(data["complaint_id"]).upper()
    assert verdict(known, signed(plain_of("complaint.answered", data | {"complaint_id": upper}, upper))) == ""


def test_a_record_of_one_sender_does_not_pass_for_another_with_the_same_key(tmp_path: Path) -> None:
    both = {name: {"keys": [public(SAMAL)], "clinics": ["*"]} for name in ("samal-3", "ministry")}
    known = Senders(listed(tmp_path, {"senders": both}))
    assert verdict(known, sent()) == ""
    assert "not by a key" in verdict(known, with_header(sent(), "homecall-sender", b"ministry"))


# ---------------------------------------------------------------- records without a value


def a_tombstone(**headers: str | None) -> Record:
    return replace(record("clinic.published", None, **headers), key=b"samal-3")


def test_a_tombstone_counts_when_the_clinics_own_sender_signed_it(known: Senders) -> None:
    time = known.check_tombstone(signed(a_tombstone(ce_time="2026-11-23T09:14:05+05:00")))
    assert time == datetime.fromisoformat("2026-11-23T09:14:05+05:00")
    assert Senders(None).check_tombstone(a_tombstone()) is None


@pytest.mark.parametrize(
    ("of", "told"),
    [
        (a_tombstone(), "are asked for"),
        (replace(a_tombstone(), headers=()), "are asked for"),
        (signed(a_tombstone(), key=STRANGER), "not by a key"),
        (replace(signed(a_tombstone()), key=b"samal-4"), "not by a key"),
        (signed(replace(a_tombstone(), key=b"samal-4")), "another clinic's"),
        (signed(a_tombstone(), "portal", PORTAL), "may not send clinic.published"),
        (signed(a_tombstone(ce_time=None)), "ce_time is asked for"),
        (signed(replace(a_tombstone(), key=None)), "another clinic's"),
    ],
    ids=["unsigned", "bare", "a stranger's", "moved", "another's", "the portal's", "no time", "no key"],
)
def test_any_other_tombstone_deletes_nothing(known: Senders, of: Record, told: str) -> None:
    with pytest.raises(Unreadable, match=told) as error:
        known.check_tombstone(of)
    assert error.value.reason == "unauthorised"


@pytest.mark.parametrize("of", [sent(), signed(a_tombstone())], ids=["an event", "a tombstone"])
def test_a_dead_letter_that_is_sent_again_still_has_its_senders_signature(known: Senders, of: Record) -> None:
    """The operator has no key of the clinic's, and needs none: topic, key, headers and value are as they came."""
    headers = tuple(dead_letter_headers(of, "handler_failed", "a fault that was mended", "intake"))
    letter = replace(of, topic=DEAD_LETTERS.name, partition=0, offset=99, headers=headers)
    again = letter_of(letter).message()
    record_again = Record(again.topic, 0, 100, again.key, again.value, again.headers)
    if of.value is None:
        assert known.check_tombstone(record_again) is not None
    else:
        assert verdict(known, record_again) == ""


# ---------------------------------------------------------------- stages of complaints


@pytest.mark.parametrize(
    ("entry", "acts", "escalates"),
    [
        ({"clinics": ["samal-3"]}, {"clinic"}, {"clinic"}),
        ({"clinics": ["*"]}, {"clinic"}, {"clinic", "ministry", "quality_authority"}),
        ({"clinics": ["*"], "stages": ["ministry"]}, {"ministry"}, {"ministry"}),
        (
            {"clinics": ["*"], "stages": ["quality_authority"]},
            {"quality_authority"},
            {"clinic", "ministry", "quality_authority"},
        ),
        ({"clinics": ["*"], "stages": ["clinic", "ministry"]}, {"clinic", "ministry"}, {"clinic", "ministry"}),
        ({"clinics": ["samal-3"], "stages": []}, set(), set()),
    ],
    ids=["a clinic", "the portal", "the Ministry", "the authority", "two", "none"],
)
def test_a_sender_acts_in_its_stages_only(
    tmp_path: Path, entry: dict[str, Any], acts: set[str], escalates: set[str]
) -> None:
    known = Senders(listed(tmp_path, {"senders": {"samal-3": {"keys": [public(SAMAL)], **entry}}}))
    authority = known.authority(read(sent()))
    assert authority is not None
    assert {each for each in STAGES if authority.acts_at(each)} == acts
    assert {each for each in STAGES if authority.escalates_from(each)} == escalates


def test_who_has_left_the_list_meanwhile_acts_nowhere(known: Senders) -> None:
    """A command waited for its complaint; its sender was taken out of the list."""
    authority = known.authority(read(sent(sender="gone-1")))
    assert authority is not None
    assert not any(authority.acts_at(each) or authority.escalates_from(each) for each in STAGES)
    assert Senders(None).authority(read(sent())) is None


def test_a_broken_request_is_answered_only_to_who_may_send_it(known: Senders) -> None:
    """It would be refused in the name of a clinic: nobody else is to have that said."""
    assert verdict(known, sent(channel="fax")) == ""
    assert verdict(known, sent("samal-4", channel="fax")) != ""


def test_structured_events_are_signed_as_they_are(known: Senders) -> None:
    attributes = {
        "specversion": "1.0",
        "id": "1",
        "source": "/c",
        "type": "kz.homecall.request.submitted",
        "time": "2026-11-23T09:14:05+05:00",
    }
    value = json.dumps({**attributes, "data": a_request("samal-3", 1, MONDAY)}).encode()
    headers = (("content-type", b"application/cloudevents+json"),)
    plain = Record("homecall.requests.v1", 0, 0, b"samal-3", value, headers)
    assert verdict(known, signed(plain)) == ""
    assert verdict(known, plain) != ""


def test_the_client_signs_what_is_checked(known: Senders) -> None:
    plain = record_of("request.submitted", a_request("samal-3", 1, MONDAY), source="/c", time=MONDAY.isoformat())
    out = signed_by_client(plain, "samal-3", SAMAL.sign)
    assert verdict(known, Record(out.topic, 0, 0, out.key, out.value, out.headers)) == ""


def test_what_the_services_say_is_theirs_and_asks_for_no_signature(known: Senders) -> None:
    (said, *_) = examples("valid", ("request.accepted",))
    assert verdict(known, record("request.accepted", compact(said.data))) == ""


def test_without_a_list_nobody_is_asked() -> None:
    assert verdict(Senders(None), record("request.submitted", compact(a_request("samal-3", 1, MONDAY)))) == ""


def test_the_list_is_read_again_when_it_has_changed_and_a_bad_one_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_AGAIN_SECONDS", 0.0)
    path = listed(tmp_path, LIST)
    known = Senders(path)
    assert "names nobody" in verdict(known, sent("new-1", "new-1", STRANGER))
    more = {"senders": {**LIST["senders"], "new-1": {"keys": [public(STRANGER)], "clinics": ["new-1"]}}}
    path.write_text(json.dumps(more), "utf-8")
    os.utime(path, (1, 1))
    assert verdict(known, sent("new-1", "new-1", STRANGER)) == ""
    path.write_text("{", "utf-8")
    os.utime(path, (2, 2))
    assert verdict(known, sent("new-1", "new-1", STRANGER)) == ""


def test_while_a_key_is_replaced_both_hold(tmp_path: Path) -> None:
    both = {"senders": {"samal-3": {"keys": [public(STRANGER), public(SAMAL)], "clinics": ["samal-3"]}}}
    known = Senders(listed(tmp_path, both))
    assert verdict(known, sent()) == verdict(known, sent(key=STRANGER)) == ""


@pytest.mark.parametrize(
    ("senders", "told"),
    [
        ("{", "is not JSON"),
        ("[]", "is not JSON"),
        ('{"senders": []}', "is not JSON"),
        ('{"senders": {"a": 1}}', "a: must be an object"),
        ('{"senders": {"a": {"clinics": ["a"]}}}', "a: keys must be a list of texts, one or more"),
        ('{"senders": {"a": {"keys": ["AA=="], "clinics": ["a"]}}}', "a: keys must be 32 bytes in base64"),
        (json.dumps({"senders": {"a": {"keys": [public(SAMAL)]}}}), "a: clinics must be a list"),
        (json.dumps({"senders": {"a": {"keys": [public(SAMAL)], "clinics": ["a"], "types": ["x"]}}}), "types: x is"),
        (json.dumps({"senders": {"a": {"keys": [public(SAMAL)], "clinics": ["a"], "stages": ["x"]}}}), "stages: x is"),
        (json.dumps({"senders": {"a": {"keys": [public(SAMAL)], "clinics": ["a"], "stages": "x"}}}), "stages must be"),
    ],
)
def test_a_bad_list_is_told_by_sender_and_field(senders: str, told: str) -> None:
    with pytest.raises(BadSenders, match=told):
        read_senders(senders)
