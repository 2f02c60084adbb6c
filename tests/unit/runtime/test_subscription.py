"""What nobody waits for is taken in together: a topic rests for a moment after few of its records came."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaConnectionError
from aiokafka.structs import OffsetAndMetadata
from faststream.kafka.message import KafkaAckableMessage

from homecall.contract.envelope import Record
from homecall.contract.topics import REQUESTS, SCHEDULE_EVENTS, Topic
from homecall.runtime.failures import Transient
from homecall.runtime.kafka import low_priority
from homecall.runtime.kafka import subscription as broker
from homecall.runtime.kafka.subscription import Subscription
from homecall.runtime.overlap import FEW
from homecall.runtime.pipeline import Commit
from homecall.runtime.settings import Settings

OURS = {TopicPartition(topic.name, number) for topic in (REQUESTS, SCHEDULE_EVENTS) for number in range(2)}
LOW_PRIORITY = {place for place in OURS if place.topic == SCHEDULE_EVENTS.name}


class Consumer:
    """Keeps, as aiokafka's does, which of its partitions rest; one that is assigned anew does not."""

    def __init__(self) -> None:
        self.ours = set(OURS)
        self.resting: set[TopicPartition] = set()
        self.runs_again = asyncio.Event()
        self.ends: dict[TopicPartition, int] = {}
        """Ends of partitions by the last fetch; all has been taken up to offset 1."""
        self._subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=self._Assigned(self)))

    class _Assigned:
        def __init__(self, consumer: Consumer) -> None:
            self._consumer = consumer

        def state_value(self, place: TopicPartition) -> Any:
            end = self._consumer.ends.get(place, 1)
            return SimpleNamespace(has_valid_position=True, highwater=end, position=1)

    def assignment(self) -> set[TopicPartition]:
        return self.ours

    def paused(self) -> set[TopicPartition]:
        return self.resting & self.ours

    def pause(self, *places: TopicPartition) -> None:
        assert self.ours >= set(places), "aiokafka raises for a partition that is another's"
        self.resting |= set(places)

    def resume(self, *places: TopicPartition) -> None:
        assert self.ours >= set(places), "aiokafka raises for a partition that is another's"
        self.resting -= set(places)
        self.runs_again.set()


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(low_priority, "_COLLECT_SECONDS", 0.01)


async def taken(
    topic: Topic,
    number: int,
    low_priority: Sequence[Topic] = (SCHEDULE_EVENTS,),
    ends: Mapping[TopicPartition, int] | None = None,
) -> Consumer:
    """A consumer after so many records of a topic came in one batch, with one of another topic."""

    async def on_batch(records: Sequence[Record], commit: Commit) -> None:
        """Handling them is not looked at here."""

    subscription = Subscription(Settings(), "intake", (REQUESTS, SCHEDULE_EVENTS), on_batch, low_priority)
    consumer = Consumer()
    consumer.ends |= ends or {}
    subscription._subscriber.consumer = consumer
    came = [consumed(topic, 0, offset) for offset in range(number)]
    message = KafkaAckableMessage(
        body=b"", raw_message=(*came, consumed(REQUESTS, 1, 0)), headers={}, consumer=consumer
    )
    await subscription._handle(message)
    return consumer


def consumed(topic: Topic, partition: int, offset: int) -> ConsumerRecord:
    """A record as aiokafka gives it."""
    return ConsumerRecord(topic.name, partition, offset, 0, 0, b"clinic", b"{}", None, 6, 2, ())


@pytest.mark.usefixtures("moment")
async def test_a_low_priority_topic_is_paused_and_resumed() -> None:
    consumer = await taken(SCHEDULE_EVENTS, 1)
    assert consumer.resting == LOW_PRIORITY
    await asyncio.wait_for(consumer.runs_again.wait(), 5)
    assert consumer.resting == set()


async def test_where_many_wait_they_are_taken_at_once() -> None:
    assert (await taken(SCHEDULE_EVENTS, FEW)).resting == LOW_PRIORITY
    assert (await taken(SCHEDULE_EVENTS, FEW + 1)).resting == set()


@pytest.mark.parametrize("place", sorted(LOW_PRIORITY))
async def test_nor_does_it_rest_while_more_waits_in_any_of_its_partitions(place: TopicPartition) -> None:
    assert (await taken(SCHEDULE_EVENTS, 1, ends={place: 2})).resting == set()
    other = next(each for each in OURS if each.topic == REQUESTS.name)
    assert (await taken(SCHEDULE_EVENTS, 1, ends={other: 2})).resting == LOW_PRIORITY


async def test_what_somebody_waits_for_never_rests() -> None:
    assert (await taken(REQUESTS, 3)).resting == set()
    assert (await taken(SCHEDULE_EVENTS, 3, low_priority=())).resting == set()


@pytest.mark.usefixtures("moment")
async def test_what_went_to_another_member_meanwhile_is_let_alone() -> None:
    consumer = await taken(SCHEDULE_EVENTS, 1)
    consumer.ours -= LOW_PRIORITY
    await asyncio.wait_for(consumer.runs_again.wait(), 5)  # it never would, were one asked for that is another's


# ---------------------------------------------------------------- asking how far the group is


class Asked:
    """A consumer whose group coordinator does as it is told."""

    def __init__(self, answer: Callable[[], Awaitable[dict[TopicPartition, OffsetAndMetadata]]]) -> None:
        self._answer = answer
        self._coordinator = self

    async def fetch_committed_offsets(self, _: Sequence[TopicPartition]) -> dict[TopicPartition, OffsetAndMetadata]:
        return await self._answer()


async def asking(answer: Callable[[], Awaitable[dict[TopicPartition, OffsetAndMetadata]]] | None) -> int:
    """What is known of a partition after it was asked for."""

    async def on_batch(records: Sequence[Record], commit: Commit) -> None:
        """None comes."""

    subscription = Subscription(Settings(), "intake", (REQUESTS,), on_batch)
    subscription._subscriber.consumer = None if answer is None else Asked(answer)
    await subscription.learn_committed([(REQUESTS.name, 3)])
    return subscription.lag.committed_to((REQUESTS.name, 3))


async def test_the_group_is_asked_how_far_it_is() -> None:
    async def answer() -> dict[TopicPartition, OffsetAndMetadata]:
        return {TopicPartition(REQUESTS.name, 3): OffsetAndMetadata(7, "")}

    assert await asking(answer) == 7
    assert await asking(None) == 0, "before there is a consumer, nothing is known to be sent"


@pytest.mark.parametrize(
    "error", [KafkaConnectionError(), IllegalStateError(), OSError(), RuntimeError("the transport is closed")]
)
async def test_a_question_that_fails_is_asked_again_whatever_the_client_raises(error: Exception) -> None:
    async def answer() -> dict[TopicPartition, OffsetAndMetadata]:
        raise error

    with pytest.raises(Transient):
        await asking(answer)


async def test_a_coordinator_that_does_not_answer_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broker, "_ASK_SECONDS", 0.01)

    async def answer() -> dict[TopicPartition, OffsetAndMetadata]:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    with pytest.raises(Transient):
        await asking(answer)
