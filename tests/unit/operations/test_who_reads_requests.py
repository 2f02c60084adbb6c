"""Whoever reads intake's requests beside intake itself knows that a page may have the number that they lack."""

from __future__ import annotations

import re
from pathlib import Path

import homecall
import services

_STORES = re.compile(r"\b(IntakeStore|REPOSITORIES)\b")
KNOWN = {
    "operations/databases.py": "opens them, reads nothing",
    "operations/backup.py": "copies documents as they are, requests before pages",
    "operations/erase.py": "looks at no number: what rests holds no personal data, which are erased in the state",
    "operations/reseal.py": "looks at no number: what rests holds nothing sealed",
    "operations/life.py": "IntakeStore.read",
    "operations/routes.py": "IntakeStore.read",
    "operations/reconcile/stores.py": "reads the pages as well, and compares with them",
    "operations/recover/replay.py": "Engine.fill_in",
}
"""Each module that reads a store which requests may be in, and how it comes by their numbers, or why it needs none."""


def _modules() -> dict[str, str]:
    root = Path(homecall.__file__).parent
    return {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in root.rglob("*.py")}


def test_each_module_that_reads_requests_says_where_it_has_their_numbers_from() -> None:
    modules = _modules()
    assert {name for name, text in modules.items() if _STORES.search(text)} == KNOWN.keys() - {
        "operations/backup.py",
        "operations/recover/replay.py",
    }
    for name, how in KNOWN.items():
        asked = {"IntakeStore.read": r"IntakeStore\([a-z]+\)\.read\b", "Engine.fill_in": r"\.fill_in\("}.get(how)
        if asked is not None:
            assert re.search(asked, modules[name]), name
    # Loaded otherwise, they lack the number that only their page has.
    assert [name for name, text in modules.items() if re.search(r"\.requests\.(load|find)\(", text)] == []


def test_no_other_service_reads_them() -> None:
    root = Path(services.__path__[0])
    for path in root.rglob("*.py"):
        if path.relative_to(root).parts[0] != "intake":
            assert not re.search(r"\bservices\.intake\b", path.read_text("utf-8")), path
