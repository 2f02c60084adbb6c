"""Scheduler: accepted calls and rosters in, visits out."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from homecall.contract import topics
from homecall.contract.envelope import Incoming, OutgoingRecord
from homecall.contract.errors import one_line
from homecall.contract.events import (
    ClinicPublished,
    DoctorUnavailable,
    RequestAccepted,
    RequestCancelled,
    RosterPublished,
)
from homecall.contract.ids import cause_id
from homecall.contract.types import ZONE
from homecall.gateways.osrm import osrm_from
from homecall.runtime import metrics
from homecall.runtime.clock import Clock, SystemClock
from homecall.runtime.encryption import Vault
from homecall.runtime.engine.decision import Dead, Decision, OutgoingEvent
from homecall.runtime.engine.engine import BatchResult, Completion, Due, Engine
from homecall.runtime.failpoint import failpoint
from homecall.runtime.failures import Transient
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.logs import log
from homecall.runtime.mongo.last_known_good import LastKnownGood
from homecall.runtime.mongo.mongo import Aggregate, Database
from homecall.runtime.service import Service, refresh_open
from homecall.runtime.settings import Settings
from homecall.standard.clinic_events import ClinicEvents
from homecall.standard.clinics import Clinics
from homecall.standard.deadlines import counted_by
from homecall.standard.places import implausible
from homecall.standard.rules import load_rule_sets
from homecall.standard.stated_times import Tolerance, tolerance_by
from services.scheduler import domain
from services.scheduler.doctor_ids import with_aliases
from services.scheduler.domain import CallState, Placed, Unplaced, day_key
from services.scheduler.improve import problem_of
from services.scheduler.improver import Improver
from services.scheduler.metrics import CLINIC_CALLS, CLINIC_CAPACITY, CLINIC_DOCTORS, PLANS, UNPLACED
from services.scheduler.routing import order_of_waiting
from services.scheduler.store import MOST_UNAVAILABLE, ClinicDay, SchedulerStore, schema
from services.scheduler.waiting import packaged_waiting_order

CHANNELS = ("desk", "phone", "portal")
_ROSTER_TYPES = {RosterPublished.TYPE, DoctorUnavailable.TYPE}


class Scheduler:
    """The decisions of ``domain``, bound to the rules. Their facts are the clinics as they are known."""

    def __init__(self, settings: Settings) -> None:
        self._rules = load_rule_sets(settings.rules)
        self._order = packaged_waiting_order()

    def target(self, event: Incoming) -> str | None:
        if event.type.startswith("request.") and not isinstance(event.data, RequestAccepted | RequestCancelled):
            return None
        if isinstance(event.data, RequestCancelled) and event.data.register_number is None:
            return None  # withdrawn before its opening: it never came here
        return event.subject

    def takes_broken(self, _: Incoming) -> bool:
        return False

    def pending(self, state: CallState) -> bool:
        return domain.is_pending(state)

    def decide(self, state: CallState | None, event: Incoming, facts: Clinics, now: datetime) -> Decision[CallState]:
        if event.type == "request.accepted":
            return domain.accepted(state, event, clinics=facts, rule_sets=self._rules, order=self._order, now=now)
        if event.type == "request.cancelled":
            return domain.cancelled(state, event)
        return domain.reported(state, event)

    def due(self, state: CallState, facts: Clinics, now: datetime) -> Decision[CallState]:
        return domain.due(state, clinics=facts, rule_sets=self._rules, now=now)


_TOO_MANY_UNAVAILABLE = Dead(
    "invalid_transition",
    f"doctor_id: {MOST_UNAVAILABLE} doctors have dropped out of this day, and a roster has no more: send the ids of "
    "the roster's doctors",
)
_CHANGES_ENOUGH = 3
_MOST_WORTH = 1_000
"""After so many changes a day is planned again; after fewer when it has been quiet for ``_QUIET_SECONDS``."""
_QUIET_SECONDS = 5.0


@dataclass
class _Changes:
    """How often a day has changed since it was last planned, and when last (monotonic, real seconds)."""

    count: int = 0
    last: float = 0.0


class Roads(Protocol):
    """A router: travel times by road."""

    async def ways(
        self, of: tuple[float, float], others: Mapping[str, tuple[float, float]]
    ) -> dict[str, tuple[int, int]]:
        """Seconds to each of the others and back, by its key; those that are not known are absent."""


class SchedulerEngine(Engine[CallState, Clinics]):
    """Adds to the general engine the days: places given and taken back, rosters, and days that are settled anew."""

    def __init__(
        self,
        store: SchedulerStore,
        scheduler: Scheduler,
        clock: Clock,
        clinics: GlobalTable,
        known: Clinics,
        vault: Vault | None = None,
        roads: Roads | None = None,
        tolerance: Tolerance | None = None,
    ) -> None:
        super().__init__(topics.SCHEDULER, store.calls, scheduler, clock, vault, ClinicEvents(known.zone, tolerance))
        self._roads = roads
        self._days = store
        self._clinics = clinics
        self._known = known
        # A batch, a timer and the settling of a day would only lose to one another.
        self.lock = asyncio.Lock()
        self._freed: set[str] = set()
        self._worth: dict[str, _Changes] = {}
        """Days that have changed since they were last planned again."""
        self._part = 0

    async def handle(self, batch: Sequence[Incoming], now: datetime) -> BatchResult:
        index = None if self._vault is None else partial(self._vault.index, "doctor")
        batch = [with_aliases(each, index) for each in batch]
        async with self.lock:
            if any(
                isinstance(each.data, RequestAccepted | DoctorUnavailable) and self._known.get(each.clinic_id) is None
                for each in batch
            ):
                await self._clinics.catch_up()
            rosters = {index: each for index, each in enumerate(batch) if each.type in _ROSTER_TYPES}
            others = [index for index in range(len(batch)) if index not in rosters]
            unsettled, handled = await self._take_rosters(rosters)
            handled.take(await super().handle([batch[index] for index in others], now), others)
            unsettled |= self._freed
            self._freed = set()
            if unsettled:
                moved = await self.settle(unsettled, now)
                # What this batch says of them stands there already, in its place.
                said = {event.id for event in handled.events}
                handled.events.extend(event for event in moved.events if event.id not in said)
                handled.after.append(moved.told)
            return handled

    async def _take_rosters(self, rosters: Mapping[int, Incoming]) -> tuple[set[str], BatchResult]:
        """Put rosters and drop-outs into their days. The days to settle, also where a replay finds nothing new."""
        handled = BatchResult()
        keys: set[str] = set()
        for index, event in rosters.items():
            if isinstance(event.data, RosterPublished | DoctorUnavailable):
                keys.add(day_key(event.data.clinic_id, event.data.date.isoformat()))
                handled.results[index] = "handled"
                if isinstance(event.data, RosterPublished) and (doctors := _implausible_starts(event.data)):
                    self._log.warning(
                        "a roster's starts cannot be true",
                        clinic_id=event.data.clinic_id,
                        date=event.data.date.isoformat(),
                        doctors=doctors,
                    )
            else:
                handled.dead.append((event, Dead("schema", one_line(event.errors))))
                handled.results[index] = "dead"
        open_keys = set(keys)
        full: dict[int, Incoming] = {}
        while open_keys:
            days = await self._days.load_days(open_keys)
            failpoint("roster.read")
            for index, event in rosters.items():
                data = event.data
                if not isinstance(data, RosterPublished | DoctorUnavailable):
                    continue
                day = days.get(day_key(data.clinic_id, data.date.isoformat()))
                if day is None:
                    continue
                if isinstance(data, RosterPublished):
                    day.take_roster(data, event.causation_id, event.traceparent)
                else:
                    since = datetime.combine(data.date, data.frm, self._known.zone(data.clinic_id))
                    if not day.take_unavailable(data.doctor_id, since, event.causation_id, event.traceparent):
                        full[index] = event
            open_keys = await self._days.save_days(list(days.values()))
            failpoint("roster.written")
        for index, event in full.items():
            handled.dead.append((event, _TOO_MANY_UNAVAILABLE))
            handled.results[index] = "dead"
        return keys, handled

    async def facts_for(self, batch: Sequence[Incoming], loaded: Mapping[str, Aggregate[CallState]]) -> Clinics:
        del batch, loaded
        return self._known

    def likely_new(self, firsts: Mapping[str, Incoming]) -> Collection[str]:
        return [target for target, event in firsts.items() if event.type == RequestAccepted.TYPE]

    # ------------------------------------------------------------ places for single calls

    async def complete_pending(
        self, aggregates: Sequence[Aggregate[CallState]], now: datetime
    ) -> dict[str, Completion[CallState]]:
        """Give places and take them back: one query and one write for all the days concerned."""
        states = {each.id: each.state for each in aggregates if each.state is not None}
        open_keys = {day_key(state.clinic_id, state.day) for state in states.values()}
        concluded: dict[str, Completion[CallState]] = {}
        trusted = True
        while open_keys:
            days = await self._days.load_days(open_keys, trusted=trusted)
            failpoint("day.read")
            await self._by_road(states.values(), days)
            for request_id, state in states.items():
                day = days.get(day_key(state.clinic_id, state.day))
                if day is not None:
                    concluded[request_id] = in_the_day(state, day, now)
            self._changed(days.values())
            # A day as it is in memory is borne out by the write that changes it; without one it is looked up after all.
            unproven = {key for key, day in days.items() if trusted and not day.changed}
            trusted = False
            open_keys = unproven | await self._days.save_days(list(days.values()))
            failpoint("day.written")
            self._freed |= {key for key, day in days.items() if day.dirty is not None}
        return concluded

    async def _by_road(self, states: Collection[CallState], days: Mapping[str, ClinicDay]) -> None:
        """Ask a router, where there is one, for the ways to the calls that are to be placed, before any is.

        What it says is kept in the day, so that nothing is ever reckoned by two answers.
        """
        if self._roads is None:
            return
        asked = [
            (day, call)
            for state in states
            if (day := days.get(day_key(state.clinic_id, state.day))) is not None
            and any(each[2] == "place" for each in state.pending)
            and (call := domain.call_of(state)).spot.known
            and not day.out_of_reach(call)
            and call.request_id not in day.bookings
            and call.request_id not in day.routed
        ]
        answers = await asyncio.gather(
            *(self._roads.ways(*day.around(call)) for day, call in asked), return_exceptions=True
        )
        for (day, call), ways in zip(asked, answers, strict=True):
            if isinstance(ways, Exception):
                # A router is an improvement: whatever is wrong with it stops nobody's visit.
                self._log.error("travel times by road are not used", error=type(ways).__name__, exc_info=ways)
            elif isinstance(ways, BaseException):
                raise ways
            elif ways:
                day.take_routed(call.request_id, ways)

    # ------------------------------------------------------------ planning again

    def _changed(self, days: Iterable[ClinicDay]) -> None:
        for day in days:
            if day.changed:
                change = self._worth.setdefault(day.key, _Changes())
                change.count += 1
                change.last = time.monotonic()
        while len(self._worth) > _MOST_WORTH:  # nobody plans them, or not as fast as they come
            del self._worth[next(iter(self._worth))]

    def worth_planning(self) -> str | None:
        """The day that has changed most since it was planned, once that is enough, or some time ago."""
        enough = {
            key: change.count
            for key, change in self._worth.items()
            if change.count >= _CHANGES_ENOUGH or time.monotonic() - change.last > _QUIET_SECONDS
        }
        return max(enough, key=lambda key: (enough[key], key)) if enough else None

    async def plan_again(
        self, key: str, improver: Improver, send: Callable[[list[OutgoingRecord]], Awaitable[None]]
    ) -> str:
        """Plan the rest of a day again; how that ended. Promises never wait for it: the day is free meanwhile."""
        self._worth.pop(key, None)
        self._part += 1
        async with self.lock:
            day = (await self._days.load_days([key]))[key]
            # By when the plan is there, whoever has set out till then has set out.
            by_then = self.clock.now() + timedelta(seconds=(improver.seconds + 1) * self.clock.speed)
            problem = problem_of(day.plan, by_then, part=self._part) if day.dirty is None else None
            await self._days.save_days([day])
        if problem is None:
            return "nothing"
        routes = await improver.improve(problem)
        if routes is None:
            return "failed"
        async with self.lock:
            day = (await self._days.load_days([key]))[key]
            changed = day.improve(problem, routes, self.clock.now()) if day.dirty is None else None
            if changed is None:
                await self._days.save_days([day])
                return "not taken"
            if changed:
                causation_id = cause_id("/homecall/scheduler", f"{key} {day.version}", "planned again")
                for request_id in changed:
                    day.tell(request_id, causation_id, "less_travel")
                day.mark_dirty(causation_id, "less_travel")
            if await self._days.save_days([day]):
                return "not taken"
            if changed:
                moved = await self.settle({key}, self.clock.now())
                await send(moved.events)
                await moved.told()
            return "taken"

    async def due(self, now: datetime, limit: int = 500) -> Due[CallState]:
        async with self.lock:
            return await super().due(now, limit)

    # ------------------------------------------------------------ whole days

    async def settle(self, keys: set[str], now: datetime) -> Moved:
        """Place again what no longer holds, and whoever waits; tell those whose place changed.

        The day is stored first, with whom it moved; a crash later finds the day still marked and goes on from there.
        """
        days = await self._replan(keys, now)
        # An earlier release may have left a cause empty, and no document can have a field of no name.
        moved = {
            request_id: (day, causation_id or request_id, reason)
            for day in days.values()
            for request_id, (causation_id, reason) in day.moved.items()
        }
        told = await self._tell(moved, now)
        failpoint("settle.told")
        return Moved(self, days, told)

    async def _replan(self, keys: set[str], now: datetime) -> dict[str, ClinicDay]:
        settled: dict[str, ClinicDay] = {}
        open_keys = set(keys)
        while open_keys:
            days = await self._days.load_days(open_keys)
            waiting: dict[str, list[CallState]] = {}
            for each in await self._days.waiting(open_keys):
                if each.state is not None and not each.state.pending:
                    waiting.setdefault(day_key(each.state.clinic_id, each.state.day), []).append(each.state)
            for key, day in days.items():
                _replan(day, waiting.get(key, []), now)
            failpoint("settle.read")
            lost = await self._days.save_days(list(days.values()), hold=False)
            failpoint("settle.written")
            settled.update({key: day for key, day in days.items() if key not in lost})
            open_keys = lost
        return settled

    async def _tell(self, moved: Mapping[str, tuple[ClinicDay, str, str]], now: datetime) -> list[Aggregate[CallState]]:
        told: list[Aggregate[CallState]] = []
        open_ids = set(moved)
        while open_ids:
            calls = await self.store.load(open_ids)
            for request_id, aggregate in calls.items():
                day, causation_id, reason = moved[request_id]
                if aggregate.state is None or day_key(aggregate.state.clinic_id, aggregate.state.day) != day.key:
                    continue
                if aggregate.state.status in {"cancelled", "closed"}:
                    if aggregate.state.status == "cancelled":
                        day.free(request_id, now)  # it was withdrawn while the day was being settled
                        self._freed.add(day.key)
                    continue
                place = day.placed(request_id)
                state, says = domain.settled(aggregate.state, place or Unplaced(_cause(day)), now=now, reason=reason)
                if state != aggregate.state:
                    aggregate.state = state
                    aggregate.changed = True
                    if says:
                        aggregate.add(causation_id, self.say(causation_id, day.trace, says, now))
                        aggregate.owe(causation_id)
            lost = await self._save([each for each in calls.values() if each.changed])
            told.extend(each for each in calls.values() if each.id not in lost and each.unsent)
            open_ids = lost
        return told

    async def tick(self, now: datetime) -> AsyncIterator[Moved]:
        """Settle the days that a crash, or a timer, left marked; where that fails, each by itself."""
        keys = await self._days.dirty_days()
        together = [set(keys)] if keys else []
        while together:
            days = together.pop()
            try:
                moved = await self.settle(days, now)
            except Transient:
                raise
            except Exception as error:
                if len(days) == 1:
                    why = type(error).__name__
                    self._log.error("a day cannot be settled", day=min(days), error=why, exc_info=error)
                else:
                    together += [{key} for key in sorted(days, reverse=True)]
            else:
                yield moved

    async def finish(self, days: Mapping[str, ClinicDay], told: Sequence[Aggregate[CallState]]) -> None:
        """Everybody whose place changed has been told: clear the marks."""
        await self.store.sent(told)
        failpoint("settle.sent")
        for day in days.values():
            if day.dirty is not None or day.moved or day.changed:
                day.clean()
        # A day that somebody changed meanwhile stays marked, and is settled again with the next tick.
        await self._days.save_days(list(days.values()))
        failpoint("settle.cleaned")


class Moved:
    """What the settling of days led to: events to send, then ``told`` to be called."""

    def __init__(
        self, engine: SchedulerEngine, days: Mapping[str, ClinicDay], told: Sequence[Aggregate[CallState]]
    ) -> None:
        self._engine = engine
        self._days = days
        self._told = told

    @property
    def events(self) -> list[OutgoingRecord]:
        """The events to send."""
        return [event for each in self._told for event in each.owed()]

    async def told(self) -> None:
        """The events were acknowledged."""
        await self._engine.finish(self._days, self._told)


def _implausible_starts(roster: RosterPublished) -> int:
    """How many doctors of a roster are said to begin their day where nobody can."""
    starts = [each.start for each in roster.doctors if each.start is not None]
    return sum(implausible(each.lat, each.lon) for each in starts)


def _cause(day: ClinicDay) -> Any:
    return "no_roster" if day.roster is None else "no_capacity"


def _looked_for(state: CallState, day: ClinicDay, now: datetime) -> Placed | Unplaced:
    return day.place(domain.call_of(state), now) or Unplaced(_cause(day))


def in_the_day(
    state: CallState,
    day: ClinicDay,
    now: datetime,
    place_of: Callable[[CallState, ClinicDay, datetime], Placed | Unplaced | None] = _looked_for,
) -> Completion[CallState]:
    """Do what a call has pending in its day. Without a ``place_of`` its own it goes on waiting, and says nothing."""
    withdrawn = any(each[2] == "free" for each in state.pending)
    said: list[tuple[str, str | None, list[OutgoingEvent]]] = []
    pending, state = state.pending, replace(state, pending=[])
    for causation_id, traceparent, what in pending:
        says: list[OutgoingEvent] = []
        if what == "free":
            if day.free(state.request_id, now):
                # Room has appeared: whoever waits is looked at once this is stored.
                day.mark_dirty(str(causation_id), "room", traceparent)
            state, says = domain.given_back(state)
        elif what == "over":
            if day.over(state.request_id, state.outcome or "", datetime.fromisoformat(state.reported_at or ""), now):
                day.mark_dirty(str(causation_id), "room", traceparent)
        elif not withdrawn and state.status == "waiting":
            place = place_of(state, day, now)
            if place is not None:
                state, says = domain.settled(state, place, now=now, reason="no_capacity")
        said.append((str(causation_id), traceparent, says))
    return Completion(state, said)


def _replan(day: ClinicDay, waiting: Sequence[CallState], now: datetime) -> None:
    """Take out of a day what no longer holds, then place that and whoever waits: promises first, then by priority."""
    causation_id, reason = day.dirty or ["", "room"]
    # A day that nobody had marked, and that holds no longer all the same: its clinic has other ways to go by now, say.
    causation_id = causation_id or cause_id("/homecall/scheduler", f"{day.key} {day.version}", "settled")
    for request_id in day.repair(now):
        day.tell(request_id, causation_id, reason)
    calls = {state.request_id: domain.call_of(state) for state in waiting}
    for call in order_of_waiting(calls.values()):
        # One that has a place already was not told of it before a crash.
        if day.place(call, now) is not None:
            day.tell(call.request_id, causation_id, reason)
    if day.changed and day.dirty is None:
        day.mark_dirty(causation_id, reason)


class ClinicGauges:
    """The region's view, off unless the operator asks for it: each clinic's day, read from the store once a minute.

    At most ``MOST`` clinics have series of their own; with more, those with the fewest calls are one, ``_other``.
    """

    MOST = 500
    EVERY_SECONDS = 60.0

    def __init__(self, store: SchedulerStore) -> None:
        self._store = store
        self._next = 0.0

    async def refresh(self, now: datetime) -> None:
        """Read the day anew if a minute has passed."""
        if time.monotonic() < self._next:
            return
        loads = await self._store.loads(now.astimezone(ZONE).date())
        if loads:  # a day that has just begun shows its first clinic at once
            self._next = time.monotonic() + self.EVERY_SECONDS
        # Yesterday's clinics, and those that have become part of the others, must not stay as they were.
        for gauge in (CLINIC_CALLS, CLINIC_CAPACITY, CLINIC_DOCTORS):
            gauge.clear()
        ranked = sorted(loads.items(), key=lambda each: (-_calls(each[1]), each[0]))
        shown = dict(ranked[: self.MOST])
        rest = Counter[str]()
        for _, load in ranked[self.MOST :]:
            rest.update(load)
        for clinic_id, found in [*shown.items(), *([("_other", rest)] if rest else [])]:
            for state in ("placed", "waiting"):
                CLINIC_CALLS.labels(clinic_id, state).set(found.get(state, 0))
            CLINIC_CAPACITY.labels(clinic_id).set(found.get("capacity", 0))
            for load_name in ("light", "busy", "full"):
                CLINIC_DOCTORS.labels(clinic_id, load_name).set(found.get(load_name, 0))


def _calls(load: Mapping[str, int]) -> int:
    return load.get("placed", 0) + load.get("waiting", 0)


def build(settings: Settings, clock: Clock) -> Service:
    """Put the scheduler together. Raises ``SettingsError`` or ``RuleSetError`` with one line where it cannot start."""
    vault = Vault.from_settings(settings)
    database = Database(settings.mongo_url, f"{settings.mongo_prefix}_{topics.SCHEDULER}")
    producer = Producer(settings, f"homecall-{topics.SCHEDULER}")
    known = Clinics()
    store = SchedulerStore(database, lambda clinic_id: domain.dispatch_of(known.get(clinic_id)), settings.bookings_held)

    def take(event: Incoming) -> None:
        if isinstance(event.data, ClinicPublished):
            known.take(event.data)

    clinics = GlobalTable(
        settings, topics.SCHEDULER, topics.CLINICS, take, LastKnownGood(database.collection("clinics"))
    )
    roads = osrm_from(settings)
    # Under another clock than the world's, a record's time says nothing about the event's (R17).
    tolerance = tolerance_by(load_rule_sets(settings.rules)) if isinstance(clock, SystemClock) else None
    engine = SchedulerEngine(store, Scheduler(settings), clock, clinics, known, vault, roads, tolerance)
    improver = Improver(settings.replan_seconds)
    planning: set[asyncio.Task[None]] = set()

    async def plan(key: str) -> None:
        try:
            result = await engine.plan_again(key, improver, producer.send)
        except Exception as error:  # whatever it was: promises stand, and a day that was left marked is settled
            log(topics.SCHEDULER).warning("a day was not planned again", error=type(error).__name__)
            result = "failed"
        PLANS.labels(result).inc()

    async def plan_again(_: datetime) -> None:
        # Never awaited here: timers and batches go on while a plan is made.
        improver.tidy()
        if not planning and improver.ready and (key := engine.worth_planning()) is not None:
            task = asyncio.create_task(plan(key), name="plan again")
            planning.add(task)
            task.add_done_callback(planning.discard)

    async def close() -> None:
        for task in list(planning):
            task.cancel()
        await asyncio.gather(*planning, return_exceptions=True)
        await improver.close()
        if roads is not None:
            await roads.close()

    async def settle(now: datetime) -> None:
        async with engine.lock:
            async for moved in engine.tick(now):
                await producer.send(moved.events)
                await moved.told()

    by_clinic = ClinicGauges(store)

    async def gauges(now: datetime) -> None:
        refresh_open("visit", await store.open_visits(), CHANNELS, now)
        unplaced = await store.unplaced()
        for causation_id in ("no_roster", "no_capacity"):
            UNPLACED.labels(causation_id).set(unplaced.get(causation_id, 0))
        if settings.clinic_metrics:
            await by_clinic.refresh(now)

    metrics.expect_outcomes(counted_by(topics.SCHEDULER))
    return Service(
        name=topics.SCHEDULER,
        settings=settings,
        clock=clock,
        database=database,
        producer=producer,
        topics=[topic for topic in topics.read_by(topics.SCHEDULER) if not topic.whole],
        handler=engine,
        engines=[engine],
        tables=[clinics],
        schema=schema(database),
        prepare=[store.prepare],
        ticks=[settle, clinics.keep, plan_again],
        close=[close],
        gauges=gauges,
        notes=[] if roads is None else [roads.note],
    )
