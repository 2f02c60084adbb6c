"""What the board shows of a call, and in which order: what needs doing first, then what runs, then what is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final, Literal

from homecall.contract.events import (
    RequestAccepted,
    RequestDeferred,
    RequestHeld,
    RequestRefused,
    VisitClosed,
    VisitUnplaced,
)
from homecall.standard.referrals import is_referred
from services.desk.domain.call import Call
from services.desk.domain.search import folded, phone_digits

Standing = Literal[
    "unsent",
    "undecided",
    "deferred",
    "unplaced",
    "to_answer",
    "scheduled",
    "refused",
    "withdrawn",
    "transferred",
    "closed",
]
"""Where a call stands for the people at the desk. ``to_answer``: the time is known, and nobody has said it yet."""

_OVER: Final = frozenset({"refused", "withdrawn", "transferred", "closed"})
NEAR_SHARE: Final = 0.8
"""The part of a term after which the row cries out."""


@dataclass(frozen=True, slots=True)
class Row:
    """A call on the board. Texts are as they came, and are escaped where they are drawn."""

    request_id: str
    clinic_id: str
    on: date | None
    standing: Standing
    visits_on: date | None = None
    number: int | None = None
    came_at: datetime | None = None
    channel: str = ""
    patient: str = ""
    child: bool = False
    phone: str = ""
    address: str = ""
    district_id: str = ""
    reasons: list[str] = field(default_factory=list)
    urgent: bool = False
    emergency: bool = False
    due_at: datetime | None = None
    """When the term ends that runs now: of the answer, or else of the visit."""
    near_at: datetime | None = None
    missed: bool = False
    deadline: Literal["answer", "visit", ""] = ""
    doctor_id: str = ""
    doctor: str = ""
    arrives_from: datetime | None = None
    arrives_to: datetime | None = None
    by_hand: bool = False
    hand_refused: bool = False
    """A dispatcher's last choice could not be: somebody has to look at it."""
    outcome: str = ""
    refusal: str = ""
    gone_to: str = ""
    """The clinic that the call was handed on to; ``come_from``: the one that handed it on."""
    come_from: str = ""
    referred: bool = False
    """The ambulance service (103) handed the call on; ``category`` is its own, where the card says it."""
    category: str = ""
    search: str = ""
    """What the search looks at: folded words, and the digits of phones."""

    @property
    def over(self) -> bool:
        """Whether nothing is left to be done."""
        return self.standing in _OVER


def row_of(call: Call) -> Row:
    """The row of a call that was heard of."""
    decision, line, place, status = call.decision, call.line, call.place, call.status
    patient = decision.patient if decision and decision.patient else None
    applicant = decision.applicant if decision and decision.applicant else None
    address = decision.address if decision and decision.address else None
    full_name = (patient.full_name if patient else None) or (line.patient_name if line else "") or ""
    phone = (patient.phone if patient else None) or (applicant.phone if applicant else None) or ""
    number = decision.register_number if isinstance(decision, RequestAccepted) else None
    standing = _standing(call)
    deadline, due_at, near_at = _term(call, standing)
    age = patient.age_years if patient else None
    words = [full_name, phone, address.text or "" if address else "", str(number or ""), phone_digits(phone)]
    closed = call.of("closed", VisitClosed)
    card = decision.referral if decision else None
    return Row(
        request_id=call.request_id,
        clinic_id=call.clinic_id,
        on=call.register_date,
        standing=standing,
        visits_on=place.visit_date if place else None,
        number=number,
        came_at=decision.submitted_at if decision else None,
        channel=(decision.channel if decision else None) or "",
        patient=full_name,
        child=age is not None and age < 18,
        phone=phone,
        address=(address.text or "") if address else "",
        district_id=(address.district_id or "") if address else "",
        reasons=list((decision.reasons if decision else None) or ()),
        urgent=bool(decision and decision.urgency == "urgent"),
        emergency=bool(status and status.emergency),
        due_at=due_at,
        near_at=near_at,
        missed=bool(deadline and call.missed(deadline)),
        deadline=deadline,
        doctor_id=place.doctor.doctor_id if place else "",
        doctor=place.doctor.full_name if place else "",
        arrives_from=place.arrives_from if place else None,
        arrives_to=place.arrives_to if place else None,
        by_hand=call.by_hand is not None,
        hand_refused=standing not in _OVER and call.assignment_refused is not None,
        outcome=closed.outcome if closed else "",
        refusal=decision.code if isinstance(decision, RequestRefused) else "",
        gone_to=call.gone_to.clinic_id if call.gone_to else "",
        come_from=call.come_from.clinic_id if call.come_from else "",
        referred=is_referred((decision.reasons if decision else None) or (), has_referral=card is not None),
        category=card.category if card else "",
        search=folded(" ".join(words)),
    )


def _standing(call: Call) -> Standing:
    decision = call.decision
    if "cancelled" in call.kept:
        return "withdrawn" if call.gone_to is None else "transferred"
    if "closed" in call.kept:
        return "closed"
    if isinstance(decision, RequestRefused):
        return "refused"
    if isinstance(decision, RequestDeferred):
        return "deferred"
    if decision is None or isinstance(decision, RequestHeld):
        return "undecided"
    if call.place is None:
        return "unplaced" if call.of("visit", VisitUnplaced) is not None else "undecided"
    return "scheduled" if call.answered is not None or decision.channel == "portal" else "to_answer"


def _term(call: Call, standing: Standing) -> tuple[Literal["answer", "visit", ""], datetime | None, datetime | None]:
    """Which term runs, when it ends, and when 80 % of it are over."""
    decision = call.decision
    if standing in {"undecided", "unplaced", "to_answer"} and isinstance(decision, RequestAccepted | RequestHeld):
        return "answer", decision.due_at, _near(decision.clock_started_at, decision.due_at)
    if standing == "deferred" and isinstance(decision, RequestDeferred):
        return "answer", decision.due_at, _near(decision.opens_at, decision.due_at)
    place = call.place
    if standing == "scheduled" and place is not None:
        return "visit", place.arrives_to, place.arrives_to
    return "", None, None


def _near(start: datetime, end: datetime) -> datetime:
    return start + (end - start) * NEAR_SHARE


def order(row: Row, now: datetime) -> tuple[int, float, int]:
    """The place of a row: missed, near and to be said first, each by when its term ends; what is over last."""
    due = row.due_at.timestamp() if row.due_at is not None else float("inf")
    if row.over:
        return 5, -(row.number or 0), 0
    if row.missed or (row.due_at is not None and row.due_at <= now and row.deadline == "answer"):
        return 0, due, 0
    if row.near_at is not None and row.near_at <= now and row.deadline == "answer":
        return 1, due, 0
    if row.standing in {"unsent", "to_answer", "unplaced"}:
        return 2, due, 0
    if row.standing in {"undecided", "deferred"}:
        return 3, due, 0
    return 4, due, row.number or 0


LIVE_FOR: Final = timedelta(days=2)
"""How long a browser that was asleep catches up call by call; after that it draws the page again."""
