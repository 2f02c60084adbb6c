"""The desk as it runs: hears every topic, keeps its view, and speaks for the people who work in the browser."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from homecall.contract import topics
from homecall.gateways.offers.http import offers_from
from homecall.runtime.clock import Clock
from homecall.runtime.encryption import Vault
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.last_known_good import LastKnownGood
from homecall.runtime.service import Service
from homecall.runtime.settings import Settings
from homecall.standard.clinics import Clinics
from homecall.standard.rules import load_rule_sets
from services.desk import metrics
from services.desk.handler import Desk
from services.desk.live import Live
from services.desk.oidc import provider_from
from services.desk.outbox import Outbox
from services.desk.sessions import Sessions, secret_from
from services.desk.signing import signer_from
from services.desk.store.stores import Stores, schema
from services.desk.users import users_from
from services.desk.watch import Watch
from services.desk.web.pages import PAGES, no_such_page, routes
from services.desk.web.site import Site


def build(settings: Settings, clock: Clock) -> Service:
    """Put the desk together. Raises ``SettingsError`` or ``RuleSetError`` with one line where it cannot start."""
    vault = Vault.from_settings(settings)
    database = Database.of(settings, topics.DESK)
    stores = Stores(database, vault)
    producer = Producer(settings, f"homecall-{topics.DESK}", sign=signer_from(settings))
    outbox = Outbox(stores.actions, producer)
    live = Live(stores)
    known = Clinics()
    provider = provider_from(settings)
    users = users_from(settings, others=provider is not None)
    last_known_good = LastKnownGood(database.collection("clinics"))
    clinics = GlobalTable(settings, topics.DESK, topics.CLINICS, known.hear, last_known_good)
    site = Site(
        stores=stores,
        outbox=outbox,
        live=live,
        users=users,
        sessions=Sessions(secret_from(settings)),
        clinics=known,
        rule_sets=load_rule_sets(settings.rules),
        clock=clock,
        vault=vault,
        oidc=provider,
        **_choices(settings),
    )
    desk = Desk(stores, vault, clock, live.changed)

    metrics.expect_all(page.name for page in PAGES)
    return Service(
        name=topics.DESK,
        settings=settings,
        clock=clock,
        database=database,
        producer=producer,
        topics=[topic for topic in topics.read_by(topics.DESK) if not topic.whole],
        handler=desk,
        engines=desk.engines,
        tables=[clinics],
        ticks=[users.tick, clinics.keep],
        workers=[outbox.work, live.work, Watch(stores.signed_in, provider).work],
        close=[live.end, site.close],
        schema=schema(database),
        prepare=[stores.prepare],
        gauges=partial(_gauges, stores),
        notes=[lambda: users.problem],
        writes_dead_letters=False,
        routes=routes(site),
        not_found=partial(no_such_page, site),
    )


async def _gauges(stores: Stores, now: datetime) -> None:
    del now
    metrics.show_unsent(*await stores.actions.count_unsent())


def _choices(settings: Settings) -> dict[str, Any]:
    """What of the pages is the operator's choice."""
    return {
        "tiles": settings.desk_tiles_url,
        "demo": settings.desk_demo,
        "offers": offers_from(settings),
        "proxies": settings.desk_proxies,
        "sms_statuses": () if settings.sms == "off" else settings.sms_statuses.split(","),
    }
