"""A clinic's intake for tests: requests come in as records and are decided on, by the domain alone or by the engine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from homecall.contract.envelope import Incoming, OutgoingRecord, Record, read
from homecall.contract.events import ClinicPublished
from homecall.contract.topics import TOPIC_OF_TYPE, TYPE_PREFIX
from homecall.gateways.identity.port import Identity
from homecall.gateways.signatures.port import Unchecked, Verifier
from homecall.runtime.clock import SystemClock
from homecall.runtime.encryption import Vault
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.engine.decision import Decision
from homecall.runtime.mongo.client import Database
from homecall.runtime.settings import Settings
from homecall.standard.clinics import Clinics
from homecall.standard.rules import RuleSets, load_rule_sets
from services.intake.domain import submission
from services.intake.domain.facts import UNASKED, Checks, Facts
from services.intake.domain.state import RequestState
from services.intake.external_checks import ExternalChecks
from services.intake.handler import Intake, IntakeEngine
from services.intake.register_numbers import look_up
from services.intake.store import IntakeStore
from tests.unit.runtime.memory import MemoryDatabase
from tests.unit.standard.local_times import at

RULES = load_rule_sets()
SERIK, DINARA, PAVEL = "850715100000", "850715200007", "850715100112"
BY = {"id": "disp-2", "full_name": "Диспетчер Жанар"}
"""Who hands calls on."""
_events = count(1)


def clinic(clinic_id: str = "samal-3", **over: Any) -> ClinicPublished:
    """A clinic with the standard's hours."""
    return ClinicPublished.model_validate(
        {
            "clinic_id": clinic_id,
            "name": {"kk": "№ 3 «Самал» емханасы", "ru": "Поликлиника № 3 «Самал»"},
            "region": "Алматы",
            "address": "Тал көшесі, 14",
            "phone": "+7 700 000 03 03",
            "head": {"full_name": "Бас Дәрігер"},
        }
        | over
    )


def known(*clinics: ClinicPublished) -> Clinics:
    """These clinics, or the one that every table is about."""
    found = Clinics()
    for each in clinics or (clinic(),):
        found.take(each)
    return found


def request_id(number: int) -> str:
    return str(uuid5(NAMESPACE_OID, f"request {number}"))


def request(when: str, channel: str = "phone", number: int = 1, **over: Any) -> dict[str, Any]:
    """An application made at ``when`` (``Fri 2026-11-20 17:59``), with as little as its channel asks for.

    A value of None leaves the field out; ``patient`` is merged into the patient's own.
    """
    data: dict[str, Any] = {
        "request_id": request_id(number),
        "clinic_id": "samal-3",
        "channel": channel,
        "submitted_at": at(when).isoformat(),
        "address": {"text": "Алматы, Тал көшесі, 27"},
        "reasons": ["fever_above_38"],
    }
    if channel == "desk":
        data["identity_document"] = {"kind": "identity_card", "number": "000000017"}
    if channel == "portal":
        data["signature"] = {"format": "cms", "value": "AAAA"}
    patient = {"iin": SERIK, "full_name": "Сынақ Серік", "language": "kk"} | over.pop("patient", {})
    return {name: value for name, value in (data | {"patient": patient} | over).items() if value is not None}


def incoming(event_type: str, data: dict[str, Any], *, recorded: datetime | None = None, id: str = "") -> Incoming:  # noqa: A002  # CloudEvents' own name
    """The event as it is read from its topic; each has an id of its own unless one is given."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": id or f"e{next(_events)}",
        "ce_source": "urn:clinic:samal-3",
        "ce_type": TYPE_PREFIX + event_type,
        "content-type": "application/json",
    }
    stamp = int(recorded.timestamp() * 1000) if recorded else 0
    return read(
        Record(
            TOPIC_OF_TYPE[event_type].name,
            0,
            next(_events),
            b"samal-3",
            json.dumps(data, ensure_ascii=False).encode(),
            tuple((name, text.encode()) for name, text in headers.items()),
            stamp,
        )
    )


def submitted(
    when: str, channel: str = "phone", number: int = 1, *, recorded: datetime | None = None, **over: Any
) -> Incoming:
    return incoming("request.submitted", request(when, channel, number, **over), recorded=recorded)


def withdrawn(when: str, number: int = 1, clinic_id: str = "samal-3") -> Incoming:
    return incoming(
        "request.withdrawn",
        {
            "request_id": request_id(number),
            "clinic_id": clinic_id,
            "at": at(when).isoformat(),
            "reason": "Өзі келді",
        },
    )


def transferred(
    when: str = "Fri 2026-11-20 11:00",
    to: str = "tal-2",
    of: str = "",
    at_clinic: str = "samal-3",
    id: str = "",  # noqa: A002  # CloudEvents' own name
) -> Incoming:
    data = {
        "request_id": of or request_id(1),
        "clinic_id": at_clinic,
        "to_clinic_id": to,
        "at": at(when).isoformat(),
        "by": BY,
    }
    return incoming("request.transferred", data | {"reason": "Сонда тіркелген"}, id=id)


def visit(event_type: str, number: int, revision: int, **more: Any) -> Incoming:
    """``visit.scheduled`` or ``visit.closed`` as the scheduler says it."""
    data: dict[str, Any] = {
        "request_id": request_id(number),
        "clinic_id": "samal-3",
        "visit_id": request_id(1000 + number),
        "revision": revision,
    }
    return incoming(event_type, data | more)


def moved_to(number: int, revision: int, day: str) -> Incoming:
    """The visit is set on a day."""
    return visit(
        "visit.scheduled",
        number,
        revision,
        visit_date=day,
        arrives_from=f"{day}T10:00:00+05:00",
        arrives_to=f"{day}T10:30:00+05:00",
        doctor={"doctor_id": "d1", "full_name": "Дәрігер", "specialty": "gp"},
        basis="district",
    )


def closed(number: int, revision: int, when: str) -> Incoming:
    """The visit has been made."""
    return visit("visit.closed", number, revision, outcome="served", at=at(when).isoformat())


def decide(
    event: Incoming,
    *,
    state: RequestState | None = None,
    clinics: Clinics | None = None,
    rule_sets: RuleSets = RULES,
    holder: RequestState | None = None,
    record_time: datetime | None = None,
    now: datetime | None = None,
    checks: Checks = UNASKED,
) -> Decision[RequestState]:
    """What the domain decides on ``request.submitted``, heard a second after it was made unless ``now`` says when."""
    heard_at = now
    if heard_at is None:
        data: Any = event.data
        heard_at = data.submitted_at + timedelta(seconds=1) if data is not None else at("Mon 2026-11-23 12:00")
    facts = Facts(rule_sets, clinics or known(), record_time, checks, claim="claim", holder=holder)
    return submission.decide(state, event, facts, heard_at)


def open_request(number: int, visit_date: str) -> RequestState:
    """An accepted request that holds its patient's claim (R11)."""
    day = at(f"{visit_date} 12:00").date()
    return RequestState(request_id(number), "samal-3", "accepted", "phone", claim="claim", visit_date=day)


def refusal(decision: Decision[RequestState]) -> dict[str, Any]:
    """The ``request.refused`` that a decision says, and nothing else."""
    (say,) = decision.says
    assert say.data.TYPE == "request.refused"
    data: dict[str, Any] = json.loads(say.data.to_json())
    return data


@dataclass
class Said:
    """An event of ours as it goes out."""

    type: str
    id: str
    subject: str
    time: str
    data: dict[str, Any]


def said(events: Sequence[OutgoingRecord]) -> list[Said]:
    return [Said(each.type, each.id, each.subject, each.time, json.loads(each.value)) for each in events]


class NoTable:
    """The clinics' topic, of which everything has been read."""

    async def catch_up(self) -> None:
        return


class Office:
    """Intake's engine over a database in memory, or over the one given."""

    def __init__(
        self,
        clinics: Clinics | None = None,
        database: Database | None = None,
        *,
        verifier: Verifier | None = None,
        identity: Identity | None = None,
        judge_record_time: bool = False,
    ) -> None:
        self.memory = MemoryDatabase()
        self.store = IntakeStore(database or self.memory.as_database)
        self.clinics = clinics or known()
        settings = Settings(_env_file=None, env="development", signatures="off")  # type: ignore[call-arg]  # pydantic-settings' own argument
        vault = Vault.from_settings(settings)
        self.intake = Intake(load_rule_sets(), self.clinics, vault, judge_record_time=judge_record_time)
        external = ExternalChecks(
            verifier or Unchecked(), identity, wait_seconds=1, judge_record_time=judge_record_time
        )
        table: Any = NoTable()
        self.engine = IntakeEngine(self.store, self.intake, external, table, SystemClock())

    async def prepared(self) -> Office:
        await self.store.prepare()
        return self

    async def handle(self, *batch: Incoming, now: str = "Mon 2026-11-23 12:00") -> BatchResult:
        """A batch, with what is done once its events have been acknowledged."""
        handled = await self.engine.handle(batch, at(now))
        for done in handled.after:
            await done()
        return handled

    async def hear(self, *batch: Incoming, now: str = "Mon 2026-11-23 12:00") -> list[Said]:
        return said((await self.handle(*batch, now=now)).events)

    async def tick(self, now: str) -> list[Said]:
        due = await self.engine.due(at(now))
        events = due.events
        await self.engine.sent(due)
        return said(events)

    async def state(self, number: int = 1) -> RequestState:
        """A request as it is stored; with its number, if its page alone has that."""
        found = await self.store.requests.load([request_id(number)])
        await look_up(self.store.pages, list(found.values()))
        state = found[request_id(number)].state
        assert state is not None
        return state
