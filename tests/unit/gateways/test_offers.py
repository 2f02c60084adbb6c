"""The scheduler's windows as the desk asks for them: what is asked and believed, and that nobody waits for long."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from homecall.gateways.offers import http as gateway
from homecall.gateways.offers.http import SchedulerOffers, offers_from
from homecall.gateways.offers.port import Offer, Question
from homecall.runtime.settings import Settings, SettingsError
from tests.unit.gateways.answering import answering

OFFER = {
    "arrives_from": "2026-11-23T11:30:00+05:00",
    "arrives_to": "2026-11-23T13:30:00+05:00",
    "doctor": {"doctor_id": "gp-1", "full_name": "Дәрігер Бірінші", "specialty": "gp"},
    "extra_travel_minutes": 6.5,
}
QUESTION = Question("samal-1", "d 1", 43.25, 76.9, child=True)


def scheduler(answer: Any, status: int = 200, asked: list[httpx.Request] | None = None) -> SchedulerOffers:
    return SchedulerOffers("http://scheduler:8102/", transport=answering(answer, status, asked))


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("homecall_offers_gateway_seconds_count", {"outcome": outcome}) or 0


async def test_the_question_and_the_windows() -> None:
    asked: list[httpx.Request] = []
    before = counted("answered")
    found = await scheduler({"offers": [OFFER], "more": 1}, asked=asked).windows(QUESTION)
    assert found == (Offer.model_validate(OFFER),)
    assert str(asked[0].url).startswith("http://scheduler:8102/offers?")
    wanted = {"clinic_id": "samal-1", "district_id": "d 1", "lat": "43.25", "lon": "76.9"}
    assert dict(asked[0].url.params) == wanted | {"child": "true", "urgent": "false"}
    assert counted("answered") == before + 1


async def test_what_is_not_known_is_not_asked_about() -> None:
    asked: list[httpx.Request] = []
    assert await scheduler({"offers": []}, asked=asked).windows(Question("samal-1")) == ()
    assert dict(asked[0].url.params) == {"clinic_id": "samal-1", "child": "false", "urgent": "false"}


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"error": "the database does not answer"}, 503),
        ({"offers": [OFFER | {"extra_travel_minutes": "much"}]}, 200),
        ({"offers": [OFFER | {"arrives_from": "at noon"}]}, 200),
        ({"offers": [OFFER] * 100}, 200),
        ({}, 200),
        (b"<html>", 200),
        (b" " * 70_000, 200),
        (b"there is no such address", 404),
        (httpx.ConnectError("no"), 200),
        (httpx.RemoteProtocolError("cut"), 200),
        (ValueError("odd"), 200),
    ],
)
async def test_whatever_else_comes_is_no_answer(answer: Any, status: int) -> None:
    before = counted("failed")
    assert await scheduler(answer, status).windows(QUESTION) is None
    assert counted("failed") == before + 1


async def test_a_scheduler_that_refuses_the_question_works() -> None:
    asked: list[httpx.Request] = []
    refusing = scheduler({"fields": []}, 422, asked)
    for _ in range(20):
        assert await refusing.windows(QUESTION) is None
    assert len(asked) == 20


async def test_after_failures_in_a_row_it_is_not_asked_and_then_by_one_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[httpx.Request] = []
    away = scheduler(httpx.ConnectError("no"), asked=asked)
    now = 0.0
    monkeypatch.setattr(away._breaker, "_clock", lambda: now)
    for _ in range(20):
        assert await away.windows(QUESTION) is None
    assert len(asked) == gateway._FAILURES
    assert REGISTRY.get_sample_value("homecall_offers_gateway_resting") == 1
    now = gateway._REST_SECONDS
    for _ in range(3):
        await away.windows(QUESTION)
    assert len(asked) == gateway._FAILURES + 1


async def test_nobody_waits_for_a_scheduler_that_hangs() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    hanging = SchedulerOffers("http://scheduler:8102", 0.05, transport=httpx.MockTransport(hang))
    began = time.monotonic()
    assert await asyncio.gather(*(hanging.windows(QUESTION) for _ in range(3))) == [None] * 3
    assert time.monotonic() - began < 5
    await hanging.close()


async def test_who_gives_up_says_nothing_about_the_scheduler() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    left = SchedulerOffers("http://scheduler:8102", 30, transport=httpx.MockTransport(hang))
    before = counted("given_up")
    for _ in range(gateway._FAILURES + 1):
        task = asyncio.create_task(left.windows(QUESTION))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert left._breaker.state == "closed"
    assert counted("given_up") == before + gateway._FAILURES + 1


@pytest.mark.parametrize("url", [None, ""])
def test_without_an_address_nothing_is_offered(url: str | None) -> None:
    assert offers_from(Settings(_env_file=None, offers_url=url)) is None


@pytest.mark.parametrize("url", ["my-scheduler:8102", "ftp://scheduler", "http://me:secret@scheduler:8102"])
def test_a_wrong_address_stops_the_start_and_is_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match=r"\AHOMECALL_OFFERS_URL: ") as error:
        offers_from(Settings(_env_file=None, offers_url=url))
    assert url not in str(error.value)
