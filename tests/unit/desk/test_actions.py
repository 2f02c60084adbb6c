"""What people do: stored first, sent once and in order, whatever is away (desk 3, 4)."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import get_args

import pytest

from homecall.contract.events import MODELS, Official, StaffMember
from homecall.contract.topics import DESK, TOPICS
from homecall.runtime.encryption import KeyRing, Vault
from homecall.runtime.failures import Transient
from services.desk.store.actions import Actions
from services.desk.web.calls import BY_WHOM_AND_WHEN
from tests.factories import a_doctor
from tests.unit.desk.reception import HERE, Reception, a_form, the_call

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


async def test_consent_goes_out_with_the_call_and_is_kept_nowhere(reception: Reception) -> None:
    token = "S2RwLWNhbmFyeS10b2tlbg=="
    typed = a_form(kdp_token=f"{token[:8]} {token[8:]}", kdp_public_key="a2V5")
    browser = reception.browser("registrar")
    assert (await browser.post("/calls/new", typed)).status_code == 303
    (doc,) = reception.database.collection("actions").docs.values()
    assert token not in repr(doc), "it waits sealed"
    await reception.outbox.send()
    (event,) = reception.broker.sent
    assert json.loads(event.value)["identity"] == {"kdp_token": token, "public_key": "a2V5"}
    (doc,) = reception.database.collection("actions").docs.values()
    assert "event" not in doc
    # Not even in the index by which a form that is sent again is known: another token is the same call.
    assert (await browser.post("/calls/new", typed | {"kdp_token": "b3RoZXI="})).status_code == 303
    assert token not in (await browser.get(f"/calls/{ID}")).text
    assert token not in (await browser.get("/calls/new")).text


async def test_a_call_without_consent_says_nothing_of_it(reception: Reception) -> None:
    await reception.browser("registrar").post("/calls/new", a_form(kdp_token=" ", kdp_public_key="a2V5"))
    await reception.outbox.send()
    assert "identity" not in json.loads(reception.broker.sent[0].value)


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


async def test_another_patient_under_an_id_that_was_sent_is_never_dropped(reception: Reception) -> None:
    browser = reception.browser("registrar")
    await browser.post("/calls/new", a_form())
    await reception.outbox.send()
    other = a_form(iin="850715200007", full_name="Ақышева Дана", note="Ескертпе")
    answer = await browser.post("/calls/new", other)
    assert answer.status_code == 409
    assert f'href="/calls/{ID}"' in answer.text, "it says which call was made from this form"
    assert "Ақышева Дана" in answer.text
    assert "Ескертпе" in answer.text, "nothing typed is lost"
    (fresh,) = re.findall(r'name="request_id" value="([^"]+)"', answer.text)
    assert fresh != ID
    assert (await browser.post("/calls/new", other | {"request_id": fresh})).status_code == 303
    assert (await browser.post("/calls/new", a_form())).status_code == 303, "the first form still leads to its call"
    await reception.outbox.send()
    assert [event.subject for event in reception.broker.sent] == [ID, fresh]


async def test_what_a_form_said_is_not_kept_once_it_was_sent(reception: Reception) -> None:
    await reception.browser("registrar").post("/calls/new", a_form())
    (doc,) = reception.database.collection("actions").docs.values()
    assert re.fullmatch("[0-9a-f]{64}", doc["content"]), "a keyed index, by which nothing can be read"


async def test_one_report_of_a_visit_stands_and_another_is_refused_aloud(reception: Reception) -> None:
    await reception.hear(*the_call(ID))
    browser = reception.browser("head")
    for _ in range(2):
        assert (await browser.post(f"/calls/{ID}/visit", {"outcome": "served"})).status_code == 303
    for other in ({"outcome": "not_at_home"}, {"outcome": "served", "note": "Қызуы түсті"}):
        assert (await browser.post(f"/calls/{ID}/visit", other)).status_code == 409
    await reception.outbox.send()
    assert [event.type for event in reception.broker.sent] == ["visit.reported"]


async def test_a_roster_of_another_dispatcher_is_not_taken_for_the_same(reception: Reception) -> None:
    line = {"full_name": "Дәрігер Бірінші", "specialty": "gp", "shift_from": "8:00", "shift_to": "14:00"}
    form = {"doctor_id": "gp-1", "max_visits": "12", "revision": "0", "visit_minutes": "20", "travel_minutes": "10"}
    one, other = reception.browser("dispatcher"), reception.browser("head")
    for _ in range(2):
        assert (await one.post("/rosters/2026-11-23", form | line)).status_code == 303
    answer = await other.post("/rosters/2026-11-23", form | line | {"shift_to": "18:00"})
    assert answer.status_code == 409
    assert "18:00" in answer.text, "what was typed stands there still"


async def test_a_changed_roster_keeps_where_the_days_of_its_doctors_begin(reception: Reception) -> None:
    start = {"lat": 43.24, "lon": 76.89}
    roster = {"clinic_id": HERE, "date": "2026-11-22", "revision": 4, "doctors": [a_doctor("gp-1", start=start)]}
    await reception.hear(("roster.published", roster))
    line = {"full_name": "Дәрігер Бірінші", "specialty": "gp", "shift_from": "8:00", "shift_to": "14:00"}
    form = {"doctor_id": "gp-1", "max_visits": "12", "visit_minutes": "20", "travel_minutes": "10"}
    browser = reception.browser("dispatcher")
    # Of a day that begins with the last roster, and of one that has its own by then.
    for revision in ("-1", "0"):
        answer = await browser.post("/rosters/2026-11-23", form | line | {"revision": revision})
        assert answer.status_code == 303
        await reception.outbox.send()
        sent = json.loads(reception.broker.sent[-1].value)
        assert sent["doctors"][0]["start"] == start
        await reception.hear(("roster.published", sent))


async def test_a_doctor_drops_out_once_however_often_it_is_pressed(reception: Reception) -> None:
    browser = reception.browser("dispatcher")
    form = {"doctor_id": "gp-1", "from": "11:00", "reason": "Ауырып қалды"}
    for _ in range(3):
        assert (await browser.post("/rosters/2026-11-23/unavailable", form)).status_code == 303
    await reception.outbox.send()
    assert [event.type for event in reception.broker.sent] == ["doctor.unavailable"]


async def test_the_same_form_is_the_same_action_though_the_roster_changed_meanwhile(reception: Reception) -> None:
    roster = {"clinic_id": HERE, "date": "2026-11-23", "doctors": [a_doctor("gp-1")]}
    await reception.hear(("roster.published", roster | {"revision": 1}))
    browser = reception.browser("dispatcher")
    drawn = await browser.get("/rosters/2026-11-23")
    assert '<input type="hidden" name="revision" value="1">' in drawn.text.partition("/unavailable")[2]
    form = {"doctor_id": "gp-1", "from": "11:00", "reason": "Ауырып қалды", "revision": "1"}
    for revision in (2, 3):
        assert (await browser.post("/rosters/2026-11-23/unavailable", form)).status_code == 303
        await reception.hear(("roster.published", roster | {"revision": revision}))
    # In the roster of now the doctor is back, and may drop out again.
    assert (await browser.post("/rosters/2026-11-23/unavailable", form | {"revision": "3"})).status_code == 303
    await reception.outbox.send()
    assert [event.type for event in reception.broker.sent] == ["doctor.unavailable"] * 2


async def test_a_step_is_not_dated_before_what_it_follows_whatever_a_replicas_clock_says(reception: Reception) -> None:
    await reception.hear(*the_call(ID))
    browser = reception.browser("head")
    assert (await browser.post(f"/calls/{ID}/answered")).status_code == 303
    # The next form comes to a replica whose clock is behind.
    reception.clock.at -= timedelta(minutes=5)
    assert (await browser.post(f"/calls/{ID}/withdraw", {"reason": "recovered"})).status_code == 303
    await reception.outbox.send()
    answered, withdrawn = (datetime.fromisoformat(json.loads(each.value)["at"]) for each in reception.broker.sent)
    assert withdrawn > answered


async def test_a_step_of_a_complaint_is_not_dated_before_the_one_it_follows(reception: Reception) -> None:
    browser = reception.browser("head")
    typed = {"full_name": "Шағымданушы", "language": "kk", "text": "Кешікті.", "answer_by": "by_hand"}
    await browser.post("/complaints/new", {"complaint_id": ID, "channel": "in_person", **typed})
    executor = {"executor_full_name": "Орындаушы", "executor_position": "Меңгеруші"}
    await browser.post(f"/complaints/{ID}/assign", executor)
    reception.clock.at -= timedelta(seconds=7)
    await browser.post(f"/complaints/{ID}/executed", {"measures": "Сөйлестік."})
    await reception.outbox.send()
    _, assigned, executed = (json.loads(each.value) for each in reception.broker.sent)
    assert datetime.fromisoformat(executed["at"]) > datetime.fromisoformat(assigned["at"])


async def test_what_nobody_has_decided_on_yet_can_be_withdrawn(reception: Reception) -> None:
    await reception.hear(("request.submitted", json.loads(await _typed())))
    assert (await reception.browser("head").post(f"/calls/{ID}/withdraw", {"reason": "recovered"})).status_code == 303


async def _typed() -> bytes:
    """The event of a call that was typed at another desk."""
    other = Reception()
    await other.browser("registrar").post("/calls/new", a_form())
    await other.outbox.send()
    return other.broker.sent[0].value


async def test_what_is_not_sent_is_sealed_again_under_a_new_key(reception: Reception) -> None:
    reception.broker.away = True
    await reception.browser("registrar").post("/calls/new", a_form())
    (doc,) = reception.database.collection("actions").docs.values()
    keys = KeyRing(lookup=bytes(32), keys={"old": bytes(32), "new": bytes([1]) * 32}, current="old")
    old, new = Vault(keys), Vault(replace(keys, current="new"))
    doc["event"]["value"] = old.seal(b"what was typed", f"actions/{doc['_id']}/event")
    actions = Actions(reception.database.as_database, new)
    assert await actions.reseal() == (1, 0)
    assert await actions.reseal() == (0, 0)
    (doc,) = reception.database.collection("actions").docs.values()
    assert doc["event"]["value"]["k"] == "new"
    lost = Actions(reception.database.as_database, Vault(KeyRing(lookup=bytes(32), keys={"x": bytes(32)}, current="x")))
    assert await lost.reseal() == (0, 1)


def test_who_and_when_are_no_part_of_what_was_typed() -> None:
    """Of every event that the desk sends: sent again by another person it is the same event."""
    people = {StaffMember, Official}
    for topic in TOPICS:
        for event_type in topic.types if DESK in topic.writers else ():
            for name, field in MODELS[event_type].model_fields.items():
                kinds = {field.annotation, *get_args(field.annotation)}
                if name != "executor" and (kinds & people):
                    assert name in BY_WHOM_AND_WHEN, (event_type, name)


async def test_two_people_release_a_visit_at_once(reception: Reception) -> None:
    await reception.hear(*the_call(ID))
    for role in ("dispatcher", "head"):
        assert (await reception.browser(role).post(f"/calls/{ID}/release")).status_code == 303
    await reception.outbox.send()
    assert [event.type for event in reception.broker.sent] == ["visit.released"]


async def test_all_that_is_kept_is_prepared(reception: Reception, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[object] = []

    def noted(store: object) -> Callable[[], Awaitable[None]]:
        async def prepare() -> None:
            prepared.append(store)

        return prepare

    stores = [each for each in vars(reception.stores).values() if hasattr(each, "prepare")]
    for each in stores:
        monkeypatch.setattr(each, "prepare", noted(each))
    await reception.stores.prepare()
    assert prepared == stores
