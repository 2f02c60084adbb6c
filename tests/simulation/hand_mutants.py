"""Defects of visits placed by hand built in, which the judges must find; beside those of ``mutants``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Final
from unittest.mock import patch

from homecall.contract.events import VisitAssignmentRefused
from homecall.runtime.engine.decision import OutgoingEvent
from services.scheduler.domain import pending
from services.scheduler.domain.bookings import BY_HAND
from services.scheduler.domain.clinic_day import ClinicDay
from services.scheduler.domain.state import CallState

Mutant = Callable[[], AbstractContextManager[Any]]


def hand_mark_lost() -> AbstractContextManager[Any]:
    """A visit that was placed by hand counts as planned once its day is planned again with another roster."""
    sound = ClinicDay.take_roster

    def take_roster(self: ClinicDay, *of: Any) -> Any:
        taken = sound(self, *of)
        for request_id, visit in [*self.bookings.items()]:
            if visit.basis == BY_HAND:
                self._put_visit(request_id, replace(visit, basis="district"))
        return taken

    return patch.object(ClinicDay, "take_roster", take_roster)


def refused_twice() -> AbstractContextManager[Any]:
    """A dispatcher whose choice cannot be is told so twice."""
    sound = pending._assign

    def assign(state: CallState, day: ClinicDay, *more: Any) -> tuple[CallState, list[OutgoingEvent]]:
        after, says = sound(state, day, *more)
        if not any(isinstance(each.data, VisitAssignmentRefused) for each in says):
            return after, says
        again = replace(after, assignments=state.assignments)
        last, says_again = sound(again, day, *more)
        return last, [*says, *says_again]

    return patch.object(pending, "_assign", assign)


HAND_MUTANTS: Final[Mapping[str, Mutant]] = {each.__name__: each for each in (hand_mark_lost, refused_twice)}
"""By name."""
