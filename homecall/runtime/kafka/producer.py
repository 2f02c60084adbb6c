"""The producer: idempotent, acks=all. Events are sent together, but a subject's one after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer

from homecall.contract.envelope import OutgoingRecord, Record
from homecall.contract.topics import DEAD_LETTERS
from homecall.runtime.failpoint import failpoint
from homecall.runtime.failures import Transient
from homecall.runtime.kafka.connection import connection, why_not
from homecall.runtime.kafka.dead_letters import bury
from homecall.runtime.kafka.errors import TOO_LARGE, asked, ended, is_ours, place, while_running
from homecall.runtime.logs import log
from homecall.runtime.settings import Settings

_STOP_SECONDS = 10.0


class Producer:
    """Sends events and dead letters. Its client is replaced after a failure: a broken sequence stays broken."""

    def __init__(
        self,
        settings: Settings,
        client_id: str,
        sign: Callable[[OutgoingRecord], Sequence[tuple[str, bytes]]] | None = None,
    ) -> None:
        self._options = {
            **connection(settings),
            "client_id": client_id,
            "acks": "all",
            "enable_idempotence": True,
            # The events of a batch are queued before the sender runs, so they go together without lingering.
            "linger_ms": 0,
            "max_batch_size": 256 * 1024,
            "max_request_size": DEAD_LETTERS.max_message_bytes,
            "request_timeout_ms": 15_000,
        }
        self._sign = sign or (lambda _: ())
        """Headers of a record beside those of its event: a signature."""
        self._bootstrap = settings.kafka_bootstrap
        self._producer: Any = None
        self._stopped = False
        self._lock = asyncio.Lock()
        self.heard_at = time.monotonic()
        """Monotonic seconds when a broker last answered."""

    @property
    def healthy(self) -> bool:
        """Whether a client is connected and its last send succeeded."""
        return self._producer is not None

    async def start(self) -> None:
        """Connect. Raises ``Transient`` while no broker answers, ``Refused`` if one rejects us."""
        async with self._lock:
            if self._producer is not None:
                return
            if self._stopped:  # an abandoned batch may still retry
                raise self._unavailable()
            producer = AIOKafkaProducer(**self._options)
            try:
                await asked(producer.start(), self._bootstrap)
            except Transient as error:
                await self._end(producer)
                raise await why_not(self._options, error.__cause__ or error) from error
            except BaseException:
                await self._end(producer)
                raise
            if self._stopped:  # while it connected
                await self._end(producer)
                raise self._unavailable()
            self._producer = producer
            self.heard_at = time.monotonic()

    async def _connected(self) -> Any:
        """The client, connected if need be. Raises ``Transient``."""
        if self._producer is None:
            await self.start()
        if self._producer is None:  # it failed for another caller meanwhile
            raise self._unavailable()
        return self._producer

    def _unavailable(self) -> Transient:
        return Transient("broker", ConnectionError(), place(self._bootstrap))

    async def _end(self, producer: Any) -> None:
        """Stop a client that is not used again, ignoring its errors: one that is not stopped keeps the process alive.

        In a task of its own, which runs even if this one is cancelled.
        """
        stopping = asyncio.ensure_future(asyncio.wait_for(producer.stop(), _STOP_SECONDS))
        stopping.add_done_callback(lambda done: done.cancelled() or done.exception())  # retrieved, or asyncio logs it
        with suppress(Transient):
            await asked(asyncio.shield(stopping), self._bootstrap)

    async def look(self, patience: float) -> None:
        """Check within ``patience`` seconds that a broker answers: an idle producer would not notice an outage.

        Raises ``Transient`` while none can be reached to reconnect.
        """
        if (producer := self._producer) is not None and (task := ended(producer)) is not None:
            log("kafka").error("a Kafka client is replaced", client="producer", error=task)
            await self._renew(producer)
        producer = await self._connected()
        with suppress(TimeoutError):
            try:
                found = await asyncio.wait_for(producer.client.force_metadata_update(), patience)
            except TimeoutError:
                raise
            except asyncio.CancelledError:
                if is_ours():
                    raise
                return  # cancelled inside the client: the next look shows whether it works
            except Exception as error:
                raise Transient("broker", error, place(self._bootstrap)) from error
            if found:
                self.heard_at = time.monotonic()

    async def missing(self, topics: Collection[str]) -> list[str]:
        """Those of these topics that do not exist, or that we may not see. Raises ``Transient``.

        Looks in the list of all topics: a broker may create one that is asked for by name.
        """
        producer = await self._connected()
        known = await asked(producer.client.fetch_all_metadata(), self._bootstrap)
        return sorted(set(topics) - known.topics())

    async def stop(self) -> None:
        """Send what is queued, and disconnect. From then on ``start`` and ``send`` raise ``Transient``."""
        self._stopped = True
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def send(self, events: Sequence[OutgoingRecord], dead: Sequence[tuple[Record, str, str, str]] = ()) -> None:
        """Send, and await every acknowledgement. ``dead``: (record, reason, detail, service).

        No event is sent before the earlier ones of its subject in its topic are acknowledged: the client may give up a
        batch of a partition and send the next one.

        Raises ``Transient`` if any was not acknowledged: all may be sent again, with the same ids.
        """
        if not events and not dead:
            return
        messages = [(event, [*event.headers(), *self._sign(event)]) for event in events]
        producer = await self._connected()
        try:
            await asked(self._deliver(producer, messages, dead), self._bootstrap)
        except Transient:
            await self._renew(producer)
            raise
        self.heard_at = time.monotonic()

    async def _deliver(
        self,
        producer: Any,
        messages: Sequence[tuple[OutgoingRecord, Any]],
        dead: Sequence[tuple[Record, str, str, str]],
    ) -> None:
        futures: list[Any] = []
        try:
            for number, turn in enumerate(_turns(messages) or [[]]):
                futures = []  # those of the turns before are acknowledged
                for event, headers in turn:
                    key = event.key.encode()
                    futures.append(await producer.send(event.topic, event.value, key=key, headers=headers))
                for record, reason, detail, service in dead if number == 0 else ():
                    futures.append(await bury(producer, record, reason, detail, service))
                failpoint("publish.queued")
                await while_running(producer, asyncio.gather(*futures))
        except TOO_LARGE:
            await while_running(producer, asyncio.gather(*futures, return_exceptions=True))
            raise

    async def _renew(self, broken: Any) -> None:
        async with self._lock:
            if self._producer is broken:
                self._producer = None
                await self._end(broken)


def _turns(messages: Iterable[tuple[OutgoingRecord, Any]]) -> list[list[tuple[OutgoingRecord, Any]]]:
    """What may be sent together: of a subject one event in a topic. The events of a key keep their order."""
    turns: list[list[tuple[OutgoingRecord, Any]]] = []
    by_key: dict[tuple[str, str], int] = {}
    by_subject: dict[tuple[str, str], int] = {}
    for message in messages:
        event = message[0]
        key, subject = (event.topic, event.key), (event.topic, event.subject)
        turn = max(by_key.get(key, 0), by_subject.get(subject, -1) + 1)
        by_key[key] = by_subject[subject] = turn
        if turn == len(turns):
            turns.append([])
        turns[turn].append(message)
    return turns
