"""Loads what the complaints of a batch, or the timers that are due, are decided by, and binds the decisions to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from homecall.contract import topics
from homecall.contract.envelope import Incoming, read
from homecall.contract.envelope import Unreadable as NoEvent
from homecall.contract.events import ComplaintSubmitted, DeadlineEvent, FieldError
from homecall.gateways.signatures.port import Verifier
from homecall.runtime.clock import Clock
from homecall.runtime.encryption import COMPLAINANT_BY_IIN, COMPLAINANT_BY_NAME, Unreadable, Vault
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.engine.completion import Completion
from homecall.runtime.engine.decision import Decision, replace
from homecall.runtime.engine.engine import Engine
from homecall.runtime.engine.protocols import Domain
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.kafka.senders import Senders
from homecall.runtime.logs import log
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.standard.clinic_events import ClinicEvents
from homecall.standard.clinics import Clinics
from homecall.standard.rules import RuleSets
from homecall.standard.stated_times import Tolerance
from services.complaints import signatures
from services.complaints.domain import call_timeline, decisions, timers
from services.complaints.domain.call_file import look_at, opened
from services.complaints.domain.call_timeline import CallTimeline
from services.complaints.domain.facts import Facts
from services.complaints.domain.held import tries_now
from services.complaints.domain.matters import person_of, same_matter
from services.complaints.domain.numbers import Opening, numbered, opens, wanted_numbers
from services.complaints.domain.state import ComplaintState, Official, Sealed, awaits_number
from services.complaints.store import ComplaintStore

_INDEX_KINDS: Final = {"iin": COMPLAINANT_BY_IIN, "name": COMPLAINANT_BY_NAME}


@dataclass(frozen=True)
class Loaded:
    """What was loaded for a batch, or for the timers that are due.

    By causation id, what is wrong with signatures, and the events, sealed, that cannot be checked now. By complaint,
    the held events that are tried again. By request, the calls that timers look at again.
    """

    bad_signatures: Mapping[str, FieldError] = field(default_factory=dict)
    unchecked: Mapping[str, Sealed] = field(default_factory=dict)
    reopened: Mapping[str, Incoming] = field(default_factory=dict)
    calls: Mapping[str, CallTimeline] = field(default_factory=dict)


class Complaints:
    """The decisions on complaints, with the facts that hold for all of them.

    ``judge_record_time``: the record's time says something about the event's (R17). Without ``vault`` nobody is found
    by an index. ``officer`` is on duty for what the system accepts by itself (C10.2).
    """

    def __init__(
        self,
        clinics: Clinics,
        rule_sets: RuleSets,
        *,
        judge_record_time: bool,
        vault: Vault | None = None,
        officer: Official | None = None,
        senders: Senders | None = None,
    ) -> None:
        self.clinics = clinics
        self.rule_sets = rule_sets
        self.judge_record_time = judge_record_time
        self.vault = vault
        self._officer = officer
        self._senders = senders or Senders(None)

    def target(self, event: Incoming) -> str | None:
        return event.subject

    def takes_broken(self, event: Incoming) -> bool:
        return event.type == ComplaintSubmitted.TYPE

    def pending(self, state: ComplaintState) -> bool:
        return awaits_number(state)

    def decide(
        self, state: ComplaintState | None, event: Incoming, facts: Loaded, now: datetime
    ) -> Decision[ComplaintState]:
        return decisions.decide(state, event, self._facts(event, facts), now)

    def due(self, state: ComplaintState, facts: Loaded, now: datetime) -> Decision[ComplaintState]:
        return timers.due(state, self._facts_of_timer(state, facts), now)

    def _facts(self, event: Incoming, loaded: Loaded) -> Facts:
        return Facts(
            clinics=self.clinics,
            rule_sets=self.rule_sets,
            officer=self._officer,
            record_time=event.record.recorded_at if self.judge_record_time else None,
            authority=self._senders.authority(event),
            matter=self._matter(event),
            bad_signature=loaded.bad_signatures.get(event.causation_id),
            unchecked=loaded.unchecked.get(event.causation_id),
        )

    def _facts_of_timer(self, state: ComplaintState, loaded: Loaded) -> Facts:
        event = loaded.reopened.get(state.complaint_id)
        facts = Facts(self.clinics, self.rule_sets, self._officer) if event is None else self._facts(event, loaded)
        return replace(facts, reopened=event, call=loaded.calls.get(state.request_id or ""))

    def _matter(self, event: Incoming) -> dict[str, str]:
        """What stands for the person and the call of a complaint: without the key nobody is found by it."""
        data = event.data
        if self.vault is None or not isinstance(data, ComplaintSubmitted) or data.request_id is None:
            return {}
        return {
            by: self.vault.index(_INDEX_KINDS[by], f"{data.request_id}|{person}")
            for by, person in person_of(data).items()
        }


class ComplaintEngine(Engine[ComplaintState, Loaded]):
    """Adds to the general engine what complaints are decided by, and the incoming numbers."""

    def __init__(
        self,
        store: ComplaintStore,
        complaints: Complaints,
        clock: Clock,
        table: GlobalTable,
        verifier: Verifier,
        tolerance: Tolerance | None = None,
    ) -> None:
        rules = ClinicEvents(complaints.clinics.zone, tolerance)
        super().__init__(topics.COMPLAINTS, store.complaints, complaints, clock, complaints.vault, rules)
        self._stores = store
        self._complaints = complaints
        self._table = table
        self._verifier = verifier

    async def facts_for(self, batch: Sequence[Incoming], loaded: Mapping[str, Aggregate[ComplaintState]]) -> Loaded:
        """The verdicts on new complaints; first the clinics up to their present end where one is unknown."""
        if any(self._complaints.clinics.get(event.clinic_id) is None for event in batch):
            # Between topics there is no order: the clinic may have been published a moment ago.
            await self._table.catch_up()
        # Of some only an early command is kept: their complaint is as new as any.
        known = {name for name, each in loaded.items() if each.state is not None}
        return await self._checked([event for event in batch if event.subject not in known])

    async def facts_for_due(self, found: dict[str, Aggregate[ComplaintState]], now: datetime) -> Loaded:
        """The verdicts on held complaints that are tried again, and the calls that are looked at again."""
        states = [each.state for each in found.values() if each.state is not None]
        looked_at = {
            state.request_id
            for state in states
            if state.request_id is not None and (at := look_at(state)) is not None and at <= now
        }
        calls = await self._stores.timelines(looked_at) if looked_at else {}
        reopened = {
            state.complaint_id: event
            for state in states
            if tries_now(state, now) and (event := self._reopened(state)) is not None
        }
        return replace(await self._checked(list(reopened.values())), reopened=reopened, calls=calls)

    async def _checked(self, events: Sequence[Incoming]) -> Loaded:
        found = await signatures.check(self._verifier, events, judge_record_time=self._complaints.judge_record_time)
        unchecked = {
            each.causation_id: Sealed(cause=each.causation_id, record=self.parking.keep(each.subject, each))
            for each in events
            if each.causation_id in found and found[each.causation_id] is None
        }
        return Loaded({name: wrong for name, wrong in found.items() if wrong is not None}, unchecked)

    def _reopened(self, state: ComplaintState) -> Incoming | None:
        """The event of a held complaint, as it came; None where it cannot be opened."""
        assert state.held is not None
        kept = state.held.kept
        try:
            return read(self.parking.kept(state.complaint_id, kept.cause, kept.record))
        except (Unreadable, NoEvent) as error:
            # It must not keep the others from their time; it is tried again, in case the key is put back.
            log(topics.COMPLAINTS).error("a check waits", subject=state.complaint_id, reason=str(error))
            return None

    async def complete_pending(
        self, aggregates: Sequence[Aggregate[ComplaintState]], now: datetime
    ) -> dict[str, Completion[ComplaintState]]:
        """Give incoming numbers in the order of registration: one query and one write for all.

        With its first number a complaint's file is opened, with its call and the complaints that it is linked with.
        """
        states = {each.id: each.state for each in aggregates if each.state is not None}
        wanted = [each for state in states.values() for each in wanted_numbers(state)]
        wanted.sort(key=lambda each: each.registered_at)
        numbers = await self._stores.pages.allocate([(each.page, each.subject) for each in wanted])
        openings = await self._openings(states.values(), now)
        completed = {}
        for key, state in states.items():
            done, waited = numbered(state, numbers, openings.get(key))
            completed[key] = Completion(done, [(each.cause, each.traceparent, says) for each, says in waited])
        return completed

    async def _openings(self, states: Iterable[ComplaintState], now: datetime) -> dict[str, Opening]:
        """What the files open with that are opened now; those of one batch, stored by now, find one another."""
        about = {each.complaint_id: each for each in states if each.request_id and opens(each)}
        if not about:
            return {}
        calls = await self._stores.timelines({str(each.request_id) for each in about.values()})
        others = await self._stores.of_matters([each.matter for each in about.values() if each.matter])
        return {
            key: Opening(
                opened(each, calls.get(str(each.request_id)), self._complaints.rule_sets, now),
                [other.complaint_id for other in others if same_matter(each, other)],
            )
            for key, each in about.items()
        }


class Timelines(Domain[CallTimeline, None]):
    """Keeps the line of each event on a call, and who it is about; says nothing, and has no timer.

    ``index`` makes the keyed hash of a person by name; without it nobody is known by name.
    """

    def __init__(self, index: Callable[[str], str] | None = None) -> None:
        self._index = index

    def target(self, event: Incoming) -> str | None:
        """The call that an event is about; None for a complaint's own deadline."""
        if isinstance(event.data, DeadlineEvent) and event.data.subject_kind != "request":
            return None
        return event.subject

    def decide(self, state: CallTimeline | None, event: Incoming, facts: None, now: datetime) -> Decision[CallTimeline]:
        del facts
        return call_timeline.decide(state, event, self._index, now)


class ComplaintsAndCalls:
    """Hands complaints to one engine, and what is heard of calls to the other."""

    def __init__(self, complaints: ComplaintEngine, calls: Engine[CallTimeline, None]) -> None:
        self._complaints = complaints
        self._calls = calls

    async def handle(self, batch: Sequence[Incoming], now: datetime) -> BatchResult:
        ours = {index for index, event in enumerate(batch) if event.record.topic == topics.COMPLAINTS_IN.name}
        theirs = [index for index in range(len(batch)) if index not in ours]
        handled = BatchResult()
        for engine, places in ((self._calls, theirs), (self._complaints, sorted(ours))):
            if places:
                handled.take(await engine.handle([batch[index] for index in places], now), places)
        return handled
