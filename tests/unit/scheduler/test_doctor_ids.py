"""A doctor whose id is an IIN serves as any other, under an alias that is the same in every event."""

from __future__ import annotations

import hmac
from datetime import date
from typing import Any

import pytest

from homecall.contract.envelope import Incoming
from homecall.contract.events import DoctorUnavailable, RosterPublished
from homecall.contract.iins import without_iins
from services.scheduler.domain.doctor_ids import with_aliases
from tests.factories import a_doctor, a_roster
from tests.unit.contract.test_iins import received

IIN = "850715200007"


def index(value: str) -> str:
    return hmac.digest(b"a key", value.encode(), "sha256").hex()


def roster(*doctor_ids: str) -> Incoming:
    return received(
        "roster.published", a_roster("samal-3", date(2026, 11, 30), [a_doctor(each) for each in doctor_ids])
    )


def unavailable(doctor_id: str) -> Incoming:
    data = {"clinic_id": "samal-3", "date": "2026-11-30", "doctor_id": doctor_id, "from": "12:00", "reason": "ауырды"}
    return received("doctor.unavailable", data)


def ids(event: Incoming) -> list[str]:
    data: Any = with_aliases(event, index).data
    if isinstance(data, RosterPublished):
        return [each.doctor_id for each in data.doctors]
    assert isinstance(data, DoctorUnavailable)
    return [data.doctor_id]


@pytest.mark.parametrize("doctor_id", [IIN, "850715-200007", f"gp {IIN}", "8507152/00007"])
def test_the_alias_is_the_same_in_a_roster_and_where_the_doctor_drops_out(doctor_id: str) -> None:
    found = ids(roster("gp-1", doctor_id))
    assert found[0] == "gp-1"
    assert found[1].startswith("doctor-")
    assert not any(each.isdigit() for each in found[1])
    assert ids(unavailable(doctor_id)) == found[1:]


def test_two_doctors_have_two_aliases() -> None:
    assert len(set(ids(roster(IIN, "850715100000", "850715100112")))) == 3


@pytest.mark.parametrize("doctor_id", ["gp-07", "850715200008", "990140000007", "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"])
def test_any_other_id_stays(doctor_id: str) -> None:
    event = roster(doctor_id)
    assert with_aliases(event, index) is event


def test_without_a_key_it_is_hidden() -> None:
    data = with_aliases(roster(IIN), None).data
    assert isinstance(data, RosterPublished)
    assert data.doctors[0].doctor_id == without_iins(IIN)


def test_the_subject_is_hidden_before_anything_is_logged_of_it() -> None:
    assert unavailable(IIN).subject == without_iins(IIN)
