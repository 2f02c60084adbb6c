"""The doctors' lists as data: CSV for spreadsheets, GeoJSON for maps. Pure."""

from __future__ import annotations

import json
from typing import Any, Final

from homecall.contract.types import in_zone
from homecall.documents.routes import routes as sheet
from homecall.documents.routes.routes import DayRoutes, Route, Stop
from homecall.documents.spreadsheet import written
from homecall.documents.wording import address, clean
from homecall.texts import documents as words
from homecall.texts.documents import PageLanguage, coded, said

_HEAD: Final = (
    words.DOCTOR,
    words.SPECIALTY,
    sheet.NUMBER,
    sheet.PLANNED,
    words.ARRIVES_FROM,
    words.ARRIVES_TO,
    words.PATIENT,
    words.PHONE,
    words.ADDRESS,
    words.REASONS,
    words.OUTCOME,
    words.REQUEST_ID,
)


def as_csv(day: DayRoutes, language: PageLanguage) -> bytes:
    """A row for each visit."""
    head = (said(each, language) for each in _HEAD)
    return written(head, (_cells(route, stop, language) for route in day.routes for stop in route.stops))


def _cells(route: Route, stop: Stop, language: PageLanguage) -> tuple[str, ...]:
    return (
        clean(route.full_name),
        coded(words.SPECIALTIES, route.specialty, language),
        str(stop.order),
        sheet.clock(stop.planned_at),
        sheet.clock(stop.arrives_from),
        sheet.clock(stop.arrives_to),
        clean(stop.patient),
        clean(stop.phone),
        address(stop.address, language),
        "; ".join(clean(coded(words.REASON_WORDS, code, language)) for code in stop.reasons),
        "" if stop.outcome is None else clean(coded(words.OUTCOMES, stop.outcome, language)),
        stop.request_id,
    )


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
                    "request_id": stop.request_id,
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
