"""The doctor who came last time comes again, if that costs little; the store cannot be asked for a patient by name."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from homecall.runtime.encryption import KeyRing, Vault
from services.scheduler.domain.retention import over_on, remains
from tests.unit.scheduler.office import (
    FRIDAY,
    SATURDAY,
    Office,
    accepted,
    clinic,
    doctor,
    known,
    reported,
    roster,
)

NAME = "Сынақ Қайталап  Келген"
PATIENT = {"full_name": NAME, "language": "kk", "birth_date": "1971-03-05", "age_years": 55}
SHIFT = {"from": "09:00", "to": "18:00"}


def an_office(**over: Any) -> Office:
    """A clinic whose doctors a and b serve one district each; keyed hashes are made with a key for tests."""
    office = Office(known(clinic(**over)))
    vault = Vault(KeyRing(b"l" * 32, {"test": b"k" * 32}, "test"))
    office.engine.outside = replace(office.engine.outside, vault=vault)
    return office


def doctors(day: str) -> Any:
    return roster(doctor("a", shift=SHIFT), doctor("b", shift=SHIFT, districts=["d2"]), day=day)


async def second_visit(office: Office, when: str = "Sat 2026-11-21 09:30", **patient: Any) -> str:
    """Who is sent when b visited the patient on Friday, in b's district, and the patient now calls from a's."""
    address = {"text": "Тал көшесі, 27", "district_id": "d2"}
    await office.hear(doctors(FRIDAY), accepted(patient=PATIENT, address=address))
    assert (await office.state(1)).booking.doctor.doctor_id == "b"  # type: ignore[union-attr]  # it is booked
    await office.hear(reported("Fri 2026-11-20 13:00"), now="Fri 2026-11-20 13:05")
    day = when.split()[1]
    await office.hear(doctors(day), accepted(when, number=2, patient=PATIENT | patient), now=when)
    booking = (await office.state(2)).booking
    assert booking is not None
    return booking.doctor.doctor_id


async def test_the_doctor_of_the_last_visit_comes_again_where_that_costs_little() -> None:
    strong = {"dispatch": {"continuity_weight_minutes": 30}}
    assert await second_visit(an_office(**strong)) == "b"
    assert await second_visit(an_office(**strong), full_name="  сынақ  қайталап келген ") == "b", "as people type names"


@pytest.mark.parametrize(
    ("over", "patient", "when"),
    [
        ({"dispatch": {"continuity_weight_minutes": 0}}, {}, "Sat 2026-11-21 09:30"),
        ({}, {}, "Sat 2026-11-21 09:30"),  # the default is less than what the clinic pays for the district's own
        ({"dispatch": {"continuity_weight_minutes": 30}}, {"full_name": "Сынақ Басқа"}, "Sat 2026-11-21 09:30"),
        ({"dispatch": {"continuity_weight_minutes": 30}}, {"birth_date": "1971-03-06"}, "Sat 2026-11-21 09:30"),
        ({"dispatch": {"continuity_weight_minutes": 30}}, {}, "Mon 2026-12-07 09:30"),  # 17 days later
    ],
)
async def test_else_the_district_s_doctor_comes(over: Any, patient: Any, when: str) -> None:
    assert await second_visit(an_office(**over), when, **patient) == "a"


async def test_a_doctor_who_did_not_find_the_patient_is_not_the_last_one() -> None:
    office = an_office(dispatch={"continuity_weight_minutes": 30})
    await office.hear(doctors(FRIDAY), accepted(patient=PATIENT, address={"text": "Тал", "district_id": "d2"}))
    await office.hear(reported("Fri 2026-11-20 13:00", outcome="not_at_home"), now="Fri 2026-11-20 13:05")
    await office.hear(
        doctors(SATURDAY), accepted("Sat 2026-11-21 09:30", number=2, patient=PATIENT), now="Sat 2026-11-21 09:30"
    )
    assert (await office.state(2)).call.last_doctor is None


async def test_the_store_holds_a_keyed_hash_and_no_name_until_it_is_erased() -> None:
    office = an_office()
    assert await second_visit(office)
    docs = list(office.memory.collection("calls").docs.values())
    assert not any("қайталап" in str(each).casefold() for each in docs)
    state = await office.state(1)
    assert state.patient is not None
    assert state.patient == (await office.state(2)).patient
    assert (await office.state(2)).call.last_doctor == "b"
    assert over_on(state) == date.min
    erased = remains(state)
    assert erased.patient is None
    assert office.store.calls.indexed(erased)["visited"] is None
    assert office.store.calls.indexed(state)["visited"] == state.patient


async def test_where_it_is_switched_off_nothing_is_kept() -> None:
    office = an_office(dispatch={"continuity_weight_minutes": 0})
    await second_visit(office)
    assert (await office.state(1)).patient is None
