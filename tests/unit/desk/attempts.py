"""What the tests of attempts share: two clinics with data, of which one is not ours to see, and hostile texts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.factories import MONDAY
from tests.unit.desk.reception import ELSEWHERE, HERE, Reception, the_call

MINE, THEIRS = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f", "6f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
MY_COMPLAINT, THEIR_COMPLAINT = "7f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f", "8f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
SECRET = "Құпия Адам"
PHONE = "+7 700 999 88 77"
DAY = MONDAY.date().isoformat()
SCRIPTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "</textarea><svg onload=alert(1)>",
    "{{ 7*7 }}",
    "javascript:alert(1)",
)


def a_complaint(complaint_id: str, clinic_id: str, request_id: str | None, **over: Any) -> list[tuple[str, Any]]:
    """What is heard of a complaint that was registered."""
    at = MONDAY.isoformat()
    submitted = {
        "complaint_id": complaint_id,
        "clinic_id": clinic_id,
        "request_id": request_id,
        "addressed_to": "clinic",
        "channel": "in_person",
        "submitted_at": at,
        "complainant": {"full_name": SECRET, "phone": PHONE, "language": "ru"},
        "text": "Дәрігер келмеді",
        "received_by": {"full_name": "Сәуле Б.", "position": "тіркеуші"},
        "answer_by": "by_hand",
    } | over
    status = {
        "complaint_id": complaint_id,
        "clinic_id": clinic_id,
        "sequence": 2,
        "stage": "clinic",
        "status": "registered",
        "occurred_at": at,
        "incoming_number": "2026-77",
        "answer_due_on": "2026-11-28",
        "answer_due_at": (MONDAY + timedelta(days=5)).isoformat(),
        "answer_by": "by_hand",
        "text": {"kk": "Тіркелді.", "ru": "Зарегистрирована.", "en": "Registered."},
    }
    return [
        ("complaint.submitted", {name: value for name, value in submitted.items() if value is not None}),
        ("complaint.status-changed", status),
    ]


def a_roster(clinic_id: str, full_name: str) -> tuple[str, dict[str, Any]]:
    doctor = {
        "doctor_id": "gp-9",
        "full_name": full_name,
        "specialty": "gp",
        "districts": ["d1"],
        "shift": {"from": "08:00", "to": "20:00"},
        "max_visits": 10,
        "on_duty": True,
    }
    return "roster.published", {"clinic_id": clinic_id, "date": DAY, "revision": 1, "doctors": [doctor]}


async def two_clinics() -> Reception:
    """A desk with a call, a complaint and a roster of two clinics each; all names of the other one are the secret."""
    reception = Reception()
    person = {"full_name": SECRET, "phone": PHONE, "language": "ru", "age_years": 40}
    (kind, decision), (visit, planned), told, (line, entry) = the_call(THEIRS, clinic_id=ELSEWHERE)
    theirs = [
        (kind, decision | {"patient": person, "address": {"text": SECRET}}),
        (visit, planned | {"doctor": {"doctor_id": "gp-1", "full_name": SECRET, "specialty": "gp"}}),
        told,
        (line, entry | {"patient_name": SECRET, "phone": PHONE}),
    ]
    await reception.hear(
        *the_call(MINE),
        *theirs,
        *a_complaint(MY_COMPLAINT, HERE, MINE, complainant={"full_name": "Менің Атым", "language": "ru"}),
        *a_complaint(THEIR_COMPLAINT, ELSEWHERE, THEIRS),
        a_roster(HERE, "Дәрігер Бірінші"),
        a_roster(ELSEWHERE, SECRET),
    )
    return reception
