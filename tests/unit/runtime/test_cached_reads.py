"""Reads that are skipped: for aggregates that are likely new, and for cached ones. Their own write validates that."""

from __future__ import annotations

from datetime import datetime

import pytest

from homecall.contract.envelope import Incoming
from homecall.runtime.engine.batch import BatchResult
from tests.unit.runtime.tally import (
    LATER,
    NOW,
    CachingRunner,
    Runner,
    reasons,
    subject,
    word,
)


async def test_a_new_one_is_one_write_and_so_is_its_next_word() -> None:
    runner = await CachingRunner().prepared()
    assert await runner.commands(word("open"), word("open", number=2)) == 1
    assert await runner.commands(word("a"), word("b", number=2)) == 1
    assert (await runner.state()).words == ["open", "a"]
    assert (await runner.state(2)).words == ["open", "b"]


async def test_one_that_was_there_after_all_is_found_by_the_insert_and_decided_as_it_stands() -> None:
    runner = await CachingRunner().prepared()
    opened = word("open")
    said = await runner.hear(opened, word("claim"))
    elsewhere = CachingRunner(runner.database)
    again = await elsewhere.handle(opened)
    assert (reasons(again.events), again.results) == (["open"], {0: "repeated"})
    assert said == ["open", "claim"]
    assert (await runner.state()).words == ["open", "claim"]


async def test_a_neighbour_of_one_that_was_there_is_not_disturbed() -> None:
    runner = await CachingRunner().prepared()
    await runner.hear(word("open"))
    assert await CachingRunner(runner.database).hear(word("open", number=2), word("a"), word("open", number=3)) == [
        *("open", "a", "open")
    ]
    assert (await runner.state()).words == ["open", "a"]


async def test_the_next_batches_run_uncached_after_a_misprediction() -> None:
    runner = await CachingRunner().prepared()
    opened = word("open")
    await Runner(runner.database).hear(opened)
    await runner.hear(opened)
    asked = [await runner.commands(word("open", number=number)) for number in range(2, 9)]
    assert asked == [2, 2, 2, 2, 2, 1, 1]


@pytest.mark.parametrize(("text", "commands"), [("ignore", 1), ("refuse", 2), ("open", 1)])
async def test_a_cached_one_that_leads_to_no_write_is_read(text: str, commands: int) -> None:
    runner = await CachingRunner().prepared()
    await runner.hear(word("open"))
    # Somebody else has closed the door meanwhile: what is in memory would not know.
    await Runner(runner.database).hear(word("ignored"))
    assert await runner.commands(word(text)) == commands, "a read, and where it is refused a write that confirms it"
    assert (await runner.state()).words == ["open", "ignored"]


async def test_what_somebody_changed_since_loses_its_write_and_is_decided_again() -> None:
    runner = await CachingRunner().prepared()
    await runner.hear(word("open"))
    await Runner(runner.database).hear(word("theirs"))
    assert await runner.hear(word("ours")) == ["ours"]
    assert (await runner.state()).words == ["open", "theirs", "ours"]


async def test_one_that_was_not_stored_as_it_is_cached_is_read() -> None:
    runner = await CachingRunner().prepared()
    runner.engine.before_numbers = [RuntimeError("no page")]
    with pytest.raises(Exception, match="second stage"):
        await runner.hear(word("open"), word("number"))
    assert await runner.hear(word("a")) == ["a", "number 1"]
    state = await runner.state()
    assert (state.words, state.number) == (["open", "number", "a"], 1)


async def test_the_cache_holds_the_last_few() -> None:
    runner = await CachingRunner().prepared()
    for number in range(1, 6):
        await runner.hear(word("open", number=number))
    assert [await runner.commands(word("a", number=number)) for number in (5, 1)] == [1, 2]


# ---- what is certain is stored beside its publication


async def begun(runner: CachingRunner, *batch: Incoming, now: datetime = NOW) -> BatchResult:
    """A batch as far as its publication: what is stored beside it is not stored yet."""
    return await runner.engine.handle(batch, now)


async def test_a_crash_before_a_late_store_says_the_same_again() -> None:
    runner = await CachingRunner().prepared()
    batch = [word("open"), word("number"), word("open", number=2), word("number", number=2)]
    first = await begun(runner, *batch)
    assert reasons(first.events) == ["open", "number 1", "open", "number 2"]
    assert runner.tallies.docs[subject(1)]["s"]["number"] is None
    successor = CachingRunner(runner.database)
    again = await successor.handle(*batch, now=LATER)
    assert [(each.id, each.value) for each in again.events] == [(each.id, each.value) for each in first.events]
    assert [(await runner.state(number)).number for number in (1, 2)] == [1, 2]
    # The process was only slow: what it stores now is there already.
    for done in first.beside:
        await done()
    assert [(await runner.state(number)).number for number in (1, 2)] == [1, 2]


async def test_a_timer_takes_up_a_completion_that_was_not_stored_late() -> None:
    runner = await CachingRunner().prepared()
    first = await begun(runner, word("open numbered"))
    due = await CachingRunner(runner.database).engine.due(LATER)
    assert [(each.id, each.value) for each in due.events] == [(each.id, each.value) for each in first.events]
    assert (await runner.state()).number == 1


async def test_a_change_before_a_late_store_is_kept_with_its_number() -> None:
    runner = await CachingRunner().prepared()
    first = await begun(runner, word("open numbered"))
    # Another replica, that took the partition over, hears the next word first.
    assert await CachingRunner(runner.database).hear(word("a")) == ["a", "number 1"]
    for done in first.beside:
        await done()
    state = await runner.state()
    assert (state.words, state.number) == (["a"], 1)
