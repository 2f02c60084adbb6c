"""The stage of a benchmark: a broker and a database, contenders as processes, and what their output topics say.

Throughput and latency are read from the times that records carry in their topics, not from a watcher's own clock: on
two cores a watcher that reads along would be part of what it measures.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from pymongo import MongoClient

from bench import bare
from bench.published import CLINICS, publish_clinics, publish_requests
from bench.running import Running, machine_ticks
from homecall.contract.topics import INTAKE_EVENTS, REQUESTS, STATUS
from tests.factories import MONDAY
from tests.infrastructure import stack
from tests.infrastructure.process import Process
from tests.infrastructure.world import contract_configs, contract_topics

_OUT = (bare.INTAKE_EVENTS, bare.SCHEDULE_EVENTS, bare.STATUS, bare.JOURNAL)


@dataclass
class Contender:
    """What is measured: processes to start, in this order, and where their output is counted.

    ``first`` is the topic of the first hop, ``last`` where a request's way ends, with ``copies`` records of each.
    """

    name: str
    parts: Sequence[str]
    first: str
    last: str
    copies: int = 1


HOP = (
    Contender("bare loop", ("bare intake",), bare.INTAKE_EVENTS, bare.INTAKE_EVENTS),
    Contender("intake", ("intake",), INTAKE_EVENTS.name, INTAKE_EVENTS.name),
    Contender("bare loop with numbers", ("bare intake with numbers",), bare.INTAKE_EVENTS, bare.INTAKE_EVENTS),
)
CHAIN = (
    Contender(
        "three bare loops", ("bare notifier", "bare scheduler", "bare intake"), bare.INTAKE_EVENTS, bare.STATUS, 2
    ),
    Contender("three services", ("notifier", "scheduler", "intake"), INTAKE_EVENTS.name, STATUS.name, 2),
    Contender(
        "three bare loops with numbers",
        ("bare notifier", "bare scheduler with numbers", "bare intake with numbers"),
        bare.INTAKE_EVENTS,
        bare.STATUS,
        2,
    ),
)
FOUR_SERVICES = Contender(
    "four services", ("complaints", "notifier", "scheduler", "intake"), INTAKE_EVENTS.name, STATUS.name, 2
)
USUAL = Contender("FastStream, a record at a time", ("usual",), bare.INTAKE_EVENTS, bare.INTAKE_EVENTS)
TWO_REPLICAS = Contender("two of intake", ("intake", "intake"), INTAKE_EVENTS.name, INTAKE_EVENTS.name)


@dataclass
class Measured:
    """What came of a drain: requests per second, processor milliseconds per request, and by process the rest."""

    per_second: float
    cpu_ms: float
    requests: int = 0
    rss_mib: dict[str, float] = field(default_factory=dict)
    startup_s: dict[str, float] = field(default_factory=dict)
    cpu_ms_by: dict[str, float] = field(default_factory=dict)
    """Processor milliseconds per request."""
    batches: dict[str, int] = field(default_factory=dict)
    """0 for a bare loop, which does not say."""
    messages: dict[str, int] = field(default_factory=dict)
    """Records heard; 0 for a bare loop."""


@dataclass
class Steady:
    """What came of a steady rate: milliseconds of each request, and how busy it kept the whole machine (0 to 1).

    ``cpu_ms`` are the contender's own processor milliseconds a request.
    """

    times: list[float]
    busy: float
    cpu_ms: float


@dataclass
class Stage:
    """A broker and a database with nothing else on them. How many clinics and partitions there are may be changed."""

    kafka: str
    mongo: str
    directory: Path
    prefix: str = ""
    clinics: int = CLINICS
    partitions: int = INTAKE_EVENTS.partitions

    def clear(self, *, keep: bool = False) -> None:
        """Empty topics, and databases that nobody has used unless they are to be kept."""
        topics = {name: self.partitions if number > 1 else 1 for name, number in contract_topics().items()}
        topics |= dict.fromkeys(_OUT, self.partitions)
        configs: dict[str, Mapping[str, str]] = {**contract_configs()}
        # The broker's own time of a status: with it, lingering and the way there count, and no reader is needed.
        for name in (STATUS.name, bare.STATUS):
            configs[name] = {**configs.get(name, {}), "message.timestamp.type": "LogAppendTime"}
        stack.recreate_topics(self.kafka, topics, configs)
        if not keep:
            if self.prefix:
                with MongoClient(self.mongo) as client:
                    for name in client.list_database_names():
                        if name.startswith(self.prefix):
                            client.drop_database(name)
            self.prefix = f"bench_{uuid.uuid4().hex[:8]}"

    def open(self, first: int = 0) -> None:
        """Publish the clinics, with their rosters, whose patients make the requests from number ``first`` on."""
        publish_clinics(self.producer(), self.clinics, first)

    def publish(self, requests: int, *, first: int = 0, per_second: float | None = None) -> None:
        """Publish requests: all at once, or so many a second."""
        publish_requests(self.producer(), requests, self.clinics, first=first, per_second=per_second)

    def producer(self) -> Producer:
        """Publishes to the stage's broker."""
        return Producer({"bootstrap.servers": self.kafka, "partitioner": "murmur2_random", "linger.ms": 1})

    @contextlib.contextmanager
    def running(self, contender: Contender, extra: Mapping[str, str] | None = None) -> Iterator[list[Running]]:
        """The contender's processes, each ready before the next one is started."""
        started: list[Running] = []
        try:
            for part in contender.parts:
                started.append(self.start(part, extra or {}))
            if "scheduler" in contender.parts:
                self._await_rosters()
            yield started
        finally:
            for each in started:
                each.stop()

    def _await_rosters(self) -> None:
        """Wait until the scheduler has taken all rosters: with many clinics that is work of its own."""
        with MongoClient[dict[str, Any]](self.mongo) as client:
            days = client[f"{self.prefix}_scheduler"].days
            stack.wait_until(lambda: days.count_documents({}) >= self.clinics, "the scheduler to take the rosters", 120)

    def start(self, part: str, extra: Mapping[str, str] | None = None) -> Running:
        """Start one process, and wait until it is ready."""
        if part == "usual" or part.startswith("bare "):
            return self._start_loop(part, extra or {})
        clock = f"{MONDAY.isoformat()}@1@{datetime.now(UTC).isoformat()}"
        env = {name: value for name, value in os.environ.items() if not name.startswith("HOMECALL_")}
        env |= {
            "HOMECALL_ENV": "development",
            "HOMECALL_SIGNATURES": "off",
            "HOMECALL_KAFKA_BOOTSTRAP": self.kafka,
            "HOMECALL_MONGO_URL": self.mongo,
            "HOMECALL_MONGO_PREFIX": self.prefix,
            "HOMECALL_CLOCK": clock,
            **(extra or {}),
        }
        log = self.directory / f"{part}-{uuid.uuid4().hex[:6]}.log"
        port = stack.free_port()
        process = Process(part, env, log, port)
        process.start()
        seconds = process.wait_ready()
        return Running(part, process.pid, process.stop, seconds, port)

    def _start_loop(self, part: str, extra: Mapping[str, str]) -> Running:
        module = ["bench.usual"] if part == "usual" else ["bench.bare", part.removeprefix("bare ")]
        env = {**os.environ, **extra}
        command = [sys.executable, "-m", *module, self.kafka, self.mongo, f"{self.prefix}_bare"]
        began = time.perf_counter()
        log = (self.directory / f"{part.replace(' ', '-')}.log").open("ab")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=env, start_new_session=True)
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"{part} ended: {Path(log.name).read_text()[-2000:]}")

        def stop() -> None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.close()

        return Running(part, process.pid, stop, time.perf_counter() - began)

    # ------------------------------------------------------------ what is measured

    def drain(
        self,
        contender: Contender,
        requests: int,
        *,
        first: int = 0,
        keep: bool = False,
        extra: Mapping[str, str] | None = None,
    ) -> Measured:
        """How fast the contender is through with so many requests that are there at once.

        Its processes are started and ready, and held still while the requests are published; then it goes from the
        first record that leaves the first hop, the first tenth left out, to the last that ends a way.
        """
        self.clear(keep=keep)
        self.open(first)
        with self.running(contender, extra) as processes:
            counted = [each.counted() for each in processes]
            for each in processes:
                os.kill(each.pid, signal.SIGSTOP)
            self.publish(requests, first=first)
            before = [each.cpu for each in processes]
            for each in processes:
                os.kill(each.pid, signal.SIGCONT)
            stack.wait_until(
                lambda: self.produced(contender.last) >= requests * contender.copies,
                f"{contender.name} to be through with {requests} requests",
                max(300, requests / 100),
            )
            spent = [each.cpu - earlier for each, earlier in zip(processes, before, strict=True)]
            rss = {each.name: each.rss_mib for each in processes}
            done = [each.counted() - earlier for each, earlier in zip(processes, counted, strict=True)]
        begun, ended = self.times(contender.first), self.times(contender.last)
        begin = len(begun) // 10
        names = [each.name for each in processes]
        return Measured(
            per_second=(requests - begin) / max(0.001, ended[-1] - begun[begin]),
            cpu_ms=sum(spent) / requests * 1000,
            requests=requests,
            rss_mib=rss,
            startup_s={each.name: each.startup_s for each in processes},
            cpu_ms_by={name: seconds / requests * 1000 for name, seconds in zip(names, spent, strict=True)},
            batches={name: each.batches for name, each in zip(names, done, strict=True)},
            messages={name: each.messages for name, each in zip(names, done, strict=True)},
        )

    def latencies(self, contender: Contender, seconds: float, per_second: float) -> Steady:
        """From a request's publication to its last status, at a steady rate."""
        self.clear()
        self.open()
        warm = int(2 * per_second)
        requests = warm + int(seconds * per_second)
        with self.running(contender) as processes:
            before, began = sum(each.cpu for each in processes), machine_ticks()
            self.publish(requests, per_second=per_second)
            cpu, ended_at = sum(each.cpu for each in processes) - before, machine_ticks()
            stack.wait_until(
                lambda: self.produced(contender.last) >= requests * contender.copies, f"{contender.name} to be through"
            )
        busy = (ended_at[0] - began[0]) / max(1, ended_at[1] - began[1])
        sent: dict[str, float] = {}
        for record in self.records(REQUESTS.name):
            sent[json.loads(record.value())["request_id"]] = record.timestamp()[1]
        ended: dict[str, float] = {}
        for record in self.records(contender.last):
            request_id = record.key().decode()
            ended[request_id] = max(ended.get(request_id, 0), record.timestamp()[1])
        in_order = sorted(sent, key=sent.__getitem__)[warm:]
        return Steady([ended[each] - sent[each] for each in in_order], busy, cpu / requests * 1000)

    def produced(self, topic: str) -> int:
        """How many records a topic holds."""
        consumer = Consumer({"bootstrap.servers": self.kafka, "group.id": "bench-offsets"})
        try:
            places = [TopicPartition(topic, number) for number in range(self.partitions)]
            return sum(consumer.get_watermark_offsets(place, timeout=10)[1] for place in places)
        finally:
            consumer.close()

    def times(self, topic: str) -> list[float]:
        """The times of a topic's records, in seconds, in order."""
        return sorted(record.timestamp()[1] / 1000 for record in self.records(topic))

    def records(self, topic: str) -> list[Any]:
        """All records of a topic."""
        wanted = self.produced(topic)
        consumer = Consumer({"bootstrap.servers": self.kafka, "group.id": "bench-reader", "enable.auto.commit": False})
        try:
            consumer.assign([TopicPartition(topic, number, 0) for number in range(self.partitions)])
            found: list[Any] = []
            while len(found) < wanted:
                found += [each for each in consumer.consume(5000, 1) if each.error() is None]
            return found
        finally:
            consumer.close()


@contextlib.contextmanager
def a_stage(heap: str = "2g") -> Iterator[Stage]:
    """A broker and a database of one's own."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        stack.own_kafka() as kafka,
        stack.fast_mongo(heap) as mongo,
    ):
        yield Stage(kafka.address, mongo.address, Path(directory))
