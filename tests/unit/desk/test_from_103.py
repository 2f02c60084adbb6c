"""A call that the ambulance service (103) passed on, at the desk: typed in, marked on the board, shown on the page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.desk.domain.board import row_of
from services.desk.domain.call import Call
from tests.factories import MONDAY
from tests.unit.desk.reception import Reception, a_form, the_call

ID = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
CARD = {"card_number": "103-118842", "handed_over_at": MONDAY.isoformat(), "category": "4"}
TYPED = {
    "referral_card_number": " 103-118842 ",
    "referral_handed_over_at": MONDAY.strftime("%H:%M"),
    "referral_category": "4",
}


def facts(**over: Any) -> tuple[str, dict[str, Any]]:
    """The call as intake accepted it, with more facts."""
    kind, data = next(each for each in the_call(ID) if each[0] == "request.accepted")
    return kind, data | over


async def sent(reception: Reception) -> list[dict[str, Any]]:
    await reception.outbox.send()
    return [json.loads(event.value) for event in reception.broker.sent]


@pytest.mark.parametrize(("typed", "referral"), [(TYPED, CARD), ({}, None), (dict.fromkeys(TYPED, " "), None)])
async def test_its_card_goes_with_the_call(typed: dict[str, str], referral: Any) -> None:
    reception = Reception()
    answer = await reception.browser("registrar").post("/calls/new", a_form(**typed))
    assert answer.status_code == 303, answer.text
    (data,) = await sent(reception)
    assert data.get("referral") == referral


WRONG = [
    ({"referral_card_number": ""}, "referral_card_number"),
    ({"referral_handed_over_at": ""}, "referral_handed_over_at"),
    ({"referral_handed_over_at": "soon"}, "referral_handed_over_at"),
    ({"referral_category": ""}, "referral_category"),
]


@pytest.mark.parametrize(("over", "field"), WRONG, ids=str)
async def test_a_card_in_part_names_the_field_and_keeps_what_was_typed(over: dict[str, str], field: str) -> None:
    reception = Reception()
    answer = await reception.browser("registrar").post("/calls/new", a_form(**TYPED | over))
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert "<details open><summary>Из 103</summary>" in answer.text
    assert await sent(reception) == []


async def test_a_call_from_103_is_marked_and_its_card_is_shown() -> None:
    reception = Reception()
    await reception.hear(facts(reasons=["passed_on_by_ambulance"], referral=CARD, urgency="urgent"))
    browser = reception.browser("dispatcher")
    assert '<span class="mark">Из 103: 4</span>' in (await browser.get(f"/board/rows?ids={ID}")).text
    page = (await browser.get(f"/calls/{ID}")).text
    assert "карта 103-118842, категория 4, передан 23.11.2026" in page


@pytest.mark.parametrize(
    ("over", "referred", "category"),
    [
        ({"reasons": ["passed_on_by_ambulance"]}, True, ""),
        ({"reasons": ["fever_above_38"], "referral": CARD}, True, "4"),
        ({"reasons": ["fever_above_38"]}, False, ""),
    ],
)
async def test_the_reason_or_the_card_alone_mark_it_too(over: dict[str, Any], referred: bool, category: str) -> None:
    reception = Reception()
    await reception.hear(facts(**over))
    call = (await reception.stores.calls.load([ID]))[ID].state
    assert isinstance(call, Call)
    row = row_of(call)
    assert (row.referred, row.category) == (referred, category)
