"""Every part of the AsyncAPI document says what it means, and gives an example that holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft7Validator

from homecall.contract.asyncapi import document
from homecall.contract.events import MODELS
from homecall.contract.iins import iin_check_digit
from homecall.contract.values import MEANINGS

SPEC = document()
SHORTEST = 15


def properties(path: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Path, name and schema of each property, at any depth; what a reference leads to has its own path."""
    for name, each in schema.get("properties", {}).items():
        yield f"{path}.{name}", name, each
        yield from properties(f"{path}.{name}", each)
    for key in ("items", "additionalProperties"):
        below = schema.get(key)
        for each in below if isinstance(below, list) else [below] if isinstance(below, dict) else []:
            yield from properties(f"{path}[]", each)
    for key in ("anyOf", "oneOf", "allOf"):
        for each in schema.get(key, ()):
            yield from properties(path, each)


SCHEMAS = {
    **SPEC["components"]["schemas"],
    **{f"{name} headers": message["headers"] for name, message in SPEC["components"]["messages"].items()},
}
PROPERTIES = [found for name, schema in SCHEMAS.items() for found in properties(name, schema)]


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema without references and without the null of an optional field."""
    while True:
        real = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
        if "$ref" in schema:
            schema = SPEC["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif len(real) == 1:
            schema = real[0]
        else:
            return schema


def says_nothing(name: str, text: str) -> bool:
    def words(of: str) -> list[str]:
        return re.findall("[a-z0-9]+", of.lower())

    return len(text) < SHORTEST or set(words(text)) <= {*words(name), "the", "a", "an", "of", "this"}


def test_every_property_has_a_description() -> None:
    assert len(PROPERTIES) > 400
    silent = [path for path, name, schema in PROPERTIES if says_nothing(name, schema.get("description", ""))]
    assert silent == [], "describe them with Field(description=...), see homecall/contract/events"


def conditions(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What a schema asks for under a condition."""
    for each in (schema[key] for key in ("if", "then", "else") if key in schema):
        yield each
        yield from conditions(each)


def test_a_property_under_a_condition_says_what_it_is_for() -> None:
    found = [
        (name, path, each.get("description", ""))
        for name, schema in SCHEMAS.items()
        for condition in conditions(schema)
        for path, _, each in properties("", condition)
    ]
    assert len(found) >= 7
    assert [(name, path) for name, path, text in found if len(text) < SHORTEST] == []


@pytest.mark.parametrize(
    ("name", "text", "silent"),
    [
        ("due_at", "", True),
        ("due_at", "Due at.", True),
        ("register_number", "The register number.", True),
        ("due_at", "When the answer is due at the latest.", False),
    ],
)
def test_a_name_repeated_is_no_description(name: str, text: str, silent: bool) -> None:
    assert says_nothing(name, text) is silent


def test_every_property_has_an_example_that_holds() -> None:
    wrong = []
    for path, _, schema in PROPERTIES:
        examples = schema.get("examples", [])
        own = resolved(schema)
        if not examples and not {"enum", "const", "properties"} & own.keys():
            wrong.append(f"{path}: no example")
        validator = Draft7Validator({**schema, "components": SPEC["components"]})
        wrong += [f"{path}: {example!r} does not hold" for example in examples if not validator.is_valid(example)]
    assert wrong == [], "give them with Field(examples=[...]), see homecall/contract/events"


def test_examples_hold_no_iin_of_a_person_who_may_live() -> None:
    """An IIN of the 1800s has 1 or 2 as its seventh digit."""
    told = json.dumps(SPEC, ensure_ascii=False)
    iins = {
        digits for digits in re.findall(r"(?<![\w-])\d{12}(?![\w-])", told) if iin_check_digit(digits[:11]) is not None
    }
    assert iins, "there are examples of IINs"
    assert {digits for digits in iins if digits[6] not in "12"} == set()


def test_every_schema_message_channel_and_operation_is_described() -> None:
    parts = {
        **SCHEMAS,
        **{f"channel {name}": each for name, each in SPEC["channels"].items()},
        **{f"operation {name}": each for name, each in SPEC["operations"].items()},
        **{f"message {name}": each for name, each in SPEC["components"]["messages"].items()},
    }
    assert [name for name, each in parts.items() if says_nothing(name, each.get("description", ""))] == []
    summaries = [name for name in parts if name.split()[0] in {"channel", "operation", "message"}]
    assert [name for name in summaries if not parts[name].get("summary")] == []


def test_every_closed_list_has_a_name_and_a_meaning_for_each_value() -> None:
    schemas = SPEC["components"]["schemas"]
    for name, (_, values) in MEANINGS.items():
        listed = schemas[name].get("enum", [schemas[name].get("const")])
        assert listed == list(values)
        assert all(f"`{value}`: " in schemas[name]["description"] for value in values)
    inline = [path for path, _, schema in PROPERTIES if "enum" in schema and " headers" not in path]
    assert inline == [], "name the list in homecall/contract/values.py"


def test_descriptions_cost_no_validation() -> None:
    """What is said of a field stands in the JSON Schema only; nothing of it is a check."""
    for model in MODELS.values():
        assert "Shape" not in repr(model.__pydantic_validator__)
