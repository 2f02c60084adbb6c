"""Where the tests' Kafka and MongoDB come from: the first of these that is there.

1. environment: ``HOMECALL_KAFKA_BOOTSTRAP`` and ``HOMECALL_MONGO_URL``, each for itself, with
   ``HOMECALL_TEST_USE_ENV=1``: the tests empty its topics. 0: leave them alone. Without it, `settle_environment` asks.
2. docker: testcontainers, on a local engine that has, or can get, the images ``HOMECALL_TEST_KAFKA_IMAGE`` and
   ``HOMECALL_TEST_MONGO_IMAGE``.
3. maven: real Apache Kafka from its jars, one node on 127.0.0.1, kept in ``.stack/``; and mongo-java-server.
4. pip: the pair of `homecall.demo.embedded`.

``HOMECALL_TEST_STACK`` (one of the four words) takes that one and no other. What is not ours to stop, or cannot do
what a test is about, makes the test skip and say so.

The two database stand-ins are not MongoDB. Both do what the stores keep to: find by id and index, inserts,
``update_one`` with ``$set``, ``$unset``, ``$inc``, unordered bulk writes, unique, sparse and compound indexes, counts,
``$match`` with ``$group`` on one field, and compare-and-set races with one winner. They differ (tried) in this:

nx-27017 (SQLite, kept on disk; 220 MiB after a heavy run; 2,300 bulk upserts/s, 2,400 bulk compare-and-sets/s)
  - ``$push`` and ``$addToSet`` of a document store its text, and turn the documents already in that list to text.
  - ``$set`` of a dotted path stores a datetime as text, and ``$set`` of any path may store true as 1; inside a whole
    document that is set both come back as they were. A list index in a path (``l.0``) changes nothing.
  - Greater and less on datetimes, and on text that looks like one, compare whole seconds.
  - Compound ``_id`` in a document or in ``$group``, ``$unwind`` before ``$group``, ``$min`` of datetimes, and ``$not``
    give a wrong answer or an error; so do the filters ``{l: []}``, ``{l: {$ne: []}}``, ``{"l.a": {$in: …}}`` and
    ``{"l.0": {$exists: …}}``, and equality with a document.
  - A projection that names dotted paths gives flat names, or nothing. Excluding them works.
  - Index names are its own; a duplicate key error has no ``keyPattern``; a UUID loses its subtype.
mongo-java-server (in memory: gone with the process, heap of up to 768 MiB; 18,000 bulk upserts/s, 8,000 bulk
compare-and-sets/s)
  - ``nInserted`` after an unordered insert counts the duplicates too. No ``keyPattern`` either.
  - No sessions, transactions or pipeline updates. Of itself it finds by unique indexes only; with our addition
    (tests/stack/MongoStandIn.java) by sparse ones too, of several fields by the first. All else reads everything.
  - An answer comes in one piece whatever its size, and above 48 MB the driver refuses it, unless ``batch_size`` is set.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from homecall.demo.embedded import Child, database, database_answers, embedded_broker, free_port, until

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "tests" / "stack"
CACHE = ROOT / ".stack"

KAFKA_IMAGE = os.environ.get("HOMECALL_TEST_KAFKA_IMAGE", "apache/kafka:4.3.1")
MONGO_IMAGE = os.environ.get("HOMECALL_TEST_MONGO_IMAGE", "mongo:8.0")
WAYS = ("environment", "docker", "maven", "pip")

# Quick to start and light on two cores; a benchmark asks for its own.
QUICK_JAVA = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class Control(Protocol):
    """What a server that is ours can be told; `homecall.demo.embedded.Child` is one."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


@dataclass(frozen=True)
class Server:
    """A running Kafka or database.

    ``address`` is ``host:port`` of Kafka, or the URL of the database. ``keeps`` is whether its data outlive a restart.
    `kill`, `stop`, `start`, `restart`, `pause`, `resume` keep address and data; where that cannot be, the test skips.
    """

    address: str
    way: str
    control: Control | None
    keeps: bool = True

    def start(self) -> None:
        self._ours("start").start()

    def stop(self) -> None:
        self._ours("stop").stop()

    def kill(self) -> None:
        """End it as a crash would."""
        self._ours("kill").kill()

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """Hold it still: connections stay open and nothing is answered. Always `resume` in the end."""
        self._ours("pause").pause()

    def resume(self) -> None:
        self._ours("resume").resume()

    def _ours(self, what: str) -> Control:
        if self.control is None:
            pytest.skip(f"the server at {self.address} is not ours to {what}")
        if not self.keeps and what in {"start", "stop", "kill"}:
            pytest.skip(f"{self.way} keeps nothing over a restart")
        return self.control


# ---- Which way -------------------------------------------------------------------------------------------------------


def settle_environment() -> None:
    """Decide, before anything starts, whether what the environment names is for tests. Raises ``SystemExit``.

    A shell may name a broker and a database for other work, as the walk-through's does, and tests empty the topics.
    """
    named = [name for name in ("HOMECALL_KAFKA_BOOTSTRAP", "HOMECALL_MONGO_URL") if name in os.environ]
    choice = os.environ.get("HOMECALL_TEST_USE_ENV")
    if not named or choice == "1" or "HOMECALL_TEST_STACK" in os.environ:
        return
    if choice != "0":
        which = " and ".join(f"{name}={_without_password(os.environ[name])}" for name in named)
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise SystemExit(
                f"{which} set in this shell: set HOMECALL_TEST_USE_ENV=1 to run the tests there, which empties its "
                "topics, or HOMECALL_TEST_USE_ENV=0 to run them on a broker and a database of their own"
            )
        sys.stderr.write(f"{which} set in this shell. The tests empty the topics there. Use them? [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() in {"y", "yes"}:
            os.environ["HOMECALL_TEST_USE_ENV"] = "1"
            return
        sys.stderr.write("The tests run on a broker and a database of their own.\n")
    # The rest of such a shell's settings, too: they go with those servers.
    for name in [name for name in os.environ if name.startswith("HOMECALL_") and not name.startswith("HOMECALL_TEST_")]:
        del os.environ[name]


def _without_password(address: str) -> str:
    return re.sub(r"//[^@/]*@", "//…@", address)


def kafka_way() -> str:
    """How `kafka` runs here: one of WAYS."""
    return _first({"environment": lambda: "HOMECALL_KAFKA_BOOTSTRAP" in os.environ, "docker": _docker_has_kafka})


def mongo_way() -> str:
    """How `mongo` runs here: one of WAYS. Without a Java compiler "maven" is nx-27017 all the same."""
    return _first({"environment": lambda: "HOMECALL_MONGO_URL" in os.environ, "docker": _docker_has_mongo})


def describe() -> str:
    """One line for the head of a test run."""
    stand_in = {"environment": "as given", "docker": MONGO_IMAGE, "maven": "mongo-java-server", "pip": "nx-27017"}
    broker = {
        "environment": "as given",
        "docker": KAFKA_IMAGE,
        "maven": "Apache Kafka, from Maven",
        "pip": "mock cluster",
    }
    mongo = "nx-27017" if mongo_way() == "maven" and not _java_compiler() else stand_in[mongo_way()]
    return f"Kafka: {broker[kafka_way()]} ({kafka_way()}); MongoDB: {mongo} ({mongo_way()})"


def _first(there: Mapping[str, Callable[[], bool]]) -> str:
    asked = os.environ.get("HOMECALL_TEST_STACK")
    if asked is not None:
        if asked not in WAYS:
            raise pytest.UsageError(f"HOMECALL_TEST_STACK is {asked!r}: one of {', '.join(WAYS)} is meant")
        return asked
    if there["environment"]():
        return "environment"
    if there["docker"]():
        return "docker"
    return "maven" if _maven_is_there() else "pip"


def _maven_is_there() -> bool:
    return shutil.which("java") is not None and (shutil.which("mvn") is not None or _jars().is_dir())


def _java_compiler() -> bool:
    return shutil.which("javac") is not None


@functools.cache
def _docker_has_kafka() -> bool:
    return _docker_has(KAFKA_IMAGE)


@functools.cache
def _docker_has_mongo() -> bool:
    return _docker_has(MONGO_IMAGE)


def _docker_has(image: str) -> bool:
    """Whether a local engine answers and the image is on it, or its registry answers for it."""
    import docker
    from docker.errors import DockerException

    if not os.environ.get("DOCKER_HOST", "unix://").startswith("unix://"):
        return False  # ports are mapped to 127.0.0.1, which has to be ours
    try:
        client = docker.from_env(timeout=5)
        if client.api.images(name=image):
            return True
        client.images.get_registry_data(image)
    except (DockerException, OSError):
        return False
    return True


# ---- Kafka -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def shared_kafka() -> Iterator[Server]:
    """The broker of a whole test run."""
    if kafka_way() == "environment":
        yield Server(_setting("HOMECALL_KAFKA_BOOTSTRAP"), "environment", control=None)
    else:
        with own_kafka() as server:
            yield server


@contextlib.contextmanager
def own_kafka(
    topics: Mapping[str, int] | None = None,
    *,
    properties: Mapping[str, str] | None = None,
    java_options: tuple[str, ...] = QUICK_JAVA,
) -> Iterator[Server]:
    """A broker with nothing in it but ``topics`` (name to partitions), for one user, stopped at the end.

    ``properties`` go into server.properties, and with ``java_options`` need the Maven way; ``more.listeners`` among
    them is one more listener, named for its protocol, beside the plain one.
    """
    way = kafka_way()
    if way == "environment":
        way = (
            "maven" if _maven_is_there() else pytest.skip("no broker of our own here: only the one in the environment")
        )
    if way != "maven" and properties:
        pytest.skip(f"needs Kafka from Maven for its settings; this run is on {way}")
    with contextlib.ExitStack() as closing:
        directory = Path(
            closing.enter_context(tempfile.TemporaryDirectory(prefix="kafka-", ignore_cleanup_errors=True))
        )
        match way:
            case "docker":
                server = _docker_kafka(closing)
            case "maven":
                server = _maven_kafka(directory, properties or {}, java_options, closing)
            case _:
                child, address = embedded_broker(directory, topics or {})
                closing.callback(child.stop)
                child.start()
                yield Server(address(), "pip", child, keeps=False)
                return
        recreate_topics(server.address, topics or {})
        yield server


@contextlib.contextmanager
def own_cluster(
    nodes: int = 3, *, directories: Mapping[int, Path] | None = None, properties: Mapping[str, str] | None = None
) -> Iterator[list[Server]]:
    """So many brokers that are also their own controllers, for one user: replication over all, two in sync to write.

    The first node has the id 1. ``directories`` says where a node keeps its data, if not with the others. Needs Maven.
    """
    if not _maven_is_there():
        pytest.skip("several brokers need Kafka from Maven, which is not here")
    ports = [(free_port(), free_port()) for _ in range(nodes)]
    voters = ",".join(f"{number}@127.0.0.1:{controller}" for number, (_, controller) in enumerate(ports, start=1))
    shared = {
        "offsets.topic.replication.factor": str(nodes),
        "transaction.state.log.replication.factor": str(nodes),
        "share.coordinator.state.topic.replication.factor": str(nodes),
        "default.replication.factor": str(nodes),
        "min.insync.replicas": "2",
        "broker.session.timeout.ms": "4000",
        **(properties or {}),
    }
    cluster = _cluster_id()
    with contextlib.ExitStack() as closing:
        temporary = tempfile.TemporaryDirectory(prefix="kafka-", ignore_cleanup_errors=True)
        base = Path(closing.enter_context(temporary))
        children = []
        for number, (port, controller) in enumerate(ports, start=1):
            directory = (directories or {}).get(number, base / str(number))
            directory.mkdir(parents=True, exist_ok=True)
            (base / f"log-{number}").mkdir()
            places = {"node.id": str(number), "controller.quorum.voters": voters}
            child = _kafka_node(base / f"log-{number}", directory, port, controller, shared | places, cluster)
            closing.callback(child.stop)
            children.append(child)
        with ThreadPoolExecutor(nodes) as starting:  # one alone has no quorum, and is not ready
            list(starting.map(lambda child: child.start(), children))
        addresses = [f"127.0.0.1:{port}" for port, _ in ports]
        yield [Server(address, "maven", child) for address, child in zip(addresses, children, strict=True)]


def recreate_topics(
    bootstrap: str,
    topics: Mapping[str, int],
    configs: Mapping[str, Mapping[str, str]] | None = None,
    replication: int = 1,
) -> None:
    """Leave each topic empty, with so many partitions, whether it was there or not; return when all have leaders.

    Committed offsets of the topics go with them. Skips the test on the embedded broker, which cannot delete.
    """
    if not topics:
        return
    if kafka_way() == "pip":
        pytest.skip("the embedded broker cannot delete topics: needs real Kafka")
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
    there = admin.list_topics(timeout=15).topics
    _each(admin.delete_topics([name for name in topics if name in there]) if topics.keys() & there.keys() else {})
    wait_until(lambda: not topics.keys() & admin.list_topics(timeout=15).topics.keys(), "the old topics are gone")
    _each(
        admin.create_topics(
            [
                NewTopic(name, count, replication, config=dict((configs or {}).get(name, {})))
                for name, count in topics.items()
            ]
        )
    )

    def complete() -> bool:
        known = admin.list_topics(timeout=15).topics
        return all(
            name in known
            and len(known[name].partitions) == count
            and all(p.leader >= 0 for p in known[name].partitions.values())
            for name, count in topics.items()
        )

    wait_until(complete, "the new topics have leaders")


def _each(futures: Mapping[str, Any]) -> None:
    for future in futures.values():
        try:
            future.result(15)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:  # deleted by an earlier try
                raise


def kafka_answers(bootstrap: str) -> bool:
    """Whether a broker there knows of itself."""
    try:
        return bool(AdminClient({"bootstrap.servers": bootstrap, "log_level": 2}).list_topics(timeout=1).brokers)
    except KafkaException:
        return False


def wait_until(condition: Callable[[], bool], what: str, patience: float = 30.0) -> None:
    """Wait for a condition; fail the test by its name after ``patience`` seconds."""
    if not until(condition, patience):
        pytest.fail(f"not within {patience:.0f} s: {what}")


def _maven_kafka(
    directory: Path, properties: Mapping[str, str], java_options: tuple[str, ...], closing: contextlib.ExitStack
) -> Server:
    port, controller = free_port(), free_port()
    single = {"controller.quorum.voters": f"1@127.0.0.1:{controller}", **properties}
    child = _kafka_node(directory, directory / "data", port, controller, single, _cluster_id(), java_options)
    closing.callback(child.stop)
    child.start()
    return Server(f"127.0.0.1:{port}", "maven", child)


def _kafka_node(
    directory: Path,
    data: Path,
    port: int,
    controller: int,
    properties: Mapping[str, str],
    cluster: str,
    java_options: tuple[str, ...] = QUICK_JAVA,
) -> Child:
    """A broker that is a controller too, formatted and not started yet."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "num.partitions": "6",
        "auto.create.topics.enable": "false",
        # Groups that form and fall apart at a test's pace.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # A broker that was killed is let in again when its last session is over; 9 s is the default.
        "broker.session.timeout.ms": "2000",
        "broker.heartbeat.interval.ms": "500",
        **properties,
    }
    more = settings.pop("more.listeners", None)
    if more is not None:
        for name in ("listeners", "advertised.listeners"):
            settings[name] += f",{more}"
        protocol = more.partition("://")[0]
        settings["listener.security.protocol.map"] += f",{protocol}:{protocol}"
    config = directory / "server.properties"
    config.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="ascii")
    log = directory / "kafka.log"
    with log.open("ab") as out:
        formatting = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", f"--config={config}"]
        subprocess.run(_java(formatting, QUICK_JAVA), stdout=out, stderr=subprocess.STDOUT, check=True)
    address = f"127.0.0.1:{port}"
    return Child(
        "Kafka",
        with_us(_java(["kafka.Kafka", str(config)], java_options)),
        log,
        ready=lambda: kafka_answers(address),
        # Three at once, or one that looks through its logs after a crash, on a machine that does other work, too.
        patience=180,
    )


def _cluster_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _docker_kafka(closing: contextlib.ExitStack) -> Server:
    from testcontainers.core.container import DockerContainer

    # The same port on both sides: the broker reaches itself by the address that it gives to clients.
    port = free_port()
    container = DockerContainer(KAFKA_IMAGE)
    _bind(container, port, port)
    for name, value in {
        "CLUSTER_ID": _cluster_id(),
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_NODE_ID": "1",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:19093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:19093",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_LOG_DIRS": "/var/lib/kafka/data",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_NUM_PARTITIONS": "6",
        "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    }.items():
        container.with_env(name, value)
    closing.callback(container.stop)
    container.start()
    address = f"127.0.0.1:{port}"
    wait_until(lambda: kafka_answers(address), "Kafka's container answers", patience=120)
    return Server(address, "docker", _Container(container.get_wrapped_container(), lambda: kafka_answers(address)))


# ---- MongoDB ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def shared_mongo() -> Iterator[Server]:
    """The database of a whole test run."""
    match mongo_way():
        case "environment":
            yield Server(_setting("HOMECALL_MONGO_URL"), "environment", control=None)
        case "docker":
            with _docker_mongo() as server:
                yield server
        case "maven" if _java_compiler():
            with mongo_java() as server:
                yield server
        case _:
            with mongo_nx() as server:
                yield server


@contextlib.contextmanager
def own_mongo() -> Iterator[Server]:
    """A database for one user that keeps its data when it is killed, stopped at the end."""
    with _docker_mongo() if mongo_way() == "docker" else mongo_nx() as server:
        yield server


@contextlib.contextmanager
def mongo_nx() -> Iterator[Server]:
    """nx-27017 over a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="nx-", ignore_cleanup_errors=True) as directory:
        child, url = database(Path(directory))
        child.start()
        try:
            yield Server(url, "pip", child)
        finally:
            child.stop()


@contextlib.contextmanager
def fast_mongo(heap: str) -> Iterator[Server]:
    """The fastest database at hand, for a benchmark; ``heap`` is how much memory one in memory may take, as in 2g."""
    if mongo_way() == "maven" and _java_compiler():
        # All of the heap from the start, most of it for what is stored: growing it collects everything again and again.
        with mongo_java(heap, f"-Xms{heap}", "-XX:NewRatio=4") as server:
            yield server
    else:
        with shared_mongo() as server:
            yield server


@contextlib.contextmanager
def mongo_java(heap: str = "768m", *options: str) -> Iterator[Server]:
    """mongo-java-server in memory. Skips without Java's compiler or the jars."""
    if not (_maven_is_there() and _java_compiler()):
        pytest.skip("mongo-java-server needs Maven and a Java compiler")
    with tempfile.TemporaryDirectory(prefix="mongo-java-") as directory:
        port = free_port()
        url = f"mongodb://127.0.0.1:{port}"
        child = Child(
            "mongo-java-server",
            with_us(_java(["MongoStandIn", str(port)], (f"-Xmx{heap}", "-XX:+UseSerialGC", *options))),
            Path(directory) / "mongo.log",
            ready=lambda: database_answers(url),
        )
        child.start()
        try:
            yield Server(url, "mongo-java-server", child, keeps=False)
        finally:
            child.stop()


@contextlib.contextmanager
def _docker_mongo() -> Iterator[Server]:
    from testcontainers.mongodb import MongoDbContainer

    port = free_port()
    container = MongoDbContainer(MONGO_IMAGE)
    _bind(container, 27017, port)
    with container:
        url = f"mongodb://{container.username}:{container.password}@127.0.0.1:{port}"
        yield Server(url, "docker", _Container(container.get_wrapped_container(), lambda: database_answers(url)))


# ---- How they run ----------------------------------------------------------------------------------------------------


class _Container:
    """A container as `Control`; it keeps its file system, and a port that was chosen by us, over a restart."""

    def __init__(self, container: Any, ready: Callable[[], bool]) -> None:
        self._container = container
        self._ready = ready

    def start(self) -> None:
        self._container.start()
        wait_until(self._ready, "the container is ready again", patience=120)

    def stop(self) -> None:
        self._container.stop(timeout=15)

    def kill(self) -> None:
        self._container.kill()

    def pause(self) -> None:
        self._container.pause()

    def resume(self) -> None:
        self._container.unpause()


def _bind(container: Any, inner: int, port: int) -> None:
    # Not with_bind_ports: it knows no address, and would open the port on every one.
    container.ports[str(inner)] = ("127.0.0.1", port)


def with_us(command: list[str]) -> list[str]:
    """The command, made to end when our end of its standard input closes, as `Child` asks of it."""
    guard = 'exec 3<&0; (cat <&3 >/dev/null; kill -9 $$) & exec "$@" </dev/null 3<&-'
    return ["sh", "-c", guard, "sh", *command]


def kafka_jars() -> Path:
    """The directory of Kafka's jars, fetched where it is not there yet."""
    jars = _jars()
    if not jars.is_dir():
        _fetch(jars)
    return jars


def _java(command: list[str], options: tuple[str, ...]) -> list[str]:
    jars = kafka_jars()
    logging = f"-Dlog4j2.configurationFile={SOURCES / 'log4j2.xml'}"
    return ["java", *options, logging, "-cp", f"{jars}{os.pathsep}{jars}/*", *command]


def java_source(program: Path, *arguments: str) -> list[str]:
    """The command that runs a Java source file with Kafka's jars. Skips without Java's compiler or Maven."""
    if not (_maven_is_there() and _java_compiler()):
        pytest.skip("a Java source file needs a JDK, and Kafka's jars Maven")
    return _java([str(program), *arguments], QUICK_JAVA)


def kafka_tool(*command: str) -> list[str]:
    """The command that runs one of Kafka's own tools, by its class. Skips without Maven."""
    if not _maven_is_there():
        pytest.skip("Kafka's own tools come from Maven")
    return _java([*command], QUICK_JAVA)


def _jars() -> Path:
    """The cached directory of jars and of what is compiled against them; another one when their sources change."""
    sources = b"".join(path.read_bytes() for path in sorted(SOURCES.iterdir()) if path.suffix in {".xml", ".java"})
    return CACHE / f"java-{hashlib.sha256(sources + bytes([_java_compiler()])).hexdigest()[:12]}"


def _fetch(jars: Path) -> None:
    """Have Maven copy the jars, compile the one class of ours, and put both in place as a whole."""
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as unfinished:
        ready = Path(unfinished) / "java"
        maven = ["mvn", "-B", "-q", "-f", str(SOURCES / "pom.xml"), "dependency:copy-dependencies"]
        _run([*maven, f"-DoutputDirectory={ready}"], "Maven did not get Kafka's jars")
        if _java_compiler():
            compiler = ["javac", "-d", str(ready), "-cp", f"{ready}/*", str(SOURCES / "MongoStandIn.java")]
            _run(compiler, "tests/stack/MongoStandIn.java does not compile")
        with contextlib.suppress(OSError):  # another run was first
            ready.rename(jars)


def _run(command: list[str], problem: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stdout)
        raise RuntimeError(f"{problem}: {(done.stdout.strip().splitlines() or ['it says nothing'])[0]}")


def _setting(name: str) -> str:
    if name not in os.environ:
        raise pytest.UsageError(f"HOMECALL_TEST_STACK is environment, but {name} is not set")
    return os.environ[name]
