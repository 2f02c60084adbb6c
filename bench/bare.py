"""Bare hand-written loops with the durability of a service: validate, one bulk write, gathered publish, commit.

What the services are held against. They have no decisions, no dead letters, no register, no replay and no timers; what
they share with the services is what costs: models of the contract, records of the same size, batches of the same size,
acknowledgement by all with an idempotent producer, majority writes, offsets committed last. ``intake`` is one hop;
``intake``, ``scheduler`` and ``notifier`` are the chain, over topics of their own, with as many records on the way as
the contract has: the last loop hears the other two, and says a status and a register entry of each record.

``with numbers`` intake and scheduler also make the second write that the contract asks for before anything is said:
a number in the clinic's register page, a place in the clinic's day, given in one document by compare-and-set.

Run as a process: ``python -m bench.bare LOOP BOOTSTRAP MONGO_URL DATABASE``, where LOOP is a name of ``LOOPS``, perhaps
with " with numbers" after it; it ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import UpdateOne

from homecall.contract.events import RequestSubmitted
from homecall.contract.topics import REQUESTS
from homecall.runtime.settings import Settings

INTAKE_EVENTS, SCHEDULE_EVENTS, STATUS, JOURNAL = (
    f"bench.{name}" for name in ("intake-events", "schedule-events", "status", "journal")
)
LOOPS = {
    "intake": ((REQUESTS.name,), ((INTAKE_EVENTS, "clinic_id"),)),
    "scheduler": ((INTAKE_EVENTS,), ((SCHEDULE_EVENTS, "clinic_id"),)),
    "notifier": ((INTAKE_EVENTS, SCHEDULE_EVENTS), ((STATUS, "request_id"), (JOURNAL, "clinic_id"))),
}
"""What each hears, and what it says of each record: topic and the field that is its key."""


async def loop(asked: str, bootstrap: str, mongo_url: str, database: str) -> None:
    """Consume until SIGTERM."""
    name, _, numbered = asked.partition(" with ")
    heard, said = LOOPS[name]
    settings = Settings()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    client: Any = AsyncIOMotorClient(mongo_url, w="majority", retryWrites=False)
    collection = client[database][name]
    numbers = Numbers(client[database][f"{name}_numbers"]) if numbered else None
    consumer = AIOKafkaConsumer(
        *heard,
        bootstrap_servers=bootstrap,
        group_id=f"bench-{name}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=0, max_batch_size=256 * 1024
    )
    await consumer.start()
    await producer.start()
    print("ready", flush=True)
    try:
        while not stopping.is_set():
            taken = await consumer.getmany(timeout_ms=50, max_records=settings.batch_max)
            records = [each for batch in taken.values() for each in batch]
            if records:
                await handle(records, collection, numbers, producer, said)
                await consumer.commit()
    finally:
        await consumer.stop()
        await producer.stop()


async def handle(
    records: Sequence[Any], collection: Any, numbers: Numbers | None, producer: Any, said: Sequence[tuple[str, str]]
) -> None:
    """One batch: all of it stored and acknowledged when this returns."""
    requests = [RequestSubmitted.model_validate_json(each.value) for each in records]
    writes = [
        UpdateOne({"_id": each.request_id}, {"$set": {"s": each.model_dump(mode="json")}}, upsert=True)
        for each in requests
    ]
    await collection.bulk_write(writes, ordered=False)
    if numbers is not None:
        await numbers.give(requests)
    sent = [
        await producer.send(topic, each.to_json(), key=getattr(each, key).encode())
        for each in requests
        for topic, key in said
    ]
    await asyncio.gather(*sent)


@dataclass
class Numbers:
    """A document per clinic that holds a number for each of its requests, changed by compare-and-set.

    For one loop alone, over an empty collection: who else has given numbers is not looked for.
    """

    collection: Any
    given: dict[str, int] = field(default_factory=dict)
    """How many numbers each clinic has given."""

    async def give(self, requests: Sequence[RequestSubmitted]) -> None:
        """Give each its number, in one bulk write. Raises RuntimeError where somebody else gave some."""
        by_clinic: dict[str, list[str]] = {}
        for each in requests:
            by_clinic.setdefault(each.clinic_id, []).append(each.request_id)
        writes = []
        for clinic_id, ids in by_clinic.items():
            before = self.given.get(clinic_id, 0)
            numbers = {f"numbers.{request_id}": number for number, request_id in enumerate(ids, before + 1)}
            change = {"$set": numbers | {"count": before + len(ids)}}
            writes.append(UpdateOne({"_id": clinic_id, "count": before}, change, upsert=not before))
            self.given[clinic_id] = before + len(ids)
        written = await self.collection.bulk_write(writes, ordered=False)
        if written.matched_count + written.upserted_count != len(writes):
            raise RuntimeError("somebody else gives numbers too")


if __name__ == "__main__":
    uvloop.run(loop(*sys.argv[1:5]))
