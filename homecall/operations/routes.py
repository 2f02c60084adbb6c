"""``homecall routes``: the doctors' lists of a clinic's day, from the stores of scheduler and intake."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import Literal

from homecall.contract.topics import INTAKE, SCHEDULER
from homecall.documents.routes.routes import DayFacts, DayRoutes, routes_of
from homecall.operations.databases import database_of, published_clinic
from homecall.operations.failure import Failure
from homecall.operations.terminal import day_named, no_pdf_for_a_terminal, settings, write_out
from homecall.runtime.settings import Settings
from homecall.texts.documents import PageLanguage
from homecall.texts.language import name
from services.intake.store import IntakeStore
from services.scheduler.domain.dispatch import dispatch_of
from services.scheduler.domain.state import day_key
from services.scheduler.store import SchedulerStore

RouteFormat = Literal["pdf", "html", "csv", "geojson"]


def routes(clinic_id: str, on: str, *, form: RouteFormat, language: PageLanguage, output: Path | None) -> None:
    """Write the lists to ``output``, or to standard output.

    ``Failure`` with code 1 where that day has neither roster nor calls, and where a database does not answer.
    """
    day = day_named(on)
    no_pdf_for_a_terminal(form, output)
    found = asyncio.run(_read(settings(), clinic_id, day))
    if found is None:
        raise Failure(f"{clinic_id} has neither a roster nor calls for {day.isoformat()}", code=1)
    write_out(written(found, form, language), output)


def written(day: DayRoutes, form: RouteFormat, language: PageLanguage) -> bytes:
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
    key = day_key(clinic_id, day)
    async with database_of(asked, SCHEDULER) as scheduler, database_of(asked, INTAKE) as intake:
        clinic = await published_clinic(scheduler, clinic_id)
        store = SchedulerStore(scheduler, lambda _clinic_id: dispatch_of(clinic))
        planned = (await store.load_days([key]))[key]
        waiting = {each.id for each in await store.waiting([key]) if each.state is not None}
        if planned.roster is None and not planned.bookings and not waiting:
            return None
        calls = await store.calls.load(set(planned.bookings))
        requests = await IntakeStore(intake).read({*planned.bookings, *waiting})
    facts = DayFacts(
        doctors=planned.plan.roster.doctors if planned.plan.roster is not None else (),
        bookings=planned.bookings,
        unavailable=dict(planned.unavailable),
        requests={each.id: each.state for each in requests.values() if each.state is not None},
        outcomes={each.id: each.state.outcome for each in calls.values() if each.state and each.state.outcome},
        waiting=waiting,
        zone=dispatch_of(clinic).zone,
    )
    return routes_of(clinic_id, None if clinic is None else name(clinic.name.kk, clinic.name.ru), day, facts)
