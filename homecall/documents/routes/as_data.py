"""The doctors' lists as data: CSV for spreadsheets, GeoJSON for maps. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from homecall.contract.types import in_zone
from homecall.documents.routes import routes as sheet
from homecall.documents.routes.routes import DayRoutes, Route, Stop
from homecall.documents.spreadsheet import written
from homecall.documents.wording import address, clean
from homecall.texts import documents as words
from homecall.texts.documents import PageLanguage, coded, said
from homecall.texts.language import Text, clock

_COLUMNS: Final[Mapping[Text, Callable[[Route, Stop, PageLanguage], str]]] = {
    words.DOCTOR: lambda route, _, __: clean(route.full_name),
    words.SPECIALTY: lambda route, _, language: coded(words.SPECIALTIES, route.specialty, language),
    sheet.NUMBER: lambda _, stop, __: str(stop.order),
    sheet.PLANNED: lambda _, stop, __: clock(stop.planned_at),
    words.ARRIVES_FROM: lambda _, stop, __: clock(stop.arrives_from),
    words.ARRIVES_TO: lambda _, stop, __: clock(stop.arrives_to),
    words.PATIENT: lambda _, stop, __: clean(stop.who.patient),
    words.PHONE: lambda _, stop, __: clean(stop.who.phone),
    words.ADDRESS: lambda _, stop, language: address(stop.who.address, language),
    words.REASONS: lambda _, stop, language: "; ".join(sheet.reasons(stop.who, language)),
    words.OUTCOME: lambda _, stop, language: sheet.outcome(stop, language),
    words.REQUEST_ID: lambda _, stop, __: stop.who.request_id,
}


def as_csv(day: DayRoutes, language: PageLanguage) -> bytes:
    head = (said(each, language) for each in _COLUMNS)
    visits = ((route, stop) for route in day.routes for stop in route.stops)
    return written(head, ([cell(route, stop, language) for cell in _COLUMNS.values()] for route, stop in visits))


def as_geojson(day: DayRoutes) -> bytes:
    """RFC 7946: a line for each doctor with two places or more, and a point for each visit that has coordinates.

    For the dispatcher's map: ids, times and the order; no names of patients, no phones and no addresses.
    """
    features: list[dict[str, Any]] = []
    for route in day.routes:
        spots = [route.start] if route.start is not None else []
        spots += [stop.spot for stop in route.stops if stop.spot is not None]
        doctor = {"doctor_id": route.doctor_id, "doctor": clean(route.full_name)}
        if len(spots) > 1:
            line = {"type": "LineString", "coordinates": [[lon, lat] for lat, lon in spots]}
            features.append(_feature(line, {**doctor, "kind": "route", "visits": len(route.stops)}))
        if route.start is not None:
            features.append(_feature(_point(route.start), {**doctor, "kind": "start"}))
        for stop in route.stops:
            if stop.spot is not None:
                about = {
                    "kind": "visit",
                    "order": stop.order,
                    "request_id": stop.who.request_id,
                    "planned_at": in_zone(stop.planned_at),
                    "arrives_from": in_zone(stop.arrives_from),
                    "arrives_to": in_zone(stop.arrives_to),
                    "urgent": stop.urgent,
                }
                features.append(_feature(_point(stop.spot), doctor | about))
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode() + b"\n"


def _point(spot: sheet.Location) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [spot[1], spot[0]]}


def _feature(geometry: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}
