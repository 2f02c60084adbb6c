"""``make bench-offers``: how long ``GET /offers`` takes on a full day, held in memory by the replica or read for it.

The day: 12 doctors, 200 calls in all, most of the day still open. Asked through the service's own HTTP application,
without a network and a database: the day's document is decoded from BSON as the driver does it, and the wait for the
one query comes on top. Processor time, which other work on the machine does not lengthen.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, cast

import bson
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette

from bench.clinic_days import ClinicDay, Shape, clinic_day
from bench.report import percentile
from homecall.contract.events import ClinicPublished, RosterPublished
from homecall.operations.serve import settle_collector
from homecall.runtime.clock import Clock
from homecall.standard.clinics import Clinics
from homecall.standard.rules import load_rule_sets
from services.scheduler.domain import clinic_day as days
from services.scheduler.domain.bookings import Call
from services.scheduler.domain.calls import Facts
from services.scheduler.domain.roster import Roster
from services.scheduler.domain.waiting import packaged_waiting_order
from services.scheduler.offering import Offering
from services.scheduler.store import SchedulerStore
from tests.factories import a_clinic
from tests.unit.runtime.memory import MemoryDatabase

LIMIT_MS: Final = 20
SHAPE: Final = Shape(calls=200, doctors=12, side_km=10, speed_kmh=20, travel_minutes=20)
_CLINIC: Final = "samal-1"


class _Stopped(Clock):
    speed = 1.0

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


async def measure(seed: int, times: int) -> dict[str, Any]:
    """Milliseconds of processor time for an answer: median, 99 % and most; ``held``: by a replica that has the day."""
    made = clinic_day(seed, 0, "ordinary", SHAPE)
    # All that will be asked that day is there early: nothing has begun, so every position of every route is looked at.
    now = made.calls[0].accepted_at.replace(hour=8, minute=30)
    memory = MemoryDatabase()
    placed = await _filled(memory, made, now)
    stored = bson.encode(next(iter(memory.collection("days").docs.values())))
    asked = [_question(replace(call, lat=(call.lat or 0) + 0.001)) for call in made.calls[:times]]
    settle_collector()  # as in the service's process
    found: dict[str, Any] = {"calls": len(made.calls), "placed": placed, "doctors": len(made.roster.doctors)}
    for name, held in (("held", True), ("stored", False)):
        spent, offered = await _asked(stored, asked, now, held=held)
        found[name] = {
            "ms_p50": round(percentile(spent, 50), 2),
            "ms_p99": round(percentile(spent, 99), 2),
            "ms_most": round(max(spent), 2),
            "offers": round(offered / len(asked), 1),
        }
    return found


async def _filled(memory: MemoryDatabase, made: ClinicDay, now: datetime) -> int:
    """Store the day with as many of its calls as find room; how many did."""
    store = SchedulerStore(memory.as_database)
    key = days.day_key(_CLINIC, now.date())
    day = (await store.load_days([key]))[key]
    day.take_roster(_published(made.roster, now), "bench")
    placed = sum(day.place(replace(call, accepted_at=now), now) is not None for call in made.calls)
    await store.save_days([day])
    return placed


class _Wire:
    """The days' collection with one document in it, as bytes on their way from a server."""

    def __init__(self, stored: bytes) -> None:
        self._stored = stored
        self._version = bson.decode(stored)["v"]

    async def find(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        return [] if query.get("v") == {"$ne": self._version} else [bson.decode(self._stored)]


async def _asked(
    stored: bytes, questions: Sequence[dict[str, str]], now: datetime, *, held: bool
) -> tuple[list[float], int]:
    store, known = SchedulerStore(MemoryDatabase().as_database), Clinics()
    store._days = cast(Any, _Wire(stored))
    known.take(ClinicPublished.model_validate(a_clinic(_CLINIC)))
    if held:
        await store.save_days(list((await store.load_days([days.day_key(_CLINIC, now.date())])).values()))
    offering = Offering(store, Facts(known, load_rule_sets(), packaged_waiting_order()), _Stopped(now))
    transport = ASGITransport(Starlette(routes=[offering.route]))
    spent, offered = [], 0
    async with AsyncClient(transport=transport, base_url="http://scheduler") as client:
        await client.get("/offers", params=questions[0])  # the first makes the plan of a day that is held
        for question in questions:
            store._looked.clear()
            began = time.process_time()
            answer = await client.get("/offers", params=question)
            spent.append((time.process_time() - began) * 1000)
            offered += len(answer.json()["offers"])
    return spent, offered


def _published(roster: Roster, now: datetime) -> RosterPublished:
    return RosterPublished.model_validate(
        {
            "clinic_id": _CLINIC,
            "date": now.date().isoformat(),
            "revision": 1,
            "visit_minutes": roster.visit_minutes,
            "travel_minutes": roster.travel_minutes,
            "doctors": [
                {
                    "doctor_id": each.doctor_id,
                    "full_name": each.full_name,
                    "specialty": each.specialty,
                    "districts": sorted(each.districts),
                    "shift": {"from": f"{each.shift_from:%H:%M}", "to": f"{each.shift_to:%H:%M}"},
                    "max_visits": each.max_visits,
                    "on_duty": each.on_duty,
                    "start": dict(zip(("lat", "lon"), each.start or (), strict=True)),
                }
                for each in roster.doctors
            ],
        }
    )


def _question(call: Call) -> dict[str, str]:
    return {
        "clinic_id": _CLINIC,
        "district_id": call.district_id or "",
        "lat": str(call.lat),
        "lon": str(call.lon),
        "child": str(call.is_child).lower(),
        "urgent": str(call.urgency == "urgent").lower(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; 1 where an answer took longer than the limit."""
    parser = argparse.ArgumentParser(prog="bench-offers", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--times", type=int, default=200, help="questions for each of the two")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    asked = parser.parse_args(arguments)
    found = asyncio.run(measure(asked.seed, asked.times))
    print(f"{found['doctors']} doctors, {found['placed']} of {found['calls']} calls placed")
    for name, words in (("held", "the day in memory"), ("stored", "the day read from the store")):
        of = found[name]
        print(
            f"{words}: p50 {of['ms_p50']} ms, p99 {of['ms_p99']} ms, most {of['ms_most']} ms, "
            f"{of['offers']} windows offered"
        )
    if asked.json:
        print(json.dumps(found))
    return int(max(found[name]["ms_p99"] for name in ("held", "stored")) > LIMIT_MS)


if __name__ == "__main__":
    raise SystemExit(main())
