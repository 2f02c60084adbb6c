"""Hears every topic, and keeps what the desk shows: calls, complaints and rosters, each in a document of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Final, Generic, TypeVar

from homecall.contract import topics
from homecall.contract.envelope import Incoming
from homecall.contract.events import (
    AnswerGiven,
    ComplaintStatusChanged,
    ComplaintSubmitted,
    DeadlineApproaching,
    DeadlineMissed,
    DoctorUnavailable,
    JournalEntry,
    RequestEvent,
    RequestIdentityChecked,
    RequestSubmitted,
    RequestTransferred,
    RequestWithdrawn,
    RosterPublished,
    StatusChanged,
    VisitAssigned,
    VisitEvent,
    VisitReleased,
    VisitReported,
)
from homecall.contract.events.complaints import ComplaintCommand
from homecall.contract.types import Event, is_moment
from homecall.runtime.clock import Clock
from homecall.runtime.encryption import Vault
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.engine.decision import Decision
from homecall.runtime.engine.engine import Engine
from homecall.runtime.handling import Handler
from homecall.runtime.mongo.repository import Repository
from services.desk.domain import call as calls
from services.desk.domain import complaint as complaints
from services.desk.domain import roster as rosters
from services.desk.domain.call import Call
from services.desk.domain.complaint import Complaint
from services.desk.domain.roster import Roster
from services.desk.store.stores import Stores

S = TypeVar("S")
OF_CALLS: Final = (
    RequestSubmitted
    | RequestWithdrawn
    | RequestTransferred
    | RequestEvent
    | RequestIdentityChecked
    | VisitEvent
    | VisitReported
    | VisitAssigned
    | VisitReleased
    | AnswerGiven
    | StatusChanged
    | JournalEntry
)
OF_COMPLAINTS: Final = ComplaintSubmitted | ComplaintCommand | ComplaintStatusChanged
OF_ROSTERS: Final = RosterPublished | DoctorUnavailable
PATIENT: Final = "desk patient"
"""The kind of the index by which a patient's earlier calls are found."""


class View(Generic[S]):
    """How one kind of document hears events. Nothing is refused: what is wrong is a dead letter of another service."""

    def __init__(
        self,
        target: Callable[[Event], str | None],
        new: Callable[[Event], S],
        hear: Callable[[S, Event, datetime], S],
    ) -> None:
        self._target = target
        self._new = new
        self._hear = hear

    def target(self, event: Incoming) -> str | None:
        """The document that an event is about."""
        return None if event.data is None else self._target(event.data)

    def takes_broken(self, event: Incoming) -> bool:
        """All: a broken event is a dead letter of the service that it was sent to."""
        del event
        return True

    def pending(self, state: S) -> bool:
        """Never."""
        del state
        return False

    def decide(self, state: S | None, event: Incoming, facts: None, now: datetime) -> Decision[S]:
        """The document with the event."""
        del facts
        assert event.data is not None
        before = self._new(event.data) if state is None else state
        after = self._hear(before, event.data, _at(event, now))
        return Decision() if after == state else Decision(state=after)

    def due(self, state: S, facts: None, now: datetime) -> Decision[S]:
        """Nothing: the desk has no timers."""
        del state, facts, now
        return Decision()


def _at(event: Incoming, now: datetime) -> datetime:
    """When an event happened: its own time, or when it was recorded."""
    if event.time and is_moment(event.time):
        return datetime.fromisoformat(event.time)
    return event.record.recorded_at or now


class ViewEngine(Engine[S, None]):
    """Carries batches of events into one kind of document."""

    def __init__(self, store: Repository[S], view: View[S], clock: Clock) -> None:
        super().__init__(topics.DESK, store, view, clock)


class Desk:
    """The handler of a batch: each event goes to the kind of document that it is about."""

    def __init__(self, stores: Stores, vault: Vault, clock: Clock, changed: Callable[[], None]) -> None:
        def hear_call(call: Call, event: Event, at: datetime) -> Call:
            iin = vault.index(PATIENT, event.patient.iin) if isinstance(event, RequestSubmitted) else None
            return calls.hear(call, event, at, iin)

        self.calls = ViewEngine(stores.calls, View(_call_of, _new_call, hear_call), clock)
        self.complaints = ViewEngine(stores.complaints, View(_complaint_of, _new_complaint, complaints.hear), clock)
        self.rosters = ViewEngine(stores.rosters, View(_roster_of, _new_roster, _hear_roster), clock)
        self._changed = changed

    @property
    def engines(self) -> tuple[Engine[Call, None], Engine[Complaint, None], Engine[Roster, None]]:
        """The engines, one for each kind of document."""
        return self.calls, self.complaints, self.rosters

    async def handle(self, batch: Sequence[Incoming], now: datetime) -> BatchResult:
        """Keep what a batch says. Nothing is sent: the desk speaks only for people."""
        result = BatchResult(results=dict.fromkeys(range(len(batch)), "handled"))
        about = (_call_of, _complaint_of, _roster_of)
        handlers: tuple[Handler, ...] = self.engines
        for handler, subject in zip(handlers, about, strict=True):
            places = [place for place, each in enumerate(batch) if each.data is not None and subject(each.data)]
            if places:
                result.take(await handler.handle([batch[place] for place in places], now), places)
        self._changed()
        return result


def _call_of(event: Event) -> str | None:
    if isinstance(event, DeadlineApproaching | DeadlineMissed):
        return event.subject_id if event.subject_kind == "request" else None
    return event.request_id if isinstance(event, OF_CALLS) else None


def _complaint_of(event: Event) -> str | None:
    if isinstance(event, DeadlineApproaching | DeadlineMissed):
        return event.subject_id if event.subject_kind == "complaint" else None
    return event.complaint_id if isinstance(event, OF_COMPLAINTS) else None


def _roster_of(event: Event) -> str | None:
    return rosters.key(event.clinic_id, event.date) if isinstance(event, OF_ROSTERS) else None


def _clinic_of(event: Event) -> str:
    clinic_id: str = getattr(event, "clinic_id", "")
    return clinic_id


def _new_call(event: Event) -> Call:
    return Call(_call_of(event) or "", _clinic_of(event))


def _new_complaint(event: Event) -> Complaint:
    return Complaint(_complaint_of(event) or "", _clinic_of(event))


def _new_roster(event: Event) -> Roster:
    on: date = getattr(event, "date", date.min)
    return Roster(_clinic_of(event), on)


def _hear_roster(roster: Roster, event: Event, at: datetime) -> Roster:
    del at
    return rosters.hear(roster, event)
