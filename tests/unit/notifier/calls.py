"""Events about one call on Monday 23 November 2026, and the call as it is told of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from homecall.contract.envelope import Incoming, Record
from homecall.contract.events import (
    AnswerGiven,
    ClinicPublished,
    DeadlineApproaching,
    DeadlineMissed,
    JournalEntry,
    RequestAccepted,
    RequestCancelled,
    RequestDeferred,
    RequestRefused,
    StatusChanged,
    VisitCancelled,
    VisitClosed,
    VisitRescheduled,
    VisitScheduled,
    VisitUnplaced,
)
from homecall.contract.topics import TOPIC_OF_TYPE
from homecall.contract.types import Event
from homecall.runtime.engine.decision import Dead, Decision, Ended, OutgoingEvent, Took
from homecall.standard.clinics import Clinics
from homecall.standard.rules import RuleSets, load_rule_sets
from services.notifier.domain.facts import Facts
from services.notifier.domain.state import Call
from services.notifier.handler import Notifier
from tests.unit.intake import office

REQUEST = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
VISIT = "7c6b5a49-3827-4615-8403-f2e1d0c9b8a7"
RULES = load_rule_sets()
CLINIC = office.clinic(name={"kk": "№ 5 емхана", "ru": "Поликлиника № 5"}, phone="+7 700 000 00 05")
CONFIRMING = CLINIC.model_copy(update={"oral_confirmation": True})
NOTIFIER = Notifier()


def facts_of(clinic: ClinicPublished | None = CLINIC, sms_statuses: Collection[str] = ()) -> Facts:
    """What decisions look up; None for a clinic that has not been published."""
    return Facts(office.known(clinic) if clinic else Clinics(), RULES, sms_statuses)


def at(clock: str) -> datetime:
    """A local time of that Monday: "09:14:05", or with a day before it, "24 08:00:00"."""
    day, _, rest = clock.rpartition(" ")
    return datetime.fromisoformat(f"2026-11-{day or '23'}T{rest}+05:00")


def request(channel: str | None = "portal", **more: Any) -> dict[str, Any]:
    return {
        "request_id": REQUEST,
        "clinic_id": "samal-3",
        "channel": channel,
        "submitted_at": at("09:00:00"),
        "patient": {"full_name": "Сынақ Пациент", "language": "kk", "phone": "+7 700 000 01 23"},
        "address": {"text": "Алматы, Тал көшесі, 27", "floor": "4"},
        "reasons": ["fever_above_38"],
        "flags": ["iin_mismatch"],
        "registrar": {"id": "r-12", "full_name": "Сынақ Тіркеуші"},
        **more,
    }


def accepted(channel: str = "portal", **more: Any) -> RequestAccepted:
    """Submitted at 9:00, accepted two seconds later; due at 9:30 through the portal, at 9:10 otherwise."""
    times = {
        "register_date": at("09:00:00").date(),
        "register_number": 17,
        "accepted_at": at("09:00:02"),
        "clock_started_at": at("09:00:00"),
        "due_at": at("09:30:00") if channel == "portal" else at("09:10:00"),
        "visit_date": at("09:00:00").date(),
    }
    return RequestAccepted.model_validate(request(channel) | times | more)


def deferred(opens: str = "08:00:00", due: str = "08:30:00", **more: Any) -> RequestDeferred:
    """A portal request of the evening before."""
    night = {"submitted_at": at("22 22:10:00"), "opens_at": at(opens), "due_at": at(due)}
    return RequestDeferred.model_validate(request() | night | more)


def refused(channel: str | None = "phone", code: str = "outside_acceptance_hours", **more: Any) -> RequestRefused:
    return RequestRefused.model_validate(request(channel) | {"code": code, "due_at": at("09:10:00")} | more)


def cancelled(**more: Any) -> RequestCancelled:
    return RequestCancelled.model_validate(request() | {"at": at("09:20:00"), "reason": "жақсарды"} | more)


def _visit(revision: int, **more: Any) -> dict[str, Any]:
    return {"request_id": REQUEST, "clinic_id": "samal-3", "visit_id": VISIT, "revision": revision, **more}


def _placed(revision: int, arrives: str, doctor: str) -> dict[str, Any]:
    return _visit(
        revision,
        visit_date=at(arrives).date(),
        arrives_from=at(arrives),
        arrives_to=at(arrives).replace(minute=30),
        doctor={"doctor_id": f"gp-{doctor}", "full_name": f"Дәрігер {doctor}", "specialty": "gp"},
        basis="district",
    )


def scheduled(revision: int = 1, arrives: str = "11:00:00", doctor: str = "А") -> VisitScheduled:
    return VisitScheduled.model_validate(_placed(revision, arrives, doctor))


def rescheduled(revision: int = 2, arrives: str = "12:00:00", doctor: str = "Б") -> VisitRescheduled:
    return VisitRescheduled.model_validate(_placed(revision, arrives, doctor) | {"reason": "doctor_unavailable"})


def unplaced(revision: int = 1) -> VisitUnplaced:
    return VisitUnplaced.model_validate(_visit(revision, cause="no_roster", since=at("09:00:03")))


def visit_cancelled(revision: int = 2) -> VisitCancelled:
    return VisitCancelled.model_validate(_visit(revision, reason="жақсарды"))


def closed(revision: int = 3, outcome: str = "served", when: str = "11:20:00") -> VisitClosed:
    return VisitClosed.model_validate(_visit(revision, outcome=outcome, at=at(when)))


def answer(when: str = "09:05:00", **more: Any) -> AnswerGiven:
    given_by = {"id": "r-12", "full_name": "Сынақ Тіркеуші"}
    return AnswerGiven.model_validate(
        {"request_id": REQUEST, "clinic_id": "samal-3", "at": at(when), "given_by": given_by} | more
    )


def incoming(data: Event) -> Incoming:
    topic = TOPIC_OF_TYPE[data.TYPE].name
    return Incoming(Record(topic, 0, 0, None, b""), "cause", data.TYPE, data.subject, "samal-3", None, None, data)


_SPOKEN = {"entry", "oral_answer"}


@dataclass
class Told:
    """A call, followed through what is heard as the engine does: what is parked is decided once the call is known.

    Unlike the engine it does not drop an event that comes again: what is told must not depend on that.
    """

    clinic: ClinicPublished | None = CLINIC
    rule_sets: RuleSets = RULES
    sms_statuses: frozenset[str] = frozenset()
    state: Call | None = None
    says: list[OutgoingEvent] = field(default_factory=list)
    measures: list[Took | Ended] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)
    parked: list[Event] = field(default_factory=list)

    @property
    def facts(self) -> Facts:
        return replace(facts_of(self.clinic, self.sms_statuses), rule_sets=self.rule_sets)

    def hear(self, data: Event, clock: str = "09:00:05") -> list[OutgoingEvent]:
        """What an event heard then leads to."""
        return self.hear_at(data, at(clock))

    def hear_at(self, data: Event, now: datetime) -> list[OutgoingEvent]:
        decision = NOTIFIER.decide(self.state, incoming(data), self.facts, now)
        if decision.park:
            self.parked.append(data)
            return []
        if decision.dead is not None:
            self.dead.append(decision.dead)
        said = self._apply(decision)
        if self.state is not None:
            waiting, self.parked = self.parked, []
            for each in waiting:
                said += self._apply(NOTIFIER.decide(self.state, incoming(each), self.facts, now))
        return said

    def tick(self, clock: str) -> list[OutgoingEvent]:
        """What the timer leads to then."""
        return self.tick_at(at(clock))

    def tick_at(self, now: datetime) -> list[OutgoingEvent]:
        return self._apply(NOTIFIER.due(self.state, self.facts, now)) if self.state is not None else []

    def _apply(self, decision: Decision[Call]) -> list[OutgoingEvent]:
        if decision.state is None:
            assert not decision.says
            assert not decision.measures
            return []
        self.state = decision.state
        self.says += decision.says
        self.measures += decision.measures
        return list(decision.says)

    @property
    def statuses(self) -> list[StatusChanged]:
        return statuses(self.says)

    @property
    def entries(self) -> list[JournalEntry]:
        return entries(self.says)

    @property
    def deadlines(self) -> list[tuple[str, str, str]]:
        """(deadline, approaching or missed, ce_time by the local clock)"""
        return [
            (say.data.deadline, say.data.TYPE.removeprefix("deadline."), say.time[11:19])
            for say in self.says
            if isinstance(say.data, DeadlineApproaching | DeadlineMissed)
        ]

    @property
    def ended(self) -> list[tuple[str, str]]:
        return [(each.deadline, each.outcome) for each in self.measures if isinstance(each, Ended)]

    @property
    def took(self) -> dict[str, float]:
        """Seconds by stage, but for ``spoken``."""
        return {stage: seconds for stage, seconds in self._took.items() if stage not in _SPOKEN}

    @property
    def spoken(self) -> dict[str, float]:
        """Seconds to the entry, and to the oral answer."""
        return {stage: seconds for stage, seconds in self._took.items() if stage in _SPOKEN}

    @property
    def _took(self) -> dict[str, float]:
        found: dict[str, float] = {each.stage: each.seconds for each in self.measures if isinstance(each, Took)}
        assert len(found) == sum(isinstance(each, Took) for each in self.measures), "a stage was measured twice"
        return found


def statuses(says: list[OutgoingEvent]) -> list[StatusChanged]:
    return [say.data for say in says if isinstance(say.data, StatusChanged)]


def entries(says: list[OutgoingEvent]) -> list[JournalEntry]:
    return [say.data for say in says if isinstance(say.data, JournalEntry)]
