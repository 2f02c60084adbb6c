"""Accepted requests rest without their number: whatever is killed, slow or older, each is said in the same bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from homecall.contract.envelope import Incoming, OutgoingRecord
from homecall.runtime import failpoint
from homecall.runtime.clock import SystemClock
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.pipeline import Pipeline
from services.intake.domain.state import RequestState
from tests.unit.intake.office import DINARA, PAVEL, Office, incoming, request, request_id, submitted, withdrawn
from tests.unit.runtime.memory import MemoryDatabase
from tests.unit.standard.local_times import at

MADE, NEXT = "Fri 2026-11-20 10:00", "Fri 2026-11-20 10:05"
SAMAL = "samal-3|2026-11-20"


class Killed(BaseException):
    """As SIGKILL: nothing of ours catches it."""


class _At:
    """Armed as a failpoint: kills at the n-th place that is reached, whichever that is."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.place = self
        self.killed = ""

    def __eq__(self, place: object) -> bool:
        self.left -= 1
        if self.left == 0:
            self.killed = str(place)
            raise Killed
        return False

    __hash__ = None  # type: ignore[assignment]  # never one of a set


@contextlib.contextmanager
def killed_at(number: int) -> Iterator[_At]:
    armed = _At(number)
    before, failpoint._armed = failpoint._armed, armed  # type: ignore[assignment]  # stands in for it
    try:
        yield armed
    finally:
        failpoint._armed = before


class Topic:
    """What was published, in order; and how far the group has committed the requests."""

    def __init__(self) -> None:
        self.events: list[OutgoingRecord] = []
        self.committed = 0

    async def send(self, events: Sequence[OutgoingRecord], dead: Sequence[Any] = ()) -> None:
        assert not dead
        failpoint.failpoint("publish.queued")
        self.events += events

    async def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        self.committed = max(offsets.values())


class Replica(Office):
    """A process of intake, as far as a batch takes it: decode to commit."""

    def __init__(self, memory: MemoryDatabase, topic: Topic) -> None:
        super().__init__(database=memory.as_database)
        self.memory = memory
        self.topic = topic
        self.line: Any = Pipeline("intake", self.engine, topic, SystemClock())  # type: ignore[arg-type]  # as much of a producer as is used
        self.store.requests.passed = lambda *_: topic.committed

    async def take(self, log: Sequence[Incoming]) -> None:
        """Every record that is not committed yet, each in a batch of its own but for the first two."""
        left = [each.record for each in log if each.record.offset >= self.topic.committed]
        for batch in (left[:2], *([each] for each in left[2:])):
            if batch:
                await self.line.on_batch(batch, self.topic.commit)
                await self.line.settled()

    async def tick(self, now: str) -> list[Any]:
        for due in (await self.engine.unsent(seconds=-1), await self.engine.due(at(now))):
            await self.topic.send(due.events)
            failpoint.failpoint("timer.published")
            await self.engine.sent(due)
        return []


def log() -> list[Incoming]:
    """Three patients' requests, and two of them withdrawn."""
    return [
        submitted(MADE, number=1),
        submitted(MADE, number=2, patient={"iin": DINARA}),
        withdrawn(NEXT, number=2),
        submitted(MADE, number=3, patient={"iin": PAVEL}),
        withdrawn(NEXT, number=1),
    ]


def by_id(events: Sequence[OutgoingRecord]) -> dict[str, tuple[str, bytes]]:
    """Each event's time and bytes; those of one id are the same."""
    found: dict[str, tuple[str, bytes]] = {}
    for each in events:
        assert found.setdefault(each.id, (each.time, each.value)) == (each.time, each.value), each.type
    return found


def values(events: Sequence[OutgoingRecord]) -> dict[str, bytes]:
    """The bytes alone: a withdrawal that nobody had heard of is said by the clock of who says it first."""
    return {name: value for name, (_, value) in by_id(events).items()}


def numbers(memory: MemoryDatabase) -> dict[str, int]:
    found: dict[str, int] = memory.collection("register_pages").docs[SAMAL]["numbers"]
    return found


def in_order(events: Sequence[OutgoingRecord]) -> dict[str, list[str]]:
    """By subject, its types in the order in which they were said first."""
    found: dict[str, list[str]] = {}
    for each in events:
        kinds = found.setdefault(each.subject, [])
        if each.type not in kinds:
            kinds.append(each.type)
    return found


def fixed_times(replica: Replica) -> None:
    """A request is accepted when its clock starts, by whichever clock it is heard: so its bytes can be compared."""
    replica.line.clock = replica.line._handling._clock = _Stands()


class _Stands(SystemClock):
    def now(self) -> Any:
        return at("Fri 2026-11-20 10:10")


async def replica_on(memory: MemoryDatabase, topic: Topic) -> Replica:
    replica = Replica(memory, topic)
    fixed_times(replica)
    return replica


async def fresh() -> tuple[MemoryDatabase, Topic]:
    memory = MemoryDatabase()
    await Office(database=memory.as_database).prepared()
    return memory, Topic()


async def test_a_kill_at_every_failpoint_changes_no_byte() -> None:
    said = log()
    memory, topic = await fresh()
    await (await replica_on(memory, topic)).take(said)
    whole, order = values(topic.events), in_order(topic.events)
    assert numbers(memory) == {request_id(1): 1, request_id(2): 2, request_id(3): 3}
    places: set[str] = set()
    number = 0
    while True:
        number += 1
        memory, topic = await fresh()
        with killed_at(number) as armed, contextlib.suppress(Killed):
            await (await replica_on(memory, topic)).take(said)
        if not armed.killed:
            break
        places.add(armed.killed)
        # Another process goes on; its timers turn before it has read anything.
        successor = await replica_on(memory, topic)
        await successor.tick("Fri 2026-11-20 10:11")
        await successor.take(said)
        assert values(topic.events) == whole, f"killed at {armed.killed}, place {number}"
        assert in_order(topic.events) == order, f"killed at {armed.killed}, place {number}"
        assert numbers(memory) == {request_id(1): 1, request_id(2): 2, request_id(3): 3}
    steps = {"batch.stored", "page.read", "page.written", "stage.settled", "stage.stored"}
    assert steps | {"publish.queued", "batch.published", "batch.followed", "batch.committed"} <= places


async def test_a_process_that_was_only_slow_says_what_its_successor_said() -> None:
    memory, topic = await fresh()
    first = submitted(MADE, number=1)
    slow = Office(database=memory.as_database)
    late = (await slow.engine.handle([first], at("Fri 2026-11-20 10:10"))).events
    successor = await replica_on(memory, topic)
    await successor.take([first, withdrawn(NEXT, number=1)])
    assert [each.type for each in topic.events] == ["request.accepted", "request.cancelled"]
    by_id([*topic.events, *late])
    # It has its page in memory as it was: what it numbers next is nobody's else.
    await successor.hear(submitted(MADE, number=2, patient={"iin": DINARA}))
    (accepted,) = await slow.hear(submitted(MADE, number=3, patient={"iin": PAVEL}))
    assert accepted.data["register_number"] == 3


async def test_who_loses_the_race_for_a_patient_gets_no_number() -> None:
    memory, _ = await fresh()
    one, other = Office(database=memory.as_database), Office(database=memory.as_database)
    won: list[Any] = []

    def somebody_else() -> None:
        memory.collection("requests").before_write = None
        with ThreadPoolExecutor(1) as elsewhere:
            won.extend(elsewhere.submit(lambda: asyncio.run(other.hear(submitted(MADE, number=2)))).result())

    memory.collection("requests").before_write = somebody_else
    (refused,) = await one.hear(submitted(MADE, number=1))
    assert [each.type for each in won] == ["request.accepted"]
    assert (refused.type, refused.data["code"]) == ("request.refused", "duplicate")
    assert numbers(memory) == {request_id(2): 1}
    assert "r" not in memory.collection("requests").docs[request_id(1)]


@pytest.mark.parametrize("together", [True, False], ids=["read again with it", "read before it"])
async def test_a_withdrawal_between_page_and_publication(together: bool) -> None:
    memory, topic = await fresh()
    first, gone = submitted(MADE, number=1), withdrawn(NEXT, number=1)
    killed = Office(database=memory.as_database)
    told = (await killed.engine.handle([first], at("Fri 2026-11-20 10:10"))).events
    successor = await replica_on(memory, topic)
    await successor.take([first, gone] if together else [gone])
    assert [each.type for each in topic.events] == ["request.accepted", "request.cancelled"]
    by_id([*told, *topic.events])
    assert json.loads(topic.events[1].value)["register_number"] == 1
    again = Office(database=memory.as_database)
    assert [each.type for each in (await again.handle(first, gone)).events] == ["request.accepted", "request.cancelled"]
    by_id([*topic.events, *(await again.handle(first, gone)).events])


# ---- two releases on one store


class OlderOffice(Office):
    """The release before: it stores the number with the request, and does not know of what rests."""

    def __init__(self, memory: MemoryDatabase) -> None:
        super().__init__(database=memory.as_database)
        self.engine.can_rest = lambda _: False  # type: ignore[method-assign]
        read = self.store.requests._from_doc

        def without_rest(doc: Mapping[str, Any]) -> Aggregate[RequestState]:
            return read({name: value for name, value in doc.items() if name != "r"})

        self.store.requests._from_doc = without_rest  # type: ignore[method-assign]


@pytest.mark.parametrize("first", ["newer", "older"])
@pytest.mark.parametrize("published", [True, False], ids=["published", "killed before"])
async def test_either_release_goes_on_where_the_other_left_off(first: str, published: bool) -> None:
    memory, _ = await fresh()
    newer, older = Office(database=memory.as_database), OlderOffice(memory)
    one, two = (newer, older) if first == "newer" else (older, newer)
    record, gone = submitted(MADE, number=1), withdrawn(NEXT, number=1)
    handled = await one.engine.handle([record], at("Fri 2026-11-20 10:10"))
    if published:
        for done in handled.after:
            await done()
    events = [*handled.events]
    for each in (two, one, two):
        events += (await each.handle(record)).events
    by_id(events)
    withdrawal = (await two.handle(gone)).events
    assert withdrawal[-1].type == "request.cancelled"
    assert json.loads(withdrawal[-1].value)["register_number"] == 1
    for each in (one, two):
        events += [*withdrawal, *(await each.handle(record, gone)).events]
    assert len(by_id(events)) == 2
    assert numbers(memory) == {request_id(1): 1}


async def test_an_older_release_that_was_killed_before_the_number_is_gone_on_with() -> None:
    memory, _ = await fresh()
    older, newer = OlderOffice(memory), Office(database=memory.as_database)
    record = submitted(MADE, number=1)
    with killed_at(4) as armed, contextlib.suppress(Killed):
        await older.engine.handle([record], at("Fri 2026-11-20 10:10"))
    assert armed.killed == "page.read"
    (accepted,) = await newer.tick("Fri 2026-11-20 10:11")
    (again,) = await newer.hear(record)
    assert accepted == again
    assert (await newer.state()).register_number == 1


# ---- what nobody may mistake for the number


async def test_a_text_that_looks_like_the_field_stays_as_it_is() -> None:
    memory, _ = await fresh()
    note = '"register_number":7, "register_number":8'
    office = Office(database=memory.as_database)
    event = incoming("request.submitted", request(MADE, number=1, note=note))
    (accepted,) = await office.hear(event)
    (again,) = await Office(database=memory.as_database).hear(event)
    assert accepted == again
    assert (accepted.data["note"], accepted.data["register_number"]) == (note, 1)
