"""CloudEvents 1.0 in Kafka: binary and structured mode in, binary mode out."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from homecall.contract.errors import MOST_ERRORS, field_errors, one_line
from homecall.contract.events import MODELS, FieldError
from homecall.contract.ids import cause_id, event_id
from homecall.contract.iins import without_iins
from homecall.contract.strict_json import DEEPEST, TWICE, Flaw, Parsed, parse, parts_of
from homecall.contract.topics import BY_NAME, MAX_MESSAGE_BYTES, TOPIC_OF_TYPE, TYPE_PREFIX
from homecall.contract.types import ZONE, Event, in_zone, is_moment

DeadReason = Literal[
    "not_json",
    "not_cloudevent",
    "unknown_type",
    "schema",
    "unauthorised",
    "unknown_subject",
    "invalid_transition",
    "handler_failed",
]
STRUCTURED = "application/cloudevents+json"
_REQUIRED = ("specversion", "id", "source", "type")
_LONGEST_ATTRIBUTE = 1024
# W3C Trace Context, version 00: any other form is ignored.
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")
# For a value larger than a topic takes uncompressed: it may be one long text.
_MOST_PARTS = 100_000
_NOT_JSON = "the value is not JSON in UTF-8, or nests too deep: send the event's data as a JSON object"


@dataclass(frozen=True, slots=True)
class Record:
    """A Kafka record as it came. ``timestamp`` is in milliseconds since 1970, UTC."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp: int = 0
    not_read: str = ""
    """Why its content was not read, if it was beyond a limit; it may then represent its whole batch."""

    @property
    def place(self) -> dict[str, str | int]:
        """Topic, partition and offset, for a log line."""
        return {"topic": self.topic, "partition": self.partition, "offset": self.offset}

    @property
    def recorded_at(self) -> datetime | None:
        """The record's time in UTC; None if its publisher set none, or an impossible one (R17)."""
        try:
            moment = datetime.fromtimestamp(self.timestamp / 1000, UTC)
        except (OverflowError, ValueError, OSError):
            return None
        return moment if 2000 <= moment.year <= 2150 else None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A readable CloudEvent.

    ``data`` is None if the schema was broken: then ``errors`` says how, and ``readable`` is the parsed JSON.
    ``causation_id`` identifies the event (``ce_source``, ``ce_id``, type). ``time`` and ``traceparent`` are None if
    malformed: nothing depends on them.
    """

    record: Record
    causation_id: str
    type: str
    subject: str
    clinic_id: str
    time: str | None
    traceparent: str | None
    data: Event | None
    value: bytes = b""
    """The event's data as received: JSON."""
    errors: tuple[FieldError, ...] = ()
    readable: dict[str, Any] = field(default_factory=dict)


class Unreadable(Exception):
    """A record that cannot be handled: the dead letter's reason and a detail that names the way out."""

    def __init__(self, reason: DeadReason, detail: str) -> None:
        super().__init__(detail)
        self.reason: DeadReason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """An event of ours, ready to be sent: the same event is the same bytes, whenever it is sent."""

    topic: str
    key: str
    type: str
    id: str
    source: str
    subject: str
    time: str
    value: bytes
    traceparent: str | None = None

    def headers(self) -> list[tuple[str, bytes]]:
        """The headers of binary mode."""
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", self.id.encode()),
            ("ce_source", self.source.encode()),
            ("ce_type", (TYPE_PREFIX + self.type).encode()),
            ("ce_time", self.time.encode()),
            ("ce_subject", self.subject.encode()),
            ("content-type", b"application/json"),
        ]
        if self.traceparent:
            headers.append(("traceparent", self.traceparent.encode()))
        return headers


def outgoing(
    data: Event,
    *,
    service: str,
    causation_id: str,
    time: str,
    sibling: str = "",
    zone: ZoneInfo = ZONE,
) -> OutgoingRecord:
    """The event of ours with this data. ``time`` is RFC 3339; all times go out in ``zone``, the clinic's (R20).

    ``sibling`` tells apart the events of one causation id, type and subject.
    """
    topic = TOPIC_OF_TYPE[data.TYPE]
    return OutgoingRecord(
        topic=topic.name,
        key=str(getattr(data, topic.key)),
        type=data.TYPE,
        id=event_id(causation_id, data.TYPE, data.subject, sibling),
        source=f"/homecall/{service}",
        subject=data.subject,
        # Most clinics have the default zone, in which ``time`` is written already.
        time=time if zone is ZONE else in_zone(datetime.fromisoformat(time), zone),
        value=data.to_json(zone),
    )


def read(record: Record, *, flaws: Sequence[Flaw] = ()) -> Incoming:
    """Read a record into the event it is. ``flaws`` are those of the JSON that its value was taken from, if any.

    Raises ``Unreadable`` with the dead letter's reason: ``not_json``, ``not_cloudevent``, ``unknown_type``, or
    ``schema`` where the ids of the subject and the clinic cannot be read either. A record whose schema is broken but
    whose ids are readable comes back with ``data=None`` and ``errors``: its service decides what that means.
    """
    if record.not_read:
        raise Unreadable("schema", record.not_read)
    if record.value is None:
        raise Unreadable("not_json", "the record has no value: send the event's data as JSON")
    headers = _headers(record)
    content_type = headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type == STRUCTURED:
        attributes, value, flaws = _structured(record.value)
    elif content_type.startswith("application/cloudevents"):
        raise Unreadable("not_cloudevent", "batched or non-JSON CloudEvents are not taken: send one event per record")
    else:
        value = record.value
        attributes = {name[3:]: text for name, text in headers.items() if name.startswith("ce_")}
        if not attributes or any(name not in attributes for name in _REQUIRED):
            _is_json(value)
            missing = [f"ce_{name}" for name in _REQUIRED if name not in attributes]
            raise Unreadable(
                "not_cloudevent",
                f"the headers {', '.join(missing)} are missing: send CloudEvents 1.0 in binary mode, "
                f"or structured mode with content-type {STRUCTURED}",
            )
    _check(attributes)
    event_type = attributes["type"].removeprefix(TYPE_PREFIX)
    topic = BY_NAME.get(record.topic)
    if not attributes["type"].startswith(TYPE_PREFIX) or event_type not in MODELS:
        _is_json(value)
        raise Unreadable(
            "unknown_type",
            f"ce_type is none of this contract: it is {TYPE_PREFIX} and a type, as in {TYPE_PREFIX}request.submitted",
        )
    if topic is not None and event_type not in topic.types:
        _is_json(value)
        raise Unreadable(
            "unknown_type",
            f"{event_type} does not belong on {record.topic}: send it to {TOPIC_OF_TYPE[event_type].name}",
        )
    return _incoming(record, attributes, headers.get("traceparent"), event_type, value, flaws)


def _headers(record: Record) -> dict[str, str]:
    """Header names in lower case, values as text; bytes that are no UTF-8 are replaced."""
    return {name.lower(): (value or b"").decode("utf-8", "replace") for name, value in record.headers}


def _json(value: bytes, *, around: int = 0) -> Parsed:
    """The JSON of a value, with so many levels around the data. ``Unreadable`` where there is none."""
    if len(value) > MAX_MESSAGE_BYTES and parts_of(value) > _MOST_PARTS:
        raise Unreadable(
            "schema", f"a value of more than {MAX_MESSAGE_BYTES:,} bytes has more than {_MOST_PARTS:,} fields and items"
        )
    try:
        return parse(value, deepest=DEEPEST + around)
    except ValueError as error:
        raise Unreadable("not_json", _NOT_JSON) from error


def _is_json(value: bytes) -> None:
    """Raises ``Unreadable`` for a value that is not JSON: that comes before other errors of the record."""
    flaws = [flaw for flaw in _json(value).flaws if not flaw.is_json]
    if flaws:
        raise _no_json(flaws)


def _structured(value: bytes) -> tuple[dict[str, str], bytes, list[Flaw]]:
    """The attributes of a structured event, its data, and what is wrong with these."""
    read_as = _json(value, around=1)
    parsed = read_as.value
    outside = [flaw for flaw in read_as.flaws if not flaw.path.startswith("data.")]
    if any(flaw.message == TWICE for flaw in outside):
        # Two readers may take different values, so it is unclear what was signed.
        raise Unreadable("not_cloudevent", "a key stands twice in one object: send each once")
    if outside:
        raise _no_json(outside)
    if not isinstance(parsed, dict):
        raise Unreadable("not_cloudevent", "a structured CloudEvent is a JSON object with its attributes and data")
    missing = [name for name in (*_REQUIRED, "data") if name not in parsed]
    if "data" in missing and "data_base64" in parsed:
        missing.remove("data")
    if missing:
        raise Unreadable("not_cloudevent", f"the attributes {', '.join(missing)} are missing from the structured event")
    attributes = {name: text for name, text in parsed.items() if isinstance(text, str) and name != "data"}
    if "data" in parsed:
        flaws = [replace(flaw, path=flaw.path.removeprefix("data.")) for flaw in read_as.flaws]
        return attributes, json.dumps(parsed["data"], ensure_ascii=False).encode(), flaws
    try:
        return attributes, base64.b64decode(attributes.get("data_base64", ""), validate=True), []
    except ValueError as error:
        raise Unreadable("not_cloudevent", "data_base64 is not base64: encode the event's data again") from error


def _no_json(flaws: Iterable[Flaw]) -> Unreadable:
    """The error of a value with these flaws, and without ids to answer under."""
    if all(flaw.is_json for flaw in flaws):
        return Unreadable("schema", one_line(_errors(flaws)))
    return Unreadable("not_json", f"{_NOT_JSON} ({one_line(_errors(flaws))})")


def _errors(flaws: Iterable[Flaw]) -> list[FieldError]:
    return [FieldError(path=flaw.path, message=flaw.message) for flaw in flaws][:MOST_ERRORS]


def _check(attributes: dict[str, str]) -> None:
    if attributes.get("specversion") != "1.0":
        raise Unreadable("not_cloudevent", "ce_specversion must be 1.0")
    for name in ("id", "source", "type"):
        if not 0 < len(attributes.get(name, "")) <= _LONGEST_ATTRIBUTE:
            raise Unreadable("not_cloudevent", f"ce_{name} must be a text of 1 to {_LONGEST_ATTRIBUTE} characters")


def _incoming(
    record: Record,
    attributes: dict[str, str],
    traceparent: str | None,
    event_type: str,
    value: bytes,
    flaws: Sequence[Flaw],
) -> Incoming:
    model = MODELS[event_type]
    causation_id = cause_id(attributes["source"], attributes["id"], event_type)
    traceparent = traceparent or attributes.get("traceparent")
    if traceparent is not None and not _TRACEPARENT.match(traceparent):
        traceparent = None
    time = attributes.get("time")
    if time is not None and not is_moment(time):
        time = None
    parsed = _json(value)
    flaws = [*flaws, *parsed.flaws]
    errors = _errors(flaws)
    if not flaws:
        try:
            data = model.model_validate_json(value) if parsed.as_sent else model.model_validate(parsed.value)
        except ValidationError as error:
            errors = field_errors(error)
        else:
            clinic_id = str(getattr(data, "clinic_id", ""))
            # A doctor's id may contain an IIN, and the subject appears in logs and traces.
            subject = without_iins(data.subject)
            return Incoming(record, causation_id, event_type, subject, clinic_id, time, traceparent, data, value)
    readable = parsed.value if isinstance(parsed.value, dict) else {}
    broken = _readable_id(model, readable, model.SUBJECT)
    clinic = _readable_id(model, readable, "clinic_id")
    if broken is None or clinic is None:
        raise _no_json(flaws) if flaws else Unreadable("schema", one_line(errors))
    subject = without_iins(broken)
    return Incoming(
        record, causation_id, event_type, subject, clinic, time, traceparent, None, value, tuple(errors), readable
    )


@cache
def _field(model: type[Event], name: str) -> TypeAdapter[Any]:
    info = model.model_fields[name]
    return TypeAdapter(Annotated[info.annotation, *info.metadata])  # type: ignore[arg-type]  # a form made at run time


def _readable_id(model: type[Event], readable: dict[str, Any], name: str) -> str | None:
    """The id in a broken event, if it is valid by itself."""
    try:
        return str(_field(model, name).validate_python(readable.get(name)))
    except ValidationError:
        return None
