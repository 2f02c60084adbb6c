"""Calls that one clinic hands on to another (R25): who does so, drawn from the seed, and what must become of them."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Final
from unittest.mock import patch

from homecall.contract.ids import successor_id
from services.intake.domain import transfer
from services.intake.handler import IntakeEngine
from tests.faults.ledger import Ledger
from tests.infrastructure.reader import Heard
from tests.simulation.crowd import Event

_SEEDS: Final = 0.35
"""The share of seeds in which calls are handed on: the others are played as they were before."""
_CALLS: Final = 0.15
"""The share of calls that are, in these; of successors too."""
_TOO_LATE: Final = (
    *("was handed on to", "nothing left to hand on", "hand on the newer request"),
    "the call was withdrawn: there is no visit to report",
)
_BY: Final = {"id": "dispatcher-2", "full_name": "Диспетчер Екінші"}


def hand_on_in(seed: int) -> bool:
    """Whether calls are handed on in a seed's history."""
    return random.Random(f"handed on drawn {seed}").random() < _SEEDS


class Transfers:
    """Who hands calls on, and what the ledger is to know of it."""

    def __init__(self, seed: int, clinics: Sequence[str]) -> None:
        self._seed = seed
        self._clinics = clinics
        self._seen: set[str] = set()
        self._read = 0

    def answers(self, heard: Heard, now: datetime) -> Iterator[tuple[float, Event]]:
        """What clinics do about a call that was deferred, numbered or planned: after how many seconds, and what."""
        if heard.type != "status.changed" or heard.dead:
            return
        data = heard.data
        request_id = data["request_id"]
        rng = random.Random(f"handed on {self._seed} {request_id}")
        said_at = rng.choice(("deferred", "registered", "scheduled", "scheduled"))
        if rng.random() >= _CALLS or data["status"] != said_at or request_id in self._seen:
            return
        self._seen.add(request_id)
        others = [each for each in self._clinics if each != data["clinic_id"]]
        after = rng.uniform(0, 90)
        yield after, self._transfer(data, rng.choice(others), now + timedelta(seconds=after))
        if rng.random() < 0.3:  # somebody else hands it on as well, to the same clinic or another
            after += rng.uniform(0, 30)
            yield after, self._transfer(data, rng.choice(others), now + timedelta(seconds=after))

    @staticmethod
    def _transfer(data: Mapping[str, Any], to_clinic_id: str, at: datetime) -> Event:
        return "request.transferred", {
            "request_id": data["request_id"],
            "clinic_id": data["clinic_id"],
            "to_clinic_id": to_clinic_id,
            "at": at.isoformat(),
            "reason": "Прикреплён к другой поликлинике",
            "by": _BY,
        }

    def note(self, heard: Sequence[Heard], ledger: Ledger) -> None:
        """Have the ledger expect the successors of the calls that were handed on; each record is looked at once."""
        expect(heard[self._read :], ledger)
        self._read = len(heard)


def _ends(heard: Iterable[Heard]) -> Iterator[Mapping[str, Any]]:
    """What was said of each call that ended as handed on."""
    for each in heard:
        if each.type == "request.cancelled" and not each.dead and "transferred_to" in each.data:
            yield each.data


def successors(heard: Iterable[Heard]) -> set[str]:
    """The requests by which calls go on that were handed on."""
    return {each["transferred_to"]["request_id"] for each in _ends(heard)}


def expect(heard: Iterable[Heard], ledger: Ledger) -> None:
    """Have the ledger expect the ends of the calls that were handed on, and their successors, as if they were sent.

    Of a call that nobody sent it expects nothing: it is found for that.
    """
    for each in _ends(heard):
        first, there = each["request_id"], each["transferred_to"]
        if first in ledger.sent:
            ledger.withdrawn.add(first)
            ledger.sent.setdefault(there["request_id"], {**ledger.sent[first], **there})


def judge(heard: Sequence[Heard]) -> list[str]:
    """Calls that were handed on without an end or a dead letter, and successors with a clock of their own."""
    wanted: dict[str, set[str]] = defaultdict(set)
    ended: dict[str, dict[str, Any]] = {}
    accepted: dict[str, dict[str, Any]] = {}
    buried = {each.id for each in heard if each.dead}
    found = []
    for each in heard:
        if each.dead:
            continue
        if each.type == "request.transferred" and each.id not in buried:
            wanted[each.data["request_id"]].add(each.data["to_clinic_id"])
        elif each.type == "request.cancelled" and "transferred_to" in each.data:
            ended[each.data["request_id"]] = each.data["transferred_to"]
        elif each.type == "request.accepted":
            accepted[each.data["request_id"]] = each.data
    for request_id, clinics in wanted.items():
        there = ended.get(request_id)
        if there is None:
            found.append(f"{request_id} was handed on, and nothing came of it")
        elif {there["clinic_id"]} != clinics:
            found.append(f"{request_id} was handed on to {sorted(clinics)}, and goes on at {there['clinic_id']}")
        elif there["request_id"] != successor_id(request_id, there["clinic_id"]):
            found.append(f"{request_id} goes on as {there['request_id']}, which is not derived from it")
        elif request_id in accepted and there["request_id"] in accepted:
            before, after = (
                datetime.fromisoformat(accepted[each]["clock_started_at"]) for each in (request_id, there["request_id"])
            )
            if before != after:
                found.append(f"the clock of {request_id} began at {before}, that of its successor at {after}")
    found += [f"{each} was handed on, and nobody has said so" for each in ended.keys() - wanted.keys()]
    return found


def foreseen(each: Heard) -> bool:
    """Whether it is the dead letter of something that came too late for a call that was handed on or is over."""
    detail = each.headers.get("homecall-dead-detail", "") if each.dead else ""
    return any(said in detail for said in _TOO_LATE)


Mutant = Callable[[], AbstractContextManager[Any]]


def successor_of_its_own_clock() -> AbstractContextManager[Any]:
    """A call that is handed on has its whole ten minutes again."""
    sound = transfer.successor

    def successor(first: Any, holder: Any, rule_sets: Any, clinics: Any, now: datetime) -> Any:
        later = None if first.clock_started_at is None else first.clock_started_at + timedelta(seconds=90)
        changed = transfer.replace(first, clock_started_at=later)
        return sound(changed, holder, rule_sets, clinics, now)

    return patch.object(transfer, "successor", successor)


def no_successor() -> AbstractContextManager[Any]:
    """The other clinic's request is never stored."""

    async def store_none(self: IntakeEngine, firsts: Sequence[Any], now: datetime) -> list[Any]:
        del self, firsts, now
        return []

    return patch.object(IntakeEngine, "_take_up", store_none)


TRANSFER_MUTANTS: Final[Mapping[str, Mutant]] = {
    each.__name__: each for each in (successor_of_its_own_clock, no_successor)
}
"""By name."""
