"""The databases are lost: an older backup, or none, and the topics make them again as they were. Judged by the ledger,
by ``homecall reconcile``, and document by document."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient

from homecall.operations.backup import COLLECTIONS
from tests.factories import MONDAY, a_clinic, a_complaint, a_doctor, a_request, a_roster
from tests.faults.ledger import Ledger
from tests.infrastructure.forked import homecall as run
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld

CLINICS = ("clinic-1", "clinic-2")
SUNDAY_EVENING = MONDAY - timedelta(hours=13)
SERVICES = ("intake", "scheduler", "notifier", "complaints")
_LOOKED_UP = {"as_of", "look_again_at"}
Stored = dict[str, dict[str, Any]]


def homecall(world: World, *arguments: str) -> tuple[int, Any]:
    """A command in a process of its own: exit code, and the object that it printed."""
    done = run(*arguments, "--json", env=world.env, timeout=120)
    assert done.stdout, done.stderr.decode()[-3000:]
    return done.returncode, json.loads(done.stdout)


class Traffic:
    """A clinic day in parts, and a ledger of all that was sent."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ledger = Ledger()
        self._number = 0

    def begin(self) -> None:
        for clinic in CLINICS:
            self.world.publish("clinic.published", a_clinic(clinic))
            doctors = [a_doctor("ann"), a_doctor("ben", max_visits=6), a_doctor("cai")]
            self.world.publish("roster.published", a_roster(clinic, MONDAY.date(), doctors))

    def requests(self, count: int, channel: str = "phone", **over: Any) -> list[dict[str, Any]]:
        """So many requests at each clinic; through the portal they were made on Sunday evening, and deferred."""
        made = []
        for clinic in CLINICS:
            for _ in range(count):
                self._number += 1
                when = SUNDAY_EVENING if channel == "portal" else self.world.now()
                made.append(a_request(clinic, self._number, when, channel, **over))
        self.ledger.sent.update({each["request_id"]: each for each in made})
        self.world.publish("request.submitted", *made)
        return made

    def withdraw(self, request: Mapping[str, Any]) -> None:
        at = self.world.now().isoformat()
        data = {"request_id": request["request_id"], "clinic_id": request["clinic_id"], "at": at, "reason": "жақсы"}
        self.ledger.withdrawn.add(request["request_id"])
        self.world.publish("request.withdrawn", data)

    def visited(self, request: Mapping[str, Any]) -> None:
        at = self.world.now().isoformat()
        data = {"request_id": request["request_id"], "clinic_id": request["clinic_id"], "at": at, "outcome": "served"}
        self.world.publish("visit.reported", data)

    def complain(self, number: int, about: Mapping[str, Any]) -> None:
        made = a_complaint(about["clinic_id"], number, self.world.now(), request_id=about["request_id"])
        self.ledger.complaints[made["complaint_id"]] = (made["clinic_id"], ["delivered", "registered"])
        self.world.publish("complaint.submitted", made)

    def falls_ill(self, doctor: str) -> None:
        """From now on a doctor makes no visits: others get the calls, and the patients are told."""
        since = self.world.now().strftime("%H:%M")
        day = MONDAY.date().isoformat()
        for clinic in CLINICS:
            gone = {"clinic_id": clinic, "date": day, "doctor_id": doctor, "from": since, "reason": "ауырды"}
            self.world.publish("doctor.unavailable", gone)

    def through(self) -> None:
        """Everything is answered, and nothing on its way."""
        answered = {"scheduled", "refused", "withdrawn", "delayed", "completed", "rescheduled"}
        self.world.wait(
            lambda: all(answered & set(self.world.statuses(each)) for each in self.ledger.sent), "the answers", 60
        )
        self.world.settle(*SERVICES)

    def stop(self) -> None:
        """Stop the services, and wait until their groups have no member.

        A member whose process had no time left to say that it leaves is in its group until its session ends.
        """
        self.world.stop()
        admin = AdminClient({"bootstrap.servers": self.world.kafka, "log_level": 1})
        names = [f"homecall-{service}" for service in SERVICES]

        def have_left() -> bool:
            found = admin.describe_consumer_groups(names, request_timeout=10)
            return not any(each.result().members for each in found.values())

        self.world.wait(have_left, "the members to leave their groups", 60)
        self.world.wait_read()

    def judged(self) -> dict[str, list[str]]:
        self.world.wait_read()
        return self.ledger.judge(self.world.reader.heard)


def stored(world: World) -> Stored:
    """The states that the services have, without what tells one write from another."""
    found: Stored = {}
    with MongoClient[dict[str, Any]](world.mongo) as client:
        for service, collections in COLLECTIONS.items():
            for collection in collections:
                if collection in {"migrations", "clinics"}:
                    continue
                docs = client[f"{world.prefix}_{service}"][collection].find({})
                found[f"{service}.{collection}"] = {doc["_id"]: _plain(doc) for doc in docs}
    return found


def _plain(doc: dict[str, Any]) -> Any:
    if "numbers" in doc:
        return {"count": doc["count"], "numbers": doc["numbers"]}
    if "bookings" in doc:
        promised = ("from", "to", "doctor", "basis", "urgency", "district")
        return {
            "bookings": {name: {key: each[key] for key in promised} for name, each in doc["bookings"].items()},
            "roster": doc["roster"],
            "unavailable": doc["unavailable"],
        }
    events = sorted((event["type"], event["id"], event["value"]) for said in doc["o"].values() for event in said)
    state = dict(doc["s"])
    if state.get("call"):
        # When its call was looked up, and will be again: nobody was told, and it is a moment later or earlier.
        state["call"] = {name: value for name, value in state["call"].items() if name not in _LOOKED_UP}
    return {"state": state, "events": events}


def lose(world: World) -> None:
    with MongoClient[dict[str, Any]](world.mongo) as client:
        for service in COLLECTIONS:
            client.drop_database(f"{world.prefix}_{service}")


def rebuild_the_desk(world: World) -> None:
    """Its view is made again from the topics: it decides nothing, so ``recover`` leaves it out."""
    done = run("desk", "rebuild", "--yes", env=world.env)
    assert done.returncode == 0, done.stderr.decode()


def differences(before: Stored, after: Stored) -> list[str]:
    found = []
    for collection in before:
        for name in before[collection].keys() | after[collection].keys():
            one, other = before[collection].get(name), after[collection].get(name)
            found += [f"{collection} {name}{each}" for each in _apart(one, other)]
    return found


def _apart(one: Any, other: Any, where: str = "") -> list[str]:
    """Where two documents are not the same."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = sorted(one.keys() | other.keys())
        return [each for name in names for each in _apart(one.get(name), other.get(name), f"{where}.{name}")]
    return [] if one == other else [f"{where}: {one!r} is {other!r}"]


@pytest.fixture
def traffic(new_world: NewWorld) -> Any:
    with new_world() as world:
        yield Traffic(world)


def test_an_older_backup_and_the_topics_give_back_what_was_lost(
    traffic: Traffic, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    world = traffic.world
    world.start("all")
    traffic.begin()
    early = traffic.requests(4) + traffic.requests(2, "portal")
    traffic.through()
    traffic.complain(1, early[0])
    traffic.withdraw(early[1])
    file = tmp_path / "monday.backup"
    # Beside services at work: what comes now may be in it, or not, or in part.
    during = traffic.requests(6)
    code, made = homecall(world, "backup", "--out", str(file))
    assert code == 0
    assert sum(sum(places.values()) for places in made["offsets"].values()) > 0

    later = traffic.requests(5) + traffic.requests(3, "portal")
    traffic.through()
    traffic.withdraw(early[2])
    traffic.withdraw(later[0])
    traffic.visited(early[3])
    traffic.falls_ill("ben")
    traffic.complain(2, during[0])
    traffic.through()
    traffic.requests(2)
    traffic.through()
    assert traffic.judged() == {}
    traffic.stop()
    before, said = stored(world), len(world.reader.heard)

    lose(world)
    assert homecall(world, "restore", str(file))[0] == 0
    assert differences(before, stored(world)), "the backup is older than the loss"
    code, found = homecall(world, "recover", "--backup", str(file))
    told = found["services"]
    figure(f"recovered {sum(each['records'] for each in told.values())} records")
    assert {name: each["silent"] for name, each in told.items()} == {name: {} for name in SERVICES}
    assert {name: each["otherwise"] for name, each in told.items()} == {name: {} for name in SERVICES}
    assert {name: each["new"] for name, each in told.items()} == {name: {} for name in SERVICES}
    assert code == 0
    world.wait_read()
    assert len(world.reader.heard) == said, "nothing is said a second time"
    rebuild_the_desk(world)
    assert differences(before, stored(world)) == []

    world.start("all")
    traffic.requests(3)
    traffic.requests(1, "portal")
    traffic.through()
    assert traffic.judged() == {}
    code, drift = homecall(world, "reconcile", "--settle", "0")
    assert (code, drift["differences"]) == (0, [])


def test_without_any_backup_the_topics_alone_give_it_all_back(traffic: Traffic) -> None:
    world = traffic.world
    world.start("all")
    traffic.begin()
    requests = traffic.requests(5) + traffic.requests(3, "portal")
    traffic.through()
    traffic.withdraw(requests[0])
    traffic.visited(requests[1])
    traffic.falls_ill("ann")
    traffic.complain(1, requests[2])
    traffic.through()
    assert traffic.judged() == {}
    traffic.stop()
    before, said = stored(world), len(world.reader.heard)
    # It came while nothing ran: it is left to the services.
    late = traffic.requests(2)
    lose(world)
    code, found = homecall(world, "recover")
    told = found["services"].values()
    assert [(each["silent"], each["otherwise"], each["new"]) for each in told] == [({}, {}, {})] * len(SERVICES)
    assert code == 0
    world.wait_read()
    assert len(world.reader.heard) == said + len(late)
    rebuild_the_desk(world)
    after = stored(world)
    for each in late:  # the desk has heard of them by now
        after["desk.calls"].pop(each["request_id"])
    assert differences(before, after) == []
    world.start("all")
    traffic.through()
    assert traffic.judged() == {}
    code, drift = homecall(world, "reconcile", "--settle", "0")
    assert (code, drift["differences"]) == (0, [])
