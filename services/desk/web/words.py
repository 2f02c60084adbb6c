"""The desk's words in the user's language, and how moments and codes are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final

from homecall.texts import clauses, desk
from homecall.texts import documents as printed
from homecall.texts.documents import PageLanguage, coded, said
from homecall.texts.language import Text, clock, day

_TABLES: Final[Mapping[str, Mapping[str, Text]]] = {
    "reason": printed.REASON_WORDS,
    "outcome": printed.OUTCOMES,
    "flag": printed.FLAG_WORDS,
    "refusal": printed.REFUSALS,
    "channel": printed.CHANNELS,
    "assignment": desk.ASSIGNMENT_REFUSALS,
    "specialty": printed.SPECIALTIES,
    "standing": desk.STANDINGS,
    "role": desk.ROLES,
    "error": desk.ERRORS,
    "step": desk.STEPS,
    "status": desk.STATUSES,
    "complaint status": desk.COMPLAINT_STATUSES,
    "field": desk.FIELDS,
    "deadline": desk.DEADLINES,
    "move": desk.MOVES,
    "basis": desk.BASES,
    "choice": desk.CHOICES,
    "hours": desk.HOURS,
}


class Words:
    """The words in one language."""

    def __init__(self, language: PageLanguage) -> None:
        self.language = language

    def say(self, key: str, **values: str | int) -> str:
        """A text of the desk by its key, with values in its places."""
        return said(desk.WORDS[key].fill(**values) if values else desk.WORDS[key], self.language)

    def clause(self, name: str) -> str:
        """What a clause of the standard, or a reading of ours, says."""
        return said(clauses.clause(name), self.language)

    def coded(self, table: str, code: str) -> str:
        """A code in words; one that has none as it is, and of errors "check it"."""
        if table == "error" and code not in desk.ERRORS:
            return said(desk.ANY_ERROR, self.language)
        return coded(_TABLES[table], code, self.language)

    def fields(self, wrong: Mapping[str, str]) -> str:
        """Fields of a form, each with what is wrong with it."""
        return "; ".join(f"{self.coded('field', name)}: {self.coded('error', kind)}" for name, kind in wrong.items())


def clock_text(at: datetime | None) -> str:
    """``HH:MM`` by the clinic's clock; empty for no moment."""
    return "" if at is None else clock(at)


def day_text(on: date, language: PageLanguage) -> str:
    """A day in words."""
    return said(day(on), language)


def short_day(on: date) -> str:
    """``23.11.2026``."""
    return on.strftime("%d.%m.%Y")


def moment_text(at: datetime | None) -> str:
    """``23.11.2026 09:14`` by the clinic's clock; empty for no moment."""
    return "" if at is None else f"{short_day(at.date())} {clock(at)}"


def number_text(value: float, language: PageLanguage) -> str:
    """A number with one place behind the comma at most, as the language writes it."""
    text = f"{value:.1f}".removesuffix(".0")
    return text if language == "en" else text.replace(".", ",")


def ms(at: datetime | None) -> str:
    """Milliseconds since 1970, for scripts; empty for no moment."""
    return "" if at is None else str(int(at.timestamp() * 1000))


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "clock": clock_text,
    "day": day_text,
    "short_day": short_day,
    "moment": moment_text,
    "ms": ms,
    "number": number_text,
    "iso": lambda at: "" if at is None else at.isoformat(),
}
