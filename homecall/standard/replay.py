"""A ruling read back: the calendar as it was when it was made (R1, R8).

Decrees come late and clinics change their hours. A ruling contains the days it used, with their hours, so that the same
application is decided the same way years later.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Literal
from zoneinfo import ZoneInfo

from homecall.standard.acceptance import Accepted, Deferred, Refused, decide_acceptance, take_up
from homecall.standard.calendar import ALMATY, ClinicCalendar, ClinicDay, NeverOpenError
from homecall.standard.handing_on import HANDED_ON_AT, FirstClock, take_over
from homecall.standard.rules import Interval, NotCoveredError, RuleSet, Week


class NoReplayError(ValueError):
    """A ruling that cannot be read back: the dotted path of what is wrong with it, and the way out."""


class RuledCalendar(ClinicCalendar):
    """A clinic's calendar with the days of a ruling. Other days, which no decision uses, are those of ``today``."""

    def __init__(self, ruling: Mapping[str, Any], rules: RuleSet, today: ClinicCalendar) -> None:
        inputs = _object(ruling, "inputs")
        super().__init__(rules, zone=zone_of(ruling))
        self._today = today
        self._ruled = {day.date: day for day in (self._read(each) for each in _listed(inputs))}
        self._registered_at = _moment(inputs, "registered_at")

    def next_opening(self, moment: datetime) -> datetime:
        """The opening at which a complaint was registered, where the ruling says so; else by its days."""
        registered_at = self._registered_at
        return registered_at if registered_at is not None and registered_at > moment else super().next_opening(moment)

    def working_day_after(self, day: date, n: int, week: Week = "six-day") -> date:
        """The last day of the ruling, on which its term ends: a ruling does not name the open days between."""
        last = max(self._ruled, default=day)
        return last if last > day else super().working_day_after(day, n, week)

    def _make(self, day: date) -> ClinicDay:
        return self._ruled.get(day) or self._today.day(day)

    def _read(self, kept: Any) -> ClinicDay:
        try:
            on = date.fromisoformat(kept["date"])
            name = str(kept.get("name", ""))
            if "closed" in kept:
                return ClinicDay(on, str(kept["closed"]), name=name)
            intervals = tuple(_interval(each) for each in kept["hours"])
            return self._open(on, str(kept["basis"]), intervals, name)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise NoReplayError("ruling.inputs.days: is not as a ruling has it: send the ruling unchanged") from None


def today_differs(
    ruling: Mapping[str, Any], today: ClinicCalendar, own: RuleSet, now: RuleSet
) -> dict[str, object] | None:
    """What today's calendar and rules (``today``, under ``now``) would decide on a request; None if it is the same.

    ``own`` is the ruling's rule set. Also None if the ruling does not depend on the calendar, or cannot be read.
    """
    try:
        was = _decided(ruling, RuledCalendar(ruling, own, today), own)
        is_now = _decided(ruling, today, now)
    except (NoReplayError, NeverOpenError, NotCoveredError, ValueError):
        return None
    return None if was == is_now else is_now


def _decided(ruling: Mapping[str, Any], calendar: ClinicCalendar, rules: RuleSet) -> dict[str, object] | None:
    inputs = _object(ruling, "inputs")
    submitted_at = _moment(inputs, "submitted_at")
    if "days" not in inputs or submitted_at is None:
        return None
    channel, opening_at = str(inputs.get("channel")), _moment(inputs, "opening")
    handed_on = _handed_on(inputs, submitted_at)
    verdict: Accepted | Deferred | Refused
    if handed_on is not None:
        at, first = handed_on
        verdict = take_over(channel=channel, at=at, first=first, calendar=calendar, rules=rules)
    elif opening_at is not None:
        verdict = take_up(channel=channel, opening=opening_at, calendar=calendar, rules=rules)
    else:
        verdict = decide_acceptance(
            channel=channel,
            submitted_at=submitted_at,
            calendar=calendar,
            rules=rules,
            record_time=_moment(inputs, "record_time"),
        )
    if isinstance(verdict, Refused):
        opening = verdict.next_acceptance_at
        return {"decision": "refused", "next_acceptance_at": None if opening is None else opening.isoformat()}
    return {
        "decision": "deferred" if isinstance(verdict, Deferred) else "accepted",
        "clock_starts_at": verdict.clock_starts_at.isoformat(),
        "due_at": verdict.due_at.isoformat(),
        "visit_date": verdict.visit_date.isoformat(),
    }


def handed_on_clock(ruling: Mapping[str, Any]) -> FirstClock | None:
    """The clock of the call that the ruled request went on with (R25); None where it went on with none."""
    inputs = _object(ruling, "inputs")
    submitted_at = _moment(inputs, "submitted_at")
    found = None if submitted_at is None else _handed_on(inputs, submitted_at)
    return None if found is None else found[1]


def _handed_on(inputs: Mapping[str, Any], submitted_at: datetime) -> tuple[datetime, FirstClock] | None:
    """When the call of a ruling was handed on, and the clock that it came with (R25); None of an application."""
    at, starts_at, due_at = (_moment(inputs, name) for name in (HANDED_ON_AT, "clock_starts_at", "due_at"))
    if at is None or starts_at is None or due_at is None:
        return None
    return at, FirstClock(submitted_at, starts_at, due_at)


def record_time_of(ruling: Mapping[str, Any]) -> datetime | None:
    """The time of the record that the ruling held the application against (R17); None where it was not judged."""
    return _moment(_object(ruling, "inputs"), "record_time")


def unchecked_by(ruling: Any) -> Literal["never", "too_late"] | None:
    """How a ruling refused a signature that could not be checked (R24); None if it did not."""
    inputs = ruling.get("inputs") if isinstance(ruling, dict) else None
    if not isinstance(inputs, dict) or inputs.get("check") != "unchecked":
        return None
    return "too_late" if "held_until" in inputs else "never"


def registered_minor(ruling: Mapping[str, Any]) -> bool | None:
    """Whether the state register made the patient a minor (R23); None where the ruling did not look at the register."""
    patient = _object(ruling, "inputs").get("patient")
    if patient is None:
        return None
    if not isinstance(patient, dict) or not isinstance(patient.get("minor"), bool):
        raise NoReplayError("ruling.inputs.patient: is not as a ruling has it: send the ruling unchanged")
    return patient["minor"] if patient.get("birth_date_of") == "register" else None


def _object(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = of.get(name)
    if not isinstance(found, dict):
        raise NoReplayError(f"ruling.{name}: must be an object: send the ruling unchanged")
    return found


def _listed(inputs: Mapping[str, Any]) -> list[Any]:
    found = inputs.get("days", [])
    if not isinstance(found, list):
        raise NoReplayError("ruling.inputs.days: must be a list: send the ruling unchanged")
    return found


def zone_of(ruling: Mapping[str, Any]) -> ZoneInfo:
    """The zone of the ruling's hours (R20)."""
    inputs = _object(ruling, "inputs")
    try:
        return ZoneInfo(inputs.get("zone", ALMATY.key))
    except (ValueError, OSError, TypeError, KeyError):
        raise NoReplayError("ruling.inputs.zone: names no zone: send the ruling unchanged") from None


def _moment(inputs: Mapping[str, Any], name: str) -> datetime | None:
    text = inputs.get(name)
    try:
        found = None if text is None else datetime.fromisoformat(text)
    except (ValueError, TypeError):
        found = datetime.min  # noqa: DTZ901  # refused below, as any time without an offset
    if found is not None and found.tzinfo is None:
        raise NoReplayError(f"ruling.inputs.{name}: is no time with an offset: send the ruling unchanged")
    return found


def _interval(pair: Any) -> Interval:
    begins, ends = pair
    return time.fromisoformat(begins), time.max if ends == "24:00" else time.fromisoformat(ends)
