"""Ids that are derived, never drawn: a replay makes the same ones."""

from __future__ import annotations

import hashlib
from uuid import UUID

_NAMESPACE = UUID("6b0f7d1e-54a5-5e0a-9c39-2f3b6f1f7c11").bytes


def _uuid5(name: str) -> str:
    """The 32 hex digits of `uuid.uuid5`, without its object: several ids are made per record."""
    digest = hashlib.sha1(_NAMESPACE + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]  # RFC 9562: the two highest bits are 10
    return f"{digest[:12]}5{digest[13:16]}{variant}{digest[17:32]}"


def _dashed(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def cause_id(source: str, event_id: str, event_type: str) -> str:
    """The causation id: the key under which an aggregate stores a processed event, 32 hex digits.

    It includes the type, so that a publisher who uses one ``ce_id`` for a request and its withdrawal loses neither.
    """
    return _uuid5(f"cause\n{source}\n{event_id}\n{event_type}")


def event_id(causation_id: str, event_type: str, subject: str, sibling: str = "") -> str:
    """The ``ce_id`` of an event of ours.

    ``sibling`` tells apart the events of one cause, type and subject: a status, a deadline, a revision.
    """
    return _dashed(_uuid5(f"event\n{causation_id}\n{event_type}\n{subject}\n{sibling}"))


def successor_id(request_id: str, clinic_id: str) -> str:
    """The id of the request by which a clinic goes on with a call that was handed on to it: one for each (R25)."""
    return _dashed(_uuid5(f"successor\n{request_id}\n{clinic_id}"))


def visit_id(request_id: str) -> str:
    """The id of the visit that answers a request: one for the whole life of the request."""
    return _dashed(_uuid5(f"visit\n{request_id}"))
