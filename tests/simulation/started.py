"""``make simulate`` as tests start it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own: it needs the order of sets of text to be the same each time.

    Beside other tests it comes after them where both want a core: histories have time of their own, servers have not.
    """
    beside = ("nice", "-n", "3") if "PYTEST_XDIST_WORKER" in os.environ else ()
    command = [*beside, sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
