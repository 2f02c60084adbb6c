"""``homecall routes``: the doctors' lists of a clinic's day, from the stores of scheduler and intake."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter, ValidationError

from homecall.contract.envelope import Unreadable, read
from homecall.contract.events import ClinicPublished
from homecall.contract.topics import INTAKE, SCHEDULER
from homecall.contract.types import Day
from homecall.documents.routes.routes import DayRoutes, routes_of
from homecall.operations.failure import Failure
from homecall.operations.terminal import no_pdf_for_a_terminal, settings, write_out
from homecall.runtime.failures import Transient
from homecall.runtime.mongo.last_known_good import LastKnownGood
from homecall.runtime.mongo.mongo import Database
from homecall.standard.patient import age_years
from homecall.texts.documents import PageLanguage
from homecall.texts.language import name
from services.intake.store import IntakeStore
from services.scheduler.domain import day_key, dispatch_of
from services.scheduler.store import ClinicDay, SchedulerStore

if TYPE_CHECKING:
    from homecall.runtime.settings import Settings

RouteFormat = Literal["pdf", "html", "csv", "geojson"]
_DATE: TypeAdapter[date] = TypeAdapter(Day)


def routes(clinic_id: str, on: str, *, form: RouteFormat, language: PageLanguage, output: Path | None) -> None:
    """Write the lists to ``output``, or to standard output.

    ``Failure`` with code 1 where that day has neither roster nor calls, and where a database does not answer.
    """
    try:
        day = _DATE.validate_python(on)
    except ValidationError:
        raise Failure("DATE: must be a date, as in 2026-11-23") from None
    no_pdf_for_a_terminal(form, output)
    try:
        found = asyncio.run(_read(settings(), clinic_id, day))
    except Transient as error:
        raise Failure(f"{error}", code=1) from None
    if found is None:
        raise Failure(f"{clinic_id} has neither a roster nor calls for {day.isoformat()}", code=1)
    document = written(found, form, language)
    write_out(document, output)


def written(day: DayRoutes, form: RouteFormat, language: PageLanguage) -> bytes:
    """The lists as a file of that format."""
    # What draws is imported where it is asked for: the others need none of it.
    if form == "html":
        from homecall.documents.routes import as_html as routes_html

        return routes_html.write(day, language)
    if form == "pdf":
        from homecall.documents.routes import as_pdf as routes_pdf

        return routes_pdf.write(day, language)
    from homecall.documents.routes import as_data as routes_data

    return routes_data.as_csv(day, language) if form == "csv" else routes_data.as_geojson(day)


async def _read(asked: Settings, clinic_id: str, day: date) -> DayRoutes | None:
    """The day as it now stands: four queries, whatever the number of its calls."""
    scheduler = Database(asked.mongo_url, f"{asked.mongo_prefix}_{SCHEDULER}")
    intake = Database(asked.mongo_url, f"{asked.mongo_prefix}_{INTAKE}")
    try:
        key = day_key(clinic_id, day.isoformat())
        clinic = await _published(scheduler, clinic_id)
        store = SchedulerStore(scheduler, lambda _clinic_id: dispatch_of(clinic))
        planned = (await store.load_days([key]))[key]
        waiting = {
            each.state.request_id: each.state.cause or "no_capacity"
            for each in await store.waiting([key])
            if each.state is not None
        }
        if planned.roster is None and not planned.bookings and not waiting:
            return None
        calls = await store.calls.load(set(planned.bookings))
        requests = await IntakeStore(intake).requests.load({*planned.bookings, *waiting})
    finally:
        scheduler.close()
        intake.close()
    states = {request_id: each.state for request_id, each in requests.items() if each.state is not None}
    return routes_of(
        clinic_id,
        None if clinic is None else name(clinic.name.kk, clinic.name.ru),
        day,
        doctors=_doctors(planned),
        bookings=planned.bookings,
        unavailable={doctor_id: datetime.fromisoformat(at) for doctor_id, at in planned.unavailable},
        requests={
            request_id: {
                "facts": state.request,
                "age": _age(state.request, day),
                "register_number": state.register_number,
            }
            for request_id, state in states.items()
        },
        outcomes={
            request_id: each.state.outcome
            for request_id, each in calls.items()
            if each.state is not None and each.state.outcome
        },
        waiting=waiting,
        zone=dispatch_of(clinic).zone,
    )


def _doctors(planned: ClinicDay) -> list[dict[str, Any]]:
    roster = planned.plan.roster
    if roster is None:
        return []
    return [
        {
            "doctor_id": each.doctor_id,
            "full_name": each.full_name,
            "specialty": each.specialty,
            "shift_times": (each.shift_from, each.shift_to),
            "start_spot": each.start,
        }
        for each in roster.doctors
    ]


def _age(facts: dict[str, Any], on: date) -> int | None:
    patient = facts.get("patient") or {}
    if patient.get("age_years") is not None:
        return int(patient["age_years"])
    born = patient.get("birth_date")
    return None if born is None else age_years(date.fromisoformat(born), on)


async def _published(scheduler: Database, clinic_id: str) -> ClinicPublished | None:
    """The clinic's last good record, as the scheduler keeps it."""
    record = await LastKnownGood(scheduler.collection("clinics")).kept(clinic_id)
    if record is None:
        return None
    try:
        published = read(record).data
    except Unreadable:
        return None
    return published if isinstance(published, ClinicPublished) else None
