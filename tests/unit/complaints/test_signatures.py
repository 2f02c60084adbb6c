"""Who signed a complaint from the portal (C9.2): an unsound one is refused, and one that cannot be checked waits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from services.complaints.app import ComplaintEngine, Complaints
from services.gateways.signatures import Away, Check, Invalid, Signed, Valid, Verdict
from services.runtime.clock import SystemClock
from services.runtime.engine import Handled
from services.runtime.failures import Transient
from services.standard.clinics import Clinics
from tests.unit.complaints.casebook import (
    COMPLAINT,
    DINARA,
    IIN,
    RULES,
    MemoryPages,
    at,
    clinic,
    command,
    incoming,
    submission,
)
from tests.unit.complaints.test_domain_with_engine import MemoryStore, Table

MADE = "Tue 2026-11-24 09:40"
NOW = at("Tue 2026-11-24 12:00")
OTHER = "11111111-0000-4000-8000-000000000000"
TAMPERED = Invalid("content", "is over other data: sign these")


class Notary:
    """A verifier that says what the test wants, and counts."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.asked: list[Signed] = []

    async def start(self) -> None:
        return

    async def verify(self, batch: Sequence[Signed]) -> list[Verdict]:
        self.asked += batch
        return [self.verdict for _ in batch]

    async def close(self) -> None:
        return


class Office:
    def __init__(self, verdict: Verdict) -> None:
        clinics = Clinics()
        clinics.take(clinic())
        self.store = MemoryStore()
        self.notary = Notary(verdict)
        complaints = Complaints(clinics, RULES, judge_record_time=False)
        store: Any = self.store
        pages: Any = MemoryPages()
        table: Any = Table(clinics)
        self.engine = ComplaintEngine(store, pages, complaints, SystemClock(), table, self.notary)

    async def handle(self, *batch: Any) -> Handled:
        return await self.engine.handle(batch, NOW)

    async def said(self, *batch: Any) -> list[dict[str, Any]]:
        return [json.loads(each.value) for each in (await self.handle(*batch)).events]


def signed(**more: Any) -> Any:
    portal = {"channel": "portal", "received_by": None, "signature": {"format": "cms", "value": "AAAA"}}
    data = {name: value for name, value in submission(MADE, **(portal | more)).items() if value is not None}
    return incoming("complaint.submitted", data)


@pytest.mark.parametrize(
    ("check", "path"), [("content", "signature.value"), ("iin", "signature.value"), ("canonical", "text")]
)
async def test_c9_2_an_unsound_signature_is_refused_with_its_field(check: Check, path: str) -> None:
    office = Office(Invalid(check, "is not what it should be: sign again", path))
    (refused,) = await office.said(signed())
    assert refused["status"] == "refused"
    assert refused["refusal"]["code"] == "invalid_complaint"
    assert refused["refusal"]["fields"] == [{"path": path, "message": f"{check}: is not what it should be: sign again"}]
    assert "incoming_number" not in refused
    assert IIN not in json.dumps(refused)


async def test_c13_a_sound_one_is_registered_and_the_verifier_saw_what_was_signed() -> None:
    office = Office(Valid())
    event = signed()
    assert [each["status"] for each in await office.said(event)] == ["delivered", "registered"]
    (asked,) = office.notary.asked
    assert (asked.value, asked.cms, asked.signer_iin, asked.at) == (event.value, "AAAA", IIN, at(MADE))


async def test_without_an_iin_nobody_can_have_signed_it() -> None:
    office = Office(Valid())
    nameless = {name: value for name, value in DINARA.items() if name != "iin"}
    await office.handle(signed(complainant=nameless))
    assert [each.signer_iin for each in office.notary.asked] == [""]


@pytest.mark.parametrize("channel", ["post", "in_person"])
async def test_by_post_and_at_the_office_nobody_signs(channel: str) -> None:
    office = Office(TAMPERED)
    sent = incoming("complaint.submitted", submission(MADE, channel=channel))
    assert [each["status"] for each in await office.said(sent)] == ["delivered", "registered"]
    assert office.notary.asked == []


async def test_while_the_verifier_is_away_the_batch_waits_and_goes_on_when_it_is_back() -> None:
    office = Office(Away("NCANode cannot be reached"))
    batch = [
        incoming("complaint.submitted", submission(MADE, complaint_id=OTHER)),
        signed(),
        command("assigned", "Tue 2026-11-24 10:00"),
    ]
    for _ in range(2):
        with pytest.raises(Transient):
            await office.handle(*batch)
        assert office.store.kept == {}
    office.notary.verdict = Valid()
    handled = await office.handle(*batch)
    words = [(each.subject, json.loads(each.value)["status"]) for each in handled.events]
    assert words == [
        (OTHER, "delivered"),
        (OTHER, "registered"),
        (COMPLAINT, "delivered"),
        (COMPLAINT, "registered"),
        (COMPLAINT, "assigned"),
    ]


async def test_one_that_was_decided_is_not_asked_about_again() -> None:
    office = Office(Valid())
    event = signed()
    first = (await office.handle(event)).events
    office.notary.verdict = Away("NCANode cannot be reached")
    again = await office.handle(event, command("assigned", "Tue 2026-11-24 10:00"))
    assert again.events[: len(first)] == first
    assert len(office.notary.asked) == 1


async def test_a_command_that_came_first_opens_no_way_around_the_check() -> None:
    office = Office(TAMPERED)
    assert await office.said(command("assigned", "Tue 2026-11-24 10:00")) == []
    assert [each["status"] for each in await office.said(signed())] == ["refused"]
