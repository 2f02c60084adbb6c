"""Kafka as the commands need it: send a handful of records, read topics without a group."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import ConsumerStoppedError, KafkaConnectionError, KafkaError

from homecall.contract.envelope import Record
from homecall.contract.topics import DEAD_LETTERS, SERVICES, TOPIC_OF_TYPE, TOPICS, TYPE_PREFIX, Topic, find
from homecall.operations.failure import Failure
from homecall.operations.terminal import did_you_mean
from homecall.runtime.failures import Refused
from homecall.runtime.kafka.connection import connection, why_not
from homecall.runtime.kafka.consuming import ToEnd, consumer_options
from homecall.runtime.kafka.global_table import record_of
from homecall.runtime.settings import Settings

_SILENCE_SECONDS = 20.0
_CREATE_TOPICS = 19
"""Kafka's number of that request."""
EMBEDDED = "the embedded broker of homecall up"
_CLIENT_ID = "homecall-command"


@dataclass(frozen=True)
class Message:
    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True)
class Sent:
    """Where a message stands in its topic."""

    partition: int
    offset: int


def topic_named(name: str) -> Topic:
    try:
        return find(name)
    except KeyError:
        short = [topic.name.removeprefix("homecall.").removesuffix(".v1") for topic in TOPICS]
        raise Failure(
            f"{name} is no topic of the contract{_nearest_topic(name, short)}: they are {', '.join(short)}"
        ) from None


def _nearest_topic(name: str, short: Sequence[str]) -> str:
    """What was probably meant: also by an event's type, or by a full name that is nearly right."""
    event_type = name.lower().removeprefix(TYPE_PREFIX)
    if event_type in TOPIC_OF_TYPE:
        carries = TOPIC_OF_TYPE[event_type].name
        return f" ({event_type} goes to {carries.removeprefix('homecall.').removesuffix('.v1')})"
    plain = re.sub(r"^homecall[.-]|[.-]v\d+$", "", name.lower()).replace("_", "-")
    return did_you_mean(plain, short)


async def send(settings: Settings, messages: Sequence[Message]) -> list[Sent | str]:
    """Send all in one gather; for each, in order, where it stands, or why the broker did not take it."""
    if not messages:
        return []
    await _partitions(settings, {message.topic for message in messages})
    producer = AIOKafkaProducer(
        **connection(settings),
        client_id=_CLIENT_ID,
        acks="all",
        enable_idempotence=True,
        max_batch_size=256 * 1024,
        max_request_size=DEAD_LETTERS.max_message_bytes,
        request_timeout_ms=15_000,
    )
    async with connected(producer, settings):
        sending: list[asyncio.Future[Any]] = []
        for message in messages:
            try:
                # One after the other, so that records of one key keep their order; acknowledgements come together.
                sending.append(
                    await producer.send(message.topic, message.value, key=message.key, headers=[*message.headers])
                )
            except KafkaError as error:
                sending.append(asyncio.get_running_loop().create_future())
                sending[-1].set_exception(error)
        outcomes: list[Any] = await asyncio.gather(*sending, return_exceptions=True)
    return [
        f"the broker did not take it: {type(each).__name__}"
        if isinstance(each, BaseException)
        else Sent(each.partition, each.offset)
        for each in outcomes
    ]


@asynccontextmanager
async def reading(
    settings: Settings, topics: Sequence[str], *, from_beginning: bool = False, since: datetime | None = None
) -> AsyncIterator[Any]:
    """A consumer of whole topics, in no group: at their beginning, at what was recorded ``since``, or at their end."""
    partitions = await _partitions(settings, topics)
    consumer = AIOKafkaConsumer(
        **consumer_options(settings, _CLIENT_ID),
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=2 * DEAD_LETTERS.max_message_bytes,
    )
    async with connected(consumer, settings):
        consumer.assign(partitions)
        await (consumer.seek_to_beginning() if from_beginning else consumer.seek_to_end())
        if since is not None:
            if await is_embedded(consumer):
                # It finds no offset by a time: the reader leaves out older records.
                await consumer.seek_to_beginning()
            found = await consumer.offsets_for_times(dict.fromkeys(partitions, int(since.timestamp() * 1000)))
            for place, each in found.items():
                if each is not None:
                    consumer.seek(place, each.offset)
        yield consumer


def group_of(service: str) -> str:
    return f"homecall-{service}"


async def committed_offsets(settings: Settings) -> dict[str, dict[str, int]]:
    """By service, the next offset to read of each ``topic/partition``, as its group has committed it."""
    found: dict[str, dict[str, int]] = {}
    async with admin_of(settings) as admin:
        # The embedded broker does not know all of a group's partitions: it is asked for each by its name.
        asked = await _all_partitions(admin) if await is_embedded(admin) else None
        for service in SERVICES:
            places = await admin.list_consumer_group_offsets(group_of(service), partitions=asked)
            found[service] = {
                f"{place.topic}/{place.partition}": each.offset
                for place, each in sorted(places.items())
                if each.offset >= 0
            }
    return found


async def members_of(settings: Settings, service: str) -> int:
    """How many replicas are in a service's group."""
    async with admin_of(settings) as admin:
        if await is_embedded(admin):
            raise Failure(f"{EMBEDDED} cannot say whether {service} still runs: do this on Kafka", code=1)
        (found,) = await admin.describe_consumer_groups([group_of(service)])
        return sum(len(group[5]) for group in found.groups)


async def _all_partitions(admin: Any) -> list[Any]:
    return [
        TopicPartition(each["topic"], place["partition"])
        for each in await admin.describe_topics()
        for place in each["partitions"]
    ]


async def is_embedded(client: Any) -> bool:
    """Whether the broker of a started client has no admin API, as that of ``homecall up``: nothing else lacks it."""
    inner = client._client  # there is no public way to ask what a broker can do
    connection = await inner._get_conn(inner.get_random_node())
    return connection is not None and _CREATE_TOPICS not in (connection._versions or {})


async def commit_offsets(settings: Settings, service: str, offsets: Mapping[tuple[str, int], int]) -> None:
    """Set where a service's group goes on, by topic and partition; nobody may be in it."""
    consumer = AIOKafkaConsumer(**{**consumer_options(settings, _CLIENT_ID), "group_id": group_of(service)})
    async with connected(consumer, settings):
        consumer.assign([TopicPartition(*place) for place in offsets])
        await consumer.commit({TopicPartition(*place): offset for place, offset in offsets.items()})


async def read_to_end(
    settings: Settings, *topics: str, take: Callable[[Record], Record | None] = lambda record: record
) -> list[Record]:
    """What ``take`` makes of the records of some topics, up to what is their end now; without those it gives None for.

    ``Failure`` when the broker falls silent on the way.
    """
    records: list[Record] = []
    async with reading(settings, topics, from_beginning=True) as consumer:
        ends: Mapping[Any, int] = await consumer.end_offsets(consumer.assignment())
        there = ToEnd(consumer, ends)
        heard_at = time.monotonic()
        while await there.left():
            for place, found in (await consumer.getmany(timeout_ms=200)).items():
                heard_at = time.monotonic()
                taken = (take(record_of(raw)) for raw in found if raw.offset < ends[place])
                records += [record for record in taken if record is not None]
            if time.monotonic() - heard_at > _SILENCE_SECONDS:
                raise Failure(
                    f"Kafka at {settings.kafka_bootstrap} (HOMECALL_KAFKA_BOOTSTRAP): fell silent for "
                    f"{_SILENCE_SECONDS:.0f} s before all was read: try again",
                    code=1,
                )
    return records


async def answers(consumer: Any, patience: float) -> bool:
    """Whether a broker gives a sign of life within so many seconds."""
    try:
        # There is no public way to ask: a consumer whose broker is away just has no records.
        return bool(await asyncio.wait_for(consumer._client.force_metadata_update(), patience))
    except TimeoutError:
        return False


async def _partitions(settings: Settings, topics: Sequence[str] | set[str]) -> list[Any]:
    """All partitions of the topics; ``Failure`` where one is not there.

    Asked of the list of all topics: a broker may make a topic that is asked for by its name.
    """
    async with admin_of(settings) as admin:
        there = {each["topic"]: each["partitions"] for each in await admin.describe_topics()}
    missing = [topic for topic in topics if not there.get(topic)]
    if missing:
        raise Failure(f"{missing[0]} is not there: run homecall topics create", code=1)
    return [TopicPartition(topic, each["partition"]) for topic in topics for each in there[topic]]


@asynccontextmanager
async def admin_of(settings: Settings) -> AsyncIterator[Any]:
    """An admin client, started and in the end closed; ``Failure`` as ``connected``."""
    admin = AIOKafkaAdminClient(**connection(settings), client_id=_CLIENT_ID, request_timeout_ms=15_000)
    async with connected(admin, settings):
        yield admin


@asynccontextmanager
async def connected(client: Any, settings: Settings) -> AsyncIterator[None]:
    """A client of aiokafka's, started and in the end stopped; ``Failure`` in one line where the broker is away."""
    stop = client.close if hasattr(client, "close") else client.stop
    # What the client logs while it connects is said below, in one line.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        try:
            await client.start()
        except OSError as error:
            raise await _away(settings, error) from None
        logging.getLogger("aiokafka").setLevel(logging.ERROR)
        yield
    except (KafkaError, RuntimeError, EOFError, TimeoutError, ConnectionError, ConsumerStoppedError) as error:
        if isinstance(error, BrokenPipeError):
            raise  # the reader of our output is gone: no error of the broker
        raise await _away(settings, error) from None
    finally:
        await stop()


async def _away(settings: Settings, error: Exception) -> Failure:
    if isinstance(error, OSError | KafkaConnectionError):
        why = await why_not(connection(settings), error)
        if isinstance(why, Refused):
            return Failure(str(why), code=1)
    return Failure(f"Kafka at {settings.kafka_bootstrap} (HOMECALL_KAFKA_BOOTSTRAP): {type(error).__name__}", code=1)
