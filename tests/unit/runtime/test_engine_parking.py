"""Events that wait for their subject: decided when it comes, or a dead letter when their time is over."""

from __future__ import annotations

from datetime import timedelta

from tests.unit.runtime.tally import LATER, NOW, Runner, reasons, subject, word


async def test_what_waited_is_decided_when_its_subject_comes_and_said_with_it() -> None:
    runner = await Runner().prepared()
    early = [word("b"), word("c")]
    assert await runner.hear(*early) == []
    opening = word("open")
    first = await runner.handle(opening)
    assert reasons(first.events) == ["open", "b", "c"]
    assert (await runner.handle(opening, now=LATER)).events == first.events
    assert (await runner.handle(*early)).results == {0: "repeated", 1: "repeated"}
    assert (await runner.state()).words == ["open", "b", "c"]


async def test_waiting_is_not_begun_again_by_a_replay() -> None:
    runner = await Runner().prepared()
    early = word("b")
    await runner.hear(early)
    version = runner.tallies.docs[subject(1)]["v"]
    assert (await runner.handle(early, now=LATER)).results == {0: "repeated"}
    assert runner.tallies.docs[subject(1)]["v"] == version


async def test_what_waited_and_needs_a_number_goes_out_with_its_subject() -> None:
    runner = await Runner().prepared()
    await runner.hear(word("number"))
    assert await runner.hear(word("open numbered")) == ["number 1", "number 1"]
    assert await runner.engine.store.unsent(LATER, 10) == []


async def test_what_waited_in_vain_becomes_a_dead_letter_that_is_forgotten_once_sent() -> None:
    runner = await Runner().prepared()
    early = word("b")
    await runner.hear(early)
    assert (await runner.engine.due(NOW + timedelta(hours=23, minutes=59))).dead == []
    over = NOW + timedelta(hours=24)
    due = await runner.engine.due(over)
    assert [(record, dead.reason) for record, dead in due.dead] == [(early.record, "unknown_subject")]
    # A crash before it was acknowledged: it is found again.
    due = await runner.engine.due(over)
    assert len(due.dead) == 1
    await runner.engine.sent(due)
    assert (await runner.engine.due(over)).dead == []
    # Sent again by an operator once the subject is there, it takes effect.
    assert await runner.hear(word("open")) == ["open"]
    assert await runner.hear(early) == ["b"]


async def test_what_came_later_waits_longer() -> None:
    runner = await Runner().prepared()
    await runner.hear(word("b"))
    await runner.hear(word("c"), now=NOW + timedelta(hours=1))
    due = await runner.engine.due(NOW + timedelta(hours=24))
    assert len(due.dead) == 1
    await runner.engine.sent(due)
    assert await runner.hear(word("open")) == ["open", "c"]


async def test_what_waited_and_takes_no_effect_becomes_a_dead_letter_of_its_own_reason() -> None:
    runner = await Runner().prepared()
    early = word("refuse")
    await runner.hear(early)
    assert await runner.hear(word("open")) == ["open"]
    due = await runner.engine.due(NOW)
    assert [(record, dead.reason) for record, dead in due.dead] == [(early.record, "invalid_transition")]
    await runner.engine.sent(due)
    assert (await runner.engine.due(LATER)).dead == []
