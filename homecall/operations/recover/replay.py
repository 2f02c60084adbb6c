"""Hands a stopped service its records again, as they came, and keeps back what it told of them before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from homecall.contract.envelope import Incoming, OutgoingRecord, Record, Unreadable, read
from homecall.contract.topics import INTAKE, NOTIFIER, SCHEDULER
from homecall.operations.recover.numbers import NUMBERS
from homecall.operations.recover.reading import Place, Reading
from homecall.operations.terminal import counted, print_error
from homecall.runtime.clock import ReplayClock
from homecall.runtime.engine.engine import Engine
from homecall.runtime.engine.published_events import PublishedEvents
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.mongo.sequence import Sequences
from homecall.runtime.service import Service

_PORTION: Final = 200
_SUBJECTS: Final = 500
_TOGETHER: Final = timedelta(seconds=1)
"""Records that came within so long of one another are handled together, by the clock of the last."""
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


@dataclass(eq=False)
class Replay:
    """Hands a service its records again, in the order of their times."""

    service: Service
    published: PublishedEvents
    clock: ReplayClock
    producer: Producer
    committed: Mapping[Place, int]
    done: Recovered
    adopts: Any = None
    portion: list[tuple[Record, Incoming | None]] = field(default_factory=list)
    early: list[tuple[Record, Incoming]] = field(default_factory=list)
    reported: int = 0
    left: dict[Place, int] = field(default_factory=dict)
    """The first record of each partition that is left to the service."""

    def __post_init__(self) -> None:
        self.handler: Any = self.service.handler
        self.engines: list[Engine[Any, Any]] = list(self.service.engines)

    async def begin(self) -> None:
        """Put what was told where it is looked for."""
        name = self.service.name
        if name == SCHEDULER:
            from services.scheduler.recovery import RecoveringEngine

            self.adopts = RecoveringEngine(self.handler, self.published)
            self.handler, self.engines = self.adopts, [self.adopts]
        for engine in self.engines:
            engine.published = self.published
            # What was told is known from the topics: nothing is owed because no group is known to have got past it.
            engine.store.passed = None
        numbers = NUMBERS.get(name)
        if numbers is not None:
            pages: dict[str, dict[str, int]] = {}
            for page, subject, number in numbers(self.published):
                pages.setdefault(page, {})[subject] = number
            collection = "register_pages" if name == INTAKE else "pages"
            self.done.numbers = await Sequences(self.service.database.collection(collection)).published(pages)
        for engine in self.engines:
            await self._know(engine)

    async def _know(self, engine: Engine[Any, Any]) -> None:
        """Leave out of what is to come out again whatever the backup has."""
        after = ""
        while subjects := self.published.subjects(after, _SUBJECTS):
            aggregates = list((await engine.store.load(subjects)).values())
            await engine.fill_in(aggregates)
            for aggregate in aggregates:
                for events in aggregate.processed.values():
                    for event in events:
                        self.published.know(event)
            after = subjects[-1]

    async def run(self, heard: Reading, adopting: Reading | None) -> None:
        """Handle all that is to be handled again, with timers in between as they were due."""
        while (record := await heard.next()) is not None:
            event = self._read(record)
            if self.portion and self._ends_before(record, event):
                await self._flush(adopting)
            if self._again(record, event):
                self._take(record, event)
        if self.portion:
            await self._flush(adopting)
        await self._adopt(adopting, None)
        await self._timers()
        await self._catch_up()
        for record, event in self.early:
            await self._handle([(record, event)])

    def _ends_before(self, record: Record, event: Incoming | None) -> bool:
        """Whether what was taken so far is to be handled first, since time or a timer may come between."""
        if len(self.portion) == _PORTION or self._at(record) - self._at(self.portion[0][0]) > _TOGETHER:
            return True
        # Between two records of one subject a timer may have said something.
        return event is not None and any(each is not None and each.subject == event.subject for _, each in self.portion)

    def _take(self, record: Record, event: Incoming | None) -> None:
        self.done.records += 1
        if event is not None and self.published.early(event):
            self.early.append((record, event))
            return
        self.portion.append((record, event))
        if self.done.records - self.reported >= _TOLD_EVERY:
            self.reported = self.done.records
            print_error(f"{self.service.name}: {counted(self.reported, 'record')}, up to {self._at(record)}")

    async def _flush(self, adopting: Reading | None) -> None:
        await self._adopt(adopting, self.portion[0][0].timestamp)
        await self._handle(self.portion)
        self.portion = []
        await self._catch_up()

    async def _catch_up(self) -> None:
        """Handle those that came early and whose turn has come; each may bring the turn of another."""
        turn = True
        while turn:
            turn = False
            for each in list(self.early):
                if not self.published.early(each[1]):
                    self.early.remove(each)
                    await self._handle([each])
                    turn = True

    def _at(self, record: Record) -> datetime:
        return self.clock.at(datetime.fromtimestamp(record.timestamp / 1000, UTC))

    def _read(self, record: Record) -> Incoming | None:
        """The event of a record; None where it has its dead letter."""
        try:
            event = read(record)
            self.service.pipeline.check(event)
        except Unreadable:
            return None
        return event

    def _again(self, record: Record, event: Incoming | None) -> bool:
        """Whether a record was handled before: by the group's own word, or by what was told of it."""
        place = (record.topic, record.partition)
        if record.offset < self.committed.get(place, 0):
            return True
        if event is not None and self.published.waits(event.subject):
            return True
        self.left.setdefault(place, record.offset)
        return False

    async def _handle(self, portion: Sequence[tuple[Record, Incoming | None]]) -> None:
        self.clock.set_to(self._at(portion[0][0]))
        await self._timers()
        self.clock.set_to(self._at(portion[-1][0]))
        batch = [event for _, event in portion if event is not None]
        if not batch:
            return
        handled = await self.handler.handle(batch, self.clock.now())
        await self._send(handled.events)
        for follow_up in handled.after:
            await follow_up()

    async def _timers(self) -> None:
        """What was due by now, and went out when it was."""
        now = self.clock.now()
        for engine in self.engines:
            more = True
            while more:
                due = await engine.due(now)
                await self._send(due.events)
                if due.unsent or due.expired:
                    await engine.sent(due)
                more = due.more

    async def _send(self, events: Sequence[OutgoingRecord]) -> None:
        await self.producer.send([each for each in events if not self.published.was_said(each)])

    async def _adopt(self, adopting: Reading | None, before: int | None) -> None:
        """Take what the service itself had told by then, of its own accord."""
        if adopting is None:
            return
        told: list[OutgoingRecord] = []
        while (record := await adopting.peek()) is not None and (before is None or record.timestamp < before):
            await adopting.next()
            event = self.published.event_of(record)
            if event is not None:
                told.append(event)
            if len(told) >= _PORTION:
                await self.adopts.adopt(told, self.clock.now())
                told = []
        if told:
            await self.adopts.adopt(told, self.clock.now())

    async def end(self) -> None:
        """Timers up to the last word, and what each service has to put right."""
        last = self.published.last_time()
        if last is not None:
            self.clock.set_to(last)
        await self._timers()
        if self.adopts is not None:
            self.done.days = await self.adopts.finish_recovery("0" * 32)
        if self.service.name == NOTIFIER:
            from services.notifier.recovery import forget_notices

            self.done.messages = await forget_notices(self.service.database)
        self.done.silent = self.published.silent()

    def next_to_read(self, ends: Mapping[Place, int]) -> dict[Place, int]:
        return {place: self.left.get(place, end) for place, end in ends.items()}
