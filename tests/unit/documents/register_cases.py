"""Entries of a register, and a day of them as it comes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, get_args

from homecall.contract.events import ClinicPublished, JournalEntry, RefusalCode
from homecall.contract.types import ZONE
from homecall.documents.register.register import Heard, Register, register_of
from homecall.texts.documents import PageLanguage
from tests.contract.goldens import examples

DAY = date(2026, 11, 23)
CLINIC = ClinicPublished.model_validate(examples("valid", ("clinic.published",))[0].data)
LANGUAGES: tuple[PageLanguage, ...] = get_args(PageLanguage)
ORAL = {"kk": "Дәрігер келеді.", "ru": "Врач придёт.", "en": "The doctor will come."}
KAZAKH = "ӘәҒғҚқҢңӨөҰұҮүҺһІі"

_PEOPLE = (
    "Әбілқайырова Ұлжан Ғабитқызы",
    "Мельник Павел Андреевич",
    "Оспанбеков Сәбит Нұрланұлы",
    "Щербакова Ёлка Юрьевна",
    "Іңкәрбек Һафиза",
    "Төлегенов Еркебұлан Қуанышұлы",
    "Ким Виолетта",
)
_STREETS = (
    "Алматы, Тал көшесі, 27",
    "Алматы, Шыршалы көшесі, 5",
    "Алматы, улица Тополиная, 114/2",
    "Алматы, Ұшқын м/а, 12",
)
_REASONS = (
    ["fever_above_38"],
    ["acute_back_or_joint_pain", "high_blood_pressure_with_malaise"],
    ["chronic_illness_cannot_travel"],
    ["chest_pain", "severe_breathlessness", "other"],
    ["dizziness_nausea_vomiting"],
)
_DOCTORS = (
    ("Әбдіхалық Айнұр Сәкенқызы", "gp"),
    ("Левченко Артём Витальевич", "therapist"),
    ("Қожахмет Гүлім", "paediatrician"),
)
_ENDS = ("served", "served", "served", "not_at_home", "hospitalised", "declined", "withdrawn", "false_call", None)
_FLAGS: tuple[list[str], ...] = ([], [], [], ["identity_unconfirmed"], [], ["iin_mismatch", "clock_ahead"], [])


def at(clock: str, on: date = DAY) -> datetime:
    return datetime.fromisoformat(f"{on.isoformat()}T{clock}:00").replace(tzinfo=ZONE)


def request_id(n: int) -> str:
    return f"00000000-0000-4000-8000-{n:012}"


def entry(n: int = 1, revision: int = 1, **fields: Any) -> JournalEntry:
    """An accepted call's entry, number ``n``, as it stands before there is a visit."""
    data = {
        "clinic_id": CLINIC.clinic_id,
        "register_date": DAY,
        "register_number": n,
        "revision": revision,
        "request_id": request_id(n),
        "channel": "phone",
        "patient_name": "Мельник Павел Андреевич",
        "reasons": ["fever_above_38"],
        "accepted_at": at("09:00"),
        "oral_answer": ORAL,
    }
    return JournalEntry.model_validate(data | fields)


def refused(n: int, code: str = "duplicate", **fields: Any) -> JournalEntry:
    """A refused call's entry: no number, no acceptance."""
    return entry(n, register_number=None, accepted_at=None, refusal={"code": code}, **fields)


def visit(clock: str = "11:30", on: date = DAY, doctor: int = 0) -> dict[str, Any]:
    name, specialty = _DOCTORS[doctor]
    begins = at(clock, on)
    return {
        "doctor": {"doctor_id": f"d-{doctor}", "full_name": name, "specialty": specialty},
        "arrives_from": begins,
        "arrives_to": begins + timedelta(minutes=30),
    }


def registered(heard: Iterable[JournalEntry | Heard], clinic: ClinicPublished | None = CLINIC) -> Register:
    """The day's register by these entries, each made a minute after the one before."""
    made = [
        each if isinstance(each, Heard) else Heard(each, at("09:00") + timedelta(minutes=place))
        for place, each in enumerate(heard)
    ]
    register = register_of(CLINIC.clinic_id, clinic, DAY, made)
    assert register is not None
    return register


def a_day(calls: int = 60, refusals: int = 6) -> Register:
    """A clinic's day as it comes: all channels, ends and flags; nobody in it lives."""
    heard: list[Heard] = []
    for n in range(1, calls + 1):
        came = at("08:02") + timedelta(minutes=9 * n)
        channel = ("phone", "desk", "phone", "portal")[n % 4]
        end = _ENDS[n % len(_ENDS)] if n < calls - 6 else None
        placed = {} if n % 17 == 0 else visit(f"{9 + n // 8 % 10:02}:{n % 2 * 30:02}", doctor=n % 3)
        fields: dict[str, Any] = {
            "channel": channel,
            "accepted_at": came,
            "patient_name": _PEOPLE[n % len(_PEOPLE)],
            "phone": f"+7 700 000 {n // 100:02} {n % 100:02}",
            "address": {
                "text": _STREETS[n % len(_STREETS)],
                **({"entrance": "2", "floor": "4", "flat": str(n), "intercom": f"{n}К"} if n % 2 else {}),
            },
            "reasons": _REASONS[n % len(_REASONS)],
            "flags": _FLAGS[n % len(_FLAGS)],
            **({"registrar": {"id": "r-12", "full_name": "Тұрсынова Әсел Маратқызы"}} if channel != "portal" else {}),
        }
        heard.append(Heard(entry(n, **fields), came + timedelta(seconds=1)))
        if placed:
            placed |= {} if channel == "portal" else {"answered_at": came + timedelta(minutes=3)}
            heard.append(Heard(entry(n, 2, **fields, **placed), came + timedelta(minutes=2)))
        if end is not None:
            heard.append(Heard(entry(n, 3, **(fields | placed), outcome=end), came + timedelta(hours=4)))
    for place, n in enumerate(range(calls + 1, calls + refusals + 1)):
        codes = get_args(RefusalCode)
        line = refused(
            n,
            codes[place % len(codes)],
            patient_name=_PEOPLE[n % len(_PEOPLE)],
            address={"text": _STREETS[n % len(_STREETS)]},
            phone=f"+7 700 000 99 {n:02}",
        )
        heard.append(Heard(line, at("07:10") + timedelta(minutes=100 * place)))
    return registered(heard)
