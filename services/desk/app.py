"""The desk as it runs: hears every topic, keeps its view, and speaks for the people who work in the browser."""

from __future__ import annotations

import os
from datetime import datetime
from functools import partial

from homecall.contract import topics
from homecall.contract.encoding import NotUtf8, decoded
from homecall.contract.envelope import Incoming
from homecall.contract.events import ClinicPublished
from homecall.runtime.clock import Clock
from homecall.runtime.encryption import Vault
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.last_known_good import LastKnownGood
from homecall.runtime.service import Service
from homecall.runtime.settings import Settings, SettingsError
from homecall.standard.clinics import Clinics
from homecall.standard.rules import load_rule_sets
from services.desk import metrics
from services.desk.handler import Desk
from services.desk.live import Live
from services.desk.oidc import provider_from
from services.desk.outbox import Outbox
from services.desk.sessions import Sessions
from services.desk.signed_in import Watch
from services.desk.signing import signer_from
from services.desk.store import Stores, schema
from services.desk.users import BadUsers, Users
from services.desk.web.pages import PAGES, no_such_page, routes
from services.desk.web.site import Site


def build(settings: Settings, clock: Clock) -> Service:
    """Put the desk together. Raises ``SettingsError`` or ``RuleSetError`` with one line where it cannot start."""
    vault = Vault.from_settings(settings)
    database = Database(settings.mongo_url, f"{settings.mongo_prefix}_{topics.DESK}")
    stores = Stores(database, vault)
    producer = Producer(settings, f"homecall-{topics.DESK}", also=signer_from(settings))
    outbox = Outbox(stores.actions, producer)
    live = Live(stores)
    known = Clinics()
    users, provider = _users(settings), provider_from(settings)
    users.others = provider is not None

    def take(event: Incoming) -> None:
        if isinstance(event.data, ClinicPublished):
            known.take(event.data)

    clinics = GlobalTable(settings, topics.DESK, topics.CLINICS, take, LastKnownGood(database.collection("clinics")))
    site = Site(
        stores=stores,
        outbox=outbox,
        live=live,
        users=users,
        sessions=Sessions(_secret(settings)),
        clinics=known,
        rule_sets=load_rule_sets(settings.rules),
        clock=clock,
        vault=vault,
        tiles=settings.desk_tiles_url,
        demo=settings.desk_demo,
        proxies=settings.desk_proxies,
        oidc=provider,
        sms_statuses=() if settings.sms == "off" else settings.sms_statuses.split(","),
    )
    desk = Desk(stores, vault, clock, live.changed)

    async def look_at_users(now: datetime) -> None:
        del now
        users.look()

    async def gauges(now: datetime) -> None:
        count, oldest = await stores.actions.count_unsent()
        metrics.show_unsent(count, oldest)
        del now

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
        ticks=[look_at_users, clinics.keep],
        workers=[outbox.work, live.work, Watch(stores.signed_in, provider).work],
        close=[live.end],
        schema=schema(database),
        prepare=[stores.prepare],
        gauges=gauges,
        notes=[lambda: users.problem],
        buries=False,
        routes=routes(site),
        no_such=partial(no_such_page, site),
    )


def _users(settings: Settings) -> Users:
    users = Users(settings.desk_users_file)
    try:
        users.load()
    except BadUsers as error:
        raise SettingsError(f"HOMECALL_DESK_USERS_FILE {error}") from None
    return users


def _secret(settings: Settings) -> bytes:
    """The secret of sessions; in development without one, one of this process, so that a restart ends them."""
    if settings.desk_secret_file is None:
        if settings.env != "development":
            raise SettingsError(
                "HOMECALL_DESK_SECRET_FILE is missing: in production it names a file with at least 32 random "
                "characters, the same for all replicas"
            )
        return os.urandom(32)
    try:
        found = decoded(settings.desk_secret_file.read_bytes()).strip()
    except (OSError, NotUtf8) as error:
        raise SettingsError(f"HOMECALL_DESK_SECRET_FILE cannot be read: {error}") from None
    if len(found) < 32:
        raise SettingsError("HOMECALL_DESK_SECRET_FILE holds fewer than 32 characters")
    return found.encode()
