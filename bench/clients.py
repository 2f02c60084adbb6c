"""The two clients of MongoDB side by side: what an operation costs, by how many tasks ask at once.

An operation is what a batch does with an aggregate: a find by its id, then a bulk write of one update that compares
the version. Run as a process: ``python -m bench.clients CLIENT TASKS OPERATIONS MONGO_URL DATABASE``; it ends with a
line of JSON: operations per second, and processor milliseconds of an operation with all its threads.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any, cast

import uvloop
from pymongo import InsertOne, UpdateOne

from homecall.runtime.mongo.client import Database, MongoCollection
from homecall.runtime.settings import MongoClientName

TASKS = (1, 8, 80)
_DOCUMENT = {"state": {f"field {number}": "as long as most" for number in range(40)}}
"""Some 1.5 KB, as a request has."""


async def measure(client: MongoClientName, tasks: int, operations: int, url: str, name: str) -> dict[str, float]:
    """Operations per second and processor milliseconds of each, once as many have been made unmeasured as tasks."""
    database = Database(url, name, client)
    things = database.collection(f"{client}_{tasks}")
    await things.write([InsertOne({"_id": number, "v": 0, **_DOCUMENT}) for number in range(tasks)])
    try:
        each = max(1, operations // tasks)
        await asyncio.gather(*(_work(things, number, 0, 1) for number in range(tasks)))
        cpu, began = time.process_time(), time.perf_counter()
        await asyncio.gather(*(_work(things, number, 1, each) for number in range(tasks)))
        cpu, seconds = time.process_time() - cpu, time.perf_counter() - began
        return {"per_second": each * tasks / seconds, "cpu_ms": cpu / (each * tasks) * 1000}
    finally:
        await database.drop()
        await database.close()


async def _work(things: MongoCollection, number: int, version: int, times: int) -> None:
    for now in range(version, version + times):
        (doc,) = await things.find({"_id": number})
        change: dict[str, Any] = {"$set": {"state": doc["state"]}, "$inc": {"v": 1}}
        if await things.write([UpdateOne({"_id": number, "v": now}, change)]) != 1:
            raise RuntimeError("a write of nobody else's document was lost")


if __name__ == "__main__":
    asked, tasks, operations, url, name = sys.argv[1:6]
    found = uvloop.run(measure(cast(MongoClientName, asked), int(tasks), int(operations), url, name))
    print(json.dumps(found))
