"""Attempts with forms and texts: too large, too slow, of another kind, with scripts and formulas in them (desk 13)."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import MutableMapping
from html.parser import HTMLParser
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from homecall.runtime.http import application
from services.desk.domain.roles import RIGHTS
from services.desk.users import ROLES
from services.desk.web import site as web
from services.desk.web.pages import PAGES
from tests.unit.desk.attempts import (
    DAY,
    MINE,
    MY_COMPLAINT,
    SCRIPTS,
    THEIR_COMPLAINT,
    a_complaint,
    a_roster,
    two_clinics,
)
from tests.unit.desk.reception import HERE, Reception, the_call


@pytest.fixture
async def reception() -> Reception:
    return await two_clinics()


async def test_a_form_that_is_too_large_is_refused_before_it_is_all_there(reception: Reception) -> None:
    browser = reception.browser("registrar")
    token = await browser.token()
    read = 0

    async def body() -> Any:
        nonlocal read
        for _ in range(1_000):
            read += 1
            yield b"x" * 65_536

    answer = await browser.client.post(
        "/calls/new", content=body(), headers={"content-type": "application/x-www-form-urlencoded", "x-token": token}
    )
    assert answer.status_code == 413
    scope = _scope("/calls/new", reception)
    served = 0

    async def receive() -> MutableMapping[str, Any]:
        nonlocal served
        served += 1
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    sent: list[MutableMapping[str, Any]] = []
    await reception.app(scope, receive, _into(sent))
    assert sent[0]["status"] == 413
    assert served <= 6, "no more is read than a form may have"


async def test_a_body_that_trickles_is_given_up(reception: Reception, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow body: the connection is not held for longer than a form may take."""
    monkeypatch.setattr(web, "FORM_SECONDS", 0.05)
    sent: list[MutableMapping[str, Any]] = []
    parts = 0

    async def receive() -> MutableMapping[str, Any]:
        nonlocal parts
        parts += 1
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"a", "more_body": True}

    async with asyncio.timeout(5):
        await reception.app(_scope("/calls/new", reception), receive, _into(sent))
    assert sent[0]["status"] == 408
    assert parts < 20


def _scope(path: str, reception: Reception) -> dict[str, Any]:
    cookie = reception.browser("registrar").client.cookies
    line = "; ".join(f"{each.name}={each.value}" for each in cookie.jar)
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "https",
        "query_string": b"",
        "headers": [
            (b"host", b"desk.test"),
            (b"cookie", line.encode()),
            (b"content-type", b"application/x-www-form-urlencoded"),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("desk.test", 443),
        "http_version": "1.1",
    }


def _into(sent: list[MutableMapping[str, Any]]) -> Any:
    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    return send


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"csrf": 1}'),
        ("text/plain", b"csrf=1"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n1\r\n--x--\r\n',
        ),
        ("application/xml", b"<a/>"),
    ],
)
async def test_a_form_of_another_content_type_is_refused(reception: Reception, kind: str, body: bytes) -> None:
    answer = await reception.browser("registrar").client.post(
        "/calls/new", content=body, headers={"content-type": kind}
    )
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "body", [b"a=1&" * 3_000, b"\xff\xfe=1", b"a=1;b=2&" * 2_001], ids=["many fields", "no UTF-8", "semicolons"]
)
async def test_a_form_with_too_many_fields_or_no_text_is_refused(reception: Reception, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await reception.browser("registrar").client.post("/calls/new", content=body, headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize("text", SCRIPTS)
async def test_a_script_in_any_field_of_any_form_is_shown_as_text(reception: Reception, text: str) -> None:
    """Each form is sent with the script in every field: the page that says what is wrong shows it escaped."""
    browser = reception.browser("head")
    for form in await _forms(browser):
        fields = dict.fromkeys(form["fields"], text) | {"csrf": await browser.token()}
        answer = await browser.client.post(form["action"], data=fields)
        assert answer.status_code < 500, form["action"]
        _harmless(answer.text)


PAGES_WITH_FORMS = (
    "/calls/new",
    f"/calls/{MINE}",
    "/complaints/new",
    f"/complaints/{MY_COMPLAINT}",
    f"/rosters/{DAY}",
    "/board",
)


async def _forms(browser: Any) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for page in PAGES_WITH_FORMS:
        text = (await browser.get(page)).text
        for action, body in re.findall(
            r'<form[^>]*method="post"[^>]*action="([^"]+)"[^>]*>(.*?)</form>', text, re.DOTALL
        ):
            if action not in ("/logout",):
                fields = set(re.findall(r'<(?:input|select|textarea|button)[^>]*\bname="([^"]+)"', body))
                found.setdefault(action, {"action": action, "fields": set()})["fields"] |= fields
    assert len(found) >= 8, sorted(found)
    return list(found.values())


class _Tags(HTMLParser):
    """What a browser would make of a page: its tags with their attributes, and its texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))


async def test_each_number_among_the_attributes_is_one(reception: Reception) -> None:
    """A browser passes over ``maxlength=&#34;20&#34;`` without a word."""
    found = []
    for page in PAGES_WITH_FORMS:
        parser = _Tags()
        parser.feed((await reception.browser("head").get(page)).text)
        for tag, attributes in parser.tags:
            for name in {"maxlength", "minlength", "size", "rows", "cols", "colspan", "tabindex"} & attributes.keys():
                found.append(name)
                assert attributes[name].lstrip("-").isdecimal(), (page, tag, attributes)
    assert "maxlength" in found


def _harmless(page: str) -> None:
    parser = _Tags()
    parser.feed(page)
    for tag, attributes in parser.tags:
        assert tag != "script" or attributes["src"].startswith("/static/"), attributes
        assert tag not in ("iframe", "object", "embed", "base"), tag
        assert (tag, attributes.get("src")) != ("img", "x")
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, attributes)
            scheme = value.strip().lower().partition(":")[0]
            assert name not in ("href", "src", "action", "formaction") or scheme not in ("javascript", "data"), value
    assert ">49<" not in page, "a template inside of a template"


def test_the_check_sees_a_script() -> None:
    for page in ("<script>alert(1)</script>", "<img src=x>", "<p onclick=a>", '<a href="javascript:x">', "<b>49</b>"):
        with pytest.raises((AssertionError, KeyError)):
            _harmless(page)


@pytest.mark.parametrize("text", SCRIPTS)
async def test_a_script_in_what_is_heard_is_shown_as_text(reception: Reception, text: str) -> None:
    """In every text of a call, a complaint and a roster, on every page that shows them."""
    other = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4eff"
    person = {"full_name": text, "phone": text[:30], "language": "ru"}
    (kind, decision), (visit, planned), (told, status), (line, entry) = the_call(other, number=2)
    trilingual = dict.fromkeys(("kk", "ru", "en"), text)
    await reception.hear(
        (
            kind,
            decision
            | {"patient": person, "applicant": person, "address": {"text": text, "flat": text[:20]}, "note": text},
        ),
        (visit, planned | {"doctor": {"doctor_id": "gp-1", "full_name": text, "specialty": "gp"}, "reason": text}),
        (told, status | {"text": trilingual}),
        (line, entry | {"patient_name": text, "oral_answer": trilingual, "phone": text[:30]}),
        *a_complaint(THEIR_COMPLAINT[:-1] + "e", HERE, other, text=text, complainant=person | {"postal_address": text}),
        ("roster.published", a_roster(HERE, text)[1] | {"revision": 2}),
    )
    complaint = THEIR_COMPLAINT[:-1] + "e"
    for role, pages in {
        "head": [
            *("/board", f"/calls/{other}", f"/register/{DAY}", f"/routes/{DAY}", f"/rosters/{DAY}", "/complaints"),
            *(f"/complaints/{complaint}", f"/find?q={other}", f"/complaints/new?request_id={text}", f"/board?q={text}"),
        ],
        "doctor": ["/today"],
    }.items():
        for page in pages:
            answer = await reception.browser(role).get(page)
            assert answer.status_code == 200, page
            _harmless(answer.text)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "＝", "'="])
async def test_a_cell_of_the_register_is_no_formula(reception: Reception, start: str) -> None:
    """CSV injection: a patient's name that a spreadsheet would take for a formula."""
    name = f'{start}HYPERLINK("https://evil.example","x")'
    (kind, decision), *_, (line, entry) = the_call(MINE[:-1] + "a", number=3)
    await reception.hear(
        (kind, decision | {"patient": {"full_name": name, "language": "ru"}}), (line, entry | {"patient_name": name})
    )
    answer = await reception.browser("head").get(f"/register/{DAY}.csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    cells = [cell for row in rows for cell in row if "HYPERLINK" in cell]
    assert cells
    assert all(cell.startswith("'") for cell in cells)


@pytest.mark.parametrize("path", [f"/register/{DAY}.csv", f"/register/{DAY}.pdf", f"/routes/{DAY}.pdf"])
async def test_downloads_are_kept_by_no_cache_and_named_by_us(reception: Reception, path: str) -> None:
    answer = await reception.browser("head").get(path)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    name = answer.headers.get("content-disposition", "")
    assert re.fullmatch(r'|(inline|attachment); filename="[a-z0-9.-]+"', name), name


async def test_every_page_keeps_caches_frames_and_scripts_out(reception: Reception) -> None:
    for page in PAGES:
        if page.method == "POST" or page.path == "/events":
            continue
        role = next(role for role in ROLES if page.right is None or page.right in RIGHTS[role])
        address = page.path.replace("{request_id}", MINE).replace("{complaint_id}", MY_COMPLAINT).replace("{date}", DAY)
        answer = await reception.browser(role).get(address)
        assert answer.headers["cache-control"] == "no-store", page.path
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", answer.text), page.path


async def test_what_a_proxy_lets_through_is_not_told_how_we_are() -> None:
    """`/metrics` and the like are for the cluster: a request that came through a proxy finds nothing there."""
    async with AsyncClient(transport=ASGITransport(application([])), base_url="https://desk.test") as client:
        assert (await client.get("/metrics")).status_code == 200
        for path in ("/metrics", "/livez", "/readyz"):
            assert (await client.get(path, headers={"x-forwarded-for": "192.0.2.1"})).status_code == 404
