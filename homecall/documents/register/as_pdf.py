"""The register as PDF: A4 landscape, the head of each table on each page.

Lengths are in points (1/72 inch).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import CondPageBreak, Flowable, KeepTogether, Paragraph, Spacer
from reportlab.platypus import Table as Drawn

from homecall.documents.pdf import (
    BOLD,
    PLAIN,
    About,
    Command,
    Paper,
    Running,
    document,
    drawable,
    grid,
    paragraph,
    register_fonts,
    to_sign,
    width_of,
)
from homecall.documents.register.page import Cell, Column, PrintedPage, Signature, Table

_PAPER = Paper(landscape(A4), left=42.0, right=28.0, top=30.0, foot=42.0)  # more on the left: the pages are bound there
_PAD = 2.4
_NOTE = (0.96, 0.96, 0.96)
_FEW_ROWS = 90.0

_TEXT = ParagraphStyle("text", fontName=PLAIN, fontSize=6.6, leading=8.2)
_STRONG = ParagraphStyle("strong", parent=_TEXT, fontName=BOLD)
_CENTRED = ParagraphStyle("centred", parent=_TEXT, alignment=TA_CENTER)
_STRONG_CENTRED = ParagraphStyle("strong centred", parent=_STRONG, alignment=TA_CENTER)
_HEAD = ParagraphStyle("head", parent=_STRONG_CENTRED, fontSize=5.8, leading=7.4)
_CAPTION = ParagraphStyle("caption", parent=_STRONG, fontSize=9, leading=12.2, spaceBefore=10)
_TITLES = (
    ParagraphStyle("title", parent=_STRONG_CENTRED, fontSize=13, leading=18.2),
    ParagraphStyle("clinic", parent=_STRONG_CENTRED, fontSize=10, leading=14),
    ParagraphStyle("contacts", parent=_CENTRED, fontSize=8, leading=11.2),
    ParagraphStyle("day", parent=_STRONG_CENTRED, fontSize=10, leading=14),
)
_OFFICE = ParagraphStyle("office", parent=_STRONG, fontSize=8, leading=10.8)
_SIGNED = ParagraphStyle("signed", parent=_CENTRED, fontSize=8, leading=10.8)
_UNDER = ParagraphStyle("under", parent=_CENTRED, fontSize=5.8, leading=7.4)


def write(page: PrintedPage, as_of: datetime) -> bytes:
    """The document. ``as_of`` is the time that it bears."""
    register_fonts()
    title = f"{page.title}, {page.clinic}, {page.day}"
    about = About(page.language, title, author=page.clinic, foot=page.as_of, made_at=as_of)
    return document(_story(page), _PAPER, about)


def _story(page: PrintedPage) -> list[Flowable]:
    heads = (page.title, page.clinic, page.contacts, page.day)
    story: list[Flowable] = [Running(f"{page.title} · {page.clinic} · {page.day}")]
    story += [paragraph(text, style) for text, style in zip(heads, _TITLES, strict=True) if text]
    for table in page.tables:
        story += [CondPageBreak(_FEW_ROWS), paragraph(table.caption, _CAPTION) if table.caption else Spacer(1, 4)]
        story.append(_table(table))
    # Totals and signatures stand together, so that nobody signs a page without its totals.
    totals = [Spacer(1, 2), paragraph(page.totals.caption, _CAPTION), _table(page.totals)]
    return [*story, KeepTogether([*totals, *(each for of in page.signatures for each in _signature(of))])]


def _table(table: Table) -> Drawn:
    widths = column_widths(table.columns, _PAPER.width)
    rows: list[Sequence[Paragraph]] = [[paragraph(column.head, _HEAD) for column in table.columns]]
    notes: list[Command] = []
    for place, row in enumerate(table.rows, start=1):
        if isinstance(row, str):
            rows.append([paragraph(row, _CENTRED), *[""] * (len(widths) - 1)])
            notes += [("SPAN", (0, place), (-1, place)), ("BACKGROUND", (0, place), (-1, place), _NOTE)]
        else:
            rows.append([_cell(*each) for each in zip(row, table.columns, widths, strict=True)])
    return grid(rows, widths, (_PAD - 1, _PAD), ("VALIGN", (0, 0), (-1, 0), "MIDDLE"), *notes)


def _cell(cell: Cell, column: Column, width: float) -> Paragraph:
    plain, strong = (_CENTRED, _STRONG_CENTRED) if column.centred else (_TEXT, _STRONG)
    return paragraph(cell, strong if column.bold else plain, width=width - 2 * _PAD)


def column_widths(columns: Sequence[Column], width: float) -> list[float]:
    """The width of each: its share, and at least what no word of its head is wider than."""
    least = [_widest_word(column.head) + 2 * _PAD + 0.1 for column in columns]
    least = least if sum(least) <= width else [0.0] * len(columns)
    widths = [0.0] * len(columns)
    free, shares = width, [float(column.width) for column in columns]
    # Those that need more than their share get it, and the others share what is left.
    while any(not each for each in widths):
        share = free / (sum(shares) or 1)
        short = [place for place, each in enumerate(shares) if each and each * share < least[place]]
        for place in short or [place for place, each in enumerate(shares) if each]:
            widths[place] = least[place] if short else shares[place] * share
            shares[place] = 0.0
        free = width - sum(widths)
    return widths


def _widest_word(text: str) -> float:
    return max(width_of(word, BOLD, _HEAD.fontSize) for word in drawable(text, BOLD).split(" "))


def _signature(of: Signature) -> list[Flowable]:
    sign, name, date = (paragraph(caption, _UNDER) for caption in of.captions)
    rows = [
        [paragraph(of.office, _OFFICE), "", "", paragraph(of.full_name, _SIGNED), "", ""],
        ["", sign, "", name, "", date],
    ]
    return [Spacer(1, 14), to_sign(rows, (150, 150, 20, 260, 20, _PAPER.width - 600), lines=(1, 3, 5))]
