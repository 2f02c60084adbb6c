"""FastStream's subscription of a service: batches of raw records, offsets committed by hand."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import FAKE_CONSUMER

from homecall.contract.envelope import Record
from homecall.contract.topics import Topic
from homecall.runtime import metrics
from homecall.runtime.failures import Transient
from homecall.runtime.kafka.connection import connection, why_not
from homecall.runtime.kafka.consuming import ISOLATION
from homecall.runtime.kafka.errors import MOVED, asked, ended
from homecall.runtime.kafka.fetching import make_safe
from homecall.runtime.kafka.global_table import record_of
from homecall.runtime.kafka.lag import Lag
from homecall.runtime.kafka.low_priority import LowPriority
from homecall.runtime.logs import log
from homecall.runtime.pipeline import Commit
from homecall.runtime.settings import Settings

OnBatch = Callable[[Sequence[Record], Commit], Awaitable[None]]

# A batch may wait for the database. After this long the member leaves the group.
_MAX_POLL_INTERVAL_MS = 300_000
_REBALANCE_TIMEOUT_MS = 60_000
# A member learns of a rebalance with its next heartbeat, so a long session must not delay that.
_HEARTBEAT_MS = 2_500
_ASK_SECONDS = 5.0
# Memory while far behind: this much for each of at most 36 partitions. A larger record comes alone.
_PARTITION_FETCH_BYTES = 128 * 1024
_STOP_SECONDS = 10.0


class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Whether this member has joined its group, and which partitions it holds."""

    def __init__(self, lag: Lag) -> None:
        self.joined = False
        self.partitions: set[TopicPartition] = set()
        self.times = 0
        """How often partitions were assigned: records taken under an earlier assignment come again."""
        self._lag = lag

    async def on_partitions_revoked(self, _revoked: set[TopicPartition]) -> None:
        self.joined = False

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self.joined = True
        self.times += 1
        self.partitions = set(assigned)
        self._lag.assigned({(place.topic, place.partition) for place in assigned})
        for topic in {place.topic for place in assigned}:
            metrics.REBALANCES.labels(topic).inc()


class Subscription:
    """One consumer in the service's group, over all its topics except global tables."""

    def __init__(
        self,
        settings: Settings,
        service: str,
        topics: Sequence[Topic],
        on_batch: OnBatch,
        low_priority: Collection[Topic] = (),
    ) -> None:
        make_safe()
        self.lag = Lag(service, settings.kafka_bootstrap)
        self.assignment = Assignment(self.lag)
        self._settings = settings
        self._bootstrap = settings.kafka_bootstrap
        self._log = log(service)
        self._on_batch = on_batch
        self._low_priority = LowPriority(low_priority)
        self._committing = asyncio.Lock()
        self._started = False
        self._handling = False
        self._broker = _broker(settings, service)
        self._subscriber: Any = self._subscribe(service, [topic.name for topic in topics])
        self._subscriber(self._handle)

    def _subscribe(self, service: str, topics: Sequence[str]) -> Any:
        settings = self._settings
        return self._broker.subscriber(
            *topics,
            group_id=f"homecall-{service}",
            batch=True,
            max_records=settings.batch_max,
            batch_timeout_ms=settings.batch_wait_ms,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            isolation_level=ISOLATION,
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=settings.kafka_session_timeout_ms,
            heartbeat_interval_ms=min(_HEARTBEAT_MS, settings.kafka_session_timeout_ms // 4),
            rebalance_timeout_ms=_REBALANCE_TIMEOUT_MS,
            max_poll_interval_ms=_MAX_POLL_INTERVAL_MS,
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
            listener=self.assignment,
            parser=_parse,
            decoder=_decode,
        )

    async def _handle(self, message: KafkaMessage) -> None:
        raw: Any = message.raw_message
        consumer: Any = self._subscriber.consumer
        records = [record_of(each) for each in raw]

        taken_under = self.assignment.times
        tried = 0

        async def commit(offsets: Mapping[tuple[str, int], int]) -> None:
            nonlocal tried
            tried += 1
            async with self._committing:
                if tried > 1 and self.assignment.times != taken_under:
                    # The answer to the first attempt was lost; another member may have committed later offsets since.
                    self._not_committed(offsets, "Reassigned")
                elif await self._commit(consumer, offsets):
                    self.lag.committed(offsets, {(each.topic, each.partition): each.timestamp for each in records})

        self._low_priority.collect(consumer, records)
        self._handling = True
        try:
            await self._on_batch(records, commit)
        finally:
            self._handling = False
            # FastStream keeps the message in a reference cycle: free its records, which may be large.
            message.raw_message = ()

    async def _commit(self, consumer: Any, offsets: Mapping[tuple[str, int], int]) -> bool:
        """Commit offsets, under the lock; False if the partitions are another member's by now.

        Raises ``Transient`` for any other error of the client: the same commit is to be retried.
        """
        named = {TopicPartition(*place): offset for place, offset in offsets.items()}
        try:
            await asked(consumer.commit(named), self._bootstrap)
        except Transient as error:
            if isinstance(error.__cause__, MOVED):
                # The other member gets the batch again, and finds its events stored.
                self._not_committed(offsets, type(error.__cause__).__name__)
                return False
            self._count_failure(offsets)
            raise
        return True

    def _not_committed(self, offsets: Mapping[tuple[str, int], int], error: str) -> None:
        self._count_failure(offsets)
        self._log.warning("offsets not committed; the batch comes again", error=error)

    @staticmethod
    def _count_failure(offsets: Mapping[tuple[str, int], int]) -> None:
        for topic in {topic for topic, _ in offsets}:
            metrics.COMMIT_FAILURES.labels(topic).inc()

    async def _commit_at_rest(self) -> None:
        """Commit past transaction markers and aborted or deleted records, which count as lag until a record follows."""
        consumer: Any = self._subscriber.consumer
        # Under the lock: this commit must not come after a later one.
        async with self._committing:
            offsets = self.lag.beyond(consumer)
            if offsets and await self._commit(consumer, offsets):
                self.lag.moved(offsets)

    async def measure_lag(self) -> None:
        """Set the lag gauges of this replica. Raises ``Transient`` while no broker answers."""
        if self.assignment.joined and self._subscriber.consumer is not None:
            await self._commit_at_rest()
            await self.lag.measure(self._subscriber.consumer)

    async def learn_committed(self, places: Collection[tuple[str, int]]) -> None:
        """Ask up to where the group has committed these partitions, held by any member. Raises ``Transient``."""
        consumer: Any = self._subscriber.consumer
        if consumer is None:
            return
        try:
            # The client itself waits for a coordinator without a limit.
            async with asyncio.timeout(_ASK_SECONDS):
                await self.lag.learn_committed(consumer, places)
        except Exception as error:
            # Any error is an outage: the current record is not at fault.
            raise Transient("broker", error) from error

    async def start(self) -> None:
        """Join the group. Raises ``Transient`` while no broker is available, ``Refused`` if one rejects us."""
        try:
            await asked(self._broker.start(), self._bootstrap)
        except Transient as error:
            await self._leave()
            raise await why_not(connection(self._settings), error.__cause__ or error) from error
        self._started = True

    async def look(self) -> None:
        """Replace the client if one of its background tasks has ended: it would never read again.

        Not while a batch is handled. Raises ``Transient`` while no broker can be reached.
        """
        if not self._started or self._handling:
            return
        broken = self._broken()
        if broken is None:
            return
        self._log.error("a Kafka client is replaced", client="consumer", error=broken)
        self.assignment.joined = False
        await self._leave()
        await asked(self._subscriber.start(), self._bootstrap)

    def _broken(self) -> str | None:
        """The task of the client that has ended; None while all run."""
        consumer: Any = self._subscriber.consumer
        if consumer is None:
            return "it could not be started again"
        if all(task.done() for task in self._subscriber.tasks):
            return "the loop that reads"
        return ended(consumer)

    async def _leave(self) -> None:
        for task in list(self._subscriber.tasks):
            task.cancel()
        with suppress(Transient):  # any error: it is not used again
            await asked(asyncio.wait_for(self._subscriber.stop(), _STOP_SECONDS), self._bootstrap)
        self._subscriber.consumer = None

    async def stop(self) -> None:
        """Leave the group."""
        self._started = False
        await self._broker.stop()


async def _parse(message: Any) -> KafkaMessage:
    # FastStream's own parser decodes headers as UTF-8 and fails the whole batch for one that is not. Only the pipeline
    # commits offsets: acknowledging this message does nothing.
    return KafkaMessage(body=b"", raw_message=message, headers={}, consumer=FAKE_CONSUMER)


async def _decode(message: KafkaMessage) -> KafkaMessage:
    return message


def _broker(settings: Settings, service: str) -> KafkaBroker:
    """FastStream's broker; it only reads, since events go out through our own producer."""
    return KafkaBroker(
        settings.kafka_bootstrap.split(","),
        client_id=f"homecall-{service}",
        acks="all",
        allow_auto_create_topics=False,
        consumer_only=True,
        apply_types=False,
        logger=logging.getLogger("homecall.subscription"),
        log_level=logging.DEBUG,
        security=_security(settings),
    )


def _security(settings: Settings) -> Any:
    if settings.kafka_security == "PLAINTEXT":
        return None
    from faststream.security import BaseSecurity, SASLScram512

    context = connection(settings)["ssl_context"]
    if settings.kafka_security == "SASL_SSL" and settings.kafka_password is not None:
        return SASLScram512(
            username=settings.kafka_username or "",
            password=settings.kafka_password.get_secret_value(),
            ssl_context=context,
            use_ssl=True,
        )
    return BaseSecurity(ssl_context=context, use_ssl=True)
