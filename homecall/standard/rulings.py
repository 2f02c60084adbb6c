"""Rulings: why a decision was taken, in a form that can be kept and checked years later (R12)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from homecall.standard.calendar import ALMATY, ClinicCalendar, calendar_version
from homecall.standard.rules import RuleSet


@dataclass(frozen=True)
class Ruling:
    """The rule set, the clauses, the calendar's version and the inputs of a decision.

    ``inputs`` has only JSON values, in a fixed order, and no personal data: the same decision gives the same bytes.
    """

    rule_set: str
    clauses: tuple[str, ...]
    calendar: str
    inputs: Mapping[str, object]

    def as_dict(self) -> dict[str, object]:
        """The ruling as events and stores keep it."""
        return {
            "rule_set": self.rule_set,
            "clauses": list(self.clauses),
            "calendar": self.calendar,
            "inputs": dict(self.inputs),
        }


def ruling(rules: RuleSet, clauses: Iterable[str], inputs: Mapping[str, object]) -> Ruling:
    """A ruling under these rules and the calendar as it is; each clause once, in the order given."""
    return Ruling(rules.id, tuple(dict.fromkeys(clauses)), calendar_version(), inputs)


def written(moment: datetime, zone: ZoneInfo = ALMATY) -> str:
    """A moment as rulings write it: RFC 3339, in the clinic's zone."""
    return moment.astimezone(UTC).astimezone(zone).isoformat()


def zone_used(calendar: ClinicCalendar) -> dict[str, object]:
    """The zone of the hours in a ruling, where it is not Asia/Almaty (R20)."""
    return {} if calendar.zone.key == ALMATY.key else {"zone": calendar.zone.key}


def days_used(calendar: ClinicCalendar, first: date, last: date) -> list[dict[str, object]]:
    """The clinic's hours on the first and the last day, and every day between on which it is closed."""
    between = (first + timedelta(days=n) for n in range(1, (last - first).days))
    days = [calendar.day(first), *(day for day in map(calendar.day, between) if not day.is_open)]
    if last != first:
        days.append(calendar.day(last))
    return [day.as_dict() for day in days]
