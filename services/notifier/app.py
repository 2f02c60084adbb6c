"""The notifier as it runs: hears intake, scheduler and answers; says statuses, register entries and deadlines."""

from __future__ import annotations

from functools import partial
from typing import get_args

from homecall.contract import topics
from homecall.contract.events import RequestStatus
from homecall.gateways.sms.http import gateway_from
from homecall.gateways.sms.profile import profile_from
from homecall.runtime.clock import Clock, SystemClock
from homecall.runtime.encryption import Vault
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.last_known_good import LastKnownGood
from homecall.runtime.service import Service
from homecall.runtime.settings import Settings, SettingsError
from homecall.standard.clinics import Clinics
from homecall.standard.rules import load_rule_sets
from homecall.standard.stated_times import tolerance_by
from services.notifier import gauges
from services.notifier.domain.facts import Facts
from services.notifier.domain.quiet_hours import policy_of
from services.notifier.handler import NotifierEngine
from services.notifier.outbox import Outbox, Stores
from services.notifier.reports import PATH, Reports
from services.notifier.store import Calls, Mailings, OptOuts, Receipts, schema


def build(settings: Settings, clock: Clock) -> Service:
    """Put the notifier together. Raises ``SettingsError`` or ``RuleSetError`` with one line where it cannot start."""
    vault = Vault.from_settings(settings)
    database = Database.of(settings, topics.NOTIFIER)
    calls = Calls(database)
    known = Clinics()
    last_known_good = LastKnownGood(database.collection("clinics"))
    clinics = GlobalTable(settings, topics.NOTIFIER, topics.CLINICS, known.hear, last_known_good)
    outbox = _outbox(settings, clock, database, calls, vault)
    rule_sets = load_rule_sets(settings.rules)
    facts = Facts(known, rule_sets, outbox.policy.statuses if outbox else ())
    # Under another clock than the world's, a record's time says nothing about the event's (R17).
    tolerance = tolerance_by(rule_sets) if isinstance(clock, SystemClock) else None
    engine = NotifierEngine(calls, facts, clock, clinics, vault, tolerance)

    gauges.show_from_the_start()
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
        prepare=[calls.prepare, *([outbox.stores.mailings.prepare] if outbox else [])],
        workers=[outbox.work] if outbox else [],
        receives={PATH: Reports(outbox, profile_from(settings), secret).receive} if outbox and secret else {},
        close=[outbox.gateway.close] if outbox else [],
        gauges=partial(gauges.refresh, calls, outbox),
    )


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
