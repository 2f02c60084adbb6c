"""``homecall publish`` and ``homecall watch``: an integrator's first try, with no code of their own."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

from homecall.contract.encoding import refusal
from homecall.contract.envelope import STRUCTURED, Record, Unreadable, read
from homecall.contract.errors import MOST_ERRORS, one_line
from homecall.contract.events import MODELS
from homecall.contract.ids import cause_id, event_id
from homecall.contract.strict_json import DEEPEST, Parsed, parse
from homecall.contract.topics import DEAD_LETTERS, TYPE_PREFIX, Topic
from homecall.contract.types import in_zone, is_moment
from homecall.operations.failure import Failure
from homecall.operations.kafka import Message, Sent, answers, reading, send, topic_named
from homecall.operations.terminal import (
    counted,
    json_line,
    none_left,
    numbered_lines,
    print_bytes,
    print_error,
    settings,
)
from homecall.runtime.kafka.global_table import record_of
from homecall.runtime.settings import Settings

SOURCE = "/homecall/publish"
_LONGEST_POLL_MS = 500
_LOOK_SECONDS = 5.0


class _Wrong(Exception):
    """What is wrong with a line, and the way out."""


# ---------------------------------------------------------------- publish


def publish(
    topic_name: str, file: str, *, source: str, as_is: bool, quiet: bool, sign: Callable[[Message], Message]
) -> None:
    """Send each line of a file as an event; ``Failure`` with code 1 if any was not sent. All others are.

    With ``as_is`` nothing is checked: what is no event at all goes out as its bare bytes, with neither key nor headers.
    ``sign`` is what ``signing`` gives for the sender.
    """
    topic = topic_named(topic_name)
    if topic is DEAD_LETTERS and not as_is:
        raise Failure(f"{topic.name} is written by the services alone: --as-is sends there all the same")
    found = settings()
    now = in_zone(datetime.now(UTC).replace(microsecond=0))
    ready: list[tuple[int, Message]] = []
    total = 0
    for number, line in numbered_lines(file):
        total += 1
        try:
            ready.append((number, sign(message_of(topic, line, source=source, now=now, as_is=as_is))))
        except _Wrong as error:
            print_error(f"line {number}: {error}")
    places = asyncio.run(send(found, [message for _, message in ready]))
    sent = 0
    for (number, _), place in zip(ready, places, strict=True):
        if isinstance(place, Sent):
            sent += 1
            if not quiet:
                print(f"line {number}: partition {place.partition}, offset {place.offset}")
        else:
            print_error(f"line {number}: {place}")
    print(f"{sent} sent to {topic.name}")
    none_left(total - sent, total, "line", "sent")


def signing(sender: str | None, key: Path | None) -> Callable[[Message], Message]:
    """What signs a record for ``sender`` with the private ``key``; leaves it as it is where both are None."""
    if sender is None and key is None:
        return lambda message: message
    if sender is None or key is None:
        raise Failure("--sender and --key belong together: give both, or neither")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from homecall.runtime.kafka.senders import signature_headers

    try:
        private = load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise Failure(f"{key}: is no private key that can be read: homecall senders new makes one")

    def sign(message: Message) -> Message:
        topic, key, headers = message.topic, message.key, message.headers
        added = signature_headers(sender, private.sign, topic, key, headers, message.value)
        return replace(message, headers=headers + added)

    return sign


def message_of(topic: Topic, line: bytes, *, source: str, now: str, as_is: bool) -> Message:
    """A line as the record that it stands for. ``now`` is the ``ce_time`` of an event that brings none."""
    try:
        found = parse(line, deepest=DEEPEST + 1)
    except ValueError as error:
        found = Parsed(None)
        if not as_is:
            other = isinstance(error, UnicodeDecodeError)
            raise _Wrong(refusal(None) if other else "is not JSON: write each event on a line of its own") from None
    if found.flaws and not as_is:
        raise _Wrong("; ".join(f"{each.path} {each.message}" for each in found.flaws[:MOST_ERRORS]))
    parsed = _json_or(None, line) if found.flaws else found.value
    data, headers, value = _event(topic, line, parsed, source, now)
    if not as_is:
        return Message(topic.name, _checked_key(topic, headers, value), value, headers)
    key = data.get(topic.key) if isinstance(data, dict) else None
    return Message(topic.name, key.encode() if isinstance(key, str) else None, value, headers)


def _json_or(other: Any, value: bytes) -> Any:
    """The value as JSON, read leniently; ``other`` where it is none."""
    try:
        return from_json(value)
    except ValueError:
        return other


def _event(
    topic: Topic, line: bytes, parsed: Any, source: str, now: str
) -> tuple[Any, tuple[tuple[str, bytes], ...], bytes]:
    """The event's data, the record's headers and its value, by the form that the line has."""
    if isinstance(parsed, dict) and "specversion" in parsed:
        return parsed.get("data"), (("content-type", STRUCTURED.encode()),), line
    if isinstance(parsed, dict) and "type" in parsed and "data" in parsed:
        data = parsed["data"]
        given = {name: parsed[name] for name in ("id", "source", "time") if parsed.get(name) is not None}
        return data, _headers(str(parsed["type"]), data, {"source": source, "time": now, **given}), to_json(data)
    if parsed is not None and len(topic.types) == 1:
        return parsed, _headers(topic.types[0], parsed, {"source": source, "time": now}), line
    return None, (), line


def _headers(name: str, data: Any, attributes: dict[str, Any]) -> tuple[tuple[str, bytes], ...]:
    """Binary mode's headers. An id that is not given comes from the content: the same line again is a repeat."""
    event_type = name.removeprefix(TYPE_PREFIX)
    source = str(attributes["source"])
    content = json.dumps(data, sort_keys=True, separators=(",", ":"))
    model = MODELS.get(event_type)
    subject = data.get(model.SUBJECT) if model is not None and isinstance(data, dict) else None
    found = {
        "ce_specversion": "1.0",
        "ce_id": str(attributes.get("id") or event_id(cause_id(source, content, event_type), event_type, "")),
        "ce_source": source,
        "ce_type": TYPE_PREFIX + event_type,
        "ce_time": str(attributes["time"]),
        **({"ce_subject": subject} if isinstance(subject, str) else {}),
        "content-type": "application/json",
    }
    return tuple((header, text.encode()) for header, text in found.items())


def _checked_key(topic: Topic, headers: Sequence[tuple[str, bytes]], value: bytes) -> bytes:
    if not headers:
        first, last = topic.types[0], topic.types[-1]
        raise _Wrong(f'type: {topic.name} carries {first} to {last}: write {{"type": "{first}", "data": {{…}}}}')
    times = [text.decode() for name, text in headers if name == "ce_time"]
    if not all(map(is_moment, times)):
        raise _Wrong("time: must be an RFC 3339 time with seconds and an offset, as in 2026-11-23T09:15:00+05:00")
    try:
        event = read(Record(topic.name, 0, 0, None, value, tuple(headers)))
    except Unreadable as error:
        raise _Wrong(f"{error.reason}: {error.detail}") from None
    if event.data is None:
        raise _Wrong(one_line(event.errors))
    return str(getattr(event.data, topic.key)).encode()


# ---------------------------------------------------------------- watch


@dataclass(frozen=True)
class Watched:
    """What to print, and until when: ``count`` events, ``seconds``, or Ctrl-C.

    ``since`` is a time with an offset, or how long ago: 15m, 2h, 3d.
    """

    from_beginning: bool = False
    since: str | None = None
    key: str | None = None
    request: str | None = None
    count: int | None = None
    seconds: float | None = None


def watch(topic_names: Sequence[str], wanted: Watched) -> None:
    """Print each event as a line of JSON; ``Failure`` with code 1 when fewer than ``count`` came in time."""
    if wanted.since is not None and wanted.from_beginning:
        raise Failure("--since and --from-beginning: one of them, not both")
    start = None if wanted.since is None else _moment(wanted.since, datetime.now(UTC))
    topics = list(dict.fromkeys(topic_named(name).name for name in topic_names))
    found = settings()
    seen = 0
    with suppress(KeyboardInterrupt):
        seen = asyncio.run(_watch(found, topics, wanted, start))
        if wanted.count is not None and seen < wanted.count:
            raise Failure(f"{seen} of {counted(wanted.count, 'event')} came within {wanted.seconds:g} s", code=1)


def _moment(text: str, now: datetime) -> datetime:
    ago = re.fullmatch(r"(\d{1,5})([mhd])", text)
    if ago is not None:
        return now - int(ago[1]) * {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}[ago[2]]
    if not is_moment(text):
        raise Failure("--since: a time with an offset, as in 2026-11-23T09:15:00+05:00, or how long ago: 15m, 2h, 3d")
    return datetime.fromisoformat(text)


async def _watch(found: Settings, topics: Sequence[str], wanted: Watched, since: datetime | None) -> int:
    seen = 0
    async with reading(found, topics, from_beginning=wanted.from_beginning, since=since) as consumer:
        end = None if wanted.seconds is None else time.monotonic() + wanted.seconds
        where = "from the beginning" if wanted.from_beginning else "from now on"
        if since is not None:
            where = f"since {in_zone(since.replace(microsecond=0))}"
        print_error(f"watching {', '.join(topics)} {where}; Ctrl-C ends it")
        broker = _Broker(consumer)
        while wanted.count is None or seen < wanted.count:
            left_ms = _LONGEST_POLL_MS if end is None else int((end - time.monotonic()) * 1000)
            if left_ms <= 0:
                break
            batch = await consumer.getmany(timeout_ms=min(left_ms, _LONGEST_POLL_MS))
            await broker.look(heard=bool(batch))
            records = (record_of(raw) for each in batch.values() for raw in each)
            if since is not None:
                records = (each for each in records if each.recorded_at is None or each.recorded_at >= since)
            # Partitions have no order among them; by time is how they read best.
            for record in sorted(records, key=lambda each: each.timestamp):
                event = told(record)
                if _is_about(event, wanted) and (wanted.count is None or seen < wanted.count):
                    print_bytes(json_line({name: value for name, value in event.items() if name != "subject"}))
                    seen += 1
    return seen


class _Broker:
    """Says once that the broker is away, and once that it is back: nothing comes then, as on a quiet day."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._next_look = time.monotonic() + _LOOK_SECONDS
        self._away = False
        # In its place the client would repeat itself several times a second.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

    async def look(self, *, heard: bool) -> None:
        """Ask it for a sign of life, if nothing came for a while."""
        if not heard and time.monotonic() < self._next_look:
            return
        away = not heard and not await answers(self._consumer, _LOOK_SECONDS)
        if away != self._away:
            print_error("the broker does not answer; still trying" if away else "the broker answers again")
        self._away = away
        self._next_look = time.monotonic() + _LOOK_SECONDS


def told(record: Record) -> dict[str, Any]:
    """A record as ``watch`` tells it, whatever it holds: data that is no JSON is a text.

    Of a dead letter it tells why and where it died, and not the data: ``dead-letters list --show-value`` does.
    """
    headers = {name.lower(): (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    value = record.value
    data = record.not_read or (None if value is None else _json_or(value.decode("utf-8", "replace"), value))
    attributes: dict[str, Any] = {name.removeprefix("ce_"): text for name, text in headers.items()}
    if headers.get("content-type", "").startswith(STRUCTURED) and isinstance(data, dict):
        attributes, data = data, data.get("data")
    event_type = attributes.get("type")
    event: dict[str, Any] = {
        "topic": record.topic,
        "key": None if record.key is None else record.key.decode("utf-8", "replace"),
        "type": event_type.removeprefix(TYPE_PREFIX) if isinstance(event_type, str) else None,
        "id": attributes.get("id"),
        "time": attributes.get("time") or (None if record.recorded_at is None else in_zone(record.recorded_at)),
    }
    dead = {
        name.removeprefix("homecall-dead-"): text for name, text in headers.items() if name.startswith("homecall-dead-")
    }
    return event | ({"dead": dead} if dead else {"data": data}) | {"subject": attributes.get("subject")}


def _is_about(event: dict[str, Any], wanted: Watched) -> bool:
    data = event.get("data")
    ids = [event["subject"], *([data.get("request_id"), data.get("subject_id")] if isinstance(data, dict) else [])]
    return wanted.key in {None, event["key"]} and (
        wanted.request is None or wanted.request.lower() in (each.lower() for each in ids if isinstance(each, str))
    )
