"""What people do: stored first, sent once and in order, whatever is away (desk 3, 4)."""

from __future__ import annotations

import json

import pytest

from homecall.runtime.failures import Transient
from tests.unit.desk.reception import Reception, a_form, the_call

ID = a_form()["request_id"]


@pytest.fixture
def reception() -> Reception:
    return Reception()


async def test_a_call_is_sent_once_however_often_its_form_comes(reception: Reception) -> None:
    browser = reception.browser("registrar")
    for _ in range(5):
        answer = await browser.post("/calls/new", a_form())
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/calls/{ID}"
        await reception.outbox.send()
    assert [event.type for event in reception.broker.sent] == ["request.submitted"]
    data = json.loads(reception.broker.sent[0].value)
    assert data["request_id"] == ID
    assert reception.broker.sent[0].key == "samal-1"


async def test_what_is_done_while_the_broker_is_away_is_sent_later_in_order(reception: Reception) -> None:
    browser = reception.browser("registrar")
    reception.broker.away = True
    ids = [f"5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e{number:02d}" for number in range(6)]
    for each in ids:
        assert (await browser.post("/calls/new", a_form(request_id=each))).status_code == 303
        with pytest.raises(Transient):
            await reception.outbox.send()
    board = (await browser.get("/board")).text
    assert board.count('data-status="unsent"') == 6, "they stand on the board, marked as not sent"
    reception.broker.away = False
    await reception.outbox.send()
    assert [event.subject for event in reception.broker.sent] == ids
    assert (await reception.stores.actions.count_unsent())[0] == 0


async def test_an_iin_waits_sealed_and_goes_with_the_sending(reception: Reception) -> None:
    (await reception.browser("registrar").post("/calls/new", a_form()))
    (doc,) = reception.database.collection("actions").docs.values()
    assert b"850715100000" not in repr(doc).encode()
    await reception.outbox.send()
    (doc,) = reception.database.collection("actions").docs.values()
    assert "event" not in doc
    assert doc["user"] == "registrar", "who did what stays"


async def test_the_answer_is_said_once(reception: Reception) -> None:
    await reception.hear(*the_call(ID))
    browser = reception.browser("registrar")
    for _ in range(3):
        assert (await browser.post(f"/calls/{ID}/answered")).status_code == 303
    await reception.outbox.send()
    (event,) = reception.broker.sent
    assert json.loads(event.value)["given_by"] == {"id": "registrar", "full_name": "registrar Аты"}


async def test_a_patients_earlier_call_fills_the_form(reception: Reception) -> None:
    browser = reception.browser("registrar")
    (await browser.post("/calls/new", a_form()))
    await reception.outbox.send()
    submitted = json.loads(reception.broker.sent[0].value)
    await reception.hear(("request.submitted", submitted), *the_call(ID))
    facts = (await browser.post("/calls/new/patient", {"iin": "850715100000"})).json()
    assert facts["birth_date"] == "15.07.1885"
    assert facts["sex"] == "male"
    assert facts["full_name"] == "Науқас 1"
    assert facts["address"]["text"] == "Абай, 27"
    assert [each["request_id"] for each in facts["calls"]] == [ID]
    assert (await reception.browser("stranger").post("/calls/new/patient", {"iin": "850715100000"})).json()[
        "calls"
    ] == []
    assert "850715100000" not in repr(reception.database.collection("calls").docs)
