"""A role and a clinic at each address (desk 13): all addresses by all roles, and what is another clinic's."""

from __future__ import annotations

import pytest

from services.desk.domain.roles import RIGHTS, Role
from services.desk.users import ROLES
from services.desk.web.pages import PAGES
from services.desk.web.site import Page
from tests.factories import MONDAY
from tests.unit.desk.reception import ELSEWHERE, Reception, the_call

MINE, THEIRS = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f", "6f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
_STREAM = "/events"


def _name(page: Page) -> str:
    return f"{page.method} {page.path}"


def address(page: Page) -> str:
    return (
        page.path.replace("{request_id}", MINE)
        .replace("{complaint_id}", MINE)
        .replace("{date}", "2026-11-23")
        .replace("{step}", "assign")
    )


@pytest.fixture
async def reception() -> Reception:
    reception = Reception()
    await reception.hear(*the_call(MINE), *the_call(THEIRS, clinic_id=ELSEWHERE))
    return reception


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.path != _STREAM], ids=lambda page: f"{page.method} {page.path}"
)
async def test_each_role_at_each_address(reception: Reception, page: Page, role: Role) -> None:
    browser = reception.browser(role)
    answer = (await browser.get(address(page))) if page.method == "GET" else (await browser.post(address(page), {}))
    allowed = page.right is None or page.right in RIGHTS[role]
    assert (answer.status_code == 403) is not allowed, answer.text[:300]
    assert answer.status_code < 500


@pytest.mark.parametrize("page", PAGES, ids=_name)
async def test_nobody_is_led_to_the_login(reception: Reception, page: Page) -> None:
    browser = reception.browser(None)
    answer = (
        (await browser.get(address(page)))
        if page.method == "GET"
        else (await browser.post(address(page), {}, csrf="x"))
    )
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")


@pytest.mark.parametrize("role", ["registrar", "dispatcher", "complaints_officer", "head"])
async def test_another_clinics_call_is_not_there(reception: Reception, role: Role) -> None:
    browser = reception.browser(role)
    assert (await browser.get(f"/calls/{MINE}")).status_code == 200
    assert (await browser.get(f"/calls/{THEIRS}")).status_code == 404
    assert THEIRS not in (await browser.get("/board")).text
    assert THEIRS not in (await browser.get(f"/board/rows?ids={THEIRS}")).text
    assert f'data-request-id="{THEIRS}"' not in (await browser.get(f"/find?q={THEIRS}")).text
    assert THEIRS not in (await browser.get(f"/board?clinic_id={ELSEWHERE}")).text


async def test_nothing_is_done_about_another_clinics_call(reception: Reception) -> None:
    for step, fields in (
        ("answered", {}),
        ("withdraw", {"reason": "x"}),
        ("visit", {"outcome": "served"}),
        ("transfer", {"reason": "x", "to_clinic_id": ELSEWHERE}),
    ):
        assert (await reception.browser("head").post(f"/calls/{THEIRS}/{step}", fields)).status_code == 404
    assert reception.broker.sent == []


async def test_the_contact_centre_sees_all_and_changes_nothing(reception: Reception) -> None:
    browser = reception.browser("contact_centre")
    assert (await browser.get(f"/calls/{THEIRS}")).status_code == 200
    assert (await browser.post(f"/calls/{MINE}/withdraw", {"reason": "x"})).status_code == 403


async def test_a_doctor_reports_the_own_visits_only(reception: Reception) -> None:
    assert (await reception.browser("doctor").post(f"/calls/{MINE}/visit", {"outcome": "served"})).status_code == 303
    reception.users._entries = {name: entry for name, entry in reception.users._entries.items() if name != "doctor"}
    assert (await reception.browser("doctor").get("/today")).headers["location"].startswith("/login"), (
        "a removed user is out"
    )


@pytest.mark.parametrize("since", ["²", "-1", "1e9", "٣", "9" * 400, "0", ""])
async def test_any_moment_to_catch_up_from_is_answered(reception: Reception, since: str) -> None:
    answer = await reception.browser("registrar").client.get("/changes", params={"since": since})
    assert answer.status_code == 200, answer.text


async def test_who_names_a_call_of_another_clinic_first_does_not_hide_it(reception: Reception) -> None:
    claimed = "7f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
    at = MONDAY.isoformat()
    report = {"request_id": claimed, "clinic_id": ELSEWHERE, "at": at, "outcome": "served"}
    await reception.hear(("visit.reported", report), *the_call(claimed))
    page = await reception.browser("registrar").get(f"/calls/{claimed}")
    assert page.status_code == 200
    assert "Науқас 1" in page.text
    assert (await reception.browser("stranger").get(f"/calls/{claimed}")).status_code == 404
    # Once it is known whose it is, nobody else's word counts.
    await reception.hear(("visit.reported", report), ("request.withdrawn", report | {"reason": "x"}))
    assert (await reception.browser("registrar").get(f"/calls/{claimed}")).status_code == 200
