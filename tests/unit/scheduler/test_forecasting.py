"""Days that are forecast in the background, and what stays as it is where they are not."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest

from homecall.runtime.failures import Transient
from services.scheduler.domain.clinic_day import ClinicDay
from services.scheduler.domain.forecast import Forecast, Hour
from services.scheduler.domain.sampling import Question, forecast_of
from services.scheduler.forecasting import Forecaster
from services.scheduler.improver import Improver
from tests.unit.scheduler.office import (
    CLINIC,
    FRIDAY,
    Office,
    Twin,
    a_town,
    accepted,
    doctor,
    moment,
    roster,
    unavailable,
)

GRID = timedelta(minutes=5)
DAY = f"{CLINIC}|{FRIDAY}"
SHIFT = {"from": "09:00", "to": "20:00"}
TOWN = roster(*(doctor(each, shift=SHIFT, start={"lat": 43.25, "lon": 76.9}) for each in "ab"))
CALL = accepted(number=50, address={"text": "Тал көшесі, 27", "lat": 43.3, "lon": 76.99})


class Here(Improver):
    """Samples in this process; ``meanwhile`` happens while it does."""

    def __init__(self, meanwhile: Any = None) -> None:
        super().__init__(0)
        self.asked: list[Question] = []
        self.meanwhile = meanwhile

    async def forecast(self, asked: Question) -> Forecast | None:
        self.asked.append(asked)
        if self.meanwhile is not None:
            await self.meanwhile()
        return forecast_of(asked)


def forecaster(office: Office, improver: Improver, days: int = 20) -> Forecaster:
    return Forecaster(office.store, office.engine.changes, office.engine.lock, improver, days)


async def stored(office: Office) -> ClinicDay:
    day = (await office.store.load_days([DAY]))[DAY]
    await office.store.save_days([day])
    return day


def window(said: list[tuple[str, str, Any]]) -> tuple[str, str]:
    (scheduled,) = [data for event_type, _, data in said if event_type == "visit.scheduled"]
    return scheduled["arrives_from"], scheduled["why"]["by"]


async def yesterday(office: Office) -> None:
    """A day of the history: eight calls from all over the town."""
    when = "Thu 2026-11-19 10:15"
    start = {"lat": 43.25, "lon": 76.9}
    await office.hear(roster(doctor("a", shift=SHIFT, start=start), day="2026-11-19"))
    for number in range(8):
        address = {"text": "Тал көшесі, 27", "lat": 43.22 + number / 200, "lon": 76.86 + number * 3 % 8 / 100}
        await office.hear(accepted(when, number=100 + number, address=address), now=when)
    office.engine.changes.to_forecast()


async def test_a_roster_is_forecast_once_and_windows_follow() -> None:
    office = Office()
    await yesterday(office)
    await office.hear(TOWN)
    assert office.engine.changes.to_forecast() == DAY
    assert office.engine.changes.to_forecast() is None
    assert await forecaster(office, Here()).forecast(DAY)
    frm, by = window(await office.hear(CALL))
    assert by == "sampled days"
    found = (await stored(office)).forecast
    assert found is not None
    (lead,) = [each.lead for each in found.hours if each.hour == 10]
    assert lead != 72  # the clinic's own
    assert timedelta() <= moment(frm) - moment("2026-11-20T10:00:00+05:00") - timedelta(minutes=lead) < GRID


async def test_another_replica_decides_by_what_is_stored() -> None:
    office = Office()
    await office.hear(TOWN)
    await forecaster(office, Here()).forecast(DAY)
    twin = Twin(office.memory)
    assert (await stored(twin)).forecast == (await stored(office)).forecast is not None
    assert window(await twin.hear(CALL))[1] == "sampled days"


async def test_other_doctors_are_a_reason_to_forecast_again() -> None:
    office, here = Office(), Here()
    await office.hear(TOWN)
    assert office.engine.changes.to_forecast() == DAY
    await office.hear(unavailable("b", "10:00"))
    assert office.engine.changes.to_forecast() == DAY
    await forecaster(office, here).forecast(DAY)
    assert [len(each.doctors) for each in here.asked] == [1]


async def test_after_a_start_the_first_call_brings_the_day_back() -> None:
    """Which days wait for a forecast is not stored: a killed process forgets them."""
    office = Office()
    await office.hear(TOWN)
    twin = Twin(office.memory)
    assert twin.engine.changes.to_forecast() is None
    await twin.hear(CALL)
    assert twin.engine.changes.to_forecast() == DAY


async def test_a_day_without_a_roster_or_that_was_changed_meanwhile_waits() -> None:
    office = Office()
    assert not await forecaster(office, Here()).forecast(DAY)
    await office.hear(TOWN)

    async def taken_by_another() -> None:
        await Twin(office.memory).hear(CALL)

    assert await forecaster(office, Here(taken_by_another)).forecast(DAY)
    assert len((await stored(office)).bookings) == 1


async def test_a_forecast_that_lost_to_another_replica_is_made_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office()
    await office.hear(TOWN)
    assert office.engine.changes.to_forecast() == DAY
    save, twin = office.store.save_days, Twin(office.memory)

    async def late(days: Sequence[ClinicDay], *, hold: bool = True) -> set[str]:
        if any(day.forecast is not None for day in days):
            await twin.hear(CALL)
        return await save(days, hold=hold)

    monkeypatch.setattr(office.store, "save_days", late)
    assert not await forecaster(office, Here()).forecast(DAY)
    monkeypatch.undo()
    assert office.engine.changes.to_forecast() == DAY
    assert await forecaster(office, Here()).forecast(DAY)
    day = await stored(office)
    assert day.forecast is not None
    assert len(day.bookings) == 1


@pytest.mark.parametrize("method", ["past_visits", "load_days", "save_days"])
async def test_a_forecast_waits_for_the_database(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    office = Office()
    await office.hear(TOWN)
    away = AsyncMock(side_effect=Transient("database", ConnectionError(), "127.0.0.1:27017"))
    monkeypatch.setattr(office.store, method, away)
    waiting = forecaster(office, Here())
    for _ in range(2):
        waiting.start()
        await asyncio.gather(*waiting._tasks)
    monkeypatch.undo()
    assert away.await_count == 2
    waiting.start()
    await asyncio.gather(*waiting._tasks)
    assert (await stored(office)).forecast is not None


async def test_promises_stand_when_a_forecast_comes() -> None:
    office = Office()
    await a_town(office)
    before = {each: (one.arrives_from, one.arrives_to) for each, one in (await stored(office)).bookings.items()}
    await forecaster(office, Here()).forecast(DAY)
    assert {each: (one.arrives_from, one.arrives_to) for each, one in (await stored(office)).bookings.items()} == before


async def test_the_calls_of_earlier_days_are_the_history() -> None:
    office, here = Office(), Here()
    for day in ("2026-11-13", "2026-11-19"):
        await office.hear(roster(doctor("a", shift=SHIFT), day=day))
        when = f"{'Fri' if day.endswith('13') else 'Thu'} {day} 10:15"
        await office.hear(accepted(when, number=int(day[-2:])), now=when)
    await office.hear(TOWN)
    await forecaster(office, here).forecast(DAY)
    assert [[(call.minute, call.location.district_id) for call in day] for day in here.asked[0].history] == [
        [(615, "d1")],
        [(615, "d1")],
    ]


async def test_with_no_days_nothing_is_sampled_or_stored() -> None:
    office = Office()
    await office.hear(TOWN)
    off = forecaster(office, Here(), days=0)
    off.start()
    assert office.engine.changes.to_forecast() == DAY  # nobody has taken it
    assert (await stored(office)).forecast is None
    assert window(await office.hear(CALL))[1] == "least travel"


async def test_a_process_that_fails_leaves_the_day_to_the_clinic_s_lead() -> None:
    class Failing(Here):
        async def forecast(self, asked: Question) -> Forecast | None:
            self.asked.append(asked)
            raise MemoryError

    office = Office()
    await office.hear(TOWN)
    failing = forecaster(office, Failing())
    failing.start()
    for task in list(failing._tasks):
        await task
    assert window(await office.hear(CALL))[1] == "least travel"


async def test_the_process_samples_and_ends() -> None:
    improver = Improver(0)
    office = Office()
    await office.hear(TOWN)
    assert await forecaster(office, improver).forecast(DAY)
    found = (await stored(office)).forecast
    assert found is not None
    assert isinstance(found.hours[0], Hour)
    await improver.close()
