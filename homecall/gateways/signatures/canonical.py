"""The RFC 8785 (JCS) form of an event's data: the bytes that a portal's signature is made over.

It is taken from the data as received, unknown fields included, so that whitespace, the order of keys and the way a
number or a letter is escaped do not matter, and everything else does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import rfc8785

from homecall.contract.strict_json import LONE_SURROGATE, NO_NUMBER, TOO_BIG, TOO_DEEP, TWICE, said_key

_SAFE_INTEGER = 2**53 - 1


class NotCanonical(Exception):
    """The data have no canonical form. ``path`` is the field, dotted; the text says the rule and the way out."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class _Flaw:
    """Stands in a parsed tree where something has no canonical form; nothing can write it out again."""

    message: str
    key: str | None = None


def canonical(data: bytes) -> bytes:
    """The RFC 8785 form of an object in JSON, without its field ``signature``.

    Raises ``NotCanonical`` where two readers could understand the data differently: a key that stands twice, NaN or
    Infinity, a number too large for a double, a whole number that is none, half a surrogate pair; and for what is
    no object in UTF-8 JSON. Of a fraction with more digits than a double has, the nearest double counts, as RFC 8785
    has it.
    """
    try:
        parsed = json.loads(
            data.decode("utf-8"), object_pairs_hook=_each_key_once, parse_int=_integer, parse_constant=_constant
        )
    except ValueError:
        raise NotCanonical("data", "is not JSON in UTF-8: send RFC 8259 JSON") from None
    except RecursionError:
        raise NotCanonical("data", TOO_DEEP) from None
    if not isinstance(parsed, dict | _Flaw):
        raise NotCanonical("data", "must be an object: put its fields in braces")
    if isinstance(parsed, dict):
        parsed.pop("signature", None)
    try:
        return rfc8785.dumps(parsed)  # type: ignore[arg-type]  # a flaw is refused there, and named below
    except RecursionError:
        raise NotCanonical("data", TOO_DEEP) from None
    except ValueError:
        raise _named(parsed) from None


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Flaw:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # None
    return _Flaw(TWICE, key=twice)


def _integer(text: str) -> int | float | _Flaw:
    if len(text) > 22:
        return _Flaw(TOO_BIG)  # the form has no whole numbers of more than 21 digits
    number = int(text)
    if abs(number) <= _SAFE_INTEGER:
        return number
    # Beyond, a reader with doubles and one with long integers agree only on what a double is itself written as.
    nearest = float(number)
    return nearest if rfc8785.dumps(nearest) == text.encode() else _Flaw(TOO_BIG)


def _constant(_: str) -> _Flaw:
    return _Flaw(NO_NUMBER)


def _named(parsed: Any) -> NotCanonical:
    """What rfc8785 could not write, with where it stands."""
    try:
        found = _first_flaw(parsed, ())
    except RecursionError:
        return NotCanonical("data", TOO_DEEP)
    if found is None:
        return NotCanonical("data", "has no canonical form (RFC 8785)")
    path, message = found
    return NotCanonical(".".join(path) or "data", message)


def _first_flaw(value: Any, path: tuple[str, ...]) -> tuple[tuple[str, ...], str] | None:
    if isinstance(value, _Flaw):
        return (path if value.key is None else (*path, said_key(value.key))), value.message
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return path, TOO_BIG
    if isinstance(value, str):
        return None if _whole(value) else (path, LONE_SURROGATE)
    if isinstance(value, list):
        inner = ((str(place), item) for place, item in enumerate(value))
    elif isinstance(value, dict):
        broken = next((key for key in value if not _whole(key)), None)
        if broken is not None:
            return (*path, said_key(broken)), LONE_SURROGATE
        inner = ((said_key(key), item) for key, item in value.items())
    else:
        return None
    return next((flaw for name, item in inner if (flaw := _first_flaw(item, (*path, name)))), None)


def _whole(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
