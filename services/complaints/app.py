"""Complaints: what it hears, what it decides with, where it keeps it, what it says."""

from __future__ import annotations

from functools import partial

from homecall.contract import topics
from homecall.gateways.signatures.choice import verifier_from
from homecall.runtime.clock import Clock, SystemClock
from homecall.runtime.encryption import COMPLAINANT_BY_NAME, Vault
from homecall.runtime.engine.engine import Engine
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.kafka.senders import Senders
from homecall.runtime.logs import log
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.last_known_good import LastKnownGood
from homecall.runtime.service import Service
from homecall.runtime.settings import Settings
from homecall.standard.clinic_events import ClinicEvents
from homecall.standard.clinics import Clinics
from homecall.standard.rules import load_rule_sets
from homecall.standard.stated_times import tolerance_by
from services.complaints import metrics
from services.complaints.domain.state import Official
from services.complaints.handler import ComplaintEngine, Complaints, ComplaintsAndCalls, Timelines
from services.complaints.store import ComplaintStore, schema


def build(settings: Settings, clock: Clock) -> Service:
    """Put the service together. Raises ``SettingsError`` or ``RuleSetError`` with one line where it cannot start."""
    vault = Vault.from_settings(settings)
    verifier = verifier_from(settings)
    database = Database.of(settings, topics.COMPLAINTS)
    store = ComplaintStore(database)
    clinics = Clinics()

    last_known_good = LastKnownGood(database.collection("clinics"))
    table = GlobalTable(settings, topics.COMPLAINTS, topics.CLINICS, clinics.hear, last_known_good)
    # Under another clock than the world's, a record's time says nothing about the event's (R17).
    judge_record_time = isinstance(clock, SystemClock)
    rule_sets = load_rule_sets(settings.rules)
    tolerance = tolerance_by(rule_sets) if judge_record_time else None
    complaints = Complaints(
        clinics,
        rule_sets,
        judge_record_time=judge_record_time,
        vault=vault,
        officer=Official(**officer) if (officer := settings.officer()) else None,
        senders=Senders(settings.senders_file),
    )
    if settings.senders_file is None and settings.env == "production":
        log(topics.COMPLAINTS).warning("stages are not held against senders: set HOMECALL_SENDERS_FILE")
    engine = ComplaintEngine(store, complaints, clock, table, verifier, tolerance)
    timelines = Timelines(partial(vault.index, COMPLAINANT_BY_NAME))
    calls = Engine(topics.COMPLAINTS, store.calls, timelines, clock, vault, ClinicEvents(tolerance=tolerance))

    metrics.expect_all()
    heard = [topic for topic in topics.read_by(topics.COMPLAINTS) if not topic.whole]
    return Service(
        name=topics.COMPLAINTS,
        settings=settings,
        clock=clock,
        database=database,
        producer=Producer(settings, f"homecall-{topics.COMPLAINTS}"),
        topics=heard,
        # What became of calls is kept for the file of a complaint that may come.
        low_priority=[topic for topic in heard if topic is not topics.COMPLAINTS_IN],
        handler=ComplaintsAndCalls(engine, calls),
        engines=[engine, calls],
        tables=[table],
        ticks=[table.keep],
        schema=schema(database),
        prepare=[store.prepare, verifier.start],
        close=[verifier.close],
        gauges=partial(metrics.refresh, store),
    )
