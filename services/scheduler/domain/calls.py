"""What becomes of an accepted call: its day, its report or withdrawal, its deadline. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from homecall.contract.envelope import Incoming
from homecall.contract.events import (
    PreferredWindow,
    RequestAccepted,
    RequestCancelled,
    VisitAssigned,
    VisitClosed,
    VisitReported,
)
from homecall.contract.ids import cause_id
from homecall.contract.types import ZONE, in_zone
from homecall.runtime.engine.decision import Dead, Decision, Ended, Measure, OutgoingEvent, replace
from homecall.standard import referrals
from homecall.standard.calendar import ClinicCalendar, NeverOpenError, after
from homecall.standard.clinics import Clinics
from homecall.standard.deadlines import Clock, Notice, deadline_event, due_notice, visit_clock
from homecall.standard.districts import district_of
from homecall.standard.patient import ADULT_AGE
from homecall.standard.places import LOCATION_IMPLAUSIBLE, located
from homecall.standard.rules import NotCoveredError, RuleSet, RuleSets
from homecall.standard.stated_times import before_request
from services.scheduler.domain.bookings import Preferred
from services.scheduler.domain.continuity import Returning
from services.scheduler.domain.promises import visit_event
from services.scheduler.domain.state import Assignment, CallFacts, CallState, Errand, Pending, visit_deadline
from services.scheduler.domain.waiting import WaitingOrder

_LOOK_AGAIN = timedelta(minutes=10)
"""When to look again for a working day of a clinic that has none."""


@dataclass(frozen=True)
class Facts:
    """What decisions about calls look up: the clinics as published, the law, the order of waiting calls."""

    clinics: Clinics
    rule_sets: RuleSets
    order: WaitingOrder
    returning: Mapping[str, Returning] = field(default_factory=dict)
    """By request, of new calls whose patients can be told apart."""


# ---------------------------------------------------------------- accepted


def accepted(state: CallState | None, event: Incoming, facts: Facts, now: datetime) -> Decision[CallState]:
    """Take an accepted call: choose its day, and ask for a place in it."""
    data = event.data
    assert isinstance(data, RequestAccepted)
    if state is not None:
        return Decision()
    clinics = facts.clinics
    submitted_at = data.submitted_at or data.clock_started_at
    asked_on = submitted_at.astimezone(clinics.zone(data.clinic_id)).date()
    rules = facts.rule_sets.on(asked_on)
    known = facts.returning.get(data.request_id)
    day = _visit_day(data, clinics.calendar(data.clinic_id, rules), rules, now)
    clock = day.clock
    return Decision(
        CallState(
            request_id=data.request_id,
            clinic_id=data.clinic_id,
            channel=data.channel or "",
            status="waiting",
            day=day.date,
            call=_call_facts(data, facts, rules),
            accepted_at=data.accepted_at,
            asked_on=asked_on,
            asked_at=min(submitted_at, data.clock_started_at).astimezone(ZONE),
            due_at=clock.due_at if clock else None,
            approaching_at=clock.approaching_at if clock else None,
            limit_seconds=clock.limit_seconds if clock else 0,
            day_over_at=day.over_at,
            patient=known.patient if known is not None else None,
            pending=[Pending(event.causation_id, event.traceparent, "place")],
        )
    )


class _VisitDay(NamedTuple):
    date: date
    over_at: datetime | None = None
    clock: Clock | None = None


def _visit_day(data: RequestAccepted, calendar: ClinicCalendar | None, rules: RuleSet, now: datetime) -> _VisitDay:
    if calendar is not None:
        # A clinic that has closed for good since then still has the call: it stands as waiting, for all to see.
        with suppress(NeverOpenError, NotCoveredError):
            day = first_day_left(calendar, data.visit_date, now)
            clock = visit_clock(
                channel=data.channel or "", accepted_at=data.accepted_at, visit_date=day, calendar=calendar, rules=rules
            )
            return _VisitDay(day, calendar.closing_on(day), clock)
    return _VisitDay(data.visit_date)


def _call_facts(data: RequestAccepted, facts: Facts, rules: RuleSet) -> CallFacts:
    age = data.patient.age_years if data.patient else None
    is_child = age is not None and age < ADULT_AGE
    address, clinic = data.address, facts.clinics.get(data.clinic_id)
    district = address.district_id if address else None
    if district is None and address is not None and address.text and clinic is not None:
        areas = [(each.district_id, each.kind, each.addresses) for each in clinic.districts]
        district = district_of(address.text, areas, is_child=is_child)
    urgency, red_flag = data.urgency or "same_day", bool(data.red_flags)
    lat, lon = _coordinates(data) or (None, None)
    rank = facts.order.rank(red_flag=red_flag, urgency=urgency, age_years=age)
    referred = _referred(data, rules)
    if referred:
        rank = facts.order.last_urgent()
    preferred = preferred_of(data.preferred_window)
    known = facts.returning.get(data.request_id)
    last = known.last_doctor if known is not None else None
    return CallFacts(is_child, district, urgency, red_flag, rank, lat, lon, preferred, referred, last)


def _referred(data: RequestAccepted, rules: RuleSet) -> int:
    """The place of a call that 103 handed on among such calls.

    0 for one that is urgent for another reason as well, and for one without a card: of that nothing tells how pressing
    it is, and it stays as urgent as the rule set says.
    """
    if data.referral is None or data.red_flags:
        return 0
    others = [each for each in data.reasons or () if each != referrals.REASON]
    return 0 if rules.urgency(others) == "urgent" else referrals.place(data.referral.category)


def preferred_of(wanted: PreferredWindow | None) -> Preferred | None:
    """A window that the applicant would like, as a plan takes it; None for none."""
    if wanted is None:
        return None
    # The end of a day is kept as its last microsecond.
    ends = 24 * 60 if wanted.to == time.max else wanted.to.hour * 60 + wanted.to.minute
    return Preferred(wanted.frm.hour * 60 + wanted.frm.minute, ends)


def _coordinates(data: RequestAccepted) -> tuple[float, float] | None:
    """Where the call is, if that is believed; an event of an earlier release has no flag, and is judged here."""
    if data.address is None or LOCATION_IMPLAUSIBLE in data.flags:
        return None
    return located(data.address.lat, data.address.lon)


def first_day_left(calendar: ClinicCalendar, day: date, now: datetime) -> date:
    """The visit date, or the next working day when that one is over: a visit is never set in the past (R14)."""
    closes_at = calendar.day(day).closes_at
    if closes_at is not None and now < closes_at:
        return day
    today = now.astimezone(calendar.zone).date()
    if closes_at is None and today <= day:
        return calendar.next_working_day(day)
    today = max(day, today)
    closes_today = calendar.day(today).closes_at
    if closes_today is not None and now < closes_today:
        return today
    return calendar.next_working_day(today)


# ---------------------------------------------------------------- withdrawn, closed


def cancelled(state: CallState | None, event: Incoming) -> Decision[CallState]:
    data = event.data
    assert isinstance(data, RequestCancelled)
    if state is None:
        return Decision(park=True)
    if state.status in {"cancelled", "closed"}:
        return Decision()
    pending = _with_errand(state, event, "free")
    return Decision(replace(state, status="cancelled", cancel_reason=data.reason, pending=pending))


def reported(state: CallState | None, event: Incoming) -> Decision[CallState]:
    """Close the visit as the clinic reports it."""
    data = event.data
    assert isinstance(data, VisitReported)
    if state is None:
        return Decision(park=True)
    if (objection := _objection(state, data)) is not None:
        return Decision(dead=Dead("invalid_transition", objection))
    if state.status == "closed":
        return Decision()
    says: list[OutgoingEvent] = []
    measures: list[Measure] = []
    clock = visit_deadline(state)
    if clock is not None and clock.said != "missed":
        verdict = clock.verdict(data.at)
        measures.append(Ended("visit", state.channel, verdict))
        if verdict == "missed":
            # The timer had no time to say so, and a closed visit has none.
            says.append(_notice(state, clock, "missed"))
            state = replace(state, missed_said=True)
    says.append(visit_event(VisitClosed, state, outcome=data.outcome, at=data.at))
    pending = state.pending
    if state.booking is not None and data.at < state.booking.arrives_to:
        # The doctor may go on earlier than planned, or need not come at all: the day has to know.
        pending = _with_errand(state, event, "over")
    state = replace(state, status="closed", outcome=data.outcome, revision=state.revision + 1)
    return Decision(replace(state, reported_at=data.at, pending=pending), says, measures)


def assigned(state: CallState | None, event: Incoming) -> Decision[CallState]:
    """A dispatcher wants the visit elsewhere: the day decides whether it can be."""
    data = event.data
    assert isinstance(data, VisitAssigned)
    if state is None:
        return Decision(park=True)
    if state.asked_at is not None and data.at < state.asked_at:
        return Decision(dead=Dead("invalid_transition", before_request(data.TYPE, state.asked_at)))
    wanted = Assignment(data.doctor_id, data.arrives_from, data.reason, data.assigned_by.full_name)
    assignments = {**state.assignments, event.causation_id: wanted}
    return Decision(replace(state, assignments=assignments, pending=_with_errand(state, event, "assign")))


def released(state: CallState | None, event: Incoming) -> Decision[CallState]:
    """A visit that was placed by hand may be planned like any other again."""
    if state is None:
        return Decision(park=True)
    if state.status in {"cancelled", "closed"}:
        return Decision()
    return Decision(replace(state, pending=_with_errand(state, event, "release")))


def _objection(state: CallState, data: VisitReported) -> str | None:
    """Why a report cannot be about this call; None also where it says once more how the visit ended."""
    if state.clinic_id != data.clinic_id:
        return f"request_id {data.request_id} is another clinic's call: report it under its own clinic_id"
    if state.asked_at is not None and data.at < state.asked_at:
        return before_request(data.TYPE, state.asked_at)
    if state.status == "closed" and state.outcome != data.outcome:
        return f"the visit was reported {state.outcome} before: what was reported first stands"
    if state.status == "cancelled":
        return "the call was withdrawn: there is no visit to report"
    return None


def _with_errand(state: CallState, event: Incoming, errand: Errand) -> list[Pending]:
    """What is pending with this errand, which is one, though its event may come again before it is carried out."""
    if any(each.causation_id == event.causation_id for each in state.pending):
        return state.pending
    return [*state.pending, Pending(event.causation_id, event.traceparent, errand)]


# ---------------------------------------------------------------- timers


def due(state: CallState, facts: Facts, now: datetime) -> Decision[CallState]:
    """The visit's deadline comes near or is missed; a waiting call whose day is over goes to the next (R14)."""
    says: list[OutgoingEvent] = []
    measures: list[Measure] = []
    clock = visit_deadline(state)
    if clock is not None and (notice := due_notice(clock, now)):
        says.append(_notice(state, clock, notice))
        if notice == "missed":
            measures.append(Ended("visit", state.channel, "missed"))
            state = replace(state, missed_said=True)
        else:
            state = replace(state, approaching_said=True)
    if state.status == "waiting" and state.day_over_at is not None and state.day_over_at <= now:
        state = _moved_on(state, facts, now)
    return Decision(state, says, measures)


def _moved_on(state: CallState, facts: Facts, now: datetime) -> CallState:
    calendar = facts.clinics.calendar(state.clinic_id, facts.rule_sets.on(state.asked_on or state.day))
    try:
        new_day = first_day_left(calendar, state.day, now) if calendar is not None else state.day
    except (NeverOpenError, NotCoveredError):
        new_day = state.day
    if calendar is None or new_day == state.day:
        # No working day is known: look again when the clinic may have published one.
        return replace(state, day_over_at=after(now, _LOOK_AGAIN))
    causation_id = cause_id("/homecall/scheduler", f"{state.request_id} {state.day.isoformat()}", "day over")
    pending = [*state.pending, Pending(causation_id, None, "place")]
    return replace(state, day=new_day, day_over_at=calendar.closing_on(new_day), pending=pending)


def _notice(state: CallState, clock: Clock, notice: Notice) -> OutgoingEvent:
    stage = "unplaced" if state.status == "waiting" else "scheduled"
    event = deadline_event(notice, clock, subject_id=state.request_id, clinic_id=state.clinic_id, stage=stage)
    return OutgoingEvent(event, sibling=f"visit {notice}", time=in_zone(clock.notice_at(notice)))
