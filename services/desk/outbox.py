"""What people did goes out in the order in which it was done, and is kept until it was acknowledged.

Delivery is at least once: an event keeps its id, and is sent again under it after a crash between its acknowledgement
and the mark in the store, or when an acknowledgement was lost. Of one subject nothing is sent before all that was done
about it earlier was acknowledged, whichever process stored it: the first time that each event is read is in order.

Clinics do not wait for each other. Those of a clinic go in their order too, but for an event that fails by itself: what
is about other subjects passes it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final, Protocol
from uuid import uuid4

from homecall.contract.envelope import OutgoingRecord
from homecall.runtime.failpoint import failpoint
from homecall.runtime.failures import Transient
from homecall.runtime.kafka.errors import TOO_LARGE
from homecall.runtime.logs import log
from services.desk import metrics
from services.desk.store.actions import Action, Actions, Waiting

OTHERS_AFTER_SECONDS: Final = 10.0
"""For so long this process has to see an action of another one unsent, and the broker, before it sends it: that one
has probably ended. By this process's own clock, whatever the other's says."""
_APART_SECONDS: Final = 3.0
"""Each process waits up to so much longer, so that of several that are left one sends it, and the others see that."""
_UNHEARD_SECONDS: Final = 7.0
"""A broker that has not answered for so long is away: the producer looks for it every 5 s."""
_LOOK_SECONDS: Final = 1.0
_LOOK_AGAIN_SECONDS: Final = 0.2
"""The same while an action of this process waits for one of another."""
_MOST_AT_ONCE: Final = 500
_ALONE: Final = 3
"""Failures of an event by itself, with the broker there, until the others pass it."""
_SET_BACK_SECONDS: Final = 30.0
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.1, 2.0
_STORE_SECONDS: Final = 5.0
_LAST_SECONDS: Final = 5.0
"""At the end of the service, for what is on its way."""


class Broker(Protocol):
    """What sends: the producer of the service."""

    heard_at: float
    """Monotonic seconds when a broker last answered."""

    @property
    def healthy(self) -> bool:
        """Whether it is connected."""

    async def look(self, patience: float) -> None:
        """Look within so many seconds whether a broker answers. Raises ``Transient`` where none can be reached."""

    async def send(self, events: Sequence[OutgoingRecord]) -> None:
        """Send, and await every acknowledgement. Raises ``Transient``, or what says that an event is too large."""


class Outbox:
    """Sends the actions of this process as they are done, and those that an ended one left behind."""

    def __init__(self, actions: Actions, producer: Broker) -> None:
        self._actions = actions
        self._producer = producer
        self.holder = uuid4().hex
        """This process: its actions are told from those of others by it."""
        self._others_after = OTHERS_AFTER_SECONDS + int(self.holder, 16) % 1_000 / 1_000 * _APART_SECONDS
        self._hurry = asyncio.Event()
        self._lanes: dict[str, asyncio.Task[int]] = {}
        """What is being sent, by clinic."""
        self._rests: dict[str, float] = {}
        """Clinics whose sending failed, and until when each waits (monotonic seconds)."""
        self._tried: Counter[str] = Counter()
        """How often sending failed, by clinic."""
        self._alone: Counter[str] = Counter()
        """How often sending an event by itself failed while the broker was there, by subject."""
        self._set_back: dict[str, float] = {}
        """Subjects that others pass, and until when each waits (monotonic seconds)."""
        self._seen: dict[str, float] = {}
        """Actions of other processes, and since when they are seen unsent while the broker is there."""
        self._held_back = False

    async def put(self, action: Action) -> bool:
        """Store an action. False where it is known: nothing is done again. It goes out after ``hurry``.

        Raises ``Transient`` without a database, within 5 s: who typed it waits. It may be stored all the same, and is
        known then when it comes again.
        """
        try:
            async with asyncio.timeout(_STORE_SECONDS):
                new = await self._actions.add(action, self.holder)
        except TimeoutError as error:
            raise Transient("database", error) from error
        failpoint("desk.stored")
        return new

    def hurry(self) -> None:
        """Something was stored: send it now."""
        self._hurry.set()

    async def work(self, now: datetime, stopping: asyncio.Event) -> None:
        """As a worker of the service: send what is stored until it stops, and what is left then."""
        del now
        tried = 0
        while not stopping.is_set():
            self._hurry.clear()
            try:
                await self._start_lanes()
                tried = 0
            except Transient as error:
                tried += 1
                if tried in {1, 10} or tried % 100 == 0:
                    log("desk").warning("dependency unavailable, actions wait", tried=tried, reason=str(error))
            await self._rest(stopping)
        with suppress(Transient, TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                await self.send()
        await self._end_lanes()

    async def send(self) -> int:
        """Send all that may go out now, and wait for it; how many. Raises ``Transient`` where something did not."""
        self._rests.clear()
        sent = 0
        await asyncio.gather(*self._lanes.values(), return_exceptions=True)
        while await self._start_lanes():
            done = await asyncio.gather(*self._lanes.values(), return_exceptions=True)
            sent += sum(each for each in done if isinstance(each, int))
            for each in done:
                if isinstance(each, BaseException):
                    raise each
        return sent

    # ------------------------------------------------------------ which may go

    async def _start_lanes(self) -> int:
        """Begin to send what may go out, for each clinic that has nothing on its way; for how many. Raises
        ``Transient``."""
        found = await self._actions.waiting()
        now = time.monotonic()
        self._rests = {clinic_id: until for clinic_id, until in self._rests.items() if until > now}
        self._set_back = {subject: until for subject, until in self._set_back.items() if until > now}
        self._look_at(found, now)
        ready = self._ready(found, now)
        started = 0
        for clinic_id, waiting in ready.items():
            if clinic_id not in self._lanes and clinic_id not in self._rests:
                lane = asyncio.create_task(self._lane(clinic_id, waiting), name=f"desk sends for {clinic_id}")
                self._lanes[clinic_id] = lane
                lane.add_done_callback(partial(self._ended, clinic_id))
                started += 1
        return started

    def _look_at(self, found: Sequence[Waiting], now: float) -> None:
        """Note since when the actions of others are seen. Where the broker is away, nobody is late with any."""
        there = self._producer.healthy and now - self._producer.heard_at < _UNHEARD_SECONDS
        others = {each.id for each in found if each.holder != self.holder} if there else set()
        self._seen = {each: self._seen.get(each, now) for each in others}

    def _ready(self, found: Sequence[Waiting], now: float) -> dict[str, list[Waiting]]:
        """By clinic, what may go out: this process's, and what others have left. Behind what may not, its subject
        waits."""
        ready: dict[str, list[Waiting]] = {}
        blocked = set(self._set_back)
        self._held_back = False
        for each in found:
            mine = each.holder == self.holder
            left = now - self._seen.get(each.id, now) >= self._others_after
            if each.subject not in blocked and (mine or left):
                ready.setdefault(each.clinic_id, []).append(each)
            else:
                blocked.add(each.subject)
                self._held_back |= mine
        return ready

    async def _rest(self, stopping: asyncio.Event) -> None:
        """Until there may be something to send."""
        seconds = _LOOK_AGAIN_SECONDS if self._held_back else _LOOK_SECONDS
        if self._rests:
            seconds = min(seconds, max(0.0, min(self._rests.values()) - time.monotonic()))
        waiting = [asyncio.ensure_future(each.wait()) for each in (self._hurry, stopping)]
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()

    def _ended(self, clinic_id: str, lane: asyncio.Task[int]) -> None:
        """A clinic's lane has ended: what was stored meanwhile goes now, or, after a failure, in a while."""
        self._lanes.pop(clinic_id, None)
        error = None if lane.cancelled() else lane.exception()
        if error is None:
            self._rests.pop(clinic_id, None)
            self._tried.pop(clinic_id, None)
        else:
            tried = self._tried[clinic_id] = self._tried[clinic_id] + 1
            wait = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2 ** min(tried, 10)) * random.uniform(0.5, 1)
            self._rests[clinic_id] = time.monotonic() + wait
            if not isinstance(error, Transient):
                log("desk").error("actions not sent", clinic_id=clinic_id, error=type(error).__name__, exc_info=error)
            elif tried in {1, 5} or tried % 20 == 0:
                log("desk").warning(
                    "dependency unavailable, actions wait", clinic_id=clinic_id, tried=tried, reason=str(error)
                )
        self._hurry.set()

    async def _end_lanes(self) -> None:
        lanes = list(self._lanes.values())
        for each in lanes:
            each.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)

    # ------------------------------------------------------------ sending

    async def _lane(self, clinic_id: str, waiting: Sequence[Waiting]) -> int:
        """Send these actions of a clinic in their order; how many. After a failure each goes by itself.

        Raises ``Transient``.
        """
        if not self._tried[clinic_id]:
            return await self._deliver([each.id for each in waiting[:_MOST_AT_ONCE]])
        sent = 0
        for each in waiting:
            if each.subject in self._set_back:
                continue
            try:
                sent += await self._deliver([each.id])
            except Transient:
                if await self._broker_answers():
                    self._failed_alone(each.subject)
                raise
            self._alone.pop(each.subject, None)
        return sent

    async def _broker_answers(self) -> bool:
        asked = time.monotonic()
        with suppress(Transient):
            await self._producer.look(_LOOK_SECONDS)
        return self._producer.heard_at >= asked

    def _failed_alone(self, subject: str) -> None:
        self._alone[subject] += 1
        if self._alone[subject] >= _ALONE:
            self._set_back[subject] = time.monotonic() + _SET_BACK_SECONDS

    async def _deliver(self, ids: Sequence[str]) -> int:
        """Send those of these actions that are not sent yet; how many. Raises ``Transient``."""
        # Read now: another process may have sent some of them meanwhile.
        actions, sealed = await self._actions.unsent(ids)
        for each in sealed:
            self._set_back[each.subject] = time.monotonic() + _SET_BACK_SECONDS
        may_go = [each for each in actions if each.subject not in self._set_back]
        return sum([await self._send(wave) for wave in _waves(may_go)])

    async def _send(self, actions: Sequence[Action]) -> int:
        try:
            await self._producer.send([each.event for each in actions])
        except TOO_LARGE as error:
            if len(actions) > 1:
                return sum([await self._send([each]) for each in actions])
            log("desk").error("action refused", action=actions[0].id, type=actions[0].event.type, reason=str(error))
            await self._actions.refuse(actions[0].id, type(error).__name__)
            return 0
        failpoint("desk.sent")
        await self._actions.sent([each.id for each in actions])
        failpoint("desk.marked")
        metrics.sent(actions)
        return len(actions)


def _waves(actions: Sequence[Action]) -> list[list[Action]]:
    """What may be sent together: of a subject one action, since the topics of two may be different."""
    waves: list[list[Action]] = []
    subjects: set[str] = set()
    for action in actions:
        if not waves or action.subject in subjects:
            waves.append([])
            subjects = set()
        waves[-1].append(action)
        subjects.add(action.subject)
    return waves
