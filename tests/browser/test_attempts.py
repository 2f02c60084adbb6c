"""Hostile texts in a real browser: whatever is typed or heard is shown, and nothing of it runs (desk 13)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher

from services.desk.domain.roles import User
from services.desk.sessions import COOKIE
from services.desk.users import Entry
from tests.browser.conftest import LiveDesk, a_roster, story
from tests.unit.desk.attempts import a_complaint
from tests.unit.desk.reception import HERE

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
CALL, COMPLAINT = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f", "7f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
RUN = "window.hacked=(window.hacked||0)+1"
HOSTILE = (
    f'"\'><script>{RUN}</script><img src=x onerror="{RUN}"></textarea></option></select></title>'
    f"<svg onload={RUN}></svg>{{{{ 7*7 }}}}"
)
NAME = HOSTILE[:290]


def hostile_call(desk: LiveDesk) -> list[tuple[str, dict[str, Any]]]:
    """A call whose every text is hostile."""
    told = dict.fromkeys(("kk", "ru", "en"), HOSTILE)
    person = {"full_name": NAME, "phone": "+7 700 000 01 23", "language": "ru"}
    found = []
    for kind, data in story(CALL, 1, desk.clock.now()):
        over = {
            "request.accepted": {
                "patient": person,
                "applicant": person,
                "address": {"text": HOSTILE, "flat": HOSTILE[:20], "district_id": "d1"},
                "note": HOSTILE,
            },
            "visit.scheduled": {
                "doctor": {"doctor_id": "gp-1", "full_name": NAME, "specialty": "gp"},
                "reason": HOSTILE,
            },
            "status.changed": {"text": told},
            "journal.entry": {"patient_name": NAME, "oral_answer": told},
        }
        found.append((kind, data | over[kind]))
    return found


def hostile_complaint() -> list[tuple[str, dict[str, Any]]]:
    person = {"full_name": NAME, "language": "ru", "postal_address": HOSTILE}
    return a_complaint(COMPLAINT, HERE, CALL, complainant=person, text=HOSTILE)


def watched(page: Any) -> list[str]:
    """What a page did that no page of ours does: a dialog, or a script that the policy had to stop."""
    found: list[str] = []
    page.on("dialog", lambda dialog: (found.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda line: found.append(line.text) if "Content Security Policy" in line.text else None)
    return found


def test_the_hostile_text_would_run_where_nothing_stops_it(tab: Callable[..., Any]) -> None:
    page = tab("head", "/find")
    page.goto("about:blank")
    page.set_content(f"<p>{HOSTILE}</p>")
    page.wait_for_function("window.hacked >= 2")


def test_13_no_script_in_what_is_heard_runs_on_any_page(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    page = tab("head", "/board")
    seen = watched(page)
    today = desk.today
    roster = a_roster(today)
    roster[1]["doctors"][0]["full_name"] = NAME
    # The board is open and takes it up as it comes; then each page is drawn with it.
    desk.heard(*hostile_call(desk), *hostile_complaint(), roster)
    page.wait_for_selector(f'[data-request-id="{CALL}"]')
    pages = [f"/calls/{CALL}", "/complaints", f"/complaints/{COMPLAINT}", f"/complaints/{COMPLAINT}/taken"]
    pages += [f"/routes/{today}", f"/rosters/{today}", f"/register/{today}", f"/find?q={CALL}", "/board"]
    for path in pages:
        page.goto(desk.address + path)
        page.wait_for_load_state()
        assert page.evaluate("window.hacked") is None, path
        assert page.locator("script:not([src])").count() == 0, path
        assert page.locator("img[src=x], svg[onload]").count() == 0, path
    assert "<script>" in page.inner_text("body"), "it is shown as it was typed"
    assert seen == []


def test_13_no_script_that_is_typed_runs(tab: Callable[..., Any]) -> None:
    """Typed, kept as a draft, restored, refused with its errors, and taken."""
    page = tab("registrar", "/calls/new")
    seen = watched(page)
    for name in ("full_name", "address", "entrance", "flat", "intercom", "note"):
        page.fill(f"#{name}", HOSTILE[:200])
    page.fill("#iin", "850715100000")
    page.reload()
    page.wait_for_function("document.getElementById('full_name').value.includes('<script>')")
    page.keyboard.press("F8")
    page.wait_for_selector("#summary, .invalid")
    assert page.evaluate("window.hacked") is None
    assert page.input_value("#full_name").startswith("\"'><script>")
    assert seen == []


@pytest.mark.parametrize(
    ("role", "path"),
    [
        ("complaints_officer", f"/complaints/{COMPLAINT}"),
        ("registrar", f"/complaints/{COMPLAINT}/taken"),
        (None, "/login"),
        (None, "/login/oidc/callback"),
    ],
)
def test_12_axe_finds_nothing_on_complaints_and_the_login(
    desk: LiveDesk, tab: Callable[..., Any], role: str | None, path: str
) -> None:
    desk.heard(*story(CALL, 1, desk.clock.now()), *a_complaint(COMPLAINT, HERE, CALL))
    page = tab(role, path)
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:120]) for each in found] == []
    for width in (640, 390):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_session_cookie_is_not_to_be_read_by_scripts(tab: Callable[..., Any]) -> None:
    assert tab("registrar", "/board").evaluate("document.cookie") == ""


def test_the_login_works_and_its_cookie_is_this_hosts_alone(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    """``__Host-``: no other site of the domain, and no plain http, can plant a session."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    desk.site.users._entries = {"gulnar": Entry(User("gulnar", "Гүлнар", "registrar", HERE), hasher.hash("a password"))}
    page = tab(None, "/calls/new?channel=desk")
    assert "/login?next=" in page.url
    page.fill("#username", "Gulnar")
    page.fill("#password", "a password")
    page.keyboard.press("Enter")
    page.wait_for_url("**/calls/new?channel=desk")
    (cookie,) = [each for each in page.context.cookies() if each["name"] == COOKIE]
    assert cookie["name"].startswith("__Host-")
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, True, "Lax", "/")
