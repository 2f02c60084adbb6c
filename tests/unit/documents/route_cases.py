"""A day of visits, as the scheduler and intake keep it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from homecall.contract.types import ZONE
from homecall.documents.routes.routes import DayFacts, DayRoutes, routes_of
from homecall.texts.language import Text
from services.intake.domain.state import RequestState
from services.scheduler.domain.bookings import BookedVisit
from services.scheduler.domain.roster import Doctor, NamedDoctor

DAY = date(2026, 11, 23)
NAME = Text("№ 1 «Самал» емханасы", "Поликлиника № 1 «Самал»", "Clinic № 1 Samal")
KAZAKH = "ӘәҒғҚқҢңӨөҰұҮүҺһІі"
FORMATS = ("pdf", "html", "csv")


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"{DAY.isoformat()}T{clock}:00").replace(tzinfo=ZONE)


def doctor(doctor_id: str, full_name: str) -> Doctor:
    return Doctor(
        doctor_id,
        full_name,
        "gp",
        districts=frozenset(),
        shift_from=at("08:00"),
        shift_to=at("16:00"),
        max_visits=16,
        on_duty=False,
        start=(43.24, 76.90),
        breaks=((at("12:00"), at("12:30")),),
    )


def booking(doctor_id: str, clock: str, **more: Any) -> BookedVisit:
    planned = at(clock)
    facts: dict[str, Any] = {
        "arrives_from": planned - timedelta(minutes=30),
        "arrives_to": planned + timedelta(minutes=90),
        "planned_at": planned,
        "ends_at": planned + timedelta(minutes=20),
        "doctor": NamedDoctor(doctor_id, "Дәрігер", "gp"),
        "basis": "district",
        "is_child": False,
        "district_id": None,
        "urgency": "same_day",
        "red_flag": False,
        "accepted_at": planned - timedelta(hours=1),
    }
    return BookedVisit(**facts | more)


def request(number: int, **more: Any) -> RequestState:
    facts: dict[str, Any] = {
        "patient": {"full_name": f"Науқас {number} {KAZAKH}", "phone": f"+7 700 000 00 {number:02d}"},
        "address": {"text": f"Абай даңғылы, {number}", "entrance": "2", "floor": "5", "flat": "14", "intercom": "14K"},
        "reasons": ["fever_above_38", "other"],
        "note": "Екі күннен бері",
        "temperature_c": 38.7,
    }
    facts |= more
    facts["patient"] = facts["patient"] | {"age_years": 3 if number == 1 else 40}
    return RequestState(f"r{number}", "samal-1", "accepted", request=facts, register_number=number)


def a_day(**over: Any) -> DayRoutes:
    facts: dict[str, Any] = {
        "doctors": [doctor("a", "Әлімханова Сәуле"), doctor("b", "Бейсенов Арман"), doctor("idle", "Якубова Ольга")],
        "bookings": {
            "r3": booking("a", "12:10", lat=43.26, lon=76.95),
            "r1": booking("a", "09:05", lat=43.25, lon=76.92, urgency="urgent"),
            "r2": booking("a", "10:40"),
            "r4": booking("b", "09:30"),
        },
        "unavailable": {"b": at("13:00")},
        "requests": {f"r{number}": request(number) for number in range(1, 6)},
        "outcomes": {"r1": "served"},
        "waiting": {"r5"},
    }
    return routes_of("samal-1", NAME, DAY, DayFacts(**(facts | over)))
