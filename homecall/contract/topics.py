"""Every topic: who writes it, who reads it, what it carries."""

from __future__ import annotations

from dataclasses import dataclass

TYPE_PREFIX = "kz.homecall."
DEFAULT_PARTITIONS = 6
RETENTION_DAYS = 90
MAX_MESSAGE_BYTES = 1_048_588
"""Kafka's own default for a record batch; a larger request is refused by the broker."""
DEAD_LETTER_HEADROOM = 64 * 1024
"""What a dead letter may be larger than the record it holds: its reason and where it came from."""

LARGEST_VALUE = 5 * 1024 * 1024
"""What a record's value may have once it is unpacked: the broker sees only its compressed size."""

INTAKE, SCHEDULER, NOTIFIER, COMPLAINTS = "intake", "scheduler", "notifier", "complaints"
DESK = "desk"
SERVICES = (INTAKE, SCHEDULER, NOTIFIER, COMPLAINTS, DESK)
DECIDING = (INTAKE, SCHEDULER, NOTIFIER, COMPLAINTS)
"""Those that decide what the law decides. The desk shows it, and speaks for people."""


@dataclass(frozen=True)
class Topic:
    """A topic as the contract has it.

    ``key`` is the field of the data that is the record's key, ``writers`` and ``readers`` name services of ours,
    and outside them ``clinic``, ``region``, ``portal``, ``contact centre`` and ``operators``.
    ``whole`` topics are read by every replica to their end, without a group.
    """

    name: str
    key: str
    types: tuple[str, ...]
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    about: str
    compacted: bool = False
    personal_ids: bool = False
    partitions: int = DEFAULT_PARTITIONS

    @property
    def whole(self) -> bool:
        return self.compacted

    @property
    def ours(self) -> bool:
        """Whether the services alone write the topic."""
        return set(self.writers) <= set(SERVICES)

    @property
    def max_message_bytes(self) -> int:
        return MAX_MESSAGE_BYTES + (DEAD_LETTER_HEADROOM if self is DEAD_LETTERS else 0)

    def config(self) -> dict[str, str]:
        """The topic's settings in Kafka's own names."""
        if self.compacted:
            return {"cleanup.policy": "compact", "max.message.bytes": str(self.max_message_bytes)}
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(RETENTION_DAYS * 24 * 3600 * 1000),
            "max.message.bytes": str(self.max_message_bytes),
        }


CLINICS = Topic(
    "homecall.clinics.v1",
    "clinic_id",
    ("clinic.published",),
    writers=("clinic", "region"),
    readers=SERVICES,
    about="Each clinic as it now is: hours, days off, districts, what it asks for.",
    compacted=True,
)
ROSTERS = Topic(
    "homecall.rosters.v1",
    "clinic_id",
    ("roster.published", "doctor.unavailable"),
    writers=("clinic", DESK),
    readers=(SCHEDULER, DESK),
    about="The doctors of a clinic's day, and who drops out of it.",
)
REQUESTS = Topic(
    "homecall.requests.v1",
    "clinic_id",
    ("request.submitted", "request.withdrawn", "request.transferred"),
    writers=("clinic", "portal", DESK),
    readers=(INTAKE, DESK),
    about="Applications for a doctor's visit, their withdrawal, and their handing on to another clinic.",
    personal_ids=True,
)
VISITS = Topic(
    "homecall.visits.v1",
    "clinic_id",
    ("visit.reported", "visit.assigned", "visit.released"),
    writers=("clinic", DESK),
    readers=(SCHEDULER, DESK),
    about="How the visits ended, and which were placed by hand.",
)
ANSWERS = Topic(
    "homecall.answers.v1",
    "clinic_id",
    ("answer.given",),
    writers=("clinic", DESK),
    readers=(NOTIFIER, COMPLAINTS, DESK),
    about="When the oral answer was given at the desk or on the phone.",
)
COMPLAINTS_IN = Topic(
    "homecall.complaints.v1",
    "complaint_id",
    (
        "complaint.submitted",
        "complaint.assigned",
        "complaint.executed",
        "complaint.answered",
        "complaint.refused",
        "complaint.escalated",
    ),
    writers=("clinic", "portal", DESK),
    readers=(COMPLAINTS, DESK),
    about="Complaints, and what their addressee does with them.",
    personal_ids=True,
)
INTAKE_EVENTS = Topic(
    "homecall.intake-events.v1",
    "clinic_id",
    (
        "request.accepted",
        "request.deferred",
        "request.refused",
        "request.cancelled",
        "request.held",
        "request.identity-checked",
    ),
    writers=(INTAKE,),
    readers=(SCHEDULER, NOTIFIER, COMPLAINTS, DESK),
    about="What intake decided on each request.",
)
SCHEDULE_EVENTS = Topic(
    "homecall.schedule-events.v1",
    "clinic_id",
    (
        "visit.scheduled",
        "visit.rescheduled",
        "visit.unplaced",
        "visit.assignment-refused",
        "visit.cancelled",
        "visit.closed",
    ),
    writers=(SCHEDULER,),
    readers=(NOTIFIER, COMPLAINTS, INTAKE, DESK),
    about="Where each accepted call stands in the doctors' days.",
)
DEADLINE_EVENTS = Topic(
    "homecall.deadline-events.v1",
    "clinic_id",
    ("deadline.approaching", "deadline.missed"),
    writers=DECIDING,
    readers=(COMPLAINTS, DESK, "operators"),
    about="Statutory times that are running out or have run out.",
)
STATUS = Topic(
    "homecall.status.v1",
    "request_id",
    ("status.changed",),
    writers=(NOTIFIER,),
    readers=("portal", "contact centre", COMPLAINTS, DESK),
    about="The status of each request, for the cabinet and the contact centre.",
)
JOURNAL = Topic(
    "homecall.journal.v1",
    "clinic_id",
    ("journal.entry",),
    writers=(NOTIFIER,),
    readers=("clinic", DESK),
    about="The clinic's register of calls, line by line.",
)
COMPLAINT_STATUS = Topic(
    "homecall.complaint-status.v1",
    "complaint_id",
    ("complaint.status-changed",),
    writers=(COMPLAINTS,),
    readers=("portal", "contact centre", DESK),
    about="How each complaint moves.",
)
DEAD_LETTERS = Topic(
    "homecall.dead-letters.v1",
    "",
    (),
    writers=DECIDING,
    readers=("operators",),
    about="Records that could not be handled, as they came, with the reason in headers.",
    personal_ids=True,
    partitions=1,
)

TOPICS: tuple[Topic, ...] = (
    CLINICS,
    ROSTERS,
    REQUESTS,
    VISITS,
    ANSWERS,
    COMPLAINTS_IN,
    INTAKE_EVENTS,
    SCHEDULE_EVENTS,
    DEADLINE_EVENTS,
    STATUS,
    JOURNAL,
    COMPLAINT_STATUS,
    DEAD_LETTERS,
)
BY_NAME = {topic.name: topic for topic in TOPICS}
TOPIC_OF_TYPE = {event_type: topic for topic in TOPICS for event_type in topic.types}


def read_by(service: str) -> tuple[Topic, ...]:
    """The topics a service reads, those it reads whole included."""
    return tuple(topic for topic in TOPICS if service in topic.readers)


def written_by(service: str) -> tuple[Topic, ...]:
    """The topics a service writes."""
    return tuple(topic for topic in TOPICS if service in topic.writers)


def find(name: str) -> Topic:
    """A topic by its full name or the short one between ``homecall.`` and ``.v1``; KeyError if there is none."""
    return BY_NAME.get(name) or BY_NAME[f"homecall.{name}.v1"]
