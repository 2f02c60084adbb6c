"""A process of a contender: its processor time and memory, and what a service says of itself."""

from __future__ import annotations

import os
import re
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_BATCHES: Final = re.compile(r'^homecall_step_seconds_count{step="commit"} (\S+)$', re.MULTILINE)
_MESSAGES: Final = re.compile(r"^homecall_events_total{(?![^}]*clinics)[^}]*} (\S+)$", re.MULTILINE)


@dataclass
class Running:
    """A process of a contender, and how long it took to be ready. ``port`` is 0 where it answers no questions."""

    name: str
    pid: int
    stop: Any
    startup_s: float = 0.0
    port: int = 0

    @property
    def cpu(self) -> float:
        """Its processor seconds so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def rss_mib(self) -> float:
        """Its resident memory."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024

    def counted(self) -> Counted:
        """What a service has counted so far; nothing for a bare loop."""
        if not self.port:
            return Counted()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
            return counted(answer.read().decode())


@dataclass(frozen=True)
class Counted:
    """Batches committed, and messages heard, since a service started."""

    batches: int = 0
    messages: int = 0

    def __sub__(self, before: Counted) -> Counted:
        return Counted(self.batches - before.batches, self.messages - before.messages)


def counted(metrics: str) -> Counted:
    """What stands in a service's metrics; clinics do not count as messages, since each replica reads them all."""
    batches, messages = (sum(float(each) for each in of.findall(metrics)) for of in (_BATCHES, _MESSAGES))
    return Counted(round(batches), round(messages))


def machine_ticks() -> tuple[int, int]:
    """Ticks that all cores have worked so far, and those that they have had."""
    ticks = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle, waiting = ticks[3], ticks[4]
    return sum(ticks) - idle - waiting, sum(ticks)
