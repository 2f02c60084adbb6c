"""Moments as states keep them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from homecall.contract.types import in_zone

_UTC_ZONE: Final = ZoneInfo("UTC")


def kept(moment: datetime, zone: ZoneInfo | None = None) -> datetime:
    """A moment as a state keeps it: with the offset of ``zone``, or else of the zone that ``in_zone`` takes.

    A fixed offset, as a stored one has: two moments in one zone would be compared by what its clock shows.
    """
    moment = datetime.fromisoformat(in_zone(moment, zone))
    # The codec takes the UTC object for a clock's.
    return moment.replace(tzinfo=_UTC_ZONE) if moment.tzinfo is UTC else moment
