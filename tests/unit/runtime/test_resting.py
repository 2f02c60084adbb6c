"""What rests: stored once, before it has its number, and said with the number that its page has, whoever says it."""

from __future__ import annotations

from typing import Any

import pytest

from homecall.contract.envelope import OutgoingRecord
from tests.unit.runtime.tally import LATER, NOW, CachingRunner, reasons, subject, word


def same(events: list[OutgoingRecord], others: list[OutgoingRecord]) -> bool:
    return [(each.id, each.time, each.value) for each in events] == [
        (each.id, each.time, each.value) for each in others
    ]


def reason(event: OutgoingRecord) -> str:
    return reasons([event])[0]


def document(runner: CachingRunner, number: int = 1) -> dict[str, Any]:
    return runner.tallies.docs[subject(number)]


async def test_it_is_two_writes_its_own_and_its_pages() -> None:
    runner = await CachingRunner().prepared()
    batch = [word("open numbered"), word("open numbered", number=2)]
    first = await runner.handle(*batch)
    assert reasons(first.events) == ["number 1", "number 2"]
    assert runner.database.commands == 3, "the aggregates, the page, and the page's read"
    assert [document(runner, number)["s"]["number"] for number in (1, 2)] == [None, None]
    assert "timer_at" not in document(runner)


async def test_a_replay_says_the_same_bytes_and_stores_nothing() -> None:
    runner = await CachingRunner().prepared()
    batch = [word("open numbered"), word("open numbered", number=2)]
    first = await runner.handle(*batch)
    before = dict(runner.tallies.docs)
    successor = CachingRunner(runner.database)
    # A later release would decide it otherwise, or say it so: what was stored counts.
    successor.engine.likely_new = lambda _: ()  # type: ignore[method-assign]
    successor.engine.words.decide = None  # type: ignore[assignment,method-assign]
    successor.engine.resting = None  # type: ignore[assignment,method-assign]
    for turned in (batch, batch[::-1]):
        again = await successor.handle(*turned, now=LATER)
        assert same(sorted(again.events, key=reason), first.events)
    assert runner.tallies.docs == before


async def test_another_word_leaves_it_at_rest() -> None:
    runner = await CachingRunner().prepared()
    numbered = word("open numbered")
    first = await runner.handle(numbered)
    pages = runner.database.collection("pages")
    pages.before_write = lambda: pytest.fail("nobody asked for a number")
    assert await CachingRunner(runner.database).hear(word("a")) == ["a"]
    assert document(runner)["s"]["number"] is None
    assert same((await CachingRunner(runner.database).handle(numbered, now=LATER)).events, first.events)


async def test_one_that_nobody_has_sent_goes_out_before_what_is_said_later() -> None:
    runner = await CachingRunner().prepared()
    numbered = word("open numbered")
    first = await runner.engine.handle([numbered], NOW)  # and killed before it is published
    successor = CachingRunner(runner.database)
    successor.engine.store.passed = lambda _topic, _partition: 0
    later = await successor.engine.handle([word("a")], LATER)
    assert reasons(later.events) == ["number 1", "a"]
    assert same(later.events[:1], first.events)


async def test_so_it_does_before_its_number_was_given_and_by_a_timer() -> None:
    runner = await CachingRunner().prepared()
    runner.engine.before_numbers = [KeyError()]
    with pytest.raises(Exception, match="KeyError"):
        await runner.engine.handle([word("open numbered")], NOW)
    successor = CachingRunner(runner.database)
    successor.engine.store.passed = lambda _topic, _partition: 0
    assert reasons((await successor.engine.handle([word("speak")], NOW)).events) == ["number 1", "speak"]
    # That one is killed as well: what it left is sent by any replica, with the number, in the same order.
    third = CachingRunner(runner.database)
    unsent = await third.engine.unsent(seconds=-1)
    assert reasons(unsent.events) == ["number 1"]
    await third.engine.sent(unsent)
    assert (await third.engine.unsent(seconds=-1)).events == []
    assert reasons((await third.engine.due(LATER)).events) == ["spoken"]


async def test_what_says_the_number_is_stored_with_it() -> None:
    runner = await CachingRunner().prepared()
    numbered = word("open numbered")
    first = await runner.handle(numbered)
    stopped = await CachingRunner(runner.database).handle(word("stop", id="stop"), now=LATER)
    assert reasons(stopped.events) == ["stop"], "the first is known to be sent"
    doc = document(runner)
    assert (doc["s"]["number"], "r" in doc, [len(events) for events in doc["o"].values()]) == (1, False, [1, 1])
    assert same((await CachingRunner(runner.database).handle(numbered)).events, first.events)


async def test_in_one_batch_as_well_and_as_if_it_had_never_rested() -> None:
    runner = await CachingRunner().prepared()
    batch = [word("open numbered"), word("stop")]
    assert await runner.hear(*batch) == ["number 1", "stop"]
    doc = document(runner)
    assert (doc["s"]["number"], "r" in doc, doc["v"]) == (1, False, 2)
    assert await CachingRunner(runner.database).hear(*batch) == ["number 1", "stop"]
