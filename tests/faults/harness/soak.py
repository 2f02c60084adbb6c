"""Scenario 10: a steady load with all faults at random: nothing is lost, and nothing grows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from services.contract.topics import REQUESTS
from tests.faults.harness.arena import Arena, arena
from tests.faults.harness.run import Options, Report

SAMPLE_EVERY = 4.0
MEMORY_SHARE, MEMORY_MIB = 0.15, 8.0
FILES = 8
"""What a replica that was never restarted may have grown by, from the second quarter of the run to its last."""


def soak(options: Options, report: Report) -> None:
    """All faults at random under a steady load: memory flat, file descriptors too, the lag back to zero."""
    with arena(seed=options.seed, brokers=3, proxied=True) as system:
        seconds = options.soak_seconds * options.scale
        # The openings are spread over the whole run; more clinics, so that their days have room for all.
        system.start(rate=12, clinics=48, minutes=max(24, round(seconds / 3)))
        began = time.monotonic()
        faults: list[Callable[[Arena], None]] = [_kill, _kill, _hold, _broker, _leader, _pause, _slow, _cut]
        while time.monotonic() - began < seconds:
            system.rng.choice(faults)(system)
            _tick(system, system.rng.uniform(2, 6))
        _tick(system, 5)
        system.drain(patience=180)
        _tick(system, 2 * SAMPLE_EVERY)
        _growth(system, report)
        system.settle()
        report.take(system)


def _tick(system: Arena, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        system.sample()
        system.tick(min(SAMPLE_EVERY, max(0.05, end - time.monotonic())))


def _kill(system: Arena) -> None:
    """The first replica of each service is spared: its memory is watched."""
    system.kill(system.rng.choice([slot for slot in system.slots if slot.number == 1]))


def _hold(system: Arena) -> None:
    slot = system.rng.choice(system.slots)
    system.hold(slot)
    system.kills["held"] += 1
    try:
        _tick(system, system.rng.uniform(3, 6))
    finally:
        system.release(slot)


def _broker(system: Arena) -> None:
    _down(system, system.rng.randrange(3))


def _leader(system: Arena) -> None:
    _down(system, system.leader_of(REQUESTS.name, system.rng.randrange(REQUESTS.partitions)))


def _down(system: Arena, number: int) -> None:
    system.kill_broker(number)
    _tick(system, system.rng.uniform(2, 6))
    system.brokers[number].start()


def _pause(system: Arena) -> None:
    system.database.pause()
    system.kills["pauses"] += 1
    try:
        _tick(system, system.rng.uniform(2, 8))
    finally:
        system.database.resume()


def _slow(system: Arena) -> None:
    assert system.proxy is not None
    system.proxy.slow = 0.5
    system.kills["slow spells"] += 1
    _tick(system, 5)
    system.proxy.slow = 0.0


def _cut(system: Arena) -> None:
    assert system.proxy is not None
    before = system.proxy.cut.total()
    system.proxy.cut_share = 0.1
    _tick(system, 5)
    system.proxy.cut_share = 0.0
    system.kills["lost answers"] += system.proxy.cut.total() - before


def _growth(system: Arena, report: Report) -> None:
    notes = []
    for name, samples in sorted(system.samples.items()):
        began, ended = samples[0][0], samples[-1][0]
        if not name.split()[0].endswith("-0") or len(samples) < 8:
            continue
        quarter = (ended - began) / 4
        early = [each for each in samples if quarter <= each[0] - began < 2 * quarter]
        late = [each for each in samples if each[0] - began >= 3 * quarter]
        memory = [statistics.median(each[1] for each in part) / 1024 for part in (early, late)]
        files = [statistics.median(each[2] for each in part) for part in (early, late)]
        notes.append(
            f"{name.split()[0]} {memory[0]:.0f} to {memory[1]:.0f} MiB, {files[0]:.0f} to {files[1]:.0f} files"
        )
        if memory[1] > memory[0] * (1 + MEMORY_SHARE) + MEMORY_MIB:
            system.find(
                "grown", f"{name} took {memory[0]:.0f} MiB in the second quarter and {memory[1]:.0f} in the last"
            )
        if files[1] > files[0] + FILES:
            system.find(
                "grown", f"{name} held {files[0]:.0f} files in the second quarter and {files[1]:.0f} in the last"
            )
    if len(notes) < 4:
        system.find("not reached", f"only {len(notes)} replicas lived through the run: nothing is known of growth")
    report.notes.append("; ".join(notes))
