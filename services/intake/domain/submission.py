"""Decide on ``request.submitted``: the rules of the day, the clinic, the hours (R1), then the checks of ``checks``."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Literal, cast

from homecall.contract.envelope import Incoming
from homecall.contract.events import FieldError, RefusalCode, RequestSubmitted
from homecall.runtime.engine.decision import Decided, Decision, Measure, replace
from homecall.standard.acceptance import Accepted, Deferred, Refused, decide_acceptance, held_against_record
from homecall.standard.calendar import ClinicCalendar, NeverOpenError
from homecall.standard.handing_on import TRANSFER_UNCONFIRMED, take_over
from homecall.standard.referrals import is_referred, label
from homecall.standard.rules import NotCoveredError
from services.intake.domain import checks
from services.intake.domain.acceptance import accept, defer
from services.intake.domain.assessment import assessed, identified
from services.intake.domain.checks import Application, first_refusal
from services.intake.domain.claims import passed_on
from services.intake.domain.deadlines import queue_ended
from services.intake.domain.facts import Facts
from services.intake.domain.held import hold
from services.intake.domain.identity import FIRST_ASK
from services.intake.domain.measures import Referred
from services.intake.domain.redaction import redacted
from services.intake.domain.refusals import Refusal, refuse, wrong_field
from services.intake.domain.rulings import extended, plain_ruling
from services.intake.domain.state import Cause, RequestState, local_date
from services.intake.domain.transfer import confirmed_first
from services.intake.domain.unreadable import refuse_unreadable


def decide(state: RequestState | None, event: Incoming, facts: Facts, now: datetime) -> Decision[RequestState]:
    """Decide by the time of the application, not by our clock (R1)."""
    if state is not None:
        # The same request_id is the same request, whatever event brings it (R11).
        return Decision()
    data = event.data
    if not isinstance(data, RequestSubmitted):
        return refuse_unreadable(event, facts)
    asked_on = local_date(data.submitted_at, facts.clinics.zone(data.clinic_id))
    shown = redacted(data) | ({"persons": list(facts.persons)} if facts.persons else {})
    shown = assessed(data, shown, facts.rule_sets.nearest(asked_on), asked_on, facts.record_time)
    state = RequestState(data.request_id, data.clinic_id, "refused", data.channel, shown)
    try:
        rules = facts.rule_sets.on(asked_on)
    except NotCoveredError as error:
        message = f"{error}: correct submitted_at, and send the request again under a new request_id"
        return refuse(state, wrong_field("invalid_request", "submitted_at", message))
    decision = _by_the_hours(state, Application(data, asked_on, rules), event, facts, now)
    measures, says = queue_ended(state, data.queued_at, data.submitted_at, rules)
    return dataclasses.replace(decision, says=[*decision.says, *says], measures=[*measures, *decision.measures])


def _by_the_hours(
    state: RequestState, application: Application, event: Incoming, facts: Facts, now: datetime
) -> Decision[RequestState]:
    """The clinic, and whether it accepts at that moment (C8.1, R1)."""
    data, rules = application.data, application.rules
    calendar = facts.clinics.calendar(data.clinic_id, rules)
    if calendar is None:
        state = replace(state, ruling=plain_ruling(rules, ["C3"], data.clinic_id))
        message = "names no clinic that has been published: check the id, or publish the clinic first"
        return refuse(state, wrong_field("unknown_clinic", "clinic_id", message), rules)
    verdict = decide_acceptance(
        channel=data.channel,
        submitted_at=data.submitted_at,
        calendar=calendar,
        rules=rules,
        record_time=facts.record_time,
    )
    verdict = _handed_on(verdict, application, facts, calendar)
    unconfirmed = data.transferred_from is not None and confirmed_first(data, facts.first) is None
    flags = [*verdict.flags, *state.request["flags"], *([TRANSFER_UNCONFIRMED] if unconfirmed else [])]
    request = state.request | {"flags": flags}
    state = replace(state, request=request, ruling=verdict.ruling.as_dict())
    if isinstance(verdict, Refused):
        return refuse(state, _not_now(verdict), rules)
    # Also a refusal is due by the clock that runs: at night, by that of the opening (R6).
    state = replace(state, clock_started_at=verdict.clock_starts_at)
    refusal = first_refusal(checks.REQUEST_AND_SIGNATURE, application, facts)
    if refusal is not None:
        return refuse(state, refusal, rules)
    if facts.checks.signature == "away":
        return Decision(hold(state, verdict.clock_starts_at, rules, calendar, now))
    return _by_the_patient(state, application, verdict, event, facts, now)


def _handed_on(
    verdict: Accepted | Deferred | Refused, application: Application, facts: Facts, calendar: ClinicCalendar
) -> Accepted | Deferred | Refused:
    """The verdict where another clinic handed the call on: with the clock that runs, whatever the hours (R25)."""
    data, rules = application.data, application.rules
    clock = confirmed_first(data, facts.first)
    if clock is None or (isinstance(verdict, Refused) and verdict.fields):
        return verdict
    at, flags = held_against_record(data.submitted_at, facts.record_time, rules)
    try:
        return take_over(channel=data.channel, at=at, first=clock, calendar=calendar, rules=rules, flags=flags)
    except (NeverOpenError, NotCoveredError):
        return verdict


def _not_now(verdict: Refused) -> Refusal:
    fields = [FieldError(path=each.path, message=each.message) for each in verdict.fields]
    return Refusal(cast(RefusalCode, verdict.code), fields, next_acceptance_at=verdict.next_acceptance_at)


def _by_the_patient(
    state: RequestState,
    application: Application,
    verdict: Accepted | Deferred,
    event: Incoming,
    facts: Facts,
    now: datetime,
) -> Decision[RequestState]:
    """Who the patient is, the right to a call, and the acceptance."""
    data, rules = application.data, application.rules
    refusal = first_refusal(checks.PATIENT, application, facts)
    if refusal is not None:
        return refuse(state, refusal, rules)
    state = replace(
        state,
        request=identified(state.request, data, facts.checks, application.asked_on),
        ruling=extended(state.ruling, inputs=checks.patient_input(application, facts)),
    )
    refusal = first_refusal(checks.RIGHT_TO_A_CALL, application, facts)
    if refusal is not None:
        return refuse(state, refusal, rules)
    return _take(replace(state, claim=facts.claim), verdict, event, facts, now)


def _take(
    state: RequestState,
    verdict: Accepted | Deferred,
    event: Incoming,
    facts: Facts,
    now: datetime,
) -> Decision[RequestState]:
    """Accept or defer; the claim of an earlier request whose visit is over passes on (R11)."""
    if facts.checks.identity == "away":
        state = replace(state, ask_again_at=now + FIRST_ASK)
    if isinstance(verdict, Deferred):
        measures = _counted(state, "deferred")
        decision = defer(replace(state, traceparent=event.traceparent), verdict, measures=measures)
    else:
        cause = Cause(event.causation_id, event.traceparent)
        moment = max(now, verdict.clock_starts_at)
        decision = accept(state, verdict, moment, cause, measures=_counted(state, "accepted"))
    return dataclasses.replace(decision, others=passed_on(facts.holder))


def _counted(state: RequestState, taken: Literal["accepted", "deferred"]) -> list[Measure]:
    """The request as one that was taken, by its reasons, and as one of 103's where it is."""
    reasons = tuple(dict.fromkeys(state.request["reasons"]))
    card = state.request.get("referral")
    measures: list[Measure] = [Decided("request", state.channel, taken, reasons=reasons)]
    if is_referred(reasons, has_referral=card is not None):
        measures.append(Referred(label(None if card is None else card["category"])))
    return measures
