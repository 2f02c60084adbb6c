"""What intake adds to a request's facts: age, urgency, red flags, and flags that refuse nobody (R13, R15, R21)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from homecall.contract.events import RequestSubmitted
from homecall.standard.patient import age_years, iin_mismatch
from homecall.standard.phones import PHONE_UNREADABLE, can_be_read
from homecall.standard.places import LOCATION_IMPLAUSIBLE, implausible
from homecall.standard.rules import RuleSet
from homecall.standard.stated_times import implausible_times
from services.intake.domain.facts import Checks

PATIENT_REGISTERED_DEAD: Final = "patient_registered_dead"
"""The register may be wrong, or the IIN: a person looks at the call again, and nobody is refused for it."""


def assessed(
    data: RequestSubmitted, shown: Mapping[str, Any], rules: RuleSet, asked_on: date, record_time: datetime | None
) -> dict[str, Any]:
    """The facts of an application with intake's assessment. Refused ones have it too: who must call 103 is told so."""
    patient = data.patient
    as_shown = shown["patient"]
    if patient.birth_date is not None and patient.birth_date <= asked_on:
        as_shown = as_shown | {"age_years": age_years(patient.birth_date, asked_on)}
    mismatch = iin_mismatch(patient.iin, birth_date=patient.birth_date, sex=patient.sex)
    return {
        **shown,
        "patient": as_shown,
        "urgency": rules.urgency(data.reasons),
        "red_flags": list(rules.red_flags_in(data.reasons)),
        "flags": [
            *(["iin_mismatch"] if mismatch else []),
            *_flags_of_phones(shown),
            *flags_of_place(data.address.lat, data.address.lon),
            *flags_of_times(data.queued_at, data.service_started_at, data.submitted_at, rules, record_time),
        ],
    }


def identified(request: Mapping[str, Any], data: RequestSubmitted, checks: Checks, asked_on: date) -> dict[str, Any]:
    """The facts with what the register of persons said: the patient's age, and the flags (C9.3, R15, R23)."""
    flags = list(request["flags"])
    found = dict(request)
    registered, stated = checks.birth_date, data.patient.birth_date
    if registered is not None:
        shown = {name: value for name, value in request["patient"].items() if name != "age_years"}
        if registered <= asked_on:
            shown["age_years"] = age_years(registered, asked_on)
        if stated is not None and stated != registered:
            # The register decides (R23): nobody is shown an age and a birth date that contradict each other.
            del shown["birth_date"]
        found["patient"] = shown
        if stated is None and "iin_mismatch" not in flags and iin_mismatch(data.patient.iin, birth_date=registered):
            flags.append("iin_mismatch")
    if checks.unconfirmed:
        flags.append("identity_unconfirmed")
    if checks.dead:
        flags.append(PATIENT_REGISTERED_DEAD)
    return found | {"flags": flags}


def flags_of_times(
    queued_at: datetime | None,
    service_started_at: datetime | None,
    submitted_at: datetime,
    rules: RuleSet,
    record_time: datetime | None,
) -> list[str]:
    """Times of queue and service that cannot be true are shown as they were sent, and not counted (R21)."""
    return implausible_times(
        queued_at=queued_at,
        service_started_at=service_started_at,
        submitted_at=submitted_at,
        known_by=record_time,
        tolerance=timedelta(seconds=rules.clock_tolerance.seconds),
    )


def flags_of_place(lat: float | None, lon: float | None) -> list[str]:
    """Coordinates that cannot be true are shown as they were sent, and count as none."""
    return [LOCATION_IMPLAUSIBLE] if implausible(lat, lon) else []


def _flags_of_phones(shown: Mapping[str, Any]) -> list[str]:
    """A phone that nobody can ring is kept as it was written."""
    phones = [shown[role].get("phone") for role in ("patient", "applicant") if role in shown]
    return [] if all(can_be_read(each) for each in phones if each) else [PHONE_UNREADABLE]
