"""A bare hand-written loop with the durability of a service: validate, one bulk write, gathered publish, commit.

What the pipeline is held against: it has no decisions, no dead letters, no register, no replay. Run as a process:
``python -m bench.bare BOOTSTRAP MONGO_URL DATABASE``; it ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import UpdateOne

from services.contract.events import RequestSubmitted
from services.contract.topics import INTAKE_EVENTS, REQUESTS

_BATCH = 500


async def loop(bootstrap: str, mongo_url: str, database: str) -> None:
    """Consume until SIGTERM."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    client: Any = AsyncIOMotorClient(mongo_url, w="majority", retryWrites=False)
    collection = client[database]["requests"]
    consumer = AIOKafkaConsumer(
        REQUESTS.name,
        bootstrap_servers=bootstrap,
        group_id="bench-bare",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=2, max_batch_size=256 * 1024
    )
    await consumer.start()
    await producer.start()
    try:
        while not stopping.is_set():
            records = [
                each for batch in (await consumer.getmany(timeout_ms=50, max_records=_BATCH)).values() for each in batch
            ]
            if not records:
                continue
            requests = [RequestSubmitted.model_validate_json(each.value) for each in records]
            writes = [
                UpdateOne({"_id": each.request_id}, {"$set": {"s": each.model_dump(mode="json")}}, upsert=True)
                for each in requests
            ]
            await collection.bulk_write(writes, ordered=False)
            sent = [
                await producer.send(INTAKE_EVENTS.name, each.to_json(), key=each.clinic_id.encode())
                for each in requests
            ]
            await asyncio.gather(*sent)
            await consumer.commit()
    finally:
        await consumer.stop()
        await producer.stop()


if __name__ == "__main__":
    asyncio.run(loop(*sys.argv[1:4]))
