"""A complaint as the desk keeps it, from what it hears of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal, Self, TypeVar

from pydantic import model_validator

from homecall.contract.events import (
    ComplaintAnswered,
    ComplaintAssigned,
    ComplaintEscalated,
    ComplaintExecuted,
    ComplaintRefused,
    ComplaintStatusChanged,
    ComplaintSubmitted,
    DeadlineApproaching,
    DeadlineMissed,
)
from homecall.contract.types import Event
from homecall.runtime.engine.decision import replace
from services.desk.domain.kept import Kept, Step, of, of_its_clinic, with_event, with_step

Kind = Literal["submitted", "assigned", "executed", "answered", "refused", "escalated", "status", "deadline"]
E = TypeVar("E", bound=Event)

_KINDS: Final[dict[type[Event], Kind]] = {
    ComplaintSubmitted: "submitted",
    ComplaintAssigned: "assigned",
    ComplaintExecuted: "executed",
    ComplaintAnswered: "answered",
    ComplaintRefused: "refused",
    ComplaintEscalated: "escalated",
}
_LAST_HOLDS: Final = {"assigned", "executed", "answered", "refused", "escalated"}
_WITHOUT: Final[dict[str, Any]] = {"signature": True, "complainant": {"iin": True}}
_REGISTERED: Final = (ComplaintStatusChanged.TYPE, "registered")
_OVER: Final = frozenset({"answered", "refused"})


class _Shown(ComplaintSubmitted):
    """A complaint that was checked when it came, and is kept without its signature."""

    @model_validator(mode="after")
    def _what_the_channel_asks_for(self) -> Self:
        return self


@dataclass(frozen=True)
class Complaint:
    """A complaint about a clinic by its ``complaint_id``."""

    complaint_id: str
    clinic_id: str
    kept: dict[Kind, Kept] = field(default_factory=dict)
    history: list[Step] = field(default_factory=list)
    confirmed: bool = False
    """Whether one of our services has said whose complaint it is."""

    def of(self, kind: Kind, model: type[E]) -> E | None:
        """The event that holds of a kind; None while none was heard, or where it is of another type."""
        return of(self.kept, kind, model)

    @property
    def submitted(self) -> ComplaintSubmitted | None:
        """The complaint as it came in, without the complainant's IIN and signature."""
        kept = self.kept.get("submitted")
        return None if kept is None else _Shown.model_validate(kept.data)

    @property
    def status(self) -> ComplaintStatusChanged | None:
        """Where it stands, as the complainant was last told."""
        return self.of("status", ComplaintStatusChanged)

    @property
    def registered_at(self) -> datetime | None:
        """When its present stage was registered; None before."""
        steps = [step.at for step in self.history if (step.type, step.detail) == _REGISTERED]
        return steps[-1] if steps else None

    @property
    def came_at(self) -> datetime | None:
        """When it came to its present stage: as it was submitted, or escalated."""
        submitted, status = self.submitted, self.status
        escalated = self.of("escalated", ComplaintEscalated)
        if escalated is not None and status is not None and submitted is not None:
            return escalated.at if status.stage != submitted.addressed_to else submitted.submitted_at
        return submitted.submitted_at if submitted else None

    @property
    def stated_at(self) -> list[datetime]:
        """The times that its steps state, and that of its status: no later step lies before them (R21)."""
        times = (each.data.get(name) for each in self.kept.values() for name in ("submitted_at", "at", "occurred_at"))
        return [datetime.fromisoformat(each) for each in times if each is not None]

    @property
    def over(self) -> bool:
        """Whether it was answered or refused in its present stage."""
        status = self.status
        return status is not None and status.status in _OVER

    @property
    def missed(self) -> bool:
        """Whether its term was missed."""
        return self.of("deadline", DeadlineMissed) is not None


def hear(complaint: Complaint, event: Event, at: datetime) -> Complaint:
    """The complaint with one more event, which happened ``at``. Another clinic's changes nothing."""
    owned = of_its_clinic(complaint, event, partial(Complaint, complaint.complaint_id))
    if owned is None:
        return complaint
    complaint = owned
    kind, order = _kind_and_order(event, at)
    if kind is None:
        return complaint
    kept = with_event(complaint.kept, kind, order, event, at, _WITHOUT if kind == "submitted" else None)
    return replace(complaint, kept=kept, history=with_step(complaint.history, _step(event, at)))


def _kind_and_order(event: Event, at: datetime) -> tuple[Kind | None, int]:
    if isinstance(event, ComplaintStatusChanged):
        return "status", event.sequence
    if isinstance(event, DeadlineApproaching | DeadlineMissed):
        return "deadline", int(isinstance(event, DeadlineMissed))
    kind = _KINDS.get(type(event))
    # Each stage has an executor, measures and an answer of its own: the last holds.
    return kind, int(at.timestamp() * 1000) if kind in _LAST_HOLDS else 1


def _step(event: Event, at: datetime) -> Step:
    match event:
        case ComplaintStatusChanged():
            return Step(at, event.TYPE, event.status)
        case ComplaintAssigned():
            return Step(at, event.TYPE, event.executor.full_name, event.assigned_by.full_name)
        case ComplaintAnswered():
            return Step(at, event.TYPE, event.decision)
        case _:
            return Step(at, event.TYPE)
