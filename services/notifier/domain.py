"""What is said of a call, and how long its answer takes (C4.1, C4.3, C4.4, C6, C14): decisions of plain values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from homecall.contract.envelope import Incoming
from homecall.contract.events import (
    MODELS,
    AnswerGiven,
    ClinicPublished,
    DeadlineApproaching,
    DeadlineMissed,
    DeadlineName,
    JournalEntry,
    Refusal,
    RefusalCodeOnly,
    RequestAccepted,
    RequestCancelled,
    RequestDeferred,
    RequestEvent,
    RequestHeld,
    RequestIdentityChecked,
    RequestRefused,
    RequestStatus,
    StaffMember,
    StatusChanged,
    Trilingual,
    VisitClosed,
    VisitEvent,
    VisitRescheduled,
    VisitScheduled,
    VisitTimes,
    VisitUnplaced,
)
from homecall.contract.iins import without_iins
from homecall.contract.types import ZONE, Event, in_zone
from homecall.runtime.engine.decision import Dead, Decision, Ended, Measure, OutgoingEvent, Stage, Took, replace
from homecall.standard.calendar import ClinicCalendar
from homecall.standard.deadlines import Clock, Notice, deadline_event, due_notice, near_at, next_notice, service_clock
from homecall.standard.rules import NotCoveredError, RuleSet, RuleSets
from homecall.standard.stated_times import (
    ANSWER_TIME_IMPLAUSIBLE,
    SERVICE_TIME_IMPLAUSIBLE,
    before_request,
    implausible_times,
)
from homecall.texts import language
from homecall.texts.addresses import directory_of, ministry_of
from homecall.texts.sms import sms_text
from homecall.texts.statuses import StatusFacts, oral_answer, status_text
from services.notifier.messages import MOST_NOTICES, of_use_until

UNKNOWN_CHANNEL: Final = "unknown"
"""The channel of a refused request that named none that could be read."""

_MOST_EARLY: Final = 50
_SHARE: Final = 0.8
"""When the answer's time is near, where no law covers the date (R18)."""
_NOTICES: Final[Mapping[str, Notice]] = {DeadlineApproaching.TYPE: "approaching", DeadlineMissed.TYPE: "missed"}
_TIMES: Final[Mapping[Notice, str]] = {"approaching": "approaching_at", "missed": "due_at"}
_SPOKEN: Final = frozenset({"desk", "phone"})
_FINISHED: Final = frozenset({"completed", "not_completed"})
_WITH_VISIT: Final = frozenset({"scheduled", "rescheduled", *_FINISHED})
_ANOTHER_CLINIC: Final = (
    "clinic_id is not that of the request: send the answer with the clinic_id that the request was sent with"
)


@dataclass(frozen=True, slots=True)
class ClinicFacts:
    """What of a clinic the texts name, and whether it confirms its oral answers."""

    name: language.Text
    phone: str | None = None
    oral_confirmation: bool = False
    zone: ZoneInfo = ZONE


def clinic_facts(clinic_id: str, published: ClinicPublished | None) -> ClinicFacts:
    """The facts of a clinic as it was published; where nothing was, its id stands for its name."""
    if published is None:
        return ClinicFacts(name=language.name(clinic_id, clinic_id))
    return ClinicFacts(
        name=language.name(published.name.kk, published.name.ru),
        phone=published.phone,
        oral_confirmation=published.oral_confirmation,
        zone=ZoneInfo(published.zone),
    )


@dataclass(frozen=True)
class Call:
    """A request as it was last told of. Times are RFC 3339 in the clinic's zone, dates ISO."""

    request_id: str
    clinic_id: str
    channel: str = UNKNOWN_CHANNEL
    emergency: bool = False
    status: str = ""
    sequence: int = 0
    occurred_at: str = ""
    opens_at: str | None = None
    due_at: str | None = None
    clock_started_at: str | None = None
    """When the answer's clock started, also after it has ended."""
    on_time: bool | None = None
    """Whether the answer came in time; None while there is none."""
    answer_confirmed: bool = False
    """The answer counts once it was given aloud: the clinic has ``oral_confirmation``, as it stood at acceptance."""
    refusal: dict[str, Any] | None = None
    # The register's line (C6.1); there is one as soon as there is a ``register_date``.
    register_date: str | None = None
    register_number: int | None = None
    accepted_at: str | None = None
    person: dict[str, Any] = field(default_factory=dict)
    """patient_name, phone, address, reasons, flags, registrar: as the entry has them."""
    oral_answer: dict[str, str] = field(default_factory=dict)
    answered_at: str | None = None
    answered_by: dict[str, Any] | None = None
    outcome: str | None = None
    revision: int = 0
    # The visit, as the scheduler last said.
    visit: dict[str, Any] | None = None
    """visit_date, arrives_from, arrives_to, doctor; None as long as, or since, there is none."""
    visit_revision: int = 0
    visit_told: bool = False
    """A day and a time have been told at least once."""
    unplaced: bool = False
    clocks: dict[DeadlineName, dict[str, Any]] = field(default_factory=dict)
    """By deadline, those that run: started_at, due_at, approaching_at, limit_seconds, said ("" or the last event), and
    held: intake has not decided yet, and watches it itself."""
    reader: dict[str, Any] = field(default_factory=dict)
    """Who is told by SMS: phones (the patient's, the applicant's), language, sms (False: nobody), asked_at."""
    notices: list[dict[str, Any]] = field(default_factory=list)
    """What is to be told by SMS, by status: the outbox of the messages, see `messages`. Empty where SMS is off.

    Each: sequence, status, at, text, urgent, use_until, needed_by, asked_at.
    """
    early: list[dict[str, Any]] = field(default_factory=list)
    """Visits and answers heard while a deferred request's acceptance was still on its way: type and data."""


def timer_at(call: Call) -> datetime | None:
    """When a deadline of this call next has something to say."""
    notices = [next_notice(running(call, name)) for name, clock in call.clocks.items() if not clock.get("held")]
    return min((notice[1] for notice in notices if notice), default=None)


def running(call: Call, name: DeadlineName) -> Clock:
    """A deadline of this call that runs, and what has been said of it."""
    clock = call.clocks[name]
    return Clock(
        deadline=name,
        channel=call.channel,
        started_at=_moment(clock["started_at"]),
        due_at=_moment(clock["due_at"]),
        limit_seconds=clock["limit_seconds"],
        approaching_at=_moment(clock["approaching_at"]),
        said=_NOTICES.get(clock["said"]),
    )


def open_since(call: Call, deadline: DeadlineName) -> datetime | None:
    """When the clock of a deadline that is not answered yet started."""
    clock = call.clocks.get(deadline)
    return datetime.fromisoformat(clock["started_at"]) if clock else None


Waits = Literal["decision", "schedule", "place", "clinic"]
"""What an open answer waits for: intake's decision, the scheduler's, a place in a doctor's day, or the clinic's staff,
who give it aloud. The first three do not come without the system or without somebody who helps it."""


def answer_waits(call: Call) -> tuple[datetime, datetime, Waits] | None:
    """Of an answer that is open: when half of its time is used, when all of it is, and what it waits for."""
    clock = call.clocks.get("answer")
    if clock is None:
        return None
    started_at, due_at = datetime.fromisoformat(clock["started_at"]), datetime.fromisoformat(clock["due_at"])
    half = started_at + (due_at - started_at) / 2
    if clock.get("held"):
        return half, due_at, "decision"
    if call.visit is not None:
        return half, due_at, "clinic"
    return half, due_at, "place" if call.unplaced else "schedule"


def day_of(call: Call) -> date | None:
    """The day in whose register the call stands, or will stand by what is known; None before anything is."""
    day = call.register_date or call.opens_at
    return None if day is None else date.fromisoformat(day[:10])


class Notifier:
    """The decisions, bound to the rule sets in force, to what is known of clinics, and to what goes out by SMS."""

    def __init__(
        self,
        rules: RuleSets,
        clinic: Callable[[str], ClinicFacts],
        sms_statuses: Collection[str] = (),
        calendar: Callable[[str, RuleSet], ClinicCalendar | None] = lambda _clinic_id, _rules: None,
    ) -> None:
        self._rules = rules
        self._clinic = clinic
        self._calendar = calendar
        self._sms_statuses = sms_statuses

    def target(self, event: Incoming) -> str | None:
        """The request that the event is about."""
        heard = RequestEvent | RequestIdentityChecked | VisitEvent | AnswerGiven
        return event.subject if isinstance(event.data, heard) else None

    def takes_broken(self, event: Incoming) -> bool:
        """None: a broken event of intake or scheduler, or a broken answer, says nothing that could be told."""
        del event
        return False

    def pending(self, state: Call) -> bool:
        """Never: no number is given here."""
        del state
        return False

    def decide(self, state: Call | None, event: Incoming, facts: None, now: datetime) -> Decision[Call]:
        """What an event says of a call. What is history or repeated changes nothing."""
        del facts
        data = event.data
        if state is None and not isinstance(data, RequestEvent):
            return Decision(park=True)
        if state is None:
            state = Call(request_id=event.subject, clinic_id=event.clinic_id)
        if isinstance(data, AnswerGiven) and data.clinic_id != state.clinic_id:
            return Decision(dead=Dead("invalid_transition", _ANOTHER_CLINIC))
        asked_at = _asked_at(state)
        if isinstance(data, AnswerGiven) and asked_at is not None and data.at < asked_at:
            return Decision(dead=Dead("invalid_transition", before_request(data.TYPE, asked_at)))
        telling = self._telling(state, now)
        self._hear(telling, data)
        return telling.decision()

    def due(self, state: Call, facts: None, now: datetime) -> Decision[Call]:
        """Say which deadlines are near (80 %) or over, and ``delayed`` where the answer is.

        Where the due time has passed as well, nothing is said to be near any more (R14).
        """
        del facts
        telling = self._telling(state, now)
        clocks = [running(state, name) for name, clock in state.clocks.items() if not clock.get("held")]
        for clock in sorted(clocks, key=lambda each: each.due_at):
            notice = due_notice(clock, now)
            if notice is not None:
                telling.say_deadline(clock.deadline, notice)
            if notice == "missed" and clock.deadline == "answer" and state.status == "registered":
                telling.tell("delayed", at=clock.due_at)
        return telling.decision()

    # ------------------------------------------------------------ what is heard

    def _hear(self, telling: _Telling, data: Event | None) -> None:
        call = telling.call
        match data:
            case RequestEvent():
                self._hear_request(telling, data)
            case AnswerGiven() if _undecided(call) and any(each["type"] == data.TYPE for each in call.early):
                pass  # of several answers the first counts
            case VisitEvent() | AnswerGiven() | RequestIdentityChecked() if _undecided(call):
                kept = {"type": data.TYPE, "data": data.model_dump(mode="json", by_alias=True, exclude_none=True)}
                telling.change(early=[*call.early, kept][-_MOST_EARLY:])
            case AnswerGiven():
                self._answer(telling, data)
            case RequestIdentityChecked():
                self._check_identity(telling, data)
            case VisitEvent() if data.revision > call.visit_revision:
                self._hear_visit(telling, data)

    def _hear_request(self, telling: _Telling, data: RequestEvent) -> None:
        before, undecided = telling.call.status, _undecided(telling.call)
        match data:
            case RequestAccepted() if undecided:
                self._accept(telling, data)
            case RequestRefused() if undecided:
                self._refuse(telling, data)
            case RequestDeferred() if undecided:
                self._defer(telling, data)
            case RequestHeld() if undecided:
                self._hold(telling, data)
            case RequestCancelled() if before not in {"refused", "withdrawn", *_FINISHED}:
                self._withdraw(telling, data)
        if undecided and not _undecided(telling.call):
            early = telling.call.early
            telling.change(early=[])
            for kept in early:
                self._hear(telling, MODELS[kept["type"]].model_validate(kept["data"]))

    def _hear_visit(self, telling: _Telling, data: VisitEvent) -> None:
        status = telling.call.status
        # A visit that was made is told even where the request had been withdrawn meanwhile; nothing else is.
        if status == "refused" or (status in {"withdrawn", *_FINISHED} and not isinstance(data, VisitClosed)):
            return
        telling.change(visit_revision=data.revision)
        match data:
            case VisitScheduled():
                self._schedule(telling, data)
            case VisitUnplaced():
                self._unplace(telling)
            case VisitClosed():
                self._close(telling, data)
            # Of visit.cancelled only the revision is kept: the withdrawal itself says it.

    # ------------------------------------------------------------ requests

    def _accept(self, telling: _Telling, data: RequestAccepted) -> None:
        channel = data.channel or UNKNOWN_CHANNEL
        rules = self._rules_of(data.submitted_at or data.clock_started_at, telling.clinic.zone)
        if telling.call.opens_at is None and _was_deferred(data):
            # Its request.deferred is a dead letter, or comes late: R19 has it said first all the same.
            telling.change(**_facts(data), opens_at=in_zone(data.clock_started_at), due_at=in_zone(data.due_at))
            telling.tell("deferred", opens_at=data.clock_started_at, deferred_again=False, opens_later=False)
        telling.change(
            **_facts(data),
            register_date=data.register_date.isoformat(),
            register_number=data.register_number,
            accepted_at=in_zone(data.accepted_at),
            due_at=in_zone(data.due_at),
            clock_started_at=in_zone(data.clock_started_at),
            answer_confirmed=telling.clinic.oral_confirmation and channel in _SPOKEN,
        )
        calendar = self._calendar_of(data, rules)
        telling.start(_answer(channel, data.clock_started_at, data.due_at, rules, calendar))
        telling.start(_service(data, rules, calendar, max(telling.at, data.accepted_at)))
        telling.tell("registered")
        telling.enter()

    def _defer(self, telling: _Telling, data: RequestDeferred) -> None:
        """Deferred to an opening, or from an opening day that turned out closed to a later one (R6, R16)."""
        known = telling.call.opens_at
        if known is not None and data.opens_at <= _moment(known):
            return
        if telling.call.clocks.get("answer", {}).get("said") != DeadlineMissed.TYPE:
            telling.change(clocks={})  # its time begins anew with that opening
        opens_at = in_zone(data.opens_at, telling.clinic.zone)
        telling.change(**_facts(data), opens_at=opens_at, due_at=in_zone(data.due_at))
        later = known is not None and known[:10] == opens_at[:10]
        telling.tell("deferred", opens_at=data.opens_at, deferred_again=known is not None, opens_later=later)

    def _hold(self, telling: _Telling, data: RequestHeld) -> None:
        """Intake cannot decide yet. It watches the answer's time, says and counts what of it is near or missed; here it
        is kept among those that are open, and told once it is missed.
        """
        channel = data.channel or UNKNOWN_CHANNEL
        before = telling.call.clocks.get("answer", {}).get("said", "")
        if before == DeadlineMissed.TYPE:
            return
        said = {"missed": DeadlineMissed.TYPE, "approaching": DeadlineApproaching.TYPE}.get(data.deadline, before)
        rules = self._rules_of(data.submitted_at or data.clock_started_at, telling.clinic.zone)
        telling.change(channel=channel)
        calendar = self._calendar_of(data, rules)
        telling.start(_answer(channel, data.clock_started_at, data.due_at, rules, calendar))
        telling.leave_to_intake("answer", said)
        if data.deadline == "missed":
            telling.change(**_facts(data), due_at=in_zone(data.due_at))
            telling.tell("delayed", at=data.due_at)

    def _check_identity(self, telling: _Telling, data: RequestIdentityChecked) -> None:
        """What the register of persons said later: it takes nothing back, but the register's line shows it (C9.3)."""
        person = telling.call.person
        checked = {"identity_unconfirmed", "identity_not_found"}
        flags = [flag for flag in person.get("flags", []) if flag not in checked]
        if data.outcome == "not_found":
            flags.append("identity_not_found")
        if flags != person.get("flags", []):
            telling.change(person=person | {"flags": flags})
            telling.enter()

    def _refuse(self, telling: _Telling, data: RequestRefused) -> None:
        """The refusal is an answer too: its clocks start and end here."""
        refusal = Refusal(
            code=data.code,
            fields=data.fields,
            existing_request_id=data.existing_request_id,
            next_acceptance_at=data.next_acceptance_at,
        )
        telling.change(
            **_facts(data),
            register_date=(data.submitted_at or telling.at).astimezone(telling.clinic.zone).date().isoformat(),
            due_at=in_zone(data.due_at) if data.due_at else telling.call.due_at,
            refusal=refusal.model_dump(mode="json", exclude_none=True),
        )
        rules = self._rules_of(data.submitted_at or telling.at, telling.clinic.zone)
        # Without a channel and a time of submission that could be read there is no limit to hold it against.
        started_at, due_at = _maybe(telling.call.opens_at) or data.submitted_at, _maybe(telling.call.due_at)
        if data.channel is not None and started_at is not None and due_at is not None:
            if rules is not None:
                # The clock that intake went by: at night that of the opening (R6), which may still be to come.
                limit = timedelta(seconds=rules.answer_limit(data.channel).seconds)
                started_at = min(due_at.astimezone(UTC) - limit, telling.at)
            telling.change(clock_started_at=in_zone(started_at))
            telling.start(_answer(data.channel, started_at, due_at, rules, None))
        telling.start(_service(data, rules, None, telling.at))
        telling.end(telling.at)
        telling.spoken("entry", telling.at)
        telling.tell(
            "refused",
            on_time=telling.call.on_time,
            refusal_code=data.code,
            refusal_fields=[each.path for each in data.fields],
            next_acceptance_at=data.next_acceptance_at,
            existing_request_id=data.existing_request_id,
        )
        telling.enter()

    def _withdraw(self, telling: _Telling, data: RequestCancelled) -> None:
        """A withdrawal ends every clock, and counts as neither met nor missed."""
        if not telling.call.status:
            telling.change(**_facts(data))
        if telling.call.register_number is None and data.register_number is not None and data.register_date is not None:
            # Its acceptance was not heard, and comes too late from now on: the register still shows the line.
            date, number = data.register_date.isoformat(), data.register_number
            telling.change(**_facts(data), register_date=date, register_number=number)
        telling.change(clocks={}, outcome="withdrawn")
        telling.tell("withdrawn")
        telling.enter()

    # ------------------------------------------------------------ visits and answers

    def _schedule(self, telling: _Telling, data: VisitScheduled) -> None:
        call = telling.call
        first = not call.visit_told
        if first and call.accepted_at is not None:
            telling.measure(Took(call.channel, "scheduling", _seconds(_moment(call.accepted_at), telling.at)))
            telling.spoken("entry", telling.at)
        if not call.answer_confirmed:
            telling.end(telling.at)
        visit = data.model_dump(mode="json", include={"visit_date", "arrives_from", "arrives_to", "doctor"})
        for flag in data.flags:
            telling.note(flag)
        telling.change(visit=visit, visit_told=True, unplaced=False)
        # A visit that nobody was told of before is no other one, whatever the scheduler had planned meanwhile.
        moved = isinstance(data, VisitRescheduled) and not first
        telling.tell(
            "rescheduled" if moved else "scheduled",
            on_time=telling.call.on_time if first else None,
            reschedule_reason=data.reason,
        )
        telling.enter()

    def _unplace(self, telling: _Telling) -> None:
        call = telling.call
        telling.change(visit=None, unplaced=True)
        if call.status != "delayed":
            telling.tell("delayed")
        if call.visit is not None:
            telling.enter()

    def _close(self, telling: _Telling, data: VisitClosed) -> None:
        if telling.call.outcome == data.outcome:
            return
        # Who was visited has been answered, at the latest by the visit.
        telling.end(data.at)
        telling.change(outcome=data.outcome)
        # Who was told no time before is answered by the visit.
        late = telling.call.on_time is False and not telling.call.visit_told
        telling.tell("completed" if data.outcome == "served" else "not_completed", outcome=data.outcome, late=late)
        telling.enter()

    def _answer(self, telling: _Telling, data: AnswerGiven) -> None:
        """The oral answer was given; of several, the first that is heard counts."""
        call = telling.call
        if call.register_date is None or call.answered_at is not None:
            return
        asked_at = _asked_at(call)
        if asked_at is not None and data.at < asked_at:
            # It came before anything was known of the request, and was kept: its record can be refused no more.
            telling.note(ANSWER_TIME_IMPLAUSIBLE)
            telling.enter()
            return
        telling.change(answered_at=in_zone(data.at), answered_by=_staff(data.given_by))
        telling.spoken("oral_answer", data.at)
        if call.answer_confirmed:
            telling.end(data.at)
        telling.enter()

    def _telling(self, call: Call, now: datetime) -> _Telling:
        # Where to complain is a matter of today's law, whenever the call was made.
        return _Telling(call, self._clinic(call.clinic_id), now, self._sms_statuses, self._rules.nearest(now.date()))

    def _calendar_of(self, data: RequestEvent, rules: RuleSet | None) -> ClinicCalendar | None:
        return None if rules is None else self._calendar(data.clinic_id, rules)

    def _rules_of(self, application: datetime, zone: ZoneInfo) -> RuleSet | None:
        """The rules of the day of the application (R12); none for a date, of a refused request, that no law covers."""
        try:
            return self._rules.on(application.astimezone(zone).date())
        except NotCoveredError:
            return None


class _Telling:
    """A decision in the making: the call as it will be, and what is said on the way."""

    def __init__(
        self, call: Call, clinic: ClinicFacts, now: datetime, sms_statuses: Collection[str], rules: RuleSet
    ) -> None:
        self.call = call
        self._rules = rules
        self._sms_statuses = sms_statuses
        self.clinic = clinic
        # Never before what was told last, whichever replica's clock that was by.
        self.at = self._not_before_last(now)
        self._before = call
        self._says: list[OutgoingEvent] = []
        self._measures: list[Measure] = []

    def decision(self) -> Decision[Call]:
        if self.call == self._before:
            return Decision()
        return Decision(self.call, self._says, self._measures)

    def change(self, **fields: Any) -> None:
        self.call = replace(self.call, **fields)

    def measure(self, measure: Measure) -> None:
        self._measures.append(measure)

    def spoken(self, stage: Literal["entry", "oral_answer"], at: datetime) -> None:
        """Measure one of the two ends that an answer by desk and phone has (C6.1), whichever of them counts there."""
        started_at = _maybe(self.call.clock_started_at)
        if self.call.channel in _SPOKEN and started_at is not None:
            self.measure(Took(self.call.channel, stage, max(0.0, _seconds(started_at, at))))

    # ------------------------------------------------------------ statuses and the register

    def tell(
        self, status: RequestStatus, *, at: datetime | None = None, on_time: bool | None = None, **more: Any
    ) -> None:
        """Say a status, with its texts. ``more`` are facts of this status alone."""
        at = self.at if at is None else self._not_before_last(at)
        due_at = _maybe(self.call.due_at)
        late = on_time is False or (status == "delayed" and due_at is not None and due_at <= at)
        facts = self._facts(status, at, {"late": late} | more)
        self.change(
            status=status,
            sequence=self.call.sequence + 1,
            occurred_at=in_zone(at),
            oral_answer=oral_answer(status, facts).as_dict(),
        )
        call, visit = self.call, self._visit(status)
        changed = StatusChanged(
            request_id=call.request_id,
            clinic_id=call.clinic_id,
            channel=call.channel,
            sequence=call.sequence,
            status=status,
            occurred_at=at,
            text=Trilingual(**status_text(status, facts).as_dict()),
            register_number=call.register_number,
            due_at=_maybe(call.due_at),
            visit=None if visit is None else VisitTimes(doctor_name=visit["doctor"]["full_name"], **visit),
            refusal=None if call.refusal is None else Refusal.model_validate(call.refusal),
            on_time=on_time,
            emergency=call.emergency,
        )
        self._says.append(OutgoingEvent(changed, sibling=f"{status} {call.sequence}", time=call.occurred_at))
        if status in self._sms_statuses:
            self._notify(status, facts, at)

    def _notify(self, status: RequestStatus, facts: StatusFacts, at: datetime) -> None:
        """Note what is to be told by SMS: stored with the status itself, so that neither is there without the other."""
        call = self.call
        visit = self._visit(status)
        until = of_use_until(status, at, visit=visit, due_at=_maybe(call.due_at))
        notice = {
            "sequence": call.sequence,
            "status": status,
            "at": call.occurred_at,
            "text": sms_text(status, facts, call.reader.get("language") or "kk"),
            "urgent": call.emergency,
            "use_until": in_zone(until),
            "needed_by": in_zone(until) if visit is None else visit["arrives_from"],
            "asked_at": call.reader.get("asked_at"),
            **({} if self.clinic.zone is ZONE else {"zone": self.clinic.zone.key}),
        }
        # An older one that nobody took up is overtaken: only the newest is ever sent.
        self.change(notices=[*call.notices, notice][-MOST_NOTICES:])

    def enter(self) -> None:
        """Say the register's line as it now stands; nothing where the call has none."""
        call = self.call
        if call.register_date is None:
            return
        self.change(revision=call.revision + 1)
        visit = call.visit or {}
        entry = JournalEntry(
            clinic_id=call.clinic_id,
            register_date=date.fromisoformat(call.register_date),
            register_number=call.register_number,
            revision=self.call.revision,
            request_id=call.request_id,
            channel=call.channel,
            accepted_at=_maybe(call.accepted_at),
            doctor=visit.get("doctor"),
            arrives_from=_maybe(visit.get("arrives_from")),
            arrives_to=_maybe(visit.get("arrives_to")),
            oral_answer=Trilingual(**call.oral_answer),
            answered_at=_maybe(call.answered_at),
            answered_by=None if call.answered_by is None else StaffMember.model_validate(call.answered_by),
            outcome=call.outcome,
            refusal=None if call.refusal is None else RefusalCodeOnly(code=call.refusal["code"]),
            **call.person,
        )
        self._says.append(OutgoingEvent(entry, sibling=str(entry.revision), time=in_zone(self.at)))

    def _facts(self, status: RequestStatus, at: datetime, more: dict[str, Any]) -> StatusFacts:
        call, visit = self.call, self._visit(status)
        due_at = _maybe(call.due_at)
        if visit is not None:
            more = more | {
                "visit_date": date.fromisoformat(visit["visit_date"]),
                "arrives_from": _moment(visit["arrives_from"]),
                "arrives_to": _moment(visit["arrives_to"]),
                "doctor_name": visit["doctor"]["full_name"],
                "doctor_specialty": visit["doctor"]["specialty"],
            }
        minutes = None if due_at is None else int(_seconds(at, due_at) // 60)
        more = more | {"due_at": due_at}
        # People are told by their clinic's clock (R20).
        here = {name: each.astimezone(self.clinic.zone) for name, each in more.items() if isinstance(each, datetime)}
        return StatusFacts(
            emergency=call.emergency,
            channel=call.channel,
            clinic_name=self.clinic.name,
            clinic_phone=self.clinic.phone,
            register_number=call.register_number,
            minutes=minutes,
            ministry=ministry_of(self._rules),
            directory=directory_of(self._rules),
            **more | here,
        )

    def _visit(self, status: RequestStatus) -> dict[str, Any] | None:
        return self.call.visit if status in _WITH_VISIT else None

    def _not_before_last(self, moment: datetime) -> datetime:
        last = _maybe(self.call.occurred_at)
        return moment if last is None else max(moment, last)

    def note(self, flag: str) -> None:
        """Add a flag to the register's line."""
        person = self.call.person
        if flag not in person.get("flags", []):
            self.change(person=person | {"flags": [*person.get("flags", []), flag]})

    # ------------------------------------------------------------ deadlines

    def start(self, clock: Clock | None) -> None:
        if clock is None:
            return
        started = {
            "started_at": in_zone(clock.started_at),
            "due_at": in_zone(clock.due_at),
            "approaching_at": in_zone(clock.approaching_at),
            "limit_seconds": clock.limit_seconds,
            # What was said before the request was decided stays said.
            "said": self.call.clocks.get(clock.deadline, {}).get("said", ""),
        }
        self.change(clocks=self.call.clocks | {clock.deadline: started})

    def end(self, at: datetime) -> None:
        """The answer is there: every clock that runs ends, with one verdict each ("at most": the due time is met)."""
        for deadline, clock in self.call.clocks.items():
            if deadline == "service" and at < _moment(clock["started_at"]):
                # Answered before anybody was served: one of the two times is wrong, and neither is counted (R21).
                self.note(SERVICE_TIME_IMPLAUSIBLE)
                continue
            late = clock["said"] == DeadlineMissed.TYPE or at > _moment(clock["due_at"])
            if not late:
                self.measure(Ended(deadline, self.call.channel, "met"))
            elif clock["said"] != DeadlineMissed.TYPE:
                self.say_deadline(deadline, "missed")
            stage: Stage = "service" if deadline == "service" else "answer"
            # What was deferred may be answered before its opening: that took no time of the answer's.
            self.measure(Took(self.call.channel, stage, max(0.0, _seconds(_moment(clock["started_at"]), at))))
            if deadline == "answer":
                self.change(on_time=not late)
        self.change(clocks={})

    def leave_to_intake(self, deadline: DeadlineName, said: str) -> None:
        """Intake watches it until it has decided: what it has said of it, and counted, is not said again."""
        clock = self.call.clocks[deadline]
        self.change(clocks=self.call.clocks | {deadline: clock | {"said": said, "held": True}})

    def say_deadline(self, name: DeadlineName, notice: Notice) -> None:
        """Say that a deadline is near; or say, and count, that it was missed."""
        call, stored = self.call, self.call.clocks[name]
        clock = running(call, name)
        event = deadline_event(notice, clock, subject_id=call.request_id, clinic_id=call.clinic_id, stage=_stage(call))
        self._says.append(OutgoingEvent(event, sibling=name, time=stored[_TIMES[notice]]))
        self.change(clocks=call.clocks | {name: stored | {"said": event.TYPE}})
        if notice == "missed":
            self.measure(Ended(name, call.channel, "missed"))


def _was_deferred(data: RequestAccepted) -> bool:
    """Whether an accepted request had waited for an opening: only then its clock starts after it was made (R6)."""
    return (
        data.channel == "portal"
        and data.submitted_at is not None
        and data.submitted_at < data.clock_started_at == data.accepted_at
    )


def _undecided(call: Call) -> bool:
    """Whether intake has not decided yet, as far as was heard: nothing, a deferral, or that it is held up."""
    return call.status in {"", "deferred"} or (call.status == "delayed" and call.accepted_at is None)


def _stage(call: Call) -> str:
    """Where a call stands, as deadline events have it."""
    if call.refusal is not None:
        return "refused"
    if call.visit is not None:
        return "scheduled"
    return "unplaced" if call.unplaced else "registered"


def _facts(data: RequestEvent) -> dict[str, Any]:
    """What every event of a request says of it, as far as it could be read."""
    patient, applicant = data.patient, data.applicant
    person = {
        "patient_name": (patient.full_name if patient else None) or "",
        # Whom to ring at the door: for a child, say, only the applicant has a telephone.
        "phone": (patient.phone if patient else None) or (applicant.phone if applicant else None),
        "address": data.address.model_dump(mode="json", exclude_none=True) if data.address else None,
        "reasons": data.reasons,
        "flags": data.flags,
        "registrar": data.registrar.model_dump(mode="json") if data.registrar else None,
    }
    reader = {
        "phones": [phone for each in (patient, applicant) if each is not None and (phone := each.phone)],
        "language": patient.language if patient else None,
        "sms": patient.sms if patient else None,
        "asked_at": in_zone(data.submitted_at) if data.submitted_at else None,
    }
    return {
        "channel": data.channel or UNKNOWN_CHANNEL,
        "emergency": bool(data.red_flags),
        "person": {name: value for name, value in person.items() if value is not None},
        "reader": {name: value for name, value in reader.items() if value is not None},
    }


def _service(
    data: RequestEvent, rules: RuleSet | None, calendar: ClinicCalendar | None, heard_at: datetime
) -> Clock | None:
    """The time of being served (C4.3); none through the portal, or where its start is not known or cannot be (R21)."""
    started_at = data.service_started_at
    if data.channel is None or started_at is None or rules is None or SERVICE_TIME_IMPLAUSIBLE in data.flags:
        return None
    if data.submitted_at is not None and SERVICE_TIME_IMPLAUSIBLE in implausible_times(
        queued_at=data.queued_at,
        service_started_at=started_at,
        submitted_at=data.submitted_at,
        known_by=heard_at,
        tolerance=timedelta(seconds=rules.clock_tolerance.seconds),
    ):
        return None  # an intake of an earlier release did not judge it
    started_at = min(started_at, heard_at)
    return service_clock(channel=data.channel, service_started_at=started_at, rules=rules, calendar=calendar)


def _asked_at(call: Call) -> datetime | None:
    """When the request was made, as far as that is known: no answer was given before (R21)."""
    return min(filter(None, (_maybe(call.reader.get("asked_at")), _maybe(call.clock_started_at))), default=None)


def _answer(
    channel: str, started_at: datetime, due_at: datetime, rules: RuleSet | None, calendar: ClinicCalendar | None
) -> Clock:
    """The time to the answer, as intake has said it (C4.1, C4.4, R6)."""
    share = _SHARE if rules is None else rules.approaching.share
    near = near_at(started_at, due_at, share, calendar)
    return Clock("answer", channel, started_at, due_at, max(0, int(_seconds(started_at, due_at))), near)


def _staff(member: StaffMember) -> dict[str, Any]:
    return {name: without_iins(text) for name, text in member.model_dump(mode="json").items()}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _maybe(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _seconds(start: datetime, end: datetime) -> float:
    return (end.astimezone(UTC) - start.astimezone(UTC)) / timedelta(seconds=1)
