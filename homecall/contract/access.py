"""Who may read and write what, and how much of it: Kafka's access lists and quotas, MongoDB's users and roles.

Each party has its own Kafka user, with the rights of its row in the table of topics. Kafka's lists know topics, not
keys: the signatures of senders (`homecall/runtime/kafka/senders.py`) ensure that a clinic writes for no other clinic.
Each service has its own MongoDB user, for its own database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from homecall.contract.topics import (
    CLINICS,
    COMPLAINT_STATUS,
    COMPLAINTS_IN,
    DEAD_LETTERS,
    INTAKE,
    NOTIFIER,
    SCHEDULER,
    SERVICES,
    TOPICS,
    Topic,
    read_by,
    written_by,
)

Operation = Literal["Read", "Write", "Describe", "Create", "DescribeConfigs"]
Resource = Literal["topic", "group", "cluster"]

ADDRESSEES = ("ministry", "quality-authority")
"""Who acts on complaints beside the clinics (C10.1, C10.8). They write the topic that clinics write: which stage is
whose is held by the list of senders (R22).
"""
OUTSIDE = ("clinic", *ADDRESSEES, "region", "portal", "contact-centre", "operators")
"""The parties that are no service of ours. Of clinics there is one user each."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a user may do with a resource; ``prefixed`` when the name is the beginning of names."""

    resource: Resource
    name: str
    operations: tuple[Operation, ...]
    prefixed: bool = False


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of each broker a user may use; requests beyond that are delayed, those of others are not.

    Bytes per second written and read, and percent of one request handler thread.
    """

    producer_byte_rate: int
    consumer_byte_rate: int
    request_percentage: int


KIB, MIB = 1024, 1024 * 1024
# A request is 2 KiB, a roster of 30 doctors 8 KiB: a clinic gets 64 requests a second, four times the country's peak,
# and a day's worth that was held up goes through within a minute. Reading is more, since a new reader begins with the
# oldest records of the region's topics.
QUOTAS = {
    "clinic": Quota(128 * KIB, 4 * MIB, 25),
    "ministry": Quota(128 * KIB, 4 * MIB, 25),
    "quality-authority": Quota(128 * KIB, 4 * MIB, 25),
    "region": Quota(256 * KIB, 1 * MIB, 25),
    "portal": Quota(4 * MIB, 16 * MIB, 100),
    "contact-centre": Quota(64 * KIB, 16 * MIB, 50),
    "operators": Quota(4 * MIB, 16 * MIB, 50),
}
"""By party. The services have none: what they write and read follows from what the others may."""


@dataclass(frozen=True, slots=True)
class User:
    """A Kafka user and all that it may do; no ``quota`` is no limit."""

    name: str
    grants: tuple[Grant, ...]
    quota: Quota | None = None


_WHERE_GROUPS_STAND = Grant("group", "homecall-", ("Describe",), prefixed=True)
"""How far the services are."""


def users(clinics: tuple[str, ...] = ()) -> tuple[User, ...]:
    """The users of a cluster: the services, who copies their stores, who is outside, and one for each clinic."""
    found = [User(f"homecall-{service}", tuple(_of_service(service))) for service in SERVICES]
    topics = Grant("topic", "homecall.", ("Describe",), prefixed=True)
    found.append(User("homecall-backup", (topics, _WHERE_GROUPS_STAND)))
    for party in OUTSIDE:
        if party != "clinic":
            found.append(User(party, tuple(_of_party(party, f"{party}-")), QUOTAS[party]))
    for clinic in clinics:
        found.append(User(f"clinic-{clinic}", tuple(_of_party("clinic", f"clinic-{clinic}-")), QUOTAS["clinic"]))
    return tuple(found)


def _of_service(service: str) -> Iterator[Grant]:
    yield from _on_topics(set(read_by(service)), set(written_by(service)))
    yield Grant("group", f"homecall-{service}", ("Read", "Describe"))


def _of_party(party: str, groups: str) -> Iterator[Grant]:
    """``groups`` is how the names of its consumer groups begin."""
    word = party.replace("-", " ")
    reads = {topic for topic in TOPICS if word in topic.readers}
    writes = {topic for topic in TOPICS if word in topic.writers or (party == "operators" and _replayed_to(topic))}
    if party in ADDRESSEES:
        reads, writes = {COMPLAINT_STATUS}, {COMPLAINTS_IN}
    yield from _on_topics(reads, writes)
    if party == "operators":
        # Who makes the topics and looks whether they are as they should be.
        yield Grant("cluster", "kafka-cluster", ("Create", "Describe"))
        yield Grant("topic", "homecall.", ("Describe", "DescribeConfigs"), prefixed=True)
        yield _WHERE_GROUPS_STAND  # for homecall backup and recover
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


Role = Literal["read", "readWrite", "backup"]


@dataclass(frozen=True, slots=True)
class DatabaseUser:
    """A MongoDB user, kept in ``admin``, and its roles: each a role and the database that it is for."""

    name: str
    roles: tuple[tuple[Role, str], ...]


def database_users(prefix: str = "homecall") -> tuple[DatabaseUser, ...]:
    """The users of the databases with this prefix: each service for its own, and who does what none of them may.

    ``reconcile`` compares three stores and changes none; ``erase`` is for what goes through all of them (erasing, and
    encrypting again), ``migrate`` brings them up to date; ``backup`` reads everything.
    """

    def on(role: Role, *services: str) -> tuple[tuple[Role, str], ...]:
        return tuple((role, f"{prefix}_{service}") for service in services)

    return (
        *(DatabaseUser(service, on("readWrite", service)) for service in SERVICES),
        DatabaseUser("reconcile", on("read", INTAKE, SCHEDULER, NOTIFIER)),
        DatabaseUser("erase", on("readWrite", *SERVICES)),
        DatabaseUser("migrate", on("readWrite", *SERVICES)),
        DatabaseUser("backup", (("backup", "admin"),)),
    )
