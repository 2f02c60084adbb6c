"""Timers: no record brings their events back, so the document is the outbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from homecall.contract.envelope import OutgoingRecord, Record, outgoing
from homecall.contract.ids import cause_id
from homecall.contract.types import in_zone
from homecall.runtime.encryption import Unreadable
from homecall.runtime.engine.completion import Completing
from homecall.runtime.engine.decision import Dead, Decision
from homecall.runtime.engine.protocols import Scope
from homecall.runtime.failpoint import failpoint
from homecall.runtime.mongo.aggregate import Aggregate

S = TypeVar("S")
F = TypeVar("F")


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
        return [event for each in self.unsent for event in each.outbox_events()]


class Timers(Completing[S, F]):
    """The part of an engine that runs timers, and sends what is left in outboxes."""

    async def due(self, now: datetime, limit: int = 500) -> Due[S]:
        """Decide and store what is due by ``now``; the result is to be sent, then passed to ``sent``."""
        found = {each.id: each for each in await self.store.due(now, limit)}
        if not found:
            return Due(unsent=[], expired=[], dead=[], until=now, more=False)
        full = len(found) == limit
        failpoint("timer.found")
        expired = [each for each in found.values() if any(kept.until <= now for kept in each.parked)]
        scope = Scope(found, await self.facts_for_due(found, now), now)
        failed = sum(not self._pass(scope, aggregate) for aggregate in found.values())
        failpoint("timer.decided")
        lost = await self._save([each for each in found.values() if each.changed])
        failpoint("timer.stored")
        won = {key: each for key, each in found.items() if key not in lost}
        await self._complete(won, now)
        failpoint("timer.concluded")
        dead: list[tuple[Record, Dead]] = []
        buried: list[Aggregate[S]] = []
        for aggregate in expired:
            if aggregate.id in won:
                try:
                    dead += self._dead_letters(aggregate, now)
                    buried.append(aggregate)
                except Unreadable as error:
                    self._log.error("cannot decrypt parked event", subject=aggregate.id, reason=str(error))
                    failed += 1
        unsent = [each for each in won.values() if each.outbox]
        return Due(unsent=unsent, expired=buried, dead=dead, until=now, more=full and failed < limit)

    def _pass(self, scope: Scope[S, F], aggregate: Aggregate[S]) -> bool:
        """Decide on the timer of one aggregate. False if that failed: it is retried with every tick."""
        if aggregate.state is None or self.unfinished(aggregate):
            return True
        try:
            decision = self.domain.due(aggregate.state, scope.facts, scope.now)
        except Exception as error:
            # It must not delay the others.
            self._log.error("a timer failed", subject=aggregate.id, error=type(error).__name__, exc_info=error)
            return False
        timer = cause_id(f"/homecall/{self.service}", f"{aggregate.id} {aggregate.version}", "timer")
        cause = decision.causation_id or (timer, None)
        if decision.state is None or not self._fires(aggregate, cause[0], decision, scope.now):
            return True
        self.apply(scope, aggregate, cause, decision, scope.now)
        if decision.unpark:
            self.unpark(scope, aggregate, cause[0], scope.now)
        if decision.says:
            aggregate.enqueue(cause[0])
        else:
            aggregate.fresh.pop(cause[0], None)  # no record repeats a timer: nothing to store
        return True

    def _fires(self, aggregate: Aggregate[S], causation_id: str, decision: Decision[S], now: datetime) -> bool:
        """Whether a timer may take effect. After a restore: whether it published this before, or publishes nothing."""
        if self.published is None:
            return True
        if decision.state is not None and self.domain.pending(decision.state) and not self.rests(aggregate):
            return self.published.waits(aggregate.id)
        says = [
            outgoing(each.data, service=self.service, causation_id=causation_id, time=in_zone(now))
            for each in decision.says
        ]
        return all(self.published.told(each) for each in says)

    def _dead_letters(self, aggregate: Aggregate[S], now: datetime) -> list[tuple[Record, Dead]]:
        detail = "its subject did not become known within 24 hours: send the subject's own event first"
        unknown = Dead("unknown_subject", detail)
        return [
            (self.parking.kept(aggregate.id, kept.causation_id, kept.record), kept.dead or unknown)
            for kept in aggregate.parked
            if kept.until <= now
        ]

    async def unsent(self, seconds: float = 10, limit: int = 500) -> Due[S]:
        """What has been in an outbox for so many real seconds and is not known to be sent."""
        found = await self.store.unsent(datetime.now(UTC) - timedelta(seconds=seconds), limit)
        resting = {each.id: each for each in found if each.resting}
        await self._complete(resting, self.clock.now())
        return Due(
            unsent=[resting.get(each.id, each) for each in found],
            expired=[],
            dead=[],
            until=datetime.min.replace(tzinfo=UTC),
            more=False,
        )

    async def sent(self, due: Due[S]) -> None:
        """The events and dead letters of ``due`` were acknowledged: only now are they forgotten."""
        for each in due.unsent:
            each.outbox = []
        await self.store.sent(due.unsent)
        failpoint("timer.cleared")
        for each in due.expired:
            # Not remembered as processed: a dead letter that is sent again must be able to take effect.
            each.parked = [kept for kept in each.parked if kept.until > due.until]
        await self._save(due.expired)
