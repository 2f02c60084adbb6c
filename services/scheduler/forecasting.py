"""Forecasts days from others sampled from the clinic's history, in the background: no decision waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import chain
from statistics import median

from homecall.runtime.failures import Transient
from homecall.runtime.logs import log
from services.scheduler.domain.bookings import BookedVisit, call_of
from services.scheduler.domain.clinic_day import ClinicDay
from services.scheduler.domain.sampling import PastCall, Question, on_duty, past_call
from services.scheduler.domain.state import day_key, day_of
from services.scheduler.domain.travel import Location
from services.scheduler.improver import Improver
from services.scheduler.planning import DayChanges
from services.scheduler.store import SchedulerStore

_LAST_DAYS = 7
_WEEKS = 4
"""The same weekday of so many weeks before: a Monday has more calls than a Friday."""


@dataclass
class Forecaster:
    """Forecasts one day at a time from ``days`` sampled ones, none with 0. ``lock`` is held to change a day."""

    store: SchedulerStore
    changes: DayChanges
    lock: asyncio.Lock
    improver: Improver
    days: int
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def start(self) -> None:
        """Begin with the next day whose roster has changed, if any. Returns at once."""
        if (
            self.days
            and not self._tasks
            and self.improver.available
            and (key := self.changes.to_forecast()) is not None
        ):
            task = asyncio.create_task(self._forecast(key), name="forecast")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _forecast(self, key: str) -> None:
        try:
            await self.forecast(key)
        except Transient:
            self.changes.note_rosters([key])  # begun again at the next tick, as often as it takes
        except Exception as error:  # a day without a forecast promises windows by the clinic's own lead
            log("scheduler").warning("a day was not forecast", error=type(error).__name__)

    async def forecast(self, key: str) -> bool:
        """Forecast a day and store what came of it; whether the day has it."""
        clinic_id, on = day_of(key)
        history = [await self.store.past_visits(day_key(clinic_id, each)) for each in _days_before(on)]
        async with self.lock:
            day = (await self.store.load_days([key]))[key]
            asked = self._question(day, history)
            await self.store.save_days([day])
        found = None if asked is None else await self.improver.forecast(asked)
        if found is None:
            return False
        async with self.lock:
            day = (await self.store.load_days([key]))[key]
            day.take_forecast(found)
            if not await self.store.save_days([day]):
                return True
        self.changes.note_rosters([key])  # somebody else changed the day meanwhile: once more
        return False

    def _question(self, day: ClinicDay, history: Sequence[Sequence[BookedVisit]]) -> Question | None:
        roster, zone = day.plan.roster, day.dispatch.zone
        if roster is None:
            return None
        gone = dict(day.unavailable)
        return Question(
            history=_with_centres(
                [[past_call(call_of("", visit), zone) for visit in visits] for visits in history if visits]
            ),
            doctors=on_duty([each for each in roster.doctors if each.doctor_id not in gone], zone),
            travel=day.plan.travel,
            visit=roster.visit_minutes,
            lead=day.dispatch.lead,
            days=self.days,
            seed=day.key,
        )


def _days_before(on: date) -> list[date]:
    """The days of the history: the last ones, and the same weekday before."""
    last = {on - timedelta(days=each) for each in range(1, _LAST_DAYS + 1)}
    return sorted(last | {on - timedelta(weeks=each) for each in range(1, _WEEKS + 1)})


def _with_centres(history: Sequence[Sequence[PastCall]]) -> list[list[PastCall]]:
    """The same calls; one whose coordinates were erased is in the middle of its district, where that is known."""
    places: dict[str | None, list[Location]] = {}
    for each in chain.from_iterable(history):
        if each.location.known:
            places.setdefault(each.location.district_id, []).append(each.location)
    centres = {district_id: _centre(known) for district_id, known in places.items() if district_id is not None}
    return [[_placed(call, centres) for call in day] for day in history]


def _centre(places: Iterable[Location]) -> tuple[float, float]:
    known = [(each.lat, each.lon) for each in places if each.lat is not None and each.lon is not None]
    return median(lat for lat, _ in known), median(lon for _, lon in known)


def _placed(call: PastCall, centres: dict[str, tuple[float, float]]) -> PastCall:
    place = call.location
    if place.known or place.district_id not in centres:
        return call
    return call._replace(location=Location(place.key, *centres[place.district_id], place.district_id))
