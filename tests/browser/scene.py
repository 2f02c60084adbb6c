"""A morning at a clinic that never was, for the pictures in the documentation: made-up people, addresses and phones."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from homecall.contract.types import ZONE
from tests.browser.conftest import LiveDesk
from tests.unit.desk.reception import HERE, the_call

NOW: Final = datetime(2026, 11, 23, 10, 24, tzinfo=ZONE)
"""A Monday on which the clinic works."""
TODAY: Final = NOW.date().isoformat()
DOCTORS: Final = (
    ("gp-1", "Әбдіхалық Айнұр Сәкенқызы", "gp", "d1"),
    ("gp-2", "Левченко Артём Витальевич", "gp", "d2"),
    ("p-1", "Қуандықова Мадина Ерболқызы", "paediatrician", "d3"),
)
_STAFF: Final = {
    "registrar": "Ахметова Гүлнар Сәкенқызы",
    "dispatcher": "Иванова Мария Петровна",
    "doctor": DOCTORS[0][1],
}
_PEOPLE: Final = (
    ("Оспанбеков Сәбит Маратұлы", "улица Абая, 27, кв. 14", ["fever_above_38"], 64),
    ("Сағынтай Динара Ерланқызы", "Тал көшесі, 9, 3-пәтер", ["high_blood_pressure_with_malaise"], 58),
    ("Ким Валентина Петровна", "микрорайон Самал-2, 45, кв. 80", ["chronic_illness_cannot_travel"], 79),
    ("Жұмабек Әлихан Нұрланұлы", "Достық даңғылы, 110, 21-пәтер", ["fever_above_38", "repeated_loose_stool"], 4),
    ("Иваненко Пётр Алексеевич", "улица Жандосова, 61, кв. 7", ["acute_back_or_joint_pain"], 47),
    ("Төлегенова Гүлсім Қайратқызы", "Сәтбаев көшесі, 5, 12-пәтер", ["dizziness_nausea_vomiting"], 36),
    ("Ахметов Ерлан Болатұлы", "улица Розыбакиева, 132, кв. 2", ["severe_breathlessness"], 71),
    ("Смагулова Роза Абайқызы", "Абай даңғылы, 150, 9-пәтер", ["not_transportable"], 83),
    ("Цой Артур Сергеевич", "улица Тимирязева, 42, кв. 66", ["fever_above_38"], 8),
    ("Нұрпейіс Аружан Дәуренқызы", "Гагарин даңғылы, 88, 15-пәтер", ["other"], 29),
)
CALLS: Final = tuple(f"5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e{number:02d}" for number in range(len(_PEOPLE)))
_MINUTES_AGO: Final = (74, 61, 55, 41, 33, 20, 11, 8.6, 3, 1)


def at(minutes: float) -> str:
    """A moment so many minutes from now, as events have it."""
    return (NOW + timedelta(minutes=minutes)).isoformat()


def story(place: int) -> list[tuple[str, dict[str, Any]]]:
    """What is heard of one of the calls."""
    (name, address, reasons, age), ago = _PEOPLE[place], _MINUTES_AGO[place]
    doctor_id, doctor, specialty, district = DOCTORS[2 if age < 18 else place % 2]
    came = at(-ago)
    (accepted, decision), (visit, planned), (changed, told), _ = the_call(CALLS[place], number=place + 1)
    begins, ends = at(30 + 20 * place), at(150 + 20 * place)
    urgent = reasons == ["severe_breathlessness"]
    decision |= {
        "patient": {"full_name": name, "phone": f"+7 700 000 {place:02d} 23", "language": "ru", "age_years": age},
        "address": {"text": address, "district_id": district, "lat": 43.24 + place / 300, "lon": 76.9 + place / 400},
        "reasons": reasons,
        "urgency": "urgent" if urgent else "same_day",
        "submitted_at": came,
        "accepted_at": came,
        "clock_started_at": came,
        "due_at": at(10 - ago),
        "register_date": TODAY,
        "visit_date": TODAY,
        "ruling": _RULING | {"inputs": {"decided_by": came, "days": [_DAY]}},
    }
    who = {"doctor_id": doctor_id, "full_name": doctor, "specialty": specialty}
    planned |= {"visit_date": TODAY, "arrives_from": begins, "arrives_to": ends, "doctor": who, "why": _WHY}
    window = f"{begins[11:16]}–{ends[11:16]}"
    text = f"Визит врача: 23 ноября 2026 года, понедельник, {window}. Врач: {doctor}. Просим в это время быть дома."
    told |= {"text": {"kk": text, "ru": text, "en": text}, "occurred_at": came, "emergency": urgent}
    return [(accepted, decision), (visit, planned), (changed, told)]


_DAY: Final = {
    "date": TODAY,
    "weekday": "mon",
    "hours": [["08:00", "20:00"]],
    "cut_off": "18:00",
    "basis": "clinic",
}
_RULING: Final = {
    "rule_set": "kz-2015",
    "clauses": ["C8.1", "R1", "C4.5", "C4.1"],
    "calendar": "holidays 0.109, decrees e1a4bf086f89",
}
_OTHER: Final = {"doctor_id": "gp-2", "basis": "least_loaded", "wait_minutes": 30, "extra_travel_minutes": 11.0}
_WHY: Final = {
    "by": "least travel",
    "basis": "district",
    "wait_minutes": 38,
    "extra_travel_minutes": 6.5,
    "load": 0.25,
    "cost_minutes": 17.2,
    "over": [_OTHER | {"load": 0.5, "cost_minutes": 29.5}],
}


def open_the_clinic(desk: LiveDesk) -> None:
    """The people at work, the roster, and ten calls in each state that a morning has."""
    for name, full_name in _STAFF.items():
        known = desk.users._entries[name]
        desk.users._entries[name] = replace(known, user=replace(known.user, full_name=full_name))
    desk.ahead = NOW - datetime.now(ZONE)
    desk.until(lambda: desk.clock.at.date() == NOW.date())
    doctors = [
        {
            "doctor_id": doctor_id,
            "full_name": name,
            "specialty": specialty,
            "districts": [district],
            "shift": {"from": "08:00", "to": "20:00"},
            "max_visits": 14,
            "on_duty": doctor_id == "gp-2",
        }
        for doctor_id, name, specialty, district in DOCTORS
    ]
    desk.heard(("roster.published", {"clinic_id": HERE, "date": TODAY, "revision": 1, "doctors": doctors}))
    for place, call in enumerate(CALLS):
        desk.heard(*story(place))
        who = {"request_id": call, "clinic_id": HERE}
        if place < 6:
            said = {"at": at(1 - _MINUTES_AGO[place]), "given_by": {"id": "registrar", "full_name": "Ахметова Гүлнар"}}
            desk.heard(("answer.given", who | said))
        if place < 2:
            desk.heard(("visit.closed", who | {"revision": 2, "outcome": "served", "at": at(-5)}))


def lose_a_doctor(desk: LiveDesk) -> None:
    """The first doctor falls ill: visits go to the second; an SMS tells one, somebody phones another, one has none."""
    desk.site.sms_statuses = ("rescheduled", "delayed")
    absent = {"clinic_id": HERE, "date": TODAY, "doctor_id": "gp-1", "from": "10:20", "reason": "заболела"}
    desk.heard(("doctor.unavailable", absent))
    for place in (2, 4):
        _, (_, planned), (_, told) = story(place)
        doctor_id, doctor, specialty, _ = DOCTORS[1]
        later = {"arrives_from": at(160 + 20 * place), "arrives_to": at(280 + 20 * place), "revision": 2}
        who = {"doctor_id": doctor_id, "full_name": doctor, "specialty": specialty}
        moved = planned | later | {"doctor": who, "basis": "duty", "reason": "doctor_unavailable"}
        desk.heard(("visit.rescheduled", moved))
        if place == 2:
            desk.heard(("status.changed", told | {"sequence": 3, "status": "rescheduled", "occurred_at": at(-2)}))
    lost = {"request_id": CALLS[8], "clinic_id": HERE, "revision": 2, "cause": "no_capacity", "since": at(-2)}
    desk.heard(("visit.unplaced", lost))
