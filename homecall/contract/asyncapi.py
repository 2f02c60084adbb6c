"""The AsyncAPI 3 document of all services: made from the topics, the models and their golden examples."""

from __future__ import annotations

import json
from importlib import metadata, resources
from inspect import cleandoc
from typing import Any

from homecall.contract.envelope import STRUCTURED
from homecall.contract.events import MODELS
from homecall.contract.ids import event_id
from homecall.contract.schemas import schemas
from homecall.contract.topics import (
    DEAD_LETTERS,
    DESK,
    SERVICES,
    TOPIC_OF_TYPE,
    TOPICS,
    TYPE_PREFIX,
    VISITS,
    Topic,
    read_by,
)

_KAFKA = {"bindingVersion": "0.5.0"}
_DESK_SOURCE = f"/homecall/{DESK}"

_ABOUT = f"""
Homecall carries out Kazakhstan's state service "Calling a doctor to the home". Clinics and the portal publish what
happens on their side; the services answer with the register, the schedule, the statuses and the deadlines.

**Envelope.** CloudEvents 1.0 over Kafka. Send binary mode (the attributes are `ce_` headers, the value is the data) or
structured mode (`content-type: {STRUCTURED}`, one event per record). The services send binary mode. `ce_source` with
`ce_id` names an event: send the same event again under the same two, and it changes nothing.

**Keys and partitions.** The key of a record is the field that its channel names; the partition is murmur2 of the key,
the default of Java's and aiokafka's producers (librdkafka: `partitioner=murmur2_random`). No key and no header may
carry personal data. IINs travel on the channels marked `x-personal-ids` and on no other.

**Times** are RFC 3339 with an offset from UTC, local clock times `HH:MM`, weekdays `mon` to `sun`, all in the clinic's
zone (`zone` of `clinic.published`, Asia/Almaty without one). Fields that are not known here are ignored; fields may be
added.

**The desk** (`homecall serve desk`) publishes what a clinic's people do in the browser, on the channels on which
clinics publish, in the same form: requests, withdrawals and transfers, oral answers, outcomes of visits, visits
placed by hand, rosters and doctors who drop out, complaints and what is done about them. Their `ce_source` is
`{_DESK_SOURCE}`; `registrar`, `given_by`, `received_by`, `assigned_by`, `released_by` and `by` name the person. A
system of the clinic may publish beside it. The desk decides nothing: its events are to be handled as those of a clinic.

**Delivery** is at least once. Drop what you have seen (by `ce_source` and `ce_id`), and order by `sequence` or
`revision`, never by offset: a lower one that comes late is history.

**What is wrong with a record** is said, never passed over. A request that breaks its schema but has a readable
`request_id` and `clinic_id` is answered with the status `refused`, code `invalid_request`, and each field with the
rule it broke and the way out; correct it and send it under a new `request_id`. What cannot be answered goes to
`{DEAD_LETTERS.name}` with its reason.

The IINs in the examples are births of the 1800s, so nobody's; names, phones and addresses are invented.
"""


def golden(event_type: str) -> dict[str, Any]:
    """The golden examples of a type: ``valid`` [{title, data}], ``invalid`` [{title, data, errors}]."""
    text = resources.files("homecall.contract").joinpath("examples", f"{event_type}.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def document() -> dict[str, Any]:
    """One AsyncAPI 3.0 document for all services; the same contract gives the same document."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:kz:homecall",
        "info": {
            "title": "Homecall",
            "version": metadata.version("homecall"),
            "description": _ABOUT.strip(),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "tags": [{"name": service, "description": f"What {service} reads and writes."} for service in SERVICES],
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "The Kafka cluster that the operator runs.",
                "variables": {
                    "bootstrap": {
                        "default": "127.0.0.1:9092",
                        "description": "Host and port; what the services have as `HOMECALL_KAFKA_BOOTSTRAP`.",
                    }
                },
            }
        },
        "channels": {_short(topic): _channel(topic) for topic in TOPICS},
        "operations": dict(_operations()),
        "components": {
            "messages": {
                **{event_type: _message(event_type) for event_type in MODELS},
                _DEAD_LETTER: _dead_letter(),
            },
            "schemas": schemas(),
        },
    }


_DEAD_LETTER = "dead-letter"


def _short(topic: Topic) -> str:
    return topic.name.removeprefix("homecall.").removesuffix(".v1")


def _names(parties: tuple[str, ...]) -> str:
    return "all services" if set(parties) == set(SERVICES) else ", ".join(parties)


# ---------------------------------------------------------------- channels and operations


def _messages_of(topic: Topic) -> tuple[str, ...]:
    return topic.types or (_DEAD_LETTER,)


def _channel(topic: Topic) -> dict[str, Any]:
    whole = " Every replica reads it to its end, without a group." if topic.whole else ""
    config = topic.config()
    return {
        "address": topic.name,
        "title": _short(topic),
        "summary": topic.about,
        "description": (
            f"Written by: {_names(topic.writers)}. Read by: {_names(topic.readers)}.{whole} "
            f"Key: {f'`{topic.key}`' if topic.key else 'as it came'}."
        ),
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _messages_of(topic)},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": config["cleanup.policy"].split(","),
                    **{name: int(value) for name, value in config.items() if name != "cleanup.policy"},
                },
                **_KAFKA,
            }
        },
        "x-personal-ids": topic.personal_ids,
    }


def _operations() -> list[tuple[str, dict[str, Any]]]:
    """What each service hears and says, such as ``intake.receives.requests``."""
    operations: list[tuple[str, dict[str, Any]]] = []
    for service in SERVICES:
        for topic in read_by(service):
            group = {} if topic.whole else {"groupId": {"type": "string", "const": f"homecall-{service}"}}
            receives = _operation("receive", service, topic, f"{service} reads: {topic.about}")
            if group:
                receives["bindings"] = {"kafka": {**group, **_KAFKA}}
            operations.append((f"{service}.receives.{_short(topic)}", receives))
        for topic in TOPICS:
            if service in topic.writers:
                sends = _operation("send", service, topic, f"{service} writes: {topic.about}")
                operations.append((f"{service}.sends.{_short(topic)}", sends))
    return operations


_SENDS = "Binary mode, keyed as the channel says. A crash may repeat a record, with the same `ce_source` and `ce_id`."
_READS = "Each partition has one reader at a time, in the service's consumer group; a record is handled at least once."
_READS_WHOLE = "Every replica reads the whole topic, without a consumer group, and keeps the newest of each key."


def _operation(action: str, service: str, topic: Topic, summary: str) -> dict[str, Any]:
    channel = f"#/channels/{_short(topic)}"
    return {
        "action": action,
        "title": f"{service} {action}s {_short(topic)}",
        "summary": summary,
        "description": _SENDS if action == "send" else _READS_WHOLE if topic.whole else _READS,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in _messages_of(topic)],
        "tags": [{"name": service}],
    }


# ---------------------------------------------------------------- messages

_TEXT = {"type": "string", "minLength": 1, "maxLength": 1024}
_TRACEPARENT = {
    "type": "string",
    "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
    "description": "W3C Trace Context; passed on to the events that this one causes.",
}
_EXAMPLE_TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def _message(event_type: str) -> dict[str, Any]:
    model, topic = MODELS[event_type], TOPIC_OF_TYPE[event_type]
    about = cleandoc(model.__doc__ or "")
    return {
        "name": TYPE_PREFIX + event_type,
        "title": event_type,
        "summary": about.splitlines()[0],
        "description": f"{about}\n\n`ce_subject` is the `{model.SUBJECT}`, the key the `{topic.key}`.",
        "contentType": "application/json",
        "headers": _headers(event_type),
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": f"The `{topic.key}`."}, **_KAFKA}},
        "examples": [_example(event_type, example) for example in golden(event_type)["valid"]],
        "x-personal-ids": topic.personal_ids,
    }


def _headers(event_type: str) -> dict[str, Any]:
    required = ["ce_specversion", "ce_id", "ce_source", "ce_type"]
    if TOPIC_OF_TYPE[event_type].ours:
        required += ["ce_time", "ce_subject", "content-type"]
    example = _example(event_type, golden(event_type)["valid"][0])["headers"]
    subject = MODELS[event_type].SUBJECT
    from_desk = DESK in TOPIC_OF_TYPE[event_type].writers
    described: dict[str, dict[str, Any]] = {
        "ce_specversion": {
            "type": "string",
            "const": "1.0",
            "description": "Version of the CloudEvents specification: always 1.0.",
        },
        "ce_id": {
            **_TEXT,
            "description": "Id of the event, unique for its `ce_source`. Send a retry under the same id.",
        },
        "ce_source": {
            **_TEXT,
            "description": "The system that sends, as a URI reference. It stays the same."
            + (f" The desk's is `{_DESK_SOURCE}`." if from_desk else ""),
        },
        "ce_type": {
            "type": "string",
            "const": TYPE_PREFIX + event_type,
            "description": "Type of the event. It selects the schema of the data.",
        },
        "ce_time": {
            "type": "string",
            "format": "date-time",
            "description": "When it happened, RFC 3339 with an offset. No decision depends on it.",
        },
        "ce_subject": {"type": "string", "description": f"What the event is about: its `{subject}`."},
        "content-type": {
            "type": "string",
            "description": f"`application/json` in binary mode, `{STRUCTURED}` in structured mode.",
        },
        "traceparent": _TRACEPARENT,
    }
    return {
        "title": f"{MODELS[event_type].__name__}Headers",
        "type": "object",
        "description": f"Headers of a `{event_type}` record in binary mode.",
        "required": required,
        "properties": {
            name: {**schema, "examples": _header_examples(name, example, from_desk=from_desk)}
            for name, schema in described.items()
        },
    }


def _header_examples(name: str, example: dict[str, str], *, from_desk: bool) -> list[str]:
    found = [example.get(name, _EXAMPLE_TRACEPARENT)]
    return [*found, _DESK_SOURCE] if from_desk and name == "ce_source" else found


def _example(event_type: str, example: dict[str, Any]) -> dict[str, Any]:
    data = example["data"]
    subject = str(data[MODELS[event_type].SUBJECT])
    return {
        "name": f"{event_type}, {example['title']}",
        "summary": example["title"],
        "headers": {
            "ce_specversion": "1.0",
            "ce_id": event_id("example", event_type, subject, example["title"]),
            "ce_source": _example_source(event_type, data),
            "ce_type": TYPE_PREFIX + event_type,
            "ce_time": _example_time(data),
            "ce_subject": subject,
            "content-type": "application/json",
        },
        "payload": data,
    }


def _example_source(event_type: str, data: dict[str, Any]) -> str:
    topic = TOPIC_OF_TYPE[event_type]
    if topic.ours:
        return f"/homecall/{topic.writers[0]}"
    return "urn:portal" if data.get("channel") == "portal" else f"urn:clinic:{data['clinic_id']}"


def _example_time(data: dict[str, Any]) -> str:
    of_event = ("occurred_at", "at", "accepted_at", "submitted_at", "since", "due_at")
    return str(next((data[name] for name in of_event if name in data), "2026-11-23T08:00:00+05:00"))


def _dead_letter() -> dict[str, Any]:
    return {
        "name": _DEAD_LETTER,
        "title": "A record that could not be handled",
        "summary": "The record as it came, its key, bytes and headers, with why and where from in headers of ours.",
        "description": (
            "Reasons: `not_json`, `not_cloudevent`, `unknown_type`, `schema` (no readable ids), `unauthorised` "
            "(not by who may send it), `unknown_subject`, `invalid_transition`, `handler_failed` (after the retries)."
        ),
        "contentType": "application/octet-stream",
        "headers": {
            "title": "DeadLetterHeaders",
            "type": "object",
            "description": "Why the record could not be handled, and where it came from.",
            "required": [f"homecall-dead-{name}" for name in _DEAD_HEADERS],
            "properties": {
                f"homecall-dead-{name}": {"type": "string", "description": about, "examples": [example]}
                for name, (about, example) in _DEAD_HEADERS.items()
            },
        },
        "payload": {
            "title": "DeadLetterValue",
            "type": "string",
            "format": "binary",
            "description": "The bytes of the record as they came, whatever they are.",
        },
        "x-personal-ids": True,
    }


_DEAD_HEADERS = {
    "reason": ("Why, as a code: one of the reasons in the description of this message.", "schema"),
    "detail": (
        "What was wrong and the way out, in one line, with nothing of what was sent.",
        "at: must be an RFC 3339 time with seconds and an offset, as in 2026-11-23T09:15:00+05:00",
    ),
    "topic": ("The topic that the record came from.", VISITS.name),
    "partition": ("Partition of the record in that topic, in decimal digits.", "3"),
    "offset": ("Offset of the record in that partition, in decimal digits.", "4711"),
    "service": ("The service that gave the record up.", "scheduler"),
}
