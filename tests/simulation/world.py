"""Processes of the services in a simulated world: started, killed, stopped and started again by a seed."""

from __future__ import annotations

import asyncio
import contextlib
import random
import traceback
from collections.abc import Coroutine
from contextvars import Context
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import structlog

from homecall.contract import envelope
from homecall.contract.events import RequestStatus
from homecall.operations.serve import build
from homecall.runtime.clock import SystemClock
from homecall.runtime.settings import Settings, load_settings
from tests.simulation.gateways import Gateways
from tests.simulation.kafka import Kafka
from tests.simulation.loop import NODE, Node, SimulatedLoop
from tests.simulation.mongo import Mongo
from tests.simulation.servers import Network
from tests.simulation.sms import SECRET, URL, SmsGateway

DESK_USERS = Path(__file__).with_name("desk_users.json")
DESK_SECRET = Path(__file__).with_name("desk_secret.txt")


class Clock(SystemClock):
    """The services' clock: ``speed`` seconds in one of the loop's, and each process may be ahead of the others.

    Of the system clock's kind, so that times of records are judged (R17).
    """

    def __init__(self, loop: SimulatedLoop, start: datetime, speed: float) -> None:
        self._loop = loop
        self._start = start.astimezone(UTC)
        self.speed = speed
        self._last = (-1.0, 0.0, self._start)
        """The last moment told: of the loop's time and of how far the process is ahead."""

    def now(self) -> datetime:
        node = NODE.get()
        skew = 0.0 if node is None else node.skew
        time = self._loop.time()
        if self._last[0] != time or self._last[1] != skew:
            self._last = (time, skew, self._start + timedelta(seconds=time * self.speed + skew))
        return self._last[2]


class Process:
    """One replica of a service: a node after the other, each with a service of its own."""

    def __init__(self, world: World, service: str, number: int) -> None:
        self.world = world
        self.service = service
        self.name = f"{service}-{number}"
        self.node: Node | None = None
        self.running: Any = None
        self.starts = 0

    def start(self, dies_at: str | None = None) -> None:
        """Start it. With ``dies_at`` it is killed at the failpoint of this name."""
        self.starts += 1
        node = Node(f"{self.name}.{self.starts}")
        self.world.nodes.append(node)
        self.node = node
        self.world.dies_at[node] = dies_at
        self.do(node, self._run(node))
        node.on_death = lambda: self.world.died(self)

    @property
    def alive(self) -> Node | None:
        """Its node, where that runs or stands still."""
        return None if self.node is None or self.node.dead else self.node

    def do(self, node: Node, work: Coroutine[Any, Any, None]) -> None:
        """Have a node do work of its own."""
        context = Context()
        context.run(NODE.set, node)
        self.world.loop.create_task(work, context=context)

    def stop(self) -> None:
        """Stop it in order, as SIGTERM does; it is started again."""
        node, service = self.alive, self.running
        if node is None or service is None:
            return

        async def end() -> None:
            with contextlib.suppress(Exception):
                await service.stop()
            node.kill()

        self.do(node, end())

    async def _run(self, node: Node) -> None:
        self.running = None
        service = build(self.service, self.world.settings, self.world.clock)
        await service.start()
        self.running = service
        await asyncio.wait([service.failed])
        # The process ends where a batch cannot be carried out; what started it starts it again.
        error = service.failed.exception()
        assert error is not None
        where = traceback.extract_tb(error.__traceback__)[-1]
        self.world.note(f"{node} ended by itself: {error!r} in {where.name}, {where.filename}:{where.lineno}")
        self.world.failures.append(f"{node}: {error!r} in {where.name}, {where.filename}:{where.lineno}")
        node.kill()


class World:
    """Servers, processes and the clock of one history."""

    def __init__(self, loop: SimulatedLoop, seed: int, start: datetime, speed: float) -> None:
        self.loop = loop
        self.rng = rng = random.Random(f"world {seed}")
        self.network = Network(rng)
        self.clock = Clock(loop, start, speed)
        self.kafka = Kafka(self.network, rng, lambda: self.clock.now().timestamp())
        self.mongo = Mongo(self.network, rng)
        self.sms = SmsGateway(self.network, rng)
        self.gateways = Gateways(self.network, rng, seed, self.sms)
        self.settings: Settings = load_settings(
            _env_file=None,
            env="development",
            signatures="off",
            mongo_url="mongodb://127.0.0.1:1/",
            mongo_prefix="simulated",
            replan_seconds=0,
            # In every other history windows are chosen by sampled days. Drawn apart: all else stays as it was.
            sampled_days=random.Random(f"sampled {seed}").choice((0, 3)),
            batch_wait_ms=200,
            sms=URL,
            sms_settle_seconds=0,
            sms_statuses=",".join(get_args(RequestStatus)),
            sms_report_secret=SECRET,
            log_level="error",
            desk_users_file=DESK_USERS,
            desk_secret_file=DESK_SECRET,
            **self.gateways.settings,
        )
        self.processes: list[Process] = []
        self.dies_at: dict[Node, str | None] = {}
        self.places: set[str] = set()
        self.kills = 0
        self.failures: list[str] = []
        self.notes: list[str] = []
        self.nodes: list[Node] = []
        self.closed = False
        self.read: dict[Any, envelope.Incoming] = {}
        """Events as services read them, by their content."""

    def note(self, what: str) -> None:
        """Write a line into the history."""
        self.notes.append(f"{self.loop.time():9.3f} {self.clock.now():%H:%M:%S} {what}")

    def close(self) -> None:
        """Kill every process for good. What is unwound of them says nothing."""
        self.closed = True
        for node in self.nodes:
            node.kill()

    def logged(self, _logger: Any, level: str, event: dict[str, Any]) -> Any:
        """A warning or error of a process, as a line of the history."""
        if self.closed:
            raise structlog.DropEvent
        error = event.pop("exc_info", None)
        told = " ".join(f"{name}={value}" for name, value in event.items() if name != "event")
        self.note(f"{NODE.get()} {level}: {event['event']} {told} {error!r}"[:300])
        raise structlog.DropEvent

    def reached_place(self, place: str) -> None:
        self.places.add(place)
        node = NODE.get()
        if node is not None and not node.dead and self.dies_at.get(node) == place:
            self.note(f"{node} is killed at {place}")
            node.kill()

    def stop_replication(self, seconds: float) -> None:
        """No majority has what the database is told for so long; then it goes on, or the primary steps down."""
        self.mongo.halt()
        self.loop.call_later(seconds, self._end_of_halt, context=Context())

    def _end_of_halt(self) -> None:
        if not self.mongo.halted:
            return
        if self.rng.random() < 0.3:
            self.mongo.go_on()
            return
        misled = [each.node for each in self.processes if each.node is not None and self.rng.random() < 0.3]
        self.mongo.step_down(self.rng.uniform(0.1, 1.5), misled)
        self.note("the database's primary stepped down")

    def heal(self) -> None:
        """From now on every server does its work, and soon."""
        self.network.heal()
        self.sms.bad = 0.0
        self.mongo.go_on()

    def died(self, process: Process) -> None:
        self.kills += 1
        if not self.closed:
            # Of no node: a callback of the dead one would never run.
            self.loop.call_later(self.rng.uniform(0.1, 2.0), process.start, context=Context())

    def expel_silent(self) -> None:
        """Put members out of their groups that have not been heard of within a session."""
        limit = self.loop.time() - self.kafka.session_seconds
        for group in self.kafka.groups.values():
            for member in [each for each in group.members.values() if each.heard_at < limit]:
                self.note(f"{member.node} is put out of its group")
                group.leave(member)
