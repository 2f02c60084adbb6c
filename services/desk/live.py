"""What changed, told to the browsers that are connected: by this process's own writes at once, by others' at a poll."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Final, Protocol

from homecall.runtime.failures import Transient
from homecall.runtime.logs import log
from homecall.texts.documents import PageLanguage
from services.desk import metrics
from services.desk.store.actions import Change
from services.desk.store.stores import Stores

POLL_SECONDS: Final = 0.25
"""How soon a browser hears of what another process has stored."""
BEHIND_MS: Final = 5_000
"""How far the clocks of processes may be apart: so far back each poll looks."""
_REST_SECONDS: Final = 0.02
_REST_A_BROWSER: Final = 0.0003
"""How long a poll waits after the one before, and how much longer for each browser that was told something then.

A message costs 0.05 to 0.1 ms of processor time: so changes that follow each other go out together, and telling takes a
part of the time only.
"""
_LONGEST_REST: Final = 0.4
_AT_ONCE: Final = 50
"""Browsers that are told in one turn of the loop, some 5 ms: whoever asks for a page meanwhile is answered in between,
and what is written to them does not stand in memory all at once."""
_MOST_WAITING: Final = 500
"""Messages that wait for one browser: one that takes no more is told to draw its page again."""
_MOST_ROWS: Final = 100
"""Calls of which one message has the rows. Of more, browsers fetch what they show."""


class Rows(Protocol):
    """Draws rows of the board in one language, for browsers whose users may see it."""

    language: PageLanguage

    async def by_day(self, clinic_id: str, ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """For each call, on each day (ISO 8601) whose board shows it, its row as HTML. Raises ``Transient``."""
        ...


class Listener:
    """A browser that is connected. ``clinic_id`` None: all clinics. ``rows`` None: it is sent none."""

    __slots__ = ("_queue", "_waiter", "clinic_id", "overrun", "rows")

    def __init__(self, clinic_id: str | None, rows: Rows | None) -> None:
        self.clinic_id = clinic_id
        self.rows = rows
        self.overrun = False
        self._queue: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None

    def tell(self, message: bytes) -> None:
        """Queue a message for the browser."""
        if len(self._queue) >= _MOST_WAITING:
            self._queue.clear()
            self.overrun = True
        self._queue.append(message)
        self.wake()

    def draw_again(self) -> None:
        """Tell the browser to draw its page again: more has changed than is named one by one."""
        self._queue.clear()
        self.overrun = True
        self.wake()

    def wake(self) -> None:
        """End the wait for a message."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take(self) -> bytes:
        """The messages that have been queued, one behind the other; the queue is empty then."""
        found = self._queue[0] if len(self._queue) == 1 else b"".join(self._queue)
        self._queue.clear()
        return found

    async def wait(self, seconds: float) -> None:
        """Wait for a message, or until woken, but so long at most. No task is made for it: 1,500 wait at a time."""
        if self._queue:
            return
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self.wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None


class Live:
    """Tells listeners what changed, each change once."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self.stopping = asyncio.Event()
        """Set when the service stops: every stream ends then."""
        self._listeners: set[Listener] = set()
        self._wake = asyncio.Event()
        self._since = 0
        self._drawn_again_at = 0
        self._told: dict[tuple[str, str, bool], int] = {}
        """The version that was told last, by kind, id, and whether it is of what is not sent yet."""
        self.connected = False
        """Whether changes are looked for, and the last poll could read the database."""

    @property
    def count(self) -> int:
        """How many browsers are connected to this process."""
        return len(self._listeners)

    def changed(self) -> None:
        """This process has stored something: look at once."""
        self._wake.set()

    @contextmanager
    def listening(self, clinic_id: str | None, rows: Rows | None = None) -> Iterator[Listener]:
        """A listener as long as the block runs."""
        listener = Listener(clinic_id, rows)
        self._listeners.add(listener)
        metrics.STREAMS.set(len(self._listeners))
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            metrics.STREAMS.set(len(self._listeners))

    async def catch_up(self, since: int, clinic_id: str | None) -> list[Change] | None:
        """What changed since a moment (milliseconds), for a browser that comes back; None: too much to name it all."""
        return await self._stores.changed_since(since - BEHIND_MS, clinic_id)

    async def work(self, now: datetime, stopping: asyncio.Event) -> None:
        """As a worker of the service: look for changes until it stops, and end all streams then."""
        del now
        self._since = now_ms()
        self.connected = True
        ending = asyncio.create_task(self._end_with(stopping))
        while not stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            self._wake.clear()
            if not self._listeners:
                self._since = now_ms()
                continue
            try:
                told = await self._poll()
                self.connected = True
            except Transient:
                self.connected = False
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), min(_LONGEST_REST, _REST_SECONDS + told * _REST_A_BROWSER))
        await ending

    async def _end_with(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        await self.end()

    async def end(self) -> None:
        """End all streams: also those of a service that stops before it has started, as while Kafka is away."""
        self.stopping.set()
        self._wake.set()
        for listener in self._listeners:
            listener.wake()

    async def _poll(self) -> int:
        """Tell what has changed; how many browsers were told something."""
        started = now_ms()
        found = await self._stores.changed_since(self._since - BEHIND_MS)
        if found is None and started - self._drawn_again_at > BEHIND_MS:
            self._drawn_again_at = started
            for listener in self._listeners:
                listener.draw_again()
        new: list[Change] = []
        for change in found or ():
            name = (change.kind, change.id, change.unsent)
            if self._told.get(name, 0) < change.version:
                self._told[name] = change.version
                new.append(change)
        self._since = started
        if len(self._told) > 50_000:
            self._told = dict(list(self._told.items())[-10_000:])
        return await self._tell(new) if new else 0

    async def _tell(self, changes: Sequence[Change]) -> int:
        """Each clinic's changes in one message for each language, which is written once for all its browsers."""
        of_clinic: dict[str | None, list[Change]] = defaultdict(list)
        for change in changes:
            of_clinic[change.clinic_id].append(change)
        of_clinic[None] = list(changes)
        told = [listener for listener in self._listeners if listener.clinic_id in of_clinic]
        kinds = list({(listener.clinic_id, listener.rows) for listener in told})
        texts = await asyncio.gather(*(_with_rows(of_clinic[clinic_id], clinic_id, rows) for clinic_id, rows in kinds))
        messages = dict(zip(kinds, texts, strict=True))
        for number, listener in enumerate(told, start=1):
            listener.tell(messages[listener.clinic_id, listener.rows])
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return len(told)


async def _with_rows(changes: Sequence[Change], clinic_id: str | None, rows: Rows | None) -> bytes:
    """The message that says what changed, and how the rows of the board are now.

    Without the rows where a browser is sent none, where there are too many, and where they cannot be read or drawn: it
    fetches what it shows. One call that breaks its row must not keep all clinics from hearing of theirs.
    """
    ids = list({each.id for each in changes if each.kind == "call"})
    if rows is None or clinic_id is None or not 0 < len(ids) <= _MOST_ROWS:
        return changed(changes)
    try:
        drawn = await rows.by_day(clinic_id, ids)
    except Transient:
        return changed(changes)
    except Exception as error:
        log("desk").error("rows cannot be drawn, browsers fetch them", clinic_id=clinic_id, exc_info=error)
        return changed(changes)
    return changed(changes, language=rows.language, rows=drawn)


def changed(changes: Sequence[Change], **more: object) -> bytes:
    """The message that says what changed, by kind and id, and ``more`` of it."""
    named = [{"kind": each.kind, "id": each.id} for each in changes]
    return message("changed", {"changes": named, **more}, changes[-1].at)


def message(event: str, data: object, at: int) -> bytes:
    """A server-sent event. A browser that comes back names ``at`` (milliseconds), and hears what it has missed."""
    return f"id: {at}\nevent: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def now_ms() -> int:
    """The real clock in milliseconds since 1970, as documents have it in ``changed_at``."""
    return int(time.time() * 1000)
