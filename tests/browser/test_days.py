"""A doctor's day: who was moved and whom somebody has to phone, for all who work there; and the doctor's phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.browser.conftest import LiveDesk, a_roster, moved, story

BY_SMS, BY_PHONE, NOWHERE = (f"5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e0{number}" for number in range(3))


def three_calls(desk: LiveDesk) -> None:
    """Three visits of one doctor: a mobile, a fixed line, and a third."""
    desk.site.sms_statuses = ("rescheduled", "delayed")
    desk.heard(a_roster(desk.today))
    for number, call in enumerate((BY_SMS, BY_PHONE, NOWHERE), start=1):
        (kind, decision), *later = story(call, number, desk.clock.at)
        if call == BY_PHONE:
            decision["patient"] |= {"phone": "8 727 250 00 00"}
        desk.heard((kind, decision), *later)


def the_doctor_drops_out(desk: LiveDesk) -> None:
    """What the scheduler and the notifier say then: two move, one finds no place."""
    desk.heard(*moved(BY_SMS, desk.clock.at), *moved(BY_PHONE, desk.clock.at))
    who = {"request_id": NOWHERE, "clinic_id": "samal-1", "revision": 2}
    desk.heard(("visit.unplaced", who | {"cause": "no_capacity", "since": desk.clock.at.isoformat()}))


def test_9_a_sick_doctor_leads_to_a_list_of_whom_to_phone(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    three_calls(desk)
    page, other = tab("dispatcher", f"/rosters/{desk.today}"), tab("head", f"/rosters/{desk.today}")
    page.select_option("#doctor_id_away", "gp-1")
    page.fill("#reason_away", "Ауырып қалды")
    page.press("#reason_away", "Enter")
    page.wait_for_url("**/rosters/*#moved")
    the_doctor_drops_out(desk)
    rows = page.locator("#moved-part tr[data-request-id]")
    rows.nth(2).wait_for()
    assert [event.type for event in desk.sent()] == ["doctor.unavailable"]
    row = page.locator(f'#moved-part tr[data-request-id="{BY_SMS}"]')
    was, becomes = (row.locator("td").nth(column).inner_text() for column in (0, 1))
    assert "Дәрігер Бірінші" in was
    assert "Дәрігер Екінші" in becomes
    assert "врач выбыл" in becomes
    assert was.split("\n")[0] != becomes.split("\n")[0], "from when to when"
    assert "+77000000123" in row.locator(".told").inner_text()
    told = {each.get_attribute("data-request-id"): each.get_attribute("data-told") for each in rows.all()}
    assert told == {BY_SMS: "sms", BY_PHONE: "no", NOWHERE: "no"}
    assert "2" in page.inner_text("#moved-part [role=status]"), "so many have to be phoned"
    # What one ticks off, all see; and it can be taken back.
    page.locator(f'tr[data-request-id="{BY_PHONE}"]').get_by_role("button").click()
    ticked = other.locator(f'tr[data-request-id="{BY_PHONE}"][data-told="phone"]')
    ticked.wait_for()
    assert "dispatcher Аты" in ticked.inner_text()
    ticked.get_by_role("button").click()
    page.locator(f'tr[data-request-id="{BY_PHONE}"][data-told="no"]').wait_for()
    other.reload()
    assert other.locator('tr[data-told="phone"]').count() == 0


def test_9_where_no_sms_goes_out_everybody_is_to_be_phoned(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    three_calls(desk)
    desk.site.sms_statuses = ()
    the_doctor_drops_out(desk)
    page = tab("dispatcher", f"/rosters/{desk.today}")
    assert page.locator('#moved-part tr[data-told="no"]').count() == 3


def test_12_a_doctor_reports_with_one_thumb(desk: LiveDesk, tab: Callable[..., Any]) -> None:
    desk.heard(*story(BY_SMS, 1, desk.clock.at), *story(BY_PHONE, 2, desk.clock.at))
    page = tab("doctor", "/", viewport={"width": 390, "height": 844}, has_touch=True)
    first = page.locator("#my-day > li").first
    assert first.evaluate("each => each.classList.contains('next')")
    small = page.locator("#my-day a, #my-day button, #my-day summary").evaluate_all(
        "all => all.filter(each => each.checkVisibility() && each.getBoundingClientRect().height < 44)"
        ".map(each => each.outerHTML)"
    )
    assert small == [], "each can be met with a thumb"
    assert "tel:" in (first.locator("a").first.get_attribute("href") or "")
    first.locator("button.main").tap()
    page.locator(f'li[data-request-id="{BY_SMS}"] .unsent, li[data-request-id="{BY_SMS}"] .done').wait_for()
    desk.until(lambda: [event.type for event in desk.sent()] == ["visit.reported"])
    assert page.locator("#my-day > li.next").get_attribute("data-request-id") == BY_PHONE
