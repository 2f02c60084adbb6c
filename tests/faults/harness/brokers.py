"""Scenario 4: brokers that are killed, restarted, away, or out of disk."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from homecall.contract.topics import REQUESTS
from homecall.runtime.logs import set_up_logs
from tests.faults.harness import cuts
from tests.faults.harness.arena import Arena, arena
from tests.faults.harness.run import Options, Report
from tests.infrastructure import stack
from tests.infrastructure.world import contract_configs, contract_topics

RATE = 15.0


def killed(options: Options, report: Report) -> None:
    """The only broker: kill -9, three times under load."""
    with arena(seed=options.seed) as system:
        system.start(rate=RATE)
        for _ in range(max(1, round(3 * options.scale))):
            system.tick(system.rng.uniform(5, 8))
            system.kill_broker(0)
            system.tick(system.rng.uniform(1, 4))
            system.brokers[0].start()
        system.tick(5)
        system.settle()
        report.take(system)


def commits_cut(options: Options, report: Report) -> None:
    """Connections closed while a hundred commits are on their way; at every tenth the broker: kill -9."""
    set_up_logs("error")  # each record is a dead letter, and that is no news
    with stack.own_kafka() as broker:
        stack.recreate_topics(broker.address, contract_topics(), contract_configs())
        cuts.run(broker, max(10, round(100 * options.scale)), kill_every=10)
    report.kills["broker"] = max(1, round(9 * options.scale))


def leader_killed(options: Options, report: Report) -> None:
    """Of three brokers the leader of a partition of requests: kill -9, three times."""
    with arena(seed=options.seed, brokers=3) as system:
        system.start(rate=RATE)
        for _ in range(max(1, round(3 * options.scale))):
            system.tick(system.rng.uniform(4, 7))
            leader = system.leader_of(REQUESTS.name, system.rng.randrange(REQUESTS.partitions))
            system.kill_broker(leader)
            system.tick(system.rng.uniform(6, 9))
            system.brokers[leader].start()
            system.expect(system.in_sync, "all replicas in sync again", 60)
        system.settle()
        report.take(system)


def two_of_three(options: Options, report: Report) -> None:
    """Two of three brokers: kill -9; for 15 s nothing can be written."""
    with arena(seed=options.seed, brokers=3) as system:
        system.start(rate=RATE)
        system.tick(8)
        victims = system.rng.sample(range(3), 2)
        for number in victims:
            system.kill_broker(number)
        system.tick(15)
        system.start_brokers(victims)
        system.tick(8)
        system.settle()
        report.take(system)


def rolling_restart(options: Options, report: Report) -> None:
    """Three brokers stopped and started one after the other, as in an upgrade."""
    with arena(seed=options.seed, brokers=3) as system:
        system.start(rate=RATE)
        for number in range(3):
            system.tick(3)
            system.brokers[number].restart()
            system.kills["broker restarts"] += 1
            system.expect(system.in_sync, "all replicas in sync again", 60)
        system.tick(3)
        system.settle()
        report.take(system)


def all_away(options: Options, report: Report) -> None:
    """All three brokers: kill -9, and away for 60 s."""
    with arena(seed=options.seed, brokers=3) as system:
        system.start(rate=RATE)
        system.tick(8)
        for number in range(3):
            system.kill_broker(number)
        system.tick(60 * options.scale)
        system.start_brokers(range(3))
        system.tick(8)
        system.settle()
        report.take(system)


def disk_full(options: Options, report: Report) -> None:
    """The disk under one of three brokers is full: it ends, is given room, and comes back."""
    with small_disk(96) as disk, arena(seed=options.seed, brokers=3, directories={1: disk / "kafka"}) as system:
        system.start(rate=RATE)
        system.tick(6)
        filler = disk / "filler"
        fill(filler)
        system.kills["full disk"] += 1
        address = system.brokers[0].address
        system.expect(lambda: not stack.kafka_answers(address), "the broker without room to end", 90)
        system.tick(8)
        filler.unlink()
        system.brokers[0].kill()  # whatever of it is left
        system.brokers[0].start()
        system.expect(system.in_sync, "all replicas in sync again", 90)
        _note_room(system, disk)
        system.settle()
        report.take(system)


def _note_room(system: Arena, disk: Path) -> None:
    usage = os.statvfs(disk)
    if usage.f_bavail == 0:
        system.find("broken off", "the disk was full at the end, too: it proves nothing")


@contextlib.contextmanager
def small_disk(mebibytes: int) -> Iterator[Path]:
    """A file system of so many MiB, in memory. Skips where it may not be mounted."""
    if os.geteuid() != 0:
        pytest.skip("a full disk needs a small file system, and only root may mount one")
    with tempfile.TemporaryDirectory(prefix="homecall-disk-") as directory:
        command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "homecall-faults", directory]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"a full disk needs a small file system, and it cannot be mounted: {done.stderr.strip()}")
        try:
            yield Path(directory)
        finally:
            subprocess.run(["umount", "-l", directory], check=False)


def fill(file: Path) -> None:
    """Write until there is no room left."""
    block = bytes(64 * 1024)
    with file.open("wb", buffering=0) as out:
        while True:
            try:
                out.write(block)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                if len(block) == 1:
                    return
                block = block[: len(block) // 2]
