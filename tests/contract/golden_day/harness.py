"""The four services in one process, on a broker in memory and a clock that is set by hand.

All imports of project code that the golden day needs stand in this file: whoever moves a module changes one line here.
The services are put together by their own composition roots. What stands in for something:

- aiokafka's producer and consumer, in the modules that name them (`_instead`), by a log in memory;
- the broker's group: batches are cut here, in a fixed order, and handed to the pipeline;
- the loop of timers and workers: each has its turn once in a round;
- the machine's clock, in the modules that ask it for the time of day, by the clock of the day;
- the order in which a database gives what sorts alike, by the order of ids;
- the verifier of signatures, the register of persons and the SMS gateway, by what the recorded inputs say of each.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import inspect
import json
import logging
import os
import random
import sys
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, get_args

import aiokafka
import structlog
from aiokafka import TopicPartition
from pymongo import MongoClient

from homecall.contract.envelope import DeadReason, Record
from homecall.contract.events import DeadlineName
from homecall.contract.events.shared import ComplaintStatus, Outcome, RefusalCode, RequestStatus
from homecall.contract.topics import BY_NAME, DECIDING, TOPIC_OF_TYPE, TOPICS
from homecall.demo import clinic_day
from homecall.gateways.signatures.port import Invalid, Signed, Unavailable, Unchecked, Valid, Verdict
from homecall.operations.serve import build
from homecall.runtime.clock import SystemClock
from homecall.runtime.encryption import Vault
from homecall.runtime.mongo.client import MongoCollection
from homecall.runtime.settings import load_settings
from tests.infrastructure.sms_gateway import ACCEPT, SECRET, SmsGateway

__all__ = ["BY_TYPE", "Day", "Input", "Player", "clinic_day", "known_words", "signature"]

BY_TYPE = {name: (topic.name, topic.key) for name, topic in TOPIC_OF_TYPE.items()}
"""By type of event, its topic and the field that is its key."""
BATCH = 20
"""Records in a batch at most."""
_TWICE_EVERY = 11
"""Of the batches, every so many is delivered a second time, as after a crash before its commit."""
_OURS = ("services.", "homecall.")


@dataclass(frozen=True)
class Input:
    """A record that somebody outside sends. ``at`` is when it is in its topic, ``recorded_at`` the record's time."""

    at: datetime
    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    recorded_at: datetime


@dataclass(frozen=True)
class Day:
    """What is played: the inputs in order, the moments at which the clock stands, and how the outside answers."""

    inputs: Sequence[Input]
    moments: Sequence[datetime]
    restarts: frozenset[datetime]
    """The moments before which all services stop and start again, on what they have stored."""
    outside: Mapping[str, Mapping[str, Any]]
    """``people`` by IIN, ``sms`` by phone number; whoever is not named is found, and takes messages."""


class HandClock(SystemClock):
    """Stands where it was set. Of the system clock's kind, so that times of records are judged (R17)."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    def set_to(self, moment: datetime) -> None:
        self._now = moment.astimezone(UTC)

    def now(self) -> datetime:
        return self._now


# ---- The broker ------------------------------------------------------------------------------------------------------


@dataclass
class Broker:
    """Topics as lists, in the order in which records came."""

    clock: HandClock
    topics: dict[str, list[Record]] = field(default_factory=lambda: {topic.name: [] for topic in TOPICS})

    def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes | None]],
        at: datetime | None = None,
    ) -> None:
        partition = zlib.crc32(key or b"") % BY_NAME[topic].partitions
        records = self.topics[topic]
        offset = sum(1 for each in records if each.partition == partition)
        timestamp = round((at or self.clock.now()).timestamp() * 1000)
        records.append(Record(topic, partition, offset, key, value, tuple(headers), timestamp))

    def producer(self, **_: Any) -> _Producer:
        return _Producer(self)

    def consumer(self, **_: Any) -> _Consumer:
        return _Consumer(self)


class _Producer:
    """As much of aiokafka's producer as is used."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        return

    async def send(self, topic: str, value: bytes | None, *, key: bytes | None, headers: Any) -> asyncio.Future[None]:
        self._broker.append(topic, key, value, headers)
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


class _Consumer:
    """As much of aiokafka's consumer as is used for reading a whole topic."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._at: dict[TopicPartition, int] = {}
        self._subscription = SimpleNamespace(subscription=None)

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        return

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(BY_NAME[topic].partitions))

    def assign(self, places: Iterable[TopicPartition]) -> None:
        self._at = dict.fromkeys(places, 0)

    def assignment(self) -> set[TopicPartition]:
        return set(self._at)

    async def seek_to_beginning(self) -> None:
        self._at = dict.fromkeys(self._at, 0)

    def seek(self, place: TopicPartition, offset: int) -> None:
        self._at[place] = offset

    async def position(self, place: TopicPartition) -> int:
        return self._at[place]

    async def end_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {place: len(self._of(place)) for place in places}

    async def getmany(self, *, timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        del timeout_ms
        found = {place: self._of(place)[at:] for place, at in sorted(self._at.items()) if self._of(place)[at:]}
        self._at.update({place: len(self._of(place)) for place in found})
        return found

    def _of(self, place: TopicPartition) -> list[Record]:
        return [each for each in self._broker.topics[place.topic] if each.partition == place.partition]


# ---- The world outside -----------------------------------------------------------------------------------------------


def signature(says: str) -> str:
    """A signature of which the verifier says this: ``valid``, ``never``, ``away <until>`` or ``invalid <check>``."""
    return base64.b64encode(f"golden {says}".encode()).decode()


def _verdict(signed: Signed, now: datetime) -> Verdict:
    says = base64.b64decode(signed.cms).decode(errors="replace").removeprefix("golden ").split(" ")
    match says:
        case ["valid"]:
            return Valid()
        case ["away", until]:
            return Valid() if now >= datetime.fromisoformat(until) else Unavailable("the verifier does not answer")
        case ["never"]:
            return Unavailable("the certificate has expired meanwhile", for_good=True)
        case ["invalid", check]:
            return Invalid(check, "does not hold: sign the data again")  # type: ignore[arg-type]  # one of its words
        case _:
            return Invalid("form", "is no CMS: sign the data and send the CMS")


class _Registers:
    """The register of persons and that of attached population, over HTTP as the adapter asks them."""

    def __init__(self, people: Mapping[str, Any], clock: HandClock) -> None:
        self._people = people
        self._clock = clock
        registers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                iin = json.loads(self.rfile.read(int(self.headers["content-length"])))["iin"]
                body = json.dumps(registers.answer(self.path.rpartition("/")[2], iin)).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/registers"
        threading.Thread(target=lambda: self.server.serve_forever(poll_interval=0.01), daemon=True).start()

    def answer(self, register: str, iin: str) -> dict[str, Any]:
        known = self._people.get(iin, {})
        until = known.get("unreadable_until")
        if until is not None and self._clock.now() < datetime.fromisoformat(until):
            return {"status": "strange"}
        status = known.get("status", "found")
        if register == "persons":
            person = {"full_name": "Тұрғын", "birth_date": known.get("birth_date", "1985-07-15")}
            return {"status": status} | ({"person": person} if status == "found" else {})
        clinic_id = known.get("clinic_id")
        if clinic_id is None:
            return {"status": "not_found"}
        return {"status": "found", "attachment": {"clinic_id": clinic_id, "attached_from": "2020-01-01"}}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


# ---- What would differ from run to run -------------------------------------------------------------------------------


def _pinned_datetime(clock: HandClock) -> type[datetime]:
    """``datetime`` whose ``now`` is the clock's; its other ways to make one give plain datetimes."""

    class OfAnyDatetime(type):
        def __instancecheck__(cls, each: object) -> bool:
            return isinstance(each, datetime)

        def __call__(cls, *args: Any, **more: Any) -> datetime:
            return datetime(*args, **more)  # noqa: DTZ001  # as whoever calls it says

    makers = {name: staticmethod(getattr(datetime, name)) for name in ("fromisoformat", "fromtimestamp", "combine")}
    now = staticmethod(lambda tz=None: clock.now().astimezone(tz))
    return OfAnyDatetime("datetime", (datetime,), {**makers, "now": now})


@contextlib.contextmanager
def _instead(broker: Broker) -> Iterator[None]:
    """In every module of ours that names them: the clock and Kafka's clients. And nonces that follow from content."""
    pinned = _pinned_datetime(broker.clock)
    undo: list[Callable[[], None]] = []

    def put(place: Any, name: str, value: Any) -> None:
        before = getattr(place, name)
        undo.append(lambda: setattr(place, name, before))
        setattr(place, name, value)

    replaced = {id(aiokafka.AIOKafkaProducer): broker.producer, id(aiokafka.AIOKafkaConsumer): broker.consumer}
    for module in [each for name, each in sorted(sys.modules.items()) if name.startswith(_OURS)]:
        source = inspect.getsource(module)
        for name, value in [*vars(module).items()]:
            if value is datetime and f"{name}.now(" in source:
                put(module, name, pinned)
            elif id(value) in replaced:
                put(module, name, replaced[id(value)])

    wanted = threading.local()
    urandom, seal = os.urandom, Vault.seal

    def drawn(size: int) -> bytes:
        about = getattr(wanted, "about", None)
        return urandom(size) if about is None else hashlib.sha256(about).digest()[:size]

    def sealed(vault: Vault, plain: bytes, about: str) -> Any:
        wanted.about = about.encode() + b"|" + plain
        try:
            return seal(vault, plain, about)
        finally:
            wanted.about = None

    async def verify(_: Unchecked, batch: Sequence[Signed]) -> list[Verdict]:
        return [_verdict(each, broker.clock.now()) for each in batch]

    find = MongoCollection.find

    async def found_in_order(collection: MongoCollection, query: Any, *, sort: str | None = None, **more: Any) -> Any:
        """Servers differ in the order of what sorts alike, and so would the order of timers that are due at once."""
        found = await find(collection, query, sort=sort, **more)
        return sorted(found, key=lambda doc: (doc[sort] if sort else 0, str(doc["_id"])))

    put(MongoCollection, "find", found_in_order)
    put(os, "urandom", drawn)
    put(Vault, "seal", sealed)
    put(Unchecked, "verify", verify)
    try:
        yield
    finally:
        for each in reversed(undo):
            each()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Only errors are logged: a line for each record would take longer than the day itself."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        yield
    finally:
        structlog.configure(**before)


# ---- The services ----------------------------------------------------------------------------------------------------


class Player:
    """Plays a day; afterwards ``broker`` has what was said and ``documents`` what was stored."""

    def __init__(self, day: Day, mongo_url: str, prefix: str) -> None:
        self._day = day
        self._mongo = mongo_url
        self._prefix = prefix
        self.clock = HandClock()
        self.broker = Broker(self.clock)
        self._services: list[Any] = []
        self._taken: dict[tuple[str, str], int] = {}
        """By service and topic, how many records it has had."""
        self._batches = 0
        self._turns = 0
        self._told = 0
        """Of the messages that the SMS gateway has taken, so many were reported on."""

    async def play(self) -> None:
        """Play from the first moment to the last."""
        sms = self._day.outside.get("sms", {})
        self._gateway = SmsGateway(lambda body: str(sms.get(body["recipients"][0], ACCEPT)))
        self._registers = _Registers(self._day.outside.get("people", {}), self.clock)
        left = list(self._day.inputs)
        try:
            self.clock.set_to(self._day.moments[0])
            for name in DECIDING:  # what is imported only when it is built must be there to be replaced in
                await build(name, self._settings(), self.clock).database.close()
            with _instead(self.broker), _quiet():
                await self._start()
                for moment in self._day.moments:
                    self.clock.set_to(moment)
                    if moment in self._day.restarts:
                        await self._stop()
                        await self._start()
                    while left and left[0].at <= moment:
                        each = left.pop(0)
                        self.broker.append(each.topic, each.key, each.value, each.headers, each.recorded_at)
                    await self._round()
                await self._stop()
        finally:
            self._gateway.close()
            self._registers.close()
        assert not left, f"{len(left)} inputs come after the last moment"

    def _settings(self) -> Any:
        return load_settings(
            _env_file=None,
            env="development",
            signatures="off",
            mongo_url=self._mongo,
            mongo_prefix=self._prefix,
            identity=self._registers.url,
            identity_wait_seconds=60,
            sms=self._gateway.url,
            sms_report_secret=SECRET,
            sms_wait_seconds=60,
            sms_at_once=1,
            # A plan is improved for as long as the machine takes: what it finds in that time differs.
            replan_seconds=0,
            # A day is forecast while the calls come: how many come before that differs.
            sampled_days=0,
            duty_officer="Кезекші Әділ Маратұлы, жауапты қызметкер",
            log_level="error",
        )

    async def _start(self) -> None:
        self._services = [build(name, self._settings(), self.clock) for name in DECIDING]
        for service in self._services:
            await service.schema.admit()
            for prepare in service.prepare:
                await prepare()
            await service.producer.start()
            for engine in service.engines:
                engine.store.learn_passed = _nothing_to_learn
            for table in service.tables:
                before = asyncio.all_tasks()
                await table.start()
                # It follows its topic by a task of its own: here it reads in its turn.
                for task in asyncio.all_tasks() - before:
                    task.cancel()

    async def _stop(self) -> None:
        for service in self._services:
            assert await service.pipeline.finish(10)
            for table in service.tables:
                await table.stop()
            for close in service.close:
                await close()
            await service.producer.stop()
            await service.database.close()

    async def _round(self) -> None:
        """Batches until nothing is left to read, then the timers and workers; again until these say nothing more."""
        busy = True
        while busy:
            while await self._batch_each():
                pass
            said = self._count()
            for service in self._services:
                random.seed(self.clock.now().isoformat())
                await service._tick()
                for worker in service.workers:
                    await worker(self.clock.now(), service.pipeline.stopping)
            await self._report_messages()
            busy = self._count() != said

    def _count(self) -> int:
        return sum(len(records) for records in self.broker.topics.values())

    async def _batch_each(self) -> bool:
        """One batch for each service that has something to read; whether any had."""
        any_had = False
        for service in self._services:
            for table in service.tables:
                await table.catch_up()
            batch = self._next_batch(service)
            if not batch:
                continue
            any_had = True
            self._batches += 1
            for _ in range(2 if self._batches % _TWICE_EVERY == 0 else 1):
                random.seed(self._batches)
                await service.pipeline.on_batch(batch, _commit)
                await service.pipeline.settled()
        return any_had

    def _next_batch(self, service: Any) -> list[Record]:
        """The next records of its topics; which topic comes first changes from turn to turn."""
        self._turns += 1
        names = [topic.name for topic in service.topics]
        first = self._turns % len(names)
        batch: list[Record] = []
        for name in names[first:] + names[:first]:
            at = self._taken.get((service.name, name), 0)
            some = self.broker.topics[name][at : at + BATCH - len(batch)]
            self._taken[service.name, name] = at + len(some)
            batch += some
        return batch

    async def _report_messages(self) -> None:
        """Delivery reports on what the SMS gateway has taken since: in order, turned round, twice, failed, or none."""
        for entry in self._gateway.entries()[self._told :]:
            names = {"id": entry.id, "reference": entry.reference}
            told = {
                0: ["sent", "delivered"],
                1: ["delivered", "sent"],
                2: ["sent", "sent", "failed"],
                3: [],
                4: ["accepted"],
            }[self._told % 5]
            self._told += 1
            for service in self._services:
                for receive in service.receives.values():
                    for status in told:
                        body = json.dumps(names | {"status": status}).encode()
                        answer = await receive(body, {"authorization": f"Bearer {SECRET}"})
                        assert answer[0] == 200, answer

    def documents(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Every stored document: the store (service and collection), its id, and what it holds."""
        with MongoClient[dict[str, Any]](self._mongo, tz_aware=True) as client:
            for database in sorted(name for name in client.list_database_names() if name.startswith(self._prefix)):
                for collection in sorted(client[database].list_collection_names()):
                    store = f"{database.removeprefix(self._prefix + '_')}.{collection}"
                    found = {str(doc["_id"]): doc for doc in client[database][collection].find({})}
                    for key in sorted(found):
                        yield store, key, found[key]

    def drop(self) -> None:
        """Remove all that was stored."""
        with MongoClient[dict[str, Any]](self._mongo) as client:
            for database in client.list_database_names():
                if database.startswith(self._prefix):
                    client.drop_database(database)


async def _commit(_: Mapping[tuple[str, int], int]) -> None:
    return


async def _nothing_to_learn(_: Iterable[tuple[str, int]]) -> None:
    return


def known_words() -> dict[str, set[str]]:
    """The words of the contract that a recording ought to have, by kind."""
    return {
        "types": set(TOPIC_OF_TYPE),
        "refusals": set(get_args(RefusalCode)),
        "status.changed": set(get_args(RequestStatus)),
        "complaint.status-changed": set(get_args(ComplaintStatus)),
        "dead letters": set(get_args(DeadReason)),
        "outcomes": set(get_args(Outcome)),
        "deadline.approaching": set(get_args(DeadlineName)),
        "deadline.missed": set(get_args(DeadlineName)),
    }
