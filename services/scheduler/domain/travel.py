"""How long it takes to drive from one place to another. Pure: whatever was asked outside is passed in.

In this order: what a router said of this very pair, the clinic's table of its districts, the straight line between
coordinates, and the roster's flat ``travel_minutes`` where a place has none that can be true. Whole seconds, rounded
up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import ceil
from typing import NamedTuple

from homecall.standard.places import located, straight_km

LONGEST_SECONDS = 86_400
"""A longer travel time is not believed."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place to drive to: ``key`` names it among the places of one day; coordinates in degrees, where known."""

    key: str
    lat: float | None = None
    lon: float | None = None
    district_id: str | None = None

    @property
    def known(self) -> bool:
        return self.lat is not None and self.lon is not None

    @classmethod
    def of(cls, key: str, lat: float | None, lon: float | None, district_id: str | None = None) -> Location:
        """A place with the coordinates that were given for it, where they are believed."""
        place = located(lat, lon)
        return cls(key, None, None, district_id) if place is None else cls(key, place[0], place[1], district_id)


@dataclass(frozen=True, slots=True)
class Travel:
    """A clinic's travel times of one day.

    ``table`` holds seconds between districts; one direction serves for both where the other is not given. ``routed``
    holds a router's seconds, by the keys of two places. Coordinates more than ``farthest_seconds`` apart cannot both be
    true: ``flat_seconds`` serves, as if there were none.
    """

    flat_seconds: int = 600
    road_factor: float = 1.3
    speed_kmh: float = 20.0
    table: Mapping[tuple[str, str], int] = field(default_factory=dict)
    routed: Mapping[tuple[str, str], int] = field(default_factory=dict)
    farthest_seconds: int = LONGEST_SECONDS

    def uniform_seconds(self, location: Location) -> int | None:
        """How long it takes to a place from any other and back, where nothing tells them apart; else None."""
        return None if self.routed or self.table or location.known else self.flat_seconds

    def seconds(self, one: Location, other: Location) -> int:
        if self.routed:
            routed = self.routed.get((one.key, other.key))
            if routed is not None:
                return routed
        if self.table and one.district_id is not None and other.district_id is not None:
            pair = (one.district_id, other.district_id)
            listed = self.table.get(pair, self.table.get(pair[::-1]))
            if listed is not None:
                return listed
        lat, lon, to_lat, to_lon = one.lat, one.lon, other.lat, other.lon
        if lat is None or lon is None or to_lat is None or to_lon is None:
            return self.flat_seconds
        straight = self._driving(lat, lon, to_lat, to_lon)
        return ceil(straight) if straight <= self.farthest_seconds else self.flat_seconds

    def too_far(self, one: Location, other: Location) -> bool:
        """Whether their coordinates are too far apart for both to be true."""
        lat, lon, to_lat, to_lon = one.lat, one.lon, other.lat, other.lon
        if lat is None or lon is None or to_lat is None or to_lon is None:
            return False
        return self._driving(lat, lon, to_lat, to_lon) > self.farthest_seconds

    def _driving(self, lat: float, lon: float, to_lat: float, to_lon: float) -> float:
        """Seconds along the straight line."""
        return straight_km(lat, lon, to_lat, to_lon) * self.road_factor / self.speed_kmh * 3600


@dataclass(frozen=True, slots=True)
class RememberedTravel(Travel):
    """Travel times of which each pair is worked out once, for questions that look at the same places several
    times: ``GET /offers`` takes a quarter less.
    """

    known: dict[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def of(cls, travel: Travel) -> RememberedTravel:
        """The same times."""
        return cls(**{each.name: getattr(travel, each.name) for each in fields(Travel)})

    def seconds(self, one: Location, other: Location) -> int:
        pair = (one.key, other.key)
        found = self.known.get(pair)
        if found is None:
            found = self.known[pair] = Travel.seconds(self, one, other)
        return found


class Ways:
    """The ways between one place and others, each worked out once: several routes and windows ask for the same."""

    __slots__ = ("_back", "_there", "location", "travel", "uniform")

    def __init__(self, travel: Travel, location: Location) -> None:
        self.travel = travel
        self.location = location
        self.uniform = travel.uniform_seconds(location)
        """Seconds of every way, where nothing tells places apart; else None."""
        self._there: dict[str, int] = {}
        # Along a straight line both ways are as long; by a table or a router they may differ.
        self._back: dict[str, int] = {} if travel.routed or travel.table else self._there

    def there(self, other: Location) -> int:
        """Seconds from the other place to this one."""
        found = self._there.get(other.key)
        if found is None:
            found = self._there[other.key] = self.travel.seconds(other, self.location)
        return found

    def onward(self, other: Location) -> int:
        """Seconds from this place to the other."""
        found = self._back.get(other.key)
        if found is None:
            found = self._back[other.key] = self.travel.seconds(self.location, other)
        return found


class Leg(NamedTuple):
    """A router's travel times between a visit and another place of the day: seconds there and back."""

    key: str
    there: int
    back: int


def pairs_of(routed: Mapping[str, Sequence[Leg]]) -> dict[tuple[str, str], int]:
    """A router's travel times by the keys of two places; an earlier release kept whatever the router had said."""
    pairs: dict[tuple[str, str], int] = {}
    for request_id, legs in routed.items():
        for key, there, back in legs:
            if min(there, back) >= 0 and max(there, back) <= LONGEST_SECONDS:
                pairs[request_id, key], pairs[key, request_id] = there, back
    return pairs
