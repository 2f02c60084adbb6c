"""The RFC 8785 (JCS) form of an event's data: the bytes that a portal's signature is made over.

It is made from the data as received, unknown fields included. Whitespace, the order of keys and the way a number or a
letter is escaped do not matter; everything else does.
"""

from __future__ import annotations

from typing import Any

import rfc8785

from homecall.contract.strict_json import TOO_BIG, TOO_DEEP, Bad, Reader, flaws_in

_SAFE_INTEGER = 2**53 - 1


class NotCanonical(Exception):
    """The data have no canonical form. ``path`` is the field, dotted; the text says the rule and the way out."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


def canonical(data: bytes) -> bytes:
    """The RFC 8785 form of an object in JSON, without its field ``signature``.

    Raises ``NotCanonical`` if two readers could understand the data differently (a repeated key, NaN or Infinity, a
    number too large for a double, a whole number that no double holds exactly, half a surrogate pair), and if they are
    no object in UTF-8 JSON. A fraction with more digits than a double has counts as the nearest double, by RFC 8785.
    """
    try:
        parsed = _Reader().read(data.decode("utf-8"))
    except ValueError:
        raise NotCanonical("data", "is not JSON in UTF-8: send RFC 8259 JSON") from None
    except RecursionError:
        raise NotCanonical("data", TOO_DEEP) from None
    if not isinstance(parsed, dict | Bad):
        raise NotCanonical("data", "must be an object: put its fields in braces")
    if isinstance(parsed, dict) and not isinstance(parsed.get("signature"), Bad):
        parsed.pop("signature", None)
    try:
        return rfc8785.dumps(parsed)  # a flaw is refused there, and named below
    except RecursionError:
        raise NotCanonical("data", TOO_DEEP) from None
    except ValueError:
        raise _named(parsed) from None


class _Reader(Reader):
    """Takes only whole numbers that a double holds exactly."""

    def integer(self, text: str) -> int | float | Bad:
        if len(text) > 22:
            return self.bad(TOO_BIG)  # the form has no whole numbers of more than 21 digits
        number = int(text)
        if abs(number) <= _SAFE_INTEGER:
            return number
        # Beyond, a reader with doubles and one with long integers agree only on what a double is itself written as.
        nearest = float(number)
        return nearest if rfc8785.dumps(nearest) == text.encode() else self.bad(TOO_BIG)


def _named(parsed: Any) -> NotCanonical:
    """What rfc8785 could not write, with where it stands."""
    try:
        first = next(iter(flaws_in(parsed)), None)
    except RecursionError:
        return NotCanonical("data", TOO_DEEP)
    if first is None:
        return NotCanonical("data", "has no canonical form (RFC 8785)")
    return NotCanonical(first.path, first.message)
