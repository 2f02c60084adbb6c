"""No phone, however it is written, is a reason to refuse a request; one that cannot be read is flagged."""

from typing import Any

import pytest

from homecall.contract.events import ClinicPublished, ComplaintSubmitted
from tests.contract.goldens import examples
from tests.unit.intake.office import DINARA, SERIK, clinic, decide, submitted


def state_of(**over: Any) -> Any:
    state = decide(submitted("Fri 2026-11-20 12:00", **over)).state
    assert state is not None
    assert state.status == "accepted"
    return state


@pytest.mark.parametrize(
    ("phone", "kept", "flags"),
    [
        (None, None, []),
        ("", None, []),
        (" \u00a0", None, []),
        ("8 (727) 250-00-00 доб. 12", "8 (727) 250-00-00 доб. 12", []),
        ("8.701.234.56.78", "8.701.234.56.78", []),
        ("+7\u00a0701\u00a0234\u00a056\u00a078", "+7 701 234 56 78", []),
        ("8 701 234 56 78, 8 702 234 56 79", "8 701 234 56 78, 8 702 234 56 79", []),
        (87012345678, "87012345678", []),
        ("жоқ", "жоқ", ["phone_unreadable"]),
        ("1414", "1414", ["phone_unreadable"]),
        ("850715200007", "************", ["phone_unreadable"]),
        ("8507152/00007, 8 701 234 56 78", "************, 8 701 234 56 78", []),
        (SERIK, "************", ["phone_unreadable"]),
    ],
)
@pytest.mark.parametrize("whose", ["patient", "applicant"])
def test_a_phone_is_kept_as_text_and_flagged_where_it_cannot_be_read(
    whose: str, phone: Any, kept: str | None, flags: list[str]
) -> None:
    person: dict[str, Any] = {"iin": DINARA, "full_name": "Сынақ Динара", "phone": phone}
    person |= {"authority": {"kind": "power_of_attorney", "number": "ДВ-118-26", "valid_until": "2027-01-01"}}
    state = state_of(**({"patient": {"phone": phone}} if whose == "patient" else {"applicant": person}))
    assert state.request[whose].get("phone") == kept
    assert state.request["flags"] == flags


@pytest.mark.parametrize(
    "phone", ["8 727 250 00 00 ішкі 12", "8 727 250 00 00, 250-00-01", "1414", "жоқ", "8.727.250.00.00"]
)
def test_a_clinics_phone_never_loses_the_clinic(phone: str) -> None:
    assert clinic(phone=phone).phone == phone


@pytest.mark.parametrize("phone", ["", " ", "\u200b"])
def test_a_clinic_without_a_phone_names_the_contact_centre(phone: str) -> None:
    assert clinic(phone=phone).phone == "1414"


def test_a_complainants_phone_is_text_too() -> None:
    data = examples("valid", ("complaint.submitted",))[0].data
    for phone in ("8 727 250 00 00 доб. 5", "жоқ", "8 701 234 56 78; 8 702 234 56 79"):
        complaint = ComplaintSubmitted.model_validate(data | {"complainant": data["complainant"] | {"phone": phone}})
        assert complaint.complainant.phone == phone
    assert ClinicPublished.model_fields["phone"].is_required()
