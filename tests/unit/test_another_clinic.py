"""Every event about a subject is held against the subject's clinic, in every service (all types × all services)."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from homecall.contract.envelope import Incoming, read
from homecall.contract.topics import COMPLAINTS, DESK, INTAKE, NOTIFIER, ROSTERS, SCHEDULER, SERVICES, read_by
from homecall.contract.types import ZONE
from homecall.runtime.clock import SystemClock
from homecall.runtime.encryption import KeyRing, Vault
from homecall.runtime.engine.engine import Engine
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.standard.clinic_events import ClinicEvents
from homecall.standard.clinics import Clinics
from homecall.standard.rules import load_rule_sets
from services.complaints.domain.call_timeline import CallTimeline
from services.complaints.domain.state import ComplaintState
from services.complaints.handler import Complaints, Timelines
from services.desk.domain.call import Call as ShownCall
from services.desk.domain.complaint import Complaint as ShownComplaint
from services.desk.handler import Desk
from services.intake.domain.state import RequestState
from services.intake.handler import Intake
from services.notifier.domain.state import Call
from services.notifier.handler import Notifier
from services.scheduler.domain.state import CallFacts, CallState
from services.scheduler.handler import CallDecisions
from tests.contract.goldens import compact, examples, record
from tests.unit.scheduler import office as scheduler

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=ZONE)
OWNER = "owner-1"
RULES = load_rule_sets()
VAULT = Vault(KeyRing(b"lookup".ljust(32), {"k": b"k" * 32}, "k"))
HEARD = [
    (service, event_type)
    for service in SERVICES
    for topic in read_by(service)
    if not topic.whole and topic is not ROSTERS
    for event_type in topic.types
]


def domain_of(service: str, event_type: str) -> tuple[Any, Callable[[str], Any]]:
    """What decides on a type in a service, and a subject of ``OWNER`` there, by its id."""
    if service == INTAKE:
        intake = Intake(RULES, Clinics(), VAULT, judge_record_time=False)
        return intake, lambda subject: RequestState(subject, OWNER, "accepted", "phone")
    if service == SCHEDULER:

        def call(subject: str) -> CallState:
            facts = CallFacts(False, None, "same_day", False)
            return CallState(subject, OWNER, "phone", "booked", date(2026, 11, 23), facts, NOW)

        return CallDecisions(), call
    if service == NOTIFIER:
        return Notifier(), lambda subject: Call(subject, OWNER, "phone", status="registered")
    if service == DESK:
        return of_the_desk(event_type)
    assert service == COMPLAINTS
    if event_type.startswith("complaint."):
        complaints = Complaints(Clinics(), RULES, judge_record_time=False, vault=VAULT)
        return complaints, lambda subject: ComplaintState(subject, OWNER, "registered")
    return Timelines(), lambda subject: CallTimeline(subject, OWNER)


def of_the_desk(event_type: str) -> tuple[Any, Callable[[str], Any]]:
    """The desk's view of calls or of complaints."""
    stores: Any = SimpleNamespace(calls=None, complaints=None, rosters=None)
    desk = Desk(stores, VAULT, SystemClock(), lambda: None)
    if event_type.startswith("complaint."):
        return desk.complaints.domain, lambda subject: ShownComplaint(subject, OWNER, confirmed=True)
    return desk.calls.domain, lambda subject: ShownCall(subject, OWNER, confirmed=True)


class OneSubject:
    """A store with one aggregate in it."""

    def __init__(self, aggregate: Aggregate[Any]) -> None:
        self.aggregate = aggregate

    def remembered(self, _: str) -> None:
        return

    async def load(self, ids: Collection[str]) -> dict[str, Aggregate[Any]]:
        return dict.fromkeys(ids, self.aggregate)

    async def save(self, aggregates: Sequence[Aggregate[Any]]) -> set[str]:
        assert list(aggregates) == []
        return set()


def another_clinics(event_type: str) -> Incoming:
    (example, *_) = examples("valid", (event_type,))
    event = read(record(event_type, compact(example.data | {"clinic_id": "other-2"})))
    assert event.data is not None
    assert event.clinic_id == "other-2"
    return event


@pytest.mark.parametrize(("service", "event_type"), HEARD)
async def test_an_event_of_another_clinic_changes_nothing(service: str, event_type: str) -> None:
    domain, subject = domain_of(service, event_type)
    event = another_clinics(event_type)
    aggregate: Aggregate[Any] = Aggregate(event.subject, state=subject(event.subject))
    store: Any = OneSubject(aggregate)
    rules = None if service == DESK else ClinicEvents()
    handled = await Engine(service, store, domain, SystemClock(), rules=rules).handle([event], NOW)
    assert aggregate.state == subject(event.subject)
    assert handled.events == []
    if domain.target(event) is None:
        assert handled.dead == []  # of no concern to this service, whoever sends it
        return
    if service == DESK:
        assert handled.dead == []  # a dead letter of the service that decides
        return
    ((_, death),) = handled.dead
    assert death.reason == "invalid_transition"
    assert "another clinic's" in death.detail
    assert event.type in death.detail


def test_the_table_has_the_events_that_clinics_send() -> None:
    assert {
        (INTAKE, "request.withdrawn"),
        (INTAKE, "request.transferred"),
        (SCHEDULER, "visit.reported"),
        (NOTIFIER, "answer.given"),
        (COMPLAINTS, "answer.given"),
        (COMPLAINTS, "complaint.answered"),
    } <= set(HEARD)


async def test_one_that_waited_for_its_subject_is_held_against_it_too() -> None:
    """It came before anybody knew whose the call is."""
    answer, accepted = another_clinics("answer.given"), another_clinics("request.accepted")
    _store: Any = _Keeping()
    engine = Engine(COMPLAINTS, _store, Timelines(), SystemClock(), rules=ClinicEvents())
    await engine.handle([answer], NOW)
    assert [kept.causation_id for kept in _store.kept.parked] == [answer.causation_id]
    assert answer.data is not None
    same = json.loads(accepted.value) | {"request_id": answer.subject, "clinic_id": OWNER}
    await engine.handle([read(record("request.accepted", compact(same), ce_id="2"))], NOW)
    assert _store.kept.state is not None
    assert [line["type"] for line in _store.kept.state.lines] == ["request.accepted"]
    (parked,) = _store.kept.parked
    assert parked.dead is not None
    assert parked.dead.reason == "invalid_transition"


class _Keeping:
    """A store that keeps the one aggregate as it is handed over."""

    def __init__(self) -> None:
        self.kept: Aggregate[CallTimeline] = Aggregate("")

    def remembered(self, _: str) -> None:
        return

    def size(self, _: CallTimeline) -> int:
        return 0

    async def load(self, ids: Collection[str]) -> dict[str, Aggregate[CallTimeline]]:
        (name,) = ids
        self.kept.id = name
        return {name: self.kept}

    async def save(self, aggregates: Sequence[Aggregate[CallTimeline]]) -> set[str]:
        for each in aggregates:
            each.changed = False
        return set()


async def test_a_roster_and_a_doctor_who_drops_out_change_their_own_clinics_day_only() -> None:
    office = scheduler.Office(scheduler.known(scheduler.clinic()))
    mine = scheduler.roster(scheduler.doctor("d1"), revision=1)
    await office.handle(mine)
    data = json.loads(mine.value)
    before = (await office.store.load_days([f"{data['clinic_id']}|{data['date']}"])).popitem()[1]
    kept = (before.roster, before.unavailable)
    roster = data | {"clinic_id": "other-2", "revision": 9, "doctors": []}
    away = {"clinic_id": "other-2", "date": data["date"], "doctor_id": "d1", "from": "09:00", "reason": "ill"}
    await office.handle(
        read(record("roster.published", compact(roster), ce_id="r")),
        read(record("doctor.unavailable", compact(away), ce_id="u")),
    )
    after = (await office.store.load_days([f"{data['clinic_id']}|{data['date']}"])).popitem()[1]
    assert (after.roster, after.unavailable) == kept
