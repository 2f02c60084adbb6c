"""No personal data where they do not belong: canaries are sent through everything, and then looked for everywhere.

Marked IINs, document numbers, names, phones and addresses go through what is accepted, refused, deferred, held,
withdrawn, parked, dead-lettered, failed on and complained about, and through a service that is killed. docs/security.md
says where names, phones and addresses may stand; IINs, documents and signatures may stand in nothing that we say, log,
measure or keep.
"""

from __future__ import annotations

import itertools
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from pymongo import MongoClient

from homecall.contract import topics
from homecall.contract.topics import TYPE_PREFIX
from homecall.demo.ports import free_port
from homecall.demo.shep.client_files import write_client_files
from homecall.demo.shep.gateway import Access
from homecall.demo.shep.keys import Keys
from homecall.gateways.signatures.dev_authority import DevAuthority
from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster, iin
from tests.infrastructure.desk import Person, a_call, users_and_secret
from tests.infrastructure.reader import Heard
from tests.infrastructure.sms_gateway import ACCEPT, BUSY, CUT, REFUSE, SmsGateway
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld

CLINIC = "clinic-1"
OTHER = "clinic-2"
IINS = tuple(iin(77_000 + number) for number in range(40))
NAME, STREET, NOTE = "Қанарейқа", "Абай-Қанарлы көшесі", "Қанар жазбасы"
WRONG_IIN = IINS[39][:-1] + str((int(IINS[39][-1]) + 1) % 10)
PHONES = tuple(f"+7 701 555 {number:02d} 17" for number in range(40))
DOCUMENT, AUTHORITY, SIGNATURE = "CANARY-ID-031786", "CANARY-POA-118", "Q0FOQVJZLVNJRw"

CONSENT, CONSENT_KEY = "Q0FOQVJZLUtEUC1UT0tFTg==", "Q0FOQVJZLUtEUC1LRVk="
"""The consent to be looked up, and its key."""

SECRETS = (*IINS, WRONG_IIN, DOCUMENT, AUTHORITY, SIGNATURE, CONSENT, CONSENT_KEY)
"""May stand in nothing of ours."""
USED_ONCE = (CONSENT, CONSENT_KEY)
"""May stand where it was sent to, and in no record of anybody else, dead letters included."""
PERSONAL = (NAME, STREET, NOTE, *PHONES)
"""May stand where ``PLACES`` and ``SAID_ON`` have them."""

SAID_ON = {
    topics.INTAKE_EVENTS.name: None,
    topics.JOURNAL.name: None,
    # Why a call was withdrawn, and where an answer is to be had, are told in the sender's own words.
    topics.SCHEDULE_EVENTS.name: {"reason"},
    topics.COMPLAINT_STATUS.name: {"answer_place"},
}
"""The topics on which personal data may stand, in these fields, or in all."""
PLACES = {
    "intake": r"requests: (s\.request\.|s\.cancel_reason|o\.\w+\.\d+\.value)",
    "scheduler": r"calls: (s\.cancel_reason|o\.\w+\.\d+\.value)",
    "notifier": r"requests: (s\.person\.|s\.reader\.phones\.|s\.answered_by\.|o\.\w+\.\d+\.value)",
    "complaints": r"complaints: (s\.(complainant\.|text|answer_place)|o\.\w+\.\d+\.value)",
    "desk": r"(calls|complaints): s\.((kept\.\w+|lines\.\d+)\.data\.|history\.\d+\.by)",
}
"""The fields of databases in which they may; ``o`` are the events as they were said."""
OURS = {topic.name for topic in topics.TOPICS if set(topic.writers) <= set(topics.SERVICES)} - {
    topics.DEAD_LETTERS.name
}


# ---- the scanner


def canaries(found_in: str, wanted: Iterable[str]) -> list[str]:
    """Which of these stand in a text, however they are spaced, escaped or capitalised."""
    plain = _plain(found_in)
    return [each for each in wanted if _plain(each) in plain or json.dumps(each)[1:-1] in found_in]


def _plain(text: str) -> str:
    return re.sub(r"[\s()-]", "", text).casefold()


def fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every field of a document with its path, as text; keys too."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            here = f"{path}.{name}" if path else str(name)
            yield f"{here} (its name)", str(name)
            yield from fields(inner, here)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from fields(inner, f"{path}.{place}")
    else:
        yield path, value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


@dataclass
class Seen:
    """All that a world shows: log lines, metrics, records, documents."""

    logs: list[tuple[str, str]]
    metrics: list[tuple[str, str]]
    records: list[Heard]
    documents: list[tuple[str, str, Mapping[str, Any]]]

    def leaks(self, secrets: Sequence[str] = SECRETS) -> list[str]:
        """Each place that holds what it must not, once. Names the place and the canary, which is nobody's."""
        return sorted(set(self._all_leaks(secrets)))

    def _all_leaks(self, secrets: Sequence[str]) -> list[str]:
        found: list[str] = []
        for service, line in self.logs:
            found += [f"log of {service}: {each}: {line[:300]}" for each in canaries(line, [*secrets, *PERSONAL])]
        for service, line in self.metrics:
            found += [f"metrics of {service}: {each}: {line}" for each in canaries(line, [*secrets, *PERSONAL])]
        for record in self.records:
            found += self._leaks_of(record, secrets)
        for service, collection, document in self.documents:
            for path, text in fields(document):
                where = f"{collection}: {path}"
                allowed = service in PLACES and re.match(PLACES[service], where)
                found += [
                    f"database of {service}: {where}: {each}"
                    for each in canaries(text, secrets if allowed else [*secrets, *PERSONAL])
                ]
        return found

    @staticmethod
    def _leaks_of(record: Heard, secrets: Sequence[str]) -> list[str]:
        where = f"{record.topic}/{record.partition}/{record.offset} {record.type}"
        everything = [*secrets, *PERSONAL]
        found = [f"key of {where}: {each}" for each in canaries(record.key, everything)]
        for name, value in record.headers.items():
            # A dead letter has the headers that it came with, and ours.
            if record.topic in OURS or name.startswith("homecall-"):
                found += [f"header {name} of {where}: {each}" for each in canaries(f"{name} {value}", everything)]
        if record.topic != topics.REQUESTS.name:
            plain = record.value.decode("utf-8", "replace")
            found += [f"value of {where}: {each}" for each in canaries(plain, USED_ONCE)]
        if record.topic in OURS:
            found += [
                f"value of {where}: {each}" for each in canaries(record.value.decode("utf-8", "replace"), secrets)
            ]
            if SAID_ON.get(record.topic, set()) is not None:
                told = dict(json.loads(record.value))
                kept = {name: each for name, each in told.items() if name not in (SAID_ON.get(record.topic) or ())}
                found += [
                    f"value of {where}: {each}" for each in canaries(json.dumps(kept, ensure_ascii=False), PERSONAL)
                ]
        return found


def documents(world: World) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Every document of every database of the world: service, collection, document."""
    client: MongoClient[dict[str, Any]] = MongoClient(world.mongo, serverSelectionTimeoutMS=5000)
    found: list[tuple[str, str, Mapping[str, Any]]] = []
    with client:
        for name in client.list_database_names():
            if name.startswith(world.prefix):
                for collection in client[name].list_collection_names():
                    service = name.removeprefix(f"{world.prefix}_")
                    found += [(service, collection, each) for each in client[name][collection].find()]
    return found


def seen(world: World) -> Seen:
    logs = [
        (process.name, line)
        for process in world.processes
        if process.log.exists()
        for line in process.log.read_text().splitlines()
    ]
    metrics = [
        (process.name, line)
        for process in world.processes
        if process.running
        for line in process.get("/metrics")[1].splitlines()
    ]
    return Seen(logs, metrics, list(world.reader.heard), documents(world))


# ---- what is sent


class Sender:
    """Sends events of which each person is a canary of their own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.people = 0

    def person(self) -> dict[str, Any]:
        number = self.people
        self.people += 1
        return {
            "iin": IINS[number],
            "full_name": f"{NAME} {number}",
            "phone": PHONES[number],
            "language": "kk",
        }

    def request(self, how: str = "phone", at: datetime = MONDAY, **over: Any) -> dict[str, Any]:
        """A request full of canaries, IIN and document typed into its free text as well."""
        patient = self.person()
        data = a_request(CLINIC, 1, at, how) | {
            "request_id": str(uuid.uuid4()),
            "patient": patient,
            "address": {"text": f"{STREET} 5, ИИН {patient['iin']}", "flat": "7", "district_id": "d1"},
            "note": f"{NOTE}: {NAME}, {patient['iin'][:6]} {patient['iin'][6:]}",
            "registrar": {"id": "r-1", "full_name": "Тіркеуші"},
            "unknown_field": {"iin": patient["iin"], "document": DOCUMENT},
        }
        if how == "desk":
            data["identity_document"] = {"kind": "id_card", "number": DOCUMENT}
            data["note"] += f", {DOCUMENT}"
        if how == "portal":
            data["signature"] = {"format": "cms", "value": SIGNATURE}
        else:
            data["identity"] = {"kdp_token": CONSENT, "public_key": CONSENT_KEY}
        return data | over

    def send(self, event_type: str, data: Mapping[str, Any]) -> str:
        self.world.publish(event_type, data)
        return str(data.get("request_id") or data.get("complaint_id"))

    def submit(self, how: str = "phone", at: datetime = MONDAY, **over: Any) -> str:
        return self.send("request.submitted", self.request(how, at, **over))

    def withdraw(self, request_id: str) -> None:
        reason = f"{NOTE}, {IINS[0]}"
        self.send("request.withdrawn", self._about(request_id) | {"reason": reason, "patient": {"iin": IINS[0]}})

    def report(self, request_id: str, outcome: str = "served") -> None:
        self.send("visit.reported", self._about(request_id) | {"outcome": outcome, "note": f"{NAME} {IINS[1]}"})

    def answer(self, request_id: str) -> None:
        given_by = {"id": "r-1", "full_name": f"{NAME} {IINS[2]}"}
        self.send("answer.given", self._about(request_id) | {"given_by": given_by})

    def complain(self, **over: Any) -> str:
        """A complaint with canaries, an IIN in each of its texts."""
        person = self.person()
        data = {
            "complaint_id": str(uuid.uuid4()),
            "clinic_id": CLINIC,
            "addressed_to": "clinic",
            "channel": "in_person",
            "submitted_at": MONDAY.isoformat(),
            "complainant": person | {"postal_address": f"{STREET} 9, {person['iin']}"},
            "text": f"{NAME} ({person['iin']}, {person['phone']}) шағымданады",
            "received_by": {"full_name": f"Хатшы {person['iin']}", "position": f"хатшы {person['iin']}"},
            "answer_by": "post",
            "answer_place": f"{STREET} 9",
            "unknown_field": person["iin"],
        } | over
        return self.send("complaint.submitted", data)

    def see_through(self, complaint_id: str) -> None:
        """Every command of a complaint's life, an IIN in each."""
        about = {"complaint_id": complaint_id, "clinic_id": CLINIC, "at": (MONDAY + timedelta(minutes=5)).isoformat()}
        official = {"full_name": f"Орындаушы {IINS[3]}", "position": f"маман {IINS[3]}"}
        self.send("complaint.assigned", about | {"executor": official, "assigned_by": official})
        self.send("complaint.executed", about | {"measures": f"сөйлестік, {IINS[3]}"})
        self.send(
            "complaint.answered",
            about | {"text": f"кешірім сұраймыз, {IINS[3]}", "decision": "upheld", "sent_by": "post"},
        )
        self.send("complaint.escalated", about | {"grounds": f"келіспеймін, {IINS[3]}"})

    def raw(self, topic: topics.Topic, value: bytes, event_type: str = "request.submitted") -> None:
        """Something that is no event of the contract."""
        headers = {
            "ce_specversion": "1.0",
            "ce_id": str(uuid.uuid4()),
            "ce_source": "/test",
            "ce_type": TYPE_PREFIX + event_type,
            "content-type": "application/json",
        }
        self.world.send(topic.name, value, CLINIC, headers)
        self.world.flush()

    @staticmethod
    def _about(request_id: str) -> dict[str, Any]:
        return {"request_id": request_id, "clinic_id": CLINIC, "at": (MONDAY + timedelta(minutes=2)).isoformat()}


def in_every_way(sender: Sender) -> dict[str, str]:
    """Everything that may become of a request, a complaint and a record; the ids that are to be waited for."""
    sunday = MONDAY - timedelta(days=1)
    served, moved = sender.submit("desk"), sender.submit("phone")
    withdrawn = sender.submit("phone")
    child = sender.request("desk", applicant=_applicant(sender, "parent"))
    child["patient"]["birth_date"] = "2020-05-05"
    sender.send("request.submitted", child)
    grown = sender.request("phone", applicant=_applicant(sender, "guardian"))
    sender.send("request.submitted", grown)
    authorised = sender.submit("portal", applicant=_applicant(sender, "power_of_attorney"))
    again = sender.request("phone")
    sender.send("request.submitted", again)
    sender.send("request.submitted", again | {"request_id": str(uuid.uuid4())})
    sender.submit("phone", at=sunday)
    deferred = sender.submit("portal", at=MONDAY + timedelta(hours=11))
    # Broken in its schema: a wrong check digit, a phone that is none, an IIN where another thing belongs.
    person = sender.person()
    sender.submit("phone", patient=person | {"iin": WRONG_IIN}, temperature_c=person["iin"])
    sender.submit("phone", patient=person | {"phone": f"тел {person['phone']}"}, channel=person["iin"])
    sender.submit("portal", identity={"kdpToken": CONSENT})
    sender.submit("phone", reasons=[person["iin"]], address=f"{STREET} {person['iin']}")
    sender.submit("phone", patient=person | {person["iin"]: NAME}, signature={"format": NAME, "value": SIGNATURE})
    # A 12-digit phone that is the person's own IIN, and a representative without a document.
    sender.submit("phone", patient=sender.person() | {"phone": IINS[sender.people - 1]})
    sender.complain(complainant=sender.person() | {"phone": IINS[sender.people - 1]})
    sender.submit("phone", clinic_id="no-such-clinic")
    for request_id in (withdrawn, authorised):
        sender.withdraw(request_id)
    sender.report(served)
    sender.answer(moved)
    # Nobody knows these: they wait, and become dead letters a day later.
    for act in (sender.withdraw, sender.report, sender.answer, sender.see_through):
        act(str(uuid.uuid4()))
    complaint = sender.complain()
    sender.complain(answer_by="by_hand", answer_place="Кеңсе, 3-бөлме")
    sender.complain(complainant={"full_name": NAME}, text=7)
    sender.complain(addressed_to=IINS[4])
    # What is no event at all.
    garbage = f'{{"iin": "{IINS[5]}", "{NAME}": "{PHONES[5]}", "{DOCUMENT}"'.encode()
    for topic in (topics.REQUESTS, topics.VISITS, topics.ANSWERS, topics.COMPLAINTS_IN, topics.CLINICS, topics.ROSTERS):
        sender.raw(topic, garbage)
    sender.raw(topics.REQUESTS, f'{{"identity": {{"kdp_token": "{CONSENT}", "publicKey": "{CONSENT_KEY}'.encode())
    sender.raw(topics.REQUESTS, json.dumps({"patient": IINS[5], IINS[6]: NAME}).encode())
    sender.raw(topics.REQUESTS, json.dumps({"iin": IINS[5]}).encode(), IINS[6])
    sender.raw(topics.CLINICS, json.dumps({"clinic_id": OTHER, "phone": NAME}).encode(), "clinic.published")
    # Reads well, and fails: tests/faults/broken.py.
    failed = sender.submit("phone", note=f"FAIL {NAME} {DOCUMENT}")
    return {"served": served, "moved": moved, "deferred": deferred, "complaint": complaint, "failed": failed}


def at_the_desk(world: World) -> str:
    """A call that is typed at the desk with windows offered, withdrawn there, searched for, and typed wrongly."""
    (process,) = (each for each in world.processes if each.name == "desk" and each.running)
    person, request_id = Person("registrar"), str(uuid.uuid4())
    typed = a_call(1, request_id, iin=IINS[38], full_name=NAME, phone=PHONES[38], address=STREET, note=NOTE)
    typed |= {"channel": "desk", "document_kind": "id_card", "document_number": DOCUMENT}
    typed |= {"kdp_token": CONSENT, "kdp_public_key": CONSENT_KEY}
    offered: list[str] = []

    def answered() -> bool:
        """Whether the scheduler was in time: on a busy machine it may not be."""
        offered.append(person.post(process.port, "/calls/new/offers", typed).text)
        return "offers-said" in offered[-1] and "Сейчас предложить время нельзя" not in offered[-1]

    world.wait(answered, "windows to be offered")
    assert canaries("".join(offered), (*SECRETS, *PERSONAL)) == []
    assert person.post(process.port, "/calls/new", typed).status_code == 303
    wrong = typed | {"request_id": str(uuid.uuid4()), "iin": WRONG_IIN}
    assert person.post(process.port, "/calls/new", wrong).status_code == 422
    assert person.post(process.port, f"/calls/{request_id}/withdraw", {"reason": NOTE}).status_code == 303
    assert person.get(process.port, f"/find?q={quote(PHONES[38])}").status_code in {200, 403}
    person.close()
    return request_id


def _applicant(sender: Sender, kind: str) -> dict[str, Any]:
    person = sender.person()
    del person["language"]
    return person | {"authority": {"kind": kind, "number": AUTHORITY}}


# ---- the tests


@pytest.fixture(scope="module")
def gateway() -> Iterator[SmsGateway]:
    """What takes messages to patients: now well, now badly."""
    does = itertools.cycle((ACCEPT, CUT, REFUSE, BUSY))
    stand_in = SmsGateway(lambda _: next(does))
    yield stand_in
    stand_in.close()


@pytest.fixture(scope="module")
def world(new_world: NewWorld, gateway: SmsGateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world through which all has gone, seen twice: while events wait for their subjects, and a day later."""
    extra = {
        # Nobody listens there: identities cannot be confirmed, and are kept to be asked again.
        "HOMECALL_IDENTITY": f"shep+http://127.0.0.1:{free_port()}/shep",
        "HOMECALL_IDENTITY_SHEP_FILE": str(
            write_client_files(tmp_path_factory.mktemp("shep"), Keys(DevAuthority.new()), Access(), by_token=True)
        ),
        "HOMECALL_SMS": gateway.url,
        "HOMECALL_SMS_SETTLE_SECONDS": "0",
        "HOMECALL_SMS_PASSWORD": DOCUMENT,
    }
    registrar = {"name": "registrar", "role": "registrar", "clinic_id": CLINIC}
    extra |= users_and_secret(tmp_path_factory.mktemp("desk"), [registrar])
    with new_world(extra=extra) as world:
        world.publish("clinic.published", a_clinic(CLINIC))
        world.publish("roster.published", a_roster(CLINIC, MONDAY.date(), [a_doctor("doc")]))
        world.start("intake", ready=False, command=("tests.faults.broken", "quote"))
        scheduler, *_ = world.start("scheduler", "notifier", "complaints", ready=False)
        world.extra = {**world.extra, "HOMECALL_OFFERS_URL": f"http://127.0.0.1:{scheduler.port}"}
        world.start("desk", ready=False)
        for process in world.processes:
            process.wait_ready()
        yield world


@pytest.fixture(scope="module")
def all_gone_through(world: World) -> World:
    sender = Sender(world)
    ids = in_every_way(sender)
    typed = at_the_desk(world)
    world.wait(lambda: bool(world.statuses(typed)), "what was typed at the desk")
    world.wait(
        lambda: any(each.headers["homecall-dead-reason"] == "handler_failed" for each in world.dead()), "failure"
    )
    world.settle()
    sender.see_through(ids["complaint"])
    world.settle()
    assert world.statuses(ids["served"])[-1] == "completed"
    assert world.statuses(ids["deferred"]) == ["deferred"]
    held = documents(world)
    assert any(each.get("sealed") and each.get("p") for service, _, each in held if service == "scheduler")
    assert any(
        each["s"].get("unconfirmed")
        for service, name, each in held
        if (service, name) == ("intake", "requests") and each.get("s")
    )
    return world


def test_no_canary_stands_where_it_must_not(all_gone_through: World) -> None:
    found = seen(all_gone_through)
    assert found.logs
    assert found.metrics
    assert {record.topic for record in found.records} >= OURS - {topics.DEADLINE_EVENTS.name}
    assert {service for service, _, _ in found.documents} == set(topics.SERVICES)
    assert not found.leaks(), "\n".join(found.leaks())


def test_messages_to_patients_hold_a_phone_where_it_is_to_be_rung_and_nothing_else(
    all_gone_through: World, gateway: SmsGateway
) -> None:
    world = all_gone_through
    world.wait(lambda: len({does for does, _ in gateway.calls}) == 4, "the gateway to have done all it can")
    assert {body["recipients"][0] for _, body in gateway.calls} & {_plain(phone) for phone in PHONES}
    for head, (_, body) in zip(gateway.heads, gateway.calls, strict=False):
        assert not canaries(head, [*SECRETS, *PERSONAL])
        text = json.dumps({name: body[name] for name in ("text", "reference")}, ensure_ascii=False)
        assert not canaries(text, [*SECRETS, *PERSONAL])
    kept = [each for service, name, each in documents(world) if (service, name) == ("notifier", "messages")]
    assert kept
    assert not canaries(str(kept), PERSONAL)


def test_nor_after_a_kill_and_a_day_later(all_gone_through: World) -> None:
    """Intake is killed with work in hand; a day later the others start anew; signatures cannot be checked then."""
    world = all_gone_through
    sender = Sender(world)
    sender.people = 30
    intake = world.processes[0]
    for _ in range(3):
        sender.submit("phone")
    intake.kill()
    world.stop()
    world.clock = f"{(MONDAY + timedelta(hours=25)).isoformat()}@1"
    world.extra = {
        **world.extra,
        "HOMECALL_SIGNATURES": "ncanode",
        "HOMECALL_NCANODE_URL": f"http://127.0.0.1:{free_port()}",
    }
    world.start(*topics.SERVICES)
    signed = sender.request("portal", at=MONDAY + timedelta(hours=25))
    signature = DevAuthority.new().sign(signed, signed["patient"]["iin"])
    signed["signature"]["value"] = signature
    held = sender.send("request.submitted", signed)
    unknown = "unknown_subject"
    world.wait(
        lambda: (
            {
                each.headers["homecall-dead-service"]
                for each in world.dead()
                if each.headers["homecall-dead-reason"] == unknown
            }
            == set(topics.DECIDING)
        ),
        "what waited in each service to become a dead letter",
    )
    world.settle()
    assert any(
        each["_id"] == held and each["s"]["kept"]
        for service, name, each in documents(world)
        if (service, name) == ("intake", "requests")
    )
    leaks = seen(world).leaks((*SECRETS, signature[:60], signature[-60:]))
    assert not leaks, "\n".join(leaks)


class TestTheScannerFindsWhatIsPlanted:
    """A negative control: were a canary there, it would have been found."""

    @pytest.mark.parametrize(
        "canary",
        [
            IINS[0],
            f"{IINS[0][:6]} {IINS[0][6:]}",
            NAME,
            json.dumps(NAME),
            PHONES[1],
            "+77015550117",
            DOCUMENT.lower(),
            STREET,
        ],
    )
    def test_in_a_log_line_or_a_metric(self, canary: str) -> None:
        assert Seen([("intake", f'{{"event": "x {canary}"}}')], [], [], []).leaks()
        assert Seen([], [("intake", f'homecall_x{{a="{canary}"}} 1')], [], []).leaks()

    @pytest.mark.parametrize("canary", SECRETS)
    def test_a_secret_in_any_record_or_document(self, canary: str) -> None:
        for topic in OURS:
            assert _record(topic, value=f'{{"text": "{canary}"}}').leaks()
        for service in topics.SERVICES:
            for document in ({"s": {"request": {"a": [canary]}}}, {"o": {canary: 1}}, {"p": [{"v": canary.encode()}]}):
                assert Seen([], [], [], [(service, "requests", document)]).leaks()

    @pytest.mark.parametrize("canary", USED_ONCE)
    def test_consent_in_a_dead_letter(self, canary: str) -> None:
        assert _record(topics.DEAD_LETTERS.name, value=f'{{"text": "{canary}"}}').leaks()
        assert _record(topics.COMPLAINTS_IN.name, value=f'{{"text": "{canary}"}}').leaks()
        assert not _record(topics.REQUESTS.name, value=f'{{"text": "{canary}"}}').leaks()

    def test_a_name_where_none_belongs(self) -> None:
        assert _record(topics.STATUS.name, value=f'{{"text": "{NAME}"}}').leaks()
        assert _record(topics.SCHEDULE_EVENTS.name, value=f'{{"text": "{NAME}"}}').leaks()
        assert not _record(topics.SCHEDULE_EVENTS.name, value=f'{{"reason": "{NAME}"}}').leaks()
        assert not _record(topics.JOURNAL.name, value=f'{{"text": "{NAME}"}}').leaks()
        assert Seen([], [], [], [("intake", "requests", {"s": {"ruling": NAME}})]).leaks()
        assert not Seen([], [], [], [("intake", "requests", {"s": {"request": {"patient": NAME}}})]).leaks()

    def test_in_a_key_or_a_header_of_a_dead_letter(self) -> None:
        letters = topics.DEAD_LETTERS.name
        assert _record(letters, "{}", key=NAME).leaks()
        assert _record(letters, "{}", headers={"homecall-dead-detail": f"x {IINS[9]}"}).leaks()
        assert not _record(letters, value=IINS[9]).leaks()

    def test_in_the_world_itself(self, all_gone_through: World) -> None:
        world = all_gone_through
        world.send(topics.STATUS.name, json.dumps({"a": IINS[0]}).encode(), DOCUMENT, {"x": PHONES[0]})
        world.flush()
        world.wait_quiet()
        world.wait(lambda: any(each.key == DOCUMENT for each in world.reader.heard), "the planted record")
        with world.processes[0].log.open("a") as log:
            log.write(f'{{"event": "{NAME}"}}\n')
        client: MongoClient[dict[str, Any]] = MongoClient(world.mongo)
        with client:
            client[f"{world.prefix}_scheduler"]["days"].insert_one({"_id": "planted", "roster": {"a": IINS[1]}})
        found = "\n".join(seen(world).leaks())
        for place in ("log of intake", "key of", "header x of", "value of", "database of scheduler: days: roster.a"):
            assert place in found


def _record(topic: str, value: str, key: str = "", headers: Mapping[str, str] | None = None) -> Seen:
    return Seen([], [], [Heard(topic, 0, 0, key, dict(headers or {}), value.encode())], [])
