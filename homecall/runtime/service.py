"""A service from start to stop: subscription, timers, gauges, health, and an orderly end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from prometheus_client import Gauge
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from homecall.contract.envelope import Record
from homecall.contract.topics import Topic
from homecall.runtime import metrics
from homecall.runtime.certificate_expiry import Expiry
from homecall.runtime.clock import Clock
from homecall.runtime.engine.engine import Engine
from homecall.runtime.engine.timers import Due
from homecall.runtime.failpoint import failpoint
from homecall.runtime.failures import Stopped, TooManyDeadLetters, Transient
from homecall.runtime.handling import Handler
from homecall.runtime.kafka.errors import place
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.kafka.senders import Senders
from homecall.runtime.kafka.subscription import Subscription
from homecall.runtime.logs import log
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.moments import moment_of
from homecall.runtime.mongo.probe import Probe
from homecall.runtime.mongo.schema import Schema
from homecall.runtime.pipeline import Commit, Pipeline
from homecall.runtime.settings import Settings
from homecall.runtime.startup import Startup
from homecall.runtime.tracing import tracing

Receiver = Callable[[bytes, Mapping[str, str]], Awaitable[tuple[int, str]]]
"""Takes the body and the headers (lower-case names) of a POST; gives the status and a line of text."""

TICK_SECONDS = 0.5
GAUGE_SECONDS = 5.0
LOOK_SECONDS = 5.0
_FINISH_SECONDS = 7.0
# Closing a TLS connection waits for the broker, up to half a minute if it is busy or gone.
_CLOSE_SECONDS = 2.0
# Several failed checks: a single late one does not make the service unready.
_UNHEARD_SECONDS = 15.0
_STALLED_SECONDS = 120.0


@dataclass
class Service:
    """What a composition root puts together.

    ``ticks`` is work beyond single aggregates that is done at every tick. ``workers`` work beside the timers, each in
    a task of its own, so that none waits for another; at the end each is given a moment to finish what it has in hand.
    ``receives`` is what may be posted to the service over HTTP, by path.
    """

    name: str
    settings: Settings
    clock: Clock
    database: Database
    producer: Producer
    topics: Sequence[Topic]
    handler: Handler
    engines: Sequence[Engine[Any, Any]]
    low_priority: Collection[Topic] = ()
    """Those of ``topics`` that nobody waits for: their records are collected into larger batches."""
    tables: Sequence[GlobalTable] = ()
    schema: Schema | None = None
    """The schema of its database: the service does not start on one that a newer release has changed."""
    prepare: Sequence[Callable[[], Awaitable[None]]] = ()
    ticks: Sequence[Callable[[datetime], Awaitable[None]]] = ()
    workers: Sequence[Callable[[datetime, asyncio.Event], Awaitable[None]]] = ()
    """Each gets the present moment, and an event that is set once the service stops."""
    receives: Mapping[str, Receiver] = field(default_factory=dict)
    close: Sequence[Callable[[], Awaitable[None]]] = ()
    gauges: Callable[[datetime], Awaitable[None]] | None = None
    notes: Sequence[Callable[[], str]] = ()
    """Each returns a problem outside the service, or an empty text: readiness repeats it, and stays ready."""
    writes_dead_letters: bool = True
    """Whether what it cannot read becomes a dead letter. False where every topic is another service's first."""
    routes: Sequence[BaseRoute] = ()
    """What it answers over HTTP beside its health and metrics."""
    not_found: Callable[[Request, Exception], Awaitable[Response]] | None = None
    """Its answer where there is no such address."""
    failed: asyncio.Future[None] = field(init=False)

    def __post_init__(self) -> None:
        self._traces = tracing(self.settings, self.name)
        self._probe = Probe(self.database)
        self._expiry = Expiry(self.settings)
        self.pipeline = Pipeline(
            self.name,
            self.handler,
            self.producer,
            self.clock,
            dead_letter_max_share=self.settings.dead_letter_max_share,
            traces=self._traces,
            senders=Senders(self.settings.senders_file),
            overlap=True,
            full=self.settings.batch_max,
            failed=self._fail,
            works=self._probe.check,
            writes_dead_letters=self.writes_dead_letters,
        )
        self.subscription = Subscription(self.settings, self.name, self.topics, self._on_batch, self.low_priority)
        for engine in self.engines:
            engine.store.passed = self._passed
            engine.store.learn_passed = self.subscription.learn_committed
        self._tasks: list[asyncio.Task[None]] = []
        self._workers: list[asyncio.Task[None]] = []
        self._log = log(self.name)
        self._last_tick = time.monotonic()
        self._started = False
        self._startup = Startup(self.name, self.database, self.producer, self.schema)
        self._broker_place = place(self.settings.kafka_bootstrap)
        self._waiting: dict[str, str] = {}
        """What timers and workers wait for now."""
        metrics.start_at_zero(
            self.name, [each.name for each in (*self.topics, *(table.topic for table in self.tables))]
        )

    async def start(self) -> None:
        """Start, waiting for the database and the broker; ``ready`` says when it takes part.

        Raises ``TooNew`` if the database is of a newer release, ``SettingsError`` if a server rejects our credentials
        or configuration.
        """
        self.failed = asyncio.get_running_loop().create_future()
        tables = (table.start for table in self.tables)
        steps = [
            self._startup.look_at_schema,
            *self.prepare,
            self.producer.start,
            self._startup.look_at_topics,
            *tables,
            self.subscription.start,
        ]
        await self._startup.run(self.pipeline.retry, steps)
        self._tasks = [
            self._every("timers", TICK_SECONDS, self._tick, "timers"),
            self._every("gauges", GAUGE_SECONDS, self._gauge),
            self._every("lag", GAUGE_SECONDS, self.subscription.measure_lag),
            self._every("looks for the broker", LOOK_SECONDS, partial(self.producer.look, LOOK_SECONDS)),
            self._every("keeps its client", LOOK_SECONDS, self.subscription.look),
        ]
        self._workers = [
            self._every("worker", TICK_SECONDS, partial(self._work, worker), f"worker {number}")
            for number, worker in enumerate(self.workers)
        ]
        self._started = True
        metrics.LAST_COMMIT.labels(self.name).set(time.time())
        self._log.info("started", topics=[topic.name for topic in self.topics])

    async def stop(self) -> None:
        """Finish and commit the batch, leave the group; within 10 s, even if a connection does not close."""
        finished, _ = await asyncio.gather(self.pipeline.finish(_FINISH_SECONDS), self._let_finish())
        for task in (*self._tasks, *self._workers):
            task.cancel()
        closing = asyncio.create_task(self._close(), name=f"{self.name} closes")
        _, late = await asyncio.wait([closing], timeout=_CLOSE_SECONDS)
        self._probe.close()
        await self.database.close()
        batch = "finished" if finished else "given up, uncommitted"
        if late:
            # Nothing is lost: everything is committed, and only connections are left open.
            self._log.warning("stopped, with connections that did not close in time", batch_in_hand=batch)
        else:
            self._log.info("stopped", batch_in_hand=batch)

    async def _close(self) -> None:
        await asyncio.gather(*self._tasks, *self._workers, return_exceptions=True)
        leaving = [self.subscription.stop()] if self._started else []
        # Concurrently: one that hangs must not block the others, and an open client keeps the process alive.
        ends = await asyncio.gather(
            *leaving,
            self.producer.stop(),
            *(table.stop() for table in self.tables),
            *(closing() for closing in self.close),
            return_exceptions=True,
        )
        if self._traces is not None:
            ends += await asyncio.gather(self._traces.close(), return_exceptions=True)
        for error in ends:
            if isinstance(error, Exception):
                self._log.warning("not closed in order", error=type(error).__name__)

    def _passed(self, topic: str, partition: int) -> int:
        """The offset below which all events of records were acknowledged, here or, since it is committed, elsewhere."""
        place = (topic, partition)
        return max(self.pipeline.passed.get(place, 0), self.subscription.lag.committed_to(place))

    async def _on_batch(self, records: Sequence[Record], commit: Commit) -> None:
        try:
            await self.pipeline.on_batch(records, commit)
        except Stopped:
            return
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Take no further batch, so that nothing is committed past this one, and end the process."""
        self.pipeline.stopping.set()
        if self.failed.done():
            return
        if isinstance(error, TooManyDeadLetters):
            self._log.error("stopping", reason=str(error))
        else:
            self._log.error("stopping", reason="the batch cannot be carried out", exc_info=error)
        self.failed.set_exception(error)

    # ------------------------------------------------------------ timers and gauges

    def _every(
        self, name: str, seconds: float, work: Callable[[], Awaitable[None]], waits: str = ""
    ) -> asyncio.Task[None]:
        """Do work every ``seconds`` in a task. Readiness reports under the name ``waits`` what it waits for."""
        return asyncio.create_task(self._repeat(seconds, work, waits), name=f"{self.name} {name}")

    async def _repeat(self, seconds: float, work: Callable[[], Awaitable[None]], waits: str) -> None:
        while not self.pipeline.stopping.is_set():
            try:
                await work()
                self._waiting.pop(waits, None)
            except Transient as error:
                self._log.warning("timers wait", reason=str(error))
                if waits:
                    self._waiting[waits] = str(error)
            except Exception as error:
                # The work is in the store, and the next tick retries it.
                self._waiting.pop(waits, None)
                self._log.error("timer failed", error=type(error).__name__, exc_info=error)
            await asyncio.sleep(seconds)

    async def _tick(self) -> None:
        try:
            await self._turn()
        except Transient:
            self._last_tick = time.monotonic()  # timers run; an outage is no reason to restart
            raise

    async def _turn(self) -> None:
        now = self.clock.now()
        for engine in self.engines:
            # The outbox first, so that an error of new work does not block it.
            await self._send(engine, await engine.unsent())
            more = True
            while more and not self.pipeline.stopping.is_set():
                due = await engine.due(now)
                await self._send(engine, due)
                more = due.more
        for work in self.ticks:
            await work(now)
        self._last_tick = time.monotonic()

    async def _send(self, engine: Engine[Any, Any], due: Due[Any]) -> None:
        if not due.unsent and not due.expired:
            return
        dead = [(record, death.reason, death.detail, self.name) for record, death in due.dead]
        await self.producer.send(due.events, dead)
        failpoint("timer.published")
        await engine.sent(due)
        for record, death in due.dead:
            metrics.DEAD_LETTERS.labels(record.topic, death.reason).inc()

    async def _work(self, worker: Callable[[datetime, asyncio.Event], Awaitable[None]]) -> None:
        await worker(self.clock.now(), self.pipeline.stopping)

    async def _let_finish(self) -> None:
        """Give the workers time for their current work; they take no more once the service stops."""
        self.pipeline.stopping.set()
        if self._workers:
            await asyncio.wait(self._workers, timeout=_FINISH_SECONDS)

    async def _gauge(self) -> None:
        metrics.READY.labels(self.name).set((await self.ready())[0])
        await asyncio.to_thread(self._expiry.look)
        if self.gauges is not None:
            await self.gauges(self.clock.now())
            metrics.LAST_READ.labels(self.name, "store").set(time.time())

    # ------------------------------------------------------------ health

    def alive(self) -> tuple[bool, str]:
        """Liveness: timers run, and no batch has failed for good."""
        if time.monotonic() - self._last_tick > _STALLED_SECONDS and self.pipeline.retry.blocked_since is None:
            return False, "timers have not turned"
        if self._started and self.failed.done():
            return False, "a batch could not be carried out"
        return True, "alive"

    async def ready(self) -> tuple[bool, str]:
        """Readiness: partitions assigned, database working, producer healthy."""
        if not self._started:
            if self._startup.awaits:
                return False, f"starting: {self._startup.awaits}"
            waits_for = self.pipeline.retry.blocked_by
            return False, f"starting: {waits_for}" if waits_for else "starting"
        if self.pipeline.stopping.is_set():
            return False, "stopping"
        if not self.subscription.assignment.joined:
            return False, "no partitions assigned yet"
        if not self.producer.healthy:
            return False, f"the producer cannot reach the broker ({self._broker_place})"
        unheard = time.monotonic() - self.producer.heard_at
        if unheard > _UNHEARD_SECONDS:
            return False, f"the broker has not answered for {unheard:.0f} s ({self._broker_place})"
        if self.pipeline.retry.blocked_since is not None:
            return False, f"a batch waits for the database or the broker: {self.pipeline.retry.blocked_by}"
        problem = await self._probe.problem()
        if problem is not None:
            return False, f"the database does not answer: {problem}"
        if self._waiting:
            return False, f"timers wait: {next(iter(self._waiting.values()))}"
        noted = "".join(f"; {note}" for each in self.notes if (note := each()))
        return True, f"ready{self._startup.lacks}{noted}"


def refresh_open(
    deadline: str, rows: Sequence[tuple[str, int, int | None]], channels: Sequence[str], now: datetime
) -> None:
    """Set the open gauges of a deadline from what the store gave: (channel, number, earliest start as ``millis``)."""
    refresh_waiting((metrics.OPEN, metrics.OLDEST_OPEN_SECONDS), rows, channels, now, deadline)


def refresh_waiting(
    gauges: tuple[Gauge, Gauge],
    rows: Sequence[tuple[str, int, int | None]],
    channels: Sequence[str],
    now: datetime,
    *labels: str,
) -> None:
    """The same for any two gauges: how many wait, and the age of the oldest. ``labels`` stand before the channel."""
    found = {channel: (count, oldest) for channel, count, oldest in rows}
    for channel in channels:
        count, oldest = found.get(channel, (0, None))
        age = max(0.0, (now - moment_of(oldest)).total_seconds()) if oldest is not None else 0.0
        gauges[0].labels(*labels, channel).set(count)
        gauges[1].labels(*labels, channel).set(age)
