"""Completion: numbers from another aggregate, without a gap or a double after any crash."""

from __future__ import annotations

from datetime import timedelta

import pytest

from homecall.runtime.failures import RetryForever, Transient
from tests.unit.runtime.tally import LATER, NOW, Runner, hear_elsewhere, reasons, word


async def test_numbers_come_in_the_order_of_the_batch() -> None:
    runner = await Runner().prepared()
    await runner.hear(*[word("open", number=number) for number in (1, 2, 3)])
    events = [word("number", number=number) for number in (1, 2, 3)]
    assert await runner.hear(*events) == ["number 1", "number 2", "number 3"]


async def test_what_is_said_at_once_goes_out_with_the_number_and_again_on_replay() -> None:
    runner = await Runner().prepared()
    batch = [word("open"), word("number!")]
    first = await runner.handle(*batch)
    assert reasons(first.events) == ["open", "at once", "number 1"]
    assert (await runner.handle(*batch, now=LATER)).events == first.events


@pytest.mark.parametrize("first", ["number", "number!"])
async def test_a_crash_between_the_store_and_the_number_is_healed_by_the_replay(first: str) -> None:
    runner = await Runner().prepared()
    batch = [word("open"), word(first)]
    runner.engine.before_numbers = [Transient("database", ConnectionError())]
    with pytest.raises(Transient):
        await runner.handle(*batch)
    assert (await runner.state()).number is None
    events = await runner.hear(*batch, now=LATER)
    assert events == ["open", *(["at once"] if first == "number!" else []), "number 1"]


async def test_a_crash_after_the_number_was_given_gives_the_same() -> None:
    runner = await Runner().prepared()
    pages = runner.database.collection("pages")

    def crash() -> None:
        pages.after_write = None
        raise RuntimeError("killed")

    pages.after_write = crash
    batch = [word("open"), word("number")]
    with pytest.raises(RetryForever):
        await runner.handle(*batch)
    await runner.hear(word("open", number=2), word("number", number=2))
    assert await runner.hear(*batch) == ["open", "number 1"]
    assert (await runner.state(2)).number == 2


@pytest.mark.parametrize("where", ["second stage", "store"])
async def test_once_a_number_may_be_out_nothing_is_given_up(where: str) -> None:
    # MustFinish is what the pipeline retries for ever and never makes a dead letter of.
    runner = await Runner().prepared()
    batch = [word("open"), word("number")]
    if where == "second stage":
        runner.engine.before_numbers = [KeyError("a defect")]
    else:
        saves = 0

        def fail() -> None:
            nonlocal saves
            saves += 1
            if saves == 2:
                raise KeyError("a defect")

        runner.tallies.before_write = fail
    with pytest.raises(RetryForever, match="second stage of intake failed: KeyError"):
        await runner.handle(*batch)
    assert await runner.hear(*batch) == ["open", "number 1"]


async def test_before_that_a_defect_is_the_records_own() -> None:
    runner = await Runner().prepared()
    with pytest.raises(RuntimeError):
        await runner.handle(word("fail"))


async def test_a_timer_takes_up_what_a_batch_began_and_did_not_finish() -> None:
    runner = await Runner().prepared()
    batch = [word("open"), word("number")]
    runner.engine.before_numbers = [KeyError()]
    with pytest.raises(RetryForever):
        await runner.handle(*batch)
    assert (await runner.engine.due(NOW + timedelta(seconds=14))).events == []
    due = await runner.engine.due(NOW + timedelta(seconds=16))
    taken_up = due.events
    assert reasons(taken_up) == ["number 1"]
    await runner.engine.sent(due)
    assert (await runner.engine.due(LATER)).events == []
    assert (await runner.handle(*batch, now=LATER)).events[1:] == taken_up


async def test_a_rival_that_gave_the_number_meanwhile_is_believed() -> None:
    runner = await Runner().prepared()
    batch = [word("open"), word("number")]
    saves = 0

    def race() -> None:
        nonlocal saves
        saves += 1
        if saves == 2:
            runner.tallies.before_write = None
            hear_elsewhere(Runner(runner.database), *batch)

    runner.tallies.before_write = race
    assert await runner.hear(*batch) == ["open", "number 1"]
    assert (await runner.state()).number == 1
