"""The AsyncAPI document as one HTML page to read. It stands alone: no script, no address of anything else."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from homecall.contract.asyncapi import document
from homecall.contract.types import GREATEST

_SCHEMA = "#/components/schemas/"
_BOUNDS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} entries",
    "maxItems": "at most {} entries",
    "minimum": "at least {}",
    "maximum": "at most {}",
}
_EMPTY = ("minLength", "minItems")


def page() -> str:
    """The whole page; the same contract gives the same page."""
    spec = document()
    style = resources.files("homecall.documents").joinpath("asyncapi.css").read_text("utf-8")
    info = spec["info"]
    body = [
        f"<header><h1>{_text(info['title'])} <small>{_text(info['version'])}</small></h1>",
        f"<p>AsyncAPI {_text(spec['asyncapi'])}. The same as a document for generators: "
        "<code>homecall asyncapi</code>.</p></header>",
        *_contents(spec),
        f"<main><section id='about'>{_prose(info['description'])}</section>",
        *(part for name, channel in spec["channels"].items() for part in _channel(spec, name, channel)),
        "<h2 id='shared'>Shared shapes</h2>",
        *(part for name in _shared(spec) for part in _shape(spec, name)),
        "</main>",
    ]
    return (
        "<!DOCTYPE html>\n<html lang='en'>\n<head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{_text(info['title'])} {_text(info['version'])}: events</title>\n<style>\n{style}</style></head>\n"
        "<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def _contents(spec: Mapping[str, Any]) -> Iterator[str]:
    yield "<nav><a href='#about'>About</a><ol>"
    for name, channel in spec["channels"].items():
        yield f"<li><a href='#{_id('channel', name)}'>{_text(name)}</a><ul>"
        for message in channel["messages"]:
            yield f"<li><a href='#{_id('message', message)}'>{_text(message)}</a></li>"
        yield "</ul></li>"
    yield "</ol><a href='#shared'>Shared shapes</a></nav>"


def _channel(spec: Mapping[str, Any], name: str, channel: Mapping[str, Any]) -> Iterator[str]:
    kafka = channel["bindings"]["kafka"]
    settings = kafka["topicConfiguration"]
    yield f"<section class='channel'><h2 id='{_id('channel', name)}'>{_text(name)}</h2>"
    yield f"<p class='lead'>{_text(channel['summary'])}</p>{_prose(channel['description'])}"
    yield f"<p>Topic <code>{_text(channel['address'])}</code>, {kafka['partitions']} partitions, "
    kept = f", kept {settings['retention.ms'] // 86_400_000} days" if "retention.ms" in settings else ""
    yield f"{_text(', '.join(settings['cleanup.policy']))}{kept}, records of at most {settings['max.message.bytes']:,} "
    yield "bytes.</p>"
    if channel.get("x-personal-ids"):
        yield "<p class='warning'>Carries IINs: keep its readers few.</p>"
    for message in channel["messages"]:
        yield from _message(spec, message, spec["components"]["messages"][message])
    yield "</section>"


def _message(spec: Mapping[str, Any], name: str, message: Mapping[str, Any]) -> Iterator[str]:
    yield f"<article><h3 id='{_id('message', name)}'>{_text(name)}</h3>{_prose(message['description'])}"
    payload = message["payload"]
    if "$ref" in payload:
        yield _fields(spec, _named(spec, payload["$ref"]))
    yield "<details><summary>Headers</summary>" + _fields(spec, message["headers"]) + "</details>"
    for example in message.get("examples", ()):
        yield f"<details><summary>Example: {_text(example['summary'])}</summary><pre>{_record(example)}</pre></details>"
    yield "</article>"


def _record(example: Mapping[str, Any]) -> str:
    headers = "\n".join(f"{name}: {value}" for name, value in example["headers"].items())
    return _text(headers + "\n\n" + json.dumps(example["payload"], ensure_ascii=False, indent=2))


def _fields(spec: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = [
        f"<tr><td><code>{_text(name)}</code></td><td>{_kind(field)}</td>"
        f"<td>{'always' if name in required else ''}</td><td>{_about(spec, field)}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    ]
    if not rows:
        return ""
    head = "<tr><th>field</th><th>type</th><th>asked for</th><th>what it is</th></tr>"
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_SCHEMA)
        return f"<a href='#{_id('shape', name)}'>{_text(name)}</a>"
    real = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if real:
        return " or ".join(_kind(each) for each in real)
    kind = schema.get("type", "any")
    if kind == "array":
        items = schema.get("items", {})
        return f"[{', '.join(map(_kind, items)) if isinstance(items, list) else _kind(items)}]"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"{{…: {_kind(schema['additionalProperties'])}}}"
    return _text(f"{kind}, {schema['format']}" if "format" in schema else str(kind))


def _about(spec: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What a field is, in words: its description, its values, its bounds, an example."""
    real = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    only = real[0] if len(real) == 1 else {}
    listed = _named(spec, only["$ref"]) if "$ref" in only else {}
    own = {**{key: listed[key] for key in ("enum", "const") if key in listed}, **only, **schema}
    values = [own["const"]] if "const" in own else own.get("enum", ())
    rules = ["one of " * (len(values) > 1) + ", ".join(map(_value, values))] if values else []
    # Not the bound of a 64-bit integer: it is worth no word.
    told = [(name, own[name]) for name in _BOUNDS if name in own and own[name] != GREATEST]
    rules += ["not empty" if n == 1 and name in _EMPTY else _BOUNDS[name].format(_text(str(n))) for name, n in told]
    if own.get("default") is not None:
        rules.append(f"default {_value(own['default'])}")
    said = [_marked(own["description"])] if "description" in own else []
    said += [f"{', '.join(rules)[0].upper()}{', '.join(rules)[1:]}."] if rules else []
    example = own.get("examples", [None])[0]
    if not values and isinstance(example, str | int | float) and not isinstance(example, bool):
        said.append(f"<span class='example'>Example: {_value(example)}</span>")
    return " ".join(said)


def _value(value: Any) -> str:
    return f"<code>{_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))}</code>"


def _shape(spec: Mapping[str, Any], name: str) -> Iterator[str]:
    schema = spec["components"]["schemas"][name]
    yield f"<article><h3 id='{_id('shape', name)}'>{_text(name)}</h3>"
    if "description" in schema:
        yield _prose(schema["description"])
    yield (_fields(spec, schema) or f"<p>{_kind(schema)}; {_about(spec, schema)}</p>") + "</article>"


def _shared(spec: Mapping[str, Any]) -> list[str]:
    """The shapes that are no payload themselves."""
    payloads = {
        message["payload"]["$ref"].removeprefix(_SCHEMA)
        for message in spec["components"]["messages"].values()
        if "$ref" in message["payload"]
    }
    return sorted(set(spec["components"]["schemas"]) - payloads)


def _named(spec: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = spec["components"]["schemas"][reference.removeprefix(_SCHEMA)]
    return found


def _prose(text: str) -> str:
    return "".join(f"<p>{_marked(part)}</p>" for part in re.split(r"\n\s*\n", text.strip()))


def _marked(text: str) -> str:
    """Escaped, with what stands between backticks or double asterisks set apart."""
    marked = re.sub(r"``?([^`]+)``?", r"<code>\1</code>", _text(text))
    return re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", marked)


def _text(text: str) -> str:
    return html.escape(text)


def _id(kind: str, name: str) -> str:
    return f"{kind}-{re.sub(r'[^A-Za-z0-9]+', '-', name)}"
