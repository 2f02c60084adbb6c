"""Scenario 5: a database that is killed, stands still, answers slowly, or whose answer to a write is lost."""

from __future__ import annotations

from tests.faults.harness.arena import arena
from tests.faults.harness.run import Options, Report

RATE = 15.0


def killed(options: Options, report: Report) -> None:
    """kill -9, four times in the middle of its writes; it keeps its data, on disk."""
    with arena(seed=options.seed, durable=True) as system:
        # The database that keeps its data is a slow one.
        system.start(rate=8, clinics=12)
        for _ in range(max(1, round(4 * options.scale))):
            system.tick(system.rng.uniform(4, 8))
            system.kill_database()
            system.tick(system.rng.uniform(1, 5))
            system.database.start()
        system.tick(5)
        system.settle(patience=180)
        report.take(system)


def paused(options: Options, report: Report) -> None:
    """It stands still for 60 s: connections stay open, and nothing is answered."""
    with arena(seed=options.seed) as system:
        system.start(rate=RATE)
        system.tick(8)
        system.database.pause()
        system.kills["pauses"] += 1
        try:
            system.tick(60 * options.scale)
        finally:
            system.database.resume()
        system.tick(5)
        system.settle()
        report.take(system)


def slow(options: Options, report: Report) -> None:
    """For half a minute each answer takes up to a second and a half."""
    with arena(seed=options.seed, proxied=True) as system:
        assert system.proxy is not None
        system.start(rate=RATE)
        system.tick(5)
        system.proxy.slow = 1.5
        system.kills["slow spells"] += 1
        system.tick(30 * options.scale)
        system.proxy.slow = 0.0
        system.settle()
        report.take(system)


def cut(options: Options, report: Report) -> None:
    """For half a minute one write in eight is carried out, and its connection cut before the answer."""
    with arena(seed=options.seed, proxied=True) as system:
        assert system.proxy is not None
        system.start(rate=RATE)
        system.tick(3)
        system.proxy.cut_share = 0.125
        system.tick(30 * options.scale)
        system.proxy.cut_share = 0.0
        system.kills["lost answers"] += system.proxy.cut.total()
        system.expect(lambda: system.proxy is not None and system.proxy.cut.total() >= 5, "five lost answers", 1)
        report.notes.append(", ".join(f"{count} {command}" for command, count in sorted(system.proxy.cut.items())))
        system.settle()
        report.take(system)
