"""Loads the facts of a batch, or of timers, and has the domain decide by them."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from homecall.contract import topics
from homecall.contract.envelope import Incoming
from homecall.contract.events import RequestAccepted, RequestSubmitted, RequestTransferred, RequestWithdrawn
from homecall.runtime.clock import Clock
from homecall.runtime.encryption import Vault
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.engine.completion import Completion
from homecall.runtime.engine.decision import Decision
from homecall.runtime.engine.engine import Engine
from homecall.runtime.engine.protocols import Domain, Scope
from homecall.runtime.failpoint import failpoint
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.standard.clinic_events import ClinicEvents
from homecall.standard.clinics import Clinics
from homecall.standard.rules import RuleSets
from homecall.standard.stated_times import Tolerance
from services.intake import metrics
from services.intake.domain import held, identity, opening, submission, transfer, visits, withdrawal
from services.intake.domain.claims import Holders
from services.intake.domain.facts import UNANSWERED, UNASKED, UNCHECKED, Checks, Facts
from services.intake.domain.numbered import acceptance
from services.intake.domain.state import RequestState, awaits_number, awaits_successor, is_due, local_date, rests
from services.intake.external_checks import ExternalChecks
from services.intake.personal_data import PersonalData
from services.intake.register_numbers import look_up, numbered
from services.intake.resting import rest_of
from services.intake.store import IntakeStore


@dataclass(frozen=True)
class BatchFacts:
    """What the requests of a batch, or of the timers in hand, are decided by besides the clinics and the rules.

    ``checks``: by causation id, the gateways' answers. ``holders``: the open requests by their claim (R11), kept up
    with every decision. ``kept``: by request, the held events that are tried again. ``asked``: by request, what the
    register of persons said to a later question. ``firsts``: by id, the calls that requests say were handed on.
    """

    checks: Mapping[str, Checks]
    holders: Holders
    kept: Mapping[str, Incoming] = field(default_factory=dict)
    asked: Mapping[str, Checks] = field(default_factory=dict)
    firsts: Mapping[str, Aggregate[RequestState]] = field(default_factory=dict)

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
        return awaits_number(state) or awaits_successor(state)

    def decide(
        self, state: RequestState | None, event: Incoming, facts: BatchFacts, now: datetime
    ) -> Decision[RequestState]:
        if event.type == RequestSubmitted.TYPE:
            return self._submitted(state, event, facts, now)
        if event.type == RequestWithdrawn.TYPE:
            return withdrawal.decide(state, event)
        if event.type == RequestTransferred.TYPE:
            return transfer.decide(state, event, self.rule_sets, self.clinics)
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
            first=self._first_of(event, batch),
        )
        return self.personal.sealed(submission.decide(state, event, facts, now), event)

    def _first_of(self, event: Incoming, batch: BatchFacts) -> RequestState | None:
        """The call that a request says was handed on, if it is known as this patient's (R25)."""
        named = first_named(event)
        found = batch.firsts.get(named) if named is not None else None
        first = None if found is None else found.state
        return first if first is not None and self.personal.is_patient_of(first, event) else None

    def due(self, state: RequestState, facts: BatchFacts, now: datetime) -> Decision[RequestState]:
        if state.status == "held":
            decided = self._held_again(state, facts, now)
            # Once it is decided, what waited for that is, too.
            still_held = decided.state is None or decided.state.status == "held"
            return decided if still_held else replace(decided, unpark=True)
        if is_due(state.ask_again_at, now):
            return identity.asked_again(state, facts.asked.get(state.request_id, UNANSWERED), now)
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
        metrics.count_own()
        self._personal = intake.personal
        self._known = intake.clinics
        self._rule_sets = intake.rule_sets
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
        if any(self._known.get(named) is None for event in batch if (named := _clinic_named(event)) is not None):
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
        return BatchFacts(
            await self._external.check_batch(new),
            Holders(each.state for each in loaded.values()),
            firsts=await self._firsts(batch, loaded),
        )

    async def _firsts(
        self, events: Iterable[Incoming], loaded: Mapping[str, Aggregate[RequestState]]
    ) -> dict[str, Aggregate[RequestState]]:
        """The calls that requests say were handed on: as they change with the batch, where they are part of it."""
        named = {found for event in events if (found := first_named(event)) is not None}
        return {
            **await self.store.load(named - loaded.keys()),
            **{each: loaded[each] for each in named & loaded.keys()},
        }

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
            checks,
            Holders(each.state for each in found.values()),
            {event.subject: event for event in events},
            asked,
            await self._firsts(events, found),
        )

    def _claims(self, events: Iterable[Incoming]) -> set[str]:
        return {claim for event in events if (claim := self._personal.claim(event))}

    # ------------------------------------------------------------ the second aggregate: numbers, successors

    def can_rest(self, state: RequestState) -> bool:
        return rests(state)

    def resting(self, state: RequestState, cause: tuple[str, str | None], now: datetime) -> dict[str, Any] | None:
        """The acceptance of the request in hand, but for its number: its record asks the page for that again."""
        if [each.causation_id for each in state.pending] != [cause[0]]:
            return None
        number = 1
        if self.published is not None:
            told = self.published.of(state.request_id, RequestAccepted.TYPE, "")
            if told is not None:
                if rest_of(told, state) is None:
                    return None  # another release said it, in other words: it is stored as it was told
                number = json.loads(told.value)["register_number"]
        (accepted,) = self.say(*cause, [acceptance(state, number)], now)
        return rest_of(accepted, state)

    async def fill_in(self, found: Sequence[Aggregate[RequestState]]) -> None:
        await look_up(self._intake_store.pages, found)

    async def _complete_all(
        self,
        pending: list[Aggregate[RequestState]],
        touched: dict[str, Aggregate[RequestState]],
        now: datetime,
        in_hand: Collection[str],
        result: BatchResult | None = None,
    ) -> dict[str, list[str]]:
        """Store the successors of calls that were handed on first (R25): they are numbered and sent with the others."""
        firsts = [each.state for each in pending if each.state is not None and awaits_successor(each.state)]
        while firsts:
            found, firsts = await self._take_up(firsts, now), []
            for stored in found:
                in_batch = touched.get(stored.id)
                if in_batch is not None and in_batch.state is not None:
                    stored = in_batch  # the clinic's own system was first, in this batch: it is in hand already
                touched[stored.id] = stored
                known = any(each is stored for each in pending)
                if stored.state is not None and self.unfinished(stored) and not known:
                    pending.append(stored)
                    if awaits_successor(stored.state):
                        firsts.append(stored.state)  # its own transfer had waited for it
        return await super()._complete_all(pending, touched, now, in_hand, result)

    async def _take_up(self, firsts: Sequence[RequestState], now: datetime) -> list[Aggregate[RequestState]]:
        """The requests by which these calls go on at other clinics: found, or stored now, all in one write.

        Of several that would have one claim one is stored, and is the holder for the next: the patient has one open
        request at a clinic (R11). What was stored by somebody else meanwhile is looked for once more.
        """
        there: dict[str, Aggregate[RequestState]] = {}
        left = list(firsts)
        while left:
            holders = await self._intake_store.holding({first.successor_claim or "" for first in left})
            holder_of = {each.state.claim: each for each in holders if each.state is not None}
            found = {each.id: each for each in holders}
            found |= await self.store.load({_goes_on_as(first) for first in left} - found.keys())
            failpoint("successor.read")
            scope: Scope[RequestState, BatchFacts] = Scope(found, BatchFacts({}, Holders([])), now)
            decided: dict[str, Aggregate[RequestState]] = {}
            claimed: set[str | None] = set()
            for first in left:
                holder = holder_of.get(first.successor_claim)
                stored = found.setdefault(_goes_on_as(first), Aggregate(_goes_on_as(first)))
                if holder is not None and holder.state is not None and transfer.goes_on_with(holder.state, first):
                    there[first.request_id] = holder
                elif stored.state is not None:
                    there[first.request_id] = stored
                elif first.successor_claim not in claimed:
                    self._succeed(first, scope, holder)
                    claimed.add(first.successor_claim)
                    decided[first.request_id] = stored
            if decided:
                lost = await self._save([each for each in found.values() if each.changed])
                failpoint("successor.stored")
                there |= {each: stored for each, stored in decided.items() if stored.id not in lost}
            left = [first for first in left if first.request_id not in there]
        return [there[first.request_id] for first in firsts]

    def _succeed(
        self,
        first: RequestState,
        scope: Scope[RequestState, BatchFacts],
        holder: Aggregate[RequestState] | None,
    ) -> None:
        """Decide on the successor of a call, in memory. No record repeats its events: they go into its outbox."""
        there = scope.aggregates[_goes_on_as(first)]
        cause = transfer.cause_of(first)
        now = self._then(there.id, scope.now, cause.causation_id)
        held_by = None if holder is None else holder.state
        decision = transfer.successor(first, held_by, self._rule_sets, self._known, now)
        self.apply(scope, there, cause, self._personal.asked_on(decision, first, now), now)
        if decision.says:
            there.enqueue(cause.causation_id)
        if there.parked:
            self.unpark(scope, there, cause.causation_id, now)

    async def complete_pending(
        self, aggregates: Sequence[Aggregate[RequestState]], now: datetime
    ) -> dict[str, Completion[RequestState]]:
        """Give register numbers, in the order of the batch; end the calls that go on elsewhere."""
        del now
        states = [each.state for each in aggregates if each.state is not None]
        waiting = [each for each in aggregates if each.state is not None and awaits_number(each.state)]
        ends = await numbered(self._intake_store.pages, waiting)
        return ends | await self._handed_on([state for state in states if awaits_successor(state)], ends)

    async def _handed_on(
        self, firsts: Sequence[RequestState], ends: Mapping[str, Completion[RequestState]]
    ) -> dict[str, Completion[RequestState]]:
        """The ends of the calls whose successors are stored. The others stay pending."""
        if not firsts:
            return {}
        holders = await self._intake_store.holding({first.successor_claim or "" for first in firsts})
        stored = await self.store.load({_goes_on_as(first) for first in firsts})
        found = {}
        for first in firsts:
            assert first.cancelled_by is not None
            own = [each.id for each in holders if each.state is not None and transfer.goes_on_with(each.state, first)]
            known = own or [each for each in stored if each == _goes_on_as(first) and stored[each].state]
            if known:
                numbered_first = ends.get(first.request_id)
                done = transfer.with_successor(first if numbered_first is None else numbered_first.state, known[0])
                assert done.state is not None
                said = [] if numbered_first is None else list(numbered_first.said)
                filled = {} if numbered_first is None else numbered_first.filled
                said.append((*first.cancelled_by, done.says))
                found[first.request_id] = Completion(done.state, said, filled=filled)
        return found


def first_named(event: Incoming) -> str | None:
    """The call that a request says was handed on; None where it names none."""
    data = event.data
    named = data.transferred_from if isinstance(data, RequestSubmitted) else None
    return None if named is None else named.request_id


def _goes_on_as(first: RequestState) -> str:
    """The request by which a call that was handed on goes on, unless the clinic's own system was first."""
    assert first.handed_on is not None
    return first.handed_on.request_id


def _clinic_named(event: Incoming) -> str | None:
    """The clinic that an event asks to take a call; None where it asks none."""
    if isinstance(event.data, RequestTransferred):
        return event.data.to_clinic_id
    return event.clinic_id if event.type == RequestSubmitted.TYPE else None
