"""Options of every consumer, and how a consumer knows that it has read to the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from homecall.runtime.kafka.connection import connection
from homecall.runtime.kafka.fetching import Silences, make_safe
from homecall.runtime.settings import Settings

ISOLATION: Final[Literal["read_committed"]] = "read_committed"
"""Of every consumer: records of a transaction count once it is committed, and never if it was aborted."""


def consumer_options(settings: Settings, client_id: str) -> dict[str, Any]:
    """Options of a consumer without a group, which commits by hand or not at all."""
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
    """Which partitions a consumer has not read to the given ends, the last stable offsets.

    The last offsets before an end may hold no record: transaction markers, aborted or compacted records.
    """

    def __init__(self, consumer: Any, ends: Mapping[Any, int]) -> None:
        self._consumer = consumer
        self._left = dict(ends)
        self._silences = Silences()

    async def left(self) -> set[Any]:
        """The partitions not read to their ends yet."""
        for place, end in [*self._left.items()]:
            if await self._consumer.position(place) >= end or self._silences.reach(self._consumer, place) >= end:
                del self._left[place]
        return set(self._left)
