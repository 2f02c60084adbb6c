"""``homecall recover``: after a restore, what came since the backup is handled again, and comes out as it was told.

The services are stopped. Each one's records are read from where its group stood at the backup, all topics together in
the order of their times, by the service's own code, on a clock that stands where each record came. What the service
said of them stands in its own topics: numbers, windows, statuses and times are taken from there, and not sent again.
Then the group's offsets are set, and the services go on.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from aiokafka import TopicPartition

from homecall.contract.envelope import Incoming, OutgoingRecord, Record, Unreadable, read
from homecall.contract.topics import COMPLAINTS, INTAKE, NOTIFIER, SCHEDULE_EVENTS, SCHEDULER, SERVICES, TOPICS, read_by
from homecall.operations.backup import Reader
from homecall.operations.failure import Failure
from homecall.operations.kafka import commit_offsets, committed_offsets, members_of, reading
from homecall.operations.serve import build
from homecall.operations.terminal import counted, json_line, print_bytes, print_error, settings
from homecall.runtime.clock import AcceleratedClock, ReplayClock, clock_from
from homecall.runtime.encryption import Vault
from homecall.runtime.engine.engine import Engine
from homecall.runtime.engine.published_events import PublishedEvents
from homecall.runtime.failures import Awaited, TooNew, Transient
from homecall.runtime.kafka.consuming import ToEnd
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.mongo.mongo import Sequences
from homecall.runtime.service import Service
from homecall.runtime.settings import Settings, SettingsError

Place = tuple[str, int]

_PORTION: Final = 200
_SUBJECTS: Final = 500
_TOGETHER: Final = timedelta(seconds=1)
"""Records that came within so long of one another are handled together, by the clock of the last."""
_EARLIER_MS: Final = 600_000
"""How much further back than the first record what was said is looked for."""
_TOLD_EVERY: Final = 10_000


@dataclass
class Recovered:
    """What became of one service's records and of what it had said."""

    records: int = 0
    numbers: int = 0
    as_told: dict[str, int] = field(default_factory=dict)
    otherwise: dict[str, int] = field(default_factory=dict)
    """What would have come out otherwise today; what was told stands."""
    new: dict[str, int] = field(default_factory=dict)
    """What had not been told: sent now."""
    silent: dict[str, int] = field(default_factory=dict)
    """What was told and has not come out again."""
    messages: int = 0
    days: int = 0


# ---------------------------------------------------------------- the command


def recover(backup: Path | None, service: str, *, as_json: bool) -> None:
    """Recover from where a backup was taken, or without one from the beginning of the topics.

    ``Failure`` while a service runs, or where something was told that does not come out again.
    """
    asked = settings()
    try:
        starts: Mapping[str, Mapping[str, int]] = {}
        if backup is not None:
            starts = Reader(backup, Vault.from_settings(asked)).whole().offsets
            if not starts:
                raise Failure(f"{backup}: does not say where the groups stood: recover without it, from the beginning")
        names = SERVICES if service == "all" else (service,)
        found = asyncio.run(_all(asked, names, None if backup is None else starts))
    except (SettingsError, TooNew, Awaited) as error:
        raise Failure(str(error)) from None
    except Transient as error:
        raise Failure(f"{error}; restore once more, and run it again", code=1) from None
    if as_json:
        print_bytes(json_line({"services": {name: vars(each) for name, each in found.items()}}))
    else:
        for name, each in found.items():
            _print(name, each)
    left = sum(sum(each.silent.values()) for each in found.values())
    if left:
        raise Failure(
            f"{counted(left, 'event')} {'was' if left == 1 else 'were'} told before and did not come out again: "
            "look with homecall reconcile",
            code=1,
        )


def _print(name: str, found: Recovered) -> None:
    print(
        f"{name}: {counted(found.records, 'record')} handled again; "
        f"{counted(sum(found.as_told.values()), 'event')} as told before, "
        f"{sum(found.otherwise.values())} otherwise, {sum(found.new.values())} new, "
        f"{sum(found.silent.values())} not again"
    )
    for what, told in (("otherwise", found.otherwise), ("new", found.new), ("not again", found.silent)):
        for event_type, count in sorted(told.items()):
            print(f"{name}: {what}: {event_type} {count}")


async def _all(
    asked: Settings, names: Sequence[str], starts: Mapping[str, Mapping[str, int]] | None
) -> dict[str, Recovered]:
    running = [name for name in names if await members_of(asked, name)]
    if running:
        raise Failure(f"{', '.join(running)}: still running: stop every replica first, and wait until it has left")
    committed = await committed_offsets(asked)
    found = {}
    for name in names:
        start = None if starts is None else _places(starts.get(name, {}))
        found[name] = await _recovered(asked, name, start, _places(committed.get(name, {})))
    return found


def _places(texts: Mapping[str, int]) -> dict[Place, int]:
    return {(name.rpartition("/")[0], int(name.rpartition("/")[2])): offset for name, offset in texts.items()}


# ---------------------------------------------------------------- one service


async def _recovered(
    asked: Settings, name: str, start: Mapping[Place, int] | None, committed: Mapping[Place, int]
) -> Recovered:
    own = clock_from(asked.clock)
    if isinstance(own, AcceleratedClock) and asked.clock is not None and asked.clock.count("@") < 2:
        raise Failure("HOMECALL_CLOCK: needs the real time of its start here, as in 2026-11-23T09:00:00+05:00@1@…")
    clock = ReplayClock(own)
    published = PublishedEvents(name)
    published.slack = published.slack * clock.speed
    done = Recovered()
    async with AsyncExitStack() as stack:
        stack.callback(published.close)
        heard = await stack.enter_async_context(_Reading(asked, [topic.name for topic in _heard_by(name)], start))
        first = await heard.peek()
        since = None if start is None or first is None else first.timestamp - _EARLIER_MS
        own_topics = [topic.name for topic in TOPICS if name in topic.writers and topic.types]
        async with _Reading(asked, own_topics, since=since) as said:
            while (record := await said.next()) is not None:
                published.take(record)
        service = build(name, asked, clock)
        stack.push_async_callback(_closed, service)
        await _prepared(service)
        producer = Producer(asked, f"homecall-recover-{name}")
        await producer.start()
        stack.push_async_callback(producer.stop)
        replay = _Replay(service, published, clock, producer, committed, done)
        await replay.begin()
        adopting = None
        if name == SCHEDULER:
            adopting = await stack.enter_async_context(_Reading(asked, [SCHEDULE_EVENTS.name], since=since))
        await replay.run(heard, adopting)
        await replay.end()
        await commit_offsets(asked, name, replay.next_to_read(heard.ends))
    done.as_told, done.otherwise, done.new = dict(published.as_told), dict(published.otherwise), dict(published.new)
    return done


def _heard_by(name: str) -> list[Any]:
    return [topic for topic in read_by(name) if not topic.whole]


async def _prepared(service: Service) -> None:
    if service.schema is not None:
        await service.schema.admit()
    for step in service.prepare:
        await step()
    for table in service.tables:
        await table.start()


async def _closed(service: Service) -> None:
    for table in service.tables:
        await table.stop()
    for closing in service.close:
        await closing()
    service.database.close()


class _Replay:
    """Hands a service its records again, in the order of their times."""

    def __init__(
        self,
        service: Service,
        published: PublishedEvents,
        clock: ReplayClock,
        producer: Producer,
        committed: Mapping[Place, int],
        done: Recovered,
    ) -> None:
        self._service = service
        self._recall = published
        self._clock = clock
        self._producer = producer
        self._committed = committed
        self._done = done
        self._handler: Any = service.handler
        self._engines: list[Engine[Any]] = list(service.engines)
        self._adopts: Any = None
        self._left: dict[Place, int] = {}
        """The first record of each partition that is left to the service."""

    async def begin(self) -> None:
        """Put what was told where it is looked for."""
        name = self._service.name
        if name == SCHEDULER:
            from services.scheduler.recovery import RecoveringEngine

            self._adopts = RecoveringEngine(self._handler, self._recall)
            self._handler, self._engines = self._adopts, [self._adopts]
        for engine in self._engines:
            engine.published = self._recall
            # What was told is known from the topics: nothing is owed because no group is known to have got past it.
            engine.store.passed = None
            await self._know(engine)
        numbers = _NUMBERS.get(name)
        if numbers is not None:
            pages: dict[str, dict[str, int]] = {}
            for page, subject, number in numbers(self._recall):
                pages.setdefault(page, {})[subject] = number
            collection = "register_pages" if name == INTAKE else "pages"
            self._done.numbers = await Sequences(self._service.database.collection(collection)).published(pages)

    async def _know(self, engine: Engine[Any]) -> None:
        """Leave out of what is to come out again whatever the backup has."""
        after = ""
        while subjects := self._recall.subjects(after, _SUBJECTS):
            for aggregate in (await engine.store.load(subjects)).values():
                for events in aggregate.outcomes.values():
                    for event in events:
                        self._recall.know(event)
            after = subjects[-1]

    async def run(self, heard: _Reading, adopting: _Reading | None) -> None:
        """Handle all that is to be handled again, with timers in between as they were due."""
        portion: list[Record] = []
        events: list[Incoming] = []
        told = 0
        early: list[tuple[Record, Incoming]] = []
        while True:
            record = await heard.next()
            event = None if record is None else self._read(record)
            moment = None if record is None else self._at(record)
            # Between two records of one subject a timer may have said something.
            follows = event is not None and any(each.subject == event.subject for each in events)
            if portion and (
                moment is None or follows or len(portion) == _PORTION or moment - self._at(portion[0]) > _TOGETHER
            ):
                await self._adopt(adopting, portion[0].timestamp)
                await self._handle(portion, events)
                portion, events = [], []
                early = await self._caught_up(early)
            if record is None:
                break
            if self._again(record, event):
                self._done.records += 1
                if event is not None and self._recall.early(event):
                    early.append((record, event))
                    continue
                portion.append(record)
                if event is not None:
                    events.append(event)
                if self._done.records - told >= _TOLD_EVERY:
                    told = self._done.records
                    print_error(f"{self._service.name}: {counted(told, 'record')}, up to {moment}")
        await self._adopt(adopting, None)
        await self._timers()
        early = await self._caught_up(early)
        for record, event in early:
            await self._handle([record], [event])

    async def _caught_up(self, early: list[tuple[Record, Incoming]]) -> list[tuple[Record, Incoming]]:
        """Handle those whose turn has come; the others."""
        turn = True
        while turn:
            turn = False
            for each in list(early):
                record, event = each
                if not self._recall.early(event):
                    early.remove(each)
                    await self._handle([record], [event])
                    turn = True
        return early

    def _at(self, record: Record) -> datetime:
        return self._clock.at(datetime.fromtimestamp(record.timestamp / 1000, UTC))

    def _read(self, record: Record) -> Incoming | None:
        """The event of a record; None where it has its dead letter."""
        try:
            event = read(record)
            self._service.pipeline.check(event)
        except Unreadable:
            return None
        return event

    def _again(self, record: Record, event: Incoming | None) -> bool:
        """Whether a record was handled before: by the group's own word, or by what was told of it."""
        place = (record.topic, record.partition)
        if record.offset < self._committed.get(place, 0):
            return True
        if event is not None and self._recall.waits(event.subject):
            return True
        self._left.setdefault(place, record.offset)
        return False

    async def _handle(self, records: Sequence[Record], batch: Sequence[Incoming]) -> None:
        self._clock.set_to(self._at(records[0]))
        await self._timers()
        self._clock.set_to(self._at(records[-1]))
        if not batch:
            return
        handled = await self._handler.handle(batch, self._clock.now())
        await self._send(handled.events)
        for follow_up in (*handled.beside, *handled.after):
            await follow_up()

    async def _timers(self) -> None:
        """What was due by now, and went out when it was."""
        now = self._clock.now()
        for engine in self._engines:
            more = True
            while more:
                due = await engine.due(now)
                await self._send(due.events)
                if due.unsent or due.expired:
                    await engine.sent(due)
                more = due.more

    async def _send(self, events: Sequence[OutgoingRecord]) -> None:
        await self._producer.send([each for each in events if not self._recall.was_said(each)])

    async def _adopt(self, adopting: _Reading | None, before: int | None) -> None:
        """Take what the service itself had told by then, of its own accord."""
        if adopting is None:
            return
        told: list[OutgoingRecord] = []
        while (record := await adopting.peek()) is not None and (before is None or record.timestamp < before):
            await adopting.next()
            event = self._recall.event_of(record)
            if event is not None:
                told.append(event)
            if len(told) >= _PORTION:
                await self._adopts.adopt(told, self._clock.now())
                told = []
        if told:
            await self._adopts.adopt(told, self._clock.now())

    async def end(self) -> None:
        """Timers up to the last word, and what each service has to put right."""
        last = self._recall.last_time()
        if last is not None:
            self._clock.set_to(last)
        await self._timers()
        if self._adopts is not None:
            self._done.days = await self._adopts.finish_recovery("0" * 32)
        if self._service.name == NOTIFIER:
            from services.notifier.recovery import forget_notices

            self._done.messages = await forget_notices(self._service.database)
        self._done.silent = self._recall.silent()

    def next_to_read(self, ends: Mapping[Place, int]) -> dict[Place, int]:
        """Where the group is to go on."""
        return {place: self._left.get(place, end) for place, end in ends.items()}


def _register_numbers(published: PublishedEvents) -> list[tuple[str, str, int]]:
    return [
        (f"{data['clinic_id']}|{data['register_date']}", data["request_id"], data["register_number"])
        for data in published.all("request.accepted")
    ]


def _incoming_numbers(published: PublishedEvents) -> list[tuple[str, str, int]]:
    found: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for data in published.all("complaint.status-changed"):
        if data.get("incoming_number"):
            numbers = found.setdefault((data["clinic_id"], data["complaint_id"]), [])
            numbers.append((data["sequence"], data["incoming_number"]))
    rows = []
    for (clinic_id, complaint_id), numbers in found.items():
        # The stages of a complaint in their order, each with one number.
        for stage, number in enumerate(dict.fromkeys(number for _, number in sorted(numbers)), start=1):
            year, _, place = number.partition("-")
            rows.append((f"{clinic_id}|{year}", f"{complaint_id}|{stage}", int(place)))
    return rows


_NUMBERS: Final[Mapping[str, Callable[[PublishedEvents], list[tuple[str, str, int]]]]] = {
    INTAKE: _register_numbers,
    COMPLAINTS: _incoming_numbers,
}


# ---------------------------------------------------------------- reading in the order of time


class _Reading:
    """Topics read once, from given places to what was their end, all partitions together in the order of their times.

    ``start`` are offsets (of a partition that it does not name, the beginning), ``since`` is a time in milliseconds;
    with neither from the beginning. Raises ``Failure`` where the topic does not reach back so far any more.
    """

    def __init__(
        self,
        asked: Settings,
        topics: Sequence[str],
        start: Mapping[Place, int] | None = None,
        since: int | None = None,
    ) -> None:
        self._asked = asked
        self._topics = topics
        self._start = start
        self._since = since
        self._heads: dict[Place, deque[Record]] = {}
        self._left: set[Place] = set()
        self.ends: dict[Place, int] = {}

    async def __aenter__(self) -> _Reading:
        self._stack = AsyncExitStack()
        self._consumer: Any = await self._stack.enter_async_context(
            reading(self._asked, self._topics, from_beginning=True)
        )
        try:
            await self._begin()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _begin(self) -> None:
        places = sorted(self._consumer.assignment())
        ends = await self._consumer.end_offsets(places)
        at = await self._consumer.beginning_offsets(places)
        if self._since is not None:
            found = await self._consumer.offsets_for_times(dict.fromkeys(places, self._since))
            at = {place: found[place].offset if found.get(place) else ends[place] for place in places}
        elif self._start is not None:
            for place in places:
                wanted = self._start.get((place.topic, place.partition))
                if wanted is not None and wanted < at[place]:
                    raise Failure(
                        f"{place.topic}/{place.partition} reaches back to {at[place]} only, and the backup is of "
                        f"{wanted}: it is older than topics keep, take a newer one"
                    )
                at[place] = at[place] if wanted is None else wanted
        for place in places:
            self._consumer.seek(place, at[place])
            key = (place.topic, place.partition)
            self._heads[key] = deque()
            self.ends[key] = ends[place]
            if at[place] < ends[place]:
                self._left.add(key)
        self._to_end = ToEnd(self._consumer, {place: ends[place] for place in places})

    async def _fill(self) -> None:
        """Have a record of each partition that has any left: only then is it known which came first."""
        from homecall.runtime.kafka.global_table import record_of

        silent_since = time.monotonic()
        while lacking := [key for key in self._left if not self._heads[key]]:
            found = await self._consumer.getmany(*(TopicPartition(*key) for key in lacking), timeout_ms=200)
            for place, raws in found.items():
                key = (place.topic, place.partition)
                self._heads[key].extend(record_of(raw) for raw in raws if raw.offset < self.ends[key])
                silent_since = time.monotonic()
            self._left &= {(place.topic, place.partition) for place in await self._to_end.left()}
            if time.monotonic() - silent_since > _SILENCE_SECONDS:
                raise Failure("the broker has fallen silent: begin again", code=1)

    async def peek(self) -> Record | None:
        """The next record; None at the end."""
        await self._fill()
        heads = [records[0] for records in self._heads.values() if records]
        return min(heads, key=_order, default=None)

    async def next(self) -> Record | None:
        """Take it."""
        record = await self.peek()
        if record is not None:
            self._heads[record.topic, record.partition].popleft()
        return record


def _order(record: Record) -> tuple[int, int, int, int]:
    # What caused another came before it, where both have one time.
    return record.timestamp, _RANK.get(record.topic, 0), record.partition, record.offset


_RANK: Final = {topic.name: place for place, topic in enumerate(TOPICS)}
_SILENCE_SECONDS: Final = 30.0
