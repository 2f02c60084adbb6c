"""Sends the messages: takes up what calls have to tell, gives it to the gateway in bulk, keeps what became of it.

It works beside the batches and the timers and holds up neither. In each round: one query for what is due, one for the
calls with phones and texts, one write that stores ``sending`` by compare-and-set (of several replicas one wins), the
gateway, one write with the outcomes. A process that dies after that first write leaves messages of unknown outcome:
they become ``unknown`` when their lease is over, and are not sent again. A process that was suspended for that long
must not send after it: another replica may have sent a newer message of the call, so the lease is checked at the last
moment.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from homecall.gateways.sms.port import Gateway, Refused, Report, Reported, Sms, Taken, Unknown, Untried, Verdict
from homecall.runtime.clock import Clock
from homecall.runtime.encryption import Vault
from homecall.runtime.failpoint import failpoint
from homecall.runtime.failures import Transient
from homecall.runtime.logs import log
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.mongo.moments import moment_of
from homecall.standard.phones import mobile_number
from services.notifier.domain import messages
from services.notifier.domain.messages import Attempt, Mailing, Pause
from services.notifier.domain.quiet_hours import Policy
from services.notifier.domain.sending import Recipient, ToSend, next_step
from services.notifier.metrics import SMS, SMS_OLDEST_WAITING_SECONDS, SMS_WAITING
from services.notifier.store import Calls, Mailings, OptOuts, Receipts

_AT_ONCE: Final = 200
"""Documents in one query."""
_MARGIN_SECONDS: Final = 10.0
"""Added to the longest gateway call for the lease: time for the database writes before and after."""
_MOST_ROUNDS: Final = 500
"""Most rounds in one tick."""

Outcome = tuple[Attempt, Verdict]
"""What the gateway said of an attempt."""
OPT_OUT: Final = "sms"
"""The kind of the keyed hash that opt-outs are kept by."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores of calls, of messages, of the gateway's ids, and of numbers that are not to be written to."""

    calls: Calls
    mailings: Mailings
    receipts: Receipts
    opt_outs: OptOuts


@dataclass
class Outbox:
    """One per process; any number of replicas beside each other."""

    stores: Stores
    gateway: Gateway
    policy: Policy
    vault: Vault
    clock: Clock
    draw: Callable[[], float] = random.random
    """The jitter of pauses, 0 to 1."""
    monotonic: Callable[[], float] = time.monotonic

    @property
    def lease(self) -> timedelta:
        """How long a message may be ``sending`` without an outcome."""
        return timedelta(seconds=(self.gateway.longest_seconds + _MARGIN_SECONDS) * self.clock.speed)

    async def work(self, _now: datetime, stopping: asyncio.Event) -> None:
        """Take up what is new and send what is due, until there is nothing left to do now."""
        for step in (self.take_up, self.send):
            for _ in range(_MOST_ROUNDS):
                if stopping.is_set() or not await step():
                    break

    async def take_up(self) -> bool:
        """Make messages of the notices of calls; whether there may be more of them.

        A crash at any line leaves the call's mark, and the notices are taken up again, to no effect.
        """
        calls = await self.stores.calls.to_notify(_AT_ONCE)
        if not calls:
            return False
        waiting = {each.id: each.state for each in calls if each.state is not None}
        await self._change(
            waiting,
            lambda request_id, mailing: messages.taken_up(
                mailing or Mailing(request_id, waiting[request_id].clinic_id), waiting[request_id].notices, self.policy
            ),
        )
        await self.stores.calls.notified(calls)
        return len(calls) == _AT_ONCE

    async def send(self) -> bool:
        """Send what is due; whether there may be more."""
        room = self.gateway.room()
        may_begin = self._lease_from_now()
        now = self.clock.now()
        due = await self.stores.mailings.due(now, _AT_ONCE) if room else []
        if not due:
            return False
        recipients = await self._recipients([each.id for each in due])
        before = {each.id: each.state for each in due if each.state is not None}
        planned = self._plan(due, recipients, room, now)
        changed = [each for each in due if each.changed]
        lost = await self.stores.mailings.save(changed)
        self._count(changed, lost, before)
        # Only the replica that has stored ``sending`` sends: the one that lost leaves it to the other.
        planned = {key: each for key, each in planned.items() if key not in lost}
        if planned:
            failpoint("sms.marked")
            await self._complete(await self._give(planned, may_begin))
        return bool(changed) and (len(due) == _AT_ONCE or len(planned) == room)

    async def _recipients(self, request_ids: Collection[str]) -> dict[str, Recipient]:
        found = await self.stores.calls.load(request_ids)
        calls = {key: each.state for key, each in found.items() if each.state is not None}
        numbers = {key: mobile_number(call.reader.phones or ()) for key, call in calls.items()}
        hashes = {key: self.vault.index(OPT_OUT, number) for key, number in numbers.items() if number}
        stopped = await self.stores.opt_outs.among(set(hashes.values()))
        return {
            key: Recipient(
                last_sequence=call.sequence,
                texts={each.sequence: each.text for each in call.notices},
                wanted=call.reader.sms is not False and hashes.get(key) not in stopped,
                number=numbers[key],
            )
            for key, call in calls.items()
        }

    def _plan(
        self, due: Sequence[Aggregate[Mailing]], recipients: Mapping[str, Recipient], room: int, now: datetime
    ) -> dict[str, ToSend]:
        """Change the mailings that are due; what is to be sent of each, for as many as the gateway has room for."""
        planned: dict[str, ToSend] = {}
        for each in due:
            if each.state is None:
                continue
            lease = self.lease if len(planned) < room else None
            mailing, to_send = next_step(each.state, recipients.get(each.id) or Recipient(), now, self.policy, lease)
            if to_send is not None:
                planned[each.id] = to_send
            each.changed = mailing != each.state
            each.state = mailing
        return planned

    async def _give(self, planned: Mapping[str, ToSend], may_begin: Callable[[], bool]) -> dict[str, Outcome]:
        """Give the messages to the gateway, unless that is too late; what became of each."""
        verdicts: Sequence[Verdict] = [Untried("late")] * len(planned)
        if may_begin():
            sms = [
                Sms(each.number, each.text, messages.reference(key, each.attempt.sequence), may_begin)
                for key, each in planned.items()
            ]
            verdicts = await self.gateway.send(sms)
        return {key: (each.attempt, verdict) for (key, each), verdict in zip(planned.items(), verdicts, strict=True)}

    def _lease_from_now(self) -> Callable[[], bool]:
        """Whether a message that is marked from now on may still be begun.

        It ends before the lease does, by the margin that clocks of replicas may differ by. Measured by the monotonic
        clock, and by the clock of the leases, which goes on while a machine is suspended.
        """
        longest, began = self.gateway.longest_seconds, self.monotonic()
        until = self.clock.now() + timedelta(seconds=longest * self.clock.speed)
        return lambda: self.monotonic() - began < longest and self.clock.now() < until

    async def report(self, reports: Sequence[Report]) -> dict[str, int]:
        """Take delivery reports: repeated, out of order, or ahead of what they are about. How many became what."""
        now = self.clock.now()
        by_id = await self.stores.receipts.named({each.id for each in reports if each.id is not None})
        early = {each.id: each.said for each in reports if each.id is not None and _place(each, by_id) is None}
        if early:
            await self.stores.receipts.early(early, now)
            # The gateway's answer may have been stored meanwhile: of the two, one sees the other.
            by_id |= await self.stores.receipts.named(early)
        told: dict[str, list[tuple[int, Report]]] = {}
        for each in reports:
            place = _place(each, by_id)
            if place is not None:
                told.setdefault(place[0], []).append((place[1], each))

        def hear(request_id: str, mailing: Mailing | None) -> Mailing | None:
            for sequence, each in told[request_id]:
                mailing = mailing and messages.reported(mailing, sequence, each.said, each.id, now)
            return mailing

        changed = await self._change(told, hear)
        taken = sum(len(told[each]) for each in changed)
        known = sum(len(each) for each in told.values())
        return {"taken": taken, "repeated": known - taken, "early": len(reports) - known}

    async def gauges(self) -> None:
        """What waits, and how long the oldest could have gone."""
        count, since = await self.stores.mailings.waiting()
        age = 0.0 if since is None else (self.clock.now() - moment_of(since)).total_seconds()
        SMS_WAITING.set(count)
        SMS_OLDEST_WAITING_SECONDS.set(max(0.0, age))

    # ------------------------------------------------------------ what became of it

    async def _complete(self, outcomes: Mapping[str, Outcome]) -> None:
        """Store the outcomes, for as long as it takes: only here it is known what the gateway said."""
        tried = 0
        while True:
            try:
                await self._store(outcomes)
            except Transient as error:
                tried += 1
                if tried in {1, 5} or tried % 20 == 0:
                    log("notifier").warning("outcomes of messages wait", tried=tried, reason=str(error))
                await asyncio.sleep(min(5.0, 0.2 * 2 ** min(tried, 5)) * random.uniform(0.5, 1))
            else:
                return

    async def _store(self, outcomes: Mapping[str, Outcome]) -> None:
        now = self.clock.now()
        # First the gateway's ids: should this process die here, a report still finds its message.
        given = outcomes.items()
        taken = {each.id: (key, attempt.sequence) for key, (attempt, each) in given if isinstance(each, Taken)}
        reported = await self.stores.receipts.name(taken, now) if taken else {}
        jitter = {key: self.draw() for key in outcomes}

        def conclude(request_id: str, mailing: Mailing | None) -> Mailing | None:
            if mailing is None:
                return None
            return _concluded(mailing, outcomes[request_id], reported, Pause(jitter[request_id], self.policy), now)

        await self._change(outcomes, conclude)

    async def _change(
        self, request_ids: Collection[str], change: Callable[[str, Mailing | None], Mailing | None]
    ) -> set[str]:
        """Change mailings by compare-and-set, again for those that somebody else changed first; who was changed."""
        open_, all_changed = set(request_ids), set[str]()
        while open_:
            found = await self.stores.mailings.load(open_)
            aggregates = [found.get(key) or Aggregate[Mailing](key) for key in sorted(open_)]
            before = {each.id: each.state for each in aggregates}
            for each in aggregates:
                changed = change(each.id, each.state)
                each.changed = changed != each.state and (changed is None or bool(changed.messages))
                each.state = changed
            to_save = [each for each in aggregates if each.changed]
            open_ = await self.stores.mailings.save(to_save)
            self._count(to_save, open_, before)
            all_changed |= {each.id for each in to_save} - open_
        return all_changed

    @staticmethod
    def _count(
        changed: Sequence[Aggregate[Mailing]], lost: Collection[str], before: Mapping[str, Mailing | None]
    ) -> None:
        for each in changed:
            if each.id not in lost and each.state is not None:
                for state, reason in messages.changes(before.get(each.id), each.state):
                    SMS.labels(state, reason).inc()


def _concluded(
    mailing: Mailing, outcome: Outcome, reported: Mapping[str, Reported], pause: Pause, now: datetime
) -> Mailing:
    """The mailing once the gateway has said what became of a message; ``reported`` is what reports said before."""
    attempt, verdict = outcome
    match verdict:
        case Taken(gateway_id):
            mailing = messages.taken(mailing, attempt.sequence, gateway_id, now)
            said = reported.get(gateway_id)
            return messages.reported(mailing, attempt.sequence, said, gateway_id, now) if said else mailing
        case Refused(code, again):
            return messages.refused(mailing, attempt, code, now, pause, again=again)
        case Untried(reason):
            return messages.untried(mailing, attempt, reason, now, pause)
        case Unknown(reason):
            return messages.unknown(mailing, attempt.sequence, reason, now)


def _place(report: Report, by_id: Mapping[str, tuple[str, int]]) -> tuple[str, int] | None:
    """The request and the sequence that a report is about; None where it is not known (yet)."""
    named = by_id.get(report.id) if report.id is not None else None
    return named or (messages.referred(report.reference) if report.reference else None)
