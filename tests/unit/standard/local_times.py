"""Moments as the tables write them, and the packaged rules they are held against."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from homecall.standard.calendar import ClinicCalendar
from homecall.standard.rules import RuleSet, load_rule_sets

ALMATY = ZoneInfo("Asia/Almaty")

RULES: RuleSet = load_rule_sets().on(date(2026, 11, 23))
STANDARD = ClinicCalendar(RULES)


def at(text: str) -> datetime:
    """``Fri 2026-11-20 18:00`` (local, down to microseconds), or with an offset; the weekday is held to be right."""
    weekday, day, clock = text.split()
    moment = datetime.fromisoformat(f"{day}T{clock}")
    moment = moment.replace(tzinfo=ALMATY) if moment.tzinfo is None else moment
    assert f"{moment:%a}" == weekday, f"the table is wrong: {day} is a {moment:%a}"
    return moment


def on(text: str) -> date:
    """``Fri 2026-11-20``; the weekday is held to be right."""
    weekday, day = text.split()
    found = date.fromisoformat(day)
    assert f"{found:%a}" == weekday, f"the table is wrong: {day} is a {found:%a}"
    return found


def hours(*spans: str) -> list[tuple[time, time]]:
    """``hours("08:00-13:00", "14:00-20:00")``."""
    return [(time.fromisoformat(start), time.fromisoformat(end)) for start, end in (span.split("-") for span in spans)]
