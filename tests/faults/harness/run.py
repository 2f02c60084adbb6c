"""A scenario's run, its report, and the table and the line of JSON that a whole run ends with."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.harness.arena import Arena, logs_of
from tests.faults.harness.history import COUNTED, Findings, late


@dataclass
class Options:
    """What a run was asked for. Times in seconds; ``scale`` shortens a scenario's load for a test."""

    seed: int = 7
    soak_seconds: float = 120.0
    scale: float = 1.0
    part: tuple[int, int] = (1, 1)
    """Of the failpoints of `kill-at-every-step`: the how manieth part of how many."""


@dataclass
class Report:
    """What came of one scenario."""

    name: str
    seed: int
    control: bool = False
    defect: str = ""
    """The figure in which a control's defect shows."""
    requests: int = 0
    operations: dict[str, int] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=dict)
    findings: Findings = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)
    skipped: str = ""
    logs: Path | None = None

    def count(self, figure: str) -> int:
        """How many findings a figure of the report counts."""
        return sum(len(self.findings.get(kind, ())) for kind in COUNTED[figure])

    @property
    def failed(self) -> bool:
        """A scenario fails with any finding, a control without the one it is about."""
        if self.skipped:
            return False
        return not self.caught if self.control else bool(self.findings)

    @property
    def caught(self) -> bool:
        """Whether the ledger itself saw a control's defect: not that something merely stood still."""
        return bool(self.defect) and self.count(self.defect) > 0

    def take(self, arena: Arena) -> None:
        """The figures of an arena at its end, judged. A failing run keeps its logs."""
        self.requests += arena.history.requests
        for outcome, number in arena.history.counts().items():
            self.operations[outcome] = self.operations.get(outcome, 0) + number
        for victim, number in arena.kills.items():
            self.kills[victim] = self.kills.get(victim, 0) + number
        for kind, entries in arena.judge().items():
            self.findings.setdefault(kind, []).extend(entries)
        behind = late(arena.world.reader.heard)
        if behind:
            self.notes.append(f"{len(behind)} said in another order than numbered, as {behind[0]}")
        arena.phase("judged")
        for phase, seconds in arena.phases.items():
            self.phases[phase] = self.phases.get(phase, 0.0) + seconds
        if self.failed:
            self.logs = arena.keep(logs_of(self.seed, self.name))
            (self.logs / "findings.json").write_text(
                json.dumps(self.findings, ensure_ascii=False, indent=1), encoding="utf-8"
            )


Scenario = Callable[[Options, Report], None]


def carry_out(
    name: str, scenario: Scenario, options: Options, *, control: bool, longest: float | None = None
) -> Report:
    """Run one scenario; what it cannot do here is a skip with its reason, what breaks it is a finding.

    So is that it has not ended after ``longest`` seconds: a whole run goes on with the next one.
    """
    report = Report(name, options.seed, control)
    shutil.rmtree(logs_of(options.seed, name), ignore_errors=True)
    began = time.monotonic()
    try:
        with _at_most(longest):
            scenario(options, report)
    except pytest.skip.Exception as skip:
        report.skipped = str(skip)
    except (Exception, pytest.fail.Exception) as error:
        traceback.print_exc(file=sys.stderr)
        report.findings.setdefault("broken off", []).append(f"{type(error).__name__}: {error}")
    report.seconds = time.monotonic() - began
    return report


@contextlib.contextmanager
def _at_most(seconds: float | None) -> Iterator[None]:
    """Break off what is done here after so many seconds. Of the main thread only."""
    if seconds is None:
        yield
        return

    def over(*_: object) -> None:
        raise pytest.fail.Exception(f"not at its end after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def tell(report: Report) -> None:
    """Print a scenario's verdict, and where its logs are."""
    if report.skipped:
        print(f"  skipped: {report.skipped}")
        return
    verdict = "FAILED" if report.failed else ("caught" if report.control else "passed")
    operations = ", ".join(f"{number} {outcome}" for outcome, number in sorted(report.operations.items()))
    kills = ", ".join(f"{number} {victim}" for victim, number in sorted(report.kills.items()))
    print(f"  {verdict} in {report.seconds:.0f} s: {report.requests} requests; operations: {operations}")
    print(f"  done to: {kills or 'nothing'}", *(f"; {note}" for note in report.notes), sep="")
    print("  seconds:", ", ".join(f"{phase} {seconds:.0f}" for phase, seconds in report.phases.items()))
    for kind, entries in report.findings.items():
        print(f"  {kind}: {len(entries)}, as {entries[0][:300]}")
    if report.failed and report.logs is not None:
        print(f'  logs: {report.logs}; again: make faults ARGS="--seed {report.seed} --scenario {report.name}"')


def table(reports: Sequence[Report]) -> str:
    """The reports as a table of Markdown: what docs/reliability.md shows."""
    head = ("scenario", "requests", "done to", "lost", "doubled", "gone back", "phantom", "other", "seconds", "verdict")
    rows = [head, tuple("---" for _ in head), *(_row(report) for report in reports)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |" for row in rows
    )


def _row(report: Report) -> tuple[str, ...]:
    if report.skipped:
        return (report.name, *("" for _ in range(8)), "skipped")
    counted = {kind for kinds in COUNTED.values() for kind in kinds}
    other = sum(len(entries) for kind, entries in report.findings.items() if kind not in counted)
    verdict = "failed" if report.failed else ("caught" if report.control else "passed")
    return (
        report.name,
        str(report.requests),
        ", ".join(f"{number} {victim}" for victim, number in sorted(report.kills.items())),
        *(str(report.count(figure)) for figure in COUNTED),
        str(other),
        f"{report.seconds:.0f}",
        verdict,
    )


def summary(reports: Iterable[Report]) -> dict[str, object]:
    """The line of JSON. Findings of the controls, which are meant, are not in its figures."""
    ran = [report for report in reports if not report.skipped]
    scenarios = [report for report in ran if not report.control]
    controls = [report for report in ran if report.control]
    return {
        "scenarios": len(scenarios),
        "failed": [report.name for report in ran if report.failed],
        "controls": len(controls),
        "controls_caught": sum(report.caught for report in controls),
        "requests": sum(report.requests for report in ran),
        **{figure: sum(report.count(figure) for report in scenarios) for figure in COUNTED},
        "kills": sum(_kills(report) for report in ran),
    }


def _kills(report: Report) -> int:
    return sum(number for victim, number in report.kills.items() if victim in KILLED)


KILLED = {"intake", "scheduler", "notifier", "complaints", "desk", "broker", "database"}
"""Where a count is one of SIGKILLs; the other things that were done have names of their own."""
