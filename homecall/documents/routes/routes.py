"""The doctors' lists of a clinic's day: for each the visits in order, where, when and why, and the way between. Pure.

The order is that of the schedule as it now stands: by when each visit is planned to begin. What the patient was
promised is the window; the planned time is the doctor's alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from homecall.contract.events import AddressFacts
from homecall.contract.types import ZONE
from homecall.documents.wording import NOTHING, address, clean, short_day
from homecall.standard.patient import age_years
from homecall.standard.places import located
from homecall.texts import documents as words
from homecall.texts import language as spoken
from homecall.texts.documents import PageLanguage, coded, said
from homecall.texts.language import Text
from services.intake.domain.state import RequestState
from services.scheduler.domain.bookings import BookedVisit
from services.scheduler.domain.roster import Doctor

Location = tuple[float, float]
"""Latitude and longitude in degrees."""

TITLE: Final = Text("Дәрігердің шақырулар парағы", "Маршрутный лист врача", "Doctor's list of visits")
PLANNED: Final = Text("Жоспар", "По плану", "Planned")
PROMISED: Final = Text("Айтылған уақыт", "Обещано", "Promised")
WHO: Final = Text("Пациент, телефон", "Пациент, телефон", "Patient, phone")
WHERE: Final = Text("Мекенжайы", "Адрес", "Address")
WHY: Final = Text("Себебі, ескертпе", "Причина, примечание", "Reason, note")
NUMBER: Final = Text("№", "№", "No.")
DONE: Final = Text("Нәтижесі, қолы", "Исход, подпись", "Outcome, signature")
SHIFT: Final = Text("Ауысым {window}", "Смена {window}", "Shift {window}")
BREAK: Final = Text("Үзіліс {window}", "Перерыв {window}", "Break {window}")
VISITS: Final = Text("Шақырулар: {count}", "Вызовов: {count}", "Visits: {count}")
AWAY: Final = Text("{at} бастап жұмыста жоқ", "не работает с {at}", "away from {at}")
URGENT: Final = Text("ШҰҒЫЛ", "СРОЧНО", "URGENT")
CHILD: Final = Text("бала, {age} жаста", "ребёнок, возраст: {age}", "child, age {age}")
AGE: Final = Text("{age} жаста", "возраст: {age}", "age {age}")
REGISTER: Final = Text("тіркелім № {number}", "№ {number} в журнале", "register no. {number}")
WAITING: Final = Text("Орын табылмаған шақырулар", "Вызовы без места", "Calls without a place")
NO_MAP: Final = Text(
    "Картада жоқ: {numbers} (координаталары берілмеген)",
    "Нет на плане: {numbers} (координаты не указаны)",
    "Not on the plan: {numbers} (no coordinates)",
)
NORTH: Final = Text("С", "С", "N")
DRAWN: Final = Text(
    "Жүру реті түзу сызықтармен көрсетілген", "Порядок объезда показан прямыми", "The order, drawn as straight lines"
)
TEMPERATURE: Final = Text("{degrees}\u00a0°C", "{degrees}\u00a0°C", "{degrees}\u00a0°C")
CHILD_AGE: Final = 18


@dataclass(frozen=True)
class Who:
    """What a list says of a request: whose it is, where and why. Empty texts where it is not known, or was erased."""

    request_id: str
    patient: str = ""
    phone: str = ""
    age: int | None = None
    address: AddressFacts | None = None
    reasons: tuple[str, ...] = ()
    note: str = ""
    temperature_c: float | None = None
    register_number: int | None = None


@dataclass(frozen=True)
class Stop:
    """One visit of a list. ``order`` is its place in it, from 1; times have an offset."""

    order: int
    who: Who
    planned_at: datetime
    arrives_from: datetime
    arrives_to: datetime
    urgent: bool
    spot: Location | None
    outcome: str | None


@dataclass(frozen=True)
class Route:
    """A doctor's list. ``away_from`` is when the doctor dropped out of the day."""

    doctor_id: str
    full_name: str
    specialty: str
    shift: tuple[datetime, datetime] | None
    start: Location | None
    away_from: datetime | None
    stops: tuple[Stop, ...]
    breaks: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True)
class DayRoutes:
    """All lists of a clinic's day, those of doctors without a visit too, and the calls that have no place."""

    clinic_id: str
    clinic: Text | None
    day: date
    routes: tuple[Route, ...]
    waiting: tuple[Who, ...]

    def named(self, language: PageLanguage) -> str:
        """The clinic's name; its id where it is not known."""
        return clean(said(self.clinic, language)) if self.clinic is not None else self.clinic_id


@dataclass(frozen=True)
class DayFacts:
    """What is known of a clinic's day: ``doctors`` of the roster, and by request bookings, facts and outcomes.

    ``unavailable`` says since when a doctor is, ``waiting`` which calls have no place. Times are told in ``zone``, the
    clinic's.
    """

    doctors: Sequence[Doctor]
    bookings: Mapping[str, BookedVisit]
    unavailable: Mapping[str, datetime]
    requests: Mapping[str, RequestState]
    outcomes: Mapping[str, str]
    waiting: Collection[str]
    zone: ZoneInfo = ZONE


def routes_of(clinic_id: str, clinic: Text | None, day: date, facts: DayFacts) -> DayRoutes:
    """The lists of a day.

    A doctor who is booked and no more in the roster has a list as well, behind the others: the visits are promised.
    """
    rostered = {each.doctor_id: each for each in facts.doctors}
    by_doctor: dict[str, list[str]] = {doctor_id: [] for doctor_id in rostered}
    for request_id, visit in facts.bookings.items():
        by_doctor.setdefault(visit.doctor.doctor_id, []).append(request_id)
    routes = []
    for doctor_id, booked in by_doctor.items():
        booked.sort(key=lambda each: (_planned_at(facts.bookings[each]), each))
        on_duty = rostered.get(doctor_id)
        doctor = on_duty or facts.bookings[booked[0]].doctor
        away_from = facts.unavailable.get(doctor_id)
        routes.append(
            Route(
                doctor_id=doctor_id,
                full_name=doctor.full_name,
                specialty=doctor.specialty,
                shift=(on_duty.shift_from, on_duty.shift_to) if on_duty else None,
                start=on_duty.start if on_duty else None,
                away_from=None if away_from is None else away_from.astimezone(facts.zone),
                stops=tuple(_stop(place, each, day, facts) for place, each in enumerate(booked, start=1)),
                breaks=on_duty.breaks if on_duty else (),
            )
        )
    waiting = tuple(_who(each, facts.requests.get(each), day) for each in sorted(facts.waiting))
    return DayRoutes(clinic_id, clinic, day, tuple(routes), waiting)


def _planned_at(visit: BookedVisit) -> datetime:
    # A booking of before there were routes is a fixed slot.
    return visit.planned_at or visit.arrives_from


def _stop(order: int, request_id: str, day: date, facts: DayFacts) -> Stop:
    visit = facts.bookings[request_id]
    return Stop(
        order=order,
        who=_who(request_id, facts.requests.get(request_id), day),
        planned_at=_planned_at(visit).astimezone(facts.zone),
        arrives_from=visit.arrives_from.astimezone(facts.zone),
        arrives_to=visit.arrives_to.astimezone(facts.zone),
        urgent=visit.urgency == "urgent",
        spot=located(visit.lat, visit.lon),
        outcome=facts.outcomes.get(request_id),
    )


def _who(request_id: str, request: RequestState | None, day: date) -> Who:
    if request is None:
        return Who(request_id)
    facts = request.request
    patient, applicant, where = facts.get("patient") or {}, facts.get("applicant") or {}, facts.get("address")
    return Who(
        request_id,
        patient=patient.get("full_name") or "",
        phone=patient.get("phone") or applicant.get("phone") or "",
        age=_age(patient, day),
        address=AddressFacts.model_validate(where) if where else None,
        reasons=tuple(facts.get("reasons") or ()),
        note=facts.get("note") or "",
        temperature_c=facts.get("temperature_c"),
        register_number=request.register_number,
    )


def _age(patient: Mapping[str, Any], on: date) -> int | None:
    """In years: as stated, since an IIN does not leave intake, or by the date of birth."""
    if patient.get("age_years") is not None:
        return int(patient["age_years"])
    born = patient.get("birth_date")
    return None if born is None else age_years(date.fromisoformat(born), on)


# ---------------------------------------------------------------- as words


def heading(route: Route, language: PageLanguage) -> str:
    return f"{clean(route.full_name)}, {coded(words.SPECIALTIES, route.specialty, language)}"


def summary(route: Route, language: PageLanguage) -> str:
    parts = []
    if route.shift is not None:
        parts.append(said(SHIFT.fill(window=spoken.window(*route.shift)), language))
    parts += [said(BREAK.fill(window=spoken.window(*pause)), language) for pause in route.breaks]
    parts.append(said(VISITS.fill(count=str(len(route.stops))), language))
    if route.away_from is not None:
        parts.append(said(AWAY.fill(at=spoken.clock(route.away_from)), language))
    return "; ".join(parts)


HEAD: Final = (NUMBER, PLANNED, PROMISED, WHO, WHERE, WHY, DONE)


def row(stop: Stop, language: PageLanguage) -> tuple[tuple[str, ...], ...]:
    """A visit's cells, each a tuple of lines."""
    who = stop.who
    return (
        (str(stop.order),),
        (spoken.clock(stop.planned_at),),
        (spoken.window(stop.arrives_from, stop.arrives_to),),
        _lines(clean(who.patient) or NOTHING, _age_line(who, language), clean(who.phone)),
        (address(who.address, language) or NOTHING,),
        _lines(_reasons_line(who, language), clean(who.note)),
        _lines(_marks(stop, language), outcome(stop, language)),
    )


def _lines(*texts: str) -> tuple[str, ...]:
    return tuple(filter(None, texts))


def waiting_line(call: Who, language: PageLanguage) -> str:
    why = ", ".join(reasons(call, language))
    return "; ".join(_lines(clean(call.patient) or NOTHING, address(call.address, language), why))


def not_drawn(route: Route, language: PageLanguage) -> str:
    """Which visits the plan does not show; empty where it shows all, or there is none to draw."""
    missing = [str(stop.order) for stop in route.stops if stop.spot is None]
    return said(NO_MAP.fill(numbers=", ".join(missing)), language) if missing else ""


def running(day: DayRoutes, route: Route | None, language: PageLanguage) -> str:
    """What each page of a list bears: the clinic, the day and the doctor; without a doctor, the calls that wait."""
    return f"{title_of(day, language)} · {heading(route, language) if route else said(WAITING, language)}"


def title_of(day: DayRoutes, language: PageLanguage) -> str:
    return f"{said(TITLE, language)}: {day.named(language)}, {short_day(day.day)}"


def _age_line(who: Who, language: PageLanguage) -> str:
    if who.age is None:
        return ""
    return said((CHILD if who.age < CHILD_AGE else AGE).fill(age=str(who.age)), language)


def reasons(who: Who, language: PageLanguage) -> list[str]:
    return [clean(coded(words.REASON_WORDS, code, language)) for code in who.reasons]


def _reasons_line(who: Who, language: PageLanguage) -> str:
    told = reasons(who, language)
    if who.temperature_c is not None:
        told.append(said(TEMPERATURE.fill(degrees=spoken.number(who.temperature_c)), language))
    return ", ".join(told)


def _marks(stop: Stop, language: PageLanguage) -> str:
    parts = [said(URGENT, language)] if stop.urgent else []
    if stop.who.register_number is not None:
        parts.append(said(REGISTER.fill(number=str(stop.who.register_number)), language))
    return ", ".join(parts)


def outcome(stop: Stop, language: PageLanguage) -> str:
    """How the visit ended; empty while it is not known."""
    return "" if stop.outcome is None else clean(coded(words.OUTCOMES, stop.outcome, language))
