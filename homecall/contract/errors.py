"""What a schema error says to the person who sent the event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core.core_schema import ErrorType

from homecall.contract.events import FieldError

_TIME = "2026-11-23T09:15:00+05:00"
_A_TEXT = "must be a text: put it in quotes"
_AN_OBJECT = "must be an object: put its fields in braces"
_A_NUMBER = "must be a number, with a point before decimals"
_A_WHOLE_NUMBER = "must be a whole number"
_TIME_THAT_EXISTS = f"must be a time that exists, as in {_TIME}"
_DATE_THAT_EXISTS = "must be a date that exists, as in 2026-11-23"

# Pydantic's own rules in the words of this contract. What was sent never stands in a message: it may be personal data.
_SAID = {
    "missing": "is required: add it",
    "string_type": _A_TEXT,
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters: shorten it",
    "string_pattern_mismatch": "must match {pattern}",
    "string_unicode": "must be a text in UTF-8",
    "int_type": _A_WHOLE_NUMBER,
    "int_parsing": _A_WHOLE_NUMBER,
    "int_parsing_size": _A_WHOLE_NUMBER,
    "int_from_float": _A_WHOLE_NUMBER,
    "float_type": _A_NUMBER,
    "float_parsing": _A_NUMBER,
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list: put it in square brackets",
    "dict_type": _AN_OBJECT,
    "model_type": _AN_OBJECT,
    "model_attributes_type": _AN_OBJECT,
    "tuple_type": 'must be a pair [from, to], as in ["08:00", "20:00"]',
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "date_type": _DATE_THAT_EXISTS,
    "date_parsing": _DATE_THAT_EXISTS,
    "date_from_datetime_parsing": _DATE_THAT_EXISTS,
    "date_from_datetime_inexact": _DATE_THAT_EXISTS,
    "datetime_type": _TIME_THAT_EXISTS,
    "datetime_parsing": _TIME_THAT_EXISTS,
    "datetime_from_date_parsing": _TIME_THAT_EXISTS,
    "datetime_object_invalid": _TIME_THAT_EXISTS,
    "literal_error": "must be one of {expected}",
}
_ANY_OTHER = "does not have the form that the contract asks for: hold it against the schema of this type"
_PYDANTICS_OWN = frozenset(get_args(ErrorType))

# A field's name says more about the way out than the rule it broke.
_OF_FIELD = {
    ("clinic_id", "string_pattern_mismatch"): "must be lower-case letters, digits and hyphens, at most 40",
    ("reasons", "string_pattern_mismatch"): "must be a code of the Ministry's list, as in fever_above_38",
    ("reasons", "too_short"): "must name at least one reason, as in fever_above_38",
    ("temperature_c", "greater_than_equal"): "must be in degrees Celsius, 25 to 45",
    ("temperature_c", "less_than_equal"): "must be in degrees Celsius, 25 to 45",
}

MOST_ERRORS = 20


def field_errors(error: ValidationError) -> list[FieldError]:
    """The errors of a schema check by field: dotted paths, one rule and way out each, at most 20.

    Never holds a value that was sent. A rule of ours raised as ``at:<path>`` is told of that path below where it was
    raised, such as a field that another field asks for.
    """
    found: list[FieldError] = []
    for detail in error.errors(include_url=False, include_input=False, include_context=True)[:MOST_ERRORS]:
        kind, location = detail["type"], detail["loc"]
        if kind.startswith("at:"):
            location = (*location, kind.removeprefix("at:"))
        path = ".".join(str(part) for part in location)
        found.append(FieldError(path=path or "data", message=_message(kind, location, detail)))
    return found


def _message(kind: str, location: tuple[int | str, ...], detail: Any) -> str:
    if kind not in _PYDANTICS_OWN:
        return str(detail["msg"])
    field = next((part for part in reversed(location) if isinstance(part, str)), "")
    context = detail.get("ctx", {})
    # A limit stands in full: 9223372036854775807 is no 9.22337e+18.
    context = {name: f"{value:g}" if isinstance(value, float) else value for name, value in context.items()}
    rule = _SAID.get(kind, _ANY_OTHER)
    if kind in ("string_too_short", "too_short") and context["min_length"] == 1:
        rule = "must not be empty"
    elif kind == "literal_error" and " or " not in context["expected"]:
        rule = "must be {expected}"
    return _OF_FIELD.get((field, kind)) or rule.format_map(context)


def one_line(fields: Iterable[FieldError]) -> str:
    """The same as one line, for a dead letter's detail or a terminal."""
    return "; ".join(f"{field.path} {field.message}" for field in fields)
