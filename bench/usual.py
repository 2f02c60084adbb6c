"""Intake's hop the usual way with FastStream: a record at a time, a look-up, an insert, an awaited publish.

With the settings that lose nothing, which are not the defaults: offsets committed after the handler, from the earliest,
acknowledged by all. Run as a process: ``python -m bench.usual BOOTSTRAP MONGO_URL DATABASE``; it ends on SIGTERM.
"""

# No "from __future__ import annotations": FastStream reads the handler's annotations.

import logging
import sys
from typing import Any

import uvloop
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker
from motor.motor_asyncio import AsyncIOMotorClient

from bench.bare import INTAKE_EVENTS
from homecall.contract.events import RequestSubmitted
from homecall.contract.topics import REQUESTS


def application(bootstrap: str, mongo_url: str, database: str) -> FastStream:
    """The application as FastStream's own documentation has it."""
    client: Any = AsyncIOMotorClient(mongo_url, w="majority", retryWrites=False)
    collection = client[database].usual
    broker = KafkaBroker(bootstrap, acks="all", enable_idempotence=True, logger=None)

    @broker.subscriber(
        REQUESTS.name, group_id="bench-usual", auto_offset_reset="earliest", ack_policy=AckPolicy.NACK_ON_ERROR
    )
    async def handle(request: RequestSubmitted) -> None:
        if await collection.find_one({"_id": request.request_id}) is None:
            await collection.insert_one({"_id": request.request_id, "s": request.model_dump(mode="json")})
        await broker.publish(request, topic=INTAKE_EVENTS, key=request.clinic_id.encode())

    app = FastStream(broker, logger=None)

    @app.after_startup
    async def started() -> None:
        print("ready", flush=True)

    return app


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    uvloop.run(application(*sys.argv[1:4]).run())
