"""Two replicas of each service, killed at random under load: nothing lost, nothing doubled, every request answered."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests import stack
from tests.faults import plan as plans
from tests.faults.ledger import Ledger
from tests.world import Process, World, a_world, contract_configs, contract_topics

SERVICES = ("intake", "scheduler", "notifier", "complaints")
SEED = 20261123


class Killer(threading.Thread):
    """Kills a random process every so often, and starts it again, until so many kills are done."""

    def __init__(self, processes: Sequence[Process], kills: int, pause: float, seed: int) -> None:
        super().__init__(daemon=True)
        self._processes = processes
        self._pause = pause
        self._rng = random.Random(seed)
        self._ending = threading.Event()
        self.wanted = kills
        self.killed: Counter[str] = Counter()

    def run(self) -> None:
        while self.killed.total() < self.wanted and not self._ending.wait(self._rng.uniform(0.5, 1.5) * self._pause):
            victim = self._rng.choice(self._processes)
            victim.kill()
            self.killed[victim.name] += 1
            victim.start()

    def end(self) -> None:
        self._ending.set()
        self.join(30)


def run(
    world: World, plan: plans.Plan, *, kills: int, pause: float, seconds: float, command: Sequence[str], patience: float
) -> Counter[str]:
    """Play a plan over so many seconds while processes are killed; wait for the end of all requests. The kills."""
    world.publish("clinic.published", *plan.clinics)
    world.publish("roster.published", *plan.rosters)
    processes = world.start(*SERVICES, *SERVICES, command=command)
    killer = Killer(processes, kills, pause, plan.seed)
    killer.start()
    size = 50
    beats = max(1, len(plan.events) // size)
    began = time.monotonic()
    ticker = threading.Event()
    for beat, batch in enumerate(plan.in_batches(size)):
        for event_type, data in batch:
            world.publish_one(event_type, data)
        world.flush()
        ticker.wait(max(0.0, began + seconds * beat / beats - time.monotonic()))
    stack.wait_until(lambda: not killer.is_alive(), "the kills to be done", patience)
    end = time.monotonic() + patience
    while time.monotonic() < end and plan.ledger.unfinished(world.reader.heard):
        ticker.wait(0.5)
    for process in processes:
        if process.running:
            process.stop()
    world.wait_quiet()
    return killer.killed


@pytest.mark.timeout(600)
def test_kills_lose_nothing_and_double_nothing(mongo: stack.Server, mongo_prefix: str) -> None:
    """5,000 requests in 40 clinics, two replicas of each service, 24 kills."""
    plan = plans.make(SEED, requests=5_000, clinics=40)
    with stack.own_kafka() as kafka:
        stack.recreate_topics(kafka.address, contract_topics(), contract_configs())
        start = plans.OPENING - timedelta(seconds=45)
        extra = {"HOMECALL_KAFKA_SESSION_TIMEOUT_MS": "2000"}
        with a_world(kafka.address, mongo.address, mongo_prefix, at=start, extra=extra) as world:
            began = time.monotonic()
            killed = run(world, plan, kills=24, pause=3.0, seconds=70, command=("services.cli.main",), patience=240)
            findings = plan.ledger.judge(world.reader.heard)
            counts = Counter(each.type for each in world.reader.heard)
            print(f"seed {plan.seed}: {len(plan.ledger.sent)} requests, kills {dict(killed)}, ", end="")
            print(f"{time.monotonic() - began:.0f} s, events {dict(counts)}")
            assert killed.total() >= 20
            assert findings == {}, _told(findings, world)


@pytest.mark.timeout(300)
def test_the_ledger_catches_commits_before_the_store(mongo: stack.Server, mongo_prefix: str) -> None:
    """The same with offsets committed before anything is stored: requests are lost, and the ledger says so."""
    plan = plans.make(SEED, requests=1_500, clinics=10)
    with stack.own_kafka() as kafka:
        stack.recreate_topics(kafka.address, contract_topics(), contract_configs())
        start = plans.OPENING - timedelta(seconds=15)
        extra = {"HOMECALL_KAFKA_SESSION_TIMEOUT_MS": "2000"}
        with a_world(kafka.address, mongo.address, mongo_prefix, at=start, extra=extra) as world:
            command = ("tests.faults.broken", "commit_first")
            killed = run(world, plan, kills=16, pause=1.5, seconds=25, command=command, patience=20)
            findings = plan.ledger.judge(world.reader.heard)
            print(f"kills {dict(killed)}: { ({kind: len(entries) for kind, entries in findings.items()}) }")
            assert findings.get("lost") or findings.get("unanswered"), "the ledger did not see what was lost"


def _told(findings: dict[str, list[str]], world: World) -> str:
    lines = [f"{kind}: {len(entries)}, as {entries[:3]}" for kind, entries in findings.items()]
    kept = world.keep_logs()
    return "\n".join([*lines, f"logs are in {kept}"])


def test_an_empty_ledger_finds_nothing() -> None:
    assert Ledger().judge([]) == {}
