"""A world for integration and fault tests: real processes of the services, and a reader of all that they say."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from homecall.contract.topics import TOPIC_OF_TYPE, TOPICS, TYPE_PREFIX
from homecall.contract.types import ZONE
from homecall.demo.ports import free_port
from homecall.runtime.clock import clock_from
from tests.factories import MONDAY
from tests.infrastructure import stack
from tests.infrastructure.process import Process
from tests.infrastructure.reader import Heard, Reader


@dataclass
class World:
    """A broker, a database, the processes on them, and all that they have said."""

    kafka: str
    mongo: str
    directory: Path
    prefix: str
    clock: str | None
    extra: Mapping[str, str] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)
    reads: Sequence[str] = tuple(topic.name for topic in TOPICS)

    def __post_init__(self) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": self.kafka,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "message.max.bytes": 8_000_000,
                "linger.ms": 5,
                "log_level": 2,
            }
        )
        self.reader = Reader(self.kafka, self.reads)
        self.reader.start()

    @property
    def env(self) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("HOMECALL_")}
        env |= {
            "HOMECALL_ENV": "development",
            "HOMECALL_SIGNATURES": "off",
            "HOMECALL_KAFKA_BOOTSTRAP": self.kafka,
            "HOMECALL_MONGO_URL": self.mongo,
            "HOMECALL_MONGO_PREFIX": self.prefix,
        }
        if self.clock is not None:
            env["HOMECALL_CLOCK"] = self.clock
        return env | dict(self.extra)

    def start(
        self,
        *names: str,
        ready: bool = True,
        command: Sequence[str] = ("homecall.cli.main",),
        failpoints: Mapping[str, str] = MappingProxyType({}),
        forked: bool = True,
    ) -> list[Process]:
        """Start services, one process each; ``command`` is the module that is run, with its first arguments.

        ``failpoints`` has by service what its processes do at a step, until they are started again. Where the start
        or the memory is measured, they are not ``forked``.
        """
        started = []
        for name in names:
            log = self.directory / f"{name}-{len(self.processes)}.log"
            process = Process(name, self.env, log, free_port(), command, failpoints.get(name, ""), forked=forked)
            process.start()
            self.processes.append(process)
            started.append(process)
        if ready:
            for process in started:
                process.wait_ready()
        return started

    def publish(
        self, event_type: str, *events: Mapping[str, Any], source: str = "/test", ids: Sequence[str] = ()
    ) -> None:
        """Publish events of a type in binary mode; the id is derived from the content unless given."""
        for place, data in enumerate(events):
            self.publish_one(event_type, data, source=source, event_id=ids[place] if ids else None)
        self.flush()

    def publish_one(
        self,
        event_type: str,
        data: Mapping[str, Any],
        *,
        source: str = "/test",
        event_id: str | None = None,
        partition: int = -1,
    ) -> None:
        """The same for one event, which is on its way when ``flush`` returns."""
        topic = TOPIC_OF_TYPE[event_type]
        value = json.dumps(data, ensure_ascii=False).encode()
        headers = {
            "ce_specversion": "1.0",
            "ce_id": event_id or str(uuid.uuid5(uuid.NAMESPACE_OID, value.decode())),
            "ce_source": source,
            "ce_type": TYPE_PREFIX + event_type,
            "content-type": "application/json",
        }
        self.send(topic.name, value, str(data.get(topic.key, "")), headers, partition)

    def send(
        self, topic: str, value: bytes | None, key: str | None, headers: Mapping[str, str | bytes], partition: int = -1
    ) -> None:
        """Put a record into the producer's queue, as it is; the partition is that of its key unless given."""
        taken = False
        while not taken:
            try:
                self._producer.produce(topic, value, key, partition, headers=list(headers.items()))
                taken = True
            except BufferError:
                self._producer.poll(0.1)

    def flush(self) -> None:
        assert self._producer.flush(30) == 0, "the broker did not take all that was published"

    def heard(self, *types: str) -> list[Heard]:
        """What was said so far, of these types, in the order it was read."""
        return [
            each
            for each in list(self.reader.heard)
            if each.type in types and "homecall-dead-reason" not in each.headers
        ]

    def dead(self) -> list[Heard]:
        """The dead letters so far."""
        return [each for each in list(self.reader.heard) if "homecall-dead-reason" in each.headers]

    def statuses(self, request_id: str) -> list[str]:
        """The statuses of a request, by sequence, each once."""
        by_sequence = {
            each.data["sequence"]: each.data["status"]
            for each in self.heard("status.changed")
            if each.key == request_id
        }
        return [by_sequence[sequence] for sequence in sorted(by_sequence)]

    def wait(self, condition: Callable[[], Any], what: str, patience: float = 30) -> None:
        """Wait for a condition; on failure the processes' last words are shown."""
        try:
            stack.wait_until(lambda: bool(condition()), what, patience)
        except BaseException:
            for process in self.processes:
                tail = process.log.read_text()[-1500:] if process.log.exists() else ""
                print(f"--- {process.name} ({'running' if process.running else 'ended'})\n{tail}")
            raise

    def now(self) -> datetime:
        """The time by the services' clock."""
        return clock_from(self.clock).now().astimezone(ZONE)

    def settle(self, *services: str, patience: float = 30) -> None:
        """Wait until these services (none named: those that run) are through with all that their topics hold.

        They commit after what they say is acknowledged: once every offset is committed, and no topic has grown
        meanwhile, nothing is on its way but what a timer may still say. Then all of it has been read here, too.
        """
        names = services or tuple({process.name for process in self.processes if process.running})
        admin = AdminClient({"bootstrap.servers": self.kafka, "log_level": 2})

        def through() -> bool:
            heard_by = {name: _assigned(admin, f"homecall-{name}") for name in names}
            if not all(heard_by.values()):
                return False
            before = _ends(admin, set().union(*heard_by.values()))
            for name, places in heard_by.items():
                done = _committed(admin, f"homecall-{name}")
                if any(done.get(place, 0) < before[place] for place in places):
                    return False
            return _ends(admin, before) == before

        self.wait(through, f"{', '.join(names)} to be through with their topics", patience)
        self.wait_quiet(patience)

    def lag(self, service: str) -> int:
        """How many records of its topics a service has not committed; -1 while its group is empty or balanced."""
        admin = AdminClient({"bootstrap.servers": self.kafka, "log_level": 1})
        places = _assigned(admin, f"homecall-{service}")
        if not places:
            return -1
        done = _committed(admin, f"homecall-{service}")
        return sum(end - max(done.get(place, 0), 0) for place, end in _ends(admin, places).items())

    def members(self, service: str) -> int:
        """How many members a service's group has; 0 while it is being balanced."""
        admin = AdminClient({"bootstrap.servers": self.kafka, "log_level": 1})
        found = admin.describe_consumer_groups([f"homecall-{service}"])[f"homecall-{service}"].result(15)
        return len(found.members) if found.state == ConsumerGroupState.STABLE else 0

    def committed(self, service: str) -> dict[tuple[str, int], int]:
        """The offsets that a service has committed, by topic and partition."""
        return _committed(AdminClient({"bootstrap.servers": self.kafka, "log_level": 2}), f"homecall-{service}")

    def stop(self) -> list[int]:
        """SIGTERM to all that run, and wait for their orderly end, so that no dead member is left in a group."""
        running = [process for process in self.processes if process.running]
        for process in running:
            process.signal(signal.SIGTERM)
        return [process.stop() for process in running]

    def wait_quiet(self, patience: float = 30) -> None:
        """Wait until the reader has read all that the topics hold."""
        stack.wait_until(self.reader.at_end, "all that was said to be read", patience)

    def wait_read(self, patience: float = 60) -> None:
        """Wait until every record that stands in the topics now has been read: for when nobody writes any more."""
        admin = AdminClient({"bootstrap.servers": self.kafka, "log_level": 1})
        ends = _ends(admin, [(topic.name, number) for topic in TOPICS for number in range(topic.partitions)])
        stack.wait_until(
            lambda: all(self.reader.read_to.get(place, 0) >= end for place, end in ends.items()),
            "all that the topics hold to be read",
            patience,
        )

    def keep_logs(self) -> Path:
        """Move the processes' logs to where they outlive the test."""
        kept = Path(tempfile.mkdtemp(prefix="homecall-logs-"))
        for process in self.processes:
            if process.log.exists():
                shutil.copy(process.log, kept)
        return kept

    def close(self) -> None:
        for process in self.processes:
            if process.running:
                process.kill()
        self.reader.end()


def _assigned(admin: AdminClient, group: str) -> set[tuple[str, int]]:
    """The partitions that the members of a group hold; none while it is being balanced."""
    found = admin.describe_consumer_groups([group])[group].result(15)
    if found.state != ConsumerGroupState.STABLE:
        return set()
    return {(place.topic, place.partition) for each in found.members for place in each.assignment.topic_partitions}


def _ends(admin: AdminClient, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """The offset that the next record of each partition will have."""
    found = admin.list_offsets({TopicPartition(*place): OffsetSpec.latest() for place in places})
    return {(place.topic, place.partition): future.result(15).offset for place, future in found.items()}


def _committed(admin: AdminClient, group: str) -> dict[tuple[str, int], int]:
    """The offsets that a group has committed; none of a group that nobody has heard of."""
    try:
        found = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(15)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return {}
        raise
    return {(place.topic, place.partition): place.offset for place in found.topic_partitions}


@contextlib.contextmanager
def a_world(
    kafka: str,
    mongo: str,
    prefix: str,
    *,
    at: datetime | None = MONDAY,
    speed: float = 1,
    extra: Mapping[str, str] | None = None,
    reads: Sequence[str] = tuple(topic.name for topic in TOPICS),
) -> Iterator[World]:
    """A world on this broker and database; the services' clock starts at ``at``, or is the machine's.

    The topics that it ``reads`` must be there.
    """
    clock = f"{at.isoformat()}@{speed:g}@{datetime.now(UTC).isoformat()}" if at is not None else None
    with tempfile.TemporaryDirectory(prefix="homecall-world-") as directory:
        world = World(kafka, mongo, Path(directory), prefix, clock, extra or {}, reads=reads)
        try:
            yield world
        finally:
            world.close()


def contract_topics() -> dict[str, int]:
    """The contract's topics with their partitions, as `stack.recreate_topics` takes them."""
    return {topic.name: topic.partitions for topic in TOPICS}


def contract_configs() -> dict[str, dict[str, str]]:
    """Their settings."""
    return {topic.name: topic.config() for topic in TOPICS}
