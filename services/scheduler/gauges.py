"""What the scheduler measures from its store: open visits, calls without a place, and each clinic's day."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from homecall.contract.types import ZONE
from homecall.runtime.service import refresh_open
from homecall.standard.deadlines import counted_by
from services.scheduler.metrics import CLINIC_CALLS, CLINIC_CAPACITY, CLINIC_DOCTORS, UNPLACED
from services.scheduler.store import SchedulerStore

_MOST_CLINICS = 500
"""Clinics with series of their own; with more, those with the fewest calls are one, ``_other``."""
_EVERY_SECONDS = 60.0
"""Between two readings of the clinics' day."""


@dataclass
class Gauges:
    """All gauges, read from the store; those by clinic only where the operator asks for them."""

    store: SchedulerStore
    by_clinic: bool
    _next: float = 0.0

    async def refresh(self, now: datetime) -> None:
        refresh_open("visit", await self.store.open_visits(), counted_by("scheduler")["visit"], now)
        unplaced = await self.store.unplaced()
        for cause in ("no_roster", "no_capacity"):
            UNPLACED.labels(cause).set(unplaced.get(cause, 0))
        if self.by_clinic and time.monotonic() >= self._next:
            loads = await self.store.loads(now.astimezone(ZONE).date())
            if loads:  # a day that has just begun shows its first clinic at once
                self._next = time.monotonic() + _EVERY_SECONDS
            _show_clinics(loads)


def _show_clinics(loads: Mapping[str, Mapping[str, int]]) -> None:
    # Yesterday's clinics, and those that have become part of the others, must not stay as they were.
    for gauge in (CLINIC_CALLS, CLINIC_CAPACITY, CLINIC_DOCTORS):
        gauge.clear()
    ranked = sorted(loads.items(), key=lambda each: (-_calls(each[1]), each[0]))
    rest = Counter[str]()
    for _, load in ranked[_MOST_CLINICS:]:
        rest.update(load)
    for clinic_id, found in [*ranked[:_MOST_CLINICS], *([("_other", rest)] if rest else [])]:
        for state in ("placed", "waiting"):
            CLINIC_CALLS.labels(clinic_id, state).set(found.get(state, 0))
        CLINIC_CAPACITY.labels(clinic_id).set(found.get("capacity", 0))
        for load_name in ("light", "busy", "full"):
            CLINIC_DOCTORS.labels(clinic_id, load_name).set(found.get(load_name, 0))


def _calls(load: Mapping[str, int]) -> int:
    return load.get("placed", 0) + load.get("waiting", 0)
