"""Handles batches of calls and rosters: loads the facts and the days, decides, stores, and settles what changed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol

from homecall.contract import topics
from homecall.contract.envelope import Incoming
from homecall.contract.errors import one_line
from homecall.contract.events import DoctorUnavailable, RequestAccepted, RequestCancelled, RosterPublished
from homecall.runtime.clock import Clock
from homecall.runtime.encryption import Vault
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.engine.completion import Completion
from homecall.runtime.engine.decision import Dead, Decision
from homecall.runtime.engine.engine import Engine
from homecall.runtime.engine.protocols import Domain
from homecall.runtime.engine.timers import Due
from homecall.runtime.failpoint import failpoint
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.standard.clinic_events import ClinicEvents
from homecall.standard.places import implausible
from homecall.standard.stated_times import Tolerance
from services.scheduler.domain.bookings import Coordinates
from services.scheduler.domain.calls import Facts, accepted, assigned, cancelled, due, released, reported
from services.scheduler.domain.clinic_day import MOST_UNAVAILABLE, ClinicDay
from services.scheduler.domain.continuity import INDEX, Returning, last_doctor, patient_of
from services.scheduler.domain.doctor_ids import with_aliases
from services.scheduler.domain.pending import Said, carry_out
from services.scheduler.domain.state import CallState, call_of, day_key, is_pending, key_of
from services.scheduler.planning import DayChanges
from services.scheduler.settler import Settled, Settler
from services.scheduler.store import SchedulerStore

_TOO_MANY_UNAVAILABLE = Dead(
    "invalid_transition",
    f"doctor_id: {MOST_UNAVAILABLE} doctors have dropped out of this day, and a roster has no more: send the ids of "
    "the roster's doctors",
)
_ROSTER_TYPES = {RosterPublished.TYPE, DoctorUnavailable.TYPE}


def _turn(call: Aggregate[CallState]) -> tuple[bool, bool, tuple[str, int, int], datetime, str]:
    """When a call asks its day, among those carried out together: what may make room, then those that want a place.

    Each by the record that asks for it. First come those whose records are not in hand, since an earlier batch left
    them: by time of acceptance, then by id.
    """
    assert call.state is not None
    pending = call.state.pending
    records = [call.places[each.causation_id] for each in pending if each.causation_id in call.places]
    wants_place = any(each.errand == "place" for each in pending)
    return wants_place, bool(records), min(records, default=("", 0, 0)), call.state.accepted_at, call.id


class CallDecisions(Domain[CallState, Facts]):
    """Which event about a call leads to which decision."""

    def target(self, event: Incoming) -> str | None:
        if event.type.startswith("request.") and not isinstance(event.data, RequestAccepted | RequestCancelled):
            return None
        if isinstance(event.data, RequestCancelled) and event.data.register_number is None:
            return None  # withdrawn before its opening: it never came here
        return event.subject

    def pending(self, state: CallState) -> bool:
        return is_pending(state)

    def decide(self, state: CallState | None, event: Incoming, facts: Facts, now: datetime) -> Decision[CallState]:
        if event.type == "request.accepted":
            return accepted(state, event, facts, now)
        if event.type == "request.cancelled":
            return cancelled(state, event)
        if event.type == "visit.assigned":
            return assigned(state, event)
        if event.type == "visit.released":
            return released(state, event)
        return reported(state, event)

    def due(self, state: CallState, facts: Facts, now: datetime) -> Decision[CallState]:
        return due(state, facts, now)


class Router(Protocol):
    """Knows travel times by road."""

    async def travel_times(self, of: Coordinates, others: Mapping[str, Coordinates]) -> dict[str, tuple[int, int]]:
        """Seconds to each of the others and back, by its key; those that are not known are absent."""


@dataclass(frozen=True)
class Outside:
    """What the scheduler asks outside: the topic of clinics, a router, the keys that seal."""

    clinics: GlobalTable
    router: Router | None = None
    vault: Vault | None = None


class SchedulerEngine(Engine[CallState, Facts]):
    """Adds the days to the general engine: places given and taken back, rosters, and days that are settled.

    ``tolerance`` is how far ahead of its record a stated time may be; None where that is not judged (R21).
    """

    def __init__(
        self, store: SchedulerStore, facts: Facts, outside: Outside, clock: Clock, tolerance: Tolerance | None = None
    ) -> None:
        events = ClinicEvents(facts.clinics.zone, tolerance)
        super().__init__(topics.SCHEDULER, store.calls, CallDecisions(), clock, outside.vault, events)
        self.days = store
        self._facts = facts
        self.outside = outside
        # A batch, a timer, the settling of a day and a new plan would only lose to one another.
        self.lock = asyncio.Lock()
        self.settler = Settler(store, self.say)
        self.changes = DayChanges()

    async def handle(self, batch: Sequence[Incoming], now: datetime) -> BatchResult:
        index = None if self.outside.vault is None else partial(self.outside.vault.index, "doctor")
        batch = [with_aliases(each, index) for each in batch]
        async with self.lock:
            if any(map(self._needs_clinic, batch)):
                await self.outside.clinics.catch_up()
            rosters = {index: each for index, each in enumerate(batch) if each.type in _ROSTER_TYPES}
            others = [index for index in range(len(batch)) if index not in rosters]
            handled = await self.take_rosters(rosters)
            handled.take(await super().handle([batch[index] for index in others], now), others)
            if handled.unsettled:
                settled = await self.settle(handled.unsettled, now)
                # What this batch says of them stands there already, in its place.
                said = {event.id for event in handled.events}
                handled.events.extend(event for event in settled.events if event.id not in said)
                handled.after.append(settled.finish)
            return handled

    def _needs_clinic(self, event: Incoming) -> bool:
        needs = isinstance(event.data, RequestAccepted | DoctorUnavailable)
        return needs and self._facts.clinics.get(event.clinic_id) is None

    async def facts_for(self, batch: Sequence[Incoming], loaded: Mapping[str, Aggregate[CallState]]) -> Facts:
        del loaded
        vault = self.outside.vault
        if vault is None:
            return self._facts
        accepted_now = [each.data for each in batch if isinstance(each.data, RequestAccepted)]
        patients = {
            data.request_id: patient
            for data in accepted_now
            if self.days.remembers_doctors(data.clinic_id)
            and (patient := patient_of(data, partial(vault.index, INDEX))) is not None
        }
        if not patients:
            return self._facts
        visits = await self.days.visits_of(set(patients.values()))
        returning = {
            data.request_id: Returning(patient, last_doctor(visits.get(patient, []), data.visit_date))
            for data in accepted_now
            if (patient := patients.get(data.request_id)) is not None
        }
        return replace(self._facts, returning=returning)

    async def settle(self, keys: Collection[str], now: datetime) -> Settled:
        return await self.settler.settle(keys, now)

    async def due(self, now: datetime, limit: int = 500) -> Due[CallState]:
        async with self.lock:
            return await super().due(now, limit)

    def likely_new(self, firsts: Mapping[str, Incoming]) -> Collection[str]:
        return [target for target, event in firsts.items() if event.type == RequestAccepted.TYPE]

    # ------------------------------------------------------------ rosters

    async def take_rosters(self, rosters: Mapping[int, Incoming]) -> BatchResult:
        """Put rosters and drop-outs into their days. They are to be settled, also where a replay finds nothing new."""
        handled = BatchResult()
        taken: dict[int, RosterPublished | DoctorUnavailable] = {}
        for index, event in rosters.items():
            if isinstance(event.data, RosterPublished | DoctorUnavailable):
                taken[index] = event.data
                handled.results[index] = "handled"
                if isinstance(event.data, RosterPublished):
                    self._warn_of_starts(event.data)
            else:
                handled.dead.append((event, Dead("schema", one_line(event.errors))))
                handled.results[index] = "dead"
        handled.unsettled = open_keys = {day_key(data.clinic_id, data.date) for data in taken.values()}
        self.changes.note_rosters(open_keys)
        refused: set[int] = set()
        while open_keys:
            days = await self.days.load_days(open_keys)
            failpoint("roster.read")
            for index, data in taken.items():
                day = days.get(day_key(data.clinic_id, data.date))
                if day is not None and not self._take(day, data, rosters[index]):
                    refused.add(index)
            open_keys = await self.days.save_days(list(days.values()))
            failpoint("roster.written")
        for index in sorted(refused):
            handled.dead.append((rosters[index], _TOO_MANY_UNAVAILABLE))
            handled.results[index] = "dead"
        return handled

    def _take(self, day: ClinicDay, data: RosterPublished | DoctorUnavailable, event: Incoming) -> bool:
        if isinstance(data, RosterPublished):
            day.take_roster(data, event.causation_id, event.traceparent)
            return True
        since = datetime.combine(data.date, data.frm, self._facts.clinics.zone(data.clinic_id))
        return day.take_unavailable(data.doctor_id, since, event.causation_id, event.traceparent)

    def _warn_of_starts(self, roster: RosterPublished) -> None:
        starts = [each.start for each in roster.doctors if each.start is not None]
        if doctors := sum(implausible(each.lat, each.lon) for each in starts):
            self._log.warning(
                "a roster's starts cannot be true", clinic_id=roster.clinic_id, date=str(roster.date), doctors=doctors
            )

    # ------------------------------------------------------------ places for single calls

    async def complete_pending(
        self, aggregates: Sequence[Aggregate[CallState]], now: datetime
    ) -> dict[str, Completion[CallState]]:
        """Give places and take them back: one query and one write for the days of a portion, mostly for all of them.

        In the order of ``_turn``, not in that of the store: after a crash the last place goes to the same call.
        """
        in_turn = sorted((each for each in aggregates if each.state is not None), key=_turn)
        states = {each.id: each.state for each in in_turn if each.state is not None}
        by_day: dict[str, dict[str, CallState]] = {}
        for request_id, state in states.items():
            by_day.setdefault(key_of(state), {})[request_id] = state
        outcomes: dict[str, tuple[CallState, Sequence[Said]]] = {}
        unsettled: set[str] = set()
        for keys in self.days.portions(by_day):
            of_portion = {name: state for key in keys for name, state in by_day[key].items()}
            unsettled |= await self._carry_out(of_portion, outcomes, now)
        return {
            request_id: Completion(state, said, unsettled=unsettled & {key_of(state)})
            for request_id, (state, said) in ((name, outcomes[name]) for name in states if name in outcomes)
        }

    async def _carry_out(
        self, states: Mapping[str, CallState], outcomes: dict[str, tuple[CallState, Sequence[Said]]], now: datetime
    ) -> set[str]:
        """Carry out what these calls ask of their days, until all days are saved. The days that are to be settled."""
        open_keys = {key_of(state) for state in states.values()}
        unsettled: set[str] = set()
        cached = True
        while open_keys:
            days = await self.days.load_days(open_keys, cached=cached)
            failpoint("day.read")
            await self._ask_router(states.values(), days)
            for request_id, state in states.items():
                day = days.get(key_of(state))
                if day is not None:
                    outcomes[request_id] = carry_out(state, day, now)
            self.changes.note(days.values())
            # A cached day is validated by its own versioned write. One that did not change is read after all.
            unproven = {key for key, day in days.items() if cached and not day.changed}
            cached = False
            open_keys = unproven | await self.days.save_days(list(days.values()))
            failpoint("day.written")
            unsettled |= {key for key, day in days.items() if day.dirty is not None}
        return unsettled

    async def _ask_router(self, states: Collection[CallState], days: Mapping[str, ClinicDay]) -> None:
        """Ask the router, where there is one, for the travel times of the calls to be placed, before any is placed.

        The day keeps the answers, so that no decision ever uses two of them.
        """
        router = self.outside.router
        if router is None:
            return
        asked = [
            (day, call)
            for state in states
            if (day := days.get(key_of(state))) is not None
            and any(each.errand in {"place", "assign"} for each in state.pending)
            and day.wants_travel_times(call := call_of(state))
        ]
        answers = await asyncio.gather(
            *(router.travel_times(*day.around(call)) for day, call in asked), return_exceptions=True
        )
        for (day, call), travel_times in zip(asked, answers, strict=True):
            if isinstance(travel_times, Exception):
                # A router is an improvement: whatever is wrong with it stops nobody's visit.
                error = type(travel_times).__name__
                self._log.error("travel times by road are not used", error=error, exc_info=travel_times)
            elif isinstance(travel_times, BaseException):
                raise travel_times
            elif travel_times:
                day.take_routed(call.request_id, travel_times)
