"""What remains of a call when its personal data are erased, and from which day on they may be. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date
from typing import Any

from homecall.contract.events import JournalEntry
from homecall.runtime.engine.decision import replace
from services.notifier.domain.state import FINISHED, Call, Person, Reader

_LINE = frozenset(
    {"clinic_id", "register_date", "register_number", "revision", "request_id", "channel", "reasons", "accepted_at"}
    | {"flags", "doctor", "arrives_from", "arrives_to", "oral_answer", "answered_at", "answered_by", "registrar"}
    | {"outcome", "refusal", "transferred_to", "transferred_from"}
)
_ENDED = frozenset({"refused", "withdrawn", *FINISHED})


def over_on(call: Call) -> date | None:
    """The day of the visit, or of the register; the first of all days once a call has ended: its last change counts.

    None while intake has not decided, and where nothing is left to be erased.
    """
    if remains(call) == call:
        return None
    if call.status in _ENDED:
        return date.min
    if call.accepted_at is None or call.register_date is None:
        return None
    return call.visit.visit_date if call.visit else call.register_date


def remains(call: Call) -> Call:
    """The call without its patient, their phones and their messages: statuses, times, doctor and deadlines stay."""
    return replace(call, person=_of_person(call.person), reader=Reader(), notices=[])


def _of_person(person: Person) -> Person:
    address = person.address or {}
    return dataclasses.replace(
        person,
        patient_name=None if person.patient_name is None else "",
        phone=None,
        referral=None,
        address={"district_id": address["district_id"]} if "district_id" in address else None,
    )


def said(event_type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    if event_type != JournalEntry.TYPE:
        return dict(data)
    found: dict[str, Any] = {}
    for name, value in data.items():
        if name in _LINE:
            found[name] = value
        elif name == "patient_name":
            found[name] = ""  # a line without one would break the schema
        elif name == "address" and "district_id" in value:
            found[name] = {"district_id": value["district_id"]}
    return found
