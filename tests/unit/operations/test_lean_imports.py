"""A service holds nothing that it never uses: each MiB of a library is one of every replica."""

import json
import os
import subprocess
import sys

import pytest

from homecall.operations.lean_imports import without

NEVER = {"rich", "pygments", "greenlet", "sqlite3", "numpy", "pyvrp", "jinja2", "reportlab", "pyhanko"}
SERVE = """
import json, sys
from importlib import import_module
from homecall.cli.serving import serve
from homecall.operations.failure import Failure
try:
    serve(sys.argv[1])
except Failure as failure:
    import_module(f"services.{sys.argv[1]}.app")
    print(json.dumps([str(failure), sorted(sys.modules)]))
"""


@pytest.mark.parametrize("service", ["intake", "scheduler", "notifier", "complaints"])
def test_a_service_loads_nothing_that_it_never_uses(service: str) -> None:
    env = os.environ | {"HOMECALL_LOG_LEVEL": "no level"}  # so that the start ends there
    done = subprocess.run([sys.executable, "-c", SERVE, service], env=env, capture_output=True, text=True, check=True)
    why, loaded = json.loads(done.stdout)
    assert "HOMECALL_LOG_LEVEL" in why
    assert "structlog" in loaded
    assert not NEVER & set(loaded)


def test_what_is_hidden_can_be_imported_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with pytest.raises(ImportError), without("colorsys"):
        import colorsys
    import colorsys

    assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)


def test_what_is_loaded_already_stays() -> None:
    with without("json"):
        import json as found
    assert found is json
