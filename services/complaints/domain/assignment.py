"""The head names an executor, and measures are taken (C10.3, C10.6, C10.8)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from homecall.contract.events import ComplaintAssigned, ComplaintExecuted
from homecall.contract.iins import without_iins
from homecall.runtime.engine.decision import Dead
from services.complaints.domain.call_timeline import same_name
from services.complaints.domain.commands import (
    Check,
    closed,
    first_wrong,
    not_after,
    not_registered,
    without_executor,
    without_reasons,
)
from services.complaints.domain.course import Course
from services.complaints.domain.moments import kept
from services.complaints.domain.officers import named
from services.complaints.domain.state import ComplaintState, Executor, Measures


def assign(course: Course, command: ComplaintAssigned, moment: datetime) -> Course | Dead | None:
    """Name the executor of the stage. None where nothing changes."""
    if (dead := first_wrong(_ASSIGNED, course.state, command, moment)) is not None:
        return dead
    who, executors = named(command.executor), course.stage.executors
    if executors and (executors[-1].full_name, executors[-1].position) == (who.full_name, who.position):
        return None
    executor = Executor(
        full_name=who.full_name, position=who.position, at=kept(moment), assigned_by=named(command.assigned_by)
    )
    course = course.with_stage(executors=(*executors, executor)).with_state(status="assigned")
    return course.tell("assigned", executor.at)


def execute(course: Course, command: ComplaintExecuted, moment: datetime) -> Course | Dead | None:
    """Note measures. None where they are the last ones again."""
    if (dead := first_wrong(_EXECUTED, course.state, command, moment)) is not None:
        return dead
    taken = Measures(measures=without_iins(command.measures), at=kept(moment))
    before = course.stage.measures
    if course.state.status == "executed" and before[-1].measures == taken.measures:
        return None
    return course.with_stage(measures=(*before, taken)).with_state(status="executed").tell("executed", taken.at)


def _had_it_before(state: ComplaintState, command: ComplaintAssigned, _: datetime) -> str | None:
    before = {same_name(each.full_name) for stage in state.stages[:-1] for each in stage.executors}
    if same_name(named(command.executor).full_name) not in before:
        return None
    return "executor: has dealt with this complaint in its first stage: name somebody else (C10.8)"


def _before_the_executor(state: ComplaintState, command: ComplaintExecuted, moment: datetime) -> str | None:
    return not_after([state.stages[-1].executors[0].at], command, moment)


_ASSIGNED: Final[tuple[Check[ComplaintAssigned], ...]] = (not_registered, closed, _had_it_before)
_EXECUTED: Final[tuple[Check[ComplaintExecuted], ...]] = (
    not_registered,
    closed,
    without_executor,
    _before_the_executor,
    without_reasons,
)
