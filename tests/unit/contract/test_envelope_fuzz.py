"""Any bytes under any headers are an event or have a dead letter's reason: the decoder never fails in a third way."""

from __future__ import annotations

import json
import random
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.contract.envelope import DeadReason, Incoming, Record, Unreadable, read
from homecall.contract.events import MODELS
from homecall.contract.topics import TOPIC_OF_TYPE, TOPICS, TYPE_PREFIX
from tests.factories import MONDAY, a_request

REASONS = set(get_args(DeadReason))
SOUND = json.dumps(a_request("clinic-1", 1, MONDAY), ensure_ascii=False).encode()
names = st.sampled_from(
    ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type", "traceparent", "CE_ID", "", "x"]
)
contents = st.one_of(
    st.none(),
    st.binary(max_size=40),
    st.sampled_from(
        [b"1.0", b"0.3", b"1", b"/test", b"application/json", b"application/cloudevents+json"]
        + [(TYPE_PREFIX + each).encode() for each in MODELS]
    ),
)
headers = st.lists(st.tuples(names, contents), max_size=9).map(tuple)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def outcome(record: Record) -> Incoming | DeadReason:
    """What the decoder makes of a record; whatever it raises but ``Unreadable`` is a defect."""
    try:
        event = read(record)
    except Unreadable as error:
        reason, detail = error.reason, error.detail
    else:
        assert (event.data is None) == bool(event.errors)
        assert event.subject
        return event
    assert reason in REASONS
    assert detail
    assert "\n" not in detail
    return reason


def binary(event_type: str) -> tuple[tuple[str, bytes | None], ...]:
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", b"1"),
        ("ce_source", b"/test"),
        ("ce_type", (TYPE_PREFIX + event_type).encode()),
        ("content-type", b"application/json"),
    )


@given(st.sampled_from(TOPICS), st.none() | st.binary(max_size=300), headers, st.none() | st.binary(max_size=20))
def test_any_bytes(topic: Any, value: bytes | None, given_headers: Any, key: bytes | None) -> None:
    outcome(Record(topic.name, 0, 1, key, value, given_headers, 0))


@given(st.sampled_from(sorted(MODELS)), json_values)
def test_any_json_as_an_event_of_any_type(event_type: str, value: Any) -> None:
    topic = TOPIC_OF_TYPE[event_type].name
    outcome(Record(topic, 0, 1, b"k", json.dumps(value).encode("utf-8", "replace"), binary(event_type), 0))


@given(json_values)
def test_any_json_as_a_structured_event(value: Any) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/test", "type": f"{TYPE_PREFIX}request.submitted"}
    whole = json.dumps(event | {"data": value}).encode("utf-8", "replace")
    topic = TOPIC_OF_TYPE["request.submitted"].name
    outcome(Record(topic, 0, 1, b"k", whole, (("content-type", b"application/cloudevents+json"),), 0))


@given(st.integers(0, len(SOUND) - 1), st.binary(min_size=0, max_size=6), st.integers(0, 30))
def test_a_sound_request_with_a_stretch_replaced(at: int, put: bytes, taken: int) -> None:
    value = SOUND[:at] + put + SOUND[at + taken :]
    topic = TOPIC_OF_TYPE["request.submitted"].name
    outcome(Record(topic, 0, 1, b"k", value, binary("request.submitted"), 0))


@pytest.mark.parametrize("seed", range(4))
def test_a_sound_request_with_bits_flipped(seed: int) -> None:
    rng = random.Random(seed)
    topic = TOPIC_OF_TYPE["request.submitted"].name
    seen = set()
    for _ in range(500):
        value = bytearray(SOUND)
        for _ in range(rng.randrange(1, 4)):
            value[rng.randrange(len(value))] ^= 1 << rng.randrange(8)
        found = outcome(Record(topic, 0, 1, b"k", bytes(value), binary("request.submitted"), 0))
        seen.add(found if isinstance(found, str) else found.data is not None)
    assert seen >= {"not_json", False}, "the flips reached the JSON and the schema"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"[" * 200_000, "not_json"),
        (b'{"a":' * 200_000, "not_json"),
        (b"9" * 100_000, "schema"),
        (b'{"request_id": ' + b"1e999999" + b"}", "schema"),
        (b'"\\ud800"', "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b"", "not_json"),
    ],
    ids=["deep lists", "deep objects", "a long number", "a huge number", "half a surrogate", "a BOM", "nothing"],
)
def test_shapes_that_break_parsers(value: bytes, expected: str) -> None:
    topic = TOPIC_OF_TYPE["request.submitted"].name
    assert outcome(Record(topic, 0, 1, b"k", value, binary("request.submitted"), 0)) == expected
    structured = (("content-type", b"application/cloudevents+json"),)
    assert outcome(Record(topic, 0, 1, b"k", value, structured, 0)) in REASONS
