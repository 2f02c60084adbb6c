"""What became of the calls of made-up days: waits by district, travel, promises, and how sure the figures are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, TypeVar

_RESAMPLES: Final = 1_000
_T = TypeVar("_T")
Interval = tuple[float, float]


@dataclass
class Result:
    """What became of the calls of a day, or of several days together: ``days`` are then the single ones."""

    placed: int = 0
    unplaced: int = 0
    travel_seconds: int = 0
    waits: dict[str, list[float]] = field(default_factory=dict)
    """By district: minutes from the acceptance of each call to the doctor's arrival."""
    kept: int = 0
    changed: int = 0
    other_doctor: int = 0
    returning: int = 0
    """Calls of patients whom a doctor of the day has visited lately."""
    same_doctor: int = 0
    """Those of them who got that doctor again."""
    decisions_ms: list[float] = field(default_factory=list)
    windows: dict[str, Interval] = field(default_factory=dict)
    """By call, of a single day: what was promised first, as seconds since 1970."""
    days: list[Result] = field(default_factory=list)

    def add(self, other: Result) -> None:
        """Count another day in."""
        self.placed += other.placed
        self.unplaced += other.unplaced
        self.travel_seconds += other.travel_seconds
        for district, waits in other.waits.items():
            self.waits.setdefault(district, []).extend(waits)
        self.kept += other.kept
        self.changed += other.changed
        self.other_doctor += other.other_doctor
        self.returning += other.returning
        self.same_doctor += other.same_doctor
        self.decisions_ms += other.decisions_ms
        self.days.append(other)

    def waited(self, district: str | None, minutes: float) -> None:
        """Count a call of the district that was reached after so many minutes."""
        self.waits.setdefault(district or "", []).append(minutes)

    @property
    def all_waits(self) -> list[float]:
        """The shortest first."""
        return sorted(each for waits in self.waits.values() for each in waits)

    def figures(self) -> dict[str, Any]:
        """The figures, as ``--json`` gives them; ``intervals`` hold the true figure in 95 of 100 such series of days.

        The intervals are of a day's travel and of the waits; without them where there are fewer than two days.
        """
        waits, spent = self.all_waits, sorted(self.decisions_ms)
        return {
            "placed": self.placed,
            "unplaced": self.unplaced,
            "travel_minutes": round(self.travel_seconds / 60, 1),
            "wait_mean_minutes": round(_mean(waits), 1),
            "wait_p95_minutes": round(share(waits, 0.95), 1),
            "promises_kept": self.kept,
            "promises_changed": self.changed,
            "doctors_changed": self.other_doctor,
            "returning": self.returning,
            "same_doctor": self.same_doctor,
            "decision_ms_p99": round(share(spent, 0.99), 2),
            "districts": self.districts(),
            "intervals": {name: interval(self.days, of) for name, of in _WITH_INTERVALS.items()},
        }

    def districts(self) -> dict[str, dict[str, float]]:
        """Per district: calls reached, mean and 95 % of their waits in minutes."""
        return {
            district: {
                "calls": len(self.waits[district]),
                "wait_mean_minutes": round(_mean(self.waits[district]), 1),
                "wait_p95_minutes": round(share(sorted(self.waits[district]), 0.95), 1),
            }
            for district in sorted(self.waits)
        }

    def extremes(self, name: str) -> tuple[tuple[str, float], tuple[str, float]]:
        """The district that waits least and the one that waits longest by this figure of ``districts``, with it."""
        found = sorted((figures[name], district) for district, figures in self.districts().items()) or [(0.0, "")]
        (least, best), (most, worst) = found[0], found[-1]
        return (best, least), (worst, most)


def together(days: Sequence[Result]) -> Result:
    """Several days as one result."""
    total = Result()
    for each in days:
        total.add(each)
    return total


def share(ordered: Sequence[float], part: float) -> float:
    """The value that this part of the others does not exceed; 0 for none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def interval(days: Sequence[_T], of: Callable[[Sequence[_T]], float]) -> Interval | None:
    """The 95 % confidence interval of a figure of days like these, by drawing from them again (bootstrap, percentiles).

    The calls of one day depend on one another, so whole days are drawn. None for fewer than two.
    """
    if len(days) < 2:
        return None
    dice = Random(len(days))
    found = sorted(of(dice.choices(days, k=len(days))) for _ in range(_RESAMPLES))
    return round(share(found, 0.025), 3), round(share(found, 0.975), 3)


def travel_ratio(pairs: Sequence[tuple[Result, Result]]) -> float:
    """The first ones' travel in parts of the second ones', over the same days."""
    return sum(one.travel_seconds for one, _ in pairs) / max(1, sum(other.travel_seconds for _, other in pairs))


def _travel(days: Sequence[Result]) -> float:
    return sum(each.travel_seconds for each in days) / 60 / len(days)


def _wait_mean(days: Sequence[Result]) -> float:
    return _mean([wait for day in days for waits in day.waits.values() for wait in waits])


def _wait_p95(days: Sequence[Result]) -> float:
    return share(sorted(wait for day in days for waits in day.waits.values() for wait in waits), 0.95)


_WITH_INTERVALS: Final[Mapping[str, Callable[[Sequence[Result]], float]]] = {
    "travel_minutes_a_day": _travel,
    "wait_mean_minutes": _wait_mean,
    "wait_p95_minutes": _wait_p95,
}
