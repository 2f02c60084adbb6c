"""Load, decide, store: how a batch of events changes aggregates, and how their timers fire.

The steps around it, decode before and publish and commit after, are the pipeline's.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Generic, Literal, Protocol, TypeVar, cast
from zoneinfo import ZoneInfo

import bson

from homecall.contract.envelope import Incoming, OutgoingRecord, Record, outgoing, read
from homecall.contract.envelope import Unreadable as NoEvent
from homecall.contract.errors import one_line
from homecall.contract.ids import cause_id
from homecall.contract.types import ZONE, Event, in_zone
from homecall.runtime import metrics
from homecall.runtime.clock import Clock
from homecall.runtime.encryption import Unreadable, Vault
from homecall.runtime.engine.decision import Dead, Decision, Measure, OutgoingEvent
from homecall.runtime.engine.document_size import beyond, no_room_to_wait
from homecall.runtime.engine.published_events import PublishedEvents
from homecall.runtime.failpoint import failpoint
from homecall.runtime.failures import RetryForever, Transient
from homecall.runtime.logs import log
from homecall.runtime.mongo.mongo import Aggregate, Parked, Repository

S = TypeVar("S")
F = TypeVar("F")
F_contra = TypeVar("F_contra", contravariant=True)
Result = Literal["handled", "repeated", "dead"]

PARKED_FOR = timedelta(hours=24)
"""How long an event waits for its subject before it becomes a dead letter."""
_WHILE_HELD = datetime(9000, 1, 1, tzinfo=UTC)
"""How long it waits for a subject that is known, and may not be changed yet: as long as that takes."""
_UNCACHED_BATCHES = 5
"""For how many batches everything is asked for again, after one in which something was not as presumed."""
_GRACE_SECONDS = 15
"""Real seconds after which a timer takes up work that a batch began and did not finish."""


@dataclass(slots=True)
class BatchResult:
    """What became of a batch: events to send in order, a result per record, dead letters.

    ``after`` is called once all of it was acknowledged, before the offsets are committed; ``beside`` while the events
    are on their way: what may be stored or not by then, since a replay would say the same.
    """

    events: list[OutgoingRecord] = field(default_factory=list)
    results: dict[int, Result] = field(default_factory=dict)
    dead: list[tuple[Incoming, Dead]] = field(default_factory=list)
    after: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    beside: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def take(self, part: BatchResult, places: Sequence[int]) -> None:
        """Add what became of a part of the batch, whose records stand at these places of the whole."""
        self.events.extend(part.events)
        self.dead.extend(part.dead)
        self.after.extend(part.after)
        self.beside.extend(part.beside)
        self.results.update({places[index]: result for index, result in part.results.items()})


@dataclass(frozen=True, slots=True)
class Completion(Generic[S]):
    """How the second stage ended for one aggregate: its state, and what each pending cause says."""

    state: S
    said: Sequence[tuple[str, str | None, Sequence[OutgoingEvent]]]
    """(cause, traceparent, what it says)"""
    measures: Sequence[Measure] = ()
    certain: bool = False
    """Whether it would be concluded again to the same bytes by what is stored already, whoever did it."""


class Domain(Protocol[S, F_contra]):
    """A service's decisions. Each is a function of its arguments: nothing is set here to be found by a later one.

    ``facts`` are what the engine of the service loaded for the batch, or for the timers, in hand: see
    ``Engine.facts_for``. A decision that changes another aggregate returns that in ``Decision.others``.
    """

    def target(self, event: Incoming) -> str | None:
        """The id of the aggregate that an event is about; None when it is of no concern here."""

    def takes_broken(self, event: Incoming) -> bool:
        """Whether an event that breaks its schema is answered by a decision rather than by a dead letter."""

    def decide(self, state: S | None, event: Incoming, facts: F_contra, now: datetime) -> Decision[S]:
        """What an event leads to."""

    def due(self, state: S, facts: F_contra, now: datetime) -> Decision[S]:
        """What the passing of a state's timer leads to."""

    def pending(self, state: S) -> bool:
        """Whether the state waits for the second stage: a number, a place."""


class EventRules(Protocol):
    """What holds for every event of a service, whatever is decided on it."""

    def admit(self, state: object | None, event: Incoming) -> Incoming | str:
        """The event as it is to be decided on; a text says what is wrong with it, and the way out."""

    def zone_of(self, data: Event) -> ZoneInfo:
        """The zone in which the times of an event that goes out are written."""


class NoRules:
    """Every event is decided on as it came."""

    def admit(self, state: object | None, event: Incoming) -> Incoming | str:
        del state
        return event

    def zone_of(self, data: Event) -> ZoneInfo:
        del data
        return ZONE


@dataclass(slots=True)
class Scope(Generic[S, F]):
    """What is decided together: the aggregates as they stand by now, the facts, and the moment (UTC or with a zone)."""

    aggregates: Mapping[str, Aggregate[S]]
    facts: F
    now: datetime


class Engine(Generic[S, F]):
    """Carries a batch through load, decide and store, and the timers through decide and store.

    What decisions need besides the state and the event are the facts ``F``: one value for all that is decided together,
    best a frozen dataclass. A service loads them in ``facts_for`` (a batch) and ``facts_for_due`` (timers), where it
    may ask others. The decisions follow without any await, and are given the facts as an argument. Where a decision
    changes what a later one goes by (who holds a claim, say), ``facts_after`` gives the facts as they are then. A
    service whose decisions need none has ``Engine[State, None]`` and overrides nothing.

    A service with a second aggregate (a register page, a roster) overrides ``complete_pending``. Events that wait for
    their subject are kept sealed; as they came where there is no ``vault``, which is for tests.
    """

    def __init__(
        self,
        service: str,
        store: Repository[S],
        domain: Domain[S, F],
        clock: Clock,
        vault: Vault | None = None,
        rules: EventRules | None = None,
    ) -> None:
        self.service = service
        self._rules = rules or NoRules()
        self._vault = vault
        self.store = store
        self.domain = domain
        self.clock = clock
        self._grace = timedelta(seconds=_GRACE_SECONDS * clock.speed)
        self._uncached_batches = 0
        self._log = log(service)
        self.published: PublishedEvents | None = None
        """What was said of records that are handled again after a restore: it comes out as it was."""

    # ------------------------------------------------------------ facts

    async def facts_for(self, batch: Sequence[Incoming], loaded: Mapping[str, Aggregate[S]]) -> F:
        """What these events are decided by, and what had waited for their subjects.

        ``loaded`` are the aggregates that were found, without those that do not exist yet. Called again for the events
        of those that somebody else changed meanwhile.
        """
        del batch, loaded
        return cast(F, None)

    async def facts_for_due(self, found: dict[str, Aggregate[S]], now: datetime) -> F:
        """What the timers of these are decided by. It adds to ``found`` what else they may change."""
        del now
        return await self.facts_for((), found)

    def facts_after(self, facts: F, before: S | None, after: S) -> F:
        """The facts once a decision has changed an aggregate. Pure."""
        del before, after
        return facts

    # ------------------------------------------------------------ a batch

    async def handle(self, batch: Sequence[Incoming], now: datetime) -> BatchResult:
        """Decide and store a batch. Handling it again gives the same events, whatever was stored before."""
        handled = BatchResult()
        concerns = self._concerns(batch, handled)
        undecided = dict(concerns)
        cached = self._cached(batch, concerns)
        touched: dict[str, Aggregate[S]] = {}
        deaths: dict[int, Dead] = {}
        while undecided:
            started = time.perf_counter()
            loaded = await self.load(set(undecided.values()) - cached.keys(), batch, cached)
            facts = await self.facts_for([batch[index] for index in undecided], loaded)
            failpoint("batch.loaded")
            started = self._step("load", started)
            scope = Scope(loaded, facts, now)
            for index, target in undecided.items():
                aggregate = loaded.setdefault(target, Aggregate(target))
                deaths.pop(index, None)
                handled.results[index] = self._decide(scope, aggregate, batch[index], deaths, index)
            started = self._step("decide", started)
            failpoint("batch.decided")
            # What was presumed counts once a write has borne it out; what led to none is looked up after all.
            lost = {key for key in cached if not loaded[key].changed}
            lost |= await self._save([each for each in loaded.values() if each.changed])
            if lost & cached.keys():
                self._uncached_batches = _UNCACHED_BATCHES
            cached = {}
            self._step("store", started)
            failpoint("batch.stored")
            touched.update({key: each for key, each in loaded.items() if key not in lost})
            undecided = {index: target for index, target in undecided.items() if target in lost}
        in_hand = {event.causation_id for event in batch}
        settled = await self._complete(touched, now, in_hand, handled)
        # Of one aggregate nothing may be heard before what it said earlier and still owes: a withdrawal before the
        # acceptance, say, that a timer decided, or another process, and that a crash kept back.
        owing = {key: _Outbox(touched[key], settled.get(key, ())) for key in touched if touched[key].unsent}
        for index, target in concerns.items():
            if index in deaths:
                handled.dead.append((batch[index], deaths[index]))
                handled.results[index] = "dead"
            elif target in owing:
                handled.events.extend(owing[target].up_to(batch[index].causation_id))
            else:
                handled.events.extend(touched[target].said(batch[index].causation_id))
        if owing:
            for key in sorted(owing):
                handled.events.extend(owing[key].rest())
            handled.after.append(lambda: self.store.sent([each.aggregate for each in owing.values()]))
        return handled

    def _concerns(self, batch: Sequence[Incoming], handled: BatchResult) -> dict[int, str]:
        concerns: dict[int, str] = {}
        for index, event in enumerate(batch):
            handled.results[index] = "handled"
            if event.data is None and not self.domain.takes_broken(event):
                handled.dead.append((event, Dead("schema", one_line(event.errors))))
                handled.results[index] = "dead"
                continue
            target = self.domain.target(event)
            if target is not None:
                concerns[index] = target
        return concerns

    def _cached(self, batch: Sequence[Incoming], concerns: Mapping[int, str]) -> dict[str, Aggregate[S]]:
        """The aggregates of a batch that need not be asked for: those in memory, and those that are likely new.

        A write shows whether that was so: an insert fails for one that exists, and compare-and-set for one that
        somebody has changed. After a batch where it was not so, the next few ask.
        """
        if self._uncached_batches:
            self._uncached_batches -= 1
            return {}
        firsts: dict[str, Incoming] = {}
        for index, target in concerns.items():
            firsts.setdefault(target, batch[index])
        cached = {target: kept for target in firsts if (kept := self.store.remembered(target)) is not None}
        for target in self.likely_new({key: each for key, each in firsts.items() if key not in cached}):
            cached[target] = Aggregate(target)
        return cached

    def likely_new(self, firsts: Mapping[str, Incoming]) -> Collection[str]:
        """Which aggregates most likely do not exist yet, by the first event of each in the batch."""
        del firsts
        return ()

    async def load(
        self, targets: Collection[str], batch: Sequence[Incoming], cached: Mapping[str, Aggregate[S]]
    ) -> dict[str, Aggregate[S]]:
        """The aggregates that a batch is about, with those that are ``cached``.

        A service whose decisions look at others loads those too.
        """
        del batch
        return {**await self.store.load(targets), **cached}

    def _decide(
        self, scope: Scope[S, F], aggregate: Aggregate[S], event: Incoming, deaths: dict[int, Dead], index: int
    ) -> Result:
        record = event.record
        aggregate.places[event.causation_id] = record.topic, record.partition, record.offset
        if aggregate.heard(event.causation_id):
            return "repeated"
        now = self._then(aggregate.id, scope.now)
        decision = self._judged(scope, aggregate, event, now)
        if decision.dead is not None:
            deaths[index] = decision.dead
            return "dead"
        if decision.park:
            if any(kept.causation_id == event.causation_id for kept in aggregate.parked):
                return "repeated"
            if (dead := no_room_to_wait(aggregate, event)) is not None:
                deaths[index] = dead
                return "dead"
            until = now + PARKED_FOR if aggregate.state is None else _WHILE_HELD
            aggregate.parked.append(Parked(event.causation_id, until, self.keep(aggregate.id, event)))
            aggregate.changed = True
            return "handled"
        if decision.state is None:
            return "repeated"
        if (dead := beyond(aggregate, event, decision, self.store)) is not None:
            deaths[index] = dead
            return "dead"
        first = aggregate.state is None
        self._apply(scope, aggregate, event.causation_id, event.traceparent, decision, now)
        if first and aggregate.parked:
            self._unpark(scope, aggregate, event.causation_id, now)
        return "handled"

    def _judged(self, scope: Scope[S, F], aggregate: Aggregate[S], event: Incoming, now: datetime) -> Decision[S]:
        """What the domain decides on an event, once the rules admit it."""
        admitted = self._rules.admit(aggregate.state, event)
        if isinstance(admitted, str):
            return Decision(dead=Dead("invalid_transition", admitted))
        return self.domain.decide(aggregate.state, admitted, scope.facts, now)

    def _apply(
        self,
        scope: Scope[S, F],
        aggregate: Aggregate[S],
        causation_id: str,
        traceparent: str | None,
        decision: Decision[S],
        now: datetime,
        *,
        under: str | None = None,
    ) -> None:
        assert decision.state is not None
        for name, state in (decision.others or {}).items():
            self._change(scope, scope.aggregates[name], state)
        self._change(scope, aggregate, decision.state)
        aggregate.measures.extend(decision.measures)
        if self.domain.pending(decision.state):
            # Its outcome follows with the second stage; until then the cause counts as not heard.
            aggregate.timer_at = now + self._grace
            if not decision.says:
                return
        aggregate.add(under or causation_id, self.say(causation_id, traceparent, decision.says, now))

    def _change(self, scope: Scope[S, F], aggregate: Aggregate[S], state: S) -> None:
        before, aggregate.state = aggregate.state, state
        aggregate.changed = True
        scope.facts = self.facts_after(scope.facts, before, state)

    def _unpark(self, scope: Scope[S, F], aggregate: Aggregate[S], under: str, now: datetime) -> None:
        """Decide what waited for this aggregate. Its events go with the cause that ended the wait: that is replayed."""
        waiting, aggregate.parked = aggregate.parked, []
        for kept in waiting:
            try:
                event = read(self.kept(aggregate.id, kept.causation_id, kept.record))
            except (Unreadable, NoEvent) as error:  # its key is missing, or another release reads more strictly
                # Its subject must not fail with it: it goes on waiting, and may be opened by the time it is over.
                self._log.error("what waits cannot be opened", subject=aggregate.id, reason=str(error))
                aggregate.parked.append(kept)
                continue
            then = self._then(aggregate.id, now)
            decision = self._judged(scope, aggregate, event, then)
            if decision.park:
                aggregate.parked.append(replace(kept, until=_WHILE_HELD))
            elif decision.dead is not None:
                # Due at once: the timer makes the dead letter, so that a crash between here and there loses nothing.
                aggregate.parked.append(replace(kept, until=now, dead=decision.dead))
            elif decision.state is not None:
                self._apply(scope, aggregate, event.causation_id, event.traceparent, decision, then, under=under)
                aggregate.fresh.setdefault(event.causation_id, [])

    def keep(self, aggregate_id: str, event: Incoming) -> dict[str, Any]:
        """An event to be stored with its aggregate until its time has come: sealed."""
        doc = _record_to_doc(event.record)
        return (
            self._vault.seal(bson.encode(doc), parked_place(aggregate_id, event.causation_id)) if self._vault else doc
        )

    def kept(self, aggregate_id: str, causation_id: str, kept: Mapping[str, Any]) -> Record:
        """The record of an event that ``keep`` gave. Raises ``Unreadable`` where its key is missing."""
        if self._vault is None:
            return _record_from_doc(kept)
        return from_bytes(self._vault.open(kept, parked_place(aggregate_id, causation_id)))

    def say(
        self, causation_id: str, traceparent: str | None, says: Sequence[OutgoingEvent], now: datetime
    ) -> list[OutgoingRecord]:
        """The events that a decision says, with ids derived from the cause."""
        said = [
            outgoing(
                each.data,
                service=self.service,
                causation_id=causation_id,
                time=each.time or in_zone(now),
                sibling=each.sibling,
                traceparent=traceparent,
                zone=self._rules.zone_of(each.data),
            )
            for each in says
        ]
        return said if self.published is None else [self.published.as_said(each) for each in said]

    def _fired(self, subject: str, causation_id: str, decision: Decision[S], now: datetime) -> bool:
        """Whether a timer of a record that is handled again did say this, or may be let do what nobody hears of."""
        assert self.published is not None
        if decision.state is None:
            return False
        if self.domain.pending(decision.state):
            return self.published.waits(subject)
        says = [
            outgoing(each.data, service=self.service, causation_id=causation_id, time=in_zone(now))
            for each in decision.says
        ]
        return all(self.published.told(each) for each in says)

    def _then(self, subject: str, now: datetime) -> datetime:
        """The moment of a decision: now, or, of what is decided again after a restore, when it was first."""
        return now if self.published is None else self.published.told_at(subject, now)

    # ------------------------------------------------------------ second stage

    async def complete_pending(self, aggregates: Sequence[Aggregate[S]], now: datetime) -> dict[str, Completion[S]]:
        """Settle what pending aggregates wait for, in another aggregate. By id; who is absent goes on waiting."""
        raise NotImplementedError  # only reached by a domain with pending states, which overrides it

    async def _complete(
        self,
        touched: dict[str, Aggregate[S]],
        now: datetime,
        in_hand: Collection[str] = (),
        handled: BatchResult | None = None,
    ) -> dict[str, list[str]]:
        """Carry what is pending through the second stage. By id, the causes that were settled, in their order.

        A cause that is not ``in_hand`` (a timer's, or one that had waited for its subject) comes with no record that
        would bring its events back: it is marked unsent. Once this has begun, a number may be out: whatever fails but
        the database is ``RetryForever``. What is ``certain`` of a batch is stored beside its publication.
        """
        try:
            return await self._complete_all(self._pending(touched), touched, now, in_hand, handled)
        except (Transient, RetryForever):
            raise
        except Exception as error:
            raise RetryForever(f"the second stage of {self.service} failed: {type(error).__name__}") from error

    async def _complete_all(
        self,
        pending: list[Aggregate[S]],
        touched: dict[str, Aggregate[S]],
        now: datetime,
        in_hand: Collection[str],
        handled: BatchResult | None = None,
    ) -> dict[str, list[str]]:
        settled: dict[str, list[str]] = {}
        while pending:
            concluded = await self.complete_pending(pending, now)
            failpoint("stage.settled")
            done: list[Aggregate[S]] = []
            later: list[Aggregate[S]] = []
            for aggregate in pending:
                end = concluded.get(aggregate.id)
                if end is None:
                    continue
                aggregate.state = end.state
                aggregate.timer_at = None
                aggregate.changed = True
                aggregate.measures.extend(end.measures)
                settled[aggregate.id] = [causation_id for causation_id, _, _ in end.said]
                for causation_id, traceparent, says in end.said:
                    aggregate.add(causation_id, self.say(causation_id, traceparent, says, now))
                    if says and causation_id not in in_hand:
                        aggregate.owe(causation_id)
                sure = handled is not None and end.certain and not aggregate.unsent
                (later if sure else done).append(aggregate)
            if later and handled is not None:
                handled.beside.append(partial(self._store_conclusions, later, now, in_hand))
            pending = await self._not_stored(done, touched)
        return settled

    async def _not_stored(self, done: Sequence[Aggregate[S]], touched: dict[str, Aggregate[S]]) -> list[Aggregate[S]]:
        """Store conclusions. Those that somebody else changed meanwhile and that are pending still, as they are now."""
        if not done:
            return []
        started = time.perf_counter()
        lost = await self._save(done)
        self._step("store", started)
        failpoint("stage.stored")
        again = await self.store.load(lost)
        touched.update(again)
        return self._pending(again)

    async def _store_conclusions(self, done: Sequence[Aggregate[S]], now: datetime, in_hand: Collection[str]) -> None:
        """Store what is being said at this moment. Done again it stores what is not stored yet."""
        touched: dict[str, Aggregate[S]] = {}
        try:
            pending = await self._not_stored([each for each in done if each.changed], touched)
            await self._complete_all(pending, touched, now, in_hand)
        except (Transient, RetryForever):
            raise
        except Exception as error:
            raise RetryForever(f"the second stage of {self.service} failed: {type(error).__name__}") from error

    def _pending(self, among: Mapping[str, Aggregate[S]]) -> list[Aggregate[S]]:
        return [each for each in among.values() if each.state is not None and self.domain.pending(each.state)]

    async def _save(self, changed: Sequence[Aggregate[S]]) -> set[str]:
        lost = await self.store.save(changed)
        for each in changed:
            if each.id not in lost:
                metrics.record(each.measures)
                each.measures = []
        return lost

    @staticmethod
    def _step(name: str, started: float) -> float:
        now = time.perf_counter()
        metrics.STEP_SECONDS.labels(name).observe(now - started)
        return now

    # ------------------------------------------------------------ timers

    async def due(self, now: datetime, limit: int = 500) -> Due[S]:
        """Decide and store what is due by ``now``; what it gives is to be sent, then handed to ``sent``."""
        found = {each.id: each for each in await self.store.due(now, limit)}
        full = len(found) == limit
        if found:
            failpoint("timer.found")
        expired = [each for each in found.values() if any(kept.until <= now for kept in each.parked)]
        scope = Scope(found, await self.facts_for_due(found, now), now)
        failed = 0
        for aggregate in found.values():
            if aggregate.state is None or self.domain.pending(aggregate.state):
                continue
            try:
                decision = self.domain.due(aggregate.state, scope.facts, now)
            except Exception as error:
                # It must not keep the others from their time; it is tried again with every tick.
                self._log.error("a timer failed", subject=aggregate.id, error=type(error).__name__, exc_info=error)
                failed += 1
                continue
            timer = cause_id(f"/homecall/{self.service}", f"{aggregate.id} {aggregate.version}", "timer")
            causation_id, traceparent = decision.causation_id or (timer, None)
            if self.published is not None and not self._fired(aggregate.id, causation_id, decision, now):
                continue
            if decision.state is not None:
                self._apply(scope, aggregate, causation_id, traceparent, decision, now)
                if decision.unpark:
                    self._unpark(scope, aggregate, causation_id, now)
                if decision.says:
                    aggregate.owe(causation_id)
                else:
                    aggregate.fresh.pop(
                        causation_id, None
                    )  # no record brings a timer's cause again: nothing to remember
        if found:
            failpoint("timer.decided")
        lost = await self._save([each for each in found.values() if each.changed])
        if found:
            failpoint("timer.stored")
        won = {key: each for key, each in found.items() if key not in lost}
        await self._complete(won, now)
        if found:
            failpoint("timer.concluded")
        dead: list[tuple[Record, Dead]] = []
        buried: list[Aggregate[S]] = []
        for aggregate in expired:
            if aggregate.id in won:
                try:
                    dead += self._letters(aggregate, now)
                    buried.append(aggregate)
                except Unreadable as error:
                    self._log.error("what waits cannot be opened", subject=aggregate.id, reason=str(error))
                    failed += 1
        return Due(
            unsent=[each for each in won.values() if each.unsent],
            expired=buried,
            dead=dead,
            until=now,
            more=full and failed < limit,
        )

    def _letters(self, aggregate: Aggregate[S], now: datetime) -> list[tuple[Record, Dead]]:
        detail = "its subject did not become known within 24 hours: send the subject's own event first"
        unknown = Dead("unknown_subject", detail)
        return [
            (self.kept(aggregate.id, kept.causation_id, kept.record), kept.dead or unknown)
            for kept in aggregate.parked
            if kept.until <= now
        ]

    async def unsent(self, seconds: float = 10, limit: int = 500) -> Due[S]:
        """What a timer stored more than so many real seconds ago and nobody is known to have sent."""
        found = await self.store.unsent(datetime.now(UTC) - timedelta(seconds=seconds), limit)
        return Due(unsent=found, expired=[], dead=[], until=datetime.min.replace(tzinfo=UTC), more=False)

    async def sent(self, due: Due[S]) -> None:
        """The events and dead letters of ``due`` were acknowledged: only now are they forgotten."""
        for each in due.unsent:
            each.unsent = []
        await self.store.sent(due.unsent)
        failpoint("timer.cleared")
        for each in due.expired:
            # Not remembered as heard: a dead letter that is sent again must be able to take effect.
            each.parked = [kept for kept in each.parked if kept.until > due.until]
        await self._save(due.expired)


class _Outbox(Generic[S]):
    """What an aggregate owes, among the causes of a batch: those owed from before, then those ``settled`` now."""

    def __init__(self, aggregate: Aggregate[S], settled: Sequence[str]) -> None:
        self.aggregate = aggregate
        earlier = [causation_id for causation_id in aggregate.unsent if causation_id not in settled]
        self._order = [*earlier, *settled]
        self._earlier = len(earlier)
        self._told: set[str] = set()

    def up_to(self, causation_id: str) -> list[OutgoingRecord]:
        """What is to be said before what this cause says, and that; each only once."""
        end = self._order.index(causation_id) if causation_id in self._order else self._earlier
        return self._tell([*self._take(end), causation_id])

    def rest(self) -> list[OutgoingRecord]:
        """What is left to be said."""
        return self._tell(self._take(len(self._order)))

    def _take(self, end: int) -> list[str]:
        now, self._order[:end] = self._order[:end], []
        self._earlier = max(0, self._earlier - end)
        # What was settled with its record in hand is not owed: it is said when its turn comes.
        return [causation_id for causation_id in now if causation_id in self.aggregate.unsent]

    def _tell(self, causes: Sequence[str]) -> list[OutgoingRecord]:
        new = [causation_id for causation_id in causes if causation_id not in self._told]
        self._told.update(new)
        return [event for causation_id in new for event in self.aggregate.said(causation_id)]


@dataclass(frozen=True, slots=True)
class Due(Generic[S]):
    """What timers did: aggregates with events to send, and those whose parked events are to become dead letters.

    ``dead`` are the parked records whose time is over, or that could not take effect when their subject came.
    """

    unsent: list[Aggregate[S]]
    expired: list[Aggregate[S]]
    dead: list[tuple[Record, Dead]]
    until: datetime
    more: bool

    @property
    def events(self) -> list[OutgoingRecord]:
        """The events to send."""
        return [event for each in self.unsent for event in each.owed()]


def parked_place(aggregate_id: str, causation_id: str) -> str:
    """Where an event that waits for its subject stands: sealed for there, it opens nowhere else."""
    return f"parked/{aggregate_id}/{causation_id}"


def _record_to_doc(record: Record) -> dict[str, Any]:
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key,
        "value": record.value,
        "headers": [[name, value] for name, value in record.headers],
        "timestamp": record.timestamp,
    }


def as_bytes(record: Record) -> bytes:
    """A record as one piece, to be sealed."""
    return bson.encode(_record_to_doc(record))


def from_bytes(kept: bytes) -> Record:
    """The record that ``as_bytes`` gave."""
    return _record_from_doc(bson.decode(kept))


def _record_from_doc(doc: Mapping[str, Any]) -> Record:
    return Record(
        topic=doc["topic"],
        partition=doc["partition"],
        offset=doc["offset"],
        key=doc["key"],
        value=doc["value"],
        headers=tuple((name, value) for name, value in doc["headers"]),
        timestamp=doc["timestamp"],
    )
