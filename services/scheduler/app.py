"""Scheduler: accepted calls and rosters in, visits out."""

from __future__ import annotations

from datetime import datetime

from homecall.contract import topics
from homecall.gateways.osrm import osrm_from
from homecall.runtime import metrics
from homecall.runtime.clock import Clock, SystemClock
from homecall.runtime.encryption import Vault
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.last_known_good import LastKnownGood
from homecall.runtime.service import Service
from homecall.runtime.settings import Settings
from homecall.standard.clinics import Clinics
from homecall.standard.deadlines import counted_by
from homecall.standard.rules import load_rule_sets
from homecall.standard.stated_times import tolerance_by
from services.scheduler.domain.calls import Facts
from services.scheduler.domain.dispatch import dispatch_of
from services.scheduler.domain.waiting import packaged_waiting_order
from services.scheduler.forecasting import Forecaster
from services.scheduler.gauges import Gauges
from services.scheduler.handler import Outside, SchedulerEngine
from services.scheduler.improver import Improver
from services.scheduler.offering import Offering
from services.scheduler.planning import Planner
from services.scheduler.store import SchedulerStore, schema


def build(settings: Settings, clock: Clock) -> Service:
    """Put the scheduler together. Raises ``SettingsError`` or ``RuleSetError`` with one line where it cannot start."""
    vault = Vault.from_settings(settings)
    database = Database.of(settings, topics.SCHEDULER)
    producer = Producer(settings, f"homecall-{topics.SCHEDULER}")
    known = Clinics()
    store = SchedulerStore(database, lambda clinic_id: dispatch_of(known.get(clinic_id)), settings.bookings_held)
    last_known_good = LastKnownGood(database.collection("clinics"))
    clinics = GlobalTable(settings, topics.SCHEDULER, topics.CLINICS, known.hear, last_known_good)
    router = osrm_from(settings)
    facts = Facts(known, load_rule_sets(settings.rules), packaged_waiting_order())
    # Under another clock than the world's, a record's time says nothing about the event's (R17).
    tolerance = tolerance_by(facts.rule_sets) if isinstance(clock, SystemClock) else None
    engine = SchedulerEngine(store, facts, Outside(clinics, router, vault), clock, tolerance)
    improver = Improver(settings.replan_seconds)
    planner = Planner(store, engine.changes, engine.settle, engine.lock, improver)
    forecaster = Forecaster(store, engine.changes, engine.lock, improver, settings.sampled_days)

    async def settle(now: datetime) -> None:
        async with engine.lock:
            async for settled in engine.settler.tick(now):
                await producer.send(settled.events)
                await settled.finish()

    async def plan(_: datetime) -> None:
        forecaster.start()
        planner.start(clock, producer.send)

    metrics.expect_outcomes(counted_by(topics.SCHEDULER))
    return Service(
        name=topics.SCHEDULER,
        settings=settings,
        clock=clock,
        database=database,
        producer=producer,
        topics=[topic for topic in topics.read_by(topics.SCHEDULER) if not topic.whole],
        handler=engine,
        engines=[engine],
        tables=[clinics],
        schema=schema(database),
        prepare=[store.prepare],
        ticks=[settle, clinics.keep, plan],
        close=[forecaster.close, planner.close, *([] if router is None else [router.close])],
        routes=[Offering(store, facts, clock).route],
        gauges=Gauges(store, by_clinic=settings.clinic_metrics).refresh,
        notes=[] if router is None else [router.note],
    )
