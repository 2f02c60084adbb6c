"""Intake: requests in, decisions out. What it hears, what it decides with, where it keeps it, what it says."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from services.contract import topics
from services.contract.envelope import Incoming
from services.contract.events import ClinicPublished, RequestSubmitted
from services.contract.types import ZONE
from services.intake import domain
from services.intake.domain import Holder, RequestState, awaits_number
from services.intake.store import IntakeStore, page_of
from services.runtime import metrics
from services.runtime.clock import Clock, SystemClock
from services.runtime.decision import Decision
from services.runtime.engine import Concluded, Engine
from services.runtime.logs import log
from services.runtime.mongo import Aggregate, Database
from services.runtime.producer import Producer
from services.runtime.service import Service
from services.runtime.settings import Settings, require_identity_off, require_signatures_off
from services.runtime.table import WholeTopic
from services.standard.calendar import decrees_missing
from services.standard.clinics import Clinics
from services.standard.rules import load_rule_sets


class Intake:
    """The decisions of ``domain``, bound to the clinics, the rules and the claims of the batch in hand."""

    def __init__(self, settings: Settings, clinics: Clinics, *, judge_record_time: bool) -> None:
        self._clinics = clinics
        self._rules = load_rule_sets(settings.rules)
        self._key = settings.personal_key()
        self._judge_record_time = judge_record_time
        self._loaded: Mapping[str, Aggregate[RequestState]] = {}
        self._held: dict[str, str] = {}

    def look_at(self, loaded: Mapping[str, Aggregate[RequestState]]) -> None:
        """Take the aggregates of a batch: who among them holds a claim, as they stand while it is decided (R11)."""
        self._loaded = loaded
        self._held = {each.state.claim: each.id for each in loaded.values() if each.state and each.state.claim}

    def claim(self, event: Incoming) -> str | None:
        """What stands for the patient at the clinic: a keyed hash, so that the store holds no IIN (R11)."""
        if not isinstance(event.data, RequestSubmitted):
            return None
        hashed = hmac.new(self._key, event.data.patient.iin.encode(), hashlib.sha256).hexdigest()
        return f"{event.clinic_id}|{hashed}"

    def target(self, event: Incoming) -> str | None:
        return event.subject

    def takes_broken(self, event: Incoming) -> bool:
        return event.type == RequestSubmitted.TYPE

    def pending(self, state: RequestState) -> bool:
        return awaits_number(state)

    def decide(self, state: RequestState | None, event: Incoming, now: datetime) -> Decision[RequestState]:
        if event.type == "request.submitted":
            return self._submitted(state, event, now)
        if event.type == "request.withdrawn":
            return domain.withdrawn(state, event)
        return domain.visit_known(state, event)

    def _submitted(self, state: RequestState | None, event: Incoming, now: datetime) -> Decision[RequestState]:
        claim = self.claim(event)
        held = self._loaded.get(self._held.get(claim, "")) if claim else None
        if held is not None and (held.state is None or held.state.claim != claim):
            held = None  # it gave the claim up earlier in this batch
        decision = domain.submitted(
            state,
            event,
            clinics=self._clinics,
            rule_sets=self._rules,
            claim=claim,
            holder=_holder(held),
            record_time=self._record_time(event),
            now=now,
        )
        if claim and decision.state is not None and decision.state.claim == claim:
            self._held[claim] = event.subject
            if held is not None and held.state is not None:
                # The holder's visit date is over by this application: the claim goes on to the new request.
                held.state = domain.release(held.state)
                held.changed = True
        return decision

    def _record_time(self, event: Incoming) -> datetime | None:
        return domain.recorded_at(event.record) if self._judge_record_time else None

    def due(self, state: RequestState, now: datetime) -> Decision[RequestState]:
        if state.status != "deferred":
            return Decision()
        return domain.opening(state, clinics=self._clinics, rule_sets=self._rules, now=now)


def _holder(held: Aggregate[RequestState] | None) -> Holder | None:
    if held is None or held.state is None or held.state.visit_date is None:
        return None
    return Holder(held.id, datetime.fromisoformat(held.state.visit_date).date())


class IntakeEngine(Engine[RequestState]):
    """Adds to the general engine the claims of R11 and the register's numbers."""

    def __init__(self, store: IntakeStore, intake: Intake, clock: Clock, clinics: WholeTopic, known: Clinics) -> None:
        super().__init__(topics.INTAKE, store.requests, intake, clock)
        self._intake_store = store
        self._intake = intake
        self._clinics = clinics
        self._known = known

    async def load(self, targets: Collection[str], batch: Sequence[Incoming]) -> dict[str, Aggregate[RequestState]]:
        if any(event.type == RequestSubmitted.TYPE and self._known.get(event.clinic_id) is None for event in batch):
            # Between topics there is no order: the clinic may have been published a moment ago.
            await self._clinics.catch_up()
        loaded = await self.store.load(targets)
        claims = {claim for event in batch if event.subject in targets and (claim := self._intake.claim(event))}
        holders = await self._intake_store.holding(claims)
        for each in holders:
            loaded.setdefault(each.id, each)
        self._intake.look_at(loaded)
        return loaded

    async def second_stage(
        self, aggregates: Sequence[Aggregate[RequestState]], now: datetime
    ) -> dict[str, Concluded[RequestState]]:
        """Give register numbers, in the order of the batch: one query and one write for all."""
        del now
        pages = {each.id: page_of(each.state) for each in aggregates if each.state is not None}
        numbers = await self._intake_store.pages.allot([(page, request_id) for request_id, page in pages.items()])
        concluded = {}
        for each in aggregates:
            if each.state is not None:
                state, said = domain.numbered(each.state, numbers[pages[each.id], each.id])
                concluded[each.id] = Concluded(state, said)
        return concluded


def _take(known: Clinics, event: Incoming) -> None:
    if isinstance(event.data, ClinicPublished):
        known.take(event.data)


def build(settings: Settings, clock: Clock) -> Service:
    """Put intake together. Raises ``SettingsError`` or ``RuleSetError`` with one line where it cannot start."""
    require_signatures_off(settings)
    require_identity_off(settings)
    database = Database(settings.mongo_url, f"{settings.mongo_prefix}_{topics.INTAKE}")
    producer = Producer(settings, f"homecall-{topics.INTAKE}")
    store = IntakeStore(database)
    known = Clinics()
    clinics = WholeTopic(settings, topics.INTAKE, topics.CLINICS, lambda event: _take(known, event))
    # Under another clock than the world's, a record's time says nothing about the event's (R17).
    intake = Intake(settings, known, judge_record_time=isinstance(clock, SystemClock))
    engine = IntakeEngine(store, intake, clock, clinics, known)

    async def look_at_decrees() -> None:
        """Say where the government's decrees for this or the next year are not in our table (R8)."""
        this_year = clock.now().astimezone(ZONE).year
        for year in (this_year, this_year + 1):
            missing = decrees_missing(year)
            metrics.DECREES_MISSING.labels(str(year)).set(missing)
            # The next year's come out in autumn at the earliest: only this year's absence is worth a warning.
            if missing and year == this_year:
                log(topics.INTAKE).warning("no table of government decrees: moved days off are not known", year=year)

    async def bury_bad_clinics(_: datetime) -> None:
        """Make a dead letter of each clinic record that cannot be read: here alone, and once over all restarts."""
        bad = {f"{record.partition}-{record.offset}": (record, reason, why) for record, reason, why in clinics.bad}
        new = await store.not_buried(bad) if bad else set()
        letters = [(*letter, topics.INTAKE) for place, letter in bad.items() if place in new]
        await producer.send([], letters)
        await store.bury(new)
        clinics.bad.clear()
        for record, reason, _why, _service in letters:
            metrics.DEAD_LETTERS.labels(record.topic, reason).inc()

    return Service(
        name=topics.INTAKE,
        settings=settings,
        clock=clock,
        database=database,
        producer=producer,
        topics=[topic for topic in topics.read_by(topics.INTAKE) if not topic.whole],
        handler=engine,
        engines=[engine],
        tables=[clinics],
        prepare=[store.prepare, look_at_decrees],
        ticks=[bury_bad_clinics],
    )
