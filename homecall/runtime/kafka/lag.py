"""The lag of a consumer in the partitions it holds, in records and in seconds."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition

from homecall.runtime import metrics
from homecall.runtime.kafka.errors import asked
from homecall.runtime.kafka.fetching import Silences, high_watermark, position_at_rest

Place = tuple[str, int]


@dataclass(slots=True)
class _Held:
    """A partition that this replica holds. Times are seconds since 1970, UTC."""

    since: float
    """When it was assigned, or last seen without lag: what waits now came later."""
    offset: int | None = None
    """The committed offset; None until it is known."""
    committed_time: float | None = None
    """The time of the newest record committed here: what waits now came later."""
    caught_up: bool = False
    """Whether it was ever seen without lag: then ``since`` is about records, not about the assignment."""


class Lag:
    """Follows what is committed, and compares it with the ends of the partitions on demand."""

    def __init__(self, service: str, bootstrap: str = "") -> None:
        self._service = service
        self._bootstrap = bootstrap
        self._held: dict[Place, _Held] = {}
        self._silences = Silences()
        self._asked: dict[Place, int] = {}
        """The group's committed offsets as last fetched: they only grow."""

    def assigned(self, places: Collection[Place]) -> None:
        """This replica holds exactly these partitions."""
        for topic, partition in self._held.keys() - set(places):
            for gauge in (metrics.LAG_RECORDS, metrics.LAG_SECONDS):
                gauge.remove(self._service, topic, str(partition))
        now = time.time()
        # Another member may have committed meanwhile: start afresh.
        self._held = {place: _Held(now) for place in places}
        self._silences = Silences()
        for place in places:
            self._show(place, 0, 0.0)

    def committed(self, offsets: Mapping[Place, int], times: Mapping[Place, int]) -> None:
        """These offsets were committed; ``times`` are of the newest record of each, in milliseconds since 1970."""
        metrics.LAST_COMMIT.labels(self._service).set(time.time())
        for place, offset in offsets.items():
            held = self._held.get(place)
            if held is not None:
                held.offset = offset
                held.committed_time = times[place] / 1000

    def beyond(self, consumer: Any) -> dict[Place, int]:
        """Positions past the committed offset with no record in between: they may be committed too."""
        found: dict[Place, int] = {}
        for place, held in self._held.items():
            if held.offset is not None:
                position = position_at_rest(consumer, TopicPartition(*place), held.offset)
                if position is not None and position > held.offset:
                    found[place] = position
        return found

    def moved(self, offsets: Mapping[Place, int]) -> None:
        """These offsets of ``beyond`` were committed, without a record."""
        for place, offset in offsets.items():
            held = self._held.get(place)
            if held is not None and held.offset is not None:
                held.offset = max(held.offset, offset)

    def committed_to(self, place: Place) -> int:
        """The committed offset of a partition as far as it is known here; else 0."""
        held = self._held.get(place)
        return max(self._asked.get(place, 0), 0 if held is None else held.offset or 0)

    async def learn_committed(self, consumer: Any, places: Collection[Place]) -> None:
        """Fetch ``committed_to`` of the partitions for which this member does not know it: one request."""
        unknown = [place for place in places if (held := self._held.get(place)) is None or held.offset is None]
        if not unknown:
            return
        # The public method fetches one partition at a time.
        found = await consumer._coordinator.fetch_committed_offsets([TopicPartition(*place) for place in unknown])
        for at, each in found.items():
            place = (at.topic, at.partition)
            self._asked[place] = max(self._asked.get(place, 0), each.offset)
            self._starts_at(place, each.offset)

    async def measure(self, consumer: Any) -> None:
        """Set the gauges: one request for the ends of all partitions. Raises ``Transient`` while no broker answers.

        The ends are last stable offsets. Records of open transactions, up to the high watermark, count as lag too.
        """
        held = dict(self._held)
        if not held:
            return
        ends = await asked(consumer.end_offsets([TopicPartition(*place) for place in held]), self._bootstrap)
        starts = self._find_starts(consumer, [place for place, each in held.items() if each.offset is None])
        await asked(starts, self._bootstrap)
        now = time.time()
        for place, each in held.items():
            if self._held.get(place) is each and each.offset is not None:
                at = TopicPartition(*place)
                done = each.offset
                if position_at_rest(consumer, at, done) is not None:
                    done = max(done, self._silences.reach(consumer, at))
                self._compare(place, each, max(ends[at], high_watermark(consumer, at)) - done, now)
        metrics.LAST_READ.labels(self._service, "broker").set(now)

    async def _find_starts(self, consumer: Any, places: Collection[Place]) -> None:
        """Fetch committed offsets of partitions where nothing was committed since the assignment."""
        without: list[Place] = []
        for place in places:
            found = await consumer.committed(TopicPartition(*place))
            if found is None:
                without.append(place)
            else:
                self._starts_at(place, found)
        if without:
            for begin, offset in (
                await consumer.beginning_offsets([TopicPartition(*each) for each in without])
            ).items():
                self._starts_at((begin.topic, begin.partition), offset)

    def _starts_at(self, place: Place, offset: int) -> None:
        held = self._held.get(place)
        if held is not None and held.offset is None:
            held.offset = offset

    def _compare(self, place: Place, held: _Held, behind: int, now: float) -> None:
        if behind <= 0:
            held.since, held.caught_up = now, True
            self._show(place, 0, 0.0)
            return
        # What waits came after both; before the first commit here only the time of the assignment is known.
        moments = [held.committed_time] if held.committed_time is not None else []
        if held.caught_up or not moments:
            moments.append(held.since)
        self._show(place, behind, max(0.0, now - max(moments)))

    def _show(self, place: Place, records: int, seconds: float) -> None:
        labels = (self._service, place[0], str(place[1]))
        metrics.LAG_RECORDS.labels(*labels).set(records)
        metrics.LAG_SECONDS.labels(*labels).set(seconds)
