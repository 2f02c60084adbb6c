"""The client's records are the contract's: what it sends the services read, what they say it reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from homecall.contract.envelope import Record, outgoing, read
from homecall.contract.events import MODELS, StatusChanged
from homecall.contract.topics import SERVICES, STATUS, TOPIC_OF_TYPE
from homecall.contract.types import in_zone
from homecall.gateways.signatures.canonical import canonical
from homecall_client import TOPIC_OF, NotAnEventError, Statuses, event_of, record_of, signing_form
from homecall_client.records import FINAL, STATUS_TOPIC
from services.notifier.domain.state import FINISHED
from tests.contract.goldens import INBOUND, Example, compact, examples
from tests.factories import MONDAY, a_request

SOURCE = "/clinics/samal-3"


def carried(example: Example, **over: Any) -> Record:
    sent = record_of(example.type, example.data, source=SOURCE, time="2026-11-23T09:14:05+05:00", **over)
    return Record(sent.topic, 0, 7, sent.key, sent.value, sent.headers)


def test_its_topics_are_those_of_the_contract_that_others_than_the_services_write() -> None:
    assert {
        name: topic.name for name, topic in TOPIC_OF_TYPE.items() if not set(topic.writers) <= set(SERVICES)
    } == TOPIC_OF
    assert STATUS.name == STATUS_TOPIC
    assert {"refused", "withdrawn", *FINISHED} == FINAL


@pytest.mark.parametrize("example", examples("valid", INBOUND), ids=str)
def test_what_it_sends_is_read_as_it_was_meant(example: Example) -> None:
    record = carried(example)
    event = read(record)
    assert event.data == MODELS[example.type].model_validate_json(compact(example.data))
    assert record.key == str(example.data[TOPIC_OF_TYPE[example.type].key]).encode()


@pytest.mark.parametrize("example", examples("valid", INBOUND)[:3], ids=str)
def test_the_same_data_are_the_same_event_and_other_data_another(example: Example) -> None:
    once, again = read(carried(example)), read(carried(example))
    other = read(carried(Example(example.type, "", {**example.data, "x_more": 1})))
    assert once.causation_id == again.causation_id != other.causation_id
    assert read(carried(example, event_id="e-1")).causation_id != once.causation_id


@pytest.mark.parametrize("example", examples("valid", ("status.changed",)), ids=str)
def test_what_the_services_say_is_read_with_its_text(example: Example) -> None:
    said = outgoing(
        StatusChanged.model_validate(example.data), service="notifier", causation_id="c", time=in_zone(MONDAY)
    )
    (status,) = Statuses().new([event_of(said.headers(), said.value)])
    assert status.data == example.data
    assert (status.request_id, status.status) == (example.data["request_id"], example.data["status"])
    assert status.text["kk"] == example.data["text"]["kk"]


def status(sequence: int, name: str = "registered", request_id: str = "r") -> Any:
    data = {"request_id": request_id, "clinic_id": "c", "sequence": sequence, "status": name, "text": {"ru": ""}}
    headers = [("ce_source", b"/n"), ("ce_id", str(sequence).encode()), ("ce_type", b"kz.homecall.status.changed")]
    return event_of(headers, json.dumps(data).encode())


def test_a_status_that_comes_again_or_late_is_history() -> None:
    heard = Statuses()
    assert [each.sequence for each in heard.new([status(1), status(1), status(3), status(2)])] == [1, 3]
    assert heard.new([status(3), status(2)]) == []
    assert [each.request_id for each in heard.new([status(1, request_id="other")])] == ["other"]
    heard.forget("r")
    assert [each.sequence for each in heard.new([status(1)])] == [1]


def test_structured_mode_is_read_too() -> None:
    whole = {"specversion": "1.0", "source": "/n", "id": "1", "type": "kz.homecall.x", "data": {"a": 1}}
    event = event_of([("Content-Type", b"application/cloudevents+json; charset=utf-8")], json.dumps(whole).encode())
    assert (event.type, event.data) == ("x", {"a": 1})


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff", b"[]"])
def test_what_is_no_event_is_said_and_not_guessed(value: bytes | None) -> None:
    with pytest.raises(NotAnEventError):
        event_of([("ce_source", b"/n"), ("ce_id", b"1"), ("ce_type", b"t")], value)


@pytest.mark.parametrize(
    ("event_type", "data", "told"),
    [
        ("status.changed", {"clinic_id": "c"}, "none of the types to send"),
        ("request.submitted", {}, "clinic_id must be a text"),
        ("complaint.submitted", {"clinic_id": "c"}, "complaint_id must be a text"),
        ("request.submitted", {"clinic_id": 7}, "clinic_id must be a text"),
        ("request.submitted", {"clinic_id": "c", "x": float("nan")}, "no NaN"),
        ("request.submitted", {"clinic_id": "c", "x": [float("inf")]}, "no infinity"),
        ("request.submitted", {"clinic_id": "c", "x": "\ud800"}, "surrogate"),
    ],
)
def test_what_cannot_be_sent_is_said_at_once(event_type: str, data: dict[str, Any], told: str) -> None:
    with pytest.raises(NotAnEventError, match=told):
        record_of(event_type, data, source=SOURCE, time=in_zone(MONDAY))


def test_c9_2_the_form_to_sign_is_the_one_that_is_verified() -> None:
    data = a_request("samal-3", 1, MONDAY, channel="portal") | {"x_unknown": 1.5, "note": "Қызуы бар"}
    sent = record_of("request.submitted", data, source=SOURCE, time=in_zone(MONDAY))
    assert signing_form(data) == canonical(sent.value)
    assert b"signature" not in signing_form(data)
