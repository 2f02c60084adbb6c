"""The commands around the services, on a real broker: publish, watch, dead-letters list and replay; and up."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from homecall.contract.asyncapi import document
from homecall.contract.envelope import STRUCTURED, Record, read
from homecall.contract.topics import CLINICS, DEAD_LETTERS, REQUESTS, STATUS, TOPICS
from homecall.contract.types import ZONE
from homecall.demo.embedded import database_answers
from homecall.gateways.signatures.port import Signed, Valid
from homecall.gateways.signatures.rsa import RsaChecker
from homecall.gateways.signatures.rsa_pool import read_trust_store
from homecall.operations.kafka import read_to_end
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.settings import load_settings
from tests.contract.goldens import compact, examples, headers
from tests.infrastructure import stack
from tests.infrastructure.forked import homecall as run

CLINIC = examples("valid", ("clinic.published",))[0].data
DESK, PHONE = (example.data for example in examples("valid", ("request.submitted",))[:2])
PORTAL = next(each.data for each in examples("valid", ("request.submitted",)) if each.data["channel"] == "portal")
STATUSES = [example.data for example in examples("valid", ("status.changed",))]
IIN = DESK["patient"]["iin"]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: list[str]
    said: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out]


@dataclass(frozen=True)
class Homecall:
    """The command in a process of its own."""

    bootstrap: str
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HOMECALL_")}
        return kept | {"HOMECALL_KAFKA_BOOTSTRAP": self.bootstrap} | self.more

    def __call__(self, *arguments: str, lines: Sequence[Any] = ()) -> Done:
        text = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        done = run(*arguments, env=self.env, stdin=text)
        return Done(done.returncode, done.stdout.decode().splitlines(), done.stderr.decode())

    def started(self, *arguments: str, **more: Any) -> subprocess.Popen[bytes]:
        """The command, left running. It hears Ctrl-C also where these tests do not: in the background of a shell."""
        return subprocess.Popen(
            [sys.executable, "-m", "homecall.cli.main", *arguments],
            stdout=subprocess.PIPE,
            env=self.env,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            **more,
        )

    def records(self, topic: str) -> list[Record]:
        """What a topic holds, partition by partition."""
        records = asyncio.run(read_to_end(load_settings(kafka_bootstrap=self.bootstrap), topic))
        return sorted(records, key=lambda record: (record.partition, record.offset))


@pytest.fixture(scope="module")
def homecall(module_kafka: stack.Server) -> Homecall:
    # Of its own: some of these tests are about topics that are not there.
    return Homecall(module_kafka.address)


@pytest.fixture(autouse=True)
def topics(request: pytest.FixtureRequest) -> None:
    """Empty topics for whoever asks for a broker."""
    if "homecall" in request.fixturenames:
        counts = {topic.name: topic.partitions for topic in (CLINICS, REQUESTS, STATUS, DEAD_LETTERS)}
        stack.recreate_topics(request.getfixturevalue("homecall").bootstrap, counts)


def submitted(data: Any, **more: Any) -> dict[str, Any]:
    return {"type": "request.submitted", "data": data} | more


# ---------------------------------------------------------------- publish


def test_publish_sends_each_form_of_a_line_as_an_event_keyed_by_the_contract(homecall: Homecall) -> None:
    structured = {
        "specversion": "1.0",
        "id": "s-1",
        "source": "urn:clinic:samal-3",
        "type": "kz.homecall.request.submitted",
        "data": PHONE,
    }
    given = submitted(DESK, id="d-1", source="urn:clinic:samal-3", time="2026-11-23T09:14:05+05:00")
    done = homecall("publish", "requests", "-", lines=[given, structured])
    assert (done.code, done.said) == (0, "")
    assert done.out[-1] == f"2 sent to {REQUESTS.name}"

    desk, phone = homecall.records(REQUESTS.name)
    assert {desk.key, phone.key} == {b"samal-3"}
    assert done.out[0] == f"line 1: partition {desk.partition}, offset {desk.offset}"
    sent = dict(desk.headers)
    assert (sent["ce_id"], sent["ce_source"], sent["ce_time"]) == (
        b"d-1",
        b"urn:clinic:samal-3",
        b"2026-11-23T09:14:05+05:00",
    )
    assert sent["ce_subject"] == DESK["request_id"].encode()
    assert json.loads(desk.value or b"") == DESK
    assert dict(phone.headers)["content-type"] == STRUCTURED.encode()
    assert [read(each).subject for each in (desk, phone)] == [DESK["request_id"], PHONE["request_id"]]


def test_a_file_that_is_published_again_is_a_repeat(homecall: Homecall, tmp_path: Path) -> None:
    file = tmp_path / "clinic.jsonl"
    file.write_text(json.dumps(CLINIC, ensure_ascii=False) + "\n\n", encoding="utf-8")
    for _ in range(2):
        assert homecall("publish", CLINICS.name, str(file), "--quiet").out == [f"1 sent to {CLINICS.name}"]
    first, again = (read(record) for record in homecall.records(CLINICS.name))
    assert first.causation_id == again.causation_id
    assert first.record.value == again.record.value == file.read_bytes().strip()


def test_what_breaks_the_contract_is_told_by_line_and_the_rest_is_sent(homecall: Homecall) -> None:
    mistyped = DESK | {"patient": DESK["patient"] | {"iin": "850715100001"}}
    done = homecall(
        "publish",
        "requests",
        "-",
        lines=[
            b"{",
            submitted(DESK),
            submitted(mistyped),
            {"type": "visit.reported", "data": {}},
            DESK,
            submitted(PHONE, time="yesterday"),
        ],
    )
    assert done.code == 1
    assert done.out[-1] == f"1 sent to {REQUESTS.name}"
    told = [line.partition(": ") for line in done.said.splitlines()]
    assert [line for line, _, _ in told] == ["line 1", "line 3", "line 4", "line 5", "line 6", "homecall"]
    rules = [rule for _, _, rule in told]
    assert "not JSON" in rules[0]
    assert "patient.iin fails the IIN's check digit" in rules[1]
    assert "send it to homecall.visits.v1" in rules[2]
    assert rules[3].startswith("type: ")
    assert rules[4].startswith("time: ")
    assert rules[5] == "5 of 6 lines were not sent"
    assert "850715100001" not in done.said
    assert len(homecall.records(REQUESTS.name)) == 1


def test_as_is_sends_garbage_and_broken_events_unchecked(homecall: Homecall) -> None:
    broken = submitted({"request_id": "7", "clinic_id": "samal-3"})
    assert homecall("publish", "requests", "-", "--as-is", lines=[b"\xff garbage", broken]).code == 0
    records = {record.key: record for record in homecall.records(REQUESTS.name)}
    assert (records[None].value, records[None].headers) == (b"\xff garbage", ())
    assert dict(records[b"samal-3"].headers)["ce_type"] == b"kz.homecall.request.submitted"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("publish", "wishes", "-"), "wishes is no topic of the contract"),
        (("publish", "journal", "-"), "homecall.journal.v1 is not there: run homecall topics create"),
        (("publish", "requests", "nowhere.jsonl"), "nowhere.jsonl: cannot be read"),
        (("publish", "dead-letters", "-"), "--as-is"),
        (("topics", "create", "--replication", "3"), "homecall.rosters.v1, homecall.visits.v1, "),
        (("watch", "requests", "journal"), "homecall.journal.v1 is not there: run homecall topics create"),
        (("watch", "requests", "--count", "1", "--seconds", "0.2"), "0 of 1 event came within 0.2 s"),
        (("watch", "requests", "--since", "lunch"), "--since: a time with an offset"),
        (("watch", "requests", "--since", "1h", "--from-beginning"), "one of them, not both"),
        (("dead-letters", "replay", "--offset", "7"), "--offset 7: no dead letter stands there"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(homecall: Homecall, arguments: tuple[str, ...], said: str) -> None:
    entry = examples("valid", ("journal.entry",))[0].data
    done = homecall(*arguments, lines=[entry] if "journal" in arguments else ())
    assert done.code in {1, 2}
    last = done.said.splitlines()[-1]
    assert last.startswith("homecall: ")
    assert said in last
    assert "Traceback" not in done.said


@pytest.mark.parametrize("command", [("watch", "requests"), ("topics", "check"), ("topics", "create")])
def test_a_broker_that_is_away_is_one_line(command: tuple[str, ...]) -> None:
    done = Homecall("127.0.0.1:1")(*command)
    assert (done.code, done.out) == (1, [])
    assert done.said == "homecall: Kafka at 127.0.0.1:1 (HOMECALL_KAFKA_BOOTSTRAP): KafkaConnectionError\n"


# ---------------------------------------------------------------- watch


def test_watch_tells_what_comes_from_now_on_until_its_count(homecall: Homecall) -> None:
    assert homecall("publish", "requests", "-", lines=[submitted(DESK)]).code == 0
    watching = homecall.started(
        "watch", "requests", "clinics", "--count", "2", "--seconds", "60", stderr=subprocess.PIPE
    )
    with watching:
        assert watching.stderr is not None
        assert b"from now on" in watching.stderr.readline()
        assert homecall("publish", "clinics", "-", lines=[CLINIC]).code == 0
        assert homecall("publish", "requests", "-", lines=[submitted(PHONE, id="p-1")]).code == 0
        out, _ = watching.communicate(timeout=60)
    assert watching.returncode == 0
    clinic, request = map(json.loads, out.splitlines())
    assert (clinic["topic"], clinic["type"], clinic["data"]) == (CLINICS.name, "clinic.published", CLINIC)
    assert request == {
        "topic": REQUESTS.name,
        "key": "samal-3",
        "type": "request.submitted",
        "id": "p-1",
        "time": request["time"],
        "data": PHONE,
    }


def test_watch_finds_a_request_from_the_beginning_in_several_topics(homecall: Homecall) -> None:
    wanted = STATUSES[0]["request_id"]
    others = [status for status in STATUSES if status["request_id"] != wanted]
    assert others
    assert homecall("publish", "status", "-", lines=STATUSES).code == 0
    sent = {"clinic_id": "samal-3", "request_id": wanted.upper(), "at": "2026-11-23T10:00:00+05:00", "reason": "-"}
    withdrawn = {"type": "request.withdrawn", "data": sent}
    assert homecall("publish", "requests", "-", lines=[submitted(DESK | {"request_id": wanted}), withdrawn]).code == 0

    mine = [status for status in STATUSES if status["request_id"] == wanted]
    ending = ("--from-beginning", "--seconds", "60", "--count")
    about = homecall("watch", "status", "requests", "--request", wanted, *ending, str(len(mine) + 2))
    assert about.code == 0
    by_topic = sorted((event["topic"], event["data"]["request_id"].lower()) for event in about.events)
    assert by_topic == [(REQUESTS.name, wanted)] * 2 + [(STATUS.name, wanted)] * len(mine)

    other = others[0]["request_id"]
    count = sum(status["request_id"] == other for status in STATUSES)
    keyed = homecall("watch", "status", "--key", other, *ending, str(count))
    assert [event["key"] for event in keyed.events] == [other] * count


def test_watch_tells_what_was_recorded_since_a_moment(homecall: Homecall) -> None:
    first, second = STATUSES[:2]
    assert homecall("publish", "status", "-", lines=[first]).code == 0
    between = datetime.now(ZONE).isoformat()
    assert homecall("publish", "status", "-", lines=[second]).code == 0
    ending = ("--seconds", "60", "--count")
    assert [each["data"] for each in homecall("watch", "status", "--since", between, *ending, "1").events] == [second]
    both = homecall("watch", "status", "--since", "5m", *ending, "2").events
    assert [each["data"] for each in both] == [first, second]


def test_watch_says_that_the_broker_is_away_and_that_it_is_back(homecall: Homecall, module_kafka: stack.Server) -> None:
    with homecall.started("watch", "requests", stderr=subprocess.PIPE) as watching:
        assert watching.stderr is not None
        assert b"from now on" in watching.stderr.readline()
        module_kafka.pause()
        try:
            assert watching.stderr.readline() == b"the broker does not answer; still trying\n"
        finally:
            module_kafka.resume()
        assert watching.stderr.readline() == b"the broker answers again\n"
        watching.send_signal(signal.SIGINT)
        assert watching.wait(30) == 0


# ---------------------------------------------------------------- dead letters

BROKEN = compact(DESK | {"clinic_id": "Nowhere"})
UNKNOWN = compact({"said": "anything"})


def bury(homecall: Homecall, *dead: tuple[Record, str, str, str]) -> None:
    """Write dead letters as a service does."""

    async def send() -> None:
        producer = Producer(load_settings(kafka_bootstrap=homecall.bootstrap), "test")
        await producer.send([], dead)
        await producer.stop()

    asyncio.run(send())


@pytest.fixture
def letters(homecall: Homecall) -> list[Record]:
    """Two records that died, written as a service writes them; the first had died before."""
    first = Record(
        REQUESTS.name, 4, 17, b"samal-3", BROKEN, (*headers("request.submitted"), ("homecall-dead-reason", b"not_json"))
    )
    second = Record(CLINICS.name, 0, 2, b"samal-3", UNKNOWN, (("ce_type", b"x"), ("binary", b"\xff\x00")))

    bury(
        homecall,
        (first, "schema", "clinic_id must be lower-case letters", "intake"),
        (second, "not_cloudevent", "the headers ce_id are missing", "intake"),
    )
    return [first, second]


@pytest.mark.usefixtures("letters")
def test_dead_letters_are_listed_without_their_values(homecall: Homecall) -> None:
    listed = homecall("dead-letters", "list")
    assert listed.code == 0
    assert [line.split()[0] for line in listed.out] == ["offset", "0", "1", "2"]
    assert "schema" in listed.out[1]
    assert f"{REQUESTS.name}/4/17  samal-3" in listed.out[1]
    assert "clinic_id must be lower-case letters" in listed.out[1]
    assert listed.out[-1] == "2 dead letters: 1 not_cloudevent, 1 schema"
    assert IIN not in "\n".join(listed.out)

    (letter,) = homecall("dead-letters", "list", "--json", "--reason", "schema").events
    assert letter.pop("when")
    assert letter == {
        "offset": 0,
        "reason": "schema",
        "detail": "clinic_id must be lower-case letters",
        "service": "intake",
        "key": "samal-3",
        "from": {"topic": REQUESTS.name, "partition": "4", "offset": "17"},
    }
    (letter,) = homecall("dead-letters", "list", "--json", "--topic", "clinics", "--show-value").events
    assert letter["value"].encode() == UNKNOWN

    (told, _) = homecall("watch", "dead-letters", "--from-beginning", "--count", "2", "--seconds", "30").events
    assert told["dead"]["reason"] == "schema"
    assert "data" not in told


def test_a_replay_sends_the_record_as_it_first_came_each_time(homecall: Homecall, letters: list[Record]) -> None:
    for _ in range(2):
        done = homecall("dead-letters", "replay", "--reason", "schema")
        assert (done.code, done.out) == (0, ["1 of 1 dead letter sent again"])
    first, again = homecall.records(REQUESTS.name)
    assert first.key == again.key == letters[0].key
    assert first.value == again.value == BROKEN
    assert first.headers == again.headers == headers("request.submitted")
    assert homecall.records(CLINICS.name) == []

    assert homecall("dead-letters", "replay", "--offset", "0", "--offset", "1", "--topic", "clinics").code == 0
    (record,) = homecall.records(CLINICS.name)
    assert (record.value, record.headers) == (UNKNOWN, letters[1].headers)


def test_a_letter_that_lost_its_value_is_not_sent_as_a_tombstone(homecall: Homecall) -> None:
    bury(homecall, (Record(CLINICS.name, 0, 3, b"samal-3", None), "not_json", "too large to be kept here", "intake"))
    done = homecall("dead-letters", "replay")
    assert (done.code, done.out) == (1, ["0 of 1 dead letter sent again"])
    assert done.said.splitlines()[0].startswith("offset 0: holds no value")
    assert homecall.records(CLINICS.name) == []


@pytest.mark.usefixtures("letters")
@pytest.mark.parametrize(("answer", "sent"), [("n", 0), ("y", 2)])
def test_on_a_terminal_a_replay_asks_first(homecall: Homecall, answer: str, sent: int) -> None:
    ours, its = pty.openpty()
    with homecall.started("dead-letters", "replay", stdin=its, stderr=subprocess.PIPE) as asking:
        os.write(ours, f"{answer}\n".encode())
        out, said = asking.communicate(timeout=60)
    os.close(ours)
    os.close(its)
    assert b"Send again 1 to homecall.clinics.v1, 1 to homecall.requests.v1" in out + said
    assert len(homecall.records(REQUESTS.name)) + len(homecall.records(CLINICS.name)) == sent
    assert asking.returncode == (0 if sent else 1)


def test_no_dead_letters_is_said(homecall: Homecall) -> None:
    assert homecall("dead-letters", "list").out == ["no dead letters"]
    assert homecall("dead-letters", "replay").out == ["0 of 0 dead letters sent again"]


# ---------------------------------------------------------------- with no broker of others


def test_asyncapi_prints_the_document() -> None:
    done = Homecall("")("asyncapi")
    assert done.code == 0
    assert json.loads("\n".join(done.out)) == document()


def test_a_wrong_setting_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Homecall, "env", os.environ | {"HOMECALL_KAFKA_SECURITY": "SASL_SSL"})
    done = Homecall("")("watch", "status")
    assert done.code == 2
    assert done.said.startswith("homecall: HOMECALL_KAFKA_SECURITY=SASL_SSL needs HOMECALL_KAFKA_USERNAME")
    assert done.said.count("\n") == 1


def what_it_has_no_api_for_is_one_line_or_works(homecall: Homecall, mongo_url: str, tmp_path: Path) -> None:
    """The embedded broker has no admin API."""
    assert homecall("topics", "create").out == [f"exists  {topic.name}" for topic in TOPICS]
    checked = homecall("topics", "check")
    assert (checked.code, checked.out) == (0, [f"all {len(TOPICS)} topics are as the contract has them"])
    assert checked.said == (
        "the embedded broker of homecall up has no settings of topics: only names and partitions are compared\n"
    )
    keys = str(tmp_path / "keys.json")
    assert homecall("keys", "new", "--file", keys).code == 0
    with_database = Homecall(homecall.bootstrap, {"HOMECALL_MONGO_URL": mongo_url, "HOMECALL_KEYS_FILE": keys})
    backed_up = with_database("backup", "--out", str(tmp_path / "copy.homecall"))
    assert (backed_up.code, backed_up.said) == (0, "")
    assert with_database("restore", str(tmp_path / "copy.homecall"), "--check").code == 0
    recovered = with_database("recover")
    assert recovered.code == 1
    assert recovered.said == (
        "homecall: the embedded broker of homecall up cannot say whether intake still runs: do this on Kafka\n"
    )


@pytest.fixture
def up(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with Homecall("").started("up", "--directory", str(tmp_path / "kept"), stderr=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_up_prints_where_it_is_and_ends_both_on_ctrl_c(up: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert up.stdout is not None
    exported: dict[str, str] = {}
    while not (line := up.stdout.readline().decode()).startswith("#"):
        assert line, "it ended without its addresses"
        exported |= dict(each.split("=", 1) for each in line.removeprefix("export ").split())
    assert (exported["HOMECALL_ENV"], exported["HOMECALL_SIGNATURES"]) == ("development", "rsa")
    assert database_answers(exported["HOMECALL_MONGO_URL"])
    on_it = Homecall(exported["HOMECALL_KAFKA_BOOTSTRAP"])
    assert on_it("publish", "clinics", "-", "--quiet", lines=[CLINIC]).code == 0
    (event,) = on_it("watch", "clinics", "--from-beginning", "--count", "1", "--seconds", "30").events
    assert event["data"] == CLINIC
    (event,) = on_it("watch", "clinics", "--since", "5m", "--count", "1", "--seconds", "30").events
    assert event["data"] == CLINIC
    what_it_has_no_api_for_is_one_line_or_works(on_it, exported["HOMECALL_MONGO_URL"], tmp_path)

    while "dev-sign" not in (line := up.stdout.readline().decode()):
        assert line, "it does not say how a request of the portal is signed"
    sign, publish = (shlex.split(each) for each in line.lstrip("# ").split("|"))
    assert (sign[:3], publish) == (["homecall", "dev-sign", "FILE"], ["homecall", "publish", "requests", "-"])
    signed = on_it("dev-sign", "-", *sign[3:], lines=[submitted(PORTAL)])
    assert on_it(*publish[1:], lines=[line.encode() for line in signed.out]).code == 0
    (record,) = on_it.records(REQUESTS.name)
    heard = read(record)
    assert heard.data is not None
    signer = (heard.data.applicant or heard.data.patient).iin
    trusted = read_trust_store(Path(exported["HOMECALL_TRUST_STORE"]))
    checker = RsaChecker(trusted, Path(exported["HOMECALL_CRLS"]))
    signature = Signed(heard.value, heard.data.signature.value, signer, heard.data.submitted_at)
    assert checker.check(signature) == Valid()

    up.send_signal(signal.SIGINT)
    assert up.wait(30) == 0
    assert not database_answers(exported["HOMECALL_MONGO_URL"])
    assert any((tmp_path / "kept" / "data").iterdir())
