"""The notifier as it runs: hears intake, scheduler and answers; says statuses, register entries and deadlines."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from services.contract import topics
from services.contract.envelope import Incoming
from services.contract.events import ClinicPublished, RequestAccepted
from services.notifier.domain import Call, Notifier, clinic_facts
from services.notifier.store import WATCHED, Calls
from services.runtime.clock import Clock
from services.runtime.engine import Engine
from services.runtime.mongo import Aggregate, Database
from services.runtime.personal import Vault
from services.runtime.producer import Producer
from services.runtime.service import Service, refresh_open
from services.runtime.settings import Settings
from services.runtime.shelf import Shelf
from services.runtime.table import WholeTopic
from services.standard.clinics import Clinics
from services.standard.rules import load_rule_sets


class NotifierEngine(Engine[Call]):
    """Knows the clinic of each accepted request before it decides: intake may have heard of it a moment earlier."""

    def __init__(
        self,
        store: Calls,
        domain: Notifier,
        clock: Clock,
        clinics: WholeTopic,
        known: Clinics,
        vault: Vault | None = None,
    ) -> None:
        super().__init__(topics.NOTIFIER, store, domain, clock, vault)
        self._clinics = clinics
        self._known = known

    async def load(self, targets: Collection[str], batch: Sequence[Incoming]) -> dict[str, Aggregate[Call]]:
        if any(event.type == RequestAccepted.TYPE and self._known.get(event.clinic_id) is None for event in batch):
            await self._clinics.catch_up()
        return await super().load(targets, batch)


def _take(known: Clinics, event: Incoming) -> None:
    if isinstance(event.data, ClinicPublished):
        known.take(event.data)


def build(settings: Settings, clock: Clock) -> Service:
    """Put the notifier together. Raises ``SettingsError`` or ``RuleSetError`` with one line where it cannot start."""
    vault = Vault.from_settings(settings)
    database = Database(settings.mongo_url, f"{settings.mongo_prefix}_{topics.NOTIFIER}")
    calls = Calls(database)
    known = Clinics()
    shelf = Shelf(database.collection("clinics"))
    clinics = WholeTopic(settings, topics.NOTIFIER, topics.CLINICS, lambda event: _take(known, event), shelf)
    notifier = Notifier(load_rule_sets(settings.rules), lambda clinic_id: clinic_facts(clinic_id, known.get(clinic_id)))
    engine = NotifierEngine(calls, notifier, clock, clinics, known, vault)

    async def gauges(now: datetime) -> None:
        for deadline, channels in WATCHED.items():
            refresh_open(deadline, await calls.open(deadline, now), channels, now)

    return Service(
        name=topics.NOTIFIER,
        settings=settings,
        clock=clock,
        database=database,
        producer=Producer(settings, f"homecall-{topics.NOTIFIER}"),
        topics=[topic for topic in topics.read_by(topics.NOTIFIER) if not topic.whole],
        handler=engine,
        engines=[engine],
        tables=[clinics],
        ticks=[clinics.keep],
        prepare=[calls.prepare],
        gauges=gauges,
    )
