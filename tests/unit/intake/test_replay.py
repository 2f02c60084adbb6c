"""A day's inputs, replayed on an empty database years later, give byte-identical rulings (R1, R12).

But for ``duplicate``, which hangs on another topic: on what became of the first request's visit.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count, islice
from random import Random
from typing import Any

import pytest

from homecall.contract.envelope import Incoming
from homecall.contract.iins import iin_check_digit
from homecall.contract.types import ZONE, in_zone
from homecall.gateways.signatures.port import Invalid, Signed, Unavailable, Valid, Verdict
from tests.faults import plan as plans
from tests.unit.intake.asked import AWAY, Notary
from tests.unit.intake.office import Office, Said, clinic, incoming, known, request, withdrawn
from tests.unit.standard.local_times import at

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
async def test_r1_r12_a_replay_years_later_gives_byte_identical_rulings(seed: int) -> None:
    office, records = the_day(seed)
    on_the_day = await rulings(office, records, 50, now="Mon 2026-11-23 08:10")
    assert len(on_the_day) > 300
    for size in (1, 37, 1000):
        office, records = the_day(seed)
        years_later = await rulings(office, records, size, now="Thu 2031-05-15 15:00")
        assert years_later == on_the_day, f"in batches of {size}"


async def test_the_comparison_would_see_another_calendar() -> None:
    """The control: with another set of hours the same records are ruled on otherwise."""
    office, records = the_day(1)
    on_the_day = await rulings(office, records, 50, now="Mon 2026-11-23 08:10")
    short = {"mon": [["08:00", "08:01"]], "tue": [["08:00", "20:00"]]}
    other = Office(known(*[clinic(f"clinic-{number:02d}", hours=short) for number in range(4)]))
    assert await rulings(other, records, 50, now="Mon 2026-11-23 08:10") != on_the_day
    assert in_zone(plans.OPENING) == "2026-11-23T08:00:00+05:00"


# ---------------------------------------------------------------- with every input that a ruling may look at

_START = at("Thu 2026-10-22 06:00")
"""Before a weekend with a holiday: Sunday the 25th, kept on Monday the 26th (R8)."""
_TWO_SHIFTS = {day: [["09:00", "13:00"], ["14:00", "19:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}


@cache
def iin_of(number: int) -> str:
    """A person's own, born in 18xx; those that can have no check digit are passed over."""
    found = (f"8507151{serial:04}" for serial in count())
    sound = (f"{each}{digit}" for each in found if (digit := iin_check_digit(each)) is not None)
    return next(islice(sound, number, None))


def a_week(seed: int) -> list[Incoming]:
    """Requests of every channel, day and night, late, ahead of their clock, badly signed, wrong, taken back."""
    draw = Random(seed)
    records: list[tuple[datetime, Incoming]] = []
    for number in range(200):
        made = _START + timedelta(seconds=draw.randrange(6 * 86_400), milliseconds=draw.randrange(1000))
        channel = draw.choice(["desk", "phone", "portal", "portal"])
        recorded = made + timedelta(seconds=draw.choice([0.4, 3, 3, -60, -119.9, -121, -600, 7200, 90_000]))
        over: dict[str, Any] = {"clinic_id": draw.choice(["samal-3", "tal-2", "away-9"])}
        if draw.random() < 0.2:
            over["applicant"] = {
                "iin": iin_of(900),
                "full_name": "Өкіл Сынақ",
                "authority": {"kind": draw.choice(["parent", "power_of_attorney"]), "number": "118"},
            }
        if draw.random() < 0.1:
            over["reasons"] = draw.choice([["chest_pain"], ["no_such_reason"], []])
        person = {"iin": iin_of(number), "birth_date": draw.choice(["2008-10-23", "2020-02-29", "1985-07-15"])}
        data = request("Mon 2026-10-26 10:00", channel, number, patient=person, **over)
        data["submitted_at"] = made.astimezone(draw.choice([UTC, ZONE])).isoformat()
        records.append((recorded, incoming("request.submitted", data, recorded=recorded, id=f"{seed}-{number}")))
        if draw.random() < 0.1:
            back = withdrawn("Mon 2026-10-26 10:00", number, data["clinic_id"])
            records.append((recorded + timedelta(seconds=draw.randrange(100_000)), back))
    return [event for _, event in sorted(records, key=lambda each: each[0])]


class Signatories(Notary):
    """Some of those who sign do it badly."""

    async def verify(self, batch: Sequence[Signed]) -> list[Verdict]:
        if isinstance(self.verdict, Unavailable):
            return await super().verify(batch)
        bad = Invalid("iin", "is another person's: the applicant must sign")
        return [bad if int(each.signer_iin[-2:]) % 7 == 0 else Valid() for each in batch]


async def told(seed: int, *, size: int, away: bool, now: datetime | None) -> dict[str, bytes]:
    """The rulings on that week, heard as it went or at once at ``now``; with the verifier away for two days of it."""
    notary = Signatories(AWAY if away else Valid())
    clinics = known(clinic(), clinic("tal-2", hours=_TWO_SHIFTS, closed_dates=["2026-10-23"]))
    office = await Office(clinics, verifier=notary, judge_record_time=True).prepared()
    said: list[Said] = []
    heard_at = now or _START
    for place, batch in enumerate(in_batches(a_week(seed), size)):
        if now is None:
            heard_at = max(heard_at, *(each.record.recorded_at or heard_at for each in batch))
        if place * size > 60:  # within 72 hours of each: what is held for longer is refused (R24)
            notary.verdict = Valid()
        said += await hear_and_tick(office, batch, heard_at)
    for hours in range(0, 200, 12):
        said += await hear_and_tick(office, [], heard_at + timedelta(hours=hours))
    found: dict[str, bytes] = {}
    for each in said:
        if each.type in _DECISIONS:
            place_ = f"{each.subject} {each.type} {each.data.get('opens_at', '')}"
            # What is said again, as it was (R11), is the same to the byte.
            assert found.setdefault(place_, as_bytes(each.data["ruling"])) == as_bytes(each.data["ruling"])
    return found


async def hear_and_tick(office: Office, batch: Sequence[Incoming], now: datetime) -> list[Said]:
    clock = f"{now.astimezone(ZONE):%a %Y-%m-%d %H:%M:%S.%f}"
    return [*(await office.hear(*batch, now=clock) if batch else []), *(await office.tick(clock))]


@pytest.mark.parametrize("seed", [3, 4])
async def test_r1_r12_r17_whatever_the_week_was_like_its_rulings_are_the_same_to_the_byte(seed: int) -> None:
    as_it_went = await told(seed, size=7, away=False, now=None)
    kinds = Counter(place.split()[1] for place in as_it_went)
    assert min(kinds[kind] for kind in _DECISIONS) > 20
    assert any(b'"record_time"' in ruling for ruling in as_it_went.values())
    # What was taken back before it was decided, or opened, may be decided on at another pace; nothing else differs.
    taken_back = {each.subject for each in a_week(seed) if each.type == "request.withdrawn"}
    held_up = await told(seed, size=7, away=True, now=None)
    later = at("Thu 2031-05-15 15:00")
    for other in (held_up, *[await told(seed, size=size, away=False, now=later) for size in (1, 1000)]):
        both = as_it_went.keys() & other.keys()
        assert {place: other[place] for place in both} == {place: as_it_went[place] for place in both}
        assert {place.split()[0] for place in as_it_went.keys() ^ other.keys()} <= taken_back
