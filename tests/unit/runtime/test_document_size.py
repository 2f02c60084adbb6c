"""No sequence of incoming events grows a document far: what is beyond is a dead letter, and the subject goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import bson
import pytest

from homecall.contract import topics
from homecall.contract.envelope import Incoming, read
from homecall.contract.events import MODELS
from homecall.contract.types import ZONE
from homecall.runtime.clock import SystemClock
from homecall.runtime.engine import document_size as growth
from homecall.runtime.engine.document_size import MOST_BYTES_PARKED, MOST_OF_OURS
from homecall.runtime.engine.engine import Engine
from homecall.runtime.mongo.repository import Repository
from homecall.standard.rules import load_rule_sets
from services.complaints.domain import numbers as incoming_numbers
from services.complaints.handler import Timelines
from services.complaints.store import ComplaintStore
from services.notifier.domain.messages import Mailing, taken_up
from services.notifier.domain.quiet_hours import Policy
from services.notifier.domain.state import MOST_NOTICES
from services.notifier.handler import NotifierEngine
from services.notifier.store import Calls
from tests.contract.goldens import compact, examples, record
from tests.unit.complaints import casebook, test_matters
from tests.unit.intake import office as intake
from tests.unit.notifier.calls import Told, accepted, facts_of, rescheduled, scheduled
from tests.unit.runtime.memory import MemoryDatabase
from tests.unit.scheduler import office as scheduler

MIB = 1024 * 1024
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=ZONE)
RULES = load_rule_sets()
LONG = "Шара қолданылды және түсіндірілді. " * 25


@dataclass
class Flood:
    """A service with one subject, and the events that are to grow its document."""

    engine: Engine[Any, Any]
    docs: Callable[[], dict[str, Any]]
    first: list[Incoming]
    more: Iterator[Incoming]


def event(event_type: str, number: int, **data: Any) -> Incoming:
    (example, *_) = examples("valid", (event_type,))
    return read(record(event_type, compact(example.data | data), ce_id=f"{event_type}-{number}"))


def _complaints(which: str) -> Flood:
    office = test_matters.an_office()
    made = casebook.incoming("complaint.submitted", casebook.submission("Tue 2026-11-24 09:40"))
    assigned = casebook.command("assigned", "Tue 2026-11-24 09:41")

    def commands() -> Iterator[Incoming]:
        for number in range(100_000):
            when = "Tue 2026-11-24 09:50"
            if which == "executed":
                yield casebook.command("executed", when, measures=f"{number}: {LONG}")
            else:
                executor = {"full_name": f"Орындаушы {number}", "position": "дәрігер"}
                yield casebook.command("assigned", when, executor=executor)

    return Flood(office.engine, lambda: office.database.collection("complaints").docs, [made, assigned], commands())


def _timeline() -> Flood:
    memory = MemoryDatabase()
    store: Repository[Any] = ComplaintStore(memory.as_database).calls
    engine = Engine(topics.COMPLAINTS, store, Timelines(), SystemClock())
    more = (event("answer.given", number) for number in range(100_000))
    subject = event("answer.given", 0)
    first = event("request.accepted", 0, request_id=subject.subject, clinic_id=subject.clinic_id)
    return Flood(engine, lambda: memory.collection("calls").docs, [first], more)


def _notifier(memory: MemoryDatabase) -> NotifierEngine:
    table: Any = intake.NoTable()
    return NotifierEngine(Calls(memory.as_database), facts_of(), SystemClock(), table)


def _early() -> Flood:
    """Answers to a call that intake has not decided yet."""
    memory = MemoryDatabase()
    engine = _notifier(memory)
    more = (event("answer.given", number) for number in range(100_000))
    subject = event("answer.given", 0)
    first = event("request.deferred", 0, request_id=subject.subject, clinic_id=subject.clinic_id)
    return Flood(engine, lambda: memory.collection("requests").docs, [first], more)


def _unknown(event_type: str, service: str) -> Flood:
    """Events for a subject that nobody knows: they wait."""
    if service == topics.INTAKE:
        office = intake.Office(intake.known(intake.clinic(), intake.clinic("tal-2")))  # to which calls are handed on
        engine: Engine[Any, Any] = office.engine
        memory = office.memory
    elif service == topics.SCHEDULER:
        desk = scheduler.Office()
        engine, memory = desk.engine, desk.memory
    elif service == topics.NOTIFIER:
        memory = MemoryDatabase()
        engine = _notifier(memory)
    else:
        book = test_matters.an_office()
        engine, memory = book.engine, book.database
    more = (event(event_type, number, ignored="x" * 20_000) for number in range(100_000))
    names = {topics.INTAKE: "requests", topics.COMPLAINTS: "complaints", topics.NOTIFIER: "requests"}
    return Flood(engine, lambda: memory.collection(names.get(service, "calls")).docs, [], more)


def _by_hand() -> Flood:
    """A dispatcher who changes a visit's doctor again and again."""
    office = scheduler.Office()
    first = [scheduler.roster(scheduler.doctor("a"), scheduler.doctor("b")), scheduler.accepted()]
    more = (scheduler.assigned("ab"[number % 2]) for number in range(100_000))
    return Flood(office.engine, lambda: office.memory.collection("calls").docs, first, more)


FLOODS: dict[str, Callable[[], Flood]] = {
    "complaints: measures": lambda: _complaints("executed"),
    "complaints: executors": lambda: _complaints("assigned"),
    "complaints: a call's timeline": _timeline,
    "notifier: early answers": _early,
    "intake: withdrawals that wait": lambda: _unknown("request.withdrawn", topics.INTAKE),
    "intake: transfers that wait": lambda: _unknown("request.transferred", topics.INTAKE),
    "scheduler: reports that wait": lambda: _unknown("visit.reported", topics.SCHEDULER),
    "scheduler: choices that wait": lambda: _unknown("visit.assigned", topics.SCHEDULER),
    "scheduler: releases that wait": lambda: _unknown("visit.released", topics.SCHEDULER),
    "scheduler: choices of a dispatcher": _by_hand,
    "notifier: answers that wait": lambda: _unknown("answer.given", topics.NOTIFIER),
    "complaints: commands that wait": lambda: _unknown("complaint.assigned", topics.COMPLAINTS),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_no_sequence_of_events_grows_a_document_beyond_a_mebibyte(name: str) -> None:
    flood = FLOODS[name]()
    if flood.first:
        assert (await flood.engine.handle(flood.first, NOW)).dead == []
    largest, dead, details = 0, 0, set()
    for _ in range(3 if name == "notifier: early answers" else 40):
        batch = list(islice(flood.more, 250))
        handled = await flood.engine.handle(batch, NOW + timedelta(minutes=1))
        dead += len(handled.dead)
        details |= {letter.detail.split(":")[0].split(" about ")[0].split(" for ")[0] for _, letter in handled.dead}
        sizes = [len(bson.encode(doc)) for doc in flood.docs().values()]
        assert sizes
        largest = max(largest, *sizes, 0)
        if dead > 200:
            break
    assert largest < MIB
    if name != "notifier: early answers":  # of these the first is kept, and the others change nothing
        assert dead > 200, "the flood was too small to show anything"
        assert details <= {"too many events", "too many events wait"}
    (doc,) = [doc for doc in flood.docs().values() if doc.get("s") or doc.get("p")][:1]
    assert doc, "the oldest is kept"


async def test_a_few_large_events_are_taken_and_what_waits_is_bounded_by_size_too() -> None:
    office = intake.Office()
    large = [event("request.withdrawn", number, ignored="x" * (MOST_BYTES_PARKED // 3)) for number in range(4)]
    handled = await office.engine.handle(large, NOW)
    assert [letter.reason for _, letter in handled.dead] == ["unknown_subject", "unknown_subject"]
    assert [each for each, _ in handled.dead] == large[2:]
    # Another subject is not disturbed.
    other = event("request.withdrawn", 9, request_id=intake.request_id(77))
    assert (await office.engine.handle([other], NOW)).dead == []


async def test_a_visit_that_moves_without_an_end_becomes_dead_letters_far_from_the_databases_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(growth, "MOST_OF_OURS", 256 * 1024)
    memory = MemoryDatabase()
    engine = _notifier(memory)
    asked = event("request.accepted", 0)
    await engine.handle([asked], NOW)
    made = event("visit.scheduled", 0, request_id=asked.subject, clinic_id=asked.clinic_id)
    moved = [
        event("visit.rescheduled", number, request_id=asked.subject, clinic_id=asked.clinic_id, revision=number)
        for number in range(2, 300)
    ]
    dead = 0
    for begin in range(0, len(moved), 50):
        dead += len((await engine.handle([made, *moved[begin : begin + 50]], NOW)).dead)
        if dead:
            break
    (doc,) = memory.collection("requests").docs.values()
    assert dead
    assert len(bson.encode(doc)) < 256 * 1024 * 1.2
    assert growth.MOST_FROM_OUTSIDE < MOST_OF_OURS < 16 * MIB / 2


def test_notices_and_messages_of_one_call_have_a_bound_and_the_newest_is_kept() -> None:
    told = Told(sms_statuses=frozenset({"scheduled", "rescheduled", "registered"}))
    told.hear(accepted())
    told.hear(scheduled())
    mailing = Mailing("r", "samal-3")
    for revision in range(2, 400):
        told.hear(rescheduled(revision, arrives=f"{9 + revision % 9:02}:00:00"))
        assert told.state is not None
        if revision % 7 == 0:
            mailing = taken_up(mailing, told.state.notices, Policy(frozenset({"rescheduled"})))
            assert taken_up(mailing, told.state.notices, Policy(frozenset({"rescheduled"}))) == mailing
    assert told.state is not None
    assert len(told.state.notices) == MOST_NOTICES
    assert len(mailing.messages) == 2 * MOST_NOTICES
    assert mailing.messages[-1].state == "created"
    assert {each.state for each in mailing.messages[:-1]} == {"failed"}


async def test_of_a_day_no_more_doctors_drop_out_than_a_roster_has() -> None:
    office = scheduler.Office(scheduler.known(scheduler.clinic()))
    await office.handle(scheduler.roster(scheduler.doctor("d1")))
    batch = [scheduler.unavailable(f"x{number}", "09:00") for number in range(1_005)]
    handled = await office.handle(*batch)
    assert [each for each, _ in handled.dead] == batch[1_000:]
    again = await office.handle(scheduler.unavailable("x7", "08:00"))
    assert again.dead == []


def test_every_aggregate_of_a_flood_is_in_the_table() -> None:
    outside = {each for topic in topics.TOPICS if not topic.ours for each in topic.types}
    wait = {"request.withdrawn", "request.transferred", "visit.reported", "visit.assigned", "visit.released"}
    wait |= {"answer.given"}
    commands = {each for each in outside if each.startswith("complaint.") and each != "complaint.submitted"}
    rosters = {"roster.published", "doctor.unavailable"}  # of a day: its roster is replaced, its drop-outs are counted
    alone = {"clinic.published", "request.submitted", "complaint.submitted"}  # a second one of a subject adds nothing
    assert outside == wait | {"complaint.assigned"} | commands | rosters | alone
    assert outside <= MODELS.keys()


def test_a_complaint_names_a_hundred_linked_ones_at_most() -> None:
    book = casebook.Casebook()
    made = casebook.incoming("complaint.submitted", casebook.submission("Tue 2026-11-24 09:40"))
    book.hear(made, number=False)
    numbers = {(each.page, each.subject): 1 for each in incoming_numbers.wanted_numbers(book.state)}
    others = [f"00000000-0000-4000-8000-{number:012}" for number in reversed(range(150))]
    state, _ = incoming_numbers.numbered(book.state, numbers, incoming_numbers.Opening(None, others))
    assert state.linked == tuple(sorted(others)[:100])
