"""Finds what a history must not reach, as no seed decides it: the machine's clock and chance, threads, sockets."""

from __future__ import annotations

import _socket
import _thread
import contextlib
import gc
import os
import random
import socket
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Iterator
from datetime import date, datetime
from types import FrameType
from typing import Any, Final, cast

_CLOCKS: Final = (
    *(getattr(time, name + suffix) for name in ("time", "monotonic", "perf_counter") for suffix in ("", "_ns")),
    *(time.process_time, time.thread_time, time.clock_gettime, time.sleep),
    *(datetime.now, datetime.utcnow, date.today),
)
_CHANCE: Final = (os.urandom, os.getrandom, random.SystemRandom().random, getattr(uuid, "_generate_time_safe", None))
_OUTSIDE: Final = (_thread.start_new_thread, _socket.getaddrinfo, _socket.socketpair, os.fork, os.pipe)
_BUILT_IN: Final = frozenset((*_CLOCKS, *_CHANCE, *_OUTSIDE))
_IN_PYTHON: Final = {
    cast("Any", each).__code__: each.__qualname__
    for each in (socket.socket.__init__, threading.Thread.start, random.SystemRandom.random)
}
_SEEDED: Final = cast("Any", random.Random.seed).__code__


@contextlib.contextmanager
def watched(found: list[str]) -> Iterator[None]:
    """Add to ``found`` each call, with where it came from, of what no seed decides. For the present thread."""

    def look(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call":
            if called in _BUILT_IN:
                found.append(f"{called.__qualname__} {_place(frame)}")
        elif event == "call":
            name = _IN_PYTHON.get(frame.f_code)
            if name is None and frame.f_code is _SEEDED and frame.f_locals["a"] is None:
                name = "Random of no seed"
            if name is not None:
                found.append(f"{name} {_place(frame)}")

    # What the garbage collector tells others, as Hypothesis in this process, is none of the history's.
    told, gc.callbacks[:] = gc.callbacks[:], []
    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(None)
        gc.callbacks[:] = told


def _place(frame: FrameType) -> str:
    return " < ".join(f"{each.name} {each.filename}:{each.lineno}" for each in traceback.extract_stack(frame, 4)[::-1])
