"""The service over a database in memory, for tests: its clinics, its verifier and its time are in the test's hands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from homecall.contract import topics
from homecall.contract.envelope import Incoming, OutgoingRecord
from homecall.gateways.signatures.port import Signed, Unavailable, Unchecked, Verdict, Verifier
from homecall.runtime.clock import SystemClock
from homecall.runtime.encryption import COMPLAINANT_BY_NAME, Vault
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.engine.engine import Engine
from homecall.runtime.kafka.senders import Senders
from homecall.runtime.mongo.codec import Codec
from homecall.standard.clinics import Clinics
from services.complaints.domain.state import ComplaintState
from services.complaints.handler import ComplaintEngine, Complaints, Timelines
from services.complaints.store import ComplaintStore
from tests.unit.complaints.casebook import COMPLAINT, RULES, at, clinic, incoming, submission
from tests.unit.runtime.memory import MemoryDatabase

AWAY = Unavailable("NCANode cannot be reached")
MADE = "Tue 2026-11-24 09:40"
NOON = at("Tue 2026-11-24 12:00")

_STATE = Codec(ComplaintState)


class Notary:
    """A verifier that says what the test wants, and counts."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.asked: list[Signed] = []

    async def start(self) -> None:
        return

    async def verify(self, batch: Sequence[Signed]) -> list[Verdict]:
        self.asked += batch
        return [self.verdict for _ in batch]

    async def close(self) -> None:
        return


class Table:
    """The clinics' topic: ``behind`` is what has been published and not been read."""

    def __init__(self, clinics: Clinics) -> None:
        self.clinics = clinics
        self.behind: list[Any] = []

    async def catch_up(self) -> None:
        while self.behind:
            self.clinics.take(self.behind.pop())


class Office:
    """A clinic's complaints in the real engine. ``now`` is the time of what comes, unless it is said otherwise.

    ``by_names``: those who are called about are known by name and phone, too. ``database`` is another's, after a
    restart.
    """

    def __init__(
        self,
        verifier: Verifier | None = None,
        *,
        now: datetime = NOON,
        vault: Vault | None = None,
        senders: Senders | None = None,
        by_names: bool = False,
        database: MemoryDatabase | None = None,
    ) -> None:
        self.now = now
        self.database = database or MemoryDatabase()
        self.store = ComplaintStore(self.database.as_database)
        clinics = Clinics()
        clinics.take(clinic())
        self.table: Any = Table(clinics)
        complaints = Complaints(clinics, RULES, judge_record_time=False, vault=vault, senders=senders)
        self.engine = ComplaintEngine(self.store, complaints, SystemClock(), self.table, verifier or Unchecked())
        index = partial(vault.index, COMPLAINANT_BY_NAME) if vault is not None and by_names else None
        self.calls = Engine(topics.COMPLAINTS, self.store.calls, Timelines(index), SystemClock())

    async def hear(self, *batch: Incoming, now: datetime | None = None) -> BatchResult:
        """Handle a batch, and what follows its publication."""
        handled = await self.engine.handle(batch, now or self.now)
        for done in handled.after:
            await done()
        return handled

    async def said(self, *batch: Incoming) -> list[dict[str, Any]]:
        """What a batch says."""
        return [json.loads(each.value) for each in (await self.hear(*batch)).events]

    async def hear_of_call(self, *events: Incoming, now: datetime | None = None) -> None:
        await self.calls.handle(events, now or self.now)

    async def tick(self, now: datetime | str) -> list[OutgoingRecord]:
        """What a tick says, at that moment or at that time of the office's day."""
        if isinstance(now, str):
            now = datetime.fromisoformat(now if "T" in now else f"{self.now:%Y-%m-%d}T{now}+05:00")
        due = await self.engine.due(now)
        events = due.events
        await self.engine.sent(due)
        return events

    async def swept(self) -> list[OutgoingRecord]:
        """What a tick finds stored and not sent."""
        due = await self.engine.unsent()
        events = due.events
        await self.engine.sent(due)
        return events

    def document(self, complaint_id: str = COMPLAINT) -> dict[str, Any]:
        """A complaint as it is stored: what a test changes in it is stored so."""
        return self.database.collection("complaints").docs[complaint_id]

    def state(self, complaint_id: str = COMPLAINT) -> ComplaintState:
        return _STATE.decode(self.document(complaint_id)["s"])

    def fail(self, collection: str, at_write: int, error: type[Exception] = ConnectionError) -> None:
        """Let that write of a collection fail, counted from now; 0 for none."""
        left = [at_write]

        def before() -> None:
            left[0] -= 1
            if left[0] == 0:
                raise error

        self.database.collection(collection).before_write = before


def signed(**more: Any) -> Incoming:
    """A complaint from the portal."""
    portal = {"channel": "portal", "received_by": None, "signature": {"format": "cms", "value": "AAAA"}}
    data = {name: value for name, value in submission(MADE, **(portal | more)).items() if value is not None}
    return incoming("complaint.submitted", data)


def words(events: Sequence[OutgoingRecord]) -> list[tuple[str, str]]:
    """Whom each event is about, and its status, or its type where it is none."""
    return [(each.subject, json.loads(each.value).get("status", each.type)) for each in events]


def office_with(verdict: Verdict, **more: Any) -> tuple[Office, Notary]:
    """An office and its notary, who finds that of every signature."""
    notary = Notary(verdict)
    return Office(notary, **more), notary
