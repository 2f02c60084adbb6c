"""What clinics, the portal, patients and complainants send: drawn from the seed, each at the time that it states."""

from __future__ import annotations

import json
import random
import uuid
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from homecall.contract.topics import BY_NAME, TOPIC_OF_TYPE, TYPE_PREFIX
from tests.factories import iin
from tests.faults import plan as plans
from tests.infrastructure.reader import Heard

_OTHERWISE = 3
Event = tuple[str, Mapping[str, Any]]


class Crowd:
    """A Monday's morning in a few clinics: the plan of the fault tests, and what clinics do with the answers."""

    def __init__(self, seed: int, requests: int, plan: plans.Plan | None = None) -> None:
        self._seed = seed
        clinics = max(2, requests // 20)
        self.plan = plan or plans.make(seed, requests, clinics=clinics, complaints=max(1, requests // 10))
        if plan is None:
            self._odd(random.Random(f"odd {seed}"))
        self.events = sorted(self.plan.events, key=lambda each: stated_at(each[1]))
        self._rng = random.Random(f"crowd {seed}")
        self._answered: set[str] = set()

    def _odd(self, rng: random.Random) -> None:
        """Some of the requests are refused whatever else holds of them, and some doctors drop out."""
        for clinic in self.plan.clinics[: rng.randrange(3)]:
            at = plans.OPENING + timedelta(seconds=rng.uniform(120, 240))
            about = {"clinic_id": clinic["clinic_id"], "date": at.date().isoformat(), "at": at.isoformat()}
            gone = {"doctor_id": f"doctor-{rng.randrange(1, 4)}", "from": f"{at:%H:%M}", "reason": "sick leave"}
            self.plan.events.append(("doctor.unavailable", about | gone))
        for data in {id(each): each for kind, each in self.plan.events if kind == "request.submitted"}.values():
            match rng.randrange(60):
                case 0:
                    data["reasons"] = ["no reason of the standard"]
                case 1 if data["request_id"] not in self.plan.ledger.withdrawn:
                    # To a clinic that nobody has heard of.
                    data["clinic_id"] = f"unknown-{data['clinic_id'][-2:]}"
                case 2:
                    authority = {"kind": "power_of_attorney", "valid_until": "2026-11-01"}
                    who = {"iin": iin(9_000 + rng.randrange(999)), "full_name": "Өкіл", "authority": authority}
                    data["applicant"] = who

    def without(self, left_out: frozenset[str]) -> None:
        """Leave requests and complaints out, by their ids: for a shorter history that fails as the whole one does."""
        ledger = self.plan.ledger
        self.events = [each for each in self.events if subject_of(each[1]) not in left_out]
        for kept in (ledger.sent, ledger.complaints):
            for each in left_out & kept.keys():
                del kept[each]  # type: ignore[attr-defined]  # one of two mappings
        ledger.withdrawn -= left_out

    def subjects(self) -> list[str]:
        """The requests and complaints, in the order in which they are first heard of."""
        return list(dict.fromkeys(subject_of(data) for _, data in self.events))

    def answers(self, heard: Heard, now: datetime) -> Iterator[tuple[float, Event]]:
        """What a clinic does about a status: after how many seconds of the services' clock, and what it sends then."""
        if heard.type != "status.changed" or heard.dead or heard.data["status"] != "scheduled":
            return
        request_id = heard.data["request_id"]
        if request_id in self._answered or request_id in self.plan.ledger.withdrawn:
            return
        self._answered.add(request_id)
        lot = random.Random(f"{self._seed} {request_id}").random()
        after = lot * 300
        about = {"request_id": request_id, "clinic_id": heard.data["clinic_id"]}
        about["at"] = (now + timedelta(seconds=after)).isoformat()
        if lot < 0.15:
            given_by = {"id": "registrar-1", "full_name": "Тіркеуші"}
            yield after, ("answer.given", about | {"given_by": given_by})
        elif lot < 0.35:
            yield after, ("visit.reported", about | {"outcome": "served" if lot < 0.28 else "not_at_home"})

    def record(self, event_type: str, data: Mapping[str, Any]) -> tuple[str, bytes, bytes, list[tuple[str, bytes]]]:
        """Topic, key, value and headers of an event."""
        topic = TOPIC_OF_TYPE[event_type]
        value = json.dumps(data, ensure_ascii=False).encode()
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", str(uuid.uuid5(uuid.NAMESPACE_OID, f"{event_type} {value.decode()}")).encode()),
            ("ce_source", b"/simulation"),
            ("ce_type", (TYPE_PREFIX + event_type).encode()),
            ("content-type", b"application/json"),
        ]
        return topic.name, str(data[topic.key]).encode(), value, headers

    def partition(self, topic: str, key: bytes) -> int | None:
        """The partition that a client puts a record into; None for that of its key.

        One clinic in a few has a client with a partitioner of its own: one replica has its requests then, and another
        what is said of them.
        """
        if int(key[-2:]) % _OTHERWISE == 1 if key.startswith(b"clinic-") else False:
            return (zlib.crc32(key) + 1) % BY_NAME[topic].partitions
        return None

    def times(self) -> int:
        """How often the next event is sent: some publishers repeat themselves."""
        return 2 if self._rng.random() < 0.05 else 1


def subject_of(data: Mapping[str, Any]) -> str:
    """The request or complaint that an event is about, or the doctor."""
    return str(data.get("request_id") or data.get("complaint_id") or data["doctor_id"])


def stated_at(data: Mapping[str, Any]) -> datetime:
    """When an event says that it happened."""
    return datetime.fromisoformat(data.get("submitted_at") or data["at"])
