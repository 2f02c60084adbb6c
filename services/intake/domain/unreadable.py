"""A ``request.submitted`` that breaks its schema, but whose ids are sound: refused, so that its sender hears why."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from homecall.contract.envelope import Incoming
from homecall.runtime.engine.decision import Decision, replace
from homecall.standard.rules import NotCoveredError, RuleSet
from services.intake.domain.assessment import flags_of_place, flags_of_times
from services.intake.domain.deadlines import queue_ended
from services.intake.domain.facts import Facts
from services.intake.domain.redaction import redacted_as_far_as_readable
from services.intake.domain.refusals import Refusal, refuse
from services.intake.domain.rulings import plain_ruling
from services.intake.domain.state import RequestState, local_date


def refuse_unreadable(event: Incoming, facts: Facts) -> Decision[RequestState]:
    """Refuse it with all that could be read, assessed as any other."""
    shown = redacted_as_far_as_readable(event.readable)
    zone = facts.clinics.zone(event.clinic_id)
    state = RequestState(event.subject, event.clinic_id, "refused", shown.get("channel", ""), shown)
    # Without a time of application the record's own finds the rules: who must call 103 now is told so all the same.
    asked_at = state.submitted_at or event.record.recorded_at
    asked_on = None if asked_at is None else local_date(asked_at, zone)
    nearest = facts.rule_sets.nearest(asked_on)
    state = replace(state, request=_assessed(state, event, nearest, facts.record_time))
    rules = None
    with suppress(NotCoveredError):
        rules = facts.rule_sets.on(asked_on) if asked_on is not None else None
    if rules is not None:
        ground = rules.refusal_ground("invalid_request")
        clause = ground.clause if ground else "R17"
        state = replace(state, ruling=plain_ruling(rules, [clause], event.clinic_id))
    refused = refuse(state, Refusal("invalid_request", event.errors), rules)
    if rules is None or state.submitted_at is None or not state.channel:
        return refused
    measures, says = queue_ended(state, _moment(shown, "queued_at"), state.submitted_at, rules)
    return Decision(refused.state, [*refused.says, *says], [*measures, *refused.measures])


def _assessed(state: RequestState, event: Incoming, rules: RuleSet, record_time: datetime | None) -> dict[str, Any]:
    shown = state.request
    reasons = event.readable.get("reasons")
    # The codes that can be read, whatever stands beside them.
    codes = [each for each in reasons if isinstance(each, str)] if isinstance(reasons, list) else []
    address = shown.get("address", {})
    times: list[str] = []
    if state.submitted_at is not None:
        queued_at, service_started_at = _moment(shown, "queued_at"), _moment(shown, "service_started_at")
        times = flags_of_times(queued_at, service_started_at, state.submitted_at, rules, record_time)
    return {
        **shown,
        **({"urgency": rules.urgency(codes)} if codes else {}),
        "red_flags": list(rules.red_flags_in(codes)),
        "flags": [*flags_of_place(address.get("lat"), address.get("lon")), *times],
    }


def _moment(shown: Mapping[str, Any], name: str) -> datetime | None:
    return datetime.fromisoformat(shown[name]) if name in shown else None
