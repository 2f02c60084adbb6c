"""The timeline of each call, as complaints hears it: what a complaint about the call is to be judged by. Pure.

A line is kept of each event on a request: its type, when it happened, and the few facts that tell on time and outcome.
No names, no addresses, no reasons: they stand elsewhere, and a timeline outlives them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, NotRequired, TypedDict, get_args

from homecall.contract.envelope import Incoming
from homecall.contract.events import (
    AnswerGiven,
    Channel,
    DeadlineEvent,
    DeadlineMissed,
    DeadlineName,
    RequestAccepted,
    RequestCancelled,
    RequestDeferred,
    RequestEvent,
    RequestRefused,
    StatusChanged,
    VisitClosed,
)
from homecall.contract.iins import in_letters
from homecall.contract.topics import TOPIC_OF_TYPE
from homecall.contract.types import Event, in_zone
from homecall.runtime.engine.decision import Dead, Decision
from homecall.standard.deadlines import Clock, answer_clock, clause_of, queue_clock, service_clock
from homecall.standard.rules import RuleSet
from homecall.standard.stated_times import (
    QUEUE_TIME_IMPLAUSIBLE,
    SERVICE_TIME_IMPLAUSIBLE,
    before_request,
    implausible_times,
)

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
    "queued_at",
    "service_started_at",
    "occurred_at",
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


_MOST_ANSWERS = 20
_TOO_MANY_ANSWERS = (
    f"too many events about this call: {_MOST_ANSWERS} answers to it are kept, and of several the first counts: "
    "send no more"
)


@dataclass
class CallTimeline:
    """The events of one request, in the order of their times. ``lines`` hold JSON values only."""

    request_id: str
    clinic_id: str
    lines: list[dict[str, Any]] = field(default_factory=list)
    persons: list[str] = field(default_factory=list)
    """What stands for the patient and the applicant, by IIN: as intake says it."""
    names: list[str] = field(default_factory=list)
    """The same by name and phone, of those who have both."""


def by_name(full_name: str, phone: str | None) -> str:
    """A person by name and phone. Spaces, capitals and the way in which a phone is written tell nobody apart."""
    digits = re.sub(r"\D", "", phone or "")
    return f"{same_name(full_name)}|{digits[-10:]}"


def same_name(full_name: str) -> str:
    """A name as it is compared: spaces, capitals and how a letter is composed (й, ё) tell nobody apart."""
    return unicodedata.normalize("NFC", " ".join(full_name.split()).casefold())


class Timelines:
    """Keeps the line of each event, and who it is about; says nothing, and has no timer.

    ``index`` makes the keyed hash of a person by name; without it nobody is known by name.
    """

    def __init__(self, index: Callable[[str], str] | None = None) -> None:
        self._index = index

    def target(self, event: Incoming) -> str | None:
        if isinstance(event.data, DeadlineEvent) and event.data.subject_kind != "request":
            return None
        return event.subject

    def takes_broken(self, _: Incoming) -> bool:
        return False

    def pending(self, _: CallTimeline) -> bool:
        return False

    def due(self, state: CallTimeline, facts: None, now: datetime) -> Decision[CallTimeline]:
        del state, facts, now
        return Decision()

    def decide(self, state: CallTimeline | None, event: Incoming, facts: None, now: datetime) -> Decision[CallTimeline]:
        """Keep the line of an event; one that was heard before never comes here.

        Only our own events say which clinic a call belongs to: one from outside waits until one of ours has come.
        """
        del facts
        assert event.data is not None
        if state is None and not TOPIC_OF_TYPE[event.type].ours:
            return Decision(park=True)
        if state is None:
            state = CallTimeline(event.subject, event.clinic_id)
        asked_at = _asked_at(state.lines)
        if isinstance(event.data, AnswerGiven) and asked_at is not None and event.data.at < asked_at:
            return Decision(dead=Dead("invalid_transition", before_request(event.type, asked_at)))
        if isinstance(event.data, AnswerGiven) and sum(1 for _ in _of(state.lines, event.type)) >= _MOST_ANSWERS:
            return Decision(dead=Dead("invalid_transition", _TOO_MANY_ANSWERS))
        kept = event.data.model_dump(mode="json", exclude_none=True, include=set(_KEPT))
        line = {"type": event.type, "time": event.time or in_zone(now), **kept}
        lines = sorted([*state.lines, line], key=lambda each: datetime.fromisoformat(each["time"]))
        persons, names = self._who(state.request_id, event.data)
        return Decision(
            replace(
                state,
                lines=lines,
                persons=[*state.persons, *(each for each in persons if each not in state.persons)],
                names=[*state.names, *(each for each in names if each not in state.names)],
            )
        )

    def _who(self, request_id: str, data: Event) -> tuple[list[str], list[str]]:
        if not isinstance(data, RequestEvent):
            return [], []
        index = self._index
        known = [each for each in (data.patient, data.applicant) if each is not None and each.full_name and each.phone]
        names = [by_name(str(each.full_name), each.phone) for each in known]
        return data.persons or [], [] if index is None else [index(f"{request_id}|{each}") for each in names]


def answer_missed(timeline: CallTimeline) -> dict[str, Any] | None:
    """The line that says that the time of the answer passed without one (C4.1, C4.4); None where none does."""
    return next(
        (each for each in timeline.lines if each["type"] == DeadlineMissed.TYPE and each["deadline"] == "answer"), None
    )


# ---------------------------------------------------------------- the verdicts

Verdict = Literal["met", "missed", "open", "withdrawn", "unknown"]
"""``open``: not over yet; ``withdrawn``: neither met nor missed; ``unknown``: over, its end not heard of."""


class Judged(TypedDict):
    """A deadline of a call and its verdict. Times are RFC 3339 texts, None where they are not known."""

    deadline: str
    clause: str
    verdict: Verdict
    started_at: str | None
    due_at: str | None
    ended_at: str | None


Note = Literal["another_clinic", "another_person", "person_unchecked"]
UNLINKED: tuple[Note, ...] = ("another_clinic", "another_person")
"""What keeps a call out of a complaint's file: it is not of the complaint's clinic, or not the complainant's."""


def note_on(timeline: CallTimeline, clinic_id: str, matter: Mapping[str, str]) -> Note | None:
    """What the officer is told of the call that a complaint names; None where it is of that clinic and that person.

    ``matter`` stands for the complainant. The IIN decides where both sides gave one, else name and phone. Of a call
    that an earlier release told of nobody knows whose it is: ``person_unchecked``.
    """
    if timeline.clinic_id != clinic_id:
        return "another_clinic"
    if not matter:
        return "person_unchecked"
    if "iin" in matter and timeline.persons:
        # As intake says it: without digits.
        return None if in_letters(matter["iin"]) in timeline.persons else "another_person"
    if timeline.names or timeline.persons:
        return None if matter.get("name") in timeline.names else "another_person"
    return "person_unchecked"


class KeptCall(TypedDict):
    """A call as a complaint's file keeps it: the lines that were known at ``as_of``, and a verdict on each deadline.

    ``note`` is what the officer is told of it; what is not the complainant's has no lines.

    ``clinic_id`` is None while nothing was heard of the call. ``look_again_at`` is when to look for lines that were
    under way then; None once the file is closed.
    """

    request_id: str
    clinic_id: str | None
    as_of: str
    lines: list[dict[str, Any]]
    deadlines: list[Judged]
    look_again_at: str | None
    note: NotRequired[Note | None]


def since(kept: KeptCall, timeline: CallTimeline | None) -> list[dict[str, Any]]:
    """The lines of a call that its kept copy has not: what happened, or was heard, after the file was closed."""
    if timeline is None or kept.get("note") in UNLINKED:
        return []
    return [each for each in timeline.lines if each not in kept["lines"]]


def verdicts(lines: Sequence[Mapping[str, Any]], as_of: datetime, rules: RuleSet | None) -> list[Judged]:
    """What the lines of a call say on each of its deadlines, in the order in which their clocks start.

    A deadline that the call never had (no queue, no visit of one that was refused) is left out. ``rules`` give the
    limits of queue and service, which no event tells unless they were missed.
    """
    asked = [each for each in lines if each["type"] in _DECIDED]
    if not asked:
        return []
    # Of a deferred request the acceptance tells more than the deferral, and comes later.
    request = asked[-1]
    return [
        judged
        for judge in (_queue, _service, _answer, _visit)
        if (judged := judge(lines, request, as_of, rules)) is not None
    ]


_DECIDED = (RequestAccepted.TYPE, RequestDeferred.TYPE, RequestRefused.TYPE)


def _queue(
    lines: Sequence[Mapping[str, Any]], request: Mapping[str, Any], _: datetime, rules: RuleSet | None
) -> Judged | None:
    queued_at, channel = request.get("queued_at"), request.get("channel")
    missed = _missed(lines, "queue")
    if missed is None and QUEUE_TIME_IMPLAUSIBLE in _implausible(request, rules):
        return None
    if queued_at is None or (channel == "portal" and missed is None):
        return None
    clock = queue_clock(channel=channel, queued_at=_time(queued_at), rules=rules) if rules and channel else None
    submitted_at = request.get("submitted_at")
    late = clock is not None and submitted_at is not None and _time(submitted_at) > clock.due_at
    return _judged("queue", "missed" if missed or late else "met", missed, clock, queued_at, submitted_at)


def _service(
    lines: Sequence[Mapping[str, Any]], request: Mapping[str, Any], as_of: datetime, rules: RuleSet | None
) -> Judged | None:
    started_at, channel = request.get("service_started_at"), request.get("channel")
    missed = _missed(lines, "service")
    if missed is None and SERVICE_TIME_IMPLAUSIBLE in _implausible(request, rules):
        return None
    if started_at is None or (channel == "portal" and missed is None):
        return None
    clock = (
        service_clock(channel=channel, service_started_at=_time(started_at), rules=rules)
        if (rules and channel)
        else None
    )
    ended_at = _answered_at(lines, channel)
    if missed is None and ended_at is not None and _time(ended_at) < _time(started_at):
        return None  # answered before anybody was served: one of the two times is wrong (R21)
    verdict = _verdict(lines, missed, ended_at, in_zone(clock.due_at) if clock else None, as_of)
    return _judged("service", verdict, missed, clock, started_at, ended_at)


def _answer(
    lines: Sequence[Mapping[str, Any]], request: Mapping[str, Any], as_of: datetime, rules: RuleSet | None
) -> Judged:
    channel = request.get("channel")
    started_at = request.get("clock_started_at") or request.get("opens_at") or request.get("submitted_at")
    missed = _missed(lines, "answer")
    due_at = request.get("due_at")
    if due_at is None and rules and started_at and channel is not None and channel in get_args(Channel):
        due_at = in_zone(answer_clock(channel=channel, clock_starts_at=_time(started_at), rules=rules).due_at)
    ended_at = _answered_at(lines, channel)
    on_time = next((each["on_time"] for each in lines if each.get("on_time") is not None), None)
    verdict = _verdict(lines, missed, ended_at, due_at, as_of)
    if on_time is not None and missed is None:
        verdict = "met" if on_time else "missed"
    judged = _judged("answer", verdict, missed, None, started_at, ended_at)
    judged["clause"] = clause_of("answer", channel)
    judged["due_at"] = judged["due_at"] or due_at
    return judged


def _visit(
    lines: Sequence[Mapping[str, Any]], request: Mapping[str, Any], as_of: datetime, _: RuleSet | None
) -> Judged | None:
    if request["type"] != RequestAccepted.TYPE:
        return None
    missed = _missed(lines, "visit")
    told = missed or next((each for each in _of(lines, "deadline.approaching") if each["deadline"] == "visit"), None)
    closed = (each for each in _of(lines, VisitClosed.TYPE) if each.get("at") and not _before_request(each, lines))
    ended_at = next((each["at"] for each in closed), None)
    verdict = _verdict(lines, missed, ended_at, told["due_at"] if told else None, as_of)
    return _judged("visit", verdict, told, None, request.get("accepted_at"), ended_at)


def _verdict(
    lines: Sequence[Mapping[str, Any]],
    missed: Mapping[str, Any] | None,
    ended_at: str | None,
    due_at: str | None,
    as_of: datetime,
) -> Verdict:
    if missed is not None:
        return "missed"
    if ended_at is not None:
        return "met" if due_at is None or _time(ended_at) <= _time(due_at) else "missed"
    if any(_of(lines, RequestCancelled.TYPE)):
        return "withdrawn"
    return "unknown" if due_at is not None and as_of > _time(due_at) else "open"


def _answered_at(lines: Sequence[Mapping[str, Any]], channel: str | None) -> str | None:
    """When the result was there: told aloud where the clinic confirms that, else the status that says it.

    A status that carries no ``on_time`` did not end the clock: the oral answer is to follow. Who was visited has been
    answered, at the latest by the visit.
    """
    ends = [each for each in _of(lines, StatusChanged.TYPE) if each.get("on_time") is not None]
    if ends:
        return str(ends[0].get("occurred_at") or ends[0]["time"])
    last = (AnswerGiven.TYPE, VisitClosed.TYPE) if channel != "portal" else ()
    return next(
        (str(each["at"]) for kind in last for each in _of(lines, kind) if not _before_request(each, lines)), None
    )


def _before_request(line: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a line states a time before its request: it was heard first, and counts for nothing (R21)."""
    asked_at = _asked_at(lines)
    return asked_at is not None and _time(line["at"]) < asked_at


def _asked_at(lines: Sequence[Mapping[str, Any]]) -> datetime | None:
    """When the request was made, as far as that is known."""
    stated = (each.get(name) for each in lines for name in ("submitted_at", "clock_started_at"))
    return min((_time(each) for each in stated if each), default=None)


def _implausible(request: Mapping[str, Any], rules: RuleSet | None) -> list[str]:
    """The flags of the times of queue and service, by what the request's line says; none without its submission."""
    submitted_at, queued_at, started_at = (
        _time(request[name]) if request.get(name) else None
        for name in ("submitted_at", "queued_at", "service_started_at")
    )
    if submitted_at is None or rules is None:
        return []
    return implausible_times(
        queued_at=queued_at,
        service_started_at=started_at,
        submitted_at=submitted_at,
        known_by=_time(request["time"]),
        tolerance=timedelta(seconds=rules.clock_tolerance.seconds),
    )


def _judged(
    deadline: DeadlineName,
    verdict: Verdict,
    told: Mapping[str, Any] | None,
    clock: Clock | None,
    started_at: str | None,
    ended_at: str | None,
) -> Judged:
    due_at = told["due_at"] if told else in_zone(clock.due_at) if clock else None
    return Judged(
        deadline=deadline,
        clause=clause_of(deadline, None),
        verdict=verdict,
        started_at=started_at,
        due_at=due_at,
        ended_at=ended_at,
    )


def _missed(lines: Sequence[Mapping[str, Any]], deadline: str) -> Mapping[str, Any] | None:
    return next((each for each in _of(lines, DeadlineMissed.TYPE) if each["deadline"] == deadline), None)


def _of(lines: Sequence[Mapping[str, Any]], event_type: str) -> Iterable[Mapping[str, Any]]:
    return (each for each in lines if each["type"] == event_type)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
