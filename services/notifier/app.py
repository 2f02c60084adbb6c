"""The notifier as it runs: hears intake, scheduler and answers; says statuses, register entries and deadlines."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import get_args

from homecall.contract import topics
from homecall.contract.envelope import Incoming
from homecall.contract.events import ClinicPublished, RequestAccepted, RequestDeferred, RequestRefused, RequestStatus
from homecall.gateways.sms import UnknownReason, gateway_from, profile_from
from homecall.runtime import metrics
from homecall.runtime.clock import Clock, SystemClock
from homecall.runtime.encryption import Vault
from homecall.runtime.engine.engine import Engine
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.mongo.last_known_good import LastKnownGood
from homecall.runtime.mongo.mongo import Aggregate, Database
from homecall.runtime.service import Service, refresh_open
from homecall.runtime.settings import Settings, SettingsError
from homecall.standard.clinic_events import ClinicEvents
from homecall.standard.clinics import Clinics
from homecall.standard.rules import load_rule_sets
from homecall.standard.stated_times import Tolerance, tolerance_by
from services.notifier.domain import Call, Notifier, Waits, clinic_facts
from services.notifier.messages import policy_of
from services.notifier.metrics import OPEN_NEAR_LIMIT, SMS
from services.notifier.outbox import Outbox, Reports, Stores
from services.notifier.store import WATCHED, Calls, Mailings, OptOuts, Receipts, schema

_FIRST_TOLD = {RequestAccepted.TYPE, RequestDeferred.TYPE, RequestRefused.TYPE}
"""What is said of a request first, as a rule."""


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


def _take(known: Clinics, event: Incoming) -> None:
    if isinstance(event.data, ClinicPublished):
        known.take(event.data)


def build(settings: Settings, clock: Clock) -> Service:
    """Put the notifier together. Raises ``SettingsError`` or ``RuleSetError`` with one line where it cannot start."""
    vault = Vault.from_settings(settings)
    database = Database(settings.mongo_url, f"{settings.mongo_prefix}_{topics.NOTIFIER}")
    calls = Calls(database)
    known = Clinics()
    last_known_good = LastKnownGood(database.collection("clinics"))
    clinics = GlobalTable(settings, topics.NOTIFIER, topics.CLINICS, lambda event: _take(known, event), last_known_good)
    outbox = _outbox(settings, clock, database, calls, vault)
    rule_sets = load_rule_sets(settings.rules)
    notifier = Notifier(
        rule_sets,
        lambda clinic_id: clinic_facts(clinic_id, known.get(clinic_id)),
        sms_statuses=outbox.policy.statuses if outbox else (),
        calendar=known.calendar,
    )
    # Under another clock than the world's, a record's time says nothing about the event's (R17).
    tolerance = tolerance_by(rule_sets) if isinstance(clock, SystemClock) else None
    engine = NotifierEngine(calls, notifier, clock, clinics, known, vault, tolerance)

    async def gauges(now: datetime) -> None:
        for deadline, channels in WATCHED.items():
            refresh_open(deadline, await calls.open(deadline, now), channels, now)
        near = await calls.near_limit(now)
        for channel, waits_for in itertools.product(WATCHED["answer"], get_args(Waits)):
            OPEN_NEAR_LIMIT.labels("answer", channel, waits_for).set(near.get((channel, waits_for), 0))
        if outbox is not None:
            await outbox.gauges()

    metrics.expect_outcomes(WATCHED)
    for reason in ("no_outcome", *get_args(UnknownReason)):
        SMS.labels("unknown", reason)
    metrics.expect_stages({"scheduling": WATCHED["answer"], "answer": WATCHED["answer"], "service": WATCHED["service"]})
    secret = settings.secret("sms_report_secret")
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
        schema=schema(database),
        prepare=[calls.prepare, *([outbox.prepare] if outbox else [])],
        workers=[outbox.work] if outbox else [],
        receives={REPORTS: Reports(outbox, profile_from(settings), secret).receive} if outbox and secret else {},
        close=[outbox.close] if outbox else [],
        gauges=gauges,
    )


REPORTS = "/sms/reports"
"""Where the SMS gateway posts delivery reports."""


def _outbox(settings: Settings, clock: Clock, database: Database, calls: Calls, vault: Vault) -> Outbox | None:
    """What sends messages to patients; None where ``HOMECALL_SMS`` is off."""
    gateway = gateway_from(settings, profile_from(settings))
    if gateway is None:
        return None
    try:
        policy = policy_of(
            settings.sms_statuses, settings.sms_quiet_hours, settings.sms_settle_seconds, get_args(RequestStatus)
        )
    except ValueError as error:
        raise SettingsError(str(error)) from None
    stores = Stores(calls, Mailings(database), Receipts(database), OptOuts(database))
    return Outbox(stores, gateway, policy, vault, clock)
