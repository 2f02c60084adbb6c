"""What need not be asked for: aggregates that are likely new, and those in memory. A write tells whether it was so."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import pytest

from homecall.contract.envelope import Incoming
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.engine.completion import Completion
from homecall.runtime.mongo.mongo import Aggregate
from tests.unit.runtime.memory import MemoryDatabase
from tests.unit.runtime.tally import NOW, Numbering, Runner, Tally, reasons, subject, tallies, word

LATER = NOW + timedelta(hours=5)


class Presuming(Numbering):
    """Takes whoever is opened for new, keeps the last three in memory, and is certain of the numbers it gives."""

    def __init__(self, database: MemoryDatabase) -> None:
        super().__init__(database)
        self.store = tallies(database.collection("tallies").as_collected, remember=3)

    def likely_new(self, firsts: Mapping[str, Incoming]) -> Collection[str]:
        return [target for target, event in firsts.items() if event.data.reason.startswith("open")]  # type: ignore[union-attr]  # a withdrawal

    async def complete_pending(
        self, aggregates: Sequence[Aggregate[Tally]], now: datetime
    ) -> dict[str, Completion[Tally]]:
        found = await super().complete_pending(aggregates, now)
        return {name: Completion(each.state, each.said, certain=True) for name, each in found.items()}


class Presumer(Runner):
    def __init__(self, database: MemoryDatabase | None = None) -> None:
        super().__init__(database)
        self.engine = Presuming(self.database)

    async def commands(self, *batch: Incoming) -> int:
        before = self.database.commands
        await self.handle(*batch)
        return self.database.commands - before


async def test_a_new_one_is_one_write_and_so_is_its_next_word() -> None:
    runner = await Presumer().prepared()
    assert await runner.commands(word("open"), word("open", number=2)) == 1
    assert await runner.commands(word("a"), word("b", number=2)) == 1
    assert (await runner.state()).words == ["open", "a"]
    assert (await runner.state(2)).words == ["open", "b"]


async def test_one_that_was_there_after_all_is_found_by_the_insert_and_decided_as_it_stands() -> None:
    runner = await Presumer().prepared()
    opened = word("open")
    said = await runner.hear(opened, word("claim"))
    elsewhere = Presumer(runner.database)
    again = await elsewhere.handle(opened)
    assert (reasons(again.events), again.results) == (["open"], {0: "repeated"})
    assert said == ["open", "claim"]
    assert (await runner.state()).words == ["open", "claim"]


async def test_a_neighbour_of_one_that_was_there_is_not_disturbed() -> None:
    runner = await Presumer().prepared()
    await runner.hear(word("open"))
    assert await Presumer(runner.database).hear(word("open", number=2), word("a"), word("open", number=3)) == [
        *("open", "a", "open")
    ]
    assert (await runner.state()).words == ["open", "a"]


async def test_for_a_few_batches_after_that_everything_is_asked_for() -> None:
    runner = await Presumer().prepared()
    opened = word("open")
    await Runner(runner.database).hear(opened)
    await runner.hear(opened)
    asked = [await runner.commands(word("open", number=number)) for number in range(2, 9)]
    assert asked == [2, 2, 2, 2, 2, 1, 1]


@pytest.mark.parametrize("text", ["ignore", "refuse", "open"])
async def test_what_changes_nothing_by_memory_is_looked_up(text: str) -> None:
    runner = await Presumer().prepared()
    await runner.hear(word("open"))
    # Somebody else has closed the door meanwhile: what is in memory would not know.
    await Runner(runner.database).hear(word("ignored"))
    assert await runner.commands(word(text)) == 1
    assert (await runner.state()).words == ["open", "ignored"]


async def test_what_somebody_changed_since_loses_its_write_and_is_decided_again() -> None:
    runner = await Presumer().prepared()
    await runner.hear(word("open"))
    await Runner(runner.database).hear(word("theirs"))
    assert await runner.hear(word("ours")) == ["ours"]
    assert (await runner.state()).words == ["open", "theirs", "ours"]


async def test_what_was_not_stored_as_it_stands_in_memory_is_asked_for() -> None:
    runner = await Presumer().prepared()
    runner.engine.before_numbers = [RuntimeError("no page")]
    with pytest.raises(Exception, match="second stage"):
        await runner.hear(word("open"), word("number"))
    assert await runner.hear(word("a")) == ["a", "number 1"]
    state = await runner.state()
    assert (state.words, state.number) == (["open", "number", "a"], 1)


async def test_memory_holds_the_last_few() -> None:
    runner = await Presumer().prepared()
    for number in range(1, 6):
        await runner.hear(word("open", number=number))
    assert [await runner.commands(word("a", number=number)) for number in (5, 1)] == [1, 2]


# ---- what is certain is stored beside its publication


async def begun(runner: Presumer, *batch: Incoming, now: datetime = NOW) -> BatchResult:
    """A batch as far as its publication: what is stored beside it is not stored yet."""
    return await runner.engine.handle(batch, now)


async def test_a_crash_before_a_certain_conclusion_is_stored_says_the_same_again() -> None:
    runner = await Presumer().prepared()
    batch = [word("open"), word("number"), word("open", number=2), word("number", number=2)]
    first = await begun(runner, *batch)
    assert reasons(first.events) == ["open", "number 1", "open", "number 2"]
    assert runner.tallies.docs[subject(1)]["s"]["number"] is None
    successor = Presumer(runner.database)
    again = await successor.handle(*batch, now=LATER)
    assert [(each.id, each.value) for each in again.events] == [(each.id, each.value) for each in first.events]
    assert [(await runner.state(number)).number for number in (1, 2)] == [1, 2]
    # The process was only slow: what it stores now is there already.
    for done in first.beside:
        await done()
    assert [(await runner.state(number)).number for number in (1, 2)] == [1, 2]


async def test_a_timer_takes_up_a_certain_conclusion_that_was_not_stored() -> None:
    runner = await Presumer().prepared()
    first = await begun(runner, word("open numbered"))
    due = await Presumer(runner.database).engine.due(LATER)
    assert [(each.id, each.value) for each in due.events] == [(each.id, each.value) for each in first.events]
    assert (await runner.state()).number == 1


async def test_what_somebody_changed_before_it_was_stored_keeps_that_and_its_number() -> None:
    runner = await Presumer().prepared()
    first = await begun(runner, word("open numbered"))
    # Another replica, that took the partition over, hears the next word first.
    assert await Presumer(runner.database).hear(word("a")) == ["a", "number 1"]
    for done in first.beside:
        await done()
    state = await runner.state()
    assert (state.words, state.number) == (["a"], 1)
