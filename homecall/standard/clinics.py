"""The clinics as published, each with its calendar under a rule set."""

from __future__ import annotations

from collections.abc import Collection
from zoneinfo import ZoneInfo

from homecall.contract.envelope import Incoming
from homecall.contract.events import ClinicPublished
from homecall.standard.calendar import ALMATY, ClinicCalendar
from homecall.standard.rules import RuleSet


def calendar_of(clinic: ClinicPublished, rules: RuleSet) -> ClinicCalendar:
    """The calendar of a clinic under a rule set (C8.1, R8)."""
    return ClinicCalendar(
        rules,
        zone=ZoneInfo(clinic.zone),
        hours=None if clinic.hours is None else dict(clinic.hours.items()),
        closed_dates=clinic.closed_dates,
        working_dates=[(extra.date, extra.hours) for extra in clinic.working_dates],
    )


class Clinics:
    """Every clinic that a service knows, the newest of each."""

    def __init__(self) -> None:
        self._clinics: dict[str, ClinicPublished] = {}
        self._calendars: dict[tuple[str, str], ClinicCalendar] = {}

    def take(self, clinic: ClinicPublished) -> None:
        """Hold a clinic as it is from now on."""
        self._clinics[clinic.clinic_id] = clinic
        for key in [key for key in self._calendars if key[0] == clinic.clinic_id]:
            del self._calendars[key]

    def hear(self, event: Incoming) -> None:
        """Take a clinic from its event."""
        if isinstance(event.data, ClinicPublished):
            self.take(event.data)

    def get(self, clinic_id: str) -> ClinicPublished | None:
        """The clinic of that id, if it is known."""
        return self._clinics.get(clinic_id)

    def ids(self) -> Collection[str]:
        """The ids of all that are known."""
        return self._clinics.keys()

    def zone(self, clinic_id: str) -> ZoneInfo:
        """The clinic's zone (R20); the default one of a clinic that is not known."""
        clinic = self._clinics.get(clinic_id)
        return ALMATY if clinic is None else ZoneInfo(clinic.zone)

    def asks_for_attachment(self, clinic_id: str) -> bool:
        """Whether the clinic takes only patients who are attached to it, where the law lets it (R12)."""
        clinic = self._clinics.get(clinic_id)
        return clinic is not None and clinic.attachment_required

    def calendar(self, clinic_id: str, rules: RuleSet) -> ClinicCalendar | None:
        """Its calendar under these rules, kept between calls."""
        clinic = self._clinics.get(clinic_id)
        if clinic is None:
            return None
        key = (clinic_id, rules.id)
        if key not in self._calendars:
            self._calendars[key] = calendar_of(clinic, rules)
        return self._calendars[key]
