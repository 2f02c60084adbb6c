"""Every page for every role: nothing that axe finds, three languages, a narrow screen, and a large type."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import LiveDesk, story

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
CALL = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
PAGES = [
    ("registrar", "/board"),
    ("registrar", "/calls/new"),
    ("registrar", f"/calls/{CALL}"),
    ("registrar", "/register/{today}"),
    ("dispatcher", "/rosters/{today}"),
    ("dispatcher", "/routes/{today}"),
    ("complaints_officer", "/complaints"),
    ("complaints_officer", "/complaints/new"),
    ("doctor", "/today"),
    ("contact_centre", "/find?q=7000000123"),
    ("operator", "/health"),
]


@pytest.mark.parametrize(("role", "path"), PAGES)
def test_12_axe_finds_nothing(desk: LiveDesk, tab: Callable[..., Any], role: str, path: str) -> None:
    desk.wait(desk.hear(*story(CALL, 1, desk.clock.at)))
    page = tab(role, path.format(today=desk.clock.at.date().isoformat()))
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:120]) for each in found] == []


@pytest.mark.parametrize(("language", "word"), [("kk", "Шақырулар"), ("ru", "Вызовы"), ("en", "Calls")])
def test_11_each_language_is_chosen_and_kept(desk: LiveDesk, tab: Callable[..., Any], language: str, word: str) -> None:
    page = tab("registrar", "/board")
    page.click(f'.languages button[value="{language}"]')
    page.wait_for_load_state()
    page.goto(desk.address + "/board")
    assert page.get_attribute("html", "lang") == language
    assert word in page.inner_text("h1")


@pytest.mark.parametrize(("role", "path"), [("doctor", "/today"), ("contact_centre", "/find?q=7000000123")])
def test_12_a_narrow_screen_needs_no_sideways_scrolling(
    desk: LiveDesk, tab: Callable[..., Any], role: str, path: str, tmp_path: Path
) -> None:
    desk.wait(desk.hear(*story(CALL, 1, desk.clock.at)))
    page = tab(role, path, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=tmp_path / "narrow.png")


def test_12_everything_at_twice_the_size(tab: Callable[..., Any]) -> None:
    page = tab("registrar", "/calls/new", viewport={"width": 640, "height": 450})
    assert page.evaluate("document.documentElement.scrollWidth") <= 640


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
