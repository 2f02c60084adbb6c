"""Sends events and follows statuses over Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from homecall_client.batches import MOST_RECORDS, start_limited
from homecall_client.records import (
    STATUS_TOPIC,
    Event,
    NotAnEventError,
    Outgoing,
    Sign,
    Status,
    Statuses,
    event_of,
    record_of,
    signed,
)

_POLL_MS = 200


class NotTakenError(Exception):
    """The broker did not acknowledge a record: send it again, the same event twice changes nothing."""


class NoAnswerError(TimeoutError):
    """No answer to a request came within the time that was given."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands."""

    topic: str
    partition: int
    offset: int


class Homecall:
    """A clinic's or the portal's connection; use it with ``async with``.

    ``source`` names the system that sends, a URI reference of its own choice. Where the operator asks for signed
    records, ``sender`` is the name in the operator's list and ``sign`` the private key's ``sign``. Further options are
    aiokafka's (``security_protocol``, ``ssl_context``, ``sasl_plain_username``, …), for producer and consumers alike.
    """

    def __init__(
        self, bootstrap: str, *, source: str, sender: str | None = None, sign: Sign | None = None, **kafka: Any
    ) -> None:
        if (sender is None) != (sign is None):
            raise ValueError("sender and sign belong together: give both, or neither")
        self._options = {"bootstrap_servers": bootstrap, **kafka}
        self._source = source
        self._sender, self._sign = sender, sign
        self._producer: Any = None

    async def __aenter__(self) -> Self:
        # The partition of a key is murmur2's, as everywhere in Homecall: aiokafka's default.
        producer = AIOKafkaProducer(**self._options, acks="all", enable_idempotence=True)
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._producer.stop()

    # ------------------------------------------------------------ what goes in

    async def publish(
        self, event_type: str, data: Mapping[str, Any], *, event_id: str | None = None, time: str | None = None
    ) -> Place:
        """Send an event and wait until the brokers have it.

        Raises ``NotAnEventError`` for what is none of the contract, ``NotTakenError`` when it was not acknowledged.
        """
        moment = time or datetime.now(UTC).isoformat(timespec="milliseconds")
        return (await self.send([record_of(event_type, data, source=self._source, time=moment, event_id=event_id)]))[0]

    async def send(self, records: Iterable[Outgoing]) -> list[Place]:
        """Send records in their order and wait for all acknowledgements together."""
        waiting = [await self.begin(each) for each in records]
        done = await asyncio.gather(*waiting, return_exceptions=True)
        for outcome in done:
            if isinstance(outcome, BaseException):
                raise NotTakenError(f"{type(outcome).__name__}: send it again") from outcome
        return [Place(each.topic, each.partition, each.offset) for each in done if not isinstance(each, BaseException)]

    async def begin(self, record: Outgoing) -> asyncio.Future[Any]:
        """Hand a record over to be sent; the future of its acknowledgement."""
        if self._sender is not None and self._sign is not None:
            record = signed(record, self._sender, self._sign)
        try:
            future: asyncio.Future[Any] = await self._producer.send(
                record.topic, record.value, key=record.key, headers=list(record.headers)
            )
        except KafkaError as error:
            raise NotTakenError(f"{type(error).__name__}: send it again") from error
        return future

    # ------------------------------------------------------------ what comes out

    async def statuses(self, *, from_beginning: bool = False) -> AsyncGenerator[Status, None]:
        """Every request's statuses as they come, each once and none that is older than one already given."""
        heard = Statuses()
        async with aclosing(self._events(from_beginning=from_beginning)) as polls:
            async for events in polls:
                for status in heard.new(events):
                    yield status

    async def follow(self, request_id: str, *, within: float | None = None) -> AsyncGenerator[Status, None]:
        """A request's statuses from its first to its last; ends with the final one, or after ``within`` seconds."""
        heard, now = Statuses(), asyncio.get_running_loop().time
        end = None if within is None else now() + within
        async with aclosing(self._events(from_beginning=True)) as polls:
            async for events in polls:
                for status in heard.new(each for each in events if each.data.get("request_id") == request_id):
                    yield status
                    if status.final:
                        return
                if end is not None and now() >= end:
                    return

    async def answer(self, request_id: str, *, within: float) -> Status:
        """The answer to a request: a visit's day and time, or a refusal.

        Raises ``NoAnswerError`` when none came within so many seconds; the law gives 600 at the clinic and 1800 through
        the portal, from submission or, for a deferred request, from the opening.
        """
        async with aclosing(self.follow(request_id, within=within)) as statuses:
            async for status in statuses:
                if status.answers:
                    return status
        raise NoAnswerError(f"no answer to {request_id} within {within:g} s")

    async def _events(self, *, from_beginning: bool) -> AsyncGenerator[list[Event], None]:
        consumer = AIOKafkaConsumer(
            **self._options,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        try:
            await start_limited(consumer)
            places = [TopicPartition(STATUS_TOPIC, each) for each in await _partitions(consumer)]
            consumer.assign(places)
            await (consumer.seek_to_beginning() if from_beginning else consumer.seek_to_end())
            while True:
                records = await consumer.getmany(timeout_ms=_POLL_MS, max_records=MOST_RECORDS)
                events = []
                for raw in (each for batch in records.values() for each in batch):
                    with suppress(NotAnEventError):
                        events.append(event_of(raw.headers, raw.value))
                yield events
        finally:
            await consumer.stop()


async def _partitions(consumer: Any) -> list[int]:
    found = consumer.partitions_for_topic(STATUS_TOPIC)
    if not found:
        # Not among those that the client knows yet: asked for once, it is.
        await consumer._client.add_topic(STATUS_TOPIC)
        await consumer._client.force_metadata_update()
        found = consumer.partitions_for_topic(STATUS_TOPIC)
    if not found:
        raise NotTakenError(f"the broker has no topic {STATUS_TOPIC}: homecall topics create makes it")
    return sorted(found)
