"""Records from outside that a hostile client sends again: as they were, and changed in ways that a signature shows."""

from __future__ import annotations

import base64
import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from confluent_kafka import KafkaError, Message, Producer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from homecall.contract.events import AnswerGiven, RequestSubmitted, VisitReported
from homecall.contract.topics import BY_NAME, CLINICS, TOPICS
from homecall.demo.embedded import until
from homecall.runtime.kafka.senders import ANY_CLINIC, SENDER, SIGNATURE, STAGES, signature_headers
from tests.factories import a_doctor, a_request, a_roster, iin
from tests.faults.harness.arena import Arena, arena
from tests.faults.harness.feed import DAY, DOCTORS, Headers, Plan
from tests.faults.harness.history import Findings
from tests.faults.harness.run import Options, Report
from tests.infrastructure.reader import Heard

Place = tuple[str, int, int]
ROUNDS = 2
AT_ONCE = 75
"""Records between two kills."""
OF_EACH_KIND = 3
"""In each round."""
SOME_OF = {RequestSubmitted.TYPE, AnswerGiven.TYPE, VisitReported.TYPE}
AT_MOST = 120
"""Of these types so many records are sent again in a round; of all others, each."""
_OLD_HOURS = {day: [["20:00", "20:30"]] for day in ("mon", "tue", "wed", "thu", "fri")}
FORMER = "former"
_OUTSIDE = [topic.name for topic in TOPICS if not topic.ours]


class Renewed(Plan):
    """A plan whose clinics and rosters were published before: with hours in the evening, and with other doctors.

    Every other clinic has revisions; of the others ``ce_time`` says which record is the newer one.
    """

    def __init__(self, seed: int, clinics: int) -> None:
        super().__init__(seed, clinics, minutes=14)
        now = [each | {"revision": 2} if place % 2 else each for place, each in enumerate(self.clinics)]
        old = [each | {"hours": _OLD_HOURS} | ({"revision": 1} if "revision" in each else {}) for each in now]
        self.clinics = [*old, *now]
        former = [a_doctor(f"{FORMER}-{number}") for number in range(DOCTORS)]
        days = (DAY.date(), (DAY + timedelta(days=1)).date())
        times = {"visit_minutes": 10, "travel_minutes": 0}
        old_rosters = [a_roster(name, day, former) | times for day in days for name in self.opens]
        self.rosters = [*old_rosters, *(each | {"revision": 2} for each in self.rosters)]
        self._revisions = dict.fromkeys(self.opens, 2)

    def time_of(self, data: Mapping[str, Any]) -> str:
        old = data.get("hours") == _OLD_HOURS
        return (DAY - timedelta(days=1)).isoformat() if old else super().time_of(data)


class Keys:
    """The operator's list of senders: one for the whole load, and one of a clinic that is not there."""

    def __init__(self) -> None:
        self._keys = {name: Ed25519PrivateKey.generate() for name in ("network", "stranger", "nobody")}

    def listed(self) -> str:
        """What ``HOMECALL_SENDERS_FILE`` holds."""
        may: dict[str, dict[str, Sequence[str]]] = {
            "network": {"clinics": [ANY_CLINIC], "stages": STAGES},
            "stranger": {"clinics": ["elsewhere"]},
        }
        public = {name: base64.b64encode(self._keys[name].public_key().public_bytes_raw()).decode() for name in may}
        return json.dumps({"senders": {name: {"keys": [public[name]], **rights} for name, rights in may.items()}})

    def sign(self, topic: str, key: bytes, headers: Headers, value: bytes | None, sender: str = "network") -> Headers:
        """The headers with those that say who sent it."""
        return [*headers, *signature_headers(sender, self._keys[sender].sign, topic, key, headers, value)]


@dataclass(frozen=True)
class Forged:
    """A record that must have no effect, and the reason of its dead letter."""

    topic: str
    key: bytes
    value: bytes | None
    headers: Headers
    reason: str = "unauthorised"


class Hostile:
    """Sends again what stands in the topics, and notes where each record of its own came to stand."""

    def __init__(self, system: Arena, keys: Keys) -> None:
        self._system = system
        self._rng = system.rng
        self._keys = keys
        self._producer = Producer(
            {"bootstrap.servers": system.world.kafka, "partitioner": "murmur2_random", "log_level": 1}
        )
        self.places: dict[Place, str] = {}
        """Of each record that it sent, the reason of the dead letter that is due; empty where none is."""
        self.sent: Counter[str] = Counter()
        self.again_by_type: Counter[str] = Counter()

    def originals(self) -> list[Heard]:
        """What others have sent so far."""
        heard = list(self._system.world.reader.heard)
        return [
            each
            for each in heard
            if not each.dead and each.topic in _OUTSIDE and (each.topic, each.partition, each.offset) not in self.places
        ]

    def send(self, topic: str, key: bytes, value: bytes | None, headers: Headers, reason: str, to: int = -1) -> None:
        def told(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._system.find("broken off", f"a hostile record was not taken: {error}")
                return
            self.places[message.topic(), message.partition(), message.offset()] = reason

        self._producer.produce(topic, value, key, to, headers=headers, on_delivery=told)
        self._producer.poll(0)

    def flush(self) -> None:
        self._producer.flush(30)

    def again(self, record: Heard) -> None:
        """Byte for byte, into its own partition or the one of a client that puts its key elsewhere."""
        original = record.original
        to = self._rng.choice((record.partition, -1))
        self.send(record.topic, original.key(), original.value(), original.headers(), "", to)
        self.sent["records again"] += 1
        self.again_by_type[record.type] += 1

    def forge(self, kind: str, record: Heard) -> None:
        """One record of a kind, made of a sound one."""
        forged = KINDS[kind](self, record)
        self.send(forged.topic, forged.key, forged.value, forged.headers, forged.reason)
        self.sent["forged records"] += 1

    # ------------------------------------------------------------ the kinds

    def moved(self, record: Heard) -> Forged:
        topic = self._rng.choice([name for name in _OUTSIDE if name != record.topic])
        original = record.original
        return Forged(topic, original.key(), original.value(), original.headers(), "unknown_type")

    def under_another_key(self, record: Heard) -> Forged:
        original = record.original
        others = [name for name in self._system.plan.opens if name != record.key]
        return Forged(record.topic, self._rng.choice(others).encode(), original.value(), original.headers())

    def under_another_id(self, record: Heard) -> Forged:
        other = str(self._uuid()).encode()
        headers = [(name, other if name == "ce_id" else text) for name, text in record.original.headers()]
        return Forged(record.topic, record.original.key(), record.original.value(), headers)

    def with_another_time(self, record: Heard) -> Forged:
        later = (DAY + timedelta(days=1)).isoformat().encode()
        headers = [(name, later if name == "ce_time" else text) for name, text in record.original.headers()]
        return Forged(record.topic, record.original.key(), record.original.value(), headers)

    def about_something_else(self, record: Heard) -> Forged:
        """The same about a request, or a complaint, that nobody has sent."""
        field = next(name for name in ("complaint_id", "request_id", "clinic_id") if name in record.data)
        data = record.data | {field: str(self._uuid())}
        key = str(data[BY_NAME[record.topic].key]).encode()
        return Forged(record.topic, key, json.dumps(data).encode(), record.original.headers())

    def unsigned(self, record: Heard) -> Forged:
        original = record.original
        return Forged(record.topic, original.key(), original.value(), _without_signature(original.headers()))

    def signed_by_another(self, record: Heard) -> Forged:
        original = record.original
        sender = self._rng.choice(("stranger", "nobody"))
        bare = _without_signature(original.headers())
        headers = self._keys.sign(record.topic, original.key(), bare, original.value(), sender)
        return Forged(record.topic, original.key(), original.value(), headers)

    def bare_tombstone(self, record: Heard) -> Forged:
        return Forged(CLINICS.name, self._clinic(record), None, [])

    def tombstone_with_a_records_signature(self, record: Heard) -> Forged:
        return Forged(CLINICS.name, self._clinic(record), None, record.original.headers())

    def tombstone_signed_by_another(self, record: Heard) -> Forged:
        key = self._clinic(record)
        headers = [("ce_time", (DAY + timedelta(days=1)).isoformat().encode())]
        return Forged(CLINICS.name, key, None, self._keys.sign(CLINICS.name, key, headers, None, "stranger"))

    def _clinic(self, record: Heard) -> bytes:
        return str(record.data.get("clinic_id") or self._rng.choice(list(self._system.plan.opens))).encode()

    def _uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self._rng.getrandbits(128), version=4)


def _without_signature(headers: Headers) -> Headers:
    return [(name, text) for name, text in headers if name not in (SENDER, SIGNATURE)]


KINDS: dict[str, Callable[[Hostile, Heard], Forged]] = {
    "moved": Hostile.moved,
    "another key": Hostile.under_another_key,
    "another id": Hostile.under_another_id,
    "another time": Hostile.with_another_time,
    "something else": Hostile.about_something_else,
    "unsigned": Hostile.unsigned,
    "signed by another": Hostile.signed_by_another,
    "bare tombstone": Hostile.bare_tombstone,
    "tombstone, a record's signature": Hostile.tombstone_with_a_records_signature,
    "tombstone, signed by another": Hostile.tombstone_signed_by_another,
}


def replayed_records(options: Options, report: Report) -> None:
    """A hostile client sends records again, changed ones among them, while services are killed: nothing goes back."""
    keys = Keys()
    with arena(seed=options.seed, at=DAY + timedelta(hours=8, minutes=40), speed=1) as system:
        path = system.world.directory / "senders.json"
        path.write_text(keys.listed(), encoding="utf-8")
        system.world.extra = {**system.world.extra, "HOMECALL_SENDERS_FILE": str(path)}
        system.history.may_be_dead |= {"unauthorised", "unknown_type"}
        plan = Renewed(options.seed, clinics=16)
        system.start(rate=0.0001, plan=plan, sign=keys.sign)
        assert system.feed is not None
        # The newer clinics and rosters hold before the first request: whatever goes by an older one has gone back.
        system.expect(lambda: not any(system.lag().values()), "clinics and rosters to be read", 60)
        system.feed.rate = 12
        system.tick(6)
        hostile = Hostile(system, keys)
        for _ in range(max(1, round(ROUNDS * options.scale))):
            _a_round(system, hostile)
        for each in [each for each in hostile.originals() if each.topic == CLINICS.name]:
            hostile.forge("bare tombstone", each)
        hostile.flush()
        system.kill(system.of("intake", 0))
        _ask_every_clinic(system)
        system.drain()
        _letters(system, hostile)
        system.kills.update(hostile.sent)
        again = ", ".join(f"{count} {name}" for name, count in sorted(hostile.again_by_type.items()))
        report.notes.append(f"again: {again}")
        system.settle()
        kinds = ("request.refused", "request.deferred", "visit.scheduled", "visit.rescheduled")
        sent = system.history.written([])[RequestSubmitted.TYPE]
        for old in gone_by_the_old(system.world.heard(*kinds), sent, plan.opens):
            system.find("gone_back", old)
        report.take(system)


def _a_round(system: Arena, hostile: Hostile) -> None:
    """Send again what was there, in any order, forged records among it, and kill a replica every so often."""
    originals = hostile.originals()
    always = [each for each in originals if each.type not in SOME_OF]
    some = [each for each in originals if each.type in SOME_OF]
    again = [*always, *system.rng.sample(some, min(len(some), AT_MOST))]
    acts: list[tuple[str, Heard]] = [("", each) for each in again]
    acts += [(kind, system.rng.choice(originals)) for kind in KINDS for _ in range(OF_EACH_KIND)]
    system.rng.shuffle(acts)
    for begin in range(0, len(acts), AT_ONCE):
        for kind, record in acts[begin : begin + AT_ONCE]:
            if kind:
                hostile.forge(kind, record)
            else:
                hostile.again(record)
        hostile.flush()
        system.kill(system.rng.choice(system.slots))
        system.tick(system.rng.uniform(1, 2.5))


def _ask_every_clinic(system: Arena) -> None:
    """A request by phone during the hours of each clinic, of a patient of its own: after all that was sent again."""
    assert system.feed is not None
    for number, (clinic, opens) in enumerate(system.plan.opens.items()):
        data = a_request(clinic, 80_000 + number, opens + timedelta(seconds=60))
        data["patient"]["iin"] = iin(4_000_000 + number)
        system.feed.send(RequestSubmitted.TYPE, data)


def _letters(system: Arena, hostile: Hostile) -> None:
    due = {place: reason for place, reason in hostile.places.items() if reason}
    until(lambda: not wrong_letters(system.world.dead(), due), 60)
    for kind, entries in wrong_letters(system.world.dead(), due).items():
        system.findings.setdefault(kind, []).extend(entries)


def wrong_letters(dead: Iterable[Heard], due: Mapping[Place, str]) -> Findings:
    """Forged records without their dead letter, by the reason that is due, and dead letters of anything else."""
    letters: dict[Place, set[str]] = defaultdict(set)
    for each in dead:
        said = each.headers
        at = (said["homecall-dead-topic"], int(said["homecall-dead-partition"]), int(said["homecall-dead-offset"]))
        letters[at].add(said["homecall-dead-reason"])
    found: Findings = defaultdict(list)
    for place in sorted(due.keys() - letters.keys()):
        found["not answered"].append(f"{place} has no dead letter: {due[place]} was expected")
    for place, reasons in letters.items():
        if reasons != {due.get(place)}:
            found["dead"].append(f"{place}: {sorted(reasons)}, where {due.get(place, 'none')} was expected")
    return dict(found)


def gone_by_the_old(
    heard: Iterable[Heard], sent: Mapping[str, Mapping[str, Any]], opens: Mapping[str, datetime]
) -> list[str]:
    """Decisions by a clinic's older hours, and visits by a doctor of an older roster."""
    found = []
    for each in heard:
        data = each.data
        about, opening = data["request_id"], opens[data["clinic_id"]]
        if each.type == "request.deferred" and datetime.fromisoformat(data["opens_at"]) != opening:
            found.append(f"{about} was deferred to {data['opens_at']}, and the clinic opens at {opening}")
        if each.type == "request.refused" and data["code"] == "outside_acceptance_hours":
            at = datetime.fromisoformat(sent[about]["submitted_at"])
            if at >= opening:
                found.append(f"{about} was refused as outside the hours, at {at} after {opening}")
        if data.get("doctor", {}).get("doctor_id", "").startswith(FORMER):
            found.append(f"{about} was given to a doctor of an older roster")
    return found
