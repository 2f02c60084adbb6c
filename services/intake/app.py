"""Intake: requests in, decisions out. What it hears, what it decides with, where it keeps it, what it says."""

from __future__ import annotations

from functools import partial

from homecall.contract import topics
from homecall.gateways.identity.http import identity_from
from homecall.gateways.signatures.choice import verifier_from
from homecall.runtime.clock import Clock, SystemClock
from homecall.runtime.encryption import Vault
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.last_known_good import LastKnownGood
from homecall.runtime.service import Service
from homecall.runtime.settings import Settings
from homecall.standard.clinics import Clinics
from homecall.standard.rules import load_rule_sets
from homecall.standard.stated_times import tolerance_by
from services.intake import metrics
from services.intake.decrees import DecreeWatch
from services.intake.external_checks import ExternalChecks
from services.intake.handler import Intake, IntakeEngine
from services.intake.store import IntakeStore, schema
from services.intake.unreadable_clinics import UnreadableClinics


def build(settings: Settings, clock: Clock) -> Service:
    """Put intake together. Raises ``SettingsError`` or ``RuleSetError`` with one line where it cannot start."""
    vault = Vault.from_settings(settings)
    # Under another clock than the world's, a record's time says nothing about the event's (R17).
    judge_record_time = isinstance(clock, SystemClock)
    known = Clinics()
    external = ExternalChecks(
        verifier_from(settings),
        identity_from(settings),
        wait_seconds=settings.identity_wait_seconds,
        judge_record_time=judge_record_time,
        zone_of=known.zone,
    )
    database = Database.of(settings, topics.INTAKE)
    producer = Producer(settings, f"homecall-{topics.INTAKE}")
    store = IntakeStore(database)
    last_known_good = LastKnownGood(database.collection("clinics"))
    clinics = GlobalTable(
        settings, topics.INTAKE, topics.CLINICS, known.hear, last_known_good, writes_dead_letters=True
    )
    rule_sets = load_rule_sets(settings.rules)
    intake = Intake(rule_sets, known, vault, judge_record_time=judge_record_time)
    tolerance = tolerance_by(rule_sets) if judge_record_time else None
    engine = IntakeEngine(store, intake, external, clinics, clock, tolerance)

    metrics.expect_all()
    return Service(
        name=topics.INTAKE,
        settings=settings,
        clock=clock,
        database=database,
        producer=producer,
        topics=[topic for topic in topics.read_by(topics.INTAKE) if not topic.whole],
        low_priority=[topics.SCHEDULE_EVENTS],
        handler=engine,
        engines=[engine],
        tables=[clinics],
        schema=schema(database),
        prepare=[store.prepare, external.start],
        ticks=[DecreeWatch().look, UnreadableClinics(clinics, store, producer).bury, clinics.keep],
        close=[external.close],
        gauges=partial(metrics.refresh, store),
    )
