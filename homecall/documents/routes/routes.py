"""The doctors' lists of a clinic's day: for each the visits in order, where, when and why, and the way between. Pure.

The order is that of the schedule as it now stands: by when each visit is planned to begin. What the patient was
promised is the window; the planned time is the doctor's alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from homecall.contract.events import AddressFacts
from homecall.contract.types import ZONE
from homecall.documents.wording import NOTHING, address, clean, short_day
from homecall.standard.places import located
from homecall.texts import documents as words
from homecall.texts import language as spoken
from homecall.texts.documents import PageLanguage, coded, said
from homecall.texts.language import Text
from services.scheduler.domain.bookings import BookedVisit

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
class Stop:
    """One visit of a list. ``order`` is its place in it, from 1; times have an offset."""

    order: int
    request_id: str
    planned_at: datetime
    ends_at: datetime
    arrives_from: datetime
    arrives_to: datetime
    patient: str
    phone: str
    age: int | None
    address: AddressFacts | None
    reasons: tuple[str, ...]
    note: str
    temperature_c: float | None
    register_number: int | None
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


@dataclass(frozen=True)
class Waiting:
    """A call that has no place in anybody's day."""

    request_id: str
    patient: str
    address: AddressFacts | None
    reasons: tuple[str, ...]
    cause: str


@dataclass(frozen=True)
class DayRoutes:
    """All lists of a clinic's day, those of doctors without a visit too, and who waits for a place."""

    clinic_id: str
    clinic: Text | None
    day: date
    routes: tuple[Route, ...]
    waiting: tuple[Waiting, ...]

    def named(self, language: PageLanguage) -> str:
        """The clinic's name; its id where it is not known."""
        return clean(said(self.clinic, language)) if self.clinic is not None else self.clinic_id


@dataclass(frozen=True)
class DayFacts:
    """What is known of a clinic's day: ``doctors`` of the roster as it was published, ``bookings`` by request.

    ``requests`` are the facts of each (``facts``, ``age``, ``register_number``), ``waiting`` the cause by request;
    ``unavailable`` says since when a doctor is. Times are told in ``zone``, the clinic's.
    """

    doctors: Sequence[Mapping[str, Any]]
    bookings: Mapping[str, BookedVisit]
    unavailable: Mapping[str, datetime]
    requests: Mapping[str, Mapping[str, Any]]
    outcomes: Mapping[str, str]
    waiting: Mapping[str, str]
    zone: ZoneInfo = ZONE


def routes_of(clinic_id: str, clinic: Text | None, day: date, facts: DayFacts) -> DayRoutes:
    """The lists of a day.

    A doctor who is booked and no more in the roster has a list as well, behind the others: the visits are promised.
    """
    by_doctor: dict[str, list[str]] = {str(doctor["doctor_id"]): [] for doctor in facts.doctors}
    for request_id, booking in facts.bookings.items():
        by_doctor.setdefault(booking.doctor.doctor_id, []).append(request_id)
    known = {str(doctor["doctor_id"]): doctor for doctor in facts.doctors}
    routes = []
    for doctor_id, booked in by_doctor.items():
        booked.sort(key=lambda each: (_planned(facts.bookings[each], facts.zone)[0], each))
        doctor = known.get(doctor_id) or asdict(facts.bookings[booked[0]].doctor)
        away_from = facts.unavailable.get(doctor_id)
        routes.append(
            Route(
                doctor_id=doctor_id,
                full_name=str(doctor["full_name"]),
                specialty=str(doctor["specialty"]),
                shift=doctor.get("shift_times"),
                start=doctor.get("start_spot"),
                away_from=None if away_from is None else away_from.astimezone(facts.zone),
                stops=tuple(_stop(place, each, facts) for place, each in enumerate(booked, start=1)),
            )
        )
    unplaced = tuple(
        Waiting(each, *_who(facts.requests.get(each, {})), cause=cause) for each, cause in sorted(facts.waiting.items())
    )
    return DayRoutes(clinic_id, clinic, day, tuple(routes), unplaced)


def _planned(visit: BookedVisit, zone: ZoneInfo) -> tuple[datetime, datetime]:
    # A booking of before there were routes is a fixed slot.
    begins, ends = visit.planned_at or visit.arrives_from, visit.ends_at or visit.arrives_to
    return begins.astimezone(zone), ends.astimezone(zone)


def _stop(order: int, request_id: str, day: DayFacts) -> Stop:
    visit, request, zone = day.bookings[request_id], day.requests.get(request_id, {}), day.zone
    planned_at, ends_at = _planned(visit, zone)
    facts = request.get("facts", {})
    patient, where, reasons = _who(request)
    return Stop(
        order=order,
        request_id=request_id,
        planned_at=planned_at,
        ends_at=ends_at,
        arrives_from=visit.arrives_from.astimezone(zone),
        arrives_to=visit.arrives_to.astimezone(zone),
        patient=patient,
        phone=str((facts.get("patient") or {}).get("phone") or (facts.get("applicant") or {}).get("phone") or ""),
        age=request.get("age"),
        address=where,
        reasons=reasons,
        note=str(facts.get("note") or ""),
        temperature_c=facts.get("temperature_c"),
        register_number=request.get("register_number"),
        urgent=visit.urgency == "urgent",
        spot=located(visit.lat, visit.lon),
        outcome=day.outcomes.get(request_id),
    )


def _who(request: Mapping[str, Any]) -> tuple[str, AddressFacts | None, tuple[str, ...]]:
    facts = request.get("facts", {})
    where = facts.get("address")
    return (
        str((facts.get("patient") or {}).get("full_name") or ""),
        AddressFacts.model_validate(where) if where else None,
        tuple(facts.get("reasons") or ()),
    )


# ---------------------------------------------------------------- as words


def clock(moment: datetime) -> str:
    """``09:35``, by the clinic's clock."""
    return spoken.clock(moment)


def heading(route: Route, language: PageLanguage) -> str:
    """The doctor and the specialty."""
    return f"{clean(route.full_name)}, {coded(words.SPECIALTIES, route.specialty, language)}"


def summary(route: Route, language: PageLanguage) -> str:
    """Shift, number of visits, and since when the doctor is away."""
    parts = []
    if route.shift is not None:
        parts.append(said(SHIFT.fill(window=spoken.window(*route.shift)), language))
    parts.append(said(VISITS.fill(count=str(len(route.stops))), language))
    if route.away_from is not None:
        parts.append(said(AWAY.fill(at=clock(route.away_from)), language))
    return "; ".join(parts)


HEAD: Final = (NUMBER, PLANNED, PROMISED, WHO, WHERE, WHY, DONE)


def row(stop: Stop, language: PageLanguage) -> tuple[tuple[str, ...], ...]:
    """A visit's cells, each a tuple of lines."""
    return (
        (str(stop.order),),
        (f"{clock(stop.planned_at)}",),
        (spoken.window(stop.arrives_from, stop.arrives_to),),
        tuple(each for each in (clean(stop.patient) or NOTHING, _age(stop, language), clean(stop.phone)) if each),
        (address(stop.address, language) or NOTHING,),
        tuple(each for each in (_reasons(stop, language), clean(stop.note)) if each),
        tuple(each for each in (_marks(stop, language), outcome(stop, language)) if each),
    )


def waiting_line(call: Waiting, language: PageLanguage) -> str:
    """A call without a place, on one line."""
    where = address(call.address, language)
    return "; ".join(
        each for each in (clean(call.patient) or NOTHING, where, ", ".join(reasons(call.reasons, language))) if each
    )


def not_drawn(route: Route, language: PageLanguage) -> str:
    """Which visits the plan does not show; empty where it shows all, or there is none to draw."""
    missing = [str(stop.order) for stop in route.stops if stop.spot is None]
    return said(NO_MAP.fill(numbers=", ".join(missing)), language) if missing else ""


def running(day: DayRoutes, route: Route | None, language: PageLanguage) -> str:
    """What each page of a list bears: the clinic, the day and the doctor; without a doctor, the calls that wait."""
    return f"{title_of(day, language)} · {heading(route, language) if route else said(WAITING, language)}"


def title_of(day: DayRoutes, language: PageLanguage) -> str:
    """The page's title, with the clinic and the day."""
    return f"{said(TITLE, language)}: {day.named(language)}, {short_day(day.day)}"


def _age(stop: Stop, language: PageLanguage) -> str:
    if stop.age is None:
        return ""
    return said((CHILD if stop.age < CHILD_AGE else AGE).fill(age=str(stop.age)), language)


def reasons(codes: Sequence[str], language: PageLanguage) -> list[str]:
    """The reasons for the call in words."""
    return [clean(coded(words.REASON_WORDS, code, language)) for code in codes]


def _reasons(stop: Stop, language: PageLanguage) -> str:
    told = reasons(stop.reasons, language)
    if stop.temperature_c is not None:
        told.append(said(TEMPERATURE.fill(degrees=spoken.number(stop.temperature_c)), language))
    return ", ".join(told)


def _marks(stop: Stop, language: PageLanguage) -> str:
    parts = [said(URGENT, language)] if stop.urgent else []
    if stop.register_number is not None:
        parts.append(said(REGISTER.fill(number=str(stop.register_number)), language))
    return ", ".join(parts)


def outcome(stop: Stop, language: PageLanguage) -> str:
    """How the visit ended; empty while it is not known."""
    return "" if stop.outcome is None else clean(coded(words.OUTCOMES, stop.outcome, language))
