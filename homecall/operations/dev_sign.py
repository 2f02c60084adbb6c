"""``homecall dev-sign``: a test authority in a directory, and signatures by anybody, for the demo and a first try."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from homecall.gateways.signatures.canonical import NotCanonical, canonical
from homecall.gateways.signatures.dev_authority import CRLS, TRUST_STORE, DevAuthority
from homecall.operations.failure import Failure
from homecall.operations.terminal import none_left, numbered_lines, print_bytes, print_error

INIT = "init"


def dev_sign(file: str, directory: Path, iin: str | None) -> None:
    """Make the authority for ``init``; otherwise sign each line of a file.

    ``Failure`` with code 1 if a line was not signed; all others are.
    """
    if file == INIT:
        _init(directory)
        return
    authority = _authority(directory)
    total = signed = 0
    for number, line in numbered_lines(file):
        total += 1
        try:
            print_bytes(signed_line(authority, line, iin))
            signed += 1
        except ValueError as error:
            print_error(f"line {number}: {error}")
    none_left(total - signed, total, "line", "signed")


def signed_line(authority: DevAuthority, line: bytes, iin: str | None = None) -> bytes:
    """A line of JSON with ``signature`` filled in: an event's data, or ``{"type": …, "data": {…}}``.

    Without ``iin`` the one who must sign does: the applicant, or else the patient; the complainant. Raises
    ``ValueError`` with what is wrong.
    """
    try:
        # The data themselves, and what stands around them, are held to the same strictness.
        canonical(line)
        parsed = json.loads(line)
        data = parsed["data"] if isinstance(parsed.get("data"), dict) else parsed
        signer = iin or _signer(data)
        if signer is None:
            raise ValueError("names nobody who could sign: give --iin, or the patient's or complainant's iin")
        data["signature"] = {"format": "cms", "value": authority.sign(data, signer)}
    except NotCanonical as error:
        raise ValueError(f"{error.path} {error}") from None
    return json.dumps(parsed, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _signer(data: dict[str, Any]) -> str | None:
    for role in ("applicant", "patient", "complainant"):
        person = data.get(role)
        if isinstance(person, dict):
            found = person.get("iin")
            return found if isinstance(found, str) else None
    return None


def _init(directory: Path) -> None:
    if (directory / TRUST_STORE).exists():
        _authority(directory)
        print("there already: nothing was changed")
    else:
        try:
            DevAuthority.new().save(directory)
        except OSError as error:
            raise Failure(f"{directory}: cannot be written: {error.strerror}") from None
    trust_store, crls = (shlex.quote(str(directory.resolve() / name)) for name in (TRUST_STORE, CRLS))
    print("For development only: anyone with this directory can sign as anybody. The services trust it with")
    print("export HOMECALL_ENV=development HOMECALL_SIGNATURES=rsa")
    print(f"export HOMECALL_TRUST_STORE={trust_store} HOMECALL_CRLS={crls}")


def _authority(directory: Path) -> DevAuthority:
    try:
        return DevAuthority.load(directory)
    except OSError:
        raise Failure(
            f"{directory} holds no test authority: homecall dev-sign init --directory DIR makes one"
        ) from None
    except (ValueError, TypeError):
        raise Failure(f"{directory}: its keys or its certificate cannot be read: make another") from None
