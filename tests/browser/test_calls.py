"""A call at the desk, as a registrar makes it: by keys, sent once, live, and kept whatever happens."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import LiveDesk, a_roster, story

IIN, OTHER_IIN = "850715100000", "850715200007"
_KEYS_A_SECOND = 5


_LINE_OF_KEYS = {
    "desk.md": re.compile(r"A new patient's call takes .*"),
    "desk.ru.md": re.compile(r"Вызов нового пациента занимает .*"),
    "desk.kk.md": re.compile(r"Жаңа пациенттің шақыруы .*"),
}


def _text(name: str) -> str:
    return (Path(__file__).parents[2] / "docs" / name).read_text(encoding="utf-8")


class Keyboard:
    """Counts the keys that a person presses."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self.pressed = 0

    def type(self, text: str) -> None:
        self.pressed += len(text)
        self._page.keyboard.type(text)

    def press(self, key: str, times: int = 1) -> None:
        for _ in range(times):
            self.pressed += 1
            self._page.keyboard.press(key)


SOON_SECONDS = 5
"""Nothing waits for a next look at the server. The second that people are promised, tests/integration/test_desk.py
measures, as a median: a busy machine may take longer for one."""


def submissions(desk: LiveDesk, least: int = 0) -> list[str]:
    """The calls that were sent; at least so many are waited for."""

    def sent() -> list[str]:
        return [event.subject for event in desk.sent("request.submitted")]

    desk.until(lambda: len(sent()) >= least)
    return sent()


def fill(page: Any, **over: str) -> str:
    """Fill in the form; the id of the call."""
    for name, value in ({"iin": IIN, "full_name": "Оспанбеков Сәбит", "address": "Абай, 27"} | over).items():
        page.fill(f"[name={name}]", value)
    page.check("[name=reasons][value=fever_above_38]")
    found: str = page.input_value("[name=request_id]")
    return found


def test_1_and_2_a_call_by_keys_alone_to_the_spoken_answer(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/board")
    keys = Keyboard(page)
    keys.press("n")
    page.wait_for_url("**/calls/new")
    keys.type(IIN)
    page.locator("[name=birth_date]").and_(page.locator("[value]")).wait_for()
    keys.press("Enter")
    keys.type("Оспанбеков Сәбит")
    keys.press("Enter", 5)
    assert page.evaluate("document.activeElement.name") == "address"
    keys.type("Абай, 27")
    keys.press("Enter", 6)
    assert page.evaluate("document.activeElement.id") == "reasons_filter"
    keys.type("темп")
    keys.press("Enter")
    keys.press("F8")
    page.wait_for_url("**/calls/*-*")
    started = time.monotonic()
    page.locator("#to-read", has_text="Врач придёт.").wait_for()
    assert time.monotonic() - started < SOON_SECONDS
    assert "C4.1" in page.inner_text("#answer .term")
    keys.press("F9")
    page.locator("#answer .done").wait_for()
    seconds = round(keys.pressed / _KEYS_A_SECOND)
    assert seconds < 30, f"{keys.pressed} keys"
    for page_of in ("desk.md", "desk.ru.md", "desk.kk.md"):
        said = re.findall(r"\d+", _LINE_OF_KEYS[page_of].search(_text(page_of))[0])  # type: ignore[index]
        assert [int(each) for each in said if each != "9"] == [keys.pressed, seconds], page_of
    assert [event.type for event in desk.sent()] == ["request.submitted", "answer.given"]


def test_1_a_wrong_field_is_named_and_gets_the_focus(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/calls/new")
    fill(page, iin="850715100001")
    page.keyboard.press("F8")
    page.locator("#iin[aria-invalid]").wait_for()
    assert page.evaluate("document.activeElement.id") == "iin"
    assert page.input_value("[name=full_name]") == "Оспанбеков Сәбит"
    page.fill("[name=iin]", IIN)
    page.keyboard.press("F8")
    page.wait_for_url("**/calls/*-*")
    assert len(submissions(desk, 1)) == 1


@pytest.mark.parametrize("way", ["double click", "Enter held down", "F8 held down"])
def test_3_sent_once(desk: LiveDesk, tab: Callable[..., Any], way: str) -> None:
    page = tab("registrar", "/calls/new")
    call = fill(page)
    if way == "double click":
        page.dblclick("#send")
    elif way == "Enter held down":
        page.focus("#send")
        for _ in range(10):
            page.keyboard.down("Enter")
    else:
        for _ in range(10):
            page.keyboard.down("F8")
    page.wait_for_url("**/calls/*-*")
    page.locator("#to-read").wait_for()
    assert submissions(desk, 1) == [call]


def test_3_two_tabs_with_one_form_make_one_call(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/calls/new")
    call = fill(page)
    other = page.context.new_page()
    other.goto(desk.address + "/calls/new")
    assert other.input_value("[name=request_id]") == call, "a new tab shows what the other one holds: the same call"
    page.keyboard.press("F8")
    other.keyboard.press("F8")
    page.wait_for_url("**/calls/*-*")
    other.wait_for_url("**/calls/*-*")
    assert submissions(desk, 1) == [call]


def test_3_another_patient_typed_over_another_tabs_draft_is_a_call_of_its_own(
    desk: LiveDesk, tab: Callable[..., Any]
) -> None:
    page = tab("registrar", "/calls/new")
    call = fill(page, note="Ескертпе")
    other = page.context.new_page()
    other.goto(desk.address + "/calls/new")
    other.fill("[name=iin]", OTHER_IIN)
    desk.until(lambda: other.input_value("[name=note]") == "")
    assert other.input_value("[name=full_name]") == "", "nothing of the first patient is left"
    second = fill(other, iin=OTHER_IIN, full_name="Ақышева Дана")
    assert second != call
    for each in (other, page):
        each.keyboard.press("F8")
        each.wait_for_url("**/calls/*-*")
    assert submissions(desk, 2) == [second, call]


def test_3_consent_is_in_no_draft_and_goes_out_with_the_call(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/calls/new")
    fill(page, note="Ескертпе")
    page.locator("summary", has_text="Согласие на запрос в регистр").click()
    page.fill("[name=kdp_token]", "S2RwLXRva2Vu")
    kept = page.evaluate("JSON.stringify({...localStorage}) + JSON.stringify({...sessionStorage})")
    assert "Ескертпе" in kept
    assert "S2RwLXRva2Vu" not in kept
    page.keyboard.press("F8")
    page.wait_for_url("**/calls/*-*")
    desk.until(lambda: len(submissions(desk)) == 1)
    (event,) = (each for each in desk.sent() if each.type == "request.submitted")
    assert json.loads(event.value)["identity"] == {"kdp_token": "S2RwLXRva2Vu"}


def test_3_another_patient_under_an_id_that_was_sent_is_sent_by_one_more_key(
    desk: LiveDesk, tab: Callable[..., Any]
) -> None:
    page = tab("registrar", "/calls/new")
    call = fill(page)
    other = page.context.new_page()
    other.goto(desk.address + "/calls/new")
    page.keyboard.press("F8")
    page.wait_for_url("**/calls/*-*")
    other.fill("[name=full_name]", "Ақышева Дана")
    other.fill("[name=note]", "Ескертпе")
    other.keyboard.press("F8")
    other.locator(f'#summary a[href="/calls/{call}"]').wait_for()
    assert other.input_value("[name=note]") == "Ескертпе", "nothing typed is lost"
    other.keyboard.press("F8")
    other.wait_for_url("**/calls/*-*")
    assert len(submissions(desk, 2)) == 2
    assert len(set(submissions(desk))) == 2


def test_4_what_is_done_while_the_broker_is_away_is_sent_once_and_in_order(
    desk: LiveDesk, tab: Callable[..., Any]
) -> None:
    desk.broker.away = True
    page = tab("registrar", "/calls/new")
    calls = []
    for _ in range(3):
        calls.append(fill(page))
        page.keyboard.press("F8")
        page.wait_for_url("**/calls/*-*")
        page.locator(".unsent").first.wait_for()
        page.goto(desk.address + "/calls/new")
    page.goto(desk.address + "/board")
    assert page.locator('tr[data-status="unsent"]').count() == 3
    desk.broker.away = False
    page.locator('tr[data-status="to_answer"]').nth(2).wait_for()
    assert submissions(desk) == calls


def test_4_the_database_away_loses_nothing_that_was_typed(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/calls/new")
    call = fill(page, note="Ескертпе")
    desk.database_away = True
    page.keyboard.press("F8")
    page.locator("#form-state:visible").wait_for()
    assert page.input_value("[name=note]") == "Ескертпе"
    desk.database_away = False
    page.wait_for_url("**/calls/*-*")
    assert submissions(desk, 1) == [call]


def test_4_a_step_that_cannot_be_stored_keeps_what_was_typed(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    call = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
    desk.heard(*story(call, 1, desk.clock.at))
    page = tab("registrar", f"/calls/{call}")
    page.click("#withdraw-box summary")
    page.fill("#reason", "пациенту лучше")
    desk.database_away = True
    page.press("#reason", "Enter")
    page.locator("#withdraw-box .not-sent").wait_for()
    assert page.input_value("#reason") == "пациенту лучше"
    desk.database_away = False
    page.press("#reason", "Enter")
    page.locator("#withdraw-box").wait_for(state="detached")
    desk.until(lambda: [event.type for event in desk.sent()] == ["request.withdrawn"])


@pytest.mark.parametrize("way", ["reload", "closed tab", "ended session"])
def test_1_a_form_is_there_again(desk: LiveDesk, tab: Callable[..., Any], way: str) -> None:
    page = tab("registrar", "/calls/new")
    call = fill(page, note="Ескертпе")
    if way == "reload":
        page.reload()
    elif way == "closed tab":
        context = page.context
        page.close()
        page = context.new_page()
        page.goto(desk.address + "/calls/new")
    else:
        page.context.clear_cookies()
        page.keyboard.press("F8")
        page.wait_for_url("**/login*")
        page.context.add_cookies([desk.cookie("registrar")])
        page.goto(desk.address + "/calls/new")
    assert page.input_value("[name=note]") == "Ескертпе"
    assert page.input_value("[name=request_id]") == call
    assert page.is_checked("[name=reasons][value=fever_above_38]")
    page.keyboard.press("F8")
    page.wait_for_url("**/calls/*-*")
    assert submissions(desk, 1) == [call]
    page.goto(desk.address + "/calls/new")
    assert page.input_value("[name=full_name]") == "", "what was sent is not there again"


def test_8_a_duplicate_leads_to_the_open_call(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    first, second = (f"5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e0{number}" for number in range(2))
    desk.wait(desk.hear(*story(first, 7, desk.clock.at)))
    (_, decision), *_ = story(second, 8, desk.clock.at)
    refused = {
        name: value
        for name, value in decision.items()
        if name not in ("register_date", "register_number", "accepted_at", "clock_started_at", "visit_date")
    }
    desk.wait(desk.hear(("request.refused", refused | {"code": "duplicate", "existing_request_id": first})))
    page = tab("registrar", f"/calls/{second}")
    page.click(f'#answer a[href="/calls/{first}"]')
    page.wait_for_url(f"**/calls/{first}")


def test_8_a_patients_earlier_calls_stand_beside_the_form(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/calls/new")
    call = fill(page)
    page.keyboard.press("F8")
    page.locator("#to-read", has_text="Врач придёт.").wait_for()
    page.goto(desk.address + "/calls/new")
    page.fill("[name=iin]", IIN)
    open_one = page.locator(f'#earlier .open a[href="/calls/{call}"]')
    open_one.wait_for()
    desk.until(lambda: page.input_value("[name=full_name]") == "Науқас 1")
    # Of another IIN nothing of this patient is left, but what somebody typed stays.
    page.fill("[name=note]", "Ескертпе")
    page.fill("[name=iin]", OTHER_IIN)
    open_one.wait_for(state="detached")
    desk.until(lambda: page.input_value("[name=full_name]") == "")
    assert page.input_value("[name=address]") == ""
    assert page.input_value("[name=note]") == "Ескертпе"


def test_1_a_roster_half_typed_is_there_again(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    desk.heard(a_roster(desk.today))
    page = tab("dispatcher", f"/rosters/{desk.today}")
    page.locator("[name=full_name]").nth(1).fill("Жаңа Дәрігер")
    page.context.clear_cookies()
    page.keyboard.press("F8")
    page.wait_for_url("**/login*")
    page.context.add_cookies([desk.cookie("dispatcher")])
    page.goto(f"{desk.address}/rosters/{desk.today}")
    assert page.locator("[name=full_name]").nth(1).input_value() == "Жаңа Дәрігер"
    assert page.locator("[name=full_name]").nth(0).input_value() == "Дәрігер Бірінші"
    page.keyboard.press("F8")
    page.wait_for_url("**/rosters/*sent=1")
    desk.until(lambda: [event.type for event in desk.sent()] == ["roster.published"])
    assert "Жаңа Дәрігер" in desk.sent()[0].value.decode()
