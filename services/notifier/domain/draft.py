"""A decision in the making: the call as it will be, and what is said on the way."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any, Final, Literal

from homecall.contract.events import DeadlineName, RequestStatus
from homecall.contract.types import ZONE, in_zone, zoned
from homecall.runtime.engine.decision import Decision, Ended, Measure, OutgoingEvent, replace
from homecall.standard.calendar import ClinicCalendar
from homecall.standard.deadlines import Clock, Notice, deadline_event
from homecall.standard.rules import NotCoveredError, RuleSet
from homecall.standard.stated_times import SERVICE_TIME_IMPLAUSIBLE
from homecall.texts.sms import sms_text
from homecall.texts.statuses import StatusFacts, oral_answer
from services.notifier.domain import processing_seconds
from services.notifier.domain.facts import Facts
from services.notifier.domain.quiet_hours import of_use_until
from services.notifier.domain.register import journal_entry
from services.notifier.domain.state import MOST_NOTICES, NOTICE_TYPES, Call, Deadline, SmsNotice
from services.notifier.domain.statuses import status_event, text_facts, visit_told

_SPOKEN: Final = frozenset({"desk", "phone"})


class Draft:
    """The steps of one decision, in the order in which they are to be said."""

    def __init__(self, call: Call, facts: Facts, now: datetime) -> None:
        self.call = call
        self.facts = facts
        self.clinic = facts.clinic(call.clinic_id)
        # Where to complain is a matter of today's law, whenever the call was made.
        self._rules = facts.rule_sets.nearest(now.date())
        self._before = call
        # Never before what was told last, whichever replica's clock that was by.
        self.at = self._not_before_last(now)
        self._says: list[OutgoingEvent] = []
        self._measures: list[Measure] = []

    def decision(self) -> Decision[Call]:
        if self.call == self._before:
            return Decision()
        return Decision(self.call, self._says, self._measures)

    def law(self, application: datetime) -> tuple[RuleSet | None, ClinicCalendar | None]:
        """The rules of the day of the application (R12), and the clinic's calendar by them.

        No rules for a date, of a refused request, that no law covers; no calendar of a clinic that is not known.
        """
        try:
            rules = self.facts.rule_sets.on(application.astimezone(self.clinic.zone).date())
        except NotCoveredError:
            return None, None
        return rules, self.facts.clinics.calendar(self.call.clinic_id, rules)

    def change(self, **fields: Any) -> None:
        self.call = replace(self.call, **fields)

    def measure(self, measure: Measure) -> None:
        self._measures.append(measure)

    def measure_spoken(self, stage: Literal["entry", "oral_answer"], at: datetime) -> None:
        """Measure one of the two ends that an answer by desk and phone has (C6.1), whichever of them counts there."""
        took = processing_seconds.spoken(self.call, stage, at)
        if self.call.channel in _SPOKEN and took is not None:
            self.measure(took)

    # ------------------------------------------------------------ statuses and the register

    def tell(
        self, status: RequestStatus, *, at: datetime | None = None, on_time: bool | None = None, **more: Any
    ) -> None:
        """Say a status, with its texts. ``more`` are facts of this status alone."""
        at = self.at if at is None else self._not_before_last(at)
        due_at = self.call.due_at
        late = on_time is False or (status == "delayed" and due_at is not None and due_at <= at)
        first = self.call.transferred_from
        by = {} if first is None else {"handed_on_by": self.facts.clinic(first.clinic_id).name}
        facts = text_facts(self.call, status, at, self.clinic, self._rules, {"late": late} | by | more)
        self.change(
            status=status,
            sequence=self.call.sequence + 1,
            occurred_at=zoned(at),
            oral_answer=oral_answer(status, facts).as_dict(),
        )
        event = status_event(self.call, status, at, facts, on_time=on_time)
        self._says.append(OutgoingEvent(event, sibling=f"{status} {event.sequence}", time=in_zone(at)))
        if status in self.facts.sms_statuses:
            self._notify(status, facts, at)

    def _notify(self, status: RequestStatus, facts: StatusFacts, at: datetime) -> None:
        """Note what is to be told by SMS: stored with the status itself, so that neither is there without the other."""
        call, zone = self.call, self.clinic.zone
        visit = visit_told(call, status)
        until = of_use_until(status, at, visit_until=visit.arrives_to if visit else None, due_at=call.due_at)
        notice = SmsNotice(
            sequence=call.sequence,
            status=status,
            at=zoned(at),
            text=sms_text(status, facts, call.reader.language or "kk"),
            urgent=call.emergency,
            use_until=zoned(until),
            needed_by=visit.arrives_from if visit else zoned(until),
            asked_at=call.reader.asked_at,
            zone=None if zone is ZONE else zone,
        )
        # An older one that nobody took up is overtaken: only the newest is ever sent.
        self.change(notices=[*call.notices, notice][-MOST_NOTICES:])

    def enter(self) -> None:
        """Say the register's line as it now stands; nothing where the call has none."""
        if self.call.register_date is None:
            return
        self.change(revision=self.call.revision + 1)
        entry = journal_entry(self.call)
        self._says.append(OutgoingEvent(entry, sibling=str(entry.revision), time=in_zone(self.at)))

    def flag(self, flag: str) -> None:
        person = self.call.person
        flags = person.flags or []
        if flag not in flags:
            self.change(person=dataclasses.replace(person, flags=[*flags, flag]))

    def _not_before_last(self, moment: datetime) -> datetime:
        last = self.call.occurred_at
        return moment if last is None else max(moment, last)

    # ------------------------------------------------------------ deadlines

    def start(self, clock: Clock | None) -> None:
        if clock is None:
            return
        before = self.call.clocks.get(clock.deadline)
        self._set(
            clock.deadline,
            Deadline(
                started_at=zoned(clock.started_at),
                due_at=zoned(clock.due_at),
                approaching_at=zoned(clock.approaching_at),
                limit_seconds=clock.limit_seconds,
                # What was said before the request was decided stays said.
                said=before.said if before else "",
            ),
        )

    def end(self, at: datetime) -> None:
        """The answer is there: every deadline ends, with one verdict each ("at most": the due time is met)."""
        for name, deadline in self.call.clocks.items():
            if name == "service" and at < deadline.started_at:
                # Answered before anybody was served: one of the two times is wrong, and neither is counted (R21).
                self.flag(SERVICE_TIME_IMPLAUSIBLE)
                continue
            missed = self.call.missed(name)
            late = missed or at > deadline.due_at
            if not late:
                self.measure(Ended(name, self.call.channel, "met"))
            elif not missed:
                self.say_deadline(name, "missed")
            self.measure(processing_seconds.statutory(self.call, name, deadline, at))
            if name == "answer":
                self.change(on_time=not late)
        self.change(clocks={})

    def leave_to_intake(self, name: DeadlineName, said: str) -> None:
        """Intake watches it until it has decided: what it has said of it, and counted, is not said again."""
        self._set(name, dataclasses.replace(self.call.clocks[name], said=said, held=True))

    def say_deadline(self, name: DeadlineName, notice: Notice) -> None:
        """Say that a deadline is near; or say, and count, that it was missed."""
        call, deadline = self.call, self.call.clocks[name]
        clock = deadline.clock(name, call.channel)
        event = deadline_event(notice, clock, subject_id=call.request_id, clinic_id=call.clinic_id, stage=call.stage)
        self._says.append(OutgoingEvent(event, sibling=name, time=clock.notice_at(notice).isoformat()))
        self._set(name, dataclasses.replace(deadline, said=NOTICE_TYPES[notice]))
        if notice == "missed":
            self.measure(Ended(name, call.channel, "missed"))

    def _set(self, name: DeadlineName, deadline: Deadline) -> None:
        self.change(clocks=self.call.clocks | {name: deadline})
