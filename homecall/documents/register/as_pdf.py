"""The register as PDF: A4 landscape, the head of each table on each page, pages numbered "n / m".

The same page is the same bytes: nothing in it tells when it was printed. Lengths are in points (1/72 inch), from the
top of the page downwards.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache
from itertools import accumulate
from pathlib import Path

from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from homecall.documents.markup import unbroken
from homecall.documents.register.register import Cell, Column, PrintedPage, Signature
from homecall.texts.language import local

PLAIN, BOLD = "HomecallPlain", "HomecallBold"
_FONTS = Path(__file__).parent.parent / "fonts"
_FILES = {PLAIN: "DejaVuSansCondensed.ttf", BOLD: "DejaVuSansCondensed-Bold.ttf"}

_PAGE_WIDTH, _PAGE_HEIGHT = landscape(A4)
_LEFT, _RIGHT, _TOP, _FOOT = 42.0, 28.0, 30.0, 42.0  # more on the left: the pages are bound there
_WIDTH = _PAGE_WIDTH - _LEFT - _RIGHT
_ROOM = _PAGE_HEIGHT - _TOP - _FOOT
_SIZE, _LINE, _PAD = 6.6, 8.2, 2.4
_SMALL = 5.8
_GREY, _LIGHT = 0.92, 0.96
_HIGHEST = 0.6 * _ROOM


@dataclass(frozen=True)
class _Run:
    """A line of text. ``x`` is where it begins, or its middle where it is centred."""

    text: str
    x: float
    font: str = PLAIN
    size: float = _SIZE
    centred: bool = False


@dataclass(frozen=True)
class _Box:
    """The lines of one cell, one under the other, between two rules where it is ruled."""

    left: float
    width: float
    runs: tuple[_Run, ...]
    ruled: bool = False
    grey: float | None = None


@dataclass(frozen=True)
class _Strip:
    """A strip of the page's whole width: a row of a table, or lines of text. It is the unit that is put on a page."""

    boxes: tuple[_Box, ...]
    line: float = _LINE
    before: float = 0.0
    rules: tuple[tuple[float, float], ...] = ()
    """Lines to write on, from and to, above the text."""

    @property
    def lines(self) -> int:
        return max((len(box.runs) for box in self.boxes), default=0)

    @property
    def height(self) -> float:
        padding = 2 * _PAD if any(box.ruled for box in self.boxes) else 0.0
        return self.before + self.lines * self.line + padding

    def parts(self) -> list[_Strip]:
        """The strip, cut between its lines where it is higher than a page can well take: for a very long cell."""
        if self.height <= _HIGHEST:
            return [self]
        each = int(_HIGHEST // self.line)
        return [
            replace(self, boxes=tuple(replace(box, runs=box.runs[start : start + each]) for box in self.boxes))
            for start in range(0, self.lines, each)
        ]


def write(page: PrintedPage, as_of: datetime) -> bytes:
    """The document. ``as_of`` is the time that it bears."""
    register_fonts()
    sheets = _sheets(page)
    out = io.BytesIO()
    # "invariant": no time and no number of chance in the file.
    canvas = Canvas(
        out,
        pagesize=(_PAGE_WIDTH, _PAGE_HEIGHT),
        invariant=1,
        pageCompression=1,
        lang=page.language,
        initialFontName=PLAIN,
    )
    here = local(as_of)
    offset = f"{here:%z}"
    canvas.setDateFormatter(lambda *_: f"D:{here:%Y%m%d%H%M%S}{offset[:3]}'{offset[3:]}'")
    canvas.setTitle(f"{page.title}, {page.clinic}, {page.day}")
    canvas.setAuthor(page.clinic)
    canvas.setCreator("homecall")
    canvas.setSubject("")
    for number, sheet in enumerate(sheets, start=1):
        for top, strip in sheet:
            _draw(canvas, strip, top)
        foot = _PAGE_HEIGHT - _FOOT + 18
        _draw(canvas, _line(page.as_of, _SMALL), foot)
        _draw(canvas, _Strip((_Box(_LEFT, _WIDTH, (_ending_at(_LEFT + _WIDTH, f"{number} / {len(sheets)}"),)),)), foot)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


@cache
def register_fonts() -> None:
    """Make the page's fonts known to the library, once."""
    for name, file in _FILES.items():
        pdfmetrics.registerFont(TTFont(name, str(_FONTS / file)))


@cache
def glyphs(font: str) -> frozenset[int]:
    """The characters that the font can draw."""
    register_fonts()
    return frozenset(pdfmetrics.getFont(font).face.charToGlyph)


# ---------------------------------------------------------------- which strip stands on which page


def _sheets(page: PrintedPage) -> list[list[tuple[float, _Strip]]]:
    flow = _Flow(running=_line(f"{page.title} · {page.clinic} · {page.day}", _SMALL))
    for text, size, font in (
        (page.title, 13.0, BOLD),
        (page.clinic, 10.0, BOLD),
        (page.contacts, 8.0, PLAIN),
        (page.day, 10.0, BOLD),
    ):
        flow.put([_centred(line, font, size) for line in _wrapped(text, font, size, _WIDTH)] if text else [])
    for table in page.tables:
        columns = _laid_out(table.columns, _WIDTH)
        head = _head(columns)
        caption = [_line(table.caption, 9.0, BOLD, before=10.0)] if table.caption else [_line("", 4.0)]
        rows = [part for row in table.rows for part in _row(row, columns).parts()]
        # A head stands on no page without a row under it.
        flow.put([*caption, head, rows[0]])
        flow.repeat(head)
        for row in rows[1:]:
            flow.put([row])
        flow.repeat(None)
    flow.put(_end(page))
    return flow.sheets


class _Flow:
    """Puts strips under one another, and what belongs together on one page."""

    def __init__(self, running: _Strip) -> None:
        self.sheets: list[list[tuple[float, _Strip]]] = [[]]
        self._running = running
        self._head: _Strip | None = None
        self._top = 0.0

    def repeat(self, head: _Strip | None) -> None:
        """What to put at the beginning of each page from the next on; None: nothing any more."""
        self._head = head

    def put(self, together: Sequence[_Strip]) -> None:
        """Put them on this page, or all on the next if they do not fit."""
        if self._top and sum(strip.height for strip in together) > _ROOM - self._top:
            self._turn()
        for strip in together:
            self._place(strip)

    def _turn(self) -> None:
        self.sheets.append([])
        self._top = 0.0
        self._place(self._running)
        self._top += 4.0
        if self._head is not None:
            self._place(self._head)

    def _place(self, strip: _Strip) -> None:
        self.sheets[-1].append((_TOP + self._top, strip))
        self._top += strip.height


# ---------------------------------------------------------------- strips


def _laid_out(columns: Iterable[Column], width: float) -> list[tuple[Column, float, float]]:
    """Each column with its left edge and its width: its share, and at least what no word of its head is wider than."""
    columns = list(columns)
    least = [_widest_word(column.head) + 2 * _PAD for column in columns]
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
    lefts = accumulate(widths, initial=_LEFT)
    return list(zip(columns, lefts, widths, strict=False))


def _widest_word(text: str) -> float:
    return max((_width_of(word, BOLD, _SMALL) for word in drawable(text, BOLD).split(" ")), default=0.0)


def _head(columns: Sequence[tuple[Column, float, float]]) -> _Strip:
    return _Strip(
        tuple(
            _box((column.head,), left, width, BOLD, centred=True, grey=_GREY, size=_SMALL)
            for column, left, width in columns
        ),
        line=7.4,
    )


def _row(row: tuple[Cell, ...] | str, columns: Sequence[tuple[Column, float, float]]) -> _Strip:
    if isinstance(row, str):
        left, width = columns[0][1], sum(width for *_, width in columns)
        return _Strip((_box((row,), left, width, PLAIN, centred=True, grey=_LIGHT),))
    return _Strip(
        tuple(
            _box(cell, left, width, BOLD if column.bold else PLAIN, centred=column.centred)
            for cell, (column, left, width) in zip(row, columns, strict=True)
        )
    )


def _box(
    cell: Cell,
    left: float,
    width: float,
    font: str,
    *,
    centred: bool,
    grey: float | None = None,
    size: float = _SIZE,
) -> _Box:
    x = left + width / 2 if centred else left + _PAD
    runs = tuple(
        _Run(line, x, font, size, centred) for text in cell for line in _wrapped(text, font, size, width - 2 * _PAD)
    )
    return _Box(left, width, runs, ruled=True, grey=grey)


def _line(text: str, size: float, font: str = PLAIN, before: float = 0.0) -> _Strip:
    fitting = _wrapped(text, font, size, _WIDTH)[0]
    return _Strip((_Box(_LEFT, _WIDTH, (_Run(fitting, _LEFT, font, size),)),), line=size * 1.35, before=before)


def _centred(text: str, font: str, size: float) -> _Strip:
    middle = _LEFT + _WIDTH / 2
    return _Strip((_Box(_LEFT, _WIDTH, (_Run(text, middle, font, size, centred=True),)),), line=size * 1.4)


def _ending_at(right: float, text: str) -> _Run:
    return _Run(text, right - pdfmetrics.stringWidth(text, PLAIN, _SIZE), PLAIN, _SIZE)


def _end(page: PrintedPage) -> list[_Strip]:
    """Totals and signatures: they stand together, so that nobody signs a page without its totals."""
    columns = _laid_out(page.totals.columns, _WIDTH)
    strips = [_line(page.totals.caption, 9.0, BOLD, before=12.0), _head(columns)]
    strips += [_row(row, columns) for row in page.totals.rows]
    for signature in page.signatures:
        strips += _signature(signature)
    return strips


def _signature(of: Signature) -> list[_Strip]:
    places = ((_LEFT + 150, 150.0), (_LEFT + 320, 260.0), (_LEFT + 600, _WIDTH - 600))
    name = [
        _Box(left, width, (_Run(_wrapped(text, PLAIN, 8.0, width)[0], left + width / 2, PLAIN, 8.0, centred=True),))
        for text, (left, width) in zip(("", of.full_name, ""), places, strict=True)
    ]
    office = _Box(_LEFT, 150.0, (_Run(of.office, _LEFT, BOLD, 8.0),))
    captions = tuple(
        _Box(left, width, (_Run(caption, left + width / 2, PLAIN, _SMALL, centred=True),))
        for caption, (left, width) in zip(of.captions, places, strict=True)
    )
    return [
        _Strip((office, *name), line=10.8, before=20.0),
        _Strip(captions, line=7.4, before=1.0, rules=tuple((left, left + width) for left, width in places)),
    ]


# ---------------------------------------------------------------- text


def _wrapped(text: str, font: str, size: float, width: float) -> list[str]:
    """The text in lines that are no wider, at least one; a word that is, is broken behind a hyphen, or anywhere."""
    lines: list[str] = []
    line = ""
    for word in drawable(text, font).split(" "):
        joined = f"{line} {word}" if line else word
        if _width_of(joined, font, size) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        while _width_of(word, font, size) > width and len(word) > 1:
            fits = next(n for n in range(len(word) - 1, 0, -1) if n == 1 or _width_of(word[:n], font, size) <= width)
            hyphen = word.rfind("-", 1, fits)
            fits = fits if hyphen < 0 else hyphen + 1
            lines.append(word[:fits])
            word = word[fits:]
        line = word
    return [*lines, line]


@lru_cache(maxsize=65536)
def _width_of(text: str, font: str, size: float) -> float:
    return float(pdfmetrics.stringWidth(text, font, size))


def drawable(text: str, font: str) -> str:
    """The text with ``U+FFFD`` for each character that the font has not, and with its phone numbers on one line."""
    composed = unbroken(unicodedata.normalize("NFC", text))
    return "".join(letter if ord(letter) in glyphs(font) else "\ufffd" for letter in composed)


def _draw(canvas: Canvas, strip: _Strip, top: float) -> None:
    top += strip.before
    height = strip.height - strip.before
    for box in strip.boxes:
        if box.grey is not None:
            canvas.setFillGray(box.grey)
            canvas.rect(box.left, _PAGE_HEIGHT - top - height, box.width, height, stroke=0, fill=1)
            canvas.setFillGray(0)
        if box.ruled:
            canvas.setLineWidth(0.4)
            canvas.setStrokeGray(0.35)
            canvas.rect(box.left, _PAGE_HEIGHT - top - height, box.width, height, stroke=1, fill=0)
        free = height - len(box.runs) * strip.line
        # A head's lines stand in the middle of their height, a row's begin at its top.
        down = free / 2 if box.grey is not None else (_PAD if box.ruled else 0.0)
        for place, run in enumerate(box.runs):
            canvas.setFont(run.font, run.size)
            baseline = _PAGE_HEIGHT - top - down - place * strip.line - (strip.line + run.size * 0.72) / 2
            (canvas.drawCentredString if run.centred else canvas.drawString)(run.x, baseline, run.text)
    for left, right in strip.rules:
        canvas.setLineWidth(0.5)
        canvas.setStrokeGray(0)
        canvas.line(left, _PAGE_HEIGHT - top + 1, right, _PAGE_HEIGHT - top + 1)
