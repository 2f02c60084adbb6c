"""Two replicas and one subject: whatever comes between, nothing is said of it before what was decided earlier."""

from __future__ import annotations

import types
import uuid
from collections.abc import Callable, Collection, Coroutine, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from homecall.contract.envelope import Incoming, OutgoingRecord
from homecall.contract.topics import TOPIC_OF_TYPE
from homecall.runtime.engine.timers import Due
from homecall.runtime.kafka.lag import Lag
from tests.unit.runtime.memory import MemoryCollection, MemoryDatabase
from tests.unit.runtime.tally import LATER, NOW, Runner, Tally, reasons, word

TOPIC = TOPIC_OF_TYPE["request.withdrawn"].name
Step = Coroutine[Any, None, Any]


# ---------------------------------------------------------------- a world in which each step can be held


@types.coroutine
def gate() -> Generator[None, None, None]:
    """Where another process may come between."""
    yield


class GatedCollection(MemoryCollection):
    async def find(self, *asked: Any, **more: Any) -> list[dict[str, Any]]:
        found = await super().find(*asked, **more)
        await gate()
        return found

    async def write(self, operations: Sequence[Any]) -> int | None:
        await gate()
        return await super().write(operations)


class GatedDatabase(MemoryDatabase):
    def collection(self, name: str) -> MemoryCollection:
        return self.collections.setdefault(name, GatedCollection(self))


@dataclass
class Broker:
    """What was published, in order, and how far the group has committed each partition."""

    log: list[OutgoingRecord] = field(default_factory=list)
    group: dict[int, int] = field(default_factory=dict)
    asked: int = 0

    async def fetch_committed_offsets(self, places: Collection[TopicPartition]) -> dict[TopicPartition, Any]:
        self.asked += 1
        found = {
            place: OffsetAndMetadata(self.group[place.partition], "")
            for place in places
            if place.partition in self.group
        }
        await gate()
        return found

    @property
    def _coordinator(self) -> Broker:
        return self

    async def publish(self, events: Sequence[OutgoingRecord]) -> None:
        await gate()
        self.log.extend(events)
        await gate()


class Replica(Runner):
    """One process: it holds some partitions, handles batches of them, and turns the timers of all."""

    def __init__(self, database: MemoryDatabase, broker: Broker, *holds: int) -> None:
        super().__init__(database)
        self.broker = broker
        self.lag = Lag(f"service-{uuid.uuid4()}")
        self.lag.assigned({(TOPIC, partition) for partition in holds})
        self.acknowledged: dict[int, int] = {}
        self.engine.store.passed = self._passed
        self.engine.store.learn_passed = self._learn

    def _passed(self, topic: str, partition: int) -> int:
        return max(self.acknowledged.get(partition, 0), self.lag.committed_to((topic, partition)))

    async def _learn(self, places: Collection[tuple[str, int]]) -> None:
        await self.lag.learn_committed(self.broker, places)

    async def batch(self, *events: Incoming) -> None:
        """As the pipeline does it: store, publish, follow up, commit."""
        handled = await self.engine.handle(events, NOW)
        await self.broker.publish(handled.events)
        for each in events:
            self.acknowledged[each.record.partition] = each.record.offset + 1
        for done in handled.after:
            await done()
        for each in events:
            self.broker.group[each.record.partition] = each.record.offset + 1
            self.lag.committed(
                {(TOPIC, each.record.partition): each.record.offset + 1}, {(TOPIC, each.record.partition): 0}
            )

    async def tick(self) -> None:
        """As a service does it: what is owed first, then what is due."""
        await self._send(await self.engine.unsent(seconds=-1))
        await self.take_up()

    async def take_up(self) -> None:
        """What is due."""
        await self._send(await self.engine.due(LATER))

    async def _send(self, due: Due[Tally]) -> None:
        await self.broker.publish(due.events)
        await self.engine.sent(due)


def all_of(step: Step) -> None:
    """Carry it out with nobody between."""
    while taken(step):
        continue


def taken(step: Step) -> bool:
    """Let it go on to the next gate; whether it is not over yet."""
    try:
        step.send(None)
    except StopIteration:
        return False
    return True


def steps_of(make: Callable[[], Step]) -> int:
    """How many turns it takes where nobody comes between."""
    step, turns = make(), 1
    while taken(step):
        turns += 1
    return turns


def interleavings(one: int, other: int) -> Iterator[list[int]]:
    """Every order of so many turns of the first and of the other."""
    for places in combinations(range(one + other), one):
        yield [0 if turn in places else 1 for turn in range(one + other)]


def in_turns(order: Sequence[int], *steps: Step) -> None:
    """Carry them out in these turns, and then each to its end."""
    over = [False for _ in steps]
    for which in order:
        if not over[which]:
            over[which] = not taken(steps[which])
    for which, step in enumerate(steps):
        if not over[which]:
            all_of(step)


def firsts(log: Sequence[OutgoingRecord]) -> list[str]:
    """What was said, each when it was said first; the same id is the same event."""
    kept: dict[str, OutgoingRecord] = {}
    for each in log:
        assert kept.setdefault(each.id, each) == each, "the same id with other bytes"
    return reasons(list(kept.values()))


# ---------------------------------------------------------------- batch and timer


def test_a_timer_of_another_replica_says_first_what_the_batch_has_stored_whatever_comes_between() -> None:
    """A request read after its opening: ``deferred`` by the batch, ``accepted`` by a timer that is due at once."""
    batch = [word("open"), word("speak")]
    database, broker = GatedDatabase(), Broker()
    one, other = Replica(database, broker, 0), Replica(database, broker, 1)
    turns = steps_of(lambda: one.batch(*batch)), steps_of(lambda: other.take_up()) + 1
    assert firsts(broker.log) == ["open", "speak", "spoken"]
    seen: set[int] = set()
    for order in interleavings(*turns):
        database, broker = GatedDatabase(), Broker()
        one, other = Replica(database, broker, 0), Replica(database, broker, 1)
        in_turns(order, one.batch(*batch), other.take_up())
        all_of(other.tick())
        assert firsts(broker.log) == ["open", "speak", "spoken"], order
        seen.add(len(broker.log))
    assert min(seen) == 3
    assert max(seen) == 5, "what the batch says at that moment may be said twice, and no more"


@pytest.mark.parametrize("holds", [1, 0], ids=["beside its successor", "as its successor"])
def test_a_batch_that_was_killed_at_any_step_blocks_no_timer_and_changes_no_order(holds: int) -> None:
    """The timer turns at each moment after the kill: before the record is read again, meanwhile, and after that."""
    batch = [word("open"), word("speak")]
    probe = Replica(GatedDatabase(), Broker(), 0)
    turns = steps_of(lambda: probe.batch(*batch))
    again = steps_of(lambda: probe.batch(*batch))
    for survived in range(turns + 1):
        for before in range(again + 1):
            database, broker = GatedDatabase(), Broker()
            killed = Replica(database, broker, 0).batch(*batch)
            for _ in range(survived):
                if not taken(killed):
                    break
            killed.close()
            successor, other = Replica(database, broker, 0), Replica(database, broker, holds)
            redelivered = successor.batch(*batch)
            ended = False
            for _ in range(before):
                ended = ended or not taken(redelivered)
            all_of(other.tick())
            if not ended:
                all_of(redelivered)
            all_of(other.tick())
            assert firsts(broker.log) == ["open", "speak", "spoken"], (survived, before)


def test_a_zombie_that_publishes_late_repeats_and_overtakes_nothing() -> None:
    batch = [word("open"), word("speak")]
    turns = steps_of(lambda: Replica(GatedDatabase(), Broker(), 0).batch(*batch))
    for held in range(turns):
        database, broker = GatedDatabase(), Broker()
        zombie = Replica(database, broker, 0).batch(*batch)
        alive = True
        for _ in range(held):
            alive = alive and taken(zombie)
        successor = Replica(database, broker, 0, 1)
        all_of(successor.batch(*batch))
        all_of(successor.tick())
        if alive:
            all_of(zombie)
        assert firsts(broker.log) == ["open", "speak", "spoken"], held


def test_a_timer_that_was_killed_leaves_its_order_to_the_next() -> None:
    batch = [word("open"), word("speak")]
    for batch_turns in range(8):
        for timer_turns in range(12):
            database, broker = GatedDatabase(), Broker()
            first = Replica(database, broker, 0)
            running = first.batch(*batch)
            alive = True
            for _ in range(batch_turns):
                alive = alive and taken(running)
            killed = Replica(database, broker, 1).tick()
            for _ in range(timer_turns):
                if not taken(killed):
                    break
            killed.close()
            all_of(Replica(database, broker, 2).tick())
            if alive:
                all_of(running)
            all_of(first.tick())
            assert firsts(broker.log) == ["open", "speak", "spoken"], (batch_turns, timer_turns)


# ---------------------------------------------------------------- two batches


def test_a_batch_of_another_partition_says_first_what_is_on_its_way_elsewhere() -> None:
    """A client with another partitioner: the records of one subject stand in two partitions, of two replicas."""
    batch = [word("open"), word("a")]
    elsewhere = word("b")
    elsewhere = replace(elsewhere, record=replace(elsewhere.record, partition=1))

    def world() -> tuple[Broker, Replica, Replica]:
        database, broker = GatedDatabase(), Broker()
        return broker, Replica(database, broker, 0), Replica(database, broker, 1)

    broker, one, other = world()
    turns = steps_of(lambda: one.batch(*batch)), steps_of(lambda: other.batch(elsewhere))
    for order in interleavings(*turns):
        broker, one, other = world()
        in_turns(order, one.batch(*batch), other.batch(elsewhere))
        (doc,) = one.tallies.docs.values()
        assert firsts(broker.log) == doc["s"]["words"], order


# ---------------------------------------------------------------- no storm


def test_in_an_ordinary_night_nothing_is_said_twice_and_the_group_is_asked_once() -> None:
    """Thousands of requests were deferred in the evening, by another replica, and are taken up in the morning."""
    broker = Broker()
    database = GatedDatabase()
    one, other = Replica(database, broker, 0), Replica(database, broker, 1)
    evening = [word(text, number) for number in range(1, 101) for text in ("open", "speak")]
    all_of(one.batch(*evening))
    said = len(broker.log)
    all_of(other.tick())
    assert reasons(broker.log[said:]) == ["spoken"] * 100
    assert broker.asked == 1
    all_of(other.tick())
    assert len(broker.log) == said + 100


def test_who_holds_the_partition_asks_nobody() -> None:
    broker = Broker()
    one = Replica(GatedDatabase(), broker, 0)
    all_of(one.batch(word("open"), word("speak")))
    all_of(one.tick())
    all_of(one.batch(word("a")))
    assert (broker.asked, firsts(broker.log)) == (0, ["open", "speak", "spoken", "a"])
