"""What every PDF of ours is made of: fonts, text that they can draw, tables with a grid, numbered pages.

The same story is the same bytes: nothing in a file tells when it was printed. Lengths are in points (1/72 inch).
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import Color
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate, Paragraph, Table

from homecall.documents.markup import unbroken
from homecall.texts.language import local

PLAIN, BOLD = "HomecallPlain", "HomecallBold"
_FONTS = Path(__file__).parent / "fonts"
_FILES = {PLAIN: "DejaVuSansCondensed.ttf", BOLD: "DejaVuSansCondensed-Bold.ttf"}
GREY, LIGHT = Color(0.35, 0.35, 0.35), Color(0.92, 0.92, 0.92)
_SMALL = 7.5

Command = tuple[Any, ...]
"""A command of ReportLab's ``TableStyle``."""


@cache
def register_fonts() -> None:
    """Make the fonts known to the library, once."""
    for name, file in _FILES.items():
        pdfmetrics.registerFont(TTFont(name, str(_FONTS / file)))


@cache
def glyphs(font: str) -> frozenset[int]:
    register_fonts()
    return frozenset(pdfmetrics.getFont(font).face.charToGlyph)


def drawable(text: str, font: str) -> str:
    """The text with ``U+FFFD`` for each character that the font has not, and with its phone numbers on one line."""
    composed = unbroken(unicodedata.normalize("NFC", text))
    return "".join(letter if ord(letter) in glyphs(font) else "\ufffd" for letter in composed)


@lru_cache(maxsize=65536)
def width_of(text: str, font: str, size: float) -> float:
    return float(pdfmetrics.stringWidth(text, font, size))


def paragraph(
    text: str | Sequence[str], style: ParagraphStyle, *, width: float | None = None, bullet: str | None = None
) -> Paragraph:
    """A text from outside, escaped; several are a line each. A word wider than ``width`` is broken behind a hyphen."""
    lines = [drawable(line, style.fontName) for line in ((text,) if isinstance(text, str) else text)]
    if width is not None:
        lines = [" ".join(_hyphenated(word, style, width) for word in line.split(" ")) for line in lines]
    return Paragraph(escape("\n".join(lines)).replace("\n", "<br/>"), style, bulletText=bullet)


def _hyphenated(word: str, style: ParagraphStyle, width: float) -> str:
    if "-" not in word or width_of(word, style.fontName, style.fontSize) <= width:
        return word
    ends = [place + 1 for place, letter in enumerate(word[:-1]) if letter == "-"]
    fitting = [end for end in ends if width_of(word[:end], style.fontName, style.fontSize) <= width] or ends[:1]
    return f"{word[: fitting[-1]]}\n{_hyphenated(word[fitting[-1] :], style, width)}" if fitting else word


def padded(upright: float, aside: float) -> list[Command]:
    """Room around what is in the cells."""
    sides = {"TOPPADDING": upright, "BOTTOMPADDING": upright + 1, "LEFTPADDING": aside, "RIGHTPADDING": aside}
    return [(name, (0, 0), (-1, -1), points) for name, points in sides.items()]


def grid(rows: Sequence[Sequence[Any]], widths: Sequence[float], padding: tuple[float, float], *more: Command) -> Table:
    """A ruled table whose first row is its head, on each page. A row that is higher than a page goes on on the next."""
    table = Table(rows, colWidths=widths, repeatRows=1, splitInRow=30)
    table.setStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("GRID", (0, 0), (-1, -1), 0.4, GREY),
            ("BACKGROUND", (0, 0), (-1, 0), LIGHT),
            *padded(*padding),
            *more,
        ]
    )
    return table


def to_sign(rows: Sequence[Sequence[Any]], widths: Sequence[float], lines: Iterable[int]) -> Table:
    """A row of places to sign, and their captions under it; ``lines`` are the columns that have a line to write on."""
    table = Table(rows, colWidths=widths)
    ruled = [("LINEBELOW", (column, 0), (column, 0), 0.5, (0, 0, 0)) for column in lines]
    table.setStyle([("VALIGN", (0, 0), (-1, 0), "BOTTOM"), ("VALIGN", (0, 1), (-1, 1), "TOP"), *ruled, *padded(2, 0)])
    return table


@dataclass(frozen=True)
class Paper:
    """A page's size, and its margins."""

    size: tuple[float, float]
    left: float
    right: float
    top: float
    foot: float

    @property
    def width(self) -> float:
        """What is left between the margins."""
        return self.size[0] - self.left - self.right

    @property
    def height(self) -> float:
        """What is left between the margins."""
        return self.size[1] - self.top - self.foot


@dataclass(frozen=True)
class About:
    """What a file says of itself. ``made_at`` is the time that it bears; ``foot`` stands under each page."""

    language: str
    title: str
    author: str
    foot: str = ""
    made_at: datetime | None = None


class Running(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """Takes no room: each page after the one on which it stands has this text in its upper margin."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def wrap(self, *_: float) -> tuple[float, float]:
        return 0.0, 0.0

    def draw(self) -> None:
        self.canv.homecall_running = (self._text, self.canv.getPageNumber())


def document(story: list[Flowable], paper: Paper, about: About) -> bytes:
    """The file: as many pages as the story needs, numbered "n / m"."""
    register_fonts()
    out = io.BytesIO()
    template = BaseDocTemplate(
        out,
        pagesize=paper.size,
        invariant=1,
        initialFontName=PLAIN,
        lang=about.language,
        title=about.title,
        author=about.author,
        creator="homecall",
        subject="",
    )
    frame = Frame(paper.left, paper.foot, paper.width, paper.height, 0, 0, 0, 0)
    template.addPageTemplates([PageTemplate(frames=[frame], onPageEnd=_running(paper))])
    template.build(story, canvasmaker=_numbered(paper, about))
    return out.getvalue()


def _running(paper: Paper) -> Callable[[Canvas, object], None]:
    def draw(canvas: Canvas, _: object) -> None:
        text, first = getattr(canvas, "homecall_running", ("", 0))
        if canvas.getPageNumber() > first:
            canvas.setFont(PLAIN, _SMALL)
            canvas.setFillColor(GREY)
            canvas.drawString(paper.left, paper.size[1] - paper.top + 8, _on_one_line(text, paper.width))

    return draw


def _on_one_line(text: str, width: float) -> str:
    """The text; what is wider ends with three dots."""
    text = drawable(text, PLAIN)
    if width_of(text, PLAIN, _SMALL) <= width:
        return text
    while width_of(f"{text}…", PLAIN, _SMALL) > width:
        text = text[:-1]
    return f"{text}…"


def _numbered(paper: Paper, about: About) -> type[Canvas]:
    class Numbered(Canvas):  # type: ignore[misc]  # reportlab ships no types
        """Keeps its pages until it is known how many there are."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._pages: list[dict[str, Any]] = []
            if about.made_at is not None:
                here = local(about.made_at)
                offset = f"{here:%z}"
                self.setDateFormatter(lambda *_: f"D:{here:%Y%m%d%H%M%S}{offset[:3]}'{offset[3:]}'")

        def showPage(self) -> None:  # noqa: N802  # the library's name
            self._pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, page in enumerate(self._pages, start=1):
                self.__dict__.update(page)
                self.setFont(PLAIN, _SMALL)
                self.setFillColor(GREY)
                self.drawString(paper.left, paper.foot - 20, about.foot)
                self.drawRightString(paper.size[0] - paper.right, paper.foot - 20, f"{number} / {len(self._pages)}")
                super().showPage()
            super().save()

    return Numbered
