"""Bad input, by real processes on real Kafka: each has its answer, and the requests before and after it are answered.

A request whose ids can be read is refused with its fields; anything else becomes a dead letter, as it came, with its
reason in headers.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from confluent_kafka import OFFSET_END, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from pymongo import MongoClient

from homecall.contract import topics
from homecall.contract.topics import TYPE_PREFIX
from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster, iin
from tests.infrastructure.reader import Heard
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld

CLINIC = "clinic-1"
LANGUAGES = ("kk", "ru", "en")
MARK = "x-test"
OUR_HEADERS = ("reason", "detail", "topic", "partition", "offset", "service")


@pytest.fixture(scope="module")
def world(new_world: NewWorld) -> Iterator[World]:
    with new_world() as world:
        world.start("intake", "scheduler", "notifier", "complaints", ready=False)
        world.publish("clinic.published", a_clinic(CLINIC))
        # Short visits: there is room for every sound request of this module.
        room = a_roster(CLINIC, MONDAY.date(), [a_doctor("doc", max_visits=500)])
        world.publish("roster.published", room | {"visit_minutes": 1, "travel_minutes": 0})
        for process in world.processes:
            process.wait_ready()
        yield world


_patients = count(1)


def sound(**over: Any) -> dict[str, Any]:
    """A request that is in order, of a patient of its own."""
    return a_request(CLINIC, next(_patients), MONDAY) | {"request_id": str(uuid.uuid4())} | over


def binary(event_type: str, **over: str | bytes | None) -> dict[str, Any]:
    """The headers of a CloudEvent in binary mode."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid.uuid4()),
        "ce_source": "/test",
        "ce_type": TYPE_PREFIX + event_type,
        "content-type": "application/json",
    }
    return {name: value for name, value in (headers | over).items() if value is not _ABSENT}


_ABSENT: Any = object()


def as_json(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode()


@dataclass(frozen=True)
class Bad:
    """A record that becomes a dead letter: what is sent, the reason, and a word of the detail that says what to do."""

    value: bytes | None
    reason: str
    says: str
    headers: dict[str, Any] = field(default_factory=lambda: binary("request.submitted"))
    topic: topics.Topic = topics.REQUESTS
    key: str | None = CLINIC
    service: str = "intake"


def _visit(**over: Any) -> dict[str, Any]:
    at = (MONDAY + timedelta(hours=1)).isoformat()
    return {"request_id": str(uuid.uuid4()), "clinic_id": CLINIC, "at": at, "outcome": "served"} | over


def _complaint(**over: Any) -> dict[str, Any]:
    return {
        "complaint_id": str(uuid.uuid4()),
        "addressed_to": "clinic",
        "clinic_id": CLINIC,
        "channel": "in_person",
        "submitted_at": MONDAY.isoformat(),
        "complainant": {"full_name": "Шағымданушы", "language": "ru"},
        "text": "Дәрігер кешікті.",
        "received_by": {"full_name": "Қабылдаушы", "position": "Тіркеуші"},
        "answer_by": "post",
    } | over


def _without(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in names}


DEAD = {
    "no JSON": Bad(b"hello", "not_json", "JSON"),
    "no JSON, and no headers": Bad(b"\x00\x01\xff", "not_json", "JSON", headers={}),
    "nests too deep": Bad(b"[" * 100_000, "not_json", "nests too deep"),
    "half a surrogate and a bad byte": Bad(b'{"request_id": "\xff"}', "not_json", "UTF-8"),
    "null value": Bad(None, "not_json", "no value"),
    "neither key nor value": Bad(None, "not_json", "no value", headers={}, key=None),
    "JSON that is no CloudEvent": Bad(b'{"hello": "world"}', "not_cloudevent", "ce_id", headers={}),
    "no ce_id": Bad(as_json(sound()), "not_cloudevent", "ce_id", headers=binary("request.submitted", ce_id=_ABSENT)),
    "unknown version of CloudEvents": Bad(
        as_json(sound()), "not_cloudevent", "1.0", headers=binary("request.submitted", ce_specversion="0.3")
    ),
    "a batch of CloudEvents": Bad(
        as_json([]),
        "not_cloudevent",
        "one event per record",
        headers={"content-type": "application/cloudevents-batch+json"},
    ),
    "structured, and its data is missing": Bad(
        as_json({"specversion": "1.0", "id": "1", "source": "/test", "type": TYPE_PREFIX + "request.submitted"}),
        "not_cloudevent",
        "data",
        headers={"content-type": "application/cloudevents+json"},
    ),
    "unknown type": Bad(as_json(sound()), "unknown_type", "request.submitted", headers=binary("request.asked")),
    "unknown version of the type": Bad(
        as_json(sound()), "unknown_type", "request.submitted", headers=binary("request.submitted.v2")
    ),
    "a type of somebody else": Bad(
        as_json(sound()), "unknown_type", "none of this contract", headers=binary("x", ce_type="org.example.thing")
    ),
    "a type of another topic": Bad(
        as_json(_visit()), "unknown_type", "homecall.visits.v1", headers=binary("visit.reported")
    ),
    "request_id is no UUID": Bad(as_json(sound(request_id="17")), "schema", "request_id must be a UUID"),
    "request_id is missing": Bad(as_json(_without(sound(), "request_id")), "schema", "request_id is required"),
    "clinic_id is missing": Bad(as_json(_without(sound(), "clinic_id")), "schema", "clinic_id is required"),
    "a list for an object": Bad(b"[1, 2]", "schema", "object"),
    "headers that are no UTF-8": Bad(
        b"hello", "not_json", "JSON", headers=binary("request.submitted", x_bad=b"\xff\xfe\x00", x_null=None)
    ),
    "withdrawn in words that are no time": Bad(
        as_json({"request_id": str(uuid.uuid4()), "clinic_id": CLINIC, "at": "yesterday", "reason": "well again"}),
        "schema",
        "at must be an RFC 3339 time",
        headers=binary("request.withdrawn"),
    ),
    "a roster whose doctor stands twice": Bad(
        as_json(a_roster(CLINIC, MONDAY.date(), [a_doctor("twin"), a_doctor("twin")], 9)),
        "schema",
        "doctors.1.doctor_id stands twice",
        headers=binary("roster.published"),
        topic=topics.ROSTERS,
        service="scheduler",
    ),
    "a visit with an outcome that is none": Bad(
        as_json(_visit(outcome="went well")),
        "schema",
        "outcome must be one of",
        headers=binary("visit.reported"),
        topic=topics.VISITS,
        service="scheduler",
    ),
    "an answer of nobody": Bad(
        as_json(_without(_visit(), "outcome")),
        "schema",
        "given_by is required",
        headers=binary("answer.given"),
        topic=topics.ANSWERS,
        service="notifier",
    ),
    "a complaint without an id": Bad(
        as_json(_without(_complaint(), "complaint_id")),
        "schema",
        "complaint_id is required",
        headers=binary("complaint.submitted"),
        topic=topics.COMPLAINTS_IN,
        key="x",
        service="complaints",
    ),
}


@pytest.mark.parametrize("bad", DEAD.values(), ids=DEAD.keys())
def test_what_cannot_be_read_becomes_a_dead_letter_as_it_came(world: World, bad: Bad) -> None:
    mark = str(uuid.uuid4())
    before, after = sound(), sound()
    world.publish("request.submitted", before)
    world.send(bad.topic.name, bad.value, bad.key, bad.headers | {MARK: mark})
    world.flush()
    world.publish("request.submitted", after)
    letter = dead_letter(world, mark, bad.service)
    came = where_it_came(world, mark)

    assert letter.headers["homecall-dead-reason"] == bad.reason
    assert bad.says in letter.headers["homecall-dead-detail"]
    assert letter.headers["homecall-dead-topic"] == bad.topic.name
    assert letter.headers["homecall-dead-partition"] == str(came.partition)
    assert letter.headers["homecall-dead-offset"] == str(came.offset)
    as_it_came(letter, came)
    for each in (before, after):
        until_status(world, each["request_id"], "scheduled")


def as_it_came(letter: Heard, came: Heard) -> None:
    """Its key, bytes and headers, then ours and no others."""
    assert letter.original.key() == came.original.key()
    # The client that writes them takes no record with neither key nor value.
    assert letter.original.value() == (came.original.value() if came.original.key() else came.value)
    headers = came.original.headers()
    assert letter.original.headers()[: len(headers)] == headers
    assert [name for name, _ in letter.original.headers()[len(headers) :]] == [
        f"homecall-dead-{name}" for name in OUR_HEADERS
    ]


def dead_letter(world: World, mark: str, service: str = "intake") -> Heard:
    """The one letter of a service; another that reads the same topic has its own."""

    def letters() -> list[Heard]:
        by_service = [each for each in world.dead() if each.headers["homecall-dead-service"] == service]
        return [each for each in by_service if each.headers.get(MARK) == mark]

    world.wait(letters, "the dead letter")
    (letter,) = letters()
    return letter


def where_it_came(world: World, mark: str) -> Heard:
    def came() -> list[Heard]:
        return [
            each
            for each in list(world.reader.heard)
            if each.headers.get(MARK) == mark and "homecall-dead-reason" not in each.headers
        ]

    world.wait(came, "the record itself")
    return came()[0]


def until_status(world: World, request_id: str, status: str) -> dict[str, Any]:
    def said() -> list[dict[str, Any]]:
        return [each.data for each in world.heard("status.changed") if each.key == request_id]

    world.wait(lambda: any(each["status"] == status for each in said()), f"status {status} of {request_id}")
    return next(each for each in said() if each["status"] == status)


def outcome(world: World, request_id: str) -> list[str]:
    """The types of what intake said of a request, each event once."""
    types = ("request.accepted", "request.deferred", "request.refused")
    return list({each.id: each.type for each in world.heard(*types) if each.data["request_id"] == request_id}.values())


# ---- Refused, with the field named -----------------------------------------------------------------------------------

REFUSED = {
    # name: (what is wrong, code, path, a word of the message, words of the texts in kk, ru, en)
    "an IIN that fails its check": (
        {"patient": {"iin": "850715100001", "full_name": "Науқас", "language": "kk"}},
        "invalid_request",
        "patient.iin",
        "check digit",
        ("сәйкестендіру нөмірі", "ИИН пациента", "patient's IIN"),
    ),
    "a time without offset": (
        {"submitted_at": "2026-11-23T09:00:00"},
        "invalid_request",
        "submitted_at",
        "offset",
        ("өтініш берілген уақыт", "время подачи", "time of submission"),
    ),
    "no patient": (
        {"patient": None},
        "invalid_request",
        "patient",
        "object",
        ("пациент туралы мәліметтер", "данные пациента", "patient's details"),
    ),
    "no address": ({"address": _ABSENT}, "invalid_request", "address", "add it", ("мекенжай", "адрес", "address")),
    "a reason that is none": (
        {"reasons": ["lonely"]},
        "invalid_request",
        "reasons.0",
        "kz-2015",
        ("шақыру себебі", "причина вызова", "reason for the call"),
    ),
    "at the desk without a document": (
        {"channel": "desk"},
        "invalid_request",
        "identity_document",
        "C9.1",
        ("құжат", "документ", "identity document"),
    ),
    "from the portal without a signature": (
        {"channel": "portal"},
        "invalid_request",
        "signature",
        "EDS",
        ("қолтаңба", "подпись", "signature"),
    ),
    "an unknown clinic": (
        {"clinic_id": "nowhere"},
        "unknown_clinic",
        "clinic_id",
        "publish the clinic",
        ("емхана жүйеде жоқ", "поликлиники нет в системе", "not in the system"),
    ),
}


@pytest.mark.parametrize(("wrong", "code", "path", "message", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_request_that_breaks_the_rules_is_refused_and_told_why(
    world: World, wrong: dict[str, Any], code: str, path: str, message: str, words: tuple[str, str, str]
) -> None:
    before, bad, after = sound(), sound(**wrong), sound()
    bad = {name: value for name, value in bad.items() if value is not _ABSENT}
    world.publish("request.submitted", before, bad, after)
    told = until_status(world, bad["request_id"], "refused")
    assert told["refusal"]["code"] == code
    errors = {each["path"]: each["message"] for each in told["refusal"]["fields"]}
    assert list(errors) == [path]
    assert message in errors[path]
    for language, word in zip(LANGUAGES, words, strict=True):
        assert word in told["text"][language]
    assert "register_number" not in told
    for each in (before, after):
        until_status(world, each["request_id"], "scheduled")
    assert not [each for each in world.dead() if bad["request_id"] in each.value.decode("utf-8", "replace")]


def test_a_broken_complaint_is_refused_and_told_why(world: World) -> None:
    bad = _complaint(complainant={"full_name": "Шағымданушы", "iin": "850715100001", "language": "ru"})
    world.publish("complaint.submitted", bad)

    def said() -> list[dict[str, Any]]:
        return [each.data for each in world.heard("complaint.status-changed") if each.key == bad["complaint_id"]]

    world.wait(said, "the complaint's status")
    (told,) = said()
    assert (told["status"], told["refusal"]["code"]) == ("refused", "invalid_complaint")
    assert [each["path"] for each in told["refusal"]["fields"]] == ["complainant.iin"]
    assert "incoming_number" not in told


# ---- Taken all the same ----------------------------------------------------------------------------------------------


def test_what_is_odd_but_sound_is_answered(world: World) -> None:
    structured = {
        "specversion": "1.0",
        "id": "structured-1",
        "source": "/test",
        "type": TYPE_PREFIX + "request.submitted",
        "data": sound(),
    }
    odd: list[tuple[dict[str, Any], bytes, dict[str, Any], str | None]] = [
        (
            structured["data"],
            as_json(structured),
            {"content-type": "application/cloudevents+json; charset=utf-8"},
            CLINIC,
        )
    ]
    for headers, key in (
        (binary("request.submitted", x_bad=b"\xff\xfe"), CLINIC),
        (binary("request.submitted", ce_time="half past nine"), CLINIC),
        (binary("request.submitted", traceparent="nonsense"), CLINIC),
        (binary("request.submitted"), None),
        (binary("request.submitted"), "another key"),
    ):
        data = sound(unknown_field={"of": ["a later", "version"]})
        odd.append((data, as_json(data), headers, key))
    for _, value, headers, key in odd:
        world.send(topics.REQUESTS.name, value, key, headers)
    world.flush()
    for data, *_ in odd:
        until_status(world, data["request_id"], "scheduled")


def test_the_same_twice_is_answered_once(world: World) -> None:
    twice, headers = sound(), binary("request.submitted")
    for _ in range(2):
        world.send(topics.REQUESTS.name, as_json(twice), CLINIC, headers)
    other_event = sound(request_id=twice["request_id"], note="the same request_id in another event")
    world.publish("request.submitted", other_event)
    until_status(world, twice["request_id"], "scheduled")
    world.settle()
    assert outcome(world, twice["request_id"]) == ["request.accepted"]
    assert world.statuses(twice["request_id"]) == ["registered", "scheduled"]


# ---- Out of turn -----------------------------------------------------------------------------------------------------


def test_what_cannot_take_effect_becomes_a_dead_letter_and_changes_nothing(world: World) -> None:
    world.publish("clinic.published", a_clinic("clinic-2"))
    request = sound()
    request_id = request["request_id"]
    refused = sound(clinic_id="nowhere")
    world.publish("request.submitted", request, refused)
    until_status(world, request_id, "scheduled")
    until_status(world, refused["request_id"], "refused")
    withdrawal = {"request_id": refused["request_id"], "clinic_id": "nowhere", "at": MONDAY.isoformat(), "reason": "x"}
    out_of_turn = [
        (topics.REQUESTS, "request.submitted", request | {"clinic_id": "clinic-2"}, "intake", "new request_id"),
        (topics.REQUESTS, "request.withdrawn", withdrawal, "intake", "was refused"),
        (topics.VISITS, "visit.reported", _visit(request_id=request_id, clinic_id="clinic-2"), "scheduler", "clinic"),
    ]
    for topic, event_type, data, service, says in out_of_turn:
        mark = str(uuid.uuid4())
        world.send(topic.name, as_json(data), data["clinic_id"], binary(event_type) | {MARK: mark})
        world.flush()
        letter = dead_letter(world, mark, service)
        assert letter.headers["homecall-dead-reason"] == "invalid_transition"
        assert says in letter.headers["homecall-dead-detail"]
        as_it_came(letter, where_it_came(world, mark))
    world.settle()
    assert world.statuses(request_id) == ["registered", "scheduled"]
    assert world.statuses(refused["request_id"]) == ["refused"]


# ---- Size ------------------------------------------------------------------------------------------------------------


def test_the_largest_record_has_room_among_the_dead_letters(world: World) -> None:
    big = topics.REQUESTS.max_message_bytes - 1_000
    taken = sound(padding="x" * (big - 1_000))
    mark = str(uuid.uuid4())
    world.publish("request.submitted", taken)
    world.send(topics.REQUESTS.name, b"x" * big, CLINIC, binary("request.submitted") | {MARK: mark})
    world.flush()
    as_it_came(dead_letter(world, mark), where_it_came(world, mark))
    until_status(world, taken["request_id"], "scheduled")


def test_five_megabytes_are_refused_by_the_broker_or_hold_nobody_up(world: World) -> None:
    """Compressed, 5 MB get past the broker's limit, and are more than a dead letter may hold."""
    five = b"x" * 5_000_000
    assert delivery(world, five, "none") == KafkaError.MSG_SIZE_TOO_LARGE
    mark, before, after = str(uuid.uuid4()), sound(), sound()
    taken = sound(padding="x" * 5_000_000)
    world.publish("request.submitted", before)
    assert delivery(world, five, "gzip", mark) is None
    assert delivery(world, as_json(taken), "gzip", str(uuid.uuid4())) is None
    world.publish("request.submitted", after)
    letter = dead_letter(world, mark)
    assert letter.headers["homecall-dead-reason"] == "not_json"
    assert "too large to be kept here" in letter.headers["homecall-dead-detail"]
    came = where_it_came(world, mark)
    assert letter.headers["homecall-dead-offset"] == str(came.offset)
    assert letter.original.value() is None
    for each in (before, after, taken):
        until_status(world, each["request_id"], "scheduled")


def delivery(world: World, value: bytes, compression: str, mark: str = "") -> int | None:
    """Send by a producer of its own; the error's code, or None when the broker took it."""
    errors: list[int | None] = []
    producer = Producer(
        {"bootstrap.servers": world.kafka, "compression.type": compression, "message.max.bytes": 8_000_000}
    )

    def report(error: KafkaError | None, _: Any) -> None:
        errors.append(error.code() if error else None)

    headers = binary("request.submitted") | {MARK: mark}
    try:
        producer.produce(topics.REQUESTS.name, value, CLINIC, headers=list(headers.items()), on_delivery=report)
    except KafkaException as error:
        return int(error.args[0].code())
    producer.flush(30)
    return errors[0]


# ---- Clinics: read whole by everybody, and a broken one dies once ----------------------------------------------------


def test_a_broken_clinic_has_one_dead_letter_also_after_a_restart(world: World) -> None:
    mark = str(uuid.uuid4())
    broken = a_clinic("clinic-3", hours={"mon": [["20:00", "08:00"]]})
    world.send(topics.CLINICS.name, as_json(broken), "clinic-3", binary("clinic.published") | {MARK: mark})
    world.publish("clinic.published", a_clinic("clinic-4"))
    letter = dead_letter(world, mark)
    assert letter.headers["homecall-dead-reason"] == "schema"
    assert "hours.mon" in letter.headers["homecall-dead-detail"]
    as_it_came(letter, where_it_came(world, mark))

    (intake,) = (each for each in world.processes if each.name == "intake" and each.running)
    assert intake.stop() == 0
    world.start("intake")
    # The next broken one is buried by the restarted intake, which has read the first again before.
    next_mark = str(uuid.uuid4())
    world.send(topics.CLINICS.name, b"no json", "clinic-3", binary("clinic.published") | {MARK: next_mark})
    world.flush()
    dead_letter(world, next_mark)
    world.wait_quiet()
    assert len([each for each in world.dead() if each.headers.get(MARK) == mark]) == 1
    # Who was published beside it is known.
    request = sound(clinic_id="clinic-4")
    world.publish("request.submitted", request)
    until_status(world, request["request_id"], "registered")


def emptied(world: World, topic: str) -> None:
    """Take every record out of a compacted topic: compaction itself comes when it likes."""
    admin = AdminClient({"bootstrap.servers": world.kafka})

    def cleaned_up_by(policy: str) -> None:
        entry = ConfigEntry("cleanup.policy", policy, incremental_operation=AlterConfigOpType.SET)
        changed = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
        for future in admin.incremental_alter_configs([changed]).values():
            future.result()

    cleaned_up_by("delete")  # a compacted one lets nobody take records out
    for number in admin.list_topics(topic).topics[topic].partitions:
        for future in admin.delete_records([TopicPartition(topic, number, OFFSET_END)]).values():
            future.result()
    cleaned_up_by("compact")


def test_a_clinics_last_good_record_outlives_a_bad_one_compaction_and_a_restart(world: World) -> None:
    world.publish("clinic.published", a_clinic("clinic-5"))
    kept: Any = MongoClient(world.mongo)[f"{world.prefix}_intake"]["clinics"]
    world.wait(lambda: kept.find_one({"_id": "clinic-5"}), "the clinic to be kept")
    world.send(topics.CLINICS.name, b"no json", "clinic-5", binary("clinic.published"))
    world.flush()
    emptied(world, topics.CLINICS.name)  # as compaction would leave it but for the bad one, which is no help
    (intake,) = (each for each in world.processes if each.name == "intake" and each.running)
    assert intake.stop() == 0
    world.start("intake")
    request = sound(clinic_id="clinic-5")
    world.publish("request.submitted", request)
    until_status(world, request["request_id"], "registered")


def test_after_all_that_the_services_run_and_owe_nothing(world: World) -> None:
    last = sound()
    world.publish("request.submitted", last)
    until_status(world, last["request_id"], "scheduled")
    world.settle("intake", "scheduler", "notifier", "complaints")
    assert {each.name for each in world.processes if each.running} == {"intake", "scheduler", "notifier", "complaints"}
    known = {iin(1), "850715100001"}
    for process in world.processes:
        assert not any(each in process.log.read_text() for each in known), process.name
