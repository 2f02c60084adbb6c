"""``homecall reconcile``: a day as three services have stored it, and each fault in it found by its name."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pymongo import MongoClient
from typer.testing import CliRunner

from homecall.cli.main import app
from homecall.contract.envelope import Incoming, OutgoingRecord, Record, read
from homecall.contract.ids import successor_id
from homecall.operations.reconcile import stores
from homecall.operations.reconcile.differences import WAYS_OUT, Judged
from homecall.operations.reconcile.stores import Asked, Stores
from homecall.runtime.clock import SystemClock
from homecall.runtime.settings import Settings
from services.notifier.domain.facts import Facts
from services.notifier.handler import NotifierEngine
from tests.factories import iin
from tests.infrastructure import stack
from tests.unit.intake import office as desk
from tests.unit.scheduler import office as planning
from tests.unit.standard.local_times import at

CLINIC, NO_ROSTER = "samal-3", "tal-1"
FRIDAY, SATURDAY = date(2026, 11, 20), date(2026, 11, 21)
BOOKED, MOVED, WITHDRAWN, CLOSED, WAITING, REFUSED, DEFERRED, ELSEWHERE, HANDED_ON = 1, 2, 3, 4, 5, 6, 7, 8, 9
NOW = "Fri 2026-11-20 10:00"
# Requests as they are written; rounded up to a millisecond they may lie a moment ahead.
AT_ONCE = -1.0


class Services:
    """Intake, scheduler and notifier over one database server; what one says the others hear, until nothing is left."""

    def __init__(self, mongo_url: str, prefix: str) -> None:
        self.settings = Settings(
            _env_file=None, env="development", signatures="off", mongo_url=mongo_url, mongo_prefix=prefix
        )  # type: ignore[call-arg]  # pydantic-settings' own argument
        self.stores = Stores(self.settings)
        databases = self.stores._databases
        clinics = desk.known(desk.clinic(), desk.clinic(NO_ROSTER))
        self.intake = desk.Office(clinics, databases["intake"])
        self.scheduler = planning.Office(clinics, databases["scheduler"])
        table: Any = desk.NoTable()
        self.notifier = NotifierEngine(self.stores.notifier, Facts(clinics, desk.RULES), SystemClock(), table)

    async def prepare(self) -> None:
        for store in (self.stores.intake, self.stores.scheduler, self.stores.notifier):
            await store.prepare()

    async def hear(self, engine: Any, *events: Incoming, now: str = NOW) -> None:
        """A batch for one service, and all that comes of it."""
        handled = await engine.handle(events, at(now))
        for done in handled.after:
            await done()
        said = [_heard(each) for each in handled.events]
        for heard_by, types in (
            (self.scheduler.engine, ("request.",)),
            (self.notifier, ("request.", "visit.")),
            (self.intake.engine, ("visit.",)),
        ):
            wanted = [each for each in said if each.type.startswith(types)]
            if wanted and heard_by is not engine:
                await self.hear(heard_by, *wanted, now=now)

    async def play(self) -> None:
        """A day in which there is one of each."""
        await self.prepare()
        doctors = [planning.doctor(max_visits=4)]
        await self.hear(self.scheduler.engine, planning.roster(*doctors))
        phone = [_request(number, NOW) for number in (BOOKED, MOVED, WITHDRAWN, CLOSED)]
        await self.hear(self.intake.engine, *phone)
        await self.hear(self.intake.engine, _request(WAITING, NOW), _request(ELSEWHERE, NOW, clinic_id=NO_ROSTER))
        await self.hear(self.intake.engine, _request(HANDED_ON, NOW))
        gone = desk.transferred("Fri 2026-11-20 10:30", NO_ROSTER, desk.request_id(HANDED_ON))
        await self.hear(self.intake.engine, gone, now="Fri 2026-11-20 10:30")
        await self.hear(self.intake.engine, _request(REFUSED, "Fri 2026-11-20 19:00"), now="Fri 2026-11-20 19:00")
        await self.hear(
            self.intake.engine, _request(DEFERRED, "Fri 2026-11-20 19:00", "portal"), now="Fri 2026-11-20 19:00"
        )
        await self.hear(
            self.scheduler.engine, planning.reported("Fri 2026-11-20 11:00", CLOSED), now="Fri 2026-11-20 11:00"
        )
        # The waiting one takes its place.
        await self.hear(
            self.intake.engine, desk.withdrawn("Fri 2026-11-20 11:00", WITHDRAWN), now="Fri 2026-11-20 11:00"
        )
        later = [planning.doctor("b", shift={"from": "14:00", "to": "18:00"}), planning.doctor(max_visits=4)]
        await self.hear(self.scheduler.engine, planning.roster(*later, revision=2), now="Fri 2026-11-20 11:05")
        await self.hear(self.scheduler.engine, planning.unavailable("a", "11:10"), now="Fri 2026-11-20 11:10")

    async def judged(self, settle_seconds: float = AT_ONCE, **over: Any) -> list[Judged]:
        asked = Asked(**{"clinic_id": None, "first": FRIDAY, "last": date.max, "settle_seconds": settle_seconds} | over)
        return [each async for each in self.stores.judged(asked)]


def _request(number: int, when: str, channel: str = "phone", **over: Any) -> Incoming:
    where = {"text": f"Тал көшесі, {number}", "district_id": "d1"}
    return desk.submitted(when, channel, number, patient={"iin": iin(number)}, address=where, **over)


def _heard(event: OutgoingRecord) -> Incoming:
    return read(Record(event.topic, 0, 0, event.key.encode(), event.value, tuple(event.headers())))


# ---------------------------------------------------------------- a day with nothing wrong


@pytest.fixture
def prefix(every_mongo: stack.Server) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield name
    _dropped(every_mongo.address, name)


def _dropped(address: str, prefix: str) -> None:
    with MongoClient[dict[str, Any]](address) as client:
        for name in client.list_database_names():
            if name.startswith(prefix):
                client.drop_database(name)


async def test_a_day_with_one_of_each_has_no_difference_on_any_database(every_mongo: stack.Server, prefix: str) -> None:
    services = Services(every_mongo.address, prefix)
    await services.play()
    judged = await services.judged()
    assert [each.differences for each in judged] == [()] * len(judged)
    by_day = {(each.clinic_id, each.date): each.counts for each in judged}
    assert by_day.keys() == {(CLINIC, "2026-11-20"), (CLINIC, "2026-11-21"), (NO_ROSTER, "2026-11-20")}
    assert by_day[CLINIC, "2026-11-21"].requests == 1  # the deferred one, on the day of its opening
    counts = by_day[CLINIC, "2026-11-20"]
    assert (counts.requests, counts.accepted, counts.numbers, counts.entries, counts.statuses) == (7, 6, 6, 7, 7)
    assert (counts.booked, counts.waiting, counts.withdrawn, counts.closed) == (3, 0, 1, 1)
    assert counts.transferred == 1
    # The one that was handed on goes on there.
    assert (by_day[NO_ROSTER, "2026-11-20"].waiting, counts.settling) == (2, 0)
    # What changed a moment ago is on its way, and what another clinic or day is about is not looked at.
    assert sum(each.counts.settling for each in await services.judged(60)) == 10
    assert [each.clinic_id for each in await services.judged(clinic_id=NO_ROSTER)] == [NO_ROSTER]
    assert await services.judged(first=SATURDAY + timedelta(days=1)) == []
    # A whole clinic goes from all its stores: what is left is found by whoever has it.
    with MongoClient[dict[str, Any]](every_mongo.address) as client:
        for database, collection in (("intake", "requests"), ("notifier", "requests"), ("scheduler", "calls")):
            client[f"{prefix}_{database}"][collection].delete_many({})
    left = {each.kind for one in await services.judged() for each in one.differences}
    assert left == {"number_without_request", "booking_without_call"}
    await services.stores.close()


async def test_it_asks_each_store_once_for_a_portion(every_mongo: stack.Server, prefix: str) -> None:
    services = Services(every_mongo.address, prefix)
    await services.play()
    before = services.stores.commands
    await services.judged(first=FRIDAY, last=FRIDAY)
    # The names of pages and of days, and which days three stores have; then for the day its clinics in three stores,
    # five queries for the portion, and one whether the scheduler knows the refused one.
    assert services.stores.commands - before == 5 + 3 + 5 + 1
    await services.stores.close()


# ---------------------------------------------------------------- each fault by its name


@dataclass
class Broken:
    """The databases under services that have stored a day, to be tampered with and put back."""

    services: Services
    client: MongoClient[dict[str, Any]]
    prefix: str
    whole: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]

    def collection(self, service: str, name: str) -> Any:
        return self.client[f"{self.prefix}_{service}"][name]

    def mend(self) -> None:
        for place, documents in self.whole.items():
            collection = self.collection(*place)
            now = {each["_id"]: each for each in collection.find()}
            for each in documents:
                if now.get(each["_id"]) != each:
                    collection.delete_one({"_id": each["_id"]})
                    collection.insert_one(each)
            for gone in now.keys() - {each["_id"] for each in documents}:
                collection.delete_one({"_id": gone})

    def change(self, service: str, name: str, key: str, **fields: Any) -> None:
        """Change fields of a document; ``a__b`` is the path ``a.b``, and None takes it away."""
        collection = self.collection(service, name)
        document = collection.find_one({"_id": key})
        for path, value in fields.items():
            *above, last = path.split("__")
            part = document
            for each in above:
                part = part[each]
            if value is None:
                del part[last]
            else:
                part[last] = value
        # As a whole: what a stand-in makes of a value at a path is its own.
        collection.delete_one({"_id": key})
        collection.insert_one(document)

    def state(self, service: str, number: int, **fields: Any) -> None:
        name = "calls" if service == "scheduler" else "requests"
        self.change(service, name, ID[number], **{f"s__{field}": value for field, value in fields.items()})

    def delete(self, service: str, number: int) -> None:
        name = "calls" if service == "scheduler" else "requests"
        assert self.collection(service, name).delete_one({"_id": ID[number]}).deleted_count == 1

    def page(self, **fields: Any) -> None:
        self.change("intake", "register_pages", PAGE, **fields)

    def day(self, **fields: Any) -> None:
        self.change("scheduler", "days", PAGE, **fields)

    def booking(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.collection("scheduler", "days").find_one({"_id": PAGE})["bookings"][ID[number]]
        return found


ID = {number: desk.request_id(number) for number in range(1, 10)}
PAGE = f"{CLINIC}|2026-11-20"
STRANGER = str(uuid.UUID(int=7))
SUCCESSOR = successor_id(ID[HANDED_ON], NO_ROSTER)


@pytest.fixture(scope="module")
def played(mongo: stack.Server) -> Iterator[Broken]:
    import asyncio

    prefix = f"test_{uuid.uuid4().hex[:12]}"
    asyncio.run(_play(mongo.address, prefix))
    places = [("intake", "requests"), ("intake", "register_pages"), ("scheduler", "calls")]
    places += [("scheduler", "days"), ("notifier", "requests")]
    with MongoClient[dict[str, Any]](mongo.address) as client:
        whole = {place: list(client[f"{prefix}_{place[0]}"][place[1]].find()) for place in places}
        yield Broken(Services(mongo.address, prefix), client, prefix, whole)
    _dropped(mongo.address, prefix)


async def _play(address: str, prefix: str) -> None:
    services = Services(address, prefix)
    await services.play()
    await services.stores.close()


@pytest.fixture
async def broken(played: Broken) -> Any:
    # A client of its own: a driver belongs to the loop that it was first used in.
    services = Services(played.services.settings.mongo_url, played.prefix)
    yield Broken(services, played.client, played.prefix, played.whole)
    await services.stores.close()
    played.mend()


def _another_window(broken: Broken) -> dict[str, Any]:
    said = broken.collection("scheduler", "calls").find_one({"_id": ID[BOOKED]})["s"]["booking"]
    return said | {"arrives_from": "2026-11-20T17:00:00+05:00", "arrives_to": "2026-11-20T17:30:00+05:00"}


def _told_elsewhen(broken: Broken) -> None:
    window = _another_window(broken)
    broken.state(
        "notifier",
        BOOKED,
        visit={"visit_date": "2026-11-20"} | {name: window[name] for name in window if name != "basis"},
    )


FAULTS: dict[str, tuple[Callable[[Broken], Any], set[tuple[str, str | None, str]]]] = {
    "the page lost a number": (
        lambda b: b.page(**{f"numbers__{ID[BOOKED]}": None}),
        {("number_missing", ID[BOOKED], "intake"), ("number_gap", None, "intake")},
    ),
    "the page has another number": (
        lambda b: b.page(**{f"numbers__{ID[BOOKED]}": 9}),
        {("entry_number_differs", ID[BOOKED], "notifier"), ("number_gap", None, "intake")},
    ),
    "the page has another number than a withdrawal was told": (
        lambda b: b.page(**{f"numbers__{ID[WITHDRAWN]}": 9}),
        {("number_differs", ID[WITHDRAWN], "intake"), ("number_gap", None, "intake")},
    ),
    "an accepted one was given no number": (
        lambda b: (b.page(**{f"numbers__{ID[BOOKED]}": None}), b.delete("notifier", BOOKED)),
        {("unfinished", ID[BOOKED], "intake"), ("number_gap", None, "intake")},
    ),
    "two have one number": (
        lambda b: b.page(**{f"numbers__{ID[WAITING]}": 4}),
        {
            ("entry_number_differs", ID[WAITING], "notifier"),
            ("number_doubled", max(ID[WAITING], ID[CLOSED]), "intake"),
            ("number_gap", None, "intake"),
        },
    ),
    "the page counts too few": (lambda b: b.page(count=3), {("number_gap", None, "intake")}),
    "a number of a request that is not there": (
        lambda b: b.page(**{f"numbers__{STRANGER}": 7, "count": 7}),
        {("number_without_request", STRANGER, "intake")},
    ),
    "a number of a refused request": (
        lambda b: b.page(**{f"numbers__{ID[REFUSED]}": 7, "count": 7}),
        {("number_without_request", ID[REFUSED], "intake")},
    ),
    "the request is gone": (
        lambda b: b.delete("intake", BOOKED),
        {
            ("number_without_request", ID[BOOKED], "intake"),
            ("entry_without_request", ID[BOOKED], "notifier"),
            ("call_without_request", ID[BOOKED], "scheduler"),
        },
    ),
    "the entry is gone": (
        lambda b: b.delete("notifier", BOOKED),
        {("entry_missing", ID[BOOKED], "notifier"), ("status_missing", ID[BOOKED], "notifier")},
    ),
    "the entry of a refused one is gone": (
        lambda b: b.delete("notifier", REFUSED),
        {("entry_missing", ID[REFUSED], "notifier"), ("status_missing", ID[REFUSED], "notifier")},
    ),
    "a deferred one was not told": (
        lambda b: b.delete("notifier", DEFERRED),
        {("status_missing", ID[DEFERRED], "notifier")},
    ),
    "the entry has another number": (
        lambda b: b.state("notifier", BOOKED, register_number=8),
        {("entry_number_differs", ID[BOOKED], "notifier")},
    ),
    "the entry stands on another day": (
        lambda b: b.change(
            "notifier", "requests", ID[BOOKED], s__register_date="2026-11-19", day=FRIDAY.toordinal() - 1
        ),
        {("entry_number_differs", ID[BOOKED], "notifier")},
    ),
    "no status went out": (
        lambda b: b.state("notifier", BOOKED, sequence=0),
        {("status_missing", ID[BOOKED], "notifier")},
    ),
    "the place was not told": (
        lambda b: b.change("notifier", "requests", ID[BOOKED], s__visit=None, s__status="registered"),
        {("status_missing", ID[BOOKED], "notifier")},
    ),
    "that there is no place was not told": (
        lambda b: b.state("notifier", ELSEWHERE, status="registered"),
        {("status_missing", ID[ELSEWHERE], "notifier")},
    ),
    "the withdrawal was not told": (
        lambda b: b.state("notifier", WITHDRAWN, status="scheduled"),
        {("status_differs", ID[WITHDRAWN], "notifier")},
    ),
    "another time was told": (_told_elsewhen, {("status_differs", ID[BOOKED], "notifier")}),
    "that it was handed on was not told": (
        lambda b: b.state("notifier", HANDED_ON, outcome="withdrawn"),
        {("outcome_differs", ID[HANDED_ON], "notifier")},
    ),
    "nobody goes on with it": (
        lambda b: b.collection("intake", "requests").delete_one({"_id": SUCCESSOR}),
        {
            ("successor_missing", ID[HANDED_ON], "intake"),
            ("call_without_request", SUCCESSOR, "scheduler"),
            ("entry_without_request", SUCCESSOR, "notifier"),
            ("number_without_request", SUCCESSOR, "intake"),
        },
    ),
    "its successor was not stored": (
        lambda b: b.state("intake", HANDED_ON, successor_claim="tal-1|x"),
        {("unfinished", ID[HANDED_ON], "intake")},
    ),
    "another outcome was told": (
        lambda b: b.state("notifier", CLOSED, outcome="not_at_home"),
        {("outcome_differs", ID[CLOSED], "notifier")},
    ),
    "the call is gone": (
        lambda b: b.delete("scheduler", BOOKED),
        {("call_missing", ID[BOOKED], "scheduler"), ("booking_without_call", ID[BOOKED], "scheduler")},
    ),
    "the booking is gone": (
        lambda b: b.day(**{f"bookings__{ID[BOOKED]}": None}),
        {("booking_missing", ID[BOOKED], "scheduler")},
    ),
    "the whole day is gone": (
        lambda b: b.collection("scheduler", "days").delete_one({"_id": PAGE}),
        {("booking_missing", ID[number], "scheduler") for number in (BOOKED, MOVED, WAITING)},
    ),
    "the booking is at another time": (
        lambda b: b.day(**{f"bookings__{ID[BOOKED]}__from": "2026-11-20T17:00:00+05:00"}),
        {("booking_differs", ID[BOOKED], "scheduler")},
    ),
    "a booking of nobody's": (
        lambda b: b.day(**{f"bookings__{STRANGER}": b.booking(BOOKED)}),
        {("booking_without_call", STRANGER, "scheduler")},
    ),
    "withdrawn, and still booked": (
        lambda b: b.day(**{f"bookings__{ID[WITHDRAWN]}": b.booking(BOOKED)}),
        {("booking_of_withdrawn", ID[WITHDRAWN], "scheduler")},
    ),
    "the scheduler did not hear of the withdrawal": (
        lambda b: b.state("scheduler", WITHDRAWN, status="waiting", unplaced_since="2026-11-20T10:00:00+05:00"),
        {("withdrawal_missing", ID[WITHDRAWN], "scheduler")},
    ),
    "intake did not hear that the visit was made": (
        lambda b: b.state("intake", CLOSED, status="accepted"),
        {("closing_missing", ID[CLOSED], "intake")},
    ),
    "intake has another visit date": (
        lambda b: b.state("intake", BOOKED, visit_date="2026-11-23"),
        {("visit_date_differs", ID[BOOKED], "intake")},
    ),
    "a call has waited for its place too long": (
        lambda b: b.state("scheduler", BOOKED, pending=[["c" * 32, "", "place"]]),
        {("unfinished", ID[BOOKED], "scheduler")},
    ),
    "a day has waited to be settled too long": (
        lambda b: b.day(dirty=["c" * 32, "room"]),
        {("unfinished", None, "scheduler")},
    ),
    "events were stored and never sent": (
        lambda b: b.change("scheduler", "calls", ID[BOOKED], unsent=["c" * 32]),
        {("unsent", ID[BOOKED], "scheduler")},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_found_by_its_name(broken: Broken, fault: str) -> None:
    tamper, expected = FAULTS[fault]
    tamper(broken)
    judged = await broken.services.judged()
    found = [each for one in judged for each in one.differences]
    assert {(each.kind, each.request_id, each.store) for each in found} == expected
    assert all("\n" not in each.line and each.line.endswith(each.way_out) for each in found)


def test_every_kind_of_difference_has_a_fault_that_shows_it() -> None:
    assert {kind for _, expected in FAULTS.values() for kind, _, _ in expected} == WAYS_OUT.keys()


# ---------------------------------------------------------------- the command


def _run(broken: Broken, *arguments: str, **env: str) -> Any:
    asked = {"HOMECALL_MONGO_URL": broken.services.settings.mongo_url, "HOMECALL_MONGO_PREFIX": broken.prefix} | env
    return CliRunner().invoke(app, ["reconcile", *arguments], env=asked)


def _aged(broken: Broken) -> None:
    """All that the day stored was stored an hour ago."""
    hour_ago = int((datetime.now(UTC) - timedelta(hours=1)).timestamp() * 1000)
    for place in broken.whole:
        for each in broken.collection(*place).find():
            if "changed_at" in each:
                broken.change(*place, each["_id"], changed_at=hour_ago)


def test_nothing_differs_is_exit_0_and_says_what_was_compared(broken: Broken, tmp_path: Path) -> None:
    _aged(broken)
    done = _run(broken, "--from", "2026-11-20", "--textfile", str(tmp_path / "reconcile.prom"))
    assert (done.exit_code, done.stdout) == (0, "")
    assert "from 2026-11-20 on, 2 clinics: 10 requests, 8 accepted, 8 numbers" in done.stderr
    assert "0 too young to be judged; no differences" in done.stderr
    drift = _samples((tmp_path / "reconcile.prom").read_text(), "homecall_reconcile_drift")
    assert {labels["kind"]: value for labels, value in drift} == dict.fromkeys(WAYS_OUT, 0)


def test_a_difference_is_a_line_exit_1_and_a_gauge_above_nought(broken: Broken, tmp_path: Path) -> None:
    _aged(broken)
    broken.delete("notifier", BOOKED)
    done = _run(broken, CLINIC, "2026-11-20", "--textfile", str(tmp_path / "reconcile.prom"))
    assert done.exit_code == 1
    entry, status = done.stdout.splitlines()
    assert entry == (
        f"{CLINIC} 2026-11-20 {ID[BOOKED]}: entry_missing in notifier: has the number 1, and the register has no entry"
        ": "
        "have notifier read intake-events and schedule-events again from that day on"
    )
    assert "status_missing" in status
    assert str(done.exception) == "2 differences between the stores"
    text = (tmp_path / "reconcile.prom").read_text()
    drift = _samples(text, "homecall_reconcile_drift")
    assert {labels["kind"] for labels, value in drift if value} == {"entry_missing", "status_missing"}
    ((_, ended),) = _samples(text, "homecall_reconcile_last_run_timestamp_seconds")
    assert datetime.now(UTC).timestamp() - ended < 60
    # Too young to be judged, it is no difference yet.
    assert _run(broken, CLINIC, "2026-11-20", "--settle", "7200").exit_code == 0


def test_json_is_one_object_with_each_difference_and_the_counts_of_each_day(broken: Broken) -> None:
    _aged(broken)
    broken.delete("scheduler", BOOKED)
    done = _run(broken, "2026-11-20", "--json")  # a day alone is that day of every clinic
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["clinic_id"], told["from"], told["to"]) == (None, "2026-11-20", "2026-11-20")
    assert told["drift"] == {"booking_without_call": 1, "call_missing": 1}
    missing = next(each for each in told["differences"] if each["kind"] == "call_missing")
    assert missing == {
        "kind": "call_missing",
        "clinic_id": CLINIC,
        "date": "2026-11-20",
        "store": "scheduler",
        "detail": "accepted, and neither booked nor waiting nor withdrawn nor closed",
        "request_id": ID[BOOKED],
        "way_out": "have scheduler read intake-events and visits again from that day on",
    }
    assert [(each["clinic_id"], each["accepted"]) for each in told["days"]] == [(CLINIC, 6), (NO_ROSTER, 2)]
    assert told["total"]["differences"] == 2
    clean = json.loads(_run(broken, NO_ROSTER, "2026-11-20", "--json").stdout)
    assert (clean["differences"], clean["drift"]) == ([], {})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((CLINIC, "tomorrow"), "DATE: must be a date"),
        ((CLINIC, "2026-11-20", "--from", "2026-11-19"), "leave out --from and --to"),
        (("--from", "2026-11-21", "--to", "2026-11-20"), "--from: must not be after --to"),
        (("--every", "5", "--json"), "--json prints one run"),
        (("--textfile", "/nowhere/at/all.prom"), "cannot be written"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(broken: Broken, arguments: tuple[str, ...], said: str) -> None:
    done = _run(broken, *arguments)
    assert done.exception is not None
    assert said in str(done.exception)
    assert done.exception.code == 2  # type: ignore[attr-defined]  # a Failure


def test_a_database_that_is_away_is_no_difference(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "Stores", _gone)
    done = _run(broken, CLINIC, "2026-11-20")
    told = "database is unavailable or busy: ServerSelectionTimeoutError (127.0.0.1:1, HOMECALL_MONGO_URL)"
    assert str(done.exception) == told
    assert done.exception.code == 2


def _gone(asked: Settings) -> Stores:
    url = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200"
    return Stores(asked.model_copy(update={"mongo_url": url}))


def _samples(text: str, name: str) -> list[tuple[dict[str, str], float]]:
    return [
        (sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    ]
