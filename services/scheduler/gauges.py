"""What the scheduler measures from its store: open visits, calls without a place, and each clinic's day."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from homecall.contract.types import ZONE
from homecall.runtime.service import refresh_open
from homecall.standard.deadlines import counted_by
from services.scheduler.metrics import CLINIC_CALLS, CLINIC_CAPACITY, CLINIC_DOCTORS, UNPLACED
from services.scheduler.store import SchedulerStore


class Gauges:
    """All gauges; those by clinic only where the operator asks for them."""

    def __init__(self, store: SchedulerStore, *, by_clinic: bool) -> None:
        self._store = store
        self._by_clinic = ClinicGauges(store) if by_clinic else None

    async def refresh(self, now: datetime) -> None:
        refresh_open("visit", await self._store.open_visits(), counted_by("scheduler")["visit"], now)
        unplaced = await self._store.unplaced()
        for cause in ("no_roster", "no_capacity"):
            UNPLACED.labels(cause).set(unplaced.get(cause, 0))
        if self._by_clinic is not None:
            await self._by_clinic.refresh(now)


class ClinicGauges:
    """The region's view: each clinic's day, read from the store once a minute.

    At most ``MOST`` clinics have series of their own; with more, those with the fewest calls are one, ``_other``.
    """

    MOST = 500
    EVERY_SECONDS = 60.0

    def __init__(self, store: SchedulerStore) -> None:
        self._store = store
        self._next = 0.0

    async def refresh(self, now: datetime) -> None:
        if time.monotonic() < self._next:
            return
        loads = await self._store.loads(now.astimezone(ZONE).date())
        if loads:  # a day that has just begun shows its first clinic at once
            self._next = time.monotonic() + self.EVERY_SECONDS
        # Yesterday's clinics, and those that have become part of the others, must not stay as they were.
        for gauge in (CLINIC_CALLS, CLINIC_CAPACITY, CLINIC_DOCTORS):
            gauge.clear()
        ranked = sorted(loads.items(), key=lambda each: (-_calls(each[1]), each[0]))
        shown = dict(ranked[: self.MOST])
        rest = Counter[str]()
        for _, load in ranked[self.MOST :]:
            rest.update(load)
        for clinic_id, found in [*shown.items(), *([("_other", rest)] if rest else [])]:
            for state in ("placed", "waiting"):
                CLINIC_CALLS.labels(clinic_id, state).set(found.get(state, 0))
            CLINIC_CAPACITY.labels(clinic_id).set(found.get("capacity", 0))
            for load_name in ("light", "busy", "full"):
                CLINIC_DOCTORS.labels(clinic_id, load_name).set(found.get(load_name, 0))


def _calls(load: Mapping[str, int]) -> int:
    return load.get("placed", 0) + load.get("waiting", 0)
