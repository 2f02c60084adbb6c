"""Days that are planned again in the background."""

from datetime import timedelta
from typing import Any

from homecall.contract.envelope import OutgoingRecord
from services.scheduler.domain.improvement import Problem
from services.scheduler.improver import Improver
from services.scheduler.planning import Planner
from services.scheduler.solver import solve
from tests.unit.scheduler.office import (
    CLINIC,
    FRIDAY,
    Office,
    a_town,
    cancelled,
    said,
)
from tests.unit.standard.local_times import at

NOW = "Fri 2026-11-20 10:00"
DAY = f"{CLINIC}|{FRIDAY}"


def planner(office: Office, improver: Improver) -> Planner:
    return Planner(office.store, office.engine.changes, office.engine.settle, office.engine.lock, improver)


class Here(Improver):
    """PyVRP in this process, so that a test need not wait for one; ``meanwhile`` happens while it plans."""

    def __init__(self, meanwhile: Any = None) -> None:
        super().__init__(1)
        self.meanwhile = meanwhile

    async def improve(self, problem: Problem) -> list[list[int]] | None:
        if self.meanwhile is not None:
            await self.meanwhile()
        return solve(problem, 5, 300)


def promises(office: Office) -> dict[str, tuple[str, str, str]]:
    last: dict[str, tuple[int, tuple[str, str, str]]] = {}
    for _, subject, data in said(office.published):
        if "arrives_from" in data:
            promise = (data["arrives_from"], data["arrives_to"], data["doctor"]["doctor_id"])
            last[subject] = max(last.get(subject, (0, promise)), (data["revision"], promise))
    return {subject: promise for subject, (_, promise) in last.items()}


async def test_a_plan_moves_no_window_and_a_change_of_doctor_is_told_once() -> None:
    office = Office()
    await a_town(office)
    before = promises(office)
    assert office.engine.changes.worth_planning() == DAY

    async def send(events: list[OutgoingRecord]) -> None:
        office.published += events

    result = await planner(office, Here()).plan(DAY, At(NOW), send)
    assert result in {"taken", "not taken"}
    after = promises(office)
    assert {each: promise[:2] for each, promise in after.items()} == {each: one[:2] for each, one in before.items()}
    day = (await office.store.load_days([DAY]))[DAY]
    assert {each: kept.doctor.doctor_id for each, kept in day.bookings.items()} == {
        each: promise[2] for each, promise in after.items()
    }
    await office.store.save_days([day])
    assert await office.tick(NOW) == []
    assert office.engine.changes.worth_planning() is None


async def test_a_plan_that_is_stale_is_thrown_away() -> None:
    office = Office()
    await a_town(office)
    sent: list[OutgoingRecord] = []

    async def send(events: list[OutgoingRecord]) -> None:
        sent.extend(events)

    async def withdrawn() -> None:
        await office.hear(cancelled(7))

    assert await planner(office, Here(withdrawn)).plan(DAY, At(NOW), send) == "not taken"
    assert sent == []
    assert await office.tick(NOW) == []


class At:
    """A clock that stands."""

    speed = 1.0

    def __init__(self, when: str) -> None:
        self._now = at(when) + timedelta(seconds=1)

    def now(self) -> Any:
        return self._now
