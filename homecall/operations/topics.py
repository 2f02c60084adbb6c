"""``homecall topics``: the contract's topics, made and checked in a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from homecall.contract.topics import TOPICS, Topic
from homecall.operations.failure import Failure
from homecall.operations.kafka import EMBEDDED, admin_of, is_embedded
from homecall.operations.terminal import counted, print_error, settings
from homecall.runtime.settings import Settings


def create(partitions: int | None, replication: int) -> None:
    """Create the topics that are missing; those that exist are left as they are."""
    asyncio.run(_create(settings(), partitions, replication))


def check() -> None:
    """Print where topics differ from the contract; ``Failure`` with code 1 if any does."""
    findings = asyncio.run(_check(settings()))
    for finding in findings:
        print(finding)
    if findings:
        raise Failure(f"{counted(len(findings), 'difference')} from the contract", code=1)
    print(f"all {len(TOPICS)} topics are as the contract has them")


def manifest(replication: int, cluster: str) -> None:
    """Print the topics as Strimzi's operator takes them."""
    print("".join(_kafka_topic(topic, replication, cluster) for topic in TOPICS), end="")


def _kafka_topic(topic: Topic, replication: int, cluster: str) -> str:
    config = "".join(f'    {name}: "{value}"\n' for name, value in topic.config().items())
    return f"""---
apiVersion: kafka.strimzi.io/v1
kind: KafkaTopic
metadata:
  name: {topic.name}
  labels:
    strimzi.io/cluster: {cluster}
spec:
  partitions: {topic.partitions}
  replicas: {replication}
  config:
{config}"""


async def _create(asked: Settings, partitions: int | None, replication: int) -> None:
    async with admin_of(asked) as admin:
        there = set(await admin.list_topics())
        missing = [topic for topic in TOPICS if topic.name not in there]
        if missing and await is_embedded(admin):
            raise Failure(
                f"{EMBEDDED} makes no topics when asked, and {missing[0].name} is not there: start homecall up again, "
                "which makes them all",
                code=1,
            )
        new = [
            NewTopic(
                each.name,
                partitions if partitions and each.partitions > 1 else each.partitions,
                replication,
                topic_configs=each.config(),
            )
            for each in missing
        ]
        answer = new and await admin.create_topics(new)
    refused: dict[str, list[str]] = {}
    for error in getattr(answer, "topic_errors", ()):
        name, code, reason = (*error, None)[:3]
        if code:
            refused.setdefault((reason or f"error {code}").rstrip("."), []).append(name)
    if refused:
        # One reason is mostly that of all.
        why = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in refused.items())
        raise Failure(f"the broker refused {why}", code=1)
    for topic in TOPICS:
        print(f"{'created' if topic in missing else 'exists '} {topic.name}")


async def _check(asked: Settings) -> list[str]:
    async with admin_of(asked) as admin:
        # Of all topics: a broker may make one that is asked for by its name.
        there = {each["topic"]: each for each in await admin.describe_topics()}
        findings, present = _compared(there)
        if await is_embedded(admin):
            print_error(f"{EMBEDDED} has no settings of topics: only names and partitions are compared")
            return findings
        return findings + await _check_configs(admin, present)


def _compared(there: Mapping[str, Any]) -> tuple[list[str], list[Topic]]:
    """What differs in names and partitions, and the topics that are there."""
    findings: list[str] = []
    counts: dict[str, int] = {}
    for topic in TOPICS:
        found = there.get(topic.name)
        if found is None or found.get("error_code"):
            findings.append(
                f"{topic.name} is missing, or this user may not see it: run homecall topics create, or give the user "
                "Describe on it"
            )
            continue
        counts[topic.name] = len(found["partitions"])
        if topic.partitions == 1 and counts[topic.name] != 1:
            findings.append(f"{topic.name} has {counts[topic.name]} partitions, not 1")
    by_clinic = {counts[topic.name] for topic in TOPICS if topic.key == "clinic_id" and topic.name in counts}
    if len(by_clinic) > 1:
        findings.append("topics keyed by clinic_id differ in partitions: a clinic would be in several replicas' hands")
    return findings, [topic for topic in TOPICS if topic.name in counts]


async def _check_configs(admin: Any, topics: list[Topic]) -> list[str]:
    if not topics:
        return []
    findings: list[str] = []
    unread: dict[str, list[str]] = {}
    wanted = {topic.name: topic.config() for topic in topics}
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted])
    for answer in answers:
        for resource in answer.resources:
            code, reason, _, name, entries = resource
            if code:
                unread.setdefault((reason or f"error {code}").rstrip("."), []).append(name)
                continue
            found = {entry[0]: entry[1] for entry in entries}
            findings += [
                f"{name} has {key}={found.get(key)}, not {value}"
                for key, value in wanted[name].items()
                if found.get(key) != value
            ]
    findings += [
        f"the settings of {', '.join(names)} cannot be read ({reason}): give this user DescribeConfigs on them"
        for reason, names in unread.items()
    ]
    return findings
