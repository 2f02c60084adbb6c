"""The timeline of the call that a complaint is about, the verdict on each of its terms, and the draft of an answer.

Nothing is decided here: the verdicts are the complaints service's, from what events say, and a person signs the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from homecall.contract.events import (
    AnswerGiven,
    ComplaintExecuted,
    ComplaintStatusChanged,
    ComplaintSubmitted,
    DeadlineMissed,
    RequestAccepted,
    VisitClosed,
    VisitRescheduled,
    VisitScheduled,
    VisitUnplaced,
)
from homecall.documents.letters.heard import Heard, Judged, judged
from homecall.documents.wording import short_day, window
from homecall.standard.rules import RuleSet
from homecall.texts import complaint_answers as words
from homecall.texts import desk, letters
from homecall.texts.documents import OUTCOMES, PageLanguage, coded, said
from homecall.texts.language import Text, clock
from services.desk.domain.call import Call, Kind
from services.desk.domain.complaint import Complaint
from services.desk.domain.kept import Step
from services.desk.domain.search import folded, phone_digits

Mark = Literal["met", "missed", "running", "open"]
"""``running``: not over yet; ``open``: not judged."""
_LINES: Final[tuple[Kind, ...]] = ("decision", "cancelled", "result", "answer", "closed")
_RECORDED: Final = frozenset(
    {
        *(AnswerGiven.TYPE, DeadlineMissed.TYPE, VisitClosed.TYPE),
        *(VisitScheduled.TYPE, VisitRescheduled.TYPE, VisitUnplaced.TYPE),
    }
)
_MOST_LETTERS: Final = 600
"""Letters of a complaint that its answer repeats."""


@dataclass(frozen=True, slots=True)
class Term:
    """A term of a call: how it is marked, and what is said of it."""

    mark: Mark
    text: Text


def lines(call: Call) -> list[dict[str, Any]]:
    """What was heard of a call, as verdicts are made from it: the data of events with type and time, in their order."""
    kept = [call.kept[kind] for kind in _LINES if kind in call.kept]
    kept += call.deadlines.values()
    kept.sort(key=lambda each: each.at)
    return [{**each.data, "type": each.type, "time": each.at.isoformat()} for each in kept]


def heard_of(complaint: Complaint, call: Call | None) -> Heard | None:
    """What the letters are made from; None while no status was heard. ``call`` None: it is not the complainant's."""
    told, came_at = complaint.status, complaint.came_at
    if told is None:
        return None
    came_at = came_at or told.occurred_at
    executed = complaint.of("executed", ComplaintExecuted)
    return Heard(
        submitted=complaint.submitted,
        told=told,
        came_at=came_at,
        registered_at=complaint.registered_at,
        executed=executed if executed is not None and executed.at >= came_at else None,
        lines=lines(call) if call else (),
    )


def is_theirs(submitted: ComplaintSubmitted, call: Call) -> bool:
    """Whether a call is the complainant's: theirs as patient or applicant, by name or by phone."""
    decision, person = call.decision, submitted.complainant
    phone = phone_digits(person.phone or "")
    for each in (decision.patient, decision.applicant) if decision else ():
        if each is None:
            continue
        if folded(each.full_name or "") == folded(person.full_name):
            return True
        if phone and phone == phone_digits(each.phone or ""):
            return True
    return False


def terms(call: Call, as_of: datetime, rules: RuleSet | None) -> list[Term]:
    """The verdict on each term of a call, and whether the visit came in the time that was promised (C6.3)."""
    found = [_term(each) for each in judged(lines(call), as_of, rules)]
    promised = _promised(call, as_of)
    return found if promised is None else [*found, promised]


def _term(of: Judged) -> Term:
    what = letters.DEADLINES[of.deadline].map(lambda text: text[:1].upper() + text[1:])
    named: dict[str, Any] = {"what": what, "clause": of.clause}
    due = _moment(of.due_at)
    limit = None if of.started_at is None or of.due_at is None else of.due_at - of.started_at
    taken = None if of.started_at is None or of.ended_at is None else of.ended_at - of.started_at
    timed = {} if limit is None or taken is None else {"taken": duration(taken), "limit": duration(limit)}
    match of.verdict:
        case "met":
            return Term("met", words.MET.fill(**named, **timed) if timed else words.KEPT.fill(**named))
        case "missed" if limit is not None and taken is not None and taken > limit:
            return Term("missed", words.MISSED.fill(**named, **timed, over=duration(taken - limit)))
        case "missed":
            return Term("missed", words.BROKEN.fill(**named, due=due))
        case "withdrawn":
            return Term("open", words.WITHDRAWN.fill(**named))
        case "transferred":
            return Term("open", words.HANDED_ON.fill(**named))
        case "unknown":
            return Term("open", words.UNKNOWN.fill(**named, due=due))
        case "open":
            return Term("running", words.RUNNING.fill(**named, due=due) if due else words.GOES_ON.fill(**named))


def _promised(call: Call, as_of: datetime) -> Term | None:
    place, closed = call.place, call.of("closed", VisitClosed)
    if place is None or "cancelled" in call.kept:
        return None
    promised = window(place.arrives_from, place.arrives_to)
    if closed is None:
        return Term("missed", words.NOT_VISITED.fill(window=promised)) if as_of > place.arrives_to else None
    if closed.at <= place.arrives_to:
        return Term("met", words.IN_WINDOW.fill(window=promised, ended=clock(closed.at)))
    over = duration(closed.at - place.arrives_to)
    return Term("missed", words.AFTER_WINDOW.fill(window=promised, ended=_moment(closed.at), over=over))


def duration(of: timedelta) -> Text:
    """``1 h 20 min``: of a day or more without minutes, of less than a minute in seconds."""
    seconds = int(of.total_seconds())
    days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
    parts = [(words.DAYS, days), (words.HOURS, hours), *([] if days else [(words.MINUTES, minutes)])]
    if seconds < 60:
        parts = [(words.SECONDS, seconds)]
    shown = [text.fill(n=n) for text, n in parts if n or seconds < 60]
    return Text(*(" ".join(getattr(each, language) for each in shown) for language in ("kk", "ru", "en")))


def _moment(at: datetime | None) -> str:
    return "" if at is None else f"{short_day(at)} {clock(at)}"


# ------------------------------------------------------------------------------------------------------- the draft


def draft(heard: Heard, call: Call | None, found: Sequence[Term], language: PageLanguage) -> str:
    """An answer to begin with: number and date, what was complained of, the call and its terms, where to appeal."""
    submitted, told = heard.submitted, heard.told
    if submitted is None or told.incoming_number is None or heard.registered_at is None:
        return ""
    name, on = submitted.complainant.full_name, short_day(heard.registered_at)
    asked = " ".join(submitted.text.split())
    asked = asked if len(asked) <= _MOST_LETTERS else f"{asked[:_MOST_LETTERS]}…"
    parts = [
        said(letters.DEAR.fill(name=name), language),
        said(letters.CONSIDERED.fill(on=on, number=told.incoming_number), language),
        said(words.COMPLAINED.fill(text=asked), language),
    ]
    if call is not None:
        parts.append("\n".join(_recorded(call, language)))
        parts.append("\n".join([said(words.TERMS, language), *(f"– {said(each.text, language)}." for each in found)]))
    elif submitted.request_id is not None:
        parts.append(said(words.NO_CALL, language))
    if heard.executed is not None:
        parts.append(said(words.MEASURES.fill(text=heard.executed.measures), language))
    parts.append("\n".join([f"{said(letters.NEXT, language)}:", *_next(told, language)]))
    return "\n\n".join(part for part in parts if part)


def _recorded(call: Call, language: PageLanguage) -> Iterator[str]:
    decision = call.decision
    named = call.request_id
    if isinstance(decision, RequestAccepted):
        named = said(
            letters.CALL_NUMBER.fill(number=decision.register_number, on=short_day(decision.register_date)), language
        )
    yield said(words.RECORDED.fill(call=named), language)
    for step in recorded(call):
        yield f"– {_moment(step.at)}: {step_text(step, language)}"


def recorded(call: Call) -> list[Step]:
    """The steps of a call that a complaint is judged by: what others were told in between is left out."""
    return [step for step in call.history if step.type.startswith("request.") or step.type in _RECORDED]


def step_text(step: Step, language: PageLanguage) -> str:
    """A step of a call in words, with its outcome or the deadline that was missed."""
    text = coded(desk.STEPS, step.type, language)
    if step.type == DeadlineMissed.TYPE:
        return f"{text} ({coded(letters.DEADLINES, step.detail, language)})"
    if step.type == VisitClosed.TYPE:
        return f"{text}: {coded(OUTCOMES, step.detail, language)}"
    return text


def _next(told: ComplaintStatusChanged, language: PageLanguage) -> Iterator[str]:
    for step in told.next_steps:
        yield f"– {getattr(step.text, language)}"
