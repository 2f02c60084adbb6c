"""The envelope: what is read as an event, what becomes a dead letter and with which words, and what goes out."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homecall.contract.envelope import STRUCTURED, Incoming, OutgoingRecord, Record, Unreadable, outgoing, read
from homecall.contract.events import MODELS
from homecall.contract.ids import cause_id, event_id, visit_id
from homecall.contract.topics import BY_NAME, TYPE_PREFIX
from tests.contract.goldens import INBOUND, compact, examples, headers, record

REQUESTS = "homecall.requests.v1"
SUBMITTED = "request.submitted"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
DEEP = b"[" * 100_000 + b"]" * 100_000
WITHDRAWN = examples("valid", ("request.withdrawn",))[0].data
REQUEST = examples("valid", (SUBMITTED,))[1].data


def unreadable(given_record: Record) -> tuple[str, str]:
    with pytest.raises(Unreadable) as caught:
        read(given_record)
    assert str(caught.value) == caught.value.detail
    assert "\n" not in caught.value.detail
    return caught.value.reason, caught.value.detail


def structured(data: Any = None, content_type: str = STRUCTURED, topic: str = REQUESTS, **changed: Any) -> Record:
    """A structured event; an attribute that is None is left out, and ``data`` too."""
    attributes = {
        "specversion": "1.0",
        "id": "01J9",
        "source": "urn:clinic:samal-3",
        "type": TYPE_PREFIX + SUBMITTED,
        "time": "2026-11-23T18:20:00+05:00",
        "data": data,
    }
    event = {name: value for name, value in (attributes | changed).items() if value is not None}
    return Record(topic, 0, 7, b"samal-3", compact(event), (("content-type", content_type.encode()),))


# ---------------------------------------------------------------- what is read


def test_binary_mode() -> None:
    incoming = read(record(SUBMITTED, compact(REQUEST), traceparent=TRACE))
    assert incoming.data == MODELS[SUBMITTED].model_validate(REQUEST)
    assert incoming.type == SUBMITTED
    assert incoming.subject == REQUEST["request_id"]
    assert incoming.clinic_id == "samal-3"
    assert incoming.time == "2026-11-23T09:14:05+05:00"
    assert incoming.traceparent == TRACE
    assert incoming.causation_id == cause_id("urn:clinic:samal-3", "01J9", SUBMITTED)


@pytest.mark.parametrize(
    "content_type", [STRUCTURED, "application/cloudevents+json; charset=UTF-8", "Application/CloudEvents+JSON"]
)
def test_structured_mode_reads_as_binary_does(content_type: str) -> None:
    binary = read(record(SUBMITTED, compact(REQUEST), traceparent=TRACE, ce_time="2026-11-23T18:20:00+05:00"))
    incoming = read(structured(REQUEST, content_type, traceparent=TRACE))
    for name in ("data", "causation_id", "type", "subject", "clinic_id", "time", "traceparent", "errors"):
        assert getattr(incoming, name) == getattr(binary, name), name


def test_structured_mode_with_base64() -> None:
    encoded = base64.b64encode(compact(REQUEST)).decode()
    assert read(structured(data_base64=encoded)).data == MODELS[SUBMITTED].model_validate(REQUEST)


def test_structured_mode_keeps_every_letter() -> None:
    note = 'Ә "қ" \\ \u2028 \U0001f691 \x7f é'
    incoming = read(structured({**REQUEST, "note": note}))
    assert getattr(incoming.data, "note", None) == note


def test_header_names_are_read_in_any_case() -> None:
    shouted = tuple((name.upper(), value) for name, value in headers(SUBMITTED))
    incoming = read(Record(REQUESTS, 0, 7, None, compact(REQUEST), shouted))
    assert incoming.causation_id == read(record(SUBMITTED, compact(REQUEST))).causation_id


def test_binary_mode_needs_no_content_type() -> None:
    assert read(record(SUBMITTED, compact(REQUEST), content_type=None)).data is not None


def test_headers_that_are_no_utf_8_or_empty_spoil_nothing() -> None:
    odd: tuple[tuple[str, bytes | None], ...] = (
        ("x-vendor", b"\xff\xfe"),
        ("x-none", None),
        ("ce_dataschema", b"\xff"),
    )
    incoming = read(Record(REQUESTS, 0, 7, None, compact(REQUEST), headers(SUBMITTED) + odd))
    assert incoming.data is not None


@pytest.mark.parametrize("time", [None, "yesterday", "2026-11-23T09:14:05", "2026-02-30T09:14:05+05:00", "9" * 5000])
def test_a_time_that_is_none_is_left_out(time: str | None) -> None:
    assert read(record(SUBMITTED, compact(REQUEST), ce_time=time)).time is None


@pytest.mark.parametrize("trace", [None, "", "850715100000", TRACE + "-" + "9" * 5000, TRACE.upper()])
def test_a_traceparent_that_is_none_is_not_passed_on(trace: str | None) -> None:
    assert read(record(SUBMITTED, compact(REQUEST), traceparent=trace)).traceparent is None


def test_a_topic_of_another_name_is_read_by_type_alone() -> None:
    assert read(Record("test.requests", 0, 7, None, compact(REQUEST), headers(SUBMITTED))).data is not None


def test_the_cause_differs_by_source_id_and_type_and_by_nothing_else() -> None:
    causes = {
        read(record(SUBMITTED, compact(REQUEST))).causation_id,
        read(record(SUBMITTED, compact(REQUEST), ce_id="01JA")).causation_id,
        read(record(SUBMITTED, compact(REQUEST), ce_source="urn:clinic:other")).causation_id,
        read(record("request.withdrawn", compact(WITHDRAWN))).causation_id,
    }
    assert len(causes) == 4
    later = Record(REQUESTS, 3, 99, b"another-key", compact({**REQUEST, "note": "x"}), headers(SUBMITTED), 1)
    assert read(later).causation_id in causes


# ---------------------------------------------------------------- what is not

GOOD = compact(REQUEST)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "no value"),
        (b"", "not JSON"),
        (b"request", "not JSON"),
        (b'{"request_id": ', "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        ('{"note": "Ә"}'.encode("utf-16"), "not JSON"),
        (b'{"note": "\\ud800"}', "not JSON"),
        (DEEP, "nests too deep"),
        (b'{"note":' + DEEP + b"}", "nests too deep"),
    ],
    ids=["null", "empty", "word", "cut", "bytes", "utf-16", "half a letter", "deep", "deep inside"],
)
def test_what_is_no_json(value: bytes | None, says: str) -> None:
    reason, detail = unreadable(record(SUBMITTED, value))
    assert reason == "not_json"
    assert says in detail
    # The same without an envelope: what is no JSON is called that first.
    assert unreadable(Record(REQUESTS, 0, 7, None, value, ()))[0] == "not_json"


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (Record(REQUESTS, 0, 7, None, GOOD, ()), "ce_specversion, ce_id, ce_source, ce_type are missing"),
        (record(SUBMITTED, GOOD, ce_id=None), "the headers ce_id are missing"),
        (record(SUBMITTED, GOOD, ce_type=None, ce_source=None), "ce_source, ce_type are missing"),
        (record(SUBMITTED, GOOD, ce_specversion="0.3"), "ce_specversion must be 1.0"),
        (record(SUBMITTED, GOOD, ce_specversion=""), "ce_specversion must be 1.0"),
        (record(SUBMITTED, GOOD, ce_id=""), "ce_id must be a text of 1 to 1024"),
        (record(SUBMITTED, GOOD, ce_source="x" * 1025), "ce_source must be a text of 1 to 1024"),
        (record(SUBMITTED, GOOD, content_type="application/cloudevents-batch+json"), "one event per record"),
        (record(SUBMITTED, GOOD, content_type="application/cloudevents+avro"), "one event per record"),
        (structured(), "the attributes data are missing"),
        (structured(REQUEST, id=None, source=None), "the attributes id, source are missing"),
        (structured(REQUEST, id=7), "ce_id must be a text"),
        (structured(REQUEST, specversion="0.3"), "ce_specversion must be 1.0"),
        (structured(data_base64="%%%"), "not base64"),
        (structured(data_base64="Ә"), "not base64"),
        (Record(REQUESTS, 0, 7, None, b"[]", (("content-type", STRUCTURED.encode()),)), "is a JSON object"),
    ],
)
def test_what_is_no_cloudevent(broken: Record, says: str) -> None:
    reason, detail = unreadable(broken)
    assert reason == "not_cloudevent"
    assert says in detail


def doubled(path: tuple[str, ...], name: str) -> Record:
    """A structured event in which one key stands twice."""
    sound = structured(REQUEST)
    assert sound.value is not None
    place = json.loads(sound.value)
    for part in path:
        place = place[part]
    pair = f'"{name}":{json.dumps(place[name])}'
    value = sound.value.decode().replace(pair, f"{pair},{pair}", 1).encode()
    assert value != sound.value
    return Record(REQUESTS, 0, 7, None, value, sound.headers)


def test_a_key_that_stands_twice_in_the_envelope_is_refused() -> None:
    reason, detail = unreadable(doubled((), "specversion"))
    assert (reason, "twice" in detail) == ("not_cloudevent", True)


@pytest.mark.parametrize(("path", "name"), [(("data",), "channel"), (("data", "patient"), "iin")])
def test_a_key_that_stands_twice_in_the_data_is_answered_by_its_name(path: tuple[str, ...], name: str) -> None:
    event = read(doubled(path, name))
    assert event.data is None
    assert [(error.path, "twice" in error.message) for error in event.errors] == [(".".join((*path[1:], name)), True)]


def test_an_id_that_stands_twice_is_none() -> None:
    assert unreadable(doubled(("data",), "request_id"))[0] == "schema"


@pytest.mark.parametrize(
    "ce_type",
    [
        "request.submitted",
        "kz.homecall.request.submited",
        "kz.homecall.",
        "com.example.order",
        "KZ.HOMECALL.request.submitted",
    ],
)
def test_a_type_that_is_none(ce_type: str) -> None:
    reason, detail = unreadable(record(SUBMITTED, GOOD, ce_type=ce_type))
    assert reason == "unknown_type"
    assert "kz.homecall.request.submitted" in detail
    assert unreadable(structured(REQUEST, type=ce_type)) == (reason, detail)


@pytest.mark.parametrize("topic", [name for name in BY_NAME if name != REQUESTS])
def test_a_type_on_the_wrong_topic_is_told_the_right_one(topic: str) -> None:
    reason, detail = unreadable(Record(topic, 0, 7, None, GOOD, headers(SUBMITTED)))
    assert reason == "unknown_type"
    assert detail == f"{SUBMITTED} does not belong on {topic}: send it to {REQUESTS}"


# ---------------------------------------------------------------- the schema is broken


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"request_id": None}, "request_id must be a text"),
        ({"request_id": 17}, "request_id must be a text"),
        ({"request_id": "118"}, "request_id must be a UUID"),
        ({"clinic_id": "Самал 3"}, "clinic_id must be lower-case letters"),
        ({"clinic_id": ["samal-3"]}, "clinic_id must be a text"),
    ],
)
def test_without_readable_ids_nobody_can_be_answered(changed: dict[str, Any], says: str) -> None:
    reason, detail = unreadable(record(SUBMITTED, compact({**REQUEST, **changed, "channel": "fax"})))
    assert reason == "schema"
    assert says in detail
    assert "channel must be one of" in detail


@pytest.mark.parametrize("value", [b"[]", b"null", b'"x"', b"7", b"{}"])
def test_data_that_is_no_object_of_ours(value: bytes) -> None:
    reason, detail = unreadable(record(SUBMITTED, value))
    assert reason == "schema"
    assert "data must be an object" in detail or "request_id is required: add it" in detail


def test_with_readable_ids_the_errors_come_with_what_was_sent() -> None:
    sent = {**REQUEST, "request_id": REQUEST["request_id"].upper(), "channel": "fax", "future": {"a": 1}}
    incoming = read(record(SUBMITTED, compact(sent), traceparent=TRACE))
    assert incoming.data is None
    assert [error.path for error in incoming.errors] == ["channel"]
    assert incoming.readable == sent
    assert (incoming.subject, incoming.clinic_id) == (REQUEST["request_id"], "samal-3")
    assert incoming.causation_id == cause_id("urn:clinic:samal-3", "01J9", SUBMITTED)
    assert incoming.traceparent == TRACE


@pytest.mark.parametrize(
    ("event_type", "changed", "path"),
    [
        (SUBMITTED, {"reasons": ["other"] * 100_000}, "reasons"),
        (SUBMITTED, {"reasons": ["?"] * 100_000}, "reasons"),
        (SUBMITTED, {"note": "x" * 900_000}, "note"),
        ("roster.published", {"doctors": [{}] * 100_000}, "doctors"),
        ("clinic.published", {"closed_dates": [""] * 100_000}, "closed_dates"),
        ("clinic.published", {"districts": [{"addresses": [""] * 90_000}]}, "districts.0.addresses.0"),
        ("clinic.published", {"hours": {"mon": [["", ""]] * 100_000}}, "hours.mon"),
    ],
)
def test_a_heap_of_anything_is_told_in_few_words(event_type: str, changed: dict[str, Any], path: str) -> None:
    sent = examples("valid", (event_type,))[0].data
    incoming = read(record(event_type, compact({**sent, **changed})))
    assert incoming.data is None
    assert path in [error.path for error in incoming.errors]
    assert len(incoming.errors) <= 20


# ---------------------------------------------------------------- what goes out

STATUS = examples("valid", ("status.changed",))[0].data
AT = "2026-11-23T09:14:06+05:00"


def said(**changed: str) -> OutgoingRecord:
    given_values: dict[str, str] = {
        "service": "notifier",
        "causation_id": "0123",
        "time": AT,
        "sibling": "registered",
        **changed,
    }
    traceparent = given_values.pop("traceparent", None)
    return replace(outgoing(MODELS["status.changed"].model_validate(STATUS), **given_values), traceparent=traceparent)


def test_an_event_of_ours_in_binary_mode() -> None:
    event = said(traceparent=TRACE)
    assert (event.topic, event.key) == ("homecall.status.v1", STATUS["request_id"])
    assert dict(event.headers()) == {
        "ce_specversion": b"1.0",
        "ce_id": event.id.encode(),
        "ce_source": b"/homecall/notifier",
        "ce_type": b"kz.homecall.status.changed",
        "ce_time": AT.encode(),
        "ce_subject": STATUS["request_id"].encode(),
        "content-type": b"application/json",
        "traceparent": TRACE.encode(),
    }
    assert "traceparent" not in dict(said().headers())


def test_the_same_event_is_the_same_id_and_bytes() -> None:
    assert said() == said()
    assert said().headers() == said().headers()


def test_events_of_one_cause_differ_by_sibling_type_and_subject() -> None:
    made = {
        said().id,
        said(sibling="scheduled").id,
        said(causation_id="4567").id,
        event_id("0123", "journal.entry", STATUS["request_id"], "registered"),
        event_id("0123", "status.changed", visit_id(STATUS["request_id"]), "registered"),
    }
    assert len(made) == 5


def test_the_key_of_each_topic_is_its_field() -> None:
    for example in examples("valid"):
        event = outgoing(MODELS[example.type].model_validate(example.data), service="x", causation_id="c", time=AT)
        assert event.key == example.data[BY_NAME[event.topic].key]
        assert event.subject == example.data[MODELS[example.type].SUBJECT]


@pytest.mark.parametrize("example", examples("valid"), ids=str)
def test_what_we_send_we_can_read(example: Any) -> None:
    data = MODELS[example.type].model_validate(example.data)
    event = replace(outgoing(data, service="intake", causation_id="c", time=AT), traceparent=TRACE)
    incoming = read(Record(event.topic, 0, 7, event.key.encode(), event.value, tuple(event.headers())))
    assert incoming.data == data
    assert incoming.causation_id == cause_id("/homecall/intake", event.id, example.type)
    assert (incoming.subject, incoming.time, incoming.traceparent) == (event.subject, AT, TRACE)


# ---------------------------------------------------------------- anything at all

anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
header_names = st.sampled_from([name for name, _ in headers(SUBMITTED)] + ["traceparent", "CE_TIME", "ce_"]) | st.text(
    max_size=6
)
header_values = (
    st.sampled_from([b"1.0", STRUCTURED.encode(), b"application/json", TRACE.encode()])
    | st.sampled_from([(TYPE_PREFIX + name).encode() for name in MODELS])
    | st.binary(max_size=20)
    | st.none()
)


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, Any]:
    """An example in which one thing is another: a value or an attribute."""
    example = draw(st.sampled_from(examples("valid", INBOUND)))
    data = json.loads(compact(example.data))
    place = data
    while isinstance(place, dict | list) and place:
        key = draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
        if not isinstance(place[key], dict | list) or draw(st.booleans()):
            place[key] = draw(anything)
            break
        place = place[key]
    return example.type, data


def reads_or_says_why(given_record: Record) -> None:
    found: Incoming | Unreadable
    try:
        found = read(given_record)
    except Unreadable as reason:
        found = reason
    if isinstance(found, Unreadable):
        assert found.detail
        assert "\n" not in found.detail
    else:
        assert (found.data is None) == bool(found.errors)
        assert found.subject
        assert found.clinic_id


@settings(max_examples=400, deadline=None)
@given(
    topic=st.sampled_from([*BY_NAME, "other"]),
    value=st.binary(max_size=60) | anything.map(lambda data: json.dumps(data).encode()) | st.none(),
    sent=st.lists(st.tuples(header_names, header_values), max_size=10),
    well_formed=st.booleans(),
)
def test_any_record_is_read_or_a_dead_letter(
    topic: str, value: bytes | None, sent: list[tuple[str, bytes | None]], *, well_formed: bool
) -> None:
    reads_or_says_why(Record(topic, 0, 0, None, value, (headers(SUBMITTED) if well_formed else ()) + tuple(sent)))


@settings(max_examples=400, deadline=None)
@given(spoilt(), st.booleans())
def test_any_value_in_an_event_is_read_or_a_dead_letter(event: tuple[str, Any], in_structured_mode: bool) -> None:
    event_type, data = event
    value = json.dumps(data).encode()
    if in_structured_mode:
        topic = record(event_type, None).topic
        reads_or_says_why(structured(data, topic=topic, type=TYPE_PREFIX + event_type))
    else:
        reads_or_says_why(record(event_type, value))


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["specversion", "id", "source", "type", "time", "data", "data_base64"]), anything)
)
def test_any_attributes_in_structured_mode_are_read_or_a_dead_letter(changed: dict[str, Any]) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "s", "type": TYPE_PREFIX + SUBMITTED, "data": REQUEST} | changed
    value = json.dumps(event).encode()
    reads_or_says_why(Record(REQUESTS, 0, 0, None, value, (("content-type", STRUCTURED.encode()),)))
