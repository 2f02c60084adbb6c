"""The doctors' lists as PDF: A4 landscape, each doctor from a page of their own, with the plan of the route."""

from __future__ import annotations

import io
from collections.abc import Sequence
from xml.sax.saxutils import escape

from reportlab.graphics.shapes import Circle, Drawing, Line, PolyLine, Rect, String
from reportlab.lib.colors import Color, black, white
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from homecall.documents.register.as_pdf import BOLD, PLAIN, drawable, register_fonts
from homecall.documents.routes import routes as sheet
from homecall.documents.routes.plan import RADIUS, Drawn, drawn
from homecall.documents.routes.routes import DayRoutes, Route
from homecall.texts.documents import PageLanguage, said

_MARGIN, _FOOT = 34.0, 40.0
_WIDTH, _HEIGHT = landscape(A4)
_ROOM = _WIDTH - 2 * _MARGIN
_SHARES = (0.03, 0.06, 0.09, 0.18, 0.27, 0.22, 0.15)
_PLAN_WIDTH, _PLAN_HEIGHT = 520.0, 270.0
_GREY, _LIGHT = Color(0.35, 0.35, 0.35), Color(0.92, 0.92, 0.92)

_TEXT = ParagraphStyle("text", fontName=PLAIN, fontSize=8.5, leading=10.5)
_STRONG = ParagraphStyle("strong", parent=_TEXT, fontName=BOLD)
_TITLE = ParagraphStyle("title", parent=_STRONG, fontSize=13, leading=17)
_RUNNING = ParagraphStyle("running", parent=_TEXT, textColor=_GREY)
_HEAD = ParagraphStyle("head", parent=_STRONG, fontSize=8, leading=10)


def write(day: DayRoutes, language: PageLanguage) -> bytes:
    """The document; the same day is the same bytes."""
    register_fonts()
    out = io.BytesIO()
    title = sheet.title_of(day, language)
    document = BaseDocTemplate(
        out,
        pagesize=(_WIDTH, _HEIGHT),
        invariant=1,
        initialFontName=PLAIN,
        lang=language,
        title=title,
        author=day.named(language),
        creator="homecall",
        subject="",
    )
    frame = Frame(_MARGIN, _FOOT, _ROOM, _HEIGHT - _MARGIN - _FOOT, 0, 0, 0, 0)
    document.addPageTemplates([PageTemplate("list", [frame], onPageEnd=_running)])
    document.build(_story(day, title, language), canvasmaker=_Numbered)
    return out.getvalue()


class _Numbered(Canvas):  # type: ignore[misc]  # reportlab ships no types
    """Writes "n / m" on each page, once it is known how many there are."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        self._pages: list[dict[str, object]] = []

    def showPage(self) -> None:  # noqa: N802  # reportlab's own name
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self._pages, start=1):
            self.__dict__.update(page)
            self.setFont(PLAIN, 8)
            self.drawRightString(_WIDTH - _MARGIN, 22, f"{number} / {len(self._pages)}")
            super().showPage()
        super().save()


class _Of(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """Takes no room: from this page on, each page bears this text; the first has it in its title."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def wrap(self, *_: float) -> tuple[float, float]:
        return 0.0, 0.0

    def draw(self) -> None:
        self.canv.homecall_running = (self._text, self.canv.getPageNumber())


def _running(canvas: Canvas, _: object) -> None:
    text, first = canvas.homecall_running
    if canvas.getPageNumber() > first:
        canvas.setFont(PLAIN, 8)
        canvas.setFillColor(_GREY)
        canvas.drawString(_MARGIN, _HEIGHT - _MARGIN + 8, _fitting(drawable(text, PLAIN), 8))


def _fitting(text: str, size: float) -> str:
    """The text on one line; what is longer than the page is wide ends with three dots."""
    if stringWidth(text, PLAIN, size) <= _ROOM:
        return text
    while stringWidth(f"{text}…", PLAIN, size) > _ROOM:
        text = text[:-1]
    return f"{text}…"


def _story(day: DayRoutes, title: str, language: PageLanguage) -> list[Flowable]:
    story: list[Flowable] = []
    for route in day.routes:
        if story:
            story.append(PageBreak())
        story += [
            _Of(sheet.running(day, route, language)),
            _paragraph(title, _RUNNING),
            _paragraph(sheet.heading(route, language), _TITLE),
            _paragraph(sheet.summary(route, language), _TEXT),
            Spacer(1, 5),
        ]
        if route.stops:
            story.append(_table(route, language))
        plan = drawn(route, _PLAN_WIDTH, _PLAN_HEIGHT)
        missing = sheet.not_drawn(route, language)
        under = [_paragraph(missing, _TEXT)] if missing else []
        if plan is not None:
            story.append(KeepTogether([Spacer(1, 8), _drawing(plan, language), *under]))
        else:
            story += under
    if day.waiting:
        story += [PageBreak()] if story else []
        story.append(_Of(sheet.running(day, None, language)))
        story += [_paragraph(title, _RUNNING), _paragraph(said(sheet.WAITING, language), _TITLE), Spacer(1, 5)]
        lines = (sheet.waiting_line(call, language) for call in day.waiting)
        story += [_paragraph(f"{place}. {line}", _TEXT) for place, line in enumerate(lines, start=1)]
    return story or [_Of(title), _paragraph(title, _TITLE)]


def _table(route: Route, language: PageLanguage) -> Table:
    rows: list[list[Flowable]] = [[_paragraph(said(head, language), _HEAD) for head in sheet.HEAD]]
    for stop in route.stops:
        style = _STRONG if stop.urgent else _TEXT
        cells = sheet.row(stop, language)
        rows.append([_lines(cell, style if place in {0, 1, 6} else _TEXT) for place, cell in enumerate(cells)])
    # A row may be higher than a page: a note has up to 5,000 characters, and somebody may have typed them.
    table = Table(rows, colWidths=[share * _ROOM for share in _SHARES], repeatRows=1, splitInRow=1)
    table.setStyle(
        TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.4, _GREY),
                ("BACKGROUND", (0, 0), (-1, 0), _LIGHT),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), 3),
                ("RIGHTPADDING", (0, 0), (-1, -1), 3),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ]
        )
    )
    return table


def _drawing(plan: Drawn, language: PageLanguage) -> Drawing:
    drawing = Drawing(_PLAN_WIDTH, _PLAN_HEIGHT)
    drawing.add(Rect(0, 0, _PLAN_WIDTH, _PLAN_HEIGHT, fillColor=None, strokeColor=_GREY, strokeWidth=0.5))
    drawing.add(PolyLine([value for _, x, y in plan.points for value in (x, y)], strokeColor=_GREY, strokeWidth=1.2))
    for (x, y), (to_x, to_y) in plan.moved():
        drawing.add(Line(x, y, to_x, to_y, strokeColor=_GREY, strokeWidth=0.5))
        drawing.add(Circle(x, y, 1.6, fillColor=black, strokeColor=black))
    for label, x, y in plan.markers:
        if label:
            drawing.add(Circle(x, y, RADIUS, fillColor=white, strokeColor=black, strokeWidth=0.8))
            drawing.add(String(x, y - 2.6, label, fontName=BOLD, fontSize=7.5, textAnchor="middle"))
        else:
            drawing.add(Rect(x - 5, y - 5, 10, 10, fillColor=black, strokeColor=black))
    drawing.add(Line(8, 8, 8 + plan.bar, 8, strokeColor=black, strokeWidth=1.5))
    drawing.add(String(8, 12, said(plan.distance, language), fontName=PLAIN, fontSize=7.5))
    north = f"{said(sheet.NORTH, language)} ↑"
    drawing.add(String(_PLAN_WIDTH - 8, _PLAN_HEIGHT - 12, north, fontName=PLAIN, fontSize=8, textAnchor="end"))
    return drawing


def _paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(drawable(text, style.fontName)), style)


def _lines(cell: Sequence[str], style: ParagraphStyle) -> Paragraph:
    return Paragraph("<br/>".join(escape(drawable(line, style.fontName)) for line in cell), style)
