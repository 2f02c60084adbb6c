"""What the demo's ledger finds, and the day's outcome in figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from homecall.demo.rules import overloaded

Kind = Literal["lost", "doubled", "unanswered", "drift"]

Place = tuple[str, int, int]
"""A record's topic, partition and offset."""

SHORTEST_VISIT = timedelta(minutes=15)
"""No roster of the demo has a shorter one, and the way there comes on top."""


class Finding(NamedTuple):
    """Something that is not as it must be, in one line."""

    kind: Kind
    what: str


class Window(NamedTuple):
    """The promise: between when and when the doctor arrives."""

    clinic_id: str
    doctor_id: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True)
class Summary:
    """The outcome, with the contract's names. ``p50_ms`` and ``p99_ms``: submission to status, real time."""

    requests: int
    accepted: int
    deferred: int
    refused: int
    answered: int
    on_time: int
    missed: int
    lost: int
    doubled: int
    unanswered: int
    complaints: int
    p50_ms: float | None
    p99_ms: float | None
    seconds: float
    drift: int = 0
    """Differences between the services' stores, and between the desk's view and what was said."""
    desk_actions: int = 0
    """What people did at the desk in the browser: calls, withdrawals, answers, outcomes, a doctor who dropped out."""
    desk_unsent: int = 0
    """Of these, what Kafka has not acknowledged."""


def unkept(windows: Iterable[Window]) -> Iterable[Finding]:
    """No doctor has promised more visits in a stretch of time than can be begun there; a line for each who has."""
    promises = (((each.clinic_id, each.doctor_id, each.begins.date()), each.begins, each.ends) for each in windows)
    named = set()
    for day, found in overloaded(promises, lambda _: SHORTEST_VISIT):
        if day not in named:
            named.add(day)
            yield Finding("doubled", f"doctor {day[1]} has too many visits from {found.begins:%d %B %H:%M} on")


def dead_letters(expected: Mapping[Place, str], seen: Mapping[Place, str]) -> Iterable[Finding]:
    """The dead letters are those that were meant, each for the reason that was meant."""
    for place in sorted(expected.keys() | seen.keys()):
        topic, partition, offset = place
        where = f"record {offset} of {topic} {partition}"
        if place not in seen:
            yield Finding("lost", f"{where} had to become a dead letter ({expected[place]}) and did not")
        elif place not in expected:
            yield Finding("lost", f"{where} became a dead letter ({seen[place]}) and must not")
        elif expected[place] != seen[place]:
            yield Finding("lost", f"{where} is a dead letter by {seen[place]}, not {expected[place]}")


def percentile(ordered: list[float], share: float) -> float | None:
    """The nearest rank, in milliseconds."""
    if not ordered:
        return None
    rank = max(0, -int(-share * len(ordered) // 1) - 1)
    return round(ordered[rank] * 1000, 1)
