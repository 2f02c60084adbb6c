"""Scenario 10: a steady load with all faults at random: nothing is lost, and nothing grows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from homecall.contract.topics import REQUESTS
from tests.faults.harness.arena import SERVICES, SPEED, Arena, arena, logs_of
from tests.faults.harness.feed import AT_ONCE
from tests.faults.harness.growth import growth
from tests.faults.harness.run import Options, Report

RATE = 12.0
REQUESTS_PER_CLINIC = 100
SAMPLE_EVERY = 4.0


def soak(options: Options, report: Report) -> None:
    """All faults at random under a steady load: memory flat, file descriptors too, the lag back to zero."""
    # What the scheduler keeps in memory is full within the warm-up: what grows later than that has no end.
    held = {"HOMECALL_BOOKINGS_HELD": "300"}
    with arena(seed=options.seed, brokers=3, proxied=True, extra=held, heap="4g") as system:
        seconds = options.soak_seconds * options.scale
        # Steady: clinics open all the time, have their requests, and have none any more.
        clinics = round(seconds * RATE / REQUESTS_PER_CLINIC) + AT_ONCE
        minutes = max(24, round(seconds * SPEED / 60))
        system.start(rate=RATE, clinics=clinics, minutes=minutes, each=REQUESTS_PER_CLINIC)
        began = time.monotonic()
        faults: list[Callable[[Arena], None]] = [_kill, _kill, _hold, _broker, _leader, _pause, _slow, _cut]
        while time.monotonic() - began < seconds:
            system.rng.choice(faults)(system)
            _tick(system, system.rng.uniform(2, 6))
        _tick(system, 5)
        ended = time.monotonic()
        system.drain(patience=180)
        lag = system.lag()
        report.notes.append(f"lag {sum(lag.values())} {time.monotonic() - ended:.0f} s after the last fault")
        if any(lag.values()):
            system.find("stuck", f"the lag did not go back to zero: {lag}")
        _tick(system, SAMPLE_EVERY)
        _growth(system, report)
        _keep(system)
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
    """Judge the replicas that lived through the run: the first of each service, which no fault here ends."""
    seen = set()
    for name, samples in sorted(system.samples.items()):
        replica = name.split()[0]
        found = growth(samples)
        if not replica.endswith("-0") or found is None:
            continue
        seen.add(replica)
        report.notes.append(f"{replica} {found.words}")
        for fault in found.faults:
            system.find("grown", f"{name}: {fault}")
    if len(seen) < len(SERVICES):
        system.find("not reached", f"of {len(seen)} replicas enough is known to tell whether they grow")


def _keep(system: Arena) -> None:
    """The samples themselves, for who wants to see the curves."""
    directory = logs_of(system.seed, "soak-samples")
    directory.mkdir(parents=True, exist_ok=True)
    rows = {
        name: [[round(each.at, 1), each.memory, each.files] for each in row] for name, row in system.samples.items()
    }
    (directory / "samples.json").write_text(json.dumps(rows), encoding="utf-8")
