"""What happens to a complaint by itself: its registration, that its term is near its end, and the end (R9a, C10.4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from homecall.contract.ids import cause_id
from homecall.contract.types import in_zone
from homecall.runtime.engine.decision import Decision
from homecall.standard.deadlines import next_notice
from services.complaints.domain.call_file import look_at, looked_again
from services.complaints.domain.course import Course
from services.complaints.domain.facts import Facts
from services.complaints.domain.held import timer_at as held_timer_at
from services.complaints.domain.numbers import concluded
from services.complaints.domain.registration import register_when_open
from services.complaints.domain.state import OPEN, ComplaintState
from services.complaints.domain.submission import tried_again


def timer_at(state: ComplaintState) -> datetime | None:
    """When the next thing is due by itself: the registration, 80 % of the term, its end; another try or look."""
    if state.held is not None:
        return held_timer_at(state.held, state.channel)
    item = _next_item(state)
    moments = (item.at if item is not None else None, look_at(state))
    return min((each for each in moments if each is not None), default=None)


def due(state: ComplaintState, facts: Facts, now: datetime) -> Decision[ComplaintState]:
    """Pass the one thing that is due first, at its own time and not the tick's (R9a, C10.4, C10.8)."""
    if state.held is not None:
        return tried_again(state, state.held, facts, now)
    item, look = _next_item(state), look_at(state)
    if look is not None and look <= now and (item is None or look <= item.at):
        return looked_again(state, facts, now)
    if item is None or item.at > now:
        return Decision()
    name = f"{state.complaint_id} {len(state.stages)} {in_zone(item.at)}"
    return concluded(_passed(Course(state), item, facts, now), cause_id("/homecall/complaints", name, "timer"), None)


def passed_until(course: Course, moment: datetime, facts: Facts) -> Course:
    """Pass what was due before a command was given: the same command then finds the same state in either order.

    A deadline is met at its very moment; registration is done at its own.
    """
    while (item := _next_item(course.state)) is not None:
        if item.at > moment or (item.at == moment and item.kind != "registration"):
            break
        course = _passed(course, item, facts, moment)
    return course


@dataclass(frozen=True)
class _Item:
    """Something that is due by itself."""

    kind: Literal["registration", "approaching", "missed"]
    at: datetime


def _next_item(state: ComplaintState) -> _Item | None:
    if not state.stages:
        return None
    stage = state.stages[-1]
    if stage.registered_at is None:
        at = stage.registers_at or stage.look_again_at
        return _Item("registration", at) if at else None
    if state.status not in OPEN:
        return None
    notice = next_notice(stage.deadline(state.channel))
    return _Item(*notice) if notice is not None else None


def _passed(course: Course, item: _Item, facts: Facts, now: datetime) -> Course:
    if item.kind == "registration":
        return register_when_open(course, facts, now)
    if item.kind == "approaching":
        return course.with_stage(approaching_said=True).tell_deadline("approaching", item.at)
    missed = course.with_stage(missed_said=True).tell_deadline("missed", item.at)
    return missed.count("missed").tell("overdue", item.at, by_timer=True)
