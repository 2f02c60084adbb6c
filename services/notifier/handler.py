"""Loads the facts of a batch, and binds the domain to them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from homecall.contract import topics
from homecall.contract.envelope import Incoming
from homecall.contract.events import RequestAccepted, RequestDeferred, RequestRefused
from homecall.runtime.clock import Clock
from homecall.runtime.encryption import Vault
from homecall.runtime.engine.decision import Decision
from homecall.runtime.engine.engine import Engine
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.standard.calendar import ClinicCalendar
from homecall.standard.clinic_events import ClinicEvents
from homecall.standard.clinics import Clinics
from homecall.standard.rules import RuleSet, RuleSets
from homecall.standard.stated_times import Tolerance
from services.notifier.domain.decide import HEARD, decide, due
from services.notifier.domain.facts import ClinicFacts, Facts
from services.notifier.domain.state import Call
from services.notifier.store import Calls

_FIRST_TOLD: Final = {RequestAccepted.TYPE, RequestDeferred.TYPE, RequestRefused.TYPE}
"""What is said of a request first, as a rule."""


class Notifier:
    """The domain as the engine calls it: each decision with the facts of its clinic."""

    def __init__(
        self,
        rule_sets: RuleSets,
        clinic: Callable[[str], ClinicFacts],
        sms_statuses: Collection[str] = (),
        calendar: Callable[[str, RuleSet], ClinicCalendar | None] = lambda _clinic_id, _rules: None,
    ) -> None:
        self._rule_sets = rule_sets
        self._clinic = clinic
        self._calendar = calendar
        self._sms_statuses = sms_statuses

    def target(self, event: Incoming) -> str | None:
        """The request that the event is about."""
        return event.subject if isinstance(event.data, HEARD) else None

    def takes_broken(self, event: Incoming) -> bool:
        """None: a broken event says nothing that could be told."""
        del event
        return False

    def pending(self, state: Call) -> bool:
        """Never: no number is given here."""
        del state
        return False

    def decide(self, state: Call | None, event: Incoming, facts: None, now: datetime) -> Decision[Call]:
        """See `decide`."""
        del facts
        return decide(state, event, self._facts(state.clinic_id if state else event.clinic_id), now)

    def due(self, state: Call, facts: None, now: datetime) -> Decision[Call]:
        """See `due`."""
        del facts
        return due(state, self._facts(state.clinic_id), now)

    def _facts(self, clinic_id: str) -> Facts:
        return Facts(
            clinic=self._clinic(clinic_id),
            rule_sets=self._rule_sets,
            calendar=lambda rules: self._calendar(clinic_id, rules),
            sms_statuses=self._sms_statuses,
        )


class NotifierEngine(Engine[Call, None]):
    """Knows the clinic of each accepted request before it decides: intake may have heard of it a moment earlier."""

    def __init__(
        self,
        store: Calls,
        domain: Notifier,
        clock: Clock,
        clinics: GlobalTable,
        known: Clinics,
        vault: Vault | None = None,
        tolerance: Tolerance | None = None,
    ) -> None:
        super().__init__(topics.NOTIFIER, store, domain, clock, vault, ClinicEvents(known.zone, tolerance))
        self._clinics = clinics
        self._known = known

    def likely_new(self, firsts: Mapping[str, Incoming]) -> Collection[str]:
        return [target for target, event in firsts.items() if event.type in _FIRST_TOLD]

    async def facts_for(self, batch: Sequence[Incoming], loaded: Mapping[str, Aggregate[Call]]) -> None:
        del loaded
        if any(_tells_of_clinic(event) and self._known.get(event.clinic_id) is None for event in batch):
            await self._clinics.catch_up()


def _tells_of_clinic(event: Incoming) -> bool:
    """Whether what is told of the event names the clinic or a time by its clock."""
    data = event.data
    return event.type in _FIRST_TOLD and not (isinstance(data, RequestRefused) and data.code == "unknown_clinic")
