"""Plans the rest of changed days again in the background, for less travel. Promised windows never wait for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from homecall.contract.envelope import OutgoingRecord
from homecall.contract.ids import cause_id
from homecall.runtime.clock import Clock
from homecall.runtime.logs import log
from services.scheduler.domain.clinic_day import ClinicDay, Mark
from services.scheduler.domain.improvement import Problem, problem_of
from services.scheduler.improver import Improver
from services.scheduler.metrics import PLANS
from services.scheduler.settler import Settled
from services.scheduler.store import SchedulerStore

_CHANGES_ENOUGH = 3
"""After so many changes a day is planned again; after fewer when it has been quiet for ``_QUIET_SECONDS``."""
_QUIET_SECONDS = 5.0
_MOST_DAYS = 1_000
"""Days that are remembered as changed: more than can be planned."""

Send = Callable[[list[OutgoingRecord]], Awaitable[None]]
Settle = Callable[[Collection[str], datetime], Awaitable[Settled]]


class DayChanges:
    """The days that have changed since they were last planned again."""

    def __init__(self, most: int = _MOST_DAYS) -> None:
        self._most = most
        self._days: dict[str, tuple[int, float]] = {}
        """How often each has changed, and when last (monotonic, real seconds)."""
        self._rostered: dict[str, bool] = {}
        """Whether each day whose roster was heard of, or that has calls, is still to be forecast."""

    def note(self, days: Iterable[ClinicDay]) -> None:
        """Remember those of these days that changed."""
        for day in days:
            if day.changed and day.forecast is None and day.roster is not None and day.key not in self._rostered:
                self.note_rosters([day.key])
            if day.changed:
                self._days[day.key] = (self._days.get(day.key, (0, 0))[0] + 1, time.monotonic())
        while len(self._days) > self._most:
            del self._days[next(iter(self._days))]

    def note_rosters(self, keys: Iterable[str]) -> None:
        """These days have other doctors than before: what was forecast of them may hold no more."""
        for key in sorted(keys):
            self._rostered.pop(key, None)
            self._rostered[key] = True
        while len(self._rostered) > self._most:
            del self._rostered[next(iter(self._rostered))]

    def to_forecast(self) -> str | None:
        """The next day to be forecast, which counts as done."""
        key = next((key for key, wanted in self._rostered.items() if wanted), None)
        if key is not None:
            self._rostered[key] = False
        return key

    def forget(self, key: str) -> None:
        self._days.pop(key, None)

    def worth_planning(self) -> str | None:
        """The day that has changed most, once that is enough, or some time ago."""
        now = time.monotonic()
        enough = {
            key: count
            for key, (count, last) in self._days.items()
            if count >= _CHANGES_ENOUGH or now - last > _QUIET_SECONDS
        }
        return max(enough, key=lambda key: (enough[key], key)) if enough else None


@dataclass
class Planner:
    """Plans one day at a time with ``improver``; the days are free meanwhile. ``lock`` is held to change a day."""

    store: SchedulerStore
    changes: DayChanges
    settle: Settle
    lock: asyncio.Lock
    improver: Improver

    def __post_init__(self) -> None:
        self._part = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, clock: Clock, send: Send) -> None:
        """Begin to plan the day that is most worth it, if any. Returns at once: timers and batches go on meanwhile."""
        self.improver.tidy()
        if not self._tasks and self.improver.ready and (key := self.changes.worth_planning()) is not None:
            task = asyncio.create_task(self._plan(key, clock, send), name="plan again")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.improver.close()

    async def _plan(self, key: str, clock: Clock, send: Send) -> None:
        try:
            result = await self.plan(key, clock, send)
        except Exception as error:  # promises stand, and a day that was left marked is settled by the next tick
            log("scheduler").warning("a day was not planned again", error=type(error).__name__)
            result = "failed"
        PLANS.labels(result).inc()

    async def plan(self, key: str, clock: Clock, send: Send) -> str:
        """Plan the rest of a day again; how that ended."""
        self.changes.forget(key)
        self._part += 1
        async with self.lock:
            day = (await self.store.load_days([key]))[key]
            # A doctor who sets out before the plan is there has set out.
            by_then = clock.now() + timedelta(seconds=(self.improver.seconds + 1) * clock.speed)
            problem = problem_of(day.plan, by_then, part=self._part) if day.dirty is None else None
            await self.store.save_days([day])
        if problem is None:
            return "nothing"
        routes = await self.improver.improve(problem)
        if routes is None:
            return "failed"
        async with self.lock:
            return await self._apply(key, problem, routes, clock, send)

    async def _apply(
        self, key: str, problem: Problem, routes: Sequence[Sequence[int]], clock: Clock, send: Send
    ) -> str:
        day = (await self.store.load_days([key]))[key]
        changed = day.apply_if_better(problem, routes, clock.now()) if day.dirty is None else None
        if changed:
            mark = Mark(cause_id("/homecall/scheduler", f"{key} {day.version}", "planned again"), "less_travel")
            for request_id in changed:
                day.tell(request_id, mark)
            day.mark_dirty(*mark)
        lost = await self.store.save_days([day])
        if changed is None or lost:
            return "not taken"
        if changed:
            settled = await self.settle({key}, clock.now())
            await send(settled.events)
            await settled.finish()
        return "taken"
