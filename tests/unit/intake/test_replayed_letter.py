"""A request that became a dead letter and is replayed comes out as if it had been read then, also after its opening."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from homecall.contract.envelope import Incoming, OutgoingRecord, Record, read
from homecall.contract.events import MODELS
from homecall.operations.dead_letters import letter_of
from homecall.runtime import retry as module
from homecall.runtime.clock import SystemClock
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.kafka.dead_letters import dead_letter_headers
from homecall.runtime.pipeline import Pipeline
from tests.unit.intake.office import DINARA, PAVEL, SERIK, Office, Said, request_id, said, submitted
from tests.unit.notifier.calls import Told
from tests.unit.standard.local_times import at

PATIENTS = ((1, SERIK), (2, DINARA), (3, PAVEL))
FRIDAY_NIGHT, SATURDAY, MONDAY = "Fri 2026-11-20 19:00", "Sat 2026-11-21 09:00", "Mon 2026-11-23 12:00"


class Fails:
    """Intake, which fails on one request for as long as it is told to."""

    def __init__(self, office: Office, poison: str) -> None:
        self.office = office
        self.poison = poison
        self.now = at("Fri 2026-11-20 19:01")

    async def handle(self, batch: Sequence[Incoming], _: datetime) -> BatchResult:
        if any(event.subject == self.poison for event in batch):
            raise KeyError("a fault of ours")
        return await self.office.engine.handle(batch, self.now)


class Kept:
    """A producer and a commit that keep what they are given."""

    def __init__(self) -> None:
        self.events: list[OutgoingRecord] = []
        self.letters: list[Record] = []

    async def send(self, events: Sequence[OutgoingRecord], dead: Sequence[tuple[Record, str, str, str]] = ()) -> None:
        self.events += events
        for record, reason, detail, service in dead:
            self.letters.append(replace(record, headers=tuple(dead_letter_headers(record, reason, detail, service))))

    async def commit(self, _: Mapping[tuple[str, int], int]) -> None:
        return


def again(letter: Record, recorded: str) -> Incoming:
    """The record that ``homecall dead-letters replay`` makes of a letter."""
    message = letter_of(letter).message()
    assert message.value is not None
    stamp = int(at(recorded).timestamp() * 1000)
    return read(Record(message.topic, 0, 900, message.key, message.value, tuple(message.headers), stamp))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_WAIT", 0.0001)


async def dead(office: Office, *batch: Incoming, poison: str, kept: Kept) -> Record:
    """The letter of the one that fails; the others are handled."""
    producer: Any = kept
    line = Pipeline("intake", Fails(office, poison), producer, SystemClock(), works=_works)
    await line.on_batch([event.record for event in batch], kept.commit)
    (letter,) = kept.letters
    assert letter_of(letter).reason == "handler_failed"
    return letter


async def _works() -> None:
    return


def statuses(events: Sequence[Said], now: str) -> list[str]:
    call = Told()
    for event in events:
        call.hear_at(MODELS[event.type].model_validate(event.data), at(now))
    return [each.status for each in call.statuses]


@pytest.mark.parametrize("replayed", ["Fri 2026-11-20 21:00", SATURDAY, "Sat 2026-11-21 10:00", MONDAY])
@pytest.mark.parametrize("judged", [False, True])
async def test_r19_a_deferred_request_is_deferred_first_and_then_taken_up(replayed: str, judged: bool) -> None:
    office = await Office(judge_record_time=judged).prepared()
    kept = Kept()
    batch = [
        submitted(FRIDAY_NIGHT, "portal", number, recorded=at(FRIDAY_NIGHT), patient={"iin": iin})
        for number, iin in PATIENTS
    ]
    letter = await dead(office, *batch, poison=request_id(2), kept=kept)
    events = said(kept.events)
    replay = again(letter, replayed)
    if at(replayed) >= at(SATURDAY):
        events += await office.tick(SATURDAY)  # the others are taken up in time
    events += await office.hear(replay, now=replayed)
    events += await office.tick(max(replayed, SATURDAY, key=at))
    events += await office.hear(again(letter, MONDAY), now=MONDAY)  # replayed twice: nothing more
    by_request: dict[str, list[Said]] = {}
    seen: set[tuple[str, str]] = set()
    for each in events:
        if (each.data["request_id"], each.type) not in seen:
            seen.add((each.data["request_id"], each.type))
            by_request.setdefault(each.data["request_id"], []).append(each)
    assert len(by_request) == 3
    for found in by_request.values():
        assert [each.type for each in found] == ["request.deferred", "request.accepted"]
        assert statuses(found, MONDAY) == ["deferred", "registered"]
        assert found[0].data["opens_at"] == at(SATURDAY).isoformat()
        assert found[1].data["clock_started_at"] == at(SATURDAY).isoformat()
    assert sorted(found[1].data["register_number"] for found in by_request.values()) == [1, 2, 3]


@pytest.mark.parametrize("channel", ["desk", "phone", "portal"])
async def test_a_request_of_the_day_is_accepted_as_of_the_moment_it_was_made(channel: str) -> None:
    office = await Office().prepared()
    kept = Kept()
    batch = [submitted("Fri 2026-11-20 12:00", channel, number, patient={"iin": iin}) for number, iin in PATIENTS[:2]]
    letter = await dead(office, *batch, poison=request_id(1), kept=kept)
    (accepted,) = await office.hear(again(letter, MONDAY), now=MONDAY)
    assert accepted.data["register_date"] == "2026-11-20"
    assert accepted.data["register_number"] == 2
    assert statuses([accepted], MONDAY) == ["registered"]
