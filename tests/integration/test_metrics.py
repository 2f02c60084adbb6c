"""What ``/metrics`` says after traffic: the contract's names and labels, each outcome once, and nothing of anybody."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from homecall.contract.topics import SERVICES, read_by
from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld

CLINIC, FULL = "clinic-1", "clinic-2"
TODAY = MONDAY.date()
# Name: (type, labels), as the contract lists them.
CONTRACT = {
    "homecall_processing_seconds": ("histogram", {"channel", "stage"}),
    "homecall_deadline_outcomes_total": ("counter", {"deadline", "channel", "outcome"}),
    "homecall_open": ("gauge", {"deadline", "channel"}),
    "homecall_oldest_open_seconds": ("gauge", {"deadline", "channel"}),
    "homecall_events_total": ("counter", {"topic", "type", "result"}),
    "homecall_event_age_seconds": ("gauge", {"topic"}),
    "homecall_dead_letters_total": ("counter", {"topic", "reason"}),
    "homecall_commit_failures_total": ("counter", {"topic"}),
    "homecall_rebalances_total": ("counter", {"topic"}),
    "homecall_step_seconds": ("histogram", {"step"}),
}
BUCKETS = [1, 5, 15, 30, 60, 120, 300, 480, 600, 900, 1200, 1500, 1800, 2700, 3600]


def minutes_ago(number: float) -> str:
    return (MONDAY - timedelta(minutes=number)).isoformat()


AT_THE_DESK = {"queued_at": minutes_ago(4), "service_started_at": minutes_ago(1)}
WAITED_TOO_LONG = {"queued_at": minutes_ago(20), "service_started_at": minutes_ago(1)}
LATE = MONDAY - timedelta(minutes=45)  # R14: its deadline is over when it reaches us
TRAFFIC: list[dict[str, Any]] = [
    a_request(CLINIC, 1, MONDAY, "desk", **AT_THE_DESK),
    a_request(CLINIC, 2, MONDAY, "desk", **WAITED_TOO_LONG),
    a_request(CLINIC, 3, MONDAY, "phone"),
    a_request(CLINIC, 4, LATE, "phone"),
    a_request(CLINIC, 5, MONDAY, "portal"),
    a_request(CLINIC, 6, MONDAY, "portal", reasons=["lonely"]),  # refused
]
OUTCOMES = {
    ("intake", "queue", "desk", "met"): 1,
    ("intake", "queue", "desk", "missed"): 1,
    ("notifier", "service", "desk", "met"): 2,
    ("notifier", "answer", "desk", "met"): 2,
    ("notifier", "answer", "phone", "met"): 1,
    ("notifier", "answer", "phone", "missed"): 1,
    ("notifier", "answer", "portal", "met"): 2,  # a refusal is an answer, too
    ("scheduler", "visit", "desk", "met"): 2,
    ("scheduler", "visit", "phone", "met"): 2,
    ("scheduler", "visit", "portal", "met"): 1,
    ("complaints", "complaint", "post", "met"): 1,
}


@pytest.fixture(scope="module")
def world(new_world: NewWorld) -> Iterator[World]:
    """A world in which a small day has passed: every call above has been answered and visited."""
    with new_world() as world:
        world.publish("clinic.published", a_clinic(CLINIC), a_clinic(FULL))
        world.publish("roster.published", a_roster(CLINIC, TODAY, [a_doctor("doc")]))
        world.start(*SERVICES)
        world.settle("scheduler")
        world.publish("request.submitted", *TRAFFIC)
        accepted = [each for each in TRAFFIC if each["reasons"] != ["lonely"]]
        world.wait(lambda: all(last(world, each) == "scheduled" for each in accepted), "all scheduled")
        for each in accepted:
            world.publish("visit.reported", of(each, outcome="served", at=(MONDAY + timedelta(hours=2)).isoformat()))
        world.wait(lambda: all(last(world, each) == "completed" for each in accepted), "all completed")
        complaint_id = str(uuid.uuid4())
        for event_type, more in A_COMPLAINT.items():
            world.publish(event_type, {"complaint_id": complaint_id, "clinic_id": CLINIC} | more)
        world.send("homecall.requests.v1", b"no json", CLINIC, {})
        world.flush()
        world.settle()
        yield world


HEAD = {"full_name": "Бас Дәрігер", "position": "Бас дәрігер"}
A_COMPLAINT: dict[str, dict[str, Any]] = {
    "complaint.submitted": {
        "addressed_to": "clinic",
        "channel": "post",
        "submitted_at": MONDAY.isoformat(),
        "complainant": {
            "full_name": "Шағымданушы Бірінші",
            "phone": "+7 700 000 09 99",
            "postal_address": "Алматы, Тал көшесі, 27",
            "language": "kk",
        },
        "text": "Дәрігер кешікті.",
        "received_by": HEAD,
        "answer_by": "post",
    },
    "complaint.assigned": {
        "at": (MONDAY + timedelta(hours=1)).isoformat(),
        "executor": {"full_name": "Орындаушы Екінші", "position": "Дәрігер"},
        "assigned_by": HEAD,
    },
    "complaint.answered": {
        "at": (MONDAY + timedelta(hours=3)).isoformat(),
        "text": "Шара қолданылды.",
        "decision": "upheld",
        "sent_by": "post",
    },
}


def of(request: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"request_id": request["request_id"], "clinic_id": request["clinic_id"]} | more


def last(world: World, request: dict[str, Any]) -> str:
    return (world.statuses(request["request_id"]) or [""])[-1]


def page(world: World, service: str) -> str:
    (process,) = (each for each in world.processes if each.name == service)
    status, text = process.get("/metrics")
    assert status == 200
    return text


def samples(world: World, service: str, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    """The values of a sample by its labels."""
    return {
        tuple(sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page(world, service))
        for sample in family.samples
        if sample.name == name
    }


def value(world: World, service: str, name: str, /, **labels: str) -> float:
    return samples(world, service, name).get(tuple(sorted(labels.items())), 0.0)


def outcomes(world: World) -> dict[tuple[str, str, str, str], float]:
    found: dict[tuple[str, str, str, str], float] = {}
    for service in SERVICES:
        for labels, number in samples(world, service, "homecall_deadline_outcomes_total").items():
            by_name = dict(labels)
            if number:  # those that a service expects are there from its start
                found[service, by_name["deadline"], by_name["channel"], by_name["outcome"]] = number
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_the_names_types_and_labels_are_the_contracts(world: World, service: str) -> None:
    text = page(world, service)
    for name, (kind, labels) in CONTRACT.items():
        assert f"# TYPE {name} {kind}" in text
        for found in samples(world, service, name) | samples(world, service, f"{name}_count"):
            assert {label for label, _ in found} == labels, name
    topics = {topic.name for topic in read_by(service)}
    for name in ("homecall_events_total", "homecall_event_age_seconds", "homecall_rebalances_total"):
        found_topics = {dict(labels)["topic"] for labels in samples(world, service, name)}
        assert found_topics
        assert found_topics <= topics, name
    steps = {dict(labels)["step"] for labels in samples(world, service, "homecall_step_seconds_count")}
    assert steps == {"decode", "load", "decide", "store", "publish", "commit"}


def test_stages_are_measured_by_channel(world: World) -> None:
    measured = {
        (service, dict(labels)["stage"], dict(labels)["channel"]): number
        for service in SERVICES
        for labels, number in samples(world, service, "homecall_processing_seconds_count").items()
    }
    assert measured.keys() >= {
        ("intake", "queue", "desk"),
        ("intake", "intake", "phone"),
        ("notifier", "scheduling", "desk"),
        ("notifier", "service", "desk"),
        ("notifier", "answer", "portal"),
    }
    assert measured["notifier", "answer", "desk"] == 2
    # The statutory time of the late one is more than its limit, of the other a few seconds.
    late = value(world, "notifier", "homecall_processing_seconds_sum", channel="phone", stage="answer")
    assert 45 * 60 <= late < 60 * 60
    edges = {
        float(dict(labels)["le"])
        for labels in samples(world, "notifier", "homecall_processing_seconds_bucket")
        if dict(labels)["le"] != "+Inf"
    }
    assert sorted(edges) == BUCKETS


def test_events_are_counted_by_what_became_of_them(world: World) -> None:
    topic = "homecall.requests.v1"
    kind = {"topic": topic, "type": "request.submitted"}
    assert value(world, "intake", "homecall_events_total", **kind, result="handled") >= len(TRAFFIC)
    assert value(world, "intake", "homecall_events_total", topic=topic, type="unreadable", result="dead") == 1
    assert value(world, "intake", "homecall_dead_letters_total", topic=topic, reason="not_json") == 1


def test_decisions_are_counted_by_channel_and_code_and_calls_by_reason(world: World) -> None:
    found = {
        (by_name["channel"], by_name["decision"], by_name["code"]): number
        for labels, number in samples(world, "intake", "homecall_decisions_total").items()
        if (by_name := dict(labels))["kind"] == "request"
    }
    assert {place: number for place, number in found.items() if number} == {
        ("desk", "accepted", ""): 2,
        ("phone", "accepted", ""): 2,
        ("portal", "accepted", ""): 1,
        ("portal", "refused", "invalid_request"): 1,
    }
    # Those that are still to come have their series: an increase from nothing is seen.
    assert found["portal", "refused", "signature_invalid"] == 0
    assert value(world, "intake", "homecall_reasons_total", reason="fever_above_38") == 5


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_says_that_it_is_ready_and_how_far_it_is_behind(world: World, service: str) -> None:
    world.wait(lambda: value(world, service, "homecall_ready", service=service) == 1, "ready")
    info = samples(world, service, "homecall_info")
    assert [dict(labels)["service"] for labels in info] == [service]
    partitions = {
        (dict(labels)["topic"], dict(labels)["partition"]) for labels in samples(world, service, "homecall_lag_records")
    }
    own = [topic for topic in read_by(service) if not topic.whole]
    assert partitions == {(topic.name, str(number)) for topic in own for number in range(topic.partitions)}
    for name in ("homecall_lag_records", "homecall_lag_seconds"):
        world.wait(lambda name=name: set(samples(world, service, name).values()) == {0.0}, f"{name} to be 0")
    for source in ("store", "broker"):
        read = value(world, service, "homecall_last_read_timestamp_seconds", service=service, source=source)
        assert time.time() - read < 30


def test_each_outcome_is_counted_once_also_when_all_comes_again(world: World) -> None:
    assert outcomes(world) == OUTCOMES
    said = {each.id: each.value for each in world.heard("deadline.missed")}
    assert len(said) == 2  # the queue that took too long, and the answer that was late on arrival
    sent = [each for each in list(world.reader.heard) if each.headers.get("ce_source") == "/test"]
    repeated = {"topic": "homecall.requests.v1", "type": "request.submitted", "result": "repeated"}
    before = value(world, "intake", "homecall_events_total", **repeated)
    for each in sent:
        world.send(each.topic, each.value, each.key, each.headers)
    world.flush()
    world.settle()
    assert value(world, "intake", "homecall_events_total", **repeated) >= before + len(TRAFFIC)
    assert outcomes(world) == OUTCOMES
    assert value(world, "notifier", "homecall_processing_seconds_count", channel="desk", stage="answer") == 2
    assert {each.id: each.value for each in world.heard("deadline.missed")} == said


def test_what_is_open_is_shown_and_goes_back_to_none(world: World) -> None:
    open_answer = {"deadline": "answer", "channel": "phone"}
    open_visit = {"deadline": "visit", "channel": "phone"}
    # Six of its ten minutes are over when it comes.
    waiting = a_request(FULL, 1, MONDAY - timedelta(minutes=6), "phone")
    world.publish("request.submitted", waiting)
    # No roster: its answer and its visit are open.
    world.wait(lambda: value(world, "notifier", "homecall_open", **open_answer) == 1, "one open answer")
    world.wait(lambda: value(world, "scheduler", "homecall_open", **open_visit) == 1, "one open visit")
    assert value(world, "notifier", "homecall_oldest_open_seconds", **open_answer) > 0
    assert value(world, "scheduler", "homecall_unplaced", cause="no_roster") == 1
    near = {"deadline": "answer", "channel": "phone", "waits_for": "place"}
    world.wait(lambda: value(world, "notifier", "homecall_open_near_limit", **near) == 1, "near its limit")
    assert sum(samples(world, "notifier", "homecall_open_near_limit").values()) == 1

    world.publish("roster.published", a_roster(FULL, TODAY, [a_doctor("doc")]))
    world.wait(lambda: last(world, waiting) == "scheduled", "scheduled")
    world.publish("visit.reported", of(waiting, outcome="served", at=(MONDAY + timedelta(hours=1)).isoformat()))
    for service in SERVICES:
        world.wait(
            lambda service=service: set(samples(world, service, "homecall_open").values()) <= {0.0},
            f"nothing open in {service}",
        )
        assert set(samples(world, service, "homecall_oldest_open_seconds").values()) <= {0.0}
    assert set(samples(world, "notifier", "homecall_open_near_limit").values()) == {0.0}
    assert samples(world, "notifier", "homecall_open").keys() >= {tuple(sorted(open_answer.items()))}


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_of_anybody_stands_in_the_metrics(world: World, service: str) -> None:
    text = page(world, service)
    personal = {CLINIC, FULL, "Науқас", "Шағымданушы", "Абай"}
    for each in TRAFFIC:
        personal |= {each["request_id"], each["patient"]["iin"], each["patient"]["full_name"]}
    assert {each for each in personal if each in text} == set()
    assert not re.search(r'="[^"]*\d{6,}[^"]*"', text)  # nothing that looks like a number of a person
