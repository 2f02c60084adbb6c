"""Async tests of the simulated servers run on the simulation's loop, whose time jumps."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from tests.simulation.loop import SimulatedLoop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], SimulatedLoop]]:
    return {"simulated": lambda: SimulatedLoop(random.Random(1))}
