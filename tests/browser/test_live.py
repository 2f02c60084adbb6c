"""Live: what one does, all see, and nobody loses the focus, the place or a letter by it; what is late cries out."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from services.desk.web.site import LANGUAGE_COOKIE
from tests.browser.conftest import LiveDesk, a_roster, moved, story
from tests.browser.test_calls import SOON_SECONDS, fill

CALL, OTHER = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f", "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e60"


def test_5_two_browsers_see_each_others_calls(tab: Callable[..., Any]) -> None:
    one, other = tab("registrar", "/calls/new"), tab("head", "/board")
    elsewhere = tab("stranger", "/board")
    other.fill("#q", "н")
    call = fill(one)
    one.keyboard.press("F8")
    one.wait_for_url("**/calls/*-*")
    started = time.monotonic()
    other.locator(f'tr[data-request-id="{call}"]').wait_for(state="attached")
    assert time.monotonic() - started < SOON_SECONDS
    assert other.input_value("#q") == "н"
    assert other.evaluate("document.activeElement.id") == "q", "the focus stays where it was"
    assert elsewhere.locator("tr[data-request-id]").count() == 0


def test_5_one_connection_for_six_tabs(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/board")
    others = [page.context.new_page() for _ in range(5)]
    for each in others:
        each.goto(desk.address + "/board")
    for each in (page, *others):
        each.wait_for_load_state("load")
    desk.until(lambda: desk.live.count == 1)
    call = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
    desk.heard(*story(call, 1, desk.clock.at))
    for each in (page, *others):
        each.locator(f'tr[data-request-id="{call}"]').wait_for()


def test_5_rows_come_with_the_word_of_them_and_are_fetched_in_another_language_alone(
    desk: LiveDesk, tab: Callable[..., Any]
) -> None:
    fetched: list[str] = []
    russian = tab(
        "registrar", "/board", before=lambda page: page.on("requestfinished", lambda asked: fetched.append(asked.url))
    )

    def caught_up() -> bool:
        russian.evaluate("1")  # lets Playwright say what it has heard
        return sum("/changes" in each for each in fetched) == 2  # as the page starts, and as its stream does

    desk.until(caught_up)
    fetched.clear()
    desk.heard(*story(CALL, 1, desk.clock.at))
    russian.locator(f'tr[data-request-id="{CALL}"]').wait_for()
    assert [each for each in fetched if "/board" in each] == []
    kazakh = russian.context.new_page()
    kazakh.goto(desk.address + "/board")
    russian.context.add_cookies([{"name": LANGUAGE_COOKIE, "value": "kk", "url": desk.address}])
    kazakh.reload()
    desk.heard(*story(OTHER, 2, desk.clock.at))
    row = kazakh.locator(f'tr[data-request-id="{OTHER}"]')
    row.wait_for()
    assert row.inner_text() != russian.locator(f'tr[data-request-id="{OTHER}"]').inner_text()


def test_5_a_browser_that_was_away_catches_up(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/board")
    desk.until(lambda: desk.live.count == 1)
    page.context.set_offline(True)
    call = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
    desk.heard(*story(call, 1, desk.clock.at))
    page.context.set_offline(False)
    page.locator(f'tr[data-request-id="{call}"]').wait_for()


def test_6_a_row_cries_out_when_its_term_is_near_and_when_it_is_over(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    late, near, fresh = (f"5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e0{number}" for number in range(3))
    now = desk.clock.at
    desk.heard(*story(fresh, 3, now))
    desk.heard(*story(near, 2, now - timedelta(minutes=8, seconds=30)))
    desk.heard(*story(late, 1, now - timedelta(minutes=11)))
    page = tab("registrar", "/board")
    page.locator(f'tr[data-request-id="{late}"][data-term="over"]').wait_for()
    rows = page.locator("#board tbody tr").evaluate_all("rows => rows.map(row => row.dataset.requestId)")
    assert rows == [late, near, fresh]
    assert "истёк" in page.inner_text(f'tr[data-request-id="{late}"] .term')
    assert page.get_attribute(f'tr[data-request-id="{near}"]', "data-term") == "near"


def test_5_the_board_keeps_filter_focus_and_scroll(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    ids = [f"5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4{number:03d}" for number in range(60)]
    for number, call in enumerate(ids, start=1):
        desk.heard(*story(call, number, desk.clock.at))
    page = tab("registrar", "/board")
    page.keyboard.press("/")
    page.keyboard.type("науқас")
    page.focus(f'tr[data-request-id="{ids[40]}"] a')
    page.evaluate("scrollTo(0, 900)")
    top = page.evaluate("scrollY")
    desk.heard(*story(CALL, 61, desk.clock.at))
    desk.heard(("visit.closed", _closed(ids[59], desk)))
    page.locator(f'tr[data-request-id="{ids[59]}"][data-status="closed"]').wait_for()
    page.locator(f'tr[data-request-id="{CALL}"]').wait_for()
    assert page.input_value("#q") == "науқас"
    assert page.evaluate("document.activeElement.closest('tr').dataset.requestId") == ids[40]
    assert abs(page.evaluate("scrollY") - top) < 120, "a row more above may move it by its height"
    assert page.inner_text("#count-open") == "60"
    page.fill("#q", "жоқ адам")
    desk.heard(*story(OTHER, 62, desk.clock.at))
    page.locator(f'tr[data-request-id="{OTHER}"]').wait_for(state="attached")
    assert page.locator("#board tbody tr:visible").count() == 0, "what the filter does not find stays hidden"
    assert page.locator("#nothing:visible").count() == 1


def _closed(call: str, desk: LiveDesk) -> dict[str, Any]:
    who = {"request_id": call, "clinic_id": "samal-1", "revision": 5}
    return who | {"outcome": "served", "at": desk.clock.at.isoformat()}


@pytest.mark.parametrize(
    ("role", "path", "field"),
    [
        ("registrar", f"/calls/{CALL}", "#reason"),
        ("head", f"/calls/{CALL}", "#visit_note"),
        ("dispatcher", "/rosters/{today}", "#reason_away"),
        ("doctor", "/today", f"#note-{CALL}"),
    ],
)
def test_5_a_live_page_keeps_what_is_being_typed(
    desk: LiveDesk, tab: Callable[..., Any], role: str, path: str, field: str
) -> None:
    desk.heard(a_roster(desk.today), *story(CALL, 1, desk.clock.at))
    page = tab(role, path.format(today=desk.today))
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    page.click(field)
    page.keyboard.type("Науқас айтты")
    page.evaluate("window.was = document.activeElement")
    desk.heard(*moved(CALL, desk.clock.at, "gp-1"), *story(OTHER, 2, desk.clock.at))
    seen = {"registrar": ".history", "head": ".history", "dispatcher": "#moved-part", "doctor": "#my-day"}[role]
    wanted = {"doctor": "Науқас 2", "dispatcher": "Дәрігер Екінші"}.get(role, "перенесён")
    page.locator(seen, has_text=wanted).wait_for()
    assert page.input_value(field) == "Науқас айтты"
    assert page.evaluate("document.activeElement === window.was"), "the focus is where it was, in the same element"
    page.keyboard.type("!")
    assert page.input_value(field) == "Науқас айтты!", "the cursor is where it was"


@pytest.mark.parametrize(
    ("role", "path", "seen"),
    [
        ("dispatcher", "/routes/{today}", "#routes"),
        ("registrar", "/register/{today}", "#register"),
        ("contact_centre", f"/find?q={CALL}", "#found"),
        ("doctor", "/today", "#my-day"),
    ],
)
def test_5_each_list_shows_a_new_call_by_itself(
    desk: LiveDesk, tab: Callable[..., Any], role: str, path: str, seen: str
) -> None:
    page = tab(role, path.format(today=desk.today))
    desk.until(lambda: desk.live.count == 1)
    desk.heard(*story(CALL, 7, desk.clock.at))
    page.locator(seen, has_text="Науқас 7").wait_for()


def test_5_a_call_that_is_not_sent_is_on_all_screens(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    desk.broker.away = True
    one, other = tab("registrar", "/calls/new"), tab("head", "/board")
    desk.until(lambda: desk.live.count == 2)
    call = fill(one)
    one.keyboard.press("F8")
    other.locator(f'tr[data-request-id="{call}"][data-status="unsent"]').wait_for()
    one.locator(".unsent").first.wait_for()
    desk.broker.away = False
    other.locator(f'tr[data-request-id="{call}"][data-status="to_answer"]').wait_for()
    one.locator(".unsent").first.wait_for(state="detached")


def test_5_a_browser_asleep_for_a_minute_catches_up(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/board", before=lambda page: page.clock.install())
    desk.until(lambda: desk.live.count == 1)
    sleeping = page.context.new_cdp_session(page)
    sleeping.send("Page.setWebLifecycleState", {"state": "frozen"})
    desk.cut_streams()
    desk.heard(*story(CALL, 1, desk.clock.at))
    sleeping.send("Page.setWebLifecycleState", {"state": "active"})
    page.clock.fast_forward(60_000)
    page.locator(f'tr[data-request-id="{CALL}"]').wait_for()


def test_5_a_page_says_when_it_is_not_live_and_when_it_is_again(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/board")
    desk.until(lambda: desk.live.count == 1)
    page.route("**/events*", lambda route: route.abort())
    desk.cut_streams()
    page.locator("#connection:visible").wait_for()
    desk.heard(*story(CALL, 1, desk.clock.at))
    page.unroute("**/events*")
    page.locator("#connection").wait_for(state="hidden")
    page.locator(f'tr[data-request-id="{CALL}"]').wait_for()


def test_5_a_stream_that_says_nothing_is_taken_over_by_the_tab_that_is_looked_at(
    desk: LiveDesk, tab: Callable[..., Any]
) -> None:
    first = tab("registrar", "/board")
    desk.until(lambda: desk.live.count == 1)
    second = first.context.new_page()
    second.clock.install()
    second.goto(desk.address + "/board")
    holder = "navigator.locks.query().then(({ held }) => held.map(each => each.clientId).join())"
    before = second.evaluate(holder)
    second.clock.run_for(46_000)
    desk.until(lambda: second.evaluate(holder) not in ("", before))
    desk.heard(*story(CALL, 1, desk.clock.at))
    for each in (first, second):
        each.locator(f'tr[data-request-id="{CALL}"]').wait_for()


LISTEN = """
window.heard = [];
// Some browsers keep over a reload that the user has touched a page, some do not: here each page begins untouched.
for (const type of ["pointerdown", "keydown"]) addEventListener(type, () => { window.touched = true; }, true);
class Tone {
  constructor() { this.frequency = {}; }
  connect(to) { return to; }
  start() { window.heard.push(Date.now()); }
  stop() {}
}
class Volume { constructor() { this.gain = { setValueAtTime() {} }; } connect(to) { return to; } }
window.AudioContext = class {
  constructor() { this.state = "suspended"; this.currentTime = 0; this.destination = {}; }
  async resume() { if (window.touched) this.state = "running"; }
  createOscillator() { return new Tone(); }
  createGain() { return new Volume(); }
};
"""


def test_6_the_sound_that_was_switched_on_once_is_heard_at_80_percent(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/board", before=lambda page: page.add_init_script(LISTEN))
    page.check("#sound")
    assert page.evaluate("window.heard.length") == 1, "it is tried out at once"
    page.reload()
    assert page.is_checked("#sound"), "it stays on"
    desk.heard(*story(CALL, 1, desk.clock.at - timedelta(minutes=8, seconds=1)))
    page.locator("#sound-blocked:visible").wait_for()
    page.click("h1")
    desk.until(lambda: page.evaluate("window.heard.length") == 1)
    desk.heard(*story(OTHER, 2, desk.clock.at - timedelta(minutes=10, seconds=1)))
    desk.until(lambda: page.evaluate("window.heard.length") == 4)
    page.reload()
    page.locator(f'tr[data-request-id="{OTHER}"][data-term="over"]').wait_for()
    page.click("h1")
    assert page.evaluate("window.heard.length") == 0, "what was heard once is not heard again"
    assert page.title().startswith("(1!)")


@pytest.mark.parametrize("hours", [-1, 1])
def test_6_a_browsers_clock_that_is_wrong_changes_no_countdown(
    desk: LiveDesk, tab: Callable[..., Any], hours: int
) -> None:
    desk.heard(*story(CALL, 1, desk.clock.at))
    wrong = desk.clock.at + timedelta(hours=hours)
    page = tab("registrar", "/board", before=lambda page: page.clock.install(time=wrong))
    assert page.evaluate(
        "Math.abs(Date.now() - Number(document.querySelector('meta[name=homecall-now]').content)) > 3e6"
    )
    term = page.locator(f'tr[data-request-id="{CALL}"][data-term="running"] .term')
    term.wait_for()
    assert "осталось 9:" in term.inner_text()
    page.clock.set_system_time(desk.clock.at + timedelta(hours=5))
    page.clock.run_for(1_000)
    assert "осталось 9:" in term.inner_text(), "also where it is set while the page is open"


def test_6_a_countdown_is_never_negative(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    desk.heard(*story(CALL, 1, desk.clock.at - timedelta(minutes=9, seconds=58)))
    page = tab("registrar", "/board")
    over = page.locator(f'tr[data-request-id="{CALL}"][data-term="over"] .term')
    over.wait_for()
    assert "истёк" in over.inner_text()
    assert "-" not in over.inner_text()
