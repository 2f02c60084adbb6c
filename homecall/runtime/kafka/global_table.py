"""A global table: a compacted topic that every replica holds whole in memory, as the clinics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition

from homecall.contract.envelope import DeadReason, Incoming, Record, Unreadable, read
from homecall.contract.errors import one_line
from homecall.contract.topics import Topic
from homecall.contract.versions import Version, version_of
from homecall.runtime import metrics
from homecall.runtime.failures import Transient
from homecall.runtime.kafka.batches import NotRead
from homecall.runtime.kafka.consuming import ToEnd, consumer_options
from homecall.runtime.kafka.errors import asked, ended, place
from homecall.runtime.kafka.senders import Senders
from homecall.runtime.logs import log
from homecall.runtime.mongo.last_known_good import LastKnownGood
from homecall.runtime.settings import Settings

T = TypeVar("T")
_STOP_SECONDS = 10.0
_RIVAL = (
    "revision and ce_time are those of another record of this clinic: raise the revision, or send a later ce_time, and "
    "sign it again"
)


def record_of(raw: Any) -> Record:
    """aiokafka's record as the contract's plain one."""
    value, why = (b"", raw.value.why) if isinstance(raw.value, NotRead) else (raw.value, "")
    return Record(
        raw.topic, raw.partition, raw.offset, raw.key, value, tuple(raw.headers or ()), raw.timestamp or 0, why
    )


class GlobalTable:
    """Follows a topic from its beginning, without a group, and calls ``take`` with each event in order.

    ``last_known_good`` has the newest good record of each key, which compaction may have replaced by a bad one.
    """

    def __init__(
        self,
        settings: Settings,
        service: str,
        topic: Topic,
        take: Callable[[Incoming], None],
        last_known_good: LastKnownGood | None = None,
        *,
        writes_dead_letters: bool = False,
    ) -> None:
        self._settings = settings
        self.topic = topic
        self._service = service
        self._take = take
        self._last_known_good = last_known_good
        self._seen: set[str] = set()
        self._versions: dict[str, Version] = {}
        self._senders = Senders(settings.senders_file)
        self._consumer: Any = None
        self._following: asyncio.Task[None] | None = None
        self._reading = asyncio.Lock()
        self._next: dict[TopicPartition, int] = {}
        """By partition, the offset after the last record read."""
        self._log = log(service)
        self._writes_dead_letters = writes_dead_letters
        self.bad: list[tuple[Record, DeadReason, str]] = []
        """What could not be read, in the one service that writes the dead letters."""

    async def start(self) -> None:
        """Read to the present end, then follow. Raises ``Transient`` while broker or database is unavailable."""
        self._seen.clear()
        if self._last_known_good is not None:
            await self._last_known_good.look()
            self._know(self._last_known_good.versions)
        consumer = self._client()
        self._next.clear()
        try:
            await self._asked(self._assign(consumer))
            self._consumer = consumer
            await self.catch_up()
            await self.fill()
        except Exception:
            self._consumer = None
            await self._discard(consumer)
            raise
        self._following = asyncio.create_task(self._follow(), name=f"{self._service} follows {self.topic.name}")

    def _client(self) -> Any:
        return AIOKafkaConsumer(**consumer_options(self._settings, f"homecall-{self._service}-{self.topic.name}"))

    async def _asked(self, work: Awaitable[T]) -> T:
        return await asked(work, self._settings.kafka_bootstrap)

    async def _assign(self, consumer: Any) -> None:
        """Start a consumer on the whole topic, where the last one stopped, or at the beginning."""
        await consumer.start()
        places = [TopicPartition(self.topic.name, number) for number in await self._partitions(consumer)]
        consumer.assign(places)
        await consumer.seek_to_beginning()
        for each in places:
            if each in self._next:
                consumer.seek(each, self._next[each])

    async def _replace(self, task: str) -> None:
        """Replace the client after one of its background tasks has ended: it would never read again."""
        self._log.error("a Kafka client is replaced", client=self.topic.name, error=task)
        consumer = self._client()
        try:
            await self._asked(self._assign(consumer))
        except Transient:
            await self._discard(consumer)
            raise
        broken, self._consumer = self._consumer, consumer
        await self._discard(broken)

    async def _discard(self, consumer: Any) -> None:
        with suppress(Transient):  # any error: it is not used again
            await self._asked(asyncio.wait_for(consumer.stop(), _STOP_SECONDS))

    async def _partitions(self, consumer: Any) -> list[int]:
        found = consumer.partitions_for_topic(self.topic.name)
        if not found:
            await consumer._client.add_topic(self.topic.name)  # there is no public way to fetch one topic's metadata
            await consumer._client.force_metadata_update()
            found = consumer.partitions_for_topic(self.topic.name)
        if not found:
            raise Transient("broker", LookupError(self.topic.name), place(self._settings.kafka_bootstrap))
        return sorted(found)

    async def catch_up(self) -> None:
        """Read up to the present end."""
        if self._consumer is None:
            raise Transient("broker", RuntimeError(), place(self._settings.kafka_bootstrap))
        async with self._reading:
            consumer = self._consumer
            reading = ToEnd(consumer, await self._asked(consumer.end_offsets(consumer.assignment())))
            while await self._asked(reading.left()):
                await self._read(200)
                if (task := ended(consumer)) is not None:  # it would never read again
                    raise Transient("broker", RuntimeError(), f"{task} of the client has ended")

    async def _follow(self) -> None:
        while True:
            try:
                async with self._reading:
                    if (task := ended(self._consumer)) is not None:
                        await self._replace(task)
                    await self._read(100)
            except Exception as error:
                # Go on after any error: otherwise the table would silently stop following.
                known = isinstance(error, Transient)
                self._log.warning(
                    "cannot follow",
                    topic=self.topic.name,
                    error=str(error) if known else type(error).__name__,
                    exc_info=None if known else error,
                )
                await asyncio.sleep(1)
            # Leave the lock free for a moment, for ``catch_up``.
            await asyncio.sleep(0.1)

    async def _read(self, timeout_ms: int) -> None:
        found: Mapping[Any, Any] = await self._asked(self._consumer.getmany(timeout_ms=timeout_ms))
        for at, records in found.items():
            for raw in records:
                self._one(record_of(raw))
                self._next[at] = raw.offset + 1

    async def keep(self, _: datetime) -> None:
        """Store the newest good records: at each tick."""
        if self._last_known_good is not None:
            await self._last_known_good.store()

    def _know(self, versions: Mapping[str, Version]) -> None:
        """Note stored versions: one may be newer than any in the topic, where an older record came last."""
        for key, version in versions.items():
            if version.replaces(self._versions.get(key)):
                self._versions[key] = version

    async def fill(self) -> None:
        """After the topic was read: take the stored records of keys that had no good record there, or an older one."""
        for record in await self._last_known_good.missing(self._seen) if self._last_known_good is not None else ():
            try:
                event = read(record)
            except Unreadable:
                continue  # stored by another release, in a form unknown to this one
            if event.data is not None:
                self._take(event)

    def _put(self, key: str, record: Record, version: Version | None = None) -> None:
        self._seen.add(key)
        if version is None:
            self._versions.pop(key, None)
        else:
            self._versions[key] = version
        if self._last_known_good is not None:
            self._last_known_good.put(key, record, version)

    def _one(self, record: Record) -> None:
        if record.value is None:
            self._gone(record)
            return
        try:
            event = read(record)
            self._senders.check(event)
        except Unreadable as error:
            self._refuse(record, error.reason, error.detail)
            return
        if event.data is None:
            self._refuse(record, "schema", one_line(event.errors))
            return
        held, version = self._versions.get(event.subject), version_of(event)
        if self._senders.asks and version.rivals(held):
            # The offset would decide between the two, so replaying the older record would make it win.
            self._refuse(record, "unauthorised", _RIVAL)
            return
        if not version.replaces(held):
            self._log.info("an older record was ignored", **record.place, subject=event.subject)
            metrics.EVENTS.labels(record.topic, event.type, "repeated").inc()
            return
        self._take(event)
        self._put(event.subject, record, version.after(held))
        metrics.EVENTS.labels(record.topic, event.type, "handled").inc()

    def _gone(self, record: Record) -> None:
        """Handle a tombstone: the key's versions begin again, but what is known stays, since calls may be open there.

        Where records are signed, only newer ones are taken after it.
        """
        if record.key is None:
            return
        key = record.key.decode("utf-8", "replace")
        try:
            time = self._senders.check_tombstone(record)
        except Unreadable as error:
            self._refuse(record, error.reason, error.detail)
            return
        version = None if time is None else Version(None, None, time, record.offset)
        if version is not None and not version.replaces(self._versions.get(key)):
            self._log.info("an older record was ignored", **record.place, subject=key)
            return
        self._put(key, record, version)

    def _refuse(self, record: Record, reason: DeadReason, detail: str) -> None:
        self._log.warning("cannot be read", **record.place, reason=reason, detail=detail)
        if self._writes_dead_letters:
            self.bad.append((record, reason, detail))

    async def stop(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        if self._consumer is not None:
            await self._consumer.stop()
