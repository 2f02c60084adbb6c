"""Intake says who a call is about in keyed hashes, by which a complaint is held against its call."""

from __future__ import annotations

from homecall.contract.iins import in_letters
from homecall.runtime.encryption import Vault
from homecall.runtime.settings import Settings
from homecall.standard.clinics import Clinics
from homecall.standard.rules import load_rule_sets
from services.complaints.handler import Complaints
from services.intake.domain.retention import remains, said
from tests.factories import iin
from tests.unit.complaints.casebook import incoming, submission
from tests.unit.intake.office import Office, request_id, submitted

SETTINGS = Settings(_env_file=None, env="development", signatures="off")  # type: ignore[call-arg]  # pydantic-settings' own argument
PATIENT, MOTHER, STRANGER = iin(1), iin(2), iin(3)
VAULT = Vault.from_settings(SETTINGS)
MOTHERS = {
    "iin": MOTHER,
    "full_name": "Анасы",
    "authority": {"kind": "power_of_attorney", "number": "A-1-2026-77", "valid_until": "2027-01-01"},
}


async def test_patient_and_applicant_stand_in_every_decision_and_are_erased_with_the_rest() -> None:
    office = await Office().prepared()
    event = submitted("Mon 2026-11-23 10:00", patient={"iin": PATIENT}, applicant=MOTHERS)
    (told,) = [each for each in await office.hear(event) if each.type.startswith("request.")]
    expected = [VAULT.of_call(request_id(1), each) for each in (PATIENT, MOTHER)]
    assert told.data["persons"] == expected
    assert all(each.isalpha() for each in expected)
    assert "persons" not in said(told.type, told.data)
    assert "persons" not in remains(await office.state()).request


async def test_complaints_knows_the_same_person_by_the_same_key() -> None:
    complaints = Complaints(Clinics(), load_rule_sets(), judge_record_time=False, vault=VAULT)
    named = {"full_name": "А", "iin": PATIENT, "language": "kk"}
    about = submission("Mon 2026-11-23 10:00", request_id=request_id(1), complainant=named)
    matter = complaints._matter(incoming("complaint.submitted", about))
    assert in_letters(matter["iin"]) == VAULT.of_call(request_id(1), PATIENT)
    assert in_letters(matter["iin"]) != VAULT.of_call(request_id(1), STRANGER)
