"""A service as small as one can be, to see the engine at work: an aggregate that is opened, told words and numbered."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from homecall.contract.envelope import Incoming, OutgoingRecord, Record, read
from homecall.contract.events import RequestCancelled, RequestWithdrawn
from homecall.contract.topics import TOPIC_OF_TYPE, TYPE_PREFIX
from homecall.runtime.clock import SystemClock
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.engine.completion import Completion
from homecall.runtime.engine.decision import Dead, Decision, Ended, OutgoingEvent
from homecall.runtime.engine.engine import Engine
from homecall.runtime.mongo.aggregate import Aggregate, event_from_doc, event_to_doc
from homecall.runtime.mongo.client import MongoCollection
from homecall.runtime.mongo.repository import Repository
from homecall.runtime.mongo.sequence import Sequences
from tests.unit.runtime.memory import MemoryDatabase

NOW = datetime.fromisoformat("2026-11-20T10:00:00+05:00")
LATER = NOW + timedelta(hours=5)
_offsets = count(1)


def subject(number: int) -> str:
    return str(uuid5(NAMESPACE_OID, f"tally {number}"))


def word(text: str, number: int = 1, id: str = "", clinic_id: str = "samal-3") -> Incoming:  # noqa: A002  # CloudEvents' own name
    """A word to aggregate ``number``: see ``Words.decide``."""
    data = {
        "request_id": subject(number),
        "clinic_id": clinic_id,
        "at": "2026-11-20T10:00:00+05:00",
        "reason": text,
    }
    offset = next(_offsets)
    headers = {
        "ce_specversion": "1.0",
        "ce_id": id or f"e{offset}",
        "ce_source": "urn:test",
        "ce_type": TYPE_PREFIX + "request.withdrawn",
        "content-type": "application/json",
    }
    return read(
        Record(
            TOPIC_OF_TYPE["request.withdrawn"].name,
            0,
            offset,
            b"samal-3",
            json.dumps(data, ensure_ascii=False).encode(),
            tuple((name, value.encode()) for name, value in headers.items()),
        )
    )


@dataclass
class Tally:
    """What one has been told, its number, and when it speaks next."""

    id: str
    words: list[str] = field(default_factory=list)
    claim: str | None = None
    number: int | None = None
    waits: list[list[str | None]] = field(default_factory=list)
    speaks_at: str | None = None


def says(text: str, state: Tally, time: str = "") -> OutgoingEvent:
    event = RequestCancelled.model_validate(
        {"request_id": state.id, "clinic_id": "samal-3", "at": NOW.isoformat(), "reason": text}
    )
    return OutgoingEvent(event, sibling=text, time=time)


class Words:
    """``open`` first, then any of: a word to be said; ``number`` (and ``number!`` that also says something at once);
    ``claim``; ``speak`` in an hour; ``refuse``; ``ignore``; ``fail``."""

    def __init__(self) -> None:
        self.decided: list[str] = []

    def target(self, event: Incoming) -> str | None:
        return None if event.clinic_id == "elsewhere" else event.subject

    def takes_broken(self, _: Incoming) -> bool:
        return False

    def pending(self, state: Tally) -> bool:
        return bool(state.waits)

    def decide(self, state: Tally | None, event: Incoming, facts: None, now: datetime) -> Decision[Tally]:
        del facts
        assert isinstance(event.data, RequestWithdrawn)
        text = event.data.reason
        self.decided.append(text)
        if text == "fail":
            raise RuntimeError(text)
        if state is None:
            if not text.startswith("open"):
                return Decision(park=True)
            state = Tally(event.subject)
            if text == "open numbered":
                return Decision(replace(state, waits=[[event.causation_id, event.traceparent]]))
        if text == "refuse":
            return Decision(dead=Dead("invalid_transition", "no: send another"))
        if text in state.words or text == "ignore":
            return Decision()
        state = replace(state, words=[*state.words, text])
        match text:
            case "number" | "number!":
                state = replace(state, waits=[*state.waits, [event.causation_id, event.traceparent]])
                return Decision(state, [says("at once", state)] if text.endswith("!") else [])
            case "claim":
                state = replace(state, claim="one")
            case "speak":
                state = replace(state, speaks_at=(now + timedelta(hours=1)).isoformat())
        return Decision(state, [says(text, state)], [Ended("visit", "phone", "met")])

    def due(self, state: Tally, facts: None, now: datetime) -> Decision[Tally]:
        del facts
        assert state.speaks_at is not None
        if "due fails" in state.words:
            raise RuntimeError("due fails")
        moment = state.speaks_at
        if "mute" in state.words:
            return Decision(replace(state, speaks_at=(now + timedelta(hours=1)).isoformat()))
        if "numbered later" in state.words:
            return Decision(replace(state, speaks_at=None, waits=[["0" * 32, None]]))
        return Decision(replace(state, speaks_at=None), [says("spoken", state, time=moment)])


def timer_at(state: Tally) -> datetime | None:
    return datetime.fromisoformat(state.speaks_at) if state.speaks_at else None


def tallies(collection: MongoCollection, *, remember: int = 0) -> Repository[Tally]:
    return Repository(
        collection,
        Tally,
        remember=remember,
        timer_at=timer_at,
        indexed=lambda state: {"claim": state.claim, "group": "many" if len(state.words) > 1 else "few"},
        indexes=[("claim", True), ("group", False)],
    )


class Numbering(Engine[Tally, None]):
    """An engine whose second stage gives numbers from one page."""

    def __init__(self, database: MemoryDatabase) -> None:
        self.words = Words()
        super().__init__("intake", tallies(database.collection("tallies").as_collected), self.words, SystemClock())
        self.pages = Sequences(database.collection("pages").as_collected)
        self.before_numbers: list[Exception] = []

    async def complete_pending(
        self, aggregates: Sequence[Aggregate[Tally]], now: datetime
    ) -> dict[str, Completion[Tally]]:
        del now
        if self.before_numbers:
            raise self.before_numbers.pop(0)
        numbers = await self.pages.allocate([("page", each.id) for each in aggregates])
        concluded = {}
        for each in aggregates:
            assert each.state is not None
            number = numbers["page", each.id]
            said = [
                (str(causation_id), trace, [says(f"number {number}", each.state)])
                for causation_id, trace in each.state.waits
            ]
            concluded[each.id] = Completion(replace(each.state, waits=[], number=number), said)
        return concluded


class Runner:
    """The engine over a database in memory; ``sent`` is what went out."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self.database = database or MemoryDatabase()
        self.engine = Numbering(self.database)
        self.tallies = self.database.collection("tallies")

    async def prepared(self) -> Runner:
        await self.engine.store.prepare()
        return self

    async def handle(self, *batch: Incoming, now: datetime = NOW) -> BatchResult:
        handled = await self.engine.handle(batch, now)
        for done in handled.after:
            await done()
        return handled

    async def hear(self, *batch: Incoming, now: datetime = NOW) -> list[str]:
        return reasons((await self.handle(*batch, now=now)).events)

    async def state(self, number: int = 1) -> Tally:
        found = (await self.engine.store.load([subject(number)]))[subject(number)].state
        assert found is not None
        return found


def hear_elsewhere(runner: Runner, *batch: Incoming) -> list[str]:
    """All of a batch at once: over a database in memory nothing waits."""
    work = runner.hear(*batch)
    try:
        work.send(None)
    except StopIteration as done:
        found: list[str] = done.value
        return found
    raise AssertionError("it waited")


class Caching(Numbering):
    """An engine that takes whoever is opened for new, caches the last three, and lets rest what waits for its number.

    After ``stop`` a number is stored.
    """

    def __init__(self, database: MemoryDatabase) -> None:
        super().__init__(database)
        self.store = tallies(database.collection("tallies").as_collected, remember=3)

    def likely_new(self, firsts: Mapping[str, Incoming]) -> Collection[str]:
        return [target for target, event in firsts.items() if event.data.reason.startswith("open")]  # type: ignore[union-attr]  # a withdrawal

    def can_rest(self, state: Tally) -> bool:
        return bool(state.waits) and "stop" not in state.words

    def resting(self, state: Tally, cause: tuple[str, str | None], now: datetime) -> dict[str, Any] | None:
        if [causation_id for causation_id, _ in state.waits] != [cause[0]]:
            return None
        (event,) = self.say(*cause, [says("number 0", state)], now)
        return event_to_doc(event)

    async def complete_pending(
        self, aggregates: Sequence[Aggregate[Tally]], now: datetime
    ) -> dict[str, Completion[Tally]]:
        ends = await super().complete_pending(aggregates, now)
        return {each.id: replace(ends[each.id], filled=_filled(each, ends[each.id].state)) for each in aggregates}


def _filled(resting: Aggregate[Tally], state: Tally) -> dict[str, list[OutgoingRecord]]:
    number = f"number {state.number}".encode()
    return {
        cause: [replace(event_from_doc(rest), value=event_from_doc(rest).value.replace(b"number 0", number))]
        for cause, rest in resting.resting.items()
    }


class CachingRunner(Runner):
    def __init__(self, database: MemoryDatabase | None = None) -> None:
        super().__init__(database)
        self.engine = Caching(self.database)

    async def commands(self, *batch: Incoming) -> int:
        before = self.database.commands
        await self.handle(*batch)
        return self.database.commands - before


def reasons(events: Sequence[OutgoingRecord]) -> list[str]:
    """What was said."""
    found: list[Any] = [json.loads(each.value)["reason"] for each in events]
    return found
