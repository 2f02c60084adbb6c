"""Seeded histories of the real services on a simulated Kafka, MongoDB and clock: see ``tests.simulation``."""

from __future__ import annotations

import contextlib
import gc
import inspect
import os
import random
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from homecall.contract.events import MODELS
from tests.faults.broken import DEFECTS
from tests.simulation import loop
from tests.simulation.apart import apart
from tests.simulation.faults import Fault
from tests.simulation.history import History, play
from tests.simulation.mutants import MUTANTS
from tests.simulation.reached import watched
from tests.simulation.started import simulate

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", ["7", "11"])
def test_a_seed_is_the_same_history_each_time(seed: str) -> None:
    first, again = (simulate("--replay", seed, "--requests", "30") for _ in range(2))
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stdout == again.stdout
    assert "digest" in first.stdout.splitlines()[-1]


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_nothing_of_a_history_runs_once_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed process awaited must not be unwound by a garbage collection during a later history."""
    unwound: list[str] = []
    sound = loop._unwind

    def unwind(work: Any, context: Any) -> None:
        unwound.append(str(context.get(loop.NODE)))
        sound(work, context)

    monkeypatch.setattr(loop, "_unwind", unwind)
    result = play(1, 5, faults=[Fault(2.0 + 4 * each, "kill", "intake-1", 5) for each in range(3)])
    assert result.findings == {}
    assert result.crashes == 3
    assert {"intake-1.1", "intake-1.2", "intake-1.3"} <= {*unwound}
    ours = (str(ROOT / "homecall"), str(ROOT / "services"))
    assert [
        each
        for each in gc.get_objects()
        if inspect.iscoroutine(each) and each.cr_frame is not None and each.cr_code.co_filename.startswith(ours)
    ] == []


def test_no_history_reaches_what_no_seed_decides() -> None:
    found: list[str] = []
    crashes = 0
    for seed in (5, 9):
        result = play(seed, 12, mutant=lambda: watched(found))
        assert result.findings == {}
        crashes += result.crashes
    assert crashes > 3
    assert sorted({*found}) == []


# A process may be killed between a call of a coroutine and its first step.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("seed", [2, 5])
def test_nobody_changes_what_is_read_once_for_all(seed: int) -> None:
    """Readers share a stored document, and services an event, which are decoded once: with and without the desk."""
    history = History(seed, 15)
    assert history.play().findings == {}
    stores = [each for of_one in history.world.mongo.databases.values() for each in of_one.values()]
    assert [each for store in stores for each in store.altered()] == []
    read = [*history.world.read.values()]
    assert len(read) > 100
    assert [each.type for each in read if MODELS[each.type].model_validate_json(each.value) != each.data] == []


@pytest.mark.parametrize(
    "reach",
    [
        time.time,
        time.monotonic_ns,
        time.perf_counter,
        datetime.now,
        lambda: os.urandom(1),
        lambda: secrets.token_hex(4),
        uuid.uuid4,
        uuid.uuid1,
        random.Random,
        random.SystemRandom().random,
        lambda: random.seed(),
        socket.socketpair,
        lambda: socket.create_connection(("127.0.0.1", 1)),
        lambda: threading.Thread(target=int).start(),
    ],
)
def test_what_no_seed_decides_is_seen(reach: Callable[[], object]) -> None:
    found: list[str] = []
    with watched(found), contextlib.suppress(OSError):
        reach()
    assert found


def test_what_the_garbage_collector_tells_others_is_none_of_a_history() -> None:
    found: list[str] = []
    listener: Callable[..., object] = lambda *_: time.perf_counter()  # noqa: E731  # as Hypothesis has one
    gc.callbacks.append(listener)
    try:
        with watched(found):
            gc.collect()
        assert found == []
        assert listener in gc.callbacks
    finally:
        gc.callbacks.remove(listener)


@pytest.mark.parametrize("name", MUTANTS)
def test_each_mutant_changes_what_is_there(name: str) -> None:
    """One that names what has been renamed would end ``make simulate ARGS="--mutants"``."""
    with MUTANTS[name]():
        pass


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_defect_of_the_fault_tests_changes_what_is_there(defect: str) -> None:
    apart(DEFECTS[defect])  # raises what it raises there


def test_a_failing_history_is_shown_shorter() -> None:
    done = simulate("--replay", "1", "--requests", "8", "--within", "ids_of_the_moment")
    assert done.returncode == 1, done.stdout + done.stderr
    *lines, last = done.stdout.splitlines()
    assert any(line.startswith("doubled: ") for line in lines)
    assert int(last.split(" faults")[0].split()[-1]) < 10
