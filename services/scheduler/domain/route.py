"""One doctor's day as a route: the visits in order, each with the earliest and the latest moment to arrive. Pure.

All times are whole seconds since 1970 (UTC). What has begun (the doctor has set out) never moves. For the rest the
doctor sets out when the visit before is over, or later: so as to arrive when the window opens, and at most
``buffer`` seconds before all that follows would be late. Calls known by then can be driven in a better order.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from services.scheduler.domain.travel import Location, Travel


@dataclass(slots=True)
class Stop:
    """A visit in a route: ``earliest`` and ``latest`` bound the arrival ``planned``, ``ends`` is the visit's end.

    ``ends`` follows from ``planned`` and ``service`` until the clinic says that the visit was over earlier.
    """

    request_id: str
    location: Location
    earliest: int
    latest: int
    service: int
    planned: int
    ends: int
    leg: int = 0
    """Seconds from the stop before, or from the doctor's start."""


class Insertion(NamedTuple):
    """Where a visit can go: before the stop at ``position``, for ``extra`` travel.

    ``arrives`` is the earliest arrival there, ``bound`` the latest that keeps the stops after it in time.
    """

    position: int
    arrives: int
    extra: int
    bound: int


class Route:
    """The stops of one doctor between the shift's ends, kept so that the cost of an insertion is known without a walk.

    ``until`` is when the last visit must be over: the shift's end, or the moment the doctor drops out.
    """

    def __init__(
        self, start: Location, begins: int, until: int, travel: Travel, stops: Sequence[Stop] = (), buffer: int = 86_400
    ) -> None:
        self.start = start
        self.begins = begins
        self.until = until
        self.travel = travel
        self.buffer = buffer
        self.stops: list[Stop] = list(stops)
        self.begun = 0
        """How many of the stops have begun, as of the last ``advance``."""
        self._latest: list[int] = []
        """Per open stop the latest arrival that keeps it and all after it in time."""
        self._relink()

    # ------------------------------------------------------------ as time passes

    def advance(self, now: int) -> None:
        """Mark as begun what the doctor has set out for by ``now``."""
        begun = self.begun
        stops = self.stops
        while begun < len(stops) and stops[begun].planned - stops[begun].leg <= now:
            begun += 1
        if begun != self.begun:
            self._latest = self._latest[begun - self.begun :]
            self.begun = begun

    @property
    def open(self) -> list[Stop]:
        return self.stops[self.begun :]

    def free_from(self, now: int) -> int:
        """When the doctor can set out for the first open stop."""
        return max(self.stops[self.begun - 1].ends if self.begun else self.begins, self.begins, now)

    def free_at(self) -> Location:
        return self.stops[self.begun - 1].location if self.begun else self.start

    # ------------------------------------------------------------ one visit more, one less

    def insertions(self, location: Location, service: int, earliest: int, latest: int, now: int) -> list[Insertion]:
        """Every position at which an arrival between ``earliest`` and ``latest`` keeps all others in their time.

        The route must have been advanced to ``now``.
        """
        latest = min(latest, self.until - service)
        if earliest > latest:
            return []
        travel, uniform = self.travel.seconds, self.travel.uniform_seconds(location)
        stops, begun, latests = self.stops, self.begun, self._latest
        found: list[Insertion] = []
        before = self.free_at()
        leave = self.free_from(now)
        count = len(stops)
        for position in range(begun, count + 1):
            if position > begun:
                stop = stops[position - 1]
                before = stop.location
                leave = max(leave + stop.leg, stop.earliest) + stop.service
            if leave > latest:
                break
            to_it = travel(before, location) if uniform is None else uniform
            arrives = leave + to_it
            if arrives < earliest:
                arrives = earliest
            if arrives > latest:
                continue
            if position == count:
                found.append(Insertion(position, arrives, to_it, latest))
                continue
            following = stops[position]
            onward = travel(location, following.location) if uniform is None else uniform
            bound = latests[position - begun] - service - onward
            if arrives <= bound:
                found.append(Insertion(position, arrives, to_it + onward - following.leg, min(bound, latest)))
        return found

    def insert(self, stop: Stop, position: int, now: int) -> list[Stop]:
        """Put a stop before the one at ``position``; the stops whose planned arrival changed, itself included."""
        self.stops.insert(position, stop)
        self._relink(position)
        return self._retime(now)

    def remove(self, request_id: str, now: int) -> list[Stop]:
        """Take a stop out; the stops whose planned arrival changed. Nothing where it is not there."""
        for index, stop in enumerate(self.stops):
            if stop.request_id == request_id:
                del self.stops[index]
                if index < self.begun:
                    self.begun -= 1
                self._relink(index)
                return self._retime(now)
        return []

    def over(self, request_id: str, at: int, now: int) -> list[Stop]:
        """The visit was over at ``at``, earlier than planned; the stops whose times changed, itself included.

        One that was not begun by the plan was made all the same: it comes before those that are open.
        """
        index = next((index for index, stop in enumerate(self.stops) if stop.request_id == request_id), None)
        if index is None or at >= self.stops[index].ends:
            return []
        stop = self.stops.pop(index)
        self.begun -= index < self.begun
        place = bisect(self.stops, at, hi=self.begun, key=lambda each: each.ends)
        # Where the doctor is under way to another by the plan, this one was made before.
        before = [self.stops[place].planned - 1] if place < self.begun else []
        stop.planned, stop.ends = min(stop.planned, at, *before), at
        self.stops.insert(place, stop)
        self.begun += 1
        self._relink(min(index, place))
        return [stop, *self._retime(now)]

    def reorder(self, stops: Sequence[Stop], now: int) -> list[Stop]:
        """Put these stops in place of the open ones; those whose planned arrival changed."""
        self.stops[self.begun :] = stops
        self._relink(self.begun)
        return self._retime(now)

    # ------------------------------------------------------------ does it hold

    def holding(self, order: Sequence[Stop], now: int) -> tuple[list[Stop], list[Stop]]:
        """Driven in this order from now on: the stops reached in time, and those left out because they are not."""
        leave, before = self.free_from(now), self.free_at()
        kept: list[Stop] = []
        left: list[Stop] = []
        for stop in order:
            arrives = max(leave + self.travel.seconds(before, stop.location), stop.earliest)
            if arrives <= stop.latest and arrives + stop.service <= self.until:
                kept.append(stop)
                leave, before = arrives + stop.service, stop.location
            else:
                left.append(stop)
        return kept, left

    # ------------------------------------------------------------ bookkeeping

    def _relink(self, position: int = 0) -> None:
        before = self.stops[position - 1].location if position else self.start
        for stop in self.stops[position:]:
            stop.leg = self.travel.seconds(before, stop.location)
            before = stop.location
        self._update_latest()

    def copy(self) -> Route:
        copied = Route(
            self.start, self.begins, self.until, self.travel, [replace(stop) for stop in self.stops], self.buffer
        )
        copied.begun = self.begun
        copied._update_latest()
        return copied

    def _update_latest(self) -> None:
        latest: list[int] = []
        bound = self.until
        for stop in reversed(self.stops[self.begun :]):
            arrive_by = min(stop.latest, bound - stop.service)
            latest.append(arrive_by)
            bound = arrive_by - stop.leg
        latest.reverse()
        self._latest = latest

    def _retime(self, now: int) -> list[Stop]:
        """Calculate the planned arrivals of the open stops again; those that changed."""
        changed: list[Stop] = []
        leave = self.free_from(now)
        for stop, latest in zip(self.stops[self.begun :], self._latest, strict=True):
            arrives = max(leave + stop.leg, stop.earliest, latest - self.buffer)
            if arrives != stop.planned or arrives + stop.service != stop.ends:
                stop.planned = arrives
                stop.ends = arrives + stop.service
                changed.append(stop)
            leave = stop.ends
        return changed
