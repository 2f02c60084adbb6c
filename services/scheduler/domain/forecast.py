"""What days sampled from a clinic's history say of the day to come, kept with the day. Pure.

By the hour of the answer: how long after it a window may open, and how short a detour must be for a doctor to come at
once. So a decision needs no sampling of its own, and a replay decides by the same figures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final, NamedTuple

from services.scheduler.domain.moments import moment_of
from services.scheduler.domain.travel import Location, Travel

SOON_ARRIVAL: Final = 3600
"""Who is promised a doctor at once is reached within so many seconds as the day stands."""


class Hour(NamedTuple):
    """What holds for calls that are answered within an hour of the day, 0 to 23.

    ``lead``: minutes from the answer to the window's start. ``near``: seconds of extra travel up to which a doctor
    comes at once instead: later the visit would cost as much.
    """

    hour: int
    lead: int
    near: int


class Sparse(NamedTuple):
    """How far apart the calls of a district are: per cent of the clinic's mean."""

    district_id: str
    percent: int


class Outlook(NamedTuple):
    """What a forecast says of one call: minutes, and seconds of extra travel."""

    lead: int
    near: int


@dataclass(frozen=True)
class Forecast:
    """Of one day: from how many sampled days, how many days of history stood behind them, and what they say."""

    days: int
    history: int
    hours: list[Hour]
    districts: list[Sparse] = field(default_factory=list)

    def outlook(self, at: int, zone: tzinfo, location: Location, travel: Travel) -> Outlook | None:
        """What it says of a call that is answered ``at`` (seconds since 1970); None for an hour without calls.

        Where nothing tells places apart no detour is known to be short: then no doctor comes at once for it.
        """
        clock = moment_of(at, zone).hour
        found = next((each for each in self.hours if each.hour == clock), None)
        if found is None:
            return None
        apart = next((each.percent for each in self.districts if each.district_id == location.district_id), 100)
        near = 0 if travel.uniform_seconds(location) is not None else found.near * apart // 100
        return Outlook(found.lead, near)
