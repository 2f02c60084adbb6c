"""Reads the three stores that are compared, a day and a few clinics at a time. It writes nothing.

Its memory does not grow with what is compared: one query per store for each portion, and one more where a request of
another day has to do with this one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from pymongo.errors import PyMongoError

from homecall.contract.topics import INTAKE, NOTIFIER, SCHEDULER
from homecall.operations.reconcile.comparison import judge
from homecall.operations.reconcile.differences import Facts, Judged
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.errors import outage, place_of
from homecall.runtime.settings import Settings
from services.intake.store import IntakeStore
from services.notifier.store import Calls
from services.scheduler.domain.state import day_key, day_of
from services.scheduler.store import SchedulerStore

SETTLE_SECONDS: Final = 300.0
"""What changed later than so long ago is on its way: a redelivery after a crash, with its backoff, takes less."""
_PORTION: Final = 2_000
"""Requests that are read together, of one clinic or of several small ones."""


@dataclass(frozen=True)
class Asked:
    """What is to be compared. ``first`` and ``last`` are days of the register; ``clinic_id`` None: every clinic."""

    clinic_id: str | None
    first: date
    last: date
    settle_seconds: float = SETTLE_SECONDS


class Stores:
    """The three stores that are compared."""

    def __init__(self, asked: Settings) -> None:
        self._databases = {service: Database.of(asked, service) for service in (INTAKE, SCHEDULER, NOTIFIER)}
        self.intake = IntakeStore(self._databases[INTAKE])
        self.scheduler = SchedulerStore(self._databases[SCHEDULER])
        self.notifier = Calls(self._databases[NOTIFIER])

    @property
    def commands(self) -> int:
        """Queries sent so far."""
        return sum(each.commands for each in self._databases.values())

    async def close(self) -> None:
        for each in self._databases.values():
            await each.close()

    async def judged(self, asked: Asked) -> AsyncIterator[Judged]:
        """Each clinic's day that any of the stores knows, the oldest day first."""
        pages = _by_day(await self.intake.pages.names(), asked)
        booked = _by_day(await self.scheduler.day_keys(), asked)
        days = {*pages, *booked}
        for store in (self.intake.requests, self.notifier, self.scheduler.calls):
            days |= await store.days(asked.first, asked.last)
        for day in sorted(days):
            known = dict.fromkeys(pages.get(day, set()) | booked.get(day, set()), 0)
            for store in (self.intake.requests, self.notifier, self.scheduler.calls):
                for clinic_id, number in (await store.clinics_on(day)).items():
                    known[clinic_id] = max(known.get(clinic_id, 0), number)
            if asked.clinic_id is not None:
                known = {name: number for name, number in known.items() if name == asked.clinic_id}
            for clinics in _portions(known):
                for judged in await self._portion(clinics, day, asked.settle_seconds):
                    yield judged

    async def _portion(self, clinics: list[str], day: date, settle_seconds: float) -> list[Judged]:
        settled_before = datetime.now(UTC) - timedelta(seconds=settle_seconds)
        found = judge(clinics, day, await self._facts(clinics, day), settled_before)
        if not any(each.differences for each in found):
            return found
        # While we went from store to store, services went on: what differs must do so when it is read again.
        again = judge(clinics, day, await self._facts(clinics, day), settled_before)
        return [one.confirmed_by(other) for one, other in zip(found, again, strict=True)]

    async def _facts(self, clinics: list[str], day: date) -> Facts:
        facts = Facts()
        keys = [day_key(clinic_id, day.isoformat()) for clinic_id in clinics]
        # What is caused is read before its cause: what we then find has its cause with it.
        facts.told = await self.notifier.on(day, clinics)
        facts.days = await self.scheduler.bookings_on(keys)
        facts.calls = await self.scheduler.calls.on(day, clinics)
        facts.pages = await self.intake.pages.look(keys)
        facts.requests = await self.intake.requests.on(day, clinics)
        kept: dict[str, Iterable[str]] = {NOTIFIER: facts.told, SCHEDULER: facts.calls, INTAKE: facts.requests}
        facts.here = {(service, request_id) for service, ids in kept.items() for request_id in ids}
        await self._complete(facts, set(keys))
        return facts

    async def _complete(self, facts: Facts, asked: set[str]) -> None:
        """Read what the stores count to other days: of the same requests; days and pages but those ``asked``."""
        ids = {*facts.requests, *facts.calls, *facts.told}
        ids |= {each for page in facts.pages.values() for each in page.numbers}
        ids |= {each for day in facts.days.values() for each in day.bookings}
        facts.told |= await self.notifier.of(ids - facts.told.keys())
        facts.calls |= await self.scheduler.calls.of(ids - facts.calls.keys())
        facts.requests |= await self.intake.requests.of(ids - facts.requests.keys())
        goes_on = {
            each.state.handed_on.request_id
            for each in facts.requests.values()
            if each.state is not None and each.state.handed_on is not None
        }
        facts.requests |= await self.intake.requests.of(goes_on - facts.requests.keys())
        moved_to = {day_key(each.state.clinic_id, each.state.day) for each in facts.calls.values() if each.state}
        if moved_to - asked:
            facts.days |= await self.scheduler.bookings_on(moved_to - asked)
        entered = {
            day_key(each.state.clinic_id, each.state.register_date.isoformat())
            for each in facts.requests.values()
            if each.state is not None and each.state.register_date is not None
        }
        facts.pages |= await self.intake.pages.look(entered - asked)


def _by_day(keys: Iterable[str], asked: Asked) -> dict[date, set[str]]:
    """The clinics of each day, by the keys of their pages or days."""
    found: dict[date, set[str]] = {}
    for key in keys:
        clinic_id, day = day_of(key)
        if asked.first <= day <= asked.last and asked.clinic_id in {None, clinic_id}:
            found.setdefault(day, set()).add(clinic_id)
    return found


def _portions(clinics: Mapping[str, int]) -> Iterator[list[str]]:
    """Clinics in their order, as many as have so many requests together."""
    portion: list[str] = []
    size = 0
    for clinic_id, number in sorted(clinics.items()):
        if portion and size + number > _PORTION:
            yield portion
            portion, size = [], 0
        portion.append(clinic_id)
        size += number
    if portion:
        yield portion


@asynccontextmanager
async def stores_of(found: Settings) -> AsyncIterator[Stores]:
    """The stores, closed in the end. Raises ``Transient`` while a database is unavailable."""
    stores = Stores(found)
    try:
        yield stores
    except PyMongoError as error:
        raise outage(error, place_of(found.mongo_url)) from error
    finally:
        await stores.close()
