"""Reads that are skipped: for aggregates that are likely new, and for cached ones. Their own write validates that."""

from __future__ import annotations

import pytest

from tests.unit.runtime.tally import CachingRunner, Runner, reasons, word


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
        await runner.hear(word("open"), word("stop"), word("number"))
    assert await runner.hear(word("a")) == ["a", "number 1"]
    state = await runner.state()
    assert (state.words, state.number) == (["open", "stop", "number", "a"], 1)


async def test_the_cache_holds_the_last_few() -> None:
    runner = await CachingRunner().prepared()
    for number in range(1, 6):
        await runner.hear(word("open", number=number))
    assert [await runner.commands(word("a", number=number)) for number in (5, 1)] == [1, 2]
