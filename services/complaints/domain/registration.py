"""How a stage begins and is registered: at once within working hours, else at the next opening (C10.2, R9, R9a)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from homecall.contract.events import ComplaintStage
from homecall.standard.calendar import NeverOpenError
from homecall.standard.complaints import Term, complaint_term
from homecall.standard.deadlines import complaint_clock
from homecall.standard.rules import NotCoveredError, RuleSet
from services.complaints.domain.answer_ways import contacts, office, on_duty
from services.complaints.domain.course import Course
from services.complaints.domain.facts import Facts
from services.complaints.domain.state import ComplaintState, Stage, kept

_LOOK_AGAIN: Final = timedelta(minutes=10)
"""When to look again at a complaint whose clinic has no opening left."""


def term_of(
    state: ComplaintState, addressed_to: ComplaintStage, moment: datetime, facts: Facts, rules: RuleSet
) -> Term | None:
    """The term by the clinic's calendar as it is now; None while that has no opening. For errors see the standard's.

    The first stage's moment is held against its record (R17); what comes later was, when it came.
    """
    calendar = facts.clinics.calendar(state.clinic_id, rules)
    if calendar is None:
        return None
    try:
        return complaint_term(
            addressed_to=addressed_to,
            channel=state.channel,
            submitted_at=moment,
            calendar=calendar,
            rules=rules,
            record_time=None if state.stages else facts.record_time,
        )
    except NeverOpenError:
        return None


def begun(
    name: ComplaintStage, came_at: datetime, clinic_id: str, facts: Facts, rules: RuleSet, grounds: str | None = None
) -> Stage:
    """A stage as it begins, before it is registered."""
    return Stage(
        stage=name,
        grounds=grounds,
        came_at=kept(came_at, facts.clinics.zone(clinic_id)),
        term_days=rules.complaint_term(name).working_days,
        quality_authority_days=rules.complaint_term("quality_authority").working_days,
        office=office(name, facts.clinics.get(clinic_id), rules),
        contacts=contacts(rules),
    )


def open_stage(course: Course, stage: Stage, term: Term | None, facts: Facts, *, tell: bool = True) -> Course:
    """Begin a stage. Without ``tell``, its first status was sent before."""
    state, came_at = course.state, stage.came_at
    status: Final = "escalated" if state.stages else "delivered"
    course = course.with_state(status=status, stages=(*state.stages, stage))
    course = _arranged(course, term, facts, until=came_at, now=came_at)
    if tell:
        course = course.tell(status, kept(came_at))
    return _registered(course, facts) if course.stage.registered_at is not None else course


def register_when_open(course: Course, facts: Facts, now: datetime) -> Course:
    """Register the stage at its opening, if that has come by the calendar as it is now."""
    opening = course.stage.registers_at
    term = _term_now(course, opening, facts)
    course = _arranged(course, term, facts, until=opening or now, now=now)
    return _registered(course, facts, by_timer=True) if course.stage.registered_at is not None else course


def _term_now(course: Course, opening: datetime | None, facts: Facts) -> Term | None:
    """The term by the calendar as it is now: an opening that turned out closed moves on, none moves back (R16)."""
    state, stage, rules = course.state, course.stage, _rules_of(course.stage, facts)
    try:
        term = term_of(state, stage.stage, stage.came_at, facts, rules)
        if term is None or opening is None or term.registered_at >= opening:
            return term
        return term_of(state, stage.stage, opening, facts, rules)
    except NotCoveredError:
        return None


def _arranged(course: Course, term: Term | None, facts: Facts, *, until: datetime, now: datetime) -> Course:
    """Note the term of the stage if it is registered by ``until``; else when to see to it."""
    course = course.with_stage(registers_at=None, look_again_at=None)
    if term is None:
        return course.with_stage(look_again_at=kept(now + _LOOK_AGAIN))
    if term.registered_at > until:
        return course.with_stage(registers_at=kept(term.registered_at))
    rules = _rules_of(course.stage, facts)
    calendar = facts.clinics.calendar(course.state.clinic_id, rules)
    clock = complaint_clock(channel=course.state.channel, term=term, rules=rules, calendar=calendar)
    return course.with_stage(
        registered_at=kept(term.registered_at),
        answer_due_on=term.answer_due_on,
        answer_due_at=kept(term.answer_due_at),
        approaching_at=kept(clock.approaching_at),
        limit_seconds=clock.limit_seconds,
        flags=term.flags,
        ruling=term.ruling.as_dict(),
    )


def _registered(course: Course, facts: Facts, *, by_timer: bool = False) -> Course:
    """Say the registration; note who answers for one that nobody received by hand (C10.2)."""
    state, stage = course.state, course.stage
    assert stage.registered_at is not None
    if len(state.stages) > 1 or state.received_by is None:
        clinic, language = facts.clinics.get(state.clinic_id), state.complainant.language or "ru"
        course = course.with_stage(received_by=on_duty(stage.stage, clinic, facts.officer, language))
    return course.with_state(status="registered").tell("registered", stage.registered_at, by_timer=by_timer)


def _rules_of(stage: Stage, facts: Facts) -> RuleSet:
    return facts.rule_sets.on(stage.came_at.date())
