"""Finding a call or a complaint: by id, number, phone and name, with nothing of it in logs, metrics or addresses."""

from __future__ import annotations

import logging
import sys
import urllib.parse
from datetime import timedelta

import httpx
import pytest
import structlog
from prometheus_client import generate_latest

from homecall.runtime.failures import Transient
from homecall.runtime.http import listen, serving
from homecall.runtime.logs import set_up_logs
from services.desk.domain.retention import call_remains
from services.desk.web.pages import routes
from tests.factories import MONDAY
from tests.unit.desk.attempts import a_complaint
from tests.unit.desk.reception import ELSEWHERE, HERE, Reception, the_call

CALL, THEIRS = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f", "6f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
COMPLAINT = "7f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
NAME = "Әбілқайыр-Ёлкин Ұлпан Іңкәрқызы"
PHONE = "+7 700 123 45 67"


@pytest.fixture
async def reception() -> Reception:
    reception = Reception()
    for request_id, clinic_id in ((CALL, HERE), (THEIRS, ELSEWHERE)):
        (kind, decision), *others = the_call(request_id, clinic_id=clinic_id, number=12)
        person = {"full_name": NAME, "phone": PHONE, "language": "kk"}
        await reception.hear((kind, decision | {"patient": person}), *others)
    person = {"full_name": NAME, "phone": PHONE, "language": "kk"}
    await reception.hear(*a_complaint(COMPLAINT, HERE, CALL, complainant=person))
    return reception


@pytest.mark.parametrize(
    "asked",
    [
        CALL,
        CALL.upper(),
        "12",
        "№ 12",
        "No. 12",
        "8 (700) 123-45-67",
        "77001234567",
        "Ұлпан",
        "ұлпан",
        "ҰЛПАН ІҢКӘР",
        "әбілқайыр",
        "елкин ұлп",
        "ЁЛКИН",
        "  іңкәрқызы   әбіл ",
        "Әбілқайыр-Ёлкин Ұлпан Іңкәрқызы",
    ],
)
async def test_a_call_is_found(reception: Reception, asked: str) -> None:
    browser = reception.browser("registrar")
    for answer in (await browser.client.get("/find", params={"q": asked}), await browser.post("/find", {"q": asked})):
        assert f'data-request-id="{CALL}"' in answer.text
        assert THEIRS not in answer.text


@pytest.mark.parametrize(
    "asked", ["Улпан", "лпан", "13", "8 (700) 123-45-68", "ұлпан жоқ", "2026-78", "ы", "%", "$gt", "."]
)
async def test_what_is_not_there_is_not_found(reception: Reception, asked: str) -> None:
    answer = await reception.browser("head").client.get("/find", params={"q": asked})
    assert answer.status_code == 200
    assert "data-request-id" not in answer.text
    assert "data-complaint-id" not in answer.text


@pytest.mark.parametrize("asked", [COMPLAINT, "2026-77", PHONE, "ұлпан"])
async def test_a_complaint_is_found(reception: Reception, asked: str) -> None:
    answer = await reception.browser("complaints_officer").post("/find", {"q": asked})
    assert f'data-complaint-id="{COMPLAINT}"' in answer.text
    assert COMPLAINT not in (await reception.browser("registrar").post("/find", {"q": asked})).text.replace(asked, "")


@pytest.mark.parametrize(("asked", "found"), [("12", 2), (PHONE, 2), (THEIRS, 1), ("Ұлпан", 0)])
async def test_the_contact_centre_finds_at_all_clinics_by_number_and_phone(
    reception: Reception, asked: str, found: int
) -> None:
    answer = await reception.browser("contact_centre").post("/find", {"q": asked})
    assert answer.text.count("data-request-id=") == found


async def test_a_number_is_that_of_the_last_week(reception: Reception) -> None:
    reception.clock.at = MONDAY + timedelta(days=8)
    assert "data-request-id" not in (await reception.browser("registrar").post("/find", {"q": "12"})).text


async def test_a_name_is_found_after_months_and_no_more_once_it_was_erased(reception: Reception) -> None:
    reception.clock.at = MONDAY + timedelta(days=100)
    assert CALL in (await reception.browser("registrar").post("/find", {"q": "Ұлпан"})).text
    stores = reception.stores.calls
    (kept,) = (await stores.load([CALL])).values()
    assert kept.state is not None
    kept.state = call_remains(kept.state)
    await stores.save([kept])
    assert CALL not in (await reception.browser("registrar").post("/find", {"q": "Ұлпан"})).text
    assert "ұлп" not in repr(reception.database.collection("calls").docs[CALL])


async def test_what_was_searched_for_stands_in_no_log_and_no_metric(
    reception: Reception,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """Served as in production: found, not found, refused, failing by the database and by a fault of ours."""

    class OfTheDesk:
        name, receives, not_found = "desk", {}, None
        routes = routes(reception.site)

    async def fails(query: object, **_: object) -> None:
        raise errors.pop()(str(query))

    errors = [ValueError, lambda _: Transient("database", ConnectionError(), "127.0.0.1:27017")]
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers)
    monkeypatch.setattr(root, "level", root.level)
    request.addfinalizer(structlog.reset_defaults)
    set_up_logs("debug", sys.stderr)
    secrets = ("Ұлпан", PHONE, "850715100000")
    listening = listen("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    cookies = dict(reception.browser("registrar").client.cookies)
    async with serving([OfTheDesk()], listening), httpx.AsyncClient(base_url=address) as client:  # type: ignore[list-item]
        line = {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        for asked in secrets:
            assert (await client.get("/find", params={"q": asked}, headers=line)).status_code == 200
            assert (await client.get("/find", params={"q": asked})).status_code == 303
            assert (await client.get("/nowhere", params={"q": asked}, headers=line)).status_code == 404
        monkeypatch.setattr(reception.stores.calls, "find", fails)
        statuses = [(await client.get("/find", params={"q": "Ұлпан"}, headers=line)).status_code for _ in range(2)]
        assert statuses == [503, 500]
    said = "".join(capfd.readouterr())
    assert "page failed" in said, "the log is heard"
    metrics = generate_latest().decode()
    assert 'homecall_desk_page_seconds_count{page="find"}' in metrics
    for asked in secrets:
        for form in (asked, urllib.parse.quote(asked), urllib.parse.quote_plus(asked), asked.lower()):
            assert form not in said, asked
            assert form not in metrics, asked
