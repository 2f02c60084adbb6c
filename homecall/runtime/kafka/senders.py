"""Who sent a record: a signature by the sender's key, checked before the record is used.

Kafka's access lists know topics, not keys: a user who may write requests for one clinic could write for another.
With ``HOMECALL_SENDERS_FILE`` each record from outside must carry its sender's name and an Ed25519 signature, and a
sender may write only for its own clinics. Without the file nothing is checked.

Topic, key and time are signed too, so a record cannot be moved to another topic, delete another key, or look newer
than it is. Replaying a record changes nothing.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from homecall.contract.authority import Authority
from homecall.contract.encoding import NotUtf8, decoded
from homecall.contract.envelope import Incoming, Record, Unreadable
from homecall.contract.events import ComplaintStage
from homecall.contract.topics import BY_NAME, TOPIC_OF_TYPE
from homecall.contract.types import is_moment
from homecall.runtime.logs import log

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SENDER, SIGNATURE = "homecall-sender", "homecall-signature"
FORM = b"2"
"""The version of the signed form; the signature begins with it and a colon, which base64 never has."""
ANY_CLINIC = "*"
STAGES: tuple[ComplaintStage, ...] = get_args(ComplaintStage)
_LOOK_AGAIN_SECONDS = 10.0

Headers = Iterable[tuple[str, bytes | None]]


class BadSenders(Exception):
    """What is wrong with the senders file, in one line."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A party that may write."""

    keys: tuple[Ed25519PublicKey, ...]
    """Several while one is replaced."""
    clinics: frozenset[str]
    types: frozenset[str]
    """Event types; empty: all."""
    stages: frozenset[ComplaintStage] | None = None
    """The stages of complaints in which it acts; None: the clinic's."""

    def writes_for(self, clinic_id: str) -> bool:
        return ANY_CLINIC in self.clinics or clinic_id in self.clinics

    @property
    def authority(self) -> Authority:
        if self.stages is not None:
            return Authority(self.stages)
        return Authority(frozenset({"clinic"}), for_complainants=ANY_CLINIC in self.clinics)


def signed_bytes(sender: str, topic: str, key: bytes | None, headers: Headers, value: bytes | None) -> bytes:
    """The signed bytes: a line each for form, sender, topic and key, then the attributes sorted by name, an empty line,
    and the value. Raises ``ValueError`` for a header that is repeated or contains a line break.
    """
    named = sorted(
        (name.lower(), text or b"")
        for name, text in headers
        if name.lower().startswith("ce_") or name.lower() == "content-type"
    )
    if len({name for name, _ in named}) < len(named):
        raise ValueError("twice")
    first = [
        (SIGNATURE, FORM),
        (SENDER, sender.encode()),
        ("topic", topic.encode()),
        ("key", key or b""),
    ]
    if any(b"\n" in text or "\n" in name for name, text in [*first, *named]):
        raise ValueError("line")
    return b"".join(name.encode() + b": " + text + b"\n" for name, text in [*first, *named]) + b"\n" + (value or b"")


def signature_headers(
    sender: str, sign: Callable[[bytes], bytes], topic: str, key: bytes | None, headers: Headers, value: bytes | None
) -> tuple[tuple[str, bytes], ...]:
    """The two headers that name the sender; ``sign`` signs with its private key."""
    signature = base64.b64encode(sign(signed_bytes(sender, topic, key, headers, value)))
    return (SENDER, sender.encode()), (SIGNATURE, FORM + b":" + signature)


class Senders:
    """The senders of the file, which is read again when it changes."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._looked_at = 0.0
        self._changed: float | None = None
        self._known: dict[str, Sender] = {}
        if path is not None:
            self._changed, self._known = path.stat().st_mtime, read_senders(decoded(path.read_bytes()))

    @property
    def asks(self) -> bool:
        """Whether records from outside must be signed."""
        return self._path is not None

    def check(self, event: Incoming) -> None:
        """Raises ``Unreadable`` with reason ``unauthorised`` for an event that its sender may not send."""
        topic = TOPIC_OF_TYPE[event.type]
        if self._path is None or topic.ours:
            return
        sender = self._signed_by(event.record)
        # Ids are checked even if the data break the schema: they are the event's subject and clinic.
        key = (event.record.key or b"").decode("utf-8", "replace")
        by_clinic = topic.key == "clinic_id"
        if (key if by_clinic else key.lower()) != (event.clinic_id if by_clinic else event.subject):
            raise _unauthorised(f"the record's key is not its {topic.key}: send it with that key, and sign it again")
        if event.time is None:
            raise _unauthorised(
                "ce_time is asked for in signed records, an RFC 3339 time with an offset: add it, and sign it again"
            )
        self._may(sender, event.clinic_id, event.type)

    def check_tombstone(self, record: Record) -> datetime | None:
        """The signed time of a tombstone; None if records need no signature.

        Raises ``Unreadable`` with reason ``unauthorised`` if its sender may not delete the key.
        """
        if self._path is None:
            return None
        sender = self._signed_by(record)
        said = next((text or b"" for name, text in record.headers if name.lower() == "ce_time"), b"")
        moment = said.decode("utf-8", "replace")
        if not is_moment(moment):
            raise _unauthorised("ce_time is asked for, an RFC 3339 time with an offset: add it, and sign it again")
        key = (record.key or b"").decode("utf-8", "replace")
        for event_type in BY_NAME[record.topic].types:
            self._may(sender, key, event_type)
        return datetime.fromisoformat(moment)

    def authority(self, event: Incoming) -> Authority | None:
        """In which stages of complaints the sender of a checked event acts; None if records need no signature."""
        if self._path is None:
            return None
        self._look_again(self._path)
        sender = self._known.get(_named(event.record).get(SENDER, b"").decode("utf-8", "replace"))
        return Authority(frozenset()) if sender is None else sender.authority

    def _signed_by(self, record: Record) -> Sender:
        """The sender, whose signature covers the whole record."""
        assert self._path is not None
        self._look_again(self._path)
        named = _named(record)
        if SENDER not in named or SIGNATURE not in named:
            raise _unauthorised(f"the headers {SENDER} and {SIGNATURE} are asked for: sign the record with your key")
        name = named[SENDER].decode("utf-8", "replace")
        sender = self._known.get(name)
        if sender is None:
            raise _unauthorised(f"{SENDER} names nobody in the operator's list: have your key entered there")
        form, colon, signature = named[SIGNATURE].partition(b":")
        if not colon or form != FORM:
            raise _unauthorised(
                f"{SIGNATURE} has the form of another release, which did not cover topic, key and sender: sign the "
                "record again with this release's client or homecall publish, as docs/security.md says"
            )
        try:
            signed = signed_bytes(name, record.topic, record.key, record.headers, record.value)
        except ValueError:
            raise _unauthorised(
                "a ce_ header or content-type stands twice or has a line break: send each once, and sign it again"
            ) from None
        if not _holds(sender, signature, signed):
            raise _unauthorised(
                f"{SIGNATURE} is not by a key of the sender over what was sent: sign topic, key, the ce_ headers, "
                "content-type and the value as they go out"
            )
        return sender

    @staticmethod
    def _may(sender: Sender, clinic_id: str, event_type: str) -> None:
        if not sender.writes_for(clinic_id):
            raise _unauthorised("clinic_id is another clinic's: send what is yours, or have the list changed")
        if sender.types and event_type not in sender.types:
            raise _unauthorised(f"this sender may not send {event_type}: have the list changed")

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
            # The senders known so far stay; a new one waits until the file is corrected.
            log("senders").error("the list of senders cannot be read", error=type(error).__name__, reason=str(error))


def _named(record: Record) -> dict[str, bytes]:
    return {name.lower(): text or b"" for name, text in record.headers}


def _holds(sender: Sender, signature: bytes, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature  # loaded only if there is a list

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
    """The senders of a file. Raises ``BadSenders``, which names the sender and what is wrong.

    ``{"senders": {"samal-1": {"keys": ["<32 bytes in base64>"], "clinics": ["samal-1"], "types": ["…"]?, "stages":
    ["clinic"]?}}}``; the clinics ``["*"]`` are all, for the portal or a region.
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
    stages = frozenset(_texts(name, entry, "stages", needed=False)) if "stages" in entry else None
    if stages is not None and (strange := stages - set(STAGES)):
        raise BadSenders(f"{name}: stages: {', '.join(sorted(strange))} is none of {', '.join(STAGES)}")
    return Sender(
        tuple(keys),
        frozenset(_texts(name, entry, "clinics", needed=True)),
        types,
        cast("frozenset[ComplaintStage] | None", stages),
    )


def _texts(name: str, entry: dict[str, object], field: str, *, needed: bool) -> list[str]:
    found = entry.get(field, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found) or (needed and not found):
        raise BadSenders(f"{name}: {field} must be a list of texts" + (", one or more" if needed else ""))
    return found
