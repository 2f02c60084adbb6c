"""Who sent a record: a signature by the sender's own key, checked before anything is read out of it.

Kafka's access lists know topics and not keys: who may write requests for one clinic could write them for another.
With ``HOMECALL_SENDERS_FILE`` each record from outside must carry the name of its sender and an Ed25519 signature, and
a sender may write for its own clinics only. Without the file nothing is checked.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from services.contract.encoding import NotUtf8, decoded
from services.contract.envelope import Incoming, Unreadable
from services.contract.topics import SERVICES, TOPIC_OF_TYPE
from services.runtime.logs import log

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SENDER, SIGNATURE = "homecall-sender", "homecall-signature"
ANY_CLINIC = "*"
_LOOK_AGAIN_SECONDS = 10.0

Headers = Iterable[tuple[str, bytes | None]]


class BadSenders(Exception):
    """What is wrong with the senders file, in one line."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A party that may write: its keys (several while one is replaced), its clinics, and its types if not all."""

    keys: tuple[Ed25519PublicKey, ...]
    clinics: frozenset[str]
    types: frozenset[str]

    def writes_for(self, clinic_id: str) -> bool:
        return ANY_CLINIC in self.clinics or clinic_id in self.clinics


def signed_bytes(headers: Headers, value: bytes | None) -> bytes:
    """What is signed: the attributes in the order of their names, a line each, then an empty line and the value."""
    named = sorted(
        (name.lower(), text or b"")
        for name, text in headers
        if name.lower().startswith("ce_") or name.lower() == "content-type"
    )
    return b"".join(name.encode() + b": " + text + b"\n" for name, text in named) + b"\n" + (value or b"")


def signature_headers(
    sender: str, sign: Callable[[bytes], bytes], headers: Headers, value: bytes | None
) -> tuple[tuple[str, bytes], ...]:
    """The two headers that say who sends; ``sign`` is the private key's."""
    signature = base64.b64encode(sign(signed_bytes(headers, value)))
    return (SENDER, sender.encode()), (SIGNATURE, signature)


class Senders:
    """The senders that the file names; read again when the file has changed."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._looked_at = 0.0
        self._changed: float | None = None
        self._known: dict[str, Sender] = {}
        if path is not None:
            self._changed, self._known = path.stat().st_mtime, read_senders(decoded(path.read_bytes()))

    def check(self, event: Incoming) -> None:
        """Raises ``Unreadable`` with reason ``unauthorised`` for an event that its sender may not send."""
        if self._path is None or set(TOPIC_OF_TYPE[event.type].writers) <= set(SERVICES):
            return
        self._look_again(self._path)
        headers = event.record.headers
        named = {name.lower(): text or b"" for name, text in headers}
        sender = self._known.get(named.get(SENDER, b"").decode("utf-8", "replace"))
        if SENDER not in named or SIGNATURE not in named:
            raise _unauthorised(f"the headers {SENDER} and {SIGNATURE} are asked for: sign the record with your key")
        if sender is None:
            raise _unauthorised(f"{SENDER} names nobody in the operator's list: have your key entered there")
        if not _holds(sender, named[SIGNATURE], signed_bytes(headers, event.record.value)):
            raise _unauthorised(
                f"{SIGNATURE} is not by a key of the sender over what was sent: sign the ce_ headers, content-type "
                "and the value as they go out"
            )
        if not sender.writes_for(event.clinic_id):
            raise _unauthorised("clinic_id is another clinic's: send what is yours, or have the list changed")
        if sender.types and event.type not in sender.types:
            raise _unauthorised(f"this sender may not send {event.type}: have the list changed")

    def _look_again(self, path: Path) -> None:
        now = time.monotonic()
        if now - self._looked_at < _LOOK_AGAIN_SECONDS:
            return
        self._looked_at = now
        try:
            changed = path.stat().st_mtime
            if changed != self._changed:
                self._known = read_senders(decoded(path.read_bytes()))
                self._changed = changed
                log("senders").info("the list of senders was read again", senders=len(self._known))
        except (OSError, BadSenders, NotUtf8) as error:
            # Those known so far go on; a clinic that joins waits until the file is right.
            log("senders").error("the list of senders cannot be read", error=type(error).__name__, reason=str(error))


def _holds(sender: Sender, signature: bytes, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature  # loaded where there is a list at all

    try:
        raw = base64.b64decode(signature, validate=True)
    except ValueError:
        return False
    for key in sender.keys:
        try:
            key.verify(raw, signed)
        except InvalidSignature:
            continue
        return True
    return False


def _unauthorised(detail: str) -> Unreadable:
    return Unreadable("unauthorised", detail)


def read_senders(text: str) -> dict[str, Sender]:
    """The senders of a file; raises ``BadSenders`` that names the sender and what is wrong with it.

    ``{"senders": {"samal-1": {"keys": ["<32 bytes in base64>"], "clinics": ["samal-1"], "types": ["…"]?}}}``; the
    clinics ``["*"]`` are all, for the portal or a region.
    """
    try:
        parsed = json.loads(text)
        listed = parsed["senders"]
        items = list(listed.items())
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadSenders('is not JSON of the form {"senders": {"name": {"keys": […], "clinics": […]}}}') from None
    return {name: _sender(name, entry) for name, entry in items}


def _sender(name: str, entry: object) -> Sender:
    if not isinstance(entry, dict):
        raise BadSenders(f'{name}: must be an object with "keys" and "clinics"')
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    keys = []
    for text in _texts(name, entry, "keys", needed=True):
        try:
            keys.append(Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True)))
        except ValueError:
            raise BadSenders(f"{name}: keys must be 32 bytes in base64 each: homecall senders new makes one") from None
    types = frozenset(_texts(name, entry, "types", needed=False))
    if unknown := types - TOPIC_OF_TYPE.keys():
        raise BadSenders(f"{name}: types: {', '.join(sorted(unknown))} is none of the contract")
    return Sender(tuple(keys), frozenset(_texts(name, entry, "clinics", needed=True)), types)


def _texts(name: str, entry: dict[str, object], field: str, *, needed: bool) -> list[str]:
    found = entry.get(field, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found) or (needed and not found):
        raise BadSenders(f"{name}: {field} must be a list of texts" + (", one or more" if needed else ""))
    return found
