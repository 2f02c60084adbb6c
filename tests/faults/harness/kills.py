"""Scenarios 1 to 3: services killed at every step and at random, held and let go; and the defects to be caught."""

from __future__ import annotations

import random
from collections.abc import Sequence

from homecall.demo.embedded import until
from homecall.runtime.failpoint import PLACES
from tests.faults.harness.arena import SERVICES, Arena, Slot, arena
from tests.faults.harness.run import Options, Report

_BATCH = [place for place in PLACES if place.startswith("batch.")] + ["publish.queued"]
_TIMER = [place for place in PLACES if place.startswith("timer.")]
_STAGE = ["stage.settled", "stage.stored"]
_PAGE = ["page.read", "page.written"]
_SUCCESSOR = [place for place in PLACES if place.startswith("successor.")]
_DAY = [place for place in PLACES if place.startswith(("roster.", "day.", "settle."))]

PLACES_OF = {
    "intake": [*_BATCH, *_STAGE, *_PAGE, *_TIMER, *_SUCCESSOR, "letter.published"],
    "scheduler": [*_BATCH, *_STAGE, *_DAY, *_TIMER],
    "notifier": [*_BATCH, *_TIMER],
    "complaints": [*_BATCH, *_STAGE, *_PAGE, *_TIMER],
}
"""Which service comes by which failpoints."""


def at_every_step(options: Options, report: Report) -> None:
    """Each service is killed at each of its failpoints, one after the other, under load."""
    number, parts = options.part
    places = {service: of_service[number - 1 :: parts] for service, of_service in PLACES_OF.items()}
    _at_steps(options, report, places, minutes=max(14, 45 // parts), patience=420)


def at_some_steps(options: Options, report: Report) -> None:
    """The short form: the steps around the store and the acknowledgement."""
    steps = ["batch.decided", "batch.stored", "stage.settled", "publish.queued", "batch.published", "timer.stored"]
    some = {service: [place for place in places if place in steps] for service, places in PLACES_OF.items()}
    _at_steps(options, report, some, minutes=14, patience=200)


def _at_steps(options: Options, report: Report, places: dict[str, list[str]], *, minutes: int, patience: float) -> None:
    rng = random.Random(options.seed)
    with arena(seed=options.seed) as system:
        for service in SERVICES:
            order = list(places[service])
            rng.shuffle(order)
            for number, slot in enumerate((system.of(service, 0), system.of(service, 1))):
                slot.to_come = [f"{place}:kill@{_time(rng, place)}" for place in order[number::2]]
                slot.failpoint = slot.to_come.pop(0) if slot.to_come else ""
        armed = sum(len(each) for each in places.values())
        # A clinic's record that nobody can read: its dead letter is a step of intake's, too.
        system.history.may_be_dead |= {"not_json"}
        system.start(rate=25, minutes=minutes)
        bad = 0

        def through() -> bool:
            nonlocal bad
            assert system.feed is not None
            system.feed.put("homecall.clinics.v1", b"no clinic", f"bad-{bad}".encode(), [])
            bad += 1
            system.tick(1)
            return not any(slot.failpoint for slot in system.slots)

        if not until(through, patience):
            for slot in system.slots:
                if slot.failpoint:
                    waiting = [slot.failpoint, *slot.to_come]
                    system.find("not reached", f"{slot.name} was not killed at {', '.join(waiting)}")
                    slot.to_come = []
        report.notes.append(f"{system.kills.total()} of {armed} failpoints")
        system.settle()
        report.take(system)


def _time(rng: random.Random, place: str) -> int:
    """The how manieth time a place is reached is the one: what is reached in every batch is let pass at times."""
    return rng.randint(1, 4) if place in _BATCH else 1


def at_random(options: Options, report: Report) -> None:
    """Any replica is killed at any moment, several at once at times."""
    with arena(seed=options.seed) as system:
        system.start(rate=25)
        wanted = max(4, round(30 * options.scale))
        while system.kills.total() < wanted:
            system.tick(system.rng.uniform(0.3, 2.5))
            for slot in system.rng.sample(system.slots, system.rng.choice([1, 1, 1, 2, 4])):
                system.kill(slot)
        system.settle()
        report.take(system)


# ---- The zombie ------------------------------------------------------------------------------------------------------

HELD_AT = {
    "intake": ["page.read", "batch.decided", "batch.published", "timer.decided"],
    "scheduler": ["day.read", "batch.loaded", "batch.handled", "timer.stored"],
    "notifier": ["batch.loaded", "batch.decided", "batch.stored", "timer.decided"],
    "complaints": ["page.read", "batch.decided", "batch.stored", "timer.found"],
}


def zombie(options: Options, report: Report) -> None:
    """A replica stands still in the middle of a batch, loses its partitions, and goes on: its stale writes lose."""
    with arena(seed=options.seed) as system:
        rounds = min(len(places) for places in HELD_AT.values())
        victims = [system.of(service) for service in SERVICES]
        for slot in victims:
            slot.failpoint = f"{HELD_AT[slot.service][0]}:stop@2"
        system.start(rate=25)
        for turn in range(rounds):
            _hold_and_let_go(system, victims)
            if turn + 1 < rounds:
                system.stop_all(victims)
                for slot in victims:
                    slot.failpoint = f"{HELD_AT[slot.service][turn + 1]}:stop@2"
                    system.launch(slot)
        system.settle()
        report.take(system)


def _hold_and_let_go(system: Arena, victims: Sequence[Slot]) -> None:
    for slot in victims:
        system.expect(lambda slot=slot: slot.held, f"{slot.name} stands still at {slot.failpoint}", 60)
    for slot in victims:
        # Its session is over, and the other one has gone on with its partitions from where it stood.
        system.expect(lambda slot=slot: _alone(system, slot.service), f"{slot.name} to be out of its group", 60)
        system.kills["held"] += 1
        system.release(slot)
    system.wait_ready(victims)


def _alone(system: Arena, service: str) -> bool:
    """Whether one member holds all of a service's partitions and has committed beyond where it took over."""
    return system.world.members(service) == 1 and 0 <= system.world.lag(service) < 30


# ---- The negative controls -------------------------------------------------------------------------------------------


def _with_defect(defect: str, failpoint: str, shows: str, options: Options, report: Report) -> None:
    """Every replica has a defect; each service's first one is killed, or held, at the place where it shows."""
    report.defect = shows
    with arena(seed=options.seed) as system:
        for slot in system.slots:
            slot.command = ("tests.faults.broken", defect)
        victims = [system.of(service) for service in ("intake", "scheduler", "notifier")]
        for slot in victims:
            slot.failpoint = failpoint
            slot.to_come = [failpoint] * 2
        # All clinics open within the first seconds: whatever has no end after that is lost.
        system.start(rate=25, minutes=4)
        if ":stop" in failpoint:
            victims = victims[:1]
            _hold_and_let_go(system, victims)
            system.tick(3)
        else:
            system.expect(lambda: system.kills.total() >= 5, "five kills", 90)
        # What a sound system owes would be there by then: sessions of 2 s, 10 and 15 s until a timer takes up the rest.
        system.settle(patience=45)
        report.take(system)


def commit_before_store(options: Options, report: Report) -> None:
    """Offsets are committed before anything is stored."""
    _with_defect("commit_first", "batch.decided:kill@3", "lost", options, report)


def publish_not_awaited(options: Options, report: Report) -> None:
    """Offsets are committed with the events still on their way."""
    _with_defect("publish_not_awaited", "batch.committed:kill@3", "lost", options, report)


def no_compare_and_set(options: Options, report: Report) -> None:
    """A replica that stood still overwrites what the other one has stored meanwhile."""
    _with_defect("no_compare_and_set", "page.read:stop@3", "doubled", options, report)


def ids_of_the_moment(options: Options, report: Report) -> None:
    """What is sent again has another id."""
    _with_defect("ids_of_the_moment", "batch.published:kill@3", "doubled", options, report)
