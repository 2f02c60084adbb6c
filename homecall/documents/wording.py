"""How texts, days and addresses stand on a printed page. Pure."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime

from homecall.contract.events import AddressFacts
from homecall.texts import documents as words
from homecall.texts import language as spoken
from homecall.texts.documents import PageLanguage, said

NOTHING = "—"
"""What stands where there is nothing to say: it was not forgotten, and nobody writes it in later."""


def clean(text: str | None) -> str:
    """What came from outside, on one line, without characters that are not seen or turn the line round."""
    composed = unicodedata.normalize("NFC", spoken.plain(text))
    return "".join(letter for letter in composed if unicodedata.category(letter) not in {"Cc", "Cf", "Co", "Cn"})


def short_day(at: datetime | date) -> str:
    """``23.11.2026``; of a moment, by the clinic's clock."""
    day = spoken.local(at).date() if isinstance(at, datetime) else at
    return f"{day.day:02}.{day.month:02}.{day.year:04}"


def window(begins: datetime, ends: datetime) -> str:
    """``23.11.2026, 11:30–12:00``."""
    return f"{short_day(begins)}, {spoken.window(begins, ends)}"


def address(of: AddressFacts | None, language: PageLanguage) -> str:
    """The address on one line, with what helps to find the door."""
    if of is None:
        return ""
    doors = (
        (words.AT_ENTRANCE, of.entrance),
        (words.ON_FLOOR, of.floor),
        (words.IN_FLAT, of.flat),
        (words.BY_INTERCOM, of.intercom),
    )
    return ", ".join(
        each
        for each in (
            clean(of.text),
            *(said(template.fill(label=clean(label)), language) for template, label in doors if clean(label)),
        )
        if each
    )
