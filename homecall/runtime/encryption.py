"""Personal data at rest: encrypted with AES-256-GCM, looked up by a keyed index.

The keys file (``HOMECALL_KEYS_FILE``) is JSON, made and rotated by ``homecall keys``:
``{"lookup": "<64 or more hex digits>", "keys": {"2026-1": "<64 hex digits>", …}, "current": "2026-1"}``.
Reasons: docs/decisions/0020-personal-data.md. Rotation: docs/security.md.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homecall.contract.encoding import NotUtf8, decoded
from homecall.contract.iins import in_letters
from homecall.runtime.settings import Settings, SettingsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}\Z", re.ASCII)
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+\Z", re.ASCII)
_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_DEVELOPMENT_LOOKUP = b"development only: no secret at all"


class Unreadable(Exception):
    """Data that cannot be decrypted here; one line, without any of it."""


class BadKeys(Exception):
    """What is wrong with a keys file: one line that names the part and repeats no key."""


@dataclass(frozen=True, slots=True, repr=False)
class KeyRing:
    """The keys: one for the index, several to decrypt with, one of these to encrypt with. No repr: all is secret."""

    lookup: bytes
    keys: Mapping[str, bytes]
    current: str


def keys_object(text: str) -> dict[str, Any]:
    """The JSON object of a keys file, its parts not checked yet. Raises ``BadKeys``."""
    try:
        raw = json.loads(text, object_pairs_hook=_once_each)
    except (ValueError, RecursionError):
        raise BadKeys("is not JSON") from None
    if not isinstance(raw, dict):
        raise BadKeys("is no JSON object; homecall keys new makes one")
    return raw


def key_ring(raw: Mapping[str, Any]) -> KeyRing:
    """The keys of a keys file. Raises ``BadKeys``."""
    lookup = _bytes(raw.get("lookup"))
    if lookup is None or len(lookup) < _KEY_BYTES:
        raise BadKeys('"lookup" must be at least 64 hex digits')
    entries = raw.get("keys")
    if not isinstance(entries, dict) or not entries:
        raise BadKeys('"keys" must hold at least one key: homecall keys new adds it')
    keys = {}
    for place, (name, value) in enumerate(entries.items(), start=1):
        # A malformed name is not repeated: it may be a key in the wrong place.
        if not _KEY_ID.match(name):
            raise BadKeys(f'"keys": the name of entry {place} must be 1 to 32 letters, digits, dots or hyphens')
        key = _bytes(value)
        if key is None or len(key) != _KEY_BYTES:
            raise BadKeys(f'"keys": {name} must be 64 hex digits')
        keys[name] = key
    if len({lookup, *keys.values()}) <= len(keys):
        raise BadKeys('the same key stands under two names of "keys" and "lookup": each must be its own')
    current = raw.get("current")
    if not isinstance(current, str) or current not in keys:
        raise BadKeys('"current" must be one of the names in "keys"')
    return KeyRing(lookup, keys, current)


COMPLAINANT_BY_IIN, COMPLAINANT_BY_NAME = "complaint iin", "complaint name"
"""Kinds of the indexes that recognise a person who complains about a call."""


class Vault:
    """Encrypts and decrypts personal data, and makes the index it is found by. Safe to share between threads."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._ciphers: dict[str, AESGCM] = {}

    @classmethod
    def from_settings(cls, settings: Settings) -> Vault:
        """The vault of ``HOMECALL_KEYS_FILE``; in development without one, fixed keys that keep nothing secret.

        Raises ``SettingsError`` in one line if the file is missing, malformed or, in production, readable by others.
        """
        if settings.keys_file is None:
            if settings.env != "development":
                raise SettingsError(
                    "HOMECALL_KEYS_FILE is missing: in production it names the file with the personal data keys, "
                    "which homecall keys new makes"
                )
            key = hashlib.sha256(b"development only: seals nothing for real").digest()
            return cls(KeyRing(_DEVELOPMENT_LOOKUP, {"development": key}, "development"))
        try:
            return cls(key_ring(keys_object(_read(settings.keys_file, guarded=settings.env == "production"))))
        except BadKeys as error:
            raise SettingsError(f"HOMECALL_KEYS_FILE: {error}") from None

    @property
    def current(self) -> str:
        """The id of the key that encrypts; data with another ``k`` are to be encrypted again."""
        return self._ring.current

    def index(self, kind: str, value: str) -> str:
        """The index of a value: HMAC-SHA-256, 64 hex digits. Key rotation does not change it.

        The same value has another index under another kind, so one field's index tells nothing about another's.
        """
        # The length separates kind and value, whatever they contain.
        name = kind.encode()
        message = len(name).to_bytes(4, "big") + name + value.encode()
        return hmac.digest(self._ring.lookup, message, hashlib.sha256).hex()

    def of_call(self, request_id: str, iin: str) -> str:
        """A person's pseudonym in the events of one call, which recognises them if they complain about it.

        Letters only, so nothing in it can be taken for an IIN. It tells nothing about other calls.
        """
        return in_letters(self.index(COMPLAINANT_BY_IIN, f"{request_id}|{iin}"))

    def seal(self, plain: bytes, about: str) -> dict[str, Any]:
        """Encrypt: ``{"k": key id, "n": nonce, "c": ciphertext and tag}``, to be stored as BSON.

        ``about`` is the place of the data, as in ``requests/<request_id>/patient``: they decrypt only for that place.
        """
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher(self._ring.current).encrypt(nonce, plain, about.encode())
        return {"k": self._ring.current, "n": nonce, "c": sealed}

    def open(self, sealed: Mapping[str, Any], about: str) -> bytes:
        """Decrypt. Raises ``Unreadable`` for an unknown key, and for data altered, moved, or never encrypted."""
        key_id, nonce, ciphertext = (sealed.get(name) for name in ("k", "n", "c"))
        if (
            not isinstance(key_id, str)
            or not isinstance(nonce, bytes)
            or not isinstance(ciphertext, bytes)
            or len(nonce) != _NONCE_BYTES
            or len(ciphertext) < _TAG_BYTES
        ):
            raise Unreadable("personal data is not in the form in which it is sealed: the document was altered")
        if key_id not in self._ring.keys:
            which = f"key {key_id}" if _KEY_ID.match(key_id) else "a key"
            raise Unreadable(f"personal data is sealed with {which} that HOMECALL_KEYS_FILE does not hold: put it back")
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher(key_id).decrypt(nonce, ciphertext, about.encode())
        except InvalidTag:
            raise Unreadable(
                f"personal data does not open with key {key_id}: it was altered, moved from another document, "
                "or HOMECALL_KEYS_FILE holds another key of that name"
            ) from None

    def reseal(self, sealed: Mapping[str, Any], about: str) -> dict[str, Any]:
        """The same data under the current key, unchanged if that is theirs already. Raises ``Unreadable``."""
        if sealed.get("k") == self._ring.current:
            return dict(sealed)
        return self.seal(self.open(sealed, about), about)

    def _cipher(self, key_id: str) -> AESGCM:
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            cipher = self._ciphers[key_id] = AESGCM(self._ring.keys[key_id])
        return cipher


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        # JSON would keep the last one and silently lose a key.
        raise BadKeys("a name stands in it twice: keep one")
    return dict(pairs)


def _bytes(value: object) -> bytes | None:
    return bytes.fromhex(value) if isinstance(value, str) and _HEX.match(value) else None


def _read(file: Path, *, guarded: bool) -> str:
    """The text of the keys file. ``guarded``: only its owner may write it, and only owner and group may read it."""
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            content = opened.read()
    except OSError as error:
        raise BadKeys(f"cannot be read: {error.strerror}") from None
    # The group may read it: Kubernetes gives a secret to a process that is not root that way (fsGroup).
    if guarded and os.name == "posix" and mode & (stat.S_IWGRP | stat.S_IRWXO):
        raise BadKeys("is open to others than its owner and group: chmod 600 it (or 640; in Kubernetes defaultMode)")
    try:
        return decoded(content)
    except NotUtf8 as error:
        raise BadKeys(str(error)) from None
