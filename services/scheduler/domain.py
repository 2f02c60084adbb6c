"""What becomes of an accepted call: its day, its visit, its end. Pure: time and facts are arguments.

Where in the day it goes is ``routing``'s; this is the call's own life around it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from homecall.contract.envelope import Incoming
from homecall.contract.events import (
    ClinicPublished,
    RequestAccepted,
    RequestCancelled,
    VisitCancelled,
    VisitClosed,
    VisitReported,
    VisitRescheduled,
    VisitScheduled,
    VisitUnplaced,
)
from homecall.contract.ids import cause_id, visit_id
from homecall.contract.types import ZONE, in_zone
from homecall.runtime.engine.decision import Dead, Decision, Ended, Measure, OutgoingEvent, replace
from homecall.standard.calendar import ClinicCalendar, NeverOpenError, after
from homecall.standard.clinics import Clinics
from homecall.standard.deadlines import Clock, Notice, deadline_event, due_notice, next_notice, visit_clock
from homecall.standard.patient import ADULT_AGE
from homecall.standard.places import LOCATION_IMPLAUSIBLE, located
from homecall.standard.rules import NotCoveredError, RuleSets
from homecall.standard.stated_times import before_request
from services.scheduler.routing import Call, Dispatch, district_of
from services.scheduler.waiting import WaitingOrder

_LOOK_AGAIN = timedelta(minutes=10)
"""When to look again for a working day of a clinic that has none."""


@dataclass
class CallState:
    """A call as the scheduler keeps it. Times are RFC 3339 texts.

    ``day`` is the date it is to be placed on, recorded before it is booked there; ``asked_on`` that of the application,
    which chooses the rules (R12), empty where an earlier release stored it, and ``asked_at`` its moment: no visit was
    made before (R21). ``pending`` lists what is to be done in
    that day: (cause, traceparent, ``place``, ``free`` or ``over``). ``booking`` is the place that was last said.
    """

    request_id: str
    clinic_id: str
    channel: str
    status: str
    day: str
    call: dict[str, Any]
    accepted_at: str
    asked_on: str = ""
    asked_at: str | None = None
    due_at: str | None = None
    approaching_at: str | None = None
    limit_seconds: int = 0
    approaching_said: bool = False
    missed_said: bool = False
    pending: list[list[str | None]] = field(default_factory=list)
    booking: dict[str, Any] | None = None
    revision: int = 0
    promised: bool = False
    cause: str | None = None
    unplaced_since: str | None = None
    day_over_at: str | None = None
    cancel_reason: str | None = None
    outcome: str | None = None
    reported_at: str | None = None


def day_key(clinic_id: str, day: str) -> str:
    """The id of a clinic's day."""
    return f"{clinic_id}|{day}"


def timer_at(state: CallState) -> datetime | None:
    """The next of: the visit's deadline coming near, its being missed, the day of a waiting call being over."""
    moments: list[datetime] = []
    if state.status in {"waiting", "booked"}:
        if (clock := visit_deadline(state)) and (notice := next_notice(clock)):
            moments.append(notice[1])
        if state.status == "waiting" and state.day_over_at:
            moments.append(datetime.fromisoformat(state.day_over_at))
    return min(moments, default=None)


def visit_deadline(state: CallState) -> Clock | None:
    """The visit's deadline and what has been said of it; None for a call without one."""
    if state.due_at is None:
        return None
    due_at = datetime.fromisoformat(state.due_at)
    return Clock(
        deadline="visit",
        channel=state.channel,
        started_at=datetime.fromisoformat(state.accepted_at),
        due_at=due_at,
        limit_seconds=state.limit_seconds,
        approaching_at=datetime.fromisoformat(state.approaching_at) if state.approaching_at else due_at,
        said="missed" if state.missed_said else "approaching" if state.approaching_said else None,
    )


def is_pending(state: CallState) -> bool:
    """Whether the call waits for something to be done in its day."""
    return bool(state.pending)


def call_of(state: CallState) -> Call:
    """The call as routing takes it."""
    return Call(
        request_id=state.request_id,
        is_child=state.call["is_child"],
        district_id=state.call.get("district_id"),
        urgency=state.call["urgency"],
        red_flag=state.call["red_flag"],
        accepted_at=datetime.fromisoformat(state.accepted_at),
        lat=state.call.get("lat"),
        lon=state.call.get("lon"),
        rank=state.call.get("rank", 0),
    )


def dispatch_of(clinic: ClinicPublished | None) -> Dispatch:
    """How a clinic dispatches: what it published, and our defaults for the rest."""
    zone = ZONE if clinic is None else ZoneInfo(clinic.zone)
    said = clinic.dispatch if clinic is not None else None
    if said is None:
        return Dispatch(zone=zone)
    given: dict[str, Any] = {
        "window": said.window_minutes,
        "lead": said.lead_minutes,
        "urgent_within": said.urgent_within_minutes,
        "road_factor": said.road_factor,
        "speed_kmh": said.speed_kmh,
        "district_weight": said.district_weight_minutes,
        "change_weight": said.change_weight_minutes,
    }
    table = {(each.frm, each.to): each.minutes * 60 for each in said.travel_table}
    return Dispatch(zone=zone, table=table, **{name: value for name, value in given.items() if value is not None})


# ---------------------------------------------------------------- events


def accepted(
    state: CallState | None,
    event: Incoming,
    *,
    clinics: Clinics,
    rule_sets: RuleSets,
    order: WaitingOrder,
    now: datetime,
) -> Decision[CallState]:
    """Take an accepted call: choose its day, and ask for a place in it."""
    data = event.data
    assert isinstance(data, RequestAccepted)
    if state is not None:
        return Decision()
    address = data.address
    age = data.patient.age_years if data.patient else None
    is_child = age is not None and age < ADULT_AGE
    clinic = clinics.get(data.clinic_id)
    district = address.district_id if address else None
    if district is None and address is not None and address.text and clinic is not None:
        areas = [(each.district_id, each.kind, each.addresses) for each in clinic.districts]
        district = district_of(address.text, areas, is_child=is_child)
    day, over_at = data.visit_date, None
    clock: Clock | None = None
    asked_on = (data.submitted_at or data.clock_started_at).astimezone(clinics.zone(data.clinic_id)).date()
    rules = rule_sets.on(asked_on)
    calendar = clinics.calendar(data.clinic_id, rules)
    if calendar is not None:
        # A clinic that has closed for good since then still has the call: it stands as waiting, for all to see.
        with suppress(NeverOpenError, NotCoveredError):
            day = first_day_left(calendar, data.visit_date, now)
            over_at = calendar.closing_on(day)
            clock = visit_clock(
                channel=data.channel or "", accepted_at=data.accepted_at, visit_date=day, calendar=calendar, rules=rules
            )
    state = CallState(
        request_id=data.request_id,
        clinic_id=data.clinic_id,
        channel=data.channel or "",
        status="waiting",
        day=day.isoformat(),
        call={
            "is_child": is_child,
            "district_id": district,
            "urgency": data.urgency or "same_day",
            "red_flag": bool(data.red_flags),
            "rank": order.rank(red_flag=bool(data.red_flags), urgency=data.urgency or "same_day", age_years=age),
            **_coordinates(data),
        },
        accepted_at=in_zone(data.accepted_at),
        asked_on=asked_on.isoformat(),
        asked_at=in_zone(min(data.submitted_at or data.clock_started_at, data.clock_started_at)),
        due_at=in_zone(clock.due_at) if clock else None,
        approaching_at=in_zone(clock.approaching_at) if clock else None,
        limit_seconds=clock.limit_seconds if clock else 0,
        day_over_at=in_zone(over_at) if over_at else None,
        pending=[[event.causation_id, event.traceparent, "place"]],
    )
    return Decision(state)


def _coordinates(data: RequestAccepted) -> dict[str, float]:
    """Where the call is, if that is believed; an event of an earlier release has no flag, and is judged here."""
    if data.address is None or LOCATION_IMPLAUSIBLE in data.flags:
        return {}
    place = located(data.address.lat, data.address.lon)
    return {"lat": place[0], "lon": place[1]} if place is not None else {}


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


def cancelled(state: CallState | None, event: Incoming) -> Decision[CallState]:
    """Give the place of a withdrawn request back."""
    data = event.data
    assert isinstance(data, RequestCancelled)
    if state is None:
        return Decision(park=True)
    if state.status in {"cancelled", "closed"}:
        return Decision()
    pending = [*state.pending, [event.causation_id, event.traceparent, "free"]]
    return Decision(replace(state, status="cancelled", cancel_reason=data.reason, pending=pending))


def reported(state: CallState | None, event: Incoming) -> Decision[CallState]:
    """Close the visit as the clinic reports it."""
    data = event.data
    assert isinstance(data, VisitReported)
    if state is None:
        return Decision(park=True)
    if state.clinic_id != data.clinic_id:
        return _dead(f"request_id {data.request_id} is another clinic's call: report it under its own clinic_id")
    if state.asked_at is not None and data.at < (asked_at := datetime.fromisoformat(state.asked_at)):
        return _dead(before_request(data.TYPE, asked_at))
    if state.status == "closed":
        if state.outcome == data.outcome:
            return Decision()
        return _dead(f"the visit was reported {state.outcome} before: what was reported first stands")
    if state.status == "cancelled":
        return _dead("the call was withdrawn: there is no visit to report")
    revision = state.revision + 1
    closed = VisitClosed(
        request_id=state.request_id,
        clinic_id=state.clinic_id,
        visit_id=visit_id(state.request_id),
        revision=revision,
        outcome=data.outcome,
        at=data.at,
    )
    says = [OutgoingEvent(closed, sibling=str(revision))]
    measures: list[Measure] = []
    clock = visit_deadline(state)
    if clock is not None and clock.said != "missed":
        verdict = clock.verdict(data.at)
        measures.append(Ended("visit", state.channel, verdict))
        if verdict == "missed":
            # The timer had no time to say so, and a closed visit has none.
            says.insert(0, _deadline(state, clock, "missed"))
            state = replace(state, missed_said=True)
    pending = state.pending
    if state.booking is not None and data.at < datetime.fromisoformat(state.booking["arrives_to"]):
        # The doctor may go on earlier than was planned, or need not come at all: the day is to know.
        pending = [*pending, [event.causation_id, event.traceparent, "over"]]
    closed_state = replace(
        state,
        status="closed",
        outcome=data.outcome,
        revision=revision,
        reported_at=in_zone(data.at),
        pending=pending,
    )
    return Decision(closed_state, says, measures)


def _dead(detail: str) -> Decision[CallState]:
    return Decision(dead=Dead("invalid_transition", detail))


# ---------------------------------------------------------------- places


@dataclass(frozen=True)
class Placed:
    """A place in the day: routing's promise with the doctor's name, as the day keeps it, and why it is this one."""

    arrives_from: datetime
    arrives_to: datetime
    doctor: dict[str, Any]
    basis: str
    why: dict[str, Any] | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unplaced:
    cause: Literal["no_roster", "no_capacity"]


def settled(
    state: CallState, place: Placed | Unplaced | None, *, now: datetime, reason: str | None = None
) -> tuple[CallState, list[OutgoingEvent]]:
    """What a call says once its place in the day is known; nothing where it is as it was last said.

    ``place`` None: its place has been given back.
    """
    if state.status in {"cancelled", "closed"}:
        return state, []
    if isinstance(place, Placed):
        booking = {
            "arrives_from": in_zone(place.arrives_from),
            "arrives_to": in_zone(place.arrives_to),
            "doctor": place.doctor,
            "basis": place.basis,
            "day": state.day,
        }
        if state.booking is not None and state.status == "booked" and _same_promise(state.booking, booking):
            return state, []
        revision = state.revision + 1
        model = VisitRescheduled if state.promised else VisitScheduled
        event = model.model_validate(
            {
                "request_id": state.request_id,
                "clinic_id": state.clinic_id,
                "visit_id": visit_id(state.request_id),
                "revision": revision,
                "visit_date": state.day,
                **{name: value for name, value in booking.items() if name != "day"},
                "reason": (reason or "no_capacity") if state.promised else None,
                "why": place.why,
                "flags": list(place.flags),
            }
        )
        placed = replace(
            state,
            status="booked",
            booking=booking,
            revision=revision,
            promised=True,
            cause=None,
            unplaced_since=None,
        )
        return placed, [OutgoingEvent(event, sibling=str(revision))]
    cause = place.cause if place is not None else "no_capacity"
    if state.status == "waiting" and state.unplaced_since is not None:
        return replace(state, cause=cause), []
    revision = state.revision + 1
    since = in_zone(now)
    waiting = replace(state, status="waiting", booking=None, revision=revision, cause=cause, unplaced_since=since)
    event_unplaced = VisitUnplaced(
        request_id=state.request_id,
        clinic_id=state.clinic_id,
        visit_id=visit_id(state.request_id) if state.promised else None,
        revision=revision,
        cause=cause,
        since=datetime.fromisoformat(since),
    )
    return waiting, [OutgoingEvent(event_unplaced, sibling=str(revision))]


def _same_promise(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether a patient would be told the same: the day, the window, who comes."""
    return all(one[name] == other[name] for name in ("arrives_from", "arrives_to", "doctor", "day"))


def given_back(state: CallState) -> tuple[CallState, list[OutgoingEvent]]:
    """What a withdrawn call says once its place is free."""
    revision = state.revision + 1
    event = VisitCancelled(
        request_id=state.request_id,
        clinic_id=state.clinic_id,
        visit_id=visit_id(state.request_id) if state.promised else None,
        revision=revision,
        reason=state.cancel_reason or "",
    )
    return replace(state, booking=None, revision=revision), [OutgoingEvent(event, sibling=str(revision))]


# ---------------------------------------------------------------- timers


def due(state: CallState, *, clinics: Clinics, rule_sets: RuleSets, now: datetime) -> Decision[CallState]:
    """The visit's deadline comes near or is missed; a waiting call whose day is over goes to the next (R14)."""
    says: list[OutgoingEvent] = []
    measures: list[Measure] = []
    clock = visit_deadline(state)
    if clock is not None and (notice := due_notice(clock, now)):
        says.append(_deadline(state, clock, notice))
        if notice == "missed":
            measures.append(Ended("visit", state.channel, "missed"))
            state = replace(state, missed_said=True)
        else:
            state = replace(state, approaching_said=True)
    if state.status == "waiting" and state.day_over_at and datetime.fromisoformat(state.day_over_at) <= now:
        state = _moved_on(state, clinics, rule_sets, now)
    return Decision(state, says, measures)


def _moved_on(state: CallState, clinics: Clinics, rule_sets: RuleSets, now: datetime) -> CallState:
    day = date.fromisoformat(state.day)
    rules = rule_sets.on(date.fromisoformat(state.asked_on or state.day))
    calendar = clinics.calendar(state.clinic_id, rules)
    try:
        new_day = first_day_left(calendar, day, now) if calendar is not None else day
    except (NeverOpenError, NotCoveredError):
        new_day = day
    if calendar is None or new_day == day:
        # No working day is known: look again when the clinic may have published one.
        return replace(state, day_over_at=in_zone(after(now, _LOOK_AGAIN)))
    cause = cause_id("/homecall/scheduler", f"{state.request_id} {state.day}", "day over")
    return replace(
        state,
        day=new_day.isoformat(),
        day_over_at=in_zone(calendar.closing_on(new_day)),
        pending=[*state.pending, [cause, None, "place"]],
    )


def _deadline(state: CallState, clock: Clock, notice: Notice) -> OutgoingEvent:
    stage = "unplaced" if state.status == "waiting" else "scheduled"
    event = deadline_event(notice, clock, subject_id=state.request_id, clinic_id=state.clinic_id, stage=stage)
    return OutgoingEvent(event, sibling=f"visit {notice}", time=in_zone(clock.notice_at(notice)))
