"""R24 for complaints: one whose signature can never be checked is refused when its term is over, with the way out."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from homecall.gateways.signatures.port import Unavailable, Valid
from homecall.runtime.encryption import KeyRing, Vault
from services.complaints.domain import retention
from services.complaints.domain.state import Complainant
from services.complaints.domain.timers import timer_at
from tests.unit.complaints.casebook import command
from tests.unit.complaints.office import AWAY, NOON, Notary, Office, office_with, signed
from tests.unit.complaints.test_signatures import ASSIGNED

ENDS = datetime.fromisoformat("2026-11-30T20:00:00+05:00")
LIMIT = timedelta(hours=72)
EXPIRED = Unavailable("the lists in HOMECALL_CRLS are from after the certificate's end", for_good=True)


def kept(office: Office) -> Any:
    return office.state()


async def by_itself(office: Office, until: datetime) -> list[Any]:
    """What is said when each timer is met at its time, up to that moment."""
    said: list[Any] = []
    for _ in range(2_000):
        due = timer_at(kept(office))
        if due is None or due > until:
            return said
        said += await office.tick(due.isoformat())
    raise AssertionError("it is tried without an end")


async def stood_still(office: Office, until: datetime) -> list[Any]:
    """What is said when nothing runs until a moment, and each timer that was due is met then.

    It ends as `by_itself` does, which meets 900 of them: one test walks that way, the others need its end alone.
    """
    said: list[Any] = []
    for _ in range(20):
        due = timer_at(kept(office))
        if due is None or due > until:
            return said
        said += await office.tick(until.isoformat())
    raise AssertionError("it is tried again at the same moment")


async def test_r24_it_is_tried_ever_more_rarely_and_refused_72_hours_after_its_term() -> None:
    office, notary = office_with(AWAY)
    await office.hear(signed())
    said = [each for each in await by_itself(office, NOON + timedelta(days=60)) if "status-changed" in each.type]
    told = json.loads(said[-1].value)
    assert told["status"] == "refused"
    assert datetime.fromisoformat(told["occurred_at"]) == ENDS + LIMIT
    assert told["refusal"]["code"] == "invalid_complaint"
    (field,) = told["refusal"]["fields"]
    assert field["path"] == "signature.value"
    assert "bring the complaint to the clinic" in field["message"]
    assert len(notary.asked) < 1_100  # a quarter of an hour apart, for nine days


async def test_r24_then_nothing_is_kept_of_it_and_nobody_is_asked_any_more() -> None:
    office, notary = office_with(AWAY)
    await office.hear(signed())
    await stood_still(office, ENDS + LIMIT)
    state = kept(office)
    assert (state.status, state.held, state.complainant, state.text, timer_at(state)) == (
        "invalid",
        None,
        Complainant(),
        "",
        None,
    )
    assert retention.over_on(state) in {None, date.min}
    notary.verdict = Valid()
    calls = len(notary.asked)
    assert await office.tick((ENDS + timedelta(days=30)).isoformat()) == []
    assert len(notary.asked) == calls


async def test_r24_its_commands_become_dead_letters_with_the_refusal() -> None:
    office, _notary = office_with(AWAY)
    await office.hear(signed(), command("assigned", ASSIGNED))
    due = await office.engine.due(ENDS + LIMIT)
    await office.engine.sent(due)
    later = await office.engine.due(ENDS + LIMIT)
    assert [dead.reason for _, dead in [*due.dead, *later.dead]] == ["invalid_transition"]


@pytest.mark.parametrize("moment", [ENDS, ENDS + LIMIT, ENDS + LIMIT + timedelta(days=9)])
async def test_r24_until_then_and_at_the_last_try_a_verifier_that_is_back_decides(moment: datetime) -> None:
    office, notary = office_with(AWAY)
    await office.hear(signed())
    await stood_still(office, min(moment, ENDS + LIMIT) - timedelta(minutes=20))
    notary.verdict = Valid()
    said = await office.tick(moment.isoformat())
    assert [json.loads(each.value).get("status") for each in said if "status" in each.type][-1] != "refused"
    assert kept(office).held is None


async def test_r24_when_no_later_answer_could_tell_it_is_refused_at_once() -> None:
    office, _notary = office_with(EXPIRED)
    (refused,) = await office.said(signed())
    assert refused["status"] == "refused"
    assert "expired before it could be checked" in refused["refusal"]["fields"][0]["message"]
    assert timer_at(kept(office)) is None


async def test_r24_a_held_one_is_refused_as_soon_as_that_is_known() -> None:
    office, notary = office_with(AWAY)
    await office.hear(signed())
    notary.verdict = EXPIRED
    said = await office.tick("12:00:16")
    assert [json.loads(each.value)["status"] for each in said][-1] == "refused"
    assert kept(office).held is None


async def test_r24_one_whose_event_cannot_be_opened_ends_too() -> None:
    office = Office(Notary(AWAY), vault=Vault(KeyRing(lookup=bytes(32), keys={"1": bytes(32)}, current="1")))
    await office.hear(signed())
    notary = Notary(Valid())
    restarted = Office(
        notary, vault=Vault(KeyRing(lookup=bytes(32), keys={"2": bytes(32)}, current="2")), database=office.database
    )
    said = await stood_still(restarted, NOON + timedelta(days=60))
    assert json.loads(said[-1].value)["status"] == "refused"
    assert not notary.asked


async def test_r24_what_an_earlier_release_holds_ends_too() -> None:
    office, _notary = office_with(AWAY)
    await office.hear(signed())
    del office.document()["s"]["held"]["held_until"]
    await stood_still(office, ENDS)
    said = await stood_still(office, ENDS + LIMIT)
    assert json.loads(said[-1].value)["status"] == "refused"
