"""The golden day's files: inputs and recording as JSON lines, and how two recordings are compared. No project code."""

from __future__ import annotations

import base64
import json
import lzma
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
INPUTS: Final = HERE / "inputs.jsonl.xz"
RECORDING: Final = HERE / "recording.jsonl.xz"

MASKED: Final[Mapping[str, str]] = {
    "w": "the token of the last write: drawn anew for each, and means nothing but 'this write was ours'",
}
"""Fields of stored documents that are not compared, at the top level of a document, each with the reason."""


def write(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Lines as compressed JSON: the same lines are the same bytes."""
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    path.write_bytes(lzma.compress(text.encode(), preset=9))


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of such a file."""
    return [json.loads(line) for line in lzma.decompress(path.read_bytes()).decode().splitlines()]


def text_of(value: bytes | None) -> Any:
    """Bytes as a line holds them: text where they are UTF-8."""
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def bytes_of(text: Any) -> bytes | None:
    """What ``text_of`` was given."""
    if text is None:
        return None
    return base64.b64decode(text["base64"]) if isinstance(text, dict) else text.encode()


def recorded(
    topics: Mapping[str, Sequence[Any]], documents: Iterable[tuple[str, str, Mapping[str, Any]]]
) -> Iterator[dict[str, Any]]:
    """A recording's lines: every record of every topic in its order, then every document by store and id."""
    for topic, records in topics.items():
        for index, each in enumerate(records):
            yield {
                "topic": topic,
                "index": index,
                "partition": each.partition,
                "offset": each.offset,
                "timestamp": each.timestamp,
                "key": text_of(each.key),
                "headers": [[name, text_of(value)] for name, value in each.headers],
                "value": text_of(each.value),
            }
    for store, key, doc in documents:
        yield {"store": store, "id": key, "document": plain({**doc, **{name: "…" for name in MASKED if name in doc}})}


def plain(value: Any) -> Any:
    """A stored value as JSON. Fields by name: servers differ in the order in which they add those of one update."""
    match value:
        case dict():
            return {name: plain(value[name]) for name in sorted(value)}
        case list():
            return [plain(each) for each in value]
        case bytes():
            return {"bytes": base64.b64encode(value).decode()}
        case datetime():
            return {"datetime": value.isoformat()}
        case bool() | float() | str() | None:
            return value
        case int():
            return int(value)  # BSON's long and short integers are one to whoever reads them
        case _:
            return {type(value).__name__: str(value)}


# ---- Comparing -------------------------------------------------------------------------------------------------------


def differences(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]], most: int = 12) -> list[str]:
    """What differs, a line each, the first of each topic and store first: where it is, what it was and what it is."""
    found: list[str] = []
    for place in dict.fromkeys(_group(line) for line in (*before, *now)):
        old = {_name(line): line for line in before if _group(line) == place}
        new = {_name(line): line for line in now if _group(line) == place}
        changed = [name for name in dict.fromkeys((*old, *new)) if not _same(old.get(name), new.get(name))]
        if not changed:
            continue
        first, count = changed[0], len(changed)
        where = f"{place} {first} ({count} of {len(old)} differ; {len(new)} now)"
        found += [f"{where}: {each}" for each in _paths(_opened(old.get(first)), _opened(new.get(first)))][:3]
    return found[:most]


def _same(old: Any, new: Any) -> bool:
    # As written: to Python itself, true is 1 and 1 is 1.0.
    return json.dumps(old) == json.dumps(new)


def _group(line: Mapping[str, Any]) -> str:
    return f"topic {line['topic']}" if "topic" in line else f"store {line['store']}"


def _name(line: Mapping[str, Any]) -> str:
    return f"index {line['index']}" if "topic" in line else f"id {line['id']}"


def _opened(value: Any) -> Any:
    """A value with the JSON texts in it read, so that a path leads into them."""
    if isinstance(value, Mapping):
        return {name: _opened(each) for name, each in value.items()}
    if isinstance(value, list):
        pairs = value and all(isinstance(each, list) and len(each) == 2 for each in value)
        return {str(name): each for name, each in value} if pairs else [_opened(each) for each in value]
    if isinstance(value, str) and value[:1] == "{":
        try:
            return {"JSON": json.loads(value), "bytes": value}
        except ValueError:
            return value
    return value


def _paths(old: Any, new: Any, path: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            if name == "bytes" and "JSON" in old and old["JSON"] != new.get("JSON"):
                continue
            yield from _paths(old.get(name, _ABSENT), new.get(name, _ABSENT), f"{path}.{name}" if path else name)
    elif isinstance(old, list) and isinstance(new, list):
        for place in range(max(len(old), len(new))):
            yield from _paths(
                old[place] if place < len(old) else _ABSENT,
                new[place] if place < len(new) else _ABSENT,
                f"{path}.{place}",
            )
    elif old != new or type(old) is not type(new):
        yield f"{path or 'all of it'}: was {_short(old)}, is {_short(new)}"


class _Absent:
    def __repr__(self) -> str:
        return "absent"


_ABSENT: Final = _Absent()


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, dict | list) else json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 200 else f"{text[:200]}…"


# ---- Inputs ----------------------------------------------------------------------------------------------------------


def input_line(each: Any) -> dict[str, Any]:
    """An input of ``harness.Input``'s fields as a line."""
    return {
        "at": each.at.isoformat(),
        "recorded_at": each.recorded_at.isoformat(),
        "topic": each.topic,
        "key": text_of(each.key),
        "headers": [[name, text_of(value)] for name, value in each.headers],
        "value": text_of(each.value),
    }


def input_fields(line: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that ``input_line`` was given."""
    return {
        "at": datetime.fromisoformat(line["at"]),
        "recorded_at": datetime.fromisoformat(line["recorded_at"]),
        "topic": line["topic"],
        "key": bytes_of(line["key"]),
        "headers": tuple((name, bytes_of(value)) for name, value in line["headers"]),
        "value": bytes_of(line["value"]),
    }
