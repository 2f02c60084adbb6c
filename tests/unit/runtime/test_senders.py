"""Who sent a record: only a sender of the list, for its own clinics, over exactly what was sent."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from homecall_client import record_of
from homecall_client import signed as signed_by_client
from services.contract.envelope import Record, Unreadable, read
from services.runtime import senders as module
from services.runtime.senders import BadSenders, Senders, read_senders, signature_headers
from tests.contract.goldens import compact, examples, record
from tests.world import MONDAY, a_request

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


def sent(clinic_id: str = "samal-3", sender: str = "samal-3", key: Ed25519PrivateKey = SAMAL, **over: Any) -> Record:
    plain = record("request.submitted", compact(a_request(clinic_id, 1, MONDAY) | over))
    return replace(plain, headers=plain.headers + signature_headers(sender, key.sign, plain.headers, plain.value))


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
        (
            replace(sent(), headers=tuple((n, b"urn:x" if n == "ce_source" else v) for n, v in sent().headers)),
            "not by a key",
        ),
        (
            replace(sent(), headers=tuple((n, b"%" if n == "homecall-signature" else v) for n, v in sent().headers)),
            "not by",
        ),
    ],
    ids=["unsigned", "unknown", "a stranger's key", "another's key", "another value", "another source", "no base64"],
)
def test_what_is_not_as_its_sender_sent_it_is_turned_away(known: Senders, of: Record, told: str) -> None:
    assert told in verdict(known, of)


def test_a_sender_sends_what_it_may(known: Senders) -> None:
    (roster, *_) = examples("valid", ("roster.published",))
    plain = record("roster.published", compact(roster.data))
    by_portal = plain.headers + signature_headers("portal", PORTAL.sign, plain.headers, plain.value)
    assert "may not send roster.published" in verdict(known, replace(plain, headers=by_portal))
    by_clinic = plain.headers + signature_headers("samal-3", SAMAL.sign, plain.headers, plain.value)
    assert verdict(known, replace(plain, headers=by_clinic)) == ""


def test_a_broken_request_is_answered_only_to_who_may_send_it(known: Senders) -> None:
    """It would be refused in the name of a clinic: nobody else is to have that said."""
    assert verdict(known, sent(channel="fax")) == ""
    assert verdict(known, sent("samal-4", channel="fax")) != ""


def test_structured_events_are_signed_as_they_are(known: Senders) -> None:
    attributes = {"specversion": "1.0", "id": "1", "source": "/c", "type": "kz.homecall.request.submitted"}
    value = json.dumps({**attributes, "data": a_request("samal-3", 1, MONDAY)}).encode()
    headers = (("content-type", b"application/cloudevents+json"),)
    plain = Record("homecall.requests.v1", 0, 0, b"samal-3", value, headers)
    signed = replace(plain, headers=headers + signature_headers("samal-3", SAMAL.sign, headers, value))
    assert verdict(known, signed) == ""
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
    ],
)
def test_a_bad_list_is_told_by_sender_and_field(senders: str, told: str) -> None:
    with pytest.raises(BadSenders, match=told):
        read_senders(senders)
