"""One doctor's day as a route: the visits in order, each with the earliest and the latest moment to arrive. Pure.

All times are whole seconds since 1970 (UTC). What has begun (the doctor has set out) never moves. For the rest the
doctor sets out when the visit before is over, or later: so as to arrive when the window opens, and at most
``buffer`` seconds before all that follows would be late. Calls known by then can be driven in a better order.

The last visit ends early enough for the way back, where one is to be (``Shift.back_by``). That holds for each new
place; a visit that stands is not taken from its doctor for it alone, and what stands may be driven as late as it is.
"""

from __future__ import annotations

from bisect import bisect, bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from services.scheduler.domain.shift import Shift
from services.scheduler.domain.travel import Location, Travel, Ways


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

    ``arrives`` is the earliest arrival there, ``bound`` the latest that keeps the stops after it in time; between them
    may lie a break. ``leg`` is the way there, in seconds.
    """

    position: int
    arrives: int
    extra: int
    bound: int
    leg: int


class Route:
    """The stops of one doctor in a shift, kept so that the cost of an insertion is known without a walk."""

    def __init__(
        self, start: Location, shift: Shift, travel: Travel, stops: Sequence[Stop] = (), buffer: int = 86_400
    ) -> None:
        self.start = start
        self.shift = shift
        self.travel = travel
        self.buffer = buffer
        self.stops: list[Stop] = list(stops)
        self.begun = 0
        """How many of the stops have begun, as of the last ``advance``."""
        self._due: list[int] = []
        """Per open stop the latest arrival that keeps it and all after it in time, whatever the way to it."""
        self._latest: list[int] = []
        """The same for the way to it as it is: no break in it, nor in the visit."""
        self._left: tuple[int, list[int]] | None = None
        """When the doctor can set out for the first open stop, and then when for each after it, and from the last."""
        self._relink()

    @property
    def begins(self) -> int:
        return self.shift.begins

    @property
    def until(self) -> int:
        """When the last visit must be over, wherever it is."""
        return self.shift.until

    def last_arrival(self, location: Location, service: int) -> int:
        """When a visit there must begin at the latest, so that the doctor can be back in time after it."""
        return self.shift.last_end(location, self.start, self.travel) - service

    # ------------------------------------------------------------ as time passes

    def advance(self, now: int) -> None:
        """Mark as begun what the doctor has set out for by ``now``."""
        begun = self.begun
        stops = self.stops
        while begun < len(stops) and stops[begun].planned - stops[begun].leg <= now:
            begun += 1
        if begun != self.begun:
            self._due = self._due[begun - self.begun :]
            self._latest = self._latest[begun - self.begun :]
            self._left = None
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

    def insertions(
        self, location: Location, service: int, earliest: int, latest: int, now: int, ways: Ways | None = None
    ) -> list[Insertion]:
        """Every position at which an arrival between ``earliest`` and ``latest`` keeps all others in their time.

        The route must have been advanced to ``now``. ``ways`` are those of the location, where several routes are
        asked about it.
        """
        ways = ways or Ways(self.travel, location)
        uniform, shift = ways.uniform, self.shift
        breaks, due, stops, begun = bool(shift.breaks), self._due, self.stops, self.begun
        leaves, count = self._leaving(now), len(due)
        found: list[Insertion] = []
        # Before a stop that is due before this visit could be over, there is no place: ``due`` rises along the route.
        first = bisect_left(due, earliest + service)
        if leaves[first] > latest:
            return found
        way_back = 0 if shift.back_by is None else ways.onward(self.start) if uniform is None else uniform
        latest = min(latest, shift.last_end_before(way_back) - service)
        if earliest > latest:
            return found
        for index in range(first, count + 1):
            leave = leaves[index]
            if leave > latest:
                break
            position = begun + index
            if uniform is not None:
                to_it = uniform
            else:
                to_it = ways.there(stops[position - 1].location if position else self.start)
            arrives = leave + to_it
            if arrives < earliest:
                arrives = earliest
            if breaks:
                arrives = shift.arrival(arrives, to_it, service)
            if arrives > latest:
                continue
            bound, extra = latest, to_it
            if index < count:
                following = stops[position]
                onward = ways.onward(following.location) if uniform is None else uniform
                due_then = due[index]
                if breaks:
                    due_then = shift.arrival_by(due_then, onward, following.service)
                if due_then < following.earliest:
                    continue  # by the longer way there the break leaves no time within the window
                bound, extra = due_then - service - onward, to_it + onward - following.leg
                if bound > latest:
                    bound = latest
            if breaks:
                bound = shift.arrival_by(bound, to_it, service)
            if arrives <= bound:
                found.append(Insertion(position, arrives, extra, bound, to_it))
        return found

    def _leaving(self, now: int) -> list[int]:
        """When the doctor can set out for each open stop, and from the last; kept until the route changes."""
        leave = self.free_from(now)
        if self._left is None or self._left[0] != leave:
            arrival, leaves = self.shift.arrival, [leave]
            for stop in self.open:
                leave = arrival(max(leave + stop.leg, stop.earliest), stop.leg, stop.service) + stop.service
                leaves.append(leave)
            self._left = leaves[0], leaves
        return self._left[1]

    def arriving(self, place: Insertion, at: int, service: int) -> int:
        """The first arrival at that place that is not before ``at``; within ``place.bound`` where ``at`` is."""
        return self.shift.arrival(max(place.arrives, at), place.leg, service)

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
            leg = self.travel.seconds(before, stop.location)
            arrives = self.shift.arrival(max(leave + leg, stop.earliest), leg, stop.service)
            if arrives <= stop.latest and arrives + stop.service <= self.until:
                kept.append(stop)
                leave, before = arrives + stop.service, stop.location
            else:
                left.append(stop)
        if kept and self._back_late(leave, before):
            left.append(kept.pop())
        return kept, left

    def _back_late(self, ends: int, location: Location) -> bool:
        """Whether the doctor is back too late after that, and later than after what stands."""
        if self.shift.back_by is None or self.begun == len(self.stops):
            return ends > self.shift.last_end(location, self.start, self.travel)
        standing = self.shift.back_at(self._earliest_end(), self.stops[-1].location, self.start, self.travel)
        return self.shift.back_at(ends, location, self.start, self.travel) > max(self.shift.back_by, standing)

    @property
    def overrun(self) -> int:
        """By how many seconds what stands ends too late for the way back; 0 where there is time."""
        if self.begun == len(self.stops):
            return 0
        return max(0, self._earliest_end() - self.shift.last_end(self.stops[-1].location, self.start, self.travel))

    # ------------------------------------------------------------ bookkeeping

    def _relink(self, position: int = 0) -> None:
        before = self.stops[position - 1].location if position else self.start
        for stop in self.stops[position:]:
            stop.leg = self.travel.seconds(before, stop.location)
            before = stop.location
        self._update_latest()

    def copy(self) -> Route:
        copied = Route(self.start, self.shift, self.travel, [replace(stop) for stop in self.stops], self.buffer)
        copied.begun = self.begun
        copied._update_latest()
        return copied

    def _update_latest(self) -> None:
        self._left = None
        due: list[int] = []
        latest: list[int] = []
        bound = self.until
        if self.shift.back_by is not None and self.begun < len(self.stops):
            in_time = self.shift.last_end(self.stops[-1].location, self.start, self.travel)
            bound = max(in_time, min(bound, self._earliest_end()))
        for stop in reversed(self.stops[self.begun :]):
            arrive_by = min(stop.latest, bound - stop.service)
            due.append(arrive_by)
            arrive_by = self.shift.arrival_by(arrive_by, stop.leg, stop.service)
            latest.append(arrive_by)
            bound = arrive_by - stop.leg
        self._due, self._latest = due[::-1], latest[::-1]

    def _earliest_end(self) -> int:
        """When the last of the open stops can be over."""
        leave = max(self.stops[self.begun - 1].ends if self.begun else self.begins, self.begins)
        for stop in self.stops[self.begun :]:
            leave = self.shift.arrival(max(leave + stop.leg, stop.earliest), stop.leg, stop.service) + stop.service
        return leave

    def _retime(self, now: int) -> list[Stop]:
        """Calculate the planned arrivals of the open stops again; those that changed."""
        changed: list[Stop] = []
        leave = self.free_from(now)
        for stop, latest in zip(self.stops[self.begun :], self._latest, strict=True):
            arrives = max(leave + stop.leg, stop.earliest, latest - self.buffer)
            arrives = self.shift.arrival(arrives, stop.leg, stop.service)
            if arrives != stop.planned or arrives + stop.service != stop.ends:
                stop.planned = arrives
                stop.ends = arrives + stop.service
                changed.append(stop)
            leave = stop.ends
        return changed
