"""The notifier as it runs: hears intake, scheduler and answers; says statuses, register entries and deadlines."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from services.contract import language, topics
from services.contract.envelope import Incoming
from services.contract.events import ClinicPublished, RequestAccepted
from services.notifier.domain import Call, ClinicFacts, Notifier, unknown_clinic
from services.notifier.store import WATCHED, Calls
from services.runtime.clock import Clock
from services.runtime.engine import Engine
from services.runtime.mongo import Aggregate, Database
from services.runtime.producer import Producer
from services.runtime.service import Service, refresh_open
from services.runtime.settings import Settings
from services.runtime.table import WholeTopic
from services.standard.rules import load_rule_sets


class Clinics:
    """The clinics as they are now, from their topic, as far as texts and clocks need them."""

    def __init__(self, settings: Settings) -> None:
        self.table = WholeTopic(settings, topics.NOTIFIER, topics.CLINICS, self._take)
        self._known: dict[str, ClinicFacts] = {}

    def facts(self, clinic_id: str) -> ClinicFacts:
        """What is known of a clinic; its id for a name where nothing is."""
        return self._known.get(clinic_id) or unknown_clinic(clinic_id)

    async def know(self, clinic_ids: Collection[str]) -> None:
        """Read the topic up to its present end where one of these is not known."""
        if not self._known.keys() >= set(clinic_ids):
            await self.table.catch_up()

    def _take(self, event: Incoming) -> None:
        if isinstance(event.data, ClinicPublished):
            clinic = event.data
            self._known[clinic.clinic_id] = ClinicFacts(
                name=language.name(clinic.name.kk, clinic.name.ru),
                phone=clinic.phone,
                oral_confirmation=clinic.oral_confirmation,
            )


class NotifierEngine(Engine[Call]):
    """Knows the clinic of each accepted request before it decides: intake may have heard of it a moment earlier."""

    def __init__(self, store: Calls, domain: Notifier, clock: Clock, clinics: Clinics) -> None:
        super().__init__(topics.NOTIFIER, store, domain, clock)
        self._clinics = clinics

    async def load(self, targets: Collection[str], batch: Sequence[Incoming]) -> dict[str, Aggregate[Call]]:
        await self._clinics.know({event.clinic_id for event in batch if event.type == RequestAccepted.TYPE})
        return await super().load(targets, batch)


def build(settings: Settings, clock: Clock) -> Service:
    """Put the notifier together; nothing is connected before ``start``."""
    database = Database(settings.mongo_url, f"{settings.mongo_prefix}_{topics.NOTIFIER}")
    calls = Calls(database)
    clinics = Clinics(settings)
    engine = NotifierEngine(calls, Notifier(load_rule_sets(settings.rules), clinics.facts), clock, clinics)

    async def gauges(now: datetime) -> None:
        for deadline, channels in WATCHED.items():
            refresh_open({deadline: await calls.open(deadline)}, channels, now)

    return Service(
        name=topics.NOTIFIER,
        settings=settings,
        clock=clock,
        database=database,
        producer=Producer(settings, f"homecall-{topics.NOTIFIER}"),
        topics=[topic for topic in topics.read_by(topics.NOTIFIER) if not topic.whole],
        handler=engine,
        engines=[engine],
        tables=[clinics.table],
        prepare=[calls.prepare],
        gauges=gauges,
    )
