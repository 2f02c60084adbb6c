"""Two hundred seeds, the kept ones, and mutants that are found at once, in one run of ``make simulate``.

One start serves them all. It keeps a process of the tests busy until it is over, so it begins first, and the file has
enough tests that nothing else is given to that process meanwhile (see ``tests.infrastructure.order``).
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.simulation.started import simulate

SEEDS = 200
EASY = (
    "commit_first",
    "no_compare_and_set",
    "races_always_won",
    "ids_of_the_moment",
    "refused_twice",
    "timer_fires_twice",
)
"""Mutants that the first two seeds find; ``make simulate ARGS="--seeds 0 --mutants"`` plays them all."""
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def done() -> subprocess.CompletedProcess[str]:
    return simulate("--from", "1", "--seeds", str(SEEDS), "--kept", "--mutants", *EASY)


@pytest.fixture
def summary(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What it says at its end; what it said before is shown where a test fails."""
    print(done.stdout, done.stderr[-4000:])
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return last


def test_no_seed_finds_anything(summary: dict[str, Any]) -> None:
    assert summary["seeds"] >= SEEDS
    assert summary["failed"] == []


def test_the_histories_had_something_to_survive(summary: dict[str, Any]) -> None:
    assert summary["crashes"] > SEEDS
    assert summary["rebalances"] > SEEDS


def test_everything_was_tried(summary: dict[str, Any]) -> None:
    assert summary["branches_reached"] > 100
    assert summary["not_reached"] == []


@pytest.mark.parametrize("mutant", EASY)
def test_the_judges_find_built_in_defects(
    done: subprocess.CompletedProcess[str], summary: dict[str, Any], mutant: str
) -> None:
    assert f"{mutant}: caught with seed " in done.stdout
    assert summary["controls_caught"] == summary["controls"] == len(EASY)


def test_it_ends_without_an_error(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
