"""What browsers are told as it happens: each change once, by whichever process it was stored (desk 5)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.desk.live import Live
from services.desk.store import stores
from tests.unit.desk.reception import ELSEWHERE, HERE, Reception, a_form, the_call

ID = a_form()["request_id"]


@pytest.fixture
def reception() -> Reception:
    return Reception()


async def told(live: Live, doing: Any, clinic_id: str | None = HERE) -> list[tuple[str, str]]:
    """What a browser of the clinic is told of what is done, at the poll after it."""
    with live.listening(clinic_id) as listener:
        await doing
        await live._poll()
        return [(each["kind"], each["id"]) for each in _changes(listener.take().decode())]


def _changes(messages: str) -> list[dict[str, str]]:
    """What the messages of a stream name."""
    data = [line.removeprefix("data: ") for line in messages.splitlines() if line.startswith("data: ")]
    return [each for one in data for each in json.loads(one)["changes"]]


async def test_a_change_is_told_once_and_to_its_clinic_alone(reception: Reception) -> None:
    live = Live(reception.stores)
    assert await told(live, reception.hear(*the_call(ID))) == [("call", ID)]
    assert await told(live, asyncio.sleep(0)) == []
    assert await told(live, reception.hear(*the_call(ID, number=2)[3:]), ELSEWHERE) == []


@pytest.fixture
def a_minute_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Puts the real clock of the store a minute forward: a rebuild takes its time."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]  # what the store asks for
            return datetime.now(tz) + timedelta(minutes=1)

    return lambda: monkeypatch.setattr(stores, "datetime", Later)


async def test_after_a_rebuild_changes_are_told_as_before(
    reception: Reception, a_minute_later: Callable[[], None]
) -> None:
    live = Live(reception.stores)
    for event in the_call(ID):
        await told(live, reception.hear(event))
    before = (await reception.stores.calls.load([ID]))[ID].version
    await reception.stores.clear_view()
    a_minute_later()
    assert await told(live, reception.hear(the_call(ID)[0])) == [("call", ID)]
    assert (await reception.stores.calls.load([ID]))[ID].version > before, "or it passes for what was cached of the old"


async def test_the_board_shows_the_rebuilt_call_and_not_the_one_it_had_in_memory(
    reception: Reception, a_minute_later: Callable[[], None]
) -> None:
    browser = reception.browser("registrar")
    await reception.hear(*the_call(ID))
    assert "Дәрігер Бірінші" in (await browser.get("/board")).text
    await reception.stores.clear_view()
    a_minute_later()
    await reception.hear(the_call(ID)[0])
    assert "Дәрігер Бірінші" not in (await browser.get("/board")).text


async def test_a_call_that_is_not_sent_yet_is_told_to_the_clinics_other_screens(reception: Reception) -> None:
    live = Live(reception.stores)  # of another process: this one is told at its poll
    reception.broker.away = True
    typed = reception.browser("registrar").post("/calls/new", a_form())
    assert await told(live, typed) == [("call", ID)]
    head = reception.browser("head")
    part = await head.get(f"/board/rows?ids={ID}", **{"x-part": "1"})
    assert f'data-request-id="{ID}"' in part.text
    assert 'data-status="unsent"' in part.text
    elsewhere = await reception.browser("stranger").get(f"/board/rows?ids={ID}", **{"x-part": "1"})
    assert ID not in elsewhere.text


async def test_more_changes_than_are_named_one_by_one_have_the_page_drawn_again(
    reception: Reception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "MOST_CHANGES", 3)
    live = Live(reception.stores)
    ids = [f"5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e{number:02d}" for number in range(3)]
    with live.listening(HERE) as listener:
        await reception.hear(*(event for each in ids for event in the_call(each)))
        await live._poll()
        assert (listener.overrun, listener.take()) == (True, b"")
    changes = await reception.browser("registrar").get("/changes?since=0")
    assert changes.json() == {"changes": [], "reload": True}
    assert (await reception.browser("stranger").get("/changes?since=0")).json() == {"changes": []}
