"""Complaints: what it hears, what it decides with, where it keeps it, what it says."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol, get_args

from homecall.contract import topics
from homecall.contract.envelope import Incoming, read
from homecall.contract.envelope import Unreadable as NoEvent
from homecall.contract.events import Channel, ClinicPublished, ComplaintSubmitted, FieldError
from homecall.gateways.signatures.choice import verifier_from
from homecall.gateways.signatures.port import Invalid, Signed, Unavailable, Verifier
from homecall.runtime import metrics
from homecall.runtime.clock import Clock, SystemClock
from homecall.runtime.encryption import COMPLAINANT_BY_IIN, COMPLAINANT_BY_NAME, Unreadable, Vault
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.engine.completion import Completion
from homecall.runtime.engine.decision import Decision
from homecall.runtime.engine.engine import Engine
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.kafka.senders import Senders
from homecall.runtime.logs import log
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.last_known_good import LastKnownGood
from homecall.runtime.mongo.moments import millis, moment_of
from homecall.runtime.mongo.repository import Repository
from homecall.runtime.mongo.sequence import Sequences
from homecall.runtime.service import Service, refresh_open
from homecall.runtime.settings import Settings
from homecall.standard.calendar import local
from homecall.standard.clinic_events import ClinicEvents
from homecall.standard.clinics import Clinics
from homecall.standard.deadlines import counted_by
from homecall.standard.rules import RuleSets, load_rule_sets
from homecall.standard.stated_times import Tolerance, tolerance_by
from services.complaints import domain
from services.complaints.calls import CallTimeline, Timelines
from services.complaints.domain import CHANNELS, ComplaintState, Held, Opening
from services.complaints.metrics import ANSWERS_MISSED, HELD_COMPLAINTS, OLDEST_HELD_COMPLAINT_SECONDS
from services.complaints.store import ComplaintStore, schema

SIGNED = ("portal",)
"""The channels whose complaints are signed, and held while that cannot be checked."""


_KIND = {"iin": COMPLAINANT_BY_IIN, "name": COMPLAINANT_BY_NAME}


@dataclass(frozen=True)
class CaseFacts:
    """What complaints are decided by, besides the clinics and the rules."""

    bad_signatures: Mapping[str, FieldError]
    """By cause, the complaints whose signature did not pass."""
    unchecked: Mapping[str, dict[str, Any]]
    """By cause, those whose signature cannot be checked now: the event, sealed."""
    again: Mapping[str, Incoming] = field(default_factory=dict)
    """By complaint, the held events that are tried again."""
    calls: Mapping[str, CallTimeline] = field(default_factory=dict)
    """The timelines that timers look at again."""


class Complaints:
    """The decisions of ``domain``, bound to the clinics and the rules."""

    def __init__(
        self,
        clinics: Clinics,
        rule_sets: RuleSets,
        *,
        judge_record_time: bool,
        vault: Vault | None = None,
        officer: Mapping[str, str] | None = None,
        senders: Senders | None = None,
    ) -> None:
        self.clinics = clinics
        self.rule_sets = rule_sets
        self._vault = vault
        self._officer = officer
        self._senders = senders or Senders(None)
        self._judge_record_time = judge_record_time

    def target(self, event: Incoming) -> str | None:
        return event.subject

    def takes_broken(self, event: Incoming) -> bool:
        return event.type == ComplaintSubmitted.TYPE

    def pending(self, state: ComplaintState) -> bool:
        return domain.awaits_number(state)

    def decide(
        self, state: ComplaintState | None, event: Incoming, facts: CaseFacts, now: datetime
    ) -> Decision[ComplaintState]:
        return domain.decide(
            state,
            event,
            clinics=self.clinics,
            rule_sets=self.rule_sets,
            record_time=self.record_time(event),
            now=now,
            bad_signature=facts.bad_signatures.get(event.causation_id),
            kept=facts.unchecked.get(event.causation_id),
            matter=self._matter(event),
            officer=self._officer,
            authority=self._senders.authority(event),
        )

    def due(self, state: ComplaintState, facts: CaseFacts, now: datetime) -> Decision[ComplaintState]:
        if state.held is not None:
            return self._held_again(state, state.held, facts, now)
        return domain.due(
            state, now, clinics=self.clinics, rule_sets=self.rule_sets, calls=facts.calls, officer=self._officer
        )

    def _matter(self, event: Incoming) -> dict[str, str]:
        """What stands for the person and the call of a complaint: without the key nobody is found by it."""
        data = event.data
        if self._vault is None or not isinstance(data, ComplaintSubmitted) or data.request_id is None:
            return {}
        return {
            by: self._vault.index(_KIND[by], f"{data.request_id}|{person}")
            for by, person in domain.person_of(data).items()
        }

    def _held_again(
        self, state: ComplaintState, held: Held, facts: CaseFacts, now: datetime
    ) -> Decision[ComplaintState]:
        event = facts.again.get(state.complaint_id)
        if event is None or event.causation_id in facts.unchecked:
            started_at = held["started_at"]
            day = datetime.fromisoformat(started_at).date() if started_at else None
            return domain.still_held(state, now, self.rule_sets.nearest(day))
        decided = domain.decide(
            None,
            event,
            clinics=self.clinics,
            rule_sets=self.rule_sets,
            record_time=self.record_time(event),
            now=now,
            bad_signature=facts.bad_signatures.get(event.causation_id),
            held=held,
            told=state.sequence,
            matter=self._matter(event),
            officer=self._officer,
        )
        # What it says belongs to the event that brought it; the commands that came meanwhile follow it.
        return replace(decided, causation_id=(event.causation_id, event.traceparent), unpark=True)

    def record_time(self, event: Incoming) -> datetime | None:
        """The time of its record, where that is judged (R17)."""
        return event.record.recorded_at if self._judge_record_time else None


class Matters(Protocol):
    """Where the calls are found that complaints name, and the complaints of one matter."""

    async def timelines(self, request_ids: Collection[str]) -> dict[str, CallTimeline]:
        """The timelines of these calls, of those that were heard of."""

    async def of_matters(self, matters: Collection[dict[str, str]]) -> list[ComplaintState]:
        """The complaints that share an index with one of these matters."""


class ComplaintEngine(Engine[ComplaintState, CaseFacts]):
    """Adds to the general engine the incoming numbers, and one more look for a clinic that is not known."""

    def __init__(
        self,
        store: Repository[ComplaintState],
        pages: Sequences,
        complaints: Complaints,
        clock: Clock,
        table: GlobalTable,
        verifier: Verifier,
        vault: Vault | None = None,
        matters: Matters | None = None,
        tolerance: Tolerance | None = None,
    ) -> None:
        rules = ClinicEvents(complaints.clinics.zone, tolerance)
        super().__init__(topics.COMPLAINTS, store, complaints, clock, vault, rules)
        self._pages = pages
        self._matters = matters
        self._complaints = complaints
        self._clinics = complaints.clinics
        self._table = table
        self._verifier = verifier

    async def facts_for(self, batch: Sequence[Incoming], loaded: Mapping[str, Aggregate[ComplaintState]]) -> CaseFacts:
        """The verdicts on new complaints; first the clinics up to their present end where one is unknown."""
        if any(self._clinics.get(event.clinic_id) is None for event in batch):
            # Between topics there is no order: the clinic may have been published a moment ago.
            await self._table.catch_up()
        # Of some only an early command is kept: their complaint is as new as any.
        known = {name for name, each in loaded.items() if each.state is not None}
        return CaseFacts(*await self._signatures([event for event in batch if event.subject not in known]))

    async def facts_for_due(self, found: dict[str, Aggregate[ComplaintState]], now: datetime) -> CaseFacts:
        """Try again the signatures of held complaints, and look again at the calls that complaints name."""
        looks = {
            each.state.request_id
            for each in found.values()
            if each.state and each.state.request_id and (at := domain.look_at(each.state)) is not None and at <= now
        }
        calls = await self._matters.timelines(looks) if looks and self._matters else {}
        states = [each.state for each in found.values() if each.state is not None and domain.tries_now(each.state, now)]
        events = {state.complaint_id: event for state in states if (event := self._kept_event(state)) is not None}
        bad, unchecked = await self._signatures(list(events.values()))
        return CaseFacts(bad, unchecked, events, calls)

    def _kept_event(self, state: ComplaintState) -> Incoming | None:
        """The event of a held complaint, as it came; None where it cannot be opened."""
        assert state.held is not None
        kept = state.held["kept"]
        try:
            return read(self.parking.kept(state.complaint_id, kept["cause"], kept["record"]))
        except (Unreadable, NoEvent) as error:
            # It must not keep the others from their time; it is tried again, in case the key is put back.
            log(topics.COMPLAINTS).error("a check waits", subject=state.complaint_id, reason=str(error))
            return None

    async def _signatures(self, events: Sequence[Incoming]) -> tuple[dict[str, FieldError], dict[str, dict[str, Any]]]:
        """By cause, what is wrong with the signatures of complaints from the portal (C9.2), and the events, sealed, of
        those whose signature cannot be checked now.
        """
        signed: dict[str, Signed] = {}
        for event in events:
            data = event.data
            if isinstance(data, ComplaintSubmitted) and data.channel == "portal" and data.signature is not None:
                iin = data.complainant.iin or ""
                heard_at = self._complaints.record_time(event)
                signed[event.causation_id] = Signed(event.value, data.signature.value, iin, data.submitted_at, heard_at)
        verdicts = await self._verifier.verify(list(signed.values())) if signed else []
        told = dict(zip(signed, verdicts, strict=True))
        bad = {
            causation_id: FieldError(path=verdict.path, message=f"{verdict.check}: {verdict.message}")
            for causation_id, verdict in told.items()
            if isinstance(verdict, Invalid)
        }
        waits = {
            causation_id: verdict.reason for causation_id, verdict in told.items() if isinstance(verdict, Unavailable)
        }
        for causation_id, verdict in told.items():
            if isinstance(verdict, Unavailable) and verdict.for_good:
                bad[causation_id] = domain.EXPIRED_UNCHECKED
                del waits[causation_id]
        away = [event for event in events if event.causation_id in waits]
        if away:
            reason = waits[away[0].causation_id]
            log(topics.COMPLAINTS).warning("signatures cannot be checked", held=len(away), reason=reason)
        kept = {
            each.causation_id: {"cause": each.causation_id, "record": self.parking.keep(each.subject, each)}
            for each in away
        }
        return bad, kept

    async def complete_pending(
        self, aggregates: Sequence[Aggregate[ComplaintState]], now: datetime
    ) -> dict[str, Completion[ComplaintState]]:
        """Give incoming numbers in the order of registration: one query and one write for all.

        With its first number a complaint's file is opened, with its call and the complaints that it is linked with.
        """
        wanted = [each for one in aggregates if one.state for each in domain.wanted_numbers(one.state)]
        wanted.sort(key=lambda each: datetime.fromisoformat(each.registered_at))
        numbers = await self._pages.allocate([(each.page, each.subject) for each in wanted])
        openings = await self._openings([one.state for one in aggregates if one.state], now)
        concluded = {}
        for one in aggregates:
            if one.state is None:
                continue
            state, waited = domain.numbered(one.state, numbers, opening=openings.get(one.id))
            concluded[one.id] = Completion(state, [(each["cause"], each["traceparent"], says) for each, says in waited])
        return concluded

    async def _openings(self, states: Sequence[ComplaintState], now: datetime) -> dict[str, Opening]:
        """What the files open with that are opened now; those of one batch, stored by now, find one another."""
        about = {each.complaint_id: each for each in states if each.request_id and domain.opens(each)}
        if not about or self._matters is None:
            return {}
        calls = await self._matters.timelines({str(each.request_id) for each in about.values()})
        others = await self._matters.of_matters([each.matter for each in about.values() if each.matter])
        return {
            key: Opening(
                calls,
                [other.complaint_id for other in others if domain.same_matter(each, other)],
                now,
                self._complaints.rule_sets,
            )
            for key, each in about.items()
        }


class ComplaintsAndCalls:
    """Hands complaints to one engine, and what is heard of calls to the other."""

    def __init__(self, complaints: ComplaintEngine, calls: Engine[CallTimeline, None]) -> None:
        self._complaints = complaints
        self._calls = calls

    async def handle(self, batch: Sequence[Incoming], now: datetime) -> BatchResult:
        ours = [index for index, event in enumerate(batch) if event.record.topic == topics.COMPLAINTS_IN.name]
        theirs = [index for index, event in enumerate(batch) if event.record.topic != topics.COMPLAINTS_IN.name]
        handled = BatchResult()
        for engine, places in ((self._calls, theirs), (self._complaints, ours)):
            if places:
                handled.take(await engine.handle([batch[index] for index in places], now), places)
        return handled


def build(settings: Settings, clock: Clock) -> Service:
    """Put the service together. Raises ``SettingsError`` or ``RuleSetError`` with one line where it cannot start."""
    vault = Vault.from_settings(settings)
    verifier = verifier_from(settings)
    database = Database(settings.mongo_url, f"{settings.mongo_prefix}_{topics.COMPLAINTS}")
    store = ComplaintStore(database)
    clinics = Clinics()

    def take(event: Incoming) -> None:
        if isinstance(event.data, ClinicPublished):
            clinics.take(event.data)

    table = GlobalTable(
        settings, topics.COMPLAINTS, topics.CLINICS, take, LastKnownGood(database.collection("clinics"))
    )
    # Under another clock than the world's, a record's time says nothing about the event's (R17).
    judge_record_time = isinstance(clock, SystemClock)
    rule_sets = load_rule_sets(settings.rules)
    tolerance = tolerance_by(rule_sets) if judge_record_time else None
    complaints = Complaints(
        clinics,
        rule_sets,
        judge_record_time=judge_record_time,
        vault=vault,
        officer=settings.officer(),
        senders=Senders(settings.senders_file),
    )
    if settings.senders_file is None and settings.env == "production":
        log(topics.COMPLAINTS).warning("stages are not held against senders: set HOMECALL_SENDERS_FILE")
    engine = ComplaintEngine(store.complaints, store.pages, complaints, clock, table, verifier, vault, store, tolerance)

    timelines = Timelines(partial(vault.index, COMPLAINANT_BY_NAME))
    calls = Engine(topics.COMPLAINTS, store.calls, timelines, clock, vault, ClinicEvents(tolerance=tolerance))

    async def gauges(now: datetime) -> None:
        refresh_open("complaint", await store.open(now), CHANNELS, now)
        missed = await store.answers_missed_in(local(now).strftime("%Y-%m"))
        for channel in get_args(Channel):
            ANSWERS_MISSED.labels(channel).set(missed.get(channel, 0))
        held = {channel: (number, since) for channel, number, since in await store.held()}
        for channel in SIGNED:
            number, since = held.get(channel, (0, millis(now)))
            HELD_COMPLAINTS.labels(channel).set(number)
            age = (now - moment_of(since)).total_seconds()
            OLDEST_HELD_COMPLAINT_SECONDS.labels(channel).set(max(0.0, age))

    metrics.expect_outcomes(counted_by(topics.COMPLAINTS))
    metrics.expect_decisions("complaint", CHANNELS, ["invalid_complaint"])
    heard = [topic for topic in topics.read_by(topics.COMPLAINTS) if not topic.whole]
    return Service(
        name=topics.COMPLAINTS,
        settings=settings,
        clock=clock,
        database=database,
        producer=Producer(settings, f"homecall-{topics.COMPLAINTS}"),
        topics=heard,
        # What became of calls is kept for the file of a complaint that may come.
        low_priority=[topic for topic in heard if topic is not topics.COMPLAINTS_IN],
        handler=ComplaintsAndCalls(engine, calls),
        engines=[engine, calls],
        tables=[table],
        ticks=[table.keep],
        schema=schema(database),
        prepare=[store.prepare, verifier.start],
        close=[verifier.close],
        gauges=gauges,
    )
