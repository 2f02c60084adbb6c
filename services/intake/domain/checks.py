"""The checks of an application in the order of the law; those that come before are in ``submission``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from homecall.contract.events import FieldError, RequestSubmitted
from homecall.standard.acceptance import held_against_record
from homecall.standard.rules import RuleSet
from services.intake.domain.claims import still_holds
from services.intake.domain.facts import BadSignature, Facts
from services.intake.domain.refusals import EXPIRED_UNCHECKED, UNCHECKED_IN_TIME, Refusal, unchecked, wrong_field
from services.intake.domain.representatives import minority, needs_minority, wrong_authority
from services.intake.domain.state import local_date
from services.intake.domain.transfer import confirmed_first


@dataclass(frozen=True)
class Application:
    """A readable application, the date on which it was made in the clinic's zone, and the rules of that date."""

    data: RequestSubmitted
    asked_on: date
    rules: RuleSet


Check = Callable[[Application, Facts], Refusal | None]


def first_refusal(checks: tuple[Check, ...], application: Application, facts: Facts) -> Refusal | None:
    return next((found for check in checks if (found := check(application, facts)) is not None), None)


# ---- what is asked for, and the signature


def reasons_are_known(application: Application, _: Facts) -> Refusal | None:
    """Every reason is one of the rule set's codes."""
    rules = application.rules
    unknown = [
        FieldError(
            path=f"reasons.{place}",
            message=f"is not among the reasons of rule set {rules.id}: send one of its codes, or other with a note",
        )
        for place, code in enumerate(application.data.reasons)
        if not rules.knows_reason(code)
    ]
    return Refusal("invalid_request", unknown) if unknown else None


def patient_is_born(application: Application, _: Facts) -> Refusal | None:
    birth_date = application.data.patient.birth_date
    if birth_date is None or birth_date <= application.asked_on:
        return None
    return wrong_field("invalid_request", "patient.birth_date", "lies after the application: correct it")


def signature_is_sound(_: Application, facts: Facts) -> Refusal | None:
    """C9.2, R15."""
    bad = facts.checks.signature
    if not isinstance(bad, BadSignature):
        return None
    fields = [FieldError(path=bad.path, message=f"{bad.check}: {bad.message}")]
    return Refusal("signature_invalid", fields, ["C9.2"], {"check": bad.check})


def signature_can_be_checked(application: Application, facts: Facts) -> Refusal | None:
    """A signature that no later answer can confirm is refused (R24); one that waits for an answer is held."""
    if facts.checks.signature == "never":
        return unchecked(EXPIRED_UNCHECKED, application.rules)
    if facts.checks.signature == "too_late":
        return unchecked(UNCHECKED_IN_TIME, application.rules)
    return None


# ---- who the patient is


def patient_is_registered(_: Application, facts: Facts) -> Refusal | None:
    """C9.3."""
    if facts.checks.identity != "not_found":
        return None
    message = "is not in the state register of persons: read it again"
    return wrong_field("identity_not_confirmed", "patient.iin", message, "C9.3")


def birth_date_is_the_registers(application: Application, facts: Facts) -> Refusal | None:
    """Where the law refuses on unreliable data (R12), the stated birth date is the register's."""
    ground = application.rules.refusal_ground("unreliable_data")
    stated, registered = application.data.patient.birth_date, facts.checks.birth_date
    if ground is None or stated is None or registered is None or stated == registered:
        return None
    message = "is not that of the state register of persons: read it again, and send the request anew"
    return wrong_field(ground.code, "patient.birth_date", message, "C9.3", ground.clause)


# ---- the right to a call


def applicant_may_apply(application: Application, facts: Facts) -> Refusal | None:
    """The applicant has the right to act for the patient (C9.1, R15, R23)."""
    patient = minority(application.data, facts.checks, application.asked_on)
    wrong = wrong_authority(application.data, patient, application.asked_on)
    if not wrong:
        return None
    return Refusal("authority_invalid", wrong, ["R15", *(["R23"] if patient.by_register else [])])


def patient_is_attached(application: Application, facts: Facts) -> Refusal | None:
    """The patient is attached to the clinic, where the law and the clinic ask for it (R12)."""
    ground = application.rules.refusal_ground("not_attached")
    asked_for = ground is not None and facts.clinics.asks_for_attachment(application.data.clinic_id)
    if ground is None or not asked_for or facts.checks.attached is not False:
        return None
    if confirmed_first(application.data, facts.first) is not None:
        return None  # another clinic has handed the call on: R25
    message = "is not the clinic that the patient is attached to: call that one"
    return wrong_field("not_attached", "clinic_id", message, ground.clause)


def no_other_request_is_open(application: Application, facts: Facts) -> Refusal | None:
    """The patient has no open request at this clinic whose visit is still to come (R11)."""
    holder, data = facts.holder, application.data
    moment, _ = held_against_record(data.submitted_at, facts.record_time, application.rules)
    if holder is None or not still_holds(holder, local_date(moment, facts.clinics.zone(data.clinic_id))):
        return None
    return Refusal("duplicate", clauses=["R11"], existing_request_id=holder.request_id)


REQUEST_AND_SIGNATURE: tuple[Check, ...] = (
    reasons_are_known,
    patient_is_born,
    signature_is_sound,
    signature_can_be_checked,
)
PATIENT: tuple[Check, ...] = (patient_is_registered, birth_date_is_the_registers)
RIGHT_TO_A_CALL: tuple[Check, ...] = (applicant_may_apply, patient_is_attached, no_other_request_is_open)


def patient_input(application: Application, facts: Facts) -> dict[str, Any]:
    """What the ruling keeps of the patient, so that the decision can be repeated without the register (R23)."""
    if not needs_minority(application.data):
        return {}
    return {"patient": minority(application.data, facts.checks, application.asked_on).as_input()}
