"""How long the steps of a batch take: ``homecall_step_seconds``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from homecall.runtime import metrics


@contextmanager
def step(name: str) -> Iterator[None]:
    """Observe how long the block takes; not where it fails."""
    started = time.perf_counter()
    yield
    metrics.STEP_SECONDS.labels(name).observe(time.perf_counter() - started)
