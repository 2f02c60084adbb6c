"""Every page for every role: nothing that axe finds, three languages, a narrow screen, and a large type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import LiveDesk
from tests.browser.scene import CALLS, TODAY, lose_a_doctor, open_the_clinic

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
CALL = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
PAGES = [
    ("registrar", "/board"),
    ("registrar", "/calls/new"),
    ("registrar", f"/calls/{CALL}"),
    ("registrar", "/register/{today}"),
    ("dispatcher", "/rosters/{today}"),
    ("dispatcher", "/routes/{today}"),
    ("dispatcher", f"/calls/{CALL}"),
    ("contact_centre", "/board"),
    ("head", f"/calls/{CALL}"),
    ("complaints_officer", "/complaints"),
    ("complaints_officer", "/complaints/new"),
    ("doctor", "/today"),
    ("contact_centre", "/find?q=7000000123"),
    ("operator", "/health"),
]


@pytest.mark.parametrize(("role", "path"), PAGES)
def test_12_nothing_that_axe_finds_at_twice_the_size_and_on_a_phone(
    desk: LiveDesk, tab: Callable[..., Any], role: str, path: str
) -> None:
    open_the_clinic(desk)
    page = tab(role, path.format(today=TODAY).replace(CALL, CALLS[8]))
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:120]) for each in found] == []
    for width in (640, 390):  # 640: a screen of 1,280 at 200 %
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("language", "word"), [("kk", "Шақырулар"), ("ru", "Вызовы"), ("en", "Calls")])
def test_11_each_language_is_chosen_and_kept(desk: LiveDesk, tab: Callable[..., Any], language: str, word: str) -> None:
    page = tab("registrar", "/board")
    page.click(f'.languages button[value="{language}"]')
    page.wait_for_load_state()
    page.goto(desk.address + "/board")
    assert page.get_attribute("html", "lang") == language
    assert word in page.inner_text("h1")


def test_12_a_moved_visit_is_drawn_without_a_violation(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    open_the_clinic(desk)
    lose_a_doctor(desk)
    page = tab("dispatcher", f"/rosters/{TODAY}")
    assert page.locator("#moved-part tr[data-told]").count() == 3
    assert [each["id"] for each in axe.Axe().run(page).response["violations"]] == []


@pytest.mark.parametrize(("role", "path"), [("registrar", f"/calls/{CALL}"), ("dispatcher", "/rosters/{today}")])
def test_12_all_that_can_be_pressed_is_reached_by_tab_and_its_focus_seen(
    desk: LiveDesk, tab: Callable[..., Any], role: str, path: str
) -> None:
    open_the_clinic(desk)
    page = tab(role, path.format(today=TODAY).replace(CALL, CALLS[8]))
    wanted = page.evaluate(_PRESSED)
    page.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(len(wanted) + 5):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(_FOCUSED)
        reached.add(name)
        assert outline != "none" or not name, name
    assert set(wanted) <= reached


_NAME = "(each.id || each.name || each.getAttribute('href') || each.textContent.trim() || each.tagName)"
_PRESSED = f"""
[...document.querySelectorAll('a[href], button, input, select, summary')]
  .filter(each => each.type !== 'hidden' && each.checkVisibility()).map(each => {_NAME})
"""
_FOCUSED = f"""
(() => {{
  const each = document.activeElement;
  return each === document.body ? ['', 'none'] : [{_NAME}, getComputedStyle(each).outlineStyle];
}})()
"""


def test_13_a_login_and_a_logout(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab(None, "/board")
    page.wait_for_url("**/login?next=/board")
    page.fill("[name=username]", "registrar")
    page.fill("[name=password]", "not the password")
    page.keyboard.press("Enter")
    page.locator("[role=alert]").wait_for()
    page.context.add_cookies([desk.cookie("registrar")])
    page.goto(desk.address + "/board")
    page.click("#logout button")
    page.wait_for_url("**/login")
    page.goto(desk.address + "/board")
    page.wait_for_url("**/login?next=/board")
