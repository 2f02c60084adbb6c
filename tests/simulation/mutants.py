"""Defects built in, which the judges must find: each by its name, as something to play a history within."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pymongo import InsertOne, UpdateOne

from homecall.contract.envelope import OutgoingRecord, Record
from homecall.runtime.engine.deciding import Deciding
from homecall.runtime.engine.outbox import Outbox
from homecall.runtime.engine.timers import Due, Timers
from homecall.runtime.kafka.lag import Lag
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.mongo import client
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.mongo.client import MongoCollection
from homecall.runtime.mongo.repository import Repository
from homecall.runtime.pipeline import Commit, Pipeline
from homecall.runtime.service import Service
from services.intake import store as intake_store
from services.intake.handler import IntakeEngine
from services.notifier import outbox as notifier_outbox
from services.notifier.domain import messages
from services.notifier.domain.draft import Draft
from services.notifier.domain.quiet_hours import Policy
from services.scheduler.store import SchedulerStore
from tests.simulation.desk_mutants import DESK_MUTANTS
from tests.simulation.hand_mutants import HAND_MUTANTS
from tests.simulation.transfers import TRANSFER_MUTANTS


@contextlib.contextmanager
def _instead(place: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(place, name)
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, before)


def commit_first() -> AbstractContextManager[None]:
    """Offsets are committed before the batch is decided, stored and published."""
    sound = Pipeline.on_batch

    async def on_batch(self: Pipeline, records: Sequence[Record], commit: Commit) -> None:
        offsets: dict[tuple[str, int], int] = {}
        for record in records:
            place = (record.topic, record.partition)
            offsets[place] = max(offsets.get(place, 0), record.offset + 1)
        with contextlib.suppress(Exception):
            await commit(offsets)

        async def done_already(_: Mapping[tuple[str, int], int]) -> None:
            return

        await sound(self, records, done_already)

    return _instead(Pipeline, "on_batch", on_batch)


def publish_not_awaited() -> AbstractContextManager[None]:
    """Events are left with a producer that waits for company, and nothing waits for their acknowledgement."""
    sound = Producer.send

    async def send(self: Producer, events: Sequence[OutgoingRecord], dead: Any = ()) -> None:
        async def later() -> None:
            await asyncio.sleep(0.5)
            with contextlib.suppress(Exception):
                await sound(self, events, dead)

        _kept.append(asyncio.get_running_loop().create_task(later()))

    return _instead(Producer, "send", send)


_kept: list[asyncio.Task[None]] = []


def no_compare_and_set(only: str = "") -> AbstractContextManager[None]:
    """A document, or one of the collection ``only``, is overwritten whatever has become of it since it was read."""
    sound = MongoCollection.write

    async def write(self: MongoCollection, operations: Sequence[InsertOne[Any] | UpdateOne]) -> int | None:
        checked = only and self.name != only
        return await sound(self, operations if checked else [_whatever_the_version(each) for each in operations])

    return _instead(MongoCollection, "write", write)


def pages_without_compare() -> AbstractContextManager[None]:
    """The same of the register's pages alone."""
    return no_compare_and_set("register_pages")


def days_without_compare() -> AbstractContextManager[None]:
    """The same of the clinics' days alone: a day that another replica has changed meanwhile is written over."""
    return no_compare_and_set("days")


def _whatever_the_version(operation: InsertOne[Any] | UpdateOne) -> InsertOne[Any] | UpdateOne:
    if isinstance(operation, InsertOne):
        return operation
    held: Any = operation
    return UpdateOne({"_id": held._filter["_id"]}, held._doc)


def races_always_won() -> AbstractContextManager[None]:
    """A write that lost to another replica counts as done."""
    sound = Repository.save

    async def save(self: Any, aggregates: Sequence[Any], **more: Any) -> set[str]:
        await sound(self, aggregates, **more)
        return set()

    return _instead(Repository, "save", save)


def ids_of_the_moment() -> AbstractContextManager[None]:
    """An event has another id each time it is sent."""
    sound = OutgoingRecord.headers

    def headers(self: OutgoingRecord) -> list[tuple[str, bytes]]:
        return [(name, str(uuid.uuid4()).encode() if name == "ce_id" else value) for name, value in sound(self)]

    return _instead(OutgoingRecord, "headers", headers)


def nothing_remembered() -> AbstractContextManager[None]:
    """A record that comes again is decided again."""
    return _instead(Aggregate, "is_processed", lambda _self, _causation_id: False)


def cleared_before_sent() -> AbstractContextManager[None]:
    """A timer's mark is cleared before its events are published."""
    sound = Service._send

    async def send(self: Service, engine: Any, due: Any) -> None:
        events = [*due.events]
        await engine.sent(due)
        await self.producer.send(events)
        await sound(self, engine, due)

    return _instead(Service, "_send", send)


def outbox_not_sent_again() -> AbstractContextManager[None]:
    """What a timer stored and a crash kept back is not looked for again."""

    async def unsent(_self: Any, seconds: float = 10, limit: int = 500) -> Due[Any]:
        del seconds, limit
        return Due(unsent=[], expired=[], dead=[], until=datetime.min.replace(tzinfo=UTC), more=False)

    return _instead(Timers, "unsent", unsent)


def owed_order_forgotten() -> AbstractContextManager[None]:
    """What an aggregate still owes from earlier is not said before what a record leads to now."""

    def up_to(self: Any, causation_id: str) -> list[OutgoingRecord]:
        return list(self._events([causation_id]))

    return _instead(Outbox, "up_to", up_to)


def parked_dropped() -> AbstractContextManager[None]:
    """An event that comes before its subject is passed over."""
    return _instead(Deciding, "_park", lambda *_: False)


def publication_errors_ignored() -> AbstractContextManager[None]:
    """A publication that failed counts as acknowledged."""
    sound = Producer.send

    async def send(self: Producer, events: Sequence[OutgoingRecord], dead: Any = ()) -> None:
        with contextlib.suppress(Exception):
            await sound(self, events, dead)

    return _instead(Producer, "send", send)


def dead_letters_dropped() -> AbstractContextManager[None]:
    """A record that cannot be handled is passed without a dead letter."""
    sound = Producer.send

    async def send(self: Producer, events: Sequence[OutgoingRecord], dead: Any = ()) -> None:
        del dead
        await sound(self, events)

    return _instead(Producer, "send", send)


def number_before_claim() -> AbstractContextManager[None]:
    """A register number is given before the request is stored: a crash between leaves a gap in the register."""
    sound = IntakeEngine._save_changed

    async def save(self: Any, scope: Any, cached: Any) -> set[str]:
        pending = [each for each in scope.aggregates.values() if each.state and self.domain.pending(each.state)]
        await self.complete_pending(pending, scope.now)
        return await sound(self, scope, cached)

    return _instead(IntakeEngine, "_save_changed", save)


def sms_sent_again() -> AbstractContextManager[None]:
    """A message whose outcome nobody knows is sent again."""

    def waits_again(mailing: Any, sequence: int, reason: str, now: datetime) -> Any:
        at_once = messages.Pause(jitter=1, policy=Policy(frozenset()))
        return messages.untried(mailing, messages.Attempt(sequence), reason, now - timedelta(seconds=30), at_once)

    return _instead(messages, "unknown", waits_again)


def reads_local() -> AbstractContextManager[None]:
    """Reads see what a step-down of the database may roll back."""
    return _instead(client, "CONCERNS", {**client.CONCERNS, "readConcernLevel": "local"})


def writes_to_one() -> AbstractContextManager[None]:
    """A write counts as done once the primary has it."""
    return _instead(client, "CONCERNS", {**client.CONCERNS, "w": 1})


def reads_from_secondaries() -> AbstractContextManager[None]:
    """Reads may be of a secondary that is behind."""
    return _instead(client, "CONCERNS", {**client.CONCERNS, "readPreference": "secondary"})


def sms_without_last_check() -> AbstractContextManager[None]:
    """A message is given to the gateway however long ago it was marked."""

    def however_long_ago(_: notifier_outbox.Outbox) -> Callable[[], bool]:
        return lambda: True

    return _instead(notifier_outbox.Outbox, "_lease_from_now", however_long_ago)


def sms_sent_before_acknowledgement() -> AbstractContextManager[None]:
    """A message counts as sent though the gateway has not said that it took it."""

    def sent(mailing: Any, sequence: int, _reason: str, now: datetime) -> Any:
        return messages.taken(mailing, sequence, f"none-{sequence}", now)

    return _instead(messages, "unknown", sent)


def timer_fires_twice() -> AbstractContextManager[None]:
    """That a deadline was said to be near or missed is not stored with it."""
    return _instead(Draft, "_set", lambda *_: None)


def claim_freed_early() -> AbstractContextManager[None]:
    """A request gives up the claim on its patient once it is accepted, and not when its visit is over."""
    sound = intake_store._indexed

    def indexed(state: Any) -> dict[str, Any]:
        return sound(state) | ({"claim": None} if state.status == "accepted" else {})

    return _instead(intake_store, "_indexed", indexed)


def page_kept_after_lost_race() -> AbstractContextManager[None]:
    """A register page whose write lost to another replica counts as written, with the numbers that it was to have."""
    sound = MongoCollection.write

    async def write(self: MongoCollection, operations: Sequence[InsertOne[Any] | UpdateOne]) -> int | None:
        written = await sound(self, operations)
        return len(operations) if self.name == "register_pages" else written

    return _instead(MongoCollection, "write", write)


def stale_cached_day() -> AbstractContextManager[None]:
    """A clinic's day whose write lost to another replica counts as stored, and stays in memory."""
    sound = SchedulerStore.save_days

    async def save_days(self: SchedulerStore, days: Sequence[Any], **more: Any) -> set[str]:
        for lost in await sound(self, days, **more):
            self._hold(next(each for each in days if each.key == lost))
        return set()

    return _instead(SchedulerStore, "save_days", save_days)


def commit_past_dead_letter() -> AbstractContextManager[None]:
    """Offsets are committed while dead letters are still on their way."""
    sound = Producer.send

    async def send(self: Producer, events: Sequence[OutgoingRecord], dead: Any = ()) -> None:
        async def later() -> None:
            await asyncio.sleep(0.5)
            with contextlib.suppress(Exception):
                await sound(self, (), dead)

        if dead:
            _kept.append(asyncio.get_running_loop().create_task(later()))
        await sound(self, events)

    return _instead(Producer, "send", send)


def sent_before_acknowledgement() -> AbstractContextManager[None]:
    """What a record led to counts as sent once it is stored."""
    return _instead(Service, "_passed", lambda *_: sys.maxsize)


def anothers_events_counted_as_sent() -> AbstractContextManager[None]:
    """The same of records in partitions that another replica holds."""
    sound = Lag.committed_to

    def committed_to(self: Lag, place: tuple[str, int]) -> int:
        return sound(self, place) if place in self._held else sys.maxsize

    return _instead(Lag, "committed_to", committed_to)


MUTANTS: Final[Mapping[str, Callable[[], AbstractContextManager[None]]]] = {
    **DESK_MUTANTS,
    **HAND_MUTANTS,
    **TRANSFER_MUTANTS,
    **{
        each.__name__: each
        for each in (
            commit_first,
            publish_not_awaited,
            publication_errors_ignored,
            no_compare_and_set,
            pages_without_compare,
            days_without_compare,
            races_always_won,
            ids_of_the_moment,
            nothing_remembered,
            cleared_before_sent,
            outbox_not_sent_again,
            owed_order_forgotten,
            parked_dropped,
            dead_letters_dropped,
            number_before_claim,
            sms_sent_again,
            reads_local,
            writes_to_one,
            reads_from_secondaries,
            sms_without_last_check,
            sms_sent_before_acknowledgement,
            timer_fires_twice,
            claim_freed_early,
            page_kept_after_lost_race,
            stale_cached_day,
            commit_past_dead_letter,
            sent_before_acknowledgement,
            anothers_events_counted_as_sent,
        )
    },
}
"""By name."""
