"""The life of a complaint, from delivery to its final answer (C10, C11, R9, R9a, R10). Pure: time is an argument.

A complaint goes through one stage, or two: the second is the quality authority's. Each stage has its own incoming
number, term, executors and outcome. A command is for the stage that is the last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict, cast, get_args

from homecall.contract.authority import Authority
from homecall.contract.envelope import Incoming
from homecall.contract.events import (
    AnswerBy,
    ComplaintAnswered,
    ComplaintAssigned,
    ComplaintCommand,
    ComplaintEscalated,
    ComplaintExecuted,
    ComplaintRefused,
    ComplaintStage,
    ComplaintStatus,
    ComplaintStatusChanged,
    ComplaintSubmitted,
    FieldError,
    Language,
)
from homecall.contract.ids import cause_id
from homecall.contract.iins import without_iins
from homecall.contract.types import in_zone
from homecall.runtime.engine.decision import Dead, Decided, Decision, Ended, Measure, OutgoingEvent
from homecall.standard.acceptance import ClockAheadError
from homecall.standard.calendar import ClinicCalendar, NeverOpenError, local
from homecall.standard.clinics import Clinics
from homecall.standard.complaints import Term, complaint_term
from homecall.standard.deadlines import Clock, Notice, complaint_clock, deadline_event, due_notice, next_notice
from homecall.standard.rules import NotCoveredError, RuleSet, RuleSets
from homecall.texts.complaints import ComplaintFacts, NextStep, complaint_text, next_steps
from homecall.texts.language import Text
from services.complaints.answers import (
    as_text,
    contacts,
    in_words,
    is_address,
    office,
    on_duty,
    same_place,
    way_of,
    ways,
)
from services.complaints.calls import UNLINKED, CallTimeline, KeptCall, by_name, note_on, same_name, verdicts

CHANNELS = ("post", "in_person", "portal")

_OPEN = ("registered", "assigned", "executed")
_LOOK_AGAIN = timedelta(minutes=10)
"""When to look again at a complaint whose clinic has no opening left, and at the call that a complaint names."""
_CALL_UNHEARD = timedelta(hours=24)
"""How long a complaint's file waits for a call of which nothing was heard: as long as any event for its subject."""
_MOST_LINKED = 100
"""Complaints that one names as linked: thousands of complaints about one call fill no document with their ids."""
_FIRST_TRY, _LONGEST_TRY = timedelta(seconds=15), timedelta(minutes=15)
"""How soon a signature that could not be checked is tried again, and how rarely at most."""


class Stage(TypedDict):
    """A complaint at one addressee. Times are RFC 3339 texts; what is not known yet is None or empty.

    ``came_at`` is when it was submitted or escalated, ``registers_at`` the opening that registers it when that was
    outside working hours (R9a). ``flags`` and ``ruling`` say how its term came about. ``office`` is where its addressee
    hands answers over, in three languages; ``received_by`` who answers for a registration by the system; ``contacts``
    the addresses that the next steps name. An earlier release stored none of the three.
    """

    stage: ComplaintStage
    grounds: str | None
    came_at: str
    registers_at: str | None
    look_again_at: str | None
    registered_at: str | None
    answer_due_on: str | None
    answer_due_at: str | None
    approaching_at: str | None
    limit_seconds: int
    term_days: int
    quality_authority_days: int
    flags: list[str]
    ruling: dict[str, Any]
    number: str | None
    executors: list[dict[str, Any]]
    measures: list[dict[str, Any]]
    answer: dict[str, Any] | None
    refusal: dict[str, Any] | None
    approaching_said: bool
    missed_said: bool
    office: NotRequired[dict[str, str] | None]
    received_by: NotRequired[dict[str, Any]]
    contacts: NotRequired[dict[str, dict[str, str]]]


class Held(TypedDict):
    """A complaint whose signature cannot be checked yet: the event, sealed, when to try again, and its term meanwhile.

    ``started_at`` and what follows are None while the clinic has no opening; ``said`` is ``""``, ``approaching`` or
    ``missed``. ``held_until``, when it is refused (R24), is missing where an earlier release held it.
    """

    kept: dict[str, Any]
    try_again_at: str
    tries: int
    stage: ComplaintStage
    started_at: str | None
    approaching_at: str | None
    due_at: str | None
    limit_seconds: int
    said: Notice | Literal[""]
    held_until: NotRequired[str]


class Draft(TypedDict):
    """What is to be said of a stage, complete but for the incoming number: a status, or ``approaching``, ``missed``."""

    says: str
    stage: int
    numbered: bool
    time: str
    status: NotRequired[dict[str, Any]]


class Unsaid(TypedDict):
    """The drafts of one cause that wait for a number."""

    cause: str
    traceparent: str | None
    drafts: list[Draft]


@dataclass
class ComplaintState:
    """A complaint as its service keeps it: no IIN, and no signature.

    ``status`` is where the last stage stands: ``delivered`` or ``escalated`` until it is registered, then
    ``registered``, ``assigned``, ``executed``, ``answered`` or ``refused``. ``invalid`` is a complaint that was refused
    as ``invalid_complaint``: it has no stage, and nothing changes it. ``held`` is one whose signature cannot be checked
    yet: it has no stage either, and its commands wait.

    ``matter`` stands for the person and the call, as keyed indexes by IIN and by name with phone: complaints that share
    one are about one matter. ``linked`` are those that were there when this one was registered. ``call`` is the call
    that it names, as it was known that day. ``answer_asked`` is how the answer was asked for, where it cannot go so.
    """

    complaint_id: str
    clinic_id: str
    status: str
    channel: str = ""
    sequence: int = 0
    request_id: str | None = None
    complainant: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    received_by: dict[str, Any] | None = None
    answer_by: AnswerBy | None = None
    answer_asked: AnswerBy | None = None
    answer_place: str | None = None
    refusal: dict[str, Any] | None = None
    stages: list[Stage] = field(default_factory=list)
    unsaid: list[Unsaid] = field(default_factory=list)
    held: Held | None = None
    matter: dict[str, str] = field(default_factory=dict)
    linked: list[str] = field(default_factory=list)
    call: KeptCall | None = None


class Wanted(NamedTuple):
    """A number that a registered stage waits for: the page and the subject on it."""

    page: str
    subject: str
    registered_at: str


# ---------------------------------------------------------------- what the engine asks


def decide(
    state: ComplaintState | None,
    event: Incoming,
    *,
    clinics: Clinics,
    rule_sets: RuleSets,
    record_time: datetime | None,
    now: datetime,
    bad_signature: FieldError | None = None,
    kept: dict[str, Any] | None = None,
    held: Held | None = None,
    told: int = 0,
    matter: Mapping[str, str] | None = None,
    officer: Mapping[str, str] | None = None,
    authority: Authority | None = None,
) -> Decision[ComplaintState]:
    """Decide on any event of a complaint.

    ``record_time`` is the Kafka record's, or None where it is not judged (R17); ``bad_signature`` is what is wrong with
    the signature of one from the portal (C9.2); ``matter`` is what stands for its person and call, see ``person_of``.
    What is not in order is told as ``invalid_transition`` with its way out, and changes nothing; a command before its
    complaint waits for it.

    ``authority`` says in which stages the sender of a command acts (R22); None where senders are not asked.

    ``kept`` is the event, sealed, of a complaint whose signature cannot be checked now: it is held. ``held`` is what
    stood of one that was, and can be decided on now; ``told`` is how many statuses were sent of it meanwhile.
    ``officer`` is on duty for what the system accepts by itself (C10.2).
    """
    if state is None:
        if event.type == ComplaintSubmitted.TYPE:
            return _submitted(
                event, clinics, rule_sets, record_time, now, bad_signature, kept, held, told, matter or {}, officer
            )
        return Decision(park=True)
    if any(waiting["cause"] == event.causation_id for waiting in state.unsaid):
        return Decision()  # decided already; its number follows
    if state.clinic_id != event.clinic_id:
        return _not_in_order(
            "clinic_id: this complaint is another clinic's: send that clinic's id, "
            "or a complaint of your own under a new complaint_id"
        )
    if event.type == ComplaintSubmitted.TYPE:
        # The same complaint_id is the same complaint, whatever event brings it; only a corrected one must not get lost.
        corrected = state.status == "invalid" and event.data is not None
        return _not_in_order(_STAYS_REFUSED) if corrected else Decision()
    if state.status == "invalid":
        return _not_in_order(_STAYS_REFUSED)
    if state.status == "held":
        return Decision(park=True)
    data = event.data
    assert isinstance(data, ComplaintCommand)
    if authority is not None and (why := _not_its_stage(state, data, authority)):
        return Decision(dead=Dead("unauthorised", why))
    moment = data.at if record_time is None else min(data.at, record_time)
    course = _Course(deepcopy(state), clinics, rule_sets, officer)
    try:
        course.pass_until(moment)
        changed = course.obey(data, moment)
    except _NotInOrder as error:
        return _not_in_order(str(error))
    return course.decision(event.causation_id, event.traceparent) if changed else Decision()


def _not_its_stage(state: ComplaintState, data: ComplaintCommand, authority: Authority) -> str | None:
    """Why the sender may not give this command at the stage where the complaint stands; None where it may (R22)."""
    stage = state.stages[-1]["stage"]
    if isinstance(data, ComplaintEscalated):
        if authority.escalates_from(stage):
            return None
        who = "the portal, the stage's addressee or the quality authority sends it"
    elif authority.acts_at(stage):
        return None
    else:
        who = f"a sender with {stage} among its stages sends it"
    return f"the complaint is at stage {stage}, in which this sender does not act: {who}, or have the list changed"


def timer_at(state: ComplaintState) -> datetime | None:
    """When the next thing is due by itself: the registration, 80 % of the term, its end; another try or look."""
    if state.held is not None:
        try_again_at = datetime.fromisoformat(state.held["try_again_at"])
        clock = _held_deadline(state.channel, state.held)
        notice = next_notice(clock) if clock else None
        return min(try_again_at, notice[1]) if notice else try_again_at
    return min((each for each in (_item_at(state), look_at(state)) if each is not None), default=None)


def _item_at(state: ComplaintState) -> datetime | None:
    if not state.stages:
        return None
    item = _next_item(state)
    return datetime.fromisoformat(item[1]) if item else None


def due(
    state: ComplaintState,
    now: datetime,
    *,
    clinics: Clinics,
    rule_sets: RuleSets,
    calls: Mapping[str, CallTimeline] | None = None,
    officer: Mapping[str, str] | None = None,
) -> Decision[ComplaintState]:
    """Pass the one thing that is due first, at its own time and not the tick's (R9a, C10.4, C10.8).

    ``calls`` are the timelines of calls that are to be looked at again; ``officer`` as in ``decide``.
    """
    item = _item_at(state)
    look = look_at(state)
    if look is not None and look <= now and (item is None or look <= item):
        state = deepcopy(state)
        state.call = _looked_again(state, calls or {}, now, rule_sets)
        return Decision(state)
    if item is None or item > now:
        return Decision()
    course = _Course(deepcopy(state), clinics, rule_sets, officer)
    course.pass_item(now)
    causation_id = cause_id(
        "/homecall/complaints", f"{state.complaint_id} {len(state.stages)} {in_zone(item)}", "timer"
    )
    return course.decision(causation_id, None)


def awaits_number(state: ComplaintState) -> bool:
    """Whether a stage is registered and has no incoming number yet."""
    return bool(state.unsaid)


def open_since(state: ComplaintState) -> datetime | None:
    """Since when the clock runs that has not been answered; None when none runs."""
    if state.held is not None:
        return datetime.fromisoformat(state.held["started_at"]) if state.held["started_at"] else None
    if state.status not in _OPEN:
        return None
    registered_at = state.stages[-1]["registered_at"]
    return datetime.fromisoformat(registered_at) if registered_at else None


# ---------------------------------------------------------------- numbers


def wanted_numbers(state: ComplaintState) -> list[Wanted]:
    """The numbers that are waited for: one sequence per clinic and year of registration, for all stages (C10.2)."""
    return [
        Wanted(
            f"{state.clinic_id}|{_date(stage['registered_at']).year}",
            f"{state.complaint_id}|{place}",
            stage["registered_at"],
        )
        for place, stage in enumerate(state.stages, start=1)
        if stage["registered_at"] is not None and stage["number"] is None
    ]


def numbered(
    state: ComplaintState,
    numbers: Mapping[tuple[str, str], int],
    *,
    opening: Opening | None = None,
) -> tuple[ComplaintState, list[tuple[Unsaid, list[OutgoingEvent]]]]:
    """The complaint with its numbers, by (page, subject), and what each waiting cause now says.

    With its first number its file is opened: ``opening`` is what it opens with.
    """
    state = deepcopy(state)
    if opening is not None and opens(state):
        state.linked = sorted(opening.linked)[:_MOST_LINKED]
        state.call = _opened(state, opening)
    for wanted in wanted_numbers(state):
        place = int(wanted.subject.rpartition("|")[2]) - 1
        year = wanted.page.rpartition("|")[2]
        state.stages[place]["number"] = f"{year}-{numbers[wanted.page, wanted.subject]}"
    waiting, state.unsaid = state.unsaid, []
    return state, [(each, [_say(state, draft) for draft in each["drafts"]]) for each in waiting]


# ---------------------------------------------------------------- the call and the person it is about


class Opening(NamedTuple):
    """What is known of a complaint's matter when its file is opened.

    ``linked`` are the other complaints of the same person about the same call.
    """

    calls: Mapping[str, CallTimeline]
    linked: Sequence[str]
    now: datetime
    rule_sets: RuleSets


def person_of(data: ComplaintSubmitted) -> dict[str, str]:
    """By what two complaints are known to be the same person's: the IIN, and the name with the phone.

    Who gives no phone is known by name alone, among those who give none. Spaces, capitals and the way in which a phone
    is written tell nobody apart.
    """
    complainant = data.complainant
    by = {"name": by_name(complainant.full_name, complainant.phone)}
    return by | ({"iin": complainant.iin} if complainant.iin else {})


def same_matter(one: ComplaintState, other: ComplaintState) -> bool:
    """Whether both are of one person about one call. Two IINs that differ are two people, whatever their names are."""
    if one.complaint_id == other.complaint_id or not one.matter or not other.matter:
        return False
    by = "iin" if "iin" in one.matter and "iin" in other.matter else "name"
    return one.matter.get(by) == other.matter.get(by)


def opens(state: ComplaintState) -> bool:
    """Whether the number that is waited for is its first: its file is opened with it."""
    return bool(state.stages) and state.stages[0]["registered_at"] is not None and state.stages[0]["number"] is None


def look_at(state: ComplaintState) -> datetime | None:
    """When to look again for what is known of the call; None where nothing is awaited any more."""
    again = state.call and state.call["look_again_at"]
    return datetime.fromisoformat(again) if again else None


def _opened(state: ComplaintState, opening: Opening) -> KeptCall | None:
    """The call as it is known now. One that nothing was heard of may follow: there is no order between topics."""
    if state.request_id is None:
        return None
    timeline = opening.calls.get(state.request_id)
    return _keep(state, timeline, timeline.lines if timeline else [], opening.now, opening.now, opening.rule_sets)


def _looked_again(
    state: ComplaintState, calls: Mapping[str, CallTimeline], now: datetime, rule_sets: RuleSets
) -> KeptCall:
    """The file with the lines that were under way when it was opened; what happened since is not added to it.

    A call of which nothing had been heard is kept as it is now.
    """
    kept = state.call
    assert kept is not None
    timeline = calls.get(kept["request_id"])
    if timeline is None or not kept["lines"]:
        return _keep(state, timeline, timeline.lines if timeline else [], now, now, rule_sets)
    as_of = datetime.fromisoformat(kept["as_of"])
    by_then = [each for each in timeline.lines if datetime.fromisoformat(each["time"]) <= as_of]
    # What was kept stays, whatever its time is.
    lines = by_then + [each for each in kept["lines"] if each not in by_then]
    lines.sort(key=lambda each: datetime.fromisoformat(each["time"]))
    return _keep(state, timeline, lines, as_of, now, rule_sets, last=True)


def _keep(
    state: ComplaintState,
    timeline: CallTimeline | None,
    lines: list[dict[str, Any]],
    as_of: datetime,
    now: datetime,
    rule_sets: RuleSets,
    *,
    last: bool = False,
) -> KeptCall:
    assert state.request_id is not None
    registered_at = state.stages[0]["registered_at"]
    assert registered_at is not None
    until = datetime.fromisoformat(registered_at) + _CALL_UNHEARD
    note = note_on(timeline, state.clinic_id, state.matter) if timeline else None
    linked = timeline if note not in UNLINKED else None
    lines = [] if linked is None else lines
    closed = last or note in UNLINKED or (not lines and now >= until)
    return KeptCall(
        request_id=state.request_id,
        clinic_id=linked.clinic_id if linked else None,
        as_of=in_zone(as_of),
        lines=lines,
        deadlines=verdicts(lines, as_of, _rules_of(lines, rule_sets)),
        look_again_at=None if closed else in_zone(now + _LOOK_AGAIN),
        note=note,
    )


def _rules_of(lines: Sequence[Mapping[str, Any]], rule_sets: RuleSets) -> RuleSet | None:
    """The rules of the day of the application (R12); None for a date that no law covers."""
    submitted_at = next((each["submitted_at"] for each in lines if "submitted_at" in each), None)
    try:
        return None if submitted_at is None else rule_sets.on(_date(submitted_at))
    except NotCoveredError:
        return None


# ---------------------------------------------------------------- a complaint comes

_STAYS_REFUSED = (
    "this complaint was refused as invalid_complaint and stays so: send the corrected one under a new complaint_id"
)
_NO_WORDS = FieldError(
    path="text",
    message="says nothing: state in words what the complaint is about, and send it again under a new complaint_id",
)
_UNKNOWN_CLINIC = FieldError(
    path="clinic_id",
    message="names no clinic that has been published: check the id, or publish the clinic, "
    "and send the complaint again under a new complaint_id",
)


def _submitted(
    event: Incoming,
    clinics: Clinics,
    rule_sets: RuleSets,
    record_time: datetime | None,
    now: datetime,
    bad_signature: FieldError | None,
    kept: dict[str, Any] | None,
    held: Held | None,
    told: int,
    matter: Mapping[str, str],
    officer: Mapping[str, str] | None,
) -> Decision[ComplaintState]:
    data = event.data
    # Where else to go is a matter of today's law.
    rules_now = rule_sets.nearest(now.date())
    if not isinstance(data, ComplaintSubmitted):
        return _refuse(event, event.errors, now, told, rules_now)
    if clinics.get(data.clinic_id) is None:
        return _refuse(event, [_UNKNOWN_CLINIC], now, told, rules_now)
    if bad_signature is not None:
        return _refuse(event, [bad_signature], now, told, rules_now)
    if not in_words(without_iins(data.text)):
        return _refuse(event, [_NO_WORDS], now, told, rules_now)
    state = _kept(data, clinics)
    state.matter = dict(matter)
    state.sequence = told
    try:
        rules = rule_sets.on(local(data.submitted_at, clinics.zone(data.clinic_id)).date())
        term = _term(state, data.addressed_to, data.submitted_at, clinics, rules, record_time)
    except ClockAheadError as error:
        return _refuse(event, [_at_submission(f"{error}, and send the complaint again")], now, told, rules_now)
    except NotCoveredError as error:
        wrong = _at_submission(f"{error}: correct submitted_at, and send the complaint again")
        return _refuse(event, [wrong], now, told, rules_now)
    course = _Course(state, clinics, rule_sets, officer)
    came_at = data.submitted_at if record_time is None else min(data.submitted_at, record_time)
    if kept is not None:
        calendar = clinics.calendar(data.clinic_id, rules)
        held_now = _hold(state, data.addressed_to, kept, term, rules, calendar, now)
        # The same event as without the wait: a replay that can check the signature sends it again, under the same id.
        course.open("delivered", data.addressed_to, came_at, rules, None)
        return Decision(held_now, course.decision(event.causation_id, event.traceparent).says)
    course.open("delivered", data.addressed_to, came_at, rules, term, tell=told == 0)
    if held is not None:
        course.take_over(held, overdue_told=told > 1)
    return course.decision(event.causation_id, event.traceparent)


def _hold(
    state: ComplaintState,
    stage: ComplaintStage,
    kept: dict[str, Any],
    term: Term | None,
    rules: RuleSet,
    calendar: ClinicCalendar | None,
    now: datetime,
) -> ComplaintState:
    """A complaint whose signature cannot be checked now: delivered (R9a), neither registered nor refused (C10.4).

    Its term runs.
    """
    clock = None
    if term is not None:
        clock = complaint_clock(channel=state.channel, term=term, rules=rules, calendar=calendar)
    held = Held(
        kept=kept,
        try_again_at=in_zone(now + _FIRST_TRY),
        tries=0,
        stage=stage,
        started_at=in_zone(clock.started_at) if clock else None,
        approaching_at=in_zone(clock.approaching_at) if clock else None,
        due_at=in_zone(clock.due_at) if clock else None,
        limit_seconds=clock.limit_seconds if clock else 0,
        said="",
        held_until=_held_until(clock.due_at if clock else None, rules, now),
    )
    # Of what it says nothing is kept but the event itself, sealed: nobody has been found to have said it yet.
    return ComplaintState(
        state.complaint_id,
        state.clinic_id,
        "held",
        channel=state.channel,
        sequence=1,
        answer_by=state.answer_by,
        held=held,
    )


def _held_until(due_at: datetime | None, rules: RuleSet, now: datetime) -> str:
    """When a held complaint is refused (R24): the rules' limit after the end of its term, which is said first."""
    return in_zone((now if due_at is None else max(now, due_at)) + timedelta(seconds=rules.held.seconds))


def still_held(state: ComplaintState, now: datetime, rules: RuleSet) -> Decision[ComplaintState]:
    """The signature still cannot be checked: try later, and say where the term stands, each once.

    The complainant hears that the answer is overdue, too, where they have heard of the delivery. When it has been held
    for as long as the rules allow, it is refused (R24).
    """
    assert state.held is not None
    held = Held(**state.held)
    if "held_until" not in held:  # as a release before R24 left it
        due_at = held["due_at"]
        held["held_until"] = _held_until(datetime.fromisoformat(due_at) if due_at else None, rules, now)
    says: list[OutgoingEvent] = []
    measures: list[Measure] = []
    sequence = state.sequence
    clock = _held_deadline(state.channel, held)
    notice = due_notice(clock, now) if clock else None
    if clock is not None and notice is not None:
        time = str(held["due_at"] if notice == "missed" else held["approaching_at"])
        event = deadline_event(notice, clock, subject_id=state.complaint_id, clinic_id=state.clinic_id, stage="held")
        says.append(OutgoingEvent(event, sibling="complaint held", time=time))
        held["said"] = notice
        if notice == "missed":
            measures.append(Ended("complaint", state.channel, "missed"))
            if sequence:
                sequence += 1
                says.append(_overdue_held(state, held, time, sequence, rules))
    until = datetime.fromisoformat(held["held_until"])
    if until <= now:
        refused = _refused(replace(state, sequence=sequence), held["stage"], [_UNCHECKED], until, rules)
        causation_id = cause_id("/homecall/complaints", state.complaint_id, "unchecked")
        return Decision(
            refused.state,
            [*says, *refused.says],
            [*measures, *refused.measures],
            causation_id=(causation_id, None),
            unpark=True,
        )
    if datetime.fromisoformat(held["try_again_at"]) <= now:
        held["tries"] += 1
        wait = min(_FIRST_TRY * 2 ** min(held["tries"], 10), _LONGEST_TRY)
        held["try_again_at"] = in_zone(min(now + wait, until))
    return Decision(replace(state, held=held, sequence=sequence), says, measures)


_UNCHECKED = FieldError(
    path="signature.value",
    message="unchecked: the signature could not be checked in time: bring the complaint to the clinic or post it, or "
    "sign it and send it again under a new complaint_id",
)
EXPIRED_UNCHECKED = FieldError(
    path="signature.value",
    message="unchecked: the certificate expired before it could be checked whether it had been revoked: sign the "
    "complaint with a valid one and send it again under a new complaint_id, or bring or post it",
)


def tries_now(state: ComplaintState, now: datetime) -> bool:
    """Whether the signature of a held complaint is to be checked again."""
    return state.held is not None and datetime.fromisoformat(state.held["try_again_at"]) <= now


def _held_deadline(channel: str, held: Held) -> Clock | None:
    """The answer's deadline of a complaint that is held; None while the clinic has no opening."""
    if held["started_at"] is None or held["due_at"] is None or held["approaching_at"] is None:
        return None
    return Clock(
        deadline="complaint",
        channel=channel,
        started_at=datetime.fromisoformat(held["started_at"]),
        due_at=datetime.fromisoformat(held["due_at"]),
        limit_seconds=held["limit_seconds"],
        approaching_at=datetime.fromisoformat(held["approaching_at"]),
        said=held["said"] or None,
    )


def _next_steps(stage: ComplaintStage, rules: RuleSet) -> list[NextStep]:
    return next_steps(stage, rules.complaint_term("quality_authority").working_days, contacts(rules))


def _overdue_held(state: ComplaintState, held: Held, due_at: str, sequence: int, rules: RuleSet) -> OutgoingEvent:
    facts = ComplaintFacts(stage=held["stage"], answer_due_on=_date(due_at))
    said = ComplaintStatusChanged.model_validate(
        {
            "complaint_id": state.complaint_id,
            "clinic_id": state.clinic_id,
            "sequence": sequence,
            "stage": held["stage"],
            "status": "overdue",
            "occurred_at": due_at,
            "answer_by": state.answer_by,
            "next_steps": _next_steps(held["stage"], rules),
            "text": complaint_text("overdue", facts).as_dict(),
        }
    )
    return OutgoingEvent(said, sibling=f"overdue {sequence}", time=due_at)


def _term(
    state: ComplaintState,
    addressed_to: ComplaintStage,
    moment: datetime,
    clinics: Clinics,
    rules: RuleSet,
    record_time: datetime | None = None,
) -> Term | None:
    """The term by the clinic's calendar as it is now; None while that has no opening. For errors see the standard's."""
    calendar = clinics.calendar(state.clinic_id, rules)
    if calendar is None:
        return None
    try:
        return complaint_term(
            addressed_to=addressed_to,
            channel=state.channel,
            submitted_at=moment,
            calendar=calendar,
            rules=rules,
            record_time=record_time,
        )
    except NeverOpenError:
        return None


def _at_submission(wrong: str) -> FieldError:
    return FieldError(path="submitted_at", message=f"{wrong} under a new complaint_id")


def _kept(data: ComplaintSubmitted, clinics: Clinics) -> ComplaintState:
    """The complaint as it is kept (C10.5).

    An answer by hand is to be had at the clinic unless it names a place; one of the Ministry or the authority at their
    own office, never at the clinic.
    """
    clinic = clinics.get(data.clinic_id)
    complainant = data.complainant.model_dump(mode="json", exclude={"iin"}, exclude_none=True)
    for name in ("full_name", "postal_address"):
        if name in complainant:
            complainant[name] = without_iins(complainant[name])
    if re.sub(r"\D", "", complainant.get("phone", "")) == data.complainant.iin:
        del complainant["phone"]
    place = data.answer_place
    # A place that is named for an answer by post is the address to which it goes.
    addresses = (data.complainant.postal_address, place if data.answer_by == "post" else None)
    way = way_of(data.answer_by, data.channel, by_post=any(map(is_address, addresses)))
    if way.by == "by_hand" and clinic is not None:
        if data.addressed_to == "clinic":
            place = place or clinic.address
        elif place is not None and same_place(place, clinic.address):
            place = None
    received_by = None if data.channel == "portal" or data.received_by is None else data.received_by.model_dump()
    return ComplaintState(
        complaint_id=data.complaint_id,
        clinic_id=data.clinic_id,
        status="delivered",
        channel=data.channel,
        request_id=data.request_id,
        complainant=complainant,
        text=without_iins(data.text),
        received_by=received_by and {name: without_iins(text) for name, text in received_by.items()},
        answer_by=way.by,
        answer_asked=way.asked,
        answer_place=place and without_iins(place),
    )


def _refuse(
    event: Incoming, fields: Sequence[FieldError], now: datetime, told: int, rules: RuleSet
) -> Decision[ComplaintState]:
    """Refuse a complaint that cannot be registered, but whose ids are sound: its sender hears why.

    ``told`` statuses were sent of it before, while it was held.
    """
    sent = event.readable if event.data is None else event.data.model_dump(mode="json", include=set(_READABLE))
    found: dict[str, str] = {name: sent[name] for name, codes in _READABLE.items() if sent.get(name) in codes}
    state = ComplaintState(
        event.subject,
        event.clinic_id,
        "invalid",
        channel=found.get("channel", ""),
        sequence=told,
        answer_by=cast("AnswerBy | None", found.get("answer_by")),
    )
    return _refused(state, cast(ComplaintStage, found.get("addressed_to", "clinic")), fields, now, rules)


def _refused(
    state: ComplaintState, stage: ComplaintStage, fields: Sequence[FieldError], at: datetime, rules: RuleSet
) -> Decision[ComplaintState]:
    """The complaint refused at that time as ``invalid_complaint``: nothing else is kept of it."""
    refusal = {"code": "invalid_complaint", "fields": [each.model_dump() for each in fields]}
    state = ComplaintState(
        state.complaint_id,
        state.clinic_id,
        "invalid",
        channel=state.channel,
        sequence=state.sequence + 1,
        answer_by=state.answer_by,
        refusal=refusal,
    )
    facts = ComplaintFacts(stage=stage, refusal_code="invalid_complaint", refusal_fields=[each.path for each in fields])
    said = ComplaintStatusChanged.model_validate(
        {
            "complaint_id": state.complaint_id,
            "clinic_id": state.clinic_id,
            "sequence": state.sequence,
            "stage": stage,
            "status": "refused",
            "occurred_at": at,
            "answer_by": state.answer_by,
            "refusal": refusal,
            "next_steps": _next_steps(stage, rules),
            "text": complaint_text("refused", facts).as_dict(),
        }
    )
    counted = Decided("complaint", state.channel, "refused", "invalid_complaint")
    return Decision(state, [OutgoingEvent(said, sibling=f"refused {state.sequence}")], [counted])


_READABLE: dict[str, tuple[str, ...]] = {
    "addressed_to": get_args(ComplaintStage),
    "channel": CHANNELS,
    "answer_by": get_args(AnswerBy),
}


# ---------------------------------------------------------------- the course of a complaint


class _NotInOrder(Exception):
    """What is wrong with a command, and the way out."""


class _Course:
    """A complaint on its way through one decision: ``state`` is a copy of its own."""

    def __init__(
        self,
        state: ComplaintState,
        clinics: Clinics,
        rule_sets: RuleSets,
        officer: Mapping[str, str] | None,
    ) -> None:
        self.state = state
        self._officer = officer
        self._clinics = clinics
        self._rule_sets = rule_sets
        self._drafts: list[Draft] = []
        self._measures: list[Measure] = []

    @property
    def stage(self) -> Stage:
        return self.state.stages[-1]

    def decision(self, causation_id: str, traceparent: str | None) -> Decision[ComplaintState]:
        """What came of it. While a number is awaited nothing is said: the sequence would be broken."""
        if wanted_numbers(self.state):
            self.state.unsaid.append(Unsaid(cause=causation_id, traceparent=traceparent, drafts=self._drafts))
            return Decision(self.state, measures=self._measures)
        return Decision(self.state, [_say(self.state, draft) for draft in self._drafts], self._measures)

    def _tell(self, status: ComplaintStatus, occurred_at: str, *, timer: bool = False, **more: Any) -> None:
        state, stage = self.state, self.stage
        state.sequence += 1
        told: dict[str, Any] = {
            "sequence": state.sequence,
            "status": status,
            "occurred_at": occurred_at,
            "executor": _official(stage["executors"][-1]) if stage["executors"] else None,
            **more,
        }
        self._drafts.append(
            Draft(
                says="status",
                stage=len(state.stages) - 1,
                numbered=stage["registered_at"] is not None and status != "delivered",
                time=occurred_at if timer else "",
                status=told,
            )
        )

    # ------------------------------------------------------------ stages and their time

    def open(
        self,
        status: ComplaintStatus,
        name: ComplaintStage,
        came_at: datetime,
        rules: RuleSet,
        term: Term | None,
        grounds: str | None = None,
        *,
        tell: bool = True,
    ) -> None:
        """Begin a stage: registered at once within working hours, else at the next opening (R9a).

        Without ``tell``, its first status was sent before.
        """
        state = self.state
        state.status = status
        state.stages.append(
            Stage(
                stage=name,
                grounds=grounds,
                came_at=in_zone(came_at, self._clinics.zone(self.state.clinic_id)),
                registers_at=None,
                look_again_at=None,
                registered_at=None,
                answer_due_on=None,
                answer_due_at=None,
                approaching_at=None,
                limit_seconds=0,
                term_days=rules.complaint_term(name).working_days,
                quality_authority_days=rules.complaint_term("quality_authority").working_days,
                flags=[],
                ruling={},
                number=None,
                executors=[],
                measures=[],
                answer=None,
                refusal=None,
                approaching_said=False,
                missed_said=False,
                office=office(name, self._clinics.get(state.clinic_id), rules),
                contacts=contacts(rules),
            )
        )
        registered = self._arrange(term, came_at, came_at)
        if tell:
            self._tell(status, in_zone(came_at))
        if registered:
            self._registered()

    def take_over(self, held: Held, *, overdue_told: bool) -> None:
        """What was said of its term while it was held has been said, and counted; the cabinet hears it once."""
        self.stage["approaching_said"] = held["said"] != ""
        self.stage["missed_said"] = held["said"] == "missed"
        if held["said"] == "missed" and not overdue_told and self.stage["registered_at"] is not None:
            self._tell("overdue", held["due_at"] or "", timer=True)

    def _arrange(self, term: Term | None, until: datetime, now: datetime) -> bool:
        """Register the stage if its time is not after ``until``; else note when to see to it."""
        stage = self.stage
        stage["registers_at"] = stage["look_again_at"] = None
        if term is None:
            stage["look_again_at"] = in_zone(now + _LOOK_AGAIN)
            return False
        if term.registered_at > until:
            stage["registers_at"] = in_zone(term.registered_at)
            return False
        rules = self._rules()
        calendar = self._clinics.calendar(self.state.clinic_id, rules)
        clock = complaint_clock(channel=self.state.channel, term=term, rules=rules, calendar=calendar)
        stage["registered_at"] = in_zone(term.registered_at)
        stage["answer_due_on"] = term.answer_due_on.isoformat()
        stage["answer_due_at"] = in_zone(term.answer_due_at)
        stage["approaching_at"] = in_zone(clock.approaching_at)
        stage["limit_seconds"] = clock.limit_seconds
        stage["flags"] = list(term.flags)
        stage["ruling"] = term.ruling.as_dict()
        return True

    def _registered(self, *, timer: bool = False) -> None:
        self.state.status = "registered"
        registered_at = self.stage["registered_at"]
        assert registered_at is not None
        self._accepted()
        self._tell("registered", registered_at, timer=timer)

    def _accepted(self) -> None:
        """Note who answers for a registration that nobody received by hand (C10.2)."""
        state = self.state
        if len(state.stages) > 1 or state.received_by is None:
            language = cast(Language, state.complainant.get("language", "ru"))
            clinic = self._clinics.get(state.clinic_id)
            self.stage["received_by"] = on_duty(self.stage["stage"], clinic, self._officer, language)

    def _rules(self) -> RuleSet:
        return self._rule_sets.on(_date(self.stage["came_at"]))

    def _term_now(self, opening: datetime | None) -> Term | None:
        """The term by the calendar as it is now: an opening that turned out closed moves on, none moves back (R16)."""
        state, name, rules = self.state, self.stage["stage"], self._rules()
        try:
            term = _term(state, name, datetime.fromisoformat(self.stage["came_at"]), self._clinics, rules)
            if term is not None and opening is not None and term.registered_at < opening:
                term = _term(state, name, opening, self._clinics, rules)
        except NotCoveredError:
            return None
        return term

    def pass_until(self, moment: datetime) -> None:
        """Pass what was due before a command was given: the same command then finds the same state in either order.

        A deadline is met at its very moment; registration is done at its own.
        """
        while item := _next_item(self.state):
            at = datetime.fromisoformat(item[1])
            if at > moment or (at == moment and item[0] != "registration"):
                return
            self.pass_item(moment)

    def pass_item(self, now: datetime) -> None:
        """Pass the thing that is due first."""
        item = _next_item(self.state)
        assert item is not None
        name, at = item
        stage = self.stage
        if name == "registration":
            opening = datetime.fromisoformat(stage["registers_at"]) if stage["registers_at"] else None
            if self._arrange(self._term_now(opening), opening or now, now):
                self._registered(timer=True)
        elif name == "approaching":
            stage["approaching_said"] = True
            self._deadline(name, at)
        else:
            stage["missed_said"] = True
            self._deadline(name, at)
            self._measures.append(Ended("complaint", self.state.channel, "missed"))
            self._tell("overdue", at, timer=True)

    def _deadline(self, name: str, at: str) -> None:
        self._drafts.append(Draft(says=name, stage=len(self.state.stages) - 1, numbered=True, time=at))

    def _close(self, status: str) -> None:
        """The stage's final word. In time, its deadline is met; one that was missed has been counted."""
        self.state.status = status
        if not self.stage["missed_said"]:
            self._measures.append(Ended("complaint", self.state.channel, "met"))

    # ------------------------------------------------------------ commands

    def obey(self, data: ComplaintCommand, moment: datetime) -> bool:
        """Carry out a command. Whether it changed anything; ``_NotInOrder`` when it may not be."""
        at = in_zone(moment)
        self._must_be_registered(data.TYPE, moment)
        if isinstance(data, ComplaintEscalated):
            self._escalate(data, moment)
            return True
        self._must_be_open()
        if isinstance(data, ComplaintAssigned):
            return self._assign(data, at)
        if isinstance(data, ComplaintExecuted):
            return self._execute(data, at)
        if isinstance(data, ComplaintAnswered):
            self._answer(data, at)
        elif isinstance(data, ComplaintRefused):
            self._must_be_last(data.TYPE, moment)
            self.stage["refusal"] = {"grounds": _in_words("grounds", data.grounds), "at": at}
            self._close("refused")
            self._tell("refused", at, refusal=self.stage["refusal"])
        return True

    def _must_be_registered(self, command: str, moment: datetime) -> None:
        stage = self.stage
        if stage["registered_at"] is None:
            opening = stage["registers_at"]
            when = f"that is at {opening}" if opening else "that is when its clinic publishes hours in which it is open"
            raise _NotInOrder(
                f"the complaint is not registered yet, {when} (R9a): send {command} with an at after that"
            )
        if moment < datetime.fromisoformat(stage["registered_at"]):
            raise _NotInOrder(
                f"at: lies before the registration at {stage['registered_at']}: correct it and send {command} again"
            )

    def _must_be_open(self) -> None:
        if self.state.status not in _OPEN:
            way_out = "the next step is the court (C11)"
            if self.stage["stage"] != "quality_authority":
                way_out = "it goes on only with complaint.escalated (C10.8), or in court (C11)"
            word = "answered" if self.state.status == "answered" else "refused"
            raise _NotInOrder(
                f"the complaint has been {word} at stage {self.stage['stage']}, which is final: {way_out}"
            )

    def _must_have_executor(self) -> None:
        if not self.stage["executors"]:
            raise _NotInOrder("the complaint has no executor yet: send complaint.assigned first (C10.3)")

    def _must_reach(self, sent_by: AnswerBy) -> None:
        """An answer goes a way that this complainant has, or that was promised (C10.5)."""
        state = self.state
        by_post = state.answer_by == "post" or is_address(state.complainant.get("postal_address"))
        possible = ways(state.channel, by_post=by_post)
        if sent_by in possible or sent_by == state.answer_by:
            return
        why = {
            "post": "the complainant gave no postal address",
            "portal": "the complaint did not come through the portal",
        }[sent_by]
        raise _NotInOrder(f"sent_by: {why}: answer in a way that there is ({', '.join(possible)}) and send it (C10.5)")

    def _must_be_last(self, command: str, moment: datetime) -> None:
        """A final word is not dated before what led to it: it would be in time by a date that cannot be (R21)."""
        self._must_follow(command, moment, [each["at"] for each in (*self.stage["executors"], *self.stage["measures"])])

    def _must_follow(self, command: str, moment: datetime, before: Sequence[str]) -> None:
        last = max(before, key=datetime.fromisoformat, default=None)
        if last is not None and moment < datetime.fromisoformat(last):
            raise _NotInOrder(
                f"at: lies before what it follows, which was at {last} (R21): correct it and send {command} again"
            )

    def _assign(self, data: ComplaintAssigned, at: str) -> bool:
        executor = _clean(data.executor.model_dump())
        before = {same_name(each["full_name"]) for stage in self.state.stages[:-1] for each in stage["executors"]}
        if same_name(executor["full_name"]) in before:
            raise _NotInOrder("executor: has dealt with this complaint in its first stage: name somebody else (C10.8)")
        executors = self.stage["executors"]
        if executors and _official(executors[-1]) == executor:
            return False
        executors.append({**executor, "at": at, "assigned_by": _clean(data.assigned_by.model_dump())})
        self.state.status = "assigned"
        self._tell("assigned", at)
        return True

    def _execute(self, data: ComplaintExecuted, at: str) -> bool:
        self._must_have_executor()
        self._must_follow(data.TYPE, datetime.fromisoformat(at), [self.stage["executors"][0]["at"]])
        taken = {"measures": _in_words("measures", data.measures), "at": at}
        measures = self.stage["measures"]
        if self.state.status == "executed" and measures[-1]["measures"] == taken["measures"]:
            return False
        measures.append(taken)
        self.state.status = "executed"
        self._tell("executed", at)
        return True

    def _answer(self, data: ComplaintAnswered, at: str) -> None:
        self._must_have_executor()
        self._must_reach(data.sent_by)
        self._must_be_last(data.TYPE, datetime.fromisoformat(at))
        answer = {"text": _in_words("text", data.text), "decision": data.decision, "sent_by": data.sent_by, "at": at}
        self.stage["answer"] = answer
        self._close("answered")
        self._tell("answered", at, answer=answer)

    def _escalate(self, data: ComplaintEscalated, moment: datetime) -> None:
        """Open the stage at the quality authority; no first answer is needed. A first stage that is still open ends."""
        if self.stage["stage"] == "quality_authority":
            raise _NotInOrder("the complaint is with the quality authority already: the next step is the court (C11)")
        grounds = _in_words("grounds", data.grounds)
        try:
            rules = self._rule_sets.on(local(moment, self._clinics.zone(self.state.clinic_id)).date())
            term = _term(self.state, "quality_authority", moment, self._clinics, rules)
        except NotCoveredError as error:
            raise _NotInOrder(f"at: {error}: correct it and send {data.TYPE} again") from error
        self.open("escalated", "quality_authority", moment, rules, term, grounds)


def _next_item(state: ComplaintState) -> tuple[str, str] | None:
    """What is due next by itself in the stage where the complaint is, and when."""
    stage = state.stages[-1]
    if stage["registered_at"] is None:
        at = stage["registers_at"] or stage["look_again_at"]
        return ("registration", at) if at else None
    if state.status not in _OPEN:
        return None
    match next_notice(_stage_deadline(state.channel, stage)):
        case "approaching", _:
            return "approaching", str(stage["approaching_at"])
        case "missed", _:
            return "missed", str(stage["answer_due_at"])
        case _:
            return None


def _stage_deadline(channel: str, stage: Stage) -> Clock:
    """The answer's deadline of a registered stage, and what has been said of it."""
    assert stage["registered_at"] is not None
    assert stage["answer_due_at"] is not None
    assert stage["approaching_at"] is not None
    return Clock(
        deadline="complaint",
        channel=channel,
        started_at=datetime.fromisoformat(stage["registered_at"]),
        due_at=datetime.fromisoformat(stage["answer_due_at"]),
        limit_seconds=stage["limit_seconds"],
        approaching_at=datetime.fromisoformat(stage["approaching_at"]),
        said="missed" if stage["missed_said"] else "approaching" if stage["approaching_said"] else None,
    )


# ---------------------------------------------------------------- what is said


def _say(state: ComplaintState, draft: Draft) -> OutgoingEvent:
    stage = state.stages[draft["stage"]]
    if "status" in draft:
        return _say_status(state, stage, draft, draft["status"])
    notice: Notice = "approaching" if draft["says"] == "approaching" else "missed"
    clock = _stage_deadline(state.channel, stage)
    event = deadline_event(
        notice, clock, subject_id=state.complaint_id, clinic_id=state.clinic_id, stage=stage["stage"]
    )
    return OutgoingEvent(event, sibling=f"complaint {notice} {draft['stage'] + 1}", time=draft["time"])


def _say_status(state: ComplaintState, stage: Stage, draft: Draft, told: dict[str, Any]) -> OutgoingEvent:
    registration: dict[str, Any] = {}
    if draft["numbered"]:
        registration = {
            "incoming_number": stage["number"],
            "received_by": _received_by(state, draft),
            "answer_due_on": stage["answer_due_on"],
            "answer_due_at": stage["answer_due_at"],
        }
    said = ComplaintStatusChanged.model_validate(
        {
            "complaint_id": state.complaint_id,
            "clinic_id": state.clinic_id,
            "stage": stage["stage"],
            **told,
            **registration,
            "answer_by": state.answer_by,
            "answer_place": _answer_place(state, draft),
            "linked_complaints": (draft["numbered"] and state.linked) or None,
            "next_steps": next_steps(stage["stage"], stage["quality_authority_days"], stage.get("contacts", {})),
            "text": complaint_text(told["status"], _facts(state, stage, draft, told)).as_dict(),
        }
    )
    return OutgoingEvent(said, sibling=f"{told['status']} {told['sequence']}", time=draft["time"])


def _received_by(state: ComplaintState, draft: Draft) -> dict[str, Any] | None:
    """Who accepted it (C10.2): by hand, or who is on duty for what the system accepts by itself."""
    by_hand = state.received_by if draft["stage"] == 0 else None
    return by_hand or state.stages[draft["stage"]].get("received_by")


def _answer_place(state: ComplaintState, draft: Draft) -> str | None:
    if state.answer_by != "by_hand":
        return state.answer_place
    place = place_by_hand(state, draft["stage"])
    return None if place is None else place.as_dict()[state.complainant.get("language", "ru")]


def place_by_hand(state: ComplaintState, place: int) -> Text | None:
    """Where the answer of the stage at ``place`` (from 0) is handed over: the place that was named for the first, or
    the addressee's office. None where that is not known."""
    if place == 0 and state.answer_by == "by_hand" and state.answer_place:
        return Text(state.answer_place, state.answer_place, state.answer_place)
    known = state.stages[place].get("office")
    return as_text(known) if known else None


def _facts(state: ComplaintState, stage: Stage, draft: Draft, told: dict[str, Any]) -> ComplaintFacts:
    numbered = draft["numbered"]
    received_by = (numbered and _received_by(state, draft)) or {}
    executor = told["executor"] or {}
    answer = told.get("answer") or {}
    return ComplaintFacts(
        stage=stage["stage"],
        incoming_number=stage["number"] if numbered else None,
        registered_on=_date(stage["registered_at"]) if numbered else None,
        received_by=received_by.get("full_name"),
        received_by_position=received_by.get("position"),
        term_days=stage["term_days"],
        answer_due_on=date.fromisoformat(stage["answer_due_on"]) if numbered and stage["answer_due_on"] else None,
        by_system=numbered and not (draft["stage"] == 0 and state.received_by),
        answer_by=answer.get("sent_by", state.answer_by),
        answer_asked=state.answer_asked,
        # A place that was named for an answer by post may be somebody's home: it is none to fetch it.
        answer_place=place_by_hand(state, draft["stage"]),
        executor=executor.get("full_name"),
        executor_position=executor.get("position"),
        decision=answer.get("decision"),
        linked=bool(numbered and state.linked),
    )


def _not_in_order(detail: str) -> Decision[ComplaintState]:
    return Decision(dead=Dead("invalid_transition", detail))


def _in_words(path: str, text: str) -> str:
    """A text in which something is said; an IIN that was typed into it goes no further."""
    text = without_iins(text)
    if not in_words(text):
        raise _NotInOrder(f"{path}: gives no reasons: state them in words")
    return text


def _clean(official: dict[str, str]) -> dict[str, str]:
    return {name: without_iins(text) for name, text in official.items()}


def _official(executor: Mapping[str, Any]) -> dict[str, Any]:
    return {"full_name": executor["full_name"], "position": executor["position"]}


def _date(moment: str | None) -> date:
    """The date of a moment that is kept in its clinic's zone."""
    assert moment is not None
    return datetime.fromisoformat(moment).date()
