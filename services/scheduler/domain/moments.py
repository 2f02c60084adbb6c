"""Times as a plan calculates with them: whole seconds since 1970 (UTC), and the grid on which promises begin."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

_GRID = 300
"""Promises begin on full five minutes."""


def seconds_of(moment: datetime) -> int:
    """Whole seconds since 1970, rounded up: nothing is given before the moment. ValueError for a naive time."""
    if moment.utcoffset() is None:
        raise ValueError("time without an offset: pass an aware datetime")
    return -int(-moment.timestamp() // 1)


def moment_of(seconds: int, zone: tzinfo | None) -> datetime:
    """The moment of ``seconds_of``, in that zone; UTC without one."""
    return datetime.fromtimestamp(seconds, zone or UTC)


def grid_up(seconds: int) -> int:
    """The first time of the grid that is not earlier."""
    return -(-seconds // _GRID) * _GRID


def grid_down(seconds: int) -> int:
    """The last time of the grid that is not later."""
    return seconds // _GRID * _GRID
