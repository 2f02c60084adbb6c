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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from pymongo import MongoClient

from bench import bare
from homecall.contract.topics import INTAKE_EVENTS, REQUESTS, STATUS, TOPIC_OF_TYPE, TYPE_PREFIX
from homecall.contract.types import iin_check_digit
from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster
from tests.infrastructure import stack
from tests.infrastructure.process import Process
from tests.infrastructure.world import contract_configs, contract_topics

CLINICS, DOCTORS = 40, 12
"""A region's clinics; with 24 visits a doctor they have room for 11,500 calls on a day."""
_TICKS = os.sysconf("SC_CLK_TCK")
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
)
CHAIN = (
    Contender(
        "three bare loops", ("bare notifier", "bare scheduler", "bare intake"), bare.INTAKE_EVENTS, bare.STATUS, 2
    ),
    Contender("three services", ("notifier", "scheduler", "intake"), INTAKE_EVENTS.name, STATUS.name, 2),
)
USUAL = Contender("FastStream, a record at a time", ("usual",), bare.INTAKE_EVENTS, bare.INTAKE_EVENTS)
TWO_REPLICAS = Contender("two of intake", ("intake", "intake"), INTAKE_EVENTS.name, INTAKE_EVENTS.name)


@dataclass
class Running:
    """A process of a contender. ``cpu`` are its processor seconds so far, ``rss_mib`` its resident memory."""

    name: str
    pid: int
    stop: Any
    startup_s: float = 0.0
    port: int = 0

    @property
    def cpu(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def rss_mib(self) -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


@dataclass
class Measured:
    """What came of a drain: requests per second, processor milliseconds per request, memory and start by process."""

    per_second: float
    cpu_ms: float
    rss_mib: dict[str, float] = field(default_factory=dict)
    startup_s: dict[str, float] = field(default_factory=dict)


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
    """A broker and a database with nothing else on them."""

    kafka: str
    mongo: str
    directory: Path
    prefix: str = ""

    def clear(self, *, keep: bool = False) -> None:
        """Empty topics, and databases that nobody has used unless they are to be kept."""
        topics = contract_topics() | dict.fromkeys(_OUT, 6)
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
        producer = self.producer()
        doctors = [a_doctor(f"doctor-{number}", on_duty=number == 0) for number in range(DOCTORS)]
        for name in _clinics(first):
            produce(producer, "clinic.published", a_clinic(name))
            produce(producer, "roster.published", a_roster(name, MONDAY.date(), doctors))
        producer.flush(30)

    def publish(self, requests: int, *, first: int = 0, per_second: float | None = None) -> None:
        """Publish requests: all at once, or so many a second."""
        producer = self.producer()
        clinics = _clinics(first)
        began = time.perf_counter()
        for number in range(requests):
            if per_second:
                time.sleep(max(0.0, began + number / per_second - time.perf_counter()))
            at = MONDAY + timedelta(milliseconds=number)
            patient = {"iin": _iin(first + number), "full_name": f"Науқас {number}", "language": "kk"}
            data = a_request(clinics[number % CLINICS], first + number, at, patient=patient)
            produce(producer, "request.submitted", data)
            producer.poll(0)
        assert producer.flush(60) == 0, "the broker did not take all requests"

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
            yield started
        finally:
            for each in started:
                each.stop()

    def start(self, part: str, extra: Mapping[str, str] | None = None) -> Running:
        """Start one process, and wait until it is ready."""
        if part == "usual" or part.startswith("bare "):
            return self._start_loop(part)
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

    def _start_loop(self, part: str) -> Running:
        module = ["bench.usual"] if part == "usual" else ["bench.bare", part.removeprefix("bare ")]
        command = [sys.executable, "-m", *module, self.kafka, self.mongo, f"{self.prefix}_bare"]
        began = time.perf_counter()
        log = (self.directory / f"{part.replace(' ', '-')}.log").open("ab")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
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
        self, contender: Contender, requests: int, *, first: int = 0, keep: bool = False, patience: float = 300
    ) -> Measured:
        """How fast the contender is through with so many requests that are there at once.

        Its processes are started and ready, and held still while the requests are published; then it goes from the
        first record that leaves the first hop, the first tenth left out, to the last that ends a way.
        """
        self.clear(keep=keep)
        self.open(first)
        with self.running(contender) as processes:
            for each in processes:
                os.kill(each.pid, signal.SIGSTOP)
            self.publish(requests, first=first)
            before = sum(each.cpu for each in processes)
            for each in processes:
                os.kill(each.pid, signal.SIGCONT)
            stack.wait_until(
                lambda: self.produced(contender.last) >= requests * contender.copies,
                f"{contender.name} to be through with {requests} requests",
                patience,
            )
            cpu = sum(each.cpu for each in processes) - before
            rss = {each.name: each.rss_mib for each in processes}
        begun, ended = self.times(contender.first), self.times(contender.last)
        begin = len(begun) // 10
        per_second = (requests - begin) / max(0.001, ended[-1] - begun[begin])
        return Measured(per_second, cpu / requests * 1000, rss, {each.name: each.startup_s for each in processes})

    def latencies(self, contender: Contender, seconds: float, per_second: float) -> Steady:
        """From a request's publication to its last status, at a steady rate."""
        self.clear()
        self.open()
        warm = int(2 * per_second)
        requests = warm + int(seconds * per_second)
        with self.running(contender) as processes:
            before, began = sum(each.cpu for each in processes), _worked()
            self.publish(requests, per_second=per_second)
            cpu, ended_at = sum(each.cpu for each in processes) - before, _worked()
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
            places = [TopicPartition(topic, number) for number in range(6)]
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
            consumer.assign([TopicPartition(topic, number, 0) for number in range(6)])
            found: list[Any] = []
            while len(found) < wanted:
                found += [each for each in consumer.consume(5000, 1) if each.error() is None]
            return found
        finally:
            consumer.close()


def _worked() -> tuple[int, int]:
    """Ticks that all cores have worked so far, and those that they have had."""
    ticks = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle, waiting = ticks[3], ticks[4]
    return sum(ticks) - idle - waiting, sum(ticks)


def _clinics(first: int) -> list[str]:
    return [f"clinic-{first}-{number}" for number in range(CLINICS)]


def _iin(number: int) -> str:
    """A synthetic IIN, a birth in 18xx: each number's own, for as many patients as a country has."""
    born = f"{50 + number % 40}{1 + number // 40 % 12:02d}{1 + number // 480 % 28:02d}{1 + number // 13_440 % 2}"
    for last in range(10):
        first = f"{born}{number // 26_880 * 10 + last:04d}"
        digit = iin_check_digit(first)
        if digit is not None:
            return first + str(digit)
    raise AssertionError("of ten numbers in a row some have a check digit")


def produce(producer: Producer, event_type: str, data: Mapping[str, Any]) -> None:
    """Publish an event to its topic, with what was published before as far as the client holds it."""
    topic = TOPIC_OF_TYPE[event_type]
    value = json.dumps(data, ensure_ascii=False).encode()
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid.uuid5(uuid.NAMESPACE_OID, value.decode())),
        "ce_source": "/bench",
        "ce_type": TYPE_PREFIX + event_type,
        "content-type": "application/json",
    }
    while True:
        try:
            producer.produce(topic.name, value, str(data[topic.key]), headers=list(headers.items()))
        except BufferError:
            producer.poll(0.1)
        else:
            return


@contextlib.contextmanager
def a_stage(heap: str = "2g") -> Iterator[Stage]:
    """A broker and a database of one's own."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        stack.own_kafka() as kafka,
        stack.fast_mongo(heap) as mongo,
    ):
        yield Stage(kafka.address, mongo.address, Path(directory))
