"""Which tests stay together in one process, and which begin first.

``make test`` runs several processes beside each other (pytest-xdist). A process takes one unit after the other: all the
tests of a file, or a single test of a file whose tests share nothing. The longest units begin first, so that no process
is left with one of them at the end while the others have nothing to do.
"""

from __future__ import annotations

import functools

BROWSER = "tests/browser/"

LONGEST = (
    "tests/simulation/test_seeds.py",
    "tests/browser/",
    "tests/integration/test_service_life.py",
    "tests/integration/test_transfers.py",
    "tests/faults/test_kills.py",
    "tests/integration/test_desk.py",
    "tests/integration/test_main_job.py",
    "tests/integration/test_walkthrough.py",
    "tests/integration/test_commands.py",
    "tests/integration/test_demo.py",
    "tests/integration/test_access.py",
    "tests/integration/test_canaries.py",
    "tests/integration/test_restore.py",
    "tests/integration/test_signed.py",
    "tests/integration/test_clients.py",
    "tests/integration/test_bombs.py",
    "tests/integration/test_sms.py",
    "tests/integration/test_bad_input.py",
    "tests/faults/test_one_place.py",
    "tests/contract/test_golden_day.py",
    "tests/integration/test_stacks.py",
    "tests/contract/test_generators.py",
    "tests/deploy/test_alerts.py",
)
"""The units of a file, or of a room, that take the longest. Out of date, it makes a run longer, and no result another:
``make test ARGS=--durations=200`` says what to write here."""

ROOMS = ("faults", "integration", "deploy", "simulation", "contract", "supply", "unit")
"""The others follow by room."""

APART = frozenset(
    {
        "tests/deploy/test_alerts.py",
        "tests/integration/test_demo.py",
        "tests/simulation/test_simulation.py",
    }
)
"""Files whose tests share no server that is worth keeping: each test is a unit of its own."""


def unit(test: str) -> str:
    """The unit of a test, by its node id."""
    if test.startswith(BROWSER):
        return BROWSER  # one Chromium and one address serve all of them
    file = test.partition("::")[0]
    return test if file in APART else file


@functools.cache
def place(unit: str) -> int:
    """Which units begin first: those of the lowest place, and of equal ones in the order in which they were found."""
    for number, longest in enumerate((*LONGEST, *(f"tests/{room}/" for room in ROOMS))):
        if unit.startswith(longest):
            return number
    return len(LONGEST) + len(ROOMS)
