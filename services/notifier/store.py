"""Where calls are kept: one document per request, with what was said of it. The only file here that touches Mongo."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any, Final

from services.notifier.domain import Call, day_of, open_since, timer_at
from services.notifier.retention import over_on
from services.runtime.mongo import Aggregate, Aggregates, Database, millis

WATCHED: Final[Mapping[str, tuple[str, ...]]] = {"answer": ("desk", "phone", "portal"), "service": ("desk", "phone")}
"""The deadlines that are watched here, and the channels that have them."""


class Calls(Aggregates[Call]):
    """Calls by ``request_id``."""

    def __init__(self, database: Database) -> None:
        super().__init__(
            database.collection("requests"),
            Call,
            timer_at=timer_at,
            indexed=_indexed,
            indexes=[*((_since(deadline), False) for deadline in WATCHED), (("day", "clinic"), False)],
            over_on=over_on,
        )

    async def open(self, deadline: str, now: datetime) -> list[tuple[str, int, int | None]]:
        """The calls whose clock for this deadline runs: (channel, how many, start of the oldest as ``millis``).

        One that is held at night has a clock that starts with the opening.
        """
        return await self.group({_since(deadline): {"$lte": millis(now)}}, "open_channel", _since(deadline))

    # -------------------------------------------------------- to be compared with other stores

    async def clinics_on(self, day: date) -> dict[str, int]:
        """The clinics with calls in the register of that day, and how many each has."""
        rows = await self.group({"day": day.toordinal()}, "clinic", "v")
        return {clinic_id: number for clinic_id, number, _ in rows}

    async def days(self, first: date, last: date) -> set[date]:
        """The days, among these, whose register has calls."""
        rows = await self.group({"day": {"$gte": first.toordinal(), "$lte": last.toordinal()}}, "day", "v")
        return {date.fromordinal(day) for day, _, _ in rows}

    async def on(self, day: date, clinics: Collection[str]) -> list[Aggregate[Call]]:
        """The calls in these clinics' register of the day, to look at, without anything personal."""
        return await self.look({"day": day.toordinal(), "clinic": {"$in": list(clinics)}}, _NOT_LOOKED_AT)

    async def of(self, ids: Collection[str]) -> list[Aggregate[Call]]:
        """The same for calls by their requests' ids."""
        return await self.look({"_id": {"$in": list(ids)}}, _NOT_LOOKED_AT) if ids else []


_NOT_LOOKED_AT: Final = ("person", "oral_answer", "answered_by", "clocks", "early")


def _since(deadline: str) -> str:
    return f"open_{deadline}_since"


def _indexed(call: Call) -> dict[str, Any]:
    starts = {deadline: open_since(call, deadline) for deadline in WATCHED}
    day = day_of(call)
    return {
        "day": None if day is None else day.toordinal(),
        "clinic": call.clinic_id,
        "open_channel": call.channel if call.clocks else None,
        **{_since(deadline): None if start is None else millis(start) for deadline, start in starts.items()},
    }
