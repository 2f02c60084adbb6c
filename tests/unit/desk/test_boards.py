"""The board of a day out of what is kept in memory: never older than what is stored, and cheap (desk 14)."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.desk.live import Listener, Live
from services.desk.sessions import COOKIE
from services.desk.web import events
from services.desk.web.site import Site
from tests.factories import MONDAY
from tests.unit.desk.reception import ELSEWHERE, HERE, Reception, the_call

IDS = [f"00000000-0000-4000-8000-{number:012}" for number in range(1, 6)]


@pytest.fixture
async def reception() -> Reception:
    reception = Reception()
    for number, each in enumerate(IDS, start=1):
        await reception.hear(*the_call(each, number=number))
    return reception


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each template was drawn."""
    counted: Counter[str] = Counter()
    render = Site.render

    def counting(site: Site, template: str, *rest: Any, **values: Any) -> str:
        counted[template] += 1
        return render(site, template, *rest, **values)

    monkeypatch.setattr(Site, "render", counting)
    return counted


async def test_a_row_is_drawn_once_for_all_who_see_it_and_again_when_its_call_has_changed(
    reception: Reception, drawn: Counter[str]
) -> None:
    first = (await reception.browser("registrar").get("/board")).text
    assert drawn["board_rows.html"] == len(IDS)
    assert [each for each in IDS if f'data-request-id="{each}"' in first] == IDS
    await reception.browser("head").get("/board")
    await reception.browser("registrar").get(f"/board/rows?ids={IDS[0]}")
    assert drawn["board_rows.html"] == len(IDS)
    await reception.hear(("visit.closed", closed(IDS[0])))
    second = (await reception.browser("head").get("/board")).text
    assert drawn["board_rows.html"] == len(IDS) + 1
    assert second.count('data-status="closed"') == 1


async def test_each_language_has_its_own_rows(reception: Reception) -> None:
    russian, kazakh = reception.browser("registrar"), reception.browser("registrar")
    kazakh.client.cookies.set("homecall_language", "kk", domain="desk.test")
    pages = [(await each.get("/board/rows?ids=" + IDS[0])).text for each in (russian, kazakh, russian)]
    assert pages[0] == pages[2] != pages[1]


async def test_a_rows_place_follows_the_time_though_the_row_is_kept(reception: Reception, drawn: Counter[str]) -> None:
    browser = reception.browser("registrar")
    before = (await browser.get("/board/rows?ids=" + IDS[0])).text
    reception.clock.at = MONDAY + timedelta(hours=1)
    after = (await browser.get("/board/rows?ids=" + IDS[0])).text
    assert 'data-order="2:' in before
    assert 'data-order="0:' in after, "its term is over by now"
    assert drawn["board_rows.html"] == 1


async def test_a_text_that_looks_like_a_mark_of_ours_stays_a_text(reception: Reception) -> None:
    marks = "<place> <!--rows--> \0"
    (kind, decision), *rest = the_call(IDS[0], number=1)
    other = "00000000-0000-4000-8000-000000000008"
    named = decision | {"request_id": other, "patient": {"full_name": marks, "language": "ru"}}
    await reception.hear((kind, named | {"register_number": 8}))
    page = (await reception.browser("registrar").get("/board?q=%3C!--rows--%3E")).text
    assert page.count("&lt;!--rows--&gt;") >= 1
    assert "<!--rows-->" not in page
    row = (await reception.browser("registrar").get("/board/rows?ids=" + other)).text
    assert "&lt;place&gt; &lt;!--rows--&gt;" in row
    assert "<place>" not in row
    assert 'data-order="3:' in row
    del rest


async def test_a_visit_moved_to_another_day_leaves_this_board_and_stands_on_that_one(reception: Reception) -> None:
    browser = reception.browser("registrar")
    moved = "00000000-0000-4000-8000-000000000009"
    tuesday = MONDAY.date() + timedelta(days=1)
    # Of the register of the day before: it stands on Monday's board by its visit alone.
    sunday = {"register_date": "2026-11-22", "accepted_at": "2026-11-22T10:00:00+05:00"}
    (_, decision), (kind, visit), *_ = the_call(moved, number=9)
    await reception.hear(("request.accepted", decision | sunday), (kind, visit))
    assert moved in (await browser.get("/board")).text
    assert moved not in (await browser.get(f"/board?date={tuesday}")).text
    later = {"visit_date": tuesday.isoformat(), "revision": 2, "reason": "no_room"}
    await reception.hear(("visit.rescheduled", visit | later))
    assert moved not in (await browser.get("/board")).text
    assert moved in (await browser.get(f"/board?date={tuesday}")).text


async def test_browsers_that_ask_at_the_same_moment_share_a_read(reception: Reception) -> None:
    browsers = [reception.browser("registrar") for _ in range(20)]
    address = f"/board/rows?ids={IDS[0]}"
    await browsers[0].get(address)
    before = reception.database.commands
    answers = await asyncio.gather(*(each.get(address) for each in browsers))
    assert {each.status_code for each in answers} == {200}
    assert reception.database.commands - before <= 2
    strange = await asyncio.gather(browsers[0].get(address), reception.browser("stranger").get(address))
    assert [IDS[0] in each.text for each in strange] == [True, False], "what is shared is the read, not the rights"


async def test_a_change_is_written_once_for_all_browsers_of_its_clinic(reception: Reception) -> None:
    live = Live(reception.stores)
    with live.listening(HERE) as one, live.listening(HERE) as two, live.listening(ELSEWHERE) as other:
        await live._poll()
        assert one._queue[0] is two._queue[0]
        assert not other._queue


async def test_browsers_wait_without_a_task_each() -> None:
    listeners = [Listener(HERE, None) for _ in range(5)]
    waits = [asyncio.ensure_future(each.wait(60)) for each in listeners]
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1 + len(waits)
    for each in listeners:
        each.tell(b"something")
    await asyncio.wait_for(asyncio.gather(*waits), 10)
    assert [each.take() for each in listeners] == [b"something"] * 5


async def test_a_browser_that_takes_nothing_more_is_told_to_draw_its_page_again() -> None:
    listener = Listener(HERE, None)
    for number in range(501):
        listener.tell(f"{number} ".encode())
    assert listener.overrun
    assert listener.take() == b"500 "


def closed(request_id: str) -> dict[str, Any]:
    return {
        "request_id": request_id,
        "clinic_id": HERE,
        "visit_id": "a7e6f2bd-60e9-50b7-8757-572098c0f6d1",
        "revision": 3,
        "outcome": "served",
        "at": MONDAY.isoformat(),
    }


async def test_a_stream_ends_when_its_browser_has_gone(reception: Reception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.01)
    cookie = f"{COOKIE}={reception.site.sessions.new('registrar', datetime.now().astimezone())}"
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/events",
        "query_string": b"",
        "headers": [(b"cookie", cookie.encode())],
        "root_path": "",
    }
    gone, heard = asyncio.Event(), asyncio.Event()
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if b"event: beat" in message.get("body", b""):
            heard.set()

    streaming = asyncio.create_task(reception.app(scope, receive, send))
    await asyncio.wait_for(heard.wait(), 10)
    assert (sent[0]["status"], reception.live.count) == (200, 1)
    gone.set()
    await asyncio.wait_for(streaming, 10)
    assert reception.live.count == 0
