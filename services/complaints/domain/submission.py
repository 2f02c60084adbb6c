"""A complaint comes: it is delivered, and registered or refused; held while its signature cannot be checked."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homecall.contract.envelope import Incoming
from homecall.contract.events import ClinicPublished, ComplaintSubmitted, FieldError
from homecall.contract.iins import without_iins
from homecall.runtime.engine.decision import Decision, replace
from homecall.standard.acceptance import ClockAheadError
from homecall.standard.calendar import local
from homecall.standard.complaints import Term
from homecall.standard.deadlines import complaint_clock
from homecall.standard.rules import NotCoveredError, RuleSet
from homecall.texts.language import plain
from services.complaints.domain.answer_ways import in_words, is_address, way_of
from services.complaints.domain.course import Course
from services.complaints.domain.facts import Facts
from services.complaints.domain.held import hold, still_held
from services.complaints.domain.numbers import concluded
from services.complaints.domain.refusal import refused_on_arrival
from services.complaints.domain.registration import begun, open_stage, term_of
from services.complaints.domain.state import Complainant, ComplaintState, Held, Sealed, Stage, named

_NO_WORDS: Final = FieldError(
    path="text",
    message="says nothing: state in words what the complaint is about, and send it again under a new complaint_id",
)
_UNKNOWN_CLINIC: Final = FieldError(
    path="clinic_id",
    message="names no clinic that has been published: check the id, or publish the clinic, "
    "and send the complaint again under a new complaint_id",
)


@dataclass(frozen=True)
class _Arrival:
    """A complaint that can be registered: what is kept of it, its first stage and its term by these rules."""

    state: ComplaintState
    stage: Stage
    term: Term | None
    rules: RuleSet


def submitted(
    event: Incoming, facts: Facts, now: datetime, before: ComplaintState | None = None
) -> Decision[ComplaintState]:
    """Decide on a complaint that is new; or, with ``before``, on one that was held and can be decided on now."""
    told = before.sequence if before is not None else 0
    arrival = _arrival(event, facts)
    if not isinstance(arrival, _Arrival):
        # Where else to go is a matter of today's law.
        return refused_on_arrival(event, arrival, told, facts.rule_sets.nearest(now.date()), now)
    if facts.unchecked is not None:
        return _held(event, arrival, facts.unchecked, facts, now)
    course = Course(replace(arrival.state, sequence=told))
    course = open_stage(course, arrival.stage, arrival.term, facts, tell=told == 0)
    if before is not None and before.held is not None:
        course = _taken_over(course, before.held, overdue_told=told > 1)
    return concluded(course, event.causation_id, event.traceparent)


def tried_again(state: ComplaintState, held: Held, facts: Facts, now: datetime) -> Decision[ComplaintState]:
    """Decide on a held complaint if its signature can be checked by now.

    What it says belongs to the event that brought it; the commands that came meanwhile follow it.
    """
    event = facts.reopened
    if event is None or facts.unchecked is not None:
        day = held.started_at.date() if held.started_at else None
        return still_held(state, held, facts.rule_sets.nearest(day), now)
    decided = submitted(event, facts, now, state)
    return dataclasses.replace(decided, causation_id=(event.causation_id, event.traceparent), unpark=True)


def _held(event: Incoming, arrival: _Arrival, sealed: Sealed, facts: Facts, now: datetime) -> Decision[ComplaintState]:
    state, rules, clock = arrival.state, arrival.rules, None
    if arrival.term is not None:
        calendar = facts.clinics.calendar(state.clinic_id, rules)
        clock = complaint_clock(channel=state.channel, term=arrival.term, rules=rules, calendar=calendar)
    # The same event as without the wait: a replay that can check the signature sends it again, under the same id.
    delivered = concluded(open_stage(Course(state), arrival.stage, None, facts), event.causation_id, event.traceparent)
    return Decision(hold(state, arrival.stage.stage, sealed, clock, rules, now), delivered.says)


def _taken_over(course: Course, held: Held, *, overdue_told: bool) -> Course:
    """What was said of its term while it was held has been said, and counted; the cabinet hears it once."""
    course = course.with_stage(approaching_said=held.said != "", missed_said=held.said == "missed")
    if held.said == "missed" and not overdue_told and course.stage.registered_at is not None:
        assert held.due_at is not None
        course = course.tell("overdue", held.due_at, by_timer=True)
    return course


def _arrival(event: Incoming, facts: Facts) -> _Arrival | Sequence[FieldError]:
    """What arrived, or what is wrong with it."""
    data = event.data
    if not isinstance(data, ComplaintSubmitted):
        return event.errors
    clinic = facts.clinics.get(data.clinic_id)
    if clinic is None:
        return [_UNKNOWN_CLINIC]
    if facts.bad_signature is not None:
        return [facts.bad_signature]
    if not in_words(without_iins(data.text)):
        return [_NO_WORDS]
    state = _delivered(data, clinic, facts)
    came_at = data.submitted_at if facts.record_time is None else min(data.submitted_at, facts.record_time)
    try:
        rules = facts.rule_sets.on(local(data.submitted_at, facts.clinics.zone(data.clinic_id)).date())
        term = term_of(state, data.addressed_to, data.submitted_at, facts, rules)
    except (ClockAheadError, NotCoveredError) as error:
        way_out = "" if isinstance(error, ClockAheadError) else ": correct submitted_at"
        message = f"{error}{way_out}, and send the complaint again under a new complaint_id"
        return [FieldError(path="submitted_at", message=message)]
    return _Arrival(state, begun(data.addressed_to, came_at, data.clinic_id, facts, rules), term, rules)


def _delivered(data: ComplaintSubmitted, clinic: ClinicPublished, facts: Facts) -> ComplaintState:
    """The complaint as it is kept (C10.5)."""
    person, phone, place = data.complainant, data.complainant.phone, data.answer_place
    # A place that is named for an answer by post is the address to which it goes.
    addresses = (person.postal_address, place if data.answer_by == "post" else None)
    answer_by, asked = way_of(data.answer_by, data.channel, by_post=any(map(is_address, addresses)))
    if answer_by == "by_hand":
        place = _place_by_hand(data, clinic)
    return ComplaintState(
        complaint_id=data.complaint_id,
        clinic_id=data.clinic_id,
        status="delivered",
        channel=data.channel,
        request_id=data.request_id,
        # Some type an IIN into other fields, too.
        complainant=Complainant(
            full_name=without_iins(person.full_name),
            phone=None if phone is not None and re.sub(r"\D", "", phone) == person.iin else phone,
            postal_address=person.postal_address and without_iins(person.postal_address),
            language=person.language,
        ),
        text=without_iins(data.text),
        received_by=None if data.channel == "portal" or data.received_by is None else named(data.received_by),
        answer_by=answer_by,
        answer_asked=asked,
        answer_place=place and without_iins(place),
        matter=dict(facts.matter),
    )


def _place_by_hand(data: ComplaintSubmitted, clinic: ClinicPublished) -> str | None:
    """Where an answer by hand is to be had: at the clinic unless the complaint names a place; that of the Ministry or
    the authority at their own office, never at the clinic.
    """
    place = data.answer_place
    if data.addressed_to == "clinic":
        return place or clinic.address
    at_the_clinic = place is not None and plain(place).casefold() == plain(clinic.address).casefold()
    return None if at_the_clinic else place
