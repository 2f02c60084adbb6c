"""Where calls are kept: one document per request, with what was said of it. The only file here that touches Mongo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from services.notifier.domain import Call, open_since, timer_at
from services.notifier.retention import over_on
from services.runtime.mongo import Aggregates, Database, millis

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
            indexes=[(_since(deadline), False) for deadline in WATCHED],
            over_on=over_on,
        )

    async def open(self, deadline: str) -> list[tuple[str, int, int | None]]:
        """The calls whose clock for this deadline runs: (channel, how many, start of the oldest as ``millis``)."""
        return await self.group({_since(deadline): {"$exists": True}}, "open_channel", _since(deadline))


def _since(deadline: str) -> str:
    return f"open_{deadline}_since"


def _indexed(call: Call) -> dict[str, Any]:
    starts = {deadline: open_since(call, deadline) for deadline in WATCHED}
    return {
        "open_channel": call.channel if call.clocks else None,
        **{_since(deadline): None if start is None else millis(start) for deadline, start in starts.items()},
    }
