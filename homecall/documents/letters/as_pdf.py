"""A letter as PDF: A4 upright, as many pages as its texts need, numbered "n / m"; the same letter is the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import CondPageBreak, Flowable, KeepTogether, Spacer, Table

from homecall.documents.letters.letters import Letter, Pair, Part
from homecall.documents.pdf import BOLD, GREY, PLAIN, About, Paper, document, grid, padded, paragraph, to_sign

_PAPER = Paper(A4, left=70.0, right=42.0, top=42.0, foot=52.0)

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
    about = About(letter.language, letter.title, letter.organisation, foot=letter.subject, made_at=letter.as_of)
    return document(list(_story(letter)), _PAPER, about)


def _story(letter: Letter) -> Iterable[Flowable]:
    yield _head(letter)
    yield Spacer(1, 14)
    yield paragraph(letter.title, _TITLE)
    for part in letter.parts:
        flow = list(_part(part))
        # A list or a table is not torn unless it is higher than a page.
        yield from flow if part.paragraphs else [KeepTogether(flow)]
    yield KeepTogether([Spacer(1, 16), _signature(letter), Spacer(1, 8), *(paragraph(n, _SMALL) for n in letter.notes)])


def _head(letter: Letter) -> Table:
    """Whose letter it is, on the left; on the right the stamp, or whom it goes to."""
    left = [paragraph(letter.organisation, _STRONG), paragraph(letter.contacts, _SMALL)]
    if letter.references:
        left += [Spacer(1, 8), *(paragraph(each, _TEXT) for each in letter.references)]
    right: list[Flowable] = []
    if letter.stamp:
        right.append(_stamp(letter.stamp))
    right += [paragraph(each, _STRONG if n == 0 else _TEXT) for n, each in enumerate(letter.receiver)]
    head = Table([[left, right]], colWidths=[_PAPER.width * 0.5, _PAPER.width * 0.5])
    head.setStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, 0), 0), _NO_RIGHT])
    return head


_NO_RIGHT = ("RIGHTPADDING", (-1, 0), (-1, -1), 0)


def _stamp(pairs: Sequence[Pair]) -> Table:
    rows = [[paragraph(name, _SMALL), paragraph(value, _SMALL_STRONG)] for name, value in pairs]
    stamp = Table(rows, colWidths=[78, _PAPER.width * 0.5 - 78 - 6])
    stamp.setStyle([("BOX", (0, 0), (-1, -1), 1, (0, 0, 0)), ("VALIGN", (0, 0), (-1, -1), "TOP"), *padded(2, 5)])
    return stamp


def _part(part: Part) -> Iterable[Flowable]:
    if part.heading and part.paragraphs:
        # Its text may run on over pages: the heading asks for a few lines under it, and not for the whole text.
        yield CondPageBreak(_FEW_LINES)
        yield paragraph(part.heading, _HEADING_OF_TEXT)
    elif part.heading:
        yield paragraph(part.heading, _HEADING)
    if part.pairs:
        rows = [[paragraph(name, _SMALL), paragraph(value, _TEXT)] for name, value in part.pairs]
        table = Table(rows, colWidths=[_PAPER.width * 0.3, _PAPER.width * 0.7])
        rule = ("LINEBELOW", (0, 0), (-1, -1), 0.3, GREY)
        table.setStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), rule, *padded(2, 2)])
        yield table
    if part.rows:
        head = [[paragraph(each, _SMALL_STRONG) for each in part.head]]
        rows = [[paragraph(each, _SMALL) for each in row] for row in part.rows]
        share = [0.28, 0.19, 0.19, 0.19, 0.15]
        yield grid([*head, *rows], [_PAPER.width * each for each in share], (2, 4))
    yield from (paragraph(each, _RUNNING) for each in part.paragraphs)
    yield from (paragraph(each, _POINT, bullet="•") for each in part.points)


def _signature(letter: Letter) -> Table:
    widths = [_PAPER.width * 0.36, 12, _PAPER.width * 0.22, 12, _PAPER.width * 0.42 - 24]
    rows = [
        [paragraph(letter.office, _STRONG), "", "", "", paragraph(letter.signed_by, _TEXT)],
        [
            paragraph(letter.stamp_place, _SMALL),
            "",
            paragraph(letter.captions[0], _CAPTION),
            "",
            paragraph(letter.captions[1], _CAPTION),
        ],
    ]
    return to_sign(rows, widths, lines=(2, 4))
