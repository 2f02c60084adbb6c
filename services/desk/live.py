"""What changed, told to the browsers that are connected: by this process's own writes at once, by others' at a poll."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from homecall.runtime.failures import Transient
from services.desk import metrics
from services.desk.store import Change, Stores

POLL_SECONDS: Final = 0.25
"""How soon a browser hears of what another process has stored."""
_BEHIND_MS: Final = 5_000
"""How far the clocks of processes may be apart: so far back each poll looks."""
_MOST_WAITING: Final = 500
"""Changes that wait for one browser: one that takes no more is told to draw its page again."""


@dataclass(eq=False)
class Listener:
    """A browser that is connected. ``clinic_id`` None: all clinics."""

    clinic_id: str | None
    queue: deque[Change] = field(default_factory=deque)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    overrun: bool = False

    def tell(self, change: Change) -> None:
        """Queue a change of the browser's clinic."""
        if self.clinic_id is not None and change.clinic_id != self.clinic_id:
            return
        if len(self.queue) >= _MOST_WAITING:
            self.queue.clear()
            self.overrun = True
        self.queue.append(change)
        self.ready.set()

    def take(self) -> list[Change]:
        """What has been queued; the queue is empty then."""
        found, self.queue = list(self.queue), deque()
        self.ready.clear()
        return found


class Live:
    """Tells listeners what changed, each change once."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self.stopping = asyncio.Event()
        """Set when the service stops: every stream ends then."""
        self._listeners: set[Listener] = set()
        self._wake = asyncio.Event()
        self._since = 0
        self._told: dict[tuple[str, str, bool], int] = {}
        """The newest version that was told, by kind, id, and whether it is of what is not sent yet."""
        self.connected = True
        """Whether the last poll could read the database."""

    @property
    def count(self) -> int:
        """How many browsers are connected to this process."""
        return len(self._listeners)

    def changed(self) -> None:
        """This process has stored something: look at once."""
        self._wake.set()

    @contextmanager
    def listening(self, clinic_id: str | None) -> Iterator[Listener]:
        """A listener as long as the block runs."""
        listener = Listener(clinic_id)
        self._listeners.add(listener)
        metrics.STREAMS.set(len(self._listeners))
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            metrics.STREAMS.set(len(self._listeners))

    async def catch_up(self, since: int) -> list[Change]:
        """What changed since a moment (milliseconds), for a browser that comes back."""
        return await self._stores.changed_since(since - _BEHIND_MS)

    async def work(self, now: datetime, stopping: asyncio.Event) -> None:
        """As a worker of the service: look for changes until it stops, and end all streams then."""
        del now
        self._since = now_ms()
        ending = asyncio.create_task(self._end_with(stopping))
        while not stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            self._wake.clear()
            if not self._listeners:
                self._since = now_ms()
                continue
            try:
                await self._poll()
                self.connected = True
            except Transient:
                self.connected = False
        await ending

    async def _end_with(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self.stopping.set()
        self._wake.set()

    async def _poll(self) -> None:
        started = now_ms()
        for change in await self._stores.changed_since(self._since - _BEHIND_MS):
            name = (change.kind, change.id, change.unsent)
            if self._told.get(name, 0) >= change.version:
                continue
            self._told[name] = change.version
            for listener in self._listeners:
                listener.tell(change)
        self._since = started
        if len(self._told) > 50_000:
            self._told = dict(list(self._told.items())[-10_000:])


def now_ms() -> int:
    """The real clock in milliseconds since 1970, as documents have it in ``changed_at``."""
    return int(time.time() * 1000)
