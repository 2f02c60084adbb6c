"""Tables on a terminal of any width: what matters stays in the line, the rest is folded under it, nothing is cut.

Where the output is no terminal each row is one line, whatever its length: programs read it.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console

_GAP = "  "
_INDENT = "    "
_NARROWEST = 20
_NOTHING = ("", "-")
"""Cells that say nothing: they are not folded under a line."""


@dataclass(frozen=True)
class Column:
    """A column. ``folds`` is when it leaves the line: the highest first, 0 last of all. ``right``: aligned there."""

    name: str
    folds: int = 0
    right: bool = False


def print_table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    styles: Sequence[str] = (),
    under: Sequence[Sequence[str]] = (),
    header: bool = True,
) -> None:
    """Print rows; ``styles`` is rich's style of each, ``under`` what stands below each."""
    if not rows:
        return
    width = terminal_width()
    head, told = lines_of(columns, rows, width)
    # The lines are broken already: rich colours them, where there is a terminal, and nothing else.
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, file=sys.stdout)
    if header:
        console.print(head, style="bold")
    for place, lines in enumerate(told):
        for line in [*lines, *(under[place] if under else ())]:
            console.print(line, style=styles[place] if styles else "")


def terminal_width() -> int | None:
    """The columns of the terminal; None where the output is none."""
    if not sys.stdout.isatty():
        return None
    return max(_NARROWEST, shutil.get_terminal_size().columns)


def lines_of(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None
) -> tuple[str, list[list[str]]]:
    """The header, and the lines of each row; none is wider than ``width``. Without a width each row is one line."""
    texts = ([column.name, *(row[place] for row in rows)] for place, column in enumerate(columns))
    widths = [max(map(cell_len, each)) for each in texts]
    kept = _fitting(columns, widths, width)
    folded = [place for place in range(len(columns)) if place not in kept]
    head = _line([column.name for column in columns], columns, kept, widths)
    told = []
    for row in rows:
        lines = _broken(_line(row, columns, kept, widths), width)
        rest = [f"{columns[place].name} {row[place]}" for place in folded if row[place] not in _NOTHING]
        told.append(lines + _packed(rest, width))
    return _broken(head, width)[0], told


def _fitting(columns: Sequence[Column], widths: Sequence[int], width: int | None) -> list[int]:
    """The places of the columns that stand in the line: all, or as many as fit. The first one always does."""
    kept = list(range(len(columns)))

    def needed() -> int:
        return sum(widths[place] for place in kept) + len(_GAP) * (len(kept) - 1)

    while width is not None and needed() > width and len(kept) > 1:
        kept.remove(max(kept[1:], key=lambda place: (columns[place].folds, place)))
    return kept


def _line(row: Sequence[str], columns: Sequence[Column], kept: Sequence[int], widths: Sequence[int]) -> str:
    cells = []
    for place in kept:
        room = " " * (widths[place] - cell_len(row[place]))
        cells.append(room + row[place] if columns[place].right else row[place] + room)
    return _GAP.join(cells).rstrip()


def _packed(facts: Sequence[str], width: int | None) -> list[str]:
    """Facts side by side, as many as a line holds; one that is longer than a line goes over several."""
    lines: list[str] = []
    current = ""
    for fact in facts:
        joined = f"{current}, {fact}" if current else _INDENT + fact
        if current and width is not None and cell_len(joined) + 1 > width:
            lines.append(current + ",")
            joined = _INDENT + fact
        current = joined
    return [each for line in [*lines, *([current] if current else [])] for each in _broken(line, width)]


def _broken(line: str, width: int | None) -> list[str]:
    if width is None or cell_len(line) <= width:
        return [line]
    return textwrap.wrap(line, width, subsequent_indent=_INDENT + "  ", break_on_hyphens=False) or [line]
