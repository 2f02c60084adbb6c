"""A batch: the same event leads to the same outcome, in any crash and against any rival."""

from __future__ import annotations

from prometheus_client import REGISTRY

from tests.unit.runtime.tally import LATER, Runner, hear_elsewhere, reasons, subject, word


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


async def test_a_dead_letter_is_decided_again_where_its_subject_was_changed_after_the_read() -> None:
    runner = await Runner().prepared()
    await runner.hear(word("open"))
    other = Runner(runner.database)

    def somebody_else() -> None:
        runner.tallies.before_write = None
        assert hear_elsewhere(other, word("a")) == ["a"]

    runner.tallies.before_write = somebody_else
    handled = await runner.handle(word("refuse"))
    assert runner.engine.words.decided == ["open", "refuse", "refuse"]
    assert len(handled.dead) == 1


async def test_a_broken_schema_that_nobody_answers_is_a_dead_letter() -> None:
    runner = await Runner().prepared()
    handled = await runner.handle(word(" "))
    assert [(dead.reason, dead.detail) for _, dead in handled.dead] == [("schema", "reason must not be empty")]


async def test_who_loses_decides_again_on_what_is_there_now() -> None:
    runner = await Runner().prepared()
    await runner.hear(word("open"))

    def race() -> None:
        runner.tallies.before_write = None
        hear_elsewhere(Runner(runner.database), word("b"))

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
        said.extend(hear_elsewhere(Runner(runner.database), shared))

    runner.tallies.before_write = race
    assert await runner.hear(shared) == said == ["a"]
    assert (await runner.state()).words == ["open", "a"]


async def test_two_that_insert_the_same_one_wins() -> None:
    runner = await Runner().prepared()

    def race() -> None:
        runner.tallies.before_write = None
        hear_elsewhere(Runner(runner.database), word("open"))

    runner.tallies.before_write = race
    assert await runner.hear(word("a"), word("open", number=2)) == ["a", "open"]


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
