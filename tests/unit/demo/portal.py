"""Signatures for the demo's plan that need no keys: who signed what, to be read again."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from homecall.gateways.signatures.canonical import canonical


class Written:
    """Signs by writing down how, who and what; ``word`` tells one portal's hand from another's."""

    def __init__(self, word: str = "") -> None:
        self._word = word

    def of_person(self, data: Mapping[str, Any], iin: str) -> str:
        return self._write("person", data, iin)

    def of_organisation(self, data: Mapping[str, Any], iin: str) -> str:
        return self._write("organisation", data, iin)

    def _write(self, kind: str, data: Mapping[str, Any], iin: str) -> str:
        digest = hashlib.sha256(canonical(json.dumps(data).encode())).hexdigest()
        return base64.b64encode(f"{kind} {iin} {digest} {self._word}".encode()).decode()
