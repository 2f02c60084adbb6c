"""A batch is decided while the events of the one before are on their way.

Not measured separately: this removes the wait for the broker's acknowledgements between two batches, and no CPU time.
A batch of medium size waits nevertheless: more records come meanwhile, and larger batches cost less, with which the
chain carried a tenth more (docs/decisions/0003-effects-once.md). Events and commits stay in the order of the batches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any, Final

from homecall.runtime.failures import Stopped

FEW: Final = 25
"""Up to so many records, a batch costs about as much as one with a single record: it does not wait."""
_MOST_UNCOMMITTED: Final = 8

Work = Callable[[], Coroutine[Any, Any, None]]


class Overlap:
    """The publications and commits in progress.

    ``failed`` is called with the error of one that failed for good, since nobody may be waiting for it; nothing is
    committed past it.
    """

    def __init__(self, *, enabled: bool, full: int, failed: Callable[[Exception], None]) -> None:
        self._enabled = enabled
        self._full = full
        self._failed = failed
        self._publishing: asyncio.Task[None] | None = None
        """The publication of the last batch."""
        self._ending: asyncio.Task[None] | None = None
        """The same with its commit, and those before."""
        self._uncommitted = 0
        self._subjects: Collection[str] = ()
        """Those of the last batch."""

    async def make_way(self, subjects: Collection[str], records: int) -> None:
        """Wait, before a batch is handled, until it may be.

        Nothing later of a subject is stored before its earlier events are acknowledged: after a crash another replica
        may read the records in another order, and would publish a second status before the first.
        """
        if not set(subjects).isdisjoint(self._subjects) or FEW < records < self._full:
            await self.published()

    async def start(self, subjects: Collection[str], publish: Work, commit: Work, *, wait: bool) -> None:
        """Start to publish, and then to commit; with ``wait``, or without overlap, wait for both.

        Also waits while many batches are uncommitted, so that they do not fill the memory.
        """
        self._uncommitted += 1
        self._subjects = subjects
        before = self._ending
        self._publishing = publishing = asyncio.create_task(publish())
        self._ending = asyncio.create_task(self._end(before, publishing, commit))
        if wait or not self._enabled or self._uncommitted >= _MOST_UNCOMMITTED:
            await self.settled()

    async def _end(self, before: asyncio.Task[None] | None, publishing: asyncio.Task[None], commit: Work) -> None:
        try:
            if before is not None:
                await before
            await publishing
            await commit()
        except Stopped:
            raise
        except Exception as error:
            self._failed(error)
            raise
        finally:
            self._uncommitted -= 1

    async def published(self) -> None:
        """Wait until the events of the last batch are acknowledged; raises as ``settled`` does."""
        if self._publishing is not None:
            await asyncio.wait([self._publishing])
            if self._publishing.cancelled() or self._publishing.exception() is not None:
                await self.settled()

    async def settled(self) -> None:
        """Wait until the last batch is published and committed. Raises its error, once."""
        ending, self._ending = self._ending, None
        if ending is not None:
            await ending

    async def let_end(self) -> None:
        """The same for a caller that may be cancelled: the work continues."""
        if self._ending is not None:
            await asyncio.shield(self._ending)
