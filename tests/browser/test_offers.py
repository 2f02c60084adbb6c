"""Windows to choose from while a call is typed: by keys alone, live, and in nobody's way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import LiveDesk
from tests.browser.scene import NOW, open_the_clinic
from tests.browser.test_calls import Keyboard, fill, submissions
from tests.unit.desk.reception import some_offers

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
SAID, CHOSEN = "#offers-said", "#offers input[type=radio]:checked"


@pytest.fixture
def open_desk(desk: LiveDesk) -> LiveDesk:
    """A desk on a morning on which the clinic takes calls, and the scheduler offers three windows."""
    open_the_clinic(desk)
    desk.offers.found = some_offers(NOW)
    return desk


def offered(page: Any, count: int = 3) -> None:
    page.locator(f"#offers input[type=radio] >> nth={count}").wait_for()


def wanted(desk: LiveDesk) -> list[Any]:
    return [json.loads(each.value).get("preferred_window") for each in desk.sent("request.submitted")]


def test_a_call_with_a_window_chosen_by_keys_alone(open_desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/board")
    keys = Keyboard(page)
    keys.press("n")
    page.wait_for_url("**/calls/new")
    keys.type("850715100000")
    page.locator("[name=birth_date]").and_(page.locator("[value]")).wait_for()
    keys.press("Enter")
    keys.type("Оспанбеков Сәбит")
    keys.press("Enter", 5)
    keys.type("Абай, 27")
    keys.press("Enter", 6)
    keys.type("темп")
    keys.press("Enter")
    offered(page)
    assert page.evaluate("document.activeElement.id") == "reasons_filter", "what comes takes no focus"
    assert page.input_value(CHOSEN) == ""
    keys.press("F2")
    keys.press("ArrowDown", 2)
    assert page.input_value(CHOSEN) == "14:30-16:30"
    keys.press("F8")
    page.wait_for_url("**/calls/*-*")
    page.locator("#to-read").wait_for()
    assert wanted(open_desk) == [{"from": "14:30", "to": "16:30"}]
    assert keys.pressed == 55 + 3, "F2 and two arrows more than without a choice"


@pytest.mark.usefixtures("open_desk")
def test_who_chooses_nothing_presses_nothing_more(tab: Callable[..., Any]) -> None:
    """Enter goes past the windows; Tab stops there once."""
    page = tab("registrar", "/calls/new")
    page.locator("[name=channel]").select_option("desk")
    fill(page)
    offered(page)
    page.focus("[name=temperature_c]")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "note"
    page.focus("#preferred_window")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "document_kind"
    page.focus("#note")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "preferred_window"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "document_kind"


def test_each_change_of_what_counts_is_asked_about_once(open_desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/calls/new")
    page.fill("[name=full_name]", "Оспанбеков Сәбит")
    page.fill("[name=note]", "Ескертпе")
    page.select_option("[name=district_id]", index=1)
    offered(page)
    assert len(open_desk.offers.asked) == 1
    page.check("[name=reasons][value=severe_breathlessness]")
    open_desk.until(lambda: len(open_desk.offers.asked) == 2)
    assert [each.urgent for each in open_desk.offers.asked] == [False, True]
    page.fill("[name=birth_date]", "01.02.2020")
    page.focus("[name=note]")
    open_desk.until(lambda: len(open_desk.offers.asked) == 3)
    assert open_desk.offers.asked[-1].child


def test_an_answer_to_an_earlier_question_is_dropped(open_desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/calls/new")
    held = _hold_the_first(page)
    page.select_option("[name=district_id]", index=1)
    _until(page, lambda: len(held) == 1)
    open_desk.offers.found = some_offers(NOW)[:1]
    page.check("[name=reasons][value=fever_above_38]")
    page.locator(SAID, has_text=": 1.").wait_for()
    early = some_offers(NOW)
    held[0].fulfill(body="<div id='offers-list'>" + "<input type=radio>" * len(early) + "</div>")
    page.check("[name=reasons][value=repeated_loose_stool]")
    _until(page, lambda: len(open_desk.offers.asked) == 2)
    page.locator(SAID, has_text=": 1.").wait_for()
    assert page.locator("#offers input[type=radio]").count() == 2


def test_what_is_chosen_while_an_answer_is_under_way_stays(open_desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/calls/new")
    page.select_option("[name=district_id]", index=1)
    offered(page)
    held = _hold_the_first(page)
    page.check("[name=reasons][value=fever_above_38]")
    _until(page, lambda: len(held) == 1)
    page.check("#offers input[value='14:30-16:30']")
    page.focus("[name=note]")
    open_desk.offers.found = some_offers(NOW)[:1]
    held[0].continue_()
    page.locator("#offer-1430-1630 .quiet", has_text="может быть уже занято").wait_for()
    assert page.input_value(CHOSEN) == "14:30-16:30"
    assert page.evaluate("document.activeElement.id") == "note"
    assert page.locator("#offers input[type=radio]").count() == 3
    page.keyboard.press("F8")  # the name is missing: the form comes back, with the choice
    page.locator("#full_name[aria-invalid]").wait_for()
    assert page.input_value(CHOSEN) == "14:30-16:30"


def test_a_choice_is_kept_by_the_draft(open_desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/calls/new")
    fill(page)
    offered(page)
    page.check("#offers input[value='16:30-18:30']")
    open_desk.offers.found = None
    for _ in range(2):
        page.reload()
        assert page.input_value(CHOSEN) == "16:30-18:30"
    page.keyboard.press("F8")
    page.wait_for_url("**/calls/*-*")
    assert wanted(open_desk) == [{"from": "16:30", "to": "18:30"}]


def test_another_patient_typed_over_another_tabs_draft_has_no_choice_of_the_first(
    open_desk: LiveDesk, tab: Callable[..., Any]
) -> None:
    page = tab("registrar", "/calls/new")
    fill(page)
    offered(page)
    page.check("#offers input[value='16:30-18:30']")
    other = page.context.new_page()
    other.goto(open_desk.address + "/calls/new")
    assert other.input_value(CHOSEN) == "16:30-18:30"
    other.fill("[name=iin]", "850715200007")
    open_desk.until(lambda: other.input_value(CHOSEN) == "")
    fill(other, iin="850715200007", full_name="Ақышева Дана")
    other.keyboard.press("F8")
    other.wait_for_url("**/calls/*-*")
    assert wanted(open_desk) == [None]


def test_while_the_scheduler_is_away_the_call_is_sent(open_desk: LiveDesk, tab: Callable[..., Any]) -> None:
    open_desk.offers.found = None
    page = tab("registrar", "/calls/new")
    call = fill(page)
    page.locator(SAID, has_text="Вызов можно отправить").wait_for()
    page.keyboard.press("F8")
    page.wait_for_url("**/calls/*-*")
    assert submissions(open_desk) == [call]


def test_an_answer_that_never_comes_holds_up_nothing(open_desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/calls/new")
    _hold_the_first(page)
    call = fill(page)
    page.locator(SAID, has_text="Вызов можно отправить").wait_for()  # by the page's own limit
    page.keyboard.press("F8")
    page.wait_for_url("**/calls/*-*")
    assert submissions(open_desk) == [call]


@pytest.mark.usefixtures("open_desk")
def test_12_the_form_with_windows_has_nothing_that_axe_finds(tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/calls/new")
    fill(page)
    offered(page)
    page.check("#offers input[value='14:30-16:30']")
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:120]) for each in found] == []
    assert page.get_attribute(SAID, "role") == "status"
    for width in (640, 390):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def _hold_the_first(page: Any) -> list[Any]:
    """The next question, not answered yet; those after it are."""
    held: list[Any] = []

    def handle(route: Any) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/calls/new/offers", handle)
    return held


def _until(page: Any, holds: Callable[[], bool]) -> None:
    """Wait for something that the page's requests bring about, which are handled while the page is waited for."""
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end, "it never held"
        page.evaluate("new Promise(done => requestAnimationFrame(done))")
