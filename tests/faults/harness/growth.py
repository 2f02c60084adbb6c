"""Whether a process grows: what it held at each moment, after its warm-up, and the line that goes through it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

WARM_UP_SHARE = 1 / 3
"""Of the time that is looked at: caches fill, and the heap finds its size."""
FEWEST = 12
"""Samples after the warm-up; with fewer nothing is said."""
MEMORY_SHARE, MEMORY_MIB = 0.05, 6.0
FILES = 4.0
"""What a process may have grown by, by the line, from its warm-up to the end."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process held at a moment: ``at`` in monotonic seconds, resident memory in KiB, open file descriptors."""

    at: float
    memory: int
    files: int


@dataclass(frozen=True, slots=True)
class Growth:
    """The two lines, each as (height at the end of the warm-up, at the end): in MiB, and in descriptors."""

    seconds: float
    memory: tuple[float, float]
    files: tuple[float, float]

    @property
    def words(self) -> str:
        """For the report."""
        grown = self.memory[1] - self.memory[0]
        hourly = grown * 3600 / self.seconds
        return (
            f"{self.memory[0]:.1f} to {self.memory[1]:.1f} MiB in {self.seconds:.0f} s ({hourly:+.1f} MiB/h), "
            f"{self.files[0]:.0f} to {self.files[1]:.0f} files"
        )

    @property
    def faults(self) -> list[str]:
        """What has grown that should not have; empty where both are flat."""
        found = []
        if self.memory[1] - self.memory[0] > MEMORY_MIB + MEMORY_SHARE * self.memory[0]:
            found.append(f"resident memory went from {self.memory[0]:.1f} to {self.memory[1]:.1f} MiB")
        if self.files[1] - self.files[0] > FILES:
            found.append(f"open files went from {self.files[0]:.0f} to {self.files[1]:.0f}")
        return found


def growth(samples: Sequence[Sample]) -> Growth | None:
    """How a process grew after its warm-up; None where there are too few samples to tell.

    The slope is the median of those between any two samples (Theil and Sen): a moment's peak does not bend it, a leak
    does, however slow.
    """
    if not samples:
        return None
    warm = samples[0].at + (samples[-1].at - samples[0].at) * WARM_UP_SHARE
    late = [each for each in samples if each.at >= warm]
    if len(late) < FEWEST:
        return None
    memory = _line([(each.at, each.memory / 1024) for each in late])
    files = _line([(each.at, float(each.files)) for each in late])
    return Growth(late[-1].at - late[0].at, memory, files)


def _line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    slope = statistics.median((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2) if b[0] > a[0])
    height = statistics.median(value - slope * at for at, value in points)
    return height + slope * points[0][0], height + slope * points[-1][0]
