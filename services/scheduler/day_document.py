"""A clinic's day as a document, and back: what is stored of it, and which parts of it changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any

from cattrs import override

from homecall.contract.events import RosterPublished
from homecall.runtime.mongo.codec import Codec
from homecall.runtime.mongo.moments import moment_of
from services.scheduler.domain.bookings import BookedVisit
from services.scheduler.domain.clinic_day import Absence, ClinicDay, Mark
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.forecast import Forecast
from services.scheduler.domain.travel import Leg
from services.scheduler.packed import Packed

Date = date


@dataclass
class _DayDocument:
    """What a day's document holds of a ``ClinicDay``; the roster stands in it as it was published."""

    clinic_id: str
    date: Date
    roster: dict[str, Any] | None = None
    unavailable: list[Absence] = field(default_factory=list)
    bookings: dict[str, BookedVisit] = field(default_factory=dict)
    moved: dict[str, Mark] = field(default_factory=dict)
    load: dict[str, int] = field(default_factory=dict)
    routed: dict[str, list[Leg]] = field(default_factory=dict)
    places: Annotated[Date | None, override(omit_if_default=True)] = None
    forecast: Annotated[Forecast | None, override(omit_if_default=True)] = None
    dirty: Annotated[Mark | None, override(omit_if_default=True)] = None
    trace: Annotated[str | None, override(omit_if_default=True)] = None


_CODEC = Codec(_DayDocument)
ENTRIES: Mapping[str, Codec[Any]] = {
    "bookings": Codec(BookedVisit),
    "moved": Codec(Mark),
    "routed": Codec(list[Leg]),
}
"""The maps of a day, of which single entries are written."""
_COUNTED = ("roster", "unavailable", "bookings")
"""What a day's load depends on."""
FIELDS = ("roster", "unavailable", "bookings", "moved", "routed", "places", "forecast", "dirty", "trace")


def _compact(visit: dict[str, Any], doctors: dict[str, Any]) -> dict[str, Any]:
    """A stored visit that takes less memory: what is seldom looked into is packed, and a doctor's texts are shared."""
    doctor, why = visit["doctor"], visit.get("why")
    known = doctors.setdefault(doctor["doctor_id"], doctor)
    return visit | {"doctor": known if known == doctor else doctor, "why": None if why is None else Packed(why)}


def pack(day: ClinicDay) -> None:
    """Have what was stored of a day take less memory: as if it had been read."""
    for name, request_id in day.changes.entries:
        if name != "bookings" or (visit := day.bookings.get(request_id)) is None:
            continue
        if visit.why is not None and not isinstance(visit.why, Packed):
            day.keep_reasons(request_id, Packed(visit.why))


def from_document(doc: Mapping[str, Any], dispatch: Dispatch) -> ClinicDay:
    # What an earlier release stored as null counts as empty.
    doctors: dict[str, Any] = {}
    bookings = {request_id: _compact(visit, doctors) for request_id, visit in (doc.get("bookings") or {}).items()}
    stored = {name: value for name, value in doc.items() if value is not None}
    found = _CODEC.decode(stored | {"bookings": bookings})
    return ClinicDay(
        clinic_id=found.clinic_id,
        date=found.date,
        version=doc["v"],
        roster=RosterPublished.model_validate(found.roster) if found.roster is not None else None,
        unavailable=found.unavailable,
        bookings=found.bookings,
        moved=found.moved,
        dirty=found.dirty,
        trace=found.trace,
        changed_at=moment_of(doc["changed_at"]) if "changed_at" in doc else None,
        routed=found.routed,
        places=found.places,
        forecast=found.forecast,
        dispatch=dispatch,
    )


def to_document(day: ClinicDay, names: Collection[str]) -> dict[str, Any]:
    """The document of a day with these fields alone; what is None is left out, or null."""
    values = {name: getattr(day, name) for name in names}
    if (roster := values.get("roster")) is not None:
        values["roster"] = roster.model_dump(mode="json", by_alias=True, exclude_none=True)
    return _CODEC.encode(_DayDocument(day.clinic_id, day.date, **values))


def changed_paths(day: ClinicDay) -> tuple[dict[str, Any], list[str]]:
    """What of a day's document changed: values by path, and the paths that are gone."""
    fields = sorted(day.changes.fields)
    doc = to_document(day, fields)
    found = {name: doc[name] for name in fields if doc.get(name) is not None}
    gone = [name for name in fields if name not in found]
    for (name, key), stored in day.changes.entries.items():
        # Of a map that is written whole no path below may be written as well.
        if name not in fields:
            _changed_entry(f"{name}.{key}", ENTRIES[name], (stored, getattr(day, name).get(key)), found, gone)
    if day.changes.touches(*_COUNTED):
        found["load"] = day.load()
    return found, gone


def _changed_entry(
    path: str, codec: Codec[Any], entry: tuple[Any, Any], found: dict[str, Any], gone: list[str]
) -> None:
    """Add what changed of an entry, given as it is stored and as it is now; None where there is none."""
    before, now = (None if each is None else codec.encode(each) for each in entry)
    if now is None:
        if before is not None:
            gone.append(path)
    elif isinstance(before, dict):
        found |= {f"{path}.{name}": value for name, value in now.items() if name not in before or before[name] != value}
        gone += [f"{path}.{name}" for name in before if name not in now]
    else:
        found[path] = now
