"""Attempts with forged requests: other sites' forms, headers, methods and paths, and where a login leads (desk 13)."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from services.desk.domain.roles import RIGHTS, Role
from services.desk.users import ROLES
from services.desk.web.entry import back_to
from services.desk.web.pages import PAGES
from services.desk.web.site import Page
from tests.unit.desk.attempts import (
    DAY,
    MINE,
    MY_COMPLAINT,
    PHONE,
    THEIRS,
    two_clinics,
)
from tests.unit.desk.reception import Reception


@pytest.fixture
async def reception() -> Reception:
    return await two_clinics()


@pytest.mark.parametrize("page", [page for page in PAGES if page.method == "POST"], ids=lambda p: p.path)
async def test_every_form_asks_for_the_token_of_its_session(reception: Reception, page: Page) -> None:
    """CSRF: no token, another session's token, another user's token, another site with the right token."""
    role = next(role for role in ROLES if page.right is None or page.right in RIGHTS[role])
    browser, same_user, other_user = (reception.browser(each) for each in (role, role, "stranger"))
    address = (
        page.path.replace("{request_id}", MINE)
        .replace("{complaint_id}", MY_COMPLAINT)
        .replace("{date}", DAY)
        .replace("{step}", "assign")
    )
    mine = await browser.token()
    for token in ("", "0" * 64, "ы", await same_user.token(), await other_user.token()):
        assert (await browser.post(address, {}, csrf=token)).status_code == 403, token
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ):
        assert (await browser.post(address, {}, csrf=mine, **headers)).status_code == 403, headers
    assert reception.broker.sent == []
    assert reception.database.collection("actions").docs == {}
    assert (await browser.post(address, {}, csrf=mine, origin="https://desk.test")).status_code != 403


@pytest.mark.parametrize("role", ["registrar", "operator"])
async def test_no_link_changes_anything(reception: Reception, role: Role) -> None:
    """What is done is done by POST: a GET of its address, or HEAD, finds no page."""
    for page in PAGES:
        if page.method == "POST" and not any(each.path == page.path and each.method == "GET" for each in PAGES):
            address = page.path.replace("{request_id}", MINE).replace("{date}", DAY)
            answer = await reception.browser(role).get(address)
            assert answer.status_code in (403, 404, 405), page.path
    assert reception.database.collection("actions").docs == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"x-http-method-override": "POST"},
        {"x-method-override": "DELETE"},
        {"x-original-url": f"/calls/{THEIRS}"},
        {"x-rewrite-url": f"/calls/{THEIRS}"},
        {"x-forwarded-host": "evil.example"},
        {"x-forwarded-proto": "http"},
        {"x-forwarded-prefix": "//evil.example"},
        {"x-forwarded-for": "127.0.0.1"},
        {"host": "evil.example"},
        {"forwarded": "host=evil.example"},
    ],
    ids=lambda headers: next(iter(headers)),
)
async def test_headers_change_neither_method_address_nor_where_it_leads(
    reception: Reception, headers: dict[str, str]
) -> None:
    plain = await reception.browser("head").get(f"/calls/{MINE}")
    tricked = await reception.browser("head").get(f"/calls/{MINE}", **headers)
    assert tricked.status_code == 200
    assert _without_times(tricked.text) == _without_times(plain.text)
    nobody = await reception.browser(None).get(f"/calls/{MINE}", **headers)
    assert nobody.headers["location"] == f"/login?next=/calls/{MINE}"
    assert "evil" not in repr(nobody.headers)


def _without_times(page: str) -> str:
    found = re.sub(r'content="\d+"', "", page)
    found = re.sub(r'name="csrf" value="\w+"', "", found)
    return re.sub(r'name="action" value="[\w-]+"', "", found)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
async def test_other_methods_find_nothing(reception: Reception, method: str) -> None:
    answer = await reception.browser("head").client.request(method, f"/calls/{MINE}")
    assert answer.status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fusers.py",
        "/static/%2e%2e/%2e%2e/users.py",
        "/static/..%5c..%5cusers.py",
        "/static//etc/passwd",
        "/static/desk.js%00.css",
        "/calls/..%2f..%2fetc",
        f"/calls/{MINE}%2f..%2f{THEIRS}",
        f"/calls/{MINE}/../{THEIRS}",
        f"/calls//{MINE}",
        f"/calls/{MINE}/",
        f"/CALLS/{MINE}",
        f"/calls/{MINE};/answered",
        f"/calls/{MINE}%0d%0aSet-Cookie:%20a=b",
        f"/register/{DAY}.exe",
        f"/register/{DAY}%0d%0aX:%20y.pdf",
        "/register/..%2f..%2fetc%2fpasswd.pdf",
        "/rosters/0000-00-00",
        "/rosters/99999-01-01",
    ],
)
async def test_tricks_with_paths_find_nothing(reception: Reception, path: str) -> None:
    answer = await reception.browser("head").get(path)
    assert answer.status_code in (404, 405)
    assert "set-cookie" not in answer.headers
    assert "import" not in answer.text


@pytest.mark.parametrize("path", ["//evil.example/board", "/%2fevil.example", "/\\evil.example"])
async def test_an_address_with_two_slashes_leads_nowhere_else(reception: Reception, path: str) -> None:
    answer = await reception.browser(None).get(f"https://desk.test{path}")
    assert answer.status_code == 404
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/board\r\nSet-Cookie: a=b",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil.example",
        " //evil.example",
        "/login?next=https://evil.example",
        "/board?next=%68ttps://evil.example",
        "/[",
        "http://[evil",
        "",
    ],
)
async def test_next_leads_nowhere_else(reception: Reception, target: str) -> None:
    """Open redirect and header injection through ``next``."""
    answer = await reception.browser("registrar").client.get("/login", params={"next": target})
    place = urlsplit(answer.headers["location"])
    assert (place.scheme, place.netloc) == ("", "")
    assert answer.headers["location"].startswith("/")
    assert "evil" not in answer.headers["location"] or target == "/["
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "target", ["/board?date=2026-11-23", f"/calls/{MINE}", "/find", "/", "/calls/new?channel=desk"]
)
def test_next_leads_back(target: str) -> None:
    assert back_to(target) == target


async def test_who_is_led_to_the_login_comes_back_to_the_same_page(reception: Reception) -> None:
    answer = await reception.browser(None).get("/board?date=2026-11-23&clinic_id=a%26b")
    assert parse_qs(urlsplit(answer.headers["location"]).query)["next"] == ["/board?date=2026-11-23&clinic_id=a%26b"]


async def test_what_was_searched_for_stands_in_no_other_address(reception: Reception) -> None:
    answer = await reception.browser(None).client.get("/find", params={"q": PHONE})
    assert answer.headers["location"] == "/login?next=/find"
