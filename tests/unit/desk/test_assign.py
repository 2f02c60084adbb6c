"""A dispatcher places a visit by hand: the form, what the page says of it, and what the scheduler answered."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.factories import MONDAY
from tests.unit.desk.reception import HERE, Reception, the_call

ID = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
CHOICE = {"doctor_id": "gp-2", "arrives_from": "14:00", "reason": "speaks sign language", "action": "one"}
ROSTER = {
    "clinic_id": HERE,
    "date": MONDAY.date().isoformat(),
    "revision": 1,
    "doctors": [
        {
            "doctor_id": doctor_id,
            "full_name": f"Дәрігер {doctor_id}",
            "specialty": "gp",
            "shift": {"from": "08:00", "to": "18:00"},
            "max_visits": 16,
        }
        for doctor_id in ("gp-1", "gp-2")
    ],
}


@pytest.fixture
async def reception() -> Reception:
    reception = Reception()
    await reception.hear(*the_call(ID), ("roster.published", ROSTER))
    return reception


def visit_event(**over: Any) -> dict[str, Any]:
    return {
        "request_id": ID,
        "clinic_id": HERE,
        "visit_id": "a7e6f2bd-60e9-50b7-8757-572098c0f6d1",
        "revision": 2,
    } | over


async def sent(reception: Reception) -> list[dict[str, Any]]:
    await reception.outbox.send()
    return [json.loads(event.value) for event in reception.broker.sent]


async def test_the_form_names_the_days_doctors_and_sends_one_event_however_often_it_comes(reception: Reception) -> None:
    browser = reception.browser("dispatcher")
    page = (await browser.get(f"/calls/{ID}")).text
    assert 'name="doctor_id"' in page
    assert "Дәрігер gp-2" in page
    for _ in range(3):
        assert (await browser.post(f"/calls/{ID}/assign", CHOICE)).status_code == 303
    (data,) = await sent(reception)
    assert data["assigned_by"] == {"id": "dispatcher", "full_name": "dispatcher Аты"}
    assert (data["doctor_id"], data["arrives_from"]) == ("gp-2", MONDAY.replace(hour=14, minute=0).isoformat())


async def test_another_choice_is_another_event(reception: Reception) -> None:
    browser = reception.browser("dispatcher")
    await browser.post(f"/calls/{ID}/assign", CHOICE)
    await browser.post(f"/calls/{ID}/assign", CHOICE | {"doctor_id": "gp-1", "action": "two"})
    assert [data["doctor_id"] for data in await sent(reception)] == ["gp-2", "gp-1"]


@pytest.mark.parametrize("missing", ["doctor_id", "reason"])
async def test_a_choice_without_doctor_or_reason_is_refused(reception: Reception, missing: str) -> None:
    fields = {name: text for name, text in CHOICE.items() if name != missing}
    answer = await reception.browser("dispatcher").post(f"/calls/{ID}/assign", fields)
    assert answer.status_code == 422
    assert await sent(reception) == []


async def test_a_wrong_time_is_refused(reception: Reception) -> None:
    answer = await reception.browser("dispatcher").post(f"/calls/{ID}/assign", CHOICE | {"arrives_from": "25:99"})
    assert answer.status_code == 422
    assert "Не заполнено или неверно: Прийти с: время как ЧЧ:ММ." in answer.text


async def test_who_placed_it_is_shown_until_it_is_released(reception: Reception) -> None:
    why = {
        "by": "dispatcher",
        "basis": "dispatcher",
        "assigned_by": "Диспетчер Сынақ",
        "reason": "knows the family",
    }
    (_, moved) = next(each for each in the_call(ID) if each[0] == "visit.scheduled")
    await reception.hear(
        ("visit.rescheduled", moved | {"revision": 2, "basis": "dispatcher", "why": why, "reason": "assigned"})
    )
    browser = reception.browser("dispatcher")
    page = (await browser.get(f"/calls/{ID}")).text
    assert "Диспетчер Сынақ" in page
    assert "knows the family" in page
    assert (await browser.post(f"/calls/{ID}/release")).status_code == 303
    (data,) = await sent(reception)
    assert data["released_by"]["id"] == "dispatcher"
    await reception.hear(("visit.released", data))
    assert f"/calls/{ID}/release" not in (await browser.get(f"/calls/{ID}")).text


async def test_a_release_sent_again_does_not_release_what_was_placed_since(reception: Reception) -> None:
    browser = reception.browser("dispatcher")

    async def placed(minute: int) -> str:
        at = MONDAY.replace(minute=minute).isoformat()
        chosen = visit_event(doctor_id="gp-1", reason="knows the family", at=at)
        del chosen["revision"], chosen["visit_id"]
        await reception.hear(("visit.assigned", chosen | {"assigned_by": {"id": "head", "full_name": "Бас"}}))
        page = (await browser.get(f"/calls/{ID}")).text
        return page.partition('name="held" value="')[2].partition('"')[0]

    first = await placed(1)
    assert (await browser.post(f"/calls/{ID}/release", {"held": first})).status_code == 303
    second = await placed(2)
    assert first != second
    assert (await browser.post(f"/calls/{ID}/release", {"held": first})).status_code == 303
    assert len(await sent(reception)) == 1
    assert (await browser.post(f"/calls/{ID}/release", {"held": second})).status_code == 303
    assert len(await sent(reception)) == 2


async def test_a_refusal_says_why_and_offers_the_nearest_that_would_do(reception: Reception) -> None:
    nearest = {
        "doctor_id": "gp-2",
        "arrives_from": MONDAY.replace(hour=15).isoformat(),
        "arrives_to": MONDAY.replace(hour=17).isoformat(),
    }
    await reception.hear(("visit.assignment-refused", visit_event(cause="breaks_promise", nearest=nearest)))
    page = (await reception.browser("dispatcher").get(f"/calls/{ID}")).text
    assert "не успеет" in page
    assert f'value="{nearest["arrives_from"]}"' in page
    assert "11:00–13:00" in page, "the visit stands where it was"
    # It is gone once the visit has moved.
    (_, moved) = next(each for each in the_call(ID) if each[0] == "visit.scheduled")
    await reception.hear(("visit.rescheduled", moved | {"revision": 3}))
    assert 'id="choice-refused"' not in (await reception.browser("dispatcher").get(f"/calls/{ID}")).text


def choice(minute: int, doctor_id: str = "gp-2", **over: Any) -> tuple[str, dict[str, Any]]:
    """A dispatcher's choice, so many minutes after nine."""
    chosen = {
        "request_id": ID,
        "clinic_id": HERE,
        "at": MONDAY.replace(minute=minute).isoformat(),
        "doctor_id": doctor_id,
        "reason": "knows the family",
        "assigned_by": {"id": "dispatcher", "full_name": "Диспетчер Сынақ"},
    }
    return "visit.assigned", chosen | over


async def test_a_choice_that_could_not_be_is_shown_and_stands_in_the_form_again(reception: Reception) -> None:
    refused = visit_event(cause="no_room")
    wanted = MONDAY.replace(hour=14, minute=0).isoformat()
    await reception.hear(choice(0, arrives_from=wanted), ("visit.assignment-refused", refused))
    page = (await reception.browser("dispatcher").get(f"/calls/{ID}")).text
    box = page.partition('id="choice-refused"')[2].partition("</div>")[0]
    assert "у врача больше нет мест" in box
    assert "Дәрігер gp-2, 14:00, «knows the family»" in box
    assert '<option value="gp-2" selected>' in page
    assert 'name="arrives_from" size="6" autocomplete="off" aria-describedby="assign_from-hint" value="14:00"' in page
    assert 'name="reason" required maxlength="200" value="knows the family"' in page


async def test_the_nearest_that_would_do_is_taken_for_the_reason_that_was_given(reception: Reception) -> None:
    nearest = {"doctor_id": "gp-1", "arrives_from": MONDAY.replace(hour=15).isoformat()}
    nearest["arrives_to"] = MONDAY.replace(hour=17).isoformat()
    await reception.hear(choice(0), ("visit.assignment-refused", visit_event(cause="no_room", nearest=nearest)))
    page = (await reception.browser("dispatcher").get(f"/calls/{ID}")).text
    form = page.partition('id="assign-nearest"')[2].partition("</form>")[0]
    assert 'name="reason" value="knows the family"' in form


async def test_a_choice_waits_until_the_scheduler_has_answered(reception: Reception) -> None:
    browser = reception.browser("dispatcher")
    await reception.hear(choice(1))
    page = (await browser.get(f"/calls/{ID}")).text
    waits = page.partition('id="choice-waits"')[2].partition("</p>")[0]
    assert "Дәрігер gp-2, «knows the family»" in waits
    (_, moved) = next(each for each in the_call(ID) if each[0] == "visit.scheduled")
    there = {"doctor_id": "gp-2", "full_name": "Дәрігер gp-2", "specialty": "gp"}
    why = {"by": "dispatcher", "basis": "dispatcher", "assigned_by": "Диспетчер Сынақ", "reason": "knows the family"}
    answered = moved | {"revision": 2, "basis": "dispatcher", "why": why, "reason": "assigned", "doctor": there}
    await reception.hear(("visit.rescheduled", answered))
    page = (await browser.get(f"/calls/{ID}")).text
    assert 'id="choice-waits"' not in page
    assert "Диспетчер Сынақ, «knows the family»" in page


async def test_a_new_choice_takes_the_place_of_an_old_refusal(reception: Reception) -> None:
    await reception.hear(choice(0), ("visit.assignment-refused", visit_event(cause="no_room")), choice(1, "gp-1"))
    # To fix it where it stands needs no answer: the visit is held at once.
    page = (await reception.browser("dispatcher").get(f"/calls/{ID}")).text
    assert 'id="choice-waits"' not in page
    await reception.hear(choice(2))
    page = (await reception.browser("dispatcher").get(f"/calls/{ID}")).text
    assert 'id="choice-waits"' in page
    assert 'id="choice-refused"' not in page


async def test_the_history_says_codes_in_words(reception: Reception) -> None:
    (_, moved) = next(each for each in the_call(ID) if each[0] == "visit.scheduled")
    await reception.hear(
        ("visit.assignment-refused", visit_event(cause="breaks_promise")),
        ("visit.rescheduled", moved | {"revision": 3, "reason": "roster_changed"}),
        ("visit.unplaced", visit_event(revision=4, cause="no_capacity", since=MONDAY.isoformat())),
    )
    page = (await reception.browser("dispatcher").get(f"/calls/{ID}")).text
    history = page.partition('<ol class="history">')[2]
    assert "врач не успеет" in history
    assert "изменился график" in history
    assert "нет места: нет свободного врача" in history
    assert not re.search(r"breaks_promise|roster_changed|no_capacity", history)


async def test_the_board_marks_what_was_placed_by_hand_and_what_could_not_be(reception: Reception) -> None:
    board = reception.browser("dispatcher")
    assert "вручную" not in (await board.get("/board")).text
    await reception.hear(choice(0, "gp-1"))
    assert '<span class="mark">вручную</span>' in (await board.get("/board")).text
    await reception.hear(choice(1), ("visit.assignment-refused", visit_event(cause="no_room")))
    assert '<span class="mark red">выбор отклонён</span>' in (await board.get("/board")).text


async def test_a_refused_choice_is_left_as_it_is_by_one_button(reception: Reception) -> None:
    browser = reception.browser("dispatcher")
    await reception.hear(choice(0), ("visit.assignment-refused", visit_event(cause="no_room")))
    page = (await browser.get(f"/calls/{ID}")).text
    held = page.partition('name="held" value="')[2].partition('"')[0]
    assert (await browser.post(f"/calls/{ID}/release", {"held": held})).status_code == 303
    (data,) = await sent(reception)
    await reception.hear(("visit.released", data | {"at": MONDAY.replace(minute=5).isoformat()}))
    assert 'id="choice-refused"' not in (await browser.get(f"/calls/{ID}")).text
    assert "выбор отклонён" not in (await browser.get("/board")).text


async def test_a_call_that_is_over_says_no_more_that_a_choice_was_refused(reception: Reception) -> None:
    closed = visit_event(revision=3, outcome="served", at=MONDAY.isoformat())
    await reception.hear(
        choice(0), ("visit.assignment-refused", visit_event(cause="no_room")), ("visit.closed", closed)
    )
    assert "выбор отклонён" not in (await reception.browser("dispatcher").get("/board")).text


async def test_a_registrar_may_not_choose(reception: Reception) -> None:
    browser = reception.browser("registrar")
    assert (await browser.post(f"/calls/{ID}/assign", CHOICE)).status_code == 403
    assert "/assign" not in (await browser.get(f"/calls/{ID}")).text


async def test_a_choice_is_never_dated_before_its_call(reception: Reception) -> None:
    # This replica's clock is behind the one that took the call.
    reception.clock.at = MONDAY - timedelta(minutes=4)
    await reception.browser("dispatcher").post(f"/calls/{ID}/assign", CHOICE)
    (data,) = await sent(reception)
    assert datetime.fromisoformat(data["at"]) >= MONDAY
