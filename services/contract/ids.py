"""Ids that are derived, never drawn: a replay makes the same ones."""

from __future__ import annotations

from uuid import UUID, uuid5

_NAMESPACE = UUID("6b0f7d1e-54a5-5e0a-9c39-2f3b6f1f7c11")


def cause_id(source: str, event_id: str, event_type: str) -> str:
    """The key under which an aggregate remembers an event it has heard: 32 hex digits.

    The type is in it, so that a publisher who uses one ``ce_id`` for a request and for its withdrawal loses neither.
    """
    return uuid5(_NAMESPACE, f"cause\n{source}\n{event_id}\n{event_type}").hex


def event_id(cause: str, event_type: str, subject: str, sibling: str = "") -> str:
    """The ``ce_id`` of an event of ours.

    ``sibling`` tells apart the events of one cause, type and subject: a status, a deadline, a revision.
    """
    return str(uuid5(_NAMESPACE, f"event\n{cause}\n{event_type}\n{subject}\n{sibling}"))


def visit_id(request_id: str) -> str:
    """The id of the visit that answers a request: one for the whole life of the request."""
    return str(uuid5(_NAMESPACE, f"visit\n{request_id}"))
