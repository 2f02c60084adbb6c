"""What goes wrong in a history: drawn from the seed before it begins, so that each fault can be left out by itself."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from homecall.contract.topics import DESK, SERVICES
from homecall.runtime.failpoint import PLACES

KINDS: Final = (
    "kill",  # a process ends at one of its next awaits
    "kill_at_place",  # a process ends at a failpoint
    "kill_group",  # all processes of a service end at once
    "stand_still",  # a process does nothing for a while, and goes on as if nothing had been
    "away",  # the broker or the database does not answer for a while
    "restart",  # a process is stopped in order and started again, as in a rolling update
    "skew",  # a process's clock jumps
    "poison",  # somebody publishes what cannot be read
    "again",  # somebody publishes an earlier record once more
    "late",  # for a while what clinics and the portal send is held up on its way, and comes together
    "step_down",  # no majority of the database has what is written for a while, and its primary may step down then
    "abort",  # somebody's transaction is aborted
    "compact",  # the broker compacts what topics are compacted
    "expire",  # the broker deletes what everybody has read
    "errors",  # a share of requests to servers fails from now on
)

_OF_PROCESSES: Final = ("kill", "kill_at_place", "kill_group", "stand_still", "restart", "skew")
_DESK_SHARE: Final = 1 / 3
"""The share of seeds in which people work at the desk: the others are played without it, and faster."""
_DESK_PLACES: Final = tuple(place for place in PLACES if place.startswith((f"{DESK}.", "batch.")))
_SHARED_PLACES: Final = tuple(place for place in PLACES if not place.startswith(f"{DESK}."))


@dataclass(frozen=True)
class Fault:
    """One fault: ``at`` is in seconds of the loop; ``who`` is a process or a server; ``amount`` depends on the kind."""

    at: float
    kind: str
    who: str
    amount: float
    place: str = ""

    def __str__(self) -> str:
        more = f" at {self.place}" if self.place else ""
        return f"{self.at:7.2f} {self.kind} {self.who} {self.amount:.2f}{more}"


def services_of(seed: int) -> tuple[str, ...]:
    """The services of a seed's history: with or without the desk."""
    if random.Random(f"desk drawn {seed}").random() < _DESK_SHARE:
        return SERVICES
    return tuple(name for name in SERVICES if name != DESK)


def draw(seed: int, until: float, replicas: int) -> list[Fault]:
    """The faults of a seed: some kinds of them, in the order of their times.

    Those of the desk have a random stream of their own, so that the others are the same with and without it.
    """
    rng = random.Random(f"faults {seed}")
    kinds = rng.sample(KINDS, rng.randint(1, len(KINDS)))
    found = [Fault(0.0, "errors", "mongo", rng.choice((0.0, 0.002, 0.02)))] if "errors" in kinds else []
    others = _replicas([name for name in SERVICES if name != DESK], replicas)
    found += [_one(rng, at, kinds, others, _SHARED_PLACES) for at in _times(rng, until, (0.5, 1.5, 4.0))]
    if DESK in services_of(seed):
        rng = random.Random(f"desk faults {seed}")
        kinds = rng.sample(_OF_PROCESSES, rng.randint(1, len(_OF_PROCESSES)))
        desks = _replicas([DESK], replicas)
        found += [_one(rng, at, kinds, desks, _DESK_PLACES) for at in _times(rng, until, (1.5, 4.0))]
    return sorted(found, key=lambda each: each.at)


def _replicas(services: Sequence[str], replicas: int) -> list[str]:
    return [f"{service}-{number}" for service in services for number in range(1, replicas + 1)]


def _times(rng: random.Random, until: float, means: Sequence[float]) -> Iterator[float]:
    """When faults happen, in seconds of the loop: a mean time apart, one of ``means``."""
    at = rng.uniform(0.0, 2.0)
    mean = rng.choice(means)
    while at < until:
        yield at
        at += rng.expovariate(1 / mean)


def _one(rng: random.Random, at: float, kinds: Sequence[str], names: Sequence[str], places: Sequence[str]) -> Fault:
    kind, name = rng.choice(kinds), rng.choice(names)
    match kind:
        case "kill":
            return Fault(at, kind, name, rng.randrange(200))
        case "kill_at_place":
            return Fault(at, kind, name, 0, rng.choice(places))
        case "kill_group":
            return Fault(at, kind, name.rpartition("-")[0], 0)
        case "late":
            return Fault(at, kind, "portal", rng.uniform(0.5, 5.0))
        case "stand_still":
            return Fault(at, kind, name, rng.uniform(0.3, 12.0))
        case "away":
            return Fault(at, kind, rng.choice(("kafka", "mongo")), rng.uniform(0.1, 3.0))
        case "step_down":
            return Fault(at, kind, "mongo", rng.uniform(0.05, 2.5))
        case "skew":
            return Fault(at, kind, name, rng.uniform(-20.0, 20.0))
        case "errors":
            return Fault(at, kind, rng.choice(("kafka", "mongo")), rng.choice((0.0, 0.0, 0.005, 0.05)))
        case _:
            return Fault(at, kind, name, rng.random())
