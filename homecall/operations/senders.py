"""``homecall senders``: who may send for which clinic, and the keys that show it."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from homecall.contract.encoding import NotUtf8, decoded
from homecall.operations.failure import Failure
from homecall.operations.table import Column, print_table
from homecall.operations.terminal import counted
from homecall.runtime.kafka.senders import ANY_CLINIC, BadSenders, read_senders

_COLUMNS = (Column("sender"), Column("clinics", folds=1), Column("types", folds=2), Column("keys", right=True))


def new(
    name: str, file: Path, private: Path, clinics: Sequence[str], types: Sequence[str], stages: Sequence[str] = ()
) -> None:
    """Make a key for a sender: its private half into a file of its own, its public half into the list.

    A sender that is in the list already gets one more key, and keeps the others until they are taken out by hand.
    """
    # What a link points to is replaced, not the link.
    place = file.resolve()
    if place == private.resolve():
        raise Failure(f"{private}: is the list itself: name another file for the private key")
    listed = _listed(place)
    entry = listed["senders"].setdefault(name, {"keys": [], "clinics": []})
    key = Ed25519PrivateKey.generate()
    public = base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    entry["keys"] = [*entry["keys"], public]
    entry["clinics"] = sorted({*entry["clinics"], *(clinics or ([] if entry["clinics"] else [name]))})
    for name_of, more in (("types", types), ("stages", stages)):
        if more:
            entry[name_of] = sorted({*entry.get(name_of, []), *more})
    text = json.dumps(listed, ensure_ascii=False, indent=2) + "\n"
    try:
        read_senders(text)
    except BadSenders as error:
        raise Failure(f"{file}: {error}") from None
    _write_private(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    try:
        _replace(place, text)
    except OSError as error:
        private.unlink()  # the list does not know it
        raise Failure(f"{file}: cannot be written: {error.strerror}; no key was made") from None
    whose = "every clinic" if ANY_CLINIC in entry["clinics"] else ", ".join(entry["clinics"])
    print(f"{file}: {name} writes for {whose}, {counted(len(entry['keys']), 'key')}")
    print(f"{private}: the private key; give it to the sender and to nobody else")


def show(file: Path) -> None:
    """Print the senders with their clinics, types, and the stages of complaints in which they act."""
    rows = [
        (
            name,
            ", ".join(entry["clinics"]),
            (", ".join(entry.get("types", [])) or "all types") + _acts_at(entry),
            str(len(entry["keys"])),
        )
        for name, entry in _listed(file)["senders"].items()
    ]
    print_table(_COLUMNS, rows)


def _acts_at(entry: dict[str, Any]) -> str:
    """The stages of complaints of a sender that has any of its own; the others act at the clinic's."""
    return f"; complaints at {', '.join(entry['stages']) or 'no stage'}" if "stages" in entry else ""


def _listed(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {"senders": {}}
    try:
        text = decoded(file.read_bytes())
        read_senders(text)
    except OSError as error:
        raise Failure(f"{file}: cannot be read: {error.strerror}") from None
    except NotUtf8 as error:
        raise Failure(f"{file} {error}") from None
    except BadSenders as error:
        raise Failure(f"{file}: {error}") from None
    found: dict[str, Any] = json.loads(text)
    return found


def _write_private(path: Path, pem: bytes) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(pem)
    except FileExistsError:
        raise Failure(f"{path}: is there already: name another file for the private key") from None
    except OSError as error:
        raise Failure(f"{path}: cannot be written: {error.strerror}") from None


def _replace(path: Path, text: str) -> None:
    """As a whole or not at all: services read the list while they run."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        beside.chmod(0o644)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
