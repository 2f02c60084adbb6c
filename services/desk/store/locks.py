"""Failed logins, counted so that passwords cannot be guessed.

Three counters stand against guessing: of a name from browsers in which nobody of this name has signed in, of a name
from one browser in which somebody has, and of an address over all names. Somebody who tries names from elsewhere is
locked out, and the users at their own machines are not. Nothing but keyed hashes is kept, in a bounded number of
places: made-up names cannot fill the database.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pymongo import InsertOne, UpdateOne

from homecall.runtime.encryption import Vault
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.moments import millis, moment_of

_SLOT_DIGITS: Final = 4
"""Hex digits of a hash that a counter has as its id: 65,536 places, which an outsider cannot aim at."""


@dataclass(frozen=True, slots=True)
class Counter:
    """What failures are counted by: ``failures`` within ``within`` lock it."""

    kind: str
    value: str
    failures: int
    within: timedelta


def of_name(name: str) -> Counter:
    """Of a name, from browsers in which nobody of this name has signed in."""
    return Counter("name", name, Locks.FAILURES, timedelta(hours=12))


def of_browser(name: str, browser: str) -> Counter:
    """Of a name, from a browser in which this user has signed in before."""
    return Counter("browser", f"{browser}\n{name}", Locks.FAILURES, timedelta(hours=12))


def of_address(address: str) -> Counter:
    """Of an address, whatever the names: a clinic's people behind one address may mistype now and then."""
    return Counter("address", address, Locks.FAILURES_OF_AN_ADDRESS, timedelta(minutes=5))


class Locks:
    """Failed logins: five in a row lock a name for five minutes, thirty an address."""

    FAILURES: Final = 5
    FAILURES_OF_AN_ADDRESS: Final = 30
    SECONDS: Final = 300

    def __init__(self, database: Database, vault: Vault) -> None:
        self._collection = database.collection("logins")
        self._vault = vault

    async def locked_until(self, counters: Collection[Counter], now: datetime) -> datetime | None:
        """Until when the last of these is locked; None where none is."""
        found = await self._collection.find({"_id": {"$in": [self._id(each) for each in counters]}})
        until = [moment_of(each["until"]) for each in found if "until" in each]
        return max((each for each in until if each > now), default=None)

    async def failed(self, counters: Collection[Counter], now: datetime) -> list[str]:
        """Count a failed login; the kinds of those that it locked."""
        return [each.kind for each in counters if await self._failed(each, now)]

    async def _failed(self, counter: Counter, now: datetime) -> bool:
        key, at = self._id(counter), millis(now)
        if await self._collection.write([InsertOne({"_id": key, "failures": 1, "at": at})]) is None:
            over = {"_id": key, "at": {"$lt": at - int(counter.within.total_seconds() * 1000)}}
            await self._collection.write([UpdateOne(over, {"$set": {"failures": 0, "at": at}})])
            await self._collection.write([UpdateOne({"_id": key}, {"$inc": {"failures": 1}})])
        found = await self._collection.find({"_id": key})
        if not found or found[0]["failures"] < counter.failures:
            return False
        await self._collection.write(
            [UpdateOne({"_id": key}, {"$set": {"failures": 0, "until": at + self.SECONDS * 1000}})]
        )
        return True

    async def succeeded(self, counter: Counter) -> None:
        """Forget the failures of a name in a browser. Those of an address stay: one's own password resets nothing."""
        await self._collection.write([UpdateOne({"_id": self._id(counter)}, {"$set": {"failures": 0}})])

    def _id(self, counter: Counter) -> str:
        return f"{counter.kind} {self._vault.index('desk login', f'{counter.kind} {counter.value}')[:_SLOT_DIGITS]}"
