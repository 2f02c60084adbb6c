"""A broker with TLS, passwords and access lists on: the demo's traffic passes, each forbidden act is refused.

Everybody has a user of their own with the lists that ``homecall access`` makes, and records from outside are signed by
their senders.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from typer.testing import CliRunner

from homecall.cli.main import app
from homecall.contract.access import users
from homecall.contract.topics import DESK, SERVICES
from homecall.demo.acts import STARTS_AT, Act
from homecall.demo.clinic_day import make_plan
from homecall.demo.clinics import UNKNOWN
from homecall.demo.ports import free_port
from homecall.operations.access import acl_arguments, as_json, quota_arguments
from homecall_client import Outgoing, record_of, signed
from tests.factories import MONDAY, a_clinic, a_complaint, a_request
from tests.infrastructure import stack
from tests.infrastructure.forked import homecall_text
from tests.infrastructure.process import Process
from tests.infrastructure.tls import Authority
from tests.infrastructure.world import World, a_world

CLINICS = ("samal-1", "baiterek-2", "qarlygash-3", "juldyz-4", "aqqu-5", "shagala-6", "tumar-7")
_OPERATIONS = {
    "Read": "READ",
    "Write": "WRITE",
    "Describe": "DESCRIBE",
    "Create": "CREATE",
    "DescribeConfigs": "DESCRIBE_CONFIGS",
}


@dataclass
class Secured:
    """The broker, reached plainly by who made it and by TLS with a password by everybody else."""

    plain: str
    address: str
    ca: Path
    passwords: Mapping[str, str]
    directory: Path

    def client(self, user: str, **more: object) -> dict[str, object]:
        """librdkafka's options for a user."""
        return {
            "bootstrap.servers": self.address,
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": self.passwords[user],
            "ssl.ca.location": str(self.ca),
            "log_level": 0,
            **more,
        }

    def env(self, user: str) -> dict[str, str]:
        """A service's, or a command's, settings for a user."""
        return {
            "HOMECALL_KAFKA_BOOTSTRAP": self.address,
            "HOMECALL_KAFKA_SECURITY": "SASL_SSL",
            "HOMECALL_KAFKA_USERNAME": user,
            "HOMECALL_KAFKA_PASSWORD": self.passwords[user],
            "HOMECALL_KAFKA_CA_FILE": str(self.ca),
        }

    def command(self, user: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("HOMECALL_")} | settings
        return homecall_text(*arguments, env=env | self.env(user))

    def produce(self, user: str, record: Outgoing) -> KafkaError | None:
        """Send as a user; the broker's error, or None when it took the record."""
        outcome: list[KafkaError | None] = []
        producer = Producer(self.client(user, **{"partitioner": "murmur2_random", "message.timeout.ms": 15_000}))
        producer.produce(
            record.topic,
            record.value,
            record.key,
            headers=list(record.headers),
            on_delivery=lambda error, _: outcome.append(error),
        )
        producer.flush(20)
        return outcome[0]

    def read(self, user: str, topic: str, group: str) -> KafkaError | None:
        """Read a topic as a user; the broker's error, or None when it let them."""
        more = {"group.id": group, "auto.offset.reset": "earliest", "enable.partition.eof": True}
        consumer = Consumer(self.client(user, **more))
        outcome: list[KafkaError | None] = []
        consumer.subscribe([topic])

        def settled() -> bool:
            """A record, or a partition's end: they were let in. A place in the group alone says nothing."""
            try:
                message = consumer.poll(0.2)
            except KafkaException as error:
                outcome.append(error.args[0])
                return True
            if message is not None:
                error = message.error()
                outcome.append(None if error is None or error.code() == KafkaError._PARTITION_EOF else error)
            return bool(outcome)

        stack.wait_until(settled, f"{user} to be let in or turned away")
        consumer.close()
        return outcome[0]

    def private_key(self, sender: str) -> Ed25519PrivateKey:
        key = load_pem_private_key((self.directory / f"{sender}.pem").read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        return key

    def sign(self, record: Outgoing, sender: str) -> Outgoing:
        return signed(record, sender, self.private_key(sender).sign)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    directory = tmp_path_factory.mktemp("secured")
    authority = Authority(directory)
    port = free_port()
    properties = {
        "more.listeners": f"SASL_SSL://127.0.0.1:{port}",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(authority.server("broker")),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        # Whoever comes by the plain listener is who set this up.
        "super.users": "User:ANONYMOUS",
    }
    with stack.own_kafka(properties=properties) as server:
        everybody = users(CLINICS)
        passwords = {user.name: secrets.token_urlsafe(16) for user in everybody}
        admin = AdminClient({"bootstrap.servers": server.address})
        scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        credentials = admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(name, scram, password.encode()) for name, password in passwords.items()]
        )
        lists = admin.create_acls(bindings(as_json(everybody, "")))
        for future in [*credentials.values(), *lists.values()]:
            future.result(30)
        yield Secured(server.address, f"127.0.0.1:{port}", authority.ca, passwords, directory)


def bindings(listed: str) -> list[AclBinding]:
    """What ``homecall access --format json`` lists, as the broker takes it."""
    return [
        AclBinding(
            {"cluster": ResourceType.BROKER}.get(grant["resource"]) or ResourceType[grant["resource"].upper()],
            grant["name"],
            ResourcePatternType[grant["pattern"].upper()],
            f"User:{user['user']}",
            "*",
            AclOperation[_OPERATIONS[operation]],
            AclPermissionType.ALLOW,
        )
        for user in json.loads(listed)
        for grant in user["grants"]
        for operation in grant["operations"]
    ]


@pytest.fixture(scope="module")
def senders(secured: Secured) -> Path:
    """The list of senders: each clinic; portal, desk, Ministry and quality authority for all of them."""
    path = secured.directory / "senders.json"
    more = {"ministry": ["--stage", "ministry"], "quality-authority": ["--stage", "quality_authority"]}
    for name, clinic in [*((clinic, clinic) for clinic in CLINICS), *((name, "*") for name in ("portal", DESK, *more))]:
        private = str(secured.directory / f"{name}.pem")
        command = ["senders", "new", name, "--file", str(path), "--private", private, "--clinic", clinic]
        command += more.get(name, [])
        assert CliRunner().invoke(app, command).exit_code == 0
    return path


@pytest.fixture(scope="module")
def topics(secured: Secured) -> None:
    done = secured.command("operators", "topics", "create")
    assert done.returncode == 0, done.stderr
    checked = secured.command("operators", "topics", "check")
    assert checked.returncode == 0, checked.stdout


@pytest.fixture(scope="module")
def world(secured: Secured, senders: Path, mongo: stack.Server, request: pytest.FixtureRequest) -> Iterator[World]:
    """The services, each under its own user; what they say is read by the plain listener."""
    request.getfixturevalue("topics")
    prefix = f"access_{secrets.token_hex(4)}"
    with a_world(secured.plain, mongo.address, prefix, at=STARTS_AT) as world:
        for name in SERVICES:
            env = world.env | secured.env(f"homecall-{name}") | {"HOMECALL_SENDERS_FILE": str(senders)}
            if name == DESK:
                env["HOMECALL_DESK_SENDER_KEY_FILE"] = str(secured.directory / f"{DESK}.pem")
            process = Process(name, env, world.directory / f"{name}.log", free_port(), forked=True)
            process.start()
            world.processes.append(process)
        for process in world.processes:
            process.wait_ready()
        yield world
        world.stop()


class _Unsigned:
    """The demo's plan wants signatures of applicants, which are not what this is about."""

    def of_person(self, data: Mapping[str, object], iin: str) -> str:
        del data, iin
        return "AAAA"

    def of_organisation(self, data: Mapping[str, object], iin: str) -> str:
        return self.of_person(data, iin)


def sender_of(act: Act) -> str:
    return "portal" if act.channel == "portal" or act.clinic_id == UNKNOWN else act.key.decode()


def test_the_demos_traffic_passes(secured: Secured, world: World) -> None:
    """Each act by the user and the key of who would send it; each request gets the decision that the plan expects."""
    plan = make_plan(60, 1, _Unsigned())
    clinic_of = {act.subject: act.clinic_id for act in plan.acts if act.type == "complaint.submitted"}
    producers: dict[str, Producer] = {}
    before: Producer | None = None
    failed: list[KafkaError] = []
    for act in plan.acts:
        sender = sender_of(act)
        if act.type.startswith("complaint.") and sender != "portal":
            sender = clinic_of.get(act.subject, act.clinic_id)
        if not act.type:
            sender = "samal-1"  # what is broken on purpose
        user = sender if sender == "portal" else f"clinic-{sender}"
        if user not in producers:
            producers[user] = Producer(secured.client(user, partitioner="murmur2_random"))
        producer = producers[user]
        if before is not None and before is not producer:
            # The plan's order holds among senders, too: of two requests of a patient the second is the duplicate.
            assert before.flush(30) == 0
        before = producer
        record = secured.sign(Outgoing(act.topic, act.key, act.value, act.headers), sender)
        producer.produce(
            record.topic,
            record.value,
            record.key,
            headers=list(record.headers),
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
    for producer in producers.values():
        assert producer.flush(30) == 0
    assert failed == []

    # Signatures of applicants are off here, so those that the plan spoils pass; all else is as the plan has it.
    unsigned = {name for name, outcome in plan.expected.items() if outcome == "signature_invalid"}
    decided = {"request.accepted": "accepted", "request.deferred": "deferred"}

    def outcomes() -> dict[str, str]:
        found = {}
        for each in world.heard("request.refused", *decided):
            found[each.data["request_id"]] = decided.get(each.type) or each.data["code"]
        return found

    world.wait(lambda: plan.expected.keys() <= outcomes().keys(), "all requests of the plan to be decided", 60)
    assert {name: outcome for name, outcome in outcomes().items() if name not in unsigned} == {
        name: outcome for name, outcome in plan.expected.items() if name not in unsigned
    }
    world.settle()
    assert not [each for each in world.dead() if each.headers["homecall-dead-reason"] == "unauthorised"]
    assert {each.data["request_id"] for each in world.heard("status.changed")} >= plan.expected.keys()


def request(clinic_id: str, number: int) -> Outgoing:
    return record_of("request.submitted", a_request(clinic_id, number, STARTS_AT), source="/t", time=MONDAY.isoformat())


def test_a_clinic_that_writes_for_another_is_found_out(secured: Secured, world: World) -> None:
    """Kafka lets it: the list knows topics only. The signature does not."""
    hours = record_of("clinic.published", a_clinic("aqqu-5"), source="/t", time=MONDAY.isoformat())
    forged = [
        secured.sign(request("baiterek-2", 901), "samal-1"),
        request("baiterek-2", 902),
        secured.sign(hours, "samal-1"),
    ]
    before = len(world.dead())
    for record in forged:
        assert secured.produce("clinic-samal-1", record) is None
    world.wait(lambda: len(world.dead()) >= before + 3, "three dead letters")
    letters = world.dead()[before:]
    assert [each.headers["homecall-dead-reason"] for each in letters] == ["unauthorised"] * 3
    world.settle()
    said = {
        each.data.get("request_id") for each in world.heard("request.accepted", "request.refused", "status.changed")
    }
    assert not said & {a_request("baiterek-2", number, STARTS_AT)["request_id"] for number in (901, 902)}


def at_stage(name: str, number: int, **more: object) -> Outgoing:
    """A complaint, or a command on it, of the clinic samal-1."""
    complaint = a_complaint("samal-1", number, MONDAY, addressed_to="ministry")
    at = (MONDAY + timedelta(minutes=1)).isoformat()
    about = {"complaint_id": complaint["complaint_id"], "clinic_id": "samal-1", "at": at}
    data = complaint if name == "submitted" else about | more
    return record_of(f"complaint.{name}", data, source="/t", time=MONDAY.isoformat())


def test_the_ministry_and_the_authority_act_in_their_stages_and_the_clinic_in_neither(
    secured: Secured, world: World
) -> None:
    """C10.1, C10.8: each by its own Kafka user and its own key, on a complaint to the Ministry."""
    before = len(world.dead())
    refused = {"grounds": "Шағым негізсіз."}

    def send(user: str, sender: str, record: Outgoing) -> None:
        assert secured.produce(user, secured.sign(record, sender)) is None

    subject = at_stage("submitted", 77).key.decode()

    def heard() -> set[tuple[str, str]]:
        said = [each for each in world.heard("complaint.status-changed") if each.key == subject]
        return {(each.data["stage"], each.data["status"]) for each in said}

    def wait_for(stage: str, status: str) -> None:
        world.wait(lambda: (stage, status) in heard(), f"{status} at {stage}")

    send("clinic-samal-1", "samal-1", at_stage("submitted", 77))
    wait_for("ministry", "registered")
    send("clinic-samal-1", "samal-1", at_stage("refused", 77, **refused))
    send("quality-authority", "quality-authority", at_stage("refused", 77, grounds="Құзырет жоқ."))
    world.wait(lambda: len(world.dead()) >= before + 2, "two dead letters")
    send("ministry", "ministry", at_stage("refused", 77, **refused, take=1))
    wait_for("ministry", "refused")
    send("portal", "portal", at_stage("escalated", 77, grounds="Келіспеймін."))
    wait_for("quality_authority", "registered")
    send("ministry", "ministry", at_stage("refused", 77, **refused, take=2))
    world.wait(lambda: len(world.dead()) >= before + 3, "a third dead letter")
    send("quality-authority", "quality-authority", at_stage("refused", 77, **refused, take=3))
    wait_for("quality_authority", "refused")
    assert {each.headers["homecall-dead-reason"] for each in world.dead()[before:]} == {"unauthorised"}
    assert len(world.dead()) == before + 3


def test_a_tombstone_that_nobody_of_the_list_signed_deletes_no_clinic(secured: Secured, world: World) -> None:
    """Kafka lets any clinic's user delete any clinic's key; the list does not."""
    before = len(world.dead())
    assert secured.produce("clinic-samal-1", Outgoing("homecall.clinics.v1", b"tumar-7", None, ())) is None  # type: ignore[arg-type]  # what the client never sends
    world.wait(lambda: len(world.dead()) >= before + 1, "a dead letter", 60)
    assert world.dead()[before].headers["homecall-dead-reason"] == "unauthorised"


@pytest.mark.usefixtures("topics")
def test_each_forbidden_act_is_refused(secured: Secured) -> None:
    status = Outgoing("homecall.status.v1", b"k", b"{}", ())
    forbidden = {
        "a clinic says a status": secured.produce("clinic-samal-1", status),
        "the portal writes a roster": secured.produce("portal", Outgoing("homecall.rosters.v1", b"k", b"{}", ())),
        "the notifier writes a request": secured.produce("homecall-notifier", request("samal-1", 1)),
        "the contact centre writes a request": secured.produce("contact-centre", request("samal-1", 1)),
        "a clinic reads requests": secured.read("clinic-samal-1", "homecall.requests.v1", "clinic-samal-1-x"),
        "the portal reads complaints": secured.read("portal", "homecall.complaints.v1", "portal-x"),
        "the scheduler reads requests": secured.read(
            "homecall-scheduler", "homecall.requests.v1", "homecall-scheduler"
        ),
        "the Ministry reads complaints": secured.read("ministry", "homecall.complaints.v1", "ministry-x"),
        "the authority writes a request": secured.produce("quality-authority", request("samal-1", 1)),
        "a clinic reads dead letters": secured.read("clinic-samal-1", "homecall.dead-letters.v1", "clinic-samal-1-x"),
        "a clinic reads in another's group": secured.read("clinic-samal-1", "homecall.journal.v1", "homecall-intake"),
    }
    allowed = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)
    let_in = {act: str(error) for act, error in forbidden.items() if error is None or error.code() not in allowed}
    assert let_in == {}
    assert secured.read("portal", "homecall.status.v1", "portal-cabinet") is None
    assert secured.read("ministry", "homecall.complaint-status.v1", "ministry-office") is None
    assert secured.read("clinic-samal-1", "homecall.journal.v1", "clinic-samal-1-register") is None
    assert secured.command("clinic-samal-1", "topics", "create").returncode != 0


@pytest.mark.usefixtures("world")
def test_who_copies_the_stores_sees_where_the_groups_stand_and_no_record(
    secured: Secured, mongo: stack.Server, tmp_path: Path
) -> None:
    settings = {"HOMECALL_MONGO_URL": mongo.address, "HOMECALL_MONGO_PREFIX": tmp_path.name}
    for user in ("homecall-backup", "operators"):
        arguments = ("backup", "--out", str(tmp_path / user), "--json")
        done = secured.command(user, *arguments, **settings, HOMECALL_ENV="development")
        assert done.returncode == 0, done.stderr
        assert set(json.loads(done.stdout)["offsets"]) == set(SERVICES)
    refused = secured.read("homecall-backup", "homecall.requests.v1", "homecall-backup")
    assert refused is not None
    assert refused.code() in {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED}


@pytest.mark.usefixtures("topics")
def test_a_check_that_may_not_look_says_which_right_is_wanting(secured: Secured) -> None:
    done = secured.command("homecall-intake", "topics", "check")
    assert done.returncode == 1
    settings = [line for line in done.stdout.splitlines() if line.startswith("the settings of ")]
    assert len(settings) == 1
    assert "homecall.requests.v1" in settings[0]
    assert settings[0].endswith("give this user DescribeConfigs on them")
    assert "homecall.complaints.v1 is missing, or this user may not see it" in done.stdout
    assert "None" not in done.stdout


@pytest.mark.usefixtures("topics")
def test_a_clinic_that_floods_is_slowed_down_and_nobody_else_is(secured: Secured) -> None:
    """By the quotas as they are printed: what a clinic sends beyond its rate waits in its own connection."""
    (user,) = [user for user in users(CLINICS) if user.name == "clinic-aqqu-5"]
    assert user.quota is not None
    arguments = ["kafka.admin.ConfigCommand", "--bootstrap-server", secured.plain, "--alter"]
    arguments += quota_arguments(user.name, user.quota)
    done = subprocess.run(stack.kafka_tool(*arguments), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr

    def sent(user: str, size: int) -> tuple[float, list[float]]:
        """How long the broker took for so many bytes, and how long it said to wait."""
        waits: list[float] = []
        more = {"throttle_cb": lambda event: waits.append(event.throttle_time), "batch.size": 65_536}
        producer = Producer(secured.client(user, **more))
        began = time.monotonic()
        for number in range(size // 16_384):
            producer.produce("homecall.visits.v1", secrets.token_bytes(16_384), f"{number}".encode())
        assert producer.flush(30) == 0
        return time.monotonic() - began, [wait for wait in waits if wait > 0]

    # The broker counts over eleven seconds, so that much may come at once.
    burst = 11 * user.quota.producer_byte_rate
    seconds, waits = sent(user.name, burst + user.quota.producer_byte_rate // 2)
    assert waits, "the broker held nothing"
    assert seconds > min(waits) > 0
    assert sent("clinic-samal-1", 262_144)[1] == []


@pytest.mark.usefixtures("topics")
def test_a_wrong_password_or_none_is_no_way_in(secured: Secured) -> None:
    wrong = Secured(secured.plain, secured.address, secured.ca, {"portal": "wrong"}, secured.directory)
    done = wrong.command("portal", "watch", "status", "--seconds", "1")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        f"homecall: Kafka at {secured.address} (HOMECALL_KAFKA_BOOTSTRAP) refuses the user or the password: "
        "HOMECALL_KAFKA_USERNAME, HOMECALL_KAFKA_PASSWORD"
    ]
    right = secured.command("portal", "watch", "status", "--seconds", "1")
    assert right.returncode == 0, right.stderr


@pytest.mark.usefixtures("topics")
@pytest.mark.parametrize(
    ("setting", "wrong", "named"),
    [
        ("HOMECALL_KAFKA_PASSWORD", "wr0ng-passw0rd", "HOMECALL_KAFKA_PASSWORD"),
        ("HOMECALL_KAFKA_CA_FILE", "another authority", "HOMECALL_KAFKA_CA_FILE"),
    ],
)
def test_a_service_that_is_refused_stops_at_its_start_and_names_the_setting(
    secured: Secured, mongo: stack.Server, tmp_path: Path, setting: str, wrong: str, named: str
) -> None:
    """It does not wait as for a broker that is away, and the password is not told."""
    value = str(Authority(tmp_path).ca) if wrong == "another authority" else wrong
    env = {name: value for name, value in os.environ.items() if not name.startswith("HOMECALL_")}
    env |= secured.env("homecall-intake") | {
        "HOMECALL_ENV": "development",
        "HOMECALL_SIGNATURES": "off",
        "HOMECALL_MONGO_URL": mongo.address,
        "HOMECALL_MONGO_PREFIX": "refused",
        "HOMECALL_HTTP_PORT": "0",
        setting: value,
    }
    done = homecall_text("serve", "intake", env=env)
    assert done.returncode == 2, done.stderr
    *_, last = done.stderr.strip().splitlines()
    assert last.startswith(f"homecall: Kafka at {secured.address} (HOMECALL_KAFKA_BOOTSTRAP) ")
    assert named in last
    assert "Traceback" not in done.stderr
    assert "wr0ng-passw0rd" not in done.stderr


@pytest.mark.usefixtures("topics")
def test_the_printed_commands_are_kafkas_own(secured: Secured, tmp_path: Path) -> None:
    """One user's lines, run by Kafka's own tool: it must find nothing wrong with them."""
    (user,) = [user for user in users(("samal-9",)) if user.name == "clinic-samal-9"]
    for arguments in acl_arguments(user):
        command = [
            "org.apache.kafka.tools.AclCommand",
            "--bootstrap-server",
            secured.plain,
            "--add",
            "--force",
            *arguments,
        ]
        done = subprocess.run(stack.kafka_tool(*command), capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    script = tmp_path / "acls.sh"
    script.write_text(CliRunner().invoke(app, ["access", "samal-9"]).stdout, "utf-8")
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
