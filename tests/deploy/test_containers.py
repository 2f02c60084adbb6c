"""``make containers`` says where it could not be tried, and why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.containers.__main__ import NOT_TRIED
from tests.stack import ROOT

COMMAND = [sys.executable, "-m", "tests.containers"]


def test_where_no_engine_can_be_had_it_says_so_and_why(tmp_path: Path) -> None:
    """A machine with Python and nothing else: no docker, and nobody who could install it."""
    env = {**os.environ, "PATH": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    done = subprocess.run(COMMAND, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == NOT_TRIED
    assert done.stdout.splitlines() == [
        "containers: not tried: no engine answers, and none can be installed without root and apt-get"
    ]
