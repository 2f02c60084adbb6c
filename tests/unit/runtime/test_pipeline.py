"""The six steps of a batch, in this order and no other; and what happens when one of them fails."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest
from prometheus_client import REGISTRY

from homecall.contract.envelope import Incoming, OutgoingRecord, Record
from homecall.contract.topics import TOPIC_OF_TYPE, TYPE_PREFIX
from homecall.runtime import retry as module
from homecall.runtime.clock import SystemClock
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.engine.decision import Dead
from homecall.runtime.failures import RetryForever, Stopped, TooManyDeadLetters, Transient
from homecall.runtime.pipeline import Pipeline

WITHDRAWN = "request.withdrawn"
ID = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"


def record(offset: int, event_type: str = WITHDRAWN, partition: int = 0, value: bytes | None = None) -> Record:
    body = {"request_id": ID, "clinic_id": "samal-3", "at": "2026-11-20T10:00:00+05:00", "reason": f"e{offset}"}
    headers = {
        "ce_specversion": "1.0",
        "ce_id": f"e{offset}",
        "ce_source": "urn:test",
        "ce_type": TYPE_PREFIX + event_type,
        "content-type": "application/json",
    }
    return Record(
        TOPIC_OF_TYPE[event_type].name,
        partition,
        offset,
        b"samal-3",
        json.dumps(body).encode() if value is None else value,
        tuple((name, text.encode()) for name, text in headers.items()),
        1_790_000_000_000,
    )


def name(event: Incoming) -> str:
    data: Any = event.data
    return str(data.reason)


def event(text: str) -> OutgoingRecord:
    return OutgoingRecord(
        "homecall.intake-events.v1", "samal-3", "request.cancelled", text, "/homecall/intake", ID, "", b"{}"
    )


class Recorder:
    """A handler, a producer and a commit that write down what they were asked, and fail as they are told.

    ``handling`` and ``sending`` are called first, with the try they are; what they raise is raised.
    """

    def __init__(self) -> None:
        self.steps: list[Any] = []
        self.committed: dict[tuple[str, int], int] = {}
        self.sent: list[OutgoingRecord] = []
        self.dead: list[tuple[int, str, str]] = []
        self.handling: Callable[[Sequence[Incoming]], None] = lambda _: None
        self.sending: Callable[[], None] = lambda: None
        self.following: Callable[[], None] | None = None

    async def handle(self, batch: Sequence[Incoming], now: datetime) -> BatchResult:
        assert now.tzinfo is not None
        self.steps.append(("handle", [name(each) for each in batch]))
        self.handling(batch)
        handled = BatchResult([event(name(each)) for each in batch], dict.fromkeys(range(len(batch)), "handled"))
        if self.following is not None:
            handled.after.append(self.follow)
        return handled

    async def follow(self) -> None:
        self.steps.append("after")
        assert self.following is not None
        self.following()

    async def send(self, events: Sequence[OutgoingRecord], dead: Sequence[tuple[Record, str, str, str]] = ()) -> None:
        self.steps.append(("publish", [each.id for each in events]))
        self.sending()
        self.sent.extend(events)
        self.dead.extend((each.offset, reason, service) for each, reason, _, service in dead)

    async def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        self.steps.append(("commit", dict(offsets)))
        self.committed.update(offsets)


def failing(*errors: Exception | None) -> Callable[..., None]:
    """Raises these, one a call (None: nothing), then nothing more."""
    left = list(errors)

    def fail(*_: object) -> None:
        error = left.pop(0) if left else None
        if error is not None:
            raise error

    return fail


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_WAIT", 0.0001)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def line(recorder: Recorder) -> Pipeline:
    producer: Any = recorder
    return Pipeline("intake", recorder, producer, SystemClock())


AWAY = Transient("database", ConnectionError())
REQUESTS = TOPIC_OF_TYPE[WITHDRAWN].name


async def test_decode_handle_publish_after_commit(line: Pipeline, recorder: Recorder) -> None:
    recorder.following = failing()
    await line.on_batch([record(3), record(4), record(9, partition=1)], recorder.commit)
    assert recorder.steps == [
        ("handle", ["e3", "e4", "e9"]),
        ("publish", ["e3", "e4", "e9"]),
        "after",
        ("commit", {(REQUESTS, 0): 5, (REQUESTS, 1): 10}),
    ]


async def test_a_record_is_passed_when_what_it_led_to_was_acknowledged(line: Pipeline, recorder: Recorder) -> None:
    seen: list[dict[tuple[str, int], int]] = []
    recorder.sending = lambda: seen.append(dict(line.passed))
    await line.on_batch([record(4), record(3), record(9, partition=1)], recorder.commit)
    await line.on_batch([record(5)], recorder.commit)
    assert seen == [{}, {(REQUESTS, 0): 5, (REQUESTS, 1): 10}]
    assert line.passed == {(REQUESTS, 0): 6, (REQUESTS, 1): 10}


async def test_the_causes_come_before_what_they_cause(line: Pipeline, recorder: Recorder) -> None:
    # What a later topic carries was caused by what an earlier one did: within a batch that order may as well hold.
    async def handle(batch: Sequence[Incoming], _: datetime) -> BatchResult:
        recorder.steps.append([each.type for each in batch])
        return BatchResult(results=dict.fromkeys(range(len(batch)), "handled"))

    recorder.handle = handle  # type: ignore[method-assign]  # a handler for this test alone
    ids = {"request_id": ID, "clinic_id": "samal-3"}
    closed = json.dumps(ids | {"revision": 2, "outcome": "served", "at": "2026-11-20T12:00:00+05:00"}).encode()
    await line.on_batch([record(1, "visit.closed", value=closed), record(2)], recorder.commit)
    assert recorder.steps[0] == [WITHDRAWN, "visit.closed"]


async def test_what_cannot_be_read_is_a_dead_letter_and_its_neighbours_go_on(
    line: Pipeline, recorder: Recorder
) -> None:
    await line.on_batch([record(1), record(2, value=b"\xff"), record(3)], recorder.commit)
    assert recorder.dead == [(2, "not_json", "intake")]
    assert [each.id for each in recorder.sent] == ["e1", "e3"]
    assert recorder.committed == {(REQUESTS, 0): 4}


async def test_a_batch_of_nothing_readable_is_committed(line: Pipeline, recorder: Recorder) -> None:
    await line.on_batch([record(1, value=b"{")], recorder.commit)
    assert [step[0] for step in recorder.steps] == ["publish", "commit"]


async def test_what_the_handler_gives_up_is_a_dead_letter(line: Pipeline, recorder: Recorder) -> None:
    async def handle(batch: Sequence[Incoming], _: datetime) -> BatchResult:
        return BatchResult(dead=[(batch[0], Dead("invalid_transition", "was refused"))], results={0: "dead"})

    recorder.handle = handle  # type: ignore[method-assign]  # a handler for this test alone
    await line.on_batch([record(1)], recorder.commit)
    assert recorder.dead == [(1, "invalid_transition", "intake")]


# ---- what is away


@pytest.mark.parametrize("step", ["handle", "publish", "after"])
async def test_what_is_away_is_waited_for_and_nothing_is_committed_before(
    line: Pipeline, recorder: Recorder, step: str
) -> None:
    def fail() -> Callable[..., None]:
        away = failing(*[AWAY] * 7)

        def check(*_: object) -> None:
            assert recorder.committed == {}
            away()

        return check

    if step == "handle":
        recorder.handling = fail()
    elif step == "publish":
        recorder.sending = fail()
    else:
        recorder.following = fail()
    await line.on_batch([record(1)], recorder.commit)
    names = [each if isinstance(each, str) else each[0] for each in recorder.steps]
    assert names.count(step) == 8
    assert recorder.committed == {(REQUESTS, 0): 2}
    assert recorder.dead == []
    assert line.retry.blocked_since is None


async def test_while_something_is_away_it_is_known(line: Pipeline, recorder: Recorder) -> None:
    def away(_: object) -> None:
        if len(recorder.steps) == 3:
            assert line.retry.blocked_since is not None
            return
        raise AWAY

    recorder.handling = away
    await line.on_batch([record(1)], recorder.commit)
    assert line.retry.blocked_since is None


async def test_a_wait_that_ends_in_another_failure_is_over(line: Pipeline, recorder: Recorder) -> None:
    """A database that comes back to a batch that it will not have: the service may be ready again."""
    recorder.handling = failing(AWAY, ValueError("poison"))
    await line.on_batch([record(1), record(2)], recorder.commit)
    assert (line.retry.blocked_since, recorder.dead) == (None, [])


async def test_what_must_be_finished_is_never_a_dead_letter(line: Pipeline, recorder: Recorder) -> None:
    recorder.handling = failing(*[RetryForever("a number is out")] * 20)
    await line.on_batch([record(1), record(2)], recorder.commit)
    assert (recorder.dead, [each.id for each in recorder.sent]) == ([], ["e1", "e2"])
    # All of the batch each time: it is not taken apart as for a record that fails by itself.
    assert {tuple(names) for step, names in recorder.steps if step == "handle"} == {("e1", "e2")}


# ---- a record that fails by itself


async def test_a_poisonous_record_is_given_up_after_five_tries_and_its_neighbours_go_on(
    line: Pipeline, recorder: Recorder
) -> None:
    def poison(batch: Sequence[Incoming]) -> None:
        if any(name(each) == "e2" for each in batch):
            raise KeyError("e2")

    recorder.handling = poison
    await line.on_batch([record(1), record(2), record(3)], recorder.commit)
    assert recorder.dead == [(2, "handler_failed", "intake")]
    assert [each.id for each in recorder.sent] == ["e1", "e3"]
    assert recorder.committed == {(REQUESTS, 0): 4}
    assert [names for step, names in recorder.steps if step == "handle"] == [
        ["e1", "e2", "e3"],
        ["e1"],
        *[["e2"]] * 5,
        ["e3"],
    ]


async def test_a_batch_that_fails_only_as_a_whole_is_handled_one_by_one(line: Pipeline, recorder: Recorder) -> None:
    recorder.handling = failing(RuntimeError("too much at once"))
    recorder.following = failing()
    await line.on_batch([record(1), record(2)], recorder.commit)
    assert (recorder.dead, [each.id for each in recorder.sent]) == ([], ["e1", "e2"])
    assert recorder.steps.count("after") == 2
    assert [step[0] for step in recorder.steps if step != "after"].count("publish") == 1


async def test_alone_too_what_is_away_is_no_failure_of_the_records(line: Pipeline, recorder: Recorder) -> None:
    recorder.handling = failing(ValueError(), *[AWAY] * 6, *[ValueError()] * 4)
    await line.on_batch([record(1)], recorder.commit)
    assert (recorder.dead, len(recorder.sent)) == ([], 1)


async def test_a_failure_quotes_nothing_of_the_record(line: Pipeline, recorder: Recorder) -> None:
    details: list[str] = []

    async def send(_: Sequence[OutgoingRecord], dead: Sequence[tuple[Record, str, str, str]] = ()) -> None:
        details.extend(detail for _, _, detail, _ in dead)

    recorder.send = send  # type: ignore[method-assign]  # a producer for this test alone
    recorder.handling = failing(*[ValueError("850715100000")] * 9)
    await line.on_batch([record(1)], recorder.commit)
    assert details == ["ValueError at each of 5 tries: see the service's log, then replay it"]


# ---- before a record is given up, something else must have worked


class Works:
    """Whether the database works for what has nothing to do with a record: fails for so many times, then works."""

    def __init__(self, fails: int) -> None:
        self.fails = fails
        self.asked = 0

    async def __call__(self) -> None:
        self.asked += 1
        if self.asked <= self.fails:
            raise AWAY


@pytest.mark.parametrize("fails", [0, 1, 4])
async def test_no_record_is_given_up_while_the_database_fails_for_everything(recorder: Recorder, fails: int) -> None:
    """Each record that fails is tried five times more once the database works for something else."""
    producer: Any = recorder
    works = Works(fails)
    line = Pipeline("intake", recorder, producer, SystemClock(), works=works)

    def poison(batch: Sequence[Incoming]) -> None:
        assert recorder.dead == []
        if any(name(each) == "e2" for each in batch):
            raise KeyError("e2")

    recorder.handling = poison
    await line.on_batch([record(1), record(2), record(3)], recorder.commit)
    assert recorder.dead == [(2, "handler_failed", "intake")]
    alone = [names for step, names in recorder.steps if step == "handle" and names == ["e2"]]
    assert len(alone) == (5 if fails == 0 else 10)
    assert works.asked == (1 if fails == 0 else fails + 2)
    assert line.retry.blocked_since is None


async def test_a_record_that_failed_with_the_database_is_handled_once_it_is_back(recorder: Recorder) -> None:
    """The errors look like the record's own, and are not: nothing is dead, and nothing is passed."""
    producer: Any = recorder
    works = Works(3)
    line = Pipeline("intake", recorder, producer, SystemClock(), works=works)

    def failing_server(_: object) -> None:
        if works.asked < 4:
            raise ValueError("code 2 of a server that fails for everything")

    recorder.handling = failing_server
    await line.on_batch([record(1), record(2)], recorder.commit)
    assert recorder.dead == []
    assert [each.id for each in recorder.sent] == ["e1", "e2"]
    assert recorder.committed == {(REQUESTS, 0): 3}


async def test_a_record_is_kept_when_the_service_stops_while_nothing_works(recorder: Recorder) -> None:
    producer: Any = recorder

    async def works() -> None:
        line.stopping.set()
        raise AWAY

    line = Pipeline("intake", recorder, producer, SystemClock(), works=works)
    recorder.handling = failing(*[ValueError()] * 50)
    with pytest.raises(Stopped):
        await line.on_batch([record(1)], recorder.commit)
    assert (recorder.dead, recorder.committed) == ([], {})


async def test_what_is_waited_for_is_told(line: Pipeline, recorder: Recorder) -> None:
    told: list[str] = []

    def away(_: object) -> None:
        told.append(line.retry.blocked_by)
        if len(told) < 3:
            raise Transient("database", ConnectionError(), "10.0.0.7:27017, HOMECALL_MONGO_URL", code="code 133")

    recorder.handling = away
    await line.on_batch([record(1)], recorder.commit)
    said = "database is unavailable or busy: ConnectionError, code 133 (10.0.0.7:27017, HOMECALL_MONGO_URL)"
    assert told == ["", said, said]
    assert line.retry.blocked_by == ""


# ---- the end


async def test_a_batch_in_hand_is_given_up_uncommitted_when_the_service_stops(
    line: Pipeline, recorder: Recorder
) -> None:
    def away(_: object) -> None:
        if len(recorder.steps) == 3:
            line.stopping.set()
        raise AWAY

    recorder.handling = away
    with pytest.raises(Stopped):
        await line.on_batch([record(1)], recorder.commit)
    assert (recorder.committed, recorder.sent) == ({}, [])


@pytest.mark.parametrize("step", ["handle", "publish"])
async def test_stopped_alone_and_while_publishing(line: Pipeline, recorder: Recorder, step: str) -> None:
    def fail(*_: object) -> None:
        line.stopping.set()
        raise (ValueError() if step == "handle" else AWAY)

    recorder.handling = fail if step == "handle" else recorder.handling
    recorder.sending = fail if step == "publish" else recorder.sending
    with pytest.raises(Stopped):
        await line.on_batch([record(1)], recorder.commit)
    assert recorder.committed == {}


async def test_no_batch_is_taken_after_that(line: Pipeline, recorder: Recorder) -> None:
    assert await line.finish(1)
    with pytest.raises(Stopped):
        await line.on_batch([record(1)], recorder.commit)
    assert recorder.steps == []


async def test_finishing_waits_for_the_batch_in_hand(line: Pipeline, recorder: Recorder) -> None:
    going, go = asyncio.Event(), asyncio.Event()

    async def send(_: Sequence[OutgoingRecord], __: Sequence[object] = ()) -> None:
        going.set()
        await go.wait()

    recorder.send = send  # type: ignore[method-assign]  # a producer for this test alone
    batch = asyncio.create_task(line.on_batch([record(1)], recorder.commit))
    await going.wait()
    assert not await line.finish(0.01)
    go.set()
    assert await line.finish(1)
    await batch
    assert recorder.committed == {(REQUESTS, 0): 2}


# ---- a batch while the one before is on its way


async def turns(number: int = 100) -> None:
    """Let whatever is not waiting for anything go on: here nothing waits for time."""
    for _ in range(number):
        await asyncio.sleep(0)


class Slow:
    """A producer that says when it is asked, and waits to be told to go on."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def send(self, events: Sequence[OutgoingRecord], dead: Sequence[tuple[Record, str, str, str]] = ()) -> None:
        self.asked.set()
        await self.go.wait()
        await self._recorder.send(events, dead)


def overlapping(recorder: Recorder, producer: Any, failed: Callable[[Exception], None] = lambda _: None) -> Pipeline:
    return Pipeline("intake", recorder, producer, SystemClock(), overlap=True, failed=failed)


async def test_of_a_subject_nothing_is_stored_before_what_was_said_of_it_is_acknowledged(recorder: Recorder) -> None:
    slow = Slow(recorder)
    line = overlapping(recorder, slow)
    await line.on_batch([record(1)], recorder.commit)
    await slow.asked.wait()
    second = asyncio.create_task(line.on_batch([record(2)], recorder.commit))
    await turns()
    assert [each[0] for each in recorder.steps] == ["handle"]
    slow.go.set()
    await second
    assert await line.finish(1)
    assert recorder.committed == {(REQUESTS, 0): 3}


async def test_other_subjects_are_handled_meanwhile_and_said_after_it(recorder: Recorder) -> None:
    slow = Slow(recorder)
    line = overlapping(recorder, slow)
    await line.on_batch([record(1)], recorder.commit)
    await slow.asked.wait()
    handled = asyncio.Event()
    recorder.handling = lambda _: handled.set()
    body = json.loads(record(2).value or b"") | {"request_id": ID.replace("5f0c", "60c5")}
    other = record(2, value=json.dumps(body).encode())
    second = asyncio.create_task(line.on_batch([other], recorder.commit))
    await handled.wait()
    assert [each[0] for each in recorder.steps] == ["handle", "handle"]
    slow.go.set()
    await second
    assert await line.finish(1)
    assert [each.id for each in recorder.sent] == ["e1", "e2"]
    assert recorder.committed == {(REQUESTS, 0): 3}


@pytest.mark.parametrize(("records", "hurries"), [(25, True), (26, False), (249, False), (250, True)])
async def test_a_batch_hurries_that_is_small_or_full(recorder: Recorder, records: int, hurries: bool) -> None:
    slow = Slow(recorder)
    line = overlapping(recorder, slow)
    await line.on_batch([record(1)], recorder.commit)
    await slow.asked.wait()
    body = json.loads(record(2).value or b"") | {"request_id": ID.replace("5f0c", "60c5")}
    others = [record(2 + each, value=json.dumps(body).encode()) for each in range(records)]
    second = asyncio.create_task(line.on_batch(others, recorder.commit))
    await turns()
    assert len(recorder.steps) == (2 if hurries else 1)
    slow.go.set()
    await second
    assert await line.finish(1)
    assert recorder.committed == {(REQUESTS, 0): 2 + records}


async def test_offsets_are_committed_batch_after_batch(recorder: Recorder) -> None:
    committed = asyncio.Event()

    async def slowly(offsets: Mapping[tuple[str, int], int]) -> None:
        await committed.wait()
        await recorder.commit(offsets)

    line = overlapping(recorder, recorder)
    await line.on_batch([record(1)], slowly)
    await line.on_batch([record(2)], recorder.commit)
    finished = asyncio.create_task(line.finish(1))
    await turns()
    assert [each[0] for each in recorder.steps] == ["handle", "publish", "handle", "publish"]
    committed.set()
    assert await finished
    assert [each[1] for each in recorder.steps if each[0] == "commit"] == [{(REQUESTS, 0): 2}, {(REQUESTS, 0): 3}]


async def test_while_offsets_cannot_be_committed_no_more_than_a_few_batches_wait_for_that(recorder: Recorder) -> None:
    """The coordinator is away, its partitions are served: what waits must not fill the memory."""
    back = asyncio.Event()

    async def waits(offsets: Mapping[tuple[str, int], int]) -> None:
        await back.wait()
        await recorder.commit(offsets)

    line = overlapping(recorder, recorder)
    batches = iter(range(100))

    async def take_all() -> None:
        for number in batches:
            await line.on_batch([record(number + 1)], waits)

    taking = asyncio.create_task(take_all())
    await turns(5_000)
    assert not taking.done(), "all were taken though none could be committed"
    assert len(recorder.sent) <= 10
    back.set()
    await taking
    assert await line.finish(1)
    assert recorder.committed == {(REQUESTS, 0): 101}


async def test_what_fails_after_a_commit_is_told_and_nothing_passes_it(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Exception] = []
    line = overlapping(recorder, recorder, told.append)
    monkeypatch.setattr(line._counts, "add", failing(ValueError("a label too many")))
    await line.on_batch([record(1)], recorder.commit)
    with pytest.raises(ValueError, match="a label"):
        await line.settled()
    assert [str(each) for each in told] == ["a label too many"]
    assert line.stopping.is_set()


async def test_what_follows_a_publication_is_done_before_the_next_batch_is_taken(recorder: Recorder) -> None:
    recorder.following = lambda: None
    line = overlapping(recorder, recorder)
    await line.on_batch([record(1)], recorder.commit)
    assert [each if isinstance(each, str) else each[0] for each in recorder.steps] == [
        *("handle", "publish", "after", "commit")
    ]


async def test_a_publication_that_fails_for_good_is_told_and_nothing_passes_it(recorder: Recorder) -> None:
    told: list[Exception] = []
    recorder.sending = failing(ValueError("too large"))
    line = overlapping(recorder, recorder, told.append)
    await line.on_batch([record(1)], recorder.commit)
    with pytest.raises(ValueError, match="too large"):
        await line.on_batch([record(2)], recorder.commit)
    assert [str(each) for each in told] == ["too large"]
    with pytest.raises(Stopped):
        await line.on_batch([record(3)], recorder.commit)
    assert (recorder.committed, recorder.sent) == ({}, [])


async def test_finishing_waits_for_a_publication_on_its_way(recorder: Recorder) -> None:
    slow = Slow(recorder)
    line = overlapping(recorder, slow)
    await line.on_batch([record(1)], recorder.commit)
    assert not await line.finish(0.01)
    slow.go.set()
    assert await line.finish(1)
    assert recorder.committed == {(REQUESTS, 0): 2}


async def test_while_a_publication_waits_the_service_is_blocked(recorder: Recorder) -> None:
    waiting = asyncio.Event()

    def away() -> None:
        waiting.set()
        raise AWAY

    recorder.sending = away
    line = overlapping(recorder, recorder)
    await line.on_batch([record(1)], recorder.commit)
    await waiting.wait()
    second = asyncio.create_task(line.on_batch([record(2)], recorder.commit))
    assert line.retry.blocked_since is not None
    recorder.sending = lambda: None
    await second
    assert await line.finish(1)
    assert line.retry.blocked_since is None
    assert recorder.committed == {(REQUESTS, 0): 3}


# ---- too many dead letters


@pytest.mark.parametrize(("bad", "stops"), [(500, False), (501, True)])
async def test_too_large_a_share_of_dead_letters_ends_the_service(recorder: Recorder, bad: int, stops: bool) -> None:
    producer: Any = recorder
    line = Pipeline("intake", recorder, producer, SystemClock(), dead_letter_max_share=0.5)
    batch = [record(offset, value=b"{" if offset < bad else None) for offset in range(1_000)]
    if not stops:
        await line.on_batch(batch, recorder.commit)
        assert len(recorder.dead) == bad
        return
    with pytest.raises(TooManyDeadLetters, match=r"50% of the last 1000 records.*HOMECALL_DEAD_LETTER_MAX_SHARE"):
        await line.on_batch(batch, recorder.commit)
    assert (recorder.committed, recorder.sent, recorder.dead) == ({}, [], [])


async def test_a_few_records_are_no_share_yet(recorder: Recorder) -> None:
    producer: Any = recorder
    line = Pipeline("intake", recorder, producer, SystemClock(), dead_letter_max_share=0.5)
    await line.on_batch([record(offset, value=b"{") for offset in range(999)], recorder.commit)
    assert len(recorder.dead) == 999


# ---- what is counted


def counted(metric: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(metric, labels) or 0.0


async def test_records_are_counted_once_they_are_committed(line: Pipeline, recorder: Recorder) -> None:
    handled = {"topic": REQUESTS, "type": WITHDRAWN, "result": "handled"}
    unreadable = {"topic": REQUESTS, "type": "unreadable", "result": "dead"}
    before = counted("homecall_events_total", **handled), counted("homecall_events_total", **unreadable)
    letters = counted("homecall_dead_letters_total", topic=REQUESTS, reason="not_json")
    recorder.sending = failing(*[AWAY] * 3)
    await line.on_batch([record(1), record(2), record(3, value=b"{")], recorder.commit)
    after = counted("homecall_events_total", **handled), counted("homecall_events_total", **unreadable)
    assert (after[0] - before[0], after[1] - before[1]) == (2, 1)
    assert counted("homecall_dead_letters_total", topic=REQUESTS, reason="not_json") - letters == 1
