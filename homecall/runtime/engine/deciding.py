"""How one event, or one timer, changes an aggregate in memory: admit, decide, apply, then what had waited for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar, cast

from homecall.contract.envelope import Incoming, OutgoingRecord, outgoing, read
from homecall.contract.envelope import Unreadable as NoEvent
from homecall.contract.types import in_zone
from homecall.runtime import metrics
from homecall.runtime.clock import Clock
from homecall.runtime.encryption import Unreadable, Vault
from homecall.runtime.engine.cached_reads import CachedReads
from homecall.runtime.engine.decision import Dead, Decision, OutgoingEvent
from homecall.runtime.engine.document_size import beyond, no_room_to_wait
from homecall.runtime.engine.parking import PARKED_FOR, WHILE_HELD, Parking
from homecall.runtime.engine.protocols import Domain, EventRules, NoRules, Scope
from homecall.runtime.engine.published_events import PublishedEvents
from homecall.runtime.logs import log
from homecall.runtime.mongo.aggregate import Aggregate, Parked
from homecall.runtime.mongo.repository import Repository

S = TypeVar("S")
F = TypeVar("F")

_GRACE_SECONDS = 15
"""Real seconds after which a timer resumes a completion that a batch did not finish."""


class Deciding(Generic[S, F]):
    """The part of an engine that decides in memory, and stores what changed.

    Events that wait for their subject are encrypted; without a ``vault``, as in tests, they are not.
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
        self.store = store
        self.domain = domain
        self.clock = clock
        self.parking = Parking(vault)
        self.rules = rules or NoRules()
        self.reads = CachedReads[S]()
        self.published: PublishedEvents | None = None
        """Set while records are handled again after a restore: their events come out as they were published."""
        self._grace = timedelta(seconds=_GRACE_SECONDS * clock.speed)
        self._log = log(service)

    # ------------------------------------------------------------ facts

    async def facts_for(self, batch: Sequence[Incoming], loaded: Mapping[str, Aggregate[S]]) -> F:
        """The facts for deciding on these events, and on those that waited for their subjects.

        ``loaded`` are the aggregates that exist. Called again for the events of those that were changed meanwhile.
        """
        del batch, loaded
        return cast(F, None)

    async def facts_for_due(self, found: dict[str, Aggregate[S]], now: datetime) -> F:
        """The facts for the timers of these aggregates. May add to ``found`` others that they change."""
        del now
        return await self.facts_for((), found)

    def facts_after(self, facts: F, before: S | None, after: S) -> F:
        """The facts once a decision has changed an aggregate: other ones, or the same kept up."""
        del before, after
        return facts

    # ------------------------------------------------------------ an event

    def decide(self, scope: Scope[S, F], aggregate: Aggregate[S], event: Incoming) -> Dead | bool:
        """Decide on an event and change its aggregate: whether anything changed, or why it is a dead letter."""
        record = event.record
        aggregate.places[event.causation_id] = record.topic, record.partition, record.offset
        if aggregate.is_processed(event.causation_id):
            return False
        now = self._then(aggregate.id, scope.now, event.causation_id)
        decision = self._judge(scope, aggregate, event, now)
        if decision.dead is not None:
            return decision.dead
        if decision.park:
            return self._park(aggregate, event, now)
        if decision.state is None:
            return False
        if (dead := beyond(aggregate, event, decision, self.store)) is not None:
            return dead
        first = aggregate.state is None
        cause = (event.causation_id, event.traceparent)
        self.apply(scope, aggregate, cause, decision, now)
        if first and aggregate.parked:
            self.unpark(scope, aggregate, event.causation_id, now)
        if self.unfinished(aggregate):
            self._let_rest(aggregate, cause, now)
        return True

    def _judge(self, scope: Scope[S, F], aggregate: Aggregate[S], event: Incoming, now: datetime) -> Decision[S]:
        """What the domain decides on an event, once the rules admit it."""
        admitted = self.rules.admit(aggregate.state, event)
        if isinstance(admitted, str):
            return Decision(dead=Dead("invalid_transition", admitted))
        return self.domain.decide(aggregate.state, admitted, scope.facts, now)

    def _park(self, aggregate: Aggregate[S], event: Incoming, now: datetime) -> Dead | bool:
        if any(kept.causation_id == event.causation_id for kept in aggregate.parked):
            return False
        if (dead := no_room_to_wait(aggregate, event)) is not None:
            return dead
        until = now + PARKED_FOR if aggregate.state is None else WHILE_HELD
        aggregate.parked.append(Parked(event.causation_id, until, self.parking.keep(aggregate.id, event)))
        aggregate.changed = True
        return True

    def apply(
        self,
        scope: Scope[S, F],
        aggregate: Aggregate[S],
        cause: tuple[str, str | None],
        decision: Decision[S],
        now: datetime,
        under: str | None = None,
    ) -> None:
        """Change the aggregate, and others with it, as decided.

        ``cause`` is a causation id with its traceparent. The events are kept ``under`` another one where given.
        """
        assert decision.state is not None
        for name, state in (decision.others or {}).items():
            self._change(scope, scope.aggregates[name], state)
        self._change(scope, aggregate, decision.state)
        aggregate.measures.extend(decision.measures)
        if self.unfinished(aggregate):
            # Until its completion the event counts as not processed.
            aggregate.timer_at = now + self._grace
            if not decision.says:
                return
        causation_id, traceparent = cause
        aggregate.add(under or causation_id, self.say(causation_id, traceparent, decision.says, now))

    def unfinished(self, aggregate: Aggregate[S]) -> bool:
        """Whether the state is pending, and does not rest either: its completion is to be stored."""
        return aggregate.state is not None and self.domain.pending(aggregate.state) and not self.rests(aggregate)

    def rests(self, aggregate: Aggregate[S]) -> bool:
        """Whether the state is pending, and stays so: its events are stored but for what the completion fills in."""
        return bool(aggregate.resting) and aggregate.state is not None and self.can_rest(aggregate.state)

    def can_rest(self, state: S) -> bool:
        """Whether a pending state may stay so, since what it waits for is found again whenever it is needed."""
        del state
        return False

    def resting(self, state: S, cause: tuple[str, str | None], now: datetime) -> dict[str, Any] | None:
        """Of what the completion of a pending state makes again what it says of this cause; None: it cannot rest."""
        del state, cause, now
        return None

    def _let_rest(self, aggregate: Aggregate[S], cause: tuple[str, str | None], now: datetime) -> None:
        """Store a pending aggregate as it can stay, if it can. No timer: the record in hand brings it back."""
        assert aggregate.state is not None
        if not self.can_rest(aggregate.state):
            if not aggregate.version:  # it was to rest, by an earlier record of this batch
                aggregate.resting, aggregate.resting_changed = {}, set()
        elif (kept := self.resting(aggregate.state, cause, now)) is not None:
            aggregate.rest(cause[0], kept)
            aggregate.timer_at = None

    def _change(self, scope: Scope[S, F], aggregate: Aggregate[S], state: S) -> None:
        before, aggregate.state = aggregate.state, state
        aggregate.changed = True
        scope.facts = self.facts_after(scope.facts, before, state)

    def unpark(self, scope: Scope[S, F], aggregate: Aggregate[S], under: str, now: datetime) -> None:
        """Decide on the events that waited for this aggregate.

        Their events are stored ``under`` the causation id that ended the wait, since a replay repeats that one.
        """
        waiting, aggregate.parked = aggregate.parked, []
        for kept in waiting:
            try:
                event = read(self.parking.kept(aggregate.id, kept.causation_id, kept.record))
            except (Unreadable, NoEvent) as error:  # its key is missing, or this release is stricter
                # Its subject must not fail with it: it continues to wait, and may be readable later.
                self._log.error("cannot decrypt parked event", subject=aggregate.id, reason=str(error))
                aggregate.parked.append(kept)
                continue
            then = self._then(aggregate.id, now, event.causation_id)
            decision = self._judge(scope, aggregate, event, then)
            if decision.park:
                aggregate.parked.append(replace(kept, until=WHILE_HELD))
            elif decision.dead is not None:
                # Due at once: the timer makes the dead letter, so that a crash in between loses nothing.
                aggregate.parked.append(replace(kept, until=now, dead=decision.dead))
            elif decision.state is not None:
                self.apply(scope, aggregate, (event.causation_id, event.traceparent), decision, then, under)
                aggregate.fresh.setdefault(event.causation_id, [])

    def say(
        self, causation_id: str, traceparent: str | None, says: Sequence[OutgoingEvent], now: datetime
    ) -> list[OutgoingRecord]:
        """The events of a decision as they go out, with ids derived from the causation id."""
        said = [
            replace(
                outgoing(
                    each.data,
                    service=self.service,
                    causation_id=causation_id,
                    time=each.time or in_zone(now),
                    sibling=each.sibling,
                    zone=self.rules.zone_of(each.data),
                ),
                traceparent=traceparent,
            )
            for each in says
        ]
        return said if self.published is None else [self.published.as_said(each) for each in said]

    def _then(self, subject: str, now: datetime, causation_id: str = "") -> datetime:
        """The moment of a decision: now; after a restore, that of the first decision."""
        return now if self.published is None else self.published.told_at(subject, now, causation_id)

    # ------------------------------------------------------------ store

    async def _save(self, changed: Sequence[Aggregate[S]]) -> set[str]:
        """Store what changed, and count the measures; the ids of those that another write had changed."""
        lost = await self.store.save(changed)
        for each in changed:
            if each.id not in lost:
                metrics.record(each.measures)
                each.measures = []
        return lost
