"""A dispatcher places a visit by hand: what waits, what was refused, and what holds, all without a reload."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.browser.conftest import LiveDesk
from tests.browser.scene import CALLS, DOCTORS, NOW, TODAY, at, open_the_clinic, story
from tests.unit.desk.reception import HERE

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
CALL, (DOCTOR_ID, DOCTOR, SPECIALTY, _) = CALLS[2], DOCTORS[1]
REASON = "просит знакомого врача"


def choices(desk: LiveDesk) -> list[dict[str, Any]]:
    return [json.loads(each.value) for each in desk.sent("visit.assigned")]


def choose(page: Any, clock: str) -> None:
    page.click("#assign-box summary")
    page.select_option("#assign_doctor", DOCTOR_ID)
    page.fill("#assign_from", clock)
    page.fill("#assign_reason", REASON)
    page.locator("#assign_reason").press("Enter")


def heard(desk: LiveDesk, event_type: str, revision: int, **over: Any) -> None:
    """The scheduler's word on the visit, now by this desk's clock."""
    visit = dict(story(2))["visit.scheduled"]
    told = visit if event_type == "visit.rescheduled" else {"request_id": CALL, "clinic_id": HERE}
    desk.wait(desk.hear((event_type, told | {"revision": revision} | over), at=desk.clock.now()))


def test_a_choice_by_hand_from_the_form_to_its_release(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    open_the_clinic(desk)
    page = tab("dispatcher", f"/calls/{CALL}")
    page.click("#assign-box summary")
    page.fill("#assign_from", "25:99")
    page.fill("#assign_reason", REASON)
    page.locator("#assign_reason").press("Enter")
    page.locator("#assign-box .not-sent", has_text="Прийти с: время как ЧЧ:ММ").wait_for()
    page.click("#assign-box summary")
    choose(page, "15:00")
    page.locator("#choice-waits", has_text=f"{DOCTOR}, 15:00, «{REASON}»").wait_for()
    assert choices(desk)[0]["arrives_from"] == f"{TODAY}T15:00:00+05:00"
    why = {"by": "dispatcher", "basis": "dispatcher", "assigned_by": "Иванова Мария Петровна", "reason": REASON}
    there = {"doctor_id": DOCTOR_ID, "full_name": DOCTOR, "specialty": SPECIALTY}
    times = {"arrives_from": at(276), "arrives_to": at(396)}
    heard(desk, "visit.rescheduled", 2, basis="dispatcher", why=why, reason="assigned", doctor=there, **times)
    page.locator("#by-hand", has_text=f"Иванова Мария Петровна, «{REASON}»").wait_for()
    assert page.locator("#choice-waits").count() == 0
    page.click(f'form[action="/calls/{CALL}/release"] button')
    page.locator("#by-hand").wait_for(state="detached")
    assert [each.type for each in desk.sent()][-1] == "visit.released"


def test_a_choice_that_could_not_be_is_amended_or_the_nearest_taken(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    open_the_clinic(desk)
    page = tab("dispatcher", f"/calls/{CALL}")
    choose(page, "15:00")
    page.locator("#choice-waits").wait_for()
    nearest = {"doctor_id": DOCTOR_ID, "arrives_from": at(300), "arrives_to": at(420)}
    heard(desk, "visit.assignment-refused", 2, cause="breaks_promise", nearest=nearest)
    page.locator("#choice-refused", has_text="врач не успеет").wait_for()
    assert DOCTOR in page.inner_text("#choice-refused")
    assert [page.input_value(f"#assign_{name}") for name in ("doctor", "from", "reason")] == [
        DOCTOR_ID,
        "15:00",
        REASON,
    ]
    assert [(each["id"], each["nodes"][0]["html"][:120]) for each in axe.Axe().run(page).response["violations"]] == []
    board = tab("registrar", "/board")
    board.locator(f'tr[data-request-id="{CALL}"] .mark.red', has_text="выбор отклонён").wait_for()
    page.click("#assign-nearest button")
    desk.until(lambda: len(choices(desk)) == 2)
    second = choices(desk)[1]
    assert (second["doctor_id"], second["reason"]) == (DOCTOR_ID, REASON)
    assert datetime.fromisoformat(second["arrives_from"]) == NOW + timedelta(minutes=300)
    heard(desk, "visit.assignment-refused", 3, cause="no_room")
    page.locator("#choice-refused", has_text="больше нет мест").wait_for()
    page.click("#release button")
    page.locator("#choice-refused").wait_for(state="detached")
    board.locator(f'tr[data-request-id="{CALL}"] .mark.red').wait_for(state="detached")
