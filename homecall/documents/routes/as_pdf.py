"""The doctors' lists as PDF: A4 landscape, each doctor from a page of their own, with the plan of the route."""

from __future__ import annotations

from reportlab.graphics.shapes import Circle, Drawing, Line, PolyLine, Rect, String
from reportlab.lib.colors import black, white
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Flowable, KeepTogether, PageBreak, Spacer, Table

from homecall.documents.pdf import BOLD, GREY, PLAIN, About, Paper, Running, document, grid, paragraph
from homecall.documents.routes import routes as sheet
from homecall.documents.routes.plan import RADIUS, Drawn, drawn
from homecall.documents.routes.routes import DayRoutes, Route
from homecall.texts.documents import PageLanguage, said

_PAPER = Paper(landscape(A4), left=34.0, right=34.0, top=34.0, foot=40.0)
_SHARES = (0.03, 0.06, 0.09, 0.18, 0.27, 0.22, 0.15)
_PLAN_WIDTH, _PLAN_HEIGHT = 520.0, 270.0

_TEXT = ParagraphStyle("text", fontName=PLAIN, fontSize=8.5, leading=10.5)
_STRONG = ParagraphStyle("strong", parent=_TEXT, fontName=BOLD)
_TITLE = ParagraphStyle("title", parent=_STRONG, fontSize=13, leading=17)
_RUNNING = ParagraphStyle("running", parent=_TEXT, textColor=GREY)
_HEAD = ParagraphStyle("head", parent=_STRONG, fontSize=8, leading=10)


def write(day: DayRoutes, language: PageLanguage) -> bytes:
    """The document; the same day is the same bytes."""
    title = sheet.title_of(day, language)
    return document(_story(day, title, language), _PAPER, About(language, title, author=day.named(language)))


def _story(day: DayRoutes, title: str, language: PageLanguage) -> list[Flowable]:
    story: list[Flowable] = []
    for route in day.routes:
        if story:
            story.append(PageBreak())
        story += [
            Running(sheet.running(day, route, language)),
            paragraph(title, _RUNNING),
            paragraph(sheet.heading(route, language), _TITLE),
            paragraph(sheet.summary(route, language), _TEXT),
            Spacer(1, 5),
        ]
        if route.stops:
            story.append(_table(route, language))
        plan = drawn(route, _PLAN_WIDTH, _PLAN_HEIGHT)
        missing = sheet.not_drawn(route, language)
        under = [paragraph(missing, _TEXT)] if missing else []
        if plan is not None:
            story.append(KeepTogether([Spacer(1, 8), _drawing(plan, language), *under]))
        else:
            story += under
    if day.waiting:
        story += [PageBreak()] if story else []
        story.append(Running(sheet.running(day, None, language)))
        story += [paragraph(title, _RUNNING), paragraph(said(sheet.WAITING, language), _TITLE), Spacer(1, 5)]
        lines = (sheet.waiting_line(call, language) for call in day.waiting)
        story += [paragraph(f"{place}. {line}", _TEXT) for place, line in enumerate(lines, start=1)]
    return story or [Running(title), paragraph(title, _TITLE)]


def _table(route: Route, language: PageLanguage) -> Table:
    rows: list[list[Flowable]] = [[paragraph(said(head, language), _HEAD) for head in sheet.HEAD]]
    for stop in route.stops:
        style = _STRONG if stop.urgent else _TEXT
        cells = sheet.row(stop, language)
        rows.append([paragraph(cell, style if place in {0, 1, 6} else _TEXT) for place, cell in enumerate(cells)])
    # A row may be higher than a page: a note has up to 5,000 characters, and somebody may have typed them.
    return grid(rows, [share * _PAPER.width for share in _SHARES], (2, 3))


def _drawing(plan: Drawn, language: PageLanguage) -> Drawing:
    drawing = Drawing(_PLAN_WIDTH, _PLAN_HEIGHT)
    drawing.add(Rect(0, 0, _PLAN_WIDTH, _PLAN_HEIGHT, fillColor=None, strokeColor=GREY, strokeWidth=0.5))
    drawing.add(PolyLine([value for _, x, y in plan.points for value in (x, y)], strokeColor=GREY, strokeWidth=1.2))
    for (x, y), (to_x, to_y) in plan.moved():
        drawing.add(Line(x, y, to_x, to_y, strokeColor=GREY, strokeWidth=0.5))
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
