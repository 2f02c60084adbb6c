"""What a schema error says to the person who sent the event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from services.contract.events import FieldError

# What was sent never stands in a message: it may be personal data.
_SAID = {
    "missing": "is required: add it",
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters: shorten it",
    "string_pattern_mismatch": "must match {pattern}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number, not infinity",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "tuple_type": "must be a pair [from, to]",
    "too_short": "must have at least {min_length} item(s)",
    "too_long": "must have at most {max_length} item(s)",
    "date_type": "must be a date, as in 2026-11-23",
    "date_parsing": "must be a date, as in 2026-11-23",
    "date_from_datetime_parsing": "must be a date that exists, as in 2026-11-23",
    "date_from_datetime_inexact": "must be a date without a time, as in 2026-11-23",
    "datetime_type": "must be an RFC 3339 time with an offset, as in 2026-11-23T09:15:00+05:00",
    "datetime_parsing": "must be a time that exists, as in 2026-11-23T09:15:00+05:00",
    "datetime_from_date_parsing": "must be a time that exists, as in 2026-11-23T09:15:00+05:00",
    "timezone_aware": "must have an offset from UTC, as in 2026-11-23T09:15:00+05:00",
    "literal_error": "must be one of {expected}",
    "enum": "must be one of {expected}",
}

# A field's name says more about the way out than the rule it broke.
_HINTS = {
    "clinic_id": "lower-case letters, digits and hyphens, at most 40",
    "phone": "digits, spaces and + ( ) - only, as in +7 700 000 00 00",
    "reasons": "codes of the Ministry's list, as in fever_above_38",
}

_MOST_ERRORS = 20


def _path(location: Iterable[Any]) -> str:
    return ".".join(str(part) for part in location) or "data"


def field_errors(error: ValidationError) -> list[FieldError]:
    """The errors of a schema check by field: dotted paths, one rule and way out each, at most 20.

    Never holds a value that was sent.
    """
    found: list[FieldError] = []
    for detail in error.errors(include_url=False, include_input=False, include_context=True):
        kind = detail["type"]
        location = detail["loc"]
        context = detail.get("ctx", {})
        if kind.startswith("at:"):
            location = (*location, kind[3:])
            message = detail["msg"]
        elif kind in _SAID:
            message = _SAID[kind].format_map(_Lenient(context))
        else:
            message = detail["msg"]
        names = [part for part in location if isinstance(part, str)]
        hint = _HINTS.get(names[-1]) if names and kind == "string_pattern_mismatch" else None
        found.append(FieldError(path=_path(location), message=(hint and f"must be {hint}") or message))
        if len(found) == _MOST_ERRORS:
            break
    return found


class _Lenient(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "…"


def one_line(fields: Iterable[FieldError]) -> str:
    """The same as one line, for a dead letter's detail or a terminal."""
    return "; ".join(f"{field.path} {field.message}" for field in fields)
