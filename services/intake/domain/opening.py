"""Deferred requests at the opening they were promised (C8.2, R6, R16)."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta

from homecall.contract.ids import cause_id
from homecall.contract.types import ZONE, in_zone
from homecall.runtime.engine.decision import Decision, replace
from homecall.standard.acceptance import Accepted, Deferred, FirstRuling, take_up
from homecall.standard.calendar import ClinicCalendar, NeverOpenError
from homecall.standard.clinics import Clinics
from homecall.standard.deadlines import answer_clock, earliest, next_notice_at
from homecall.standard.handing_on import take_over
from homecall.standard.rules import NotCoveredError, RuleSet, RuleSets
from services.intake.domain.acceptance import accept, defer
from services.intake.domain.deadlines import answer_awaited, with_clock
from services.intake.domain.refusals import refuse, wrong_field
from services.intake.domain.state import Cause, RequestState, answer_deadline, is_due, local_date, takes_over, written
from services.intake.domain.transfer import first_clock

_LOOK_AGAIN = timedelta(minutes=10)
"""When to look again at a request whose clinic has no opening left."""
_CLOSED_FOR_GOOD = timedelta(days=30)
"""After how long without an opening it is refused, from the opening that it was promised."""


def decide(state: RequestState, rule_sets: RuleSets, clinics: Clinics, now: datetime) -> Decision[RequestState]:
    """Accept a deferred request at its opening, or defer it again when that day turned out closed."""
    assert state.opens_at is not None
    assert state.submitted_at is not None
    if not is_due(state.look_again_at or state.opens_at, now):
        return Decision()
    rules = rule_sets.on(local_date(state.submitted_at, clinics.zone(state.clinic_id)))
    calendar = clinics.calendar(state.clinic_id, rules)
    verdict = None if calendar is None else _verdict(state, state.opens_at, rules, calendar)
    if verdict is None:
        return _no_opening(state, state.opens_at, rules, calendar, now)
    # The opening is the moment of the decision, whenever the timer came round to it: a replay says the same.
    opens_at = state.opens_at.astimezone(ZONE)
    promised = written(state.opens_at)
    state = replace(state, look_again_at=None)
    if isinstance(verdict, Accepted):
        cause = Cause(cause_id("/homecall/intake", f"{state.request_id} {promised}", "opening"), state.traceparent)
        return accept(state, verdict, opens_at, cause)
    # It has a new time (R6); a time that was missed before stays missed, and is not counted twice.
    state = replace(state, said=state.said if state.said == "missed" else "")
    return defer(state, verdict, time=in_zone(opens_at))


def _verdict(
    state: RequestState, opens_at: datetime, rules: RuleSet, calendar: ClinicCalendar
) -> Accepted | Deferred | None:
    """None where the clinic has no opening left."""
    clock = first_clock(state) if takes_over(state) else None
    try:
        if clock is not None:
            # It was promised by another clinic, and is not deferred once more (R25).
            flags = tuple(state.request.get("flags", ()))
            return take_over(
                channel=state.channel, at=opens_at, first=clock, calendar=calendar, rules=rules, flags=flags
            )
        return take_up(
            channel=state.channel,
            opening=opens_at,
            calendar=calendar,
            rules=rules,
            first=FirstRuling(
                submitted_at=state.submitted_at,
                record_time=state.ruling.get("inputs", {}).get("record_time"),
                flags=tuple(state.request.get("flags", ())),
            ),
        )
    except (NeverOpenError, NotCoveredError):
        return None


def _no_opening(
    state: RequestState, opens_at: datetime, rules: RuleSet, calendar: ClinicCalendar | None, now: datetime
) -> Decision[RequestState]:
    """The clinic has no opening left, or is not known any more: look again later.

    The promised deadline runs meanwhile, since somebody has to call the patient (R16). After thirty days the request is
    refused: only what has ended is erased.
    """
    clock = answer_clock(channel=state.channel, clock_starts_at=opens_at, rules=rules, calendar=calendar)
    state, says, measures = answer_awaited(with_clock(state, clock), "opening", now)
    until = (opens_at + _CLOSED_FOR_GOOD).astimezone(ZONE)
    # However late it is read, it is looked at twice.
    if until <= now and state.look_again_at is not None:
        refused = _refuse_closed(state, rules, in_zone(until))
        cause = cause_id("/homecall/intake", state.request_id, "closed for good")
        return dataclasses.replace(refused.after(says, measures), causation_id=(cause, None))
    look_again_at = earliest([now + _LOOK_AGAIN, next_notice_at(answer_deadline(state))]) or now
    return Decision(replace(state, look_again_at=look_again_at.astimezone(ZONE)), says, measures)


def _refuse_closed(state: RequestState, rules: RuleSet, time: str) -> Decision[RequestState]:
    message = "has had no opening for 30 days: send the request to another clinic, under a new request_id"
    ground = rules.refusal_ground("outside_acceptance_hours")
    refusal = wrong_field("outside_acceptance_hours", "clinic_id", message, *([ground.clause] if ground else []))
    return refuse(replace(state, look_again_at=None, claim=None), refusal, rules, time=time)
