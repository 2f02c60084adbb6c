"""The end of a service, whatever does not end with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from homecall.operations.serve import build
from homecall.runtime import service as module
from homecall.runtime.clock import clock_from
from homecall.runtime.failures import Transient
from homecall.runtime.service import Service
from homecall.runtime.settings import load_settings


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setenv("HOMECALL_ENV", "development")
    monkeypatch.setattr(module, "_CLOSE_SECONDS", 0.2)
    settings = load_settings()
    return build("notifier", settings, clock_from(settings.clock))


async def never() -> None:
    await asyncio.Event().wait()


async def failing() -> None:
    raise ConnectionError("cut")


async def test_timers_that_wait_for_the_database_are_alive_and_one_that_hangs_is_not(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    async def away(*_: object) -> None:
        raise Transient("database", OSError())

    service._last_tick = now[0]
    monkeypatch.setattr(service.engines[0], "unsent", away)
    for _ in range(4):
        now[0] += 60
        with pytest.raises(Transient):
            await service._tick()
    assert service.alive() == (True, "alive")
    now[0] += 121
    assert service.alive() == (False, "timers have not turned")


@pytest.mark.parametrize(
    ("closing", "told"), [(never, "did not close in time"), (failing, "not closed in order")], ids=["hangs", "fails"]
)
async def test_what_does_not_close_keeps_nothing_else_open(
    service: Service,
    closing: Callable[[], Awaitable[None]],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    closed: list[str] = []

    async def producer_stops() -> None:
        closed.append("producer")

    monkeypatch.setattr(service.producer, "stop", producer_stops)

    async def database_closes() -> None:
        closed.append("database")

    monkeypatch.setattr(service.database, "close", database_closes)
    service.close = [closing]
    started = time.monotonic()
    await service.stop()
    assert time.monotonic() - started < 2
    assert closed[-1] == "database"
    assert "producer" in closed
    assert told in capfd.readouterr().out


async def test_readiness_names_the_routing_server_and_is_ready_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMECALL_ENV", "development")
    monkeypatch.setenv("HOMECALL_OSRM_URL", "http://127.0.0.1:1")
    settings = load_settings()
    scheduler = build("scheduler", settings, clock_from(settings.clock))

    async def no_problem() -> None:
        return None

    scheduler._started = True
    monkeypatch.setattr(scheduler.subscription.assignment, "joined", True)
    monkeypatch.setattr(type(scheduler.producer), "healthy", True)
    scheduler.producer.heard_at = time.monotonic()
    monkeypatch.setattr(scheduler._probe, "problem", no_problem)
    assert await scheduler.ready() == (True, "ready")
    roads = scheduler.engines[0].outside.router  # type: ignore[attr-defined]  # the scheduler's own
    for _ in range(3):
        assert await roads.travel_times((43.2, 76.9), {"a": (43.3, 76.9)}) == {}
    good, text = await scheduler.ready()
    assert good
    assert text.startswith("ready; the routing server (HOMECALL_OSRM_URL) cannot be asked (ConnectError)")
    await roads.close()
