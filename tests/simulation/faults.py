"""What goes wrong in a history: drawn from the seed before it begins, so that each fault can be left out by itself."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from homecall.contract.topics import SERVICES
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


def draw(seed: int, until: float, replicas: int) -> list[Fault]:
    """The faults of a seed: some kinds of them, in the order of their times."""
    rng = random.Random(f"faults {seed}")
    kinds = rng.sample(KINDS, rng.randint(1, len(KINDS)))
    names = [f"{service}-{number}" for service in SERVICES for number in range(1, replicas + 1)]
    found = [Fault(0.0, "errors", "mongo", rng.choice((0.0, 0.002, 0.02)))] if "errors" in kinds else []
    at = rng.uniform(0.0, 2.0)
    mean = rng.choice((0.5, 1.5, 4.0))
    while at < until:
        found.append(_one(rng, at, rng.choice(kinds), rng.choice(names)))
        at += rng.expovariate(1 / mean)
    return found


def _one(rng: random.Random, at: float, kind: str, name: str) -> Fault:
    match kind:
        case "kill":
            return Fault(at, kind, name, rng.randrange(200))
        case "kill_at_place":
            return Fault(at, kind, name, 0, rng.choice(PLACES))
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
