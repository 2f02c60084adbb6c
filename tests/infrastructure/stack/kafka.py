"""Brokers: one for the whole run, one of a test's own, or several together."""

from __future__ import annotations

import base64
import contextlib
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from homecall.demo.embedded import Child, embedded_broker
from homecall.demo.ports import free_port
from tests.infrastructure.stack.java import QUICK_JAVA, java, kafka_jars, making_class_archive, maven_is_there, with_us
from tests.infrastructure.stack.servers import Container, Server, bind, wait_until
from tests.infrastructure.stack.ways import KAFKA_IMAGE, kafka_way, setting


@contextlib.contextmanager
def shared_kafka() -> Iterator[Server]:
    """The broker of a whole test run."""
    if kafka_way() == "environment":
        yield Server(setting("HOMECALL_KAFKA_BOOTSTRAP"), "environment", control=None)
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
    make_class_archive()
    way = kafka_way()
    if way == "environment":
        way = "maven" if maven_is_there() else pytest.skip("no broker of our own here: only the one in the environment")
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
    if not maven_is_there():
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


def _maven_kafka(
    directory: Path, properties: Mapping[str, str], java_options: tuple[str, ...], closing: contextlib.ExitStack
) -> Server:
    port, controller = free_port(), free_port()
    single = {"controller.quorum.voters": f"1@127.0.0.1:{controller}", **properties}
    child = _kafka_node(directory, directory / "data", port, controller, single, None, java_options)
    closing.callback(child.stop)
    child.start()
    return Server(f"127.0.0.1:{port}", "maven", child)


def make_class_archive() -> None:
    """Have a broker write what makes the start of all later ones cheaper, once for a checkout; where it is Maven's."""
    if kafka_way() != "maven":
        return
    with making_class_archive() as options, contextlib.ExitStack() as closing:
        if options is not None:
            directory = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="kafka-")))
            server = _maven_kafka(directory, {}, options, closing)
            recreate_topics(server.address, {"classes": 1})


def _kafka_node(
    directory: Path,
    data: Path,
    port: int,
    controller: int,
    properties: Mapping[str, str],
    cluster: str | None,
    java_options: tuple[str, ...] = QUICK_JAVA,
) -> Child:
    """A broker that is a controller too, formatted and not started yet. ``cluster`` is None for one that is alone."""
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
    if cluster is None:
        _format_alone(config, Path(settings["log.dirs"]), log)
    else:
        _format(config, cluster, log)
    address = f"127.0.0.1:{port}"
    return Child(
        "Kafka",
        with_us(java(["kafka.Kafka", str(config)], java_options)),
        log,
        ready=lambda: kafka_answers(address),
        # Three at once, or one that looks through its logs after a crash, on a machine that does other work, too.
        patience=180,
    )


def _format(config: Path, cluster: str, log: Path) -> None:
    with log.open("ab") as out:
        formatting = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", f"--config={config}"]
        subprocess.run(java(formatting, QUICK_JAVA), stdout=out, stderr=subprocess.STDOUT, check=True)


def _format_alone(config: Path, data: Path, log: Path) -> None:
    """Give a broker that is alone a copy of a directory that was formatted once for a checkout: it saves a JVM.

    What formatting writes names the node and the cluster, and neither ports nor other settings. All that are alone have
    the id of one cluster; they never meet.
    """
    formatted = kafka_jars().with_name(f"{kafka_jars().name}.formatted")
    if formatted.is_dir():
        shutil.copytree(formatted, data, dirs_exist_ok=True)
        return
    _format(config, _cluster_id(), log)
    with tempfile.TemporaryDirectory(dir=formatted.parent) as unfinished:
        ready = Path(unfinished) / "formatted"
        shutil.copytree(data, ready)
        with contextlib.suppress(OSError):  # another process of the run was first
            ready.rename(formatted)


def _cluster_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _docker_kafka(closing: contextlib.ExitStack) -> Server:
    from testcontainers.core.container import DockerContainer

    # The same port on both sides: the broker reaches itself by the address that it gives to clients.
    port = free_port()
    container = DockerContainer(KAFKA_IMAGE)
    bind(container, port, port)
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
    return Server(address, "docker", Container(container.get_wrapped_container(), lambda: kafka_answers(address)))
