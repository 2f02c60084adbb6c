"""Attempts to see or change another clinic's data, with its ids at every address (desk 13)."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime

import pytest
from httpx import Response
from pypdf import PdfReader
from starlette.requests import Request

from services.desk.domain.roles import RIGHTS, Role
from services.desk.users import Entry
from services.desk.web import events
from services.desk.web.pages import PAGES
from services.desk.web.site import Page, visitor_of
from tests.unit.desk.attempts import (
    DAY,
    MINE,
    PHONE,
    SECRET,
    THEIR_COMPLAINT,
    THEIRS,
    two_clinics,
)
from tests.unit.desk.reception import ELSEWHERE, Reception, a_form


@pytest.fixture
async def reception() -> Reception:
    return await two_clinics()


def addresses(page: Page) -> list[str]:
    """An address with the other clinic's ids, in the path and as parameters that nobody offers."""
    steps = ("assign", "executed", "answer", "refuse")
    dates = (
        [DAY, *(f"{DAY}.{kind}" for kind in ("pdf", "csv"))]
        if page.path.startswith(("/register", "/routes"))
        else [DAY]
    )
    paths = [
        page.path.replace("{request_id}", THEIRS)
        .replace("{complaint_id}", THEIR_COMPLAINT)
        .replace("{date}", date)
        .replace("{step}", step)
        for date in dates
        for step in (steps if "{step}" in page.path else ("",))
    ]
    query = f"clinic_id={ELSEWHERE}&clinic={ELSEWHERE}&ids={THEIRS},{MINE}&date={DAY}&since=1&request_id={THEIRS}"
    return [f"{path}?{query}" for path in dict.fromkeys(paths)]


def shown(answer: Response) -> str:
    """What is to be read in an answer, on paper too."""
    if answer.headers.get("content-type") != "application/pdf":
        return answer.text
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)


async def test_the_check_reads_printed_documents(reception: Reception) -> None:
    stranger = reception.browser("stranger")
    assert SECRET in shown(await stranger.get(f"/register/{DAY}.pdf"))
    assert SECRET in shown(await stranger.get(f"/register/{DAY}"))


@pytest.mark.parametrize("role", ["registrar", "dispatcher", "complaints_officer", "head", "doctor"])
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.path != "/events"], ids=lambda p: f"{p.method} {p.path}"
)
async def test_another_clinics_ids_show_nothing_at_any_address(reception: Reception, page: Page, role: Role) -> None:
    """Calls, complaints, rosters, routes, changes, rows of the board and printed documents."""
    browser = reception.browser(role)
    token = await browser.token()
    for address in addresses(page):
        if page.method == "GET":
            answer = await browser.get(address)
        else:
            fields = {
                "clinic_id": ELSEWHERE,
                "request_id": THEIRS,
                "complaint_id": THEIR_COMPLAINT,
                "reason": "x",
                "outcome": "served",
                "executor_full_name": "x",
                "executor_position": "x",
                "measures": "x",
                "text": "x",
                "decision": "upheld",
                "sent_by": "by_hand",
                "grounds": "x",
                "iin": "850715100000",
            }
            answer = await browser.post(address, fields, csrf=token)
        text = shown(answer)
        assert SECRET not in text, address
        assert PHONE not in text, address
        about = "{request_id}" in page.path or "{complaint_id}" in page.path
        if about and page.right in RIGHTS[role]:
            assert answer.status_code == 404, address
    await reception.outbox.send()
    assert all(event.subject not in (THEIRS, THEIR_COMPLAINT) for event in reception.broker.sent)


@pytest.mark.parametrize("asked", [THEIRS, THEIR_COMPLAINT, "2026-77", PHONE, SECRET, "Құпия", "999 88 77"])
@pytest.mark.parametrize("role", ["registrar", "dispatcher", "complaints_officer", "head"])
async def test_nothing_of_another_clinic_is_found(reception: Reception, role: Role, asked: str) -> None:
    answer = await reception.browser(role).client.get("/find", params={"q": asked})
    found = answer.text.replace(f'value="{asked}"', "")
    assert not any(each in found for each in (THEIRS, THEIR_COMPLAINT, SECRET))


async def test_what_another_clinic_has_typed_and_not_sent_is_not_there(reception: Reception) -> None:
    """Before anybody has heard of it, a call or complaint belongs to the clinic whose people typed it."""
    new = "9f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
    assert (await reception.browser("stranger").post("/calls/new", a_form(request_id=new))).status_code == 303
    head = reception.browser("head")
    assert (await head.get(f"/calls/{new}")).status_code == 404
    for step, fields in (
        ("answered", {}),
        ("withdraw", {"reason": "x"}),
        ("visit", {"outcome": "served"}),
        ("transfer", {"reason": "x", "to_clinic_id": "samal-1"}),
    ):
        assert (await head.post(f"/calls/{new}/{step}", fields)).status_code == 404
    assert (await reception.browser("contact_centre").get(f"/calls/{new}")).status_code == 200
    await reception.outbox.send()
    assert [event.type for event in reception.broker.sent] == ["request.submitted"]


@pytest.mark.parametrize("change", ["removed", "another clinic", "another role", "signed out"])
async def test_a_stream_says_nothing_more_to_who_may_not_hear_it(reception: Reception, change: str) -> None:
    """An open stream of the clinic's changes ends with the next word once its user was removed or changed."""
    cookie = "; ".join(f"{name}={value}" for name, value in reception.browser("registrar").client.cookies.items())
    headers = [(b"cookie", cookie.encode())]
    request = Request({"type": "http", "method": "GET", "path": "/events", "query_string": b"", "headers": headers})
    visitor = visitor_of(reception.site, request)
    assert visitor is not None
    stream = events._stream(reception.site, request, visitor, None)
    assert b"hello" in await anext(stream)
    entries, user = dict(reception.users._entries), visitor.user
    match change:
        case "removed":
            del entries["registrar"]
        case "another clinic":
            entries["registrar"] = Entry(replace(user, clinic_id=ELSEWHERE), "")
        case "another role":
            entries["registrar"] = Entry(replace(user, role="dispatcher"), "")
        case "signed out":
            await reception.stores.signed_in.end(user.name, visitor.session.nonce, datetime.now().astimezone())
    reception.users._entries = entries
    for listener in list(reception.live._listeners):
        listener.tell(b"a change")
    assert b"signed-out" in await anext(stream)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
