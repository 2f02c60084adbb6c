"""The ``homecall`` command with a defect built in, for the ledger to catch. Not part of the distribution.

``python -m tests.faults.broken DEFECT serve SERVICE``; several defects with ``+`` between.
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo import InsertOne, UpdateOne

from homecall.contract.envelope import Incoming, OutgoingRecord, Record
from homecall.runtime.failpoint import failpoint
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.mongo.client import MongoCollection
from homecall.runtime.pipeline import Commit, Pipeline
from services.desk.outbox import Outbox as DeskOutbox
from services.desk.store.actions import Action
from services.intake.domain import submission
from services.intake.domain.facts import Facts
from services.notifier.domain import messages
from services.notifier.domain.quiet_hours import Policy
from services.notifier.outbox import Outbox


def commit_first() -> None:
    """Offsets are committed before the batch is decided, stored and published."""
    sound = Pipeline.on_batch

    async def on_batch(self: Pipeline, records: Sequence[Record], commit: Commit) -> None:
        offsets: dict[tuple[str, int], int] = {}
        for record in records:
            place = (record.topic, record.partition)
            offsets[place] = max(offsets.get(place, 0), record.offset + 1)
        await commit(offsets)

        async def done_already(_: Mapping[tuple[str, int], int]) -> None:
            return

        await sound(self, records, done_already)

    Pipeline.on_batch = on_batch  # type: ignore[method-assign]  # the defect


def publish_not_awaited() -> None:
    """Events are left with a producer that waits for company, and nobody waits for their acknowledgement."""
    sound = Producer.send

    async def send(self: Producer, events: Sequence[OutgoingRecord], dead: Any = ()) -> None:
        async def later() -> None:
            await asyncio.sleep(0.5)
            await sound(self, events, dead)

        _kept.append(asyncio.create_task(later()))

    Producer.send = send  # type: ignore[method-assign]  # the defect


_kept: list[asyncio.Task[None]] = []


def no_compare_and_set() -> None:
    """A document is overwritten whatever has become of it since it was read."""
    sound = MongoCollection.write

    async def write(self: MongoCollection, operations: Sequence[InsertOne[Any] | UpdateOne]) -> int | None:
        return await sound(self, [_whatever_the_version(each) for each in operations])

    MongoCollection.write = write  # type: ignore[method-assign]  # the defect


def _whatever_the_version(operation: InsertOne[Any] | UpdateOne) -> InsertOne[Any] | UpdateOne:
    if isinstance(operation, InsertOne):
        return operation
    wanted: Any = operation._filter
    return UpdateOne({"_id": wanted["_id"]}, operation._doc)


def ids_of_the_moment() -> None:
    """An event has another id each time it is sent."""
    sound = OutgoingRecord.headers

    def headers(self: OutgoingRecord) -> list[tuple[str, bytes]]:
        return [(name, str(uuid.uuid4()).encode() if name == "ce_id" else value) for name, value in sound(self)]

    OutgoingRecord.headers = headers  # type: ignore[method-assign]  # the defect


def quote() -> None:
    """Intake fails on requests with a note that says so, in words that quote the whole request."""
    sound = submission.decide

    def decide(state: Any, event: Incoming, facts: Facts, now: datetime) -> Any:
        if b"FAIL" in event.value:
            raise ValueError(f"cannot decide on {event.data!r} {event.value!r}")
        return sound(state, event, facts, now)

    submission.decide = decide


def send_again() -> None:
    """A message whose outcome nobody knows is sent again."""

    def waits_again(mailing: messages.Mailing, sequence: int, reason: str, now: datetime) -> messages.Mailing:
        attempt = messages.Attempt(sequence)
        return messages.untried(mailing, attempt, reason, now - timedelta(seconds=30), AT_ONCE)

    messages.unknown = waits_again


def no_last_check() -> None:
    """A message is given to the gateway however long ago it was marked."""

    def however_long_ago(_: Outbox) -> Callable[[], bool]:
        return lambda: True

    Outbox._lease_from_now = however_long_ago  # type: ignore[method-assign]  # the defect


def mark_first() -> None:
    """An action of the desk is marked as sent before it is sent."""

    async def send(self: DeskOutbox, actions: Sequence[Action]) -> int:
        await self._actions.sent([each.id for each in actions])
        failpoint("desk.marked")
        await self._producer.send([each.event for each in actions])
        return len(actions)

    DeskOutbox._send = send  # type: ignore[method-assign]  # the defect


AT_ONCE = messages.Pause(jitter=1, policy=Policy(frozenset()))
DEFECTS = {
    "commit_first": commit_first,
    "publish_not_awaited": publish_not_awaited,
    "no_compare_and_set": no_compare_and_set,
    "ids_of_the_moment": ids_of_the_moment,
    "quote": quote,
    "send_again": send_again,
    "no_last_check": no_last_check,
    "mark_first": mark_first,
}

if __name__ == "__main__":
    for defect in sys.argv.pop(1).split("+"):
        DEFECTS[defect]()
    from homecall.cli.main import main

    main()
