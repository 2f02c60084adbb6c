"""Loads the facts of a batch, or of timers, and has the domain decide by them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from homecall.contract import topics
from homecall.contract.envelope import Incoming
from homecall.contract.events import RequestSubmitted, RequestWithdrawn
from homecall.runtime.clock import Clock
from homecall.runtime.encryption import Vault
from homecall.runtime.engine.completion import Completion
from homecall.runtime.engine.decision import Decision
from homecall.runtime.engine.engine import Engine
from homecall.runtime.engine.protocols import Domain
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.standard.clinic_events import ClinicEvents
from homecall.standard.clinics import Clinics
from homecall.standard.rules import RuleSets
from homecall.standard.stated_times import Tolerance
from services.intake.domain import held, identity, opening, submission, visits, withdrawal
from services.intake.domain.claims import Holders
from services.intake.domain.facts import UNASKED, UNCHECKED, Checks, Facts, Identity
from services.intake.domain.state import RequestState, awaits_number, is_due, local_date
from services.intake.external_checks import ExternalChecks
from services.intake.personal_data import PersonalData
from services.intake.register_numbers import numbered
from services.intake.store import IntakeStore


@dataclass(frozen=True)
class BatchFacts:
    """What the requests of a batch, or of the timers in hand, are decided by besides the clinics and the rules.

    ``checks``: by causation id, the gateways' answers. ``holders``: the open requests by their claim (R11), kept up
    with every decision. ``kept``: by request, the held events that are tried again. ``asked``: by request, what the
    register of persons said to a later question.
    """

    checks: Mapping[str, Checks]
    holders: Holders
    kept: Mapping[str, Incoming] = field(default_factory=dict)
    asked: Mapping[str, Identity] = field(default_factory=dict)

    def checks_of(self, event: Incoming) -> Checks:
        """The answers about a request. A signature that nobody was asked about is not a sound one."""
        data = event.data
        signed = isinstance(data, RequestSubmitted) and data.channel == "portal"
        return self.checks.get(event.causation_id, UNCHECKED if signed else UNASKED)


class Intake(Domain[RequestState, BatchFacts]):
    """The decisions of ``domain``, bound to the clinics and the rules."""

    def __init__(self, rule_sets: RuleSets, clinics: Clinics, vault: Vault, *, judge_record_time: bool) -> None:
        self.rule_sets = rule_sets
        self.clinics = clinics
        self.personal = PersonalData(vault)
        self.judge_record_time = judge_record_time

    def takes_broken(self, event: Incoming) -> bool:
        return event.type == RequestSubmitted.TYPE

    def pending(self, state: RequestState) -> bool:
        return awaits_number(state)

    def decide(
        self, state: RequestState | None, event: Incoming, facts: BatchFacts, now: datetime
    ) -> Decision[RequestState]:
        if event.type == RequestSubmitted.TYPE:
            return self._submitted(state, event, facts, now)
        if event.type == RequestWithdrawn.TYPE:
            return withdrawal.decide(state, event)
        return visits.decide(state, event)

    def _submitted(
        self, state: RequestState | None, event: Incoming, batch: BatchFacts, now: datetime
    ) -> Decision[RequestState]:
        claim = self.personal.claim(event)
        facts = Facts(
            rule_sets=self.rule_sets,
            clinics=self.clinics,
            record_time=event.record.recorded_at if self.judge_record_time else None,
            checks=batch.checks_of(event),
            claim=claim,
            holder=batch.holders.of(claim),
            persons=self.personal.persons(event),
        )
        return self.personal.sealed(submission.decide(state, event, facts, now), event)

    def due(self, state: RequestState, facts: BatchFacts, now: datetime) -> Decision[RequestState]:
        if state.status == "held":
            return self._held_again(state, facts, now)
        if is_due(state.ask_again_at, now):
            return identity.asked_again(state, facts.asked.get(state.request_id, "away"), now)
        if state.status == "deferred":
            return opening.decide(state, self.rule_sets, self.clinics, now)
        return Decision()

    def _held_again(self, state: RequestState, facts: BatchFacts, now: datetime) -> Decision[RequestState]:
        event = facts.kept.get(state.request_id)
        if event is None or facts.checks_of(event).signature == "away":
            assert state.submitted_at is not None
            # Its day has rules: they were found when it was held.
            rules = self.rule_sets.nearest(local_date(state.submitted_at, self.clinics.zone(state.clinic_id)))
            return held.still_held(state, now, rules)
        decided = self._submitted(None, event, facts, now)
        # Its events belong to the event that asked for them, however long it was held up.
        return replace(decided, causation_id=(event.causation_id, event.traceparent))


class IntakeEngine(Engine[RequestState, BatchFacts]):
    """Adds to the general engine the claims of R11 and the register's numbers."""

    def __init__(
        self,
        store: IntakeStore,
        intake: Intake,
        external: ExternalChecks,
        clinics: GlobalTable,
        clock: Clock,
        tolerance: Tolerance | None = None,
    ) -> None:
        self._personal = intake.personal
        self._known = intake.clinics
        rules = ClinicEvents(self._known.zone, tolerance)
        super().__init__(topics.INTAKE, store.requests, intake, clock, self._personal.vault, rules)
        self._external = external
        self._intake_store = store
        self._clinics = clinics

    def likely_new(self, firsts: Mapping[str, Incoming]) -> Collection[str]:
        """New requests, unless the batch has two of one patient, or a gateway would be asked about a repetition."""
        claims = {target: claim for target, event in firsts.items() if (claim := self._personal.claim(event))}
        often = Counter(claims.values())
        return [
            target
            for target, claim in claims.items()
            if often[claim] == 1 and not self._external.asks_about(firsts[target])
        ]

    async def load(
        self, targets: Collection[str], batch: Sequence[Incoming], cached: Mapping[str, Aggregate[RequestState]]
    ) -> dict[str, Aggregate[RequestState]]:
        """Also the requests that hold the claims of the batch's patients: they may have to give them up."""
        claims = self._claims(event for event in batch if event.subject in targets)
        loaded, holders = await asyncio.gather(self.store.load(targets), self._intake_store.holding(claims))
        for each in holders:
            loaded.setdefault(each.id, each)
        return {**loaded, **cached}

    async def facts_for(self, batch: Sequence[Incoming], loaded: Mapping[str, Aggregate[RequestState]]) -> BatchFacts:
        """The gateways' answers about new requests, and who holds which claim."""
        if any(event.type == RequestSubmitted.TYPE and self._known.get(event.clinic_id) is None for event in batch):
            # Between topics there is no order: the clinic may have been published a moment ago.
            await self._clinics.catch_up()
        # A request of which only a withdrawal was heard has no state.
        decided = {key for key, each in loaded.items() if each.state is not None}
        new = [
            event
            for event in batch
            if isinstance(event.data, RequestSubmitted)
            and event.subject not in decided
            and self._known.get(event.clinic_id) is not None
        ]
        return BatchFacts(await self._external.check_batch(new), Holders(each.state for each in loaded.values()))

    def facts_after(self, facts: BatchFacts, before: RequestState | None, after: RequestState) -> BatchFacts:
        facts.holders.changed(before, after)
        return facts

    async def facts_for_due(self, found: dict[str, Aggregate[RequestState]], now: datetime) -> BatchFacts:
        """Try again what could not be checked: signatures of held requests, identities that were not confirmed."""
        states = [each.state for each in found.values() if each.state is not None]
        waiting = [state for state in states if state.status == "held" and is_due(state.try_again_at, now)]
        events = [event for state in waiting if (event := self._personal.kept_event(state)) is not None]
        due = dict(found)
        for holder in await self._intake_store.holding(self._claims(events)):
            # With the others, and before them: a claim that goes on to a held request must be free by then.
            found[holder.id] = due.pop(holder.id, holder)
        for name in due:
            found[name] = found.pop(name)
        checks = await self._external.check(events)
        unconfirmed = [state for state in states if is_due(state.ask_again_at, now)]
        iins = {state.request_id: iin for state in unconfirmed if (iin := self._personal.unconfirmed_iin(state))}
        asked = await self._external.ask(iins)
        return BatchFacts(
            checks, Holders(each.state for each in found.values()), {event.subject: event for event in events}, asked
        )

    def _claims(self, events: Iterable[Incoming]) -> set[str]:
        return {claim for event in events if (claim := self._personal.claim(event))}

    async def complete_pending(
        self, aggregates: Sequence[Aggregate[RequestState]], now: datetime
    ) -> dict[str, Completion[RequestState]]:
        """Give register numbers, in the order of the batch."""
        del now
        states = [each.state for each in aggregates if each.state is not None]
        return await numbered(self._intake_store.pages, states)
