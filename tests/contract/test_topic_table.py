"""The topics are exactly the contract's table."""

import pytest

from homecall.contract.events import MODELS
from homecall.contract.topics import BY_NAME, DEAD_LETTERS, TOPIC_OF_TYPE, TOPICS, find, read_by

DECIDING = {"intake", "scheduler", "notifier", "complaints"}
ALL = DECIDING | {"desk"}
REQUEST_EVENTS = (
    "request.accepted request.deferred request.refused request.cancelled request.held request.identity-checked"
)
VISIT_EVENTS = "visit.scheduled visit.rescheduled visit.unplaced visit.assignment-refused visit.cancelled visit.closed"
COMPLAINT_COMMANDS = (
    "complaint.submitted complaint.assigned complaint.executed complaint.answered complaint.refused complaint.escalated"
)
TABLE: list[tuple[str, str, set[str], set[str], str]] = [
    ("clinics", "clinic_id", {"clinic", "region"}, ALL, "clinic.published"),
    ("rosters", "clinic_id", {"clinic", "desk"}, {"scheduler", "desk"}, "roster.published doctor.unavailable"),
    (
        "requests",
        "clinic_id",
        {"clinic", "portal", "desk"},
        {"intake", "desk"},
        "request.submitted request.withdrawn request.transferred",
    ),
    ("visits", "clinic_id", {"clinic", "desk"}, {"scheduler", "desk"}, "visit.reported visit.assigned visit.released"),
    ("answers", "clinic_id", {"clinic", "desk"}, {"notifier", "complaints", "desk"}, "answer.given"),
    ("complaints", "complaint_id", {"clinic", "portal", "desk"}, {"complaints", "desk"}, COMPLAINT_COMMANDS),
    ("intake-events", "clinic_id", {"intake"}, {"scheduler", "notifier", "complaints", "desk"}, REQUEST_EVENTS),
    ("schedule-events", "clinic_id", {"scheduler"}, {"notifier", "complaints", "intake", "desk"}, VISIT_EVENTS),
    (
        "deadline-events",
        "clinic_id",
        DECIDING,
        {"complaints", "desk", "operators"},
        "deadline.approaching deadline.missed",
    ),
    ("status", "request_id", {"notifier"}, {"portal", "contact centre", "complaints", "desk"}, "status.changed"),
    ("journal", "clinic_id", {"notifier"}, {"clinic", "desk"}, "journal.entry"),
    (
        "complaint-status",
        "complaint_id",
        {"complaints"},
        {"portal", "contact centre", "desk"},
        "complaint.status-changed",
    ),
    ("dead-letters", "", DECIDING, {"operators"}, ""),
]


@pytest.mark.parametrize(("short", "key", "writers", "readers", "types"), TABLE, ids=[row[0] for row in TABLE])
def test_a_topic_is_as_the_contract_has_it(
    short: str, key: str, writers: set[str], readers: set[str], types: str
) -> None:
    topic = find(short)
    assert topic.name == f"homecall.{short}.v1"
    assert (topic.key, set(topic.writers), set(topic.readers)) == (key, writers, readers)
    assert topic.types == tuple(types.split())
    assert find(topic.name) is topic


def test_there_are_no_other_topics() -> None:
    assert [topic.name for topic in TOPICS] == [f"homecall.{row[0]}.v1" for row in TABLE]
    assert len(BY_NAME) == len(TOPICS)


def test_every_type_has_one_topic_and_one_model() -> None:
    carried = [event_type for topic in TOPICS for event_type in topic.types]
    assert len(carried) == len(set(carried)) == 33
    assert set(carried) == set(MODELS) == set(TOPIC_OF_TYPE)
    for event_type, model in MODELS.items():
        assert event_type == model.TYPE
        assert event_type in TOPIC_OF_TYPE[event_type].types


@pytest.mark.parametrize("event_type", MODELS)
def test_key_and_subject_are_fields_that_are_always_there(event_type: str) -> None:
    model = MODELS[event_type]
    for name in (TOPIC_OF_TYPE[event_type].key, model.SUBJECT, "clinic_id"):
        assert model.model_fields[name].is_required()


def test_partitions_retention_and_sizes() -> None:
    assert {topic.name: topic.partitions for topic in TOPICS if topic.partitions != 6} == {DEAD_LETTERS.name: 1}
    assert [topic.name for topic in TOPICS if topic.compacted] == ["homecall.clinics.v1"]
    for topic in TOPICS:
        config = topic.config()
        if topic.compacted:
            assert config["cleanup.policy"] == "compact"
            assert "retention.ms" not in config
        else:
            assert config["cleanup.policy"] == "delete"
            assert config["retention.ms"] == "7776000000"  # 90 days
    largest = max(topic.max_message_bytes for topic in TOPICS if topic is not DEAD_LETTERS)
    assert DEAD_LETTERS.max_message_bytes == largest + 64 * 1024


def test_ids_of_persons_stand_where_the_contract_says() -> None:
    marked = {topic.name for topic in TOPICS if topic.personal_ids}
    assert marked == {"homecall.requests.v1", "homecall.complaints.v1", "homecall.dead-letters.v1"}


def test_each_service_reads_what_it_is_named_for() -> None:
    for service in ALL:
        assert {topic.name for topic in read_by(service)} == {
            topic.name for topic in TOPICS if service in topic.readers
        }
    with pytest.raises(KeyError):
        find("no-such-topic")
