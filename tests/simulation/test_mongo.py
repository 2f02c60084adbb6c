"""The simulated MongoDB: what the servers do it does too, and what a replica set does when its primary steps down."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from pymongo import InsertOne, UpdateOne

from homecall.runtime.failures import Transient
from homecall.runtime.mongo import client
from homecall.runtime.mongo.client import Database
from tests.contract.test_database_behaviours import DatabaseBehaviours, things
from tests.contract.test_stores import StorePromises
from tests.simulation.loop import NODE, Node
from tests.simulation.mongo import Mongo
from tests.simulation.servers import Network

__all__ = ["things"]


@pytest.fixture
def mongo(monkeypatch: pytest.MonkeyPatch) -> Mongo:
    """A simulated server in place of motor's, which takes up to 50 ms to have a write on a majority."""
    rng = random.Random(1)
    server = Mongo(Network(rng), rng)
    server.slowest = 0.05
    monkeypatch.setattr(client, "AsyncIOMotorClient", server.client)
    return server


@pytest.fixture
def database(mongo: Mongo) -> Database:  # noqa: ARG001  # which is what its client reaches
    return Database("mongodb://127.0.0.1:1/", "simulated")


class TestStores(StorePromises):
    """What the stores promise."""


class TestBehaviours(DatabaseBehaviours):
    """What our code presumes of a database."""


# ---- a replica set


def insert(id_: str, **fields: Any) -> InsertOne[Any]:
    return InsertOne({"_id": id_, **fields})


async def test_a_write_counts_once_a_majority_has_it(mongo: Mongo, database: Database) -> None:
    things = database.collection("things")
    mongo.halt()
    writing = asyncio.create_task(things.write([insert("a")]))
    await asyncio.sleep(1)
    assert not writing.done()
    assert await things.find({}) == [], "read before a majority has it"
    mongo.go_on()
    assert await writing == 1
    assert await things.find({}) == [{"_id": "a"}]


async def test_a_step_down_undoes_what_no_majority_had_and_frees_its_unique_keys(
    mongo: Mongo, database: Database
) -> None:
    things = database.collection("things")
    await things.ensure_indexes([("claim", True)])
    await things.write([insert("a", claim="one", v=1)])
    mongo.halt()
    change = {"$unset": {"claim": ""}, "$set": {"v": 2}}
    lost = [
        asyncio.create_task(things.write([UpdateOne({"_id": "a"}, change)])),
        asyncio.create_task(things.write([insert("b", claim="two")])),
    ]
    await asyncio.sleep(0.5)
    mongo.rng = random.Random(2)  # nothing of it survives
    mongo.step_down(0.5)
    assert all(isinstance(each, Transient) for each in await asyncio.gather(*lost, return_exceptions=True))
    with pytest.raises(Transient):
        await things.find({})
    await asyncio.sleep(0.6)
    assert mongo.rolled_back == 2
    assert await things.find({}) == [{"_id": "a", "claim": "one", "v": 1}]
    assert await things.write([insert("c", claim="one")]) is None
    assert await things.write([insert("d", claim="two")]) == 1


async def test_a_write_that_was_acknowledged_survives_every_step_down(mongo: Mongo, database: Database) -> None:
    things = database.collection("things")
    told = set()
    for number in range(200):
        try:
            await things.write([insert(f"{number}")])
            told.add(f"{number}")
        except Transient:
            await asyncio.sleep(0.2)
        if number % 7 == 0:
            writing = asyncio.create_task(things.write([insert(f"{number} more")]))
            await asyncio.sleep(mongo.rng.random() * 0.05)
            mongo.step_down(0.1)
            if (await asyncio.gather(writing, return_exceptions=True)) == [1]:
                told.add(f"{number} more")
    assert mongo.rolled_back > 5
    assert told <= {doc["_id"] for doc in await things.find({})}


@pytest.mark.parametrize(
    ("level", "seen"), [("local", {"a": 2, "b": 1}), ("majority", {"a": 1})], ids=["local", "majority"]
)
async def test_reads_see_what_may_be_undone_only_where_they_ask_for_it(
    mongo: Mongo, database: Database, monkeypatch: pytest.MonkeyPatch, level: str, seen: dict[str, int]
) -> None:
    await database.collection("things").write([insert("a", v=1)])
    mongo.halt()
    monkeypatch.setattr(client, "CONCERNS", {**client.CONCERNS, "w": 1, "readConcernLevel": level})
    things = Database("mongodb://127.0.0.1:1/", "simulated").collection("things")
    await things.write([UpdateOne({"_id": "a"}, {"$set": {"v": 2}}), insert("b", v=1)])
    assert {doc["_id"]: doc["v"] for doc in await things.find({})} == seen
    assert {doc["_id"]: doc["v"] for doc in await things.find({"v": 1})} == {k: v for k, v in seen.items() if v == 1}


async def test_a_process_that_does_not_know_of_a_step_down_reads_what_was(mongo: Mongo, database: Database) -> None:
    things = database.collection("things")
    await things.write([insert("a", v=1)])
    misled = Node("misled")
    mongo.step_down(0.1, [misled])
    await asyncio.sleep(0.2)
    await things.write([UpdateOne({"_id": "a"}, {"$set": {"v": 2}})])
    assert await things.find({}) == [{"_id": "a", "v": 2}]
    NODE.set(misled)
    assert await things.find({}) == [{"_id": "a", "v": 1}]
    await asyncio.sleep(3)
    assert await things.find({}) == [{"_id": "a", "v": 2}]
