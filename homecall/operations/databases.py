"""The services' databases as commands open them, and where each service keeps its states."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from homecall.contract.envelope import Unreadable, read
from homecall.contract.events import ClinicPublished
from homecall.contract.topics import COMPLAINTS, DESK, INTAKE, NOTIFIER, SCHEDULER
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.last_known_good import LastKnownGood
from homecall.runtime.mongo.repository import Repository
from homecall.runtime.settings import Settings
from services.complaints.store import ComplaintStore
from services.desk.store.stores import Calls as DeskCalls
from services.intake.store import IntakeStore
from services.notifier.store import Calls
from services.scheduler.store import SchedulerStore

REPOSITORIES: Final[Mapping[str, Callable[[Database], Repository[Any]]]] = {
    INTAKE: lambda database: IntakeStore(database).requests,
    SCHEDULER: lambda database: SchedulerStore(database).calls,
    NOTIFIER: Calls,
    COMPLAINTS: lambda database: ComplaintStore(database).complaints,
    DESK: DeskCalls,
}


@asynccontextmanager
async def database_of(asked: Settings, service: str) -> AsyncIterator[Database]:
    database = Database.of(asked, service)
    try:
        yield database
    finally:
        await database.close()


async def published_clinic(database: Database, clinic_id: str) -> ClinicPublished | None:
    """The clinic's last good record, as a service keeps it in its database."""
    record = await LastKnownGood(database.collection("clinics")).kept(clinic_id)
    if record is None:
        return None
    try:
        published = read(record).data
    except Unreadable:
        return None
    return published if isinstance(published, ClinicPublished) else None
