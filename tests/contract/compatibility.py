"""What has been released is a promise: the contract of the last release, kept as a file, held against today's.

``python -m tests.contract.compatibility`` writes the file of the present version; it is done once, when that is
released. Until a first one is out, the file of the version in the making stands in.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from homecall.contract.asyncapi import document, golden
from homecall.contract.events import MODELS
from homecall.contract.topics import TOPICS
from homecall.contract.types import GREATEST
from tests.contract.goldens import INBOUND

RELEASED = Path(__file__).parent / "released"

Schema = Mapping[str, Any]


def present() -> dict[str, Any]:
    """Today's contract: topics with their keys, schemas, and the golden examples that are valid."""
    return {
        "version": metadata.version("homecall"),
        "topics": {
            topic.name: {"key": topic.key, "types": list(topic.types), "partitions": topic.partitions}
            for topic in TOPICS
        },
        "payloads": {name: MODELS[name].__name__ for name in MODELS},
        "schemas": document()["components"]["schemas"],
        "examples": {name: [each["data"] for each in golden(name)["valid"]] for name in MODELS},
    }


def last_released() -> dict[str, Any]:
    """The contract of the newest release."""

    def version(path: Path) -> tuple[int, ...]:
        return tuple(int(part) for part in path.stem.split("."))

    newest = max(RELEASED.glob("*.json"), key=version)
    found: dict[str, Any] = json.loads(newest.read_text("utf-8"))
    return found


def broken(released: Mapping[str, Any], today: Mapping[str, Any]) -> list[str]:
    """What of a released contract is not kept any more, a line each.

    Of what others send (in): a field may come, but must not be asked for; what was taken is still taken. Of what we
    send (out): a field may come; what was there is there, of the same type, and as certain as before.
    """
    found = []
    for name, topic in released["topics"].items():
        now = today["topics"].get(name)
        if now is None:
            found.append(f"{name}: the topic is gone")
            continue
        found += [f"{name}: {each} does not come there any more" for each in topic["types"] if each not in now["types"]]
        found += [f"{name}: its {what} is another" for what in ("key", "partitions") if topic[what] != now[what]]
    for event_type, model in released["payloads"].items():
        if event_type not in today["payloads"]:
            found.append(f"{event_type}: the type is gone")
            continue
        direction = "in" if event_type in INBOUND else "out"
        before = {"$ref": f"#/components/schemas/{model}"}
        after = {"$ref": f"#/components/schemas/{today['payloads'][event_type]}"}
        found += _Comparison(released["schemas"], today["schemas"], direction).differences(event_type, before, after)
    return found


class _Comparison:
    def __init__(self, before: Schema, after: Schema, direction: str) -> None:
        self._before = before
        self._after = after
        self._inbound = direction == "in"
        self._seen: set[tuple[str, str]] = set()

    def differences(self, path: str, before: Schema, after: Schema) -> Iterator[str]:
        """What breaks between two schemas and all below them, by dotted path."""
        names = (before.get("$ref", ""), after.get("$ref", ""))
        if all(names):
            if names in self._seen:
                return
            self._seen.add(names)
        before, after = self._plain(before, self._before), self._plain(after, self._after)
        yield from self._types(path, before, after)
        yield from self._values(path, before, after)
        yield from self._bounds(path, before, after)
        properties = after.get("properties", {})
        for name, schema in before.get("properties", {}).items():
            if name not in properties:
                yield f"{path}.{name}: the field is gone"
            else:
                yield from self.differences(f"{path}.{name}", schema, properties[name])
        asked_before, asked_after = set(before.get("required", ())), set(after.get("required", ()))
        if self._inbound:
            for name in sorted(asked_after - asked_before):
                yield f"{path}.{name}: is asked for, and was not"
        else:
            for name in sorted(asked_before - asked_after):
                yield f"{path}.{name}: was always there, and may be missing"
        for name in ("items", "additionalProperties"):
            if isinstance(before.get(name), dict) and isinstance(after.get(name), dict):
                yield from self.differences(f"{path}[]", before[name], after[name])

    def _types(self, path: str, before: Schema, after: Schema) -> Iterator[str]:
        was, now = _types_of(before), _types_of(after)
        narrower = was - now if self._inbound else now - was
        if was and now and narrower:
            yield f"{path}: was {' or '.join(sorted(was))}, is {' or '.join(sorted(now))}"
        if before.get("format") != after.get("format"):
            yield f"{path}: its format was {before.get('format')}, is {after.get('format')}"

    def _values(self, path: str, before: Schema, after: Schema) -> Iterator[str]:
        was, now = _values_of(before), _values_of(after)
        if self._inbound and now is not None:
            gone = was - now if was is not None else {"any value"}
            for value in sorted(map(str, gone)):
                yield f"{path}: {value} is not taken any more"
        if not self._inbound and was is not None:
            if now is None:
                yield f"{path}: had a list of values, and has none"
            else:
                for value in sorted(map(str, was - now)):
                    yield f"{path}: {value} is not said any more"

    def _bounds(self, path: str, before: Schema, after: Schema) -> Iterator[str]:
        if not self._inbound:
            return
        for name, tighter in (
            ("maxLength", -1),
            ("maximum", -1),
            ("maxItems", -1),
            ("minLength", 1),
            ("minimum", 1),
            ("minItems", 1),
        ):
            was, now = before.get(name), after.get(name)
            if name == "maximum" and now == GREATEST:
                continue  # a greater one could be sent, and never be kept
            if now is not None and (was is None or (now - was) * tighter > 0):
                yield f"{path}: {name} was {was}, is {now}"
        if after.get("pattern") is not None and before.get("pattern") != after.get("pattern"):
            yield f"{path}: its pattern was {before.get('pattern')}, is {after['pattern']}"

    def _plain(self, schema: Schema, among: Schema) -> Schema:
        """Without reference, and without the null that stands for an absent field."""
        while "$ref" in schema:
            schema = among[schema["$ref"].rpartition("/")[2]]
        real = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
        return self._plain(real[0], among) if len(real) == 1 else schema


def _types_of(schema: Schema) -> set[str]:
    kinds = {str(each.get("type")) for each in schema.get("anyOf", ()) if "type" in each}
    kinds |= {str(schema["type"])} if isinstance(schema.get("type"), str) else set()
    return kinds | {"number"} if "number" in kinds and "integer" in kinds else kinds


def _values_of(schema: Schema) -> set[Any] | None:
    if "const" in schema:
        return {schema["const"]}
    return set(schema["enum"]) if "enum" in schema else None


if __name__ == "__main__":
    path = RELEASED / f"{metadata.version('homecall')}.json"
    path.write_text(json.dumps(present(), ensure_ascii=False, indent=1) + "\n", "utf-8")
    sys.stdout.write(f"{path.name}: written\n")
