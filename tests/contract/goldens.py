"""The golden examples as test cases, and the records that carry them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from homecall.contract.asyncapi import golden
from homecall.contract.envelope import Record
from homecall.contract.events import MODELS, FieldError
from homecall.contract.topics import SERVICES, TOPIC_OF_TYPE, TYPE_PREFIX

INBOUND = tuple(name for name in MODELS if not set(TOPIC_OF_TYPE[name].writers) <= set(SERVICES))
"""The types that others send."""
OUTBOUND = tuple(name for name in MODELS if name not in INBOUND)
"""The types that our services send."""


@dataclass(frozen=True)
class Example:
    """One golden example; ``errors`` only where it is an invalid one."""

    type: str
    title: str
    data: dict[str, Any]
    errors: tuple[FieldError, ...] = ()

    def __str__(self) -> str:
        return f"{self.type}: {self.title}"


def examples(validity: str, types: tuple[str, ...] = tuple(MODELS)) -> list[Example]:
    """The ``valid`` or the ``invalid`` examples of these types."""
    return [
        Example(name, each["title"], each["data"], tuple(FieldError(**error) for error in each.get("errors", ())))
        for name in types
        for each in golden(name)[validity]
    ]


def compact(data: Any) -> bytes:
    """JSON as it travels."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def headers(event_type: str, **changed: str | None) -> tuple[tuple[str, bytes | None], ...]:
    """Binary-mode headers of a type; ``ce_id="…"`` replaces one, None leaves it out."""
    all_headers: dict[str, str | None] = {
        "ce_specversion": "1.0",
        "ce_id": "01J9",
        "ce_source": "urn:clinic:samal-3",
        "ce_type": TYPE_PREFIX + event_type,
        "ce_time": "2026-11-23T09:14:05+05:00",
        "content-type": "application/json",
        **{name.replace("content_type", "content-type"): value for name, value in changed.items()},
    }
    return tuple((name, value.encode()) for name, value in all_headers.items() if value is not None)


def record(event_type: str, value: bytes | None, **changed: str | None) -> Record:
    """A record of this type on the topic where it belongs."""
    return Record(TOPIC_OF_TYPE[event_type].name, 0, 7, b"samal-3", value, headers(event_type, **changed))
