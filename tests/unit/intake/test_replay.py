"""A day's inputs, replayed on an empty database years later, give byte-identical rulings (R1, R12).

But for ``duplicate``, which hangs on another topic: on what became of the first request's visit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from services.contract.envelope import Incoming
from services.contract.types import in_zone
from tests.faults import plan as plans
from tests.unit.intake.office import Office, Said, clinic, incoming, known

_DECISIONS = {"request.accepted", "request.deferred", "request.refused"}


def the_day(seed: int) -> tuple[Office, list[Incoming]]:
    """An intake with the plan's clinics, and the plan's events as records with the times at which they were sent."""
    plan = plans.make(seed, requests=300, clinics=4)
    broken = {**plan.events[0][1], "request_id": "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f", "reasons": []}
    events = [*plan.events, ("request.submitted", broken)]
    clinics = known(*[clinic(each["clinic_id"]) for each in plan.clinics])
    records = [
        incoming(kind, data, recorded=plans.OPENING + timedelta(seconds=place), id=f"{seed}-{place}")
        for place, (kind, data) in enumerate(events)
    ]
    return Office(clinics), records


async def rulings(office: Office, records: Sequence[Incoming], size: int, now: str) -> dict[str, bytes]:
    """The rulings that intake gives, by request and kind of decision, as bytes; duplicates are left out."""
    await office.prepared()
    said: list[Said] = []
    for batch in in_batches(records, size):
        said += await office.hear(*batch, now=now)
    said += await office.tick(now)
    return {
        f"{each.subject} {each.type} {each.data.get('opens_at', '')}": as_bytes(each.data["ruling"])
        for each in said
        if each.type in _DECISIONS and each.data.get("code") != "duplicate"
    }


def in_batches(records: Sequence[Incoming], size: int) -> Iterator[Sequence[Incoming]]:
    for begin in range(0, len(records), size):
        yield records[begin : begin + size]


def as_bytes(ruling: Any) -> bytes:
    return json.dumps(ruling, ensure_ascii=False).encode()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("size", [1, 37, 1000])
async def test_r1_r12_a_replay_years_later_gives_byte_identical_rulings(seed: int, size: int) -> None:
    office, records = the_day(seed)
    on_the_day = await rulings(office, records, 50, now="Mon 2026-11-23 08:10")
    office, records = the_day(seed)
    years_later = await rulings(office, records, size, now="Thu 2031-05-15 15:00")
    assert len(on_the_day) > 300
    assert years_later == on_the_day


async def test_the_comparison_would_see_another_calendar() -> None:
    """The control: with another set of hours the same records are ruled on otherwise."""
    office, records = the_day(1)
    on_the_day = await rulings(office, records, 50, now="Mon 2026-11-23 08:10")
    short = {"mon": [["08:00", "08:01"]], "tue": [["08:00", "20:00"]]}
    other = Office(known(*[clinic(f"clinic-{number:02d}", hours=short) for number in range(4)]))
    assert await rulings(other, records, 50, now="Mon 2026-11-23 08:10") != on_the_day
    assert in_zone(plans.OPENING) == "2026-11-23T08:00:00+05:00"
