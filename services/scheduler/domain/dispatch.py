"""How a clinic dispatches: the width of its promises, and what weighs against travel when a doctor is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from homecall.contract.events import ClinicPublished
from homecall.contract.types import ZONE


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A clinic's dispatching settings. Minutes, unless stated otherwise.

    ``window`` is the width of a promise. ``lead`` is how long after the answer it opens, unless the call is urgent:
    calls known before the doctor sets out can be driven in a better order. ``urgent_within`` limits by how much other
    visits may push an urgent one. ``buffer`` limits how early a doctor with spare time sets out: this long before the
    last possible moment.

    Weights: ``district_weight`` is what another doctor must save, when the promise is made, to be sent instead of the
    district's own; ``specialty_weight`` instead of a child's own kind of doctor. ``change_weight`` is what planning
    again must save to send another doctor than was named, and again if it is not the district's.
    ``continuity_weight`` is what another doctor must save to be sent instead of the one who visited the patient last
    time; with 0 nothing is kept for it. ``wait_weight`` is what a minute of waiting costs in minutes of travel,
    ``load_weight`` what a doctor's full day costs.
    """

    window: int = 120
    lead: int = 72
    buffer: int = 1440
    urgent_within: int = 30
    road_factor: float = 1.3
    speed_kmh: float = 20.0
    district_weight: float = 10.0
    specialty_weight: float = 20.0
    change_weight: float = 1.0
    continuity_weight: float = 2.0
    wait_weight: float = 0.15
    load_weight: float = 20.0
    table: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Seconds between districts."""
    zone: ZoneInfo = ZONE
    """The zone of the shifts' clock times."""


def dispatch_of(clinic: ClinicPublished | None) -> Dispatch:
    """The settings that a clinic published; our defaults for the rest."""
    zone = ZONE if clinic is None else ZoneInfo(clinic.zone)
    published = clinic.dispatch if clinic is not None else None
    if published is None:
        return Dispatch(zone=zone)
    given: dict[str, Any] = {
        "window": published.window_minutes,
        "lead": published.lead_minutes,
        "urgent_within": published.urgent_within_minutes,
        "road_factor": published.road_factor,
        "speed_kmh": published.speed_kmh,
        "district_weight": published.district_weight_minutes,
        "change_weight": published.change_weight_minutes,
        "continuity_weight": published.continuity_weight_minutes,
    }
    table = {(each.frm, each.to): each.minutes * 60 for each in published.travel_table}
    return Dispatch(zone=zone, table=table, **{name: value for name, value in given.items() if value is not None})
