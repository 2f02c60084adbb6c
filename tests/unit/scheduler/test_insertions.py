"""Where a visit can go, against driving each moment of each position: whatever the day, and whatever it went through.

Everything is on full minutes, so that every moment can be tried. Ways are as odd as a router's may be: longer there
than back, and shorter by a detour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import pytest

from services.scheduler.domain.route import Insertion, Route, Stop
from services.scheduler.domain.shift import Shift
from services.scheduler.domain.travel import Location, Travel, Ways

MINUTE = 60
SERVICE = 10 * MINUTE


@dataclass
class Driving:
    """A route as somebody without any shortcut would drive it."""

    route: Route
    now: int

    def reach(self, leave: int, way: int, opens: int, service: int) -> int:
        """The first arrival from ``opens`` on; no break interrupts the way and the visit."""
        arrives = max(leave + way, opens)
        for begins, ends in self.route.shift.breaks:
            if arrives - way < ends and arrives + service > begins:
                arrives = ends + way
        return arrives

    def last_end(self, location: Location) -> int:
        """When a last visit there must be over."""
        shift, way = self.route.shift, self.route.travel.seconds(location, self.route.start)
        if shift.back_by is None:
            return shift.until
        fits = [end for end in range(0, shift.until + 1, MINUTE) if self._back(end, way) <= shift.back_by]
        return max(fits, default=-MINUTE)

    def _back(self, ends: int, way: int) -> int:
        return self.reach(ends, way, 0, 0) if way else ends

    def drive(self, leave: int, before: Location, stops: list[Stop]) -> Iterator[tuple[int, Stop]]:
        for stop in stops:
            arrives = self.reach(leave, self.route.travel.seconds(before, stop.location), stop.earliest, stop.service)
            yield arrives, stop
            leave, before = arrives + stop.service, stop.location

    def places(self, location: Location, earliest: int, latest: int) -> list[Insertion]:
        """The positions with the first and the last moment to arrive there."""
        route, stops = self.route, self.route.open
        standing = [arrives + stop.service for arrives, stop in self.drive(*self._free(), stops)]
        found = []
        for position in range(len(stops) + 1):
            leave = ([self._free()[0], *standing])[position]
            before = stops[position - 1].location if position else self._free()[1]
            way = route.travel.seconds(before, location)
            last = self.last_end(location)
            if position < len(stops):
                last = max(self.last_end(stops[-1].location), min(route.until, standing[-1]))
            good = [
                moment
                for moment in range(earliest, min(latest, self.last_end(location) - SERVICE) + 1, MINUTE)
                if self.reach(leave, way, moment, SERVICE) == moment
                and self._others_in_time(moment, location, stops[position:], last)
            ]
            if good:
                extra = way
                if position < len(stops):
                    following = stops[position].location
                    extra += route.travel.seconds(location, following) - route.travel.seconds(before, following)
                found.append(Insertion(route.begun + position, good[0], extra, good[-1], way))
        return found

    def _free(self) -> tuple[int, Location]:
        route = self.route
        if not route.begun:
            return max(route.shift.begins, self.now), route.start
        before = route.stops[route.begun - 1]
        return max(route.shift.begins, self.now, before.ends), before.location

    def _others_in_time(self, moment: int, location: Location, after: list[Stop], last: int) -> bool:
        ends = moment + SERVICE
        for arrives, stop in self.drive(ends, location, after):
            if arrives > stop.latest:
                return False
            ends = arrives + stop.service
        return ends <= last


def a_route(dice: Random, places: list[Location]) -> Route:
    begins, until = dice.randrange(0, 20) * MINUTE, dice.randrange(100, 160) * MINUTE
    cuts = sorted(dice.sample(range(20, 140), 2 * dice.randrange(3)))
    breaks = [(one * MINUTE, other * MINUTE) for one, other in zip(cuts[::2], cuts[1::2], strict=True)]
    longest, routed = dice.choice([2, 25]), dict[tuple[str, str], int]()
    if dice.random() < 0.7:
        routed = {
            (one.key, other.key): dice.randrange(0, longest) * MINUTE
            for one in places
            for other in places
            if one != other
        }
    travel = Travel(dice.randrange(0, longest) * MINUTE, routed=routed)
    back_by = dice.choice([None, until, until + 10 * MINUTE])
    return Route(places[0], Shift(begins, until, back_by, breaks), travel, (), dice.choice([0, 1800, 86_400]))


@pytest.mark.parametrize("part", range(4))
def test_where_a_visit_can_go_is_what_driving_each_moment_says(part: int) -> None:
    found_places = 0
    for seed in range(part * 60, part * 60 + 60):
        dice = Random(seed)
        places = [Location(f"place {number}") for number in range(12)]
        route, now = a_route(dice, places), 0
        for location in places[1:]:
            now += dice.choice([0, 0, 5, 12]) * MINUTE
            route.advance(now)
            happens = dice.random()
            if route.open and happens < 0.15:
                route.remove(dice.choice(route.open).request_id, now)
            elif route.stops and happens < 0.3:
                route.over(dice.choice(route.stops).request_id, now, now)
            elif route.open and happens < 0.4:
                route.reorder(route.holding(dice.sample(route.open, len(route.open)), now)[0], now)
            route.advance(now)
            earliest = now + dice.randrange(0, 60) * MINUTE
            latest = earliest + dice.randrange(0, 60) * MINUTE
            ways = Ways(route.travel, location)
            asked = [route.insertions(location, SERVICE, earliest, latest, now, ways) for _ in range(2)]
            assert asked[0] == asked[1] == Driving(route, now).places(location, earliest, latest), seed
            # A shift's way back and another window ask with the same ways.
            late = route.insertions(location, SERVICE, earliest, 2**30, now, ways)
            assert late == Driving(route, now).places(location, earliest, route.until), seed
            found_places += len(late)
            if late:
                place = dice.choice(late)
                closes = place.arrives + dice.randrange(0, 40) * MINUTE
                stop = Stop(location.key, location, earliest, closes, SERVICE, place.arrives, place.arrives + SERVICE)
                route.insert(stop, place.position, now)
    assert found_places > 300
