"""A call is handed on at the desk: who may, what is sent, what board and page say of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.desk.domain.call import Call
from services.desk.domain.retention import call_remains
from services.desk.domain.roles import Role
from tests.factories import MONDAY
from tests.unit.desk.reception import ELSEWHERE, HERE, Reception, the_call

ID, SUCCESSOR = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f", "9d0e1f2a-3b4c-5d5e-8f60-718293a4b5c6"
FORM = {"to_clinic_id": ELSEWHERE, "reason": "Сонда тіркелген"}
CARD = {"card_number": "103-118842", "handed_over_at": MONDAY.isoformat(), "category": "4"}
MAY: set[Role] = {"registrar", "dispatcher", "head"}


@pytest.fixture
async def reception() -> Reception:
    reception = Reception()
    await reception.hear(*the_call(ID))
    return reception


def cancelled(**over: Any) -> tuple[str, dict[str, Any]]:
    """The call once intake has ended it."""
    return "request.cancelled", {
        "request_id": ID,
        "clinic_id": HERE,
        "at": MONDAY.isoformat(),
        "reason": FORM["reason"],
        "outcome": "transferred",
        "transferred_to": {"request_id": SUCCESSOR, "clinic_id": ELSEWHERE},
        "transferred_by": {"id": "d-1", "full_name": "Диспетчер"},
        **over,
    }


def facts(**over: Any) -> tuple[str, dict[str, Any]]:
    """The call as intake accepted it, with more facts."""
    kind, data = next(each for each in the_call(ID) if each[0] == "request.accepted")
    return kind, data | over


async def sent(reception: Reception) -> list[dict[str, Any]]:
    await reception.outbox.send()
    return [json.loads(event.value) for event in reception.broker.sent if event.type == "request.transferred"]


@pytest.mark.parametrize("role", sorted(MAY))
async def test_the_form_names_the_other_clinics_and_sends_one_event_however_often(
    reception: Reception, role: Role
) -> None:
    browser = reception.browser(role)
    page = (await browser.get(f"/calls/{ID}")).text
    box = page[page.index('id="transfer-box"') :]
    assert f'value="{ELSEWHERE}"' in box
    assert f'value="{HERE}"' not in box
    for _ in range(3):
        answer = await browser.post(f"/calls/{ID}/transfer", FORM)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/calls/{ID}")
    (data,) = await sent(reception)
    assert (data["to_clinic_id"], data["reason"]) == (ELSEWHERE, FORM["reason"])
    assert data["by"] == {"id": role, "full_name": f"{role} Аты"}
    assert (data["clinic_id"], data["at"]) == (HERE, MONDAY.isoformat())
    # It is on its way: the form is not drawn again.
    assert "transfer-box" not in (await browser.get(f"/calls/{ID}")).text


@pytest.mark.parametrize("role", ["complaints_officer", "contact_centre"])
async def test_who_may_not_hand_on_gets_no_form(reception: Reception, role: Role) -> None:
    browser = reception.browser(role)
    assert "transfer-box" not in (await browser.get(f"/calls/{ID}")).text
    assert (await browser.post(f"/calls/{ID}/transfer", FORM)).status_code == 403


WRONG = [
    {"to_clinic_id": ELSEWHERE},
    {"reason": "x"},
    FORM | {"to_clinic_id": HERE},
    FORM | {"to_clinic_id": "nowhere-9"},
    FORM | {"to_clinic_id": "Not An Id"},
    FORM | {"reason": " "},
]


@pytest.mark.parametrize("form", WRONG, ids=str)
async def test_a_wrong_form_is_refused(reception: Reception, form: dict[str, str]) -> None:
    assert (await reception.browser("head").post(f"/calls/{ID}/transfer", form)).status_code == 422
    assert await sent(reception) == []


async def test_another_clinic_the_second_time_was_done_otherwise(reception: Reception) -> None:
    browser = reception.browser("head")
    await browser.post(f"/calls/{ID}/transfer", FORM)
    answer = await browser.post(f"/calls/{ID}/transfer", FORM | {"reason": "басқа"})
    assert answer.status_code == 409
    assert len(await sent(reception)) == 1


async def test_another_clinics_call_is_not_there(reception: Reception) -> None:
    assert (await reception.browser("stranger").post(f"/calls/{ID}/transfer", FORM)).status_code == 404
    unknown = ID.replace("5", "6", 1)
    assert (await reception.browser("head").post(f"/calls/{unknown}/transfer", FORM)).status_code == 404


async def test_board_and_page_say_where_it_went(reception: Reception) -> None:
    await reception.hear(cancelled())
    browser = reception.browser("registrar")
    row = (await browser.get(f"/board/rows?ids={ID}")).text
    assert 'data-status="transferred"' in row
    assert f"передан в другую поликлинику: {ELSEWHERE}" in row
    page = (await browser.get(f"/calls/{ID}")).text
    assert "Передан в поликлинику" in page
    assert "transfer-box" not in page
    assert "withdraw-box" not in page
    # The other clinic's call is for its own people.
    assert f'href="/calls/{SUCCESSOR}"' not in page
    assert f'href="/calls/{SUCCESSOR}"' in (await reception.browser("contact_centre").get(f"/calls/{ID}")).text


async def test_the_history_names_clinic_and_person_once_it_was_heard(reception: Reception) -> None:
    by = {"id": "d-1", "full_name": "Диспетчер Жанар"}
    data = {"request_id": ID, "clinic_id": HERE, "to_clinic_id": ELSEWHERE, "at": MONDAY.isoformat(), "by": by}
    await reception.hear(("request.transferred", data | {"reason": "x"}))
    page = (await reception.browser("registrar").get(f"/calls/{ID}")).text
    assert f"передан в другую поликлинику: {ELSEWHERE}, Диспетчер Жанар" in page
    # What another clinic says of the call is none of it.
    await reception.hear(("request.transferred", data | {"clinic_id": ELSEWHERE, "to_clinic_id": "x-1", "reason": "x"}))
    assert "x-1" not in (await reception.browser("registrar").get(f"/calls/{ID}")).text


@pytest.mark.parametrize(("flags", "shown"), [([], True), (["transfer_unconfirmed"], False)])
async def test_board_and_page_say_where_it_came_from(flags: list[str], shown: bool) -> None:
    reception = Reception()
    first = {"request_id": SUCCESSOR, "clinic_id": ELSEWHERE}
    inputs = {"handed_on_at": MONDAY.isoformat(), "channel": "phone"}
    ruling = {"rule_set": "kz-2015", "clauses": ["R25"], "calendar": "x", "inputs": inputs}
    await reception.hear(facts(transferred_from=first, flags=flags, ruling=ruling))
    browser = reception.browser("registrar")
    assert (f"Передан из поликлиники: {ELSEWHERE}" in (await browser.get(f"/board/rows?ids={ID}")).text) is shown
    page = (await browser.get(f"/calls/{ID}")).text
    assert ("<dt>Передан из поликлиники</dt>" in page) is shown
    assert ("передача из другой поликлиники не подтверждена" in page) is not shown
    assert "Передан другой поликлиникой в" in page
    assert "часы приёма и прикрепление повторно не проверяют" in page


async def test_what_remains_has_no_card_and_names_both_ends() -> None:
    reception = Reception()
    await reception.hear(facts(referral=CARD, transferred_from={"request_id": SUCCESSOR, "clinic_id": ELSEWHERE}))
    by = {"id": "d-1", "full_name": "Диспетчер Жанар"}
    data = {"request_id": ID, "clinic_id": HERE, "to_clinic_id": ELSEWHERE, "at": MONDAY.isoformat(), "by": by}
    await reception.hear(("request.transferred", data | {"reason": FORM["reason"]}), cancelled(referral=CARD))
    call = (await reception.stores.calls.load([ID]))[ID].state
    assert isinstance(call, Call)
    left = call_remains(call)
    assert not any(each in str(left) for each in ("103-118842", FORM["reason"]))
    assert ("request.transferred", ELSEWHERE) in {(step.type, step.detail) for step in left.history}
    assert call_remains(left) == left
    assert (left.gone_to, left.come_from) == (call.gone_to, call.come_from)
    assert left.gone_to is not None
