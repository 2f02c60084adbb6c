"""The doctors' lists as one HTML file, each on a page of its own when printed, with its plan. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from homecall.documents.html import document
from homecall.documents.markup import marked_up, whole_words
from homecall.documents.routes import routes as sheet
from homecall.documents.routes.plan import RADIUS, Drawn, drawn
from homecall.documents.routes.routes import DayRoutes, Route
from homecall.texts.documents import PageLanguage, said

_STYLE = Path(__file__).with_name("routes.css")
_WIDTH, _HEIGHT = 560.0, 300.0


def write(day: DayRoutes, language: PageLanguage) -> bytes:
    """The page in UTF-8; whatever came from outside is escaped, and a script would not run."""
    return document(language, sheet.title_of(day, language), _STYLE, _body(day, language))


def _body(day: DayRoutes, language: PageLanguage) -> Iterator[str]:
    title = escape(sheet.title_of(day, language))
    for route in day.routes:
        yield "<section>"
        yield f"<p>{title}</p>"
        yield f"<h1>{escape(sheet.heading(route, language))}</h1>"
        yield f"<p>{escape(sheet.summary(route, language))}</p>"
        if route.stops:
            yield from _table(day, route, language)
        plan = drawn(route, _WIDTH, _HEIGHT)
        if plan is not None:
            # On a page of its own it still says whose route it is.
            yield f"<figure><figcaption>{escape(sheet.running(day, route, language))}</figcaption>"
            yield from _plan(plan, language)
            yield "</figure>"
        if missing := sheet.not_drawn(route, language):
            yield f"<p><small>{escape(missing)}</small></p>"
        yield "</section>"
    if day.waiting:
        yield "<section>"
        yield f"<p>{title}</p>"
        yield f"<h1>{escape(said(sheet.WAITING, language))}</h1>"
        yield "<ol>"
        yield from (f"<li>{escape(sheet.waiting_line(call, language))}</li>" for call in day.waiting)
        yield "</ol>"
        yield "</section>"


def _table(day: DayRoutes, route: Route, language: PageLanguage) -> Iterator[str]:
    yield "<table>"
    # Printed, the head is repeated on each page, and with it whose list it is.
    running = escape(sheet.running(day, route, language))
    yield f'<thead><tr class="running"><td colspan="{len(sheet.HEAD)}">{running}</td></tr>'
    yield f"<tr>{''.join(f'<th>{whole_words(said(head, language))}</th>' for head in sheet.HEAD)}</tr></thead>"
    yield "<tbody>"
    for stop in route.stops:
        cells = "".join(f"<td>{'<br>'.join(map(marked_up, cell))}</td>" for cell in sheet.row(stop, language))
        yield f'<tr class="urgent">{cells}</tr>' if stop.urgent else f"<tr>{cells}</tr>"
    yield "</tbody>"
    yield "</table>"


def _plan(plan: Drawn, language: PageLanguage) -> Iterator[str]:
    def y_of(y: float) -> float:
        return _HEIGHT - y

    line = " ".join(f"{x:.1f},{y_of(y):.1f}" for _, x, y in plan.points)
    yield f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{escape(said(sheet.DRAWN, language))}">'
    yield f'<polyline points="{line}"/>'
    for (x, y), (to_x, to_y) in plan.moved():
        yield f'<path class="leader" d="M{x:.1f} {y_of(y):.1f} L{to_x:.1f} {y_of(to_y):.1f}"/>'
        yield f'<circle class="place" cx="{x:.1f}" cy="{y_of(y):.1f}" r="1.8"/>'
    for label, x, y in plan.markers:
        if label:
            yield f'<circle cx="{x:.1f}" cy="{y_of(y):.1f}" r="{RADIUS:g}"/>'
            yield f'<text x="{x:.1f}" y="{y_of(y) + 3.5:.1f}">{escape(label)}</text>'
        else:
            yield f'<rect x="{x - 6:.1f}" y="{y_of(y) - 6:.1f}" width="12" height="12"/>'
    yield f'<path d="M8 {_HEIGHT - 8:g} h{plan.bar:.1f}"/>'
    yield f'<text class="scale" x="8" y="{_HEIGHT - 12:g}">{escape(said(plan.distance, language))}</text>'
    yield f'<text class="north" x="{_WIDTH - 8:g}" y="15">{escape(said(sheet.NORTH, language))} ↑</text>'
    yield "</svg>"
