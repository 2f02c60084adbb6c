"""The system under test: real Kafka, a database, two replicas of each service; what may be done to them; the end.

Whoever runs a scenario keeps the services up as an orchestrator would: a process that ended is started again. One that
ends by itself is a finding.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from homecall.demo.embedded import until
from homecall.demo.ports import free_port
from tests.faults.harness.feed import DAY, Feed, Plan, Sign
from tests.faults.harness.growth import Sample
from tests.faults.harness.history import Findings, History
from tests.faults.harness.proxy import Proxy
from tests.infrastructure import stack
from tests.infrastructure.process import Process
from tests.infrastructure.world import World, contract_configs, contract_topics

SERVICES = ("intake", "scheduler", "notifier", "complaints")
SOUND = ("homecall.cli.main",)
START = DAY + timedelta(hours=7, minutes=53)
"""The services need a few minutes of it to come up."""
SPEED = 20
"""Seconds of the services' clock in one of ours: a clinic's opening is due every few seconds."""


@dataclass
class Slot:
    """A replica's place: the process that is in it now, and how it is started."""

    service: str
    number: int
    process: Process | None = None
    failpoint: str = ""
    to_come: list[str] = field(default_factory=list)
    """The failpoints of the processes that follow, the next one first."""
    command: tuple[str, ...] = SOUND
    clock: str | None = None
    wanted: bool = True
    ended: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.service}-{self.number}"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.running

    @property
    def held(self) -> bool:
        """Whether it stands still under SIGSTOP."""
        try:
            return self.running and _state_of(self.process.pid) == "T"  # type: ignore[union-attr]  # it is there by now
        except OSError:
            return False


class Arena:
    """Everything that runs in one scenario."""

    def __init__(
        self,
        *,
        seed: int,
        brokers: Sequence[stack.Server],
        database: stack.Server,
        world: World,
        proxy: Proxy | None,
        at: datetime | None,
        speed: float,
    ) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.brokers = brokers
        self.database = database
        self.world = world
        self.proxy = proxy
        self._at = at
        self._speed = speed
        self.history = History()
        self.plan = Plan(seed)
        self.feed: Feed | None = None
        self.slots = [Slot(service, number) for service in SERVICES for number in (0, 1)]
        self.findings: Findings = {}
        self.kills: Counter[str] = Counter()
        """SIGKILLs, and whatever else was done, by what it was done to."""
        self.samples: dict[str, list[Sample]] = {}
        """By replica and process id: what each held, time by time."""
        self.phases: dict[str, float] = {}
        """Seconds of the run, by what they went for."""
        self._phase_began = time.monotonic()
        self._lock = threading.RLock()
        self._keeping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)

    # ------------------------------------------------------------ processes

    def start(
        self,
        *,
        rate: float = 25.0,
        clinics: int = 24,
        minutes: int = 14,
        each: int | None = None,
        plan: Plan | None = None,
        sign: Sign | None = None,
    ) -> None:
        """Start the services and, once they are ready, the load: see ``Plan``. ``sign`` signs each record of it."""
        self.plan = plan or Plan(self.seed, clinics, minutes, each)
        if self._at is not None:
            self.world.clock = clock(self._at, self._speed)
        for slot in self.slots:
            self.launch(slot)
        self.wait_ready()
        self.phase("started")
        self._keeper.start()
        self.feed = Feed(self.world.kafka, self.plan, self.history, self.world.reader, rate, self.seed, sign)
        self.feed.begin()

    def phase(self, name: str) -> None:
        """What went on until now was this."""
        now = time.monotonic()
        self.phases[name] = self.phases.get(name, 0.0) + now - self._phase_began
        self._phase_began = now

    def of(self, service: str, number: int = 0) -> Slot:
        """A replica."""
        return next(slot for slot in self.slots if (slot.service, slot.number) == (service, number))

    def launch(self, slot: Slot) -> None:
        """Start a replica, as its slot says."""
        with self._lock:
            env = self.world.env
            if slot.clock is not None:
                env["HOMECALL_CLOCK"] = slot.clock
            log = self.world.directory / f"{slot.name}.log"
            slot.process = Process(slot.service, env, log, free_port(), slot.command, slot.failpoint)
            slot.process.start()
            slot.wanted = True
            self.world.processes.append(slot.process)

    def kill(self, slot: Slot) -> None:
        """SIGKILL a replica, which the keeper starts again unless ``wanted`` is taken back."""
        with self._lock:
            if slot.process is not None and slot.process.running:
                slot.ended.append("killed")
                slot.process.kill()
                self.kills[slot.service] += 1

    def kill_all(self) -> None:
        """SIGKILL every replica; they stay away until `launch`."""
        with self._lock:
            for slot in self.slots:
                slot.wanted = False
                self.kill(slot)
                slot.ended.clear()

    def stop(self, slot: Slot) -> None:
        """SIGTERM a replica and wait for its orderly end; it stays away until `launch`."""
        with self._lock:
            slot.wanted = False
        if slot.process is not None:
            # Before it listens it has nothing in hand, and nothing to be orderly about: the signal itself ends it.
            began = slot.process.get("/livez")[0] != 0
            try:
                code = slot.process.stop(15)
            except Exception:  # the end of waiting; whatever it is called
                self.find("stuck", f"{slot.name} did not end within 15 s of SIGTERM")
                slot.process.kill()
            else:
                if code != 0 and (began or code != -signal.SIGTERM):
                    self.find("crashed", f"{slot.name} ended with code {code} on SIGTERM")

    def stop_all(self, slots: Sequence[Slot]) -> None:
        """`stop` these at the same time."""
        if slots:
            with ThreadPoolExecutor(len(slots)) as stopping:
                list(stopping.map(self.stop, slots))

    def hold(self, slot: Slot) -> None:
        """SIGSTOP."""
        if slot.process is not None and slot.process.running:
            slot.process.signal(signal.SIGSTOP)

    def release(self, slot: Slot) -> None:
        """SIGCONT."""
        if slot.process is not None and slot.process.running:
            slot.process.signal(signal.SIGCONT)

    def wait_ready(self, slots: Sequence[Slot] | None = None, patience: float = 90) -> bool:
        """Wait until these replicas (all of them) say that they are ready."""
        asked = self.slots if slots is None else slots

        def ready() -> bool:
            return all(slot.process is not None and slot.process.get("/readyz")[0] == 200 for slot in asked)

        if until(ready, patience):
            return True
        late = [
            f"{slot.name}: {slot.process.get('/readyz')[1].strip() or 'no answer'}"
            for slot in asked
            if slot.process is not None and slot.process.get("/readyz")[0] != 200
        ]
        self.find("stuck", f"not ready within {patience:.0f} s: {'; '.join(late)}")
        return False

    def _keep(self) -> None:
        """Start again what has ended, as an orchestrator would."""
        while not self._keeping.wait(0.2):
            with self._lock:
                for slot in self.slots:
                    if slot.process is None or slot.process.running or not slot.wanted:
                        continue
                    code = slot.process.exit_code
                    if slot.ended:
                        slot.ended.pop()
                    elif code == -signal.SIGKILL and slot.failpoint.partition(":")[2].startswith("kill"):
                        self.kills[slot.service] += 1
                        slot.failpoint = slot.to_come.pop(0) if slot.to_come else ""
                    else:
                        tail = slot.process.log.read_text(encoding="utf-8", errors="replace").splitlines()[-1:]
                        self.find("crashed", f"{slot.name} ended by itself with code {code}: {' '.join(tail)[:300]}")
                    self.launch(slot)

    # ------------------------------------------------------------ brokers and database

    def kill_broker(self, number: int) -> None:
        """kill -9 of a broker, by its place in ``brokers``."""
        self.brokers[number].kill()
        self.kills["broker"] += 1

    def start_brokers(self, numbers: Sequence[int]) -> None:
        """Start brokers again, at the same time: one alone may have no quorum, and is not ready."""
        with ThreadPoolExecutor(len(numbers)) as starting:
            list(starting.map(lambda number: self.brokers[number].start(), numbers))

    def in_sync(self) -> bool:
        """Whether every partition has all its replicas in sync."""
        try:
            found = AdminClient({"bootstrap.servers": self.world.kafka, "log_level": 1}).list_topics(timeout=5)
        except KafkaException:
            return False
        return all(
            len(each.isrs) == len(each.replicas)
            for topic in found.topics.values()
            for each in topic.partitions.values()
        )

    def kill_database(self) -> None:
        """kill -9 of the database."""
        self.database.kill()
        self.kills["database"] += 1

    def leader_of(self, topic: str, partition: int = 0) -> int:
        """The place in ``brokers`` of the leader of a partition."""
        found = AdminClient({"bootstrap.servers": self.world.kafka, "log_level": 1}).list_topics(topic, timeout=10)
        leader: int = found.topics[topic].partitions[partition].leader
        return leader - 1

    # ------------------------------------------------------------ the end

    def find(self, kind: str, what: str) -> None:
        """Note something that does not add up."""
        self.findings.setdefault(kind, []).append(what)

    def tick(self, seconds: float) -> None:
        """Let the load go on for so long."""
        threading.Event().wait(seconds)

    def expect(self, condition: Callable[[], bool], what: str, patience: float) -> bool:
        """Wait for a condition of the scenario; that it does not come true is a finding."""
        if until(condition, patience):
            return True
        self.find("not reached", f"not within {patience:.0f} s: {what}")
        return False

    def settle(self, patience: float = 120) -> None:
        """End the load, wait until nothing is on its way any more, and stop the services."""
        self.drain(patience)
        self.end()

    def end(self) -> None:
        """Stop the services, and read all that they have said."""
        self._keeping.set()
        self._keeper.join(20)
        self.stop_all([slot for slot in self.slots if slot.running])
        self.world.wait_read()
        self.phase("stopped")

    def drain(self, patience: float = 120) -> None:
        """End the load and wait until nothing is on its way any more: lag zero, every end said, nothing owed."""
        assert self.feed is not None
        self.phase("loaded")
        self.feed.finish()
        end = time.monotonic() + patience
        self.wait_ready(patience=patience)
        left = ["not looked at yet"]
        while left and time.monotonic() < end:
            self.feed.answer()
            left = self._left()
            if left:
                self.tick(0.5)
        if left:
            self.find("stuck", f"not settled within {patience:.0f} s: {'; '.join(left)}")
        self.phase("settled")

    def _left(self) -> list[str]:
        """What is still on its way, in words."""
        unfinished = self.history.unfinished(self.world.reader.heard)
        if unfinished:
            return [f"{len(unfinished)} requests or complaints without an end, as {unfinished[0]}"]
        try:
            lag = self.lag()
        except Exception as error:  # a broker that is away: asked again
            return [f"the lag cannot be read: {type(error).__name__}"]
        behind = {service: count for service, count in lag.items() if count != 0}
        if behind:
            return [f"lag {behind}"]
        owed = self.owed()
        return [f"unsent {owed}"] if owed else []

    def lag(self) -> dict[str, int]:
        """How many records each service has not committed yet; -1 while its group has no members or is balanced."""
        return {service: self.world.lag(service) for service in {slot.service for slot in self.slots}}

    def owed(self) -> int:
        """How many aggregates hold events of a timer that are not known to be sent. -1 while nobody can say."""
        try:
            with MongoClient[dict[str, Any]](self.database.address, serverSelectionTimeoutMS=2000) as client:
                return sum(
                    client[name][kind].count_documents({"unsent_at": {"$exists": True}})
                    for name in client.list_database_names()
                    if name.startswith(self.world.prefix)
                    for kind in client[name].list_collection_names()
                )
        except PyMongoError:
            return -1

    def judge(self) -> Findings:
        """All findings: the ledger's, and those made on the way."""
        found = {kind: list(entries) for kind, entries in self.findings.items()}
        for kind, entries in self.history.judge(self.world.reader.heard).items():
            found.setdefault(kind, []).extend(entries)
        return found

    # ------------------------------------------------------------ what it costs

    def sample(self) -> None:
        """Note each running replica's resident memory, in KiB, and open file descriptors."""
        for slot in self.slots:
            if slot.process is None or not slot.process.running:
                continue
            with contextlib.suppress(OSError):
                pid = slot.process.pid
                status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
                memory = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
                files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
                self.samples.setdefault(f"{slot.name} {pid}", []).append(Sample(time.monotonic(), memory, files))

    def keep(self, directory: Path) -> Path:
        """Copy the logs to where they outlive the run."""
        directory.mkdir(parents=True, exist_ok=True)
        for log in self.world.directory.glob("*.log"):
            shutil.copy(log, directory)
        with (directory / "heard.jsonl").open("w", encoding="utf-8") as out:
            for each in self.world.reader.heard:
                # Made-up people only: a topic with personal data may stand here.
                value = each.value.decode("utf-8", "replace")
                place = [each.topic, each.partition, each.offset]
                out.write(json.dumps({"at": place, "headers": each.headers, "value": value}, ensure_ascii=False) + "\n")
        return directory

    def close(self) -> None:
        """End whatever is left."""
        self._keeping.set()
        for slot in self.slots:
            with contextlib.suppress(Exception):
                self.release(slot)
            if slot.process is not None and slot.process.running:
                slot.process.kill()
        if self.feed is not None and self.feed.is_alive():
            self.feed.halt()


def _state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]


def clock(start: datetime, speed: float = SPEED) -> str:
    """A setting of HOMECALL_CLOCK that starts now, the same for every process that gets it."""
    return f"{start.isoformat()}@{speed:g}@{datetime.now(UTC).isoformat()}"


@contextlib.contextmanager
def arena(
    *,
    seed: int,
    brokers: int = 1,
    durable: bool = False,
    proxied: bool = False,
    at: datetime | None = START,
    speed: float = SPEED,
    extra: Mapping[str, str] | None = None,
    directories: Mapping[int, Path] | None = None,
    heap: str | None = None,
) -> Iterator[Arena]:
    """An arena with its servers up and no service started.

    ``durable``: a database that keeps its data over kill -9. ``heap``: what one in memory may take, for a long run.
    ``proxied``: the services reach it through a `Proxy`.
    """
    with contextlib.ExitStack() as closing:
        if brokers == 1:
            nodes = [closing.enter_context(stack.own_kafka())]
        else:
            nodes = closing.enter_context(stack.own_cluster(brokers, directories=directories))
        # At the end nobody needs them to hand over to one another in good order, which takes half a minute.
        closing.callback(_end_at_once, nodes)
        servers = ",".join(node.address for node in nodes)
        replication = 1 if brokers == 1 else brokers
        stack.recreate_topics(servers, contract_topics(), contract_configs(), replication)
        roomy = stack.fast_mongo(heap) if heap is not None else stack.shared_mongo()
        database = closing.enter_context(stack.own_mongo() if durable else roomy)
        proxy = None
        if proxied:
            proxy = Proxy(database.address, seed)
            closing.callback(proxy.close)
        directory = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="homecall-faults-")))
        settings = {
            # A silent member is out after two seconds; ten unless set.
            "HOMECALL_KAFKA_SESSION_TIMEOUT_MS": "2000",
            **(extra or {}),
        }
        world = World(
            servers,
            proxy.url if proxy is not None else database.address,
            directory,
            f"faults_{seed}",
            None,
            settings,
        )
        closing.callback(world.close)
        made = Arena(seed=seed, brokers=nodes, database=database, world=world, proxy=proxy, at=at, speed=speed)
        closing.callback(made.close)
        try:
            yield made
        except BaseException:
            print(f"logs of the run: {made.keep(logs_of(seed))}", file=sys.stderr)
            raise


def _end_at_once(brokers: Sequence[stack.Server]) -> None:
    for each in brokers:
        with contextlib.suppress(pytest.skip.Exception):
            each.kill()


def logs_of(seed: int, name: str = "broken-off") -> Path:
    """Where the logs of a failing run are kept."""
    return stack.ROOT / ".faults" / f"{name}-{seed}"
