"""``homecall reconcile`` beside running services: nothing differs; what is lost is found, scraped, and made good."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from prometheus_client.parser import text_string_to_metric_families
from pymongo import MongoClient

from homecall.contract.topics import INTAKE_EVENTS, SCHEDULE_EVENTS
from homecall.demo.ports import free_port
from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster
from tests.infrastructure import stack
from tests.infrastructure.forked import homecall
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld

CLINIC, DAY = "clinic-1", MONDAY.date().isoformat()


def reconciled(world: World, *options: str) -> tuple[int, dict[str, Any], str]:
    """The command in a process of its own: exit code, the object, and what it said besides."""
    done = homecall("reconcile", CLINIC, DAY, "--json", *options, env=world.env)
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr.decode()


def drift(port: int) -> dict[str, float]:
    """What the running command's metrics say, kinds above nought alone; empty while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=3) as answer:
            text = answer.read().decode()
    except OSError:
        return {}
    return {
        sample.labels["kind"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "homecall_reconcile_drift" and sample.value
    }


def test_an_entry_that_was_lost_is_found_and_made_anew_by_reading_again(new_world: NewWorld) -> None:
    with new_world() as world:
        requests = [a_request(CLINIC, number, MONDAY) for number in range(6)]
        world.publish("clinic.published", a_clinic(CLINIC))
        world.publish("roster.published", a_roster(CLINIC, MONDAY.date(), [a_doctor("doc")]))
        *_, notifier = world.start("intake", "scheduler", "notifier")
        world.publish("request.submitted", *requests)
        lost = requests[0]["request_id"]
        world.wait(
            lambda: all(world.statuses(each["request_id"])[-1:] == ["scheduled"] for each in requests), "answers"
        )
        world.settle()
        code, told, said = reconciled(world, "--settle", "0")
        assert (code, told["differences"], told["total"]["entries"]) == (0, [], 6), said
        # Nobody knows of a fault that is younger than the settling age.
        with MongoClient[dict[str, Any]](world.mongo) as client:
            entries = client[f"{world.prefix}_notifier"]["requests"]
            kept = entries.find_one({"_id": lost})
            assert kept is not None
            entries.delete_one({"_id": lost})
            assert reconciled(world)[0] == 0
            code, told, said = reconciled(world, "--settle", "0")
            assert (code, told["drift"]) == (1, {"entry_missing": 1, "status_missing": 1})
            assert {each["request_id"] for each in told["differences"]} == {lost}
            assert said == "homecall: 2 differences between the stores\n"

            port = free_port()
            going_on = [sys.executable, "-m", "homecall.cli.main", "reconcile", CLINIC, DAY]
            going_on += ["--settle", "0", "--every", "1", "--port", str(port)]
            with subprocess.Popen(going_on, env=world.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watch:
                try:
                    world.wait(lambda: drift(port) == {"entry_missing": 1, "status_missing": 1}, "the gauge")
                    notifier.stop()
                    read_again(world)
                    world.start("notifier")
                    world.settle()
                    world.wait(lambda: not drift(port), "the gauge to be 0 again")
                finally:
                    watch.terminate()
                    lines = watch.communicate(timeout=10)[0].decode().splitlines()
            assert [each.split(": ")[1].split()[0] for each in lines] == ["entry_missing", "status_missing"], (
                "once each"
            )
            again = entries.find_one({"_id": lost})
            assert again is not None
        assert (again["s"]["register_number"], again["s"]["sequence"]) == (kept["s"]["register_number"], 2)
        # As it was said the first time: the same ids.
        assert ids(again) == ids(kept)
        assert reconciled(world, "--settle", "0")[0] == 0


def ids(document: dict[str, Any]) -> set[str]:
    return {event["id"] for events in document["o"].values() for event in events}


def read_again(world: World) -> None:
    """Set the notifier's group back to the beginning of what it hears, as docs/operations.md says."""
    admin = AdminClient({"bootstrap.servers": world.kafka, "log_level": 2})
    places = [
        TopicPartition(topic.name, number, 0)
        for topic in (INTAKE_EVENTS, SCHEDULE_EVENTS)
        for number in range(topic.partitions)
    ]

    def done() -> bool:
        # The broker refuses it while the group still has a member.
        group = ConsumerGroupTopicPartitions("homecall-notifier", places)
        try:
            answer = admin.alter_consumer_group_offsets([group])["homecall-notifier"].result(15)
        except KafkaException:
            return False
        return all(each.error is None for each in answer.topic_partitions)

    stack.wait_until(done, "the group's offsets to be set back", 20)
