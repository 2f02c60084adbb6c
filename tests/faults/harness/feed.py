"""The load: a seeded plan of what clinics, the portal and complainants send, for as long as it is let run.

The same seed gives the same events in the same order. What follows an answer (a visit's report, the steps of a
complaint) is sent once the answer was heard, chosen by the seed and the subject's id alone.
"""

from __future__ import annotations

import json
import random
import threading
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from homecall.contract.topics import TOPIC_OF_TYPE, TYPE_PREFIX, Topic
from homecall.contract.types import ZONE
from tests.factories import a_clinic, a_doctor, a_request, a_roster, iin
from tests.faults.harness.history import History
from tests.infrastructure.reader import Heard, Reader

DAY = datetime(2026, 11, 23, tzinfo=ZONE)
"""A Monday; the next days are working days, too."""
DOCTORS = 9
AT_ONCE = 8
BEAT = 0.1
_DISPATCHER = {"id": "dispatcher-1", "full_name": "Диспетчер"}
_OTHERWISE = 4
"""One clinic in so many has a client that puts its key into another partition than Kafka's own would."""
# Certainly not written: everything else that fails may have been.
_NOT_WRITTEN = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError._QUEUE_FULL,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
}

Event = tuple[str, dict[str, Any]]
Headers = list[tuple[str, bytes]]
Sign = Callable[[str, bytes, Headers, bytes], Headers]
"""The headers of a record of this topic, key and value, with those that say who sent it."""


class Plan:
    """A clinic network's day by a seed: ``clinics`` and ``rosters`` first, then ``events`` without end.

    The clinics open one after the other, ``minutes`` after 8:00 at the latest, so that at any time something is due:
    openings of deferred requests and complaints, and, where no answer by word of mouth comes, deadlines.

    With ``each`` a clinic has about so many events and then no more, one clinic after the other, ``AT_ONCE`` of them
    at a time: however long it goes on, it goes on as it is. Without, all clinics have them from beginning to end.
    """

    def __init__(self, seed: int, clinics: int = 24, minutes: int = 24, each: int | None = None) -> None:
        self._seed = seed
        self._each = each
        self._rng = random.Random(seed)
        self.opens = {
            f"clinic-{number:02d}": DAY + timedelta(hours=8, minutes=number * minutes // clinics)
            for number in range(clinics)
        }
        self.clinics = [self._clinic(name, number) for number, name in enumerate(self.opens)]
        self.rosters = [self._roster(name, day) for day in (DAY, DAY + timedelta(days=1)) for name in self.opens]
        self._revisions = dict.fromkeys(self.opens, 1)

    def partition(self, topic: Topic, clinic: str) -> int:
        """Where a clinic's client puts its records: -1 for where Kafka's own would, else by librdkafka's default.

        What is said of them goes by Kafka's own: one replica has their requests then, and another what comes of them.
        """
        otherwise = clinic in self.opens and list(self.opens).index(clinic) % _OTHERWISE == 1
        return zlib.crc32(clinic.encode()) % topic.partitions if otherwise else -1

    def time_of(self, data: Mapping[str, Any]) -> str:
        """The ``ce_time`` of a signed event: the same event has the same one, however often it is sent."""
        return str(data.get("submitted_at") or data.get("at") or DAY.isoformat())

    def _clinic(self, name: str, number: int) -> dict[str, Any]:
        day = [[f"{self.opens[name]:%H:%M}", "20:00"]]
        if number % 8 == 7:
            # Open in the night, closing soon after eight: visits whose day is over are due one after the other.
            self.opens[name] = DAY + timedelta(hours=2)
            day = [["02:00", f"08:{10 + number % 48:02d}"]]
        hours = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), day)
        return a_clinic(name, hours=hours, oral_confirmation=number % 3 == 0)

    def _roster(self, name: str, day: datetime, revision: int = 1) -> dict[str, Any]:
        doctors = [a_doctor(f"{name}-doctor-{number}", on_duty=number == 0, max_visits=70) for number in range(DOCTORS)]
        return a_roster(name, day.date(), doctors, revision) | {"visit_minutes": 10, "travel_minutes": 0}

    def events(self) -> Iterator[Event]:
        """What is sent, in order; the same for the same seed, however far it is read."""
        rng = self._rng
        names = list(self.opens)
        number = 0
        while True:
            number += 1
            first = 0 if self._each is None else max(0, min(number // self._each, len(names) - AT_ONCE))
            clinic = rng.choice(names if self._each is None else names[first : first + AT_ONCE])
            opens = self.opens[clinic]
            lot = rng.random()
            if lot < 0.03:
                yield self._complaint(rng, clinic, opens)
                continue
            if lot < 0.035:
                yield self._change_of_roster(rng, clinic)
                continue
            kind = rng.random()
            after = opens + timedelta(seconds=rng.uniform(0, 600))
            if kind < 0.12:
                data = self._request(clinic, number, opens - timedelta(hours=rng.uniform(1, 5)), "portal")
            elif kind < 0.15:
                yield "request.submitted", self._request(clinic, number, opens - timedelta(minutes=20), "phone")
                continue
            else:
                data = self._request(clinic, number, after, rng.choice(["desk", "phone", "portal"]))
            yield "request.submitted", data
            if kind > 0.97:
                yield "request.submitted", data | {"request_id": str(uuid.UUID(int=rng.getrandbits(128), version=4))}
            elif kind > 0.94:
                yield "request.submitted", data  # a publisher that sends again, under the same id
            elif kind > 0.88 or kind < 0.02:
                at = datetime.fromisoformat(data["submitted_at"]) + timedelta(seconds=30)
                reason = {"request_id": data["request_id"], "clinic_id": clinic}
                yield "request.withdrawn", reason | {"at": at.isoformat(), "reason": "recovered"}

    def _request(self, clinic: str, number: int, at: datetime, channel: str) -> dict[str, Any]:
        data = a_request(clinic, number, at, channel)
        # The made-up IINs are different up to 10,000 within each year of birth.
        data["patient"]["iin"] = iin(number // 10_000 * 100_000 + number % 10_000)
        data["request_id"] = str(uuid.uuid5(uuid.NAMESPACE_OID, f"request {self._seed} {number}"))
        return data

    def _complaint(self, rng: random.Random, clinic: str, opens: datetime) -> Event:
        early = rng.random() < 0.5
        at = opens + timedelta(minutes=rng.uniform(-50, -10) if early else rng.uniform(1, 10))
        return "complaint.submitted", {
            "complaint_id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            "addressed_to": rng.choice(["clinic", "clinic", "ministry"]),
            "clinic_id": clinic,
            "channel": "post",
            "submitted_at": at.isoformat(),
            "complainant": {
                "full_name": "Шағымданушы",
                "postal_address": "Алматы, Тал көшесі, 27",
                "language": "ru",
            },
            "text": "Дәрігер кешікті.",
            "received_by": {"full_name": "Қабылдаушы", "position": "Тіркеуші"},
            "answer_by": "post",
        }

    def _change_of_roster(self, rng: random.Random, clinic: str) -> Event:
        doctor = f"{clinic}-doctor-{rng.randrange(1, DOCTORS)}"
        if rng.random() < 0.5:
            away = {"clinic_id": clinic, "date": DAY.date().isoformat(), "doctor_id": doctor}
            return "doctor.unavailable", away | {"from": f"{rng.randrange(14, 19)}:00", "reason": "sick"}
        self._revisions[clinic] += 1
        return "roster.published", self._roster(clinic, DAY, self._revisions[clinic])

    def _by_hand(self, request_id: str, about: Mapping[str, Any]) -> Event:
        """A dispatcher gives the visit to some doctor of the clinic, or to one who is not there."""
        number = random.Random(f"by hand {self._seed} {request_id}").randrange(DOCTORS + 1)
        chosen = {"doctor_id": f"{about['clinic_id']}-doctor-{number}", "reason": "the seed's choice"}
        return "visit.assigned", {**about, **chosen, "assigned_by": _DISPATCHER}

    def _handed_on(self, request_id: str, about: Mapping[str, Any]) -> Event:
        """The call goes on at another clinic."""
        others = [each for each in self.opens if each != about["clinic_id"]]
        there = random.Random(f"handed on {self._seed} {request_id}").choice(others)
        return "request.transferred", {**about, "to_clinic_id": there, "reason": "attached there", "by": _DISPATCHER}

    def follow_up(self, heard: Heard) -> Iterator[Event]:
        """What a clinic does once it has heard of this: chosen by the seed and the subject, whenever it is heard."""
        if heard.type not in {"status.changed", "complaint.status-changed"}:
            return
        data = heard.data
        subject = data.get("complaint_id") or data["request_id"]
        lot = random.Random(f"{self._seed} {subject}").random()
        if data["status"] == "scheduled":
            about = {"request_id": subject, "clinic_id": data["clinic_id"], "at": _after_submission(data)}
            if lot < 0.15:
                yield "answer.given", about | {"given_by": {"id": "registrar-1", "full_name": "Тіркеуші"}}
            elif lot < 0.35:
                yield "visit.reported", about | {"outcome": "served" if lot < 0.3 else "not_at_home"}
            elif lot < 0.42:
                yield self._by_hand(subject, about)
            elif lot < 0.45:
                yield self._handed_on(subject, about)
        elif data["status"] in {"registered", "assigned", "executed"} and heard.type == "complaint.status-changed":
            official = {"full_name": "Орындаушы", "position": "Бөлім меңгерушісі"}
            about = {"complaint_id": subject, "clinic_id": data["clinic_id"], "at": data["occurred_at"]}
            if data["status"] == "registered" and lot < 0.6:
                yield "complaint.assigned", about | {"executor": official, "assigned_by": official}
            elif data["status"] == "assigned" and lot < 0.3:
                yield "complaint.executed", about | {"measures": "Ескерту жасалды"}
            elif data["status"] == "executed":
                answer = {"text": "Негізделген жауап", "decision": "upheld", "sent_by": "post"}
                yield "complaint.answered", about | answer


class Feed(threading.Thread):
    """Sends a plan at a steady rate, in operations of a history, until ``finish``."""

    def __init__(
        self,
        bootstrap: str,
        plan: Plan,
        history: History,
        reader: Reader,
        rate: float,
        seed: int,
        sign: Sign | None = None,
    ) -> None:
        super().__init__(name="feed", daemon=True)
        self.history = history
        self.plan = plan
        self.rate = rate
        self._sign = sign
        self._events = plan.events()
        self._reader = reader
        self._rng = random.Random(seed)
        self._read = 0
        self._withdrawn: set[str] = set()
        self._ending = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2_random",
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 5,
                # An operation that is not acknowledged by then is unknown, as it is to a publisher that gives up.
                "message.timeout.ms": 20_000,
                "log_level": 1,
            }
        )

    def begin(self) -> None:
        """Publish clinics and rosters, and start."""
        for clinic in self.plan.clinics:
            self.send("clinic.published", clinic)
        for roster in self.plan.rosters:
            self.send("roster.published", roster)
        self._producer.flush(30)
        self.start()

    def run(self) -> None:
        due = 0.0
        while not self._ending.wait(BEAT):
            due += self.rate * BEAT
            while due >= 1:
                self.send(*next(self._events))
                due -= 1
            self._follow()
            self._producer.poll(0)

    def send(self, event_type: str, data: Mapping[str, Any]) -> str:
        """Begin an operation; the same event is the same operation. Its id."""
        topic = TOPIC_OF_TYPE[event_type]
        value = json.dumps(data, ensure_ascii=False).encode()
        event_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{event_type} {value.decode()}"))
        key = str(data.get(topic.key, "")).encode()
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", event_id.encode()),
            ("ce_source", b"/faults"),
            ("ce_type", (TYPE_PREFIX + event_type).encode()),
            ("content-type", b"application/json"),
        ]
        if self._sign is not None:
            time = ("ce_time", self.plan.time_of(data).encode())
            headers = self._sign(topic.name, key, [*headers, time], value)
        if event_type == "request.withdrawn":
            self._withdrawn.add(str(data["request_id"]))
        operation = self.history.begin(event_id, event_type, data)

        def told(error: KafkaError | None, _message: Any) -> None:
            if error is None:
                self.history.end(operation, "ok")
            else:
                self.history.end(operation, "failed" if error.code() in _NOT_WRITTEN else "unknown")

        partition = self.plan.partition(topic, data["clinic_id"]) if topic.key == "clinic_id" else -1
        self.put(topic.name, value, key, headers, told, partition)
        return event_id

    def put(
        self, topic: str, value: bytes | None, key: bytes | None, headers: Any, told: Any = None, partition: int = -1
    ) -> None:
        """Queue a record as it is, waiting for room."""
        while True:
            try:
                self._producer.produce(topic, value, key, partition, headers=headers, on_delivery=told)
            except BufferError:
                self._producer.poll(0.2)
            except KafkaException as error:
                if told is not None:
                    told(error.args[0], None)
                return
            else:
                return

    def halt(self) -> None:
        """Send nothing more of the plan."""
        self._ending.set()
        self.join(30)

    def finish(self, patience: float = 60) -> None:
        """End the load: answer what was heard, wait for the last acknowledgement; send half of the unknown again."""
        self.halt()
        self._follow()
        self._producer.flush(patience)
        for operation in self.history.unknown():
            if self._rng.random() < 0.5:
                self.send(operation.type, operation.data)
        self._producer.flush(patience)

    def answer(self) -> None:
        """After the end: send what still follows from what was heard since."""
        self._follow()
        self._producer.flush(30)

    def _follow(self) -> None:
        heard = self._reader.heard
        while self._read < len(heard):
            each = heard[self._read]
            self._read += 1
            if each.key in self._withdrawn or each.dead:
                continue
            for event_type, data in self.plan.follow_up(each):
                self.send(event_type, data)


def _after_submission(answer: dict[str, Any]) -> str:
    """When a clinic acts on an answer: not before the request, which may be ahead of the services' clock."""
    limit = timedelta(minutes=30 if answer["channel"] == "portal" else 10)
    started_at = datetime.fromisoformat(answer["due_at"]) - limit
    return max(started_at, datetime.fromisoformat(answer["occurred_at"])).isoformat()
