"""The benchmark runs: a part of it, so small that it says nothing about speed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infrastructure import stack

PARTS = ("hop", "latency", "clinics", "clients", "desk")


@pytest.mark.long
def test_a_part_is_measured_and_the_last_line_is_json(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--tiny", *(word for part in PARTS for word in ("--only", part)), "--json"],
        # Raw figures go where it is run: not over those of somebody's real run.
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(stack.ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["hop_ratio"] > 0
    assert told["latency_p50_ratio"] > 0
    assert told["clinics_ratio"] > 0
    assert all(spent > 0 for each in told["mongo_clients"].values() for spent in each["cpu_ms"].values())
    assert [each["heard"] for each in told["desk"]] == [each["expected"] for each in told["desk"]], told["desk"]
    assert all(each["expected"] for each in told["desk"])
    assert told["chain_ratio"] is None, "what was not asked for was not measured"
    assert (tmp_path / "build" / "bench" / "raw.json").exists()
