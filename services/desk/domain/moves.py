"""Whose visit was moved on a day, from when to when, and whether an SMS tells them or somebody has to phone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from homecall.contract.events import VisitEvent, VisitScheduled, VisitUnplaced
from homecall.standard.phones import mobile_number
from services.desk.domain.board import Row, row_of
from services.desk.domain.call import Call


@dataclass(frozen=True, slots=True)
class Move:
    """A visit that was moved, or that lost its place."""

    row: Row
    before: VisitScheduled
    after: VisitScheduled | None
    """None while there is no place."""
    reason: str
    revision: int
    told_at: datetime | None
    """When the new times were published to the applicant; None while they were not."""
    sms_to: str | None
    """The mobile to which an SMS goes with it; None where none does, and somebody has to phone."""

    @property
    def key(self) -> str:
        """Tells this move of the call from its earlier and later ones."""
        return f"{self.row.request_id} {self.revision}"


def moves(calls: Iterable[Call], on: date, sms_statuses: Collection[str]) -> list[Move]:
    """The moves of visits that were promised for this day, those without a place first, then by the new time.

    ``sms_statuses`` are the statuses of which the notifier sends an SMS; none where it sends no SMS at all.
    """
    found = [move for call in calls if (move := _move(call, on, sms_statuses)) is not None]
    return sorted(found, key=lambda each: each.after.arrives_from.timestamp() if each.after else 0.0)


def _move(call: Call, on: date, sms_statuses: Collection[str]) -> Move | None:
    before, after, row = call.place_before, call.place, row_of(call)
    last = call.of("visit", VisitEvent)
    if before is None or row.over or on not in call.moved_between:
        return None
    if after is None and not isinstance(last, VisitUnplaced):
        return None
    status = call.status
    said = "rescheduled" if after else "delayed"
    told_at = status.occurred_at if status is not None and status.status == said else None
    return Move(
        row=row,
        before=before,
        after=after,
        reason=(after.reason or "") if after else last.cause if isinstance(last, VisitUnplaced) else "",
        revision=last.revision if last else 0,
        told_at=told_at,
        sms_to=_sms_to(call) if said in sms_statuses and told_at is not None else None,
    )


def _sms_to(call: Call) -> str | None:
    """The number to which the notifier writes: the patient's mobile, or else the applicant's."""
    decision = call.decision
    patient = decision.patient if decision else None
    if decision is None or (patient is not None and patient.sms is False):
        return None
    people = (patient, decision.applicant)
    return mobile_number([each.phone for each in people if each is not None and each.phone])
