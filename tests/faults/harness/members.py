"""Scenario 6: members come and go; scenario 9: timers that were due while nobody ran, and clocks that jump."""

from __future__ import annotations

import time
from datetime import timedelta

from confluent_kafka import Consumer

from homecall.contract.topics import read_by
from tests.faults.harness.arena import SERVICES, arena, clock
from tests.faults.harness.feed import DAY
from tests.faults.harness.run import Options, Report

EVERY = 5.0


class Guest:
    """A member of a service's group that takes its share of the partitions, does nothing, and leaves."""

    def __init__(self, bootstrap: str, service: str) -> None:
        self.assigned = 0
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"homecall-{service}",
                "partition.assignment.strategy": "range",
                "enable.auto.commit": False,
                "session.timeout.ms": 6000,
                "log_level": 1,
            }
        )
        names = [topic.name for topic in read_by(service) if not topic.whole]
        self._consumer.subscribe(names, on_assign=self._on_assign)

    def _on_assign(self, _consumer: Consumer, places: list[object]) -> None:
        self.assigned += bool(places)

    def stay(self) -> None:
        """Go on being a member."""
        self._consumer.poll(0)

    def leave(self) -> None:
        self._consumer.close()


def rebalances(options: Options, report: Report) -> None:
    """For two minutes a member comes to each group, or leaves it, every 5 s; a replica is restarted each time."""
    with arena(seed=options.seed) as system:
        system.start(rate=15)
        began = time.monotonic()
        guests: list[Guest] = []
        came = left = 0
        while time.monotonic() - began < 120 * options.scale:
            if guests:
                came += sum(guest.assigned > 0 for guest in guests)
                for guest in guests:
                    guest.leave()
                left += len(guests)
                guests = []
            else:
                guests = [Guest(system.world.kafka, service) for service in SERVICES]
            slot = system.rng.choice(system.slots)
            system.stop(slot)
            system.launch(slot)
            system.kills["restarts"] += 1
            until = time.monotonic() + EVERY
            while time.monotonic() < until:
                for guest in guests:
                    guest.stay()
                system.tick(0.1)
        for guest in guests:
            guest.leave()
        system.kills["guests"] += left
        if came < left // 2:
            system.find("not reached", f"only {came} of {left} guests were given partitions")
        report.notes.append(f"{came} of {left} guests were given partitions")
        system.settle()
        report.take(system)


def missed_timers(options: Options, report: Report) -> None:
    """All replicas are killed before openings and deadlines, and started after them."""
    with arena(seed=options.seed, at=DAY + timedelta(hours=7, minutes=50), speed=30) as system:
        system.start(rate=20, minutes=34)
        # By five past eight some clinics have opened; the last one opens at twenty-four to nine.
        system.expect(lambda: system.world.now() > DAY + timedelta(hours=8, minutes=5), "five past eight", 60)
        system.kill_all()
        over = DAY + timedelta(hours=8, minutes=45)
        system.expect(lambda: system.world.now() > over, "every opening, and the time of many answers, to be over", 120)
        for slot in system.slots:
            system.launch(slot)
        system.settle()
        missed = {
            each.data["subject_id"]
            for each in system.world.heard("deadline.missed")
            if each.data["deadline"] == "answer"
        }
        report.notes.append(f"{len(missed)} answers were late, each said once")
        if not missed:
            system.find("not reached", "no answer was late: nothing was due while nobody ran")
        report.take(system)


def clock_jumps(options: Options, report: Report) -> None:
    """One replica of each service goes by a clock that jumps ahead by half an hour, then back behind the others'."""
    with arena(seed=options.seed) as system:
        system.start(rate=20)
        for jump in (timedelta(minutes=30), timedelta(minutes=-20), timedelta()):
            system.tick(8)
            jumping = [system.of(service) for service in SERVICES]
            system.stop_all(jumping)
            for slot in jumping:
                slot.clock = clock(system.world.now() + jump)
                system.launch(slot)
                system.kills["clock jumps"] += 1
            system.wait_ready()
        system.tick(5)
        system.settle()
        report.take(system)
