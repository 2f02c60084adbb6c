"""Who the patient is, by the state register of persons (C9.3, R15, R12): found, not found, or not to be learned."""

from __future__ import annotations

import asyncio
import shutil
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import bson
import httpx
import pytest

from homecall.gateways.identity.http import HttpIdentity
from homecall.gateways.identity.port import Attachment, Found, NoConsent, NotFound, Result, Unavailable
from homecall.gateways.signatures.port import Unchecked
from homecall.standard import rules as rules_module
from homecall.standard.rules import RuleSets, load_rule_sets
from services.intake.domain.facts import Checks
from services.intake.domain.state import timer_at
from services.intake.external_checks import ExternalChecks
from tests.unit.intake.asked import SILENT, Register, found
from tests.unit.intake.office import (
    DINARA,
    PAVEL,
    RULES,
    SERIK,
    Office,
    clinic,
    decide,
    known,
    refusal,
    request_id,
    submitted,
    withdrawn,
)
from tests.unit.standard.local_times import at

MADE, HEARD = "Fri 2026-11-20 10:00", "Fri 2026-11-20 10:00:01"
CHILD, ADULT = "2019-03-02", "1985-07-15"
DATA = Path(rules_module.__file__).parent / "data"


async def office(register: Register | None, **how: Any) -> Office:
    return await Office(identity=register, **how).prepared()


def by(kind: str, **more: Any) -> dict[str, Any]:
    return {"iin": DINARA, "full_name": "Сынақ Динара", "authority": {"kind": kind, **more}}


def in_day(moment: datetime) -> str:
    return f"{moment:%a %Y-%m-%d %H:%M:%S.%f}"


# ---------------------------------------------------------------- found


@pytest.mark.parametrize("channel", ["desk", "phone", "portal"])
async def test_c9_3_who_is_found_is_accepted_with_nothing_to_note(channel: str) -> None:
    register = Register({SERIK: found()})
    intake = await office(register)
    (accepted,) = await intake.hear(submitted(MADE, channel), now=HEARD)
    assert (accepted.type, accepted.data["flags"]) == ("request.accepted", [])
    assert register.asked == [SERIK]
    state = await intake.state()
    assert (state.ask_again_at, state.unconfirmed) == (None, None)
    assert await intake.tick("Sat 2026-11-21 10:00") == []
    assert register.calls == 1


@pytest.mark.parametrize(
    ("in_event", "in_register", "age"),
    [
        (None, CHILD, 7),
        (None, ADULT, 41),
        (CHILD, ADULT, 41),
        (ADULT, CHILD, 7),
        (CHILD, CHILD, 7),
        (None, "2026-11-20", 0),
        (None, "2026-11-21", None),
        (ADULT, "2026-11-21", None),
    ],
)
async def test_r23_the_age_is_by_the_registers_birth_date(
    in_event: str | None, in_register: str, age: int | None
) -> None:
    intake = await office(Register({SERIK: found(in_register)}))
    patient = {"birth_date": in_event} if in_event else {}
    (accepted,) = await intake.hear(submitted(MADE, patient=patient), now=HEARD)
    # By the age the scheduler looks for a paediatrician.
    assert accepted.data["patient"].get("age_years") == age
    # A date that the register contradicts is not passed on, and one that nobody stated is not told.
    shown = in_register if in_event == in_register else None
    assert accepted.data["patient"].get("birth_date") == shown


@pytest.mark.parametrize(
    ("in_event", "in_register", "flags"),
    [
        (None, ADULT, ["iin_mismatch"]),
        (None, "1885-07-15", []),
        ("1885-07-15", ADULT, []),
        (ADULT, "1885-07-15", ["iin_mismatch"]),
    ],
)
async def test_r15_digits_that_hint_at_another_birth_date_are_a_flag_and_no_refusal(
    in_event: str | None, in_register: str, flags: list[str]
) -> None:
    intake = await office(Register({SERIK: found(in_register)}))
    patient = {"birth_date": in_event} if in_event else {}
    (accepted,) = await intake.hear(submitted(MADE, patient=patient), now=HEARD)
    assert (accepted.type, accepted.data["flags"]) == ("request.accepted", flags)


@pytest.mark.parametrize(
    ("kind", "in_event", "answer", "decided"),
    [
        ("parent", None, found(CHILD), "accepted"),
        ("guardian", None, found(CHILD), "accepted"),
        ("parent", None, found(ADULT), "authority_invalid"),
        ("parent", CHILD, found(ADULT), "authority_invalid"),
        ("guardian", CHILD, found(ADULT), "authority_invalid"),
        ("parent", ADULT, found(CHILD), "accepted"),
        ("parent", CHILD, found("2008-11-20"), "authority_invalid"),
        ("parent", ADULT, found("2008-11-21"), "accepted"),
        ("parent", CHILD, SILENT, "accepted"),
        ("parent", None, SILENT, "authority_invalid"),
        ("power_of_attorney", None, found(ADULT), "accepted"),
    ],
)
async def test_c9_1_r15_a_parents_authority_hangs_on_the_birth_date(
    kind: str, in_event: str | None, answer: Result, decided: str
) -> None:
    register = Register({SERIK: answer})
    intake = await office(register)
    applicant = by(kind, number="2026-118") if kind == "power_of_attorney" else by(kind)
    patient = {"birth_date": in_event} if in_event else {}
    (said,) = await intake.hear(submitted(MADE, applicant=applicant, patient=patient), now=HEARD)
    assert said.data.get("code", "accepted") == decided
    # It is the patient who is looked up, whoever applies.
    assert register.asked == [SERIK]


@pytest.mark.parametrize("channel", ["desk", "portal"])
async def test_r23_the_refusal_says_that_the_register_decided_and_the_way_out(channel: str) -> None:
    intake = await office(Register({SERIK: found(ADULT)}))
    asked = submitted(MADE, channel, applicant=by("parent"), patient={"birth_date": CHILD})
    (refused,) = await intake.hear(asked, now=HEARD)
    (field,) = refused.data["fields"]
    assert field["path"] == "applicant.authority.kind"
    assert "state register of persons" in field["message"]
    assert "send a power of attorney" in field["message"]
    ruling = refused.data["ruling"]
    assert ruling["clauses"][-2:] == ["R15", "R23"]
    # Enough to decide again, and no birth date: a ruling outlives the erasure of personal data.
    assert ruling["inputs"]["patient"] == {"minor": False, "birth_date_of": "register"}
    assert ADULT not in str(refused.data["ruling"])


async def test_r23_a_deferred_childs_ruling_keeps_what_the_register_said() -> None:
    # On the day of the application, a Friday, the patient is 17; at the opening on Saturday 18.
    register = Register({SERIK: found("2008-11-21")})
    intake = await office(register)
    asked = submitted("Fri 2026-11-20 19:00", "portal", applicant=by("parent"))
    (deferred,) = await intake.hear(asked, now="Fri 2026-11-20 19:00:01")
    (accepted,) = await intake.tick("Sat 2026-11-21 09:00")
    assert (deferred.type, accepted.type) == ("request.deferred", "request.accepted")
    for each in (deferred, accepted):
        assert each.data["ruling"]["inputs"]["patient"] == {"minor": True, "birth_date_of": "register"}
        assert each.data["patient"]["age_years"] == 17
    assert register.calls == 1


# ---------------------------------------------------------------- not found


async def test_c9_3_who_is_in_no_register_is_refused() -> None:
    intake = await office(Register())
    (refused,) = await intake.hear(submitted(MADE), now=HEARD)
    assert (refused.type, refused.data["code"]) == ("request.refused", "identity_not_confirmed")
    (field,) = refused.data["fields"]
    assert field["path"] == "patient.iin"
    assert SERIK not in str(refused.data)
    assert "C9.3" in refused.data["ruling"]["clauses"]
    state = await intake.state()
    assert (state.status, state.claim, timer_at(state)) == ("refused", None, None)


# ---------------------------------------------------------------- not to be learned


@pytest.mark.parametrize(
    ("answer", "asks_again"),
    [(SILENT, True), (Unavailable("unreachable"), True), (Unavailable("resting"), True), (NoConsent(), False)],
)
@pytest.mark.parametrize(("when", "type_"), [(MADE, "request.accepted"), ("Fri 2026-11-20 19:00", "request.deferred")])
async def test_c9_3_no_answer_holds_nothing_up(answer: Result, asks_again: bool, when: str, type_: str) -> None:
    register = Register({SERIK: answer})
    intake = await office(register)
    (said,) = await intake.hear(submitted(when, "portal"), now=when)
    assert (said.type, said.data["flags"]) == (type_, ["identity_unconfirmed"])
    state = await intake.state()
    assert (state.ask_again_at is not None, state.unconfirmed is not None) == (asks_again, asks_again)
    assert SERIK.encode() not in bson.encode(intake.memory.collection("requests").docs[request_id(1)])
    register.rest, register.people = found(), {}
    later = in_day(at(when) + timedelta(minutes=1))
    assert [each.type for each in await intake.tick(later)] == (["request.identity-checked"] if asks_again else [])
    assert register.calls == (2 if asks_again else 1)


async def test_the_flag_stays_with_a_deferred_request_and_the_register_may_answer_before_its_opening() -> None:
    register = Register({SERIK: SILENT})
    intake = await office(register)
    night = "Fri 2026-11-20 19:00"
    await intake.hear(submitted(night, "portal"), now=night)
    register.people = {SERIK: found()}
    (checked,) = await intake.tick("Fri 2026-11-20 19:01")
    assert checked.data["outcome"] == "confirmed"
    (accepted,) = await intake.tick("Sat 2026-11-21 09:00")
    assert (accepted.type, accepted.data["flags"]) == ("request.accepted", ["identity_unconfirmed"])


async def test_an_opening_and_a_question_that_are_due_at_once_are_both_kept() -> None:
    intake = await office(Register({SERIK: SILENT}))
    night = "Fri 2026-11-20 19:00"
    await intake.hear(submitted(night, "portal"), now=night)
    events = await intake.tick("Sat 2026-11-21 09:00") + await intake.tick("Sat 2026-11-21 09:00:01")
    assert [each.type for each in events] == ["request.accepted"]
    state = await intake.state()
    assert (state.asked, state.register_number, state.ask_again_at is not None) == (1, 1, True)


# ---------------------------------------------------------------- asked about later


@pytest.mark.parametrize(("answer", "outcome"), [(found(), "confirmed"), (NotFound(), "not_found")])
async def test_c9_3_a_late_answer_is_told_and_takes_nothing_back(answer: Result, outcome: str) -> None:
    register = Register({SERIK: SILENT})
    intake = await office(register)
    event = submitted(MADE)
    first = await intake.hear(event, now=HEARD)
    before = await intake.state()
    assert await intake.tick("Fri 2026-11-20 10:01") == []
    register.people = {SERIK: answer}
    due = await intake.engine.due(at("Fri 2026-11-20 10:01:01"))
    (checked,) = due.events
    assert checked.type == "request.identity-checked"
    # Stored and not acknowledged: owed until it is.
    assert (await intake.engine.unsent(seconds=-1)).events == [checked]
    await intake.engine.sent(due)
    assert (await intake.engine.unsent(seconds=-1)).events == []
    assert f'"outcome":"{outcome}"' in checked.value.decode().replace(" ", "")
    state = await intake.state()
    assert (state.status, state.register_number, state.claim) == ("accepted", 1, before.claim)
    assert (state.ask_again_at, state.unconfirmed) == (None, None)
    assert await intake.tick("Sat 2026-11-21 10:00") == []
    assert await intake.hear(event) == first
    assert register.calls == 2


async def test_c9_3_it_is_asked_ever_more_rarely_and_given_up_after_a_day() -> None:
    register = Register({SERIK: SILENT})
    intake = await office(register)
    await intake.hear(submitted(MADE), now=HEARD)
    asked = []
    while (ask_at := (await intake.state()).ask_again_at) is not None:
        calls = register.calls
        assert await intake.tick(in_day(ask_at - timedelta(milliseconds=1))) == []
        assert register.calls == calls
        assert await intake.tick(in_day(ask_at)) == []
        assert register.calls == calls + 1
        asked.append(ask_at - at(HEARD))
    assert asked[:7] == [timedelta(minutes=minutes) for minutes in (1, 3, 7, 15, 31, 63, 123)]
    gaps = [later - earlier for earlier, later in pairwise(asked)]
    assert gaps == sorted(gaps)
    assert gaps[-1] == timedelta(hours=1)
    assert timedelta(hours=22) < asked[-1] < timedelta(hours=28)
    state = await intake.state()
    assert (state.unconfirmed, timer_at(state), state.status) == (None, None, "accepted")


async def test_no_consent_later_ends_the_asking() -> None:
    register = Register({SERIK: SILENT})
    intake = await office(register)
    await intake.hear(submitted(MADE), now=HEARD)
    register.people = {SERIK: NoConsent()}
    assert await intake.tick("Fri 2026-11-20 10:01:01") == []
    state = await intake.state()
    assert (state.unconfirmed, timer_at(state)) == (None, None)


async def test_nobody_is_asked_about_a_request_that_was_withdrawn() -> None:
    register = Register({SERIK: SILENT})
    intake = await office(register)
    await intake.hear(submitted(MADE), now=HEARD)
    await intake.hear(withdrawn("Fri 2026-11-20 10:00:30"), now="Fri 2026-11-20 10:00:30")
    assert await intake.tick("Fri 2026-11-20 12:00") == []
    state = await intake.state()
    assert (register.calls, state.unconfirmed, timer_at(state)) == (1, None, None)


@pytest.mark.parametrize("how", ["gateway off", "key gone"])
async def test_who_cannot_be_asked_about_any_more_leaves_no_timer_that_stands(how: str) -> None:
    register = Register({SERIK: SILENT})
    intake = await office(register)
    await intake.hear(submitted(MADE), now=HEARD)
    if how == "gateway off":
        intake = Office(intake.clinics, intake.memory.as_database)
    else:
        intake.memory.collection("requests").docs[request_id(1)]["s"]["unconfirmed"]["k"] = "gone"
    ticks = 0
    while (ask_at := (await intake.state()).ask_again_at) is not None:
        due = await intake.engine.due(ask_at, limit=1)
        assert due.events == []
        asked_next = (await intake.state()).ask_again_at
        assert asked_next is None or asked_next > at(HEARD)
        ticks += 1
        assert ticks < 40, "the timer stands, and every tick finds it again"
    assert register.calls == 1


# ---------------------------------------------------------------- how many questions


async def test_a_batch_asks_once_and_about_new_requests_only() -> None:
    register = Register(rest=found())
    intake = await office(register)
    first = submitted(MADE)
    await intake.hear(first, now=HEARD)
    batch = [
        first,
        submitted(MADE, note="тағы да"),
        submitted(MADE, "desk", 2, patient={"iin": DINARA}),
        submitted(MADE, "portal", 3, patient={"iin": PAVEL}),
        submitted(MADE, number=4, clinic_id="nowhere-1", patient={"iin": PAVEL}),
        submitted(MADE, number=5, reasons=[]),
    ]
    await intake.hear(*batch)
    assert (register.calls, register.asked) == (2, [SERIK, DINARA, PAVEL])
    await intake.hear(*batch)
    assert register.calls == 2


async def test_many_that_are_due_are_asked_about_at_once() -> None:
    register = Register(rest=SILENT)
    intake = await office(register)
    await intake.hear(submitted(MADE), submitted(MADE, number=2, patient={"iin": DINARA}), now=HEARD)
    await intake.tick("Fri 2026-11-20 10:01:01")
    assert (register.calls, len(register.asked)) == (2, 4)


async def test_a_gateway_that_hangs_is_waited_for_no_longer_than_set() -> None:
    hangs = asyncio.Event()

    async def answer(_: httpx.Request) -> httpx.Response:
        await hangs.wait()
        return httpx.Response(500)

    identity = HttpIdentity("http://127.0.0.1/registers", transport=httpx.MockTransport(answer))
    external = ExternalChecks(Unchecked(), identity, wait_seconds=0.05)
    events = [submitted(MADE), submitted(MADE, "portal", 2, patient={"iin": DINARA})]
    checks = await asyncio.wait_for(external.check(events), 5)
    assert {each.causation_id: checks[each.causation_id].identity for each in events} == {
        each.causation_id: "away" for each in events
    }
    assert all(each.unconfirmed and each.attached is None for each in checks.values())
    asked = await asyncio.wait_for(external.ask({"one": SERIK}), 5)
    assert {key: each.identity for key, each in asked.items()} == {"one": "away"}
    await external.close()


# ---------------------------------------------------------------- attached, by R12


@pytest.fixture(scope="module")
def of_2021(tmp_path_factory: pytest.TempPathFactory) -> RuleSets:
    """The standard's rules, and after them those of the example."""
    directory = tmp_path_factory.mktemp("rules")
    for path in (DATA / "rules" / "kz-2015.toml", DATA / "examples" / "kz-2021.toml"):
        shutil.copy(path, directory)
    return load_rule_sets(directory)


@pytest.mark.parametrize("law", ["kz-2015", "kz-2021"])
@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("attached", [True, False, None])
def test_r12_not_attached_only_where_the_law_and_the_clinic_ask(
    of_2021: RuleSets, law: str, asks: bool, attached: bool | None
) -> None:
    decision = decide(
        submitted(MADE),
        clinics=known(clinic(attachment_required=asks)),
        rule_sets=of_2021 if law == "kz-2021" else RULES,
        checks=Checks(identity="confirmed", attached=attached),
    )
    assert decision.state is not None
    if (law, asks, attached) != ("kz-2021", True, False):
        assert (decision.state.status, decision.state.ruling["rule_set"]) == ("accepted", law)
        return
    refused = refusal(decision)
    assert (refused["code"], [each["path"] for each in refused["fields"]]) == ("not_attached", ["clinic_id"])
    ground = of_2021.on(date(2026, 11, 20)).refusal_ground("not_attached")
    assert ground is not None
    assert ground.clause in refused["ruling"]["clauses"]


@pytest.mark.parametrize("law", ["kz-2015", "kz-2021"])
@pytest.mark.parametrize("stated", [None, "1985-07-15", "1985-07-16"])
@pytest.mark.parametrize("registered", [None, date(1985, 7, 15)])
def test_r12_unreliable_data_are_refused_only_where_the_law_has_that_ground(
    of_2021: RuleSets, law: str, stated: str | None, registered: date | None
) -> None:
    decision = decide(
        submitted(MADE, patient={} if stated is None else {"birth_date": stated}),
        rule_sets=of_2021 if law == "kz-2021" else RULES,
        checks=Checks(identity="confirmed", birth_date=registered),
    )
    assert decision.state is not None
    if (law, stated, registered) != ("kz-2021", "1985-07-16", date(1985, 7, 15)):
        assert (decision.state.status, decision.state.ruling["rule_set"]) == ("accepted", law)
        return
    refused = refusal(decision)
    fields = [each["path"] for each in refused["fields"]]
    assert (refused["code"], fields) == ("identity_not_confirmed", ["patient.birth_date"])
    assert "R12" in refused["ruling"]["clauses"]


@pytest.mark.parametrize(
    ("answer", "attached"),
    [
        (found(), True),
        (found(attachment=Attachment("tal-2", None, date(2020, 1, 1))), False),
        (found(attachment=Attachment("samal-3", None, date(2026, 11, 20))), True),
        (found(attachment=Attachment("samal-3", None, date(2026, 11, 21))), False),
        (found(attachment=Attachment("samal-3", None, date(2020, 1, 1), date(2026, 11, 20))), True),
        (found(attachment=Attachment("samal-3", None, date(2020, 1, 1), date(2026, 11, 19))), False),
        (found(attachment=None), False),
        (found(attachment=SILENT), None),
        (NoConsent(), None),
        (SILENT, None),
        (NotFound(), None),
    ],
)
async def test_the_attachment_is_that_of_the_day_of_the_application(answer: Result, attached: bool | None) -> None:
    event = submitted(MADE)
    external = ExternalChecks(Unchecked(), Register({SERIK: answer}), wait_seconds=1)
    checks = (await external.check([event]))[event.causation_id]
    assert checks.attached is attached
    assert checks.birth_date == (answer.person.birth_date if isinstance(answer, Found) else None)
