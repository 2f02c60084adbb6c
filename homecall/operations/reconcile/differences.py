"""What ``homecall reconcile`` may find, each kind with its way out, and what it reads to find it. Pure.

What counts as a difference is decided in ``comparison``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.mongo.sequence import Page
from services.intake.domain.state import RequestState
from services.notifier.domain.state import Call as Told
from services.scheduler.domain.clinic_day import ClinicDay
from services.scheduler.domain.state import CallState

_READ_AGAIN: Final = "have {} read {} again from that day on"
_OF_NOTIFIER: Final = _READ_AGAIN.format("notifier", "intake-events and schedule-events")
_OF_SCHEDULER: Final = _READ_AGAIN.format("scheduler", "intake-events and visits")
_OF_INTAKE: Final = _READ_AGAIN.format("intake", "requests and schedule-events")
_PAGE: Final = "restore the page from a backup: a number is never given a second time"
_DAY: Final = "put the doctors' day right from a backup, or tell the clinic and the patient which time holds"
_RESTART: Final = "look at the log of {store}: its timers carry on what was begun; restart it if they stand still"

WAYS_OUT: Final[Mapping[str, str]] = {
    "number_missing": _PAGE,
    "number_differs": _PAGE,
    "number_gap": _PAGE,
    "number_doubled": "tell the clinic which call keeps the number, and enter the other call again",
    "number_without_request": _OF_INTAKE,
    "entry_missing": _OF_NOTIFIER,
    "entry_number_differs": "the number of intake's page holds: correct the entry by it, and print the page again",
    "entry_without_request": _OF_INTAKE,
    "status_missing": _OF_NOTIFIER,
    "status_differs": _OF_NOTIFIER,
    "outcome_differs": _OF_NOTIFIER,
    "call_missing": _OF_SCHEDULER,
    "call_without_request": _OF_INTAKE,
    "booking_missing": _DAY,
    "booking_differs": _DAY,
    "booking_without_call": _OF_SCHEDULER,
    "booking_of_withdrawn": "take the booking out of the doctors' day by hand: nobody else gets the place until then",
    "withdrawal_missing": _OF_SCHEDULER,
    "successor_missing": "nobody comes as things stand: have that clinic enter the call, or restore intake",
    "closing_missing": _OF_INTAKE,
    "visit_date_differs": _OF_INTAKE,
    "unfinished": _RESTART,
    "unsent": _RESTART,
}
"""Every kind of difference, and what to do about it; docs/operations.md says how."""


@dataclass(frozen=True)
class Difference:
    """What differs: of which request, in which service's store, and how. No names, addresses or IINs."""

    kind: str
    clinic_id: str
    date: str
    store: str
    detail: str
    request_id: str | None = None

    @property
    def way_out(self) -> str:
        return WAYS_OUT[self.kind].format(store=self.store)

    @property
    def line(self) -> str:
        of = self.request_id or f"register of {self.date}"
        return f"{self.clinic_id} {self.date} {of}: {self.kind} in {self.store}: {self.detail}: {self.way_out}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"way_out": self.way_out}


@dataclass
class Counts:
    """What the stores hold of a clinic's day."""

    requests: int = 0
    """By intake: accepted, refused, deferred, withdrawn and held."""
    accepted: int = 0
    """Of these, those with a place in the register."""
    numbers: int = 0
    """On the register's page."""
    entries: int = 0
    """Lines of the register by notifier, those of refused calls too."""
    statuses: int = 0
    """Requests of which a status has gone out."""
    booked: int = 0
    waiting: int = 0
    withdrawn: int = 0
    transferred: int = 0
    """Handed on to another clinic; not among the withdrawn."""
    closed: int = 0
    bookings: int = 0
    """In the clinic's day of the doctors, whatever day their calls were accepted on."""
    settling: int = 0
    """Requests that changed a moment ago, and were not judged."""

    def add(self, other: Counts) -> None:
        for name, number in asdict(other).items():
            setattr(self, name, getattr(self, name) + number)


@dataclass(frozen=True)
class Judged:
    """A clinic's day: what is there, and what differs."""

    clinic_id: str
    date: str
    counts: Counts
    differences: tuple[Difference, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "clinic_id": self.clinic_id,
            "date": self.date,
            **asdict(self.counts),
            "differences": len(self.differences),
        }

    def confirmed_by(self, again: Judged) -> Judged:
        """Only what differs in a second reading too: stores are not read at one moment."""
        both = set(self.differences) & set(again.differences)
        return replace(again, differences=tuple(each for each in again.differences if each in both))


@dataclass
class Facts:
    """What the three stores hold of some clinics' day, and of every request that has to do with it."""

    requests: dict[str, Aggregate[RequestState]] = field(default_factory=dict)
    calls: dict[str, Aggregate[CallState]] = field(default_factory=dict)
    told: dict[str, Aggregate[Told]] = field(default_factory=dict)
    pages: dict[str, Page] = field(default_factory=dict)
    days: dict[str, ClinicDay] = field(default_factory=dict)
    here: set[tuple[str, str]] = field(default_factory=set)
    """(service, request id) of those that the service's store counts to this day; others are there to be compared."""
