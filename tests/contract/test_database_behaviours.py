"""What our code presumes of a database, a behaviour each: held by every server at hand.

The simulated one holds the same: tests/simulation/test_mongo.py.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo import InsertOne, UpdateOne

from homecall.runtime.failures import Awaited, Transient
from homecall.runtime.mongo.client import Database, MongoCollection
from tests.infrastructure import stack


@pytest.fixture
async def database(every_mongo: stack.Server) -> AsyncIterator[Database]:
    """An empty database."""
    found = Database(every_mongo.address, f"test_{uuid.uuid4().hex[:12]}")
    yield found
    await found.drop()
    await found.close()


@pytest.fixture
def things(database: Database) -> MongoCollection:
    """An empty collection."""
    return database.collection("things")


def put(id_: Any, **fields: Any) -> InsertOne[Any]:
    return InsertOne({"_id": id_, **fields})


def change(id_: Any, change: Mapping[str, Any], **when: Any) -> UpdateOne:
    return UpdateOne({"_id": id_, **when}, change)


async def ids(things: MongoCollection, query: Mapping[str, Any], **options: Any) -> list[Any]:
    return [doc["_id"] for doc in await things.find(query, **options)]


class DatabaseBehaviours:
    """Held by every database that gives its ``database`` fixture."""

    # ---- writes

    async def test_a_document_is_read_as_it_was_written(self, things: MongoCollection) -> None:
        doc = {
            "_id": "қызу $a.b",
            "text": "a.b $c",
            "bytes": b"\x00\xff",
            "large": 2**40,
            "none": None,
            "moment": datetime(2026, 11, 20, 5, 0, 0, 123000, UTC),
            "part": {"list": [1, {"a": []}], "empty": {}},
        }
        assert await things.write([InsertOne(doc)]) == 1
        assert await things.find({"_id": "қызу $a.b"}) == [doc]

    async def test_an_id_that_is_there_is_told_as_a_duplicate_and_left_as_it_was(self, things: MongoCollection) -> None:
        assert await things.write([put("a", v=1)]) == 1
        assert await things.write([put("a", v=2)]) is None
        assert await things.find({}) == [{"_id": "a", "v": 1}]

    async def test_updates_are_carried_out_whatever_becomes_of_others_in_their_write(
        self, things: MongoCollection
    ) -> None:
        await things.write([put("a", v=1), put("b", v=1), put("c", v=1)])
        bump = {"$inc": {"v": 1}}
        assert await things.write([put("a"), change("b", bump), change("c", bump, v=7), change("d", bump)]) is None
        assert await things.find({}, sort="_id") == [{"_id": "a", "v": 1}, {"_id": "b", "v": 2}, {"_id": "c", "v": 1}]

    async def test_a_write_tells_how_many_it_inserted_or_matched(self, things: MongoCollection) -> None:
        await things.write([put("a", v=1), put("b", v=1)])
        same = {"$set": {"v": 1}}
        assert await things.write([put("c"), change("a", same, v=1), change("b", same, v=2), change("d", same)]) == 2

    async def test_of_writers_that_compare_a_version_one_wins(self, things: MongoCollection) -> None:
        await things.write([put("a", v=1)])
        writes = [things.write([change("a", {"$inc": {"v": 1}, "$set": {"by": each}}, v=1)]) for each in range(8)]
        won = await asyncio.gather(*writes)
        assert sorted(map(str, won)) == ["0"] * 7 + ["1"]
        assert await things.find({}) == [{"_id": "a", "v": 2, "by": won.index(1)}]

    async def test_of_writers_that_insert_an_id_one_wins(self, things: MongoCollection) -> None:
        won = await asyncio.gather(*(things.write([put("a", by=each)]) for each in range(8)))
        assert won.count(None) == 7
        assert await things.find({}) == [{"_id": "a", "by": won.index(1)}]

    async def test_fields_within_fields_are_set_and_unset_by_their_paths(self, things: MongoCollection) -> None:
        await things.write([put("a", part={"x": 1, "y": {"z": 2}}, gone=1)])
        setting = {
            "$set": {"part.y.w": [3], "part.new.deep": "d"},
            "$unset": {"part.x": "", "gone": "", "never.was": ""},
        }
        assert await things.write([change("a", setting)]) == 1
        assert await things.find({}) == [{"_id": "a", "part": {"y": {"z": 2, "w": [3]}, "new": {"deep": "d"}}}]

    # ---- unique indexes

    async def test_a_sparse_unique_field_is_compared_only_where_it_is(self, things: MongoCollection) -> None:
        await things.ensure_indexes([("claim", True), ("since", False)])
        assert await things.write([put("a"), put("b"), put("c", claim="one"), put("d", claim="two")]) == 4
        assert await things.write([put("e", claim="one")]) is None
        assert await things.write([change("d", {"$set": {"claim": "one", "v": 2}})]) is None
        assert await things.find({"claim": "one"}) == [{"_id": "c", "claim": "one"}]
        assert await things.find({"_id": "d"}) == [{"_id": "d", "claim": "two"}]

    async def test_a_unique_value_is_free_again_once_its_field_is_removed(self, things: MongoCollection) -> None:
        await things.ensure_indexes([("claim", True)])
        await things.write([put("a", claim="one")])
        assert await things.write([change("a", {"$unset": {"claim": ""}})]) == 1
        assert await things.write([put("b", claim="one")]) == 1

    async def test_of_writers_that_claim_a_value_one_wins(self, things: MongoCollection) -> None:
        await things.ensure_indexes([("claim", True)])
        won = await asyncio.gather(*(things.write([put(each, claim="one")]) for each in range(8)))
        assert won.count(None) == 7
        assert await ids(things, {"claim": "one"}) == [won.index(1)]

    async def test_indexes_are_told_by_their_fields_and_made_once(self, things: MongoCollection) -> None:
        await things.write([put("a")])
        for _ in range(2):
            await things.ensure_indexes([("claim", True), (("day", "clinic"), False)])
        assert {("_id",), ("claim",), ("day", "clinic")} <= await things.index_keys()

    async def test_a_unique_index_is_refused_where_documents_have_the_same(self, things: MongoCollection) -> None:
        await things.write([put("a", claim="one"), put("b", claim="one")])
        with pytest.raises((Awaited, Transient)):  # a stand-in does not say why
            await things.ensure_indexes([("claim", True)])

    # ---- reads

    async def test_documents_are_found_by_what_a_query_asks(self, things: MongoCollection) -> None:
        await things.ensure_indexes([("at", False)])
        await things.write([put("a", at=1, w="x"), put("b", at=2, part={"n": 5}), put("c", at=3), put("d", w="y")])
        for query, found in (
            ({"_id": {"$in": ["a", "d", "no"]}}, ["a", "d"]),
            ({"_id": {"$in": []}}, []),
            ({"at": {"$lte": 2}}, ["a", "b"]),
            ({"at": {"$gte": 2}}, ["b", "c"]),
            ({"at": {"$gt": 1, "$lt": 3}}, ["b"]),
            ({"at": {"$exists": True}}, ["a", "b", "c"]),
            ({"at": {"$exists": False}}, ["d"]),
            ({"part.n": 5}, ["b"]),
            ({"w": {"$in": ["x", "y"]}, "at": 1}, ["a"]),
            ({"$or": [{"w": "y"}, {"at": 3}]}, ["c", "d"]),
            ({}, ["a", "b", "c", "d"]),
        ):
            assert sorted(await ids(things, query)) == found, query

    async def test_documents_are_sorted_before_they_are_limited(self, things: MongoCollection) -> None:
        await things.ensure_indexes([("at", False)])
        await things.write([put(name, at=at) for name, at in zip("abcde", (5, 1, 4, 2, 3), strict=True)])
        assert await ids(things, {"at": {"$lte": 4}}, sort="at", limit=2) == ["b", "d"]
        assert await ids(things, {}, sort="_id", limit=1) == ["a"]

    async def test_a_projection_leaves_the_fields_that_it_names_or_the_others(self, things: MongoCollection) -> None:
        await things.write([put("a", v=1, o={"x": 1}, s={"keep": 1, "drop": 2})])
        assert await things.find({}, projection={"v": 1, "never": 1}) == [{"_id": "a", "v": 1}]
        (found,) = await things.find({}, projection={"o": 0, "s.drop": 0, "never": 0})
        assert found.keys() == {"_id", "v", "s"}
        assert found["s"]["keep"] == 1, "a stand-in gives the whole of it"

    async def test_documents_are_counted_by_a_field(self, things: MongoCollection) -> None:
        await things.write([put("a", by="x", at=5), put("b", by="x", at=3), put("c", by="y", at=4), put("d", at=9)])
        found = await things.group({"by": {"$exists": True}}, "by", "at")
        assert sorted(found) == [("x", 2, 3), ("y", 1, 4)]

    async def test_every_document_is_read_page_by_page_and_inserted_as_it_is(self, database: Database) -> None:
        things, others = database.collection("things"), database.collection("others")
        await things.write([put(f"{each:03}", v=each) for each in range(450)])
        raw = [doc async for doc in things.raw()]
        assert [doc["_id"] for doc in raw] == [f"{each:03}" for each in range(450)]
        await others.insert_all(raw)
        assert [doc.raw async for doc in others.raw()] == [doc.raw for doc in raw]

    async def test_a_database_is_filled_until_it_is_cleared(self, database: Database) -> None:
        assert await database.ping()
        assert not await database.filled()
        await database.collection("things").write([put("a")])
        assert await database.filled()
        await database.clear()
        assert not await database.filled()
        assert await database.collection("things").find({}) == []


class TestServers(DatabaseBehaviours):
    """On each database at hand."""


class TestPyMongosOwnClient(DatabaseBehaviours):
    """With the other client, on one server: they differ in how they ask, and the servers in what they answer."""

    @pytest.fixture
    async def database(self, mongo: stack.Server) -> AsyncIterator[Database]:
        """An empty database."""
        found = Database(mongo.address, f"test_{uuid.uuid4().hex[:12]}", "pymongo")
        yield found
        await found.drop()
        await found.close()
