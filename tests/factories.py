"""Test data, made from a number or an id: the same again from the same."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from homecall.contract.iins import iin_check_digit
from homecall.contract.types import ZONE

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=ZONE)
"""A working day's morning, when most tests begin."""


def iin(number: int) -> str:
    """A synthetic IIN: a birth in 18xx, so nobody's."""
    sex = 1 + number % 2
    while True:
        first = f"{50 + number // 100000 % 50:02d}0715{sex}{number % 10000:04d}"
        digit = iin_check_digit(first)
        if digit is not None:
            return first + str(digit)
        number += 7919


def a_clinic(clinic_id: str, **over: Any) -> dict[str, Any]:
    """A clinic with the standard's hours."""
    return {
        "clinic_id": clinic_id,
        "name": {"kk": f"{clinic_id} емханасы", "ru": f"Поликлиника {clinic_id}"},
        "region": "Алматы",
        "address": "Абай даңғылы, 1",
        "phone": "+7 700 000 00 00",
        "head": {"full_name": "Бас Дәрігер"},
        "districts": [{"district_id": "d1", "kind": "mixed", "addresses": ["Абай"]}],
    } | over


def a_doctor(doctor_id: str, **over: Any) -> dict[str, Any]:
    """A gp with a whole day's shift."""
    return {
        "doctor_id": doctor_id,
        "full_name": f"Дәрігер {doctor_id}",
        "specialty": "gp",
        "districts": ["d1"],
        "shift": {"from": "08:00", "to": "20:00"},
        "max_visits": 24,
    } | over


def a_roster(clinic_id: str, day: date, doctors: Sequence[Mapping[str, Any]], revision: int = 1) -> dict[str, Any]:
    """A clinic's doctors on a day."""
    return {"clinic_id": clinic_id, "date": day.isoformat(), "revision": revision, "doctors": list(doctors)}


def a_request(
    clinic_id: str, number: int, submitted_at: datetime, channel: str = "phone", **over: Any
) -> dict[str, Any]:
    """A request of patient ``number``; the same number is the same request and the same patient."""
    data: dict[str, Any] = {
        "request_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"request {clinic_id} {number}")),
        "clinic_id": clinic_id,
        "channel": channel,
        "submitted_at": submitted_at.isoformat(),
        "patient": {"iin": iin(number), "full_name": f"Науқас {number}", "language": "kk"},
        "address": {"text": f"Абай, {number}", "district_id": "d1"},
        "reasons": ["fever_above_38"],
    }
    if channel == "desk":
        data["identity_document"] = {"kind": "id_card", "number": "000000001"}
    if channel == "portal":
        data["signature"] = {"format": "cms", "value": "AAAA"}
    return data | over


def a_complaint(clinic_id: str, number: int, submitted_at: datetime, **over: Any) -> dict[str, Any]:
    """A complaint to the clinic, made there; the same number is the same complaint."""
    return {
        "complaint_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"complaint {clinic_id} {number}")),
        "addressed_to": "clinic",
        "clinic_id": clinic_id,
        "channel": "in_person",
        "submitted_at": submitted_at.isoformat(),
        "complainant": {"full_name": f"Шағымданушы {number}", "language": "kk"},
        "text": "Дәрігер кешікті.",
        "received_by": {"full_name": "Қабылдаушы", "position": "Аға тіркеуші"},
        "answer_by": "by_hand",
    } | over


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)
