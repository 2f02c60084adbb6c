"""``homecall explain --request`` says where a call was handed on to, where it came from, and what 103 said of it."""

from __future__ import annotations

import json
from typing import Any

from homecall.contract.ids import successor_id
from homecall.operations.explain import answers
from homecall.operations.life import Known as Stored
from homecall.operations.life import _row, life
from tests.unit.intake.office import RULES, Office, clinic, incoming, known, request, request_id, submitted, transferred

MADE = "Fri 2026-11-20 10:00"
THERE = successor_id(request_id(1), "tal-2")
CARD = {"card_number": "103-118842", "handed_over_at": "2026-11-20T09:55:00+05:00", "category": "3"}


async def steps(of: str) -> list[dict[str, Any]]:
    office = await Office(known(clinic(), clinic("tal-2"))).prepared()
    await office.hear(submitted(MADE, referral=CARD), now=MADE)
    await office.hear(transferred(), now="Fri 2026-11-20 11:00")
    found = await office.store.requests.load([of])
    return life(Stored({"intake": found[of]}))


async def test_the_first_ends_as_transferred_and_names_the_other() -> None:
    made, _, ended = await steps(request_id(1))
    assert made["category"] == "3"
    assert (ended["step"], ended["verdict"]) == ("request.cancelled", "transferred")
    assert ended["transferred_to"] == {"request_id": THERE, "clinic_id": "tal-2"}
    assert f"transferred_to {THERE} at tal-2" in _row(ended)[-1]
    # Neither who was ill nor the number of the card.
    assert not any("103-118842" in str(step) for step in (made, ended))


async def test_the_successor_names_the_first_and_the_reading() -> None:
    *_, accepted = await steps(THERE)
    assert (accepted["step"], accepted["clauses"][0]) == ("request.accepted", "R25")
    assert accepted["transferred_from"] == {"request_id": request_id(1), "clinic_id": "samal-3"}
    assert f"transferred_from {request_id(1)} at samal-3" in _row(accepted)[-1]


async def test_a_ruling_on_a_call_that_was_handed_on_is_repeated_with_the_clock_that_it_kept() -> None:
    """Taken up by the other clinic's own system, in the evening: without the ruling nobody could tell."""
    office = await Office(known(clinic(), clinic("tal-2"))).prepared()
    await office.hear(submitted(MADE), now=MADE)
    first = {"request_id": request_id(1), "clinic_id": "samal-3"}
    data = request("Fri 2026-11-20 19:00", number=5, clinic_id="tal-2", transferred_from=first)
    (accepted,) = await office.hear(incoming("request.submitted", data), now="Fri 2026-11-20 19:00")
    ruling = accepted.data["ruling"]
    line = {"type": "request.submitted", "data": data, "ruling": ruling}
    (told,) = answers([(1, json.dumps(line).encode())], RULES)
    assert (told["decision"], told["ruling"]) == ("accepted", ruling)
    assert (told["clock_starts_at"], told["due_at"]) == ("2026-11-20T10:00:00+05:00", "2026-11-20T10:10:00+05:00")
    assert "today" not in told
    (alone,) = answers([(1, json.dumps(line | {"ruling": None}).encode())], RULES)
    assert (alone["decision"], alone["code"]) == ("refused", "outside_acceptance_hours")
