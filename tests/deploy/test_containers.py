"""``make containers`` passes where an engine is, or can be had; where none can be, it says so and why."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.containers.__main__ import NOT_TRIED
from tests.infrastructure.stack import ROOT

COMMAND = [sys.executable, "-m", "tests.containers"]


LONGEST = int(os.environ.get("HOMECALL_TEST_CONTAINERS", "0"))
"""How many seconds it may take; 0 where nobody asked for it."""


@pytest.mark.skipif(
    not LONGEST,
    reason="minutes of both cores, and an engine to install: HOMECALL_TEST_CONTAINERS=180 asks for it, in seconds",
)
@pytest.mark.timeout(LONGEST + 60)
def test_the_image_the_fixtures_and_compose_carry_a_request() -> None:
    """Where this run may not install an engine, or its kernel lets none run, the reason is that of the skip.

    So it is where packages come slowly: it is part of a run that has an end.
    """
    with subprocess.Popen(COMMAND, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        try:
            said, _ = running.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            running.terminate()  # it takes down what it brought up
            said, _ = running.communicate(timeout=50)
            pytest.skip(f"not through within {LONGEST} s here; the last that it said: {said.strip().splitlines()[-1]}")
        except BaseException:
            running.terminate()
            raise
    if running.returncode == NOT_TRIED:
        pytest.skip(said.strip().splitlines()[-1])
    assert running.returncode == 0, said
    assert re.search(r"testcontainers' fixtures: \d+ passed", said), said
    assert "a request went in, and came out scheduled" in said


def test_where_no_engine_can_be_had_it_says_so_and_why(tmp_path: Path) -> None:
    """A machine with Python and nothing else: no docker, and nobody who could install it."""
    env = {**os.environ, "PATH": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    done = subprocess.run(COMMAND, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == NOT_TRIED
    assert done.stdout.splitlines() == [
        "containers: not tried: no engine answers, and none can be installed without root and apt-get"
    ]
