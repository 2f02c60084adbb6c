"""CSV that a spreadsheet in Kazakh or Russian opens in columns on a double click. Pure.

UTF-8 with a byte order mark, RFC 4180 but for the separator: a semicolon, since the comma is the decimal sign there.
Every command that writes CSV writes it here.

A cell that a spreadsheet would take for a formula gets an apostrophe before it, phone numbers included (``+7-700…``
would show a difference). A program that reads the file removes one apostrophe from the start of a cell.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable
from typing import Final

SEPARATOR: Final = ";"
_BYTE_ORDER_MARK: Final = "\ufeff"
_FORMULA: Final = ("=", "+", "-", "@")
_TAKEN: Final = ("'", "\t", "\r", "\n")
"""At the very start of a cell: our own mark, and what Excel drops or takes for the end of a cell."""


def written(head: Iterable[str], rows: Iterable[Iterable[str | int]]) -> bytes:
    """The file: the head, then the rows with each text guarded. A number below zero stays a number."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, delimiter=SEPARATOR, lineterminator="\r\n")
    lines.writerow(head)
    lines.writerows([guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return (_BYTE_ORDER_MARK + text.getvalue()).encode()


def guarded(cell: str) -> str:
    """The cell, so that no spreadsheet takes it for a formula. An apostrophe at its start is doubled."""
    seen = next((place for place, each in enumerate(cell) if not _passed_over(each)), len(cell))
    # Full-width and small forms (＝, ﹢) count as the plain sign: some spreadsheets turn them into it.
    starts = unicodedata.normalize("NFKC", cell[seen : seen + 1])
    return f"'{cell}" if cell.startswith(_TAKEN) or starts.startswith(_FORMULA) else cell


def _passed_over(letter: str) -> bool:
    """Whether a spreadsheet may look past it: blanks, and marks without a width."""
    return letter.isspace() or unicodedata.category(letter) == "Cf"
