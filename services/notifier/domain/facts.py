"""What a decision is given besides the call and the event."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from homecall.contract.events import ClinicPublished
from homecall.contract.types import ZONE
from homecall.standard.clinics import Clinics
from homecall.standard.rules import RuleSets
from homecall.texts import language


@dataclass(frozen=True, slots=True)
class ClinicFacts:
    """What the texts name of a clinic, and whether it confirms its oral answers."""

    name: language.Text
    phone: str | None = None
    oral_confirmation: bool = False
    zone: ZoneInfo = ZONE


def clinic_facts(clinic_id: str, published: ClinicPublished | None) -> ClinicFacts:
    """The facts of a clinic as it was published; where nothing was, its id stands for its name."""
    if published is None:
        return ClinicFacts(name=language.name(clinic_id, clinic_id))
    return ClinicFacts(
        name=language.name(published.name.kk, published.name.ru),
        phone=published.phone,
        oral_confirmation=published.oral_confirmation,
        zone=ZoneInfo(published.zone),
    )


@dataclass(frozen=True, slots=True)
class Facts:
    """What decisions look up: the clinics as published, the law, the statuses that are told by SMS."""

    clinics: Clinics
    rule_sets: RuleSets
    sms_statuses: Collection[str] = ()

    def clinic(self, clinic_id: str) -> ClinicFacts:
        """The facts of a clinic; see ``clinic_facts``."""
        return clinic_facts(clinic_id, self.clinics.get(clinic_id))
