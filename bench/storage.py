"""What a request costs on disk: bytes in each store and each topic, by the real services on real Kafka.

``python -m bench.storage``. Stores are counted as BSON, before MongoDB compresses it; topics as segments on disk, as
the producers wrote them, one replica.
"""

from __future__ import annotations

import argparse
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bson
from pymongo import MongoClient

from homecall.contract.topics import TOPICS
from homecall.demo.embedded import until
from homecall.operations.backup import COLLECTIONS
from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster
from tests.infrastructure import stack
from tests.infrastructure.world import World, a_world, contract_configs, contract_topics

_CLINICS = 4
_SERVICES = ("intake", "scheduler", "notifier", "complaints")


def measure(requests: int) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Bytes of all requests together, by store and by topic."""
    with (
        tempfile.TemporaryDirectory() as directory,
        stack.own_cluster(1, directories={1: Path(directory)}, properties={"min.insync.replicas": "1"}) as (kafka,),
        stack.own_mongo() as mongo,
    ):
        stack.recreate_topics(kafka.address, contract_topics(), contract_configs())
        with a_world(kafka.address, mongo.address, f"storage_{uuid.uuid4().hex[:8]}") as world:
            _play(world, requests)
            stores = _stores(world)
            world.stop()
        return stores, _topics(Path(directory))


def _play(world: World, requests: int) -> None:
    world.start(*_SERVICES)
    doctors = [a_doctor(f"doctor-{number}", max_visits=60) for number in range(requests // _CLINICS // 20 + 1)]
    clinics = [f"clinic-{number}" for number in range(_CLINICS)]
    for clinic in clinics:
        world.publish("clinic.published", a_clinic(clinic))
        world.publish("roster.published", a_roster(clinic, MONDAY.date(), doctors))
    made = [a_request(clinics[number % _CLINICS], number, world.now()) for number in range(requests)]
    for start in range(0, requests, 50):
        world.publish("request.submitted", *made[start : start + 50])
    answered = lambda: len({each.key for each in world.heard("status.changed") if each.data["status"] == "scheduled"})  # noqa: E731  # as short as it is, it reads best here
    until(lambda: answered() >= requests, 300)
    assert answered() == requests, f"only {answered()} of {requests} were answered"
    reports = [
        {
            "request_id": each["request_id"],
            "clinic_id": each["clinic_id"],
            "at": world.now().isoformat(),
            "outcome": "served",
        }
        for each in made
    ]
    world.publish("visit.reported", *reports)
    until(lambda: len(world.heard("visit.closed")) >= requests, 120)
    world.settle(patience=120)


def _stores(world: World) -> dict[str, int]:
    found: dict[str, int] = {}
    with MongoClient[dict[str, Any]](world.mongo) as client:
        for service, collections in COLLECTIONS.items():
            for collection in collections:
                docs = client[f"{world.prefix}_{service}"][collection].find({})
                found[f"{service}.{collection}"] = sum(len(bson.encode(doc)) for doc in docs)
    return found


def _topics(directory: Path) -> dict[str, int]:
    found = {}
    for topic in TOPICS:
        found[topic.name] = sum(
            file.stat().st_size for file in directory.rglob("*.log") if file.parent.name.startswith(f"{topic.name}-")
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.storage", description=__doc__)
    parser.add_argument("--requests", type=int, default=600)
    asked = parser.parse_args()
    print(stack.describe())
    for kind, found in zip(("store", "topic"), measure(asked.requests), strict=True):
        print(f"{kind:<34}{'bytes a request':>16}")
        for name, size in found.items():
            if size:
                print(f"{name:<34}{size / asked.requests:>16,.0f}")
        print(f"{'together':<34}{sum(found.values()) / asked.requests:>16,.0f}")


if __name__ == "__main__":
    main()
