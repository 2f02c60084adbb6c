"""``homecall erase``: what is over, what remains of it, and what the command refuses. The stores themselves:
tests/contract/test_erase_stores.py."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from homecall.cli.main import app
from homecall.contract.envelope import Incoming
from homecall.contract.events import MODELS, ComplaintStatusChanged
from homecall.contract.topics import RETENTION_DAYS
from homecall.gateways.signatures.port import Unchecked
from homecall.operations.erase import ERASURES, erase_from
from homecall.operations.failure import Failure
from homecall.operations.life import Known, Step, life
from homecall.runtime.clock import SystemClock
from homecall.runtime.mongo.repository import Repository
from services.complaints.domain import retention as complaints
from services.complaints.domain.state import ComplaintState
from services.complaints.handler import ComplaintEngine, Complaints
from services.complaints.store import ComplaintStore
from services.intake.domain import retention as intake
from services.intake.domain.state import Cause, RequestState
from services.notifier import retention as notifier
from services.notifier.domain.state import Call, Doctor, Person, Visit
from services.notifier.handler import NotifierEngine
from services.notifier.store import Calls
from services.scheduler.domain import retention as scheduler
from services.scheduler.domain.state import CallFacts, CallState, Pending
from tests.unit.complaints import casebook
from tests.unit.intake import office as desk
from tests.unit.notifier import calls
from tests.unit.runtime.memory import MemoryDatabase
from tests.unit.scheduler import office as days

LATER = date(2200, 1, 1)
ITS_LAST_CHANGE = date.min
VISIT = date(2026, 11, 20)

# ---- what is over

_REQUEST = RequestState(
    "r", "samal-3", "accepted", "phone", {"patient": {"full_name": "А"}}, visit_date=VISIT, claim="c"
)
_CALL = CallState(
    *("r", "samal-3", "phone", "booked"),
    VISIT,
    CallFacts(False, None, "same_day", False),
    datetime(2026, 11, 20, 5, tzinfo=UTC),
    cancel_reason="жақсарды",
)
_LINE = Call(
    "r",
    "samal-3",
    status="scheduled",
    accepted_at=datetime(2026, 11, 20, 9, tzinfo=UTC),
    register_date=date(2026, 11, 20),
    person=Person(phone="1"),
)
_SATURDAY = datetime(2026, 11, 21, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "since"),
    [
        (_REQUEST, VISIT),
        (replace(_REQUEST, pending=[Cause("cause", None)]), VISIT),
        (replace(_REQUEST, status="closed"), VISIT),
        (replace(_REQUEST, status="refused", visit_date=None), ITS_LAST_CHANGE),
        (replace(_REQUEST, status="cancelled"), ITS_LAST_CHANGE),
        (replace(_REQUEST, status="cancelled", pending=[Cause("cause", None)]), None),
        (replace(_REQUEST, status="deferred"), None),
        (replace(_REQUEST, status="held", visit_date=None), None),
        (intake.remains(_REQUEST), None),
    ],
)
def test_when_a_request_is_over(state: RequestState, since: date | None) -> None:
    assert intake.over_on(state) == since


@pytest.mark.parametrize(
    ("state", "since"),
    [
        (_CALL, VISIT),
        (replace(_CALL, status="cancelled"), ITS_LAST_CHANGE),
        (replace(_CALL, status="closed"), ITS_LAST_CHANGE),
        (replace(_CALL, pending=[Pending("cause", None, "free")]), None),
        (replace(_CALL, cancel_reason=None), None),
        (scheduler.remains(_CALL), None),
    ],
)
def test_when_a_call_is_over(state: CallState, since: date | None) -> None:
    assert scheduler.over_on(state) == since


@pytest.mark.parametrize(
    ("call", "since"),
    [
        (_LINE, VISIT),
        (
            replace(_LINE, visit=Visit(date(2026, 11, 21), _SATURDAY, _SATURDAY, Doctor("d", "Дәрігер", "gp"))),
            date(2026, 11, 21),
        ),
        (replace(_LINE, status="completed"), ITS_LAST_CHANGE),
        (replace(_LINE, status="refused", accepted_at=None), ITS_LAST_CHANGE),
        (replace(_LINE, status="withdrawn", register_date=None, accepted_at=None), ITS_LAST_CHANGE),
        (replace(_LINE, status="deferred", register_date=None, accepted_at=None), None),
        (replace(_LINE, status="delayed", register_date=None, accepted_at=None), None),
        (notifier.remains(_LINE), None),
    ],
)
def test_when_a_line_of_the_register_is_over(call: Call, since: date | None) -> None:
    assert notifier.over_on(call) == since


@pytest.mark.parametrize(
    ("status", "since"),
    [
        ("answered", ITS_LAST_CHANGE),
        ("refused", ITS_LAST_CHANGE),
        *[(status, None) for status in ("delivered", "registered", "assigned", "executed", "escalated")],
    ],
)
def test_when_a_complaint_is_over(status: str, since: date | None) -> None:
    state = ComplaintState("c", "samal-3", status, text="шағым")
    assert complaints.over_on(state) == since
    assert complaints.over_on(complaints.remains(state)) is None
    assert complaints.over_on(replace(state, unsaid=[{"cause": "x", "traceparent": None, "drafts": []}])) is None


# ---- what remains, after the services themselves have kept it

PERSONAL = (
    *(
        "Сынақ Пациент",
        "Сынақ Серік",
        "Сынақ Динара",
        "+7 700 000 01",
        "Тал көшесі, 27",
        "қызуы",
        "2019-07-15",
        "female",
        "жақсарды",
        "Өзі келді",
    ),
    *("Сағынтай", "улица Тал", "позже, чем", "проведена", "обоснованна", "Не согласна", "Кеңсе", "39.1"),
)
Erasing = tuple[MemoryDatabase, Repository[Any]]


async def _intake() -> Erasing:
    """Accepted and closed, refused, broken, withdrawn before and after its opening; each with all that one may hold."""
    office = await desk.Office().prepared()
    patient = {"birth_date": "2019-07-15", "sex": "female", "phone": "+7 700 000 01 23"}
    applicant = {
        "iin": desk.DINARA,
        "full_name": "Сынақ Динара",
        "phone": "+7 700 000 01 24",
        "authority": {"kind": "parent", "number": "N-17"},
    }
    more: dict[str, Any] = {"applicant": applicant, "note": "қызуы 39.1", "temperature_c": 39.1}

    def request(when: str, channel: str, number: int, iin: str = desk.SERIK, **over: Any) -> Incoming:
        return desk.submitted(when, channel, number, **{"patient": patient | {"iin": iin}, **more, **over})

    await office.hear(
        request("Fri 2026-11-20 10:00", "phone", 1),
        request("Fri 2026-11-20 22:00", "phone", 2),
        request("Fri 2026-11-20 10:00", "phone", 3, reasons=[7]),
        request("Fri 2026-11-20 19:00", "portal", 4, desk.DINARA),
        request("Fri 2026-11-20 10:00", "desk", 5, desk.PAVEL),
        now="Fri 2026-11-20 19:30",
    )
    await office.hear(
        desk.closed(1, 1, "Fri 2026-11-20 12:00"), *[desk.withdrawn("Fri 2026-11-20 19:40", each) for each in (4, 5)]
    )
    return office.memory, office.store.requests


async def _scheduler() -> Erasing:
    office = days.Office()
    await office.hear(days.roster(days.doctor("d1")), days.accepted(number=1), days.accepted(number=2))
    withdrawal = desk.incoming(
        "request.cancelled",
        {
            "request_id": days.request_id(1),
            "clinic_id": days.CLINIC,
            "register_number": 1,
            "at": "2026-11-20T10:00:00+05:00",
            "reason": "жақсарды",
        },
    )
    await office.hear(withdrawal)
    return office.memory, office.store.calls


async def _notifier() -> Erasing:
    memory = MemoryDatabase()
    store = Calls(memory.as_database)
    facts = calls.facts_of(sms_statuses={"registered", "scheduled"})
    table: Any = desk.NoTable()
    engine = NotifierEngine(store, facts, SystemClock(), table)
    heard = [calls.accepted("phone"), calls.scheduled(), calls.rescheduled(), calls.closed()]
    await engine.handle([desk.incoming(each.TYPE, json.loads(each.to_json())) for each in heard], calls.at("12:00:00"))
    return memory, store


async def _complaints() -> Erasing:
    memory = MemoryDatabase()
    store = ComplaintStore(memory.as_database)
    table: Any = desk.NoTable()
    bound = Complaints(desk.known(), casebook.RULES, judge_record_time=False)
    engine = ComplaintEngine(store, bound, SystemClock(), table, Unchecked())
    await engine.handle(
        [
            casebook.incoming(
                "complaint.submitted", casebook.submission("Tue 2026-11-24 09:40", answer_place="Кеңсе, 3")
            ),
            *[casebook.command(name, "Tue 2026-11-24 10:00") for name in ("assigned", "executed", "answered")],
            casebook.command("escalated", "Tue 2026-11-24 10:10"),
            casebook.command("refused", "Tue 2026-11-24 10:20"),
        ],
        casebook.at("Tue 2026-11-24 11:00"),
    )
    return memory, store.complaints


SERVICES: dict[str, Callable[[], Awaitable[Erasing]]] = {
    "intake": _intake,
    "scheduler": _scheduler,
    "notifier": _notifier,
    "complaints": _complaints,
}


def kept(memory: MemoryDatabase, service: str) -> dict[str, dict[str, Any]]:
    """The documents of what a service erases from, by id."""
    return memory.collection(
        {"intake": "requests", "notifier": "requests", "scheduler": "calls"}.get(service, service)
    ).docs


def text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str).replace('\\"', '"')


@pytest.mark.parametrize("service", SERVICES)
async def test_nothing_personal_remains_and_a_second_time_finds_nothing(service: str) -> None:
    memory, store = await SERVICES[service]()
    docs = kept(memory, service)
    before = text(docs)
    assert [each for each in PERSONAL if each in before], "the test's own data hold none"
    over = await store.count_over(LATER)
    assert over > 0
    assert await erase_from(store, ERASURES[service], LATER) == (over, 0)
    assert [each for each in PERSONAL if each in text(kept(memory, service))] == []
    assert await store.count_over(LATER) == 0
    assert await erase_from(store, ERASURES[service], LATER) == (0, 0)


@pytest.mark.parametrize("service", SERVICES)
async def test_what_was_said_keeps_its_ids_and_its_schema(service: str) -> None:
    memory, store = await SERVICES[service]()
    before = {key: doc["o"] for key, doc in kept(memory, service).items()}
    await erase_from(store, ERASURES[service], LATER)
    for key, doc in kept(memory, service).items():
        assert doc["o"].keys() == before[key].keys()
        for causation_id, events in doc["o"].items():
            for event, was in zip(events, before[key][causation_id], strict=True):
                assert {**event, "value": ""} == {**was, "value": ""}
                said = MODELS[event["type"]].model_validate_json(event["value"])
                # In the order and the form in which it was said.
                assert said.to_json().decode() == event["value"]


async def test_a_request_is_explained_as_before() -> None:
    """Each step, its time, clauses, verdict and ruling; what was said in free text is all that is missing."""
    _, store = await _intake()

    async def lives() -> dict[str, list[Step]]:
        return {each.id: life(Known({"intake": each})) for each in await store.find({})}

    before = await lives()
    await erase_from(store, ERASURES["intake"], LATER)
    assert await lives() == before
    assert all(steps for steps in before.values())


async def test_the_ruling_and_the_facts_of_law_stay() -> None:
    memory, store = await _intake()
    before = dict(kept(memory, "intake"))
    await erase_from(store, ERASURES["intake"], LATER)
    stays = ("ruling", "status", "channel", "visit_date", "register_date", "register_number", "accepted_at", "due_at")
    for key, doc in kept(memory, "intake").items():
        assert {name: doc["s"][name] for name in stays} == {name: before[key]["s"][name] for name in stays}
    request = kept(memory, "intake")[desk.request_id(1)]["s"]["request"]
    assert (request["patient"], request["applicant"]) == ({"age_years": 7}, {"authority": {"kind": "parent"}})
    assert request["reasons"] == ["fever_above_38"]
    assert not {"note", "address", "temperature_c"} & request.keys()


async def test_the_registers_line_can_still_change() -> None:
    """A visit that is reported years late is entered, without the patient's name."""
    _, store = await _notifier()
    await erase_from(store, ERASURES["notifier"], LATER)
    (call,) = (await store.load([calls.REQUEST])).values()
    event = desk.incoming("visit.closed", json.loads(calls.closed(9, "not_at_home").to_json()))
    decision = calls.NOTIFIER.decide(call.state, event, calls.facts_of(), calls.at("15:00:00"))
    entry: Any = decision.says[-1].data
    assert (entry.patient_name, entry.phone, entry.outcome) == ("", None, "not_at_home")
    assert (entry.register_number, entry.doctor.full_name) == (17, "Дәрігер Б")


def test_a_text_loses_the_place_and_keeps_the_rest() -> None:
    place = "Алматы, Тал көшесі, 27"
    words = {"kk": f"Жауап орны: {place}.", "ru": "Номер 2026-1.", "en": "Nothing"}
    data = {"answer_place": place, "text": words, "answer": {"text": "x", "decision": "upheld"}}
    assert complaints.said(ComplaintStatusChanged.TYPE, data) == {
        "text": words | {"kk": "Жауап орны: ***."},
        "answer": {"text": "", "decision": "upheld"},
    }


async def test_not_before_its_last_change_however_old_it_is() -> None:
    """A record that came today may come again for as long as its topic keeps it."""
    memory = MemoryDatabase()
    office = await desk.Office(database=memory.as_database).prepared()
    await office.hear(desk.submitted("Fri 2016-11-18 10:00"), now="Fri 2016-11-18 10:00")
    today = datetime.now(UTC).date()
    assert await office.store.requests.count_over(today - timedelta(days=1)) == 0
    assert await office.store.requests.count_over(today + timedelta(days=1)) == 1


async def test_what_waits_to_be_sent_is_left() -> None:
    memory, store = await _complaints()
    (document,) = kept(memory, "complaints").values()
    document["unsent"] = [next(iter(document["o"]))]
    assert await erase_from(store, ERASURES["complaints"], LATER) == (0, 1)
    assert "Сағынтай" in text(kept(memory, "complaints"))


async def test_what_a_service_changes_meanwhile_is_its_own_again() -> None:
    memory, store = await _complaints()
    collection = memory.collection("complaints")
    (document,) = collection.docs.values()

    def somebody_was_first() -> None:
        # As a save of the service does: another version, last changed today.
        document["v"] += 1
        document["over_on"] = LATER.toordinal() + 1
        collection.before_write = None

    collection.before_write = somebody_was_first
    assert await erase_from(store, ERASURES["complaints"], LATER) == (0, 0)
    assert "Сағынтай" in text(collection.docs)


# ---- the command


@pytest.fixture
def nowhere(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of development; no database is asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOMECALL_ENV", "development")


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--older-than", str(RETENTION_DAYS), "--yes"], f"must be more than {RETENTION_DAYS}"),
        (["--older-than", "0", "--dry-run"], f"must be more than {RETENTION_DAYS}"),
        (["--older-than", "999999999", "--yes"], "more days than there were"),
        (["--older-than", str(RETENTION_DAYS + 1)], "say --yes"),
    ],
)
def test_what_the_command_refuses(arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(app, ["erase", *arguments])
    assert isinstance(result.exception, Failure)
    assert says in str(result.exception)
    assert "\n" not in str(result.exception)
