"""Which events are decided on, and the facts that a batch is decided by."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from homecall.contract import topics
from homecall.contract.envelope import Incoming
from homecall.contract.events import RequestAccepted, RequestCancelled, RequestDeferred, RequestRefused
from homecall.runtime.clock import Clock
from homecall.runtime.encryption import Vault
from homecall.runtime.engine.decision import Decision
from homecall.runtime.engine.engine import Engine
from homecall.runtime.engine.protocols import Domain
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.standard.clinic_events import ClinicEvents
from homecall.standard.stated_times import Tolerance
from services.notifier.domain.decide import HEARD, decide, due
from services.notifier.domain.facts import Facts
from services.notifier.domain.state import Call
from services.notifier.store import Calls

_FIRST_TOLD: Final = {RequestAccepted.TYPE, RequestDeferred.TYPE, RequestRefused.TYPE}
"""What is said of a request first, as a rule."""


class Notifier(Domain[Call, Facts]):
    """The domain as the engine calls it."""

    def target(self, event: Incoming) -> str | None:
        return event.subject if isinstance(event.data, HEARD) else None

    def decide(self, state: Call | None, event: Incoming, facts: Facts, now: datetime) -> Decision[Call]:
        return decide(state, event, facts, now)

    def due(self, state: Call, facts: Facts, now: datetime) -> Decision[Call]:
        return due(state, facts, now)


class NotifierEngine(Engine[Call, Facts]):
    """Knows the clinic of each accepted request before it decides: intake may have heard of it a moment earlier."""

    def __init__(
        self,
        store: Calls,
        facts: Facts,
        clock: Clock,
        clinics: GlobalTable,
        vault: Vault | None = None,
        tolerance: Tolerance | None = None,
    ) -> None:
        rules = ClinicEvents(facts.clinics.zone, tolerance)
        super().__init__(topics.NOTIFIER, store, Notifier(), clock, vault, rules)
        self._facts = facts
        self._clinics = clinics

    def likely_new(self, firsts: Mapping[str, Incoming]) -> Collection[str]:
        return [target for target, event in firsts.items() if event.type in _FIRST_TOLD]

    async def facts_for(self, batch: Sequence[Incoming], loaded: Mapping[str, Aggregate[Call]]) -> Facts:
        del loaded
        known = self._facts.clinics
        if any(known.get(clinic_id) is None for event in batch for clinic_id in _clinics_told(event)):
            await self._clinics.catch_up()
        return self._facts


def _clinics_told(event: Incoming) -> Iterator[str]:
    """The clinics whose name, or a time by whose clock, is told of the event."""
    data = event.data
    if event.type in _FIRST_TOLD and not (isinstance(data, RequestRefused) and data.code == "unknown_clinic"):
        yield event.clinic_id
    if isinstance(data, RequestCancelled) and data.transferred_to is not None:
        yield data.transferred_to.clinic_id
