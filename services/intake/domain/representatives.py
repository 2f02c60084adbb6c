"""Who may apply for the patient: a representative by power of attorney, a minor's parent or guardian (C9.1, R15)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from homecall.contract.events import FieldError, RequestSubmitted
from homecall.standard.patient import is_child
from services.intake.domain.facts import Checks

_OWN_IIN = (
    "is the patient's own, and nobody is their own {kind}: leave applicant out where the patient applies, or send the "
    "applicant's own IIN"
)


@dataclass(frozen=True)
class Minority:
    """Whether the patient is a minor, and whether the register says so or the applicant."""

    minor: bool
    by_register: bool

    def as_input(self) -> dict[str, Any]:
        """What the ruling keeps of it: enough to decide again, and no birth date (a ruling outlives the erasure)."""
        return {"minor": self.minor, "birth_date_of": "register" if self.by_register else "applicant"}


def minority(data: RequestSubmitted, checks: Checks, asked_on: date) -> Minority:
    """By the state register's birth date where it answered, else by the applicant's, on that day (R23)."""
    if checks.birth_date is not None:
        return Minority(is_child(checks.birth_date, asked_on), by_register=True)
    if checks.minor is not None:
        return Minority(checks.minor, by_register=True)
    return Minority(is_child(data.patient.birth_date, asked_on), by_register=False)


def needs_minority(data: RequestSubmitted) -> bool:
    """Whether the applicant's right depends on the patient's age."""
    return data.applicant is not None and data.applicant.authority.kind != "power_of_attorney"


def wrong_authority(data: RequestSubmitted, patient: Minority, asked_on: date) -> list[FieldError]:
    """What is wrong with the applicant's right to act for the patient; nothing where the patient applies.

    A patient who is also named as applicant needs no power of attorney, and cannot be their own parent or guardian.
    """
    applicant = data.applicant
    if applicant is None:
        return []
    authority = applicant.authority
    if applicant.iin == data.patient.iin:
        if authority.kind == "power_of_attorney":
            return []
        return [FieldError(path="applicant.iin", message=_OWN_IIN.format(kind=authority.kind))]
    wrong: list[FieldError] = []
    if authority.valid_until is not None and authority.valid_until < asked_on:
        past = "is past: send an authority that is in force"
        wrong.append(FieldError(path="applicant.authority.valid_until", message=past))
    if authority.kind == "power_of_attorney":
        if authority.number is None:
            missing = "is required with a power of attorney: add it"
            wrong.append(FieldError(path="applicant.authority.number", message=missing))
    elif not patient.minor:
        wrong.append(FieldError(path="applicant.authority.kind", message=_of_an_adult(authority.kind, patient)))
    return wrong


def _of_an_adult(kind: str, patient: Minority) -> str:
    if patient.by_register:
        return (
            f"{kind} is an authority of a patient under 18 only, and the state register of persons says that the "
            "patient is older: send a power of attorney"
        )
    return f"{kind} is an authority of a patient under 18 only: send patient.birth_date, or a power of attorney"
