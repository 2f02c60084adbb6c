"""Made-up clinic days: who works, who calls and when, and what goes wrong. The same seed makes the same days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import cos, radians
from random import Random
from typing import Literal
from uuid import UUID

from homecall.contract.types import ZONE
from services.scheduler.domain.bookings import Call
from services.scheduler.domain.roster import Doctor, Roster

Kind = Literal["ordinary", "epidemic", "rural", "sick_doctor"]
KINDS: tuple[Kind, ...] = ("ordinary", "epidemic", "rural", "sick_doctor")

_CENTRE = (43.25, 76.90)
_KM = 111.195
_MONDAY = date(2026, 11, 23)
# When people call, by the hour from 8 to 17: they wake up ill, and the morning has the peak.
_ARRIVALS = (18, 20, 16, 12, 9, 7, 6, 5, 4, 3)
# Unlike that: people call after school and work.
_UNLIKE_ARRIVALS = (3, 4, 5, 6, 7, 9, 12, 18, 20, 16)


@dataclass(frozen=True)
class Shape:
    """What a kind of day is like: calls, doctors, the side of the square in km, the speed there."""

    calls: int
    doctors: int
    side_km: float
    speed_kmh: float
    travel_minutes: int
    max_visits: int = 24


SHAPES: dict[Kind, Shape] = {
    "ordinary": Shape(100, 8, 10, 20, 20),
    "epidemic": Shape(190, 8, 10, 20, 20, max_visits=30),
    "rural": Shape(40, 8, 45, 45, 40),
    "sick_doctor": Shape(100, 8, 10, 20, 20),
}


@dataclass(frozen=True)
class ClinicDay:
    """A day as it comes: the roster, the calls in order of time, and which doctor drops out when."""

    kind: Kind
    roster: Roster
    calls: tuple[Call, ...]
    drops: tuple[tuple[str, datetime], ...]
    speed_kmh: float
    road_factor: float = 1.3
    series: tuple[int, bool] = (1, False)
    """The seed, and whether the calls are drawn unlike the profile: earlier days of the same clinic come from them."""


def clinic_day(
    seed: int,
    number: int,
    kind: Kind = "ordinary",
    shape: Shape | None = None,
    *,
    unlike: bool = False,
    returning: float = 0.0,
) -> ClinicDay:
    """The day of this number in the series of this seed.

    ``unlike`` draws the calls unlike the profile that the scheduler's defaults were chosen by: most in the evening, and
    most from one corner of the city instead of from everywhere. ``returning`` is the share of patients whom a doctor of
    the day has visited lately: their district's own, or as often another.
    """
    dice = Random(f"{seed} {number} {kind}")
    what = shape or SHAPES[kind]
    day = _MONDAY + timedelta(days=number % 5)
    rows = 2
    columns = max(1, what.doctors * 3 // 4 // rows)
    districts = [f"d{index}" for index in range(rows * columns)]

    def at(minutes: float) -> datetime:
        return datetime(day.year, day.month, day.day, 8, tzinfo=ZONE) + timedelta(seconds=round(minutes * 60))

    doctors = []
    for index in range(what.doctors):
        child = index >= len(districts)
        own = districts[index :: len(districts)] if not child else _shared(districts, index - len(districts), what)
        doctors.append(
            Doctor(
                doctor_id=f"{'p' if child else 'g'}{index:02}",
                full_name=f"Дәрігер {index}",
                specialty="paediatrician" if child else "gp",
                districts=frozenset(own),
                shift_from=at(0),
                shift_to=at(12 * 60),
                max_visits=what.max_visits,
                on_duty=False,
                start=_CENTRE,
            )
        )
    calls = []
    for _ in range(what.calls):
        hour = dice.choices(range(len(_ARRIVALS)), _UNLIKE_ARRIVALS if unlike else _ARRIVALS)[0]
        across, up = dice.random(), dice.random()
        if unlike:
            across, up = across**2, up**2
        red = dice.random() < 0.02
        calls.append(
            Call(
                request_id=str(UUID(int=dice.getrandbits(128), version=4)),
                is_child=dice.random() < 0.3,
                district_id=districts[int(up * rows) * columns + int(across * columns)],
                urgency="urgent" if red or dice.random() < 0.06 else "same_day",
                red_flag=red,
                accepted_at=at((hour + dice.random()) * 60),
                lat=_CENTRE[0] + (up - 0.5) * what.side_km / _KM,
                lon=_CENTRE[1] + (across - 0.5) * what.side_km / _KM / cos(radians(_CENTRE[0])),
            )
        )
    calls.sort(key=lambda call: (call.accepted_at, call.request_id))
    if returning:
        calls = _returning(calls, doctors, Random(f"returning {seed} {number} {kind}"), returning)
    drops = ()
    if kind == "sick_doctor":
        drops = ((dice.choice(doctors).doctor_id, at(dice.uniform(90, 240))),)
    roster = Roster(1, tuple(doctors), 20, what.travel_minutes)
    return ClinicDay(kind, roster, tuple(calls), drops, speed_kmh=what.speed_kmh, series=(seed, unlike))


def _returning(calls: Sequence[Call], doctors: Sequence[Doctor], dice: Random, share: float) -> list[Call]:
    found = []
    for call in calls:
        suitable = [each for each in doctors if call.is_child or each.specialty == "gp"]
        own = [each for each in suitable if call.district_id in each.districts]
        last = dice.choice(own if dice.random() < 0.5 and own else suitable).doctor_id
        found.append(replace(call, last_doctor=last) if dice.random() < share else call)
    return found


def _shared(districts: Sequence[str], index: int, what: Shape) -> list[str]:
    """Children's doctors serve several districts each."""
    many = max(1, what.doctors - len(districts))
    return list(districts[index * len(districts) // many : (index + 1) * len(districts) // many])
