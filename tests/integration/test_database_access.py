"""MongoDB with TLS, passwords and roles: the services' work passes, each forbidden act is refused and told in one line.

The users are those of ``homecall access --format mongodb-json``. What asks for them is ``mongo_front.py``, which stands
before a database of the tests that has neither TLS nor passwords: it proves what we send and what we make of the
answers, and not MongoDB. The same handshake is held against a server of others where FerretDB is at hand
(HOMECALL_TEST_FERRETDB names its program): it asks for passwords, and knows no roles.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pymongo import MongoClient
from pymongo.errors import ConnectionFailure
from typer.testing import CliRunner

from homecall.cli.main import app
from homecall.contract.topics import INTAKE, NOTIFIER, SERVICES
from homecall.demo.embedded import Child, database_answers
from homecall.demo.ports import free_port
from homecall.runtime.failures import Refused, Transient
from homecall.runtime.mongo.client import Database
from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster
from tests.infrastructure import stack
from tests.infrastructure.forked import homecall_text
from tests.infrastructure.process import Process
from tests.infrastructure.tls import Authority
from tests.infrastructure.world import World, a_world, contract_configs, contract_topics

PREFIX = f"guarded_{secrets.token_hex(4)}"
REFUSED = "MongoDB refuses the user or the password in HOMECALL_MONGO_URL"
UNTRUSTED = "MongoDB shows a certificate that is not trusted: tlsCAFile and the host in HOMECALL_MONGO_URL"
NOT_ITS_WORK = "MongoDB does not let the user in HOMECALL_MONGO_URL do its work: see homecall access --format mongosh"


@dataclass(frozen=True)
class Guarded:
    """A database that asks who comes."""

    place: str
    authority: Authority
    passwords: Mapping[str, str]
    asks: Child
    directory: Path

    def url(self, user: str, *more: str, password: str | None = None, ca: Path | None = None) -> str:
        """A user's HOMECALL_MONGO_URL."""
        secret = quote(password or self.passwords[user], safe="")
        options = ["tls=true", f"tlsCAFile={ca or self.authority.ca}", *more]
        return f"mongodb://{user}:{secret}@{self.place}/?{'&'.join(options)}"


@pytest.fixture(scope="module")
def passwords() -> dict[str, str]:
    listed = CliRunner().invoke(app, ["access", "--format", "mongodb-json", "--prefix", PREFIX]).stdout
    # Such as a URL must quote.
    return {user["user"]: f"p@ss/{secrets.token_hex(6)}" for user in json.loads(listed)}


def front(
    directory: Path, backend: str, passwords: Mapping[str, str], port: int, *, client_certificates: bool = False
) -> Child:
    """What asks for users before a plain database, not started yet."""
    listed = CliRunner().invoke(app, ["access", "--format", "mongodb-json", "--prefix", PREFIX]).stdout
    name = f"front-{secrets.token_hex(4)}"
    users = directory / f"{name}.json"
    users.write_text(json.dumps([user | {"pwd": passwords[user["user"]]} for user in json.loads(listed)]), "utf-8")
    command = [sys.executable, str(stack.SOURCES / "mongo_front.py"), "--listen", f"127.0.0.1:{port}"]
    command += ["--to", backend.removeprefix("mongodb://").rstrip("/"), "--users", str(users)]
    command += ["--cert", str(directory / "database.pem")]
    if client_certificates:
        command += ["--client-ca", str(directory / "ca.pem")]
    log = directory / f"{name}.log"
    return Child(
        "what asks for users", stack.with_us(command), log, ready=lambda: "waiting" in log.read_text("utf-8", "replace")
    )


@pytest.fixture(scope="module")
def guarded(
    mongo: stack.Server, passwords: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    if "@" in mongo.address or mongo.way in {"environment", "docker"}:
        pytest.skip("the database of this run asks for users itself, or is not ours to stand before")
    directory = tmp_path_factory.mktemp("guarded")
    authority = Authority(directory)
    authority.server("database")
    port = free_port()
    child = front(directory, mongo.address, passwords, port)
    child.start()
    try:
        yield Guarded(f"127.0.0.1:{port}", authority, passwords, child, directory)
    finally:
        child.stop()


@pytest.fixture(scope="module")
def world(guarded: Guarded, kafka: stack.Server) -> Iterator[World]:
    """The four services, each with its own user of the database."""
    stack.recreate_topics(kafka.address, contract_topics(), contract_configs())
    with a_world(kafka.address, "not used", PREFIX, at=MONDAY) as world:
        for name in SERVICES:
            env = world.env | {"HOMECALL_MONGO_URL": guarded.url(name)}
            world.processes.append(Process(name, env, world.directory / f"{name}.log", free_port(), forked=True))
        for process in world.processes:
            process.start()
        for process in world.processes:
            process.wait_ready()
        yield world
        world.stop()


def command(world_env: Mapping[str, str], url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("HOMECALL_")}
    env |= dict(world_env) | {"HOMECALL_MONGO_URL": url, "HOMECALL_HTTP_PORT": "0"}
    return homecall_text(*arguments, env=env)


def test_the_services_do_their_work_each_with_its_own_user(guarded: Guarded, world: World) -> None:
    request = a_request("samal-1", 1, MONDAY)
    world.publish("clinic.published", a_clinic("samal-1"))
    world.publish("roster.published", a_roster("samal-1", MONDAY.date(), [a_doctor("d-1")]))
    world.publish("request.submitted", request)
    world.wait(
        lambda: world.statuses(request["request_id"]) == ["registered", "scheduled"], "a request to be scheduled"
    )
    world.settle()
    # Who only looks has the right to look, and who erases the right to all of it.
    looked = command(world.env, guarded.url("reconcile"), "reconcile", "samal-1", MONDAY.date().isoformat())
    assert looked.returncode == 0, looked.stdout + looked.stderr
    erased = command(world.env, guarded.url("erase"), "erase", "--older-than", "400", "--dry-run")
    assert erased.returncode == 0, erased.stdout + erased.stderr


def test_a_service_that_runs_waits_while_its_password_is_changed_and_loses_nothing(
    guarded: Guarded, world: World, mongo: stack.Server
) -> None:
    """The database knows the new password before the service does; then the old one is put back."""
    port = int(guarded.place.rpartition(":")[2])
    changed = front(guarded.directory, mongo.address, dict.fromkeys(guarded.passwords, "another"), port)
    request = a_request("samal-1", 2, MONDAY)
    guarded.asks.stop()
    changed.start()
    try:
        world.publish("request.submitted", request)
        (intake,) = [process for process in world.processes if process.name == INTAKE]
        world.wait(lambda: REFUSED in intake.log.read_text("utf-8"), "the log to say why it waits")
        assert intake.running
        assert intake.get("/readyz")[0] == 503
    finally:
        changed.stop()
        guarded.asks.start()
    world.wait(lambda: world.statuses(request["request_id"]) == ["registered", "scheduled"], "what waited to go on")
    world.settle()
    assert world.dead() == []


async def refusal(url: str, service: str) -> str:
    """What comes of looking into a service's store."""
    database = Database(url, f"{PREFIX}_{service}")
    try:
        await database.collection("requests").find({"_id": "nobody"})
    except Refused as error:
        return str(error)
    except Transient as error:
        return f"only {error}"
    finally:
        await database.close()
    return "let in"


async def test_a_user_of_one_service_cannot_look_into_anothers_store(guarded: Guarded) -> None:
    assert await refusal(guarded.url(INTAKE), INTAKE) == "let in"
    assert await refusal(guarded.url(INTAKE), NOTIFIER) == NOT_ITS_WORK
    assert await refusal(guarded.url("backup"), INTAKE) == NOT_ITS_WORK
    reconcile = Database(guarded.url("reconcile"), f"{PREFIX}_{INTAKE}")
    with pytest.raises(Refused, match="does not let the user"):
        await reconcile.collection("requests").ensure_indexes([("timer_at", False)])
    await reconcile.close()


async def test_a_wrong_password_or_authority_is_told_by_what_is_wrong(guarded: Guarded, tmp_path: Path) -> None:
    assert await refusal(guarded.url(INTAKE, password="wr0ng"), INTAKE) == REFUSED
    assert await refusal(guarded.url("nobody", password="wr0ng"), INTAKE) == REFUSED
    assert await refusal(guarded.url(INTAKE, ca=Authority(tmp_path).ca), INTAKE) == UNTRUSTED


def test_a_service_that_is_refused_stops_at_its_start_with_one_line(guarded: Guarded) -> None:
    """It does not wait as for a database that is away, and no password is told."""
    env = {"HOMECALL_ENV": "development", "HOMECALL_SIGNATURES": "off", "HOMECALL_MONGO_PREFIX": PREFIX}
    done = command(env, guarded.url(INTAKE, password="wr0ng-passw0rd"), "serve", "intake")
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip().splitlines()[-1] == f"homecall: {REFUSED}"
    assert "Traceback" not in done.stderr
    for secret in ("wr0ng-passw0rd", guarded.passwords[INTAKE], quote(guarded.passwords[INTAKE], safe="")):
        assert secret not in done.stderr + done.stdout


async def test_a_database_that_asks_for_a_certificate_gets_the_one_in_the_address(
    mongo: stack.Server, guarded: Guarded, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    authority.server("database")
    port = free_port()
    child = front(tmp_path, mongo.address, guarded.passwords, port, client_certificates=True)
    child.start()
    try:
        asking = Guarded(f"127.0.0.1:{port}", authority, guarded.passwords, child, tmp_path)
        ours = authority.server("intake")
        assert await refusal(asking.url(INTAKE, f"tlsCertificateKeyFile={ours}"), INTAKE) == "let in"
        without = MongoClient[dict[str, Any]](asking.url(INTAKE), serverSelectionTimeoutMS=300)
        with without, pytest.raises(ConnectionFailure):
            without.admin.command("ping")
    finally:
        child.stop()


@pytest.fixture
def ferretdb(tmp_path: Path) -> Iterator[Guarded]:
    """FerretDB 1.24 over SQLite, with its TLS listener and its own SCRAM.

    To build it: copy the directory of ``go mod download -json github.com/FerretDB/FerretDB@v1.24.0`` to build/ferretdb,
    make it writable, write ``v1.24.0`` into its build/version/version.txt, and run there
    ``go build -o ferretdb ./cmd/ferretdb``.
    """
    program = os.environ.get("HOMECALL_TEST_FERRETDB")
    if program is None:
        pytest.skip("HOMECALL_TEST_FERRETDB names no program of FerretDB: this fixture tells how it is built")
    authority = Authority(tmp_path)
    pem, port, password = authority.server("ferretdb"), free_port(), secrets.token_hex(12)
    (tmp_path / "data").mkdir()
    listening = [program, "--handler=sqlite", f"--sqlite-url=file:{tmp_path}/data/", f"--state-dir={tmp_path}"]
    listening += ["--listen-addr=", f"--listen-tls=127.0.0.1:{port}", f"--listen-tls-cert-file={pem}"]
    listening += [f"--listen-tls-key-file={pem}", "--debug-addr=-", "--telemetry=disable", "--test-enable-new-auth"]
    listening += ["--setup-database=admin", "--setup-username=intake", f"--setup-password={password}"]
    address = f"mongodb://intake:{password}@127.0.0.1:{port}/?tls=true&tlsCAFile={authority.ca}"
    child = Child("FerretDB", stack.with_us(listening), tmp_path / "log", ready=lambda: database_answers(address))
    found = Guarded(f"127.0.0.1:{port}", authority, {INTAKE: password}, child, tmp_path)
    child.start()
    try:
        yield found
    finally:
        child.stop()


async def test_a_server_of_others_lets_in_and_refuses_alike(ferretdb: Guarded, tmp_path: Path) -> None:
    assert await refusal(ferretdb.url(INTAKE), INTAKE) == "let in"
    assert await refusal(ferretdb.url(INTAKE, "authMechanism=SCRAM-SHA-256"), INTAKE) == "let in"
    assert await refusal(ferretdb.url(INTAKE, password="wr0ng"), INTAKE) == REFUSED
    (tmp_path / "other").mkdir()
    assert await refusal(ferretdb.url(INTAKE, ca=Authority(tmp_path / "other").ca), INTAKE) == UNTRUSTED
    nobody = f"mongodb://{ferretdb.place}/?tls=true&tlsCAFile={ferretdb.authority.ca}"
    assert await refusal(nobody, INTAKE) == NOT_ITS_WORK
