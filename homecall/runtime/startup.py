"""The start of a service, step by step: each is tried again until the database and the broker answer.

How long a start without a database lasts: a try finds none within 5 s (``serverSelectionTimeoutMS`` in
`homecall.runtime.mongo.client`), and between tries are pauses of 0.1 s that grow to 10 s (`homecall.runtime.retry`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from homecall.contract.topics import read_by, written_by
from homecall.runtime.failures import Awaited, Refused
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.logs import log
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.schema import Schema
from homecall.runtime.retry import Retry
from homecall.runtime.settings import SettingsError

Step = Callable[[], Awaitable[None]]


class Startup:
    """Runs the steps of a start, and knows what it waits for."""

    def __init__(self, service: str, database: Database, producer: Producer, schema: Schema | None) -> None:
        self._service = service
        self._database = database
        self._producer = producer
        self._schema = schema
        self._log = log(service)
        self.awaits = ""
        """What somebody has to do before the service can start; empty where nothing."""
        self.lacks = ""
        """What the database lacks, for readiness to say; the service runs without it."""

    async def run(self, retry: Retry, steps: Iterable[Step]) -> None:
        """Run steps in their order. Raises ``SettingsError`` where a server rejects us, or ``TooNew``."""
        for step in steps:
            await retry(partial(self._tried, step))

    async def _tried(self, step: Step) -> None:
        """One try. No record can be at fault here: every error of the database is retried."""
        try:
            await step()
        except Refused as error:
            raise SettingsError(str(error)) from None
        except Exception as error:
            raise self._database.unavailable(error) from error

    async def look_at_schema(self) -> None:
        """Raises ``TooNew`` where a newer release has changed the database, ``Awaited`` where a migration is needed."""
        if self._schema is None:
            return
        try:
            found = await self._schema.admit()
        except Awaited as error:
            self.awaits = str(error)
            raise
        self.awaits = ""
        if found.newer:
            self._log.warning("the database is of a newer release", migrations=list(found.newer))
        if found.missing:
            missing = [each.name for each in found.missing]
            self.lacks = f"; the database lacks {', '.join(missing)}: run homecall migrate"
            self._log.warning("migrations have not been run: run homecall migrate", migrations=missing)

    async def look_at_topics(self) -> None:
        """Wait until the topics exist: one that a broker creates implicitly would have the broker's own settings."""
        ours = {each.name for each in (*read_by(self._service), *written_by(self._service))}
        missing = await self._producer.missing(ours)
        self.awaits = ""
        if missing:
            self.awaits = (
                f"{missing[0]} is not there, or this user may not see it: run homecall topics create, or give the "
                "user what homecall access lists"
            )
            raise Awaited(self.awaits)
