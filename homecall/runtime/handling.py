"""Handles a batch as a whole; if that fails, record by record, so that only the faulty one becomes a dead letter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, Protocol

from homecall.contract.envelope import Incoming
from homecall.runtime.clock import Clock
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.engine.decision import Dead
from homecall.runtime.failures import RetryForever, Stopped, Transient
from homecall.runtime.logs import log
from homecall.runtime.retry import Retry
from homecall.runtime.tracing import trace_id

_TRIES: Final = 5


class Handler(Protocol):
    """Load, decide and store a batch; handling it again must give the same events."""

    async def handle(self, batch: Sequence[Incoming], now: datetime) -> BatchResult: ...


class Handling:
    """Handles batches, retrying what is unavailable. A record that fails by itself five times is a dead letter.

    ``works`` raises ``Transient`` while the database does not work for anything: no record is given up meanwhile.
    """

    def __init__(
        self,
        service: str,
        handler: Handler,
        clock: Clock,
        retry: Retry,
        works: Callable[[], Awaitable[None]] | None,
    ) -> None:
        self._handler = handler
        self._clock = clock
        self._retry = retry
        self._works = works
        self._log = log(service)

    async def handle(self, batch: Sequence[Incoming]) -> BatchResult:
        """What became of a batch. Raises ``Stopped`` when the service stops meanwhile."""
        if not batch:
            return BatchResult()
        try:
            return await self._retry(lambda: self._handler.handle(batch, self._clock.now()))
        except (Stopped, RetryForever):
            raise
        except Exception as error:
            self._log.error(
                "batch failed; its records are handled one by one", error=type(error).__name__, exc_info=error
            )
        together = BatchResult()
        for index, event in enumerate(batch):
            together.take(await self._alone(event), [index])
        return together

    async def _alone(self, event: Incoming) -> BatchResult:
        tried = 0
        while True:
            tried += 1
            try:
                return await self._retry(lambda: self._handler.handle([event], self._clock.now()))
            except (Stopped, RetryForever):
                raise
            except Exception as error:
                self._log.error(
                    "record failed",
                    tried=tried,
                    type=event.type,
                    error=type(error).__name__,
                    **event.record.place,
                    **about(event),
                    exc_info=error if tried == 1 else None,
                )
                if tried >= _TRIES:
                    if await self._work_otherwise():
                        detail = (
                            f"{type(error).__name__} at each of {tried} tries: see the service's log, then replay it"
                        )
                        return BatchResult(dead=[(event, Dead("handler_failed", detail))], results={0: "dead"})
                    tried = 0
                await self._retry.pause(tried)

    async def _work_otherwise(self) -> bool:
        """Whether the database works apart from this record.

        If not, this waits until it does: then the record may not be faulty, and is retried.
        """
        if self._works is None:
            return True
        try:
            await self._works()
        except Transient as error:
            self._log.warning("record kept: the database fails for everything", reason=str(error))
            await self._retry(self._works)
            return False
        return True


def about(event: Incoming) -> dict[str, str]:
    """The fields of a log line that identify an event: its subject, and its trace if it has one."""
    trace = trace_id(event.traceparent)
    return {"subject": event.subject} if trace is None else {"subject": event.subject, "trace": trace}
