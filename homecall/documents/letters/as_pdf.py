"""A letter as PDF: A4 upright, as many pages as its texts need, numbered "n / m"; the same letter is the same bytes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from homecall.documents.letters.letters import Letter, Pair, Part
from homecall.documents.register.as_pdf import BOLD, PLAIN, drawable, register_fonts
from homecall.texts.language import local

_LEFT, _RIGHT, _TOP, _FOOT = 70.0, 42.0, 42.0, 52.0
_WIDTH = A4[0] - _LEFT - _RIGHT
_GREY = 0.35

_TEXT = ParagraphStyle("text", fontName=PLAIN, fontSize=10, leading=13.5)
_RUNNING = ParagraphStyle("running", parent=_TEXT, alignment=TA_JUSTIFY, spaceAfter=4)
_STRONG = ParagraphStyle("strong", parent=_TEXT, fontName=BOLD)
_TITLE = ParagraphStyle("title", parent=_STRONG, fontSize=14, leading=18, alignment=TA_CENTER, spaceAfter=8)
_HEADING = ParagraphStyle("heading", parent=_STRONG, fontSize=10.5, spaceBefore=9, spaceAfter=3, keepWithNext=1)
_HEADING_OF_TEXT = ParagraphStyle("heading of text", parent=_HEADING, keepWithNext=0)
_FEW_LINES = 70.0
_SMALL = ParagraphStyle("small", parent=_TEXT, fontSize=8.5, leading=11)
_SMALL_STRONG = ParagraphStyle("small strong", parent=_SMALL, fontName=BOLD)
_CAPTION = ParagraphStyle("caption", parent=_SMALL, fontSize=7.5, leading=9, alignment=TA_CENTER)
_POINT = ParagraphStyle("point", parent=_TEXT, leftIndent=12, bulletIndent=2, spaceAfter=3)


def write(letter: Letter) -> bytes:
    """The document. It bears the letter's own time, and nothing of when it was printed."""
    register_fonts()
    out = io.BytesIO()
    document = BaseDocTemplate(
        out,
        pagesize=A4,
        invariant=1,
        initialFontName=PLAIN,
        lang=letter.language,
        title=letter.title,
        author=letter.organisation,
        creator="homecall",
        subject="",
    )
    frame = Frame(
        _LEFT, _FOOT, _WIDTH, A4[1] - _TOP - _FOOT, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0
    )
    document.addPageTemplates(PageTemplate(frames=[frame]))

    class Numbered(Canvas):  # type: ignore[misc]  # the library ships no types
        """Keeps its pages until their number is known."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self._pages: list[dict[str, Any]] = []
            here = local(letter.as_of)
            offset = f"{here:%z}"
            self.setDateFormatter(lambda *_: f"D:{here:%Y%m%d%H%M%S}{offset[:3]}'{offset[3:]}'")

        def showPage(self) -> None:  # noqa: N802  # the library's name
            self._pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, page in enumerate(self._pages, start=1):
                self.__dict__.update(page)
                self.setFont(PLAIN, 7.5)
                self.setFillGray(_GREY)
                self.drawString(_LEFT, _FOOT - 22, letter.subject)
                self.drawRightString(A4[0] - _RIGHT, _FOOT - 22, f"{number} / {len(self._pages)}")
                super().showPage()
            super().save()

    document.build(list(_story(letter)), canvasmaker=Numbered)
    return out.getvalue()


def _story(letter: Letter) -> Iterable[Flowable]:
    yield _head(letter)
    yield Spacer(1, 14)
    yield _paragraph(letter.title, _TITLE)
    for part in letter.parts:
        flow = list(_part(part))
        # A list or a table is not torn unless it is higher than a page.
        yield from flow if part.paragraphs else [KeepTogether(flow)]
    yield KeepTogether(
        [Spacer(1, 16), _signature(letter), Spacer(1, 8), *(_paragraph(n, _SMALL) for n in letter.notes)]
    )


def _head(letter: Letter) -> Table:
    """Whose letter it is, on the left; on the right the stamp, or whom it goes to."""
    left = [_paragraph(letter.organisation, _STRONG), _paragraph(letter.contacts, _SMALL)]
    if letter.references:
        left += [Spacer(1, 8), *(_paragraph(each, _TEXT) for each in letter.references)]
    right: list[Flowable] = []
    if letter.stamp:
        right.append(_stamp(letter.stamp))
    right += [_paragraph(each, _STRONG if n == 0 else _TEXT) for n, each in enumerate(letter.receiver)]
    head = Table([[left, right]], colWidths=[_WIDTH * 0.5, _WIDTH * 0.5])
    head.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, 0), 0), _NO_RIGHT]))
    return head


_NO_RIGHT = ("RIGHTPADDING", (-1, 0), (-1, -1), 0)


def _stamp(pairs: Sequence[Pair]) -> Table:
    rows = [[_paragraph(name, _SMALL), _paragraph(value, _SMALL_STRONG)] for name, value in pairs]
    stamp = Table(rows, colWidths=[78, _WIDTH * 0.5 - 78 - 6])
    stamp.setStyle(
        TableStyle(
            [("BOX", (0, 0), (-1, -1), 1, (0, 0, 0)), ("VALIGN", (0, 0), (-1, -1), "TOP"), *_padded(2, 5)],
        )
    )
    return stamp


def _part(part: Part) -> Iterable[Flowable]:
    if part.heading and part.paragraphs:
        # Its text may run on over pages: the heading asks for a few lines under it, and not for the whole text.
        yield CondPageBreak(_FEW_LINES)
        yield _paragraph(part.heading, _HEADING_OF_TEXT)
    elif part.heading:
        yield _paragraph(part.heading, _HEADING)
    if part.pairs:
        rows = [[_paragraph(name, _SMALL), _paragraph(value, _TEXT)] for name, value in part.pairs]
        table = Table(rows, colWidths=[_WIDTH * 0.3, _WIDTH * 0.7])
        rule = ("LINEBELOW", (0, 0), (-1, -1), 0.3, (_GREY, _GREY, _GREY))
        table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), rule, *_padded(2, 2)]))
        yield table
    if part.rows:
        head = [[_paragraph(each, _SMALL_STRONG) for each in part.head]]
        rows = [[_paragraph(each, _SMALL) for each in row] for row in part.rows]
        share = [0.28, 0.19, 0.19, 0.19, 0.15]
        table = Table([*head, *rows], colWidths=[_WIDTH * each for each in share], repeatRows=1)
        grid = ("GRID", (0, 0), (-1, -1), 0.4, (_GREY, _GREY, _GREY))
        shade = ("BACKGROUND", (0, 0), (-1, 0), (0.92, 0.92, 0.92))
        table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), grid, shade, *_padded(2, 4)]))
        yield table
    yield from (_paragraph(each, _RUNNING) for each in part.paragraphs)
    yield from (_paragraph(each, _POINT, bullet="•") for each in part.points)


def _signature(letter: Letter) -> Table:
    widths = [_WIDTH * 0.36, 12, _WIDTH * 0.22, 12, _WIDTH * 0.42 - 24]
    rows = [
        [_paragraph(letter.office, _STRONG), "", "", "", _paragraph(letter.signed_by, _TEXT)],
        [
            _paragraph(letter.stamp_place, _SMALL),
            "",
            _paragraph(letter.captions[0], _CAPTION),
            "",
            _paragraph(letter.captions[1], _CAPTION),
        ],
    ]
    table = Table(rows, colWidths=widths)
    lines = [("LINEBELOW", (column, 0), (column, 0), 0.5, (0, 0, 0)) for column in (2, 4)]
    table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, 0), "BOTTOM"), *lines, *_padded(2, 0)]))
    return table


def _padded(upright: float, aside: float) -> list[tuple[Any, ...]]:
    sides = {"TOPPADDING": upright, "BOTTOMPADDING": upright + 1, "LEFTPADDING": aside, "RIGHTPADDING": aside}
    return [(name, (0, 0), (-1, -1), points) for name, points in sides.items()]


def _paragraph(text: str, style: ParagraphStyle, bullet: str | None = None) -> Paragraph:
    """A text from outside, escaped, and with each character that the font lacks shown as one that is missing."""
    return Paragraph(escape(drawable(text, style.fontName)), style, bulletText=bullet)
