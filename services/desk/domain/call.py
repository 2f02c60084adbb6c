"""A call as the desk keeps it, from what it hears of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final, Literal, TypeVar, cast

from homecall.contract.events import (
    AnswerGiven,
    CallAt,
    DeadlineApproaching,
    DeadlineMissed,
    DeadlineName,
    JournalEntry,
    RequestAccepted,
    RequestCancelled,
    RequestDeferred,
    RequestEvent,
    RequestHeld,
    RequestIdentityChecked,
    RequestRefused,
    RequestSubmitted,
    RequestTransferred,
    RequestWithdrawn,
    StatusChanged,
    VisitAssigned,
    VisitAssignmentRefused,
    VisitCancelled,
    VisitClosed,
    VisitEvent,
    VisitReleased,
    VisitReported,
    VisitScheduled,
    VisitUnplaced,
)
from homecall.contract.types import Event
from homecall.runtime.engine.decision import replace
from homecall.standard.handing_on import TRANSFER_UNCONFIRMED
from services.desk.domain.kept import Kept, Step, of, of_its_clinic, with_event, with_step

Kind = Literal[
    "decision",
    "cancelled",
    "identity",
    "withdrawn",
    "transferred",
    "visit",
    "place",
    "by_hand",
    "assignment_refused",
    "closed",
    "report",
    "answer",
    "status",
    "result",
]
"""The kinds of events of which one each is kept. ``result`` is the first status that says whether the answer was on
time; ``place`` is the last visit that had a time, ``visit`` what was said
last of it, ``by_hand`` what a dispatcher wanted last; deadlines are kept by their names."""
E = TypeVar("E", bound=Event)

MOST_PLACES: Final = 6
MOST_LINES: Final = 30
"""Revisions of a register's line that are kept: of more, the first and the last."""
_DECISIONS: Final = {RequestHeld.TYPE: 0, RequestDeferred.TYPE: 1, RequestAccepted.TYPE: 2, RequestRefused.TYPE: 2}
_SKEW: Final = timedelta(seconds=5)
"""By so much the clocks of the desk and of the scheduler may differ."""
_WITHOUT: Final[dict[str, Any]] = {"persons": True}
"""Of what is kept: keyed hashes that tell a person nothing."""


@dataclass(frozen=True)
class ByHand:
    """Who placed a visit by hand, and why."""

    who: str
    reason: str


@dataclass(frozen=True)
class Call:
    """A call of a clinic by its ``request_id``."""

    request_id: str
    clinic_id: str
    iin: str | None = None
    """What stands for the patient's IIN: a keyed index. The IIN itself is not kept."""
    kept: dict[Kind, Kept] = field(default_factory=dict)
    deadlines: dict[DeadlineName, Kept] = field(default_factory=dict)
    lines: list[Kept] = field(default_factory=list)
    """The register's line in all its revisions: the page says when it was entered, answered and moved."""
    history: list[Step] = field(default_factory=list)
    places: list[Kept] = field(default_factory=list)
    """The newest days, times and doctors that were said, by revision: from when to when a visit was moved."""
    confirmed: bool = False
    """Whether one of our services has said whose call it is."""

    def of(self, kind: Kind, model: type[E]) -> E | None:
        """The event that holds of a kind; None while none was heard, or where it is of another type."""
        return of(self.kept, kind, model)

    def heard_of(self, event_type: str) -> bool:
        """Whether an event of this type was heard: what came back was sent, whether or not that is noted yet."""
        if event_type == RequestSubmitted.TYPE:
            return self.iin is not None or "decision" in self.kept
        return any(each.type == event_type for each in self.kept.values())

    def missed(self, deadline: DeadlineName) -> bool:
        """Whether this deadline was missed."""
        return of(self.deadlines, deadline, DeadlineMissed) is not None

    @property
    def registered_flags(self) -> list[str]:
        """What the register of persons told later, beside the flags of the decision."""
        checked = self.of("identity", RequestIdentityChecked)
        return (checked.added_flags if checked else None) or []

    @property
    def decision(self) -> RequestEvent | None:
        """What intake decided, or why it has not yet."""
        return self.of("decision", RequestEvent)

    @property
    def gone_to(self) -> CallAt | None:
        """Where the call goes on, once it was handed on to another clinic (R25)."""
        cancelled = self.of("cancelled", RequestCancelled)
        return None if cancelled is None else cancelled.transferred_to

    @property
    def come_from(self) -> CallAt | None:
        """The call that another clinic handed on, where this one goes on with it."""
        decision = self.decision
        if decision is None or TRANSFER_UNCONFIRMED in decision.flags:
            return None
        return decision.transferred_from

    @property
    def place(self) -> VisitScheduled | None:
        """The day, time and doctor that hold; None where there are none, or no more."""
        if isinstance(self.of("visit", VisitEvent), VisitUnplaced | VisitCancelled):
            return None
        return self.of("place", VisitScheduled)

    @property
    def by_hand(self) -> ByHand | None:
        """Who placed the visit by hand, and why; None where nobody did, or it was released or moved since."""
        place, last = self.place, self.of("by_hand", VisitAssigned)
        if place is None or self.of("by_hand", VisitReleased) is not None:
            return None
        if place.basis == "dispatcher" and place.why is not None:
            return ByHand(place.why.assigned_by or "", place.why.reason or "")
        # A visit that was only fixed where it stands: of that the scheduler says nothing.
        if last is None or self.assignment_refused is not None or last.doctor_id != place.doctor.doctor_id:
            return None
        return ByHand(last.assigned_by.full_name, last.reason)

    @property
    def assignment_refused(self) -> VisitAssignmentRefused | None:
        """The scheduler's answer to the dispatcher's last choice, where it could not be.

        Not once the visit moved, or somebody has left it as it is.
        """
        if self.of("by_hand", VisitReleased) is not None:
            return None
        refused, visit = self.of("assignment_refused", VisitAssignmentRefused), self.of("visit", VisitEvent)
        return refused if refused is not None and (visit is None or visit.revision < refused.revision) else None

    @property
    def choice(self) -> VisitAssigned | None:
        """What a dispatcher chose last, whether or not it could be; None where nothing was, or it was released."""
        return self.of("by_hand", VisitAssigned)

    @property
    def choice_waits(self) -> bool:
        """Whether the scheduler has yet to answer the last choice. To fix a visit where it stands needs no answer."""
        chosen, place = self.choice, self.place
        if chosen is None or "closed" in self.kept or "cancelled" in self.kept:
            return False
        stands = place is not None and place.doctor.doctor_id == chosen.doctor_id
        if stands and chosen.arrives_from in (None, place.arrives_from if place else None):
            return False
        answers: tuple[Kind, ...] = ("visit", "assignment_refused")
        return all(self.kept[kind].at < chosen.at - _SKEW for kind in answers if kind in self.kept)

    @property
    def visit_day(self) -> date | None:
        """The day of the visit: the one that was told, else the one on which intake wants it; None while undecided."""
        place, decision = self.place, self.decision
        if place is not None:
            return place.visit_date
        return decision.visit_date if isinstance(decision, RequestAccepted) else None

    @property
    def place_before(self) -> VisitScheduled | None:
        """What was said before the visit was moved, or lost its place; None where it is as it was first said."""
        spoken = [each.data for each in self.places]
        if self.place is not None:
            spoken = spoken[:-1]
        return VisitScheduled.model_validate(spoken[-1]) if spoken else None

    @property
    def moved_between(self) -> list[date]:
        """The days between which the visit was last moved; the one where it lost its place; none where it never was."""
        before, after = self.place_before, self.place
        return [] if before is None else sorted({before.visit_date, (after or before).visit_date})

    @property
    def status(self) -> StatusChanged | None:
        """What the applicant was last told."""
        return self.of("status", StatusChanged)

    @property
    def line(self) -> JournalEntry | None:
        """The line of the register as it now stands."""
        return cast(JournalEntry, self.lines[-1].event) if self.lines else None

    @property
    def answered(self) -> AnswerGiven | None:
        """The oral answer, once it was given."""
        return self.of("answer", AnswerGiven)

    @property
    def register_date(self) -> date | None:
        """The day on whose board the call stands: of the register, of the opening, or of the application."""
        decision, line = self.decision, self.line
        if isinstance(decision, RequestAccepted):
            return decision.register_date
        if line is not None:
            return line.register_date
        if isinstance(decision, RequestDeferred):
            return decision.opens_at.date()
        return decision.submitted_at.date() if decision and decision.submitted_at else None


def hear(call: Call, event: Event, at: datetime, iin: str | None = None) -> Call:
    """The call with one more event, which happened ``at``. ``iin`` is the index of the patient's IIN, where it has one.

    An event of another clinic than the call's changes nothing: see ``of_its_clinic``.
    """
    owned = of_its_clinic(call, event, partial(Call, call.request_id))
    if owned is None:
        return call
    call = owned
    if isinstance(event, RequestSubmitted):
        return call if call.iin is not None or iin is None else replace(call, iin=iin)
    if isinstance(event, DeadlineApproaching | DeadlineMissed):
        kept = with_event(call.deadlines, event.deadline, int(isinstance(event, DeadlineMissed)), event, at)
        return replace(call, deadlines=kept, history=with_step(call.history, _step(event, at)))
    if isinstance(event, JournalEntry):
        return replace(call, lines=_with_line(call.lines, event, at), history=with_step(call.history, _step(event, at)))
    found = _kind_and_order(event)
    if found is None:
        return call
    kind, order = found
    kinds = with_event(call.kept, kind, order, event, at, _WITHOUT)
    places = call.places
    if isinstance(event, VisitScheduled):
        kinds = with_event(kinds, "place", order, event, at)
        places = _with_place(places, event, at)
    if isinstance(event, StatusChanged) and event.on_time is not None:
        kinds = with_event(kinds, "result", -order, event, at)
    return replace(call, kept=kinds, places=places, history=with_step(call.history, _step(event, at)))


def _kind_and_order(event: Event) -> tuple[Kind, int] | None:
    match event:
        case RequestCancelled():
            return "cancelled", 1
        case RequestEvent():
            return "decision", _DECISIONS.get(event.TYPE, 0)
        case RequestIdentityChecked():
            return "identity", 1
        case RequestWithdrawn():
            return "withdrawn", 1
        case RequestTransferred():
            return "transferred", 1
        case VisitClosed():
            return "closed", event.revision
        case VisitAssigned() | VisitReleased():
            return "by_hand", int(event.at.timestamp() * 1000)
        case VisitAssignmentRefused():
            return "assignment_refused", event.revision
        case VisitEvent():
            return "visit", event.revision
        case VisitReported():
            return "report", 1
        case AnswerGiven():
            return "answer", 1
        case StatusChanged():
            return "status", event.sequence
        case _:
            return None


def _with_line(lines: list[Kept], entry: JournalEntry, at: datetime) -> list[Kept]:
    if any(each.order == entry.revision for each in lines):
        return lines
    data = entry.model_dump(mode="json", by_alias=True, exclude_none=True)
    every = sorted([*lines, Kept(entry.TYPE, entry.revision, at, data)], key=lambda each: each.order)
    return every if len(every) <= MOST_LINES else [every[0], *every[1 - MOST_LINES :]]


def _with_place(places: list[Kept], event: VisitScheduled, at: datetime) -> list[Kept]:
    if any(each.order == event.revision for each in places):
        return places
    data = event.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"why"})
    every = [*places, Kept(event.TYPE, event.revision, at, data)]
    return sorted(every, key=lambda each: each.order)[-MOST_PLACES:]


def _step(event: Event, at: datetime) -> Step:
    detail, by = "", ""
    match event:
        case StatusChanged():
            detail = event.status
        case RequestRefused():
            detail = event.code
        case RequestTransferred():
            detail, by = event.to_clinic_id, event.by.full_name
        case RequestCancelled() if event.transferred_to is not None:
            detail = event.transferred_to.clinic_id
        case VisitScheduled():
            detail, by = event.doctor.full_name, event.reason or ""
        case VisitUnplaced():
            detail = event.cause
        case VisitAssigned():
            detail, by = event.reason, event.assigned_by.full_name
        case VisitReleased():
            by = event.released_by.full_name
        case VisitAssignmentRefused():
            detail = event.cause
        case VisitClosed() | VisitReported():
            detail = event.outcome
        case AnswerGiven():
            by = event.given_by.full_name
        case DeadlineApproaching() | DeadlineMissed():
            detail = event.deadline
    return Step(at, event.TYPE, detail, by)
