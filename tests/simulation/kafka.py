"""A Kafka as the services see it, with what its clients make of it.

Topics, keys, groups with generations, commits that fail, acknowledgements lost; transactions, whose markers and aborted
records leave gaps among the offsets; compaction and retention. Consumers read what is committed.
"""

from __future__ import annotations

import asyncio
import random
import zlib
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    IllegalStateError,
    KafkaConnectionError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
)
from aiokafka.structs import OffsetAndMetadata

from homecall.contract.topics import TOPICS
from homecall.runtime.kafka import fetching
from tests.simulation.loop import NODE, Node
from tests.simulation.servers import Network

SERVER = "kafka"
_OF_THE_CONTRACT: Final = {topic.name: topic.partitions for topic in TOPICS}


@dataclass(frozen=True, slots=True)
class Stored:
    """A record in its partition, as a consumer gets it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp: int


class Log:
    """A partition: records by their offsets, between which may be others that nobody reads."""

    def __init__(self) -> None:
        self.records: list[Stored] = []
        """Those that are there, without aborted ones."""
        self._offsets: list[int] = []
        self.start = 0
        """The offset from which on records are kept."""
        self.end = 0
        self.last_batch = 0
        """The offset after the last batch that is there: compaction may have removed those before the end."""
        self._open: dict[Transaction, int] = {}
        """Transactions that are not ended, by the offset of their first record here."""

    @property
    def stable(self) -> int:
        """The offset up to which all is committed or aborted: nothing is read beyond."""
        return min(self._open.values()) if self._open else self.end

    def append(self, record: Stored, transaction: Transaction | None) -> None:
        self.records.append(record)
        self._offsets.append(record.offset)
        self.end = self.last_batch = record.offset + 1
        if transaction is not None:
            self._open.setdefault(transaction, record.offset)

    def conclude(self, transaction: Transaction, written: Iterable[Stored], *, committed: bool) -> None:
        """Append the marker that ends a transaction; what it wrote is gone where it was aborted."""
        del self._open[transaction]
        if not committed:
            gone = {each.offset for each in written}
            self._keep([each for each in self.records if each.offset not in gone])
        self.end += 1
        self.last_batch = self.end

    def read(self, at: int, most: int) -> tuple[list[Stored], int]:
        """Up to so many committed records from an offset on, and the offset to go on from."""
        first = bisect_left(self._offsets, at)
        until = bisect_left(self._offsets, self.stable, first)
        found = self.records[first : min(until, first + most)]
        if first + len(found) < until:
            return found, found[-1].offset + 1
        after = found[-1].offset + 1 if found else at
        return found, max(after, min(self.stable, self.last_batch))

    def compact(self, before: int, *, tombstones: bool = False) -> list[Stored]:
        """Of the records below an offset leave the newest of each key, without ``tombstones``; those removed."""
        until = bisect_left(self._offsets, min(before, self.stable))
        newest = {each.key: each.offset for each in self.records[:until]}
        gone = [
            each
            for each in self.records[:until]
            if newest[each.key] > each.offset or (tombstones and each.value is None)
        ]
        removed = {each.offset for each in gone}
        self._keep([each for each in self.records if each.offset not in removed])
        if before >= self.end and not self._open:
            self.last_batch = max(self.start, self._offsets[-1] + 1 if self._offsets else 0)
        return gone

    def delete_before(self, offset: int) -> None:
        """Remove what is before an offset, as retention does."""
        self.start = max(self.start, min(offset, self.stable))
        self._keep(self.records[bisect_left(self._offsets, self.start) :])
        self.last_batch = max(self.last_batch, self.start)

    def _keep(self, records: list[Stored]) -> None:
        self.records = records
        self._offsets = [each.offset for each in records]


class Transaction:
    """What a transactional producer writes together; it becomes visible when it is committed, or never."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._written: dict[TopicPartition, list[Stored]] = {}

    def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes | None]] = (),
        partition: int | None = None,
    ) -> None:
        record = self._kafka.append(topic, key, value, headers, partition, transaction=self)
        self._written.setdefault(TopicPartition(topic, record.partition), []).append(record)

    def end(self, *, committed: bool) -> None:
        """Commit or abort it."""
        for place, written in self._written.items():
            self._kafka.logs[place].conclude(self, written, committed=committed)
            if committed:
                self._kafka.history += written
            self._kafka.changed(place.topic)
        self._written = {}
        self._kafka.tell()


class _Position:
    """aiokafka's state of a partition that a consumer holds, as far as our code looks at it."""

    has_valid_position = True

    def __init__(self, position: int, log: Log) -> None:
        self.position = position
        self.log = log
        self.highwater: int | None = None
        self.lso: int | None = None
        self.timestamp: int | None = None
        """Of the last answer, in milliseconds."""


class _Assignment:
    """aiokafka's assignment: the partitions that a consumer holds."""

    def __init__(self, positions: Mapping[TopicPartition, int], logs: Mapping[TopicPartition, Log]) -> None:
        self.positions = {place: _Position(at, logs[place]) for place, at in positions.items()}
        self.assignment = self

    def state_value(self, place: TopicPartition) -> _Position | None:
        return self.positions.get(place)


class Group:
    """A consumer group: members, generation, who holds what, and what is committed."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self.generation = 0
        self.topics: set[str] = set()
        """What members have ever subscribed to."""
        self.members: dict[int, Consumer] = {}
        self.committed: dict[TopicPartition, int] = {}
        self.assigned: dict[int, set[TopicPartition]] = {}

    def join(self, member: Consumer) -> None:
        self.members[member.number] = member
        self.topics.update(member.topics)
        self.rebalance()

    def leave(self, member: Consumer) -> None:
        if self.members.pop(member.number, None) is not None:
            self.rebalance()

    def rebalance(self) -> None:
        """A new generation: partitions by the range assignor, topic by topic, as with Kafka's own."""
        self.generation += 1
        self._kafka.rebalances += 1
        numbers = sorted(self.members)
        self.assigned = {number: set() for number in numbers}
        topics = sorted({topic for each in self.members.values() for topic in each.topics})
        for topic in topics:
            among = [number for number in numbers if topic in self.members[number].topics]
            partitions = self._kafka.topics[topic]
            each, more = divmod(partitions, len(among))
            first = 0
            for place, number in enumerate(among):
                count = each + (place < more)
                self.assigned[number] |= {TopicPartition(topic, p) for p in range(first, first + count)}
                first += count


class Kafka:
    """The broker. ``session_seconds`` after a member's last sign of life it is put out of its group."""

    def __init__(
        self,
        network: Network,
        rng: random.Random,
        now: Callable[[], float],
        topics: Mapping[str, int] = _OF_THE_CONTRACT,
    ) -> None:
        self.network = network
        self.rng = rng
        self._now = now
        self.topics = topics
        """By name, how many partitions each has."""
        self.logs: dict[TopicPartition, Log] = {
            TopicPartition(topic, number): Log() for topic, count in topics.items() for number in range(count)
        }
        self.groups: dict[str, Group] = defaultdict(lambda: Group(self))
        self.session_seconds = 6.0
        self.rebalances = 0
        self.gives_up = 0.3
        """The share of failed sends after which a producer gives its batch up."""
        self.history: list[Stored] = []
        """All records that were ever to be read, in the order in which they came to be."""
        self.failures: list[str] = []
        """What of the clients themselves went wrong, here or in what they call."""
        self._numbers = 0
        self._listening: dict[Consumer, None] = {}

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes | None]],
        partition: int | None = None,
        timestamp: float | None = None,
        transaction: Transaction | None = None,
    ) -> Stored:
        """Append a record; its time is the broker's clock's (seconds since 1970) unless given."""
        if partition is None:
            partition = zlib.crc32(key or b"") % self.topics[topic]
        log = self.logs[TopicPartition(topic, partition)]
        at = round((self._now() if timestamp is None else timestamp) * 1000)
        record = Stored(topic, partition, log.end, key, value, tuple(headers), at)
        log.append(record, transaction)
        self.changed(topic)
        if transaction is None:
            self.history.append(record)
            self.tell()
        return record

    def begin(self) -> Transaction:
        """A transaction of somebody who publishes."""
        return Transaction(self)

    def compact(self, topic: str, seconds: float, *, tombstones: bool) -> list[Stored]:
        """Compact a topic but for its records of the last ``seconds`` of the broker's clock; the records removed."""
        since = (self._now() - seconds) * 1000
        gone = []
        for place, log in self.logs.items():
            if place.topic == topic:
                before = next((each.offset for each in log.records if each.timestamp > since), log.end)
                gone += log.compact(before, tombstones=tombstones)
        self.changed(topic)
        return gone

    def expire(self, topic: str) -> None:
        """Remove what every group has passed, as retention does after long."""
        groups = [each for each in self.groups.values() if topic in each.topics]
        for place, log in self.logs.items():
            if place.topic == topic:
                log.delete_before(min((each.committed.get(place, 0) for each in groups), default=log.end))
        self.changed(topic)

    def changed(self, topic: str) -> None:
        """Consumers of a topic look at it again when they next read."""
        for each in self._listening:
            if topic in each.held_topics:
                each.unchanged = False

    def tell(self) -> None:
        """Wake consumers that wait for records."""
        for each in self._listening:
            each.wake()

    def behind(self) -> list[str]:
        """The groups that have not committed all that their topics hold, and where."""
        return [
            f"{name} {place.topic} {place.partition}"
            for name, group in self.groups.items()
            for place, log in self.logs.items()
            if log.read(group.committed.get(place, 0), 1)[0] and place.topic in group.topics
        ]

    def listen(self, consumer: Consumer) -> None:
        self._listening[consumer] = None

    def forget(self, consumer: Consumer) -> None:
        self._listening.pop(consumer, None)

    def consumer(self, **options: Any) -> Consumer:
        return Consumer(self, **options)

    def producer(self, **options: Any) -> Producer:
        del options
        return Producer(self)

    async def ask(self, work: Callable[[], Any]) -> Any:
        return await self.network.call(SERVER, work, lambda: KafkaConnectionError("the connection was closed"))


class Consumer:
    """aiokafka's consumer, as much of it as is used; its coordinator runs beside, and does not wait for a handler."""

    def __init__(self, kafka: Kafka, *, group_id: str | None = None, **_: Any) -> None:
        self._kafka = kafka
        self._group = kafka.groups[group_id] if group_id else None
        self._group_id = group_id  # FastStream names it where a member is given no partition
        self.number = kafka.number()
        self.member_id = f"member-{self.number}"
        self.node: Node | None = NODE.get()
        self.topics: tuple[str, ...] = ()
        self._listener: Any = None
        self._subscription = SimpleNamespace(subscription=_Assignment({}, {}))
        self._positions: dict[TopicPartition, _Position] = {}
        self.held_topics: set[str] = set()
        self.unchanged = False
        """Whether there was nothing to read when it last looked, and there is nothing new since."""
        self._paused: set[TopicPartition] = set()
        self._generation = -1
        self._stopped = False
        self.heard_at = 0.0
        self._waits: asyncio.Future[None] | None = None
        """Done where records may have come that it waits for."""
        self._task: asyncio.Task[None] | None = None
        self._client = self
        self._coordinator = self if group_id else None
        self._max_records: int | None = None

    def _take(self, starts: Mapping[TopicPartition, int]) -> None:
        assignment = _Assignment(starts, self._kafka.logs)
        self._subscription.subscription = assignment
        self._positions = assignment.positions
        self.held_topics = {place.topic for place in starts}
        self.unchanged = False

    def wake(self) -> None:
        """Look for records now."""
        if self._waits is not None and not self._waits.done():
            self._waits.set_result(None)

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        await self._kafka.ask(lambda: None)
        self._kafka.listen(self)
        if self._group is not None and self.topics:
            group = self._group
            await self._kafka.ask(lambda: group.join(self))
            self.heard_at = asyncio.get_running_loop().time()
            self._task = asyncio.create_task(self._coordinate())
            self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A member whose task of the group has failed reads nothing any more, and nobody would see why."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._kafka.failures.append(f"the group's task of {self.node} has ended: {error!r}")

    async def stop(self) -> None:
        self._stopped = True
        self._kafka.forget(self)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._group is not None:
            group = self._group
            await self._kafka.ask(lambda: group.leave(self))

    def subscribe(self, topics: Sequence[str], pattern: Any = None, listener: Any = None) -> None:
        del pattern
        self.topics = tuple(topics)
        self._listener = listener

    async def _coordinate(self) -> None:
        """Heartbeats; a new generation is learned of with one, whatever the handler does."""
        assert self._group is not None
        while True:
            try:
                generation, assigned = await self._kafka.ask(self._heartbeat)
            except Exception:
                await asyncio.sleep(0.3)
                continue
            if generation != self._generation:
                await self._listener.on_partitions_revoked(set(self._positions))
                committed = self._group.committed
                starts = await self._committed_of(assigned, committed)
                if starts is None:
                    continue
                self._take(starts)
                self._paused &= set(starts)
                self._generation = generation
                await self._listener.on_partitions_assigned(set(starts))
                self.wake()
            await asyncio.sleep(self._kafka.rng.uniform(0.2, 1.0))

    async def _committed_of(
        self, places: Collection[TopicPartition], committed: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, int] | None:
        try:
            found: dict[TopicPartition, int] = await self._kafka.ask(
                lambda: {each: committed.get(each, self._kafka.logs[each].start) for each in places}
            )
        except Exception:
            return None
        return found

    def _heartbeat(self) -> tuple[int, set[TopicPartition]]:
        group = self._group
        assert group is not None
        self.heard_at = asyncio.get_running_loop().time()
        if self.number not in group.members and not self._stopped:
            group.join(self)
        return group.generation, set(group.assigned[self.number])

    # ------------------------------------------------------------ reading

    def assign(self, places: Iterable[TopicPartition]) -> None:
        self._take(dict.fromkeys(places, 0))

    def assignment(self) -> set[TopicPartition]:
        return set(self._positions)

    async def seek_to_beginning(self) -> None:
        for place, each in self._positions.items():
            each.position = self._kafka.logs[place].start
        self.unchanged = False

    def seek(self, place: TopicPartition, offset: int) -> None:
        self._positions[place].position = offset
        self.unchanged = False

    async def position(self, place: TopicPartition) -> int:
        if place not in self._positions:
            raise IllegalStateError(f"{place} is not assigned")
        return self._positions[place].position

    def pause(self, *places: TopicPartition) -> None:
        self._paused |= set(places)
        self.unchanged = False

    def paused(self) -> set[TopicPartition]:
        return set(self._paused)

    def resume(self, *places: TopicPartition) -> None:
        self._paused -= set(places)
        self.unchanged = False
        self.wake()

    async def getmany(
        self, *places: TopicPartition, timeout_ms: float = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[Stored]]:
        """Some of what waits, in an order and cut that the seed draws; nothing after ``timeout_ms``."""
        if self._stopped:
            raise ConsumerStoppedError
        loop = asyncio.get_running_loop()
        ends = loop.time() + timeout_ms / 1000
        among = set(places)
        while True:
            found = self._next(among, max_records)
            left = ends - loop.time()
            if found or left <= 0:
                await asyncio.sleep(0)
                return found
            if not await self._wait(loop, left):
                return {}
            await asyncio.sleep(self._kafka.rng.uniform(0.0005, 0.02))

    async def _wait(self, loop: asyncio.AbstractEventLoop, seconds: float) -> bool:
        """Wait to be woken; False where the time is over. Without asyncio's own timeout: it is done very often."""
        self._waits = loop.create_future()
        over = False

        def end() -> None:
            nonlocal over
            over = True
            self.wake()

        timer = loop.call_later(seconds, end)
        try:
            await self._waits
        finally:
            timer.cancel()
        return not over

    def _next(self, among: set[TopicPartition], most: int | None) -> dict[TopicPartition, list[Stored]]:
        rng = self._kafka.rng
        if self.node is not None and self.node.dead:
            return {}
        if self._kafka.network.is_away(SERVER):
            return {}
        held = [] if self.unchanged else self._readable(among)
        self.unchanged = not held and not among
        if held:
            held.sort(key=lambda each: each[0])
            rng.shuffle(held)
        left = min(rng.choice((1, 2, 5, 20, 500)), most or 500)
        found: dict[TopicPartition, list[Stored]] = {}
        for place, state in held:
            log = state.log
            records, state.position = log.read(state.position, left)
            state.highwater, state.lso = log.end, log.stable
            if records:
                found[place] = records
                fetching._handed_out[state] = records[-1].offset + 1
                left -= len(records)
                if left <= 0:
                    break
        if not found:
            # An answer without any data tells that nothing is left to read; see ``fetching.Silences``.
            now = round(asyncio.get_running_loop().time() * 1000) + 1
            for state in self._positions.values():
                state.timestamp = now
        return found

    def _readable(self, among: set[TopicPartition]) -> list[tuple[TopicPartition, _Position]]:
        """The partitions with something to read, and what a fetch tells of all."""
        held = []
        for place, state in self._positions.items():
            if place in self._paused or (among and place not in among):
                continue
            log = state.log
            if not log.start <= state.position <= log.end:
                state.position = log.start  # what it would read is no longer there
            state.highwater = log.end
            state.lso = stable = log.stable
            if stable > state.position:
                held.append((place, state))
        return held

    # ------------------------------------------------------------ offsets

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        group = self._group
        assert group is not None
        for place in offsets:
            if place not in self._positions:
                raise IllegalStateError(f"Partition {place} is not assigned")
        generation = self._generation

        def commit() -> None:
            if self.number not in group.members or generation != group.generation:
                raise CommitFailedError
            group.committed.update(offsets)

        await self._kafka.ask(commit)

    async def committed(self, place: TopicPartition) -> int | None:
        group = self._group
        assert group is not None
        found: int | None = await self._kafka.ask(lambda: group.committed.get(place))
        return found

    async def fetch_committed_offsets(
        self, places: Collection[TopicPartition]
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        group = self._group
        assert group is not None
        found: dict[TopicPartition, OffsetAndMetadata] = await self._kafka.ask(
            lambda: {each: OffsetAndMetadata(group.committed[each], "") for each in places if each in group.committed}
        )
        return found

    async def end_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        wanted = list(places)
        found: dict[TopicPartition, int] = await self._kafka.ask(
            lambda: {each: self._kafka.logs[each].stable for each in wanted}
        )
        return found

    async def beginning_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        wanted = list(places)
        found: dict[TopicPartition, int] = await self._kafka.ask(
            lambda: {each: self._kafka.logs[each].start for each in wanted}
        )
        return found

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(self._kafka.topics[topic]))


@dataclass
class _Batch:
    """Records that go to a partition in one piece."""

    room: int
    records: list[tuple[bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...]]] = field(default_factory=list)
    done: list[asyncio.Future[None]] = field(default_factory=list, repr=False)
    appended: bool = False

    def end(self, error: Exception | None = None) -> None:
        for each in self.done:
            if each.done():
                continue
            if error is None:
                each.set_result(None)
            else:
                each.set_exception(error)
                each.exception()  # seen, also where the process that waits has ended


class Producer:
    """aiokafka's idempotent producer: batches of a partition go one after the other, each until it is there.

    A batch may be given up: its partition had no leader for too long, or the broker answered with an error that is not
    tried again. The broker refuses what follows then, as out of order, unless it has none of this producer's batches in
    that partition: then what follows is taken. A producer that is stopped sends on what it has.
    """

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._node: Node | None = NODE.get()
        self._known: set[str] = set()
        self._queues: dict[TopicPartition, deque[_Batch]] = defaultdict(deque)
        self._sending: dict[TopicPartition, asyncio.Task[None]] = {}
        self._there: set[TopicPartition] = set()
        """Where the broker knows of this producer."""
        self._gaps: set[TopicPartition] = set()
        """Where a batch was given up."""
        self._stopped = False
        self.client = self

    async def start(self) -> None:
        await self._kafka.ask(lambda: None)

    async def stop(self) -> None:
        self._stopped = True
        while sending := [each for each in self._sending.values() if not each.done()]:
            await asyncio.wait(sending)

    async def force_metadata_update(self) -> bool:
        await self._kafka.ask(lambda: None)
        return True

    async def fetch_all_metadata(self) -> Any:
        await self._kafka.ask(lambda: None)
        return SimpleNamespace(topics=lambda: set(self._kafka.topics))

    async def partitions_for(self, topic: str) -> set[int]:
        while topic not in self._known:
            try:
                await self._kafka.ask(lambda: self._known.add(topic))
            except Exception:
                await asyncio.sleep(0.1)
        return set(range(self._kafka.topics[topic]))

    async def send(
        self, topic: str, value: bytes | None = None, *, key: bytes | None = None, headers: Any = ()
    ) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        assert key is not None or value is not None, "Need at least one: key or value"
        if self._node is not None and self._node.dead:
            await loop.create_future()
        if self._stopped:
            raise ProducerClosed
        await self.partitions_for(topic)
        place = TopicPartition(topic, zlib.crc32(key or b"") % self._kafka.topics[topic])
        queue = self._queues[place]
        if not queue or len(queue[-1].records) >= queue[-1].room:
            queue.append(_Batch(self._kafka.rng.choice((1, 3, 1000, 1000, 1000, 1000))))
        done: asyncio.Future[None] = loop.create_future()
        queue[-1].records.append((key, value, tuple(headers)))
        queue[-1].done.append(done)
        if place not in self._sending or self._sending[place].done():
            self._sending[place] = loop.create_task(self._send_all(place, queue))
        return done

    async def _send_all(self, place: TopicPartition, queue: deque[_Batch]) -> None:
        while queue:
            await asyncio.sleep(0)
            batch = queue.popleft()
            while (error := await self._try(place, batch)) is not None:
                if isinstance(error, OutOfOrderSequenceNumber) or self._kafka.rng.random() < self._kafka.gives_up:
                    if not batch.appended:
                        self._gaps.add(place)
                    batch.end(error)
                    break
                await asyncio.sleep(0.1)
            else:
                batch.end()

    async def _try(self, place: TopicPartition, batch: _Batch) -> Exception | None:
        """Send a batch once; the error where it is not known to be there."""

        def append() -> None:
            if batch.appended:
                return  # the broker has this sequence
            if place in self._gaps and place in self._there:
                raise OutOfOrderSequenceNumber
            batch.appended = True
            self._there.add(place)
            for key, value, headers in batch.records:
                self._kafka.append(place.topic, key, value, headers, place.partition)

        try:
            await self._kafka.ask(append)
        except Exception as error:
            return error
        return None
