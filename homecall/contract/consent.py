"""The consent token of a request: it is used for one question to the register of persons, and kept nowhere."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Final

FIELDS: Final = frozenset({"kdp_token", "kdpToken", "public_key", "publicKey"})
"""Its names, in a request and at the gateway."""
_LONGEST: Final = 20_000
_NAMED: Final = re.compile(
    rb"""("(?:kdp_token|kdpToken|public_key|publicKey)"\s*:\s*)(?:"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[^\s"{}\[\],]+)""",
    re.DOTALL,
)
_BASE64: Final = re.compile(rb'("data_base64"\s*:\s*")([A-Za-z0-9+/=]*)"')


def readable_token(value: Any) -> str | None:
    """A token without the spaces and line breaks of copying; None for what cannot be one."""
    text = "".join(value.split()) if isinstance(value, str) else ""
    return text if 0 < len(text) <= _LONGEST and text.isascii() and text.isprintable() else None


def without_consent(value: bytes) -> bytes:
    """A record's value with the token that came with a request taken out; all other bytes stay as they are.

    It works on values that cannot be read, too. Where a name is written with escapes, the whole JSON is written again.
    """
    cut = _BASE64.sub(_inside, _NAMED.sub(rb'\1""', value))
    if b"\\u" not in cut:
        return cut
    try:
        found = json.loads(cut)
        removed = _removed(found)
    except (ValueError, RecursionError):
        return cut
    return json.dumps(found, ensure_ascii=False).encode(errors="replace") if removed else cut


def _inside(found: re.Match[bytes]) -> bytes:
    """The data of a structured event in base64."""
    try:
        data = base64.b64decode(found[2], validate=True)
    except ValueError:
        return found[0]
    cut = _NAMED.sub(rb'\1""', data)
    return found[0] if cut == data else found[1] + base64.b64encode(cut) + b'"'


def _removed(found: Any) -> int:
    """Take the token out, however deep it stands; how many fields went."""
    if isinstance(found, list):
        return sum(map(_removed, found))
    if not isinstance(found, dict):
        return 0
    mine = [name for name, inner in found.items() if name in FIELDS and inner not in ("", None)]
    for name in mine:
        del found[name]
    return len(mine) + sum(map(_removed, found.values()))
