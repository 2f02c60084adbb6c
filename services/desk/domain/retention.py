"""What remains at the desk of a call or a complaint when its personal data are erased, and from which day on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from homecall.contract.events import ComplaintStatusChanged, RequestCancelled, StatusChanged
from homecall.runtime.engine.decision import replace
from services.desk.domain.call import Call
from services.desk.domain.complaint import Complaint
from services.desk.domain.kept import Kept

_GONE: Final[Mapping[str, Any]] = {"patient_name": "", "text": "", "grounds": "", "measures": ""}
"""Required fields that hold something personal: they stay, and are empty."""
_DROPPED: Final = frozenset(
    {"patient", "applicant", "address", "note", "phone", "registrar", "answered_by", "answer", "answer_place"}
    | {"referral"}
)


def call_over_on(call: Call) -> date | None:
    """The day of the visit, or of the register; None while nothing is known, and where nothing is left to be erased."""
    if call_remains(call) == call:
        return None
    place = call.place
    return place.visit_date if place is not None else call.register_date


def call_remains(call: Call) -> Call:
    """The call without its patient: decisions, statuses, times and doctors stay.

    Of its being handed on the history says where to and by whom; why is a free text, and goes.
    """
    kept = {kind: _remains(each) for kind, each in call.kept.items() if kind != "transferred"}
    return replace(call, iin=None, kept=kept, lines=[_remains(each) for each in call.lines])


def complaint_over_on(complaint: Complaint) -> date | None:
    """The day of the answer; None while there is none, and where nothing is left to be erased."""
    status = complaint.status
    if status is None or not complaint.over or complaint_remains(complaint) == complaint:
        return None
    return status.occurred_at.date()


def complaint_remains(complaint: Complaint) -> Complaint:
    """The complaint without who complained and what about: numbers, stages and times stay."""
    kept = {kind: _remains(each) for kind, each in complaint.kept.items() if kind not in ("submitted", "escalated")}
    return replace(complaint, kept=kept)


def _remains(kept: Kept) -> Kept:
    data = {name: value for name, value in kept.data.items() if name not in _DROPPED}
    if kept.type not in (StatusChanged.TYPE, ComplaintStatusChanged.TYPE):  # what these say names nobody
        data |= {name: empty for name, empty in _GONE.items() if name in data}
    if kept.type == RequestCancelled.TYPE:
        data["reason"] = ""
    return Kept(kept.type, kept.order, kept.at, data)
