"""A clinic's scheduling for tests: accepted calls and rosters come in, visits go out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from homecall.contract.envelope import Incoming, OutgoingRecord, Record, read
from homecall.contract.events import ClinicPublished, RosterPublished
from homecall.contract.topics import TOPIC_OF_TYPE, TYPE_PREFIX
from homecall.runtime.clock import SystemClock
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.engine.decision import Decision, OutgoingEvent
from homecall.runtime.mongo.client import Database
from homecall.standard.clinics import Clinics
from homecall.standard.rules import RuleSets, load_rule_sets
from services.scheduler.domain import calls
from services.scheduler.domain.calls import Facts
from services.scheduler.domain.dispatch import dispatch_of
from services.scheduler.domain.state import CallState
from services.scheduler.domain.waiting import packaged_waiting_order
from services.scheduler.handler import Outside, Router, SchedulerEngine
from services.scheduler.store import SchedulerStore
from tests.unit.runtime.memory import MemoryDatabase
from tests.unit.standard.local_times import at

RULES = load_rule_sets()
ORDER = packaged_waiting_order()
CLINIC, FRIDAY, SATURDAY = "samal-3", "2026-11-20", "2026-11-21"
_events = count(1)


def clinic(**over: Any) -> ClinicPublished:
    """A clinic with the standard's hours and one district."""
    return ClinicPublished.model_validate(
        {
            "clinic_id": CLINIC,
            "name": {"kk": "№ 3 емхана", "ru": "Поликлиника № 3"},
            "region": "Алматы",
            "address": "Тал көшесі, 14",
            "phone": "+7 700 000 03 03",
            "head": {"full_name": "Бас Дәрігер"},
            "districts": [{"district_id": "d1", "kind": "mixed", "addresses": ["Тал"]}],
        }
        | over
    )


def known(*clinics: ClinicPublished) -> Clinics:
    found = Clinics()
    for each in clinics:
        found.take(each)
    return found


def request_id(number: int) -> str:
    return str(uuid5(NAMESPACE_OID, f"request {number}"))


def incoming(event_type: str, data: Mapping[str, Any], id: str = "") -> Incoming:  # noqa: A002  # CloudEvents' own name
    headers = {
        "ce_specversion": "1.0",
        "ce_id": id or f"e{next(_events)}",
        "ce_source": "urn:test",
        "ce_type": TYPE_PREFIX + event_type,
        "content-type": "application/json",
    }
    value = json.dumps(data, ensure_ascii=False).encode()
    topic = TOPIC_OF_TYPE[event_type].name
    return read(
        Record(topic, 0, next(_events), CLINIC.encode(), value, tuple((k, v.encode()) for k, v in headers.items()))
    )


def accepted(when: str = "Fri 2026-11-20 10:00", number: int = 1, **over: Any) -> Incoming:
    """A call accepted at ``when``, to be visited that day."""
    moment = at(when)
    data: dict[str, Any] = {
        "request_id": request_id(number),
        "clinic_id": CLINIC,
        "channel": "phone",
        "register_date": moment.date().isoformat(),
        "register_number": number,
        "submitted_at": moment.isoformat(),
        "accepted_at": moment.isoformat(),
        "clock_started_at": moment.isoformat(),
        "due_at": moment.isoformat(),
        "visit_date": moment.date().isoformat(),
        "patient": {"full_name": "Сынақ Пациент", "language": "kk"},
        "address": {"text": "Тал көшесі, 27", "district_id": "d1"},
        "reasons": ["fever_above_38"],
        "urgency": "same_day",
    }
    return incoming("request.accepted", data | over)


def cancelled(number: int = 1, register_number: int | None = 1) -> Incoming:
    data: dict[str, Any] = {
        "request_id": request_id(number),
        "clinic_id": CLINIC,
        "at": "2026-11-20T11:00:00+05:00",
        "reason": "Өзі келді",
    }
    return incoming("request.cancelled", data | ({"register_number": register_number} if register_number else {}))


def reported(when: str, number: int = 1, outcome: str = "served", clinic_id: str = CLINIC) -> Incoming:
    return incoming(
        "visit.reported",
        {
            "request_id": request_id(number),
            "clinic_id": clinic_id,
            "at": at(when).isoformat(),
            "outcome": outcome,
        },
    )


def assigned(
    doctor_id: str, number: int = 1, *, frm: str | None = None, when: str = "Fri 2026-11-20 10:00", **over: Any
) -> Incoming:
    """A dispatcher wants the visit with this doctor, and from that time where one is given."""
    data: dict[str, Any] = {
        "request_id": request_id(number),
        "clinic_id": CLINIC,
        "at": at(when).isoformat(),
        "doctor_id": doctor_id,
        "reason": "knows the family",
        "assigned_by": {"id": "disp-1", "full_name": "Диспетчер Сынақ"},
    }
    return incoming("visit.assigned", data | ({"arrives_from": at(frm).isoformat()} if frm else {}) | over)


def released(number: int = 1, when: str = "Fri 2026-11-20 10:00") -> Incoming:
    data = {"request_id": request_id(number), "clinic_id": CLINIC, "at": at(when).isoformat()}
    return incoming("visit.released", data | {"released_by": {"id": "disp-1", "full_name": "Диспетчер Сынақ"}})


def doctor(doctor_id: str = "a", **over: Any) -> dict[str, Any]:
    """A gp of the district, there from 9 to 12."""
    return {
        "doctor_id": doctor_id,
        "full_name": f"Дәрігер {doctor_id}",
        "specialty": "gp",
        "districts": ["d1"],
        "shift": {"from": "09:00", "to": "12:00"},
        "max_visits": 24,
    } | over


def roster(*doctors: Mapping[str, Any], revision: int = 1, day: str = FRIDAY) -> Incoming:
    data = {"clinic_id": CLINIC, "date": day, "revision": revision, "doctors": list(doctors)}
    return incoming("roster.published", data)


def roster_event(*doctors: Mapping[str, Any], revision: int = 1, day: str = FRIDAY) -> RosterPublished:
    data = roster(*doctors, revision=revision, day=day).data
    assert isinstance(data, RosterPublished)
    return data


def unavailable(doctor_id: str, since: str, day: str = FRIDAY) -> Incoming:
    return incoming(
        "doctor.unavailable",
        {"clinic_id": CLINIC, "date": day, "doctor_id": doctor_id, "from": since, "reason": "ауырып қалды"},
    )


def facts_of(clinics: Clinics | None = None, rule_sets: RuleSets = RULES) -> Facts:
    """What decisions look up; one clinic unless others are given."""
    return Facts(clinics or known(clinic()), rule_sets, ORDER)


def take(event: Incoming, now: str | datetime, clinics: Clinics | None = None) -> CallState:
    """The call that ``request.accepted`` opens."""
    moment = at(now) if isinstance(now, str) else now
    decision = calls.accepted(None, event, facts_of(clinics), moment)
    assert decision.state is not None
    assert list(decision.says) == []
    return decision.state


def tick(state: CallState, now: str, clinics: Clinics | None = None) -> Decision[CallState]:
    return calls.due(state, facts_of(clinics), at(now))


def told(says: Sequence[OutgoingEvent]) -> list[tuple[str, int | None]]:
    """Types with revisions."""
    return [(say.data.TYPE, getattr(say.data, "revision", None)) for say in says]


class NoTable:
    """The clinics' topic, of which everything has been read."""

    async def catch_up(self) -> None:
        return


class Office:
    """The scheduler's engine over a database in memory, or over the one given."""

    def __init__(
        self, clinics: Clinics | None = None, database: Database | None = None, router: Router | None = None
    ) -> None:
        self.memory = MemoryDatabase()
        self.published: list[OutgoingRecord] = []
        """What went out, in order, whatever happened afterwards."""
        self.clinics = clinics or known(clinic())
        self.store = SchedulerStore(
            database or self.memory.as_database, lambda clinic_id: dispatch_of(self.clinics.get(clinic_id))
        )
        table: Any = NoTable()
        outside = Outside(table, router)
        self.engine = SchedulerEngine(self.store, facts_of(self.clinics), outside, SystemClock())

    async def handle(self, *batch: Incoming, now: str = "Fri 2026-11-20 10:00") -> BatchResult:
        handled = await self.engine.handle(batch, at(now))
        self.published += handled.events
        for done in handled.after:
            await done()
        return handled

    async def hear(self, *batch: Incoming, now: str = "Fri 2026-11-20 10:00") -> list[tuple[str, str, Any]]:
        """A batch, and what it says: (type, request_id, data)."""
        return said((await self.handle(*batch, now=now)).events)

    async def tick(self, now: str) -> list[tuple[str, str, Any]]:
        """What the timers say, and then the settling of days that were left."""
        due = await self.engine.due(at(now))
        before = len(self.published)
        self.published += due.events
        await self.engine.sent(due)
        async for settled in self.engine.settler.tick(at(now)):
            self.published += settled.events
            await settled.finish()
        return said(self.published[before:])

    async def state(self, number: int = 1) -> CallState:
        found = (await self.store.calls.load([request_id(number)]))[request_id(number)].state
        assert found is not None
        return found


class Twin(Office):
    """Another replica over the same database."""

    def __init__(self, memory: MemoryDatabase) -> None:
        super().__init__(database=memory.as_database)
        self.memory = memory


CORNERS = [(43.22, 76.87), (43.28, 76.93), (43.22, 76.93), (43.28, 76.87)]


async def a_town(office: Office, calls: int = 16) -> None:
    """Two doctors at the centre, and calls in turn from four corners of the town."""
    start = {"lat": 43.25, "lon": 76.9}
    shift = {"from": "09:00", "to": "20:00"}
    await office.hear(roster(*(doctor(each, shift=shift, start=start) for each in "ab")))
    for number in range(1, calls + 1):
        lat, lon = CORNERS[number % 4]
        address = {"text": "Тал көшесі, 27", "lat": lat + number / 5000, "lon": lon}
        await office.hear(accepted(number=number, address=address))


def said(events: Sequence[OutgoingRecord]) -> list[tuple[str, str, Any]]:
    return [(each.type, each.subject, json.loads(each.value)) for each in events]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
