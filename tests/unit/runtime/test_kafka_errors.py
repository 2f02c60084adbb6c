"""Whatever the Kafka client raises, at any call, is waited for and tried again, unless it is a plain refusal."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition, errors
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError, KafkaError
from faststream.kafka.message import KafkaAckableMessage

from homecall.contract.envelope import Incoming, OutgoingRecord
from homecall.contract.topics import CLINICS, REQUESTS
from homecall.runtime import retry
from homecall.runtime.clock import SystemClock
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.failures import Awaited, Refused, Transient
from homecall.runtime.kafka import errors as kafka_errors
from homecall.runtime.kafka import global_table as table
from homecall.runtime.kafka import producer
from homecall.runtime.kafka import subscription as broker
from homecall.runtime.kafka.errors import MOVED, NOT_THERE, REFUSED, TOO_LARGE, asked, ended, outage
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.kafka.lag import Lag
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.kafka.subscription import Subscription
from homecall.runtime.pipeline import Pipeline
from homecall.runtime.settings import Settings

KAFKA = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, KafkaError)]
OTHERS: list[BaseException] = [
    RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed"),
    ConnectionError(),
    ConnectionResetError(),
    BrokenPipeError(),
    OSError(113, "no route"),
    TimeoutError(),
    asyncio.IncompleteReadError(b"", 4),
    asyncio.InvalidStateError(),
    asyncio.CancelledError(),
    AttributeError("'NoneType' object has no attribute 'write'"),
    errors.ConsumerStoppedError(),
    errors.IllegalOperation(),
]
ERRORS = OTHERS + [each() for each in KAFKA]
OUTAGES = [each for each in ERRORS if not isinstance(each, TOO_LARGE)]
SETTINGS = Settings()
PLACE = TopicPartition(REQUESTS.name, 0)


def named(error: BaseException) -> str:
    return type(error).__name__


@contextlib.contextmanager
def of(error: BaseException) -> Iterator[None]:
    """Name the error in what a failure says: the tests go through the hundred of them in one go."""
    try:
        yield
    except BaseException as failure:
        failure.add_note(f"with {named(error)}")
        raise


def failing(error: BaseException, times: int = 1) -> Callable[..., Awaitable[Any]]:
    """Raises an error so many times."""
    left = [error] * times

    async def call(*_: object, **__: object) -> Any:
        if left:
            raise left.pop()

    return call


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.0001)

    async def why_not(_: object, error: BaseException) -> Transient:
        return error if isinstance(error, Transient) else Transient("broker", error)

    monkeypatch.setattr(producer, "why_not", why_not)
    monkeypatch.setattr(broker, "why_not", why_not)


# ---- the rule


@pytest.fixture(autouse=True)
def no_traces() -> Iterator[None]:
    """Errors are shared by tests: with the frames they were raised in, each would keep a thousand tasks of ended loops.

    Every test after these would look through them at the end of its own loop.
    """
    yield
    for error in ERRORS:
        error.__traceback__ = error.__context__ = error.__cause__ = None


@pytest.mark.parametrize("error", ERRORS, ids=named)
async def test_what_an_error_means(error: BaseException) -> None:
    told = outage(error, "10.0.0.8:9092")
    if isinstance(error, TOO_LARGE):
        assert told is None
        with pytest.raises(type(error)):
            await asked(failing(error)(), "")
        return
    assert isinstance(told, Transient)
    for part in (named(error), "10.0.0.8:9092", "HOMECALL_KAFKA_BOOTSTRAP"):
        assert part in str(told)
    assert isinstance(told, Refused) == isinstance(error, REFUSED)
    assert isinstance(told, Awaited) == isinstance(error, NOT_THERE)
    with pytest.raises(Transient):
        await asked(failing(error)(), "")


async def test_our_own_end_is_no_outage() -> None:
    task = asyncio.create_task(asked(asyncio.Event().wait(), ""))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asked(asyncio.Event().wait(), "")


# ---- commit


class Handles:
    """Handles a batch without events, so that only the commit can fail."""

    async def handle(self, batch: Sequence[Incoming], _: datetime) -> BatchResult:
        return BatchResult(results=dict.fromkeys(range(len(batch)), "handled"))

    async def send(self, *_: object) -> None:
        """Nothing is sent."""


def a_subscription() -> tuple[Subscription, Pipeline]:
    doing: Any = Handles()
    line = Pipeline("intake", doing, doing, SystemClock())
    return Subscription(SETTINGS, "intake", (REQUESTS,), line.on_batch), line


def a_message() -> Any:
    raw = ConsumerRecord(REQUESTS.name, 0, 7, 0, 0, b"clinic", b"{", None, 6, 2, ())
    return KafkaAckableMessage(body=b"", raw_message=(raw,), headers={}, consumer=SimpleNamespace())


@pytest.mark.parametrize("error", ERRORS, ids=named)
async def test_a_commit_is_tried_again(error: BaseException) -> None:
    subscription, line = a_subscription()
    subscription.lag.assigned({(REQUESTS.name, 0)})
    commits: list[Mapping[Any, int]] = []
    fails = failing(error, 3)

    async def commit(offsets: Mapping[Any, int]) -> None:
        commits.append(offsets)
        await fails()

    subscription._subscriber.consumer = SimpleNamespace(commit=commit, assignment=set, paused=set)
    if isinstance(error, TOO_LARGE):
        return  # no commit has a record in it
    await subscription._handle(a_message())
    assert not line.stopping.is_set()
    assert commits == [{PLACE: 8}] * (1 if isinstance(error, MOVED) else 4)
    assert subscription.lag.committed_to((REQUESTS.name, 0)) == (0 if isinstance(error, MOVED) else 8)
    assert line.retry.blocked_since is None


async def test_a_commit_is_given_up_once_its_partitions_have_been_assigned_again() -> None:
    """Another member may have committed later offsets while the answer to ours was lost."""
    subscription, line = a_subscription()
    commits = 0

    async def commit(_: object) -> None:
        nonlocal commits
        commits += 1
        await subscription.assignment.on_partitions_assigned({PLACE})
        raise ConnectionError

    subscription._subscriber.consumer = SimpleNamespace(commit=commit, assignment=set, paused=set)
    await subscription._handle(a_message())
    assert (commits, line.stopping.is_set()) == (1, False)


# ---- fetch


@pytest.mark.parametrize("error", ERRORS, ids=named)
async def test_the_loop_that_reads_goes_on(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    subscription, _ = a_subscription()
    subscriber = subscription._subscriber
    fails = failing(error, 3)
    fetched = 0

    async def getmany(_: object, **__: object) -> dict[Any, Any]:
        nonlocal fetched
        fetched += 1
        await fails()
        subscriber.running = False
        return {}

    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(anyio, "sleep", sleep)
    subscription._broker._setup_logger()
    consumer: Any = type("Fetches", (), {"getmany": kafka_errors._guarded_getmany(getmany)})()
    subscriber.running = True
    await asyncio.wait_for(subscriber._run_consume_loop(consumer), 5)
    assert fetched == (1 if isinstance(error, errors.ConsumerStoppedError) else 4)


async def test_a_loop_that_is_cancelled_ends() -> None:
    async def getmany(_: object, **__: object) -> Any:
        await asyncio.Event().wait()

    task = asyncio.create_task(kafka_errors._guarded_getmany(getmany)(object()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_the_client_of_this_release_is_guarded() -> None:
    kafka_errors.make_connections_safe()
    assert hasattr(AIOKafkaConsumer.getmany, "__wrapped__")
    assert hasattr(AIOKafkaConnection.send, "__wrapped__")
    kafka_errors.make_connections_safe()
    assert not hasattr(AIOKafkaConsumer.getmany.__wrapped__, "__wrapped__"), "guarded twice"


@pytest.mark.parametrize(
    "error", [each for each in OTHERS[:8] if not isinstance(each, asyncio.CancelledError)], ids=named
)
async def test_a_write_to_a_closed_connection_is_an_error_that_the_client_knows(error: Exception) -> None:
    """Its heartbeat, coordination, fetching and sending go on after one, and end after any other."""
    kafka_errors.make_connections_safe()
    connection = AIOKafkaConnection("10.0.0.8", 9092)

    def write(_: bytes) -> None:
        raise error

    closed: list[object] = []
    connection._writer = SimpleNamespace(write=write)
    connection.close = lambda **reason: closed.append(reason)
    request = SimpleNamespace(
        prepare=lambda _: SimpleNamespace(
            build_request_header=lambda **_: SimpleNamespace(encode=lambda: b""), encode=lambda: b""
        )
    )
    with pytest.raises(KafkaConnectionError):
        connection.send(request)
    assert len(closed) == 1
    connection._writer = None


# ---- send


class FakeProducer:
    """aiokafka's producer: fails at one call as it is told, then works. Counts how many there were."""

    made: list[FakeProducer]
    at: str
    fails: Callable[..., Awaitable[Any]]

    def __init__(self, **_: object) -> None:
        self.made.append(self)
        self.stopping = False
        self.client = SimpleNamespace(
            force_metadata_update=lambda: self._may_fail("look", True),
            fetch_all_metadata=lambda: self._may_fail("missing", SimpleNamespace(topics=lambda: {"there"})),
            _sync_task=None,
        )
        self._sender = SimpleNamespace(_sender_task=asyncio.get_running_loop().create_future())

    async def _may_fail(self, call: str, answer: Any = None) -> Any:
        if call == self.at:
            await self.fails()
        return answer

    async def start(self) -> None:
        await self._may_fail("start")

    async def stop(self) -> None:
        self.stopping = True
        await self._may_fail("stop")

    async def send(self, *_: object, **__: object) -> asyncio.Future[None]:
        await self._may_fail("send")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            await self._may_fail("acknowledge")
            future.set_result(None)
        except asyncio.CancelledError:
            future.cancel()
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeProducer]:
    made: type[FakeProducer] = type("Fake", (FakeProducer,), {"made": []})
    monkeypatch.setattr(producer, "AIOKafkaProducer", made)
    return made


EVENT = OutgoingRecord(
    "homecall.intake-events.v1", "clinic", "request.cancelled", "1", "/homecall/intake", "id", "", b"{}"
)


@pytest.mark.parametrize("at", ["start", "send", "acknowledge", "look", "missing", "stop"])
async def test_a_producer_that_fails_is_an_outage_and_works_again(fake: type[FakeProducer], at: str) -> None:
    for error in OUTAGES:
        fake.made.clear()
        with of(error):
            await a_producer_fails_and_works_again(fake, at, error)


async def a_producer_fails_and_works_again(fake: type[FakeProducer], at: str, error: BaseException) -> None:
    fake.at, fake.fails = at, staticmethod(failing(error))  # type: ignore[assignment]  # called without self
    ours = Producer(SETTINGS, "test")
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "look": lambda: ours.look(1),
        "missing": lambda: ours.missing(["there"]),
    }
    call = calls.get(at, lambda: ours.send([EVENT]))
    if at == "stop":
        await ours.send([EVENT])
        await ours._renew(ours._producer)
    elif at == "look":
        with contextlib.suppress(Transient):  # one that was late, or cancelled inside, shows with the next look
            await call()
    else:
        with pytest.raises(Transient) as told:
            await call()
        assert named(error) in str(told.value)
    await call()
    assert ours.healthy
    assert len(fake.made) == (1 if at in {"look", "missing"} else 2)


@pytest.mark.parametrize("error", [each for each in ERRORS if isinstance(each, TOO_LARGE)], ids=named)
@pytest.mark.parametrize("at", ["send", "acknowledge"])
async def test_a_record_that_is_too_large_is_no_outage(fake: type[FakeProducer], at: str, error: BaseException) -> None:
    fake.at, fake.fails = at, staticmethod(failing(error))  # type: ignore[assignment]  # called without self
    ours = Producer(SETTINGS, "test")
    with pytest.raises(type(error)):
        await ours.send([EVENT])
    assert ours.healthy


@pytest.mark.parametrize("at", ["start", "stop"])
async def test_a_client_that_was_made_is_stopped_whenever_the_service_ends(fake: type[FakeProducer], at: str) -> None:
    """Cancelled while one connects, or as a broken one is replaced: a client that nobody stops holds the process."""
    reached = asyncio.Event()

    async def for_ever(*_: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    fake.at, fake.fails = at, staticmethod(for_ever)  # type: ignore[assignment]  # called without self
    ours = Producer(SETTINGS, "test")
    if at == "start":
        doing = asyncio.create_task(ours.start())
    else:
        await ours.start()
        doing = asyncio.create_task(ours._renew(ours._producer))
    await reached.wait()
    doing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doing
    assert [each.stopping for each in fake.made] == [True]
    assert not ours.healthy


async def test_no_client_is_made_once_the_producer_has_stopped(fake: type[FakeProducer]) -> None:
    fake.at = ""
    ours = Producer(SETTINGS, "test")
    await ours.send([EVENT])
    await ours.stop()
    for late in (lambda: ours.send([EVENT]), ours.start, lambda: ours.look(1), lambda: ours.missing(["there"])):
        with pytest.raises(Transient):
            await late()
    assert len(fake.made) == 1
    assert fake.made[0].stopping


async def test_a_client_that_connects_as_the_producer_stops_is_stopped_too(fake: type[FakeProducer]) -> None:
    reached, connects = asyncio.Event(), asyncio.Event()

    async def connecting(*_: object) -> None:
        reached.set()
        await connects.wait()

    fake.at, fake.fails = "start", staticmethod(connecting)  # type: ignore[assignment]  # called without self
    ours = Producer(SETTINGS, "test")
    starting = asyncio.create_task(ours.start())
    await reached.wait()
    await ours.stop()
    connects.set()
    with pytest.raises(Transient):
        await starting
    assert fake.made[0].stopping
    assert not ours.healthy


@pytest.mark.parametrize("how", ["returned", "failed", "cancelled"])
async def test_a_sender_that_has_ended_is_noticed(fake: type[FakeProducer], how: str) -> None:
    """Idle, by the next look; with events on their way, at once: nobody would ever acknowledge them."""
    fake.at = ""
    ours = Producer(SETTINGS, "test")
    await ours.start()

    def end(task: asyncio.Future[None]) -> None:
        if how == "returned":
            task.set_result(None)
        elif how == "failed":
            task.set_exception(KafkaError())
            task.exception()
        else:
            task.cancel()

    end(ours._producer._sender._sender_task)
    await ours.look(1)
    assert len(fake.made) == 2
    stuck = fake.made[-1]

    async def send(*_: object, **__: object) -> asyncio.Future[None]:
        asyncio.get_running_loop().call_soon(end, stuck._sender._sender_task)
        return asyncio.get_running_loop().create_future()

    stuck.send = send  # type: ignore[method-assign]  # this one never hears of an acknowledgement
    with pytest.raises(Transient):
        await asyncio.wait_for(ours.send([EVENT]), 5)
    await ours.send([EVENT])
    assert len(fake.made) == 3


# ---- the topic that is held whole


class FakeConsumer:
    """aiokafka's consumer of one partition with one record; fails at one call as it is told."""

    made: list[FakeConsumer]
    at: str
    fails: Callable[..., Awaitable[Any]]

    def __init__(self, **_: object) -> None:
        self.made.append(self)
        self.stands = 0
        self.stopped = False
        self.ended = asyncio.Event()
        self.sought: list[int] = []
        self._fetcher = SimpleNamespace(_fetch_task=asyncio.get_running_loop().create_future())

    async def _may_fail(self, call: str) -> None:
        if call == self.at:
            await self.fails()

    async def start(self) -> None:
        await self._may_fail("start")

    async def stop(self) -> None:
        self.stopped = True
        self.ended.set()
        await self._may_fail("stop")

    def partitions_for_topic(self, _: str) -> set[int]:
        return {0}

    def assign(self, places: object) -> None:
        """Only one."""

    def assignment(self) -> set[TopicPartition]:
        return {TopicPartition(CLINICS.name, 0)}

    async def seek_to_beginning(self) -> None:
        await self._may_fail("seek")

    def seek(self, _: object, offset: int) -> None:
        self.sought.append(offset)
        self.stands = offset

    async def end_offsets(self, _: object) -> dict[TopicPartition, int]:
        await self._may_fail("end_offsets")
        return {TopicPartition(CLINICS.name, 0): 1}

    async def position(self, _: object) -> int:
        await self._may_fail("position")
        return self.stands

    async def getmany(self, **_: object) -> dict[Any, Any]:
        await self._may_fail("getmany")
        if self.stands:
            await asyncio.sleep(0.001)
            return {}
        self.stands = 1
        raw = ConsumerRecord(CLINICS.name, 0, 0, 0, 0, b"clinic", None, None, 6, 2, ())
        return {TopicPartition(CLINICS.name, 0): [raw]}


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> type[FakeConsumer]:
    made: type[FakeConsumer] = type("Fake", (FakeConsumer,), {"made": []})
    monkeypatch.setattr(table, "AIOKafkaConsumer", made)
    monkeypatch.setattr(table, "ToEnd", NoSilences)
    return made


class NoSilences:
    """As the real one, without a look at the client's inside."""

    def __init__(self, consumer: Any, ends: Mapping[Any, int]) -> None:
        self._consumer, self._ends = consumer, ends

    async def left(self) -> set[Any]:
        return {place for place, end in self._ends.items() if await self._consumer.position(place) < end}


@pytest.mark.parametrize("at", ["start", "seek", "end_offsets", "position", "getmany"])
async def test_a_table_that_cannot_be_read_is_an_outage_and_is_read_again(whole: type[FakeConsumer], at: str) -> None:
    for error in OUTAGES:
        whole.made.clear()
        whole.at, whole.fails = at, staticmethod(failing(error))  # type: ignore[assignment]  # called without self
        clinics = GlobalTable(SETTINGS, "intake", CLINICS, lambda _: None)
        with of(error):
            with pytest.raises(Transient) as told:
                await clinics.start()
            assert named(error) in str(told.value)
            assert whole.made[0].stopped
            await clinics.start()
            await clinics.stop()


@pytest.mark.parametrize("error", OUTAGES, ids=named)
async def test_a_table_goes_on_following(
    whole: type[FakeConsumer], error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole.at = ""
    clinics = GlobalTable(SETTINGS, "intake", CLINICS, lambda _: None)
    await clinics.start()
    again = asyncio.Event()
    fails = failing(error, 2)

    async def getmany(**_: object) -> dict[Any, Any]:
        await fails()
        again.set()
        return {}

    quick = asyncio.sleep
    monkeypatch.setattr(table.asyncio, "sleep", lambda _: quick(0))
    whole.made[0].getmany = getmany  # type: ignore[method-assign]  # fails from now on
    await asyncio.wait_for(again.wait(), 5)
    await clinics.stop()


async def test_a_table_whose_client_has_ended_goes_on_with_another_where_it_stood(
    whole: type[FakeConsumer],
) -> None:
    whole.at = ""
    clinics = GlobalTable(SETTINGS, "intake", CLINICS, lambda _: None)
    await clinics.start()
    whole.made[0]._fetcher._fetch_task.set_result(None)
    await asyncio.wait_for(whole.made[0].ended.wait(), 5)
    assert whole.made[1].sought == [1]
    await clinics.catch_up()
    await clinics.stop()


async def test_catching_up_does_not_wait_for_a_client_that_has_ended(whole: type[FakeConsumer]) -> None:
    whole.at = ""
    clinics = GlobalTable(SETTINGS, "intake", CLINICS, lambda _: None)

    async def getmany(self: FakeConsumer, **_: object) -> dict[Any, Any]:
        if not self._fetcher._fetch_task.done():
            self._fetcher._fetch_task.set_result(None)
        return {}

    whole.getmany = getmany  # type: ignore[method-assign]  # never gets anything
    with pytest.raises(Transient, match="fetch_task of the client has ended"):
        await asyncio.wait_for(clinics.start(), 5)


# ---- lag


@pytest.mark.parametrize("at", ["end_offsets", "committed", "beginning_offsets"])
async def test_a_lag_that_cannot_be_measured_is_an_outage(at: str) -> None:
    lag = Lag("intake", "10.0.0.8:9092")
    lag.assigned({(REQUESTS.name, 0)})

    def answer(call: str, found: Any, error: BaseException) -> Callable[..., Awaitable[Any]]:
        async def asked_for(_: object) -> Any:
            return await failing(error)() if call == at else found

        return asked_for

    answers = {"end_offsets": {PLACE: 3}, "committed": None, "beginning_offsets": {PLACE: 0}}
    for error in OUTAGES:
        consumer = SimpleNamespace(**{name: answer(name, found, error) for name, found in answers.items()})
        with of(error), pytest.raises(Transient, match=named(error)):
            await lag.measure(consumer)


# ---- the background of the group's consumer


class Started:
    """FastStream's subscriber: is started again with a new consumer."""

    def __init__(self, consumer: Any) -> None:
        self.consumer: Any = consumer
        self.tasks = [asyncio.get_running_loop().create_future()]
        self.fails: BaseException | None = None
        self.starts = 0

    async def stop(self) -> None:
        if self.fails is not None:
            raise self.fails
        self.tasks = []

    async def start(self) -> None:
        if self.fails is not None:
            fails, self.fails = self.fails, None
            raise fails
        self.starts += 1
        self.consumer = client()
        self.tasks = [asyncio.get_running_loop().create_future()]


def client() -> Any:
    future = asyncio.get_running_loop().create_future
    return SimpleNamespace(
        _client=SimpleNamespace(_sync_task=future()),
        _fetcher=SimpleNamespace(_fetch_task=future()),
        _coordinator=SimpleNamespace(_coordination_task=future()),
    )


TASKS = [("_client", "_sync_task"), ("_fetcher", "_fetch_task"), ("_coordinator", "_coordination_task")]


def a_started_subscription() -> tuple[Subscription, Started]:
    subscription, _ = a_subscription()
    started = Started(client())
    subscription._subscriber = started
    subscription._started = True
    return subscription, started


@pytest.mark.parametrize(("part", "task"), TASKS)
async def test_a_client_whose_background_has_ended_is_replaced(part: str, task: str) -> None:
    subscription, started = a_started_subscription()
    await subscription.look()
    assert started.starts == 0
    assert ended(started.consumer) is None
    getattr(getattr(started.consumer, part), task).set_exception(KafkaError())
    getattr(getattr(started.consumer, part), task).exception()
    assert ended(started.consumer) == task.strip("_")
    subscription._handling = True
    await subscription.look()
    assert started.starts == 0, "the batch in hand is finished first"
    subscription._handling = False
    await subscription.look()
    await subscription.look()
    assert started.starts == 1


async def test_a_loop_that_reads_no_more_is_started_again() -> None:
    subscription, started = a_started_subscription()
    started.tasks[0].cancel()
    await subscription.look()
    assert started.starts == 1


@pytest.mark.parametrize("error", OUTAGES, ids=named)
async def test_a_client_that_cannot_be_replaced_yet_is_tried_again(error: BaseException) -> None:
    subscription, started = a_started_subscription()
    started.tasks[0].cancel()
    started.fails = error
    with pytest.raises(Transient):
        await subscription.look()
    await subscription.look()
    assert started.starts == 1


@pytest.mark.parametrize("error", OUTAGES, ids=named)
async def test_a_subscription_that_cannot_be_started_is_an_outage(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the topics and the first connection of the group's consumer a broker may be gone."""
    subscription, _ = a_subscription()
    monkeypatch.setattr(subscription._broker, "start", failing(error))
    with pytest.raises(Transient):
        await subscription.start()
    await subscription.start()


def test_records_are_not_lost_sight_of() -> None:
    """The tables above name what this release of aiokafka has."""
    assert len(KAFKA) > 80
    assert {*TOO_LARGE, *REFUSED, *NOT_THERE} <= set(KAFKA)
