"""A failpoint ends or holds a process at one place, in development only; every place stands once in the code."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from homecall.runtime import failpoint as failpoints
from homecall.runtime.settings import SettingsError, load_settings

ROOT = Path(failpoints.__file__).parents[2]


def run(setting: str, reached: str) -> int:
    """The exit code of a process that reaches places."""
    code = f"from homecall.runtime.failpoint import arm, failpoint; arm({setting!r}); {reached}"
    return subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode


def test_it_kills_at_the_nth_time_that_its_own_place_is_reached() -> None:
    others = "[failpoint('batch.loaded') for _ in range(9)]; "
    assert run("batch.stored:kill@3", others + "failpoint('batch.stored'); failpoint('batch.stored')") == 0
    assert run("batch.stored:kill@3", "[failpoint('batch.stored') for _ in range(3)]") == -signal.SIGKILL


def test_nothing_happens_where_none_is_armed() -> None:
    assert run("", "[failpoint('batch.stored') for _ in range(3)]") == 0


@pytest.mark.parametrize("wrong", ["batch.stored", "batch.stored:burn", "batch.nowhere:kill", "batch.stored:kill@0"])
def test_a_wrong_one_stops_the_start(wrong: str) -> None:
    with pytest.raises(SettingsError, match=r"^HOMECALL_FAILPOINT must be a place .* as in batch\.stored:kill@3$"):
        load_settings(env="development", failpoint=wrong)


def test_production_refuses_it() -> None:
    with pytest.raises(SettingsError, match="HOMECALL_FAILPOINT ends or holds the service and is for development only"):
        load_settings(env="production", failpoint="batch.stored:kill@3")
    assert load_settings(env="development", failpoint="batch.stored:stop@3").failpoint == "batch.stored:stop@3"


def test_each_place_stands_once_in_the_code() -> None:
    named = Counter(
        name
        for part in ("homecall", "services")
        for path in (ROOT / part).rglob("*.py")
        for name in re.findall(r'failpoint\("([a-z.]+)"\)', path.read_text(encoding="utf-8"))
    )
    assert named == Counter(failpoints.PLACES)
