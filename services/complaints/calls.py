"""The timeline of each call, as complaints hears it: what a complaint about the call is to be judged by. Pure.

A line is kept of each event on a request: its type, when it happened, and the few facts that tell on time and outcome.
No names, no addresses, no reasons: they stand elsewhere, and a timeline outlives them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.contract.envelope import Incoming
from services.contract.events import DeadlineEvent
from services.contract.types import in_zone
from services.runtime.decision import Decision

_KEPT = (
    "channel",
    "sequence",
    "status",
    "on_time",
    "revision",
    "register_date",
    "register_number",
    "submitted_at",
    "accepted_at",
    "clock_started_at",
    "due_at",
    "opens_at",
    "code",
    "visit_date",
    "arrives_from",
    "arrives_to",
    "cause",
    "since",
    "outcome",
    "deadline",
    "started_at",
    "limit_seconds",
    "at",
)


@dataclass
class CallTimeline:
    """The events of one request, in the order of their times. ``lines`` hold JSON values only."""

    request_id: str
    clinic_id: str
    lines: list[dict[str, Any]] = field(default_factory=list)


class Timelines:
    """Keeps the line of each event; says nothing, and has no timer."""

    def target(self, event: Incoming) -> str | None:
        if isinstance(event.data, DeadlineEvent) and event.data.subject_kind != "request":
            return None
        return event.subject

    def takes_broken(self, _: Incoming) -> bool:
        return False

    def pending(self, _: CallTimeline) -> bool:
        return False

    def due(self, _: CallTimeline, __: datetime) -> Decision[CallTimeline]:
        return Decision()

    def decide(self, state: CallTimeline | None, event: Incoming, now: datetime) -> Decision[CallTimeline]:
        """Keep the line of an event; one that was heard before never comes here."""
        assert event.data is not None
        if state is None:
            state = CallTimeline(event.subject, event.clinic_id)
        facts = event.data.model_dump(mode="json", exclude_none=True, include=set(_KEPT))
        line = {"type": event.type, "time": event.time or in_zone(now), **facts}
        lines = sorted([*state.lines, line], key=lambda each: datetime.fromisoformat(each["time"]))
        return Decision(replace(state, lines=lines))
