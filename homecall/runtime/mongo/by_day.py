"""Repositories whose documents name a clinic and a day, by which the stores of several services are compared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.mongo.repository import Repository
from homecall.runtime.mongo.schema import Migration

S = TypeVar("S")
Derive = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(eq=False)
class ByDay(Repository[S]):
    """``indexed`` gives every document its ``day``, as an ordinal, and its ``clinic``."""

    personal: Sequence[str] = ()
    """Fields of the state, all with defaults, that are left out where it is only compared."""

    def migrations(self, kind: str, also_by: str, derive: Derive | None = None) -> list[Migration]:
        """The two that give older documents their indexed fields, and the day on which they are over."""
        found = f"{kind} are found by their day and clinic, and {also_by}"
        over = f"{kind} are known to be over, so that homecall erase finds them"
        return [
            Migration(f"0001-{kind}-by-day", found, self.collection, derive or self.derived),
            Migration(f"0002-{kind}-over", over, self.collection, self.derived_over),
        ]

    async def days(self, first: date, last: date) -> set[date]:
        """The days from first to last that have documents."""
        rows = await self.group({"day": {"$gte": first.toordinal(), "$lte": last.toordinal()}}, "day", "v")
        return {date.fromordinal(day) for day, _, _ in rows}

    async def clinics_on(self, day: date) -> dict[str, int]:
        """The clinics that have documents of that day, and how many each has."""
        rows = await self.group({"day": day.toordinal()}, "clinic", "v")
        return {clinic_id: number for clinic_id, number, _ in rows}

    async def on(self, day: date, clinics: Collection[str]) -> dict[str, Aggregate[S]]:
        """Those of these clinics' day, by id, to be compared."""
        return await self._compared({"day": day.toordinal(), "clinic": {"$in": list(clinics)}})

    async def of(self, ids: Collection[str]) -> dict[str, Aggregate[S]]:
        """Those of these ids, to be compared."""
        return await self._compared({"_id": {"$in": list(ids)}}) if ids else {}

    async def _compared(self, query: Mapping[str, Any]) -> dict[str, Aggregate[S]]:
        return {each.id: each for each in await self.look(query, self.personal)}
