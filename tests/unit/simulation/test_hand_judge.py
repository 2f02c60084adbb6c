"""What is found of visits placed by hand: planned away from the doctor whom a dispatcher chose."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.infrastructure.reader import Heard
from tests.simulation import hand_judge

REQUEST, CLINIC = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f", "clinic-1"
CHOICE = ("visit.assigned", {"doctor_id": "doctor-2", "reason": "x"})
PLACED = ("visit.rescheduled", {"revision": 2, "basis": "dispatcher", "doctor": {"doctor_id": "doctor-2"}})
MOVED = ("visit.rescheduled", {"revision": 3, "basis": "district", "doctor": {"doctor_id": "doctor-3"}})
SAME = ("visit.rescheduled", {"revision": 3, "basis": "dispatcher", "doctor": {"doctor_id": "doctor-2"}})
AWAY = ("doctor.unavailable", {"doctor_id": "doctor-2"})
RELEASED = ("visit.released", {})


def heard(*events: tuple[str, dict[str, Any]]) -> list[Heard]:
    found = []
    for number, (kind, data) in enumerate(events):
        value = json.dumps({"request_id": REQUEST, "clinic_id": CLINIC} | data).encode()
        headers = {"ce_id": f"id-{number}", "ce_source": "/test", "ce_type": f"kz.homecall.{kind}"}
        found.append(Heard("topic", 0, number, REQUEST, headers, value))
    return found


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([CHOICE, PLACED, MOVED], 1),
        ([CHOICE, PLACED, SAME], 0),
        ([CHOICE, PLACED, AWAY, MOVED], 0),
        ([CHOICE, PLACED, RELEASED, MOVED], 0),
        ([CHOICE, MOVED], 0),
    ],
)
def test_a_visit_that_goes_from_the_chosen_doctor_is_found(events: list[Any], found: int) -> None:
    all_ = heard(*events)
    assert len(hand_judge.planned_away(hand_judge.chosen(all_), all_)) == found
