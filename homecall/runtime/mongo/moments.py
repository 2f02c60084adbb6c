"""Moments as stores compare them: whole milliseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def millis(moment: datetime) -> int:
    """Milliseconds since 1970, UTC, rounded up. Not a BSON date: one stand-in compares those by whole seconds."""
    return -int(-moment.timestamp() * 1000 // 1)


def moment_of(milliseconds: int) -> datetime:
    """The moment that ``millis`` was given."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
