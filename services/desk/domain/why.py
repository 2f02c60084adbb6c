"""Why a call was decided so, and why this doctor comes: taken apart into what can be said in words.

Nothing is decided here again: all of it is read from what the events say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from homecall.contract.events import RequestAccepted, RequestDeferred, RequestEvent, RequestRefused, VisitScheduled
from homecall.standard.handing_on import HANDED_ON_AT

Verdict = Literal["accepted", "taken_up", "handed_on", "deferred", "outside_hours", "refused"]


@dataclass(frozen=True, slots=True)
class DayUsed:
    """The clinic's hours on a day, as the decision had them. ``basis``: whose they are, or why it was closed."""

    on: date
    hours: tuple[tuple[str, str], ...]
    cut_off: str
    basis: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class WhyDecided:
    """Why a call was taken, put off or refused."""

    verdict: Verdict
    rule_set: str
    clauses: tuple[str, ...]
    calendar: str
    days: tuple[DayUsed, ...]
    at: datetime | None
    """The moment that decided: of the application, or of the opening at which it was taken up."""
    record_time: datetime | None
    started_at: datetime | None
    due_at: datetime | None
    cut_off: str
    """Until when calls are taken on the day that decided, ``HH:MM``; empty where it is closed."""
    code: str = ""

    @property
    def minutes(self) -> int | None:
        """The minutes within which the answer has to be given."""
        if self.started_at is None or self.due_at is None:
            return None
        return round((self.due_at - self.started_at).total_seconds() / 60)


def why_decided(decision: RequestEvent | None) -> WhyDecided | None:
    """The ruling of a decision; None where there is none yet."""
    if decision is None or decision.ruling is None:
        return None
    ruling, inputs = decision.ruling, decision.ruling.inputs
    days = tuple(_day(each) for each in inputs.get("days", ()) if isinstance(each, Mapping))
    at = (
        _moment(inputs.get(HANDED_ON_AT))
        or _moment(inputs.get("opening"))
        or _moment(inputs.get("decided_by"))
        or decision.submitted_at
    )
    started, due = None, None
    if isinstance(decision, RequestAccepted):
        started, due = decision.clock_started_at, decision.due_at
    elif isinstance(decision, RequestDeferred):
        started, due = decision.opens_at, decision.due_at
    return WhyDecided(
        verdict=_verdict(decision, inputs),
        rule_set=ruling.rule_set,
        clauses=tuple(ruling.clauses),
        calendar=ruling.calendar,
        days=days,
        at=at,
        record_time=_moment(inputs.get("record_time")),
        started_at=started,
        due_at=due,
        cut_off=days[0].cut_off if days else "",
        code=decision.code if isinstance(decision, RequestRefused) else "",
    )


def _verdict(decision: RequestEvent, inputs: Mapping[str, Any]) -> Verdict:
    if isinstance(decision, RequestDeferred):
        return "deferred"
    if isinstance(decision, RequestRefused):
        return "outside_hours" if decision.code == "outside_acceptance_hours" else "refused"
    if HANDED_ON_AT in inputs:
        return "handed_on"
    return "taken_up" if "opening" in inputs else "accepted"


def _day(told: Mapping[str, Any]) -> DayUsed:
    return DayUsed(
        date.fromisoformat(str(told["date"])),
        tuple((str(start), str(end)) for start, end in told.get("hours", ())),
        str(told.get("cut_off", "")),
        str(told.get("closed") or told.get("basis", "")),
        str(told.get("name", "")),
    )


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A doctor who could have come, and what the visit would have cost there."""

    name: str
    basis: str
    wait_minutes: int | None
    travel_minutes: float | None
    load_percent: int | None
    cost_minutes: float | None
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class WhyDoctor:
    """Why this doctor: what counted, and all who were looked at, the chosen one first."""

    by: str
    basis: str
    candidates: tuple[Candidate, ...]


def why_doctor(place: VisitScheduled | None, names: Mapping[str, str]) -> WhyDoctor | None:
    """Why the doctor of a visit; None where the scheduler does not say. ``names``: the day's doctors by id."""
    if place is None:
        return None
    why = place.why
    if why is None:
        return WhyDoctor("", place.basis, ())
    chosen = Candidate(
        place.doctor.full_name,
        why.basis,
        why.wait_minutes,
        why.extra_travel_minutes,
        _percent(why.load),
        why.cost_minutes,
        chosen=True,
    )
    others = tuple(
        Candidate(
            names.get(each.doctor_id, each.doctor_id),
            each.basis,
            each.wait_minutes,
            each.extra_travel_minutes,
            _percent(each.load),
            each.cost_minutes,
        )
        for each in why.over
    )
    return WhyDoctor(why.by, why.basis, (chosen, *others))


def _percent(share: float | None) -> int | None:
    return None if share is None else round(share * 100)
