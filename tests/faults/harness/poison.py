"""Scenario 7: garbage among the requests; scenario 8: dead letters, and a whole day, sent again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from homecall.contract.events import RequestSubmitted
from homecall.contract.topics import MAX_MESSAGE_BYTES, REQUESTS, TYPE_PREFIX
from homecall.contract.types import ZONE
from homecall.demo.embedded import until
from tests.factories import a_request, iin
from tests.faults.harness.arena import SERVICES, SOUND, Arena, arena
from tests.faults.harness.feed import DAY, Plan
from tests.faults.harness.history import effects
from tests.faults.harness.run import Options, Report
from tests.infrastructure.reader import Heard

MARK = "x-poison"
ROUNDS, MOST_ROUNDS = 3, 6
"""With and without garbage; more than the first only where those were slow, as a busy machine makes them."""
IN_A_ROUND = 400
SHARE = 0.05
LEAST_RATIO = 0.6
"""Of the throughput without garbage: the rounds differ by as much on a machine that does other work, too."""


@dataclass(frozen=True)
class Poison:
    """A kind of garbage: what is sent, and what must come of it.

    ``expected`` is a dead letter's reason, ``refused`` or ``scheduled`` for what can be answered, or ``too large`` for
    what the broker must not take.
    """

    value: Callable[[dict[str, Any]], bytes | None]
    expected: str
    type: str = RequestSubmitted.TYPE
    keyed: bool = True
    structured: bool = False
    compressed: bool = False


def _json(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode()


def _twice(data: dict[str, Any]) -> bytes:
    """A structured event one of whose keys stands twice."""
    event = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "/faults"}
    event |= {"type": TYPE_PREFIX + RequestSubmitted.TYPE, "data": data}  # type: ignore[dict-item]  # a dictionary of JSON
    return _json(event)[:-1] + b', "id": "another"}'


KINDS = {
    "truncated": Poison(lambda data: _json(data)[:-20], "not_json"),
    "at the size limit": Poison(lambda data: _json(data | {"padding": "@"}), "scheduled"),
    "a byte above it": Poison(lambda data: _json(data | {"padding": "@"}), "too large"),
    "5 MB, compressed": Poison(lambda _: b'{"a": "' + b"x" * 5_000_000, "not_json", compressed=True),
    "deep nesting": Poison(lambda _: b"[" * 100_000, "not_json"),
    "wrong types": Poison(lambda data: _json(data | {"patient": 17, "reasons": "fever"}), "refused"),
    "null key": Poison(_json, "scheduled", keyed=False),
    "null value": Poison(lambda _: None, "not_json"),
    "bad UTF-8": Poison(lambda data: _json(data)[:-1] + b', "note": "\xff\xfe"}', "not_json"),
    "unknown version": Poison(_json, "unknown_type", type=f"{RequestSubmitted.TYPE}.v2"),
    "100,000 reasons": Poison(lambda data: _json(data | {"reasons": ["other"] * 100_000}), "refused"),
    "a key twice": Poison(_twice, "not_cloudevent", structured=True),
}
"""A time in the future is the twelfth kind: it is judged by the machine's clock alone, in an arena of its own."""


def record_size(key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]) -> int:
    """The bytes of a batch that holds one record, as the broker counts them against ``max.message.bytes``."""

    def varint(number: int) -> int:
        zigzag = number << 1 if number >= 0 else 1
        return max(1, -(-zigzag.bit_length() // 7))

    def text(held: bytes | None) -> int:
        return varint(-1) if held is None else varint(len(held)) + len(held)

    body = 3 + text(key) + text(value) + varint(len(headers))
    body += sum(text(name.encode()) + text(held) for name, held in headers)
    return 61 + varint(body) + body


class Poisoner:
    """Sends garbage, each with a mark of its own, and looks for what came of it."""

    def __init__(self, system: Arena) -> None:
        self._system = system
        common = {"bootstrap.servers": system.world.kafka, "partitioner": "murmur2_random", "linger.ms": 0}
        common |= {"message.max.bytes": 8_000_000, "message.timeout.ms": 20_000, "log_level": 1}
        self._plain = Producer(common)
        self._gzip = Producer(common | {"compression.type": "gzip"})
        self.sent: dict[str, tuple[str, str]] = {}
        """By mark: the kind, and the request that it would be about."""
        self.refused_by_broker: Counter[str] = Counter()

    def send(self, kind: str, data: dict[str, Any]) -> None:
        """Send one; what is about its size to the byte goes alone in its batch."""
        poison, mark = KINDS[kind], str(uuid.uuid4())
        headers = [(MARK, mark.encode())]
        if poison.structured:
            headers.append(("content-type", b"application/cloudevents+json"))
        else:
            headers += [("ce_specversion", b"1.0"), ("ce_id", mark.encode()), ("ce_source", b"/faults")]
            headers += [("ce_type", (TYPE_PREFIX + poison.type).encode()), ("content-type", b"application/json")]
        key = data["clinic_id"].encode() if poison.keyed else None
        value = poison.value(data)
        to_the_byte = value is not None and b'"padding": "@"' in value
        if value is not None and to_the_byte:
            room = MAX_MESSAGE_BYTES - record_size(key, value, headers)
            # The lengths themselves grow with what is added: taken back until it fits to the byte.
            padded = value.replace(b"@", b"@" * room)
            while record_size(key, padded, headers) > MAX_MESSAGE_BYTES:
                room -= record_size(key, padded, headers) - MAX_MESSAGE_BYTES
                padded = value.replace(b"@", b"@" * room)
            value = padded if kind == "at the size limit" else value.replace(b"@", b"@" * (room + 1))
        if poison.expected in {"refused", "scheduled"}:
            operation = self._system.history.begin(mark, RequestSubmitted.TYPE, data)
            self._system.history.end(operation, "ok")
        self.sent[mark] = (kind, data["request_id"])

        def told(error: KafkaError | None, _message: Any) -> None:
            if error is not None:
                self.refused_by_broker[kind] += 1

        producer = self._gzip if poison.compressed else self._plain
        if to_the_byte:
            producer.flush(30)
        try:
            producer.produce(REQUESTS.name, value, key, headers=headers, on_delivery=told)
        except KafkaException:
            self.refused_by_broker[kind] += 1
        if to_the_byte:
            producer.flush(30)

    def flush(self) -> None:
        """Wait for what the broker says of all of them."""
        self._plain.flush(30)
        self._gzip.flush(30)

    def outcomes(self) -> dict[str, Counter[str]]:
        """By kind: what has come of those that were sent, each dead letter counted once for where it came from."""
        heard = list(self._system.world.reader.heard)
        letters: dict[str, set[tuple[str, str, str]]] = {}
        for each in heard:
            if each.dead and MARK in each.headers:
                place = (each.headers["homecall-dead-partition"], each.headers["homecall-dead-offset"])
                letters.setdefault(each.headers[MARK], set()).add((each.headers["homecall-dead-reason"], *place))
        ends: dict[str, set[str]] = {}
        for each in heard:
            if each.type == "status.changed":
                ends.setdefault(each.key, set()).add(each.data["status"])
        found: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
        for mark, (kind, request_id) in self.sent.items():
            for reason, _, _ in letters.get(mark, ()):
                found[kind][reason] += 1
            for status in ends.get(request_id, set()) & {"refused", "scheduled"}:
                found[kind][status] += 1
        for kind, count in self.refused_by_broker.items():
            found[kind]["too large"] += count
        return found


def garbage(options: Options, report: Report) -> None:
    """One record in twenty is garbage of twelve kinds: each has its dead letter or refusal, and throughput holds."""
    with arena(seed=options.seed) as system:
        system.history.may_be_dead |= {"not_json", "not_cloudevent", "unknown_type"}
        system.start(rate=0.0001)
        poisoner = Poisoner(system)
        seconds: dict[bool, list[float]] = {False: [], True: []}
        number = 0
        kinds = list(KINDS)
        for turn in range(2 * MOST_ROUNDS):
            poisoned = bool(turn % 2)
            if not poisoned and turn >= 2 * ROUNDS and _ratio(seconds) >= LEAST_RATIO:
                break
            began = time.monotonic()
            wanted = []
            for place in range(IN_A_ROUND):
                number += 1
                if poisoned and place % round(1 / SHARE) == 0:
                    poisoner.send(
                        kinds[number // round(1 / SHARE) % len(kinds)], _request(system.plan, number + 50_000)
                    )
                data = _request(system.plan, number)
                system.feed.send(RequestSubmitted.TYPE, data)  # type: ignore[union-attr]  # it is there by now
                wanted.append(data["request_id"])
            done = _Done(system.world.reader.heard, wanted)
            system.expect(done, f"the {len(wanted)} requests of a round to be answered", 120)
            seconds[poisoned].append(time.monotonic() - began)
        for kind in kinds:
            poisoner.send(kind, _request(system.plan, 90_000 + kinds.index(kind)))
        poisoner.flush()
        wrong: dict[str, dict[str, int]] = {}

        def as_expected() -> bool:
            sent = Counter(kind for kind, _ in poisoner.sent.values())
            wrong.clear()
            for kind, came in poisoner.outcomes().items():
                if came != {KINDS[kind].expected: sent[kind]}:
                    wrong[kind] = dict(came)
            return not wrong

        if not until(as_expected, 60):
            for kind, came in wrong.items():
                system.find("not answered", f"{kind}: {KINDS[kind].expected} was expected, there came {came}")
        ratio = _ratio(seconds)
        report.notes.append(f"throughput with garbage: {ratio:.2f} of that without")
        if ratio < LEAST_RATIO:
            system.find("slow", f"with garbage the throughput is {ratio:.2f} of that without it")
        system.kills["garbage"] += len(poisoner.sent)
        system.settle()
        report.take(system)
    _in_the_future(options, report)


def _ratio(seconds: dict[bool, list[float]]) -> float:
    """Throughput with garbage to that without it: of the fastest rounds, since what disturbs only ever slows down."""
    return min(seconds[False]) / min(seconds[True])


class _Done:
    """Whether all of these requests have been answered; reads what was heard once."""

    def __init__(self, heard: list[Heard], wanted: list[str]) -> None:
        self._heard = heard
        self._read = 0
        self._left = set(wanted)

    def __call__(self) -> bool:
        while self._read < len(self._heard):
            each = self._heard[self._read]
            self._read += 1
            if each.type == "status.changed" and each.data["status"] in {"scheduled", "refused"}:
                self._left.discard(each.key)
        return not self._left


def _request(plan: Plan, number: int) -> dict[str, Any]:
    """A sound request of a patient of its own, during the hours of its clinic."""
    clinic = sorted(plan.opens)[number % len(plan.opens)]
    data = a_request(clinic, number, plan.opens[clinic] + timedelta(seconds=number % 600))
    data["patient"]["iin"] = iin(number // 10_000 * 100_000 + number % 10_000)
    return data


def _in_the_future(options: Options, report: Report) -> None:
    """Under the machine's clock: a request dated an hour ahead of its record is refused, its neighbours are not."""
    with arena(seed=options.seed, at=None) as system:
        system.slots = [slot for slot in system.slots if slot.service in {"intake", "notifier"}]
        system.start(rate=0.0001)
        assert system.feed is not None
        now = system.world.now().astimezone(ZONE)
        ahead = []
        for number in range(20):
            data = _request(system.plan, 70_000 + number) | {"channel": "portal"}
            data["signature"] = {"format": "cms", "value": "AAAA"}
            if number % 4 == 0:
                ahead.append(data["request_id"])
            moment = now + timedelta(hours=1) if number % 4 == 0 else now
            system.feed.send(RequestSubmitted.TYPE, data | {"submitted_at": moment.isoformat()})
        sent = set(system.history.written([])[RequestSubmitted.TYPE]) | set(ahead)

        def decided() -> dict[str, str]:
            kinds = ("request.accepted", "request.deferred", "request.refused")
            return {each.data["request_id"]: each.type for each in system.world.heard(*kinds)}

        system.expect(lambda: len(decided()) >= max(20, len(sent)), "twenty decisions", 60)
        refused = {request_id for request_id, kind in decided().items() if kind == "request.refused"}
        if refused != set(ahead):
            system.find(
                "not answered",
                f"of {len(ahead)} requests of the future {len(refused & set(ahead))} were "
                f"refused, and {len(refused - set(ahead))} others",
            )
        report.notes.append(f"{len(refused & set(ahead))} of {len(ahead)} from the future refused")
        for kind, entries in system.findings.items():
            report.findings.setdefault(kind, []).extend(entries)


# ---- Sent again ------------------------------------------------------------------------------------------------------


def letters_twice(options: Options, report: Report) -> None:
    """Requests that intake failed on, by a defect since mended: their dead letters are replayed, twice."""
    with arena(seed=options.seed) as system:
        system.history.may_be_dead |= {"handler_failed", "not_json"}
        for number in (0, 1):
            system.of("intake", number).command = ("tests.faults.broken", "quote")
        system.start(rate=10)
        assert system.feed is not None
        failing = []
        for number in range(8):
            data = _request(system.plan, 60_000 + number) | {"note": "FAIL"}
            failing.append(data["request_id"])
            system.feed.send(RequestSubmitted.TYPE, data)
            system.feed.put(REQUESTS.name, b"no request", data["clinic_id"].encode(), [])

        def letters() -> set[tuple[str, str]]:
            """Where the failing requests stand that have their letter."""
            dead = [each.headers for each in system.world.dead() if b"FAIL" in each.value]
            return {(each["homecall-dead-partition"], each["homecall-dead-offset"]) for each in dead}

        system.expect(lambda: len(letters()) == len(failing), "a dead letter of each request that fails", 120)
        broken = [system.of("intake", number) for number in (0, 1)]
        system.stop_all(broken)
        for slot in broken:
            slot.command = SOUND
            system.launch(slot)
        for turn in (1, 2):
            said = homecall(system, "dead-letters", "replay", "--yes")
            report.notes.append(f"replay {turn}: {said.splitlines()[-1]}")
            system.kills["replays"] += 1
        system.settle()
        if len(letters()) != len(failing):
            system.find(
                "not answered", f"{len(letters()) - len(failing)} requests died again after the defect was mended"
            )
        report.take(system)


def homecall(system: Arena, *arguments: str) -> str:
    """What the ``homecall`` command says, in the arena's environment."""
    command = [sys.executable, "-m", "homecall.cli.main", *arguments]
    done = subprocess.run(
        command, env=system.world.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        system.find("broken off", f"homecall {' '.join(arguments)}: {done.stderr.strip()[:300]}")
    return done.stdout.strip() or "nothing"


def day_again(options: Options, report: Report) -> None:
    """A day's topics are sent once more into the running system, then read from their start: nothing changes."""
    # Every clinic has opened; the clock goes as ours, so that hardly a timer is due meanwhile.
    with arena(seed=options.seed, at=DAY + timedelta(hours=8, minutes=40), speed=1) as system:
        system.start(rate=30)
        system.tick(25 * options.scale)
        system.drain()
        before = effects(system.world.reader.heard)
        records = [each for each in list(system.world.reader.heard) if each.topic != "homecall.dead-letters.v1"]
        producer = Producer({"bootstrap.servers": system.world.kafka, "partitioner": "murmur2_random", "log_level": 1})
        for each in records:
            original = each.original
            producer.produce(each.topic, original.value(), original.key(), headers=original.headers())
            producer.poll(0)
        producer.flush(60)
        system.kills["records again"] += len(records)
        _through(system)
        # And from the start, by every group.
        system.stop_all(system.slots)
        admin = AdminClient({"bootstrap.servers": system.world.kafka, "log_level": 1})
        for service in SERVICES:
            places = [TopicPartition(name, number, 0) for name, number in system.world.committed(service)]
            request = [ConsumerGroupTopicPartitions(f"homecall-{service}", places)]
            for future in admin.alter_consumer_group_offsets(request).values():
                future.result(30)
            system.kills["groups rewound"] += 1
        for slot in system.slots:
            system.launch(slot)
        _through(system)
        after = effects(system.world.reader.heard)
        new = {effect for effect in after.keys() - before.keys() if not _by_the_clock(effect, after[effect])}
        for effect in sorted(new):
            system.find("doubled", f"{' '.join(effect)} came of what had been heard before")
        for effect in before:
            if after[effect] != before[effect]:
                system.find("contradiction", f"{' '.join(effect)} was said otherwise")
        report.notes.append(f"{len(before)} effects before, {len(after.keys() - before.keys())} by the clock since")
        system.settle()
        report.take(system)


def _by_the_clock(effect: tuple[str, ...], said: set[tuple[str, bytes]]) -> bool:
    """Whether an effect is one of time passing: a deadline, and the status that goes with it."""
    return effect[0].startswith("deadline.") or all(json.loads(value).get("status") == "delayed" for _, value in said)


def _through(system: Arena) -> None:
    """Wait until the services have read, and committed, all there is."""
    system.wait_ready()
    system.expect(lambda: not any(system.lag().values()), "no lag", 180)
    system.world.wait_read()
