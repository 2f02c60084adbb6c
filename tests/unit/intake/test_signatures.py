"""Who signed a request from the portal (C9.2, C13, R15): what is asked, of whom, and what an unsound one gets."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from homecall.gateways.signatures.port import Check, Invalid, Valid
from services.intake.external_checks import ExternalChecks
from tests.unit.intake.asked import AWAY, Notary
from tests.unit.intake.office import (
    DINARA,
    PAVEL,
    SERIK,
    Office,
    clinic,
    incoming,
    known,
    request,
    request_id,
    submitted,
    withdrawn,
)
from tests.unit.standard.local_times import at

MORNING = "Fri 2026-11-20 10:00"
BY_DINARA = {
    "iin": DINARA,
    "full_name": "Сынақ Динара",
    "authority": {"kind": "power_of_attorney", "number": "2026-118"},
}
TAMPERED = Invalid("content", "is over other data: sign these")


async def office(notary: Notary, *clinics: Any) -> Office:
    return await Office(known(*clinics), verifier=notary).prepared()


@pytest.mark.parametrize("check", get_args(Check))
async def test_c9_2_an_unsound_signature_is_refused_and_says_which_check_failed(check: Check) -> None:
    notary = Notary(Invalid(check, "is not what it should be: sign again", "signature.value"))
    intake = await office(notary)
    (refused,) = await intake.hear(submitted(MORNING, "portal"))
    assert (refused.type, refused.data["code"]) == ("request.refused", "signature_invalid")
    assert refused.data["fields"] == [
        {"path": "signature.value", "message": f"{check}: is not what it should be: sign again"}
    ]
    ruling = refused.data["ruling"]
    assert "C9.2" in ruling["clauses"]
    assert ruling["inputs"]["check"] == check
    state = await intake.state()
    assert (state.status, state.claim, state.pending, state.kept) == ("refused", None, [], None)
    assert state.ruling == ruling


async def test_the_field_that_has_no_canonical_form_is_named() -> None:
    notary = Notary(Invalid("canonical", "is no number that can be signed", "temperature_c"))
    (refused,) = await (await office(notary)).hear(submitted(MORNING, "portal"))
    assert [each["path"] for each in refused.data["fields"]] == ["temperature_c"]


async def test_c13_a_sound_one_is_accepted_and_the_verifier_saw_what_was_signed() -> None:
    notary = Notary()
    event = submitted(MORNING, "portal")
    (accepted,) = await (await office(notary)).hear(event)
    assert accepted.type == "request.accepted"
    (asked,) = notary.asked
    assert (asked.value, asked.cms, asked.signer_iin) == (event.value, "AAAA", SERIK)
    # R1: the certificate is held against the moment of the application, whenever it is looked at.
    assert asked.at == at(MORNING)


async def test_r15_a_representative_signs_with_their_own_key() -> None:
    notary = Notary()
    await (await office(notary)).hear(submitted(MORNING, "portal", applicant=BY_DINARA))
    assert [each.signer_iin for each in notary.asked] == [DINARA]


@pytest.mark.parametrize("channel", ["desk", "phone"])
@pytest.mark.parametrize("over", [{}, {"signature": {"format": "cms", "value": "AAAA"}}])
async def test_c9_1_at_the_desk_and_by_phone_nobody_signs(channel: str, over: dict[str, Any]) -> None:
    notary = Notary(TAMPERED)
    (accepted,) = await (await office(notary)).hear(submitted(MORNING, channel, **over))
    assert (accepted.type, notary.calls) == ("request.accepted", 0)


async def test_each_is_judged_by_its_own_signature_and_all_are_asked_about_at_once() -> None:
    notary = Notary()
    notary.of[DINARA] = TAMPERED
    intake = await office(notary)
    events = await intake.hear(
        submitted(MORNING, "portal"),
        submitted(MORNING, "portal", 2, patient={"iin": DINARA}),
        submitted(MORNING, "desk", 3, patient={"iin": PAVEL}),
    )
    assert {each.subject: each.type for each in events} == {
        request_id(1): "request.accepted",
        request_id(2): "request.refused",
        request_id(3): "request.accepted",
    }
    assert (notary.calls, len(notary.asked)) == (1, 2)


@pytest.mark.parametrize(
    ("over", "code"),
    [
        ({"signature": None}, "invalid_request"),
        ({"reasons": []}, "invalid_request"),
        ({"clinic_id": "nowhere-1"}, "unknown_clinic"),
    ],
)
async def test_what_is_refused_anyhow_is_not_asked_about(over: dict[str, Any], code: str) -> None:
    notary = Notary()
    (refused,) = await (await office(notary)).hear(submitted(MORNING, "portal", **over))
    assert (refused.data["code"], notary.calls) == (code, 0)


@pytest.mark.parametrize("verdict", [None, TAMPERED], ids=["accepted", "refused"])
async def test_a_request_that_was_decided_is_not_asked_about_again(verdict: Invalid | None) -> None:
    notary = Notary(verdict) if verdict else Notary()
    intake = await office(notary)
    event = submitted(MORNING, "portal")
    said = await intake.hear(event)
    again = submitted(MORNING, "portal", note="тағы да")
    assert await intake.hear(event, again) == said
    assert notary.calls == 1


async def test_who_lost_a_race_is_not_asked_about_again() -> None:
    notary = Notary()
    intake = await office(notary)
    requests = intake.memory.collection("requests")
    await intake.hear(submitted("Thu 2026-11-19 10:00", number=2, patient={"iin": DINARA}))

    def race() -> None:
        # Another replica changes the neighbour between this one's look and its write.
        requests.before_write = None
        requests.docs[request_id(2)]["v"] += 1

    requests.before_write = race
    events = await intake.hear(submitted(MORNING, "portal"), withdrawn("Thu 2026-11-19 10:05", 2))
    assert sorted(each.type for each in events) == ["request.accepted", "request.cancelled"]
    assert notary.calls == 1


async def test_a_withdrawal_that_came_first_opens_no_way_around_the_check() -> None:
    notary = Notary(TAMPERED)
    intake = await office(notary)
    assert await intake.hear(withdrawn("Fri 2026-11-20 10:01")) == []
    (refused,) = await intake.hear(submitted(MORNING, "portal"))
    assert (refused.type, refused.data.get("code")) == ("request.refused", "signature_invalid")


async def test_a_clinic_that_is_published_while_others_are_asked_about_opens_none_either() -> None:
    notary = Notary(TAMPERED)
    intake = await office(notary)

    async def publish() -> None:
        intake.clinics.take(clinic("tal-2"))

    notary.meanwhile = publish
    unasked = submitted(MORNING, "portal", 2, clinic_id="tal-2", patient={"iin": DINARA})
    events = await intake.hear(submitted(MORNING, "portal"), unasked, now="Fri 2026-11-20 10:00:01")
    assert [(each.subject, each.type) for each in events] == [(request_id(1), "request.refused")]
    # Nobody was asked about it: it waits, as one that could not be checked.
    assert (await intake.state(2)).status == "held"
    (refused,) = await intake.tick("Fri 2026-11-20 10:00:17")
    assert (refused.subject, refused.data["code"]) == (request_id(2), "signature_invalid")


async def test_timers_that_turn_while_a_batch_waits_take_nothing_from_it() -> None:
    notary = Notary()
    intake = await office(notary)
    await intake.hear(submitted("Thu 2026-11-19 10:00"), now="Thu 2026-11-19 10:00:01")
    notary.verdict = AWAY
    await intake.hear(submitted(MORNING, "portal", 2, patient={"iin": DINARA}), now="Fri 2026-11-20 10:00:01")
    notary.verdict = Valid()
    notary.of = {PAVEL: TAMPERED, DINARA: AWAY}
    notary.meanwhile = lambda: intake.tick("Fri 2026-11-20 10:00:17")
    writes: list[str] = []
    intake.memory.collection("requests").after_write = lambda: writes.append("write")
    events = await intake.hear(submitted(MORNING, "portal", 3), submitted(MORNING, "portal", 4, patient={"iin": PAVEL}))
    assert {each.subject: each.data.get("code", "accepted") for each in events} == {
        request_id(3): "accepted",
        request_id(4): "signature_invalid",
    }
    # The first request's day is over: its claim goes on to the third, at the first try.
    assert ((await intake.state(1)).claim, (await intake.state(3)).claim is None) == (None, False)
    assert len(writes) == 3, "two by the timer: it waits, that was sent; one by the batch: the requests"


async def test_r6_a_refusal_at_night_is_due_by_the_clock_that_would_have_run() -> None:
    (refused,) = await (await office(Notary(TAMPERED))).hear(submitted("Fri 2026-11-20 19:00", "portal"))
    assert refused.data["due_at"] == "2026-11-21T09:30:00+05:00"


async def test_nobody_to_ask_is_asked_nothing() -> None:
    notary = Notary()
    external = ExternalChecks(notary, None, wait_seconds=1)
    assert await external.check([]) == {}
    assert await external.ask({"1": SERIK}) == {}
    assert notary.calls == 0


@pytest.mark.parametrize("judged", [True, False])
async def test_r17_the_verifier_hears_when_the_record_came_where_that_is_judged(judged: bool) -> None:
    notary = Notary()
    external = ExternalChecks(notary, None, wait_seconds=1, judge_record_time=judged)
    recorded = at("Fri 2026-11-20 12:00")
    await external.check([incoming("request.submitted", request(MORNING, "portal"), recorded=recorded)])
    (asked,) = notary.asked
    assert (asked.at, asked.unrevoked_until) == (at(MORNING), recorded if judged else at(MORNING))
