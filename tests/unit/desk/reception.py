"""The desk for tests, without servers: a database in memory, a broker that can be away, and a browser by httpx."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from itertools import count
from typing import Any

from httpx import ASGITransport, AsyncClient, Response
from starlette import routing
from starlette.applications import Starlette

from homecall.contract.envelope import Incoming, OutgoingRecord, Record, read
from homecall.contract.events import ClinicPublished
from homecall.contract.topics import TOPIC_OF_TYPE, TYPE_PREFIX
from homecall.gateways.offers.port import KnownOffers, Offer
from homecall.runtime.clock import Clock
from homecall.runtime.encryption import Vault
from homecall.runtime.failures import Transient
from homecall.runtime.settings import Settings
from homecall.standard.clinics import Clinics
from homecall.standard.rules import RuleSets, load_rule_sets
from services.desk.domain.roles import ALL_CLINICS, Role, User
from services.desk.handler import Desk
from services.desk.live import Live
from services.desk.outbox import Outbox
from services.desk.sessions import COOKIE, Sessions
from services.desk.store.stores import Stores
from services.desk.users import ROLES, Entry, Users
from services.desk.web.pages import routes
from services.desk.web.site import Site
from tests.factories import MONDAY, a_clinic
from tests.unit.runtime.memory import MemoryDatabase

HERE, ELSEWHERE = "samal-1", "other-2"
"""The clinic whose people the tests are, and another."""
_numbers = count(1)
routing.compile_path = cache(routing.compile_path)
"""Each desk of a test has the same addresses: their patterns are compiled once, and not 40 of them for each."""


class Broker:
    """What was sent, in order. ``away``: nothing is taken.

    ``poison``: subjects whose events it takes in no company and never, with this error.
    """

    def __init__(self) -> None:
        self.sent: list[OutgoingRecord] = []
        self.away = False
        self.poison: dict[str, Exception] = {}
        self.heard_at = time.monotonic()

    @property
    def healthy(self) -> bool:
        return not self.away

    async def look(self, patience: float) -> None:
        del patience
        if self.away:
            raise Transient("broker", ConnectionError(), "127.0.0.1:9092")
        self.heard_at = time.monotonic()

    async def send(self, events: Sequence[OutgoingRecord]) -> None:
        await self.look(1)
        for event in events:
            if event.subject in self.poison:
                raise self.poison[event.subject]
        self.sent += events


class StoppedClock(Clock):
    """A clock that stands where a test puts it."""

    speed = 1.0

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


@cache
def _settings() -> Settings:
    """Read once: a desk of the tests is made a thousand times."""
    return Settings(_env_file=None, env="development")


@cache
def _rule_sets() -> RuleSets:
    return load_rule_sets()


class Reception:
    """A desk with two clinics, and a user of each role at the first one and a registrar at the other."""

    def __init__(self) -> None:
        self.database = MemoryDatabase()
        self.vault = Vault.from_settings(_settings())
        self.stores = Stores(self.database.as_database, self.vault)
        self.broker = Broker()
        self.clock = StoppedClock(MONDAY)
        self.outbox = Outbox(self.stores.actions, self.broker)
        self.live = Live(self.stores)
        known = Clinics()
        for clinic_id in (HERE, ELSEWHERE):
            known.take(ClinicPublished.model_validate(a_clinic(clinic_id)))
        self.users = Users(None)
        people = [User(role, f"{role} Аты", role, None if role in ALL_CLINICS else HERE, "gp-1") for role in ROLES]
        people.append(User("stranger", "Бөтен Адам", "registrar", ELSEWHERE))
        self.users._entries = {each.name: Entry(each, "") for each in people}
        self.offers = KnownOffers(some_offers(MONDAY))
        """What the scheduler would offer; ``found`` is a test's to change."""
        self.site = Site(
            stores=self.stores,
            outbox=self.outbox,
            live=self.live,
            users=self.users,
            sessions=Sessions(b"a secret of these tests, long enough"),
            clinics=known,
            rule_sets=_rule_sets(),
            clock=self.clock,
            vault=self.vault,
            offers=self.offers,
        )
        self.desk = Desk(self.stores, self.vault, self.clock, self.live.changed)
        self.app = Starlette(routes=routes(self.site))
        self.app.router.redirect_slashes = False

    def browser(self, name: Role | str | None) -> Browser:
        """A browser in which this user is signed in; None: nobody."""
        client = AsyncClient(transport=ASGITransport(self.app), base_url="https://desk.test")
        if name is not None:
            client.cookies.set(COOKIE, self.site.sessions.new(name, datetime.now().astimezone()), domain="desk.test")
        return Browser(client)

    async def hear(self, *events: tuple[str, dict[str, Any]], at: datetime = MONDAY) -> None:
        """Take events up as they come from Kafka; ``at`` is when they happened."""
        await self.desk.handle([incoming(*each, at=at) for each in events], self.clock.now())


class Browser:
    """Pages and forms as a browser asks for them."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, **headers: str) -> Response:
        """A page."""
        return await self.client.get(path, headers=headers)

    async def token(self) -> str:
        """The token of this session's forms, from a page that the user may see."""
        for page in ("/board", "/complaints", "/today", "/find", "/health"):
            found = re.search(r'name="csrf" value="([0-9a-f]+)"', (await self.get(page)).text)
            if found is not None:
                return found[1]
        return ""

    async def post(
        self, path: str, fields: dict[str, Any] | None = None, csrf: str | None = None, **headers: str
    ) -> Response:
        """A form with the token of this session, or with another."""
        data = {"csrf": await self.token() if csrf is None else csrf} | (fields or {})
        return await self.client.post(path, data=data, headers=headers)


def incoming(event_type: str, data: dict[str, Any], event_id: str | None = None, at: datetime = MONDAY) -> Incoming:
    """An event as it comes from its topic; one id, one event."""
    number = next(_numbers)
    headers = {
        "ce_specversion": "1.0",
        "ce_id": event_id or f"test-{number}",
        "ce_source": "/tests",
        "ce_type": TYPE_PREFIX + event_type,
        "ce_time": at.isoformat(),
        "content-type": "application/json",
    }
    topic = TOPIC_OF_TYPE[event_type]
    record = Record(
        topic.name,
        0,
        number,
        str(data.get(topic.key, "")).encode(),
        json.dumps(data, ensure_ascii=False).encode(),
        tuple((name, text.encode()) for name, text in headers.items()),
        int(MONDAY.timestamp() * 1000),
    )
    return read(record)


def some_offers(on: datetime) -> tuple[Offer, ...]:
    """Three windows of that day, as the scheduler offers them."""
    return tuple(
        Offer.model_validate(
            {
                "arrives_from": on.replace(hour=hour, minute=30).isoformat(),
                "arrives_to": on.replace(hour=hour + 2, minute=30).isoformat(),
                "doctor": {"doctor_id": f"gp-{number}", "full_name": name, "specialty": "gp"},
                "extra_travel_minutes": minutes,
            }
        )
        for number, name, hour, minutes in (
            (1, "Дәрігер Бірінші", 11, 12.4),
            (2, "Дәрігер Екінші", 14, 0.0),
            (1, "Дәрігер Бірінші", 16, 3.5),
        )
    )


def a_form(**over: Any) -> dict[str, Any]:
    """The form of a call by phone, with as little as it needs."""
    return {
        "request_id": "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f",
        "channel": "phone",
        "iin": "850715100000",
        "full_name": "Оспанбеков Сәбит",
        "language": "ru",
        "address": "Абай, 27",
        "reasons": ["fever_above_38"],
    } | over


def the_call(request_id: str, clinic_id: str = HERE, number: int = 1, **over: Any) -> list[tuple[str, dict[str, Any]]]:
    """What is heard of a call that was accepted and has its visit."""
    at = MONDAY.isoformat()
    decision = {
        "request_id": request_id,
        "clinic_id": clinic_id,
        "channel": "phone",
        "submitted_at": at,
        "patient": {"full_name": f"Науқас {number}", "phone": "+7 700 000 01 23", "language": "ru", "age_years": 40},
        "address": {"text": "Абай, 27", "district_id": "d1", "lat": 43.24, "lon": 76.89},
        "reasons": ["fever_above_38"],
        "urgency": "same_day",
        "register_date": MONDAY.date().isoformat(),
        "register_number": number,
        "accepted_at": at,
        "clock_started_at": at,
        "due_at": MONDAY.replace(minute=10).isoformat(),
        "visit_date": MONDAY.date().isoformat(),
        "ruling": {"rule_set": "kz-2015", "clauses": ["C4.1"], "calendar": "holidays", "inputs": {}},
    } | over
    visit = {
        "request_id": request_id,
        "clinic_id": clinic_id,
        "visit_id": "a7e6f2bd-60e9-50b7-8757-572098c0f6d1",
        "revision": 1,
        "visit_date": MONDAY.date().isoformat(),
        "arrives_from": MONDAY.replace(hour=11).isoformat(),
        "arrives_to": MONDAY.replace(hour=13).isoformat(),
        "doctor": {"doctor_id": "gp-1", "full_name": "Дәрігер Бірінші", "specialty": "gp"},
        "basis": "district",
    }
    status = {
        "request_id": request_id,
        "clinic_id": clinic_id,
        "channel": "phone",
        "sequence": 2,
        "status": "scheduled",
        "occurred_at": at,
        "text": {"kk": "Дәрігер барады.", "ru": "Врач придёт.", "en": "The doctor comes."},
        "emergency": False,
    }
    line = {
        "clinic_id": clinic_id,
        "register_date": MONDAY.date().isoformat(),
        "register_number": number,
        "revision": 1,
        "request_id": request_id,
        "channel": "phone",
        "patient_name": f"Науқас {number}",
        "accepted_at": at,
        "oral_answer": {"kk": "Дәрігер барады.", "ru": "Врач придёт.", "en": "The doctor comes."},
    }
    return [
        ("request.accepted", decision),
        ("visit.scheduled", visit),
        ("status.changed", status),
        ("journal.entry", line),
    ]
