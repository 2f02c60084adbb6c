"""Decide on ``request.transferred``: the call ends here, and a new request goes on with it at the other clinic (R25).

Two aggregates change, so the first waits for its successor as an accepted request waits for its number: it is stored as
handed on, the successor is stored under an id derived from the two, and only then is ``request.cancelled`` said. A
crash at any point leaves the first waiting, and whoever takes it up finds the successor, or stores it.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from homecall.contract.envelope import Incoming
from homecall.contract.events import CallAt, RequestSubmitted, RequestTransferred
from homecall.contract.ids import cause_id, successor_id
from homecall.contract.iins import without_iins
from homecall.runtime.engine.decision import Dead, Decided, Decision, replace
from homecall.standard.acceptance import Accepted, Deferred
from homecall.standard.calendar import NeverOpenError
from homecall.standard.clinics import Clinics
from homecall.standard.deadlines import earliest
from homecall.standard.handing_on import TRANSFER_UNCONFIRMED, FirstClock, take_over
from homecall.standard.rules import NotCoveredError, RuleSets
from homecall.standard.stated_times import QUEUE_TIME_IMPLAUSIBLE, SERVICE_TIME_IMPLAUSIBLE, before_request
from services.intake.domain import events
from services.intake.domain.acceptance import accept, defer
from services.intake.domain.claims import passed_on, still_holds
from services.intake.domain.measures import Transferred
from services.intake.domain.refusals import Refusal, refuse, wrong_field
from services.intake.domain.rulings import plain_ruling, with_patient_of
from services.intake.domain.state import (
    Cause,
    HandedOn,
    RequestState,
    awaits_number,
    awaits_successor,
    local_date,
)

_NOT_HANDED_ON: Final = frozenset({"queued_at", "service_started_at", "registrar", "persons", "transferred_from"})
"""What is the first clinic's own, or hangs on the first request's id. Its queue and service are counted there."""
_FLAGS_OF_THE_FIRST: Final = frozenset({QUEUE_TIME_IMPLAUSIBLE, SERVICE_TIME_IMPLAUSIBLE, TRANSFER_UNCONFIRMED})


def decide(
    state: RequestState | None, event: Incoming, rule_sets: RuleSets, clinics: Clinics
) -> Decision[RequestState]:
    """End a call that is handed on; its successor is stored next: see ``successor``."""
    data = event.data
    assert isinstance(data, RequestTransferred)
    if state is not None and state.handed_on is not None and state.handed_on.clinic_id == data.to_clinic_id:
        return Decision()
    if (objection := _wrong_clinic(data, rule_sets, clinics)) is not None:
        return Decision(dead=Dead("invalid_transition", objection))
    if state is None or state.status == "held":
        # It has not come yet, or nobody knows yet whether it is a request at all.
        return Decision(park=True)
    if (objection := _nothing_to_hand_on(state, data)) is not None:
        return Decision(dead=Dead("invalid_transition", objection))
    assert state.claim is not None
    state = replace(
        state,
        status="cancelled",
        claim=None,
        successor_claim=_claim_at(data.to_clinic_id, state.claim),
        handed_on=HandedOn(
            data.to_clinic_id, successor_id(data.request_id, data.to_clinic_id), data.by.id, data.by.full_name
        ),
        look_again_at=None,
        ask_again_at=None,
        cancelled_by=Cause(event.causation_id, event.traceparent),
        cancelled_at=data.at,
        cancel_reason=without_iins(data.reason),
    )
    return Decision(state, measures=[Transferred(state.channel)])


def _wrong_clinic(data: RequestTransferred, rule_sets: RuleSets, clinics: Clinics) -> str | None:
    """Why no call can go on at that clinic, and the way out."""
    if clinics.get(data.to_clinic_id) is None:
        return (
            "to_clinic_id: names no clinic that has been published: check the id, or publish the clinic first, and "
            "send the transfer again"
        )
    rules = rule_sets.nearest(local_date(data.at, clinics.zone(data.to_clinic_id)))
    calendar = clinics.calendar(data.to_clinic_id, rules)
    try:
        assert calendar is not None
        calendar.next_opening(data.at)
    except (NeverOpenError, NotCoveredError):
        return "to_clinic_id: that clinic has no opening left: name another one"
    return None


def _nothing_to_hand_on(state: RequestState, data: RequestTransferred) -> str | None:
    """Why this request is not handed on, and the way out."""
    if state.handed_on is not None:
        there = state.handed_on
        return (
            f"the request was handed on to {there.clinic_id} before, and that stands: hand on request "
            f"{there.request_id} from there"
        )
    over = {"refused": "was refused", "closed": "has had its visit", "cancelled": "was withdrawn"}
    if state.status in over:
        return f"the request {over[state.status]}: there is nothing left to hand on"
    if state.claim is None:
        return "its day is over and the patient has called again: hand on the newer request"
    asked_at = earliest([state.submitted_at, state.clock_started_at])
    return before_request(data.TYPE, asked_at) if asked_at is not None and data.at < asked_at else None


def _claim_at(clinic_id: str, claim: str) -> str:
    """The same patient's claim at another clinic (R11)."""
    return f"{clinic_id}|{claim.partition('|')[2]}"


# ---------------------------------------------------------------- the successor


def cause_of(first: RequestState) -> Cause:
    """The cause of the successor's events: derived, so that whoever stores it makes the same."""
    assert first.handed_on is not None
    assert first.cancelled_by is not None
    causation_id = cause_id("/homecall/intake", f"{first.request_id} {first.handed_on.clinic_id}", "transferred")
    return Cause(causation_id, first.cancelled_by.traceparent)


def goes_on_with(holder: RequestState, first: RequestState) -> bool:
    """Whether an open request at the other clinic goes on with this call: the clinic's own system was first."""
    named: Any = holder.request.get("transferred_from", {})
    return bool(named.get("request_id") == first.request_id)


def successor(
    first: RequestState, holder: RequestState | None, rule_sets: RuleSets, clinics: Clinics, now: datetime
) -> Decision[RequestState]:
    """The request by which the other clinic goes on with a call (R25).

    ``holder`` is the patient's open request there. While its visit is to come, the successor is refused as a duplicate
    that names it (R11): the patient has a doctor coming.
    """
    there, at = first.handed_on, first.cancelled_at
    assert there is not None
    assert at is not None
    assert first.submitted_at is not None
    zone = clinics.zone(there.clinic_id)
    # In the other clinic's zone it may have been another day: the first of all that a rule set covers.
    rules = rule_sets.nearest(local_date(first.submitted_at, zone))
    cause = cause_of(first)
    state = RequestState(
        there.request_id, there.clinic_id, "refused", first.channel, _facts(first), traceparent=cause.traceparent
    )
    clock = first_clock(first)
    assert clock is not None
    state = replace(state, clock_started_at=clock.starts_at)
    calendar = clinics.calendar(there.clinic_id, rules)
    verdict: Accepted | Deferred | None = None
    if calendar is not None:
        with suppress(NeverOpenError, NotCoveredError):
            verdict = take_over(channel=first.channel, at=at, first=clock, calendar=calendar, rules=rules)
    if verdict is None:
        # The clinic was published again since the transfer was decided, without an opening.
        state = replace(state, ruling=plain_ruling(rules, ["R25", "C3"], there.clinic_id))
        message = "has no opening left: send the request to another clinic, under a new request_id"
        refusal = wrong_field("outside_acceptance_hours", "clinic_id", message)
        return refuse(state, refusal, rules)
    state = replace(state, ruling=with_patient_of(first.ruling, verdict.ruling.as_dict()))
    if holder is not None and still_holds(holder, local_date(at, zone)):
        refusal = Refusal("duplicate", clauses=["R11"], existing_request_id=holder.request_id)
        return refuse(state, refusal, rules)
    state = replace(state, claim=first.successor_claim)
    decision = _taken(state, verdict, cause, now)
    return dataclasses.replace(decision, others=passed_on(holder))


def _taken(state: RequestState, verdict: Accepted | Deferred, cause: Cause, now: datetime) -> Decision[RequestState]:
    reasons = tuple(dict.fromkeys(state.request["reasons"]))
    if isinstance(verdict, Deferred):
        return defer(state, verdict, measures=[Decided("request", state.channel, "deferred", reasons=reasons)])
    counted = Decided("request", state.channel, "accepted", reasons=reasons)
    return accept(state, verdict, max(now, verdict.clock_starts_at), cause, measures=[counted])


def first_clock(first: RequestState) -> FirstClock | None:
    """The answer's clock that the call goes on with; None where none was started."""
    if first.submitted_at is None or first.clock_started_at is None or first.due_at is None:
        return None
    return FirstClock(first.submitted_at, first.clock_started_at, first.due_at)


def confirmed_first(data: RequestSubmitted, first: RequestState | None) -> FirstClock | None:
    """The clock that an application goes on with, where it names a call that was handed on (R25).

    None where it names none, or one that is not known as this patient's at that clinic, was refused or is over: then it
    is judged as any other application.
    """
    named = data.transferred_from
    if named is None or first is None or first.clinic_id != named.clinic_id or first.clinic_id == data.clinic_id:
        return None
    to_here = first.handed_on is not None and first.handed_on.clinic_id == data.clinic_id
    return first_clock(first) if to_here or first.status in {"accepted", "deferred"} else None


def _facts(first: RequestState) -> dict[str, Any]:
    """What is handed on of the request: all but what is the first clinic's own."""
    facts = {name: value for name, value in first.request.items() if name not in _NOT_HANDED_ON}
    if "address" in facts:
        # A district's id is the clinic's: the other one finds its own by the address.
        facts["address"] = {name: value for name, value in facts["address"].items() if name != "district_id"}
    flags = [each for each in first.request.get("flags", []) if each not in _FLAGS_OF_THE_FIRST]
    named = CallAt(request_id=first.request_id, clinic_id=first.clinic_id)
    return {**facts, "flags": flags, "transferred_from": named.model_dump()}


def with_successor(first: RequestState, request_id: str) -> Decision[RequestState]:
    """The first request once its call goes on as ``request_id``: it says so."""
    assert awaits_successor(first)
    assert not awaits_number(first)
    assert first.handed_on is not None
    handed_on = dataclasses.replace(first.handed_on, request_id=request_id)
    state = replace(first, handed_on=handed_on, successor_claim=None, unconfirmed=None)
    return Decision(state, [events.cancelled(state)])
