"""What a request is refused on besides the hour, and the flags and urgency that it carries (R13, R15, C3, C9.1)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from homecall.contract.events import RefusalCode
from services.intake.domain.facts import Checks
from tests.unit.intake.office import DINARA, SERIK, decide, refusal, submitted
from tests.unit.standard.local_times import at

NOON = "Fri 2026-11-20 12:00"
SUNDAY = "Sun 2026-11-22 12:00"


def by(kind: str, **more: Any) -> dict[str, Any]:
    """An applicant who stands in for the patient."""
    return {"iin": DINARA, "full_name": "Сынақ Динара", "authority": {"kind": kind, **more}}


CHILD = {"birth_date": "2019-03-02"}


@pytest.mark.parametrize(
    ("applicant", "patient", "wrong"),
    [
        (by("power_of_attorney", number="2026-118"), {}, []),
        (by("power_of_attorney", number="2026-118", valid_until="2026-11-20"), {}, []),
        (by("power_of_attorney", number="2026-118", valid_until="9999-12-31"), CHILD, []),
        (by("power_of_attorney"), {}, ["number"]),
        (by("power_of_attorney", number="2026-118", valid_until="2026-11-19"), {}, ["valid_until"]),
        (by("power_of_attorney", valid_until="2026-11-19"), {}, ["valid_until", "number"]),
        (by("parent"), CHILD, []),
        (by("guardian"), CHILD, []),
        (by("guardian", valid_until="2026-11-19"), CHILD, ["valid_until"]),
        (by("parent"), {"birth_date": "2008-11-21"}, []),
        (by("parent"), {"birth_date": "2008-11-20"}, ["kind"]),
        (by("guardian"), {}, ["kind"]),
    ],
)
@pytest.mark.parametrize("channel", ["desk", "phone", "portal"])
def test_c9_1_r15_who_may_stand_in(
    channel: str, applicant: dict[str, Any], patient: dict[str, Any], wrong: list[str]
) -> None:
    decision = decide(submitted(NOON, channel, applicant=applicant, patient=patient))
    assert decision.state is not None
    if not wrong:
        assert decision.state.status == "accepted"
        return
    refused = refusal(decision)
    assert refused["code"] == "authority_invalid"
    assert [each["path"] for each in refused["fields"]] == [f"applicant.authority.{name}" for name in wrong]
    assert "R15" in refused["ruling"]["clauses"]


OWN = {"iin": SERIK}


@pytest.mark.parametrize(
    ("applicant", "patient", "wrong"),
    [
        (by("parent") | OWN, CHILD, ["applicant.iin"]),
        (by("guardian") | OWN, CHILD, ["applicant.iin"]),
        (by("parent") | OWN, {}, ["applicant.iin"]),
        (by("guardian", valid_until="2026-11-19") | OWN, {"birth_date": "1985-07-15"}, ["applicant.iin"]),
        # Patients need no power of attorney for themselves: what one says is not looked at.
        (by("power_of_attorney", number="2026-118") | OWN, {}, []),
        (by("power_of_attorney") | OWN, {}, []),
        (by("power_of_attorney", valid_until="2026-11-19") | OWN, CHILD, []),
    ],
)
@pytest.mark.parametrize("channel", ["desk", "phone", "portal"])
def test_r15_nobody_is_their_own_parent_or_guardian(
    channel: str, applicant: dict[str, Any], patient: dict[str, Any], wrong: list[str]
) -> None:
    decision = decide(submitted(NOON, channel, applicant=applicant, patient=patient))
    assert decision.state is not None
    if not wrong:
        assert decision.state.status == "accepted"
        return
    refused = refusal(decision)
    assert (refused["code"], [each["path"] for each in refused["fields"]]) == ("authority_invalid", wrong)
    assert "leave applicant out" in refused["fields"][0]["message"]
    assert SERIK not in str(refused)


@pytest.mark.parametrize(
    ("reasons", "urgency", "red_flags"),
    [
        (["fever_above_38"], "same_day", []),
        (["dangerous_infection_suspected"], "urgent", []),
        (["passed_on_by_ambulance", "other"], "urgent", []),
        (["chest_pain"], "urgent", ["chest_pain"]),
        (["fever_above_38", "seizures", "stroke_signs"], "urgent", ["seizures", "stroke_signs"]),
    ],
)
def test_r13_urgency_and_red_flags_of_what_is_accepted(reasons: list[str], urgency: str, red_flags: list[str]) -> None:
    state = decide(submitted(NOON, reasons=reasons)).state
    assert state is not None
    assert (state.status, state.request["urgency"], state.request["red_flags"]) == ("accepted", urgency, red_flags)


@pytest.mark.parametrize(
    ("when", "over", "code"),
    [
        (SUNDAY, {}, "outside_acceptance_hours"),
        (NOON, {"applicant": by("power_of_attorney")}, "authority_invalid"),
        (NOON, {"clinic_id": "nowhere-1"}, "unknown_clinic"),
        (NOON, {"reasons": ["chest_pain", "boredom"]}, "invalid_request"),
        (NOON, {"patient": {"birth_date": "2026-11-21"}}, "invalid_request"),
        (NOON, {"patient": {"iin": "850715100001"}}, "invalid_request"),
        (NOON, {"reasons": ["chest_pain", "No Code At All"]}, "invalid_request"),
    ],
)
def test_r3_r13_a_refusal_carries_the_red_flags_too(when: str, over: dict[str, Any], code: RefusalCode) -> None:
    # Its text says first to call 103 now: nobody with chest pain is only told the opening hours.
    refused = refusal(decide(submitted(when, **({"reasons": ["chest_pain"]} | over))))
    assert (refused["code"], refused["red_flags"]) == (code, ["chest_pain"])


def test_r13_the_records_time_finds_the_red_flags_where_the_applications_cannot_be_read() -> None:
    broken = submitted(NOON, submitted_at="noon", reasons=["chest_pain"])
    stamped = replace(broken, record=replace(broken.record, timestamp=int(at(NOON).timestamp() * 1000)))
    for each in (broken, stamped):  # a record without a time, too: then by the newest rules
        refused = refusal(decide(each))
        assert (refused["code"], refused["red_flags"], refused["urgency"]) == (
            "invalid_request",
            ["chest_pain"],
            "urgent",
        )


@pytest.mark.parametrize("over", [{}, {"patient": {"iin": "850715100001"}}], ids=["sound", "broken"])
@pytest.mark.parametrize("year", [2001, 2010, 2120])
def test_r13_red_flags_are_told_where_no_rules_cover_the_date(year: int, over: dict[str, Any]) -> None:
    # A registrar's computer whose clock was reset: whoever has chest pain is to hear of 103 all the same.
    lost = f"{year}-01-05T09:00:00+06:00"
    refused = refusal(decide(submitted(NOON, submitted_at=lost, reasons=["chest_pain"], **over)))
    assert (refused["code"], refused["red_flags"], refused["urgency"]) == ("invalid_request", ["chest_pain"], "urgent")


def test_an_urgency_is_not_made_up_where_no_reason_can_be_read() -> None:
    assert "urgency" not in refusal(decide(submitted(NOON, reasons="fever")))


def test_r15_a_child_whose_birth_the_register_puts_after_the_application_may_be_represented() -> None:
    born_later = Checks(identity="confirmed", birth_date=at(NOON).date() + timedelta(days=1))
    decision = decide(submitted(NOON, applicant=by("parent")), checks=born_later)
    assert decision.state is not None
    assert decision.state.status == "accepted"


def test_an_iin_that_hints_at_another_birth_date_is_a_flag_and_no_refusal() -> None:
    state = decide(submitted(NOON, patient={"birth_date": "1985-07-15", "sex": "female"})).state
    assert state is not None
    assert (state.status, state.request["flags"]) == ("accepted", ["iin_mismatch"])
    assert state.request["patient"]["age_years"] == 41


@pytest.mark.parametrize(
    ("over", "code", "paths"),
    [
        ({"clinic_id": "nowhere-1"}, "unknown_clinic", ["clinic_id"]),
        ({"reasons": ["fever_above_38", "boredom", "whim"]}, "invalid_request", ["reasons.1", "reasons.2"]),
        ({"patient": {"birth_date": "2026-11-21"}}, "invalid_request", ["patient.birth_date"]),
        ({"submitted_at": "2014-06-02T12:00:00+06:00"}, "invalid_request", ["submitted_at"]),
        ({"submitted_at": "2101-06-02T12:00:00+05:00"}, "invalid_request", ["submitted_at"]),
    ],
)
def test_refused_with_the_fields_that_are_wrong(over: dict[str, Any], code: str, paths: list[str]) -> None:
    refused = refusal(decide(submitted(NOON, **over)))
    assert (refused["code"], [each["path"] for each in refused["fields"]]) == (code, paths)


def test_born_on_the_day_of_the_application() -> None:
    state = decide(submitted(NOON, patient={"birth_date": "2026-11-20"})).state
    assert state is not None
    assert (state.status, state.request["patient"]["age_years"]) == ("accepted", 0)


@pytest.mark.parametrize("over", [{"clinic_id": "nowhere-1"}, {"reasons": ["boredom"]}, {"patient": {"iin": "1"}}])
def test_a_refusal_claims_no_patient_and_gets_no_number(over: dict[str, Any]) -> None:
    state = decide(submitted(NOON, **over)).state
    assert state is not None
    assert (state.status, state.claim, state.pending) == ("refused", None, [])


# ---- a schema that is broken


def test_a_broken_request_is_refused_with_what_could_be_read() -> None:
    refused = refusal(
        decide(
            submitted(
                NOON,
                "desk",
                identity_document=None,
                temperature_c=99,
                reasons=["fever_above_38"],
                patient={"iin": "850715100001", "phone": "+7 700 000 01 23", "sex": "unknown"},
                registrar={"id": "r-12"},
                address={"text": "Тал көшесі, 27", "lat": 400, "floor": 4},
            )
        )
    )
    assert refused["code"] == "invalid_request"
    assert {each["path"] for each in refused["fields"]} == {
        "patient.iin",
        "patient.sex",
        "temperature_c",
        "registrar.full_name",
    }
    assert refused["channel"] == "desk"
    assert refused["submitted_at"] == at(NOON).isoformat()
    assert refused["due_at"] == at("Fri 2026-11-20 12:10").isoformat()
    assert refused["patient"] == {"full_name": "Сынақ Серік", "phone": "+7 700 000 01 23", "language": "kk"}
    assert refused["address"] == {"text": "Тал көшесі, 27", "lat": 400, "floor": "4"}
    assert refused["reasons"] == ["fever_above_38"]
    assert not {"temperature_c", "registrar", "identity_document"} & refused.keys()
    assert refused["ruling"]["rule_set"] == "kz-2015"


@pytest.mark.parametrize(
    ("channel", "missing", "path"),
    [("desk", "identity_document", "identity_document"), ("portal", "signature", "signature")],
)
def test_c9_1_c9_2_what_the_channel_asks_for(channel: str, missing: str, path: str) -> None:
    refused = refusal(decide(submitted(NOON, channel, **{missing: None})))
    assert (refused["code"], [each["path"] for each in refused["fields"]]) == ("invalid_request", [path])


def test_without_a_channel_or_a_time_there_is_no_due_time() -> None:
    refused = refusal(decide(submitted(NOON, channel="fax", submitted_at="yesterday")))
    assert not {"due_at", "channel", "submitted_at", "ruling"} & refused.keys()
