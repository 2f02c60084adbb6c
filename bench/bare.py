"""Bare hand-written loops with the durability of a service: validate, one bulk write, gathered publish, commit.

What the services are held against. They have no decisions, no dead letters, no register, no replay and no timers; what
they share with the services is what costs: models of the contract, records of the same size, batches of the same size,
acknowledgement by all with an idempotent producer, majority writes, offsets committed last. ``intake`` is one hop;
``intake``, ``scheduler`` and ``notifier`` are the chain, over topics of their own, with as many records on the way as
the contract has: the last loop hears the other two, and says a status and a register entry of each record.

Run as a process: ``python -m bench.bare LOOP BOOTSTRAP MONGO_URL DATABASE``; it ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
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


async def loop(name: str, bootstrap: str, mongo_url: str, database: str) -> None:
    """Consume until SIGTERM."""
    heard, said = LOOPS[name]
    settings = Settings()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    client: Any = AsyncIOMotorClient(mongo_url, w="majority", retryWrites=False)
    collection = client[database][name]
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
                await handle(records, collection, producer, said)
                await consumer.commit()
    finally:
        await consumer.stop()
        await producer.stop()


async def handle(records: Sequence[Any], collection: Any, producer: Any, said: Sequence[tuple[str, str]]) -> None:
    """One batch: all of it stored and acknowledged when this returns."""
    requests = [RequestSubmitted.model_validate_json(each.value) for each in records]
    writes = [
        UpdateOne({"_id": each.request_id}, {"$set": {"s": each.model_dump(mode="json")}}, upsert=True)
        for each in requests
    ]
    await collection.bulk_write(writes, ordered=False)
    sent = [
        await producer.send(topic, each.to_json(), key=getattr(each, key).encode())
        for each in requests
        for topic, key in said
    ]
    await asyncio.gather(*sent)


if __name__ == "__main__":
    uvloop.run(loop(*sys.argv[1:5]))
