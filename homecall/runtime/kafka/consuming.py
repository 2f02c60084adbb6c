"""How every consumer reads: committed records only; and how one that reads to the end knows that it is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from homecall.runtime.kafka.connection import connection
from homecall.runtime.kafka.fetching import Silences, make_safe
from homecall.runtime.settings import Settings

ISOLATION: Final[Literal["read_committed"]] = "read_committed"
"""Of every consumer: what a transaction wrote counts once it is committed, and never where it was aborted."""


def consumer_options(settings: Settings, client_id: str) -> dict[str, Any]:
    """Options of a consumer that commits by hand or not at all; with no group unless one is added."""
    make_safe()
    return {
        **connection(settings),
        "client_id": client_id,
        "group_id": None,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "isolation_level": ISOLATION,
    }


class ToEnd:
    """Knows which partitions a consumer has not read to the given ends.

    The last offsets before an end may hold no record: a transaction's marker, aborted records, what compaction removed.
    An end is the last stable offset: what lies behind it belongs to a transaction that is still open.
    """

    def __init__(self, consumer: Any, ends: Mapping[Any, int]) -> None:
        self._consumer = consumer
        self._left = dict(ends)
        self._silences = Silences()

    async def left(self) -> set[Any]:
        """The partitions that are not read to their ends."""
        for place, end in [*self._left.items()]:
            if await self._consumer.position(place) >= end or self._silences.reach(self._consumer, place) >= end:
                del self._left[place]
        return set(self._left)
