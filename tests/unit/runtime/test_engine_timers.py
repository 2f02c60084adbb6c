"""Timers: each fires once, and what it says is in the outbox until it was sent."""

from __future__ import annotations

from datetime import timedelta

import pytest

from homecall.runtime.failures import RetryForever, Transient
from tests.unit.runtime.memory import MemoryDatabase
from tests.unit.runtime.tally import LATER, NOW, Numbering, Runner, hear_elsewhere, reasons, subject, word


async def test_a_timer_is_marked_unsent_until_it_was_sent() -> None:
    runner = await Runner().prepared()
    await runner.hear(word("open"), word("speak"))
    assert (await runner.engine.due(NOW + timedelta(minutes=59))).events == []
    due = await runner.engine.due(NOW + timedelta(hours=1))
    (event,) = due.events
    assert (reasons([event]), event.time) == (["spoken"], (NOW + timedelta(hours=1)).isoformat())
    # A crash before it was sent: it is due no more, and found as unsent.
    assert (await runner.engine.due(LATER)).events == []
    unsent = await Numbering(runner.database).unsent(seconds=-1)
    assert unsent.events == [event]
    await runner.engine.sent(unsent)
    assert (await runner.engine.unsent(seconds=-1)).events == []


async def test_what_was_stored_a_moment_ago_is_left_to_who_stored_it() -> None:
    runner = await Runner().prepared()
    await runner.hear(word("open"), word("speak"))
    await runner.engine.due(LATER)
    assert (await runner.engine.unsent()).events == []


async def test_of_two_that_fire_a_timer_one_says_it() -> None:
    runner = await Runner().prepared()
    await runner.hear(word("open"), word("speak"))
    other = Runner(runner.database)
    fired: list[object] = []

    def race() -> None:
        runner.tallies.before_write = None
        work = other.engine.due(LATER)
        try:
            work.send(None)
        except StopIteration as done:
            fired.extend(done.value.events)

    runner.tallies.before_write = race
    assert (await runner.engine.due(LATER)).events == []
    assert len(fired) == 1


async def test_who_lost_to_an_event_says_nothing_and_the_event_finds_no_timer_said() -> None:
    runner = await Runner().prepared()
    await runner.hear(word("open"), word("speak"))

    def race() -> None:
        runner.tallies.before_write = None
        hear_elsewhere(Runner(runner.database), word("a"))

    runner.tallies.before_write = race
    assert (await runner.engine.due(LATER)).events == []
    assert reasons((await runner.engine.due(LATER)).events) == ["spoken"]


async def test_an_event_that_changes_it_keeps_the_mark_of_what_was_not_sent() -> None:
    runner = await Runner().prepared()
    await runner.hear(word("open"), word("speak"))
    due = await runner.engine.due(LATER)
    handled = await runner.engine.handle([word("a")], LATER)
    # The clearing of the mark comes late, for a version that is no more: what is owed is sent once more instead.
    await runner.engine.sent(due)
    assert reasons((await runner.engine.unsent(seconds=-1)).events) == ["spoken"]
    for done in handled.after:
        await done()
    assert (await runner.engine.unsent(seconds=-1)).events == []


async def test_what_a_timer_owes_is_said_before_what_an_event_says_later() -> None:
    runner = await Runner().prepared()
    await runner.hear(word("open"), word("speak"))
    await runner.engine.due(LATER)
    # A crash before it was sent; who hears of a withdrawal, say, must have heard of the acceptance.
    assert await runner.hear(word("a"), word("b")) == ["spoken", "a", "b"]


async def test_what_another_process_stored_and_may_not_have_sent_is_said_before_what_comes_later() -> None:
    killed = await Runner().prepared()
    first, second = word("open"), word("a")
    await killed.engine.handle([first, second], NOW)
    # It was killed before it sent them. Its successor reads another topic first.
    runner = Runner(killed.database)
    passed = {0: first.record.offset}
    runner.engine.store.passed = lambda _, partition: passed[partition]
    handled = await runner.engine.handle([word("b")], NOW)
    assert reasons(handled.events) == ["open", "a", "b"]
    # Then the records come again: the same events, under the same ids.
    again = await runner.engine.handle([first, second], NOW)
    assert again.events == handled.events
    for done in (*handled.after, *again.after):
        await done()
    # What is known to have been sent is not said again.
    passed[0] = second.record.offset + 2
    assert await runner.hear(word("c")) == ["c"]
    assert await runner.hear(word("d")) == ["c", "d"], "and what was stored since may not have been"


async def test_what_was_said_first_is_owed_no_more_wherever_the_group_stands() -> None:
    """Its record's partition may be another replica's: two services would tell each other the same without end."""
    runner = await Runner().prepared()
    runner.engine.store.passed = lambda *_: 0
    await runner.hear(word("open"), word("a"))
    handled = await runner.engine.handle([word("b")], NOW)
    assert reasons(handled.events) == ["open", "a", "b"]
    for done in handled.after:
        await done()
    assert (await runner.engine.store.load([subject(1)]))[subject(1)].outbox == []
    assert await runner.hear(word("c")) == ["c"]


async def test_in_one_batch_what_was_decided_first_is_said_first_and_once() -> None:
    killed = await Runner().prepared()
    await killed.hear(word("open"))
    earlier = word("a")
    await killed.engine.handle([earlier], NOW)
    runner = Runner(killed.database)
    runner.engine.store.passed = lambda *_: earlier.record.offset
    # Between topics there is no order: what the killed one had decided comes again, behind what is new.
    assert await runner.hear(word("b"), earlier, word("c")) == ["a", "b", "c"]


async def test_a_timer_says_first_what_a_batch_may_not_have_sent() -> None:
    runner = await Runner().prepared()
    runner.engine.store.passed = lambda *_: 0
    spoken = word("speak")
    await runner.engine.handle([word("open"), spoken], NOW)
    due = await runner.engine.due(LATER)
    assert reasons(due.events) == ["open", "speak", "spoken"]
    await runner.engine.sent(due)
    assert (await runner.engine.due(LATER)).events == []
    runner.engine.store.passed = None
    assert (await runner.engine.store.load([subject(1)]))[subject(1)].outbox == []


@pytest.mark.parametrize("name", range(8))
async def test_what_was_begun_before_is_said_before_what_comes_now_and_waits_with_it(name: int) -> None:
    runner = await Runner().prepared()
    begun, now = word("number", id=f"first {name}"), word("number!", id=f"second {name}")
    runner.engine.before_numbers = [Transient("database", ConnectionError())]
    with pytest.raises(Transient):
        await runner.handle(word("open"), begun)
    # The record of the first comes no more in this batch; both get their number with it.
    handled = await runner.handle(now)
    (state,) = (await runner.engine.store.load([subject(1)])).values()
    assert handled.events == [*state.said(begun.causation_id), *state.said(now.causation_id)]


@pytest.mark.parametrize("name", range(8))
async def test_what_several_causes_owe_goes_out_in_the_order_of_their_coming(name: int) -> None:
    runner = await Runner().prepared()
    batch = [word("open"), word("number", id=f"first {name}"), word("number!", id=f"second {name}")]
    runner.engine.before_numbers = [Transient("database", ConnectionError())]
    with pytest.raises(Transient):
        await runner.handle(*batch)
    # No record comes again in time: a timer gives the number, and one write stores what both causes say.
    due = await runner.engine.due(LATER)
    in_order = [each for event in batch[1:] for each in due.unsent[0].said(event.causation_id)]
    assert due.events == in_order
    # A crash before they were sent, and a server that keeps the fields of one update by their names.
    (doc,) = runner.tallies.docs.values()
    doc["o"] = {causation_id: doc["o"][causation_id] for causation_id in sorted(doc["o"])}
    assert (await Numbering(runner.database).unsent(seconds=-1)).events == in_order


async def test_a_timer_that_says_nothing_leaves_nothing_to_remember() -> None:
    runner = await Runner().prepared()
    await runner.hear(word("open"), word("mute"), word("speak"))
    outcomes = len(runner.tallies.docs[subject(1)]["o"])
    for hours in (2, 4, 6):
        assert (await runner.engine.due(NOW + timedelta(hours=hours))).unsent == []
    assert len(runner.tallies.docs[subject(1)]["o"]) == outcomes


async def test_one_timer_that_fails_keeps_no_other_from_its_time() -> None:
    runner = await Runner().prepared()
    await runner.hear(word("open"), word("due fails"), word("speak"))
    await runner.hear(word("open", number=2), word("speak", number=2))
    due = await runner.engine.due(LATER, limit=2)
    assert [each.subject for each in due.events] == [subject(2)]
    assert due.more
    alone = await runner.engine.due(LATER, limit=1)
    assert (alone.events, alone.more) == ([], False), "a tick must end though one fails each time"


async def test_a_timers_number_is_said_by_whoever_gives_it() -> None:
    runner = await Runner().prepared()
    await runner.hear(word("open"), word("numbered later"), word("speak"))
    runner.engine.before_numbers = [KeyError()]
    with pytest.raises(RetryForever):
        await runner.engine.due(LATER)
    # A batch comes before the timer does: the timer's cause stands in no record, so it goes out with this batch…
    handled = await runner.engine.handle([word("a")], LATER)
    assert sorted(reasons(handled.events)) == ["a", "number 1"]
    # …and stays marked until all of it was acknowledged.
    assert reasons((await runner.engine.unsent(seconds=-1)).events) == ["number 1"]
    for done in handled.after:
        await done()
    assert (await runner.engine.unsent(seconds=-1)).events == []


async def test_many_that_are_due_are_taken_a_part_at_a_time() -> None:
    runner = await Runner(MemoryDatabase()).prepared()
    for number in range(5):
        await runner.hear(word("open", number=number), word("speak", number=number))
    taken, more = 0, True
    while more:
        due = await runner.engine.due(LATER, limit=2)
        taken, more = taken + len(due.events), due.more
    assert taken == 5
