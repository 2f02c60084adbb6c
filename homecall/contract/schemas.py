"""The JSON Schemas of the AsyncAPI document: draft 07, each field with a description, each type with a name."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from homecall.contract.events import MODELS
from homecall.contract.topics import TOPIC_OF_TYPE
from homecall.contract.types import FORMAT
from homecall.contract.values import NAMES, described

_SCHEMAS = "#/components/schemas/"


class _Draft7(GenerateJsonSchema):
    """JSON Schema as AsyncAPI takes it: draft 07, no titles made of field names.

    What we send (serialization) has no nulls, and always has the fields whose default is a value.
    """

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # the base class's signature
        return False

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        made = super().tuple_schema(schema)
        if "prefixItems" in made:
            made["items"] = made.pop("prefixItems")
            made["additionalItems"] = False
        return made

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return (
            self.generate_inner(schema["schema"]) if self.mode == "serialization" else super().nullable_schema(schema)
        )

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if made.get("default", ...) is None:
            del made["default"]
        return made

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        inner = field["schema"]
        if self.mode == "serialization" and inner["type"] == "default":
            return inner.get("default", ...) is not None
        return super().field_is_required(field, total)


@cache
def _generated() -> dict[str, Any]:
    modes: list[tuple[Any, JsonSchemaMode]] = [
        (model, "serialization" if TOPIC_OF_TYPE[event_type].ours else "validation")
        for event_type, model in MODELS.items()
    ]
    _, made = models_json_schema(modes, ref_template=_SCHEMAS + "{model}", schema_generator=_Draft7)
    return made


def schemas() -> dict[str, Any]:
    """Each schema by its name: the events, their parts, and the closed lists of values."""
    made: dict[str, Any] = json.loads(json.dumps(_generated()["$defs"]))
    lists: dict[str, Any] = {}
    for schema in made.values():
        for name, field in schema["properties"].items():
            schema["properties"][name] = _field(field, lists)
    found = made | dict(sorted(lists.items()))
    for schema in made.values():
        for field in schema["properties"].values():
            if "examples" not in field and field.get("type") == "array":
                field["examples"] = [_example(field, found)]
    return found


def _field(field: dict[str, Any], lists: dict[str, Any]) -> dict[str, Any]:
    """A field with its own description and example, and the format of its type; a list of values gets its name."""
    named = _named(field, lists)
    parts = named.get("anyOf", [named])
    formats = [part.pop(FORMAT) for part in parts if FORMAT in part]
    examples = [part["examples"][0] for part in parts if "examples" in part]
    if formats and "description" in named:
        named["description"] = " ".join([named["description"], *formats])
    if "examples" not in named and examples:
        named["examples"] = examples[:1]
    if named is not parts[0]:
        for part in parts:
            part.pop("examples", None)
    if "$ref" in named and len(named) > 1:
        # What stands beside a reference is not read in draft 07.
        named = {"anyOf": [{"$ref": named.pop("$ref")}], **named}
    return named


def _named(schema: dict[str, Any], lists: dict[str, Any]) -> dict[str, Any]:
    """The schema with references in place of its lists of values, which go to ``lists``."""
    schema = {key: _within(key, value, lists) for key, value in schema.items()}
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if values is None:
        return schema
    name = NAMES[tuple(values)]
    own = {key: schema.pop(key) for key in ("type", "enum", "const") if key in schema}
    lists[name] = {"title": name, **own, "description": described(name)}
    return {"$ref": f"{_SCHEMAS}{name}", "examples": values[:1], **schema}


def _within(key: str, value: Any, lists: dict[str, Any]) -> Any:
    if key == "anyOf":
        return [_bare(_named(each, lists)) for each in value]
    if key == "items" and isinstance(value, list):
        return [_item(each, lists) for each in value]
    return _item(value, lists) if key in ("items", "additionalProperties") and isinstance(value, dict) else value


def _item(schema: dict[str, Any], lists: dict[str, Any]) -> dict[str, Any]:
    item = _bare(_named(schema, lists))
    if FORMAT in item:
        item["description"] = item.pop(FORMAT)
    return item


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    return {"$ref": schema["$ref"]} if "$ref" in schema else schema


def _example(schema: dict[str, Any], found: dict[str, Any]) -> Any:
    """An example made of the examples of the fields below."""
    if schema.get("examples"):
        return schema["examples"][0]
    if "$ref" in schema:
        return _example(found[schema["$ref"].removeprefix(_SCHEMAS)], found)
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], found)
    if schema.get("type") == "array":
        return [_example(schema["items"], found)]
    return {name: _example(field, found) for name, field in schema["properties"].items()}
