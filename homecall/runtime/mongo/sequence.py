"""Sequences: the numbers 1, 2, 3… given to subjects page by page, without a gap or a double, also after a crash."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import uuid4

from pymongo import InsertOne, UpdateOne

from homecall.runtime.failpoint import failpoint
from homecall.runtime.mongo.client import MongoCollection
from homecall.runtime.mongo.recent import Recent


@dataclass(frozen=True, slots=True)
class Page:
    """A page as one write left it: the last number given, the number of each subject, and the write's own ``token``."""

    version: int
    token: str
    count: int
    numbers: dict[str, int]


class Sequences:
    """Gives numbers. A page is one document that maps subjects to numbers, so asking again finds the same number.

    The pages written last are cached, up to ``keep`` numbers. A write changes a page only if the token of the cached
    write still stands there.
    """

    def __init__(self, collection: MongoCollection, *, keep: int = 50_000) -> None:
        self._collection = collection
        self._recent = Recent[Page](keep, lambda page: len(page.numbers))

    async def allocate(self, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """The number of each (page, subject); new subjects of a page are numbered in this order."""
        subjects: dict[str, list[str]] = {}
        for page, subject in wanted:
            subjects.setdefault(page, []).append(subject)
        numbers: dict[tuple[str, str], int] = {}
        while subjects:
            for page, written in (await self._number(subjects)).items():
                numbers |= {(page, subject): written.numbers[subject] for subject in subjects.pop(page)}
        return numbers

    async def look(self, pages: Collection[str]) -> dict[str, Page]:
        """Those of these pages that exist, in one query."""
        found = await self._collection.find({"_id": {"$in": list(pages)}}) if pages else []
        return {doc["_id"]: _page(doc) for doc in found}

    async def names(self) -> list[str]:
        """The name of every page that exists."""
        return [doc["_id"] for doc in await self._collection.find({}, projection={"v": 1})]

    async def published(self, told: Mapping[str, Mapping[str, int]]) -> int:
        """Put published numbers, by page and subject, back into their pages; how many were missing.

        For a restored store that nothing else uses meanwhile. A number missing below the last one stays unused unless
        its subject asks again: whose it is, is not known.
        """
        put = 0
        before = await self._read(told)
        operations: list[InsertOne[Any] | UpdateOne] = []
        for page, numbers in told.items():
            old = before.get(page)
            known = old.numbers if old is not None else {}
            new = {subject: number for subject, number in numbers.items() if known.get(subject) != number}
            if not new:
                continue
            put += len(new)
            # A number that was given but never published goes to the subject that it was published for.
            untold = {subject for subject, number in known.items() if number in new.values() and subject not in new}
            count = max([*numbers.values(), *(number for name, number in known.items() if name not in untold)])
            token = uuid4().hex
            if old is None:
                operations.append(_insert(page, Page(1, token, count, new)))
                continue
            change = _change(token, count, new)
            if untold:
                change["$unset"] = {f"numbers.{name}": "" for name in untold}
            operations.append(UpdateOne({"_id": page, "v": old.version}, change))
        self._recent.forget(told)
        await self._collection.write(operations)
        return put

    async def _number(self, subjects: Mapping[str, Sequence[str]]) -> dict[str, Page]:
        """Number the subjects of these pages in one bulk write; the pages whose write won."""
        before = await self._read(subjects)
        failpoint("page.read")
        token = uuid4().hex
        after = {page: _numbered(before.get(page), subjects[page], token) for page in sorted(subjects)}
        changed = [page for page in after if after[page].token == token]
        try:
            written = await self._collection.write([_write(page, before.get(page), after[page]) for page in changed])
        except BaseException:
            self._recent.forget(subjects)  # they may have been written all the same
            raise
        failpoint("page.written")
        if written != len(changed):
            found = await self._collection.find({"_id": {"$in": changed}}, projection={"w": 1})
            lost = set(changed) - {doc["_id"] for doc in found if doc.get("w") == token}
            self._recent.forget(lost)
            after = {page: each for page, each in after.items() if page not in lost}
        for page, each in after.items():
            self._recent.put(page, each)
        return after

    async def _read(self, names: Collection[str]) -> dict[str, Page]:
        """These pages, from the cache where they are in it; one query for the others."""
        pages = {name: page for name in names if (page := self._recent.get(name)) is not None}
        unknown = sorted(set(names) - pages.keys())
        for doc in await self._collection.find({"_id": {"$in": unknown}}) if unknown else []:
            pages[doc["_id"]] = _page(doc)
        return pages


def _page(doc: Mapping[str, Any]) -> Page:
    return Page(doc["v"], doc["w"], int(doc["count"]), dict(doc.get("numbers") or {}))


def _numbered(before: Page | None, subjects: Iterable[str], token: str) -> Page:
    """The page with a number for each subject; as it was where all have one."""
    old = before or Page(0, "", 0, {})
    numbers = dict(old.numbers)
    count = old.count
    for subject in subjects:
        if subject not in numbers:
            count += 1
            numbers[subject] = count
    return old if len(numbers) == len(old.numbers) and before else Page(old.version + 1, token, count, numbers)


def _write(page: str, before: Page | None, after: Page) -> InsertOne[Any] | UpdateOne:
    if before is None:
        return _insert(page, after)
    new = dict(islice(after.numbers.items(), len(before.numbers), None))
    as_read = {"_id": page, "v": before.version, "w": before.token}
    return UpdateOne(as_read, _change(after.token, after.count, new))


def _insert(page: str, written: Page) -> InsertOne[Any]:
    found = {"v": written.version, "w": written.token, "count": written.count, "numbers": written.numbers}
    return InsertOne({"_id": page, **found})


def _change(token: str, count: int, new: Mapping[str, int]) -> dict[str, Any]:
    found = {"w": token, "count": count} | {f"numbers.{subject}": number for subject, number in new.items()}
    return {"$set": found, "$inc": {"v": 1}}
