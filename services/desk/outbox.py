"""What people did goes out in the order in which it was done, and is kept until it was acknowledged."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from homecall.runtime.failpoint import failpoint
from homecall.runtime.kafka.producer import Producer
from services.desk import metrics
from services.desk.store import Action, Actions

_OTHERS_AFTER: Final = timedelta(seconds=10)
"""After which an action that another process stored is sent from here: that one may have ended."""


class Outbox:
    """Sends the actions of this process as they are done, and those that another one left behind."""

    def __init__(self, actions: Actions, producer: Producer) -> None:
        self._actions = actions
        self._producer = producer
        self._mine: list[Action] = []
        self._lock = asyncio.Lock()
        self._hurry = asyncio.Event()

    async def put(self, action: Action) -> bool:
        """Store an action. False where it is known: nothing is done again. It goes out with the next ``send``."""
        new = await self._actions.add(action)
        failpoint("desk.stored")
        if new:
            self._mine.append(action)
        return new

    def hurry(self) -> None:
        """Something was stored: send it now."""
        self._hurry.set()

    async def work(self, now: datetime, stopping: asyncio.Event) -> None:
        """As a worker of the service: send what is stored as it comes. Raises ``Transient``."""
        del now
        while not stopping.is_set():
            self._hurry.clear()
            await self.send()
            waiting = [asyncio.ensure_future(each.wait()) for each in (self._hurry, stopping)]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for each in waiting:
                each.cancel()

    async def send(self) -> int:
        """Send what this process has stored; how many. Raises ``Transient`` where the broker does not take it."""
        async with self._lock:
            return await self._deliver(list(self._mine))

    async def send_left(self, now: datetime) -> None:
        """At a tick: send what is left, here or by a process that has ended. Raises ``Transient``."""
        del now
        async with self._lock:
            others = await self._actions.unsent(before=datetime.now(UTC) - _OTHERS_AFTER)
            mine = {each.id for each in self._mine}
            await self._deliver([*(each for each in others if each.id not in mine), *self._mine])

    async def _deliver(self, actions: list[Action]) -> int:
        if not actions:
            return 0
        await self._producer.send([each.event for each in actions])
        failpoint("desk.sent")
        await self._actions.sent([each.id for each in actions])
        failpoint("desk.marked")
        gone = {each.id for each in actions}
        self._mine = [each for each in self._mine if each.id not in gone]
        metrics.sent(actions)
        return len(actions)
