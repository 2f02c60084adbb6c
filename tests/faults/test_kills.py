"""Two replicas of each service, killed at random under load: nothing lost, nothing doubled, every request answered,
every complaint numbered, and no message sent twice."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType

import pytest

from tests.faults import plan as plans
from tests.faults.harness.texts import a_gateway, kept_messages, messages_wait
from tests.faults.ledger import Ledger
from tests.infrastructure import stack
from tests.infrastructure.process import Process
from tests.infrastructure.world import World, a_world, contract_configs, contract_topics

SERVICES = ("intake", "scheduler", "notifier", "complaints")
SEED = 20261123


class Killer(threading.Thread):
    """Kills a random process every so often, and starts it again, until so many kills are done.

    One that has ended by itself, at a failpoint, comes first.
    """

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
            victim = self._rng.choice([each for each in self._processes if not each.running] or self._processes)
            victim.kill()
            self.killed[victim.name] += 1
            victim.start()

    def end(self) -> None:
        self._ending.set()
        self.join(30)


def run(
    world: World,
    plan: plans.Plan,
    *,
    kills: int,
    pause: float,
    seconds: float,
    patience: float,
    command: Sequence[str] = ("homecall.cli.main",),
    failpoints: Mapping[str, str] = MappingProxyType({}),
    until: Callable[[], bool] | None = None,
) -> Counter[str]:
    """Play a plan over so many seconds while processes are killed; wait for the end of all requests. The kills.

    With ``until`` the services then run on until it holds, for up to a minute more.
    """
    world.publish("clinic.published", *plan.clinics)
    world.publish("roster.published", *plan.rosters)
    processes = world.start(*SERVICES, *SERVICES, command=command, failpoints=failpoints)
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
    while time.monotonic() < end and messages_wait(world):
        ticker.wait(0.5)
    end = time.monotonic() + 60
    while until is not None and time.monotonic() < end and not until():
        ticker.wait(0.5)
    for process in processes:
        if process.running:
            process.stop()
    world.wait_quiet()
    return killer.killed


@pytest.mark.timeout(600)
def test_kills_lose_nothing_and_double_nothing(mongo: stack.Server, mongo_prefix: str) -> None:
    """200 requests and 40 complaints in 12 clinics, two replicas of each service, 4 kills, a bad SMS gateway.

    What takes longer is in ``make faults``, and many more histories in ``make simulate``.
    """
    plan = plans.make(SEED, requests=200, clinics=12, complaints=40)
    with stack.own_kafka() as kafka:
        stack.recreate_topics(kafka.address, contract_topics(), contract_configs())
        start = plans.OPENING - timedelta(seconds=45)
        extra = {"HOMECALL_KAFKA_SESSION_TIMEOUT_MS": "2000"}
        with (
            a_world(kafka.address, mongo.address, mongo_prefix, at=start, extra=extra) as world,
            a_gateway(world, SEED, hang=0.01, cut=0.02, busy=0.02, refuse=0.01, fail=0.01) as gateway,
        ):
            began = time.monotonic()
            killed = run(world, plan, kills=4, pause=2, seconds=8, patience=180)
            findings = plan.ledger.judge(world.reader.heard)
            messages = kept_messages(world)
            said_and_sent = plan.ledger.judge_messages(world.reader.heard, messages, gateway.taken())
            counts = Counter(each.type for each in world.reader.heard)
            print(f"seed {plan.seed}: {len(plan.ledger.sent)} requests, kills {dict(killed)}, ", end="")
            print(f"{time.monotonic() - began:.0f} s, events {dict(counts)}")
            print(f"messages {dict(Counter((each.state, each.reason) for each in messages))}")
            assert killed.total() >= 4
            assert findings == {}, _told(findings, world)
            assert said_and_sent == {}, _told(said_and_sent, world)
            order = plan.ledger.judge_order(each.reference for each in gateway.entries())
            assert order == {}, _told(order, world)
            assert {each.state for each in messages} >= {"delivered", "sent", "failed", "unknown"}


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_ledger_catches_commits_before_the_store_and_messages_sent_again(
    mongo: stack.Server, mongo_prefix: str
) -> None:
    """The same with offsets committed before anything is stored, and unknown messages sent again: it says so."""
    plan = plans.make(SEED, requests=1_500, clinics=10)
    with stack.own_kafka() as kafka:
        stack.recreate_topics(kafka.address, contract_topics(), contract_configs())
        start = plans.OPENING - timedelta(seconds=15)
        extra = {"HOMECALL_KAFKA_SESSION_TIMEOUT_MS": "2000"}
        with (
            a_world(kafka.address, mongo.address, mongo_prefix, at=start, extra=extra) as world,
            a_gateway(world, SEED, cut=0.2) as gateway,
        ):
            command = ("tests.faults.broken", "commit_first+send_again")
            # A kill at random may miss the moment between the commit and the store each time: these do not. The eighth
            # batch is one of requests: the clinics and rosters are through before.
            between = dict.fromkeys(("intake", "scheduler"), "batch.decided:kill@8")

            def sent_twice() -> bool:
                # Requests that were lost never end, so the wait for them says nothing about the messages: an unknown
                # one is sent again half a minute later by the services' clock.
                return any(times > 1 for times in gateway.taken().values())

            killed = run(
                world,
                plan,
                kills=16,
                pause=1.5,
                seconds=25,
                patience=20,
                command=command,
                failpoints=between,
                until=sent_twice,
            )
            findings = plan.ledger.judge(world.reader.heard)
            sent = plan.ledger.judge_messages(world.reader.heard, kept_messages(world), gateway.taken())
            print(f"kills {dict(killed)}: { ({kind: len(entries) for kind, entries in findings.items()}) }")
            assert findings.get("lost") or findings.get("unanswered"), "the ledger did not see what was lost"
            assert sent.get("doubled"), "the ledger did not see what was sent twice"


def _told(findings: dict[str, list[str]], world: World) -> str:
    lines = [f"{kind}: {len(entries)}, as {entries[:3]}" for kind, entries in findings.items()]
    kept = world.keep_logs()
    return "\n".join([*lines, f"logs are in {kept}"])


def test_an_empty_ledger_finds_nothing() -> None:
    assert Ledger().judge([]) == {}
