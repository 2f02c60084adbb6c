"""What happens to a complaint by itself: its registration, that its term is near its end, and the end (R9a, C10.4)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from homecall.contract.ids import cause_id
from homecall.contract.types import in_zone
from homecall.runtime.engine.decision import Decision
from homecall.standard.deadlines import Notice, next_notice
from services.complaints.domain.call_file import look_at, looked_again
from services.complaints.domain.course import Course
from services.complaints.domain.facts import Facts
from services.complaints.domain.held import timer_at as held_timer_at
from services.complaints.domain.numbers import concluded
from services.complaints.domain.registration import register_when_open
from services.complaints.domain.state import OPEN, ComplaintState
from services.complaints.domain.submission import tried_again

_Kind = Literal["registration"] | Notice


def timer_at(state: ComplaintState) -> datetime | None:
    """When the next thing is due by itself: the registration, 80 % of the term, its end; another try or look."""
    if state.held is not None:
        return held_timer_at(state.held, state.channel)
    item = _next_item(state)
    return min((each for each in (item and item[1], look_at(state)) if each is not None), default=None)


def due(state: ComplaintState, facts: Facts, now: datetime) -> Decision[ComplaintState]:
    """Pass the one thing that is due first, at its own time and not the tick's (R9a, C10.4, C10.8)."""
    if state.held is not None:
        return tried_again(state, state.held, facts, now)
    at = timer_at(state)
    if at is None or at > now:
        return Decision()
    if at == look_at(state):
        return looked_again(state, facts, now)
    item = _next_item(state)
    assert item is not None
    name = f"{state.complaint_id} {len(state.stages)} {in_zone(at)}"
    return concluded(_passed(Course(state), *item, facts, now), cause_id("/homecall/complaints", name, "timer"), None)


def passed_until(course: Course, moment: datetime, facts: Facts) -> Course:
    """Pass what was due before a command was given: the same command then finds the same state in either order.

    A deadline is met at its very moment; registration is done at its own.
    """
    while (item := _next_item(course.state)) is not None:
        kind, at = item
        if at > moment or (at == moment and kind != "registration"):
            break
        course = _passed(course, kind, at, facts, moment)
    return course


def _next_item(state: ComplaintState) -> tuple[_Kind, datetime] | None:
    if not state.stages:
        return None
    stage = state.stages[-1]
    if stage.registered_at is None:
        at = stage.registers_at or stage.look_again_at
        return ("registration", at) if at else None
    return next_notice(stage.deadline(state.channel)) if state.status in OPEN else None


def _passed(course: Course, kind: _Kind, at: datetime, facts: Facts, now: datetime) -> Course:
    if kind == "registration":
        return register_when_open(course, facts, now)
    if kind == "approaching":
        return course.with_stage(approaching_said=True).tell_deadline("approaching", at)
    missed = course.with_stage(missed_said=True).tell_deadline("missed", at)
    return missed.count("missed").tell("overdue", at, by_timer=True)
