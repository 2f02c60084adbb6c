"""Days sampled from a clinic's history, and what they say: see ``Forecast``. Pure; the same seed says the same.

A sampled day has as many calls as a day of the history, drawn from all of them: each with its hour, place, and whether
the patient is a child. Where there is no history yet, ``data/profile.toml`` says when people call.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache
from importlib import resources
from math import sqrt
from operator import itemgetter
from random import Random
from statistics import fmean
from typing import Final, NamedTuple

from services.scheduler.domain.bookings import Call
from services.scheduler.domain.forecast import Forecast, Hour, Sparse
from services.scheduler.domain.roster import Doctor, suitable
from services.scheduler.domain.travel import Location, Travel

LEADS: Final = (1.65, 1.3, 1.0, 0.75, 0.5, 0.25, 0.0)
"""The leads that are weighed, in parts of the clinic's own."""
ENOUGH: Final = 5
"""Days of history without the packaged profile's help."""
_MOST_CALLS: Final = 4_000
"""Of all sampled days together: a clinic with many calls a day needs fewer days for the same certainty."""
_JITTER: Final = 15
"""Minutes by which a sampled call is earlier or later than the one that it was drawn from."""
_MARGINAL: Final = 0.71
"""What one visit more adds to a tour, in parts of the way to its nearest neighbour. A tour through n places at random
in an area A is 0.7124 sqrt(n A) long (Beardwood, Halton, Hammersley 1959), so one more adds 0.36 sqrt(A/n), and the
nearest neighbour is 0.5 sqrt(A/n) away."""
_USUAL_WAIT: Final = 115
"""Minutes. The calls that are open together grow as the wait, so a tour's legs shrink as its root: one visit later by
this much is worth as much travel as a visit more."""
_AFTER_OPENING: Final = 40
"""Minutes from a window's start to the arrival, as it was with the packaged lead."""
_MOST_WEIGHED: Final = 1_500
"""Calls by which leads are weighed: each of some hundred choices drives through all of them."""
_SLACK: Final = 1.25
"""How much longer visits are taken to be: a day planned call by call is not as tight as one that is known."""
_SPARE: Final = 45
"""Minutes before the shift's end by which a sampled day is to be over: the last calls still need a window."""
_FEW: Final = 30
"""Pairs of calls below which a mean distance says nothing."""


class PastCall(NamedTuple):
    """A call of an earlier day: the minute of the day of its answer, where, for whom."""

    minute: int
    location: Location
    is_child: bool
    urgent: bool


class OnDuty(NamedTuple):
    """A doctor of the day to come: minutes of the day, the specialty, where the day begins."""

    begins: int
    ends: int
    specialty: str
    most: int
    start: Location


@dataclass(frozen=True, slots=True)
class Question:
    """What a forecast is made of: plain values, so that they can be sent to another process.

    ``history`` are the calls of earlier days, ``lead`` the clinic's own in minutes, ``visit`` how long one takes in
    minutes, ``days`` how many are to be sampled. The same ``seed`` gives the same forecast.
    """

    history: Sequence[Sequence[PastCall]]
    doctors: Sequence[OnDuty]
    travel: Travel
    visit: int
    lead: int
    days: int
    seed: str


def past_call(call: Call, zone: tzinfo) -> PastCall:
    """A call as a later day remembers it."""
    answered = call.accepted_at.astimezone(zone)
    urgent = call.urgency == "urgent"
    return PastCall(answered.hour * 60 + answered.minute, call.location, call.is_child, urgent)


def on_duty(doctors: Iterable[Doctor], zone: tzinfo) -> list[OnDuty]:
    """The doctors of a day to come."""
    return [
        OnDuty(
            _minute(each.shift_from, zone),
            _minute(each.shift_to, zone),
            each.specialty,
            each.max_visits,
            Location.of("@", *(each.start or (None, None))),
        )
        for each in doctors
    ]


def _minute(moment: datetime, zone: tzinfo) -> int:
    local = moment.astimezone(zone)
    return local.hour * 60 + local.minute


def forecast_of(asked: Question) -> Forecast | None:
    """The forecast; None where nobody is on duty or nobody calls."""
    past = [day for day in asked.history if day]
    if not asked.doctors or asked.days < 1:
        return None
    days = _sampled(asked, past, Random(asked.seed))
    hours = sorted({call.minute // 60 for day in days for call in day})
    if not hours:
        return None
    apart = _apart(days, asked)
    leads = _leads(days, hours, asked, apart)
    found = [
        Hour(
            hour, leads[hour], round(_MARGINAL * apart.by_hour.get(hour, apart.mean) * (1 + leads[hour] / _USUAL_WAIT))
        )
        for hour in hours
    ]
    return Forecast(len(days), len(past), found, apart.districts)


# ---------------------------------------------------------------- sampled days


def _sampled(asked: Question, past: Sequence[Sequence[PastCall]], dice: Random) -> list[list[PastCall]]:
    pool = [call for day in past for call in day]
    usual = fmean(map(len, past)) if past else _capacity(asked) / 2
    count = max(1, min(asked.days, int(_MOST_CALLS / max(1.0, usual))))
    days = []
    for _ in range(count):
        # A day that is missing in a short history is one of the profile.
        drawn = dice.randrange(max(ENOUGH, len(past)))
        if drawn < len(past):
            days.append([_drawn(pool, dice) for _ in range(len(past[drawn]))])
        else:
            places = [call.location for call in pool] or [each.start for each in asked.doctors]
            days.append([_generic(places, dice) for _ in range(round(usual))])
    return [sorted(day, key=lambda call: call.minute) for day in days]


def _capacity(asked: Question) -> float:
    """Visits that the doctors can make."""
    step = asked.visit + asked.travel.flat_seconds / 60
    return sum(min(each.most, (each.ends - each.begins) / step) for each in asked.doctors)


def _drawn(pool: Sequence[PastCall], dice: Random) -> PastCall:
    call = pool[dice.randrange(len(pool))]
    # Within its hour: nobody calls before the clinic opens or after it closes.
    minute = call.minute + dice.randint(-_JITTER, _JITTER)
    hour = call.minute // 60 * 60
    return call._replace(minute=min(max(minute, hour), hour + 59))


def _generic(places: Sequence[Location], dice: Random) -> PastCall:
    profile = packaged_profile()
    hour = dice.choices(profile.hours, profile.weights)[0]
    place = places[dice.randrange(len(places))]
    return PastCall(
        hour * 60 + dice.randrange(60), place, dice.random() < profile.children, dice.random() < profile.urgent
    )


class Profile(NamedTuple):
    """When people call, and for whom, where nothing is known of a clinic."""

    hours: Sequence[int]
    weights: Sequence[float]
    children: float
    urgent: float


@cache
def packaged_profile() -> Profile:
    text = resources.files("services.scheduler").joinpath("data/profile.toml").read_text("utf-8")
    found = tomllib.loads(text)
    by_hour = {int(hour): float(weight) for hour, weight in found["calls_by_hour"].items()}
    return Profile(tuple(by_hour), tuple(by_hour.values()), float(found["children"]), float(found["urgent"]))


# ---------------------------------------------------------------- how far apart calls are


class _Apart(NamedTuple):
    """Mean seconds from a call to the nearest of those that are open with it; ``known`` where places tell it."""

    known: bool
    mean: float
    by_hour: Mapping[int, float]
    districts: list[Sparse]


def _apart(days: Sequence[Sequence[PastCall]], asked: Question) -> _Apart:
    travel, together = asked.travel, round(asked.lead * LEADS[0])
    by_hour: defaultdict[int, list[int]] = defaultdict(list)
    by_district: defaultdict[str, list[int]] = defaultdict(list)
    for day in days:
        for number, call in enumerate(day):
            if travel.uniform_seconds(call.location) is not None:
                continue
            near = [
                travel.seconds(call.location, other.location)
                for index, other in enumerate(day)
                # Two sampled from the same call are not two that live in one place.
                if index != number and abs(other.minute - call.minute) <= together and other.location != call.location
            ]
            if near:
                by_hour[call.minute // 60].append(min(near))
                if call.location.district_id is not None:
                    by_district[call.location.district_id].append(min(near))
    every = [seconds for each in by_hour.values() for seconds in each]
    if len(every) < _FEW:
        return _Apart(False, travel.flat_seconds / 4, {}, [])
    mean = fmean(every)
    districts = [
        Sparse(district_id, min(200, max(50, round(100 * fmean(each) / max(1.0, mean)))))
        for district_id, each in sorted(by_district.items())
        if len(each) >= _FEW
    ]
    return _Apart(True, mean, {hour: fmean(each) for hour, each in by_hour.items() if len(each) >= _FEW}, districts)


# ---------------------------------------------------------------- how long a window may wait


def _leads(days: Sequence[Sequence[PastCall]], hours: Sequence[int], asked: Question, apart: _Apart) -> dict[int, int]:
    """By hour the longest lead with which the sampled days lose as few visits as with the best one for all hours.

    Up to one call in 200 more: a difference of fewer is chance. The first hours, which have most calls, come first.
    """
    # To wait for calls near by is of use only where it is known which are.
    candidates = sorted({round(asked.lead * part) for part in LEADS if apart.known or part <= 1}, reverse=True)
    fewer = max(1, _MOST_WEIGHED * len(days) // max(1, sum(map(len, days))))
    weighed = days[:fewer]

    def lost(leads: Mapping[int, int]) -> int:
        return sum(_lost(day, leads, asked, apart.mean) for day in weighed)

    uniform = {lead: lost(dict.fromkeys(hours, lead)) for lead in candidates}
    bearable = min(uniform.values()) + sum(map(len, weighed)) // 200
    best = next(lead for lead in candidates if uniform[lead] <= bearable)
    leads = dict.fromkeys(hours, best)
    for hour in hours if best != candidates[0] else ():
        # What it has is bearable: a shorter one is never needed.
        leads[hour] = next(lead for lead in candidates if lead == best or lost(leads | {hour: lead}) <= bearable)
    return leads


def leg_minutes(apart: float, lead: int) -> int:
    """The way to a visit in a tour, where each place is so many seconds from the nearest of those open with it.

    The shorter the lead, the fewer are open at a time, and the longer is the way.
    """
    return round(2 * _MARGINAL * apart / 60 * sqrt(_USUAL_WAIT / (lead + _AFTER_OPENING)))


def _lost(day: Sequence[PastCall], leads: Mapping[int, int], asked: Question, apart: float) -> int:
    """How many calls of a day have no visit if each waits for its lead, then for the first doctor who is free."""
    may = {is_child: [each.specialty in suitable(is_child) for each in asked.doctors] for is_child in (True, False)}
    legs = {lead: leg_minutes(apart, lead) for lead in set(leads.values())}
    ready = [each.begins for each in asked.doctors]
    lost = 0
    for opens, call in _in_turn(day, leads):
        able = [number for number, can in enumerate(may[call.is_child]) if can]
        if not able:
            continue  # nobody of the day may visit such a patient, at whatever hour
        first = min(able, key=ready.__getitem__)
        doctor = asked.doctors[first]
        over = max(ready[first] + legs[leads[call.minute // 60]], opens) + round(asked.visit * _SLACK)
        back = asked.travel.seconds(call.location, doctor.start) // 60 if doctor.start.known else 0
        if over + back > doctor.ends - _SPARE:
            lost += 1
        else:
            ready[first] = over
    return lost


def _in_turn(day: Sequence[PastCall], leads: Mapping[int, int]) -> list[tuple[int, PastCall]]:
    """When each call may be visited, the first first."""
    opens = [(call.minute + (0 if call.urgent else leads[call.minute // 60]), call) for call in day]
    return sorted(opens, key=itemgetter(0))
