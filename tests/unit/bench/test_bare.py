"""Numbers that a bare loop gives: as durable as the contract's, a document per clinic by compare-and-set."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bench.bare import Numbers
from homecall.contract.events import RequestSubmitted


class Collection:
    """Documents by id, and bulk writes of compared updates."""

    def __init__(self) -> None:
        self.docs: dict[str, dict[str, Any]] = {}
        self.writes = 0

    async def bulk_write(self, operations: list[Any], ordered: bool) -> Any:
        assert not ordered
        self.writes += 1
        matched = upserted = 0
        for each in operations:
            doc = self.docs.get(each._filter["_id"])
            if doc is None and each._upsert:
                doc = self.docs.setdefault(each._filter["_id"], {})
                upserted += 1
            elif doc is not None and doc["count"] == each._filter["count"]:
                matched += 1
            else:
                continue
            doc |= each._doc["$set"]
        return SimpleNamespace(matched_count=matched, upserted_count=upserted)


def requests(clinic_id: str, *numbers: int) -> list[Any]:
    return [RequestSubmitted.model_construct(request_id=f"r{each}", clinic_id=clinic_id) for each in numbers]


async def test_each_clinic_numbers_its_own_requests_without_a_gap_in_one_write_a_batch() -> None:
    collection = Collection()
    numbers = Numbers(collection)
    await numbers.give([*requests("a", 1, 2), *requests("b", 3)])
    await numbers.give([*requests("b", 4), *requests("a", 5)])
    assert collection.docs == {
        "a": {"numbers.r1": 1, "numbers.r2": 2, "numbers.r5": 3, "count": 3},
        "b": {"numbers.r3": 1, "numbers.r4": 2, "count": 2},
    }
    assert collection.writes == 2


async def test_numbers_that_somebody_else_gave_are_noticed() -> None:
    collection = Collection()
    numbers = Numbers(collection)
    await numbers.give(requests("a", 1))
    collection.docs["a"]["count"] = 7
    with pytest.raises(RuntimeError, match="somebody else"):
        await numbers.give(requests("a", 2))
