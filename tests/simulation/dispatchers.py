"""Dispatchers who place visits by hand: drawn from the seed for each visit that they hear of.

They want another doctor or another time, some of which cannot be, or only fix a visit where it stands; some change
their mind, and some let a visit go again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from homecall.contract.types import ZONE
from tests.faults import plan as plans
from tests.infrastructure.reader import Heard
from tests.simulation.crowd import Event

_SEEDS: Final = 0.4
"""The share of seeds that have them: the others are played as they were before there were any."""
_VISITS: Final = 0.4
"""The share of visits that are placed by hand in these."""


def work_in(seed: int) -> bool:
    """Whether a seed's history has dispatchers."""
    return random.Random(f"by hand drawn {seed}").random() < _SEEDS


class Dispatchers:
    """What the dispatchers of all clinics want of the visits that the scheduler speaks of."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._seen: set[str] = set()

    def answers(self, heard: Heard, now: datetime) -> Iterator[tuple[float, Event]]:
        """What they do about a new visit: after how many seconds of the services' clock, and what they send then."""
        if heard.type != "visit.scheduled" or heard.dead or heard.key in self._seen:
            return
        data = heard.data
        request_id = data["request_id"]
        if request_id in self._seen:
            return
        self._seen.add(request_id)
        rng = random.Random(f"by hand {self._seed} {request_id}")
        if rng.random() >= _VISITS:
            return
        about = {"request_id": request_id, "clinic_id": data["clinic_id"]}
        after = 0.0
        for number in range(rng.choice((1, 1, 1, 2, 3))):
            after += rng.uniform(1, 120)
            yield after, ("visit.assigned", about | self._choice(rng, data, now + timedelta(seconds=after), number))
        if rng.random() < 0.3:
            after += rng.uniform(1, 120)
            at = (now + timedelta(seconds=after)).isoformat()
            yield after, ("visit.released", about | {"at": at, "released_by": _DISPATCHER})

    def rosters(self, rosters: Sequence[Mapping[str, Any]]) -> Iterator[tuple[datetime, Event]]:
        """When clinics' systems publish the day's roster again, and as what: some doctors begin later than was said.

        Their day is planned again, with the visits that were placed by hand: their doctors can still keep those.
        """
        for roster in rosters:
            rng = random.Random(f"rosters {self._seed} {roster['clinic_id']}")
            doctors = [
                doctor | {"shift": doctor["shift"] | {"from": "08:45"}} if rng.random() < 0.6 else doctor
                for doctor in roster["doctors"]
            ]
            at = plans.OPENING + timedelta(seconds=rng.uniform(120, 480))
            yield at, ("roster.published", {**roster, "revision": 2, "doctors": doctors})

    @staticmethod
    def _choice(rng: random.Random, visit: Any, at: datetime, number: int) -> dict[str, Any]:
        """The doctor, mostly one of the roster; the time, mostly one of the day to come, or none."""
        own = visit["doctor"]["doctor_id"]
        lot = rng.random()
        doctor = own if lot < 0.35 else "doctor-99" if lot < 0.4 else f"doctor-{rng.randrange(plans.DOCTORS)}"
        found = {
            "at": at.isoformat(),
            "doctor_id": doctor,
            "reason": f"choice {number} of the seed",
            "assigned_by": _DISPATCHER,
        }
        if rng.random() < 0.6:
            day = plans.OPENING.astimezone(ZONE)
            opens = day + timedelta(minutes=rng.choice((-120, 30, 60, 90, 120, 180, 240, 300, 900)))
            found["arrives_from"] = opens.isoformat()
        return found


_DISPATCHER: Final = {"id": "dispatcher-1", "full_name": "Диспетчер"}
