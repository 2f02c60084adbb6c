"""A batch of records from Kafka: decode, load, decide, store, publish, commit, in this order and no other.

An offset moves only when all that its record caused is stored and acknowledged: the log is the outbox.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from structlog.contextvars import bound_contextvars

from homecall.contract.envelope import DeadReason, Incoming, Record, Unreadable, read
from homecall.contract.topics import BY_NAME, TOPICS
from homecall.runtime import metrics
from homecall.runtime.clock import Clock
from homecall.runtime.engine.batch import BatchResult, Result
from homecall.runtime.engine.decision import Dead
from homecall.runtime.failpoint import failpoint
from homecall.runtime.failures import RetryForever, Stopped, TooManyDeadLetters, Transient
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.kafka.senders import Senders
from homecall.runtime.logs import log, logs_debug
from homecall.runtime.tracing import Traces, trace_id

_TRIES = 5
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 10.0
_SHARE_WINDOW = 1_000
_MOST_UNCOMMITTED = 8
FEW = 25
"""Up to so many records a batch costs about as much as for one: it hurries, for the sake of its latency."""
_ORDER = {topic.name: place for place, topic in enumerate(TOPICS)}

T = TypeVar("T")
Commit = Callable[[Mapping[tuple[str, int], int]], Awaitable[None]]
"""Commits the next offset to read of each (topic, partition). Raises ``Transient`` where it is to be tried again."""


class Handler(Protocol):
    """Load, decide and store a batch; handling it again must give the same events."""

    async def handle(self, batch: Sequence[Incoming], now: datetime) -> BatchResult: ...


class Pipeline:
    """The six steps, with what to do when one of them fails.

    What is away is waited for; a record that fails by itself five times becomes a dead letter; when too large a share
    of the last 1,000 records did, ``TooManyDeadLetters`` ends the service. ``works`` raises ``Transient`` while the
    database does not work for anything: no record is given up before it has passed.

    With ``overlap`` a batch is decoded and handled while the events of the one before are on their way, unless it has
    something of the same subject: nothing later of a subject is stored before what was said of it earlier is
    acknowledged. After a crash another replica may read the records in another order, and would say a second status
    before the first. A batch that is neither small nor ``full`` waits as well: more records come meanwhile, and larger
    batches cost less. Events go out, and offsets are committed, batch after batch. ``failed`` is told what made a
    publication fail for good, which then nobody may be waiting for.
    """

    def __init__(
        self,
        service: str,
        handler: Handler,
        producer: Producer,
        clock: Clock,
        *,
        dead_letter_max_share: float = 1.0,
        traces: Traces | None = None,
        senders: Senders | None = None,
        overlap: bool = False,
        full: int = 250,
        failed: Callable[[Exception], None] = lambda _: None,
        works: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.service = service
        self.handler = handler
        self.producer = producer
        self.clock = clock
        self.stopping = asyncio.Event()
        self._blocked: dict[object, tuple[float, str]] = {}
        self.last_progress = time.monotonic()
        self._max_share = dead_letter_max_share
        self._traces = traces
        self._senders = senders or Senders(None)
        self._recent: deque[bool] = deque(maxlen=_SHARE_WINDOW)
        self._idle = asyncio.Lock()
        self._overlap = overlap
        self._full = full
        self._failed = failed
        self._works = works
        self.passed: dict[tuple[str, int], int] = {}
        """By topic and partition, the offset after the last record whose events were acknowledged here."""
        self._publishing: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        """The publication of the last batch, and with its commit, and those before."""
        self._uncommitted = 0
        """How many batches have not come to that end."""
        self._said_of: set[str] = set()
        """The subjects of the last batch."""
        self._log = log(service)
        self._each: bool = logs_debug()

    async def on_batch(self, records: Sequence[Record], commit: Commit) -> None:
        """Carry out the six steps for a batch; with ``overlap`` the last two only begin.

        Raises ``Stopped`` when the service stops before the batch is committed, ``TooManyDeadLetters`` when it must.
        """
        if self.stopping.is_set():
            raise Stopped
        batch_id = secrets.token_hex(4)
        async with self._idle:
            # Every line that is logged until the batch is through, whoever writes it, names it.
            with bound_contextvars(batch=batch_id):
                await self._carry_out(records, commit, batch_id)

    async def _carry_out(self, records: Sequence[Record], commit: Commit, batch_id: str) -> None:
        failpoint("batch.taken")
        batch, unreadable = self._decode(records)
        traced = None if self._traces is None else self._traces.batch(batch)
        if traced is not None:
            batch = traced.events
        failpoint("batch.decoded")
        subjects = {event.subject for event in batch}
        if subjects & self._said_of or FEW < len(records) < self._full:
            await self._published()
        handled = await self._handled(batch)
        dead: list[tuple[Record, str, str, str]] = [
            (record, reason, detail, self.service) for record, reason, detail in unreadable
        ]
        dead += [(event.record, death.reason, death.detail, self.service) for event, death in handled.dead]
        self._mind_the_share(len(records), len(dead))
        if traced is not None:
            traced.step("load, decide, store")
        failpoint("batch.handled")
        await self._published()
        before = self._ending
        offsets: dict[tuple[str, int], int] = {}
        for record in records:
            place = (record.topic, record.partition)
            offsets[place] = max(offsets.get(place, 0), record.offset + 1)

        async def publish() -> None:
            await self._publish(handled, dead)
            self.passed.update(offsets)
            if traced is not None:
                traced.step("publish")

        async def end() -> None:
            try:
                if before is not None:
                    await before
                await publishing
                await self._commit(offsets, commit)
                if traced is not None:
                    traced.step("commit")
                    traced.end(batch_id)
                self._count(records, batch, handled, unreadable)
                self.last_progress = time.monotonic()
            except Stopped:
                raise
            except Exception as error:
                # Nothing later may be committed past this batch.
                self.stopping.set()
                self._failed(error)
                raise
            finally:
                self._uncommitted -= 1

        self._uncommitted += 1
        self._said_of = subjects
        self._publishing = publishing = asyncio.create_task(publish())
        self._ending = asyncio.create_task(end())
        if handled.after or not self._overlap or self._uncommitted >= _MOST_UNCOMMITTED:
            # What follows the publication may change what the next batch is decided by; and while offsets cannot be
            # committed, what waits for that must not fill the memory.
            await self.settled()

    def check(self, event: Incoming) -> None:
        """Raises ``Unreadable`` for an event whose sender may not send it."""
        self._senders.check(event)

    async def settled(self) -> None:
        """Wait until the last batch is published and committed. Raises what kept it from that, once."""
        ending, self._ending = self._ending, None
        if ending is not None:
            await ending

    async def _published(self) -> None:
        """Wait until what the last batch said is acknowledged; what kept it from that is for ``settled`` to raise."""
        if self._publishing is not None:
            await asyncio.wait([self._publishing])
            if self._publishing.cancelled() or self._publishing.exception() is not None:
                await self.settled()

    async def _publish(self, handled: BatchResult, dead: Sequence[tuple[Record, str, str, str]]) -> None:
        started = time.perf_counter()
        work: list[Callable[[], Awaitable[None]]] = [lambda: self.producer.send(handled.events, dead), *handled.beside]
        done = await asyncio.gather(*(self.retry(each) for each in work), return_exceptions=True)
        for failure in done:
            if failure is not None:
                raise failure
        failpoint("batch.published")
        for follow_up in handled.after:
            await self.retry(follow_up)
        failpoint("batch.followed")
        metrics.STEP_SECONDS.labels("publish").observe(time.perf_counter() - started)

    async def _commit(self, offsets: Mapping[tuple[str, int], int], commit: Commit) -> None:
        started = time.perf_counter()
        await self.retry(lambda: commit(offsets))
        failpoint("batch.committed")
        metrics.STEP_SECONDS.labels("commit").observe(time.perf_counter() - started)

    def _decode(self, records: Sequence[Record]) -> tuple[list[Incoming], list[tuple[Record, DeadReason, str]]]:
        started = time.perf_counter()
        batch: list[Incoming] = []
        unreadable: list[tuple[Record, DeadReason, str]] = []
        # Between topics there is no order; within a batch the causes may as well come before what they cause.
        for record in sorted(records, key=lambda each: _ORDER.get(each.topic, 0)):
            try:
                event = read(record)
                self._senders.check(event)
                batch.append(event)
            except Unreadable as error:
                unreadable.append((record, error.reason, error.detail))
        metrics.STEP_SECONDS.labels("decode").observe(time.perf_counter() - started)
        return batch, unreadable

    async def _handled(self, batch: list[Incoming]) -> BatchResult:
        if not batch:
            return BatchResult()
        try:
            return await self.retry(lambda: self.handler.handle(batch, self.clock.now()))
        except (Stopped, RetryForever):
            raise
        except Exception as error:
            self._log.error(
                "batch failed; its records are handled one by one", error=type(error).__name__, exc_info=error
            )
            return await self._one_by_one(batch)

    async def _one_by_one(self, batch: list[Incoming]) -> BatchResult:
        """A batch that fails as a whole: only the record that fails by itself is given up."""
        together = BatchResult()
        for index, event in enumerate(batch):
            alone = await self._alone(event)
            together.take(alone, [index])
        return together

    async def _alone(self, event: Incoming) -> BatchResult:
        tried = 0
        while True:
            tried += 1
            try:
                return await self.retry(lambda: self.handler.handle([event], self.clock.now()))
            except (Stopped, RetryForever):
                raise
            except Exception as error:
                self._log.error(
                    "record failed",
                    tried=tried,
                    type=event.type,
                    error=type(error).__name__,
                    **event.record.place,
                    **_about(event),
                    exc_info=error if tried == 1 else None,
                )
                if tried >= _TRIES:
                    if await self._work_otherwise():
                        detail = (
                            f"{type(error).__name__} at each of {tried} tries: see the service's log, then replay it"
                        )
                        return BatchResult(dead=[(event, Dead("handler_failed", detail))], results={0: "dead"})
                    tried = 0
                await self._pause(tried)

    async def _work_otherwise(self) -> bool:
        """Whether the database works for what has nothing to do with the record at hand.

        Where it does not, this waits until it does: then the record may not have been at fault, and is tried again.
        """
        if self._works is None:
            return True
        try:
            await self._works()
        except Transient as error:
            self._log.warning("record kept: the database fails for everything", reason=str(error))
            await self.retry(self._works)
            return False
        return True

    async def retry(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do work until nothing that it depends on is away, with capped backoff and jitter.

        Raises ``Stopped`` when the service stops meanwhile.
        """
        tried = 0
        this = object()
        try:
            while True:
                try:
                    return await work()
                except (Transient, RetryForever) as error:
                    tried += 1
                    metrics.RETRIES.labels(self.service).inc()
                    since, _ = self._blocked.get(this, (time.monotonic(), ""))
                    self._blocked[this] = since, str(error)
                    if tried in {1, 5} or tried % 20 == 0:
                        # What must be finished fails for a reason of its own, which only the log can show.
                        why = error if isinstance(error, RetryForever) else None
                        self._log.warning("dependency unavailable, retrying", tried=tried, reason=str(error), exc_info=why)
                    await self._pause(tried)
        finally:
            self._blocked.pop(this, None)

    @property
    def blocked_since(self) -> float | None:
        """Monotonic seconds since when something that we depend on is away; None while work goes on."""
        return min((since for since, _ in self._blocked.values()), default=None)

    @property
    def blocked_by(self) -> str:
        """What the work that waits longest waits for; empty while nothing waits."""
        return min(self._blocked.values(), default=(0.0, ""))[1]

    async def _pause(self, tried: int) -> None:
        seconds = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(tried, 10)) * random.uniform(0.5, 1)
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return
        raise Stopped

    def _mind_the_share(self, records: int, dead: int) -> None:
        self._recent.extend([True] * dead + [False] * (records - dead))
        if len(self._recent) == _SHARE_WINDOW and sum(self._recent) > self._max_share * _SHARE_WINDOW:
            raise TooManyDeadLetters(
                f"more than {self._max_share:.0%} of the last {_SHARE_WINDOW} records would be dead letters: "
                "look at homecall dead-letters list, then mend the publisher or this release, or raise "
                "HOMECALL_DEAD_LETTER_MAX_SHARE"
            )

    def _count(
        self,
        records: Sequence[Record],
        batch: Sequence[Incoming],
        handled: BatchResult,
        unreadable: Sequence[tuple[Record, DeadReason, str]],
    ) -> None:
        for record, reason, _ in unreadable:
            metrics.EVENTS.labels(record.topic, "unreadable", "dead").inc()
            metrics.DEAD_LETTERS.labels(record.topic, reason).inc()
            self._log.warning("dead letter", reason=reason, **record.place)
        for event, death in handled.dead:
            metrics.DEAD_LETTERS.labels(event.record.topic, death.reason).inc()
            self._log.warning(
                "dead letter", reason=death.reason, clinic=event.clinic_id, **event.record.place, **_about(event)
            )
        tally: dict[tuple[str, str, Result], int] = {}
        for index, event in enumerate(batch):
            label = (event.record.topic, event.type, handled.results[index])
            tally[label] = tally.get(label, 0) + 1
            if self._each:
                self._log.debug(handled.results[index], type=event.type, **_about(event))
        for (topic, event_type, result), number in tally.items():
            metrics.EVENTS.labels(topic, event_type, result).inc(number)
        now = datetime.now(UTC).timestamp()
        newest: dict[str, int] = {}
        for record in records:
            newest[record.topic] = max(newest.get(record.topic, 0), record.timestamp)
        for topic, timestamp in newest.items():
            if topic in BY_NAME:
                metrics.EVENT_AGE_SECONDS.labels(topic).set(max(0.0, now - timestamp / 1000))

    async def finish(self, seconds: float) -> bool:
        """Take no further batch, and wait for the one in hand. Whether it ended within so many seconds."""
        self.stopping.set()
        try:
            async with asyncio.timeout(seconds), self._idle:
                if self._ending is not None:
                    await asyncio.shield(self._ending)
        except (TimeoutError, Stopped):
            return False
        except Exception:
            return False  # it has been told of already
        return True


def _about(event: Incoming) -> dict[str, str]:
    """What a log line says of an event, to find it by elsewhere: its subject, and its trace where it has one."""
    trace = trace_id(event.traceparent)
    return {"subject": event.subject} if trace is None else {"subject": event.subject, "trace": trace}
