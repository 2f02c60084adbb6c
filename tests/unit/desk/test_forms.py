"""From a form to an event: what is wrong is named by the form's own fields, all at once (desk 1)."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.desk.domain import forms
from services.desk.domain.reader import WrongForm
from services.desk.domain.roles import User
from tests.factories import MONDAY
from tests.unit.desk.reception import HERE, a_form

USER = User("gulnar", "Ахметова Гүлнар", "registrar", HERE)
ZONE = ZoneInfo("Asia/Almaty")


def lists(form: dict[str, Any]) -> dict[str, list[str]]:
    return {name: value if isinstance(value, list) else [value] for name, value in form.items()}


def test_a_call_by_phone_is_the_event_that_the_contract_has() -> None:
    event = forms.submitted(
        lists(a_form(birth_date="15.07.1885", temperature_c="38,7", queued_at="9:05", iin="850715 100000")),
        USER,
        MONDAY,
        ZONE,
    )
    assert event.patient.iin == "850715100000"
    assert event.patient.birth_date is not None
    assert event.patient.birth_date.isoformat() == "1885-07-15"
    assert event.temperature_c == 38.7
    assert event.submitted_at == MONDAY, "the server's time, whatever the browser's clock says"
    assert event.queued_at is not None
    assert event.queued_at.isoformat() == "2026-11-23T09:05:00+05:00"
    assert event.registrar is not None
    assert event.registrar.full_name == USER.full_name
    assert event.clinic_id == HERE


@pytest.mark.parametrize(
    ("over", "wrong"),
    [
        ({"iin": ""}, {"iin": "missing"}),
        ({"iin": "850715100001"}, {"iin": "iin_check"}),
        ({"iin": "8507"}, {"iin": "iin_form"}),
        ({"full_name": ""}, {"full_name": "missing"}),
        ({"birth_date": "31.02.1885"}, {"birth_date": "date_parsing"}),
        ({"temperature_c": "высокая"}, {"temperature_c": "float_parsing"}),
        ({"temperature_c": "99"}, {"temperature_c": "less_than_equal"}),
        ({"queued_at": "полдень"}, {"queued_at": "time_form"}),
        ({"reasons": []}, {"reasons": "too_short"}),
        ({"address": " "}, {"address": "missing"}),
        ({"channel": "desk"}, {"document_number": "missing"}),
        ({"channel": "portal"}, {"channel": "literal_error"}),
        ({"language": "de"}, {"language": "literal_error"}),
        (
            {"iin": "", "full_name": "", "birth_date": "x"},
            {"iin": "missing", "full_name": "missing", "birth_date": "date_parsing"},
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_field(over: dict[str, Any], wrong: dict[str, str]) -> None:
    with pytest.raises(WrongForm) as refused:
        forms.submitted(lists(a_form(**over)), USER, MONDAY, ZONE)
    assert refused.value.fields == wrong


def test_a_roster_takes_the_lines_that_are_filled_in() -> None:
    form = {
        "doctor_id": ["gp-1", "", "p-2"],
        "full_name": ["Дәрігер Бірінші", "", "Дәрігер Екінші"],
        "specialty": ["gp", "gp", "paediatrician"],
        "districts": ["d1, d2", "", ""],
        "shift_from": ["8:00", "", "9:00"],
        "shift_to": ["14:00", "", "24:00"],
        "breaks": ["12.00-12.30; 10:00 – 10:15", "", ""],
        "max_visits": ["12", "", "9"],
        "on_duty": ["p-2"],
        "revision": ["3"],
        "visit_minutes": ["20"],
        "travel_minutes": ["10"],
    }
    event = forms.roster(MONDAY.date(), form, USER, MONDAY, ZONE)
    assert event.revision == 4
    assert [(each.doctor_id, each.districts, each.on_duty) for each in event.doctors] == [
        ("gp-1", ["d1", "d2"], False),
        ("p-2", [], True),
    ]
    assert [[(f"{pause.frm:%H:%M}", f"{pause.to:%H:%M}") for pause in each.breaks] for each in event.doctors] == [
        [("10:00", "10:15"), ("12:00", "12:30")],
        [],
    ]
    for typed, kind in [
        ("noon", "breaks_form"),
        ("12:00-13:00-14:00", "breaks_form"),
        ("7:00-8:30", "break_outside_shift"),
        ("12:00-12:30, 12:15-13:00", "breaks_overlap"),
        ("12:30-12:00", "interval_order"),
        ("25:00-26:00", "clock_form"),
    ]:
        with pytest.raises(WrongForm) as refused:
            forms.roster(MONDAY.date(), form | {"breaks": [typed, "", ""]}, USER, MONDAY, ZONE)
        assert refused.value.fields == {"breaks.0": kind}
    with pytest.raises(WrongForm) as refused:
        forms.roster(MONDAY.date(), form | {"shift_to": ["7:00", "", "9"]}, USER, MONDAY, ZONE)
    assert set(refused.value.fields) >= {"shift_to.2"}
    with pytest.raises(WrongForm):
        forms.roster(MONDAY.date(), {"revision": ["0"]}, USER, MONDAY, ZONE)
