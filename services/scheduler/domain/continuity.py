"""The doctor who visited a patient last time: found again without an IIN, which never comes here. Pure.

What tells patients of one clinic apart is the name with the date of birth, or with the phone where none was stated: a
namesake is rare, and would only be given a doctor who is as good as any. It is kept as a keyed hash, so that nobody
finds a patient in the store by trying names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from homecall.contract.events import RequestAccepted
from services.scheduler.domain.state import CallState

INDEX = "patient of the clinic"
"""The kind of the keyed hash: it tells nothing of other services' hashes of the same patient."""
REMEMBERED = timedelta(days=14)
"""How long after a visit its doctor is the one who knows the patient."""


@dataclass(frozen=True)
class Returning:
    """What stands for a patient in the store, and the doctor of the last visit, where there was one."""

    patient: str
    last_doctor: str | None = None


def patient_of(data: RequestAccepted, index: Callable[[str], str]) -> str | None:
    """What stands for the patient at the clinic; None where too little is known to tell patients apart."""
    facts = data.patient
    name = " ".join((facts.full_name or "").casefold().split()) if facts is not None else ""
    if facts is None or not name:
        return None
    known = facts.birth_date.isoformat() if facts.birth_date is not None else facts.phone
    return index(f"{data.clinic_id}|{name}|{known}") if known else None


def visited(state: CallState) -> str | None:
    """The patient whom a doctor has visited in this call, as the store finds it again; None where nobody was seen."""
    return state.patient if state.status == "closed" and state.outcome == "served" and state.booking else None


def last_doctor(visits: list[CallState], on: date) -> str | None:
    """Who made the last of these visits of a patient, if it was not too long before that day."""
    recent = [each for each in visits if each.booking is not None and on - REMEMBERED <= each.day <= on]
    last = max(recent, key=lambda each: (each.day, each.accepted_at, each.request_id), default=None)
    return last.booking.doctor.doctor_id if last is not None and last.booking is not None else None
