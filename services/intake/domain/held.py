"""Requests whose signature cannot be checked yet: not decided, and their clock runs (C4.4, C9.2, R24)."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta

from homecall.contract.ids import cause_id
from homecall.contract.types import ZONE
from homecall.runtime.engine.decision import Decision, replace
from homecall.standard.calendar import ClinicCalendar
from homecall.standard.deadlines import answer_clock
from homecall.standard.rules import RuleSet
from services.intake.domain.deadlines import answer_awaited, with_clock
from services.intake.domain.refusals import UNCHECKED_IN_TIME, refuse, unchecked
from services.intake.domain.state import RequestState, is_due, written

_FIRST_TRY = timedelta(seconds=15)
_LONGEST_WAIT = timedelta(minutes=2)
"""Between two tries, while the answer's time runs."""
_LONGEST_WAIT_LATE = timedelta(minutes=15)
"""The same once the answer is late."""
_TRIED_AT_LEAST = timedelta(minutes=15)
"""For how long it is tried however late the request reached us (R14)."""


def hold(
    state: RequestState, clock_starts_at: datetime, rules: RuleSet, calendar: ClinicCalendar, now: datetime
) -> RequestState:
    clock = answer_clock(channel=state.channel, clock_starts_at=clock_starts_at, rules=rules, calendar=calendar)
    return replace(
        with_clock(state, clock),
        status="held",
        try_again_at=now + _FIRST_TRY,
        held_until=_held_until(state, clock.due_at, rules, now),
    )


def _held_until(state: RequestState, due_at: datetime, rules: RuleSet, now: datetime) -> datetime:
    """When a held request is refused (R24): not before its answer is due, nor unless it has been tried for a while."""
    assert state.submitted_at is not None
    limit = (state.submitted_at + timedelta(seconds=rules.held.seconds)).astimezone(ZONE)
    return max(limit, due_at, now + _TRIED_AT_LEAST)


def still_held(state: RequestState, now: datetime, rules: RuleSet) -> Decision[RequestState]:
    """The signature still cannot be checked: try later, or refuse it once held as long as the rules allow (R24)."""
    assert state.due_at is not None
    due_at = state.due_at
    state, says, measures = answer_awaited(state, "signature", now)
    # A release before R24 stored none.
    until = state.held_until or _held_until(state, due_at, rules, now)
    state = replace(state, held_until=until)
    if until <= now:
        refused = refuse(state, unchecked(UNCHECKED_IN_TIME, rules, written(until)), rules, time=written(until))
        cause = cause_id("/homecall/intake", state.request_id, "unchecked")
        return dataclasses.replace(refused.after(says, measures), causation_id=(cause, None))
    if state.try_again_at is None or is_due(state.try_again_at, now):
        longest = _LONGEST_WAIT if now < due_at else _LONGEST_WAIT_LATE
        wait = min(_FIRST_TRY * 2 ** min(state.tries + 1, 10), longest)
        state = replace(state, tries=state.tries + 1, try_again_at=min(now + wait, until).astimezone(ZONE))
    return Decision(state, says, measures)
