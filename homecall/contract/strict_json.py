"""Parses all incoming JSON: anything that two parsers could understand differently is a flaw with a path.

The rules are those under which data have an RFC 8785 form (``homecall/gateways/signatures/canonical.py``), so a service
reads what was signed. Whole numbers may have 64 bits here: only a signature needs them to fit a double.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

TWICE = "stands twice in one object: send each key once, or nobody could say what was signed"
TOO_BIG = "is a number that an IEEE 754 double does not hold exactly: send it as a text"
NO_NUMBER = "is no number of JSON: send a finite one"
TOO_DEEP = "is nested too deeply to be read: send a flatter object"
LONE_SURROGATE = "holds half of a surrogate pair: send whole characters"
NOT_ESCAPED = "holds a control character as it is: write a line break as \\n, a tab as \\t"
_TOO_LONG = "is a number that 64 bits do not hold: it may be at most 9223372036854775807"

DEEPEST = 100
"""How many lists and objects may stand in one another."""

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}\Z")
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
# An unfinished text counts to the end, so that no text is looked through twice.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_CONTROL = re.compile("[\\x00-\\x1f]")
_BARE = "\udfff\ud800"
"""Stands in a text for a control character that is not escaped: two halves, in an order that makes no pair."""
_CUT = "9" * 64
"""Stands in a text where something was nested too deeply."""
_COORDINATES = frozenset({"lat", "lon"})
"""These are never refused for their number: an impossible one counts as missing (``standard/places.py``)."""
_LONGEST_PATH = 12
_STRUCTURE = (b",", b":", b"[", b"{")
_NOTHING: Any = object()


@dataclass(frozen=True, slots=True)
class Flaw:
    """Where something cannot be read in one way, dotted, and what is wrong with it.

    ``is_json`` is false where it is not even JSON to all readers.
    """

    path: str
    message: str
    is_json: bool = True


@dataclass(frozen=True, slots=True)
class Parsed:
    """A JSON text as it was read. Fields with a flaw are left out of ``value``.

    ``as_sent`` is false where ``value`` has infinity in place of a coordinate that no number of ours can hold.
    """

    value: Any
    flaws: tuple[Flaw, ...] = ()
    as_sent: bool = True


@dataclass(frozen=True, slots=True)
class Bad:
    """Stands in a tree for what has a flaw."""

    message: str
    is_json: bool = True


def parse(text: bytes, *, deepest: int = DEEPEST) -> Parsed:
    """Read JSON. ``ValueError`` where there is none in UTF-8: then there is nothing to name a field in."""
    readable = text.decode()
    reader = Reader()
    marked = False
    try:
        flat = _flattened(readable, deepest)
        try:
            tree = reader.read(flat)
        except json.JSONDecodeError as error:
            if not error.msg.startswith("Invalid control character"):
                raise
            # A line break in a note, as a program writes it that pastes texts together: the rest can be read.
            marked = True
            tree = reader.read(_TOKEN.sub(lambda token: _CONTROL.sub(_BARE, token[0]), flat))
    except RecursionError:
        raise ValueError("nests too deep") from None
    # Only an escape can make half of a pair.
    if not reader.found and not marked and not _HALF.search(readable):
        return Parsed(tree)
    flaws: list[Flaw] = []
    value = _sound(tree, (), flaws, _COORDINATES)
    return Parsed(None if value is _NOTHING else value, tuple(flaws), as_sent=False)


def parts_of(text: bytes) -> int:
    """An upper estimate of the fields and items of a text: parsed, each takes many times its size."""
    return sum(map(text.count, _STRUCTURE))


def said_key(key: str) -> str:
    """A key as a message may name it: one that is no plain word might be anything, personal data too."""
    return key if _PLAIN_KEY.match(key) and sum(map(str.isdigit, key)) < 12 else "…"


class Reader:
    """The hooks of the parser; ``found`` says whether any of them had to mark something."""

    def __init__(self) -> None:
        self.found = False

    def read(self, text: str) -> Any:
        return json.loads(
            text,
            object_pairs_hook=self.pairs,
            parse_int=self.integer,
            parse_float=self.fraction,
            parse_constant=self.constant,
        )

    def bad(self, message: str, *, is_json: bool = True) -> Bad:
        self.found = True
        return Bad(message, is_json)

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    found[key] = self.bad(TWICE)
                seen.add(key)
        return found

    def integer(self, text: str) -> int | float | Bad:
        if len(text) <= 20:
            number = int(text)
            if -(2**63) <= number < 2**63:
                return number
        return self.bad(TOO_DEEP, is_json=False) if text == _CUT else self.bad(_TOO_LONG)

    def fraction(self, text: str) -> float | Bad:
        number = float(text)
        return number if abs(number) != float("inf") else self.bad(TOO_BIG)

    def constant(self, _: str) -> Bad:
        return self.bad(NO_NUMBER, is_json=False)


def _flattened(text: str, deepest: int) -> str:
    """The text with a mark in place of what is nested too deeply, so that the rest can be read."""
    if text.count("[") + text.count("{") <= deepest:
        return text
    kept: list[str] = []
    depth = since = 0
    for token in _TOKEN.finditer(text):
        if token[0] in ("[", "{"):
            depth += 1
            if depth == deepest + 1:
                kept.append(text[since : token.start()])
        elif token[0] in ("]", "}"):
            depth -= 1
            if depth == deepest:
                kept.append(_CUT)
                since = token.end()
    if depth > deepest:  # never closed: no JSON, as the parser will say
        return "".join(kept)
    return "".join([*kept, text[since:]]) if kept else text


def flaws_in(tree: Any) -> list[Flaw]:
    """The flaws of a tree that a ``Reader`` made, in the order of the text."""
    flaws: list[Flaw] = []
    _sound(tree, (), flaws, frozenset())
    return flaws


def _sound(value: Any, path: tuple[str, ...], flaws: list[Flaw], infinite: Collection[str]) -> Any:
    """The tree without its flaws, which are noted with their paths; too large numbers named so become infinity."""

    def note(message: str, *more: str, is_json: bool = True) -> Any:
        where = (*path, *more)
        shown = where if len(where) <= _LONGEST_PATH else (*where[:_LONGEST_PATH], "…")
        flaws.append(Flaw(".".join(shown) or "data", message, is_json))
        return _NOTHING

    if isinstance(value, Bad):
        if path and path[-1] in infinite and value.message in (TOO_BIG, _TOO_LONG):
            return float("inf")
        return note(value.message, is_json=value.is_json)
    if isinstance(value, str):
        return note(_why(value), is_json=False) if _has_half(value) else value
    if isinstance(value, list):
        items = [_sound(item, (*path, str(place)), flaws, infinite) for place, item in enumerate(value)]
        return [item for item in items if item is not _NOTHING]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, item in value.items():
        if _has_half(key):
            note(_why(key), "…", is_json=False)
            continue
        sound = _sound(item, (*path, said_key(key)), flaws, infinite)
        if sound is not _NOTHING:
            found[key] = sound
    return found


def _why(text: str) -> str:
    return NOT_ESCAPED if _BARE in text else LONE_SURROGATE


def _has_half(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
