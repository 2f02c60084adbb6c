"""Who may read and write which topic: Kafka's access lists, made from the table of topics.

Each party has a user of its own, with what its row of the table says and nothing else. Kafka's lists know topics and
not keys: that a clinic writes for no other clinic is held by the signatures of senders (`services/runtime/senders.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from services.contract.topics import CLINICS, DEAD_LETTERS, SERVICES, TOPICS, Topic, read_by

Operation = Literal["Read", "Write", "Describe", "Create", "DescribeConfigs"]
Resource = Literal["topic", "group", "cluster"]

OUTSIDE = ("clinic", "region", "portal", "contact-centre", "operators")
"""The parties that are no service of ours. Of clinics there is one user each."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a user may do with a resource; ``prefixed`` when the name is the beginning of names."""

    resource: Resource
    name: str
    operations: tuple[Operation, ...]
    prefixed: bool = False


@dataclass(frozen=True, slots=True)
class User:
    """A Kafka user and all that it may do."""

    name: str
    grants: tuple[Grant, ...]


def users(clinics: tuple[str, ...] = ()) -> tuple[User, ...]:
    """The users of a cluster: the services, who is outside, and one for each of these clinics."""
    found = [User(f"homecall-{service}", tuple(_of_service(service))) for service in SERVICES]
    for party in OUTSIDE:
        if party != "clinic":
            found.append(User(party, tuple(_of_party(party, f"{party}-"))))
    found += [User(f"clinic-{clinic}", tuple(_of_party("clinic", f"clinic-{clinic}-"))) for clinic in clinics]
    return tuple(found)


def _of_service(service: str) -> Iterator[Grant]:
    yield from _on_topics(set(read_by(service)), {topic for topic in TOPICS if service in topic.writers})
    yield Grant("group", f"homecall-{service}", ("Read", "Describe"))


def _of_party(party: str, groups: str) -> Iterator[Grant]:
    """``groups`` is how the names of its consumer groups begin."""
    word = party.replace("-", " ")
    reads = {topic for topic in TOPICS if word in topic.readers}
    writes = {topic for topic in TOPICS if word in topic.writers or (party == "operators" and _replayed_to(topic))}
    yield from _on_topics(reads, writes)
    if party == "operators":
        # Who makes the topics and looks whether they are as they should be.
        yield Grant("cluster", "kafka-cluster", ("Create", "Describe"))
        yield Grant("topic", "homecall.", ("Describe", "DescribeConfigs"), prefixed=True)
    if reads:
        yield Grant("group", groups, ("Read", "Describe"), prefixed=True)


def _on_topics(reads: set[Topic], writes: set[Topic]) -> Iterator[Grant]:
    for topic in TOPICS:
        may: list[Operation] = ["Read"] if topic in reads else []
        may += ["Write"] if topic in writes else []
        if may:
            yield Grant("topic", topic.name, (*may, "Describe"))


def _replayed_to(topic: Topic) -> bool:
    """Dead letters are sent again to where they came from: to whatever a service reads."""
    return topic is not DEAD_LETTERS and (topic is CLINICS or any(service in topic.readers for service in SERVICES))
