"""Load, decide, store: the same cause leads to the same events, in any crash and against any rival."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from homecall.contract.envelope import Incoming
from homecall.runtime.failures import RetryForever, Transient
from tests.unit.runtime.memory import MemoryDatabase
from tests.unit.runtime.tally import NOW, Numbering, Runner, reasons, subject, word

LATER = NOW + timedelta(hours=5)


async def test_a_batch_is_decided_in_order_and_stored_in_one_write() -> None:
    runner = await Runner().prepared()
    before = runner.database.commands
    batch = [word("open"), word("a"), word("open", number=2), word("b"), word("a", number=2)]
    assert await runner.hear(*batch) == ["open", "a", "open", "b", "a"]
    assert runner.database.commands - before == 2
    assert (await runner.state()).words == ["open", "a", "b"]


async def test_the_same_causes_give_the_same_bytes_and_ids_again() -> None:
    runner = await Runner().prepared()
    batch = [word("open"), word("number"), word("a"), word("open", number=2)]
    first = await runner.handle(*batch)
    assert set(first.results.values()) == {"handled"}
    decided = len(runner.engine.words.decided)
    again = await runner.handle(*batch, now=LATER)
    assert again.events == first.events
    assert set(again.results.values()) == {"repeated"}
    assert len(runner.engine.words.decided) == decided, "what was heard before is not decided again"
    assert len({each.id for each in first.events}) == len(first.events)
    # Another process, that knows nothing but the store.
    assert (await Runner(runner.database).handle(*batch)).events == first.events
    assert (await runner.handle(batch[2])).events == first.events[2:3]


async def test_an_event_of_no_concern_leaves_no_trace() -> None:
    runner = await Runner().prepared()
    handled = await runner.handle(word("open", clinic_id="elsewhere"))
    assert (handled.events, handled.results, runner.tallies.docs) == ([], {0: "handled"}, {})


async def test_what_changes_nothing_is_not_stored() -> None:
    runner = await Runner().prepared()
    await runner.hear(word("open"))
    version = runner.tallies.docs[subject(1)]["v"]
    handled = await runner.handle(word("ignore"))
    assert (handled.events, handled.results) == ([], {0: "repeated"})
    assert runner.tallies.docs[subject(1)]["v"] == version


async def test_what_takes_no_effect_is_a_dead_letter_and_its_neighbours_go_on() -> None:
    runner = await Runner().prepared()
    refused = word("refuse")
    handled = await runner.handle(word("open"), refused, word("a"))
    assert [(event, dead.reason) for event, dead in handled.dead] == [(refused, "invalid_transition")]
    assert reasons(handled.events) == ["open", "a"]
    assert handled.results == {0: "handled", 1: "dead", 2: "handled"}
    again = await runner.handle(refused)
    assert [event for event, _ in again.dead] == [refused]


async def test_a_broken_schema_that_nobody_answers_is_a_dead_letter() -> None:
    runner = await Runner().prepared()
    handled = await runner.handle(word(" "))
    assert [(dead.reason, dead.detail) for _, dead in handled.dead] == [("schema", "reason must not be empty")]


# ---- rivals


async def test_who_loses_decides_again_on_what_is_there_now() -> None:
    runner = await Runner().prepared()
    await runner.hear(word("open"))

    def race() -> None:
        runner.tallies.before_write = None
        _run(Runner(runner.database), word("b"))

    runner.tallies.before_write = race
    assert await runner.hear(word("a"), word("open", number=2)) == ["a", "open"]
    assert (await runner.state()).words == ["open", "b", "a"]


async def test_the_same_record_on_two_replicas_has_one_effect() -> None:
    runner = await Runner().prepared()
    await runner.hear(word("open"))
    shared = word("a")
    said: list[str] = []

    def race() -> None:
        runner.tallies.before_write = None
        said.extend(_run(Runner(runner.database), shared))

    runner.tallies.before_write = race
    assert await runner.hear(shared) == said == ["a"]
    assert (await runner.state()).words == ["open", "a"]


async def test_two_that_insert_the_same_one_wins() -> None:
    runner = await Runner().prepared()

    def race() -> None:
        runner.tallies.before_write = None
        _run(Runner(runner.database), word("open"))

    runner.tallies.before_write = race
    assert await runner.hear(word("a"), word("open", number=2)) == ["a", "open"]


def _run(runner: Runner, *batch: Incoming) -> list[str]:
    """All of a batch at once: over a database in memory nothing waits."""
    work = runner.hear(*batch)
    try:
        work.send(None)
    except StopIteration as done:
        found: list[str] = done.value
        return found
    raise AssertionError("it waited")


async def test_measures_are_counted_when_first_stored_and_once() -> None:
    labels = {"deadline": "visit", "channel": "phone", "outcome": "met"}

    def counted() -> float:
        return REGISTRY.get_sample_value("homecall_deadline_outcomes_total", labels) or 0.0

    runner = await Runner().prepared()
    await runner.hear(word("open"))
    before = counted()

    def lose() -> None:
        runner.tallies.before_write = None
        assert counted() == before
        runner.tallies.docs[subject(1)]["v"] += 1

    runner.tallies.before_write = lose
    event = word("a")
    await runner.hear(event)
    await runner.hear(event)
    assert counted() - before == 1


# ---- what waits for its subject


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


# ---- the second stage


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
            _run(Runner(runner.database), *batch)

    runner.tallies.before_write = race
    assert await runner.hear(*batch) == ["open", "number 1"]
    assert (await runner.state()).number == 1


# ---- timers


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
        _run(Runner(runner.database), word("a"))

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
    assert (await runner.engine.store.load([subject(1)]))[subject(1)].unsent == []
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
    assert (await runner.engine.store.load([subject(1)]))[subject(1)].unsent == []


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
