"""Intake: requests in, decisions out. What it hears, what it decides with, where it keeps it, what it says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, get_args

from homecall.contract import topics
from homecall.contract.envelope import Incoming, read
from homecall.contract.envelope import Unreadable as NoEvent
from homecall.contract.events import ClinicPublished, RefusalCode, RequestSubmitted
from homecall.contract.types import ZONE
from homecall.gateways.identity import identity_from
from homecall.gateways.signatures.choice import verifier_from
from homecall.runtime import metrics
from homecall.runtime.clock import Clock, SystemClock
from homecall.runtime.encryption import Unreadable, Vault
from homecall.runtime.engine.decision import Decision
from homecall.runtime.engine.engine import Completion, Engine, as_bytes, from_bytes
from homecall.runtime.failpoint import failpoint
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.logs import log
from homecall.runtime.mongo.last_known_good import LastKnownGood
from homecall.runtime.mongo.mongo import Aggregate, Database, moment_of
from homecall.runtime.service import Service
from homecall.runtime.settings import Settings
from homecall.standard.calendar import decrees_missing
from homecall.standard.clinic_events import ClinicEvents
from homecall.standard.clinics import Clinics
from homecall.standard.deadlines import counted_by
from homecall.standard.rules import RuleSet, RuleSets, load_rule_sets
from homecall.standard.stated_times import Tolerance, tolerance_by
from services.intake import domain
from services.intake.checks import UNASKED, UNCHECKED, Checks
from services.intake.domain import Holder, RequestState, awaits_number
from services.intake.metrics import DECREES_MISSING, HELD, OLDEST_HELD_SECONDS
from services.intake.outside import Outside
from services.intake.store import IntakeStore, page_of, schema, sealed_place

CHANNELS = ("desk", "phone", "portal")
QUEUED = ("desk", "phone")
"""The channels whose wait to hand in the documents is measured (C4.2)."""
SIGNED = ("portal",)
"""The channels whose requests are signed, and held while that cannot be checked."""


_CLAIMS_KEPT = 2_000


@dataclass(frozen=True)
class BatchFacts:
    """What requests are decided by, besides the clinics and the rules."""

    checks: Mapping[str, Checks]
    """By cause, what others said of the requests."""
    holders: Mapping[str, RequestState]
    """By claim, the open request that holds it (R11)."""
    kept: Mapping[str, Incoming] = field(default_factory=dict)
    """By request, the held events that are tried again."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """By request, what the register of persons said to a later question."""

    def after(self, before: RequestState | None, state: RequestState) -> BatchFacts:
        """The facts once a request has become ``state``: it may have given up a claim, or taken one."""
        held = None if before is None else before.claim
        if held is None and state.claim is None:
            return self
        holders = dict(self.holders)
        if held is not None and held in holders and holders[held].request_id == state.request_id:
            del holders[held]
        if state.claim is not None:
            holders[state.claim] = state
        return replace(self, holders=holders)


def _holders(loaded: Mapping[str, Aggregate[RequestState]]) -> dict[str, RequestState]:
    return {each.state.claim: each.state for each in loaded.values() if each.state and each.state.claim}


class Intake:
    """The decisions of ``domain``, bound to the clinics and the rules."""

    def __init__(self, rule_sets: RuleSets, clinics: Clinics, vault: Vault, *, judge_record_time: bool) -> None:
        self._clinics = clinics
        self._rules = rule_sets
        self._vault = vault
        self._judge_record_time = judge_record_time
        self.claims: dict[tuple[str, int, int], str] = {}
        """By topic, partition and offset, the claims of the last records: each is asked for several times."""

    def kept_event(self, state: RequestState) -> Incoming | None:
        """The event of a held request, as it came; None where it cannot be opened."""
        kept = self._opened(state, "kept", state.kept)
        try:
            return None if kept is None else read(from_bytes(kept))
        except NoEvent as error:  # for this release, which reads more strictly than the one that kept it
            log(topics.INTAKE).error("a check waits", subject=state.request_id, reason=str(error))
            return None

    def unconfirmed_iin(self, state: RequestState) -> str | None:
        """The IIN of a patient who is to be asked about again; None where it cannot be opened."""
        iin = self._opened(state, "unconfirmed", state.unconfirmed)
        return None if iin is None else iin.decode()

    def _opened(self, state: RequestState, name: str, sealed: Mapping[str, Any] | None) -> bytes | None:
        if sealed is None:
            return None
        try:
            return self._vault.open(sealed, sealed_place(state.request_id, name))
        except Unreadable as error:
            # It must not keep the others from their time; it is tried again, in case the key is put back.
            log(topics.INTAKE).error("a check waits", subject=state.request_id, reason=str(error))
            return None

    def claim(self, event: Incoming) -> str | None:
        """What stands for the patient at the clinic: a keyed hash, so that the store holds no IIN (R11)."""
        if not isinstance(event.data, RequestSubmitted):
            return None
        place = (event.record.topic, event.record.partition, event.record.offset)
        claim = self.claims.get(place)
        if claim is None:
            if len(self.claims) >= _CLAIMS_KEPT:
                self.claims.clear()
            claim = f"{event.clinic_id}|{self._vault.index('patient', event.data.patient.iin)}"
            self.claims[place] = claim
        return claim

    def _persons(self, event: Incoming) -> list[str]:
        """What stands for the patient and the applicant in what is said of this call, and nowhere else."""
        data = event.data
        if not isinstance(data, RequestSubmitted):
            return []
        iins = [data.patient.iin, *([data.applicant.iin] if data.applicant else [])]
        return [self._vault.of_call(data.request_id, iin) for iin in dict.fromkeys(iins)]

    def target(self, event: Incoming) -> str | None:
        return event.subject

    def takes_broken(self, event: Incoming) -> bool:
        return event.type == RequestSubmitted.TYPE

    def pending(self, state: RequestState) -> bool:
        return awaits_number(state)

    def decide(
        self, state: RequestState | None, event: Incoming, facts: BatchFacts, now: datetime
    ) -> Decision[RequestState]:
        if event.type == "request.submitted":
            return self._submitted(state, event, facts, now)
        if event.type == "request.withdrawn":
            return domain.withdrawn(state, event)
        return domain.visit_known(state, event)

    def _submitted(
        self, state: RequestState | None, event: Incoming, facts: BatchFacts, now: datetime
    ) -> Decision[RequestState]:
        claim = self.claim(event)
        holder = facts.holders.get(claim) if claim else None
        decision = domain.submitted(
            state,
            event,
            clinics=self._clinics,
            rule_sets=self._rules,
            claim=claim,
            holder=_holder(holder),
            record_time=self._record_time(event),
            now=now,
            checks=_checks(facts, event),
            persons=self._persons(event),
        )
        if holder is not None and decision.state is not None and decision.state.claim == claim:
            # The holder's visit date is over by this application: the claim goes on to the new request.
            decision = replace(decision, others={holder.request_id: domain.release(holder)})
        return self._sealed(decision, event)

    def _sealed(self, decision: Decision[RequestState], event: Incoming) -> Decision[RequestState]:
        """Keep what a later check needs, sealed: the whole event of a held request, the IIN of an unconfirmed one."""
        state = decision.state
        if state is None or not isinstance(event.data, RequestSubmitted):
            return decision
        if state.status == "held" and state.kept is None:
            kept = self._vault.seal(as_bytes(event.record), sealed_place(state.request_id, "kept"))
            return replace(decision, state=replace(state, kept=kept))
        if state.ask_again_at is not None and state.unconfirmed is None:
            iin = event.data.patient.iin.encode()
            sealed = self._vault.seal(iin, sealed_place(state.request_id, "unconfirmed"))
            return replace(decision, state=replace(state, unconfirmed=sealed))
        return decision

    def _record_time(self, event: Incoming) -> datetime | None:
        return event.record.recorded_at if self._judge_record_time else None

    def due(self, state: RequestState, facts: BatchFacts, now: datetime) -> Decision[RequestState]:
        if state.status == "held":
            return self._held_again(state, facts, now)
        if _is_due(state.ask_again_at, now):
            found = facts.asked.get(state.request_id, "away")
            if found == "confirmed":
                return domain.identity_known(state, "confirmed", now)
            if found == "not_found":
                return domain.identity_known(state, "not_found", now)
            return domain.identity_unknown(state, now, give_up=found == "no_consent")
        if state.status != "deferred" or now < datetime.fromisoformat(state.look_again_at or state.opens_at or ""):
            return Decision()
        return domain.opening(state, clinics=self._clinics, rule_sets=self._rules, now=now)

    def _rules_of(self, state: RequestState) -> RuleSet:
        """The rules of a held request's day: it was found when it was held."""
        submitted_at = datetime.fromisoformat(state.request["submitted_at"])
        return self._rules.nearest(domain.local_date(submitted_at, self._clinics.zone(state.clinic_id)))

    def _held_again(self, state: RequestState, facts: BatchFacts, now: datetime) -> Decision[RequestState]:
        event = facts.kept.get(state.request_id)
        if event is None or _checks(facts, event).signature == "away":
            return domain.still_held(state, now, self._rules_of(state))
        decided = self._submitted(None, event, facts, now)
        # What it says belongs to the event that asked for it, however long it was held up.
        return replace(decided, causation_id=(event.causation_id, event.traceparent))


def _checks(facts: BatchFacts, event: Incoming) -> Checks:
    """What was said of a request. A signature that nobody was asked about is not a sound one."""
    data = event.data
    signed = isinstance(data, RequestSubmitted) and data.channel == "portal"
    return facts.checks.get(event.causation_id, UNCHECKED if signed else UNASKED)


def _holder(held: RequestState | None) -> Holder | None:
    if held is None or held.visit_date is None:
        return None
    return Holder(held.request_id, datetime.fromisoformat(held.visit_date).date())


class IntakeEngine(Engine[RequestState, BatchFacts]):
    """Adds to the general engine the claims of R11 and the register's numbers."""

    def __init__(
        self,
        store: IntakeStore,
        intake: Intake,
        clock: Clock,
        clinics: GlobalTable,
        known: Clinics,
        outside: Outside,
        vault: Vault | None = None,
        tolerance: Tolerance | None = None,
    ) -> None:
        super().__init__(topics.INTAKE, store.requests, intake, clock, vault, ClinicEvents(known.zone, tolerance))
        self._outside = outside
        self._intake_store = store
        self._intake = intake
        self._clinics = clinics
        self._known = known
        self._answers: Mapping[str, Checks] = {}
        """What was said of the last batch: where it is handled again, nobody is asked twice."""

    def likely_new(self, firsts: Mapping[str, Incoming]) -> Collection[str]:
        """A request that is submitted, but where the batch has two of one patient: there one looks at the other.

        Nor one that somebody is asked about outside, which is not done for a repetition.
        """
        claims = {target: claim for target, event in firsts.items() if (claim := self._intake.claim(event))}
        often = Counter(claims.values())
        return [
            target
            for target, claim in claims.items()
            if often[claim] == 1 and not self._outside.asks_about(firsts[target])
        ]

    async def load(
        self, targets: Collection[str], batch: Sequence[Incoming], cached: Mapping[str, Aggregate[RequestState]]
    ) -> dict[str, Aggregate[RequestState]]:
        """Also the requests that hold the claims of the batch's patients: they may have to give them up."""
        claims = {claim for event in batch if event.subject in targets and (claim := self._intake.claim(event))}
        loaded, holders = await asyncio.gather(self.store.load(targets), self._intake_store.holding(claims))
        for each in holders:
            loaded.setdefault(each.id, each)
        return {**loaded, **cached}

    async def facts_for(self, batch: Sequence[Incoming], loaded: Mapping[str, Aggregate[RequestState]]) -> BatchFacts:
        if any(event.type == RequestSubmitted.TYPE and self._known.get(event.clinic_id) is None for event in batch):
            # Between topics there is no order: the clinic may have been published a moment ago.
            await self._clinics.catch_up()
        new = [
            event
            for event in batch
            if not _decided(loaded.get(event.subject))
            and isinstance(event.data, RequestSubmitted)
            and self._known.get(event.clinic_id) is not None
        ]
        self._answers = await self._outside.check(new, self._answers)
        return BatchFacts(self._answers, _holders(loaded))

    def facts_after(self, facts: BatchFacts, before: RequestState | None, after: RequestState) -> BatchFacts:
        return facts.after(before, after)

    async def facts_for_due(self, found: dict[str, Aggregate[RequestState]], now: datetime) -> BatchFacts:
        """Try again what could not be checked: signatures of held requests, identities that were not confirmed."""
        states = [each.state for each in found.values() if each.state is not None]
        held = [state for state in states if state.status == "held" and _is_due(state.try_again_at, now)]
        events = [event for state in held if (event := self._intake.kept_event(state)) is not None]
        claims = {claim for event in events if (claim := self._intake.claim(event))}
        due = dict(found)
        for holder in await self._intake_store.holding(claims):
            # With the others, and before them: a claim that goes on to a held request must be free by then.
            found[holder.id] = due.pop(holder.id, holder)
        for name in due:
            found[name] = found.pop(name)
        checks = await self._outside.check(events, {})
        asking = {
            state.request_id: self._intake.unconfirmed_iin(state)
            for state in states
            if _is_due(state.ask_again_at, now)
        }
        asked = await self._outside.ask({name: iin for name, iin in asking.items() if iin})
        return BatchFacts(checks, _holders(found), {event.subject: event for event in events}, asked)

    async def complete_pending(
        self, aggregates: Sequence[Aggregate[RequestState]], now: datetime
    ) -> dict[str, Completion[RequestState]]:
        """Give register numbers, in the order of the batch: one query and one write for all."""
        del now
        pages = {each.id: page_of(each.state) for each in aggregates if each.state is not None}
        numbers = await self._intake_store.pages.allocate([(page, request_id) for request_id, page in pages.items()])
        concluded = {}
        for each in aggregates:
            if each.state is not None:
                state, said = domain.numbered(each.state, numbers[pages[each.id], each.id])
                # What has a time of its own is the same bytes at any later hour.
                certain = all(say.time for _, _, says in said for say in says)
                concluded[each.id] = Completion(state, said, certain=certain)
        return concluded


def _decided(aggregate: Aggregate[RequestState] | None) -> bool:
    """Whether a request is known: not one of which only a withdrawal was heard."""
    return aggregate is not None and aggregate.state is not None


def _is_due(moment: str | None, now: datetime) -> bool:
    return moment is not None and datetime.fromisoformat(moment) <= now


def _take(known: Clinics, event: Incoming) -> None:
    if isinstance(event.data, ClinicPublished):
        known.take(event.data)


class DecreeWatch:
    """Says where the government's decrees for this or the next year are not in our table (R8), once for each year."""

    def __init__(self) -> None:
        self._year: int | None = None

    def look(self, now: datetime) -> None:
        """At the start, and at the turn of a year, however long the service has run."""
        this_year = now.astimezone(ZONE).year
        if this_year == self._year:
            return
        self._year = this_year
        for year in (this_year, this_year + 1):
            missing = decrees_missing(year)
            DECREES_MISSING.labels(str(year)).set(missing)
            # The next year's come out in autumn at the earliest: only this year's absence is worth a warning.
            if missing and year == this_year:
                log(topics.INTAKE).warning("no table of government decrees: moved days off are not known", year=year)


def build(settings: Settings, clock: Clock) -> Service:
    """Put intake together. Raises ``SettingsError`` or ``RuleSetError`` with one line where it cannot start."""
    vault = Vault.from_settings(settings)
    # Under another clock than the world's, a record's time says nothing about the event's (R17).
    judge_record_time = isinstance(clock, SystemClock)
    known = Clinics()
    outside = Outside(
        verifier_from(settings),
        identity_from(settings),
        wait_seconds=settings.identity_wait_seconds,
        judge_record_time=judge_record_time,
        zone_of=known.zone,
    )
    database = Database(settings.mongo_url, f"{settings.mongo_prefix}_{topics.INTAKE}")
    producer = Producer(settings, f"homecall-{topics.INTAKE}")
    store = IntakeStore(database)
    last_known_good = LastKnownGood(database.collection("clinics"))
    clinics = GlobalTable(
        settings, topics.INTAKE, topics.CLINICS, lambda event: _take(known, event), last_known_good, buries=True
    )
    rule_sets = load_rule_sets(settings.rules)
    intake = Intake(rule_sets, known, vault, judge_record_time=judge_record_time)
    tolerance = tolerance_by(rule_sets) if judge_record_time else None
    engine = IntakeEngine(store, intake, clock, clinics, known, outside, vault, tolerance)

    decrees = DecreeWatch()

    async def look_at_decrees(now: datetime) -> None:
        decrees.look(now)

    async def bury_bad_clinics(_: datetime) -> None:
        """Make a dead letter of each clinic record that cannot be read: here alone, and once over all restarts."""
        heard = list(clinics.bad)
        bad = {f"{record.partition}-{record.offset}": (record, reason, why) for record, reason, why in heard}
        new = await store.not_buried(bad) if bad else set()
        letters = [(*letter, topics.INTAKE) for place, letter in bad.items() if place in new]
        await producer.send([], letters)
        if letters:
            failpoint("letter.published")
        await store.bury(new)
        # Others may have come meanwhile: they wait for the next tick.
        del clinics.bad[: len(heard)]
        for record, reason, _why, _service in letters:
            metrics.EVENTS.labels(record.topic, "unreadable", "dead").inc()
            metrics.DEAD_LETTERS.labels(record.topic, reason).inc()

    async def gauges(now: datetime) -> None:
        found = {channel: (number, oldest) for channel, number, oldest in await store.held()}
        for channel in SIGNED:
            number, oldest = found.get(channel, (0, None))
            HELD.labels(channel).set(number)
            age = 0.0 if oldest is None else (now - moment_of(oldest)).total_seconds()
            OLDEST_HELD_SECONDS.labels(channel).set(max(0.0, age))

    metrics.expect_outcomes(counted_by(topics.INTAKE))
    metrics.expect_stages({"queue": QUEUED, "intake": CHANNELS})
    metrics.expect_decisions("request", CHANNELS, get_args(RefusalCode), taken=("accepted", "deferred"))
    return Service(
        name=topics.INTAKE,
        settings=settings,
        clock=clock,
        database=database,
        producer=producer,
        topics=[topic for topic in topics.read_by(topics.INTAKE) if not topic.whole],
        low_priority=[topics.SCHEDULE_EVENTS],
        handler=engine,
        engines=[engine],
        tables=[clinics],
        schema=schema(database),
        prepare=[store.prepare, outside.start],
        ticks=[look_at_decrees, bury_bad_clinics, clinics.keep],
        close=[outside.close],
        gauges=gauges,
    )
