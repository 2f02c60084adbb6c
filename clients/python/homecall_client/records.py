"""An event as the Kafka record that carries it, and back. Pure: no socket, no clock.

The envelope is CloudEvents 1.0 in Kafka's binary mode: attributes are ``ce_`` headers, the value is the data.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid5

import rfc8785

TYPE_PREFIX: Final = "kz.homecall."
STRUCTURED: Final = "application/cloudevents+json"
STATUS_TOPIC: Final = "homecall.status.v1"
STATUS_TYPE: Final = "status.changed"

# What others than the services write: the topic of each type. The key is the clinic's id, a complaint's its own.
TOPIC_OF: Final[Mapping[str, str]] = {
    "clinic.published": "homecall.clinics.v1",
    "roster.published": "homecall.rosters.v1",
    "doctor.unavailable": "homecall.rosters.v1",
    "request.submitted": "homecall.requests.v1",
    "request.withdrawn": "homecall.requests.v1",
    "request.transferred": "homecall.requests.v1",
    "visit.reported": "homecall.visits.v1",
    "visit.assigned": "homecall.visits.v1",
    "visit.released": "homecall.visits.v1",
    "answer.given": "homecall.answers.v1",
    "complaint.submitted": "homecall.complaints.v1",
    "complaint.assigned": "homecall.complaints.v1",
    "complaint.executed": "homecall.complaints.v1",
    "complaint.answered": "homecall.complaints.v1",
    "complaint.refused": "homecall.complaints.v1",
    "complaint.escalated": "homecall.complaints.v1",
}

ANSWERED: Final = frozenset({"scheduled", "rescheduled", "refused"})
"""The statuses that answer a request: a day and a time, or a refusal."""
FINAL: Final = frozenset({"refused", "withdrawn", "completed", "not_completed"})
"""The statuses after which none comes."""

_NAMESPACE: Final = UUID("0d6f3f0e-3a55-5a1b-8f0e-5b9a63d5c0aa")
Headers = tuple[tuple[str, bytes], ...]


class NotAnEventError(ValueError):
    """What was to be sent, or what was read, is no event of the contract: says what is wrong and the way out."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to send."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers


Sign = Callable[[bytes], bytes]
"""Makes an Ed25519 signature, 64 bytes: a private key's own ``sign``."""


def signed(record: Outgoing, sender: str, sign: Sign) -> Outgoing:
    """The record with the sender's name and signature, for operators who ask who sent it.

    Signed are lines ``name: value``: the form (2), the sender, topic and key, then the attributes (``ce_`` headers and
    ``content-type``) in the order of their names; then an empty line and the value.
    """
    first = (
        ("homecall-signature", b"2"),
        ("homecall-sender", sender.encode()),
        ("topic", record.topic.encode()),
        ("key", record.key),
    )
    lines = b"".join(name.encode() + b": " + text + b"\n" for name, text in (*first, *sorted(record.headers)))
    signature = b64encode(sign(lines + b"\n" + record.value))
    more = (("homecall-sender", sender.encode()), ("homecall-signature", b"2:" + signature))
    return Outgoing(record.topic, record.key, record.value, record.headers + more)


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it was read. ``source`` with ``id`` names it: seen twice, it is the same."""

    source: str
    id: str
    type: str
    time: str | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Status:
    """A request's status (``status.changed``). ``sequence`` is 1, 2, 3… per request; a lower one is history.

    ``text`` is what to show, by language; ``data`` is the whole event.
    """

    request_id: str
    clinic_id: str
    sequence: int
    status: str
    text: Mapping[str, str]
    data: Mapping[str, Any] = field(repr=False)

    @property
    def answers(self) -> bool:
        """Whether it is an answer: a visit's day and time, or a refusal."""
        return self.status in ANSWERED

    @property
    def final(self) -> bool:
        """Whether no other comes after it."""
        return self.status in FINAL


def record_of(
    event_type: str, data: Mapping[str, Any], *, source: str, time: str, event_id: str | None = None
) -> Outgoing:
    """The record that carries an event. ``time`` is RFC 3339 with an offset.

    Without an ``event_id`` one is derived from the content: whoever was not sure and sends the same data again sends
    the same event, which changes nothing. Raises ``NotAnEventError`` for a type that nobody outside the services
    sends, and for data without the id that is the record's key.
    """
    topic = TOPIC_OF.get(event_type)
    if topic is None:
        raise NotAnEventError(f"{event_type} is none of the types to send: they are {', '.join(TOPIC_OF)}")
    name = "complaint_id" if event_type.startswith("complaint.") else "clinic_id"
    key = data.get(name)
    if not isinstance(key, str) or not key:
        raise NotAnEventError(f"{name} must be a text: it is the record's key")
    try:
        value = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except ValueError:
        raise NotAnEventError("data must be JSON in UTF-8: no NaN, no infinity, no half of a surrogate pair") from None
    attributes = {
        "specversion": "1.0",
        "id": event_id or str(uuid5(_NAMESPACE, f"{source}\n{event_type}\n{json.dumps(data, sort_keys=True)}")),
        "source": source,
        "type": TYPE_PREFIX + event_type,
        "time": time,
    }
    subject = data.get("complaint_id") or data.get("request_id")
    if isinstance(subject, str):
        attributes["subject"] = subject
    headers = [(f"ce_{attribute}", text.encode()) for attribute, text in attributes.items()]
    headers.append(("content-type", b"application/json"))
    return Outgoing(topic, key.encode(), value, tuple(headers))


def event_of(headers: Sequence[tuple[str, bytes | None]], value: bytes | None) -> Event:
    """The event that a record carries, in binary or structured mode; raises ``NotAnEventError`` where it is none."""
    named = {name.lower(): (text or b"").decode("utf-8", "replace") for name, text in headers}
    try:
        parsed = json.loads((value or b"").decode(), parse_constant=_no_constant, object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError):
        raise NotAnEventError("the value is no JSON in UTF-8 that all would read alike") from None
    attributes: Mapping[str, Any] = {name.removeprefix("ce_"): text for name, text in named.items()}
    if named.get("content-type", "").startswith(STRUCTURED) and isinstance(parsed, dict):
        attributes, parsed = parsed, parsed.get("data")
    missing = [name for name in ("source", "id", "type") if not isinstance(attributes.get(name), str)]
    if missing or not isinstance(parsed, dict):
        raise NotAnEventError(f"not a CloudEvent: {', '.join(missing) or 'data'} missing")
    return Event(
        source=attributes["source"],
        id=attributes["id"],
        type=attributes["type"].removeprefix(TYPE_PREFIX),
        time=attributes.get("time"),
        data=parsed,
    )


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


class Statuses:
    """What has been heard of each request's status: gives back only what is new, in the order of ``sequence``.

    Delivery is at least once and a late one is history, so an application that shows statuses wants this in front.
    Keeps one number per request; ``forget`` lets go of those that are over.
    """

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}

    def new(self, events: Iterable[Event]) -> list[Status]:
        """The statuses among these events that are newer than what was heard of their request."""
        found = []
        for event in events:
            if event.type != STATUS_TYPE:
                continue
            data = event.data
            request_id, sequence = str(data["request_id"]), int(data["sequence"])
            if sequence <= self._newest.get(request_id, 0):
                continue
            self._newest[request_id] = sequence
            found.append(
                Status(request_id, str(data["clinic_id"]), sequence, str(data["status"]), dict(data["text"]), data)
            )
        return found

    def forget(self, request_id: str) -> None:
        """Its last status was heard, and nothing more is to come."""
        self._newest.pop(request_id, None)


def signing_form(data: Mapping[str, Any]) -> bytes:
    """What an applicant's signature is made over (C9.2): the RFC 8785 form of the data without ``signature``.

    The detached CMS made over these bytes goes into ``signature`` as {"format": "cms", "value": base64}; the rest of
    the data must go out as it was signed.
    """
    return bytes(rfc8785.dumps({name: value for name, value in data.items() if name != "signature"}))
