"""Who signed a complaint from the portal (C9.2): an unsound one is refused, and one that cannot be checked waits."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from homecall.gateways.signatures.port import Check, Invalid, Unavailable, Valid
from homecall.runtime.encryption import KeyRing, Vault
from homecall.runtime.failures import RetryForever
from homecall.runtime.settings import Settings
from services.complaints.store import resealed
from tests.unit.complaints.casebook import (
    COMPLAINT,
    DINARA,
    IIN,
    at,
    command,
    incoming,
    submission,
)
from tests.unit.complaints.office import AWAY, MADE, NOON, Notary, Office, office_with, signed, words

ASSIGNED = "Tue 2026-11-24 10:00"
OTHER = "11111111-0000-4000-8000-000000000000"
TAMPERED = Invalid("content", "is over other data: sign these")


class Crash(Exception):
    """The process ends here."""


@pytest.mark.parametrize(
    ("check", "path"), [("content", "signature.value"), ("iin", "signature.value"), ("canonical", "text")]
)
async def test_c9_2_an_unsound_signature_is_refused_with_its_field(check: Check, path: str) -> None:
    office, _notary = office_with(Invalid(check, "is not what it should be: sign again", path))
    (refused,) = await office.said(signed())
    assert refused["status"] == "refused"
    assert refused["refusal"]["code"] == "invalid_complaint"
    assert refused["refusal"]["fields"] == [{"path": path, "message": f"{check}: is not what it should be: sign again"}]
    assert "incoming_number" not in refused
    assert IIN not in json.dumps(refused)


async def test_c13_a_sound_one_is_registered_and_the_verifier_saw_what_was_signed() -> None:
    office, notary = office_with(Valid())
    event = signed()
    assert [each["status"] for each in await office.said(event)] == ["delivered", "registered"]
    (asked,) = notary.asked
    assert (asked.value, asked.cms, asked.signer_iin, asked.at) == (event.value, "AAAA", IIN, at(MADE))


async def test_without_an_iin_nobody_can_have_signed_it() -> None:
    office, notary = office_with(Valid())
    nameless = {name: value for name, value in DINARA.items() if name != "iin"}
    await office.hear(signed(complainant=nameless))
    assert [each.signer_iin for each in notary.asked] == [""]


@pytest.mark.parametrize("channel", ["post", "in_person"])
async def test_by_post_and_at_the_office_nobody_signs(channel: str) -> None:
    office, notary = office_with(TAMPERED)
    sent = incoming("complaint.submitted", submission(MADE, channel=channel))
    assert [each["status"] for each in await office.said(sent)] == ["delivered", "registered"]
    assert notary.asked == []


# ---------------------------------------------------------------- while the verifier is away


async def test_c9_2_one_that_cannot_be_checked_is_held_and_holds_up_nobody_but_its_own_commands() -> None:
    office, notary = office_with(AWAY)
    assigned = command("assigned", ASSIGNED)
    batch = [incoming("complaint.submitted", submission(MADE, complaint_id=OTHER)), signed(), assigned]
    handled = await office.hear(*batch)
    assert words(handled.events) == [(OTHER, "delivered"), (OTHER, "registered"), (COMPLAINT, "delivered")]
    # What comes again says the same; what comes later waits behind what came before.
    executed, answered = command("executed", "Tue 2026-11-24 10:10"), command("answered", "Tue 2026-11-24 10:20")
    assert words((await office.hear(*batch, executed, assigned, answered)).events) == words(handled.events)
    assert not handled.dead

    assert await office.tick("12:00:16") == []
    assert len(notary.asked) == 2
    notary.verdict = Valid()
    expected = ["delivered", "registered", "assigned", "executed", "answered"]
    assert words(await office.tick("12:00:46")) == [(COMPLAINT, each) for each in expected]
    assert await office.tick("12:01:30") == []
    # The same complaint under another event id changes nothing, and nobody is asked about it.
    assert await office.said(signed()) == []
    assert len(notary.asked) == 3


@pytest.mark.parametrize("first", ["the command", "the complaint"])
async def test_an_unsound_one_is_refused_in_the_end_and_its_commands_become_dead_letters(first: str) -> None:
    office, notary = office_with(AWAY)
    events = [signed(), command("assigned", ASSIGNED)]
    said = [
        each["status"]
        for event in events[:: 1 if first == "the complaint" else -1]
        for each in await office.said(event)
    ]
    assert said == ["delivered"]
    notary.verdict = TAMPERED
    # For days, if need be: a command of a complaint that is known does not expire.
    due = await office.engine.due(NOON + timedelta(days=2))
    told = [json.loads(each.value) for each in due.events if "deadline" not in each.type]
    assert [(each["status"], each["sequence"]) for each in told] == [("delivered", 1), ("refused", 2)]
    await office.engine.sent(due)
    due = await office.engine.due(NOON + timedelta(days=2))
    assert [(record.value, dead.reason) for record, dead in due.dead] == [(events[1].value, "invalid_transition")]


@pytest.mark.parametrize("write", [1, 2])
async def test_a_crash_while_it_is_decided_loses_and_doubles_nothing(write: int) -> None:
    office, notary = office_with(AWAY)
    await office.hear(signed(), command("assigned", ASSIGNED))
    notary.verdict = Valid()
    office.fail("complaints", at_write=write, error=Crash)
    with pytest.raises((Crash, RetryForever)):
        await office.engine.due(NOON + timedelta(seconds=16))
    office.fail("complaints", at_write=0)
    said = words(await office.tick("12:00:16")) + words(await office.tick("12:00:40"))
    assert said == [(COMPLAINT, each) for each in ("delivered", "registered", "assigned")]
    number = {each.number for each in office.state().stages}
    assert number == {"2026-1"}


async def test_c10_6_r9a_one_that_cannot_be_checked_is_delivered_at_once() -> None:
    """The same event, with the same id, as where the signature can be checked at once."""
    checked, waiting = Office(Notary(Valid())), Office(Notary(AWAY))
    event = signed()
    at_once, *_ = (await checked.hear(event)).events
    (delivered,) = (await waiting.hear(event)).events
    assert (delivered.id, delivered.value) == (at_once.id, at_once.value)
    told = json.loads(delivered.value)
    assert (told["status"], told["sequence"], told["occurred_at"]) == ("delivered", 1, "2026-11-24T09:40:00+05:00")
    assert "incoming_number" not in told


async def test_each_status_has_its_own_place_in_the_sequence_and_its_own_id() -> None:
    office, notary = office_with(AWAY)
    event = signed()
    heard = list((await office.hear(event)).events)
    heard += await office.tick("2026-12-02T13:00+05:00")
    notary.verdict = Valid()
    heard += await office.tick("2026-12-02T13:03+05:00")
    heard += (await office.hear(event, command("assigned", "Wed 2026-12-02 13:05"))).events
    by_id = {each.id: json.loads(each.value) for each in heard if each.type == "complaint.status-changed"}
    told = sorted((each["sequence"], each["status"]) for each in by_id.values())
    assert told == [(1, "delivered"), (2, "overdue"), (3, "registered"), (4, "assigned")]


async def test_one_that_an_earlier_release_held_is_delivered_when_it_is_decided() -> None:
    """It had told nothing: neither the delivery, nor that it is overdue."""
    office, notary = office_with(AWAY)
    await office.hear(signed())
    document = office.document()
    document["s"] |= {"sequence": 0, "answer_by": None}
    document["o"] = {causation_id: [] for causation_id in document["o"]}
    assert [word for _, word in words(await office.tick("2026-12-01T13:00+05:00"))] == ["deadline.missed"]
    notary.verdict = Valid()
    late = [json.loads(each.value) for each in await office.tick("2026-12-02T13:00+05:00")]
    assert [(each["sequence"], each["status"]) for each in late] == [
        (1, "delivered"),
        (2, "registered"),
        (3, "overdue"),
    ]


async def test_c10_4_its_term_runs_meanwhile_near_and_missed_once_each_and_not_again_later() -> None:
    office, notary = office_with(AWAY)
    await office.hear(signed())
    said = []
    for days in range(1, 9):
        said += await office.tick((NOON + timedelta(days=days)).isoformat())
    assert [each.type for each in said] == ["deadline.approaching", "deadline.missed", "complaint.status-changed"]
    overdue = json.loads(said[2].value)
    assert (overdue["status"], overdue["sequence"], overdue["stage"]) == ("overdue", 2, "clinic")
    assert overdue["occurred_at"] == "2026-11-30T20:00:00+05:00"
    assert "30 ноября 2026 года" in overdue["text"]["ru"]
    assert [each["kind"] for each in overdue["next_steps"]] == ["quality_authority", "court", "contact_centre"]
    missed = json.loads(said[1].value)
    # Registered on Tuesday the 24th; day 1 is Wednesday, day 5 Monday: Sunday is none (R9).
    assert (missed["started_at"], missed["due_at"], missed["stage"]) == (
        "2026-11-24T09:40:00+05:00",
        "2026-11-30T20:00:00+05:00",
        "held",
    )
    notary.verdict = Valid()
    late = await office.tick("2026-12-02T13:00+05:00")
    # What was said of it before comes once more with what is said now, under the same id.
    assert [word for _, word in words(late)] == ["delivered", "registered"]
    assert json.loads(late[1].value)["answer_due_on"] == "2026-11-30"
    assert await office.tick("2026-12-03T13:00+05:00") == []


async def test_the_event_is_kept_sealed_with_nothing_of_the_person_beside_it() -> None:
    office, notary = office_with(AWAY, vault=Vault.from_settings(Settings(_env_file=None, env="development")))  # type: ignore[call-arg]  # pydantic-settings' own argument
    event = signed()
    await office.hear(event)
    stored = repr(office.document()["s"])
    for canary in (IIN, DINARA["full_name"], DINARA["phone"], "AAAA"):
        assert canary not in stored
    notary.verdict = Valid()
    assert [word for _, word in words(await office.tick("12:00:16"))] == ["delivered", "registered"]
    assert office.state().held is None


async def test_a_held_one_is_resealed_by_a_rotation_and_opens_afterwards() -> None:
    keys = {"2026-1": bytes(32), "2026-2": bytes([1]) * 32}
    before = Vault(KeyRing(lookup=bytes(32), keys={"2026-1": keys["2026-1"]}, current="2026-1"))
    both = Vault(KeyRing(lookup=bytes(32), keys=keys, current="2026-2"))
    after = Vault(KeyRing(lookup=bytes(32), keys={"2026-2": keys["2026-2"]}, current="2026-2"))
    office, _notary = office_with(AWAY, vault=before)
    await office.hear(signed())
    (kept,) = (await office.store.complaints.load([COMPLAINT])).values()
    assert kept.state is not None
    kept.state = resealed(kept.state, both)
    assert resealed(kept.state, both) == kept.state
    await office.store.complaints.save([kept])
    restarted = Office(Notary(Valid()), vault=after, database=office.database)
    assert [word for _, word in words(await restarted.tick("12:00:16"))] == ["delivered", "registered"]


async def test_one_that_was_decided_is_not_asked_about_again() -> None:
    office, notary = office_with(Valid())
    event = signed()
    first = (await office.hear(event)).events
    notary.verdict = Unavailable("NCANode cannot be reached")
    again = await office.hear(event, command("assigned", "Tue 2026-11-24 10:00"))
    assert again.events[: len(first)] == first
    assert len(notary.asked) == 1


async def test_a_command_that_came_first_opens_no_way_around_the_check() -> None:
    office, _notary = office_with(TAMPERED)
    assert await office.said(command("assigned", "Tue 2026-11-24 10:00")) == []
    assert [each["status"] for each in await office.said(signed())] == ["refused"]
