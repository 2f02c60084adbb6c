"""The plan of a doctor's route: to scale, north up, with numbers that do not cover one another. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import cos, dist, pi, radians, sin
from typing import Final

from homecall.documents.routes.routes import Route
from homecall.texts import language as spoken
from homecall.texts.language import Text

Point = tuple[float, float]

DISTANCE: Final = Text("{km}\u00a0км", "{km}\u00a0км", "{km}\u00a0km")
RADIUS: Final = 7.5
"""Radius of a marker, in the units of the sheet."""
_APART: Final = 2 * RADIUS + 1.5
_KM_PER_DEGREE: Final = 111.32
_NICE_KM: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
_CORNER: Final = (110.0, 26.0)
"""Width and height of the corners that hold the scale (below, left) and the north arrow (above, right)."""


@dataclass(frozen=True)
class Drawn:
    """A route on a sheet of ``width`` by ``height``: the start, then each visit that has coordinates.

    ``points`` are (label, x, y), y upwards, where the places are; ``markers`` are where their numbers stand: at the
    place, or beside it where another number or the start would be covered. ``km`` is the length of the scale bar and
    ``bar`` its width on the sheet.
    """

    points: tuple[tuple[str, float, float], ...]
    markers: tuple[tuple[str, float, float], ...]
    km: float
    bar: float

    @property
    def distance(self) -> Text:
        return DISTANCE.fill(km=spoken.number(self.km))

    def moved(self) -> Iterator[tuple[Point, Point]]:
        """From the place to its number, where the number stands beside it."""
        for (_, *place), (_, *marker) in zip(self.points, self.markers, strict=True):
            if place != marker:
                yield (place[0], place[1]), (marker[0], marker[1])


def drawn(route: Route, width: float, height: float, margin: float = 18.0) -> Drawn | None:
    """The route's plan; None where fewer than two places are known."""
    spots = [("", route.start)] if route.start is not None else []
    spots += [(str(stop.order), stop.spot) for stop in route.stops if stop.spot is not None]
    known = [(label, spot) for label, spot in spots if spot is not None]
    if len(known) < 2:
        return None
    middle = sum(spot[0] for _, spot in known) / len(known)
    flat = [(label, spot[1] * cos(radians(middle)), spot[0]) for label, spot in known]
    left, right = min(x for _, x, _ in flat), max(x for _, x, _ in flat)
    low, high = min(y for *_, y in flat), max(y for *_, y in flat)
    across, up = max(right - left, 1e-4), max(high - low, 1e-4)
    scale = min((width - 2 * margin) / across, (height - 2 * margin) / up)
    aside, above = (width - (right - left) * scale) / 2, (height - (high - low) * scale) / 2
    points = tuple((label, aside + (x - left) * scale, above + (y - low) * scale) for label, x, y in flat)
    per_km = scale / _KM_PER_DEGREE
    km = max((each for each in _NICE_KM if each * per_km <= width / 3), default=_NICE_KM[0])
    bar = km * per_km
    return Drawn(points, _spread(points, width, height, max(bar + 16, _CORNER[0])), km, bar)


def _spread(
    points: Sequence[tuple[str, float, float]], width: float, height: float, scale_width: float
) -> tuple[tuple[str, float, float], ...]:
    """A place for each number: the nearest to its own at which it covers no other and no words of the plan."""
    taken = [(x, y) for label, x, y in points if not label]
    placed = []
    for label, x, y in points:
        spot = (x, y)
        if label:
            spot = next(
                (each for each in _around(x, y, width, height) if _free(each, taken, scale_width, width, height)), spot
            )
            taken.append(spot)
        placed.append((label, *spot))
    return tuple(placed)


def _around(x: float, y: float, width: float, height: float) -> Iterator[Point]:
    """The point itself, then rings around it, the near ones first, as far as the sheet reaches."""
    yield x, y
    for ring in range(1, int(max(width, height) / _APART) + 1):
        steps = 8 * ring
        for step in range(steps):
            angle = 2 * pi * step / steps
            yield x + ring * _APART * cos(angle), y + ring * _APART * sin(angle)


def _free(spot: Point, taken: Sequence[Point], scale_width: float, width: float, height: float) -> bool:
    x, y = spot
    if not (RADIUS + 1 <= x <= width - RADIUS - 1 and RADIUS + 1 <= y <= height - RADIUS - 1):
        return False
    on_scale = x < scale_width + RADIUS and y < _CORNER[1] + RADIUS
    on_north = x > width - 40 - RADIUS and y > height - _CORNER[1] - RADIUS
    return not on_scale and not on_north and all(dist(spot, each) >= _APART for each in taken)
