"""The end of a partition may hold no record: lag falls to zero there, and no commit runs ahead of what was handled."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError
from faststream.kafka.message import KafkaAckableMessage
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from homecall.contract.envelope import Record
from homecall.contract.topics import REQUESTS
from homecall.runtime.kafka.subscription import Subscription
from homecall.runtime.pipeline import Commit
from homecall.runtime.settings import Settings
from tests.unit.runtime.fetched import Answer, Consumer, marker, records

HERE = TopicPartition(REQUESTS.name, 0)


class Member(Consumer):
    """The same as a member of the service's group, with what the group has committed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(monkeypatch, HERE)
        self.group: int | None = None
        self.commits: list[int] = []
        self.end = 0
        self.refuses = False

    async def fetch(self, answers: Mapping[TopicPartition, Answer]) -> None:
        answer = answers[HERE]
        self.end = answer.high_watermark if answer.stable is None else answer.stable
        await super().fetch(answers)

    async def end_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, self.end)

    async def beginning_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 0)

    async def committed(self, _: TopicPartition) -> int | None:
        return self.group

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        await asyncio.sleep(0)
        if self.refuses:
            raise CommitFailedError
        (self.group,) = offsets.values()
        self.commits.append(self.group)


class Replica:
    """A service's subscription over that member; what it was handed is handled when the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.member = Member(monkeypatch)
        self.service = f"service-{uuid.uuid4()}"
        self.subscription = Subscription(Settings(), self.service, (REQUESTS,), self._on_batch)
        self.subscription._subscriber.consumer = self.member
        self.subscription.lag.assigned({(HERE.topic, HERE.partition)})
        self.subscription.assignment.joined = True
        self._in_hand: list[tuple[Sequence[Record], Commit]] = []
        self.handled: set[int] = set()

    async def _on_batch(self, batch: Sequence[Record], commit: Commit) -> None:
        self._in_hand.append((batch, commit))

    async def take(self, most: int | None = None) -> list[Any]:
        """What the client hands out: on its way to the handler from now on."""
        return (await self.member.getmany(most)).get(HERE, [])

    async def hear(self, batch: Sequence[Any]) -> None:
        message = KafkaAckableMessage(body=b"", raw_message=tuple(batch), headers={}, consumer=self.member)
        await self.subscription._handle(message)

    async def finish(self) -> None:
        """Handle and commit the oldest batch in hand."""
        batch, commit = self._in_hand.pop(0)
        self.handled |= {each.offset for each in batch}
        await commit({(HERE.topic, HERE.partition): batch[-1].offset + 1})

    async def tick(self) -> float | None:
        """The lag as it is shown after the next look at it."""
        await self.subscription.measure_lag()
        labels = {"service": self.service, "topic": HERE.topic, "partition": str(HERE.partition)}
        return REGISTRY.get_sample_value("homecall_lag_records", labels)


@pytest.fixture
async def replica(monkeypatch: pytest.MonkeyPatch) -> Replica:
    return Replica(monkeypatch)


async def through(replica: Replica) -> None:
    await replica.hear(await replica.take())
    await replica.finish()


@pytest.mark.parametrize("aborts", [False, True])
async def test_a_marker_behind_the_last_record_is_no_lag(replica: Replica, aborts: bool) -> None:
    raw = records(0, b"plain") + records(1, b"in a transaction", producer=7) + marker(2, 7, aborts=aborts)
    await replica.member.fetch({HERE: Answer(raw, 3, aborted=[(7, 1)] if aborts else [])})
    await through(replica)
    assert replica.member.commits == [1 if aborts else 2]
    assert await replica.tick() == 0
    assert replica.member.group == 3
    assert await replica.tick() == 0
    assert len(replica.member.commits) == 2, "once"


async def test_a_partition_of_which_only_aborted_records_came(replica: Replica) -> None:
    await replica.tick()
    raw = records(0, b"aborted", producer=7) + marker(1, 7, aborts=True)
    await replica.member.fetch({HERE: Answer(raw, 2, aborted=[(7, 0)])})
    assert await replica.take() == []
    assert await replica.tick() == 0
    assert replica.member.commits == [2]


async def test_an_open_transaction_is_lag_until_it_ends(replica: Replica) -> None:
    await replica.member.fetch({HERE: Answer(records(0, b"plain"), 4, stable=1)})
    await through(replica)
    assert await replica.tick() == 3
    assert replica.member.group == 1
    raw = records(1, b"a", b"b", producer=7) + marker(3, 7, aborts=False)
    await replica.member.fetch({HERE: Answer(raw, 4)})
    await through(replica)
    assert await replica.tick() == 0
    assert replica.member.group == 4


async def test_deleted_records_are_no_lag(replica: Replica) -> None:
    await replica.member.fetch({HERE: Answer(records(0, b"plain"), 9)})
    await through(replica)
    # As aiokafka does where the offset is out of range.
    replica.member.held.state_value(HERE).await_reset(-2)
    assert await replica.tick() == 8
    replica.member.held.state_value(HERE).reset_to(9)
    assert await replica.tick() == 0
    assert replica.member.group == 9


async def test_what_compaction_removed_at_the_end_is_no_lag_and_not_committed(replica: Replica) -> None:
    await replica.member.fetch({HERE: Answer(records(0, b"plain"), 5)})
    await through(replica)
    assert await replica.tick() == 4, "a record may be there still"
    await replica.member.fetch({HERE: Answer(b"", 5)})
    assert await replica.tick() == 0
    assert replica.member.group == 1


async def test_what_was_handed_out_and_is_not_committed_is_not_committed_by_the_way(replica: Replica) -> None:
    raw = records(0, b"first") + records(1, b"second", producer=7) + marker(2, 7, aborts=False)
    await replica.member.fetch({HERE: Answer(raw, 3)})
    assert await replica.tick() == 3
    handed = await replica.take()
    assert await replica.member.position(HERE) == 3
    for step in (lambda: replica.tick(), lambda: replica.hear(handed), lambda: replica.tick()):
        await step()
        assert replica.member.commits == []
    replica.member.refuses = True
    await replica.finish()
    await replica.tick()
    assert replica.member.commits == [], "a commit that was refused is none"


@given(steps=st.lists(st.sampled_from(["fetch", "take", "hear", "finish", "tick", "tick"]), max_size=60))
@settings(max_examples=150, deadline=None)
def test_at_no_moment_is_a_record_committed_that_was_not_handled(steps: list[str]) -> None:
    """A kill at any moment loses nothing: every record below the group's offset was handled."""
    asyncio.run(_at_no_moment(steps))


async def _at_no_moment(steps: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        replica = Replica(patch)
        member = replica.member
        written: set[int] = set()
        end = 0
        handed: list[list[Any]] = []
        for step in steps:
            if step == "fetch" and HERE not in member._buffered:
                raw = records(end, b"plain", b"plain") + records(end + 2, b"of a transaction", producer=7)
                raw += marker(end + 3, 7, aborts=bool(end % 8))
                written |= {end, end + 1} | (set() if end % 8 else {end + 2})
                end += 4
                await member.fetch({HERE: Answer(raw, end, aborted=[(7, end - 2)] if (end - 4) % 8 else [])})
            elif step == "take" and (found := await replica.take(2)):
                handed.append(found)
            elif step == "hear" and handed:
                await replica.hear(handed.pop(0))
            elif step == "finish" and replica._in_hand:
                await replica.finish()
            elif step == "tick":
                await replica.tick()
            below = {offset for offset in written if offset < (member.group or 0)}
            assert below <= replica.handled
        while found := await replica.take():
            handed.append(found)
        for each in handed:
            await replica.hear(each)
        while replica._in_hand:
            await replica.finish()
        await replica.tick()
        assert await replica.tick() == 0
        assert (member.group or 0) == end
