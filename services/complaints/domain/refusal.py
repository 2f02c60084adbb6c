"""A complaint that is refused as ``invalid_complaint``: it cannot be registered, and its sender hears why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast, get_args

from homecall.contract.envelope import Incoming
from homecall.contract.events import AnswerBy, ComplaintStage, FieldError
from homecall.runtime.engine.decision import Decided, Decision
from homecall.standard.rules import RuleSet
from services.complaints.domain.state import CHANNELS, ComplaintState, Refusal, WrongField
from services.complaints.domain.statuses import invalid_status

_READABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "addressed_to": get_args(ComplaintStage),
    "channel": CHANNELS,
    "answer_by": get_args(AnswerBy),
}


def refused_on_arrival(
    event: Incoming, fields: Sequence[FieldError], told: int, rules: RuleSet, now: datetime
) -> Decision[ComplaintState]:
    """Refuse a complaint whose ids are sound. ``told`` statuses were sent of it before, while it was held."""
    sent = event.readable if event.data is None else event.data.model_dump(mode="json", include=set(_READABLE))
    found: dict[str, Any] = {name: sent[name] for name, codes in _READABLE.items() if sent.get(name) in codes}
    channel, answer_by = found.get("channel", ""), found.get("answer_by")
    state = ComplaintState(event.subject, event.clinic_id, "invalid", channel, sequence=told, answer_by=answer_by)
    return refused(state, cast(ComplaintStage, found.get("addressed_to", "clinic")), fields, rules, now)


def refused(
    state: ComplaintState, stage: ComplaintStage, fields: Sequence[FieldError], rules: RuleSet, at: datetime
) -> Decision[ComplaintState]:
    """The complaint refused at that time: nothing else is kept of it."""
    wrong = tuple(WrongField(path=each.path, message=each.message) for each in fields)
    refusal = Refusal(code="invalid_complaint", fields=wrong)
    ids, told = (state.complaint_id, state.clinic_id), state.sequence + 1
    state = ComplaintState(*ids, "invalid", state.channel, told, answer_by=state.answer_by, refusal=refusal)
    counted = Decided("complaint", state.channel, "refused", refusal.code)
    return Decision(state, [invalid_status(state, stage, refusal, at, rules)], [counted])
