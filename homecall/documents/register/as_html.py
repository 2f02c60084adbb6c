"""The register as one HTML file, with its style and nothing from elsewhere: to look at, and to print. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from homecall.documents.html import document
from homecall.documents.markup import marked_up, whole_words
from homecall.documents.register.page import Cell, Column, PrintedPage, Signature, Table

_STYLE = Path(__file__).with_name("register.css")


def write(page: PrintedPage) -> bytes:
    """The page in UTF-8; whatever came from outside is escaped, and a script would not run."""
    return document(page.language, f"{page.title}, {page.clinic}, {page.day}", _STYLE, _body(page))


def _body(page: PrintedPage) -> Iterator[str]:
    yield "<header>"
    yield f"<h1>{escape(page.title)}</h1>"
    yield f'<p class="clinic">{escape(page.clinic)}</p>'
    if page.contacts:
        yield f"<p>{marked_up(page.contacts)}</p>"
    yield f'<p class="day">{escape(page.day)}</p>'
    yield "</header>"
    for table in page.tables:
        yield from _table(table, "calls")
    yield '<section class="end">'
    yield from _table(page.totals, "totals")
    yield from map(_signature, page.signatures)
    yield f'<p class="as-of">{escape(page.as_of)}</p>'
    yield "</section>"


def _table(table: Table, kind: str) -> Iterator[str]:
    if table.caption:
        yield f"<h2>{escape(table.caption)}</h2>"
    whole = sum(column.width for column in table.columns)
    yield f'<table class="{kind}">'
    yield "<colgroup>"
    yield from (f'<col style="width: {100 * column.width / whole:.2f}%">' for column in table.columns)
    yield "</colgroup>"
    yield "<thead><tr>"
    yield from (f'<th scope="col">{whole_words(column.head)}</th>' for column in table.columns)
    yield "</tr></thead>"
    yield "<tbody>"
    for row in table.rows:
        if isinstance(row, str):
            yield f'<tr><td class="note" colspan="{len(table.columns)}">{escape(row)}</td></tr>'
        else:
            yield f"<tr>{''.join(map(_cell, row, table.columns))}</tr>"
    yield "</tbody>"
    yield "</table>"


def _cell(cell: Cell, column: Column) -> str:
    kinds = " ".join(kind for kind, holds in (("bold", column.bold), ("centred", column.centred)) if holds)
    begin = f'<td class="{kinds}">' if kinds else "<td>"
    return f"{begin}{'<br>'.join(map(marked_up, cell))}</td>"


def _signature(line: Signature) -> str:
    signature, full_name, date = map(escape, line.captions)
    return (
        f'<p class="signature"><span class="office">{escape(line.office)}</span>'
        f"<span><u></u><small>{signature}</small></span>"
        f"<span><u>{escape(line.full_name)}</u><small>{full_name}</small></span>"
        f"<span><u></u><small>{date}</small></span></p>"
    )
