"""The timeline of each call, as complaints hears it: what a complaint about the call is to be judged by.

A line is kept of each event on a request: its type, when it happened, and the few facts that tell on time and outcome.
No names, no addresses, no reasons: they stand elsewhere, and a timeline outlives them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from homecall.contract.envelope import Incoming
from homecall.contract.events import AnswerGiven, DeadlineMissed, RequestEvent
from homecall.contract.topics import TOPIC_OF_TYPE
from homecall.contract.types import Event, in_zone
from homecall.runtime.engine.decision import Dead, Decision, replace
from services.complaints.domain.call_verdicts import answer_too_early
from services.complaints.domain.matters import by_name

_TOLD: Final = {"channel", "sequence", "status", "on_time", "revision", "visit_date", "arrives_from", "arrives_to"}
_OUTCOMES: Final = {"register_date", "register_number", "code", "cause", "outcome", "deadline", "limit_seconds"}
_STATED_TIMES: Final = {"submitted_at", "queued_at", "service_started_at", "since", "at", "occurred_at"}
_CLOCKS: Final = {"accepted_at", "clock_started_at", "started_at", "opens_at", "due_at"}
_KEPT: Final = _TOLD | _OUTCOMES | _STATED_TIMES | _CLOCKS
_MOST_ANSWERS: Final = 20
_TOO_MANY_ANSWERS: Final = (
    f"too many events about this call: {_MOST_ANSWERS} answers to it are kept, and of several the first counts: "
    "send no more"
)


@dataclass
class CallTimeline:
    """The events of one request, in the order of their times. A line is JSON, with the fields of its event."""

    request_id: str
    clinic_id: str
    lines: list[dict[str, Any]] = field(default_factory=list)
    persons: list[str] = field(default_factory=list)
    """What stands for the patient and the applicant, by IIN: as intake says it."""
    names: list[str] = field(default_factory=list)
    """The same by name and phone, of those who have both."""


def decide(
    state: CallTimeline | None, event: Incoming, index: Callable[[str], str] | None, now: datetime
) -> Decision[CallTimeline]:
    """Keep the line of an event. ``index`` makes the keyed hash of a person by name; without it nobody is so known.

    Only our own events say which clinic a call belongs to: one from outside waits until one of ours has come.
    """
    data = event.data
    assert data is not None
    if state is None:
        if not TOPIC_OF_TYPE[event.type].ours:
            return Decision(park=True)
        state = CallTimeline(event.subject, event.clinic_id)
    if isinstance(data, AnswerGiven) and (wrong := _answer_not_kept(state, data)) is not None:
        return Decision(dead=Dead("invalid_transition", wrong))
    facts = data.model_dump(mode="json", exclude_none=True, include=_KEPT)
    line = {"type": event.type, "time": event.time or in_zone(now), **facts}
    persons, names = _people(state.request_id, data, index)
    return Decision(
        replace(
            state,
            lines=sorted([*state.lines, line], key=time_of),
            persons=[*state.persons, *(each for each in persons if each not in state.persons)],
            names=[*state.names, *(each for each in names if each not in state.names)],
        )
    )


def time_of(line: dict[str, Any]) -> datetime:
    """When the event of a line happened."""
    return datetime.fromisoformat(line["time"])


def _answer_not_kept(state: CallTimeline, answer: AnswerGiven) -> str | None:
    if (wrong := answer_too_early(state.lines, answer)) is not None:
        return wrong
    answers = sum(each["type"] == answer.TYPE for each in state.lines)
    return _TOO_MANY_ANSWERS if answers >= _MOST_ANSWERS else None


def _people(request_id: str, data: Event, index: Callable[[str], str] | None) -> tuple[list[str], list[str]]:
    if not isinstance(data, RequestEvent):
        return [], []
    known = [each for each in (data.patient, data.applicant) if each is not None and each.full_name and each.phone]
    names = [by_name(str(each.full_name), each.phone) for each in known]
    return data.persons or [], [] if index is None else [index(f"{request_id}|{each}") for each in names]


def answer_missed(timeline: CallTimeline) -> dict[str, Any] | None:
    """The line that says that the time of the answer passed without one (C4.1, C4.4); None where none does."""
    return next(
        (each for each in timeline.lines if each["type"] == DeadlineMissed.TYPE and each["deadline"] == "answer"), None
    )
