"""One application of the demo's day: a request as the desk, the telephone or the portal sends it. Pure."""

from __future__ import annotations

import base64
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from homecall.demo.acts import Act, act_of, structured, uuid_of
from homecall.demo.clinics import Clinics
from homecall.demo.people import People
from homecall.standard.acceptance import decide_acceptance
from homecall.standard.rules import RuleSet

_REASONS: Final = (
    *("fever_above_38", "fever_above_38", "fever_above_38", "high_blood_pressure_with_malaise", "repeated_loose_stool"),
    *("acute_back_or_joint_pain", "dizziness_nausea_vomiting", "chronic_illness_cannot_travel", "not_transportable"),
    *("passed_on_by_ambulance", "dangerous_infection_suspected", "other"),
)
_RED_FLAGS: Final = ("chest_pain", "severe_breathlessness", "stroke_signs", "heavy_bleeding")
FLAWS: Final = {
    "tampered": "the data were changed after signing",
    "another": "it is another person's",
    "organisation": "it is an organisation's",
    "no_cms": "it is something else altogether",
}
"""What may be wrong with a signature, and how it is told."""


class Signatures(Protocol):
    """Where the portal has signatures made: ``signature.value`` over an event's data."""

    def of_person(self, data: Mapping[str, Any], iin: str) -> str:
        """By the person with that IIN: what is asked for (C9.2)."""

    def of_organisation(self, data: Mapping[str, Any], iin: str) -> str:
        """By the same person with the certificate of an organisation, which is none of theirs."""


@dataclass(frozen=True)
class Special:
    """How an application differs from an ordinary one.

    ``patient``: of this person, if not a new one; ``over``: with these fields, None for one that is left out; ``flaw``:
    what is wrong with its signature, a key of ``FLAWS``; ``news``: what to tell the viewer.
    """

    patient: dict[str, Any] | None = None
    over: Mapping[str, Any] = field(default_factory=dict)
    flaw: str = ""
    news: str = ""


ORDINARY: Final = Special()


@dataclass(eq=False)
class Applications:
    """Makes requests, and remembers what must become of each, and who its patient is."""

    chance: random.Random
    people: People
    clinics: Clinics
    rules: RuleSet
    by: Signatures
    expected: dict[str, str] = field(default_factory=dict)
    patients: dict[str, dict[str, Any]] = field(default_factory=dict)

    def request(
        self, moment: datetime, clinic_id: str, channel: str, expected: str, special: Special = ORDINARY
    ) -> Act:
        """A request of that moment; ``expected`` is what must become of it."""
        is_child = self.chance.random() < 0.25
        patient = special.patient or self.people.patient(is_child=is_child)
        data = self._about(patient, moment, clinic_id, channel)
        if channel != "portal":
            data |= self._served(moment, by_desk=channel == "desk")
        for name, value in special.over.items():
            if value is None:
                data.pop(name, None)
            elif isinstance(value, dict) and name in data:
                data[name] = data[name] | value
            else:
                data[name] = value
        if channel == "portal" and "signature" not in special.over:
            self.sign(data, data.get("applicant", patient)["iin"], special.flaw)
        self.expected[data["request_id"]] = expected
        self.patients[data["request_id"]] = patient
        self._check(expected, data, moment)
        source = "/portal" if channel == "portal" else f"/clinics/{clinic_id}"
        told = {"expected": expected, "news": special.news}
        act = act_of(self.chance, moment, "request.submitted", data, source=source, **told)
        return structured(act) if channel == "portal" else act

    def _about(self, patient: Mapping[str, Any], moment: datetime, clinic_id: str, channel: str) -> dict[str, Any]:
        """Who is ill, where and of what."""
        chance = self.chance
        fever = chance.random() < 0.4
        reasons = [chance.choice(_RED_FLAGS) if chance.random() < 0.03 else chance.choice(_REASONS)]
        street = chance.choice(self.clinics.streets.get(clinic_id, ("Тал",)))
        line = f"{street} көшесі" if patient["language"] == "kk" else f"улица {street}"
        data: dict[str, Any] = {
            "request_id": str(uuid_of(chance)),
            "clinic_id": clinic_id,
            "channel": channel,
            "submitted_at": moment.isoformat(),
            "patient": patient,
            "address": {"text": f"Алматы, {line}, {chance.randint(1, 60)}", "flat": chance.randint(1, 90)},
            "reasons": reasons,
        }
        if fever:
            data["temperature_c"] = round(chance.uniform(38.1, 39.9), 1)
        if "birth_date" in patient:
            iin, full_name = self.people.iin(), self.people.name()
            data["applicant"] = {"iin": iin, "full_name": full_name, "authority": {"kind": "parent"}}
        return data

    def _served(self, moment: datetime, *, by_desk: bool) -> dict[str, Any]:
        """By whom it was taken down, and how long the applicant had waited."""
        chance = self.chance
        started_at = moment - timedelta(seconds=chance.randint(40, 150))
        # One in a hundred has waited too long before being heard at all (C4.2).
        waited = 700 if chance.random() < 0.01 else chance.randint(20, 400)
        data: dict[str, Any] = {
            "queued_at": (moment - timedelta(seconds=max(waited, 160))).isoformat(),
            "service_started_at": started_at.isoformat(),
            "registrar": {"id": f"reg-{chance.randint(1, 4)}", "full_name": self.people.name()},
        }
        if by_desk:
            data["identity_document"] = {"kind": "id_card", "number": f"{chance.randint(0, 999_999):09}"}
        return data

    def sign(self, data: dict[str, Any], iin: str, flaw: str = "") -> None:
        """Have the data signed by who must sign (R15), or so that the signature does not hold."""
        if flaw == "no_cms":
            value = base64.b64encode("ЭЦҚ".encode()).decode()
        elif flaw == "organisation":
            value = self.by.of_organisation(data, iin)
        else:
            value = self.by.of_person(data, self.people.iin() if flaw == "another" else iin)
        if flaw == "tampered":
            data["address"] = data["address"] | {"flat": data["address"]["flat"] + 1}
        data["signature"] = {"format": "cms", "value": value}

    def _check(self, expected: str, data: Mapping[str, Any], moment: datetime) -> None:
        """What is expected by the law alone must be what the law says."""
        calendar = self.clinics.calendars.get(data["clinic_id"])
        if calendar is None or expected not in {"accepted", "deferred", "outside_acceptance_hours"}:
            return
        verdict = decide_acceptance(
            channel=data["channel"], submitted_at=moment, calendar=calendar, rules=self.rules, record_time=None
        )
        named = getattr(verdict, "code", type(verdict).__name__.lower())
        if named != expected:
            raise AssertionError(f"{data['clinic_id']} at {moment}: {named}, not {expected}")
