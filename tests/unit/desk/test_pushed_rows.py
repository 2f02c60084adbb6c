"""Rows of the board come with the word that their calls have changed, so that no browser asks for them (desk 5)."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest

from homecall.runtime.failures import Transient
from homecall.texts.documents import PageLanguage
from services.desk import live as live_module
from services.desk.web.drawn import pushed_rows
from services.desk.web.site import LANGUAGE_COOKIE
from tests.factories import MONDAY
from tests.unit.desk.reception import ELSEWHERE, HERE, Browser, Reception, a_form, the_call

IDS = [f"5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e{number:02d}" for number in range(3)]
TODAY, TOMORROW = MONDAY.date().isoformat(), (MONDAY.date() + timedelta(days=1)).isoformat()


@pytest.fixture
def reception() -> Reception:
    return Reception()


async def told(
    reception: Reception, doing: Any, clinic_id: str | None = HERE, language: PageLanguage = "ru"
) -> dict[str, Any]:
    """The word of what is done, as a browser of the clinic is told it in this language."""
    with reception.live.listening(clinic_id, pushed_rows(reception.site, language)) as listener:
        await doing
        await reception.live._poll()
        return _data(listener.take())


def _data(message: bytes) -> dict[str, Any]:
    (line,) = [each for each in message.decode().splitlines() if each.startswith("data: ")]
    found: dict[str, Any] = json.loads(line.removeprefix("data: "))
    return found


async def row(browser: Browser, call: str, on: str) -> str:
    return str((await browser.get(f"/board/rows?ids={call}&date={on}", **{"x-part": "1"})).text)


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
async def test_a_row_is_told_as_it_would_be_fetched(reception: Reception, language: PageLanguage) -> None:
    found = await told(reception, reception.hear(*the_call(IDS[0])), language=language)
    browser = reception.browser("registrar")
    browser.client.cookies.set(LANGUAGE_COOKIE, language, domain="desk.test")
    assert found["language"] == language
    assert found["rows"] == {IDS[0]: {TODAY: await row(browser, IDS[0], TODAY)}}
    assert f'data-request-id="{IDS[0]}"' in found["rows"][IDS[0]][TODAY]


async def test_a_call_stands_on_each_day_whose_board_shows_it(reception: Reception) -> None:
    kind, visit = the_call(IDS[0])[1]
    found = await told(reception, reception.hear(the_call(IDS[0])[0], (kind, visit | {"visit_date": TOMORROW})))
    browser = reception.browser("registrar")
    assert found["rows"][IDS[0]] == {on: await row(browser, IDS[0], on) for on in (TODAY, TOMORROW)}


async def test_what_is_typed_here_and_not_sent_yet_has_a_row_too(reception: Reception) -> None:
    reception.broker.away = True
    form = a_form()
    found = await told(reception, reception.browser("registrar").post("/calls/new", form))
    assert 'data-status="unsent"' in found["rows"][form["request_id"]][TODAY]


async def test_another_clinic_hears_nothing_and_who_looks_at_all_gets_no_rows(reception: Reception) -> None:
    rows = pushed_rows(reception.site, "ru")
    with reception.live.listening(ELSEWHERE, rows) as other, reception.live.listening(None, rows) as everywhere:
        await reception.hear(*the_call(IDS[0]))
        await reception.live._poll()
        assert other.take() == b""
        assert _data(everywhere.take()) == {"changes": [{"kind": "call", "id": IDS[0]}]}


async def test_browsers_of_one_language_are_told_in_one_message(reception: Reception) -> None:
    ru, kk = (pushed_rows(reception.site, language) for language in ("ru", "kk"))
    listening = reception.live.listening
    with listening(HERE, ru) as one, listening(HERE, ru) as two, listening(HERE, kk) as third, listening(HERE) as none:
        await reception.hear(*the_call(IDS[0]))
        await reception.live._poll()
        assert one._queue[0] is two._queue[0]
        assert [_data(each.take()).get("language") for each in (one, third, none)] == ["ru", "kk", None]


async def test_of_many_calls_and_of_those_that_cannot_be_read_the_names_are_told(
    reception: Reception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "_MOST_ROWS", 2)
    many = await told(reception, reception.hear(*(event for each in IDS for event in the_call(each))))
    assert (sorted(each["id"] for each in many["changes"]), "rows" in many) == (IDS, False)

    for first, error in (("6f", Transient("database", ConnectionError(), "127.0.0.1:27017")), ("7f", KeyError("row"))):
        failing = AsyncMock(side_effect=error)
        monkeypatch.setattr(pushed_rows(reception.site, "ru"), "by_day", failing)
        other = IDS[0].replace("5f", first)
        assert await told(reception, reception.hear(*the_call(other))) == {"changes": [{"kind": "call", "id": other}]}
        failing.assert_awaited_once()


@pytest.mark.parametrize(
    ("user", "rows"), [("registrar", True), ("dispatcher", True), ("head", True), ("doctor", False)]
)
async def test_rows_go_to_those_alone_who_may_see_the_board(reception: Reception, user: str, rows: bool) -> None:
    kinds = []
    listens = asyncio.Event()
    listening = reception.live.listening

    def watched(clinic_id: str | None, rows: Any = None) -> Any:
        kinds.append(rows)
        listens.set()
        return listening(clinic_id, rows)

    reception.live.listening = watched  # type: ignore[method-assign]
    asked = asyncio.create_task(reception.browser(user).get("/events"))
    await asyncio.wait_for(listens.wait(), 10)
    await reception.live.end()
    assert (await asked).status_code == 200
    assert [each is not None for each in kinds] == [rows]
