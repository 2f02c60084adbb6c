"""A batch of records from Kafka: decode, load, decide, store, publish, commit, in this order and no other.

An offset moves only when all that its record caused is stored and acknowledged: the log is the outbox.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass

from structlog.contextvars import bound_contextvars

from homecall.contract.envelope import DeadReason, Incoming, Record, Unreadable, read
from homecall.contract.topics import TOPICS
from homecall.runtime.batch_counts import BatchCounts, Decoded
from homecall.runtime.clock import Clock
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.failpoint import failpoint
from homecall.runtime.failures import Stopped
from homecall.runtime.handling import Handler, Handling
from homecall.runtime.kafka.dead_letters import DeadLettersShare
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.kafka.senders import Senders
from homecall.runtime.metrics import step
from homecall.runtime.overlap import Overlap
from homecall.runtime.retry import Retry
from homecall.runtime.tracing import TracedBatch, Traces

_ORDER = {topic.name: place for place, topic in enumerate(TOPICS)}

Commit = Callable[[Mapping[tuple[str, int], int]], Awaitable[None]]
"""Commits the next offset to read of each (topic, partition). Raises ``Transient`` where it is to be tried again."""
DeadLetter = tuple[Record, str, str, str]
"""The record, the reason, why, and the service."""


@dataclass(eq=False, repr=False)
class Pipeline:
    """The six steps of a batch, each retried while what it needs is unavailable."""

    service: str
    handler: Handler
    producer: Producer
    clock: Clock
    _: KW_ONLY
    dead_letter_max_share: float = 1.0
    """When a larger share of the last 1,000 records became dead letters, ``TooManyDeadLetters`` ends the service."""
    traces: Traces | None = None
    senders: Senders | None = None
    overlap: bool = False
    """Whether a batch is handled while the events of the one before are on their way: see ``Overlap``."""
    full: int = 250
    """Records of a full batch."""
    failed: Callable[[Exception], None] = lambda _: None
    """Called with the error of a publication that failed for good, since nobody may be waiting for it."""
    works: Callable[[], Awaitable[None]] | None = None
    """Raises ``Transient`` while the database does not work for anything: no record is given up meanwhile."""
    writes_dead_letters: bool = True
    """Whether what cannot be read becomes a dead letter here; else it is passed over."""

    def __post_init__(self) -> None:
        self.retry = Retry(self.service)
        self.stopping = self.retry.stopping
        self.passed: dict[tuple[str, int], int] = {}
        """By topic and partition, the offset after the last record whose events were acknowledged here."""
        self._handling = Handling(self.service, self.handler, self.clock, self.retry, self.works)
        self._overlap = Overlap(enabled=self.overlap, full=self.full, failed=self._fail)
        self._share = DeadLettersShare(self.dead_letter_max_share)
        self._counts = BatchCounts(self.service)
        self._senders = self.senders or Senders(None)
        self._idle = asyncio.Lock()

    async def on_batch(self, records: Sequence[Record], commit: Commit) -> None:
        """Carry out the six steps for a batch; with ``overlap`` the last two only begin.

        Raises ``Stopped`` when the service stops before the batch is committed, ``TooManyDeadLetters`` when it must.
        """
        if self.stopping.is_set():
            raise Stopped
        batch_id = secrets.token_hex(4)
        async with self._idle:
            # Every log line until the batch is done has its id.
            with bound_contextvars(batch=batch_id):
                await self._carry_out(records, commit, batch_id)

    async def _carry_out(self, records: Sequence[Record], commit: Commit, batch_id: str) -> None:
        failpoint("batch.taken")
        batch = self._decode(records)
        traced = TracedBatch(self.traces, batch.events)
        batch = batch._replace(events=traced.events)
        failpoint("batch.decoded")
        subjects = {event.subject for event in batch.events}
        await self._overlap.make_way(subjects, len(records))
        handled = await self._handling.handle(batch.events)
        dead: list[DeadLetter] = [(record, reason, why, self.service) for record, reason, why in batch.unreadable]
        dead += [(event.record, death.reason, death.detail, self.service) for event, death in handled.dead]
        dead = dead if self.writes_dead_letters else []
        self._share.add(len(records), len(dead))
        traced.step("load, decide, store")
        failpoint("batch.handled")
        await self._overlap.published()
        offsets = _next_offsets(records)

        async def publish() -> None:
            await self._publish(handled, dead)
            self.passed.update(offsets)
            traced.step("publish")

        async def end() -> None:
            await self._commit(offsets, commit)
            traced.step("commit")
            traced.end(batch_id)
            self._counts.add(batch, handled)

        # The follow-ups of a publication may change the facts of the next batch.
        await self._overlap.start(subjects, publish, end, wait=bool(handled.after))

    def check(self, event: Incoming) -> None:
        """Raises ``Unreadable`` for an event whose sender may not send it."""
        self._senders.check(event)

    async def settled(self) -> None:
        """Wait until the last batch is published and committed. Raises what kept it from that, once."""
        await self._overlap.settled()

    def _fail(self, error: Exception) -> None:
        # Nothing later may be committed past this batch.
        self.stopping.set()
        self.failed(error)

    def _decode(self, records: Sequence[Record]) -> Decoded:
        events: list[Incoming] = []
        unreadable: list[tuple[Record, DeadReason, str]] = []
        with step("decode"):
            # Between topics there is no order; within a batch, causes are put before their effects.
            for record in sorted(records, key=lambda each: _ORDER.get(each.topic, 0)):
                try:
                    event = read(record)
                    self._senders.check(event)
                    events.append(event)
                except Unreadable as error:
                    unreadable.append((record, error.reason, error.detail))
        return Decoded(records, events, unreadable)

    async def _publish(self, handled: BatchResult, dead: Sequence[DeadLetter]) -> None:
        with step("publish"):
            await self.retry(lambda: self.producer.send(handled.events, dead))
            failpoint("batch.published")
            for follow_up in handled.after:
                await self.retry(follow_up)
            failpoint("batch.followed")

    async def _commit(self, offsets: Mapping[tuple[str, int], int], commit: Commit) -> None:
        with step("commit"):
            await self.retry(lambda: commit(offsets))
            failpoint("batch.committed")

    async def finish(self, seconds: float) -> bool:
        """Take no further batch, and wait for the current one. Whether it ended within so many seconds."""
        self.stopping.set()
        try:
            async with asyncio.timeout(seconds), self._idle:
                await self._overlap.let_end()
        except (TimeoutError, Stopped):
            return False
        except Exception:
            return False  # reported already
        return True


def _next_offsets(records: Sequence[Record]) -> dict[tuple[str, int], int]:
    """By topic and partition, the offset to read next."""
    offsets: dict[tuple[str, int], int] = {}
    for record in records:
        place = (record.topic, record.partition)
        offsets[place] = max(offsets.get(place, 0), record.offset + 1)
    return offsets
