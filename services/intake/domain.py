"""What intake decides on a request: accept, defer, refuse, cancel. Pure: time and facts are arguments.

The order of the checks is that of their certainty: what can be read, the clinic, the hours (R1), who asks (R15), and
last the other requests of the same patient (R11), which hang on another event.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

from homecall.contract.envelope import Incoming
from homecall.contract.events import (
    FieldError,
    RefusalCode,
    RequestAccepted,
    RequestCancelled,
    RequestDeferred,
    RequestHeld,
    RequestIdentityChecked,
    RequestRefused,
    RequestSubmitted,
    RequestWithdrawn,
    VisitClosed,
    VisitScheduled,
)
from homecall.contract.ids import cause_id
from homecall.contract.iins import without_iins
from homecall.contract.types import ZONE, can_be_said, in_zone
from homecall.runtime.engine.decision import Dead, Decided, Decision, Ended, Measure, OutgoingEvent, Took, replace
from homecall.standard.acceptance import Accepted, Deferred, Refused, decide_acceptance, held_against_record, take_up
from homecall.standard.calendar import ClinicCalendar, NeverOpenError, calendar_version
from homecall.standard.clinics import Clinics
from homecall.standard.deadlines import Clock, answer_clock, deadline_event, due_notice, next_notice, queue_clock
from homecall.standard.patient import age_years, iin_mismatch
from homecall.standard.phones import PHONE_UNREADABLE, can_be_read
from homecall.standard.places import LOCATION_IMPLAUSIBLE, implausible
from homecall.standard.rules import NotCoveredError, RuleSet, RuleSets
from homecall.standard.stated_times import QUEUE_TIME_IMPLAUSIBLE, before_request, implausible_times
from services.intake.checks import UNASKED, BadSignature, Checks
from services.intake.facts import facts_as_far_as_readable, facts_of
from services.intake.representatives import minority, needs_minority, wrong_authority

_FIRST_TRY, _LONGEST_TRY, _LONGEST_TRY_LATE = timedelta(seconds=15), timedelta(minutes=2), timedelta(minutes=15)
"""How soon a signature that could not be checked is tried again, and how rarely at most: while the answer's time runs,
and when it is over."""
_TRIED_AT_LEAST = timedelta(minutes=15)
"""For how long it is tried however late the request reached us (R14)."""
_FIRST_ASK, _LONGEST_ASK, _MOST_ASKS = timedelta(minutes=1), timedelta(hours=1), 30
"""The same for a patient who could not be confirmed; with the last ask about a day has passed."""
_LOOK_AGAIN = timedelta(minutes=10)
"""When to look again at a deferred request whose clinic has no opening left."""
_CLOSED_FOR_GOOD = timedelta(days=30)
"""After how long without an opening a deferred request is refused, from the opening that it was promised."""


@dataclass
class RequestState:
    """A request as intake keeps it. Times are RFC 3339 texts; ``request`` holds its facts without personal ids.

    ``claim`` is what R11 goes by, a keyed hash of clinic and patient: it exists only while the request is open.
    ``pending`` lists what is to be said once there is a register number: (cause, traceparent).
    """

    request_id: str
    clinic_id: str
    status: str
    channel: str = ""
    request: dict[str, Any] = field(default_factory=dict)
    ruling: dict[str, Any] = field(default_factory=dict)
    claim: str | None = None
    visit_date: str | None = None
    register_date: str | None = None
    register_number: int | None = None
    accepted_at: str | None = None
    clock_started_at: str | None = None
    due_at: str | None = None
    opens_at: str | None = None
    look_again_at: str | None = None
    traceparent: str | None = None
    pending: list[list[str | None]] = field(default_factory=list)
    cancelled_by: list[str | None] | None = None
    cancelled_at: str | None = None
    cancel_reason: str | None = None
    visit_revision: int = 0
    # A request whose signature cannot be checked yet: the event as it came, sealed, and when to try again.
    kept: dict[str, Any] | None = None
    try_again_at: str | None = None
    tries: int = 0
    held_until: str | None = None
    approaching_at: str | None = None
    limit_seconds: int = 0
    # What of its answer's time was said while it could not be decided: running, approaching or missed.
    said: Literal["", "running", "approaching", "missed"] = ""
    # An accepted request whose patient could not be confirmed: the IIN, sealed, and when to ask again.
    unconfirmed: dict[str, Any] | None = None
    ask_again_at: str | None = None
    asked: int = 0


@dataclass(frozen=True)
class Holder:
    """The open request that holds a patient's claim."""

    request_id: str
    visit_date: date


def timer_at(state: RequestState) -> datetime | None:
    """The next of: a deferred request's opening, another try of a check, the answer's deadline while it waits."""
    texts = [state.ask_again_at]
    if state.status == "deferred":
        texts.append(state.look_again_at or state.opens_at)
    if state.status == "held":
        texts.append(state.try_again_at)
    moments = [datetime.fromisoformat(each) for each in texts if each]
    if state.status == "held" and (notice := next_notice(_answer_deadline(state))):
        moments.append(notice[1])
    return min(moments, default=None)


def awaits_number(state: RequestState) -> bool:
    """Whether the request has been accepted and has no register number yet."""
    return bool(state.pending)


def day_of(state: RequestState) -> date | None:
    """The day in whose register it stands or, deferred, will stand; else that of the application, if it can be read."""
    if state.register_date or state.opens_at:
        return date.fromisoformat((state.register_date or state.opens_at or "")[:10])
    submitted_at = state.request.get("submitted_at")
    return None if submitted_at is None else local_date(datetime.fromisoformat(submitted_at), ZONE)


def local_date(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


# ---------------------------------------------------------------- a request comes


def submitted(
    state: RequestState | None,
    event: Incoming,
    *,
    clinics: Clinics,
    rule_sets: RuleSets,
    claim: str | None,
    holder: Holder | None,
    record_time: datetime | None,
    now: datetime,
    checks: Checks = UNASKED,
    persons: Sequence[str] = (),
) -> Decision[RequestState]:
    """Decide on ``request.submitted``.

    ``holder`` is the open request of the same patient at the same clinic, if there is one; ``record_time`` is the Kafka
    record's time, or None where it is not judged (R17); ``persons`` is what stands for patient and applicant in our
    events.
    """
    if state is not None:
        # The same request_id is the same request, whatever event brings it (R11); another clinic's is a mix-up.
        return Decision() if state.clinic_id == event.clinic_id else _other_clinics(event)
    data = event.data
    if not isinstance(data, RequestSubmitted):
        return _refuse_unreadable(event, rule_sets, clinics.zone(event.clinic_id), record_time)
    facts = facts_of(data) | ({"persons": list(persons)} if persons else {})
    zone = clinics.zone(data.clinic_id)
    asked_on = local_date(data.submitted_at, zone)
    state = RequestState(data.request_id, data.clinic_id, "refused", data.channel, facts)
    try:
        rules = rule_sets.on(asked_on)
    except NotCoveredError as error:
        wrong_time = f"{error}: correct submitted_at, and send the request again under a new request_id"
        # Decided by none; but who must call 103 now is told so all the same (R13).
        state = replace(state, request=facts | _judged(data, facts, rule_sets.nearest(asked_on), asked_on, record_time))
        return _refuse(state, "invalid_request", [FieldError(path="submitted_at", message=wrong_time)])
    state = replace(state, request=facts | _judged(data, facts, rules, asked_on, record_time))
    decision = _ruled(
        state,
        event,
        data,
        rules,
        clinics=clinics,
        claim=claim,
        holder=holder,
        record_time=record_time,
        now=now,
        checks=checks,
    )
    measures, says = _queue(state, data.queued_at, data.submitted_at, rules)
    return Decision(decision.state, [*decision.says, *says], [*measures, *decision.measures])


def _ruled(
    state: RequestState,
    event: Incoming,
    data: RequestSubmitted,
    rules: RuleSet,
    *,
    clinics: Clinics,
    claim: str | None,
    holder: Holder | None,
    record_time: datetime | None,
    now: datetime,
    checks: Checks,
) -> Decision[RequestState]:
    """The decision by the rules of the application's date."""
    calendar = clinics.calendar(data.clinic_id, rules)
    if calendar is None:
        ruling = _plain_ruling(rules, ["C3"], data.clinic_id)
        return _refuse(state, "unknown_clinic", [_UNKNOWN_CLINIC], ruling=ruling, rules=rules)
    asked_on = local_date(data.submitted_at, calendar.zone)
    verdict = decide_acceptance(
        channel=data.channel,
        submitted_at=data.submitted_at,
        calendar=calendar,
        rules=rules,
        record_time=record_time,
    )
    ruling = verdict.ruling.as_dict()
    clauses = verdict.ruling.clauses
    state = replace(state, request=state.request | {"flags": [*verdict.flags, *state.request["flags"]]})
    if isinstance(verdict, Refused):
        fields = [FieldError(path=each.path, message=each.message) for each in verdict.fields]
        return _refuse(
            state,
            cast(RefusalCode, verdict.code),
            fields,
            ruling=ruling,
            next_acceptance_at=verdict.next_acceptance_at,
            rules=rules,
        )
    # Also a refusal is due by the clock that runs: at night, by that of the opening (R6).
    state = replace(state, clock_started_at=in_zone(verdict.clock_starts_at))
    wrong = _wrong_codes(data, rules) or _wrong_birth_date(data, asked_on)
    if wrong:
        return _refuse(state, "invalid_request", wrong, ruling=ruling, rules=rules)
    if isinstance(checks.signature, BadSignature):
        bad = FieldError(path=checks.signature.path, message=f"{checks.signature.check}: {checks.signature.message}")
        inputs = {**verdict.ruling.inputs, "check": checks.signature.check}
        signed = ruling | {"clauses": [*clauses, "C9.2"], "inputs": inputs}
        return _refuse(state, "signature_invalid", [bad], ruling=signed, rules=rules)
    if checks.signature in ("never", "too_late"):
        why = _EXPIRED_UNCHECKED if checks.signature == "never" else _UNCHECKED
        return _refuse_unchecked(replace(state, ruling=ruling), why, rules)
    if checks.signature == "away":
        return Decision(_held(state, verdict, rules, calendar, now))
    if checks.identity == "not_found":
        unknown = FieldError(path="patient.iin", message="is not in the state register of persons: read it again")
        return _refuse(
            state, "identity_not_confirmed", [unknown], ruling=ruling | {"clauses": [*clauses, "C9.3"]}, rules=rules
        )
    unreliable = rules.refusal_ground("unreliable_data")
    stated, registered = data.patient.birth_date, checks.birth_date
    if unreliable is not None and stated is not None and registered is not None and stated != registered:
        differs = FieldError(
            path="patient.birth_date",
            message="is not that of the state register of persons: read it again, and send the request anew",
        )
        because = ruling | {"clauses": [*clauses, "C9.3", unreliable.clause]}
        return _refuse(state, unreliable.code, [differs], ruling=because, rules=rules)
    state = replace(state, request=_identified(state.request, data, checks, asked_on))
    patient = minority(data, checks, asked_on)
    if needs_minority(data):
        # So that the decision can be repeated from the record and its ruling, without the register.
        ruling = ruling | {"inputs": {**verdict.ruling.inputs, "patient": patient.as_input()}}
    unauthorised = wrong_authority(data, patient, asked_on)
    if unauthorised:
        because = ruling | {"clauses": [*clauses, "R15", *(["R23"] if patient.by_register else [])]}
        return _refuse(state, "authority_invalid", unauthorised, ruling=because, rules=rules)
    elsewhere = rules.refusal_ground("not_attached") if clinics.asks_for_attachment(data.clinic_id) else None
    if elsewhere is not None and checks.attached is False:
        fields = [
            FieldError(path="clinic_id", message="is not the clinic that the patient is attached to: call that one")
        ]
        because = ruling | {"clauses": [*clauses, elsewhere.clause]}
        return _refuse(state, "not_attached", fields, ruling=because, rules=rules)
    moment, _ = held_against_record(data.submitted_at, record_time, rules)
    if holder is not None and holder.visit_date >= local_date(moment, calendar.zone):
        return _refuse(
            state,
            "duplicate",
            [],
            ruling=ruling | {"clauses": [*clauses, "R11"]},
            rules=rules,
            existing_request_id=holder.request_id,
        )
    state = replace(
        state,
        ruling=ruling,
        claim=claim,
        visit_date=verdict.visit_date.isoformat(),
        due_at=in_zone(verdict.due_at),
        ask_again_at=in_zone(now + _FIRST_ASK) if checks.identity == "away" else None,
    )
    taken: Literal["accepted", "deferred"] = "deferred" if isinstance(verdict, Deferred) else "accepted"
    counted = Decided("request", data.channel, taken, reasons=tuple(dict.fromkeys(data.reasons)))
    if isinstance(verdict, Deferred):
        opens_at = in_zone(verdict.opens_at)
        state = replace(state, status="deferred", opens_at=opens_at, traceparent=event.traceparent)
        return Decision(state, [_deferred(state)], [counted])
    return _accept(
        state, verdict, max(now, verdict.clock_starts_at), [event.causation_id, event.traceparent], [counted]
    )


def _accept(
    state: RequestState,
    verdict: Accepted,
    accepted_at: datetime,
    causation_id: list[str | None],
    measures: Sequence[Measure] = (),
) -> Decision[RequestState]:
    state = replace(
        state,
        status="accepted",
        ruling=_with_patient(verdict.ruling.as_dict(), state),
        register_date=verdict.visit_date.isoformat(),
        visit_date=verdict.visit_date.isoformat(),
        accepted_at=in_zone(accepted_at),
        clock_started_at=in_zone(verdict.clock_starts_at),
        due_at=in_zone(verdict.due_at),
        pending=[causation_id],
    )
    took = (accepted_at - verdict.clock_starts_at).total_seconds()
    return Decision(state, measures=[*measures, Took(state.channel, "intake", took)])


def _with_patient(ruling: dict[str, Any], state: RequestState) -> dict[str, Any]:
    """The ruling with what the first one looked at of the patient (R23): later ones do not ask again."""
    patient = state.ruling.get("inputs", {}).get("patient")
    return ruling if patient is None else ruling | {"inputs": {**ruling["inputs"], "patient": patient}}


def _deferred(state: RequestState, time: str = "") -> OutgoingEvent:
    event = RequestDeferred.model_validate(
        _common(state) | {"opens_at": state.opens_at, "due_at": state.due_at, "ruling": state.ruling}
    )
    return OutgoingEvent(event, sibling=state.opens_at or "", time=time)


def _common(state: RequestState) -> dict[str, Any]:
    return {**state.request, "request_id": state.request_id, "clinic_id": state.clinic_id}


def _judged(
    data: RequestSubmitted, facts: dict[str, Any], rules: RuleSet, asked_on: date, record_time: datetime | None
) -> dict[str, Any]:
    """What intake adds to a request's facts, refused ones too (R13, R15): age, urgency, red flags, flags."""
    patient = data.patient
    mismatch = iin_mismatch(patient.iin, birth_date=patient.birth_date, sex=patient.sex)
    shown = facts["patient"]
    if patient.birth_date is not None and not _wrong_birth_date(data, asked_on):
        shown = shown | {"age_years": age_years(patient.birth_date, asked_on)}
    return {
        "patient": shown,
        "urgency": rules.urgency(data.reasons),
        "red_flags": list(rules.red_flags_in(data.reasons)),
        "flags": [
            *(["iin_mismatch"] if mismatch else []),
            *_flags_of_phones(facts),
            *_flags_of_place(data.address.lat, data.address.lon),
            *_flags_of_times(data.queued_at, data.service_started_at, data.submitted_at, rules, record_time),
        ],
    }


def _flags_of_times(
    queued_at: datetime | None,
    service_started_at: datetime | None,
    submitted_at: datetime,
    rules: RuleSet,
    record_time: datetime | None,
) -> list[str]:
    """Times of queue and service that cannot be true are shown as they were sent, and not counted (R21)."""
    return implausible_times(
        queued_at=queued_at,
        service_started_at=service_started_at,
        submitted_at=submitted_at,
        known_by=record_time,
        tolerance=timedelta(seconds=rules.clock_tolerance.seconds),
    )


def _flags_of_place(lat: float | None, lon: float | None) -> list[str]:
    """Coordinates that cannot be true are shown as they were sent, count as none, and refuse nobody."""
    return [LOCATION_IMPLAUSIBLE] if implausible(lat, lon) else []


def _flags_of_phones(facts: dict[str, Any]) -> list[str]:
    """A phone that nobody can ring is kept as it was written, and said."""
    phones = [facts[role].get("phone") for role in ("patient", "applicant") if role in facts]
    return [] if all(can_be_read(each) for each in phones if each) else [PHONE_UNREADABLE]


def _queue(
    state: RequestState, queued_at: datetime | None, submitted_at: datetime, rules: RuleSet
) -> tuple[list[Measure], list[OutgoingEvent]]:
    """The wait to hand in the documents is over when we hear of it, whatever comes of them: met, or missed and said
    (C4.2). A time that cannot be true is flagged, and not counted (R21).
    """
    if queued_at is None or QUEUE_TIME_IMPLAUSIBLE in state.request["flags"]:
        return [], []
    clock = queue_clock(channel=state.channel, queued_at=queued_at, rules=rules)
    if clock is None or not can_be_said(clock.due_at):
        return [], []
    took = (submitted_at - queued_at).total_seconds()
    verdict = clock.verdict(submitted_at)
    measures: list[Measure] = [Took(state.channel, "queue", took), Ended("queue", state.channel, verdict)]
    if verdict == "met":
        return measures, []
    missed = deadline_event("missed", clock, subject_id=state.request_id, clinic_id=state.clinic_id, stage="submitted")
    return measures, [OutgoingEvent(missed, sibling="queue missed", time=in_zone(clock.due_at))]


# ---------------------------------------------------------------- refusals

_UNKNOWN_CLINIC = FieldError(
    path="clinic_id", message="names no clinic that has been published: check the id, or publish the clinic first"
)


def _refuse(
    state: RequestState,
    code: RefusalCode,
    fields: Sequence[FieldError],
    *,
    ruling: dict[str, Any] | None = None,
    next_acceptance_at: datetime | None = None,
    existing_request_id: str | None = None,
    rules: RuleSet | None = None,
    time: str = "",
) -> Decision[RequestState]:
    started = state.clock_started_at or state.request.get("submitted_at")
    due_at = None
    if rules is not None and state.channel and started is not None:
        started_at = datetime.fromisoformat(started)
        due_at = answer_clock(channel=state.channel, clock_starts_at=started_at, rules=rules).due_at
    refused = RequestRefused.model_validate(
        {
            **state.request,
            "request_id": state.request_id,
            "clinic_id": state.clinic_id,
            "code": code,
            "fields": [each.model_dump() for each in fields],
            "existing_request_id": existing_request_id,
            "next_acceptance_at": next_acceptance_at,
            "due_at": due_at if due_at is not None and can_be_said(due_at) else None,
            "ruling": ruling,
        }
    )
    counted = Decided("request", state.channel, "refused", code)
    return Decision(
        replace(state, status="refused", ruling=ruling or {}), [OutgoingEvent(refused, time=time)], [counted]
    )


def _refuse_unreadable(
    event: Incoming, rule_sets: RuleSets, zone: ZoneInfo, record_time: datetime | None
) -> Decision[RequestState]:
    """A request that breaks its schema but whose ids are sound is refused, not buried: its sender hears why."""
    facts = facts_as_far_as_readable(event.readable)
    state = RequestState(event.subject, event.clinic_id, "refused", facts.get("channel", ""), facts)
    ruling = None
    rules = None
    submitted_at = facts.get("submitted_at")
    # Without a time of application the record's own finds the rules: who must call 103 now is told so all the same.
    asked_at = datetime.fromisoformat(submitted_at) if submitted_at else event.record.recorded_at
    asked_on = None if asked_at is None else local_date(asked_at, zone)
    codes = _codes(event.readable.get("reasons"))
    nearest = rule_sets.nearest(asked_on)
    urgency = {"urgency": nearest.urgency(codes)} if codes else {}
    place = facts.get("address", {})
    queued_at, service_started_at = (
        datetime.fromisoformat(facts[name]) if name in facts else None for name in ("queued_at", "service_started_at")
    )
    times = (
        _flags_of_times(queued_at, service_started_at, datetime.fromisoformat(submitted_at), nearest, record_time)
        if submitted_at
        else []
    )
    judged = {
        "red_flags": list(nearest.red_flags_in(codes)),
        "flags": [*_flags_of_place(place.get("lat"), place.get("lon")), *times],
    }
    state = replace(state, request=facts | urgency | judged)
    with suppress(NotCoveredError):
        rules = rule_sets.on(asked_on) if asked_on is not None else None
    if rules is not None:
        ground = rules.refusal_ground("invalid_request")
        ruling = _plain_ruling(rules, [ground.clause if ground else "R17"], event.clinic_id)
    refused = _refuse(state, "invalid_request", event.errors, ruling=ruling, rules=rules)
    if rules is None or asked_at is None or not (submitted_at and state.channel):
        return refused
    measures, says = _queue(state, queued_at, asked_at, rules)
    return Decision(refused.state, [*refused.says, *says], [*measures, *refused.measures])


def _codes(reasons: Any) -> list[str]:
    """The codes that can be read, whatever stands beside them."""
    return [each for each in reasons if isinstance(each, str)] if isinstance(reasons, list) else []


def _plain_ruling(rules: RuleSet, clauses: list[str], clinic_id: str) -> dict[str, Any]:
    return {
        "rule_set": rules.id,
        "clauses": clauses,
        "calendar": calendar_version(),
        "inputs": {"clinic_id": clinic_id},
    }


def _wrong_codes(data: RequestSubmitted, rules: RuleSet) -> list[FieldError]:
    return [
        FieldError(
            path=f"reasons.{place}",
            message=f"is not among the reasons of rule set {rules.id}: send one of its codes, or other with a note",
        )
        for place, code in enumerate(data.reasons)
        if not rules.knows_reason(code)
    ]


def _wrong_birth_date(data: RequestSubmitted, asked_on: date) -> list[FieldError]:
    if data.patient.birth_date is None or data.patient.birth_date <= asked_on:
        return []
    return [FieldError(path="patient.birth_date", message="lies after the application: correct it")]


def _other_clinics(event: Incoming) -> Decision[RequestState]:
    return Decision(
        dead=Dead(
            "invalid_transition",
            f"request_id {event.subject} belongs to another clinic's request: send yours under a new request_id",
        )
    )


# ---------------------------------------------------------------- checks that could not be made


def _identified(request: dict[str, Any], data: RequestSubmitted, checks: Checks, asked_on: date) -> dict[str, Any]:
    """The facts with what the register of persons said: the patient's age, and the flags (C9.3, R15, R23)."""
    flags = list(request["flags"])
    registered, stated = checks.birth_date, data.patient.birth_date
    if registered is not None:
        shown = {name: value for name, value in request["patient"].items() if name != "age_years"}
        if registered <= asked_on:
            shown["age_years"] = age_years(registered, asked_on)
        if stated is not None and stated != registered:
            # The register decides (R23): nobody is shown an age and a birth date that contradict each other.
            del shown["birth_date"]
        request = request | {"patient": shown}
        if stated is None and "iin_mismatch" not in flags and iin_mismatch(data.patient.iin, birth_date=registered):
            flags.append("iin_mismatch")
    if checks.unconfirmed:
        flags.append("identity_unconfirmed")
    return request | {"flags": flags}


def _held(
    state: RequestState, verdict: Accepted | Deferred, rules: RuleSet, calendar: ClinicCalendar, now: datetime
) -> RequestState:
    """A request whose signature cannot be checked now: neither accepted nor refused, its clock running (C4.4)."""
    clock = answer_clock(channel=state.channel, clock_starts_at=verdict.clock_starts_at, rules=rules, calendar=calendar)
    return replace(
        state,
        status="held",
        ruling=verdict.ruling.as_dict(),
        clock_started_at=in_zone(clock.started_at),
        due_at=in_zone(clock.due_at),
        approaching_at=in_zone(clock.approaching_at),
        limit_seconds=clock.limit_seconds,
        try_again_at=in_zone(now + _FIRST_TRY),
        held_until=in_zone(_held_until(state, clock.due_at, rules, now)),
    )


def _held_until(state: RequestState, due_at: datetime, rules: RuleSet, now: datetime) -> datetime:
    """When a held request is refused (R24): by its own time, so that a replay says the same, but not before its answer
    is due, nor unless it has been tried for a while.
    """
    limit = datetime.fromisoformat(state.request["submitted_at"]) + timedelta(seconds=rules.held.seconds)
    return max(limit, due_at, now + _TRIED_AT_LEAST)


def still_held(state: RequestState, now: datetime, rules: RuleSet) -> Decision[RequestState]:
    """The signature still cannot be checked: try later, and say where the answer's time stands, each once.

    When it has been held for as long as the rules allow, it is refused (R24).
    """
    assert state.due_at is not None
    due_at = datetime.fromisoformat(state.due_at)
    state, says, measures = _waited(state, "signature", now)
    # A release before R24 left it without.
    held_until = state.held_until or in_zone(_held_until(state, due_at, rules, now))
    state = replace(state, held_until=held_until)
    until = datetime.fromisoformat(held_until)
    if until <= now:
        refused = _refuse_unchecked(state, _UNCHECKED, rules, time=held_until)
        causation_id = cause_id("/homecall/intake", state.request_id, "unchecked")
        return Decision(
            refused.state, [*says, *refused.says], [*measures, *refused.measures], causation_id=(causation_id, None)
        )
    if state.try_again_at is None or datetime.fromisoformat(state.try_again_at) <= now:
        longest = _LONGEST_TRY if now < due_at else _LONGEST_TRY_LATE
        wait = min(_FIRST_TRY * 2 ** min(state.tries + 1, 10), longest)
        state = replace(state, tries=state.tries + 1, try_again_at=in_zone(min(now + wait, until)))
    return Decision(state, says, measures)


_UNCHECKED = (
    "unchecked: the signature could not be checked in time: call the clinic, or sign the request and send it again "
    "under a new request_id"
)
_EXPIRED_UNCHECKED = (
    "unchecked: the certificate expired before it could be checked whether it had been revoked: sign the request with "
    "a valid one and send it again under a new request_id, or call the clinic"
)


def _refuse_unchecked(state: RequestState, message: str, rules: RuleSet, time: str = "") -> Decision[RequestState]:
    """Refuse a request whose signature nobody can check, with the way out (R24); nothing sealed is kept of it."""
    inputs = {**state.ruling.get("inputs", {}), "check": "unchecked"}
    if state.held_until:
        inputs["held_until"] = state.held_until
    ruling = state.ruling | {
        "clauses": [*state.ruling.get("clauses", []), "C9.2", rules.held.clause],
        "inputs": inputs,
    }
    state = replace(state, kept=None, try_again_at=None)
    fields = [FieldError(path="signature.value", message=message)]
    return _refuse(state, "signature_invalid", fields, ruling=ruling, rules=rules, time=time)


def _waited(
    state: RequestState, for_what: Literal["signature", "opening"], now: datetime
) -> tuple[RequestState, list[OutgoingEvent], list[Measure]]:
    """Where the answer's time of a request that cannot be decided stands, each said once (C4.1, C4.4)."""
    clock = _answer_deadline(state)
    notice = due_notice(clock, now)
    if notice is None and state.said:
        return state, [], []
    says: list[OutgoingEvent] = []
    time: str | None = None
    if notice is not None:
        time = state.due_at if notice == "missed" else state.approaching_at
        event = deadline_event(
            notice, clock, subject_id=state.request_id, clinic_id=state.clinic_id, stage=state.status
        )
        says.append(OutgoingEvent(event, sibling=f"answer {event.TYPE}", time=time or ""))
    measures: list[Measure] = [Ended("answer", state.channel, "missed")] if notice == "missed" else []
    state = replace(state, said=notice or "running")
    return state, [*says, _waits(state, for_what, time or "")], measures


def _answer_deadline(state: RequestState) -> Clock:
    """The deadline of a request that cannot be decided yet, and what has been said of it."""
    assert state.clock_started_at is not None
    assert state.due_at is not None
    assert state.approaching_at is not None
    return Clock(
        deadline="answer",
        channel=state.channel,
        started_at=datetime.fromisoformat(state.clock_started_at),
        due_at=datetime.fromisoformat(state.due_at),
        limit_seconds=state.limit_seconds,
        approaching_at=datetime.fromisoformat(state.approaching_at),
        said=state.said if state.said == "approaching" or state.said == "missed" else None,  # mypy narrows by ==,
    )


def _waits(state: RequestState, for_what: Literal["signature", "opening"], at: str) -> OutgoingEvent:
    event = RequestHeld.model_validate(
        _common(state)
        | {
            "waits_for": for_what,
            "deadline": state.said,
            "clock_started_at": state.clock_started_at,
            "due_at": state.due_at,
            "ruling": state.ruling,
        }
    )
    return OutgoingEvent(event, sibling=state.said, time=at)


def identity_known(
    state: RequestState, found: Literal["confirmed", "not_found"], now: datetime
) -> Decision[RequestState]:
    """What the register of persons said in the end: told, and nothing taken back (C9.3)."""
    checked = RequestIdentityChecked(request_id=state.request_id, clinic_id=state.clinic_id, outcome=found, at=now)
    return Decision(replace(state, unconfirmed=None, ask_again_at=None), [OutgoingEvent(checked)])


def identity_unknown(state: RequestState, now: datetime, *, give_up: bool) -> Decision[RequestState]:
    """The register still says nothing: ask later, for a day."""
    if give_up or state.asked >= _MOST_ASKS:
        return Decision(replace(state, unconfirmed=None, ask_again_at=None))
    wait = min(_FIRST_ASK * 2 ** (state.asked + 1), _LONGEST_ASK)
    return Decision(replace(state, asked=state.asked + 1, ask_again_at=in_zone(now + wait)))


# ---------------------------------------------------------------- the opening, withdrawal, the visit


def opening(state: RequestState, *, clinics: Clinics, rule_sets: RuleSets, now: datetime) -> Decision[RequestState]:
    """Take a deferred request up at its opening, or defer it again when that day turned out closed (C8.2, R6, R16)."""
    assert state.opens_at is not None
    opens_at = datetime.fromisoformat(state.opens_at)
    submitted_at = datetime.fromisoformat(state.request["submitted_at"])
    rules = rule_sets.on(local_date(submitted_at, clinics.zone(state.clinic_id)))
    calendar = clinics.calendar(state.clinic_id, rules)
    verdict: Accepted | Deferred | None = None
    if calendar is not None:
        try:
            verdict = take_up(
                channel=state.channel,
                opening=opens_at,
                calendar=calendar,
                rules=rules,
                submitted_at=submitted_at,
                record_time=state.ruling.get("inputs", {}).get("record_time"),
                flags=tuple(state.request.get("flags", ())),
            )
        except (NeverOpenError, NotCoveredError):
            verdict = None
    if verdict is None:
        return _nowhere_to_go(state, rules, calendar, now)
    state = replace(state, look_again_at=None)
    causation_id = cause_id("/homecall/intake", f"{state.request_id} {state.opens_at}", "opening")
    if isinstance(verdict, Deferred):
        state = replace(
            state,
            opens_at=in_zone(verdict.opens_at),
            visit_date=verdict.visit_date.isoformat(),
            clock_started_at=in_zone(verdict.clock_starts_at),
            due_at=in_zone(verdict.due_at),
            ruling=_with_patient(verdict.ruling.as_dict(), state),
            # It has a new time (R6); a time that was missed before stays missed, and is not counted twice.
            said=state.said if state.said == "missed" else "",
        )
        return Decision(state, [_deferred(state, time=in_zone(opens_at))])
    # The opening is the moment of acceptance, whenever the timer came round to it: a replay says the same.
    return _accept(state, verdict, opens_at, [causation_id, state.traceparent])


def _nowhere_to_go(
    state: RequestState, rules: RuleSet, calendar: ClinicCalendar | None, now: datetime
) -> Decision[RequestState]:
    """The clinic has no opening left, or is not known any more: look again later, and let the time that was promised
    run. It is near and missed as any other: somebody has to call the patient (R16). After thirty days it is refused,
    with the way out: only what has ended is erased.
    """
    assert state.opens_at is not None
    opens_at = datetime.fromisoformat(state.opens_at)
    clock = answer_clock(
        channel=state.channel,
        clock_starts_at=opens_at,
        rules=rules,
        calendar=calendar,
    )
    state = replace(
        state,
        clock_started_at=in_zone(clock.started_at),
        due_at=in_zone(clock.due_at),
        approaching_at=in_zone(clock.approaching_at),
        limit_seconds=clock.limit_seconds,
    )
    state, says, measures = _waited(state, "opening", now)
    until = opens_at + _CLOSED_FOR_GOOD
    # However late it is read, it is looked at twice.
    if until <= now and state.look_again_at is not None:
        refused = _refuse_closed(state, rules, in_zone(until))
        causation_id = cause_id("/homecall/intake", state.request_id, "closed for good")
        return Decision(
            refused.state, [*says, *refused.says], [*measures, *refused.measures], causation_id=(causation_id, None)
        )
    moments = [now + _LOOK_AGAIN]
    if notice := next_notice(_answer_deadline(state)):
        moments.append(notice[1])
    return Decision(replace(state, look_again_at=in_zone(min(moments))), says, measures)


def _refuse_closed(state: RequestState, rules: RuleSet, time: str) -> Decision[RequestState]:
    closed = FieldError(
        path="clinic_id",
        message="has had no opening for 30 days: send the request to another clinic, under a new request_id",
    )
    ground = rules.refusal_ground("outside_acceptance_hours")
    clauses = [*state.ruling.get("clauses", []), *([ground.clause] if ground else [])]
    state = replace(state, look_again_at=None, claim=None)
    ruling = state.ruling | {"clauses": clauses}
    return _refuse(state, "outside_acceptance_hours", [closed], ruling=ruling, rules=rules, time=time)


def withdrawn(state: RequestState | None, event: Incoming) -> Decision[RequestState]:
    """Cancel on ``request.withdrawn``; a register number that was given stays."""
    data = event.data
    assert isinstance(data, RequestWithdrawn)
    if state is None:
        return Decision(park=True)
    if state.clinic_id != data.clinic_id:
        return _other_clinics(event)
    if state.status == "cancelled":
        return Decision()
    if state.status in {"refused", "closed"}:
        why = "was refused" if state.status == "refused" else "has had its visit"
        return Decision(dead=Dead("invalid_transition", f"the request {why}: there is nothing left to withdraw"))
    asked_at = _asked_at(state)
    if asked_at is not None and data.at < asked_at:
        return Decision(dead=Dead("invalid_transition", before_request(data.TYPE, asked_at)))
    awaits = awaits_number(state)
    state = replace(
        state,
        status="cancelled",
        claim=None,
        look_again_at=None,
        kept=None,
        try_again_at=None,
        unconfirmed=None,
        ask_again_at=None,
        cancelled_by=[event.causation_id, event.traceparent],
        cancelled_at=in_zone(data.at),
        cancel_reason=without_iins(data.reason),
    )
    # With a number still to come, both the acceptance and the withdrawal are said when it is there.
    return Decision(state) if awaits else Decision(state, [_cancelled(state)])


def _asked_at(state: RequestState) -> datetime | None:
    """When the request was made: as stated, or as its record has it where the sender's clock was ahead (R17)."""
    moments = (state.request.get("submitted_at"), state.clock_started_at)
    return min((datetime.fromisoformat(each) for each in moments if each), default=None)


def _cancelled(state: RequestState) -> OutgoingEvent:
    event = RequestCancelled.model_validate(
        _common(state)
        | {
            "register_date": state.register_date,
            "register_number": state.register_number,
            "at": state.cancelled_at,
            "reason": state.cancel_reason,
            "ruling": state.ruling,
        }
    )
    return OutgoingEvent(event)


def visit_known(state: RequestState | None, event: Incoming) -> Decision[RequestState]:
    """Keep the visit's date, and free the patient's claim when the visit is over (R11)."""
    data = event.data
    if state is None or state.status not in {"accepted", "closed"}:
        return Decision()
    if isinstance(data, VisitClosed):
        if state.status == "closed":
            return Decision()
        return Decision(replace(state, status="closed", claim=None, visit_revision=data.revision))
    if isinstance(data, VisitScheduled) and data.revision > state.visit_revision:
        visit_date = data.visit_date.isoformat()
        if visit_date != state.visit_date:
            return Decision(replace(state, visit_date=visit_date, visit_revision=data.revision))
    return Decision()


def numbered(
    state: RequestState, number: int
) -> tuple[RequestState, list[tuple[str, str | None, list[OutgoingEvent]]]]:
    """What an accepted request says once it has its register number: (cause, traceparent, events)."""
    pending = state.pending
    state = replace(state, register_number=number, pending=[])
    accepted = RequestAccepted.model_validate(
        _common(state)
        | {
            "register_date": state.register_date,
            "register_number": number,
            "accepted_at": state.accepted_at,
            "clock_started_at": state.clock_started_at,
            "due_at": state.due_at,
            "visit_date": state.register_date,
            "ruling": state.ruling,
        }
    )
    said: list[tuple[str, str | None, list[OutgoingEvent]]] = []
    for causation_id, traceparent in pending:
        said.append((str(causation_id), traceparent, [OutgoingEvent(accepted, time=state.accepted_at or "")]))
    if state.cancelled_by is not None:
        causation_id, traceparent = state.cancelled_by
        said.append((str(causation_id), traceparent, [_cancelled(state)]))
    return state, said


def release(state: RequestState) -> RequestState:
    """Free the claim of a request whose visit date is over (R11)."""
    return replace(state, claim=None)
