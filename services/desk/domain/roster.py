"""A clinic's roster of a day as the desk keeps it: the newest, and who has dropped out of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from homecall.contract.events import DoctorUnavailable, RosterPublished
from homecall.contract.types import Event
from homecall.runtime.engine.decision import replace


@dataclass(frozen=True, slots=True)
class Absence:
    """A doctor who makes no visits from a local time on, ``HH:MM``."""

    doctor_id: str
    since: str
    reason: str


@dataclass(frozen=True)
class Roster:
    """The doctors of a clinic's day."""

    clinic_id: str
    on: date
    revision: int = -1
    """-1 while none was heard."""
    data: str = ""
    """The newest roster as JSON, as the event has it."""
    absences: tuple[Absence, ...] = ()

    @property
    def published(self) -> RosterPublished | None:
        """The newest roster."""
        return RosterPublished.model_validate_json(self.data) if self.data else None

    @property
    def names(self) -> dict[str, str]:
        """The doctors' names by their ids."""
        published = self.published
        return {each.doctor_id: each.full_name for each in published.doctors} if published else {}


def key(clinic_id: str, on: date) -> str:
    """The id of a roster's document."""
    return f"{clinic_id} {on.isoformat()}"


def hear(roster: Roster, event: Event) -> Roster:
    """The roster with one more event; what is older than what is there changes nothing."""
    if isinstance(event, RosterPublished) and event.revision > roster.revision:
        return replace(roster, revision=event.revision, data=event.model_dump_json(by_alias=True, exclude_none=True))
    if isinstance(event, DoctorUnavailable):
        since = event.frm.strftime("%H:%M")
        known = {each.doctor_id: each for each in roster.absences}
        before = known.get(event.doctor_id)
        if before is None or since < before.since:
            known[event.doctor_id] = Absence(event.doctor_id, since, event.reason)
            return replace(roster, absences=tuple(known[name] for name in sorted(known)))
    return roster


def with_starts(typed: RosterPublished, before: RosterPublished | None) -> RosterPublished:
    """What was typed, with the places where the days of doctors begin: the form does not show them, and they stay."""
    known = {each.doctor_id: each.start for each in before.doctors} if before is not None else {}
    doctors = [each.model_copy(update={"start": each.start or known.get(each.doctor_id)}) for each in typed.doctors]
    return typed.model_copy(update={"doctors": doctors})
