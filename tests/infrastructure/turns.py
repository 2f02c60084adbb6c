"""Tests that run beside each other, and tests that need the machine for themselves.

pytest-xdist spreads the files of tests over several processes. A test that measures a time or the memory in use, or
that loads both cores by itself, is marked ``alone``: it starts when every other test that runs has ended, and none
starts before it has ended.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from tests.infrastructure.stack import CACHE


@contextmanager
def turn(*, alone: bool) -> Iterator[None]:
    """Hold a turn among all test processes of this checkout: beside others, or ``alone``."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "turn.door").open("w") as door, (CACHE / "turn.room").open("w") as room:
        # A test that waits to be alone holds the door, so that no later test enters before it.
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield
