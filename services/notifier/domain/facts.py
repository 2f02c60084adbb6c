"""What a decision is given besides the call and the event: the clinic, the rules in force, the SMS settings."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from homecall.contract.events import ClinicPublished
from homecall.contract.types import ZONE
from homecall.standard.calendar import ClinicCalendar
from homecall.standard.rules import NotCoveredError, RuleSet, RuleSets
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
    """The facts of one decision."""

    clinic: ClinicFacts
    rule_sets: RuleSets
    calendar: Callable[[RuleSet], ClinicCalendar | None] = lambda _: None
    """The clinic's calendar under these rules; None where the clinic is not known."""
    sms_statuses: Collection[str] = ()

    def rules_of(self, application: datetime) -> RuleSet | None:
        """The rules of the day of the application (R12); none for a date, of a refused request, that no law covers."""
        try:
            return self.rule_sets.on(application.astimezone(self.clinic.zone).date())
        except NotCoveredError:
            return None

    def calendar_by(self, rules: RuleSet | None) -> ClinicCalendar | None:
        """The clinic's calendar, where there are rules to make it by."""
        return None if rules is None else self.calendar(rules)
